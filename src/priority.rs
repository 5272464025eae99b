//! Which work goes first when commands, deliveries and the store want the same core.

/// About a tenth of the weight of a thread that decides: a queue becomes longer, an answer does not become late.
const NICENESS: i32 = 10;

/// Lets threads that decide and acknowledge go before this one, and before those it starts. Elsewhere than on
/// Linux a priority is the whole process's: there all work is done alike.
pub fn step_back() {
    if cfg!(target_os = "linux") {
        // Where it is not allowed, the work is done as any other.
        let _ = rustix::process::setpriority_process(None, NICENESS);
    }
}
