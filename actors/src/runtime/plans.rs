//! Plans: agreed with a customer; when a cycle is due, what its payment request is known by is reserved, as for an
//! invoice that comes in, and the plan issues it in one step.
//!
//! ```text
//! row or call ─► key reserved ─► the customer agrees ─► plan … timer ─► id and references reserved ─► issued
//!                                                                   └─► the number is taken: the plan rests
//! ```

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::answers::Answer;
use super::intake::{derived_from, known_customer};
use super::reserving::{Held, references, request_id};
use super::{IntakeError, Priority, Request, Router, SubmitError};
use crate::collection::{Instrument, OnExhausted as Policy};
use crate::customer;
use crate::limits;
use crate::machine::Tell;
use crate::partition::{ArmedTimer, DirectoryKey, DirectoryValue, Entity, Origin, Receipt};
use crate::plan::{self, Amounts, Interval, Kind, OnExhausted, Phase, Reserved, Terms};
use crate::policies::Policies;
use crate::values::{CommandId, CustomerId, Date, EntityId, PlanId, TenantId, Timestamp, stable_hash};

/// Characters of a plan's reference: its cycles add a hyphen and a number.
pub const PLAN_REFERENCE_CHARACTERS_MAX: usize = limits::EXTERNAL_REFERENCE_CHARACTERS_MAX - 6;
/// Days ahead of its deadline that a cycle can be asked for.
pub const PLAN_AHEAD_DAYS_MAX: u16 = 90;

/// A plan as a row or a call describes it. What is not said is as the tenant has it for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    /// The ERP's key of the customer, who is known.
    pub customer_ref: String,
    /// The ERP's key of the plan.
    pub external_ref: String,
    /// What it is for, as printed on messages.
    pub description: String,
    /// What its cycles come to.
    pub amounts: Amounts,
    /// The payment deadline of the deposit; that of the first cycle if it is not said.
    pub deposit_due_on: Option<Date>,
    /// How far one cycle is from the next.
    pub every: Interval,
    /// The payment deadline of the first one.
    pub starts_on: Date,
    /// How many days before its deadline a cycle is asked for; else as its instrument needs.
    pub ahead_days: Option<u16>,
    /// From what it is collected.
    pub collect_from: Option<Instrument>,
    /// By which retry policy.
    pub policy: Option<SmolStr>,
    /// The reminder scenario of its requests.
    pub scenario: Option<SmolStr>,
    /// What happens when a cycle can no longer be collected; else as the retry policy says of others.
    pub on_exhausted: Option<OnExhausted>,
}

impl PlanRow {
    /// What is agreed, when what the row does not say is `unsaid`.
    fn terms(&self, id: PlanId, customer: CustomerId, unsaid: Unsaid) -> Terms {
        let Amounts { kind, deposit, first, each, cycles } = self.amounts;
        Terms {
            id,
            customer,
            external_ref: self.external_ref.as_str().into(),
            description: self.description.as_str().into(),
            kind,
            deposit: deposit.map(|amount| (amount, self.deposit_due_on.unwrap_or(self.starts_on))),
            first,
            each,
            cycles,
            every: self.every,
            starts_on: self.starts_on,
            ahead_days: self.ahead_days.unwrap_or(unsaid.ahead_days),
            collect_from: self.collect_from.clone(),
            policy: self.policy.clone(),
            scenario: self.scenario.clone().or(unsaid.scenario),
            on_exhausted: self.on_exhausted.unwrap_or(unsaid.on_exhausted),
            created_at: Timestamp::default(),
        }
    }
}

/// What holds for what a row does not say.
struct Unsaid {
    scenario: Option<SmolStr>,
    on_exhausted: OnExhausted,
    ahead_days: u16,
}

impl Unsaid {
    /// As the tenant has it for new plans.
    fn of_tenant(policies: &Policies, policy: Option<&str>, ahead_days: u16) -> Self {
        let collections = &policies.collections;
        let policy = policy.or(collections.default_policy.as_deref()).and_then(|name| collections.policies.get(name));
        let on_exhausted = match policy.map(|policy| &policy.on_exhausted) {
            Some(Policy { asks: true, .. }) => OnExhausted::Ask,
            Some(Policy { suspends: false, .. }) => OnExhausted::KeepCharging,
            Some(_) | None => OnExhausted::Suspend,
        };
        Self { scenario: policies.default_scenario.as_deref().map(SmolStr::from), on_exhausted, ahead_days }
    }

    /// As it was when the plan was agreed.
    fn of_plan(agreed: &Terms) -> Self {
        Self { scenario: agreed.scenario.clone(), on_exhausted: agreed.on_exhausted, ahead_days: agreed.ahead_days }
    }
}

/// Agrees on a plan with its customer; gives its id.
pub async fn admit_plan(
    router: &Arc<Router>, tenant: &TenantId, row: &PlanRow, command: CommandId, origin: Origin, priority: Priority,
) -> Result<(PlanId, Receipt), IntakeError> {
    let ports = router.ports();
    let customer = known_customer(router, tenant, &row.customer_ref)?;
    let key = DirectoryKey::PlanExternalRef(tenant.clone(), row.external_ref.as_str().into());
    let fresh = PlanId::new(ports.clock.now(tenant), ports.clock.random(), customer.partition());
    let mut held = Held::find_or_reserve(router, key, DirectoryValue::Plan(fresh))?;
    let id = match held.value {
        // A customer's plans live in its lane.
        DirectoryValue::Plan(id) if id.partition() == customer.partition() => id,
        _ => return Err(IntakeError::OtherPlan(row.external_ref.clone())),
    };
    let agreed = match held.is_reserved() {
        true => None,
        false => router.read(EntityId::Plan(id), 0).await?.1.as_plan().and_then(|state| state.created.clone()),
    };
    let tell = match agreed {
        // The same again, or it is refused, whatever became of it and of its customer since.
        Some(agreed) => {
            let terms = Arc::new(row.terms(id, customer, Unsaid::of_plan(&agreed)));
            Tell::Plan(id, plan::Command::Create { terms })
        }
        None => {
            let policies = ports.tenants.policies(tenant).ok_or(SubmitError::UnknownTenant)?;
            let ahead_days = ahead_of(router, customer, row.collect_from.as_ref()).await?;
            let unsaid = Unsaid::of_tenant(&policies, row.policy.as_deref(), ahead_days);
            let terms = Arc::new(row.terms(id, customer, unsaid));
            Tell::Customer(customer, customer::Command::OpenPlan { terms })
        }
    };
    let fingerprint = fingerprint(row);
    let receipt = held.until(router.submit(tenant, tell, command, fingerprint, origin, priority)).await?;
    Ok((id, receipt))
}

/// How many days before its deadline a cycle is asked for, when nobody says so.
pub async fn ahead_of(
    router: &Arc<Router>, customer: CustomerId, instrument: Option<&Instrument>,
) -> Result<u16, SubmitError> {
    let notice_days = match instrument {
        Some(Instrument::Mandate(reference)) => {
            let (_, entity, _) = router.read(EntityId::Customer(customer), 0).await?;
            let mandate = entity.as_customer().and_then(|state| state.mandates.get(reference));
            mandate.map_or(0, |mandate| mandate.notice_days)
        }
        _ => 0,
    };
    Ok(plan::ahead_days(instrument, notice_days))
}

fn fingerprint(row: &PlanRow) -> u64 {
    let amounts = &row.amounts;
    let said = |value: Option<String>| value.unwrap_or_default();
    let kind = match amounts.kind {
        Kind::Subscription => "subscription",
        Kind::Instalments => "instalments",
    };
    stable_hash(&[
        "plan",
        kind,
        &row.customer_ref,
        &row.external_ref,
        &amounts.first.to_string(),
        &amounts.each.to_string(),
        &said(amounts.deposit.map(|amount| amount.to_string())),
        &said(row.deposit_due_on.map(|date| date.to_string())),
        &said(amounts.cycles.map(|cycles| cycles.to_string())),
        &row.every.to_string(),
        &row.starts_on.to_string(),
        &said(row.collect_from.as_ref().map(ToString::to_string)),
        &said(row.ahead_days.map(|days| days.to_string())),
        row.policy.as_deref().unwrap_or_default(),
        row.scenario.as_deref().unwrap_or_default(),
        row.on_exhausted.map(OnExhausted::name).unwrap_or_default(),
        &row.description,
    ])
}

/// Fires timers of plans: what the requests of their cycles are known by is reserved first.
pub(super) async fn fire(
    router: &Arc<Router>, tenant: &TenantId, timers: &[ArmedTimer],
) -> Result<Vec<Answer>, SubmitError> {
    let (mut requests, mut held) = (Vec::with_capacity(timers.len()), Vec::new());
    // Read side by side: on the first of a month there are many.
    let read = |timer: &ArmedTimer| {
        let (router, entity) = (Arc::clone(router), timer.entity);
        actix::spawn(async move { router.read(entity, 0).await })
    };
    let states: Vec<_> = timers.iter().map(read).collect();
    for (timer, state) in timers.iter().zip(states) {
        let (_, entity, _) = state.await.map_err(|_| SubmitError::Stopping)??;
        let command = due(router, tenant, (timer, &entity), &mut held)?;
        let EntityId::Plan(id) = timer.entity else { continue };
        let command_id = CommandId::new(timer.due, router.ports().clock.random(), id.partition());
        let (tell, fired) = (Tell::Plan(id, command), Some(*timer));
        requests.push(Request { tell, command_id, fingerprint: 0, origin: Origin::Timer, fired });
    }
    let submitted = router.submit_all(tenant, requests, Priority::Patient);
    let answers = held_until(&mut held, submitted).await?;
    for (timer, answer) in timers.iter().zip(&answers) {
        let EntityId::Plan(id) = timer.entity else { continue };
        // What its customer or its request refuses cannot be asked for, nor what fails here each time: a person looks.
        let refused = match answer {
            Err(SubmitError::Rejected(rejection)) => rejection.to_string(),
            Err(SubmitError::Quarantined(bug)) => bug.clone(),
            _ => continue,
        };
        refuse(router, tenant, id, &refused).await?;
    }
    Ok(answers)
}

async fn held_until<T>(held: &mut [Held<'_>], submitted: impl Future<Output = T>) -> T {
    held.iter_mut().for_each(Held::leave);
    let answer = submitted.await;
    held.iter_mut().for_each(Held::come_back);
    answer
}

/// What the timer of a plan asks of it.
fn due<'a>(
    router: &'a Arc<Router>, tenant: &TenantId, (timer, entity): (&ArmedTimer, &Entity), held: &mut Vec<Held<'a>>,
) -> Result<plan::Command, SubmitError> {
    let ArmedTimer { due, generation, .. } = *timer;
    let next = entity.as_plan().filter(|state| state.generation == generation).and_then(|state| {
        let (terms, next) = (state.terms.clone()?, state.next?);
        (state.phase == Phase::Running).then_some((terms, next.number))
    });
    let Some((terms, number)) = next else {
        return Ok(plan::Command::CycleDue { generation, due, reserved: None });
    };
    let now = router.ports().clock.now(tenant);
    let taken = |why: &str| {
        let reason = format_smolstr!("{} cannot be asked for: {why}", terms.number(number));
        Ok(plan::Command::RefuseCycle { number, reason })
    };
    let name = match request_id(router, tenant, &terms.number(number), terms.customer, now) {
        Ok(name) if name.is_reserved() => name,
        Ok(_) => return taken("the number is that of another request of the customer"),
        Err(IntakeError::Submit(error)) => return Err(error),
        Err(error) => return taken(&error.to_string()),
    };
    let DirectoryValue::Request(request, _) = name.value else {
        return taken("the number means something else");
    };
    let (reference, short_reference, creditor_reference) = match references(router, tenant, request, terms.customer) {
        Ok(references) => references,
        Err(IntakeError::Submit(error)) => return Err(error),
        Err(error) => return taken(&error.to_string()),
    };
    held.extend([name, reference]);
    let reserved = Some(Reserved { number, request, short_reference, creditor_reference });
    Ok(plan::Command::CycleDue { generation, due, reserved })
}

async fn refuse(router: &Arc<Router>, tenant: &TenantId, id: PlanId, rejection: &str) -> Result<(), SubmitError> {
    let (_, entity, _) = router.read(EntityId::Plan(id), 0).await?;
    let next = entity.as_plan().and_then(|state| Some((state.terms.clone()?, state.next?.number)));
    let Some((terms, number)) = next else { return Ok(()) };
    let reason = format_smolstr!("{} cannot be asked for: {rejection}", terms.number(number));
    let fresh = router.ports().clock.random().to_string();
    let command = derived_from(&[&id.to_string(), "refuse", &fresh]);
    let tell = Tell::Plan(id, plan::Command::RefuseCycle { number, reason });
    router.submit(tenant, tell, command, stable_hash(&[&fresh]), Origin::System, Priority::Patient).await.map(drop)
}
