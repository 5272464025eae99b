//! Plans: agreed, changed and let rest by people; their cycles become requests, and the auditor counts them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::auditor::{Audited, Auditor, broken};
use super::mutation::Mutation;
use super::world::World;
use crate::customer;
use crate::machine::Tell;
use crate::partition::{ArmedTimer, DirectoryKey, DirectoryValue, Entity, Event, Origin, StoredChange};
use crate::payment_request::Status;
use crate::plan::{self, Command, Interval, Kind, OnExhausted, Plan, Reserved, Standing};
use crate::values::{
    CreditorReference, Currency, EntityId, Money, PaymentRequestId, PlanId, ReferenceKey, ShortReference, Timestamp,
};

impl World {
    /// Somebody agrees to a plan, lets one rest or go on, changes or ends it.
    pub(super) fn plan(&mut self) -> Audited {
        let plans = self.auditor.plans();
        match self.pick(&plans).filter(|_| !self.random.once_in(2)) {
            Some(id) => self.manage(id),
            None => self.subscribe(),
        }
    }

    fn subscribe(&mut self) -> Audited {
        let customers = self.customers();
        let Some(customer) = self.pick(&customers) else { return Ok(()) };
        let number = self.random.below(12);
        let key = DirectoryKey::PlanExternalRef(self.tenant.clone(), format!("P-{number}").into());
        let id = match self.directory.get(&key) {
            Some(DirectoryValue::Plan(id)) if id.partition() == customer.partition() => *id,
            Some(_) => return Ok(()), // Of another customer: the intake refuses it.
            None => PlanId::new(self.now, self.fresh(), customer.partition()),
        };
        let instruments = self.auditor.instruments(customer);
        let collect_from = self.random.place(instruments.len());
        let collect_from = instruments.get(collect_from).filter(|_| !self.random.once_in(4)).cloned();
        let money = |minor| Money::from_minor(minor, Currency::EUR);
        let today = self.now.date_in(&self.policies.zone);
        let starts_on = today.plus_days(i32::try_from(self.random.below(20)).unwrap_or(0));
        let kind = if self.random.once_in(2) { Kind::Instalments } else { Kind::Subscription };
        let on_exhausted =
            OnExhausted::ALL.get(self.random.place(OnExhausted::ALL.len())).copied().unwrap_or_default();
        let terms = plan::Terms {
            id,
            customer,
            external_ref: format!("P-{number}").into(),
            description: "lessons".into(),
            kind,
            deposit: self.random.once_in(3).then_some((money(700), starts_on)),
            first: money(1_502),
            each: money(1_500),
            cycles: Some(2 + u16::try_from(self.random.below(3)).unwrap_or(0)),
            every: if self.random.once_in(2) { Interval::Days(7) } else { Interval::Months(1) },
            starts_on,
            ahead_days: u16::try_from(self.random.below(10)).unwrap_or(0),
            collect_from,
            policy: None,
            scenario: self.random.once_in(2).then(|| "standard".into()),
            on_exhausted,
            created_at: Timestamp::default(),
        };
        self.note(format!("plan P-{number} of {customer}"));
        let open = customer::Command::OpenPlan { terms: Arc::new(terms) };
        self.ask(Tell::Customer(customer, open), Origin::Api)
    }

    fn manage(&mut self, id: PlanId) -> Audited {
        let today = self.now.date_in(&self.policies.zone);
        let reason = || "story".into();
        let terms = self.auditor.plan(id).and_then(|state| state.terms.clone());
        let Some(customer) = terms.map(|terms| terms.customer) else { return Ok(()) };
        let resume = |catch_up| Tell::Customer(customer, customer::Command::ResumePlan { plan: id, catch_up });
        let tell = match self.random.below(8) {
            0 | 1 => {
                let until = self.random.once_in(2).then(|| today.plus_days(9));
                Tell::Plan(id, Command::Pause { until, reason: reason() })
            }
            2..=4 => resume(self.random.once_in(2)),
            5 => Tell::Plan(id, Command::Suspend { reason: reason(), by: plan::SuspendedBy::Person }),
            6 if self.random.once_in(2) => {
                Tell::Plan(id, Command::Cancel { reason: reason(), open_too: self.random.once_in(2) })
            }
            6 => {
                let reason = reason();
                Tell::Customer(customer, customer::Command::SuspendRecurring { reason })
            }
            _ => {
                let cycles = Some(1 + u16::try_from(self.random.below(6)).unwrap_or(0));
                let change = plan::Change { cycles, ..plan::Change::default() };
                Tell::Customer(customer, customer::Command::ChangePlan { plan: id, change, way: (None, None) })
            }
        };
        self.note(format!("{} {id}", tell.name()));
        self.ask(tell, Origin::Api)
    }

    /// What the timer of a plan asks of it, with what the request of its cycle is known by, as the runtime does.
    pub(super) fn cycle_due(&mut self, timer: &ArmedTimer) -> Option<Tell> {
        let EntityId::Plan(id) = timer.entity else { return timer.command(None) };
        let ArmedTimer { due, generation, .. } = *timer;
        let state = self.lanes.get_mut(&id.partition())?.activate(timer.entity).ok()?.1;
        let state = state.as_plan()?;
        let (terms, number) = (state.terms.clone()?, state.next.map(|next| next.number));
        let Some(number) = number.filter(|_| state.generation == generation) else { return timer.command(None) };
        if self.random.once_in(12) {
            return Some(Tell::Plan(id, Command::RefuseCycle { number, reason: "taken".into() }));
        }
        let key = DirectoryKey::RequestExternalRef(self.tenant.clone(), terms.number(number));
        if self.directory.contains_key(&key) && self.mutation != Some(Mutation::ForgetDirectory) {
            return Some(Tell::Plan(id, Command::RefuseCycle { number, reason: "known".into() }));
        }
        let request = PaymentRequestId::new(self.now, self.fresh(), id.partition());
        let short_reference = ShortReference::of(1_000 + self.fresh() % 100_000, ReferenceKey::from_seed(7));
        let creditor_reference = CreditorReference::of(&short_reference.compact()).ok()?;
        let reserved = Some(Reserved { number, request, short_reference, creditor_reference });
        Some(Tell::Plan(id, Command::CycleDue { generation, due, reserved }))
    }
}

impl Auditor {
    /// Every plan.
    pub fn plans(&self) -> Vec<PlanId> {
        let known = |id: &EntityId| if let EntityId::Plan(id) = id { Some(*id) } else { None };
        self.model.keys().filter_map(known).collect()
    }

    /// Cycles that plans have asked for.
    pub fn cycles(&self) -> usize {
        self.plans().into_iter().filter_map(|id| self.plan(id)).map(|state| state.cycles.len()).sum()
    }

    /// The state of a plan.
    pub fn plan(&self, id: PlanId) -> Option<&Plan> {
        self.model.get(&EntityId::Plan(id))?.1.as_plan()
    }

    /// A cycle is asked for while its plan goes on, once, over what was agreed (INV-16). Before the change is applied.
    pub(super) fn cycle(&self, change: &StoredChange) -> Audited {
        let (EntityId::Plan(id), Event::Plan(event)) = (change.entity, &change.event) else { return Ok(()) };
        let Some(state) = self.plan(id) else { return Ok(()) };
        let Some(terms) = &state.terms else { return Ok(()) };
        match event {
            plan::Event::CycleAsked { number, amount, .. } => {
                let goes_on = state.phase == plan::Phase::Running;
                if !goes_on || !terms.has(*number) || state.cycles.contains_key(number) {
                    return broken(
                        "INV-16",
                        format!("{id} asks for cycle {number} while it is {:?}", state.status()),
                    );
                }
                if *amount != terms.amount(*number) {
                    return broken("INV-16", format!("{id} asks {amount} for cycle {number}"));
                }
            }
            plan::Event::CycleTaken { number, request } => {
                let same = |cycle: &plan::Cycle| cycle.request == *request;
                if state.cycles.contains_key(number) || state.cycles.values().any(same) {
                    return broken("INV-16", format!("{id} takes cycle {number} a second time"));
                }
            }
            plan::Event::Completed if terms.has(state.cursor.0) => {
                return broken("INV-16", format!("{id} is completed before cycle {}", state.cursor.0));
            }
            _ => {}
        }
        Ok(())
    }

    /// Plans know where their requests stand, and the other way round (INV-16).
    pub(super) fn plans_and_requests(&self) -> Audited {
        let mut named: BTreeSet<PaymentRequestId> = BTreeSet::new();
        for id in self.plans() {
            let Some(state) = self.plan(id) else { continue };
            for (number, cycle) in state.cycles.iter() {
                named.insert(cycle.request);
                let Some((_, Entity::PaymentRequest(request))) =
                    self.model.get(&EntityId::PaymentRequest(cycle.request))
                else {
                    return broken("INV-16", format!("{id} has a cycle {number} of no request"));
                };
                let expected = match request.status {
                    Status::Open => cycle.standing.is_open(),
                    Status::Settled => cycle.standing == Standing::Paid,
                    Status::Cancelled => cycle.standing == Standing::Cancelled,
                };
                let joined = request.rare.plan.is_some_and(|joined| joined.plan == id && joined.number == *number);
                if !expected || !joined {
                    let (status, standing) = (request.status, cycle.standing);
                    return broken("INV-16", format!("{id}: cycle {number} is {standing:?}, its request {status:?}"));
                }
            }
        }
        for (id, (_, entity)) in &self.model {
            let Some(request) = entity.as_payment_request().filter(|request| request.rare.plan.is_some()) else {
                continue;
            };
            if request.terms.as_ref().is_none_or(|terms| !named.contains(&terms.id)) {
                return broken("INV-16", format!("{id} is a cycle of a plan that does not know it"));
            }
        }
        Ok(())
    }

    /// After everything due has fired: no plan that goes on waits for a cycle whose time has passed.
    pub(super) fn cycles_asked(&self, now: Timestamp) -> Audited {
        for id in self.plans() {
            let Some(state) = self.plan(id) else { continue };
            if let Some(next) = state.next.filter(|next| next.at < now) {
                return broken(
                    "INV-10",
                    format!("{id}: cycle {} was due at {} and never came", next.number, next.at),
                );
            }
            if let Some((number, ..)) = state.asked {
                return broken("INV-16", format!("{id}: nobody made a request of cycle {number}"));
            }
        }
        Ok(())
    }
}
