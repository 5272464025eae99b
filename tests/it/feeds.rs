//! Feeds: a file that does not come, one that comes late, one that is refused, and who is told.

use std::path::Path;

use serde_json::Value as Json;

use crate::support::golden::project;
use crate::support::running::{Running, configure, drop_file, messages, report};
use crate::support::scratch::{Scratch, wait_for};

fn expecting(text: &str) -> String {
    text.replace("# expect_by", "expect_by").replace("# expect_every_minutes = 1440", "expect_every_minutes = 600")
}

fn feed(service: &Running, name: &str) -> Json {
    let listed = service.get("/v1/feeds").json();
    let found = listed["data"].as_array().unwrap().iter().find(|feed| feed["name"] == name);
    found.cloned().unwrap_or_else(|| panic!("{listed}"))
}

/// The subjects of caught messages that say `words`.
fn caught(folder: &Path, words: &str) -> Vec<String> {
    let texts = messages(folder).into_iter().map(|message| message.to_string());
    texts.filter(|text| text.contains(words)).collect()
}

#[test]
fn a_file_that_does_not_come_is_told_of_once_a_deadline_until_one_comes() {
    let scratch = Scratch::new("feeds");
    let config = configure(scratch.path(), |text| expecting(&text));
    let mut service = Running::start(&config);
    let first = feed(&service, "bank");
    assert_eq!((&first["status"], &first["expected_at"]), (&"ok".into(), &"2026-03-02T09:00:00Z".into()), "{first}");
    // The sandbox stands at 09:00 on a Monday. A start again changes nothing.
    service.stop();
    let service = Running::start(&config);
    assert_eq!(feed(&service, "bank"), first);
    service.advance("1h");
    let stalled = feed(&service, "bank");
    assert_eq!((&stalled["status"], stalled["deadlines_missed"].as_u64()), (&"stalled".into(), Some(1)), "{stalled}");
    let told = wait_for("the accountants to be told", || caught(scratch.path(), "10:00").into_iter().next());
    assert!(told.contains("bank") && told.contains("compta@maison-dupre.example"), "{told}");
    // Tuesday's deadline passes as well, and the ERP's ten hours.
    service.advance("24h");
    assert_eq!(feed(&service, "bank")["deadlines_missed"], 2);
    assert_eq!(feed(&service, "invoices")["status"], "stalled");

    // One that cannot be used does not count; one that can does.
    let bank = scratch.path().join("data/bank/in");
    let fixture = |path: &str| std::fs::read(project().join("fixtures/bank").join(path)).unwrap();
    drop_file(&bank, "broken.sta", &fixture("mt940/refused/does_not_close.sta"));
    assert_eq!(feed(&service, "bank")["status"], "stalled");
    wait_for("the refusal to be told", || caught(scratch.path(), "broken.sta").into_iter().next());
    drop_file(&bank, "good.sta", &fixture("mt940/german.sta"));
    let recovered =
        wait_for("the feed to recover", || Some(feed(&service, "bank")).filter(|feed| feed["status"] == "ok"));
    assert_eq!(
        (recovered["files"].as_u64(), recovered["deadlines_missed"].as_u64()),
        (Some(2), Some(0)),
        "{recovered}"
    );
    assert_eq!(recovered["expected_at"], "2026-03-04T09:00:00Z");
    service.advance("24h");
    assert_eq!(feed(&service, "bank")["status"], "stalled", "what came late for Tuesday is not Wednesday's");

    // A file of the same content is said to be one, and no more.
    std::fs::write(bank.join("again.sta"), fixture("mt940/german.sta")).unwrap();
    assert_eq!(report(&bank, "again.sta")["outcome"], "duplicate");
    assert_eq!(feed(&service, "bank")["files"], 2);
    service.advance("24h");
    assert_eq!(feed(&service, "bank")["deadlines_missed"], 2);
}
