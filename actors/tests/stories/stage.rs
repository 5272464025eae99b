//! The stage of a story: one lane, its clock and timers, and what leaves.

mod collections;
mod expectations;
mod payouts;
mod plans;
mod policies;
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use quittance_actors::account_numbers::Given;
use quittance_actors::customer::{self, Kind, Profile};
use quittance_actors::delivery::{Channel, Delivery, Outcome};
use quittance_actors::machine::Tell;
use quittance_actors::partition::{
    ArmedTimer, Commit, Entity, Envelope, Lane, Origin, Preparation, Receipt, Saved, Stepped, TriedDelivery,
};
use quittance_actors::payment_request::{self, AttemptReport, AttemptResult, Terms};
use quittance_actors::policies::{BankGate, Excess, Policies, WriteOff};
use quittance_actors::ports::{PortError, Round, Snapshots};
use quittance_actors::transfer::{self, Details, Evidence, ReferenceHit, ReferenceKind};
use quittance_actors::values::{
    AttemptId, CommandId, CreditorReference, Currency, CustomerId, Date, DecimalMark, EmailAddress, EntityId,
    Language, Money, PaymentRequestId, PayoutId, PhoneNumber, PlanId, Reading, ReferenceKey, RemittanceInformation,
    ShortReference, TenantId, Timestamp, TransferId, VirtualIban, Zone, french_iban,
};

use crate::script::Line;

const LANE: u8 = 7;

/// A store in memory.
#[derive(Default)]
pub struct Memory {
    entities: Mutex<BTreeMap<EntityId, Saved>>,
    receipts: Mutex<BTreeMap<CommandId, Receipt>>,
}

impl Snapshots for Memory {
    fn load(&self, entity: EntityId) -> Result<Option<Saved>, PortError> {
        Ok(self.entities.lock().unwrap().get(&entity).cloned())
    }

    fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, PortError> {
        Ok(self.receipts.lock().unwrap().get(&command).copied())
    }

    fn timers(&self, _: &TenantId, _: Timestamp, _: Timestamp) -> Result<Vec<ArmedTimer>, PortError> {
        Ok(Vec::new())
    }

    fn write(&self, round: &Round<'_>) -> Result<(), PortError> {
        for checkpoint in round.checkpoints {
            for (id, saved, _) in &checkpoint.entities {
                self.entities.lock().unwrap().insert(*id, saved.clone());
            }
            self.receipts.lock().unwrap().extend(checkpoint.receipts.iter().copied());
        }
        Ok(())
    }
}

/// A playing story.
pub struct Stage {
    lane: Lane,
    memory: Arc<Memory>,
    policies: Policies,
    tenant: TenantId,
    now: Timestamp,
    timers: BTreeSet<ArmedTimer>,
    commits: Vec<Arc<Commit>>,
    left: Vec<Delivery>,
    /// Orders that connectors have, in order.
    orders: Vec<Delivery>,
    /// Connectors do not say that they have what they are sent.
    orders_unanswered: bool,
    refused: Option<String>,
    /// The day up to which statements of the bank have been read.
    bank_complete_to: Option<Date>,
    customers: BTreeMap<String, CustomerId>,
    requests: BTreeMap<String, PaymentRequestId>,
    transfers: BTreeMap<String, TransferId>,
    payouts: BTreeMap<String, PayoutId>,
    plans: BTreeMap<String, PlanId>,
    /// Plans whose next number means something else.
    taken: BTreeSet<String>,
    number: u64,
}

fn number(name: &str) -> u64 {
    name.bytes().fold(0, |value: u64, byte| value.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// The account number of a customer's own.
fn number_of(name: &str, since: Option<Date>) -> Result<Given, String> {
    let account = format!("{:011}", number(name) % 100_000_000_000);
    let iban = french_iban("20041", "01005", &account).map_err(|error| error.to_string())?;
    Ok(Given { virtual_iban: VirtualIban::new(iban), since, left: 7 })
}

impl Stage {
    /// An empty stage on 2 March 2026, 09:00 in Paris.
    pub fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let policies = policies::policies();
        let now = Date::new(2026, 3, 2).unwrap().at(9, 0, &policies.zone);
        Self {
            lane: Lane::new(LANE, 0, Arc::clone(&memory) as _),
            memory,
            policies,
            tenant: TenantId::parse("shop").unwrap(),
            now,
            timers: BTreeSet::new(),
            commits: Vec::new(),
            left: Vec::new(),
            orders: Vec::new(),
            orders_unanswered: false,
            refused: None,
            bank_complete_to: None,
            customers: BTreeMap::new(),
            requests: BTreeMap::new(),
            transfers: BTreeMap::new(),
            payouts: BTreeMap::new(),
            plans: BTreeMap::new(),
            taken: BTreeSet::new(),
            number: 0,
        }
    }

    /// Plays one line.
    pub fn play(&mut self, line: &Line) -> Result<(), String> {
        if line.verb != "expect"
            && let Some(refused) = self.refused.take()
        {
            return Err(format!("the line before was refused: {refused}"));
        }
        match line.verb.as_str() {
            "customer" => self.customer(line.word(0)?, Some(line)).map(|_| ()),
            "issue" => self.issue(line),
            "transfer" => self.transfer(line),
            "decide" => self.decide(line),
            "divide" => self.divide(line),
            "take_back" | "set_aside" => {
                let id = self.transfers[line.word(0)?];
                let (by, reason) = ("ana".into(), line.word(1)?.into());
                self.ask(Tell::Transfer(
                    id,
                    match line.verb.as_str() {
                        "take_back" => transfer::Command::TakeBack { by, reason },
                        _ => transfer::Command::SetAside { by, reason },
                    },
                ))
            }
            // `recall T1 AC04 D1 of 10.00`: the bank takes the money of a transfer back by an entry of that name.
            "recall" => {
                let (id, reason) = (self.transfers[line.word(0)?], line.word(1)?.into());
                let entry = TransferId::new(Timestamp::default(), number(line.word(2)?), LANE);
                let entity = self.entity(EntityId::Transfer(id))?;
                let received = entity.as_transfer().and_then(|state| state.details.as_ref()?.amount.into());
                let amount = match line.after("of") {
                    Some(amount) => money(amount)?,
                    None => received.ok_or("not received")?,
                };
                let recall = transfer::Recall { entry, reason };
                self.ask(Tell::Transfer(id, transfer::Command::Recall { recall, amount }))
            }
            "attempt" => self.attempt(line),
            "refund" => {
                let (id, key) = (self.request(line.word(0)?)?, line.word(1)?.into());
                let amount = money(line.word(2)?)?;
                self.ask(Tell::PaymentRequest(
                    id,
                    payment_request::Command::InitiateRefund { key, amount, order: None },
                ))
            }
            "cancel" => {
                let id = self.request(line.word(0)?)?;
                self.ask(Tell::PaymentRequest(id, payment_request::Command::Cancel { reason: "story".into() }))
            }
            "card" => self.card(line),
            // `release C1`, and `renumber C1 OTHER`: the number of that name, which was somebody else's before.
            "release" => {
                let id = self.customer(line.word(0)?, None)?;
                self.ask(Tell::Customer(id, customer::Command::ReleaseNumber { reason: "story".into() }))
            }
            "renumber" => {
                let id = self.customer(line.word(0)?, None)?;
                let given = number_of(line.word(1)?, Some(self.now.date_in(&self.policies.zone)))?;
                self.ask(Tell::Customer(id, customer::Command::GiveNumber(given)))
            }
            // `tasks 2`: a task is decided within two business days; `claim T1 ana`, `assign T1 bob`.
            "tasks" => {
                self.policies.task_business_days = Some(line.word(0)?.parse().map_err(|_| "not a number")?);
                Ok(())
            }
            "claim" | "assign" => {
                let (id, who) = (self.transfers[line.word(0)?], line.word(1)?);
                self.ask(Tell::Transfer(
                    id,
                    match line.verb.as_str() {
                        "claim" => transfer::Command::Claim { by: who.into() },
                        _ => transfer::Command::Assign { to: Some(who.into()), by: "ana".into() },
                    },
                ))
            }
            "write_off" | "undo_write_off" | "use_credit" | "credit_note" => self.given_up(line),
            // `small 50 10`: differences up to 0.50 and 10 of 1,000 are given up; `credit net`.
            "small" => {
                let number = |at: usize| line.word(at)?.parse::<u16>().map_err(|error| error.to_string());
                let (minor_max, per_mille_max) = (i64::from(number(0)?), number(1)?);
                self.policies.matching.write_off = Some(WriteOff { minor_max, per_mille_max });
                Ok(())
            }
            "credit" => {
                self.policies.matching.nets_credit = line.has("net");
                Ok(())
            }
            "give_back" | "pay_out" | "refund_card" | "approve" | "reject" | "executed" | "failed" => {
                self.payout(line)
            }
            // What is paid in part, or above, is for a person from now on.
            "by_person" => {
                let matching = &mut self.policies.matching;
                matching.accepts_parts &= !line.has("parts");
                if line.has("excess") {
                    matching.excess = Excess::Task;
                }
                Ok(())
            }
            // `excess oldest`, or `excess refund 50.00`: what becomes of what is paid above.
            "excess" => {
                self.policies.matching.excess = match line.word(0)? {
                    "oldest" => Excess::Oldest,
                    "refund" => Excess::Refund { minor_max: money(line.word(1)?)?.minor() },
                    other => return Err(format!("what is excess {other}?")),
                };
                Ok(())
            }
            // `tenant_lives_in America/St_Johns`; `contact 8 20 7`: between these hours, and not on that weekday.
            "tenant_lives_in" => {
                self.policies.zone = Zone::parse(line.word(0)?).map_err(|error| error.to_string())?;
                Ok(())
            }
            "contact" => {
                let number = |at: usize| line.word(at)?.parse::<i8>().map_err(|error| error.to_string());
                self.policies.contact.hours = Some(((number(0)?, 0), (number(1)?, 0)));
                self.policies.contact.quiet_weekdays = vec![number(2)?];
                Ok(())
            }
            "together" | "rests" | "on_reopen" | "try_out" | "step_when" | "step_put" | "step_day" | "step_gone" => {
                self.change_step(line)
            }
            // `bank gate 1 48`: the statements of the last business day, waited for 48 hours; `bank 2026-03-12`.
            "bank" if line.word(0)? == "gate" => {
                let number = |at: usize| line.word(at)?.parse::<u16>().map_err(|error| error.to_string());
                let (business_days, wait_hours, sends_when_stale) = (number(1)?, number(2)?, line.has("send"));
                self.policies.contact.bank = Some(BankGate { business_days, wait_hours, sends_when_stale });
                Ok(())
            }
            "bank" => {
                self.bank_complete_to = Some(Date::parse(line.word(0)?).map_err(|error| error.to_string())?);
                Ok(())
            }
            "orders" => {
                self.orders_unanswered = line.word(0)? == "unanswered";
                Ok(())
            }
            "mandate" | "end" | "collect" | "result" | "stop_collection" | "bank_return" | "connector_silent"
            | "connector_says" | "hold" | "lift" | "resume" | "opt_out" | "review" | "follow" | "promise"
            | "dispute" | "end_dispute" => self.collection(line),
            verb if verb == "plan" || verb.starts_with("plan_") => self.plan(line),
            "day" => self.day(line.word(0)?, true),
            "outage" => self.day(line.word(0)?, false),
            "checkpoint" => self.checkpoint(),
            "crash" => self.crash(),
            "expect" => self.expect(line),
            verb => Err(format!("unknown verb {verb}")),
        }
    }

    fn ask(&mut self, tell: Tell) -> Result<(), String> {
        self.number += 1;
        let command_id = CommandId::new(self.now, self.number, LANE);
        let tenant = self.tenant.clone();
        let envelope = Envelope { tenant, command_id, fingerprint: 0, origin: Origin::Api, at: self.now, tell };
        self.step(&envelope, None)
    }

    fn step(&mut self, envelope: &Envelope, fired: Option<ArmedTimer>) -> Result<(), String> {
        match self.lane.step_fired(envelope, &self.policies, fired) {
            Ok(Stepped::Recorded(commit, _)) => self.durable(commit),
            Ok(Stepped::Unchanged(_)) => Ok(()),
            Err(error) => {
                self.refused = Some(error.to_string());
                Ok(())
            }
        }
    }

    /// What happens once a record is durable: timers are armed, deliveries leave.
    fn durable(&mut self, commit: Arc<Commit>) -> Result<(), String> {
        self.timers.extend(&commit.timers);
        self.commits.push(Arc::clone(&commit));
        self.lane.placed(&commit, self.commits.len() as u64).map_err(|error| error.to_string())?;
        for place in 0..commit.published.len() {
            let told = self.lane.publish(&commit, place).map_err(|error| error.to_string())?;
            let told = told.ok_or("a record publishes nothing at its place")?;
            let listed = told.event.fields();
            if let Some((field, _)) = told.facts.iter().find(|(field, _)| !listed.contains(field)) {
                return Err(format!("{} tells {}, which the catalogue does not list", told.event, field.path()));
            }
        }
        let mut tries = Vec::new();
        let (mut decided, mut claimed) = (None, Vec::new());
        for place in 0..commit.deliveries.len() {
            let id = commit.delivery_id(place);
            let outcome = match self.lane.prepare(id, Some(&commit)).map_err(|error| error.to_string())? {
                Preparation::Ready(delivery, _) if delivery.channel == Channel::Partition => {
                    decided = Some(delivery.event.entity);
                    Outcome::Delivered { detail: String::new() }
                }
                Preparation::Ready(delivery, concerned) if delivery.channel == Channel::Collection => {
                    concerned.and_then(|concerned| concerned.instrument).ok_or("an order without an instrument")?;
                    claimed.push(*delivery);
                    Outcome::Delivered { detail: String::new() }
                }
                Preparation::Ready(delivery, _) => {
                    self.left.push(*delivery);
                    Outcome::Delivered { detail: String::new() }
                }
                Preparation::Suppressed(reason, _) => Outcome::Suppressed { reason },
                Preparation::Ended | Preparation::Unheard(_) => return Err(format!("{id} has ended before it left")),
            };
            tries.push(TriedDelivery { id, outcome });
        }
        if let Some(Stepped::Recorded(commit, _)) = self.lane.record_outcomes(&self.tenant.clone(), self.now, tries) {
            self.commits.push(Arc::clone(&commit));
            self.lane.placed(&commit, self.commits.len() as u64).map_err(|error| error.to_string())?;
        }
        for order in claimed {
            self.claim(order)?;
        }
        match decided {
            Some(transfer) => self.conclude(transfer),
            None => Ok(()),
        }
    }

    /// Asks the customer about a decision, and concludes it.
    fn conclude(&mut self, id: EntityId) -> Result<(), String> {
        let EntityId::Transfer(transfer) = id else { return Err("not a transfer".to_owned()) };
        loop {
            let entity = self.entity(id)?;
            let state = entity.as_transfer().ok_or("not a transfer")?;
            let Some((number, asked)) = state.asks() else { return Ok(()) };
            self.ask(asked)?;
            let refused = self.refused.take();
            self.ask(Tell::Transfer(transfer, transfer::Command::Conclude { number, refused }))?;
        }
    }

    /// `divide T1 T2 C1 R1 80.00 / T3 C2 R2 20.00 / T4 50.00`: T2 and T3 are decided about, T4 is for a person.
    fn divide(&mut self, line: &Line) -> Result<(), String> {
        let whole = self.transfers[line.word(0)?];
        let mut parts = Vec::new();
        for words in line.words[1..].split(|word| word == "/") {
            let id = TransferId::new(self.now, number(&words[0]), LANE);
            self.transfers.insert(words[0].clone(), id);
            if words.len() == 2 {
                parts.push(transfer::DividedPart { id, amount: money(&words[1])?, resolution: None });
                continue;
            }
            let customer = self.customer(&words[1], None)?;
            let mut allocations = Vec::new();
            for pair in words[2..].chunks(2) {
                allocations.push((self.request(&pair[0])?, money(&pair[1])?));
            }
            let minor: i64 = allocations.iter().map(|(_, part): &(_, Money)| part.minor()).sum();
            let (amount, credit) = (Money::from_minor(minor, Currency::EUR), Money::zero(Currency::EUR));
            let resolution = Some(transfer::Resolution { customer, allocations, credit, by: "ana".into() });
            parts.push(transfer::DividedPart { id, amount, resolution });
        }
        self.ask(Tell::Transfer(whole, transfer::Command::Divide { parts, by: "ana".into() }))
    }

    /// `decide T1 C1 R1 80.00 R2 20.00`: what is left is credit.
    fn decide(&mut self, line: &Line) -> Result<(), String> {
        let id = self.transfers[line.word(0)?];
        let customer = self.customer(line.word(1)?, None)?;
        let entity = self.entity(EntityId::Transfer(id))?;
        let details = entity.as_transfer().and_then(|state| state.details.clone()).ok_or("not received")?;
        let mut left = details.amount.minor();
        let mut allocations = Vec::new();
        for pair in line.words[2..].chunks(2) {
            let part = money(&pair[1])?;
            left -= part.minor();
            allocations.push((self.request(&pair[0])?, part));
        }
        let credit = Money::from_minor(left, details.amount.currency());
        let resolution = transfer::Resolution { customer, allocations, credit, by: "ana".into() };
        self.ask(Tell::Transfer(id, transfer::Command::Decide(resolution)))
    }

    fn customer(&mut self, name: &str, line: Option<&Line>) -> Result<CustomerId, String> {
        if line.is_none()
            && let Some(id) = self.customers.get(name)
        {
            return Ok(*id);
        }
        let id = CustomerId::new(Timestamp::default(), number(name), LANE);
        let without = |word| line.is_some_and(|line| line.has(word));
        let profile = Profile {
            external_ref: name.into(),
            kind: Kind::Business,
            name: format!("Customer {name}").into(),
            email: (!without("no-email")).then(|| EmailAddress::parse(&format!("{name}@example.org")).unwrap()),
            phone: (!without("no-phone")).then(|| PhoneNumber::parse("+33612345678", None).unwrap()),
            language: Language::Fr,
        };
        let given = Some(number_of(name, None)?);
        self.customers.insert(name.to_owned(), id);
        self.ask(Tell::Customer(
            id,
            customer::Command::Register {
                id,
                profile: Arc::new(profile),
                gives: customer::Gives::ALL,
                zone: line.and_then(|line| line.after("lives_in")).map(Into::into),
                virtual_iban: given,
            },
        ))?;
        Ok(id)
    }

    fn request(&self, name: &str) -> Result<PaymentRequestId, String> {
        self.requests.get(name).copied().ok_or_else(|| format!("there is no request {name}"))
    }

    fn short(&self, name: &str) -> ShortReference {
        ShortReference::of(number(name), ReferenceKey::from_seed(7))
    }

    fn issue(&mut self, line: &Line) -> Result<(), String> {
        let (name, amount) = (line.word(0)?.to_owned(), money(line.word(2)?)?);
        let customer = self.customer(line.word(1)?, None)?;
        let id = PaymentRequestId::new(Timestamp::default(), number(&name), LANE);
        let today = self.now.date_in(&self.policies.zone);
        let due_on =
            Date::parse(line.after("due").ok_or("issue needs due and a date")?).map_err(|e| e.to_string())?;
        let short_reference = self.short(&name);
        let terms = Terms {
            id,
            customer,
            external_ref: name.as_str().into(),
            amount,
            issued_on: today.min(due_on),
            created_at: self.now,
            due_on,
            description: "".into(),
            short_reference,
            creditor_reference: CreditorReference::of(&short_reference.compact()).unwrap(),
            scenario: Some("standard".into()),
        };
        self.requests.insert(name, id);
        // `issue F-1 C1 50.00 due 2026-03-20 numbered`: with an account number of its own.
        let own = line.has("numbered").then(|| number_of(terms.external_ref.as_str(), None)).transpose()?;
        self.ask(Tell::PaymentRequest(id, payment_request::Command::Issue { terms, dated: true, number: own }))
    }

    fn transfer(&mut self, line: &Line) -> Result<(), String> {
        let (name, amount) = (line.word(0)?.to_owned(), money(line.word(1)?)?);
        let id = TransferId::new(self.now, number(&name), LANE);
        let mut evidence = Evidence::default();
        let mut account = None;
        if let Some(owner) = line.after("viban") {
            account = Some(number_of(line.after("of").unwrap_or(owner), None)?.virtual_iban.iban().clone());
            evidence.virtual_iban_owner = Some(self.customer(owner, None)?);
        }
        // `transfer T1 50.00 numbered F-1`: to the account number of the request's own.
        if let Some(request) = line.after("numbered") {
            account = Some(number_of(request, None)?.virtual_iban.iban().clone());
            let request = self.request(request)?;
            let (kind, reading, customer) = (ReferenceKind::Account, Reading::Exact, self.owner(request)?);
            evidence.virtual_iban_owner = Some(customer);
            evidence.hits.push(ReferenceHit { kind, reading, request, customer });
        }
        if let Some(owner) = line.after("account_of") {
            evidence.payer_iban_owner = Some(self.customer(owner, None)?);
        }
        if let Some(owner) = line.after("name_of") {
            evidence.name_owner = Some(self.customer(owner, None)?);
        }
        let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
        for pair in words.windows(2) {
            let (kind, reading) = match pair {
                ["rf", _] => (ReferenceKind::Creditor, Reading::Exact),
                ["short", _] => (ReferenceKind::Short, Reading::Exact),
                ["corrected", _] => (ReferenceKind::Short, Reading::Corrected),
                _ => continue,
            };
            let request = self.request(pair[1])?;
            let customer = self.owner(request)?;
            evidence.hits.push(ReferenceHit { kind, reading, request, customer });
        }
        let details = Details {
            id,
            entry_key: name.clone(),
            account,
            amount,
            booked_on: match line.after("booked") {
                Some(day) => Date::parse(day).map_err(|error| error.to_string())?,
                None => self.now.date_in(&self.policies.zone),
            },
            payer_name: line.after("payer").map(str::to_owned),
            payer_iban: line.has("from_account").then(payouts::account).transpose()?,
            end_to_end_id: None,
            remittance: RemittanceInformation::new(Vec::new(), line.after("text").unwrap_or_default().to_owned())
                .map_err(|error| error.to_string())?,
        };
        self.transfers.insert(name, id);
        self.ask(Tell::Transfer(
            id,
            transfer::Command::Receive { details: Arc::new(details), particulars: None, evidence },
        ))
    }

    fn owner(&mut self, request: PaymentRequestId) -> Result<CustomerId, String> {
        let entity = self.entity(EntityId::PaymentRequest(request))?;
        let state = entity.as_payment_request().ok_or("not a request")?;
        Ok(state.terms.as_ref().ok_or("not issued")?.customer)
    }

    fn attempt(&mut self, line: &Line) -> Result<(), String> {
        let id = self.request(line.word(0)?)?;
        let attempt = AttemptId::new(Timestamp::default(), number(line.word(1)?), LANE);
        let result = match line.word(2)? {
            "succeeded" => AttemptResult::Succeeded,
            code => AttemptResult::Failed { reason_code: code.into(), advice: None },
        };
        let report = AttemptReport { attempt, amount: money(line.word(3)?)?, result };
        self.ask(Tell::PaymentRequest(id, payment_request::Command::ReportAttempt(report)))
    }

    fn card(&mut self, line: &Line) -> Result<(), String> {
        let id = self.customer(line.word(0)?, None)?;
        let last4 = line.word(1)?;
        let expires = line.after("expires").ok_or("card needs expires and a month")?;
        let expires_on = Date::parse(&format!("{expires}-01")).map_err(|error| error.to_string())?.month_end();
        let (token, last4, backs_recurring) = (format!("tok_{last4}").into(), last4.into(), line.has("recurring"));
        self.ask(Tell::Customer(
            id,
            customer::Command::AddPaymentMethod {
                token,
                last4,
                expires_on,
                backs_recurring,
                scheme: self.scheme(line),
            },
        ))
    }

    /// Moves the clock to noon of a day, firing timers at their time, or all late after an outage.
    fn day(&mut self, day: &str, running: bool) -> Result<(), String> {
        // Noon of a day, or an instant.
        let target = match Timestamp::parse(day) {
            Ok(at) => at,
            Err(_) => Date::parse(day).map_err(|error| error.to_string())?.at(12, 0, &self.policies.zone),
        };
        if running && let Some(delivery) = self.left.first() {
            return Err(format!("{} was not expected", expectations::describe(delivery)));
        }
        if !running {
            self.now = target;
        }
        while let Some(timer) = self.timers.first().filter(|timer| timer.due <= target).copied() {
            self.timers.remove(&timer);
            self.now = self.now.max(timer.due);
            self.fire(timer)?;
        }
        self.now = self.now.max(target);
        Ok(())
    }

    fn fire(&mut self, timer: ArmedTimer) -> Result<(), String> {
        let tell = self.asked_by(&timer)?;
        self.number += 1;
        let command_id = CommandId::new(self.now, self.number, LANE);
        let tenant = self.tenant.clone();
        let envelope = Envelope { tenant, command_id, fingerprint: 0, origin: Origin::Timer, at: self.now, tell };
        self.step(&envelope, Some(timer))
    }

    fn checkpoint(&mut self) -> Result<(), String> {
        if let Some(checkpoint) = self.lane.begin_checkpoint() {
            let position = self.commits.len() as u64;
            let round = Round { checkpoints: &[checkpoint], position, fired_before: &[], remembered: None };
            self.memory.write(&round).map_err(|error| error.to_string())?;
            self.lane.end_checkpoint();
        }
        Ok(())
    }

    /// Loses everything in memory and starts again from the records.
    fn crash(&mut self) -> Result<(), String> {
        self.lane = self.rebuilt()?;
        self.timers.clear();
        for commit in &self.commits {
            self.timers.extend(&commit.timers);
            if let Some(fired) = &commit.fired {
                self.timers.remove(fired);
            }
        }
        Ok(())
    }

    fn rebuilt(&self) -> Result<Lane, String> {
        let mut lane = Lane::new(LANE, 0, Arc::new(Memory::default()));
        for (commit, position) in self.commits.iter().zip(1..) {
            lane.fold(commit, position).map_err(|error| error.to_string())?;
        }
        Ok(lane)
    }

    fn entity(&mut self, id: EntityId) -> Result<Arc<Entity>, String> {
        Ok(self.lane.activate(id).map_err(|error| error.to_string())?.1)
    }
}

fn money(text: &str) -> Result<Money, String> {
    Money::parse(text, Currency::EUR, DecimalMark::Point).map_err(|error| error.to_string())
}
