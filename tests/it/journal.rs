//! The record log, broken on purpose.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use quittance::journal::{self, Damage, Error, Writer};
use quittance_actors::partition::{Commit, Origin, SystemFact};
use quittance_actors::ports::Journal;
use quittance_actors::values::{CommandId, TenantId, Timestamp};

use crate::support::scratch::Scratch;

fn commit(sequence: u64, padding: usize) -> Arc<Commit> {
    let at = Timestamp::from_unix_millis(1_772_000_000_000);
    Arc::new(Commit {
        partition: 3,
        sequence,
        at,
        tenant: TenantId::parse("shop").unwrap(),
        command_id: CommandId::new(at, sequence, 3),
        fingerprint: 0,
        origin: Origin::System,
        entity: None,
        changes: vec![],
        published: vec![],
        deliveries: vec![],
        outcomes: vec![],
        timers: vec![],
        fired: None,
        facts: vec![SystemFact::Quarantined {
            entity: quittance_actors::values::EntityId::Customer(quittance_actors::values::CustomerId::new(
                at, sequence, 3,
            )),
            command: "x".repeat(padding),
            error: String::new(),
        }],
    })
}

/// Writes records `from..=to`, each in a frame of its own.
fn write(folder: &Path, from: u64, to: u64, padding: usize) {
    let opened = journal::open(folder, from - 1, |_, _| Ok(())).unwrap();
    let writer = Writer::start(opened, Box::new(|error| panic!("{error}"))).unwrap();
    for sequence in from..=to {
        let (sender, receiver) = channel();
        writer.append(&[commit(sequence, padding)], Box::new(move |result| sender.send(result).unwrap())).unwrap();
        receiver.recv().unwrap().unwrap();
    }
    writer.stop();
}

fn read(folder: &Path, after: u64) -> Result<(Vec<u64>, u64), Error> {
    let mut sequences = Vec::new();
    let opened = journal::open(folder, after, |position, commit| {
        assert_eq!(position, commit.sequence);
        sequences.push(commit.sequence);
        Ok(())
    })?;
    Ok((sequences, opened.torn_bytes))
}

fn segment(folder: &Path) -> std::path::PathBuf {
    folder.join(format!("{:016x}.qlog", 1))
}

/// Where the frames of the first segment start, and where the last ends.
fn frames(folder: &Path) -> Vec<usize> {
    let bytes = std::fs::read(segment(folder)).unwrap();
    let mut starts = vec![512];
    while bytes[starts[starts.len() - 1]..].starts_with(b"QFRM") {
        let at = starts[starts.len() - 1];
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
        starts.push((at + 40 + length).next_multiple_of(512));
    }
    starts
}

fn damage(result: Result<(Vec<u64>, u64), Error>) -> (u64, Damage) {
    match result {
        Err(Error::Damaged { offset, damage, .. }) => (offset, damage),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_acknowledged_reads_back_and_a_checkpoint_skips_what_it_contains() {
    let scratch = Scratch::new("log");
    write(scratch.path(), 1, 20, 10);
    write(scratch.path(), 21, 30, 10);
    assert_eq!(read(scratch.path(), 0).unwrap(), ((1..=30).collect(), 0));
    assert_eq!(read(scratch.path(), 25).unwrap(), ((26..=30).collect(), 0));
    assert_eq!(read(scratch.path(), 30).unwrap(), (vec![], 0));
    let (_, found) = damage(read(scratch.path(), 31));
    assert_eq!(found, Damage::BehindCheckpoint { checkpoint: 31, found: 30 });
}

#[test]
fn a_torn_last_frame_is_cut_wherever_it_is_torn() {
    let scratch = Scratch::new("torn");
    write(scratch.path(), 1, 10, 10);
    let starts = frames(scratch.path());
    let (last, end) = (starts[9], starts[10]);
    let whole = std::fs::read(segment(scratch.path())).unwrap();
    std::fs::remove_file(scratch.path().join("acknowledged")).unwrap();
    for cut in (last + 1..end).step_by(5) {
        let mut torn = whole[..end + 64].to_vec();
        torn[cut..].fill(0);
        std::fs::write(segment(scratch.path()), &torn).unwrap();
        // A cut that only loses zero bytes loses nothing.
        let intact = torn == whole[..end + 64];
        let (sequences, bytes) = read(scratch.path(), 0).unwrap();
        assert_eq!(sequences.len(), if intact { 10 } else { 9 }, "cut at {cut}");
        assert_eq!(bytes > 0, !intact, "cut at {cut}");
    }
    // And the log goes on after it.
    let mut torn = whole;
    torn[last + 45..].fill(0);
    std::fs::write(segment(scratch.path()), &torn).unwrap();
    write(scratch.path(), 10, 12, 10);
    assert_eq!(read(scratch.path(), 0).unwrap().0, (1..=12).collect::<Vec<u64>>());
}

#[test]
fn a_log_that_ends_before_what_was_acknowledged_stops_the_start() {
    let scratch = Scratch::new("short");
    write(scratch.path(), 1, 10, 10);
    let starts = frames(scratch.path());
    let mut bytes = std::fs::read(segment(scratch.path())).unwrap();
    bytes[starts[9]..].fill(0);
    std::fs::write(segment(scratch.path()), bytes).unwrap();
    let (_, found) = damage(read(scratch.path(), 0));
    assert_eq!(found, Damage::Shortened { acknowledged: 10, found: 9 });
}

#[test]
fn a_flipped_byte_in_the_middle_is_corruption_and_named() {
    let scratch = Scratch::new("flip");
    write(scratch.path(), 1, 10, 10);
    let starts = frames(scratch.path());
    let whole = std::fs::read(segment(scratch.path())).unwrap();
    let length = u32::from_le_bytes(whole[starts[4] + 8..starts[4] + 12].try_into().unwrap()) as usize;
    for at in (starts[4]..starts[4] + 40 + length).step_by(3) {
        let mut hurt = whole[..starts[10] + 64].to_vec();
        hurt[at] ^= 0x40;
        std::fs::write(segment(scratch.path()), &hurt).unwrap();
        let (offset, found) = damage(read(scratch.path(), 0));
        assert_eq!(offset, starts[4] as u64, "byte {at}");
        assert_eq!(found, Damage::BrokenFrame { later: starts[5] as u64 }, "byte {at}");
    }
    // A frame that is taken out breaks the chain.
    let mut hurt = whole;
    hurt.drain(starts[4]..starts[5]);
    std::fs::write(segment(scratch.path()), &hurt).unwrap();
    let (_, found) = damage(read(scratch.path(), 0));
    assert_eq!(found, Damage::BrokenChain { expected: 5, found: 6 });
}

#[test]
fn a_missing_segment_is_named() {
    let scratch = Scratch::new("segments");
    write(scratch.path(), 1, 220, 400_000);
    let mut names: Vec<_> = std::fs::read_dir(scratch.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "qlog"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(read(scratch.path(), 0).unwrap().0.len(), 220);
    // Without the first, a checkpoint that needs it cannot be continued.
    let aside = scratch.path().join("aside");
    std::fs::rename(&names[0], &aside).unwrap();
    let (_, found) = damage(read(scratch.path(), 0));
    assert!(matches!(found, Damage::MissingSegment { expected: 1, .. }), "{found}");
    std::fs::rename(&aside, &names[0]).unwrap();
    write(scratch.path(), 221, 360, 400_000);
    names = std::fs::read_dir(scratch.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "qlog"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 3);
    std::fs::remove_file(&names[1]).unwrap();
    let (_, found) = damage(read(scratch.path(), 0));
    assert!(matches!(found, Damage::MissingSegment { .. }), "{found}");
}
