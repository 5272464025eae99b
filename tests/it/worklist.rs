//! The worklist of those who collect, and what a person does about a request on its page.

use std::time::Duration;

use serde_json::json;

use crate::collections::{REFUSED, card, collect, customer, provider, request, view, with_provider};
use crate::support::http::{Answer, call};
use crate::support::running::{Running, sample};
use crate::support::scratch::{Scratch, wait_for};

/// A person before the back office.
struct Person<'a> {
    running: &'a Running,
    cookie: String,
    origin: String,
}

impl<'a> Person<'a> {
    fn enters(running: &'a Running) -> Self {
        let login = call(running.address, "GET", &running.login, &[], b"").unwrap();
        let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { running, cookie, origin: format!("http://{}", running.address) }
    }

    fn of(other: &Person<'a>) -> Self {
        Self { running: other.running, cookie: other.cookie.clone(), origin: other.origin.clone() }
    }

    fn sees(&self, path: &str) -> String {
        let answer = call(self.running.address, "GET", path, &[("Cookie", self.cookie.as_str())], b"").unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    fn posts(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new("merchant=maison-dupre&".to_owned());
        let body = body.extend_pairs(form).finish();
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("Origin", self.origin.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        call(self.running.address, "POST", path, &headers, body.as_bytes()).unwrap()
    }

    /// Does something about a request; where the page leads then.
    fn does(&self, request: &str, what: &str, form: &[(&str, &str)]) -> String {
        let answer = self.posts(&format!("/bo/requests/{request}/do/{what}"), form);
        assert_eq!(answer.status, 303, "{what}: {}", answer.text());
        answer.header("location").unwrap().to_owned()
    }
}

#[test]
fn a_person_works_off_who_is_late() {
    let (_scratch, running) = sample("worklist", |text| text);
    let ids: Vec<(String, String)> = (1..=5)
        .map(|at| {
            let of = customer(&running, &format!("C-{at}"));
            let asked = request(&running, &format!("C-{at}"), &format!("F-{at}"), 10_000, &format!("2026-03-1{at}"));
            (of, asked)
        })
        .collect();
    running.advance("20d");
    let person = Person::enters(&running);
    let list = |tab: &str| person.sees(&format!("/bo/collections?list={tab}"));
    wait_for("everybody to call", || list("call").contains("Customer C-5").then_some(()));
    let page = list("call");
    assert!(page.find("Customer C-1") < page.find("Customer C-5"), "the oldest first: {page}");

    // A call is noted, and says when it was.
    let noted = person.posts(
        &format!("/bo/customers/{}/contact", ids[0].0),
        &[("way", "call"), ("by", "ana"), ("text", "will pay on Friday")],
    );
    assert_eq!(noted.status, 303, "{}", noted.text());
    assert!(person.sees(&format!("/bo/customers/{}", ids[0].0)).contains("will pay on Friday (ana)"));
    let told = running.list("/v1/stream?types=customer.contacted");
    assert_eq!((&told[0]["data"]["contact"]["way"], told.len()), (&json!("call"), 1), "{told:#?}");

    // What is promised or disputed is no call, and is where it should be.
    let on = person.sees(&format!("/bo/requests/{}", ids[0].1));
    let today = on.split("min=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(person.does(&ids[0].1, "promise", &[("on", &today)]).contains("said=Promised"));
    assert!(person.does(&ids[1].1, "dispute", &[("by", "ana"), ("reason", "never arrived")]).contains("said="));
    wait_for("the lists", || {
        let (call, promised, disputed) = (list("call"), list("promised"), list("disputed"));
        let moved = !call.contains("Customer C-1") && !call.contains("Customer C-2") && call.contains("Customer C-3");
        (moved && promised.contains("F-1") && disputed.contains("never arrived")).then_some(())
    });
    assert_eq!(view(&running, &ids[1].1)["dispute"], "ana: never arrived");
    assert!(
        person.does(&ids[1].1, "end-dispute", &[("by", "ana"), ("reason", "it was in the shed")]).contains("said=")
    );
    wait_for("the dispute ended", || list("call").contains("Customer C-2").then_some(()));

    assert!(person.does(&ids[2].1, "write-off", &[("by", "ana"), ("reason", "goodwill")]).contains("said="));
    assert_eq!(view(&running, &ids[2].1)["status"], "settled");
    assert!(person.does(&ids[2].1, "undo-write-off", &[("by", "ben"), ("reason", "a slip")]).contains("said="));
    assert_eq!(view(&running, &ids[2].1)["overdue"], true);
    assert!(person.does(&ids[3].1, "cancel", &[("by", "ana"), ("reason", "asked for twice")]).contains("said="));
    assert_eq!(view(&running, &ids[3].1)["status"], "cancelled");
    assert!(person.does(&ids[3].1, "promise", &[("on", &today)]).contains("failed="), "it is not open any more");

    // Collected by nobody any more.
    card(&running, &ids[4].0, "tok_1");
    let later = request(&running, "C-5", "F-9", 9_000, "2026-06-15");
    collect(&running, &later, "card:tok_1");
    assert_eq!(view(&running, &later)["collection"]["stage"], "planned", "{}", view(&running, &later));
    assert!(person.does(&later, "stop-collection", &[("by", "ana"), ("reason", "transfers")]).contains("said="));
    assert_eq!(view(&running, &later)["collection"]["stage"], "ended", "{}", view(&running, &later));
    // Held back, and where those are.
    let hold = person.posts(&format!("/bo/customers/{}/hold", ids[4].0), &[("kind", "manual")]);
    assert_eq!(hold.status, 303, "{}", hold.text());
    wait_for("who is kept back", || list("kept_back").contains("Customer C-5").then_some(()));
    assert!(!list("unreachable").contains("Customer C-5"));

    // No form of another site, of another merchant's page, or about what is nobody's here.
    let path = format!("/bo/requests/{}/do/promise", ids[1].1);
    let foreign = Person { origin: "http://evil.example".to_owned(), ..Person::of(&person) };
    assert_eq!(foreign.posts(&path, &[("on", &today)]).status, 403);
    let body = format!("merchant=other&on={today}");
    let headers = [
        ("Cookie", person.cookie.as_str()),
        ("Origin", person.origin.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    assert_eq!(call(running.address, "POST", &path, &headers, body.as_bytes()).unwrap().status, 409);
    let nobodys = "/bo/requests/prq_00000000000000000000000000/do/promise";
    assert_eq!(person.posts(nobodys, &[("on", &today)]).status, 404);
    // The same by calls: of another customer's invoice, and twice.
    let contact = json!({ "way": "letter", "text": "a letter", "by": "ana", "payment_request": ids[1].1 });
    let told = running.post(&format!("/v1/customers/{}/contacts", ids[0].0), &contact);
    assert_eq!(told.status, 409, "{}", told.text());
    let told = running.post(&format!("/v1/customers/{}/contacts", ids[1].0), &contact);
    assert!(told.status < 300, "{}", told.text());
    let stop = json!({ "by": "ana", "reason": "transfers" });
    assert!(running.post(&format!("/v1/payment-requests/{later}/collection/stop"), &stop).status < 300);
    // Nothing of another kind, and nothing without its words.
    for (what, form) in [("promise", vec![("on", "soon")]), ("dispute", vec![("by", "ana")]), ("nothing", vec![])] {
        let answer = person.posts(&format!("/bo/requests/{}/do/{what}", ids[1].1), &form);
        assert!([400, 404].contains(&answer.status), "{what}: {}", answer.status);
    }
}

#[test]
fn a_person_collects_again_and_says_what_became_of_an_attempt() {
    // A provider that does not take the first order, and says no more.
    let provider = provider(|number| {
        let answer = if number == 1 { REFUSED } else { r#"{"result":"succeeded"}"# };
        (Duration::ZERO, answer)
    });
    let scratch = Scratch::new("worklist-collect");
    let running = Running::start(&with_provider(scratch.path(), &provider.address));
    let of = customer(&running, "C-1");
    for token in ["tok_old", "tok_fine"] {
        card(&running, &of, token);
    }
    let asked = request(&running, "C-1", "F-1", 5_000, "2026-03-10");
    collect(&running, &asked, "card:tok_old");
    running.advance("30d");
    let person = Person::enters(&running);
    let page = wait_for("an attempt that nobody knows of", || {
        let page = person.sees(&format!("/bo/requests/{asked}"));
        page.contains("Nobody says how attempt 1").then_some(page)
    });
    let attempt = page.split("name=\"attempt\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(
        person
            .does(&asked, "attempt", &[("attempt", attempt), ("result", "failed"), ("reason_code", "54")])
            .contains("said=")
    );
    let again = person.does(&asked, "collect", &[("instrument", "card:tok_fine"), ("policy", "")]);
    assert!(again.contains("said="), "{again}");
    running.advance("3d");
    wait_for("it is paid", || (view(&running, &asked)["status"] == "settled").then_some(()));
}

#[test]
fn people_and_invoices_are_found_by_what_one_begins_to_type() {
    let (scratch, mut running) = sample("search", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    for (key, name) in [("C-1", "Transports Kléber SARL"), ("C-2", "Marie Klein"), ("C-3", "Jean Dupont")] {
        let made = running.post("/v1/customers", &json!({ "external_ref": key, "name": name }));
        assert_eq!(made.status, 201, "{}", made.text());
    }
    for (number, of) in [("F-2026-2291", "C-1"), ("F-2026-2304", "C-2")] {
        let made = running.post(
            "/v1/payment-requests",
            &json!({
                "external_ref": number, "customer_ref": of, "amount": { "amount": 1_000, "currency": "EUR" },
                "due_on": "2026-03-20", "issued_on": "2026-03-02",
            }),
        );
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let check = |running: &Running| {
        let person = Person::enters(running);
        let asks = |text: &str| {
            let query = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let headers = [("Cookie", person.cookie.as_str())];
            let answer = call(running.address, "GET", &format!("/bo/search?q={query}"), &headers, b"").unwrap();
            match answer.header("location") {
                // The only one: its page.
                Some(to) => call(running.address, "GET", to, &headers, b"").unwrap().text(),
                None => answer.text(),
            }
        };
        wait_for("the names to be found", || asks("klei").contains("Marie Klein").then_some(()));
        let both = asks("Kle");
        assert!(both.contains("Transports Kléber SARL") && both.contains("Marie Klein"), "{both}");
        assert!(!both.contains("Jean Dupont"), "{both}");
        assert!(asks("kléber trans").contains("Transports Kléber SARL"), "in any order");
        assert!(asks("kleber dup").contains("Nothing found"), "every word counts");
        assert!(asks("2291").contains("F-2026-2291"), "by the last part of a number");
        let invoices = asks("f2026");
        assert!(invoices.contains("F-2026-2291") && invoices.contains("F-2026-2304"), "{invoices}");
        assert!(asks("zz").contains("Nothing found"));
        assert!(asks("%").contains("Nothing found"));
    };
    check(&running);
    // Under another name it is found by that one, and by the one before no more.
    let renamed = running.post("/v1/customers", &json!({ "external_ref": "C-3", "name": "Jean Durand" }));
    assert_eq!(renamed.status, 201, "{}", renamed.text());
    running.stop();
    let running = Running::start(&config);
    check(&running);
    let customer = running.find("/v1/customers", "C-3")["id"].as_str().unwrap().to_owned();
    let leads_to = |running: &Running, cookie: &str, text: &str| {
        let path = format!("/bo/search?q={text}");
        let answer = call(running.address, "GET", &path, &[("Cookie", cookie)], b"").unwrap();
        answer.header("location").map(str::to_owned)
    };
    let mut running = running;
    running.stop();
    let running = Running::start(&config);
    let cookie = Person::enters(&running).cookie;
    assert_eq!(leads_to(&running, &cookie, "durand"), Some(format!("/bo/customers/{customer}")));
    assert_eq!(leads_to(&running, &cookie, "dupont"), None);
}
