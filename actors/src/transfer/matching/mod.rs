//! What a transfer pays: a ladder from references to the amount alone. Every way of placing it that is
//! found gets a score; the best one is taken when it is sure enough and no other comes near.
//!
//! The same inputs give the same placement, whatever the order they came in. Two candidates
//! that fit equally well are a task, never a guess (N13).

mod amounts;
mod naming;

use litemap::LiteMap;

use super::acceptance::left_to_person;
use super::command::ReferenceKind;
use super::state::Doubt;
use super::weighing::{Identification, Proposal, Rung, Weighed};
use crate::customer::{OpenRequest, PlaceTransfer};
use crate::limits;
use crate::policies::{Excess, Matching};
use crate::values::{Calendar, Money, NumberText, PaymentRequestId};
use smol_str::SmolStr;

/// What a transfer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Every cent has its place.
    Placed {
        /// What it pays.
        allocations: Vec<(PaymentRequestId, Money)>,
        /// What is kept as the customer's credit.
        credit: Money,
        /// Why, in words.
        explanation: String,
    },
    /// A person must decide.
    Doubt {
        /// Why.
        doubt: Doubt,
        /// Requests to look at first.
        candidates: Vec<PaymentRequestId>,
        /// The rule that leaves it to a person, if one does.
        rule: Option<SmolStr>,
    },
}

type Open = LiteMap<PaymentRequestId, OpenRequest>;

/// Chance below which a set of requests that is not of the oldest is taken, in millionths.
const CHANCE_ANY_MAX: u64 = 20_000;
/// Chance below which a set of the oldest requests is taken, in millionths.
const CHANCE_OLDEST_MAX: u64 = 400_000;
/// Requests that one transfer pays without a person.
const PARTS_MAX: usize = 100;
/// Proposals kept.
const PROPOSALS_MAX: usize = 5;

/// What is known of the customer beside what is open.
#[derive(Debug, Clone, Copy)]
pub struct Payer<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// Another transfer of it is a person's, so what is open may be paid already.
    pub money_waits: bool,
    /// The orders that open requests are of.
    pub orders: &'a LiteMap<PaymentRequestId, SmolStr>,
    /// The calendar by which conditions count business days.
    pub calendar: &'a Calendar,
}

/// Places a transfer of one customer on its open requests.
pub fn place(received: &PlaceTransfer, payer: Payer<'_>, open: &Open, matching: &Matching) -> (Placement, Weighed) {
    let ladder = Ladder::new(received, payer, open, matching);
    let mut found = Weighed { identified_by: received.identified_by, ..Weighed::default() };
    let (doubt, candidates) = ladder.climb(&mut found);
    // The first of equal scores is the one found first.
    found.proposals.sort_by_key(|proposal| std::cmp::Reverse(proposal.score));
    let mut seen: Vec<Vec<(PaymentRequestId, Money)>> = Vec::new();
    found.proposals.retain(|proposal| {
        let new = !seen.contains(&proposal.parts);
        seen.push(proposal.parts.clone());
        new
    });
    let placement = ladder.judge(&found, doubt, candidates);
    if matches!(placement, Placement::Doubt { .. }) {
        found.proposals.retain(|proposal| proposal.score >= matching.propose_at);
    }
    found.proposals.truncate(PROPOSALS_MAX);
    (placement, found)
}

/// An open request in the transfer's currency.
struct Candidate<'a> {
    id: PaymentRequestId,
    left: i64,
    known: &'a OpenRequest,
}

struct Ladder<'a> {
    received: &'a PlaceTransfer,
    name: Option<&'a str>,
    money_waits: bool,
    orders: &'a LiteMap<PaymentRequestId, SmolStr>,
    open: &'a Open,
    matching: &'a Matching,
    calendar: &'a Calendar,
    amount: Money,
    /// In the order in which they fall due.
    payable: Vec<Candidate<'a>>,
    /// Everything in which a number may stand.
    text: NumberText,
    /// What the payer wrote, without what banks add.
    written: NumberText,
}

type Verdict = (Doubt, Vec<PaymentRequestId>);

impl<'a> Ladder<'a> {
    fn new(received: &'a PlaceTransfer, payer: Payer<'a>, open: &'a Open, matching: &'a Matching) -> Self {
        let Payer { name, money_waits, orders, calendar } = payer;
        let details = &received.details;
        let amount = details.amount;
        let mut payable: Vec<Candidate<'a>> = open
            .iter()
            .filter(|(_, request)| request.outstanding.currency() == amount.currency())
            .map(|(id, known)| Candidate { id: *id, left: known.outstanding.minor(), known })
            .collect();
        payable.sort_by(|a, b| (a.known.due_on, &a.known.number, a.id).cmp(&(b.known.due_on, &b.known.number, b.id)));
        let remittance = &details.remittance;
        let end_to_end = details.end_to_end_id.as_ref().map_or("", |id| id.as_str());
        let written = || remittance.structured().iter().map(String::as_str).chain([remittance.unstructured()]);
        let text = NumberText::new(written().chain([end_to_end]));
        let written = NumberText::new(written());
        Self { received, name, money_waits, orders, open, matching, calendar, amount, payable, text, written }
    }

    fn climb(&self, found: &mut Weighed) -> Verdict {
        let (sure, unsure) = self.named();
        if !sure.is_empty() {
            return self.by_reference(&sure, found);
        }
        let of_order = self.of_order();
        if !of_order.is_empty() {
            return self.by_order(&of_order, found);
        }
        if !unsure.is_empty()
            && let Some(verdict) = self.by_unsure_reference(&unsure, found)
        {
            return verdict;
        }
        let nobody = self.received.identified_by == Identification::Nothing;
        if self.by_near_reference(found) || self.by_last_digits(found) {
            let doubt = if nobody { Doubt::UnknownPayer } else { Doubt::UncertainReference };
            return (doubt, Vec::new());
        }
        let verdict = match self.received.identified_by {
            Identification::Reference => (Doubt::UncertainReference, unsure.clone()),
            Identification::Nothing => self.of_amount(found),
            _ => self.by_amount(found),
        };
        if unsure.is_empty() { verdict } else { (Doubt::UncertainReference, unsure) }
    }

    fn propose(&self, found: &mut Weighed, parts: Vec<(PaymentRequestId, i64)>, score: u16, rung: Rung) {
        let currency = self.amount.currency();
        let placed = parts.iter().fold(0_i64, |sum, (_, part)| sum.saturating_add(*part));
        // More than came in is never placed, and of many parts a person says so.
        if placed > self.amount.minor() || parts.len() > PARTS_MAX {
            return;
        }
        let parts = parts.into_iter().map(|(id, part)| (id, Money::from_minor(part, currency))).collect();
        let credit = Money::from_minor(self.amount.minor() - placed, currency);
        found.proposals.push(Proposal { parts, credit, score, rung });
    }

    fn candidate(&self, id: PaymentRequestId) -> Option<&Candidate<'a>> {
        self.payable.iter().find(|candidate| candidate.id == id)
    }

    /// Takes the best way when it is sure enough and no other comes near.
    fn judge(&self, found: &Weighed, doubt: Doubt, mut candidates: Vec<PaymentRequestId>) -> Placement {
        let second = found.proposals.get(1).map_or(0, |proposal| proposal.score);
        let somebody = self.received.identified_by != Identification::Nothing;
        let best = found.proposals.first().filter(|best| {
            somebody
                && best.score >= self.matching.auto_at
                && best.score.saturating_sub(second) >= self.matching.min_margin
        });
        let limit = self.matching.auto_minor_max;
        let above = best.is_some() && limit.is_some_and(|limit| self.amount.minor() > limit);
        let part = |(request, part): &(PaymentRequestId, Money)| {
            self.open.get(request).is_some_and(|known| part.minor() < known.outstanding.minor())
        };
        let for_a_person = best.is_some_and(|best| {
            !self.matching.accepts_parts && best.parts.iter().any(part)
                || self.matching.excess == Excess::Task && best.credit.is_positive()
        });
        let disputed =
            |(request, _): &(PaymentRequestId, Money)| self.open.get(request).is_some_and(|open| open.disputed);
        let of_disputed = best.is_some_and(|best| best.parts.iter().any(disputed));
        let about = (self.received.details.as_ref(), self.received.identified_by, self.is_named());
        let rule = best.and_then(|best| left_to_person((self.matching, self.calendar), about, best));
        let doubt = match () {
            () if above => Doubt::AboveLimit,
            () if of_disputed => Doubt::Disputed,
            () if for_a_person => Doubt::AmountDiffers,
            () if rule.is_some() => Doubt::LeftToPerson,
            () => doubt,
        };
        match best.filter(|_| !above && !for_a_person && !of_disputed && rule.is_none()) {
            Some(best) => {
                let explanation = self.explanation(best);
                Placement::Placed { allocations: best.parts.clone(), credit: best.credit, explanation }
            }
            None => {
                // What was considered comes first.
                let mut first: Vec<PaymentRequestId> =
                    found.proposals.iter().flat_map(|proposal| proposal.parts.iter().map(|(id, _)| *id)).collect();
                first.append(&mut candidates);
                let mut kept = Vec::new();
                for id in first {
                    if kept.len() < limits::OPEN_REQUESTS_COMPARED_MAX && !kept.contains(&id) {
                        kept.push(id);
                    }
                }
                Placement::Doubt {
                    doubt,
                    candidates: kept,
                    rule: rule.filter(|_| doubt == Doubt::LeftToPerson).cloned(),
                }
            }
        }
    }

    /// Whether a reference or an order names requests.
    fn is_named(&self) -> bool {
        !self.received.hits.is_empty() || !self.of_order().is_empty()
    }

    fn explanation(&self, best: &Proposal) -> String {
        let kinds = self.received.hits.iter().filter(|hit| best.parts.iter().any(|(id, _)| *id == hit.request));
        let named = kinds.map(|hit| hit.kind).min().map(ReferenceKind::text);
        let of_order = best.parts.iter().all(|(id, _)| self.order_held(*id).is_some());
        let named = named.or(of_order.then_some("order number"));
        let by = match best.rung {
            Rung::Reference | Rung::ReferencePart | Rung::ReferenceExcess | Rung::References => {
                named.unwrap_or("invoice number")
            }
            _ => self.received.identified_by.text(),
        };
        let excess = if best.rung != Rung::ReferenceExcess && best.credit.is_positive() {
            ", excess kept as credit"
        } else {
            ""
        };
        format!("{by}, {}{excess}", best.rung.text())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::transfer::Details;
    use crate::values::{Currency, Date, ReferenceKey, RemittanceInformation, ShortReference, Timestamp, TransferId};

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    fn open(amounts: &[i64]) -> Open {
        let due_on = Date::new(2026, 3, 1).unwrap();
        let request = |(number, minor): (u64, &i64)| {
            let id = PaymentRequestId::new(Timestamp::default(), number, 7);
            let reference = Some(ShortReference::of(number * 977, ReferenceKey::from_seed(7)));
            let number = format!("F-{:05}", 10_000 + number).into();
            (id, OpenRequest { outstanding: euros(*minor), due_on, number, reference, disputed: false })
        };
        (0..).zip(amounts).map(request).collect()
    }

    fn placed(amount: i64, text: &str, open: &Open) -> (Placement, Weighed) {
        let details = Details {
            id: TransferId::new(Timestamp::default(), 1, 7),
            entry_key: "E".to_owned(),
            account: None,
            amount: euros(amount),
            booked_on: Date::new(2026, 3, 1).unwrap(),
            payer_name: None,
            payer_iban: None,
            end_to_end_id: None,
            remittance: RemittanceInformation::new(Vec::new(), text.to_owned()).unwrap(),
        };
        let identified_by = Identification::VirtualIban;
        let received = PlaceTransfer { details: Arc::new(details), hits: Vec::new(), identified_by };
        let calendar = Calendar::new("weekdays", 1, vec![6, 7], vec![], vec![], vec![]).unwrap();
        let (name, orders) = (Some("Customer"), &LiteMap::new());
        let payer = Payer { name, money_waits: false, orders, calendar: &calendar };
        place(&received, payer, open, &Matching::default())
    }

    /// No way of placing gives more than came in, and what is placed adds up.
    fn adds_up(amount: i64, (placement, weighed): &(Placement, Weighed)) {
        let sum = |parts: &[(PaymentRequestId, Money)]| parts.iter().map(|(_, part)| part.minor()).sum::<i64>();
        for proposal in &weighed.proposals {
            assert!(sum(&proposal.parts) <= amount, "{proposal:?}");
        }
        if let Placement::Placed { allocations, credit, .. } = placement {
            assert_eq!(sum(allocations) + credit.minor(), amount, "{placement:?}");
            assert!(!credit.is_negative(), "{placement:?}");
        }
    }

    #[test]
    fn any_number_of_named_requests_gives_no_more_than_came_in() {
        for count in [1, 2, 13, 40, 41, 64, 65, 70, 130] {
            let amounts: Vec<i64> = (0..count).map(|at| 10_000 + 37 * at * at).collect();
            let open = open(&amounts);
            let numbers: Vec<String> = open.values().map(|request| request.number.replace('-', "")).collect();
            let text = numbers.join(" ");
            let total: i64 = amounts.iter().sum();
            for amount in [amounts[0], amounts.iter().take(2).sum(), total - 1, total, total + 5_000] {
                let text: String = text.chars().take(990).collect();
                adds_up(amount, &placed(amount, &text, &open));
            }
        }
    }

    #[test]
    fn a_thousand_open_requests_are_a_task_and_take_no_time() {
        let amounts: Vec<i64> = (0..10_000).map(|at| 100 + at % 25).collect();
        let open = open(&amounts);
        let total: i64 = amounts.iter().sum();
        for (amount, text) in
            [(total, ""), (110, "F-10007 750 750 1000 2000"), (500, "XK77AB12 ".repeat(100).as_str())]
        {
            let found = placed(amount, text, &open);
            adds_up(amount, &found);
            assert!(matches!(found.0, Placement::Doubt { .. }) || text.contains("10007"), "{amount} {text}");
        }
    }
}
