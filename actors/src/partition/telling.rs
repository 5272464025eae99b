//! What a lane tells of its records: public events with their facts, and what a delivery needs.

use std::sync::Arc;

use super::commit::{Commit, Outgoing};
use super::entity::{Entity, Event};
use super::lane::Lane;
use super::occurrence::{About, View};
use super::outbox::Row;
use smol_str::SmolStr;

use crate::collection::{Instrument, InstrumentDetails};
use crate::customer::{Customer, OpenRequest, Profile};
use crate::delivery::{Delivery, Guard, Recipient};
use crate::payment_request::{self, AttemptStatus, Status};
use crate::ports::PortError;
use crate::rules::{Field, Published, RequestFigures, of_request};
use crate::values::{AttemptId, Date, DeliveryId, EntityId, Iban, PaymentRequestId};

/// Whether a delivery may leave, and with what.
#[derive(Debug, Clone, PartialEq)]
pub enum Preparation {
    /// It may; with the customer concerned, if any.
    Ready(Box<Delivery>, Option<Concerned>),
    /// It is not wanted any more: why, and what it was guarded by.
    Suppressed(String, Guard),
    /// It has ended already.
    Ended,
    /// A try of it has begun of which nothing was heard; with why it is not wanted any more, if it is not.
    Unheard(Option<String>),
}

/// The customer that a delivery concerns.
#[derive(Debug, Clone, PartialEq)]
pub struct Concerned {
    /// Who it is.
    pub profile: Arc<Profile>,
    /// The time zone where it lives, if not the tenant's.
    pub zone: Option<SmolStr>,
    /// The account number to pay to, as it is printed.
    pub virtual_iban: Option<String>,
    /// What is collected from, of an order to a connector.
    pub instrument: Option<InstrumentDetails>,
    /// What is open and to be told of, by deadline, of a message to the customer.
    pub open: Vec<OpenRequest>,
}

/// Why what a rule says does not leave that is tried out.
const TRIED_OUT: &str = "its rule is tried out";

impl Lane {
    /// Where the log tells of an entity: the newest `limit` positions, the oldest first.
    pub fn history(&mut self, id: EntityId, limit: usize) -> Result<Vec<u64>, PortError> {
        self.activate(id)?;
        let Some(resident) = self.residents.peek(id) else { return Ok(Vec::new()) };
        let mut positions: Vec<u64> = resident.history.positions().collect();
        let excess = positions.len().saturating_sub(limit);
        Ok(positions.split_off(excess))
    }

    /// The public events of a record that concern an entity.
    pub fn events(&mut self, id: EntityId, commit: &Commit) -> Result<Vec<Published>, PortError> {
        let mut events = Vec::new();
        for place in 0..commit.published.len() {
            let event = self.publish(commit, place)?;
            events.extend(event.filter(|event| concerns(event, id)));
        }
        Ok(events)
    }

    /// The public event at a place of a record of this lane, with its facts.
    pub fn publish(&mut self, commit: &Commit, place: usize) -> Result<Option<Published>, PortError> {
        let Some(occurrence) = commit.published.get(place) else { return Ok(None) };
        let Some(change) = commit.changes.get(usize::from(occurrence.change)) else { return Ok(None) };
        let mut state = |id: Option<EntityId>| id.map(|id| Ok(self.activate(id)?.1)).transpose();
        let here = commit.partition;
        let known_customer = occurrence.customer.filter(|id| id.partition() == here);
        let known_request = occurrence.request.filter(|id| id.partition() == here);
        let customer: Option<Arc<Entity>> = state(known_customer.map(EntityId::Customer))?;
        let request = state(known_request.map(EntityId::PaymentRequest))?;
        let transfer = state(Some(change.entity).filter(|id| matches!(id, EntityId::Transfer(_))))?;
        let payout = state(Some(change.entity).filter(|id| matches!(id, EntityId::Payout(_))))?;
        let plan = state(Some(change.entity).filter(|id| matches!(id, EntityId::Plan(_))))?;
        let about = About {
            customer: known_customer.zip(customer.as_ref().and_then(|state| state.as_customer())),
            request: request.as_ref().and_then(|state| state.as_payment_request()),
            transfer: transfer.as_ref().and_then(|state| state.as_transfer()),
            payout: payout.as_ref().and_then(|state| state.as_payout()),
            plan: plan.as_ref().and_then(|state| state.as_plan()),
        };
        let view = View { event: &change.event, standing: &occurrence.standing, about };
        Ok(Some(Published {
            id: commit.event_id(place),
            tenant: commit.tenant.clone(),
            event: occurrence.event,
            at: commit.at,
            entity: change.entity,
            key: occurrence.key(change.entity, here),
            key_seq: occurrence.key_seq(),
            customer: occurrence.customer,
            request: occurrence.request,
            facts: view.facts(),
        }))
    }

    /// The position of the record that a delivery needs and that is no longer in memory.
    pub fn missing_record(&self, id: DeliveryId) -> Option<u64> {
        self.outbox.get(&id).filter(|row| row.record.is_none()).map(|row| row.position)
    }

    /// Why a message is not wanted any more, if it is not.
    fn unwanted(&mut self, outgoing: &Outgoing) -> Result<Option<String>, PortError> {
        let request = match outgoing.guard {
            Guard::None => return self.unwanted_by_whom(outgoing),
            Guard::TriedOut => return Ok(Some(TRIED_OUT.to_owned())),
            Guard::Together(request) => return self.unwanted_together(request, outgoing),
            Guard::AttemptInFlight(request, attempt) => {
                return self.unasked(request, attempt);
            }
            Guard::StillOpen(request) | Guard::AttemptWanted(request, _) => request,
        };
        let (_, entity) = self.activate(EntityId::PaymentRequest(request))?;
        let Some(state) = entity.as_payment_request() else { return Ok(None) };
        if state.status != Status::Open {
            return Ok(Some("nothing is open any more".to_owned()));
        }
        let customer = state.terms.as_ref().map(|terms| self.activate(EntityId::Customer(terms.customer)));
        let customer = customer.transpose()?.map(|(_, entity)| entity);
        let Some(customer) = customer.as_ref().and_then(|entity| entity.as_customer()) else { return Ok(None) };
        let kept_back = match outgoing.guard {
            Guard::AttemptWanted(_, attempt) => match state.attempts.get(&attempt) {
                // What may have left already is asked about again with the same id: it is not a new one.
                Some(known) if known.status == AttemptStatus::Submitted => None,
                Some(known) if known.status == AttemptStatus::Ordered => {
                    let ended = known.usage.as_ref().and_then(|usage| customer.ledgers.get(&usage.instrument));
                    let ended = ended.is_some_and(|ledger| ledger.ended.is_some());
                    let kept = ended || !customer.rare.holds.is_empty() || customer.rare.suspended.is_some();
                    kept.then_some("the customer is not collected from now")
                }
                _ => Some("the attempt has ended"),
            },
            _ if state.rare.dispute.is_some() => Some("it is disputed"),
            _ if state.rare.promise.is_some() => Some("a payment is promised"),
            _ if !customer.rare.holds.is_empty() => Some("the customer is on hold"),
            _ if customer.rare.opted_out.contains_key(&outgoing.channel) => {
                Some("the customer wants no such message")
            }
            _ => None,
        };
        Ok(kept_back.map(str::to_owned))
    }

    /// Why nothing is asked about an attempt any more.
    fn unasked(&mut self, request: PaymentRequestId, attempt: AttemptId) -> Result<Option<String>, PortError> {
        let (_, entity) = self.activate(EntityId::PaymentRequest(request))?;
        let Some(state) = entity.as_payment_request() else { return Ok(None) };
        let known = state.attempts.get(&attempt);
        // One that is called back and has been heard nothing of is called back all the same when its request is open
        // again: it may have been left already.
        let in_flight = known.is_some_and(|known| known.status.is_in_flight());
        Ok((!in_flight).then(|| "the attempt has ended".to_owned()))
    }

    /// Why a message that needs nothing to hold is not wanted any more: whom it goes to wants no such messages since.
    fn unwanted_by_whom(&mut self, outgoing: &Outgoing) -> Result<Option<String>, PortError> {
        let Recipient::Customer(id) = outgoing.recipient else { return Ok(None) };
        if !outgoing.channel.reaches_people() || id.partition() != self.partition {
            return Ok(None);
        }
        let (_, entity) = self.activate(EntityId::Customer(id))?;
        let out = entity.as_customer().is_some_and(|state| state.rare.opted_out.contains_key(&outgoing.channel));
        Ok(out.then(|| "the customer wants no such message".to_owned()))
    }

    /// Why a message that tells of everything is not wanted any more: nothing is left that it could tell of, or nobody
    /// wants it.
    fn unwanted_together(
        &mut self, request: PaymentRequestId, outgoing: &Outgoing,
    ) -> Result<Option<String>, PortError> {
        let (_, entity) = self.activate(EntityId::PaymentRequest(request))?;
        let Some(terms) = entity.as_payment_request().and_then(|state| state.terms.clone()) else { return Ok(None) };
        let (_, customer) = self.activate(EntityId::Customer(terms.customer))?;
        let Some(state) = customer.as_customer() else { return Ok(None) };
        let open = self.open_of(state)?;
        Ok(match state {
            _ if open.is_empty() => Some("nothing is open any more".to_owned()),
            state if !state.rare.holds.is_empty() => Some("the customer is on hold".to_owned()),
            state if state.rare.opted_out.contains_key(&outgoing.channel) => {
                Some("the customer wants no such message".to_owned())
            }
            _ => None,
        })
    }

    /// What a customer has open and is to be told of, those due first: nothing that is disputed, promised, being collected
    /// or perhaps paid, and nothing that has no reminders.
    pub fn open_of(&mut self, state: &Customer) -> Result<Vec<OpenRequest>, PortError> {
        let mut open = Vec::new();
        for id in state.told_of() {
            let (_, entity) = self.activate(EntityId::PaymentRequest(id))?;
            let told = entity.as_payment_request().is_some_and(|request| {
                let reminded = request.terms.as_ref().is_some_and(|terms| terms.scenario.is_some());
                let rests = request.rare.promise.is_some() || request.rare.dispute.is_some();
                request.status == Status::Open
                    && reminded
                    && !rests
                    && request.in_flight().is_none()
                    && !request.is_unknown()
            });
            open.extend(told.then(|| state.open_requests.get(&id).cloned()).flatten());
        }
        Ok(open)
    }

    /// What is still to be paid, as it is when the message leaves and not as it was when it was decided.
    fn figures_of_now(&mut self, request: PaymentRequestId, event: &mut Published) -> Result<(), PortError> {
        let (_, entity) = self.activate(EntityId::PaymentRequest(request))?;
        let Some(state) = entity.as_payment_request().filter(|_| event.request == Some(request)) else {
            return Ok(());
        };
        // How late it is stays what was decided by.
        let due_on = state.terms.as_ref().map(|terms| terms.due_on);
        let Some(figures) = due_on.and_then(|day| RequestFigures::of(state, day)) else { return Ok(()) };
        let moves = [Field::RequestPaid, Field::RequestOutstanding, Field::RequestStatus];
        for (field, value) in event.facts.iter_mut().filter(|(field, _)| moves.contains(field)) {
            if let Some(known) = of_request(*field, Some(state), &figures) {
                *value = known.into_value();
            }
        }
        Ok(())
    }

    /// The account number that a message asks to pay to: the request's own, unless it tells of others beside, or the
    /// customer's.
    fn pays_to(
        &mut self, customer: &Customer, event: &Published, outgoing: &Outgoing,
    ) -> Result<Option<String>, PortError> {
        let here = |id: &PaymentRequestId| id.partition() == self.partition;
        let alone = !matches!(outgoing.guard, Guard::Together(_));
        if let Some(id) = event.request.filter(here).filter(|_| alone)
            && let (_, entity) = self.activate(EntityId::PaymentRequest(id))?
            && let Some(state) = entity.as_payment_request()
        {
            return Ok(state.pays_to(Some(customer)).map(Iban::printed));
        }
        Ok(customer.virtual_iban.as_ref().map(|number| number.iban().printed()))
    }

    /// The oldest delivery of the same way and key that has not ended and stands before this one.
    pub fn before(&self, id: DeliveryId) -> Option<DeliveryId> {
        let row = self.outbox.get(&id).filter(|row| row.key != 0)?;
        let same = |(_, other): &(&DeliveryId, &Row)| other.key == row.key && other.way == row.way;
        self.outbox.range(..id).find(same).map(|(id, _)| *id)
    }

    /// Whether a delivery may leave now, and what it needs (INV-03). `record` is what the log
    /// holds at its position, when [`Lane::missing_record`] asked for it.
    pub fn prepare(&mut self, id: DeliveryId, record: Option<&Arc<Commit>>) -> Result<Preparation, PortError> {
        let Some(row) = self.outbox.get(&id) else { return Ok(Preparation::Ended) };
        let claimed = row.claimed;
        let place = usize::from(row.place);
        let commit = row.record.as_ref().or(record).map(Arc::clone);
        let bug = |detail: &str| PortError { port: "journal", detail: format!("{id}: {detail}") };
        let commit = commit.ok_or_else(|| bug("its record is not at hand"))?;
        let outgoing = commit.deliveries.get(place).ok_or_else(|| bug("its record has no such delivery"))?;
        let unwanted = self.unwanted(outgoing)?;
        if claimed {
            return Ok(Preparation::Unheard(unwanted));
        }
        if let Some(reason) = unwanted {
            return Ok(Preparation::Suppressed(reason, outgoing.guard));
        }
        let event = self.publish(&commit, usize::from(outgoing.occurrence))?;
        let mut event = event.ok_or_else(|| bug("its record has no such event"))?;
        if let Guard::StillOpen(request) | Guard::Together(request) = outgoing.guard {
            self.figures_of_now(request, &mut event)?;
        }
        let concerned = match &outgoing.recipient {
            Recipient::Customer(id) => Some(*id),
            _ => event.customer.filter(|id| id.partition() == self.partition),
        };
        let mut about = None;
        if let Some(id) = concerned
            && let (_, entity) = self.activate(EntityId::Customer(id))?
            && let Some(state) = entity.as_customer()
        {
            if outgoing.channel.reaches_people()
                && outgoing.recipient == Recipient::Customer(id)
                && state.is_deceased()
            {
                return Ok(Preparation::Suppressed("on hold: deceased".to_owned(), outgoing.guard));
            }
            let virtual_iban = self.pays_to(state, &event, outgoing)?;
            let instrument = ordered_from(&commit, usize::from(outgoing.occurrence));
            let instrument = instrument.and_then(|(instrument, collects_on)| match instrument {
                Instrument::Card(token) => Some(InstrumentDetails::Card(token.clone())),
                Instrument::Mandate(reference) => {
                    let (mandate, amended) =
                        (state.mandates.get(reference).cloned(), state.tells_amendment(reference, collects_on));
                    mandate.map(|mandate| InstrumentDetails::Mandate(reference.clone(), mandate, amended))
                }
            });
            let is_to_customer = outgoing.channel.reaches_people() && outgoing.recipient == Recipient::Customer(id);
            let open = if is_to_customer { self.open_of(state)? } else { Vec::new() };
            let zone = state.rare.zone.clone();
            let concerned = |profile| Concerned { profile, zone, virtual_iban, instrument, open };
            about = state.profile.clone().map(concerned);
        }
        let delivery = Delivery {
            id,
            tenant: commit.tenant.clone(),
            channel: outgoing.channel,
            template: outgoing.template.clone(),
            recipient: outgoing.recipient.clone(),
            guard: outgoing.guard,
            event,
            cause: Arc::clone(&outgoing.cause),
        };
        Ok(Preparation::Ready(Box::new(delivery), about))
    }
}

/// What the order at a place of a record collects from, and when.
fn ordered_from(commit: &Commit, place: usize) -> Option<(&Instrument, Date)> {
    let change = usize::from(commit.published.get(place)?.change);
    match &commit.changes.get(change)?.event {
        Event::PaymentRequest(payment_request::Event::AttemptOrdered { instrument, collects_on, .. }) => {
            Some((instrument, *collects_on))
        }
        _ => None,
    }
}

fn concerns(event: &Published, id: EntityId) -> bool {
    event.entity == id
        || match id {
            EntityId::Customer(id) => event.customer == Some(id),
            EntityId::PaymentRequest(id) => event.request == Some(id),
            EntityId::Transfer(_) | EntityId::Feed(_) | EntityId::Payout(_) | EntityId::Plan(_) => false,
        }
}
