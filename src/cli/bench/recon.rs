//! Work W6: transfers with a known truth, through lookups, ladder and log, and how right the
//! placements are, by class of case.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use quittance_actors::account_numbers::Given;
use quittance_actors::customer::{self, Gives, Kind, Profile};
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::payment_request::{self, Terms};
use quittance_actors::ports::Clock as _;
use quittance_actors::runtime::{Admit, BankEntry, Priority};
use quittance_actors::transfer::{self, Details, Particulars, Status};
use quittance_actors::values::{
    CommandId, CreditorReference, Currency, CustomerId, Date, EndToEndId, EntityId, Iban, Language, Money,
    PaymentRequestId, ReferenceKey, RemittanceInformation, ShortReference, Timestamp, TransferId, VirtualIban,
};

use super::super::recon::peers::{Answer, Books};
use super::super::recon::{Pays, Set, Transfer, Truth};
use super::world::{self, Folder, Pace, Setup};

#[derive(Args)]
pub(super) struct Options {
    /// A set: what `quittance generate recon` writes, or others in the same shape.
    set: PathBuf,
    /// Transfers under way at once.
    #[arg(long, default_value_t = 256)]
    in_flight: usize,
    /// Shows what others would do with the same set.
    #[arg(long)]
    peers: bool,
    /// Shows this many wrong placements.
    #[arg(long, default_value_t = 0)]
    wrong: usize,
    /// Shows this many tasks of what could be known, or of which the answer is not among the first three.
    #[arg(long, default_value_t = 0)]
    missed: usize,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let set = Arc::new(Set::read(&options.set)?);
    if options.peers {
        peers(&set);
    }
    let folder = Folder::new();
    actix_web::rt::System::new().block_on(measure(&folder, &set, options)).map(|()| 0)
}

/// What became of the transfers of a class.
#[derive(Default, Clone, Copy)]
struct Tally {
    count: u64,
    knowable: u64,
    right: u64,
    /// Of them those that could be known.
    right_knowable: u64,
    /// Placed, not as it should be, on requests of the right customer.
    wrong: u64,
    /// Placed on requests of another customer, or of anybody when it pays nothing.
    crossed: u64,
    misapplied: i64,
    /// Tasks that have an answer.
    asked: u64,
    shown: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.count += other.count;
        self.knowable += other.knowable;
        self.right += other.right;
        self.right_knowable += other.right_knowable;
        self.wrong += other.wrong;
        self.crossed += other.crossed;
        self.misapplied += other.misapplied;
        self.asked += other.asked;
        self.shown += other.shown;
    }

    fn placed(&mut self, truth: &Truth, mut pays: Vec<Pays>, owner: Option<&str>) {
        let mut wanted = truth.pays.clone();
        wanted.sort();
        pays.sort();
        if pays == wanted && !pays.is_empty() {
            self.right += 1;
            self.right_knowable += u64::from(truth.auto);
            return;
        }
        let well: i64 = pays.iter().filter(|part| wanted.contains(part)).map(|part| part.amount).sum();
        self.misapplied += pays.iter().map(|part| part.amount).sum::<i64>() - well;
        if owner.is_some() && owner == truth.customer.as_deref() && !wanted.is_empty() {
            self.wrong += 1;
        } else {
            self.crossed += 1;
        }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn table(name: &str, tallies: &BTreeMap<String, Tally>) {
    println!("  {name}");
    println!(
        "    class                  count  knowable  right  wrong  crossed  precision  recall  misapplied  hit@3"
    );
    let mut all = Tally::default();
    tallies.values().for_each(|tally| all.add(tally));
    for (class, tally) in tallies.iter().map(|(class, tally)| (class.as_str(), tally)).chain([("all", &all)]) {
        let Tally { count, knowable, right, right_knowable, wrong, crossed, misapplied, asked, shown } = *tally;
        println!(
            "    {class:<21} {count:>6} {knowable:>9} {right:>6} {wrong:>6} {crossed:>8} {:>10.4} {:>7.4} {:>11.2} {:>6.3}",
            ratio(right, right + wrong + crossed),
            ratio(right_knowable, knowable),
            misapplied as f64 / 100.0,
            ratio(shown, asked),
        );
    }
}

/// The seed of a configuration that gives the constants of a set's references.
fn seed_for(wanted: ReferenceKey) -> anyhow::Result<u64> {
    (0..1_000_000)
        .find(|seed| crate::assemble::reference_key_of(*seed) == wanted)
        .ok_or_else(|| anyhow::Error::msg("no seed gives the set's references"))
}

/// The ids of a set's customers and invoices.
struct Ids {
    start: Timestamp,
    customers: BTreeMap<String, u64>,
    invoices: BTreeMap<PaymentRequestId, String>,
}

impl Ids {
    fn of(set: &Set, start: Timestamp) -> Self {
        let customers = (1_u64..).zip(&set.customers).map(|(number, customer)| (customer.customer.clone(), number));
        let mut ids = Self { start, customers: customers.collect(), invoices: BTreeMap::new() };
        for (number, invoice) in (1_u64..).zip(&set.invoices) {
            ids.invoices.insert(ids.request(number, &invoice.customer), invoice.invoice.clone());
        }
        ids
    }

    fn customer(&self, customer: &str) -> CustomerId {
        let number = self.customers.get(customer).copied().unwrap_or(0);
        CustomerId::new(self.start, number, u8::try_from(number % 256).unwrap_or(0))
    }

    fn request(&self, number: u64, customer: &str) -> PaymentRequestId {
        PaymentRequestId::new(self.start, number, self.customer(customer).partition())
    }

    fn pays(&self, parts: &[(PaymentRequestId, Money)]) -> Vec<Pays> {
        let part = |(id, amount): &(PaymentRequestId, Money)| {
            Some(Pays { invoice: self.invoices.get(id)?.clone(), amount: amount.minor() })
        };
        parts.iter().filter_map(part).collect()
    }
}

fn at<T>(items: &[T], number: u64) -> anyhow::Result<&T> {
    let item = usize::try_from(number).ok().and_then(|number| items.get(number));
    item.ok_or_else(|| anyhow::Error::msg("no such item"))
}

fn register(set: &Set, ids: &Ids, number: u64) -> anyhow::Result<Tell> {
    let customer = at(&set.customers, number)?;
    let id = ids.customer(&customer.customer);
    let profile = Profile {
        external_ref: customer.customer.as_str().into(),
        kind: Kind::Business,
        name: customer.name.as_str().into(),
        email: None,
        phone: None,
        language: Language::Fr,
    };
    let own = customer.virtual_iban.as_deref().map(Iban::parse).transpose()?.map(VirtualIban::new);
    let given = own.map(|virtual_iban| Given { virtual_iban, since: None, left: 0 });
    let profile = Arc::new(profile);
    Ok(Tell::Customer(
        id,
        customer::Command::Register { id, profile, gives: Gives::ALL, zone: None, virtual_iban: given },
    ))
}

fn issue(set: &Set, ids: &Ids, currency: Currency, number: u64) -> anyhow::Result<Tell> {
    let invoice = at(&set.invoices, number)?;
    let short_reference = ShortReference::try_from(invoice.reference.clone())?;
    let id = ids.request(number + 1, &invoice.customer);
    let terms = Terms {
        id,
        customer: ids.customer(&invoice.customer),
        external_ref: invoice.invoice.as_str().into(),
        amount: Money::from_minor(invoice.amount, currency),
        issued_on: Date::parse(&invoice.issued_on)?,
        created_at: ids.start,
        due_on: Date::parse(&invoice.due_on)?,
        description: "".into(),
        short_reference,
        creditor_reference: CreditorReference::of(&short_reference.compact())?,
        scenario: None,
    };
    Ok(Tell::PaymentRequest(id, payment_request::Command::Issue { terms, dated: true, number: None }))
}

fn entry(transfer: &Transfer, currency: Currency) -> anyhow::Result<BankEntry> {
    let details = Details {
        id: TransferId::new(Timestamp::default(), 0, 0),
        entry_key: transfer.transfer.clone(),
        account: transfer.account.as_deref().map(Iban::parse).transpose()?,
        amount: Money::from_minor(transfer.amount, currency),
        booked_on: Date::parse(&transfer.booked_on)?,
        payer_name: transfer.payer_name.clone(),
        payer_iban: transfer.payer_iban.as_deref().and_then(|iban| Iban::parse(iban).ok()),
        end_to_end_id: transfer.end_to_end_id.as_deref().map(EndToEndId::parse).transpose()?.flatten(),
        remittance: RemittanceInformation::new(transfer.structured.clone(), transfer.text.clone())?,
    };
    Ok(BankEntry {
        details,
        particulars: Particulars::default(),
        counted_as: Vec::new(),
        same_as: None,
        collected: Vec::new(),
        paid_out: Vec::new(),
        debit: false,
    })
}

async fn measure(folder: &Folder, set: &Arc<Set>, options: &Options) -> anyhow::Result<()> {
    world::configure(&folder.0, Setup::default())?;
    let path = folder.0.join("config/quittance.toml");
    let seed = seed_for(ReferenceKey::from_seed(set.about.reference_seed))?;
    let (text, acceptance) = (std::fs::read_to_string(&path)?, folder.0.join("config/acceptance.toml"));
    let placed =
        std::fs::read_to_string(&acceptance)?.replace("equal_amounts = \"task\"", "equal_amounts = \"oldest\"");
    std::fs::write(&acceptance, placed)?;
    // The day on which the last entry was booked is over: none of them is booked ahead.
    let newest = set.transfers.iter().map(|transfer| transfer.booked_on.as_str()).max();
    let today = newest.map(Date::parse).transpose()?.map(|newest| newest.plus_days(1));
    let lines = text.lines().map(|line| match line {
        _ if line.starts_with("reference_seed") => format!("reference_seed = {seed}\n"),
        _ => match today.filter(|_| line.starts_with("test_clock")) {
            Some(today) => format!("test_clock = \"{today}T12:00:00+01:00\"\n"),
            None => format!("{line}\n"),
        },
    });
    std::fs::write(&path, lines.collect::<String>())?;
    let (service, _) = world::start(&folder.0).await?;
    let (service, tenant) = (Arc::new(service), world::tenant()?);
    let currency = Currency::parse(&set.about.currency)?;
    let ids = Ids::of(set, service.clocks.now(&tenant));
    let pace = |first_id| Pace { in_flight: 8_000, batch: 500, rate: None, first_id };
    let [customers, invoices] =
        [set.customers.len(), set.invoices.len()].map(|count| u64::try_from(count).unwrap_or(0));
    world::drive(&service, &tenant, customers, pace(1 << 40), |number| register(set, &ids, number)).await?;
    world::drive(&service, &tenant, invoices, pace(1 << 41), |number| issue(set, &ids, currency, number)).await?;
    // The invoices are in the store, and its own work on them is done, before the first transfer comes.
    for _ in 0..2 {
        let _ = service.checkpointer.send(quittance_actors::runtime::Offer).await; // It is tried again anyway.
    }
    settled().await;

    let entries: Vec<BankEntry> =
        set.transfers.iter().map(|transfer| entry(transfer, currency)).collect::<anyhow::Result<_>>()?;
    let places = Arc::new(tokio::sync::Semaphore::new(options.in_flight.max(1)));
    let admitted = Arc::new(parking_lot::Mutex::new(vec![None; entries.len()]));
    let waits = Arc::new(parking_lot::Mutex::new(Vec::with_capacity(entries.len())));
    let (cpu, started) = (world::cpu_us(), Instant::now());
    for (number, entry) in entries.into_iter().enumerate() {
        let place = Arc::clone(&places).acquire_owned().await?;
        let command = CommandId::new(Timestamp::from_unix_millis(2), u64::try_from(number)?, 0);
        let admit =
            Admit { tenant: tenant.clone(), entry, command, origin: Origin::System, priority: Priority::Patient };
        let (service, admitted, waits) = (Arc::clone(&service), Arc::clone(&admitted), Arc::clone(&waits));
        actix::spawn(async move {
            let asked = Instant::now();
            match service.reconciliation.send(admit).await {
                Ok(Ok((id, _))) => {
                    if let Some(known) = admitted.lock().get_mut(number) {
                        *known = Some(id);
                    }
                }
                Ok(Err(error)) => eprintln!("not recorded: {error}"),
                Err(error) => eprintln!("not recorded: {error}"),
            }
            waits.lock().push(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
            drop(place);
        });
    }
    drop(places.acquire_many(u32::try_from(options.in_flight.max(1))?).await?);
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), world::cpu_us() - cpu);
    let mut states = Vec::with_capacity(set.transfers.len());
    let known = admitted.lock().clone();
    for id in known {
        let id = id.ok_or_else(|| anyhow::Error::msg("a transfer was not recorded"))?;
        let (_, entity, _) = service.router.read(EntityId::Transfer(id), 0).await?;
        states.push(entity.as_transfer().cloned().ok_or_else(|| anyhow::Error::msg("not a transfer"))?);
    }
    let count = u64::try_from(states.len())?;
    let mut waits = std::mem::take(&mut *waits.lock());
    waits.sort_unstable();
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or(0);
    println!("  of equal amounts the oldest is taken here; a tenant's default is a task");
    println!("W6 reconciliation: {count} transfers, {invoices} open invoices of {customers} customers");
    println!("  transfers/s       {:>10.0}, durable, {} under way", count as f64 / seconds, options.in_flight);
    println!("  CPU per transfer  {:>10.2} µs, over all threads", world::per_event(cpu, count));
    println!("  p99               {:>10.2} ms from admission to durable", p99 as f64 / 1_000.0);
    judge(set, &ids, &states, options);
    service.stop().await;
    Ok(())
}

/// Waits until this process is nearly at rest, half a minute at most.
async fn settled() {
    for _ in 0..30 {
        let before = world::cpu_us();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        if world::cpu_us() - before < 100_000 {
            return;
        }
    }
}

fn judge(set: &Set, ids: &Ids, states: &[transfer::Transfer], options: &Options) {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let owners: BTreeMap<CustomerId, &str> =
        set.customers.iter().map(|customer| (ids.customer(&customer.customer), customer.customer.as_str())).collect();
    let (mut wrong_left, mut missed_left) = (options.wrong, options.missed);
    for ((state, truth), transfer) in states.iter().zip(&set.truth).zip(&set.transfers) {
        let tally = tallies.entry(truth.class.clone()).or_default();
        tally.count += 1;
        tally.knowable += u64::from(truth.auto);
        let weighed = state.weighed.as_deref().cloned().unwrap_or_default();
        if state.status == Status::Matched {
            let parts: Vec<_> = state.allocations.iter().map(|(id, part)| (*id, *part)).collect();
            let (right, pays) = (tally.right, ids.pays(&parts));
            let owner = state.customer.and_then(|customer| owners.get(&customer).copied());
            tally.placed(truth, pays.clone(), owner);
            if tally.right == right && wrong_left > 0 {
                wrong_left -= 1;
                println!("  wrong {} {}: {}", truth.class, truth.transfer, state.explanation);
                println!("    {transfer:?}\n    truth {truth:?}\n    pays {pays:?}");
                println!("    chance {} ppm, losers {:?}", weighed.accidental_ppm, weighed.proposals);
            }
            continue;
        }
        if !truth.pays.is_empty() {
            tally.asked += 1;
            let mut wanted = truth.pays.clone();
            wanted.sort();
            let is_it = |proposal: &transfer::Proposal| {
                let mut pays = ids.pays(&proposal.parts);
                pays.sort();
                pays == wanted
            };
            let alone = wanted.first().filter(|_| wanted.len() == 1).map(|part| &part.invoice);
            let listed = || state.candidates.iter().take(3).any(|id| ids.invoices.get(id) == alone);
            let shown = weighed.proposals.iter().take(3).any(is_it) || weighed.proposals.is_empty() && listed();
            tally.shown += u64::from(shown);
            if (truth.auto || !shown) && missed_left > 0 {
                missed_left -= 1;
                println!("  missed {} {}: {} (shown {shown})", truth.class, truth.transfer, state.explanation);
                println!("    {transfer:?}\n    truth {truth:?}");
                println!(
                    "    by {:?}, chance {} ppm, {:?}",
                    weighed.identified_by, weighed.accidental_ppm, weighed.proposals
                );
            }
        }
    }
    table("Quittance", &tallies);
}

/// What others would do, each on books of its own.
fn peers(set: &Set) {
    type Peer = for<'a, 'b> fn(&'b Books<'a>, &Transfer) -> Answer;
    let peers: [(&str, Peer); 3] = [
        ("Odoo/OCA logic, the virtual IBAN as partner", |books, transfer| books.odoo(transfer)),
        ("Stripe logic: exact group of at most five, else oldest first", |books, transfer| books.stripe(transfer)),
        ("ERPNext rank: a person decides", |books, transfer| books.erpnext(transfer)),
    ];
    let owner: BTreeMap<&str, &str> =
        set.invoices.iter().map(|invoice| (invoice.invoice.as_str(), invoice.customer.as_str())).collect();
    for (name, peer) in peers {
        let mut books = Books::new(set);
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for (transfer, truth) in set.transfers.iter().zip(&set.truth) {
            let tally = tallies.entry(truth.class.clone()).or_default();
            tally.count += 1;
            tally.knowable += u64::from(truth.auto);
            match peer(&books, transfer) {
                Answer::Placed(pays) => {
                    let whose = pays.first().and_then(|part| owner.get(part.invoice.as_str()).copied());
                    tally.placed(truth, pays, whose);
                }
                Answer::Suggested(best) if !truth.pays.is_empty() => {
                    tally.asked += 1;
                    let shown =
                        best.is_some_and(|best| truth.pays.first().is_some_and(|part| part.invoice == best.invoice));
                    tally.shown += u64::from(shown);
                }
                Answer::Suggested(_) => {}
            }
            // The truth is what becomes of the books: one error is one error.
            books.take(&truth.pays);
        }
        table(name, &tallies);
    }
}
