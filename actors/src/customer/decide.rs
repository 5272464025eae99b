//! What a customer decides.

use std::sync::Arc;

use smol_str::SmolStr;

use super::apply::apply;
use super::collecting;
use super::command::{Command, PlaceTransfer, Reminder, Report};
use super::decided;
use super::event::Event;
use super::notes;
use super::plans;
use super::rejection::Rejection;
use super::state::{Customer, OpenRequest, PaymentMethod, Profile};
use super::{accounts, credit};
use crate::account_numbers::Given;
use crate::delivery::{Channel, Guard, Recipient};
use crate::limits;
use crate::machine::{Context, Decision, Effect, Machine, Purpose, Tell};
use crate::payment_request::{self, gate};
use crate::payout;
use crate::policies::{Excess, Policies};
use crate::rules::{Fact, Facts, Field, Truth, Value, of_customer};
use crate::transfer::{self, Payer, Placement, place};
use crate::values::{Calendar, CustomerId, Date, Money, PaymentRequestId, Timestamp};

type Decided = Result<Decision<Event>, Rejection>;

impl Machine for Customer {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, context: &Context<'_>) -> Decided {
        match command {
            Command::Register { id, profile, gives, zone, virtual_iban } => {
                let profile = gives.over(profile, self.profile.as_deref());
                let mut decision = register(self, *id, Arc::new(profile), virtual_iban.as_ref());
                if let Some(zone) = zone.as_ref().filter(|zone| self.rare.zone.as_ref() != Some(zone)) {
                    decision.push(Event::ZoneKnown { zone: zone.clone() });
                }
                Ok(decision)
            }
            command => {
                let id = self.id.ok_or(Rejection::Unknown)?;
                let mut decision = decide(self, id, command, context)?;
                if !matches!(command, Command::CreditBack(_)) {
                    credit::net(&mut decision, self, id, context);
                }
                Ok(plans::inform(self, decision))
            }
        }
    }

    fn apply(&mut self, event: &Event) {
        apply(self, event);
    }
}

fn decide(state: &Customer, id: CustomerId, command: &Command, context: &Context<'_>) -> Decided {
    match command {
        Command::Register { .. } => Ok(Decision::default()), // Handled by the caller.
        Command::AddPaymentMethod { token, last4, expires_on, backs_recurring, scheme } => {
            let new = NewMethod { token, last4, expires_on: *expires_on, backs_recurring: *backs_recurring };
            let mut decision = add_payment_method(state, &new, context)?;
            collecting::card_added(&mut decision, state, token, *scheme);
            Ok(decision)
        }
        Command::CardExpiryDue { slot, generation, due } => {
            Ok(card_expiry_due(state, *slot, *generation, *due, context))
        }
        Command::OpenRequest { request, outstanding, due_on, number, reference, disputed, is_new } => {
            if state.open_requests.contains_key(request) {
                return Ok(Decision::default());
            }
            if state.open_requests.len() >= limits::OPEN_REQUESTS_MAX {
                return Err(Rejection::TooManyRequests(limits::OPEN_REQUESTS_MAX));
            }
            let (request, outstanding, due_on) = (*request, *outstanding, *due_on);
            let (number, reference) = (number.clone(), *reference);
            let new = OpenRequest {
                outstanding,
                due_on,
                number: number.clone(),
                reference: Some(reference),
                disputed: *disputed,
            };
            let mut decision =
                Decision::of(Event::NumberedRequestOpened { request, outstanding, due_on, number, reference });
            if *disputed {
                decision.push(Event::DisputeMarked { request, disputed: true });
            }
            if let Some(zone) = state.rare.zone.as_ref().filter(|_| *is_new) {
                let zone = payment_request::Command::LearnZone { zone: zone.clone(), step: None };
                decision.tell(Tell::PaymentRequest(request, zone));
            }
            // The payer may have been faster than the invoice.
            for waits in &state.rare.unplaced {
                let new = new.clone();
                decision.tell(Tell::Transfer(*waits, transfer::Command::Reconsider { request, new }));
            }
            if *is_new && context.policies.matching.nets_credit && !state.rare.credit.is_empty() {
                // After those above: they may have paid it.
                decision.tell(Tell::Customer(id, Command::NetCredit { request }));
            }
            Ok(decision)
        }
        Command::KnowOrder { request, order } => {
            let known = state.rare.orders.get(request) == Some(order) || !state.open_requests.contains_key(request);
            let new = || Decision::of(Event::OrderKnown { request: *request, order: order.clone() });
            Ok(if known { Decision::default() } else { new() })
        }
        Command::MarkDisputed { request, disputed } => Ok(match state.open_requests.get(request) {
            Some(open) if open.disputed != *disputed => {
                Decision::of(Event::DisputeMarked { request: *request, disputed: *disputed })
            }
            _ => Decision::default(),
        }),
        Command::PayOutCredit { payout, amount, iban, by, reason } => {
            let credit = state.rare.credit.get(&amount.currency()).copied().unwrap_or(0);
            if !amount.is_positive() || amount.minor() > credit {
                return Err(Rejection::NotSoMuchCredit(Money::from_minor(credit, amount.currency())));
            }
            let profile = state.profile.as_ref().ok_or(Rejection::Unknown)?;
            let details = payout::Details {
                id: *payout,
                source: payout::Source::Credit(id),
                amount: *amount,
                creditor: profile.name.clone(),
                to: payout::Destination::Account(iban.clone()),
                by: by.clone(),
                reason: reason.clone(),
                at: context.now,
            };
            let mut decision = Decision::of(Event::CreditPaidOut { payout: *payout, amount: *amount });
            let request = payout::Command::Request { details: Arc::new(details), needs_second: false };
            decision.tell(Tell::Payout(*payout, request));
            Ok(decision)
        }
        Command::GiveNumber(given) => {
            if state.virtual_iban.is_some() {
                return Err(Rejection::HasNumber);
            }
            let mut decision = Decision::default();
            accounts::give(&mut decision, state, Some(given));
            Ok(decision)
        }
        Command::ReleaseNumber { reason } => accounts::release(state, reason, context),
        Command::ReturnCredit { number, request, amount } => {
            Ok(Decision::of(match state.rare.credit_used.contains_key(number) {
                true => Event::CreditUseReversed { number: *number, request: *request, amount: *amount },
                false => Event::CreditAdded { amount: *amount }, // So long ago that it is not remembered.
            }))
        }
        Command::NetCredit { request } => {
            let mut decision = Decision::default();
            if let Some(open) = state.open_requests.get(request) {
                credit::use_credit(&mut decision, state, *request, open.outstanding);
            }
            Ok(decision)
        }
        Command::UseCredit { request } => {
            let open = state.open_requests.get(request).ok_or(Rejection::NotOpen { request: *request })?;
            let mut decision = Decision::default();
            match credit::use_credit(&mut decision, state, *request, open.outstanding) {
                true => Ok(decision),
                false => Err(Rejection::NoCredit(open.outstanding.currency())),
            }
        }
        Command::ChangeOutstanding { request, outstanding } => Ok(change_outstanding(state, *request, *outstanding)),
        Command::TakeCreditNote(taken) => credit::take_credit_note(state, *taken),
        Command::AddCredit(amount) | Command::CreditBack(amount) => {
            Ok(Decision::of(Event::CreditAdded { amount: *amount }))
        }
        Command::AwaitTransfer { transfer } => Ok(match state.rare.unplaced.contains(transfer) {
            true => Decision::default(),
            false => Decision::of(Event::TransferUnplaced { transfer: *transfer }),
        }),
        Command::ForgetTransfer { transfer } => Ok(match state.rare.unplaced.contains(transfer) {
            true => Decision::of(Event::TransferForgotten { transfer: *transfer }),
            false => Decision::default(),
        }),
        Command::PlaceTransfer(received) => Ok(place_transfer(state, received, context)),
        Command::PlaceAgain(received, late) => {
            let open = state.open_requests.iter().map(|(request, known)| (*request, known));
            let hits = transfer::named_in(&received.details, id, open);
            let again = place_transfer(state, &PlaceTransfer { hits, ..received.clone() }, context);
            // What is still doubtful is the task that it was; so is what pays something else, or leaves money
            // over: other invoices of the same file may still come.
            let pays = |request: &PaymentRequestId| {
                let told = |tell: &Tell| matches!(tell, Tell::PaymentRequest(told, _) if told == request);
                again.tells.iter().any(told)
            };
            let over = again.events.iter().any(|event| matches!(event, Event::CreditAdded { .. }));
            Ok(if pays(late) && !over { again } else { Decision::default() })
        }
        Command::PlaceDecided(placed) => decided::place(state, placed),
        Command::TakeBackTransfer(placed) => decided::take_back(state, placed),
        Command::LoseTransfer(placed) => decided::lose(state, placed),
        Command::Remind(reminder) => Ok(remind(state, id, reminder, context)),
        Command::TakeReport { delivery, channel, report } => {
            let (delivery, channel) = (*delivery, *channel);
            Ok(Decision::of(match report {
                Report::Arrived => Event::MessageArrived { delivery, channel },
                Report::Failed { reason, lasting } => {
                    let (reason, lasting) = (reason.clone(), *lasting);
                    Event::MessageFailed { delivery, channel, reason, lasting }
                }
            }))
        }
        Command::OpenPlan { .. }
        | Command::ChangePlan { .. }
        | Command::KnowPlan { .. }
        | Command::ResumePlan { .. }
        | Command::FollowInstrument { .. }
        | Command::CollectCycle { .. } => plans::decide(state, command, context),
        Command::Note(note) => notes::decide(state, note, context),
        command => collecting::decide(state, command, context),
    }
}

fn register(state: &Customer, id: CustomerId, profile: Arc<Profile>, given: Option<&Given>) -> Decision<Event> {
    let mut decision = match &state.profile {
        None => Decision::of(Event::Registered { id, profile }),
        Some(known) if *known == profile => Decision::default(), // The same file again.
        Some(_) => Decision::of(Event::ProfileChanged { profile }),
    };
    accounts::give(&mut decision, state, given);
    decision
}

struct NewMethod<'a> {
    token: &'a SmolStr,
    last4: &'a SmolStr,
    expires_on: Date,
    backs_recurring: bool,
}

fn add_payment_method(state: &Customer, new: &NewMethod<'_>, context: &Context<'_>) -> Decided {
    let known = state.payment_methods.iter().find(|(_, method)| method.token == *new.token);
    let slot = match known {
        Some((_, method)) if method.last4 != *new.last4 => {
            return Err(Rejection::MethodDiffers { token: new.token.clone(), field: "last4" });
        }
        Some((_, method)) if method.expires_on == new.expires_on && method.backs_recurring == new.backs_recurring => {
            return Ok(Decision::default());
        }
        Some((slot, _)) => *slot,
        None if state.payment_methods.len() >= limits::PAYMENT_METHODS_MAX => {
            return Err(Rejection::TooManyMethods(limits::PAYMENT_METHODS_MAX));
        }
        None => state.payment_methods.keys().next_back().map_or(0, |last| last.saturating_add(1)),
    };
    let generation = known.map_or(0, |(_, method)| method.generation).wrapping_add(1);
    let method = PaymentMethod {
        token: new.token.clone(),
        last4: new.last4.clone(),
        expires_on: new.expires_on,
        backs_recurring: new.backs_recurring,
        notices: 0,
        generation,
    };
    let mut decision = Decision::default();
    if let Some(due) = next_notice(&method, context) {
        let purpose = Purpose::CardExpiry(slot);
        decision.effect(Effect::ArmTimer { purpose, due, generation });
    }
    decision.push(Event::PaymentMethodAdded { slot, method });
    Ok(decision)
}

/// When the next notice of a card's end is due: 09:00 local, `card_notices_days` before it. A
/// notice whose day has passed is given at once, the earlier ones are skipped.
fn next_notice(method: &PaymentMethod, context: &Context<'_>) -> Option<Timestamp> {
    let notices = &context.policies.card_notices_days;
    let days = notices.get(usize::from(method.notices))?;
    let due = method.expires_on.plus_days(-days).at(9, 0, &context.policies.zone);
    let end = method.expires_on.at(23, 59, &context.policies.zone);
    (context.now <= end).then_some(due)
}

fn card_expiry_due(
    state: &Customer, slot: u16, generation: u32, due: Timestamp, context: &Context<'_>,
) -> Decision<Event> {
    let Some(method) = state.payment_methods.get(&slot) else { return Decision::default() };
    if method.generation != generation {
        return Decision::default(); // The card was renewed since.
    }
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    let today = context.now.date_in(&context.policies.zone);
    let days_to_expiry = method.expires_on.days_since(today);
    let given = context.policies.card_notices_days.iter().filter(|days| **days >= days_to_expiry).count();
    let notices = u16::try_from(given).unwrap_or(u16::MAX).max(method.notices.saturating_add(1));
    let generation = generation.wrapping_add(1);
    let mut decision = Decision::of(Event::PaymentMethodExpiring { slot, days_to_expiry, notices, generation });
    let next = PaymentMethod { notices, generation, ..method.clone() };
    if let Some(due) = next_notice(&next, context) {
        let purpose = Purpose::CardExpiry(slot);
        decision.effect(Effect::ArmTimer { purpose, due, generation });
    }
    decision
}

fn change_outstanding(state: &Customer, request: PaymentRequestId, outstanding: Option<Money>) -> Decision<Event> {
    if !state.open_requests.contains_key(&request) {
        return Decision::default();
    }
    match outstanding {
        Some(outstanding) if outstanding.is_positive() => {
            Decision::of(Event::OutstandingChanged { request, outstanding })
        }
        _ => Decision::of(Event::RequestClosed { request }),
    }
}

fn place_transfer(state: &Customer, received: &PlaceTransfer, context: &Context<'_>) -> Decision<Event> {
    let transfer::Details { id: transfer, amount, .. } = received.details.as_ref();
    if state.placed_transfers.contains_key(transfer) {
        return Decision::default();
    }
    let name = state.profile.as_ref().map(|profile| profile.name.as_str());
    let others_wait = state.rare.unplaced.iter().any(|known| known != transfer);
    let Policies { matching, calendar, .. } = context.policies;
    let payer = Payer { name, money_waits: others_wait, orders: &state.rare.orders, calendar };
    let (mut placement, weighed) = place(received, payer, &state.open_requests, matching);
    // A person sees what came on a number that was not the customer's on its day, whatever invoices it names.
    if received.identified_by == transfer::Identification::VirtualIban
        && let Some(doubt) = accounts::doubt(state, &received.details)
    {
        let candidates = match placement {
            Placement::Placed { allocations, .. } => allocations.iter().map(|(request, _)| *request).collect(),
            Placement::Doubt { candidates, .. } => candidates,
        };
        placement = Placement::Doubt { doubt, candidates, rule: None };
    }
    if matching.excess == Excess::Oldest {
        placement = credit::to_the_oldest(state, placement, matching.accepts_parts);
        placement = credit::unless_left_to_person(placement, received, &weighed, (matching, calendar));
    }
    let mut decision = Decision::default();
    match &placement {
        Placement::Placed { allocations, credit, .. } => {
            decision.push(Event::TransferPlaced { transfer: *transfer, amount: *amount });
            for (request, part) in allocations {
                let source = payment_request::Source::Transfer(*transfer);
                let command = payment_request::Command::Allocate { source, amount: *part };
                decision.tell(Tell::PaymentRequest(*request, command));
            }
            if credit.is_positive() {
                decision.push(Event::CreditAdded { amount: *credit });
                credit::send_back(&mut decision, state, (&received.details, *credit), context);
            }
        }
        Placement::Doubt { .. } => {
            let known = received.identified_by != transfer::Identification::Nothing;
            if known && !state.rare.unplaced.contains(transfer) {
                decision.push(Event::TransferUnplaced { transfer: *transfer });
            }
        }
    }
    notes::learn(state, &mut decision, received.details.booked_on);
    decision.tell(Tell::Transfer(*transfer, transfer::Command::RecordPlacement(placement, weighed)));
    decision
}

/// What the condition of a step asks for: of the request as it was told, of the customer as it is.
struct Asked<'a> {
    id: CustomerId,
    state: &'a Customer,
    facts: &'a [(Field, Value)],
    calendar: &'a Calendar,
}

impl Facts for Asked<'_> {
    fn calendar(&self) -> Option<&Calendar> {
        Some(self.calendar)
    }

    fn fact(&self, field: Field) -> Option<Fact<'_>> {
        let told = self.facts.iter().find(|(known, _)| *known == field).map(|(_, value)| Fact::from(value));
        told.or_else(|| match field {
            Field::CustomerOpenCount => i64::try_from(self.state.open_requests.len()).ok().map(Fact::Number),
            field => of_customer(field, self.id, self.state),
        })
    }
}

fn remind(state: &Customer, id: CustomerId, reminder: &Reminder, context: &Context<'_>) -> Decision<Event> {
    let Reminder { request, place, step, channels, template, zone, when, facts, shadow, together, chases } = reminder;
    let suppressed = |reason: &str| {
        let (request, step) = (*request, step.clone());
        Decision::of(Event::ReminderSuppressed { request, step, reason: reason.into() })
    };
    if !state.open_requests.contains_key(request) {
        return suppressed(gate::NOTHING_OPEN);
    }
    if *zone != state.rare.zone
        && let Some(zone) = &state.rare.zone
    {
        // Its time is counted anew where the customer lives.
        let zone = payment_request::Command::LearnZone { zone: zone.clone(), step: Some(*place) };
        let mut decision = Decision::default();
        decision.tell(Tell::PaymentRequest(*request, zone));
        return decision;
    }
    if let Some(hold) = state.held(context.now.date_in(&context.policies.zone)) {
        return suppressed(&smol_str::format_smolstr!("{}: {}", gate::ON_HOLD, hold.name()));
    }
    if *chases && state.has_money_waiting(context.now) {
        let (step, until, reason) = (*place, context.now.plus_days(1), gate::MONEY_WAITS.into());
        let mut decision = Decision::default();
        let defer = payment_request::Command::DeferReminder { step, until, reason };
        decision.tell(Tell::PaymentRequest(*request, defer));
        return decision;
    }
    let mut leaves = Vec::new();
    let asked = Asked { id, state, facts, calendar: &context.policies.calendar };
    if when.evaluate(&asked, Some(&mut leaves)) != Truth::True {
        let said = leaves.iter().rfind(|leaf| leaf.truth != Truth::True);
        let said = said.map(|leaf| format!(": {leaf}")).unwrap_or_default();
        return suppressed(&format!("{}{said}", gate::CONDITION_FAILS));
    }
    if channels.is_empty() {
        // It is for the team: rules do what is to be done.
        return match shadow {
            true => suppressed(&format!("{} {}", gate::TRIED_OUT, "team")),
            false => Decision::of(Event::ReminderEscalated { request: *request, step: step.clone() }),
        };
    }
    let reachable = |channel: &&Channel| channel.reaches_people() && state.reachable_by(**channel);
    let Some(channel) = channels.iter().find(reachable).copied() else {
        let why = |channel: &Channel| match channel {
            channel if state.rare.opted_out.contains_key(channel) => format!("{}: not wanted", channel.name()),
            channel if state.rare.unreachable.contains_key(channel) => format!("{}: does not arrive", channel.name()),
            channel => format!("{}: no address", channel.name()),
        };
        let reasons: Vec<String> = channels.iter().map(why).collect();
        return suppressed(&reasons.join(", "));
    };
    let Policies { contact, calendar, .. } = context.policies;
    let zone = context.policies.zone_of(state.rare.zone.as_deref());
    if let Some((until, reason)) = contact.allows(&state.contacts, context.now, calendar, &zone) {
        let mut decision = Decision::default();
        let defer = payment_request::Command::DeferReminder { step: *place, until, reason: reason.into() };
        decision.tell(Tell::PaymentRequest(*request, defer));
        return decision;
    }
    if *shadow {
        return suppressed(&format!("{} {}", gate::TRIED_OUT, channel.name()));
    }
    let (request, step) = (*request, step.clone());
    let mut decision = Decision::of(Event::ReminderSent { request, step: step.clone(), channel, at: context.now });
    if let Some(scenario) = together {
        let until = context.now.date_in(&zone).plus_days(1).at(0, 0, &zone);
        for other in state.told_of().into_iter().filter(|other| *other != request) {
            let (scenario, step) = (scenario.clone(), step.clone());
            decision
                .tell(Tell::PaymentRequest(other, payment_request::Command::ToldTogether { scenario, step, until }));
        }
    }
    decision.effect(Effect::Send {
        channel,
        template: template.clone(),
        recipient: Recipient::Customer(id),
        guard: if together.is_some() { Guard::Together(request) } else { Guard::StillOpen(request) },
    });
    decision
}
