//! What stories say of plans.

use std::sync::Arc;

use quittance_actors::collection::{Instrument, instalments};
use quittance_actors::customer;
use quittance_actors::machine::Tell;
use quittance_actors::partition::ArmedTimer;
use quittance_actors::plan::{Change, Command, Interval, Kind, OnExhausted, Reserved, Standing, SuspendedBy, Terms};
use quittance_actors::values::{CreditorReference, Date, EntityId, PaymentRequestId, PlanId, Timestamp};

use super::{LANE, Stage, money, number};
use crate::script::Line;

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text).map_err(|error| error.to_string())
}

impl Stage {
    /// `plan P1 C1 30.00 every 1m first 2026-03-31 cycles 3 from card:tok_4242 policy strict on ask ahead 1 fee 1.00
    /// deposit 10.00 on_day 2026-03-03`; with `parts 3` the amount is parted.
    fn create(&mut self, line: &Line) -> Result<(), String> {
        let (name, customer, amount) = (line.word(0)?, self.customer(line.word(1)?, None)?, money(line.word(2)?)?);
        let count = |key: &str| line.after(key).map(|text| text.parse::<u16>().map_err(|error| error.to_string()));
        let (deposit, fee) =
            (line.after("deposit").map(money).transpose()?, line.after("fee").map(money).transpose()?);
        let starts_on = date(line.after("first").ok_or("a plan needs a first deadline")?)?;
        let (kind, first, each, cycles) = match count("parts").transpose()? {
            Some(parts) => {
                let parted = instalments(amount, deposit, fee, parts).map_err(|error| error.to_string())?;
                (Kind::Instalments, parted[0], parted[parted.len() - 1], Some(parts))
            }
            None => {
                let first = fee.map_or(amount, |fee| amount.checked_add(fee).unwrap());
                (Kind::Subscription, first, amount, count("cycles").transpose()?)
            }
        };
        let deposit_on = line.after("on_day").map(date).transpose()?.unwrap_or(starts_on);
        let id = PlanId::new(Timestamp::default(), number(name), LANE);
        let terms = Terms {
            id,
            customer,
            external_ref: name.into(),
            description: "lessons".into(),
            kind,
            deposit: deposit.map(|amount| (amount, deposit_on)),
            first,
            each,
            cycles,
            every: Interval::parse(line.after("every").ok_or("a plan needs an interval")?)?,
            starts_on,
            ahead_days: count("ahead").transpose()?.unwrap_or(1),
            collect_from: line.after("from").map(Instrument::parse).transpose()?,
            policy: line.after("policy").map(Into::into),
            scenario: line.after("scenario").map(Into::into),
            on_exhausted: line.after("on").map_or(Ok(OnExhausted::Suspend), OnExhausted::parse)?,
            created_at: Timestamp::default(),
        };
        self.plans.insert(name.to_owned(), id);
        self.ask(Tell::Customer(customer, customer::Command::OpenPlan { terms: Arc::new(terms) }))
    }

    /// `plan …`, `plan_pause P1 until 2026-04-30`, `plan_resume P1 catch_up`, `plan_suspend P1`, `plan_cancel P1 open`,
    /// `plan_change P1 amount 20.00 cycles 5 from card:tok_1`, and `plan_number_taken P1`.
    pub(super) fn plan(&mut self, line: &Line) -> Result<(), String> {
        if line.verb == "plan" {
            return self.create(line);
        }
        let name = line.word(0)?;
        let id = *self.plans.get(name).ok_or_else(|| format!("there is no plan {name}"))?;
        let reason = || "story".into();
        let command = match line.verb.as_str() {
            "plan_pause" => Command::Pause { until: line.after("until").map(date).transpose()?, reason: reason() },
            "plan_resume" => {
                let customer = self.plan_state(name)?.terms.as_ref().ok_or("not agreed")?.customer;
                let catch_up = line.has("catch_up");
                return self.ask(Tell::Customer(customer, customer::Command::ResumePlan { plan: id, catch_up }));
            }
            "plan_suspend" => Command::Suspend { reason: reason(), by: SuspendedBy::Person },
            "plan_cancel" => Command::Cancel { reason: reason(), open_too: line.has("open") },
            "plan_change" => {
                let change = Change {
                    amount: line.after("amount").map(money).transpose()?,
                    cycles: line.after("cycles").and_then(|text| text.parse().ok()),
                    collect_from: line.after("from").map(Instrument::parse).transpose()?,
                    on_exhausted: line.after("on").map(OnExhausted::parse).transpose()?,
                    ..Change::default()
                };
                let state = self.plan_state(name)?;
                let terms = state.terms.as_ref().ok_or("not agreed")?;
                let way = (change.collect_from.clone().or(terms.collect_from.clone()), terms.policy.clone());
                let change = customer::Command::ChangePlan { plan: id, change, way };
                return self.ask(Tell::Customer(terms.customer, change));
            }
            _ => {
                self.taken.insert(name.to_owned());
                return Ok(());
            }
        };
        self.ask(Tell::Plan(id, command))
    }

    fn plan_state(&mut self, name: &str) -> Result<quittance_actors::plan::Plan, String> {
        let id = *self.plans.get(name).ok_or_else(|| format!("there is no plan {name}"))?;
        let entity = self.entity(EntityId::Plan(id))?;
        entity.as_plan().cloned().ok_or_else(|| "not a plan".to_owned())
    }

    /// What a timer asks, with what the request of a cycle is known by.
    pub(super) fn asked_by(&mut self, timer: &ArmedTimer) -> Result<Tell, String> {
        let plain = timer.command(self.bank_complete_to).ok_or("a timer of nobody")?;
        let EntityId::Plan(id) = timer.entity else { return Ok(plain) };
        let entity = self.entity(timer.entity)?;
        let state = entity.as_plan().ok_or("not a plan")?;
        let (Some(terms), Some(next)) = (&state.terms, state.next) else { return Ok(plain) };
        let ArmedTimer { due, generation, .. } = *timer;
        if state.generation != generation {
            return Ok(plain);
        }
        let (number, name) = (next.number, terms.number(next.number));
        if self.taken.contains(terms.external_ref.as_str()) {
            let reason = format!("{name} is taken").into();
            return Ok(Tell::Plan(id, Command::RefuseCycle { number, reason }));
        }
        let request = PaymentRequestId::new(Timestamp::default(), super::number(&name), LANE);
        self.requests.insert(name.to_string(), request);
        let short_reference = self.short(&name);
        let creditor_reference = CreditorReference::of(&short_reference.compact()).unwrap();
        let reserved = Some(Reserved { number, request, short_reference, creditor_reference });
        Ok(Tell::Plan(id, Command::CycleDue { generation, due, reserved }))
    }

    /// `expect P1 active next 2 2026-04-30 behind 1 reason …`; `next none`.
    pub(super) fn expect_plan(&mut self, line: &Line) -> Result<(), String> {
        let name = line.word(0)?;
        let state = self.plan_state(name)?;
        let status = state.status().name();
        if status != line.word(1)? {
            return Err(format!("{name} is {status}: {:?}", state.reason));
        }
        if let Some(next) = line.after("next") {
            let schedule = state.schedule(1);
            let said = schedule.first().map_or("none".to_owned(), |(number, due_on, amount)| {
                let minor = amount.minor();
                format!("{number} {due_on} {}.{:02}", minor / 100, minor % 100)
            });
            let due = line.after(next).filter(|due| due.contains('-'));
            if !said.starts_with(next) || due.is_some_and(|due| !said.contains(due)) {
                return Err(format!("{name} goes on with {said}"));
            }
        }
        if let Some(count) = line.after("behind") {
            let behind = state.cycles.values().filter(|cycle| cycle.standing.is_behind()).count();
            super::expectations::same("behind", behind.to_string(), count.to_owned())?;
        }
        if let Some(count) = line.after("paid") {
            let paid = state.cycles.values().filter(|cycle| cycle.standing == Standing::Paid).count();
            super::expectations::same("paid", paid.to_string(), count.to_owned())?;
        }
        if let Some(reason) = line.after("reason") {
            let said = state.question.as_ref().or(state.reason.as_ref()).map(ToString::to_string).unwrap_or_default();
            if !said.contains(reason) {
                return Err(format!("{name} says \"{said}\""));
            }
        }
        Ok(())
    }
}
