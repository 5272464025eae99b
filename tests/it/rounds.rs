//! kill -9 under load, again and again on one data directory; and a disk that fills up.
//!
//! The short form runs with every other test. `just kill-rounds` runs two hundred.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use quittance::{journal, replay};
use quittance_actors::delivery::Outcome;
use quittance_actors::partition::Event;
use quittance_actors::payment_request;
use serde_json::json;

use crate::support::http::call;
use crate::support::kills::killed_under_load;
use crate::support::running::{BINARY, KEY, Running, configure};
use crate::support::scratch::{Scratch, wait_for};

fn create(running: &Running, number: usize) -> bool {
    let body = json!({
        "external_ref": format!("R-{number}"), "amount": { "amount": 700, "currency": "EUR" }, "due_on": "2026-03-31",
        "customer": { "external_ref": format!("C-{}", number % 50), "name": "Round", "email": "round@example.org" },
    });
    let answer = running.try_post("/v1/payment-requests", &format!("round-{number}"), &body);
    answer.is_some_and(|answer| answer.status == 201)
}

/// What the log of a directory says: how often each request was issued, and what was to leave.
fn audit(data: &Path, acknowledged: &BTreeSet<usize>, with_store: bool) {
    let mut issued: BTreeMap<String, usize> = BTreeMap::new();
    let mut left = BTreeSet::new();
    let mut last = BTreeMap::new();
    journal::walk(&data.join("log"), 0, |position, commit| {
        let sequence = last.insert(commit.partition, commit.sequence).unwrap_or(0);
        assert_eq!(commit.sequence, sequence + 1, "record {position}");
        for change in &commit.changes {
            if let Event::PaymentRequest(payment_request::Event::Issued { terms }) = &change.event {
                *issued.entry(terms.external_ref.to_string()).or_default() += 1;
            }
        }
        left.extend((0..commit.deliveries.len()).map(|place| commit.delivery_id(place)));
        for tried in &commit.outcomes {
            // A delivery that has ended is never tried again: one id, one end.
            assert!(left.contains(&tried.id), "{:?} ends and is not to leave", tried.id);
            if !matches!(tried.outcome, Outcome::RetryAt { .. }) {
                left.remove(&tried.id);
            }
        }
        Ok(())
    })
    .unwrap();
    for number in acknowledged {
        assert!(issued.contains_key(&format!("R-{number}")), "R-{number} was acknowledged and is lost");
    }
    let twice: Vec<_> = issued.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "issued more than once: {twice:?}");
    if !with_store {
        return;
    }
    // What waits is what has not ended, and the store with the tail says the same as the log.
    let replayed = replay::replay(data, true).unwrap();
    assert_eq!(replayed.differences, Vec::<String>::new());
    assert_eq!(replayed.digests.iter().map(|digest| digest.pending).sum::<usize>(), left.len());
}

fn rounds(count: usize, seed: u64) {
    let scratch = Scratch::new("rounds");
    let config =
        configure(scratch.path(), |text| text.replace("checkpoint_every_ms = 1000", "checkpoint_every_ms = 60"));
    let data = scratch.path().join("data");
    let acknowledged = killed_under_load(&config, (count, seed), create, |round, acknowledged| {
        // The whole log is replayed each time: in long runs now and then.
        audit(&data, acknowledged, count < 20 || round % 10 == 9);
        assert!(round == 0 || !acknowledged.is_empty());
        if round % 20 == 19 {
            println!("{} rounds, {} acknowledged", round + 1, acknowledged.len());
        }
    });
    println!("{count} rounds, {} acknowledged, none lost", acknowledged.len());
}

#[test]
fn kill_9_under_load_loses_nothing_acknowledged() {
    rounds(6, 7);
}

#[test]
#[ignore = "five minutes: just kill-rounds"]
fn kill_9_two_hundred_times() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    rounds(200, seed);
}

/// A service whose data directory is a small file system of its own.
struct Confined(std::process::Child);

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends those who send, also when an expectation of the test fails: they would be waited for.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_full_disk_refuses_says_so_and_goes_on_when_there_is_space() {
    let scratch = Scratch::new("full");
    let port = std::net::SocketAddr::from(([127, 0, 0, 1], crate::support::peers::free_port()));
    let config = configure(scratch.path(), |text| text.replace("127.0.0.1:0", &port.to_string()));
    let data = scratch.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let start = || {
        let script = format!(
            "mount -t tmpfs -o size=280m tmpfs {data} && fallocate -l 230m {data}/ballast && exec {BINARY} serve -c {config}",
            data = data.display(),
            config = config.display(),
        );
        let log = std::fs::File::create(scratch.path().join("log")).unwrap();
        let mut command = std::process::Command::new("unshare");
        command.args(["--map-root-user", "--user", "--mount", "sh", "-c", &script]);
        Confined(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    };
    let running = start();
    let inside =
        Path::new("/proc").join(running.0.id().to_string()).join("root").join(data.strip_prefix("/").unwrap());
    let said = || std::fs::read_to_string(scratch.path().join("log")).unwrap_or_default();
    let bearer = format!("Bearer {KEY}");
    let send = |number: usize| {
        let description = "x".repeat(480);
        let body = json!({
            "external_ref": format!("R-{number}"), "amount": { "amount": 700, "currency": "EUR" }, "due_on": "2026-03-31",
            "description": description, "customer": { "external_ref": format!("C-{number}"), "name": "Full" },
        });
        let key = format!("full-{number}");
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key.as_str())];
        call(port, "POST", "/v1/payment-requests", &headers, body.to_string().as_bytes())
    };
    wait_for("the service to start", || call(port, "GET", "/readyz", &[], b"").filter(|answer| answer.status == 200));
    let acknowledged = Mutex::new(BTreeSet::new());
    let (next, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    // The rest of the disk fills up under the log, as far as it goes.
    let _ = std::fs::write(inside.join("more"), vec![1; 46 << 20]);
    std::thread::scope(|scope| {
        let _done = Ends(&done);
        for _ in 0..6 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    match send(number) {
                        Some(answer) if answer.status == 201 => {
                            acknowledged.lock().unwrap().insert(number);
                        }
                        Some(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                        None => {}
                    }
                }
            });
        }
        wait_for("the disk to be full", || said().contains("the disk is full").then_some(()));
        // What was acknowledged before it was full has been noted by then.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let before = acknowledged.lock().unwrap().len();
        let answer = send(next.fetch_add(1, Ordering::Relaxed)).unwrap();
        assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("disk_full")), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(acknowledged.lock().unwrap().len(), before, "nothing is acknowledged meanwhile");
        // Space returns: who waits is answered, and nobody has to do anything.
        for file in ["ballast", "more"] {
            let _ = std::fs::remove_file(inside.join(file));
        }
        wait_for("acknowledgements", || (acknowledged.lock().unwrap().len() > before + 20).then_some(()));
        done.store(true, Ordering::Relaxed);
    });
    let mut issued = BTreeSet::new();
    journal::walk(&inside.join("log"), 0, |_, commit| {
        issued.extend(commit.changes.iter().filter_map(|change| match &change.event {
            Event::PaymentRequest(payment_request::Event::Issued { terms }) => Some(terms.external_ref.to_string()),
            _ => None,
        }));
        Ok(())
    })
    .unwrap();
    let acknowledged = acknowledged.into_inner().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|number| !issued.contains(&format!("R-{number}"))).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}
