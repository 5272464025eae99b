//! A year of payment requests in virtual time: reminders, collections from cards and by direct debit,
//! new attempts, returns, transfers. Nothing leaves; the same seed writes the same bytes.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use quittance_actors::collection::{CardScheme, Instrument, Mandate, MandateKind};
use quittance_actors::customer::{self, Gives, Kind, Profile};
use quittance_actors::delivery::{Channel, Guard, Outcome};
use quittance_actors::machine::Tell;
use quittance_actors::partition::{ArmedTimer, Commit, Envelope, Lane, Origin, Preparation, Stepped, TriedDelivery};
use quittance_actors::payment_request::{self, AttemptReport, AttemptResult, Command, Terms};
use quittance_actors::policies::Policies;
use quittance_actors::rules::EventType;
use quittance_actors::transfer::{self, Details, Evidence, ReferenceHit, ReferenceKind};
use quittance_actors::values::{
    AttemptId, CommandId, CreditorReference, Currency, CustomerId, Date, EmailAddress, EntityId, Iban, Language,
    Money, PaymentRequestId, Reading, ReferenceKey, RemittanceInformation, ShortReference, TenantId, Timestamp,
    TransferId, stable_hash,
};

use super::world::Folder;
use crate::assemble;
use crate::cli::samples;
use crate::digest;
use crate::journal::codec;
use crate::replay::Nothing;

#[derive(Args)]
pub(super) struct Options {
    /// Payment requests, issued over the year.
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// What everything follows from.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// What a year came to.
#[derive(Default)]
struct Year {
    records: u64,
    bytes: u64,
    told: BTreeMap<EventType, u64>,
    digest: Vec<[u8; 32]>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let folder = Folder::new();
    let fresh = samples::fresh(str::to_owned)?;
    samples::write(&folder.0.join("config"), &fresh.files)?;
    let (loaded, findings) = assemble::load(&folder.0.join("config/quittance.toml"));
    let (config, _) = loaded.ok_or_else(|| anyhow::Error::msg(findings.render(false)))?;
    let tenant = config.service.tenants.first().context("the sample has no tenant")?;
    let policies = config.policies(tenant).context("the sample has no calendar")?;
    let started = Instant::now();
    let (requests, seed) = (options.requests, options.seed);
    let halves = std::thread::scope(|scope| {
        let half = |first: u8| {
            let (policies, tenant) = (&policies, &tenant.id);
            move || {
                let mut year = Year::default();
                for lane in (first..=u8::MAX).step_by(2) {
                    let of_lane = (0..requests).filter(|number| number % 256 == u64::from(lane));
                    Life::new(lane, seed, tenant, policies)?.live(of_lane, &mut year)?;
                }
                anyhow::Ok(year)
            }
        };
        let halves = [scope.spawn(half(0)), scope.spawn(half(1))];
        halves.map(|half| half.join().map_err(|_| anyhow::Error::msg("a lane has failed"))?)
    });
    let [first, second] = halves;
    let (first, second) = (first?, second?);
    let took = started.elapsed();
    // In the order of the lanes, whoever was faster.
    let all: Vec<u8> = first.digest.iter().zip(&second.digest).flat_map(|(a, b)| [*a, *b].concat()).collect();
    let mut told = first.told;
    for (event, count) in second.told {
        *told.entry(event).or_default() += count;
    }
    let (records, bytes) = (first.records + second.records, first.bytes + second.bytes);
    let events: u64 = told.values().sum();
    println!("A year of {requests} payment requests, seed {seed}");
    println!("  {:.1} s on two threads: {records} records, {events} public events", took.as_secs_f64());
    println!(
        "  {:.2} µs of both threads and {} bytes a record",
        took.as_secs_f64() * 2e6 / records.max(1) as f64,
        bytes / records.max(1)
    );
    for (event, count) in &told {
        println!("  {count:>9}  {event}");
    }
    println!("  digest {}", digest::hex(&digest::sha256(&all)));
    Ok(0)
}

/// A lane, its clock, and what is still to happen to it.
struct Life<'a> {
    lane: Lane,
    number: u8,
    seed: u64,
    tenant: &'a TenantId,
    policies: &'a Policies,
    now: Timestamp,
    start: Date,
    timers: BTreeSet<ArmedTimer>,
    inputs: BTreeMap<(Timestamp, u64), Tell>,
    commands: u64,
    log: Vec<u8>,
    told: BTreeMap<EventType, u64>,
    position: u64,
}

impl<'a> Life<'a> {
    fn new(number: u8, seed: u64, tenant: &'a TenantId, policies: &'a Policies) -> anyhow::Result<Self> {
        let start = Date::new(2026, 1, 5).context("no such day")?;
        Ok(Self {
            lane: Lane::new(number, 0, Arc::new(Nothing)),
            number,
            seed,
            tenant,
            policies,
            now: start.at(0, 0, &policies.zone),
            start,
            timers: BTreeSet::new(),
            inputs: BTreeMap::new(),
            commands: 0,
            log: Vec::new(),
            told: BTreeMap::new(),
            position: 0,
        })
    }

    /// A number below `of` that follows from the seed and some words.
    fn chance(&self, words: &[&str], of: u64) -> u64 {
        let seed = self.seed.to_string();
        stable_hash(&[&[seed.as_str()], words].concat()) % of.max(1)
    }

    fn later(&mut self, at: Timestamp, tell: Tell) {
        self.commands += 1;
        self.inputs.insert((at.max(self.now), self.commands), tell);
    }

    fn live(mut self, requests: impl Iterator<Item = u64>, year: &mut Year) -> anyhow::Result<()> {
        for number in requests {
            self.plan(number)?;
        }
        loop {
            let input = self.inputs.first_key_value().map(|((at, _), _)| *at);
            let timer = self.timers.first().map(|timer| timer.due);
            match (input, timer) {
                (None, None) => break,
                // What the bank has said is admitted before timers of the same moment.
                (Some(at), due) if due.is_none_or(|due| at <= due) => {
                    if let Some((_, tell)) = self.inputs.pop_first() {
                        self.now = self.now.max(at);
                        self.ask(tell, None)?;
                    }
                }
                _ => {
                    if let Some(timer) = self.timers.pop_first() {
                        self.now = self.now.max(timer.due);
                        if let Some(tell) = timer.command(Some(self.now.date_in(&self.policies.zone))) {
                            self.ask(tell, Some(timer))?;
                        }
                    }
                }
            }
        }
        year.records += self.position;
        year.bytes += u64::try_from(self.log.len()).unwrap_or(0);
        for (event, count) in self.told {
            *year.told.entry(event).or_default() += count;
        }
        year.digest.push(digest::sha256(&self.log));
        Ok(())
    }

    /// A customer, its card and mandate, a request on some day of the year, and how it is to be paid.
    fn plan(&mut self, number: u64) -> anyhow::Result<()> {
        let word = number.to_string();
        let day = i32::try_from(self.chance(&["day", &word], 365))?;
        let issued_on = self.start.plus_days(day);
        let at = issued_on.at(8, 0, &self.policies.zone);
        let customer = CustomerId::new(Timestamp::default(), number / 3, self.number);
        let profile = Profile {
            external_ref: format!("C-{}", number / 3).into(),
            kind: Kind::Business,
            name: format!("Customer {}", number / 3).into(),
            email: EmailAddress::parse("someone@example.org").ok(),
            phone: None,
            language: Language::Fr,
        };
        let profile = Arc::new(profile);
        let register =
            customer::Command::Register { id: customer, profile, gives: Gives::ALL, zone: None, virtual_iban: None };
        self.later(at, Tell::Customer(customer, register));
        let id = PaymentRequestId::new(Timestamp::default(), number, self.number);
        let short_reference = ShortReference::of(number, ReferenceKey::from_seed(7));
        let amount =
            Money::from_minor(2_000 + i64::try_from(self.chance(&["amount", &word], 50_000))?, Currency::EUR);
        let terms = Terms {
            id,
            customer,
            external_ref: format!("F-{number}").into(),
            amount,
            issued_on,
            created_at: at,
            due_on: issued_on.plus_days(30),
            description: "".into(),
            short_reference,
            creditor_reference: CreditorReference::of(&short_reference.compact())?,
            scenario: self.policies.default_scenario.as_deref().map(Into::into),
        };
        self.later(at, Tell::PaymentRequest(id, Command::Issue { terms, dated: true, number: None }));
        match self.chance(&["how", &word], 4) {
            0 => {
                let token = format!("tok{}", number / 3);
                let add = customer::Command::AddPaymentMethod {
                    token: token.as_str().into(),
                    last4: "4242".into(),
                    expires_on: Date::new(2028, 12, 31).context("no such day")?,
                    backs_recurring: true,
                    scheme: Some(CardScheme::Visa),
                };
                self.later(at, Tell::Customer(customer, add));
                self.collect(at, customer, id, Instrument::Card(token.into()));
            }
            1 => {
                let reference = format!("RUM-{}", number / 3);
                let mandate = Mandate {
                    kind: MandateKind::CoreRecurrent,
                    iban: Iban::parse("FR1420041010050500013M02606")?,
                    bic: None,
                    signed_on: self.start,
                    notice_days: 5,
                };
                let sign = customer::Command::SignMandate { reference: reference.as_str().into(), mandate };
                self.later(at, Tell::Customer(customer, sign));
                self.collect(at, customer, id, Instrument::Mandate(reference.into()));
            }
            2 => {
                let days = 10 + i32::try_from(self.chance(&["pays", &word], 45))?;
                self.pay(issued_on.plus_days(days), number, (id, customer), amount)?;
            }
            _ => {} // Never paid.
        }
        Ok(())
    }

    fn collect(&mut self, at: Timestamp, customer: CustomerId, request: PaymentRequestId, instrument: Instrument) {
        let collect = customer::Command::Collect { request, instrument, policy: None, again: false };
        self.later(at, Tell::Customer(customer, collect));
    }

    fn pay(
        &mut self, on: Date, number: u64, (request, customer): (PaymentRequestId, CustomerId), amount: Money,
    ) -> anyhow::Result<()> {
        let id = TransferId::new(Timestamp::default(), number, self.number);
        let details = Details {
            id,
            entry_key: format!("E-{number}"),
            account: None,
            amount,
            booked_on: on,
            payer_name: None,
            payer_iban: None,
            end_to_end_id: None,
            remittance: RemittanceInformation::new(Vec::new(), format!("F-{number}"))?,
        };
        let hit = ReferenceHit { kind: ReferenceKind::Number, reading: Reading::Exact, request, customer };
        let evidence = Evidence { hits: vec![hit], ..Evidence::default() };
        let receive = transfer::Command::Receive { details: Arc::new(details), particulars: None, evidence };
        self.later(on.at(7, 0, &self.policies.zone), Tell::Transfer(id, receive));
        Ok(())
    }

    fn ask(&mut self, tell: Tell, fired: Option<ArmedTimer>) -> anyhow::Result<()> {
        self.commands += 1;
        let command_id = CommandId::new(self.now, self.commands, self.number);
        let origin = if fired.is_some() { Origin::Timer } else { Origin::System };
        let (tenant, at) = (self.tenant.clone(), self.now);
        let envelope = Envelope { tenant, command_id, fingerprint: 0, origin, at, tell };
        match self.lane.step_fired(&envelope, self.policies, fired) {
            Ok(Stepped::Recorded(commit, _)) => self.durable(&commit),
            // Suspended, paid, ended: what cannot be asked any more is left.
            Ok(Stepped::Unchanged(_)) | Err(quittance_actors::partition::StepError::Rejected(_)) => Ok(()),
            Err(error) => Err(anyhow::Error::msg(error.to_string())),
        }
    }

    /// What happens once a record is durable.
    fn durable(&mut self, commit: &Arc<Commit>) -> anyhow::Result<()> {
        self.note(commit)?;
        self.timers.extend(&commit.timers);
        let (mut tries, mut orders) = (Vec::new(), Vec::new());
        for place in 0..commit.deliveries.len() {
            let id = commit.delivery_id(place);
            let outcome =
                match self.lane.prepare(id, Some(commit)).map_err(|error| anyhow::Error::msg(error.to_string()))? {
                    Preparation::Ready(delivery, _) => {
                        if let (Channel::Collection, Guard::AttemptWanted(request, attempt)) =
                            (delivery.channel, delivery.guard)
                        {
                            orders.push((request, attempt));
                        }
                        Outcome::Delivered { detail: String::new() }
                    }
                    Preparation::Suppressed(reason, _) => Outcome::Suppressed { reason },
                    Preparation::Ended | Preparation::Unheard(_) => continue,
                };
            tries.push(TriedDelivery { id, outcome });
        }
        if let Some(Stepped::Recorded(commit, _)) = self.lane.record_outcomes(self.tenant, self.now, tries) {
            self.note(&commit)?;
        }
        orders.into_iter().try_for_each(|(request, attempt)| self.order(request, attempt))
    }

    fn note(&mut self, commit: &Arc<Commit>) -> anyhow::Result<()> {
        self.position += 1;
        self.lane.placed(commit, self.position).map_err(|error| anyhow::Error::msg(error.to_string()))?;
        codec::encode_record(commit, &mut self.log)?;
        for occurrence in &commit.published {
            *self.told.entry(occurrence.event).or_default() += 1;
        }
        Ok(())
    }

    /// A gateway or bank takes an order, and answers as the seed says: most go through, some come back.
    fn order(&mut self, request: PaymentRequestId, attempt: AttemptId) -> anyhow::Result<()> {
        self.ask(Tell::PaymentRequest(request, Command::ClaimAttempt { attempt }), None)?;
        let state = self.lane.activate(EntityId::PaymentRequest(request));
        let (_, entity) = state.map_err(|error| anyhow::Error::msg(error.to_string()))?;
        let known = entity.as_payment_request().and_then(|state| state.attempts.get(&attempt)).cloned();
        let Some(known) = known else { return Ok(()) };
        let is_card = known.usage.as_ref().is_some_and(|usage| matches!(usage.instrument, Instrument::Card(_)));
        let amount = known.amount;
        let code = match (self.chance(&["result", &attempt.to_string()], 100), is_card) {
            (0..=69, true) => None,
            (70..=94, true) => Some("51"),
            (_, true) => Some("54"),
            (0..=79, false) => None,
            (80..=93, false) => Some("AM04"),
            (94..=96, false) => Some("AC04"),
            (_, false) => Some("MD06"),
        };
        let of = |command| Tell::PaymentRequest(request, command);
        match (code, is_card) {
            (None, true) => {
                let report = AttemptReport { attempt, amount, result: AttemptResult::Succeeded };
                self.ask(of(Command::ReportAttempt(report)), None)
            }
            (Some(code), true) => {
                let result = AttemptResult::Failed { reason_code: code.into(), advice: None };
                self.ask(of(Command::ReportAttempt(AttemptReport { attempt, amount, result })), None)
            }
            (code, false) => {
                self.ask(of(payment_request::Command::AcceptAttempt { attempt }), None)?;
                if let Some(code) = code {
                    // A refund of the payer comes weeks later, a bank's return in days.
                    let days = if code == "MD06" { 40 } else { 3 };
                    let returned = Command::ReturnAttempt { attempt, reason_code: code.into() };
                    self.later(self.now.plus_days(days), of(returned));
                }
                Ok(())
            }
        }
    }
}
