//! Which work goes first when commands, deliveries and the store want the same core.

/// About a tenth of the weight of a thread that decides: a queue becomes longer, an answer does not become late.
const NICENESS: i32 = 10;

/// Lets threads that decide and acknowledge go before this one, and before those it starts.
pub fn step_back() {
    // Where a system does not allow it, the work is done as any other.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}
