//! Folder to folder with a bank made by others: what it says of direct debits of ours is applied, and
//! what it says twice counts once. `QUITTANCE_MOCK_BANK` says where the bank of the package `mock-bank` is.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value as Json, json};

use crate::collections::{IBAN, collect, customer, mandate, request, view};
use crate::support::http::call;
use crate::support::peers::free_port;
use crate::support::running::{Running, sample};
use crate::support::scratch::wait_for;

/// The account of the merchant at that bank, and of a payer there whose orders it refuses for lack of funds.
const MERCHANT: &str = "NL41MOCK0000000001";
const PAYER: &str = "NL14MOCK0000000002";

struct Bank {
    child: Child,
    address: SocketAddr,
}

impl Bank {
    /// Starts the bank on the sample's first day; it takes from `orders` and writes to `answers`.
    fn start(binary: &str, orders: &Path, answers: &Path) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        std::fs::create_dir_all(orders).unwrap();
        std::fs::create_dir_all(answers).unwrap();
        let child = Command::new(binary)
            .args(["--quiet", "--clock", "2026-03-02T09:00", "--timezone", "Europe/Paris"])
            .args(["--drop-settle-ms", "0", "--drop-interval-ms", "3600000"])
            .args(["--port", &address.port().to_string()])
            .arg("--drop-dir")
            .arg(orders)
            .arg("--pickup-dir")
            .arg(answers)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let bank = Self { child, address };
        wait_for("the bank to open", || call(address, "GET", "/_mock/health", &[], b""));
        bank
    }

    fn ask(&self, method: &str, path: &str, body: &Json) -> Json {
        let headers = [("Content-Type", "application/json")];
        let answer = call(self.address, method, path, &headers, body.to_string().as_bytes()).expect("an answer");
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Reads the orders that lie there: one file, whose orders it takes and refuses in these numbers.
    fn takes(&self, accepted: u64, rejected: u64) {
        let scanned = wait_for("orders for the bank", || {
            let scanned = self.ask("POST", "/_mock/drop/scan", &json!({}));
            let found = scanned["files"].as_array()?.clone();
            assert!(found.len() <= 1, "{scanned}");
            found.into_iter().next()
        });
        assert_eq!((&scanned["accepted"], &scanned["rejected"]), (&json!(accepted), &json!(rejected)), "{scanned}");
        assert_eq!(scanned["findings"], json!([]), "{scanned}");
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collected(running: &Running, name: &str, iban: &str, minor: i64) -> String {
    let payer = customer(running, name);
    mandate(running, &payer, name, iban);
    let wanted = request(running, name, name, minor, "2026-03-10");
    collect(running, &wanted, &format!("mandate:{name}"));
    wanted
}

/// The request, once it is as `holds` says.
fn becomes(running: &Running, request: &str, what: &str, holds: impl Fn(&Json) -> bool) -> Json {
    wait_for(what, || Some(view(running, request)).filter(|view| holds(view)))
}

#[test]
fn a_bank_made_by_others_collects_refuses_and_takes_back() {
    let Ok(binary) = std::env::var("QUITTANCE_MOCK_BANK") else {
        println!("left out: QUITTANCE_MOCK_BANK is not set");
        return;
    };
    let (scratch, running) =
        sample("mock-bank", |text| text.replace(IBAN, MERCHANT).replace("checksum = true ", "checksum = false"));
    let bank = Bank::start(&binary, &scratch.path().join("data/bank/out"), &scratch.path().join("data/bank/in"));
    let one = collected(&running, "M-1", IBAN, 12_000);
    let two = collected(&running, "M-2", PAYER, 8_050);

    // On Friday both are ordered in one file; the bank takes one order and refuses the other at once.
    running.advance("4d");
    bank.ask("POST", "/_mock/advance?days=4", &json!({}));
    let ordered = |request: &str| {
        becomes(&running, request, "the order to leave", |view| view["attempts"][0]["result"] == "submitted")
    };
    ordered(&one);
    ordered(&two);
    bank.takes(1, 1);
    let failed = |view: &Json| view["attempts"][0]["result"] == "failed";
    let refused = becomes(&running, &two, "the refusal", failed);
    assert_eq!(refused["attempts"][0]["reason_code"], "AM04", "{refused}");

    // The refused one is ordered again for a later day; now its payer has money.
    bank.ask("PATCH", "/_mock/accounts/GLOBEX", &json!({ "behaviour": "accept", "balance": 100_000 }));
    let again = |view: &Json| view["attempts"][1]["result"] == "submitted";
    becomes(&running, &two, "the second order", again);
    bank.takes(1, 0);

    // The bank books both and says so in notifications and in statements: each is one payment.
    bank.ask("POST", "/_mock/advance?days=7", &json!({}));
    running.advance("7d");
    let settled = |view: &Json| view["status"] == "settled";
    let first = becomes(&running, &one, "the money of the first", settled);
    assert_eq!(first["attempts"].as_array().unwrap().len(), 1, "{first}");
    becomes(&running, &two, "the money of the second", settled);

    // The payer of the first takes it back.
    let order = first["attempts"][0]["end_to_end_id"].as_str().unwrap();
    bank.ask("POST", &format!("/_mock/collections/{order}/refuse"), &json!({ "reason": "MD06" }));
    bank.ask("POST", "/_mock/advance?days=4", &json!({}));
    let reopened = becomes(&running, &one, "what came back", |view| view["status"] == "open");
    assert_eq!(reopened["attempts"][0]["result"], "reversed", "{reopened}");
    // It says so in a payment return as well as in a statement, and counts once.
    let returned = wait_for("the payment return to be read", || {
        let statuses = running.get(&format!("/v1/order-statuses?end_to_end_id={order}")).json();
        statuses["data"].as_array()?.iter().find(|report| report["status"] == "RTRN").cloned()
    });
    assert_eq!(returned["reasons"][0]["code"], "MD06", "{returned}");
    let rejected: Vec<_> =
        std::fs::read_dir(scratch.path().join("data/bank/in/rejected")).unwrap().flatten().collect();
    assert!(rejected.is_empty(), "{rejected:?}");
    assert_eq!(running.get("/v1/tasks").json()["data"], json!([]));
    // Nobody has sent a transfer: the three bookings are of orders, however often the bank told of them.
    let booked =
        wait_for("three bookings", || Some(running.list("/v1/transfers")).filter(|transfers| transfers.len() == 3));
    assert!(booked.iter().all(|transfer| transfer["status"] == "noted"), "{booked:?}");
}
