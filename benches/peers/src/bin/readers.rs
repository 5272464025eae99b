//! Reads each file named after the reader: prints its name, the entries read, and the seconds of
//! this thread's processor time.
//!
//! `readers ours|mt940|sepa FILE…`

use std::io::BufReader;
use std::time::Duration;

use anyhow::{Context as _, bail};
use quittance::formats::bank::Piece;
use quittance::formats::{FieldError, Item, open_bank, statements};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn now() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0))
}

fn said(error: FieldError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// Entries as the others count them: what is booked and what is not yet.
fn entries(path: &str) -> anyhow::Result<usize> {
    let (_, mut pieces) = statements(BufReader::new(std::fs::File::open(path)?)).map_err(said)?;
    let mut found = 0;
    while let Some(piece) = pieces.next() {
        found += usize::from(matches!(piece.map_err(said)?, Piece::Entry(_)));
    }
    Ok(found)
}

/// With everything a record needs: checked, keyed, converted.
fn ours(path: &str) -> anyhow::Result<usize> {
    let mut reader = open_bank(BufReader::new(std::fs::File::open(path)?)).map_err(said)?;
    let mut found = 0;
    while let Some(item) = reader.next() {
        found += usize::from(matches!(item.map_err(said)?, Item::Row(..)));
    }
    Ok(found)
}

fn mt940(path: &str) -> anyhow::Result<usize> {
    let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
    // As its own tests do: line ends and characters as it wants them.
    let text = ::mt940::sanitizers::sanitize(&text);
    let messages = ::mt940::parse_mt940(&text).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(messages.iter().map(|message| message.statement_lines.len()).sum())
}

fn sepa(path: &str) -> anyhow::Result<usize> {
    let xml = std::fs::read_to_string(path)?;
    let mut limits = ::sepa::ParseLimits::default();
    limits.input_bytes = usize::MAX;
    limits.nodes = usize::MAX;
    limits.total_text_bytes = usize::MAX;
    if let Ok(document) = ::sepa::parse_camt053_with_limits(&xml, limits) {
        return Ok(document.statements.iter().map(|statement| statement.entries.len()).sum());
    }
    if let Ok(document) = ::sepa::parse_camt052_with_limits(&xml, limits) {
        return Ok(document.reports.iter().map(|report| report.entries.len()).sum());
    }
    let document = ::sepa::parse_camt054_with_limits(&xml, limits)?;
    Ok(document.notifications.iter().map(|notification| notification.entries.len()).sum())
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let reader = match arguments.next().context("a reader: ours, entries, mt940 or sepa")?.as_str() {
        "ours" => ours,
        "entries" => entries,
        "mt940" => mt940,
        "sepa" => sepa,
        other => bail!("no reader is called {other}"),
    };
    for path in arguments {
        let started = now();
        // A library that panics on a file has not read it.
        let found = std::panic::catch_unwind(|| reader(&path)).ok().and_then(Result::ok).unwrap_or(0);
        println!("{path}\t{found}\t{:.4}", (now() - started).as_secs_f64());
    }
    Ok(())
}
