//! The seeded world: thousands of short lives of a service with faults, audited at each step.
//!
//! `SIM_SEEDS` says how many (2,000 unless told), `SIM_FIRST` from which on, `SIM_STEPS` how long.
//! A seed that fails is printed with its last actions; it goes to `regressions.txt` and stays.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use quittance::journal::codec::{decode_record, encode_record};
use quittance_actors::partition::Commit;
use quittance_actors::simulation::{Codec, Mutation, Report, Violation, World};

fn encode(commit: &Commit) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(commit, &mut bytes).unwrap();
    bytes
}

fn decode(bytes: &[u8]) -> Commit {
    decode_record(bytes).unwrap().0
}

const CODEC: Codec = Codec { encode, decode };

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn live(seed: u64, mutation: Option<Mutation>, steps: u64) -> Result<Report, (Violation, Vec<String>)> {
    let mut world = World::new(seed, CODEC, mutation).unwrap();
    world.run(usize::try_from(steps).unwrap()).map_err(|violation| (violation, world.trace()))
}

fn audited(seed: u64, steps: u64) -> Report {
    live(seed, None, steps).unwrap_or_else(|(violation, trace)| {
        let trace = trace.join("\n  ");
        panic!("seed {seed}: {} {}\n  {trace}", violation.invariant, violation.found)
    })
}

#[test]
fn seeds_that_failed_once_hold() {
    let known = include_str!("regressions.txt");
    let seeds = known.lines().filter_map(|line| line.split('#').next()?.trim().parse().ok());
    seeds.for_each(|seed| drop(audited(seed, 400)));
}

#[test]
fn every_seed_keeps_every_invariant() {
    let (first, count, steps) = (number("SIM_FIRST", 0), number("SIM_SEEDS", 2_000), number("SIM_STEPS", 240));
    let next = AtomicU64::new(first);
    let totals: [AtomicU64; 9] = Default::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let Report { records, crashes, left, fired, ordered, inquired, cycles, refunds, .. } =
                        audited(seed, steps);
                    let of_seed = [records, crashes, left, fired, ordered, inquired, cycles, refunds.0, refunds.1];
                    for (total, of_seed) in totals.iter().zip(of_seed) {
                        total.fetch_add(of_seed as u64, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let [records, crashes, left, fired, ordered, inquired, cycles, refunds, failed] =
        totals.each_ref().map(|total| total.load(Ordering::Relaxed));
    println!(
        "{count} seeds: {records} records, {crashes} crashes, {left} messages, {fired} timers, {ordered} orders, {inquired} answers about them, {cycles} cycles, {refunds} refunds of which {failed} failed"
    );
    // A world in which nothing happens would keep every invariant.
    assert!(records > count * 20 && crashes > count && left > count * 5 && fired > count * 5);
    assert!(ordered > count, "{ordered} orders of {count} seeds");
    assert!(inquired > count / 10, "{inquired} answers about attempts of {count} seeds");
    assert!(refunds > count / 4 && failed > count / 20, "{refunds} refunds of {count} seeds, {failed} failed");
    assert!(cycles > count * 2, "{cycles} cycles of plans of {count} seeds");
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    for seed in [1, 99, 4_711] {
        let (once, again) = (audited(seed, 300), audited(seed, 300));
        assert_eq!(once.log, again.log, "seed {seed}");
    }
    assert_ne!(audited(1, 300).log, audited(2, 300).log);
}

#[test]
fn the_auditor_finds_every_mistake_made_on_purpose() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {})); // Machines that check themselves panic, and that is caught.
    let mut missed = Vec::new();
    for (mutation, invariants) in Mutation::ALL {
        let mut found = BTreeSet::new();
        for seed in 0..400 {
            if let Err((violation, _)) = live(seed, Some(*mutation), 240) {
                found.insert(violation.invariant);
                if invariants.contains(&violation.invariant) {
                    break;
                }
            }
        }
        if !invariants.iter().any(|invariant| found.contains(invariant)) {
            missed.push(format!("{mutation:?}: expected one of {invariants:?}, found {found:?}"));
        }
    }
    std::panic::set_hook(hook);
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
