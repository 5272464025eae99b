//! What a customer can be collected from, and whether an attempt may leave.
//!
//! The customer is the one place that knows every attempt from an instrument, over all requests: it
//! counts them against the caps of the schemes, and refuses what is ended, expired, lapsed or held
//! (INV-04, INV-05, N14).

use smol_str::{SmolStr, format_smolstr};

use super::command::Command;
use super::event::Event;
use super::rejection::Rejection;
use super::state::Customer;
use crate::collection::{CardScheme, Hold, Instrument, Ledger, Mandate, MandateKind, Method, ReasonClass, Usage};
use crate::limits;
use crate::machine::{Context, Decision, Effect, Purpose, Tell};
use crate::payment_request::{self, AttemptAnswer, gate};
use crate::values::{Currency, Date, Money, PaymentRequestId};

type Decided = Result<Decision<Event>, Rejection>;

pub(super) fn decide(state: &Customer, command: &Command, context: &Context<'_>) -> Decided {
    match command {
        Command::SignMandate { reference, mandate } => sign_mandate(state, reference, mandate, context),
        Command::EndInstrument { instrument, reason } => end_instrument(state, instrument, reason),
        Command::Collect { request, instrument, policy, again } => {
            collect(state, *request, instrument, policy.as_ref(), (*again, false), context)
        }
        Command::CollectFromUsual { request, policy } => {
            let today = context.now.date_in(&context.policies.zone);
            match usual(state, *request, policy.as_ref(), today, context) {
                Some(instrument) => collect(state, *request, &instrument, policy.as_ref(), (false, true), context),
                None => Ok(Decision::default()),
            }
        }
        Command::AllowAttempt { request, instrument, collects_on } => {
            Ok(allow_attempt(state, *request, instrument, *collects_on, context))
        }
        Command::TakeFailure { request, instrument, class, reason_code, waits } => {
            Ok(take_failure(state, *request, instrument, *class, reason_code, *waits))
        }
        Command::AwaitCollection { request, at_once } => {
            let mut decision = Decision::default();
            let today = context.now.date_in(&context.policies.zone);
            if *at_once && state.held(today).is_none() && state.rare.suspended.is_none() {
                // What kept it back is over already.
                let resume = payment_request::Command::ResumeCollection { usage: None };
                decision.tell(Tell::PaymentRequest(*request, resume));
            } else {
                awaited(&mut decision, state, *request);
            }
            Ok(decision)
        }
        Command::SuspendRecurring { reason } => Ok(match &state.rare.suspended {
            None => Decision::of(Event::RecurringSuspended { reason: reason.clone() }),
            Some(_) => Decision::default(),
        }),
        Command::ResumeRecurring => Ok(match &state.rare.suspended {
            Some(_) => resumed(state, Event::RecurringResumed, None),
            None => Decision::default(),
        }),
        // Who has died stays so: that hold has no last day (N14).
        Command::PlaceHold { hold: Hold::Deceased, .. } if state.is_deceased() => Ok(Decision::default()),
        Command::PlaceHold { hold: Hold::Deceased, .. } => {
            Ok(Decision::of(Event::HoldPlaced { hold: Hold::Deceased, until: None }))
        }
        Command::ProlongHold { hold, until } => match state.rare.holds.get(hold) {
            Some(None) => Ok(Decision::default()),
            Some(Some(known)) if until.is_some_and(|until| until <= *known) => Ok(Decision::default()),
            _ => decide(state, &Command::PlaceHold { hold: *hold, until: *until }, context),
        },
        Command::PlaceHold { hold, until } => Ok(match state.rare.holds.get(hold) {
            Some(known) if known == until => Decision::default(),
            _ => {
                let mut decision = Decision::of(Event::HoldPlaced { hold: *hold, until: *until });
                if let Some(until) = until {
                    let due = until.plus_days(1).at(0, 0, &context.policies.zone);
                    decision.effect(Effect::ArmTimer { purpose: Purpose::Hold, due, generation: 0 });
                }
                decision
            }
        }),
        Command::HoldDue => Ok(holds_over(state, context)),
        Command::LiftHold { hold } => match state.rare.holds.contains_key(hold) {
            true => Ok(resumed(state, Event::HoldLifted { hold: *hold }, None)),
            false => Err(Rejection::NotHeld(hold.name())),
        },
        Command::SetOptOut { channel, .. } if !channel.reaches_people() => Err(Rejection::NotAChannelOfPeople),
        Command::SetOptOut { channel, out } => Ok(match (state.rare.opted_out.contains_key(channel), *out) {
            (false, true) => Decision::of(Event::OptedOut { channel: *channel }),
            (true, false) => Decision::of(Event::OptedIn { channel: *channel }),
            // Messages do arrive after all, somebody says.
            (false, false) if state.rare.unreachable.contains_key(channel) => {
                Decision::of(Event::OptedIn { channel: *channel })
            }
            _ => Decision::default(),
        }),
        Command::WithdrawCredit(amount) => Ok(withdraw(state, *amount)),
        _ => Ok(Decision::default()), // Decided by the caller.
    }
}

/// Credit goes with the payment it came from: what is left of it, then what it has paid, the latest first. What was
/// paid out already is missing, and people are told.
pub(super) fn withdraw(state: &Customer, amount: Money) -> Decision<Event> {
    let money = |minor| Money::from_minor(minor, amount.currency());
    let mut left = state.rare.credit.get(&amount.currency()).copied().unwrap_or(0);
    let mut decision = Decision::default();
    for (number, (request, used)) in state.rare.credit_used.iter().rev() {
        if left >= amount.minor() {
            break;
        }
        if used.currency() == amount.currency() {
            decision.push(Event::CreditUseReversed { number: *number, request: *request, amount: *used });
            let source = payment_request::Source::Credit(*number);
            decision.tell(Tell::PaymentRequest(*request, payment_request::Command::LosePayment { source }));
            left = left.saturating_add(used.minor());
        }
    }
    let taken = amount.minor().min(left.max(0));
    if taken > 0 {
        decision.push(Event::CreditWithdrawn { amount: money(taken) });
    }
    if taken < amount.minor() {
        decision.push(Event::CreditMissing { amount: money(amount.minor() - taken) });
    }
    decision
}

pub(super) fn apply(state: &mut Customer, event: &Event) {
    match event {
        Event::MandateSigned { reference, mandate } => {
            let instrument = Instrument::Mandate(reference.clone());
            let was_used = state.ledgers.get(&instrument).is_some_and(|ledger| ledger.last_used.is_some());
            if was_used && state.mandates.get(reference).is_some_and(|known| known.iban != mandate.iban) {
                state.rare.amended.insert(reference.clone(), None);
            }
            renewed(state, &instrument);
            state.mandates.insert(reference.clone(), mandate.clone());
        }
        Event::CardSchemeKnown { token, scheme } => {
            ledger(state, &Instrument::Card(token.clone())).scheme = Some(*scheme);
        }
        Event::InstrumentEnded { instrument, reason } => ledger(state, instrument).ended = Some(reason.clone()),
        Event::AttemptCounted { instrument, request, at, collects_on } => {
            if let (Instrument::Mandate(reference), Some(rare)) = (instrument, state.rare.said())
                && let Some(first) = rare.amended.get_mut(reference)
            {
                first.get_or_insert(*collects_on);
            }
            let ledger = ledger(state, instrument);
            ledger.count(*at);
            ledger.last_used = Some(*collects_on);
            ledger.used_for.get_or_insert(*request);
        }
        Event::CollectionAwaited { request } => state.rare.waiting.push(*request),
        Event::CollectionsResumed => state.rare.waiting.clear(),
        Event::RecurringSuspended { reason } => state.rare.suspended = Some(reason.clone()),
        Event::RecurringResumed => state.rare.suspended = None,
        Event::HoldPlaced { hold, until } => {
            state.rare.holds.insert(*hold, *until);
        }
        Event::HoldLifted { hold } => {
            state.rare.holds.remove(hold);
        }
        _ => {}
    }
}

fn ledger<'a>(state: &'a mut Customer, instrument: &Instrument) -> &'a mut Ledger {
    state.ledgers.entry(instrument.clone()).or_default()
}

/// An instrument was given anew: what had ended it counts no longer.
pub(super) fn renewed(state: &mut Customer, instrument: &Instrument) {
    if let Some(ledger) = state.ledgers.get_mut(instrument) {
        ledger.ended = None;
        ledger.used_for = None;
    }
}

fn sign_mandate(state: &Customer, reference: &SmolStr, mandate: &Mandate, context: &Context<'_>) -> Decided {
    if mandate.signed_on > context.now.date_in(&context.policies.zone) {
        return Err(Rejection::SignedLater(mandate.signed_on));
    }
    let instrument = Instrument::Mandate(reference.clone());
    let ended = state.ledgers.get(&instrument).is_some_and(|ledger| ledger.ended.is_some());
    match state.mandates.get(reference) {
        Some(known) if known == mandate && !ended => return Ok(Decision::default()), // The same again.
        // What was revoked is signed anew under another date, or amended; the same paper stays revoked.
        Some(known) if known == mandate => {
            let reason = "it has ended: sign it anew, or amend it".into();
            return Err(Rejection::NotUsable { instrument, reason });
        }
        None if state.mandates.len() >= limits::MANDATES_MAX => {
            return Err(Rejection::TooManyMandates(limits::MANDATES_MAX));
        }
        _ => {}
    }
    let event = Event::MandateSigned { reference: reference.clone(), mandate: mandate.clone() };
    let usage = usage_of(instrument, Some(mandate));
    Ok(resumed(state, event, Some(&usage)))
}

/// A card was added or renewed: what waited for one goes on.
pub(super) fn card_added(
    decision: &mut Decision<Event>, state: &Customer, token: &SmolStr, scheme: Option<CardScheme>,
) {
    let instrument = Instrument::Card(token.clone());
    let known = state.ledgers.get(&instrument).and_then(|ledger| ledger.scheme);
    let is_new = !decision.events.is_empty();
    // A card whose scheme nobody names is held to the strictest cap.
    let scheme = scheme.or(if known.is_none() { Some(CardScheme::Other) } else { None });
    if let Some(scheme) = scheme.filter(|scheme| known != Some(*scheme)) {
        decision.push(Event::CardSchemeKnown { token: token.clone(), scheme });
    }
    if is_new {
        resume_all(decision, state, Some(&usage_of(instrument, None)));
    }
}

fn end_instrument(state: &Customer, instrument: &Instrument, reason: &SmolStr) -> Decided {
    let known = match instrument {
        Instrument::Card(token) => state.payment_methods.values().any(|method| method.token == *token),
        Instrument::Mandate(reference) => state.mandates.contains_key(reference),
    };
    match known {
        true => Ok(ended(state, instrument, reason.clone())),
        false => {
            let reason = "the customer has no such card or mandate".into();
            Err(Rejection::NotUsable { instrument: instrument.clone(), reason })
        }
    }
}

fn ended(state: &Customer, instrument: &Instrument, reason: SmolStr) -> Decision<Event> {
    match state.ledgers.get(instrument).and_then(|ledger| ledger.ended.as_ref()) {
        Some(_) => Decision::default(),
        None => Decision::of(Event::InstrumentEnded { instrument: instrument.clone(), reason }),
    }
}

fn usage_of(instrument: Instrument, mandate: Option<&Mandate>) -> Usage {
    let notice_days = mandate.map_or(0, |mandate| mandate.notice_days);
    let bank_country = mandate
        .map_or_else(SmolStr::default, |mandate| mandate.iban.electronic().get(..2).unwrap_or_default().into());
    Usage { instrument, notice_days, bank_country }
}

fn collect(
    state: &Customer, request: PaymentRequestId, instrument: &Instrument, policy: Option<&SmolStr>,
    (again, first): (bool, bool), context: &Context<'_>,
) -> Decided {
    if !state.open_requests.contains_key(&request) {
        return Err(Rejection::NotOpen { request });
    }
    let (usage, policy) = way(state, instrument, policy, context)?;
    let today = context.now.date_in(&context.policies.zone);
    if let Err(reason) = usable(state, instrument, request, today) {
        return Err(Rejection::NotUsable { instrument: instrument.clone(), reason });
    }
    let agree = payment_request::Command::AgreeCollection { usage, policy, again, first };
    let mut decision = Decision::default();
    decision.tell(Tell::PaymentRequest(request, agree));
    Ok(decision)
}

/// What recurring payments are collected from, if the policy and the day allow it: the newest card that is for them, or
/// the mandate signed last, which is for euros.
fn usual(
    state: &Customer, request: PaymentRequestId, policy: Option<&SmolStr>, on: Date, context: &Context<'_>,
) -> Option<Instrument> {
    let currency = state.open_requests.get(&request)?.outstanding.currency();
    let fits = |instrument: &Instrument| {
        usable(state, instrument, request, on).is_ok() && way(state, instrument, policy, context).is_ok()
    };
    let cards = state.payment_methods.values().rev().filter(|method| state.backs_recurring(method));
    let card = cards.map(|method| Instrument::Card(method.token.clone())).find(&fits);
    card.or_else(|| {
        let recurrent =
            |mandate: &Mandate| matches!(mandate.kind, MandateKind::CoreRecurrent | MandateKind::B2bRecurrent);
        let mandates = state.mandates.iter().filter(|(_, mandate)| recurrent(mandate) && currency == Currency::EUR);
        let mut mandates: Vec<_> = mandates.map(|(reference, mandate)| (mandate.signed_on, reference)).collect();
        mandates.sort_unstable();
        mandates.into_iter().rev().map(|(_, reference)| Instrument::Mandate(reference.clone())).find(&fits)
    })
}

/// From what and by which policy is collected, when a connector of it can.
pub(super) fn way(
    state: &Customer, instrument: &Instrument, policy: Option<&SmolStr>, context: &Context<'_>,
) -> Result<(Usage, SmolStr), Rejection> {
    let collections = &context.policies.collections;
    let named = policy.map(SmolStr::as_str).or(collections.default_policy.as_deref());
    let name = named.ok_or(Rejection::NoPolicy)?;
    let policy = collections.policies.get(name).ok_or_else(|| Rejection::UnknownPolicy(name.into()))?;
    let method = instrument.method();
    if policy.connector(method).is_none() {
        return Err(Rejection::NoConnector { policy: name.into(), method: method.name() });
    }
    let mandate = match instrument {
        Instrument::Mandate(reference) => state.mandates.get(reference),
        Instrument::Card(_) => None,
    };
    Ok((usage_of(instrument.clone(), mandate), name.into()))
}

/// Whether an instrument can be collected from on a day, or why not (INV-05).
pub(super) fn usable(
    state: &Customer, instrument: &Instrument, request: PaymentRequestId, on: Date,
) -> Result<(), SmolStr> {
    let ledger = state.ledgers.get(instrument);
    if let Some(reason) = ledger.and_then(|ledger| ledger.ended.as_ref()) {
        return Err(format_smolstr!("it has ended: {reason}"));
    }
    match instrument {
        Instrument::Card(token) => {
            let card = state.payment_methods.values().find(|method| method.token == *token);
            match card {
                None => Err("the customer has no such card".into()),
                Some(card) if card.expires_on < on => Err(format_smolstr!("the card expired on {}", card.expires_on)),
                Some(_) => Ok(()),
            }
        }
        Instrument::Mandate(reference) => {
            let mandate = state.mandates.get(reference).ok_or("the customer has no such mandate")?;
            let lapses = mandate.usable_until(ledger.and_then(|ledger| ledger.last_used));
            let one_off = matches!(mandate.kind, MandateKind::CoreOneOff | MandateKind::B2bOneOff);
            let used_for = ledger.and_then(|ledger| ledger.used_for);
            if lapses < on {
                Err(format_smolstr!("the mandate lapsed on {lapses}, 36 months after its last use"))
            } else if one_off && used_for.is_some_and(|used| used != request) {
                Err("the mandate was for one collection".into())
            } else {
                Ok(())
            }
        }
    }
}

fn allow_attempt(
    state: &Customer, request: PaymentRequestId, instrument: &Instrument, collects_on: Date, context: &Context<'_>,
) -> Decision<Event> {
    let today = context.now.date_in(&context.policies.zone);
    let waits = |reason: SmolStr, for_instrument| AttemptAnswer::Waits { reason, for_instrument };
    let caps = &context.policies.collections.caps;
    // A card whose scheme nobody named is held to the strictest cap.
    let scheme = match instrument.method() {
        Method::Card => Some(CardScheme::Other),
        Method::DirectDebit => None,
    };
    let ledger = state.ledgers.get(instrument);
    let refused = ledger.and_then(|ledger| caps.refuses(ledger, ledger.scheme.or(scheme)?, (context.now, today)));
    let answer = if let Some(hold) = state.held(today) {
        waits(format_smolstr!("on hold: {}", hold.name()), false)
    } else if let Some(reason) = &state.rare.suspended {
        waits(format_smolstr!("recurring payments are suspended: {reason}"), false)
    } else if let Err(reason) = usable(state, instrument, request, collects_on) {
        waits(reason, true)
    } else if state.has_money_waiting(context.now) {
        AttemptAnswer::Later { at: context.now.plus_days(1), reason: gate::MONEY_WAITS.into() }
    } else if let Some((at, reason)) = refused {
        AttemptAnswer::Later { at, reason }
    } else {
        AttemptAnswer::Allowed
    };
    let mut decision = Decision::default();
    match &answer {
        AttemptAnswer::Allowed => {
            let (instrument, at) = (instrument.clone(), context.now);
            decision.push(Event::AttemptCounted { instrument, request, at, collects_on });
        }
        AttemptAnswer::Waits { .. } => awaited(&mut decision, state, request),
        AttemptAnswer::Later { .. } => {}
    }
    decision.tell(Tell::PaymentRequest(
        request,
        payment_request::Command::AnswerAttempt(answer, state.rare.paid_days.paydays()),
    ));
    decision
}

fn take_failure(
    state: &Customer, request: PaymentRequestId, instrument: &Instrument, class: ReasonClass, reason_code: &SmolStr,
    waits: bool,
) -> Decision<Event> {
    let mut decision = match class {
        class if class.ends_instrument() => ended(state, instrument, reason_code.clone()),
        ReasonClass::Deceased if !state.is_deceased() => {
            Decision::of(Event::HoldPlaced { hold: Hold::Deceased, until: None })
        }
        _ => Decision::default(),
    };
    if waits {
        awaited(&mut decision, state, request);
    }
    decision
}

/// Holds whose last day is over end.
fn holds_over(state: &Customer, context: &Context<'_>) -> Decision<Event> {
    let today = context.now.date_in(&context.policies.zone);
    let over = state.rare.holds.iter().filter(|(_, until)| until.is_some_and(|until| until < today));
    let mut decision = Decision::default();
    decision.events.extend(over.map(|(hold, _)| Event::HoldLifted { hold: *hold }));
    if !decision.events.is_empty() {
        resume_all(&mut decision, state, None);
    }
    // The others end later: the day may have begun otherwise when the timer was set.
    for until in state.rare.holds.values().flatten().filter(|until| **until >= today) {
        let due = until.plus_days(1).at(0, 0, &context.policies.zone);
        decision.effect(Effect::ArmTimer { purpose: Purpose::Hold, due, generation: 0 });
    }
    decision
}

fn awaited(decision: &mut Decision<Event>, state: &Customer, request: PaymentRequestId) {
    if !state.rare.waiting.contains(&request) && state.rare.waiting.len() < limits::WAITING_COLLECTIONS_MAX {
        decision.push(Event::CollectionAwaited { request });
    }
}

/// Something has come that collections may have waited for.
fn resumed(state: &Customer, event: Event, usage: Option<&Usage>) -> Decision<Event> {
    let mut decision = Decision::of(event);
    resume_all(&mut decision, state, usage);
    decision
}

fn resume_all(decision: &mut Decision<Event>, state: &Customer, usage: Option<&Usage>) {
    if state.rare.waiting.is_empty() {
        return;
    }
    decision.push(Event::CollectionsResumed);
    for request in &state.rare.waiting {
        let resume = payment_request::Command::ResumeCollection { usage: usage.cloned() };
        decision.tell(Tell::PaymentRequest(*request, resume));
    }
}
