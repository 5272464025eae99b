//! The payer's page: what is to be paid, for who has the link, and what the payer answers.

use serde_json::{Value as Json, json};

use crate::support::http::{Answer, call};
use crate::support::running::{Running, drop_file, messages, sample};
use crate::support::scratch::{Scratch, wait_for};

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;;fr;1200,00;02/03/2026;10/03/2026;Conseil <b>&\n\
    F-2;C-1;Jean Dupont;jean@example.org;;fr;90,00;02/03/2026;20/03/2026;Conseil\n\
    F-3;C-2;Ana Martin;ana@example.org;;en;80,00;02/03/2026;10/03/2026;Advice\n";

/// A merchant whose payers have pages, and the path of the page of an invoice.
fn story(name: &str) -> (Scratch, Running) {
    let with_pages = |text: String| {
        let text = text.replace("# public_url = \"http://127.0.0.1:8080\"", "public_url = \"https://pay.example\"");
        text.replace("# callback_key =", "callback_key =")
    };
    let (scratch, running) = sample(name, with_pages);
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    running.find("/v1/payment-requests", "F-3");
    (scratch, running)
}

fn path(running: &Running, external_ref: &str) -> String {
    let id = running.find("/v1/payment-requests", external_ref)["id"].as_str().unwrap().to_owned();
    let request = running.get(&format!("/v1/payment-requests/{id}")).json();
    let link = request["payment_link"].as_str().unwrap().to_owned();
    link.strip_prefix("https://pay.example").unwrap().to_owned()
}

fn get(running: &Running, path: &str) -> Answer {
    call(running.address, "GET", path, &[], b"").unwrap()
}

fn post(running: &Running, path: &str, form: &str) -> String {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = call(running.address, "POST", path, &headers, form.as_bytes()).unwrap();
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").unwrap().to_owned()
}

fn request(running: &Running, external_ref: &str) -> Json {
    let id = running.find("/v1/payment-requests", external_ref)["id"].as_str().unwrap().to_owned();
    running.get(&format!("/v1/payment-requests/{id}")).json()
}

#[test]
fn who_has_the_link_sees_what_is_to_be_paid_and_nobody_else_does() {
    let (scratch, running) = story("portal");
    let (first, third) = (path(&running, "F-1"), path(&running, "F-3"));
    assert_eq!(first.len(), "/p/".len() + 42, "short enough for an SMS: {first}");
    let page = get(&running, &first);
    assert_eq!(page.status, 200);
    let text = page.text();
    for part in [
        "1\u{202f}200,00\u{a0}€",
        "Maison Dupré",
        "F-1",
        "FR",
        "data:image/png;base64,",
        "Autres factures ouvertes",
        "90,00\u{a0}€",
        "J’ai déjà payé",
        "Conseil &lt;b&gt;&amp;",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("{{") && !text.contains("Ana") && !text.contains("Jean"), "{text}");
    for (header, part) in [
        ("content-security-policy", "frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex"),
        ("cache-control", "no-store"),
    ] {
        assert!(page.header(header).unwrap().contains(part), "{header}");
    }
    assert!(get(&running, &third).text().contains("I have already paid"), "in the payer's language");
    assert!(get(&running, &format!("{third}?lang=fr")).text().contains("J’ai déjà payé"));
    // Another invoice of the same payer is a click away.
    let second = path(&running, "F-2");
    assert!(text.contains(&format!("href=\"{second}\"")));
    let swapped = format!("{}{}", &first[..29], &third[29..]);
    let other = if first.ends_with('A') { 'Q' } else { 'A' };
    let changed = format!("{}{other}", &first[..first.len() - 1]);
    for wrong in ["/p/x", "/p/", &first[..first.len() - 1], &swapped, &changed] {
        let answer = get(&running, wrong);
        assert!(answer.status == 404 && !answer.text().contains("F-1"), "{wrong}: {}", answer.text());
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let posted = call(running.address, "POST", wrong, &headers, b"do=paid").unwrap();
        assert_eq!(posted.status, 404, "{wrong}");
    }
    // The mail leads there.
    running.advance("1d");
    let mail =
        wait_for("the mail", || messages(scratch.path()).into_iter().find(|sent| sent["to"][0] == "ana@example.org"));
    assert!(mail["message"]["text"].as_str().unwrap().contains(&format!("https://pay.example{third}")), "{mail}");
    assert!(mail["message"]["html"].as_str().unwrap().contains(&format!("href=\"https://pay.example{third}\"")));
}

#[test]
fn what_the_payer_answers_stops_reminders_at_once() {
    let (scratch, running) = story("portal-answers");
    let (first, second, third) = (path(&running, "F-1"), path(&running, "F-2"), path(&running, "F-3"));
    running.advance("1d");
    // A promise within what may be promised.
    assert!(post(&running, &second, "do=promise&on=2026-04-20").ends_with("said=day"));
    assert!(post(&running, &second, "do=promise&on=soon").ends_with("said=day"));
    assert!(post(&running, &second, "do=promise&on=2026-03-12").ends_with("said=noted"));
    assert_eq!(request(&running, "F-2")["promise"]["on"], "2026-03-12", "{}", request(&running, "F-2"));
    let text = get(&running, &second).text();
    assert!(text.contains("Nous attendons votre paiement") && text.contains("12 mars 2026"), "{text}");
    // What was paid already is waited for, some days.
    assert!(post(&running, &first, "do=paid").ends_with("said=noted"));
    assert_eq!(request(&running, "F-1")["promise"]["on"], "2026-03-06");
    // Who does not agree says why.
    assert!(post(&running, &third, "do=dispute&reason=").ends_with("said=reason"));
    assert!(post(&running, &third, "do=dispute&reason=Not+%3Cours%3E").ends_with("said=noted"));
    assert_eq!(request(&running, "F-3")["dispute"], "payer: Not <ours>");
    assert!(post(&running, &third, "do=dispute&reason=again").ends_with("said=not"), "one stands");
    assert!(post(&running, &third, "do=paid").ends_with("said=not"));
    let text = get(&running, &third).text();
    assert!(text.contains("Not &lt;ours&gt;") && !text.contains("I have already paid"), "{text}");
    assert!(post(&running, &third, "do=everything").ends_with("said=not"));
    let before = messages(scratch.path()).len();
    running.advance("3d");
    assert_eq!(messages(scratch.path()).len(), before, "nobody is reminded meanwhile");
    // Not paid after all: the promise is broken, reminders go on, and nobody promises for ever.
    running.advance("10d");
    wait_for("the reminders", || (messages(scratch.path()).len() > before).then_some(()));
    for _ in 0..2 {
        assert!(post(&running, &first, "do=paid").ends_with("said=noted"));
        running.advance("7d");
    }
    assert!(post(&running, &first, "do=paid").ends_with("said=often"));
    assert!(!get(&running, &first).text().contains("J’ai déjà payé"));
    // Paid: a receipt.
    let id = request(&running, "F-1")["id"].as_str().unwrap().to_owned();
    let attempt =
        json!({ "attempt_ref": "A-1", "amount": { "amount": 120_000, "currency": "EUR" }, "result": "succeeded" });
    let paid = running.post(&format!("/v1/payment-requests/{id}/attempts"), &attempt);
    assert!([200, 201].contains(&paid.status), "{}", paid.text());
    let text = get(&running, &first).text();
    assert!(text.contains("Payé, merci") && text.contains("Payé le") && !text.contains("IBAN"), "{text}");
    // A year later the link is no longer one.
    running.advance("400d");
    let answer = get(&running, &first);
    assert!(answer.status == 410 && answer.text().contains("Ce lien n’est plus valable"), "{}", answer.text());
}

#[test]
fn without_an_address_of_its_own_the_service_has_no_pages() {
    let (_scratch, running) = sample("portal-none", |text| text);
    let body = json!({
        "external_ref": "F-9", "amount": { "amount": 5_000, "currency": "EUR" }, "due_on": "2026-03-31",
        "customer": { "external_ref": "C-1", "name": "Jean" },
    });
    let id = running.post("/v1/payment-requests", &body).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(running.get(&format!("/v1/payment-requests/{id}")).json()["payment_link"], Json::Null);
    assert_eq!(get(&running, &format!("/p/{}AAAAAAAAAAAAAAAA", &id[4..])).status, 404);
}
