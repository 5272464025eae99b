//! What a transfer decides.

use std::sync::Arc;

use smol_str::SmolStr;

use super::acceptance::kept;
use super::apply::apply;
use super::command::{Command, Evidence, ReferenceHit, ReferenceKind, Rejection};
use super::decision;
use super::division;
use super::event::Event;
use super::matching::Placement;
use super::particulars::Particulars;
use super::recall;
use super::reconsider::{Late, named_late, reconsider};
use super::returning;
use super::state::{Details, Doubt, Transfer};
use super::tasks;
use super::weighing::{Identification, Pointers, Weighed};
use crate::customer::{self, PlaceTransfer};
use crate::machine::{Context, Decision, Machine, Tell};
use crate::policies::Acceptances;
use crate::values::{CustomerId, Reading};

type Decided = Result<Decision<Event>, Rejection>;

impl Machine for Transfer {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, context: &Context<'_>) -> Decided {
        let mut decision = decided(self, command, context)?;
        tasks::arm(&mut decision, self, context);
        Ok(decision)
    }

    fn apply(&mut self, event: &Event) {
        apply(self, event);
    }
}

fn decided(state: &Transfer, command: &Command, context: &Context<'_>) -> Decided {
    match command {
        Command::Receive { details, particulars, evidence } => {
            receive(state, details, particulars.as_ref(), evidence, context)
        }
        Command::Note { details, particulars } => note(state, details, particulars),
        Command::RecordPlacement(placement, weighed) => record_placement(state, placement, weighed),
        Command::Reconsider { request, new } => Ok(reconsider(state, *request, new)),
        Command::NameLate { request, customer, number, amount } => {
            let unclaimed = tasks::free_for(state, &SmolStr::default(), context.now).is_ok();
            let late = Late { request: *request, customer: *customer, number, amount: *amount };
            Ok(if unclaimed {
                named_late(state, &late, (&context.policies.matching, &context.policies.calendar))
            } else {
                Decision::default()
            })
        }
        Command::Decide(resolution) => {
            tasks::free_for(state, &resolution.by, context.now)?;
            decision::decide(state, resolution)
        }
        Command::TakeBack { by, reason } => decision::take_back(state, by, reason),
        Command::SetAside { by, reason } => {
            tasks::free_for(state, by, context.now)?;
            decision::set_aside(state, by, reason)
        }
        Command::Claim { by } => tasks::claim(state, by, context),
        Command::RememberPayer { by } => decision::remember_payer(state, by),
        Command::Assign { to, by } => tasks::assign(state, to.as_ref(), by),
        Command::TaskDue { generation, due } => Ok(tasks::due(state, *generation, *due, context)),
        Command::GiveBack { payout, by, reason } => {
            tasks::free_for(state, by, context.now)?;
            returning::give_back(state, *payout, (by, reason), context)
        }
        Command::TakeReturnBack { payout, reason } => returning::take_return_back(state, *payout, reason),
        Command::TakeReturnAgain { payout } => returning::take_return_again(state, *payout),
        Command::Recall { recall, amount } => recall::recall(state, recall, *amount),
        Command::Divide { parts, by } => {
            tasks::free_for(state, by, context.now)?;
            division::divide(state, parts, by)
        }
        Command::ReceivePart(received) => division::receive_part(state, received),
        Command::Question(doubt) => Ok(recall::question(state, *doubt)),
        Command::Conclude { number, refused } => decision::conclude(state, *number, refused.as_deref()),
    }
}

/// Whether the entry is already recorded, as it is or with another content.
fn recorded(state: &Transfer, details: &Details) -> Option<Decided> {
    let recorded = state.details.as_ref()?;
    let same =
        [("amount", recorded.amount == details.amount), ("booking date", recorded.booked_on == details.booked_on)];
    Some(match same.iter().find(|(_, equal)| !equal) {
        Some((field, _)) => Err(Rejection::AlreadyReceivedWith { field }),
        None => Ok(Decision::default()), // The same entry in another file.
    })
}

fn note(state: &Transfer, details: &Arc<Details>, particulars: &Arc<Particulars>) -> Decided {
    if let Some(known) = recorded(state, details) {
        return known;
    }
    if !details.amount.is_positive() {
        return Err(Rejection::AmountNotPositive);
    }
    let mut decision = Decision::of(Event::Noted { details: Arc::clone(details), nature: particulars.nature });
    decision.push(Event::Described(Arc::clone(particulars)));
    Ok(decision)
}

fn receive(
    state: &Transfer, details: &Arc<Details>, particulars: Option<&Arc<Particulars>>, evidence: &Evidence,
    context: &Context<'_>,
) -> Decided {
    if let Some(known) = recorded(state, details) {
        return known;
    }
    if !details.amount.is_positive() {
        return Err(Rejection::AmountNotPositive);
    }
    let payer = payer(evidence);
    let customer = payer.as_ref().ok().map(|(customer, _)| *customer);
    let mut decision = Decision::of(Event::Received { details: Arc::clone(details), customer });
    if let Some(particulars) = particulars {
        decision.push(Event::Described(Arc::clone(particulars)));
    }
    let identified_by = payer.as_ref().ok().map(|(_, by)| *by);
    let Acceptances { rules, blocked } = &context.policies.acceptance;
    let newest = context.now.date_in(&context.policies.zone).plus_days(context.policies.booked_ahead_days);
    let ahead = (details.booked_on > newest).then_some(Doubt::BookedAhead);
    let pointed = |decision: &mut Decision<Event>| {
        if let Some(pointers) = Pointers::of(evidence) {
            decision.push(Event::Pointed(Arc::new(pointers)));
        }
    };
    if let Some(doubt) = ahead.or(evidence.doubt) {
        pointed(&mut decision);
        let candidates =
            evidence.hits.iter().map(|hit| hit.request).chain(evidence.guesses.iter().copied()).collect();
        decision.push(Event::TaskOpened { doubt, candidates });
        return Ok(decision);
    }
    if let Some((rule, doubt)) = kept(rules, blocked, details, evidence, (identified_by, &context.policies.calendar))
    {
        decision.push(Event::Kept { rule: rule.clone() });
        pointed(&mut decision);
        let candidates = evidence.hits.iter().map(|hit| hit.request).collect();
        decision.push(Event::TaskOpened { doubt, candidates });
        return Ok(decision);
    }
    match payer {
        Ok((customer, identified_by)) => {
            let own = |hit: &&ReferenceHit| hit.customer == customer;
            let hits = evidence.hits.iter().filter(own).copied().collect();
            let placing = PlaceTransfer { details: Arc::clone(details), hits, identified_by };
            decision.tell(Tell::Customer(customer, customer::Command::PlaceTransfer(placing)));
        }
        Err(Doubt::UnknownPayer) if evidence.guess.is_some() => {
            // Nothing says who paid; whose request may be meant helps a person.
            if let Some((_, customer)) = evidence.guess {
                let (hits, identified_by) = (Vec::new(), Identification::Nothing);
                let placing = PlaceTransfer { details: Arc::clone(details), hits, identified_by };
                decision.tell(Tell::Customer(customer, customer::Command::PlaceTransfer(placing)));
            }
        }
        Err(doubt) => {
            pointed(&mut decision);
            let named = evidence.hits.iter().map(|hit| hit.request);
            let candidates = named.chain(evidence.guesses.iter().copied()).collect();
            decision.push(Event::TaskOpened { doubt, candidates });
        }
    }
    Ok(decision)
}

/// Who paid, and what says so: the owner of the account number, or whom every reference names, or
/// who is known to pay from the account, or the only customer of the name.
///
/// A reference that is not sure says nothing against somebody who is known otherwise; a sure one of another
/// customer than the account number's is for a person.
pub(crate) fn payer(evidence: &Evidence) -> Result<(CustomerId, Identification), Doubt> {
    let Evidence { virtual_iban_owner, payer_iban_owner, name_owner, order_owner, hits, .. } = evidence;
    let sure = |hit: &&ReferenceHit| hit.reading == Reading::Exact && hit.kind != ReferenceKind::WeakNumber;
    let mut named = hits.iter().filter(sure).map(|hit| hit.customer);
    // An order of another than who is known by anything else is for a person: buyers number their orders themselves.
    if let Some(owner) = order_owner {
        let known = [virtual_iban_owner, payer_iban_owner, name_owner].into_iter().flatten().copied();
        if known.chain(named.clone()).any(|other| other != *owner) {
            return Err(Doubt::Contradiction);
        }
    }
    if let Some(owner) = virtual_iban_owner {
        return if named.all(|other| other == *owner) {
            Ok((*owner, Identification::VirtualIban))
        } else {
            Err(Doubt::Contradiction)
        };
    }
    if let Some(first) = named.next() {
        return if named.all(|other| other == first) {
            Ok((first, Identification::Reference))
        } else {
            Err(Doubt::Contradiction)
        };
    }
    if let (Some(payer), Some(named)) = (payer_iban_owner, name_owner)
        && payer != named
    {
        return Err(Doubt::Contradiction);
    }
    let others = [(payer_iban_owner, Identification::PayerIban), (name_owner, Identification::Name)];
    if let Some((customer, by)) = others.into_iter().find_map(|(owner, by)| Some(((*owner)?, by))) {
        return Ok((customer, by));
    }
    if let Some(owner) = order_owner {
        return Ok((*owner, Identification::Reference));
    }
    let mut unsure = hits.iter().map(|hit| hit.customer);
    let first = unsure.next().ok_or(Doubt::UnknownPayer)?;
    if unsure.all(|other| other == first) {
        Ok((first, Identification::Reference))
    } else {
        Err(Doubt::Contradiction)
    }
}

fn record_placement(state: &Transfer, placement: &Placement, weighed: &Weighed) -> Decided {
    if state.details.is_none() {
        return Err(Rejection::Unknown);
    }
    let mut decision = Decision::of(Event::Weighed(Arc::new(weighed.clone())));
    if let Placement::Doubt { rule: Some(rule), .. } = placement {
        decision.push(Event::Kept { rule: rule.clone() });
    }
    decision.push(match placement {
        Placement::Placed { credit, .. } if credit.is_negative() => {
            Event::TaskOpened { doubt: Doubt::AmountDiffers, candidates: Vec::new() }
        }
        Placement::Placed { allocations, credit, explanation } => {
            Event::Matched { allocations: allocations.clone(), credit: *credit, explanation: explanation.clone() }
        }
        Placement::Doubt { doubt, candidates, .. } => {
            Event::TaskOpened { doubt: *doubt, candidates: candidates.clone() }
        }
    });
    Ok(decision)
}
