//! A service under load that is killed, round after round on one data directory.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::running::Running;

/// Who sends at once.
const SENDERS: usize = 4;

/// Starts the service `count` times, sends with `create` until it is killed 40 to 340 ms later, and calls `after` with the
/// round and every number acknowledged so far, which it gives at the end.
pub fn killed_under_load(
    config: &Path, (count, seed): (usize, u64), create: impl Fn(&Running, usize) -> bool + Sync,
    mut after: impl FnMut(usize, &BTreeSet<usize>),
) -> BTreeSet<usize> {
    println!("seed {seed}");
    let (acknowledged, next, mut random) = (Mutex::new(BTreeSet::new()), AtomicUsize::new(0), seed);
    for round in 0..count {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut running = Running::start(config);
        let pid = running.pid().to_string();
        std::thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if !create(&running, number) {
                            return; // The process is gone.
                        }
                        acknowledged.lock().unwrap().insert(number);
                    }
                });
            }
            std::thread::sleep(Duration::from_micros(40_000 + (random >> 33) % 300_000));
            std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        });
        running.kill();
        after(round, &acknowledged.lock().unwrap());
    }
    acknowledged.into_inner().unwrap()
}
