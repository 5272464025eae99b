//! kill -9 while hooks leave, again and again on one data directory: each event of each record arrives at least once,
//! under one id, with one content, and the numbers of each customer's events have no gap.
//!
//! The short form runs with every other test. `just kill-rounds` runs two hundred.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use quittance_actors::limits::{LANE_IN_FLIGHT_MAX, LANE_UNRECORDED_MAX};
use serde_json::{Value as Json, json};

use crate::support::kills::killed_under_load;
use crate::support::peers::{HookReceiver, Received, Reply};
use crate::support::running::{Running, configure};
use crate::support::scratch::{Scratch, wait_for};

/// What arrived.
#[derive(Default)]
struct Heard {
    /// The content under each id.
    contents: BTreeMap<String, Vec<u8>>,
    /// How often something came that had come before, since the last kill.
    again: usize,
    /// What was wrong with what came again.
    differs: Vec<String>,
}

impl Heard {
    fn take(&mut self, call: &Received) {
        let id = call.header("webhook-id").to_owned();
        match self.contents.get(&id) {
            None => drop(self.contents.insert(id, call.body.clone())),
            Some(known) => {
                self.again += 1;
                if *known != call.body {
                    self.differs.push(id);
                }
            }
        }
    }
}

fn create(running: &Running, number: usize) -> bool {
    let body = json!({
        "external_ref": format!("H-{number}"), "amount": { "amount": 700, "currency": "EUR" }, "due_on": "2026-03-31",
        "customer": { "external_ref": format!("C-{}", number % 40), "name": "Round", "email": "round@example.org" },
    });
    let answer = running.try_post("/v1/payment-requests", &format!("hook-round-{number}"), &body);
    answer.is_some_and(|answer| answer.status == 201)
}

fn rounds(count: usize, seed: u64) {
    let hooks = HookReceiver::start();
    let heard: Arc<Mutex<Heard>> = Arc::default();
    let sink = Arc::clone(&heard);
    hooks.answer_with(move |call: &Received| {
        sink.lock().unwrap().take(call);
        Reply::status(204)
    });
    let scratch = Scratch::new("hook-rounds");
    let config = configure(scratch.path(), |text| {
        text.replace("checkpoint_every_ms = 1000", "checkpoint_every_ms = 60")
            .replace("http://127.0.0.1:8089/hooks/erp", &hooks.url())
            .replace("name = \"erp\"\nurl", "name = \"erp\"\nevents = [\"*\"]\nurl")
    });
    let mut most = 0;
    let acknowledged = killed_under_load(&config, (count, seed), create, |round, _| {
        let again = std::mem::take(&mut heard.lock().unwrap().again);
        // What was under way, and what had been answered and was not recorded yet.
        let bound = LANE_IN_FLIGHT_MAX + LANE_UNRECORDED_MAX;
        assert!(again <= bound, "round {round}: {again} came again, {bound} at most were under way");
        most = most.max(again);
    });
    let running = Running::start(&config);
    let mut expected: BTreeMap<String, Json> = BTreeMap::new();
    for event in running.stream(500, "").0 {
        expected.insert(event["id"].as_str().unwrap().to_owned(), event);
    }
    wait_for("every event", || {
        let heard = heard.lock().unwrap();
        let told: BTreeSet<String> = heard
            .contents
            .values()
            .map(|body| serde_json::from_slice::<Json>(body).unwrap()["id"].as_str().unwrap().to_owned())
            .collect();
        expected.keys().all(|id| told.contains(id)).then_some(())
    });
    let heard = heard.lock().unwrap();
    assert_eq!(heard.differs, Vec::<String>::new(), "one id, one content");
    let mut numbers: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for body in heard.contents.values() {
        let event: Json = serde_json::from_slice(body).unwrap();
        let id = event["id"].as_str().unwrap();
        assert_eq!(event["data"], expected[id]["data"], "{id} is told as the stream tells it");
        assert!(told.insert(id.to_owned()), "{id} has one id of its hook");
        let key = event["ordering_key"].as_str().unwrap().to_owned();
        numbers.entry(key).or_default().insert(event["key_seq"].as_u64().unwrap());
    }
    for (key, of_key) in &numbers {
        assert_eq!(of_key.iter().copied().max(), Some(of_key.len() as u64), "the numbers of {key} have no gap");
    }
    let issued: BTreeSet<&str> =
        expected.values().filter_map(|event| event["data"]["request"]["external_ref"].as_str()).collect();
    assert!(!acknowledged.is_empty());
    assert!(acknowledged.iter().all(|number| issued.contains(format!("H-{number}").as_str())));
    println!("{count} kills, {} events, each heard; at most {most} came again after one", expected.len());
}

#[test]
fn kill_9_while_hooks_leave_loses_no_event() {
    rounds(6, 11);
}

#[test]
#[ignore = "five minutes: just kill-rounds"]
fn kill_9_while_hooks_leave_two_hundred_times() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    rounds(200, seed);
}
