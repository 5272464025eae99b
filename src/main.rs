//! The program: arguments in, exit code out.

use std::process::ExitCode;

/// glibc's allocator costs up to twice here; measured by `quittance bench ingest`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match quittance::cli::run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("quittance: {error:#}");
            ExitCode::FAILURE
        }
    }
}
