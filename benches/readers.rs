//! Work W5: how fast readers go, conversion to records included, beside a bare scan of the same
//! bytes in the same run, by the processor time of one thread.
//!
//! `cargo bench --bench readers [-- MEGABYTES [FORMAT]]`
//!
//! `cargo bench --bench readers -- memory 2000 [FORMAT]` reads one day of so many megabytes that is never in
//! memory as a whole, and says how much memory that took. `-- write MEGABYTES DIR` writes the files.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::panic, reason = "a figure of a file that does not read is worth nothing")]

use std::fmt::Write as _;
use std::io::Read;
use std::time::Duration;

use quittance::config::Config;
use quittance::formats::{Item, Reader, erp, open_bank};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Processor time of this thread.
fn now() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanoseconds)
}

fn count(mut reader: impl Reader) -> usize {
    let mut rows = 0;
    while let Some(item) = reader.next() {
        match item {
            Ok(Item::Row(_, row)) => {
                std::hint::black_box(&row);
                rows += 1;
            }
            Ok(Item::Refused(_, errors)) => panic!("{errors:?}"),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
    rows
}

/// The best of three, in megabytes a second, of so many rounds each.
fn best(bytes: &[u8], rounds: u32, mut run: impl FnMut() -> usize) -> (f64, usize) {
    let mut fastest = Duration::MAX;
    let mut items = 0;
    for _ in 0..3 {
        let started = now();
        for _ in 0..rounds {
            items = std::hint::black_box(run());
        }
        fastest = fastest.min((now() - started) / rounds);
    }
    (bytes.len() as f64 / 1e6 / fastest.as_secs_f64(), items)
}

/// Whether a format is asked for.
fn wanted(name: &str) -> bool {
    let mut asked = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-') && argument != "memory" && argument.parse::<usize>().is_err());
    asked.next().is_none_or(|asked| name.contains(&asked))
}

fn report(name: &str, bytes: &[u8], bare: &str, scan: impl FnMut() -> usize, read: impl FnMut() -> usize) {
    // A scan of line ends is shorter than a tick of the scheduler, by which processor time is counted.
    let (scanned, _) = best(bytes, 16, scan);
    let (speed, items) = best(bytes, 1, read);
    let megabytes = bytes.len() as f64 / 1e6;
    let per_second = items as f64 * speed / megabytes;
    println!(
        "{name:<14} {megabytes:>6.0} MB  {speed:>6.0} MB/s  {per_second:>9.0} records/s  {:>5.2} of {bare} ({scanned:.0} MB/s)",
        speed / scanned
    );
}

fn lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// Every event of a document, by the library alone.
fn events(text: &str) -> usize {
    let mut xml = quick_xml::Reader::from_str(text);
    let mut events = 0;
    loop {
        match xml.read_event() {
            Ok(quick_xml::events::Event::Eof) => return events,
            Ok(event) => {
                std::hint::black_box(&event);
                events += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A document of about `size` bytes that is made while it is read: a head, entries made by number, a tail.
struct Document<E, T> {
    left: usize,
    number: u32,
    piece: String,
    given: usize,
    entry: E,
    tail: Option<T>,
}

impl<E: Fn(&mut String, u32), T: FnOnce(u32) -> String> Document<E, T> {
    fn new(size: usize, head: &str, entry: E, tail: T) -> Self {
        Self { left: size, number: 0, piece: head.to_owned(), given: 0, entry, tail: Some(tail) }
    }
}

impl<E: Fn(&mut String, u32), T: FnOnce(u32) -> String> Read for Document<E, T> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.piece.len() {
            self.piece.clear();
            self.given = 0;
            if self.left > 0 {
                self.number += 1;
                (self.entry)(&mut self.piece, self.number);
                self.left = self.left.saturating_sub(self.piece.len());
            } else if let Some(tail) = self.tail.take() {
                self.piece = tail(self.number);
            }
        }
        let rest = self.piece.as_bytes().get(self.given..).unwrap_or_default();
        let taken = rest.len().min(into.len());
        into.get_mut(..taken).expect("it is that long").copy_from_slice(rest.get(..taken).expect("it is that long"));
        self.given += taken;
        Ok(taken)
    }
}

/// The whole of a document.
fn text(mut document: impl Read) -> String {
    let mut text = String::new();
    document.read_to_string(&mut text).expect("nothing fails in memory");
    text
}

/// The most memory this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim_end_matches("kB").trim().parse().unwrap_or(0)
}

/// Reads a day that is never in memory as a whole.
fn memory(name: &str, document: impl Read + Send) {
    let before = peak();
    let reader = open_bank(std::io::BufReader::with_capacity(256 << 10, document)).expect("it is recognised");
    let items = count(reader);
    println!("{name:<14} {items} records  {} KiB of memory more than before", peak() - before);
}

fn camt(size: usize) -> impl Read + Send {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\n<BkToCstmrStmt>\n<GrpHdr><MsgId>M</MsgId></GrpHdr>\n<Stmt><Id>S</Id><Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id><Ccy>EUR</Ccy></Acct>\n";
    let entry = |text: &mut String, number: u32| {
        write!(
            text,
            "<Ntry>\n  <NtryRef>{number}</NtryRef>\n  <Amt Ccy=\"EUR\">{}.{:02}</Amt>\n  <CdtDbtInd>CRDT</CdtDbtInd>\n  <Sts><Cd>BOOK</Cd></Sts>\n  <BookgDt><Dt>2026-03-06</Dt></BookgDt>\n  <ValDt><Dt>2026-03-06</Dt></ValDt>\n  <AcctSvcrRef>BANK{number:012}</AcctSvcrRef>\n  <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\n  <NtryDtls>\n    <TxDtls>\n      <Refs><InstrId>I{number}</InstrId><EndToEndId>F-2026-{number}</EndToEndId><TxId>T{number:016}</TxId></Refs>\n      <Amt Ccy=\"EUR\">{}.{:02}</Amt>\n      <CdtDbtInd>CRDT</CdtDbtInd>\n      <RltdPties>\n        <Dbtr><Pty><Nm>Jean Dupont et fils {}</Nm><PstlAdr><StrtNm>rue de la Paix</StrtNm><TwnNm>Paris</TwnNm><Ctry>FR</Ctry></PstlAdr></Pty></Dbtr>\n        <DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct>\n        <CdtrAcct><Id><IBAN>FR7620041010050420061017194</IBAN></Id></CdtrAcct>\n      </RltdPties>\n      <RltdAgts><DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt></RltdAgts>\n      <RmtInf><Ustrd>facture F-2026-{number} du 1 mars, merci de votre confiance</Ustrd></RmtInf>\n    </TxDtls>\n  </NtryDtls>\n  <AddtlNtryInf>VIREMENT RECU</AddtlNtryInf>\n</Ntry>\n",
            number % 5_000,
            number % 100,
            number % 5_000,
            number % 100,
            number % 900,
        )
        .expect("a string takes everything");
    };
    Document::new(size, head, entry, |_| "</Stmt>\n</BkToCstmrStmt>\n</Document>\n".to_owned())
}

fn mt940(size: usize) -> impl Read + Send {
    let head = ":20:STARTUMSE\n:25:37040044/0532013000\n:28C:00064/001\n:60F:C260304EUR0,00\n";
    let entry = |text: &mut String, number: u32| {
        write!(
            text,
            ":61:2603050305C{},{:02}NTRFF-{number}//B{number:010}\n:86:166?00GUTSCHR. UEBERWEISUNG?109310?20EREF+F-2026-{number:08}\n?21SVWZ+Rechnung F-2026-{number:08}?22 Kundennummer 411DUPONT, vie\n?23len Dank?30COBADEFFXXX?31DE89370400440532013000?32JEAN DUPONT\n",
            number % 5_000,
            number % 100,
        )
        .expect("a string takes everything");
    };
    let total = |number: u32| (1..=number).map(|number| u64::from(number % 5_000 * 100 + number % 100)).sum::<u64>();
    Document::new(size, head, entry, move |number| {
        format!(":62F:C260305EUR{},{:02}\n-\n", total(number) / 100, total(number) % 100)
    })
}

fn cfonb120(size: usize) -> impl Read + Send {
    let record = |code: &str, label: &str, amount: &str| {
        format!("{code}20041    01005EUR2 0500013M026  050326  050326{label:<42}{amount:<30}\n")
    };
    let complement = |qualifier: &str, text: &str| {
        format!("0520041    01005EUR2 0500013M02605050326     {qualifier}{text:<70}  \n")
    };
    let head = record("01", "", "0000000000000{");
    let entry = move |text: &mut String, number: u32| {
        text.push_str(&record("04", "VIR JEAN DUPONT", &format!("{:013}{{{:>16}", number % 5_000, number)));
        text.push_str(&complement("NPY", "JEAN DUPONT"));
        text.push_str(&complement("RCN", &format!("F-2026-{number}")));
        text.push_str(&complement("LCC", &format!("FACTURE F-2026-{number} MERCI DE VOTRE CONFIANCE")));
    };
    let total = |number: u32| (1..=number).map(|number| u64::from(number % 5_000)).sum::<u64>();
    Document::new(size, &head, entry, move |number| record("07", "", &format!("{:013}{{", total(number))))
}

fn main() {
    let megabytes = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100_usize);
    let size = megabytes << 20;

    if std::env::args().any(|argument| argument == "write") {
        let folder = std::env::args().rfind(|argument| !argument.starts_with('-')).unwrap_or_default();
        let write = |name: &str, text: String| std::fs::write(std::path::Path::new(&folder).join(name), text);
        write("camt", text(camt(size))).expect("the folder is there");
        return write("mt940", text(mt940(size))).expect("the folder is there");
    }
    if std::env::args().any(|argument| argument == "memory") {
        if wanted("camt.053") {
            memory("camt.053", camt(size));
        }
        if wanted("MT940") {
            memory("MT940", mt940(size));
        }
        if wanted("CFONB 120") {
            memory("CFONB 120", cfonb120(size));
        }
        return;
    }
    if wanted("camt.053") {
        let text = text(camt(size));
        report(
            "camt.053",
            text.as_bytes(),
            "quick-xml events",
            || events(&text),
            || count(open_bank(text.as_bytes()).expect("it is recognised")),
        );
    }
    for name in ["MT940", "CFONB 120"].into_iter().filter(|name| wanted(name)) {
        let text = if name == "MT940" { text(mt940(size)) } else { text(cfonb120(size)) };
        let bytes = text.as_bytes();
        report(name, bytes, "line ends", || lines(bytes), || count(open_bank(bytes).expect("it is recognised")));
    }
    if wanted("invoices CSV") {
        invoices(size);
    }
}

fn invoices(size: usize) {
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/quittance.toml");
    let (Some(config), _) = Config::load(&sample) else { return eprintln!("the sample configuration is wrong") };
    let Some(mapping) = config.mappings.get("erp") else { return eprintln!("there is no mapping erp") };
    let head = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n";
    let entry = |text: &mut String, number: u32| {
        writeln!(
            text,
            "F-{number};C-{};Jean Dupont;jean@example.org;06 12 34 56 78;fr;120,00;01/03/2026;31/03/2026;Conseil",
            number % 1_000
        )
        .expect("a string takes everything");
    };
    let text = text(Document::new(size, head, entry, |_| String::new()));
    let bytes = text.as_bytes();
    report("invoices CSV", bytes, "line ends", || lines(bytes), || count(erp::csv::reader(bytes, mapping)));
}
