//! The program: arguments in, exit code out.

use std::process::ExitCode;

/// What lives long stands beside what lives for one record: jemalloc keeps them apart, and gives pages back.
/// `quittance bench ingest` has the figures, `.cargo/config.toml` its settings.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match quittance::cli::run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("quittance: {error:#}");
            ExitCode::FAILURE
        }
    }
}
