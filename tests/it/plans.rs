//! Plans from end to end: subscriptions and instalments that ask for their cycles, are collected, rest and go on.

use serde_json::{Value as Json, json};

use crate::collections::{IBAN, card, customer, mandate, request, view};
use crate::support::running::{Running, configure, drop_file, sample};
use crate::support::scratch::{Scratch, wait_for};

fn money(minor: i64) -> Json {
    json!({ "amount": minor, "currency": "EUR" })
}

fn create(running: &Running, body: &Json) -> Json {
    let answer = running.post("/v1/plans", body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn plan(running: &Running, id: &str) -> Json {
    running.get(&format!("/v1/plans/{id}")).json()
}

fn act(running: &Running, id: &str, what: &str, body: &Json) -> Json {
    let answer = running.post(&format!("/v1/plans/{id}/{what}"), body);
    assert_eq!(answer.status, 201, "{what}: {}", answer.text());
    answer.json()
}

/// Waits until a plan stands so.
fn stands(running: &Running, id: &str, what: &str, holds: impl Fn(&Json) -> bool) -> Json {
    wait_for(what, || Some(plan(running, id)).filter(|view| holds(view)))
}

fn id_of(view: &Json) -> String {
    view["id"].as_str().unwrap().to_owned()
}

fn asked(view: &Json, number: usize) -> Option<Json> {
    let of = |cycle: &&Json| cycle["number"] == number;
    view["asked"].as_array().unwrap().iter().find(of).cloned()
}

fn types(running: &Running, id: &str) -> Vec<String> {
    let told = running.get(&format!("/v1/plans/{id}/timeline")).json();
    told["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_amount_in_instalments_is_asked_for_part_by_part_and_collected() {
    let (_scratch, running) = sample("instalments", |text| text);
    let payer = customer(&running, "C-1");
    card(&running, &payer, "tok_1");
    let body = json!({ "external_ref": "P-1", "customer_ref": "C-1", "total": money(100_000), "parts": 3,
        "deposit": money(20_000), "deposit_due_on": "2026-03-02", "fee": money(1_000), "every": "1m",
        "first_due_on": "2026-03-31", "collect_from": "card:tok_1", "description": "Kitchen" });
    let made = create(&running, &body);
    let id = id_of(&made);
    assert_eq!((&made["status"], &made["kind"]), (&json!("pending"), &json!("instalments")), "{made}");
    let to_come = made["to_come"].as_array().unwrap().iter();
    let said: Vec<(&str, i64, &str)> = to_come
        .map(|cycle| {
            let text = |key: &str| cycle[key].as_str().unwrap();
            (text("external_ref"), cycle["amount"]["amount"].as_i64().unwrap(), text("due_on"))
        })
        .collect();
    let expected = [
        ("P-1-0", 20_000, "2026-03-02"),
        ("P-1-1", 27_668, "2026-03-31"),
        ("P-1-2", 26_666, "2026-04-30"),
        ("P-1-3", 26_666, "2026-05-31"),
    ];
    assert_eq!(said, expected);
    // The same plan again is the same plan; another one under its key is refused.
    assert_eq!(create(&running, &body)["id"], made["id"]);
    let mut other = body;
    other["total"] = money(90_000);
    let refused = running.post("/v1/plans", &other);
    assert!(refused.status == 409 && refused.text().contains("another amount"), "{}", refused.text());
    for (number, days) in [(0, "1d"), (1, "30d"), (2, "30d"), (3, "32d")] {
        running.advance(days);
        let seen = stands(&running, &id, &format!("part {number} to be paid"), |view| {
            asked(view, number).is_some_and(|cycle| cycle["standing"] == "paid")
        });
        let prq = asked(&seen, number).unwrap()["payment_request"].as_str().unwrap().to_owned();
        let prq = view(&running, &prq);
        assert_eq!(prq["plan"], json!({ "id": id, "cycle": number }), "{prq}");
        assert_eq!(prq["description"], "Kitchen");
        // A card is charged on its day, and not before.
        assert_eq!(prq["due_on"], expected[number].2);
    }
    let done = stands(&running, &id, "the plan to be completed", |view| view["status"] == "completed");
    assert_eq!(done["to_come"], json!([]));
    let all: i64 = (0..4).map(|n| asked(&done, n).unwrap()["amount"]["amount"].as_i64().unwrap()).sum();
    assert_eq!(all, 101_000);
    let told = types(&running, &id);
    let count = |name: &str| told.iter().filter(|known| *known == name).count();
    assert_eq!((count("plan.activated"), count("plan.cycle_issued"), count("plan.completed")), (1, 4, 1), "{told:?}");
    // The customer remembers plans that go on.
    assert_eq!(running.get(&format!("/v1/customers/{payer}")).json()["plans"], json!([]));
}

#[test]
fn a_subscription_is_suspended_when_a_cycle_can_no_longer_be_collected_and_the_customers_others_go_on() {
    let (_scratch, running) = sample("subscription", |text| text);
    let payer = customer(&running, "C-1");
    card(&running, &payer, "tok_fail-51");
    card(&running, &payer, "tok_good");
    let subscription = |name: &str, token: &str, more: &Json| {
        let mut body = json!({ "external_ref": name, "customer_ref": "C-1", "amount": money(2_990), "every": "1m",
            "first_due_on": "2026-03-10", "collect_from": format!("card:{token}") });
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        id_of(&create(&running, &body))
    };
    let (bad, good) = (subscription("S-1", "tok_fail-51", &json!({})), subscription("S-2", "tok_good", &json!({})));
    let kept = subscription("S-3", "tok_fail-51", &json!({ "on_exhausted": "keep_charging" }));
    let asks = subscription("S-4", "tok_fail-51", &json!({ "on_exhausted": "ask" }));
    for (count, days) in [(1, "9d"), (2, "6d"), (3, "8d"), (4, "10d")] {
        running.advance(days);
        for id in [&bad, &kept, &asks] {
            stands(&running, id, &format!("{count} failures"), |plan| {
                let Some(cycle) = asked(plan, 1) else { return false };
                let tried = view(&running, cycle["payment_request"].as_str().unwrap());
                let tried = tried["attempts"].as_array().unwrap();
                tried.len() == count && tried.iter().all(|attempt| attempt["result"] == "failed")
            });
        }
        if count == 1 {
            assert_eq!(plan(&running, &bad)["status"], "past_due");
        }
    }
    let suspended = stands(&running, &bad, "the plan to be suspended", |view| view["status"] == "suspended");
    assert_eq!(suspended["reason"], "51 after 3 new attempts", "{suspended}");
    assert_eq!((&suspended["suspended_by"], &suspended["next_asked_at"]), (&json!("exhausted"), &Json::Null));
    let of_customer = running.get(&format!("/v1/customers/{payer}")).json();
    assert_eq!(of_customer["recurring_suspended"], Json::Null, "only the plan rests");
    stands(&running, &asks, "a question", |view| view["question"] == "51 after 3 new attempts");
    // A month later only the plans that go on have asked again.
    running.advance("15d");
    stands(&running, &good, "a second cycle", |view| asked(view, 2).is_some());
    stands(&running, &kept, "a second cycle all the same", |view| asked(view, 2).is_some());
    assert!(asked(&plan(&running, &bad), 2).is_none());
    let listed = running.get("/v1/plans?status=attention").json();
    let listed: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|plan| plan["external_ref"].as_str().unwrap()).collect();
    assert!(listed.contains(&"S-1") && !listed.contains(&"S-2"), "{listed:?}");
    // The payer gives another card, and the merchant lets it go on: what fell into the rest is left out.
    card(&running, &payer, "tok_new");
    act(&running, &bad, "change", &json!({ "collect_from": "card:tok_new" }));
    let resumed = act(&running, &bad, "resume", &json!({}));
    assert_eq!(resumed["to_come"][0]["number"], 2, "{resumed}");
    assert_eq!(resumed["to_come"][0]["due_on"], "2026-05-10");
    running.advance("25d");
    stands(&running, &bad, "the new card to be charged", |view| {
        asked(view, 2).is_some_and(|cycle| cycle["standing"] == "paid")
    });
    // The first cycle is paid in another way, and the plan is behind no more.
    let first = asked(&plan(&running, &bad), 1).unwrap()["payment_request"].as_str().unwrap().to_owned();
    let reference = view(&running, &first)["short_reference"].as_str().unwrap().to_owned();
    let paid =
        json!({ "entry_ref": "T-1", "amount": money(2_990), "booked_on": "2026-05-12", "remittance": reference });
    assert_eq!(running.post("/v1/transfers", &paid).status, 201);
    stands(&running, &bad, "no arrears", |view| view["status"] == "active");
    let told = types(&running, &bad);
    for wanted in ["plan.past_due", "plan.suspended", "plan.changed", "plan.resumed", "plan.recovered"] {
        assert!(told.iter().any(|known| known == wanted), "{wanted}: {told:?}");
    }
}

#[test]
fn a_plan_rests_ends_and_follows_its_customer() {
    let (_scratch, running) = sample("plan-rests", |text| text);
    let payer = customer(&running, "C-1");
    mandate(&running, &payer, "RUM-1", IBAN);
    let body = json!({ "external_ref": "S-1", "customer_ref": "C-1", "amount": money(2_000), "every": "2w",
        "first_due_on": "2026-03-20", "collect_from": "mandate:RUM-1" });
    let made = create(&running, &body);
    let id = id_of(&made);
    // Two days of notice, and five for the order to reach the bank.
    assert_eq!((&made["ask_days_before"], &made["next_asked_at"]), (&json!(7), &json!("2026-03-13T05:00:00Z")));
    let paused = act(&running, &id, "pause", &json!({ "reason": "holidays", "until": "2026-04-05" }));
    assert_eq!((&paused["status"], &paused["paused_until"]), (&json!("paused"), &json!("2026-04-05")));
    running.advance("33d");
    running.advance("3d");
    // 20 March and 3 April fell into it; the count goes on with 17 April.
    let resumed = stands(&running, &id, "the end of the pause", |view| view["status"] != "paused");
    let first = asked(&resumed, 1).map_or_else(
        || resumed["to_come"][0]["due_on"].clone(),
        |cycle| view(&running, cycle["payment_request"].as_str().unwrap())["due_on"].clone(),
    );
    assert_eq!(first, "2026-04-17", "{resumed}");
    // The customer's recurring payments rest, and go on: so does the plan.
    let recurring = |what: &str, body: &Json| {
        let answer = running.post(&format!("/v1/customers/{payer}/recurring/{what}"), body);
        assert_eq!(answer.status, 201, "{}", answer.text());
    };
    recurring("suspend", &json!({ "reason": "fraud is suspected" }));
    assert_eq!(plan(&running, &id)["suspended_by"], "customer");
    let another = json!({ "external_ref": "S-2", "customer_ref": "C-1", "amount": money(1), "every": "1m",
        "first_due_on": "2026-05-20" });
    let refused = running.post("/v1/plans", &another);
    assert!(refused.status == 409 && refused.text().contains("fraud"), "{} {}", refused.status, refused.text());
    recurring("resume", &json!({}));
    assert_ne!(plan(&running, &id)["status"], "suspended");
    running.advance("10d");
    let seen = stands(&running, &id, "a cycle", |view| asked(view, 1).is_some());
    let prq = asked(&seen, 1).unwrap()["payment_request"].as_str().unwrap().to_owned();
    // What was asked for goes with the plan when the merchant says so.
    let ended = act(&running, &id, "cancel", &json!({ "reason": "the payer left", "open_requests": true }));
    assert_eq!((&ended["status"], &ended["to_come"]), (&json!("cancelled"), &json!([])), "{ended}");
    assert_eq!(view(&running, &prq)["status"], "cancelled");
    let again = running.post(&format!("/v1/plans/{id}/resume"), &json!({}));
    assert!(again.status == 409 && again.text().contains("cancelled"), "{} {}", again.status, again.text());
    running.advance("60d");
    assert_eq!(plan(&running, &id)["asked"].as_array().unwrap().len(), seen["asked"].as_array().unwrap().len());
}

#[test]
fn what_cannot_be_a_plan_is_refused_and_a_number_that_is_taken_suspends_it() {
    let (_scratch, running) = sample("plan-refused", |text| text);
    let payer = customer(&running, "C-1");
    customer(&running, "C-2");
    card(&running, &payer, "tok_1");
    let good = json!({ "external_ref": "S-1", "customer_ref": "C-1", "amount": money(1_000), "every": "1m",
        "first_due_on": "2026-03-20" });
    let refused = |change: &Json, status: u16, says: &str| {
        let mut body = good.clone();
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        let answer = running.post("/v1/plans", &body);
        assert!(
            answer.status == status && answer.text().contains(says),
            "{change}: {} {}",
            answer.status,
            answer.text()
        );
    };
    refused(&json!({ "every": "soon" }), 422, "14d, 2w, 1m or 1y");
    refused(&json!({ "total": money(5_000), "parts": 2 }), 400, "amount for each cycle");
    refused(&json!({ "amount": money(0) }), 422, "amount");
    refused(&json!({ "deposit_due_on": "2026-03-10" }), 400, "there is no deposit");
    refused(&json!({ "first_due_on": "2026-02-20" }), 409, "today or a day to come");
    refused(&json!({ "customer_ref": "C-9" }), 422, "not known");
    refused(&json!({ "collect_from": "card:tok_9" }), 409, "no such card");
    refused(&json!({ "collect_from": "card:tok_1", "policy": "none" }), 409, "no retry policy");
    refused(&json!({ "scenario": "none" }), 409, "unknown reminder scenario");
    refused(&json!({ "on_exhausted": "later" }), 422, "keep_charging");
    // The ERP has used the number of its second cycle for something else.
    let id = id_of(&create(&running, &good));
    request(&running, "C-2", "S-1-2", 700, "2026-03-30");
    running.advance("20d");
    stands(&running, &id, "the first cycle", |view| asked(view, 1).is_some());
    running.advance("28d");
    let seen = stands(&running, &id, "the plan to be suspended", |view| view["status"] == "suspended");
    let reason = seen["reason"].as_str().unwrap();
    assert!(reason.contains("S-1-2 cannot be asked for") && reason.contains("another customer"), "{reason}");
    assert_eq!((&seen["suspended_by"], &seen["to_come"][0]["number"]), (&json!("refused"), &json!(2)));
}

/// The process dies over and over while cycles are asked for: each is there once.
#[test]
fn a_cycle_is_asked_for_once_however_often_the_service_dies() {
    let scratch = Scratch::new("plan-kill");
    let config = configure(scratch.path(), |text| text);
    let mut running = Running::start(&config);
    let mut ids = Vec::new();
    for number in 0..40 {
        customer(&running, &format!("C-{number}"));
        let body = json!({ "external_ref": format!("S-{number}"), "customer_ref": format!("C-{number}"),
            "amount": money(1_000), "every": "1w", "first_due_on": "2026-03-20", "cycles": 6 });
        ids.push(id_of(&create(&running, &body)));
    }
    for round in 0..6 {
        // Nobody waits for the answer: the process dies somewhere in the middle of it.
        let body = json!({ "by": "8d" });
        let key = format!("advance-{round}");
        std::thread::scope(|scope| {
            let caller = scope.spawn(|| running.try_post("/v1/clock/advance", &key, &body));
            std::thread::sleep(std::time::Duration::from_millis(3 + 7 * round));
            std::process::Command::new("kill").args(["-9", &running.pid().to_string()]).status().unwrap();
            drop(caller.join());
        });
        running.kill();
        running = Running::start(&config);
    }
    running.advance("90d");
    for id in &ids {
        stands(&running, id, "all cycles", |view| asked(view, 6).is_some());
    }
    let mut numbers: Vec<String> = running
        .list("/v1/payment-requests")
        .iter()
        .map(|request| request["external_ref"].as_str().unwrap().to_owned())
        .collect();
    wait_for("the list", || {
        numbers = running
            .list("/v1/payment-requests")
            .iter()
            .map(|r| r["external_ref"].as_str().unwrap().to_owned())
            .collect();
        (numbers.len() == 240).then_some(())
    });
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 240, "every cycle once");
}

#[test]
fn an_erp_sends_plans_in_a_file_and_may_send_the_file_again() {
    let scratch = Scratch::new("plans-by-file");
    let config = configure(scratch.path(), |text| text);
    let mapping = scratch.path().join("config/mappings/erp.toml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    let more = "kind = \"type\"\nmandate = \"rum\"\niban = \"iban\"\nsigned_on = \"signe\"\ncollect_from = \"prelever\"\nplan = \"contrat\"\nevery = \"periode\"\nparts = \"parts\"\nfee = \"frais\"\n";
    std::fs::write(&mapping, text.replace("[columns]\n", &format!("[columns]\n{more}"))).unwrap();
    let running = Running::start(&config);
    let folder = scratch.path().join("data/erp/in");
    let head = "type;facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle;rum;iban;signe;prelever;contrat;periode;parts;frais\n";
    let rows = [
        "plan;;C-1;;;;;29,90;;15/03/2026;Abonnement;;;;mandate:RUM-1;ABO-1;1m;;",
        "plan;;C-1;;;;;1000,00;;20/03/2026;Cuisine;;;;;P-9;1m;3;10,00",
        "plan;;C-1;;;;;29,90;;15/03/2026;;;;;mandate:RUM-9;ABO-2;1m;;",
        "plan;;C-9;;;;;29,90;;15/03/2026;;;;;;ABO-3;1m;;",
        "plan;;C-1;;;;;29,90;;15/03/2026;;;;;;ABO-4;monthly;;",
        "mandate;;C-1;;;;;;;;;RUM-1;FR1420041010050500013M02606;10/01/2026;;;;;",
        "customer;;C-1;Jean Dupont;jean@example.org;;fr;;;;;;;;;;;;",
    ];
    let file = |rows: &[&str]| format!("{head}{}\n", rows.join("\n"));
    let report = drop_file(&folder, "plans.csv", file(&rows).as_bytes());
    assert_eq!((&report["accepted"], &report["refused"]), (&json!(4), &json!(3)), "{report}");
    let said = report["errors"].to_string();
    for why in ["no such mandate", "customer 'C-9' is not known", "as in 14d, 2w, 1m or 1y"] {
        assert!(said.contains(why), "{why}: {said}");
    }
    let of = |name: &str| id_of(&running.find("/v1/plans", name));
    let (subscription, parted) = (of("ABO-1"), of("P-9"));
    let view = plan(&running, &subscription);
    assert_eq!((&view["amount"], &view["collect_from"]), (&money(2_990), &json!("mandate:RUM-1")), "{view}");
    let view = plan(&running, &parted);
    assert_eq!(
        (&view["first_amount"], &view["amount"], &view["cycles"]),
        (&money(34_334), &money(33_333), &json!(3))
    );

    // Of the same rows in another file nothing begins again, even when a plan and its mandate have ended since.
    let ended = json!({ "instrument": "mandate:RUM-1", "reason": "revoked by the payer" });
    let payer = view["customer"].as_str().unwrap();
    act(&running, &subscription, "cancel", &json!({ "reason": "moved" }));
    assert_eq!(running.post(&format!("/v1/customers/{payer}/instruments/end"), &ended).status, 201);
    let report = drop_file(&folder, "again.csv", file(&rows[..2]).as_bytes());
    assert_eq!((&report["known"], &report["refused"]), (&json!(2), &json!(0)), "{report}");
    assert_eq!(plan(&running, &subscription)["status"], "cancelled");
    // With another amount it is refused: a plan is changed by a call.
    let report = drop_file(&folder, "other.csv", file(&[&rows[0].replace("29,90", "39,90")]).as_bytes());
    assert!(report["errors"].to_string().contains("another amount"), "{report}");
    let earlier = json!({ "external_ref": "P-9", "customer_ref": "C-1", "total": money(100_000), "parts": 3,
        "fee": money(1_000), "every": "1m", "first_due_on": "2026-03-20", "description": "Cuisine" });
    assert_eq!(id_of(&create(&running, &earlier)), parted);
    let mut other = earlier;
    other["ask_days_before"] = json!(3);
    let answer = running.post("/v1/plans", &other);
    assert!(answer.status == 409 && answer.text().contains("another ask_days_before"), "{}", answer.text());
}
