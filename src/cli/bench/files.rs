//! W5 end to end: a bank statement dropped into a feed's directory, until every entry of it is in
//! the log, its transfers placed, its report written and the file put away.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use quittance_actors::values::{CreditorReference, ReferenceKey, ShortReference};

use super::world::{self, Folder, Setup, World};

/// The longest a file may take.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Args)]
pub(super) struct Options {
    /// Entries of the statement, each a transfer that pays one request.
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
    /// Open requests in the store; as many as entries when none is given.
    #[arg(long)]
    requests: Option<u64>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let folder = Folder::new();
    world::configure(&folder.0, Setup::default())?;
    let requests = options.requests.unwrap_or(options.entries).max(options.entries);
    actix_web::rt::System::new().block_on(measure(&folder, options.entries, requests))?;
    Ok(0)
}

async fn measure(folder: &Folder, entries: u64, requests: u64) -> anyhow::Result<()> {
    let (service, _) = world::start(&folder.0).await?;
    let (service, tenant) = (Arc::new(service), world::tenant()?);
    let entities = World::new(&service, &tenant, requests / 2, requests);
    world::settle(&service, &tenant, entities).await?;
    let _ = service.checkpointer.send(quittance_actors::runtime::Offer).await; // It is tried again anyway.

    let file = folder.0.join("statement.xml");
    std::fs::write(&file, statement(entries)?)?;
    let megabytes = std::fs::metadata(&file)?.len() as f64 / 1e6;
    let bank = folder.0.join("data/bank/in");
    let records = || service.writer.statistics().records.load(Ordering::Relaxed);
    let (cpu, before) = (world::cpu_us(), records());
    std::fs::rename(&file, bank.join("statement.xml"))?;
    until("the file is claimed", || !bank.join("statement.xml").exists()).await?;
    let claimed = Instant::now();
    let (report, done) = (bank.join("done/statement.xml.report.json"), bank.join("done/statement.xml"));
    until("the file is put away", || done.exists() || bank.join("rejected/statement.xml").exists()).await?;
    let seconds = claimed.elapsed().as_secs_f64();
    let cpu = world::cpu_us() - cpu;

    let bare = scan(&done)?;
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&report)?)?;
    println!("W5 files: camt.053 of {entries} entries, {megabytes:.0} MB, {requests} requests open");
    println!("  entries/s         {:>10.0}   {:.1} MB/s", entries as f64 / seconds, megabytes / seconds);
    println!("  CPU per entry     {:>10.2} µs, over all threads", world::per_event(cpu, entries));
    println!(
        "  records           {:>10}   accepted {}",
        records() - before,
        report.get("accepted").cloned().unwrap_or_default()
    );
    println!("  reading alone     {:>10.0} entries/s on one thread", entries as f64 / bare);
    service.stop().await;
    Ok(())
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let started = Instant::now();
    while !is_so() {
        anyhow::ensure!(started.elapsed() < PATIENCE, "{what}: not after {} s", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Seconds of reading the file alone.
fn scan(path: &Path) -> anyhow::Result<f64> {
    let started = Instant::now();
    let source = std::io::BufReader::new(std::fs::File::open(path)?);
    let mut reader = crate::formats::open_bank(source).map_err(|error| anyhow::anyhow!("{error}"))?;
    while let Some(item) = reader.next() {
        item.map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(started.elapsed().as_secs_f64())
}

fn statement(entries: u64) -> anyhow::Result<String> {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\n\
         <BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr>\n\
         <Stmt><Id>S</Id><Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id><Ccy>EUR</Ccy></Acct>\n",
    );
    for number in 0..entries {
        let reference = ShortReference::of(number, ReferenceKey::from_seed(1));
        let reference = CreditorReference::of(&reference.compact()).context("a reference of a reference")?;
        writeln!(
            text,
            "<Ntry><Amt Ccy=\"EUR\">1000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
             <BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-02</Dt></ValDt>\
             <AcctSvcrRef>BANK{number:012}</AcctSvcrRef>\
             <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
             <NtryDtls><TxDtls><Refs><EndToEndId>E-{number}</EndToEndId></Refs>\
             <RltdPties><Dbtr><Pty><Nm>Customer {number}</Nm></Pty></Dbtr></RltdPties>\
             <RmtInf><Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )?;
    }
    text.push_str("</Stmt></BkToCstmrStmt></Document>\n");
    Ok(text)
}
