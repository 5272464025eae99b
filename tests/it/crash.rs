//! kill -9 at many points: nothing acknowledged is lost, no effect is missing, nothing happens twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::support::peers::HookReceiver;
use crate::support::running::{Running, configure, messages, report};
use crate::support::scratch::{Scratch, wait_for};

fn request(number: usize) -> Json {
    json!({
        "external_ref": format!("K-{number}"),
        "amount": { "amount": 1_000, "currency": "EUR" },
        "due_on": "2026-03-31",
        "customer": { "external_ref": format!("C-{}", number % 7), "name": "Crash", "email": "crash@example.org" },
    })
}

fn payment(number: usize) -> Json {
    json!({ "attempt_ref": format!("pay-{number}"), "result": "succeeded", "amount": { "amount": 1_000, "currency": "EUR" } })
}

/// What the caller knows: acknowledged requests by number, and those acknowledged as paid.
#[derive(Default)]
struct Acknowledged {
    ids: BTreeMap<usize, String>,
    paid: BTreeSet<usize>,
}

impl Acknowledged {
    /// Creates and pays one request; `false` when the process is gone.
    fn one(&mut self, running: &Running, number: usize) -> bool {
        if let std::collections::btree_map::Entry::Vacant(unknown) = self.ids.entry(number) {
            match running.try_post("/v1/payment-requests", &format!("create-{number}"), &request(number)) {
                Some(answer) if answer.status == 201 => {
                    unknown.insert(answer.json()["id"].as_str().unwrap().to_owned());
                }
                _ => return false,
            }
        }
        let path = format!("/v1/payment-requests/{}/attempts", self.ids[&number]);
        match running.try_post(&path, &format!("pay-{number}"), &payment(number)) {
            Some(answer) if answer.status == 201 => self.paid.insert(number),
            _ => return false,
        };
        true
    }

    fn check(&self, running: &Running) {
        for (number, id) in &self.ids {
            let state = running.get(&format!("/v1/payment-requests/{id}"));
            assert_eq!(state.status, 200, "K-{number} was acknowledged and is lost");
            let state = state.json();
            if self.paid.contains(number) {
                assert_eq!(state["status"], "settled", "the payment of K-{number} was acknowledged: {state}");
            }
            let allocations = state["allocations"].as_array().unwrap().len();
            assert!(allocations <= 1, "K-{number} was paid once: {state}");
        }
    }
}

#[test]
fn killed_at_ten_points_nothing_acknowledged_is_lost_and_no_effect_is_missing() {
    let hooks = HookReceiver::start();
    let scratch = Scratch::new("crash");
    let config = configure(scratch.path(), |text| {
        text.replace("http://127.0.0.1:8089/hooks/erp", &hooks.url())
            .replace("timeout_ms = 15000", "timeout_ms = 2000\nretry_ms = [50, 50, 100, 200, 500, 1000, 2000]")
    });
    let mut known = Acknowledged::default();
    let mut next = 0;
    // Points one to six: while calls come in, after more and more of them.
    for (point, calls) in [1, 2, 3, 5, 8, 13].into_iter().enumerate() {
        let mut running = Running::start(&config);
        known.check(&running);
        for _ in 0..calls {
            assert!(known.one(&running, next));
            next += 1;
        }
        // One more call is under way when the process dies.
        let (address_gone, number) = (point, next);
        std::thread::scope(|scope| {
            let (running_ref, known_ref) = (&running, &mut known);
            let caller = scope.spawn(move || known_ref.one(running_ref, number));
            let pid = running_ref.pid().to_string();
            for _ in 0..address_gone * 300 {
                std::hint::spin_loop();
            }
            std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
            let _ = caller.join().unwrap();
        });
        running.kill();
    }
    // Point seven: in the middle of a file.
    let mut file = String::from("facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n");
    for row in 0..3_000 {
        file.push_str(&format!("M-{row};D-{};Many;;;fr;10,00;02/03/2026;31/03/2026;x\n", row % 50));
    }
    let mut running = Running::start(&config);
    known.check(&running);
    let inbox = scratch.path().join("data/erp/in");
    std::fs::write(inbox.join("many.csv"), &file).unwrap();
    wait_for("the file to be half read", || {
        let files = running.get("/v1/files").json();
        files["data"].as_array()?.iter().find(|file| file["rows"].as_u64().is_some_and(|rows| rows > 500)).cloned()
    });
    running.kill();
    // Point eight: at once after the restart, while the file is read again.
    let mut running = Running::start(&config);
    running.kill();
    // Point nine: while hooks fail, so that deliveries are waiting for their next try.
    let mut running = Running::start(&config);
    let done = report(&inbox, "many.csv");
    assert_eq!((done["rows"].as_u64(), done["refused"].as_u64()), (Some(3_000), Some(0)), "{done}");
    for number in 0..5 {
        let mut unpaid = request(number);
        unpaid["external_ref"] = json!(format!("U-{number}"));
        assert_eq!(running.post("/v1/payment-requests", &unpaid).status, 201);
    }
    hooks.answer(503);
    for _ in 0..5 {
        assert!(known.one(&running, next));
        next += 1;
    }
    running.kill();
    // Point ten: while a test clock moves and reminders leave.
    let mut running = Running::start(&config);
    hooks.answer(204);
    std::thread::scope(|scope| {
        let running_ref = &running;
        scope.spawn(move || running_ref.try_post("/v1/clock/advance", "clock", &json!({ "by": "2d" })));
        wait_for("the first reminder", || (!messages(scratch.path()).is_empty()).then_some(()));
        let pid = running_ref.pid().to_string();
        std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    });
    running.kill();

    let running = Running::start(&config);
    known.check(&running);
    // The callers whose call was cut off repeat it with the same key.
    for number in 0..next {
        if !known.paid.contains(&number) {
            assert!(known.one(&running, number), "K-{number} can be repeated");
        }
    }
    known.check(&running);
    wait_for("every row of the file", || {
        let many = running.list("/v1/payment-requests");
        let rows: BTreeSet<&str> =
            many.iter().filter_map(|item| item["external_ref"].as_str()).filter(|r| r.starts_with("M-")).collect();
        let twice =
            many.iter().filter(|item| item["external_ref"].as_str().is_some_and(|r| r.starts_with("M-"))).count();
        (rows.len() == 3_000 && twice == 3_000).then_some(())
    });
    // Every settlement is told: at least once, and always under one id.
    wait_for("every hook", || {
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for call in hooks.received() {
            let event: Json = serde_json::from_slice(&call.body).unwrap();
            let invoice = event["data"]["request"]["external_ref"].as_str().unwrap().to_owned();
            told.entry(invoice).or_default().insert(call.header("webhook-id").to_owned());
        }
        assert!(told.values().all(|ids| ids.len() == 1), "one id per settlement: {told:?}");
        (0..next).all(|number| told.contains_key(&format!("K-{number}"))).then_some(())
    });
    // The reminders of the day that was cut off leave once the clock goes on, each once.
    running.advance("3d");
    let mails = wait_for("the first mail of each unpaid request", || {
        // What was under way at the end is sent again, with the same id.
        let sent: BTreeMap<String, String> = messages(scratch.path())
            .iter()
            .map(|message| (&message["id"], &message["message"]["subject"]))
            .map(|(id, subject)| (id.as_str().unwrap().to_owned(), subject.as_str().unwrap().to_owned()))
            .collect();
        let subjects: Vec<String> = sent.into_values().collect();
        (0..5)
            .all(|number| subjects.iter().any(|subject| subject.contains(&format!("U-{number} "))))
            .then_some(subjects)
    });
    for number in 0..5 {
        let same = mails.iter().filter(|subject| subject.contains(&format!("U-{number} "))).count();
        assert_eq!(same, 1, "U-{number} is written to once: {mails:?}");
    }
}
