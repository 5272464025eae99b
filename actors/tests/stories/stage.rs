//! The stage of a story: one lane, its clock and timers, and what leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use quittance_actors::customer::{self, Kind, Profile};
use quittance_actors::delivery::{Channel, Delivery, Outcome, Recipient};
use quittance_actors::machine::{Purpose, Tell};
use quittance_actors::partition::{
    ArmedTimer, Checkpoint, Commit, Entity, Envelope, Lane, Origin, Preparation, Receipt, Stepped, TriedDelivery,
};
use quittance_actors::payment_request::{self, Anchor, AttemptReport, AttemptResult, Scenario, Status, Step, Terms};
use quittance_actors::policies::Policies;
use quittance_actors::ports::{PortError, Snapshots};
use quittance_actors::rules::{Action, Condition, EventType, Field, Operator, Published, Rule, RuleBook, Value};
use quittance_actors::transfer::{self, Details, Evidence, ReferenceHit, ReferenceKind};
use quittance_actors::values::{
    AttemptId, Calendar, CommandId, CreditorReference, Currency, CustomerId, Date, DecimalMark, EmailAddress,
    EntityId, Language, Money, PaymentRequestId, PhoneNumber, Reading, ReferenceKey, RemittanceInformation,
    ShortReference, TenantId, Timestamp, TransferId, Zone, french_iban,
};

use crate::script::Line;

const LANE: u8 = 7;

/// A store in memory.
#[derive(Default)]
pub struct Memory {
    entities: Mutex<BTreeMap<EntityId, (u64, Entity)>>,
    receipts: Mutex<BTreeMap<CommandId, Receipt>>,
}

impl Snapshots for Memory {
    fn load(&self, entity: EntityId) -> Result<Option<(u64, Entity)>, PortError> {
        Ok(self.entities.lock().unwrap().get(&entity).cloned())
    }

    fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, PortError> {
        Ok(self.receipts.lock().unwrap().get(&command).copied())
    }

    fn history(&self, _: EntityId, _: usize) -> Result<Vec<Published>, PortError> {
        Ok(Vec::new())
    }

    fn write(&self, checkpoints: &[Checkpoint], _: u64) -> Result<(), PortError> {
        for checkpoint in checkpoints {
            for (_, id, version, entity) in &checkpoint.entities {
                self.entities.lock().unwrap().insert(*id, (*version, entity.clone()));
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
    refused: Option<String>,
    customers: BTreeMap<String, CustomerId>,
    requests: BTreeMap<String, PaymentRequestId>,
    transfers: BTreeMap<String, TransferId>,
    number: u64,
}

fn policies() -> Policies {
    let calendar = Calendar::new("TARGET", 1, vec![6, 7], vec![], vec![], vec![]).unwrap();
    let mut policies = Policies::quiet(Zone::parse("Europe/Paris").unwrap(), calendar);
    let step = |name: &str, anchor, offset_days, channels: &[Channel], template: &str| Step {
        name: name.to_owned(),
        anchor,
        offset_days,
        at: (9, 30),
        channels: channels.to_vec(),
        template: template.to_owned(),
    };
    let steps = vec![
        step("request", Anchor::Created, 0, &[Channel::Email], "payment_request"),
        step("before", Anchor::Due, -3, &[Channel::Email], "reminder_before"),
        step("late_3", Anchor::Due, 3, &[Channel::Email, Channel::Sms], "reminder_late"),
        step("late_10", Anchor::Due, 10, &[Channel::Sms, Channel::Email], "reminder_late"),
    ];
    let scenario = Scenario::new("standard", steps, 24 * 3_600_000).unwrap();
    policies.scenarios.insert("standard".to_owned(), scenario);
    policies.card_notices_days = vec![60, 30, 7];
    policies.rules = RuleBook::new(vec![
        rule("received", EventType::TransferReceived, Condition::Always(true), mail_to("sales", "transfer_received")),
        rule(
            "refund",
            EventType::RefundInitiated,
            Condition::Always(true),
            mail_to("accounting", "refund_initiated"),
        ),
        Rule {
            name: "settled".to_owned(),
            on: vec![EventType::PaymentRequestSettled],
            when: Condition::Always(true),
            then: vec![
                Action::Tell {
                    channel: Channel::Hook,
                    template: None,
                    recipient: Recipient::Endpoint("erp".to_owned()),
                },
                Action::Tell {
                    channel: Channel::File,
                    template: None,
                    recipient: Recipient::Feed("erp_out".to_owned()),
                },
            ],
        },
        rule(
            "card",
            EventType::PaymentMethodExpiring,
            Condition::All(vec![
                Condition::Compare(Field::MethodBacksRecurring, Operator::Equal, Value::Truth(true)),
                Condition::Compare(Field::MethodDaysToExpiry, Operator::LessOrEqual, Value::Number(30)),
            ]),
            Action::NotifyCustomer { channel: Channel::Email, template: "card_expiring".to_owned() },
        ),
    ])
    .unwrap();
    policies
}

fn rule(name: &str, on: EventType, when: Condition, then: Action) -> Rule {
    Rule { name: name.to_owned(), on: vec![on], when, then: vec![then] }
}

fn mail_to(list: &str, template: &str) -> Action {
    let recipient = Recipient::List(list.to_owned());
    Action::Tell { channel: Channel::Email, template: Some(template.to_owned()), recipient }
}

fn number(name: &str) -> u64 {
    name.bytes().fold(0, |value, byte| value * 31 + u64::from(byte))
}

impl Stage {
    /// An empty stage on 2 March 2026, 09:00 in Paris.
    pub fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let policies = policies();
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
            refused: None,
            customers: BTreeMap::new(),
            requests: BTreeMap::new(),
            transfers: BTreeMap::new(),
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
            "attempt" => self.attempt(line),
            "refund" => {
                let (id, key) = (self.request(line.word(0)?)?, line.word(1)?.to_owned());
                let amount = money(line.word(2)?)?;
                self.ask(Tell::PaymentRequest(id, payment_request::Command::InitiateRefund { key, amount }))
            }
            "cancel" => {
                let id = self.request(line.word(0)?)?;
                self.ask(Tell::PaymentRequest(id, payment_request::Command::Cancel { reason: "story".to_owned() }))
            }
            "card" => self.card(line),
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
        self.timers.extend(commit.timers.iter().cloned());
        self.commits.push(Arc::clone(&commit));
        let mut tries = Vec::new();
        for delivery in &commit.deliveries {
            let outcome = match self.lane.prepare(delivery).map_err(|error| error.to_string())? {
                Preparation::Ready(_) => {
                    self.left.push(delivery.clone());
                    Outcome::Delivered { detail: String::new() }
                }
                Preparation::Suppressed(reason) => Outcome::Suppressed { reason },
            };
            tries.push(TriedDelivery { id: delivery.id, outcome });
        }
        if let Some(Stepped::Recorded(commit, _)) = self.lane.record_outcomes(&self.tenant.clone(), self.now, tries) {
            self.commits.push(commit);
        }
        Ok(())
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
            external_ref: name.to_owned(),
            kind: Kind::Business,
            name: format!("Customer {name}"),
            email: (!without("no-email")).then(|| EmailAddress::parse(&format!("{name}@example.org")).unwrap()),
            phone: (!without("no-phone")).then(|| PhoneNumber::parse("+33612345678", None).unwrap()),
            language: Language::Fr,
        };
        let account = format!("{:011}", number(name) % 100_000_000_000);
        let virtual_iban = french_iban("20041", "01005", &account).map_err(|error| error.to_string())?;
        let virtual_iban = Some(quittance_actors::values::VirtualIban::new(virtual_iban));
        self.customers.insert(name.to_owned(), id);
        self.ask(Tell::Customer(
            id,
            customer::Command::Register { id, profile, gives: customer::Gives::ALL, virtual_iban },
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
            external_ref: name.clone(),
            amount,
            issued_on: today.min(due_on),
            created_at: self.now,
            due_on,
            description: String::new(),
            short_reference,
            creditor_reference: CreditorReference::of(&short_reference.compact()).unwrap(),
            scenario: Some("standard".to_owned()),
        };
        self.requests.insert(name, id);
        self.ask(Tell::PaymentRequest(id, payment_request::Command::Issue { terms, dated: true }))
    }

    fn transfer(&mut self, line: &Line) -> Result<(), String> {
        let (name, amount) = (line.word(0)?.to_owned(), money(line.word(1)?)?);
        let id = TransferId::new(Timestamp::default(), number(&name), LANE);
        let mut evidence = Evidence::default();
        if let Some(owner) = line.after("viban") {
            evidence.virtual_iban_owner = Some(self.customer(owner, None)?);
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
            account: None,
            amount,
            booked_on: self.now.date_in(&self.policies.zone),
            payer_name: None,
            payer_iban: None,
            end_to_end_id: None,
            remittance: RemittanceInformation::default(),
        };
        self.transfers.insert(name, id);
        self.ask(Tell::Transfer(id, transfer::Command::Receive { details, evidence }))
    }

    fn owner(&self, request: PaymentRequestId) -> Result<CustomerId, String> {
        match self.entity(EntityId::PaymentRequest(request))? {
            Entity::PaymentRequest(state) => Ok(state.terms.ok_or("not issued")?.customer),
            _ => Err("not a request".to_owned()),
        }
    }

    fn attempt(&mut self, line: &Line) -> Result<(), String> {
        let id = self.request(line.word(0)?)?;
        let attempt = AttemptId::new(Timestamp::default(), number(line.word(1)?), LANE);
        let result = match line.word(2)? {
            "succeeded" => AttemptResult::Succeeded,
            code => AttemptResult::Failed { reason_code: code.to_owned() },
        };
        let report = AttemptReport { attempt, amount: money(line.word(3)?)?, result };
        self.ask(Tell::PaymentRequest(id, payment_request::Command::ReportAttempt(report)))
    }

    fn card(&mut self, line: &Line) -> Result<(), String> {
        let id = self.customer(line.word(0)?, None)?;
        let last4 = line.word(1)?.to_owned();
        let expires = line.after("expires").ok_or("card needs expires and a month")?;
        let expires_on = Date::parse(&format!("{expires}-01")).map_err(|error| error.to_string())?.month_end();
        let (token, backs_recurring) = (format!("tok_{last4}"), line.has("recurring"));
        self.ask(Tell::Customer(
            id,
            customer::Command::AddPaymentMethod { token, last4, expires_on, backs_recurring },
        ))
    }

    /// Moves the clock to noon of a day, firing timers at their time, or all late after an outage.
    fn day(&mut self, day: &str, running: bool) -> Result<(), String> {
        let target = Date::parse(day).map_err(|error| error.to_string())?.at(12, 0, &self.policies.zone);
        if running && let Some(delivery) = self.left.first() {
            return Err(format!("{} was not expected", describe(delivery)));
        }
        if !running {
            self.now = target;
        }
        while let Some(timer) = self.timers.first().filter(|timer| timer.due <= target).cloned() {
            self.timers.remove(&timer);
            self.now = self.now.max(timer.due);
            self.fire(timer)?;
        }
        self.now = self.now.max(target);
        Ok(())
    }

    fn fire(&mut self, timer: ArmedTimer) -> Result<(), String> {
        let (due, generation) = (timer.due, timer.generation);
        let tell = match (timer.entity, timer.purpose) {
            (EntityId::PaymentRequest(id), Purpose::Reminder) => {
                Tell::PaymentRequest(id, payment_request::Command::ReminderDue { generation, due })
            }
            (EntityId::PaymentRequest(id), _) => {
                Tell::PaymentRequest(id, payment_request::Command::OverdueDue { due })
            }
            (EntityId::Customer(id), Purpose::CardExpiry(slot)) => {
                Tell::Customer(id, customer::Command::CardExpiryDue { slot, generation, due })
            }
            _ => return Err("a timer of nobody".to_owned()),
        };
        self.number += 1;
        let command_id = CommandId::new(self.now, self.number, LANE);
        let tenant = self.tenant.clone();
        let envelope = Envelope { tenant, command_id, fingerprint: 0, origin: Origin::Timer, at: self.now, tell };
        self.step(&envelope, Some(timer))
    }

    fn checkpoint(&mut self) -> Result<(), String> {
        if let Some(checkpoint) = self.lane.begin_checkpoint() {
            self.memory.write(&[checkpoint], 0).map_err(|error| error.to_string())?;
            self.lane.end_checkpoint();
        }
        Ok(())
    }

    /// Loses everything in memory and starts again from the records.
    fn crash(&mut self) -> Result<(), String> {
        self.lane = self.rebuilt()?;
        self.timers.clear();
        for commit in &self.commits {
            self.timers.extend(commit.timers.iter().cloned());
            if let Some(fired) = &commit.fired {
                self.timers.remove(fired);
            }
        }
        Ok(())
    }

    fn rebuilt(&self) -> Result<Lane, String> {
        let mut lane = Lane::new(LANE, 0, Arc::new(Memory::default()));
        for commit in &self.commits {
            lane.fold(commit).map_err(|error| error.to_string())?;
        }
        Ok(lane)
    }

    fn entity(&self, id: EntityId) -> Result<Entity, String> {
        Ok(self.lane.activate(id).map_err(|error| error.to_string())?.1)
    }

    fn expect(&mut self, line: &Line) -> Result<(), String> {
        match line.word(0)? {
            "mail" | "sms" | "hook" | "file" => self.expect_delivery(line),
            "silence" => match self.left.first() {
                Some(delivery) => Err(format!("{} was not expected", describe(delivery))),
                None => Ok(()),
            },
            "refused" => match self.refused.take() {
                Some(refused) if refused.contains(line.word(1)?) => Ok(()),
                Some(refused) => Err(format!("refused, but because {refused}")),
                None => Err("it was not refused".to_owned()),
            },
            "credit" => {
                let Entity::Customer(state) = self.entity(EntityId::Customer(self.customers[line.word(1)?]))? else {
                    return Err("not a customer".to_owned());
                };
                let held = state.credit.get(&Currency::EUR).copied().unwrap_or(0);
                same("credit", held, money(line.word(2)?)?.minor())
            }
            "timers" => same("timers", self.live_timers()?, line.word(1)?.parse().unwrap_or(usize::MAX)),
            name if self.requests.contains_key(name) => self.expect_request(line),
            name if self.transfers.contains_key(name) => self.expect_transfer(line),
            name => Err(format!("nothing is called {name}")),
        }
    }

    /// Reminder timers that would still do something.
    fn live_timers(&self) -> Result<usize, String> {
        let mut live = 0;
        for timer in &self.timers {
            if let (EntityId::PaymentRequest(_), Purpose::Reminder) = (timer.entity, timer.purpose)
                && let Entity::PaymentRequest(state) = self.entity(timer.entity)?
                && state.reminders.next.is_some()
                && state.reminders.generation == timer.generation
            {
                live += 1;
            }
        }
        Ok(live)
    }

    fn expect_delivery(&mut self, line: &Line) -> Result<(), String> {
        let (kind, whom, what) = (line.word(0)?, line.word(1)?, line.word(2)?);
        let found = self.left.iter().position(|delivery| {
            let channel = match delivery.channel {
                Channel::Email => "mail",
                Channel::Sms => "sms",
                Channel::Hook => "hook",
                Channel::File => "file",
            };
            let to = match &delivery.recipient {
                Recipient::Customer(id) => {
                    self.customers.iter().find(|(_, known)| *known == id).map(|(name, _)| name.clone())
                }
                Recipient::List(name) | Recipient::Endpoint(name) | Recipient::Feed(name) => Some(name.clone()),
                Recipient::StatusExport => None,
            };
            let said = delivery.template.as_deref().unwrap_or(delivery.event.event.name());
            channel == kind && to.as_deref() == Some(whom) && said == what
        });
        match found {
            Some(at) => {
                self.left.remove(at);
                Ok(())
            }
            None => {
                let left: Vec<String> = self.left.iter().map(describe).collect();
                Err(format!("not among what left: [{}]", left.join(", ")))
            }
        }
    }

    fn expect_request(&self, line: &Line) -> Result<(), String> {
        let name = line.word(0)?;
        let Entity::PaymentRequest(state) = self.entity(EntityId::PaymentRequest(self.request(name)?))? else {
            return Err("not a request".to_owned());
        };
        let status = match state.status {
            Status::Open if state.overdue => "overdue",
            Status::Open => "open",
            Status::Settled => "settled",
            Status::Cancelled => "cancelled",
        };
        if status != line.word(1)? {
            return Err(format!("{name} is {status}"));
        }
        match line.words.get(2) {
            Some(left) => same("outstanding", state.outstanding().map(Money::minor), Some(money(left)?.minor())),
            None => Ok(()),
        }
    }

    fn expect_transfer(&self, line: &Line) -> Result<(), String> {
        let name = line.word(0)?;
        let Entity::Transfer(state) = self.entity(EntityId::Transfer(self.transfers[name]))? else {
            return Err("not a transfer".to_owned());
        };
        let said = match state.status {
            transfer::Status::Matched => "matched",
            transfer::Status::NeedsDecision => "task",
            transfer::Status::Received => "received",
        };
        let why = line.words.get(2).map_or("", String::as_str);
        if said == line.word(1)? && state.explanation.contains(why) {
            Ok(())
        } else {
            Err(format!("{name} is {said}: {}", state.explanation))
        }
    }

    /// What must hold at the end of every story.
    pub fn audit(&mut self) -> Result<(), String> {
        if let Some(refused) = &self.refused {
            return Err(format!("the last line was refused: {refused}"));
        }
        if let Some(delivery) = self.left.first() {
            return Err(format!("at the end: {} was not expected", describe(delivery)));
        }
        let again = self.rebuilt()?;
        let ids: BTreeSet<EntityId> =
            self.commits.iter().flat_map(|commit| commit.changes.iter().map(|change| change.entity)).collect();
        for id in ids {
            let (live, folded) = (self.lane.activate(id), again.activate(id));
            if live != folded {
                return Err(format!("INV-08 {id}: {live:?}\n    from the records: {folded:?}"));
            }
        }
        if again.outbox().count() != 0 {
            return Err("INV-06 a delivery has neither ended nor died".to_owned());
        }
        Ok(())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, not {expected:?}")) }
}

fn money(text: &str) -> Result<Money, String> {
    Money::parse(text, Currency::EUR, DecimalMark::Point).map_err(|error| error.to_string())
}

fn describe(delivery: &Delivery) -> String {
    let said = delivery.template.as_deref().unwrap_or(delivery.event.event.name());
    format!("{} {said} to {:?}", delivery.channel.name(), delivery.recipient)
}
