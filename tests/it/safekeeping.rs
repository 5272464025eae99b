//! The tools that look after a data directory, on directories that the real service has written
//! and that were hurt on purpose.

use std::collections::BTreeSet;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use quittance::store::Store;
use quittance_actors::partition::{Checkpoint, Saved};
use quittance_actors::ports::{Round, Snapshots as _};
use serde_json::json;

use crate::support::running::{BINARY, Running, configure, sample};
use crate::support::scratch::{Scratch, wait_for};

/// Runs a command on a data directory; gives its exit code and what it said.
fn quittance(arguments: &[&str], data: &Path) -> (i32, String) {
    let output = Command::new(BINARY).args(arguments).arg("--data").arg(data).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), said)
}

fn create(running: &Running, number: usize) -> bool {
    let body = json!({
        "external_ref": format!("B-{number}"), "amount": { "amount": 500, "currency": "EUR" }, "due_on": "2026-03-31",
        "customer": { "external_ref": format!("C-{}", number % 9), "name": "Jean", "email": "jean@example.org" },
    });
    running.try_post("/v1/payment-requests", &format!("b-{number}"), &body).is_some_and(|answer| answer.status == 201)
}

/// A data directory with some history: checkpoints, a tail after them, deliveries that wait.
fn written(name: &str) -> (Scratch, PathBuf) {
    let (scratch, mut running) = sample(name, |text| text);
    for number in 0..12 {
        assert!(create(&running, number));
    }
    running.advance("20d");
    wait_for("a checkpoint", || (running.list("/v1/payment-requests").len() == 12).then_some(()));
    assert!(create(&running, 12));
    running.kill();
    let data = scratch.path().join("data");
    (scratch, data)
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "qlog")).collect();
    segments.sort();
    segments
}

#[test]
fn a_backup_taken_under_load_restores_everything_acknowledged_before_it() {
    let (scratch, running) = sample("backup", |text| text);
    let data = scratch.path().join("data");
    let backup = scratch.path().join("backup");
    for number in 0..20 {
        assert!(create(&running, number));
    }
    let folder = backup.to_str().unwrap();
    // What was ordered from a bank must not be ordered again after a restore.
    let ledger = Path::new("connectors/maison-dupre/bank/2026-03");
    std::fs::create_dir_all(data.join(ledger)).unwrap();
    std::fs::create_dir_all(data.join("connectors/maison-dupre/bank/.published")).unwrap();
    std::fs::write(data.join(ledger).join("QT-1f.json"), br#"{"message":"QT-1f","orders":[]}"#).unwrap();
    std::fs::write(data.join(ledger).join(".QT-2a.json.part"), b"{").unwrap();
    std::fs::write(data.join(ledger).join("QT-1f (copy).json"), b"{}").unwrap();
    std::fs::write(data.join("connectors/maison-dupre/bank/.published/QT-1f"), b"").unwrap();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| (20..120).filter(|number| create(&running, *number)).count());
        // Twice, so that the second finds what the first has copied.
        for _ in 0..2 {
            let (code, said) = quittance(&["backup", folder], &data);
            assert_eq!(code, 0, "{said}");
        }
        assert_eq!(load.join().unwrap(), 100);
    });
    let (code, said) = quittance(&["verify", "--deep"], &data);
    assert!(code == 0 && said.contains("in use by a running service"), "{said}");
    drop(running);
    let (code, said) = quittance(&["replay", "--verify"], &data);
    assert!(code == 0 && said.contains("hold the same in every partition"), "{said}");

    let other = Scratch::new("restored");
    let config = configure(other.path(), |text| text);
    let restored = other.path().join("data");
    // One that broke off before is done anew.
    std::fs::create_dir_all(restored.join("log.restoring")).unwrap();
    std::fs::create_dir_all(restored.join("connectors/other")).unwrap();
    let (code, said) = quittance(&["restore", folder], &restored);
    assert!(code == 0 && said.contains("ledgers   2"), "{said}");
    let saved = std::fs::read_to_string(restored.join(ledger).join("QT-1f.json")).unwrap();
    assert_eq!(saved, r#"{"message":"QT-1f","orders":[]}"#);
    assert!(restored.join("connectors/maison-dupre/bank/.published/QT-1f").exists());
    assert!(!restored.join(ledger).join(".QT-2a.json.part").exists());
    assert!(!restored.join("connectors/other").exists() && !restored.join("log.restoring").exists());
    let (code, said) = quittance(&["restore", folder], &restored);
    assert!(code == 1 && said.contains("there is a log or a store already"), "{said}");
    let running = Running::start(&config);
    let there = wait_for("the requests", || {
        let items = running.list("/v1/payment-requests");
        let there: BTreeSet<String> =
            items.iter().map(|item| item["external_ref"].as_str().unwrap().to_owned()).collect();
        (there.len() >= 20).then_some(there)
    });
    assert!((0..20).all(|number| there.contains(&format!("B-{number}"))), "{there:?}");
    // It goes on from there.
    assert!(create(&running, 500));

    // One whose manifest names a file elsewhere is none.
    let manifest = backup.join("manifest.json");
    let whole = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, whole.replace("connectors/maison-dupre/bank/2026-03", "connectors/../../2026-03"))
        .unwrap();
    let (code, said) = quittance(&["restore", folder], &other.path().join("second"));
    assert!(code == 1 && said.contains("which is no file of a backup"), "{said}");
    std::fs::write(&manifest, whole).unwrap();

    // A backup that was changed is not restored.
    let segment = std::fs::read_dir(&backup).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.into_iter().find(|path| path.extension().is_some_and(|e| e == "qlog")).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&segment).unwrap();
    file.write_all_at(b"x", 700).unwrap();
    let (code, said) = quittance(&["restore", folder], &other.path().join("third"));
    assert!(code == 1 && said.contains("its SHA-256 is"), "{said}");
}

#[test]
fn the_doctor_names_what_is_hurt_and_says_what_to_do() {
    let (_scratch, data) = written("doctor");
    let (code, said) = quittance(&["doctor"], &data);
    assert!(code == 0 && said.contains("ok   log") && said.contains("ok   store"), "{said}");
    let segment = segments(&data).pop().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let hurt = |bytes: &[u8]| {
        std::fs::write(&segment, bytes).unwrap();
        quittance(&["doctor"], &data)
    };
    // A byte in the middle.
    let mut flipped = whole.clone();
    flipped[600] ^= 4;
    let (code, said) = hurt(&flipped);
    assert!(code == 1 && said.contains("HURT log") && said.contains("offset 512"), "{said}");
    assert!(said.contains("restore a backup"), "{said}");
    // The end, which was acknowledged.
    let mut short = whole.clone();
    short[end - 6_000..].fill(0);
    let (code, said) = hurt(&short);
    assert!(code == 1 && said.contains("HURT") && said.contains("the log ends at"), "{said}");
    // A write that broke off.
    let mut torn = whole.clone();
    let next = (end + 1).next_multiple_of(512);
    torn[next..next + 10].copy_from_slice(b"QFRM\x01\0\0\0\x80\0");
    let (code, said) = hurt(&torn);
    assert!(code == 0 && said.contains("never acknowledged"), "{said}");
    // The file itself.
    std::fs::remove_file(&segment).unwrap();
    let (code, said) = quittance(&["doctor"], &data);
    assert!(code == 1 && said.contains("HURT log"), "{said}");
    std::fs::write(&segment, &whole).unwrap();
    // A store that is no store.
    for entry in std::fs::read_dir(data.join("store")).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        std::fs::write(entry.path(), b"not a store").unwrap();
    }
    let (code, said) = quittance(&["doctor"], &data);
    assert!(code == 1 && said.contains("HURT store") && said.contains("builds it again"), "{said}");
}

#[test]
fn a_replay_finds_a_state_that_no_record_tells() {
    let (_scratch, data) = written("replay");
    let (code, said) = quittance(&["replay", "--verify", "--digests"], &data);
    assert!(code == 0 && said.contains("hold the same in every partition"), "{said}");
    let (_, again) = quittance(&["replay", "--digests"], &data);
    let digests =
        |said: &str| said.lines().filter(|line| line.contains("record ")).map(str::to_owned).collect::<Vec<_>>();
    assert!(!digests(&said).is_empty());
    assert_eq!(digests(&said), digests(&again), "the same log gives the same digests");
    // A state in the store is changed behind the log's back.
    {
        let store = Store::open(&data.join("store")).unwrap();
        let restored = store.look().unwrap();
        let (id, saved) = (0..=u8::MAX).find_map(|lane| store.snapshots_of(lane).next()).unwrap().unwrap();
        let sequence = restored.sequences[usize::from(id.partition())];
        let saved = Saved { version: saved.version + 1, ..saved };
        let checkpoint = Checkpoint {
            partition: id.partition(),
            sequence,
            entities: vec![(id, saved, false)],
            ..Checkpoint::default()
        };
        let round =
            Round { checkpoints: &[checkpoint], position: restored.position, fired_before: &[], remembered: None };
        store.write(&round).unwrap();
    }
    let (code, said) = quittance(&["replay", "--verify"], &data);
    assert!(code == 1 && said.contains("is another one in the store"), "{said}");
    let (code, said) = quittance(&["verify", "--deep"], &data);
    assert!(code == 1 && said.contains("HURT replay"), "{said}");
}
