//! Plans: agreed with a customer; when a cycle is due, what its payment request is known by is reserved, as for an
//! invoice that comes in, and the plan issues it in one step.
//!
//! ```text
//! row or call ─► key reserved ─► the customer agrees ─► plan … timer ─► id and references reserved ─► issued
//!                                                                   └─► the number is taken: the plan rests
//! ```

use std::sync::Arc;

use smol_str::format_smolstr;

use super::answers::Answer;
use super::intake::{derived_from, known_customer};
use super::reserving::{Held, references, request_id};
use super::{IntakeError, Priority, Request, Router, SubmitError};
use crate::collection::Instrument;
use crate::customer;
use crate::machine::Tell;
use crate::partition::{ArmedTimer, DirectoryKey, DirectoryValue, Entity, Origin, Receipt};
use crate::plan::{self, Phase, Reserved, Terms};
use crate::values::{CommandId, CustomerId, EntityId, PlanId, TenantId, stable_hash};

/// A plan as a row or a call describes it; the ids are filled in here.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRow {
    /// The ERP's key of the customer, who is known.
    pub customer_ref: String,
    /// What is agreed. How far ahead a cycle is asked for depends on the instrument if it is not said.
    pub terms: Terms,
    /// How many days before its deadline a cycle is asked for.
    pub ahead_days: Option<u16>,
}

/// Agrees on a plan with its customer; gives its id.
pub async fn admit_plan(
    router: &Arc<Router>, tenant: &TenantId, row: &PlanRow, command: CommandId, origin: Origin, priority: Priority,
) -> Result<(PlanId, Receipt), IntakeError> {
    let ports = router.ports();
    let customer = known_customer(router, tenant, &row.customer_ref)?;
    let key = DirectoryKey::PlanExternalRef(tenant.clone(), row.terms.external_ref.clone());
    let fresh = PlanId::new(ports.clock.now(tenant), ports.clock.random(), customer.partition());
    let mut held = Held::find_or_reserve(router, key, DirectoryValue::Plan(fresh))?;
    let id = match held.value {
        // A customer's plans live in its lane.
        DirectoryValue::Plan(id) if id.partition() == customer.partition() => id,
        _ => return Err(IntakeError::OtherCustomer(row.terms.external_ref.to_string())),
    };
    let ahead_days = match row.ahead_days {
        Some(days) => days,
        None => ahead_of(router, customer, row.terms.collect_from.as_ref()).await?,
    };
    let terms = Arc::new(Terms { id, customer, ahead_days, ..row.terms.clone() });
    let fingerprint = fingerprint(row);
    let tell = Tell::Customer(customer, customer::Command::OpenPlan { terms });
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
    let PlanRow { customer_ref, terms, ahead_days } = row;
    let deposit = terms.deposit.map(|(amount, due_on)| format!("{amount} {due_on}")).unwrap_or_default();
    let cycles = terms.cycles.map(|cycles| cycles.to_string()).unwrap_or_default();
    let from = terms.collect_from.as_ref().map(ToString::to_string).unwrap_or_default();
    let ahead = ahead_days.map(|days| days.to_string()).unwrap_or_default();
    stable_hash(&[
        "plan",
        customer_ref,
        &terms.external_ref,
        &terms.first.to_string(),
        &terms.each.to_string(),
        &deposit,
        &cycles,
        &terms.every.to_string(),
        &terms.starts_on.to_string(),
        &from,
        &ahead,
        terms.policy.as_deref().unwrap_or_default(),
        terms.scenario.as_deref().unwrap_or_default(),
        terms.on_exhausted.name(),
        &terms.description,
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
