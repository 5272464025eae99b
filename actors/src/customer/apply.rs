//! Folding a customer's events. It only assigns (N4).

use smol_str::SmolStr;

use super::collecting;
use super::event::Event;
use super::notes;
use super::plans;
use super::state::{Customer, FormerNumber, OpenRequest};
use crate::collection::Instrument;
use crate::delivery::Channel;
use crate::limits;

pub(super) fn apply(state: &mut Customer, event: &Event) {
    match event {
        Event::Registered { id, profile } => {
            state.id = Some(*id);
            state.profile = Some(profile.clone());
        }
        Event::ProfileChanged { profile } => {
            let known = state.profile.as_ref();
            // Another address may be reached.
            if known.is_some_and(|known| known.email != profile.email) {
                state.rare.unreachable.remove(&Channel::Email);
            }
            if known.is_some_and(|known| known.phone != profile.phone) {
                state.rare.unreachable.remove(&Channel::Sms);
            }
            state.profile = Some(profile.clone());
        }
        Event::MessageFailed { channel, lasting: true, .. } => {
            state.rare.unreachable.insert(*channel, ());
        }
        Event::MessageArrived { channel, .. } => {
            if let Some(rare) = state.rare.said() {
                rare.unreachable.remove(channel);
            }
        }
        Event::MessageFailed { .. } => {}
        Event::VirtualIbanGiven { virtual_iban, since, .. } => {
            state.virtual_iban = Some(virtual_iban.clone());
            if since.is_some() || state.rare.number_since.is_some() {
                state.rare.number_since = *since;
            }
        }
        Event::VirtualIbanReleased { virtual_iban, until, free_on, .. } => {
            state.virtual_iban = None;
            state.rare.number_since = None;
            let former = FormerNumber { virtual_iban: virtual_iban.clone(), until: *until, free_on: *free_on };
            state.rare.former_numbers.push(former);
        }
        Event::VirtualIbanAssigned { virtual_iban } => {
            state.virtual_iban = Some(virtual_iban.clone());
        }
        Event::PaymentMethodAdded { slot, method } => {
            collecting::renewed(state, &Instrument::Card(method.token.clone()));
            state.payment_methods.insert(*slot, method.clone());
        }
        Event::PaymentMethodExpiring { slot, notices, generation, .. } => {
            if let Some(method) = state.payment_methods.get_mut(slot) {
                method.notices = *notices;
                method.generation = *generation;
            }
        }
        Event::RequestOpened { request, outstanding, due_on } => {
            let open = OpenRequest {
                outstanding: *outstanding,
                due_on: *due_on,
                number: SmolStr::default(),
                reference: None,
                disputed: false,
            };
            state.open_requests.insert(*request, open);
        }
        Event::NumberedRequestOpened { request, outstanding, due_on, number, reference } => {
            let open = OpenRequest {
                outstanding: *outstanding,
                due_on: *due_on,
                number: number.clone(),
                reference: Some(*reference),
                disputed: false,
            };
            state.open_requests.insert(*request, open);
        }
        Event::DisputeMarked { request, disputed } => {
            if let Some(open) = state.open_requests.get_mut(request) {
                open.disputed = *disputed;
            }
        }
        Event::OutstandingChanged { request, outstanding } => {
            if let Some(open) = state.open_requests.get_mut(request) {
                open.outstanding = *outstanding;
            }
        }
        Event::OrderKnown { request, order } => {
            state.rare.orders.insert(*request, order.clone());
        }
        Event::RequestClosed { request } => {
            if let Some(rare) = state.rare.said() {
                rare.orders.remove(request);
            }
            state.open_requests.remove(request);
        }
        Event::CreditNoteTaken { note, amount, request, credit } => {
            state.rare.credit_notes.insert(*note, (*amount, *request));
            if credit.is_positive() {
                *state.rare.credit.entry(credit.currency()).or_insert(0) += credit.minor();
            }
        }
        Event::CreditAdded { amount } => {
            let credit = state.rare.credit.entry(amount.currency()).or_default();
            *credit = credit.saturating_add(amount.minor());
        }
        Event::CreditUseReversed { number, amount, .. } => {
            state.rare.credit_used.remove(number);
            let left = state.rare.credit.entry(amount.currency()).or_default();
            *left = left.saturating_add(amount.minor());
        }
        Event::CreditMissing { .. } => {}
        Event::Noted(noted) => notes::apply(state, noted),
        Event::CreditUsed { amount, number, request } => {
            if state.rare.credit_used.len() >= limits::CREDIT_USES_REMEMBERED_MAX
                && let Some(oldest) = state.rare.credit_used.keys().next().copied()
            {
                state.rare.credit_used.remove(&oldest);
            }
            state.rare.credit_used.insert(*number, (*request, *amount));
            let left = state.rare.credit.entry(amount.currency()).or_default();
            *left = left.saturating_sub(amount.minor());
            state.rare.credit_uses = *number;
        }
        Event::TransferUnplaced { transfer } => {
            if state.rare.unplaced.len() == limits::UNPLACED_TRANSFERS_MAX {
                state.rare.unplaced.remove(0);
            }
            state.rare.unplaced.push(*transfer);
        }
        Event::TransferForgotten { transfer } => {
            if let Some(rare) = state.rare.said() {
                rare.unplaced.retain(|known| known != transfer);
            }
        }
        Event::TransferPlaced { transfer, amount } => {
            if let Some(rare) = state.rare.said() {
                rare.unplaced.retain(|known| known != transfer);
            }
            state.placed_transfers.insert(*transfer, *amount);
        }
        Event::TransferTakenBack { transfer, credit } => {
            state.placed_transfers.remove(transfer);
            if credit.is_positive() {
                let left = state.rare.credit.entry(credit.currency()).or_default();
                *left = left.saturating_sub(credit.minor());
            }
        }
        Event::ReminderSent { at, .. } => {
            state.last_contact_at = Some(*at);
            state.contacts.retain(|before| before.plus_days(8) > *at);
            if state.contacts.len() == limits::CONTACTS_REMEMBERED_MAX {
                state.contacts.remove(0);
            }
            state.contacts.push(*at);
        }
        Event::ZoneKnown { zone } => state.rare.zone = Some(zone.clone()),
        Event::OptedOut { channel } => {
            state.rare.opted_out.insert(*channel, ());
        }
        Event::OptedIn { channel } => {
            state.rare.opted_out.remove(channel);
            state.rare.unreachable.remove(channel);
        }
        Event::CreditWithdrawn { amount } | Event::CreditPaidOut { amount, .. } => {
            let left = state.rare.credit.entry(amount.currency()).or_default();
            *left = left.saturating_sub(amount.minor());
        }
        Event::MandateSigned { .. }
        | Event::CardSchemeKnown { .. }
        | Event::InstrumentEnded { .. }
        | Event::AttemptCounted { .. }
        | Event::CollectionAwaited { .. }
        | Event::CollectionsResumed
        | Event::RecurringSuspended { .. }
        | Event::RecurringResumed
        | Event::HoldPlaced { .. }
        | Event::HoldLifted { .. } => collecting::apply(state, event),
        Event::RuleFired { key, at, until } => {
            state.rare.fired.retain(|_, until| *until > *at);
            // Of so many, the one that ends first is forgotten: it fires once more.
            let first = state.rare.fired.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key);
            if let Some(first) = first.filter(|_| state.rare.fired.len() >= limits::RULES_REMEMBERED_MAX) {
                state.rare.fired.remove(&first);
            }
            state.rare.fired.insert(*key, *until);
        }
        Event::PlanOpened { .. } | Event::PlanClosed { .. } => plans::apply(state, event),
        Event::ReminderSuppressed { .. } | Event::ReminderEscalated { .. } => {}
    }
}
