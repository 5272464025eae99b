//! People of the back office: they sign in, do what they may, and sign with their own names.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::http::{Answer, call};
use crate::support::running::{BINARY, KEY, Running, configure};
use crate::support::scratch::{Scratch, wait_for};

const ANNE: &str = "quatre lampes sur un quai";
const BRUNO: &str = "une barque et deux rames";

/// The hash that the command prints for a password.
fn hash(password: &str) -> String {
    let mut child =
        Command::new(BINARY).arg("password").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn person(id: &str, name: &str, password: &str, rest: &str) -> String {
    format!("\n[[person]]\nid = \"{id}\"\nname = \"{name}\"\npassword = \"{}\"\n{rest}\n", hash(password))
}

/// The sample, with an accountant, an approver, somebody who only looks, and a stranger to the merchant.
fn office(name: &str) -> (Scratch, Running) {
    let people = [
        person("anne", "Anne Martin", ANNE, "may = [\"reconcile\", \"refund\", \"approve\"]"),
        person("bruno", "Bruno Petit", BRUNO, "tenants = [\"maison-dupre\"]\nmay = [\"approve\"]"),
        person("claire", "Claire Roy", ANNE, ""),
        person("denis", "Denis Roux", ANNE, "tenants = []\nmay = [\"all\"]"),
    ];
    let scratch = Scratch::new(name);
    let config = configure(scratch.path(), |text| text + &people.concat());
    let running = Running::start(&config);
    (scratch, running)
}

fn send(running: &Running, path: &str, cookie: &str, form: &str) -> Answer {
    let origin = format!("http://{}", running.address);
    let headers = [
        ("Cookie", cookie),
        ("Origin", origin.as_str()),
        ("Accept", "text/html"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    call(running.address, "POST", path, &headers, form.as_bytes()).unwrap()
}

fn look(running: &Running, path: &str, cookie: &str) -> Answer {
    call(running.address, "GET", path, &[("Cookie", cookie), ("Accept", "text/html")], b"").unwrap()
}

/// Many at once: guesses that are judged side by side are counted all the same.
#[test]
fn guesses_that_come_at_once_are_counted_one_by_one() {
    let (_scratch, running) = office("people-guesses");
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..24)
            .map(|at| {
                let running = &running;
                scope.spawn(move || send(running, "/bo/sign-in", "", &format!("id=bruno&password=guess+{at}")).status)
            })
            .collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    let judged = answers.iter().filter(|status| **status == 401).count();
    assert!((1..=5).contains(&judged), "{answers:?}");
    assert!(answers.iter().all(|status| [401, 429].contains(status)), "{answers:?}");
    let large = format!("id=bruno&password={}", "x".repeat(20_000));
    assert_eq!(send(&running, "/bo/sign-in", "", &large).status, 413);
}

#[test]
fn behind_a_proxy_forms_come_from_the_public_address_only_and_cookies_by_tls_only() {
    let scratch = Scratch::new("people-proxy");
    let people = person("anne", "Anne Martin", ANNE, "may = [\"all\"]");
    let config = configure(scratch.path(), |text| {
        let server = "listen = \"127.0.0.1:0\"\nbehind_tls_proxy = true\npublic_url = \"https://pay.example\"";
        text.replace("listen = \"127.0.0.1:0\"", server) + &people
    });
    let running = Running::start(&config);
    let form = format!("id=anne&password={}", ANNE.replace(' ', "+"));
    let try_from = |origin: &str, host: &str| {
        let headers =
            [("Origin", origin), ("Content-Type", "application/x-www-form-urlencoded"), ("X-Forwarded-Host", host)];
        call(running.address, "POST", "/bo/sign-in", &headers, form.as_bytes()).unwrap()
    };
    let entered = try_from("https://pay.example", "pay.example");
    assert_eq!(entered.status, 303, "{}", entered.text());
    let cookies: Vec<&str> =
        entered.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect();
    assert!(cookies.len() == 2 && cookies.iter().all(|cookie| cookie.contains("Secure")), "{cookies:?}");
    for origin in ["http://pay.example", "https://pay.example:8443", "https://evil.example", "null", ""] {
        assert_eq!(try_from(origin, "pay.example").status, 403, "{origin}");
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// The cookie of somebody who signed in.
fn sign_in(running: &Running, id: &str, password: &str) -> String {
    let form = format!("id={id}&password={}&to=/bo/payouts", password.replace(' ', "+"));
    let answer = send(running, "/bo/sign-in", "", &form);
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(header(&answer, "location"), "/bo/payouts");
    let cookie = header(&answer, "set-cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/bo"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

/// Money of nobody that waits for a person.
fn strange(running: &Running) -> String {
    let body = json!({
        "entry_ref": "S-1", "amount": { "amount": 9_000, "currency": "EUR" }, "booked_on": "2026-03-02",
        "payer_name": "Erika Mustermann", "payer_iban": "DE89370400440532013000", "remittance": "for somebody else",
    });
    let made = running.post("/v1/transfers", &body);
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_one_person_asks_for_only_another_one_approves_and_nobody_signs_for_somebody_else() {
    let (_scratch, running) = office("people-four-eyes");
    let (anne, bruno) = (sign_in(&running, "anne", ANNE), sign_in(&running, "bruno", BRUNO));
    let transfer = strange(&running);
    let page = wait_for("the transfer to wait", || {
        let page = look(&running, &format!("/bo/reconciliation?id={transfer}"), &anne).text();
        page.contains("/give-back").then_some(page)
    });
    assert!(page.contains("Anne Martin"), "the page says who looks at it");
    assert!(!page.contains("placeholder=\"Your name\""), "nobody types a name");
    // She writes another name into the form: it is hers all the same.
    let form = "by=Bruno+Petit&reason=nobody+knows+it";
    let asked = send(&running, &format!("/bo/reconciliation/{transfer}/give-back"), &anne, form);
    assert_eq!(asked.status, 303, "{}", asked.text());
    assert!(!header(&asked, "location").contains("failed"), "{}", header(&asked, "location"));
    let payout = wait_for("the payout", || running.list("/v1/payouts").pop());
    assert_eq!(
        (payout["requested_by"].as_str(), payout["status"].as_str()),
        (Some("Anne Martin"), Some("awaits_approval"))
    );
    let id = payout["id"].as_str().unwrap();

    // Nor does a program ask in the name of somebody who signs in.
    for by in ["Bruno Petit", "bruno  PETIT", "Anne-Martin"] {
        let asked = running.post(&format!("/v1/transfers/{transfer}/give-back"), &json!({ "by": by, "reason": "x" }));
        assert_eq!(asked.status, 403, "{by}: {}", asked.text());
    }
    let own = send(&running, &format!("/bo/payouts/{id}/approve"), &anne, "by=Bruno+Petit");
    assert!(header(&own, "location").contains("failed="), "{}", header(&own, "location"));
    // Nor does a program stand for a second person, unless its key was given that.
    let program = running.post(&format!("/v1/payouts/{id}/approve"), &json!({ "by": "Bruno Petit" }));
    assert_eq!(program.status, 403, "{}", program.text());
    assert!(program.text().contains("approves = true"), "{}", program.text());
    assert_eq!(running.get(&format!("/v1/payouts/{id}")).json()["status"], "awaits_approval");

    let other = send(&running, &format!("/bo/payouts/{id}/approve"), &bruno, "");
    assert_eq!(header(&other, "location"), "/bo/payouts?said=Approved");
    let decided = running.get(&format!("/v1/payouts/{id}")).json();
    assert_eq!((decided["status"].as_str(), decided["decided_by"].as_str()), (Some("ordered"), Some("Bruno Petit")));
}

#[test]
fn a_key_that_may_approve_does_so_in_nobodys_name() {
    let scratch = Scratch::new("people-program");
    let people = person("bruno", "Bruno Petit", BRUNO, "may = [\"approve\"]");
    let key = |text: String| text.replace("configures = true ", "approves = true ") + &people;
    let running = Running::start(&configure(scratch.path(), key));
    let transfer = strange(&running);
    let asked = json!({ "by": "the ERP", "reason": "nobody knows it" });
    let payout = running.post(&format!("/v1/transfers/{transfer}/give-back"), &asked).json();
    let approve = |by: &str| {
        let path = format!("/v1/payouts/{}/approve", payout["id"].as_str().unwrap());
        running.post(&path, &json!({ "by": by }))
    };
    let named = approve("bruno PETIT");
    assert!(named.status == 403 && named.text().contains("signs in"), "{}", named.text());
    let own = approve("The ERP");
    assert_eq!(own.status, 409, "{}", own.text());
    let other = approve("the treasury");
    assert_eq!((other.status, other.json()["decided_by"].as_str()), (201, Some("the treasury")), "{}", other.text());
}

#[test]
fn everybody_does_what_they_may_and_sees_their_merchants_only() {
    let (_scratch, running) = office("people-duties");
    let (bruno, claire) = (sign_in(&running, "bruno", BRUNO), sign_in(&running, "claire", ANNE));
    let transfer = strange(&running);
    for (who, path, form, missing) in [
        (&bruno, format!("/bo/reconciliation/{transfer}/set-aside"), "reason=x", "reconcile"),
        (&bruno, format!("/bo/reconciliation/{transfer}/give-back"), "reason=x", "refund"),
        // However it is written.
        (&bruno, format!("/bo/reconciliation/{transfer}/give%2Dback"), "reason=x", "refund"),
        (&bruno, format!("/bo/reconciliation/{transfer}/%67ive-back"), "reason=x", "refund"),
        (&claire, "/bo/payouts/po_01KJPRZB00FX98K3AKA8MP2043/approve".to_owned(), "", "approve"),
        (&claire, "/bo/configuration/edit".to_owned(), "merchant=maison-dupre", "configure"),
        (&claire, "/bo/configuration/reload".to_owned(), "merchant=maison-dupre", "configure, for every merchant"),
        (&claire, "/bo/clock/advance".to_owned(), "merchant=maison-dupre&by=1d", "operate"),
        (&claire, "/bo/requests/prq_01KJPRZB00FX98K3AKA8MP2043/do/cancel".to_owned(), "reason=x", "collect"),
    ] {
        let refused = send(&running, &path, who, form);
        assert_eq!(refused.status, 403, "{path}: {}", refused.text());
        assert!(refused.text().contains(&format!("&quot;{missing}&quot;")), "{path}: {}", refused.text());
    }
    // Who only looks sees every page, and no button of what they may not do.
    for path in ["/bo", "/bo/reconciliation", "/bo/customers", "/bo/payouts", "/bo/configuration", "/bo/plans"] {
        let page = look(&running, path, &claire);
        assert_eq!(page.status, 200, "{path}");
        let forms = page.text().matches("method=\"post\"").count();
        let allowed = page.text().matches("action=\"/bo/sign-out\"").count()
            + page.text().matches("action=\"/bo/clock/advance\"").count();
        assert_eq!(forms, allowed, "{path} has a form that answers 403");
        assert!(!page.text().contains("+1 day"), "{path}");
    }
    let denis = sign_in(&running, "denis", ANNE);
    let nothing = look(&running, "/bo", &denis);
    assert_eq!(nothing.status, 403, "{}", nothing.text());
    assert!(!nothing.text().contains("Maison Dupré"), "{}", nothing.text());
}

#[test]
fn sessions_begin_with_the_right_password_and_end_when_somebody_signs_out() {
    let (_scratch, running) = office("people-sessions");
    assert_eq!(running.login, "/bo/sign-in", "where people sign in there is no one-time link");
    let away = look(&running, "/bo/payouts?show=all", "");
    assert_eq!(away.status, 303);
    assert_eq!(header(&away, "location"), "/bo/sign-in?to=%2Fbo%2Fpayouts%3Fshow%3Dall");
    assert_eq!(look(&running, "/bo/sign-in", "").status, 200);

    let foreign = call(
        running.address,
        "POST",
        "/bo/sign-in",
        &[("Origin", "https://evil.example"), ("Content-Type", "application/x-www-form-urlencoded")],
        b"id=anne&password=quatre+lampes+sur+un+quai",
    );
    assert_eq!(foreign.unwrap().status, 403, "a form of another site signs nobody in");

    let anne = sign_in(&running, "anne", ANNE);
    assert_eq!(look(&running, "/bo", &anne).status, 200);
    let forged = format!("{}0", &anne[..anne.len() - 1]);
    let forged = if forged == anne { format!("{}1", &anne[..anne.len() - 1]) } else { forged };
    assert_eq!(look(&running, "/bo", &forged).status, 303);
    let out = send(&running, "/bo/sign-out", &anne, "");
    assert_eq!(header(&out, "location"), "/bo/sign-in?out=1");
    assert_eq!(look(&running, "/bo", &anne).status, 303, "the session has ended, whoever kept the cookie");

    let form = format!("id=bruno&password={}&to=/bo/%00", BRUNO.replace(' ', "+"));
    let bruno = send(&running, "/bo/sign-in", "", &form);
    assert_eq!((bruno.status, header(&bruno, "location")), (303, "/bo"), "no address is made of a control character");
    let cookies = bruno.headers.iter().filter(|(name, _)| name == "set-cookie");
    let known = cookies.map(|(_, value)| value.as_str()).find(|value| value.starts_with("quittance_known=")).unwrap();
    let known = known.split(';').next().unwrap().to_owned();

    // A name that somebody has and one that nobody has are refused alike, and then wait alike.
    let wrong = |id: &str| send(&running, "/bo/sign-in", "", &format!("id={id}&password=a+wrong+password"));
    for id in ["bruno", "nobody"] {
        let answers: Vec<u16> = (0..6).map(|_| wrong(id).status).collect();
        assert_eq!(answers, [401, 401, 401, 401, 401, 429], "{id}");
    }
    // Who has signed in with this browser before does not wait for what others try.
    let form = format!("id=bruno&password={}", BRUNO.replace(' ', "+"));
    let again = send(&running, "/bo/sign-in", &known, &form);
    assert_eq!(again.status, 303, "{}", again.text());
    let right = send(&running, "/bo/sign-in", "", &format!("id=bruno&password={}", BRUNO.replace(' ', "+")));
    assert_eq!(right.status, 429, "even the right one waits");
    assert!(right.text().contains("wait"), "{}", right.text());
    wait_for("the wait to end", || {
        let form = format!("id=bruno&password={}", BRUNO.replace(' ', "+"));
        (send(&running, "/bo/sign-in", "", &form).status == 303).then_some(())
    });
    let log = running.log.lock().unwrap().clone();
    assert!(log.contains("signed in"), "{log}");
    assert!(!log.contains("lampes") && !log.contains("barque"), "no password stands in the log");
}

#[test]
fn a_key_that_only_looks_changes_nothing() {
    let scratch = Scratch::new("people-key");
    let config = configure(scratch.path(), |text| text.replace("configures = true ", "reads_only = true "));
    let running = Running::start(&config);
    assert_eq!(running.get("/v1/customers").status, 200);
    let refused = running.post("/v1/customers", &json!({ "external_ref": "C-1", "name": "Jean" }));
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("reads_only"), "{}", refused.text());
    assert!(!refused.text().contains(KEY));
}

#[test]
fn a_wrong_person_is_found_with_its_place() {
    let scratch = Scratch::new("people-wrong");
    let made = hash(ANNE);
    let people = format!(
        "\n[[person]]\nid = \"Anne\"\nname = \"Anne\"\npassword = \"secret\"\nmay = [\"reconcil\"]\ntenants = [\"maison-dupr\"]\n\
         [[person]]\nid = \"bruno\"\nname = \"Bruno\"\npassword = \"{made}\"\n\
         [[person]]\nid = \"bruno\"\nname = \"BRUNO\"\npassword = \"{made}\"\n"
    );
    let config = configure(scratch.path(), |text| text + &people);
    let output = Command::new(BINARY).args(["check", config.to_str().unwrap()]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    for expected in [
        "expected up to 64 small letters",
        "quittance password",
        "\"reconcil\" is nothing that a person may do",
        "did you mean \"maison-dupre\"?",
        "person \"bruno\" stands twice",
        "another person of the name \"BRUNO\"",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    assert!(!said.contains("secret"), "what stands there may be a password:\n{said}");
}
