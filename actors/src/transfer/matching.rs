//! What a transfer pays: a ladder from references to the amount alone. Every way of placing it that is
//! found gets a score; the best one is taken when it is sure enough and no other comes near.
//!
//! The same inputs give the same placement, whatever the order they came in. Two candidates
//! that fit equally well are a task, never a guess (N13).

use litemap::LiteMap;

use super::combinations::{self, Sets};
use super::command::{ReferenceHit, ReferenceKind};
use super::state::Doubt;
use super::weighing::{Identification, Proposal, Rung, Weighed};
use crate::customer::{OpenRequest, PlaceTransfer};
use crate::limits;
use crate::policies::Matching;
use crate::values::{
    Agreement, Money, NumberText, PaymentRequestId, Reading, canonical_number, last_digits, names_agree, tail,
};

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
    },
}

type Open = LiteMap<PaymentRequestId, OpenRequest>;

/// Chance below which a set of requests that is not of the oldest is taken, in millionths.
const CHANCE_ANY_MAX: u64 = 20_000;
/// Chance below which a set of the oldest requests is taken, in millionths.
const CHANCE_OLDEST_MAX: u64 = 400_000;
/// Proposals kept.
const PROPOSALS_MAX: usize = 5;

/// Places a transfer of one customer, of this name, on its open requests.
pub fn place(received: &PlaceTransfer, name: Option<&str>, open: &Open, matching: &Matching) -> (Placement, Weighed) {
    let ladder = Ladder::new(received, name, open, matching);
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
    let placement = ladder.judge(&mut found, doubt, candidates);
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
    open: &'a Open,
    matching: &'a Matching,
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
    fn new(received: &'a PlaceTransfer, name: Option<&'a str>, open: &'a Open, matching: &'a Matching) -> Self {
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
        Self { received, name, open, matching, amount, payable, text, written }
    }

    fn climb(&self, found: &mut Weighed) -> Verdict {
        let (sure, unsure) = self.named();
        if !sure.is_empty() {
            return self.by_reference(&sure, found);
        }
        if !unsure.is_empty()
            && let Some(verdict) = self.by_unsure_reference(&unsure, found)
        {
            return verdict;
        }
        if self.by_near_reference(found) || self.by_last_digits(found) {
            return (Doubt::UncertainReference, Vec::new());
        }
        let verdict = match self.received.identified_by {
            Identification::Reference => (Doubt::UncertainReference, unsure.clone()),
            Identification::Nothing => self.of_amount(found),
            _ => self.by_amount(found),
        };
        if unsure.is_empty() { verdict } else { (Doubt::UncertainReference, unsure) }
    }

    /// Requests that references name: those that are sure, and those that something else must
    /// agree with.
    fn named(&self) -> (Vec<PaymentRequestId>, Vec<PaymentRequestId>) {
        let (mut sure, mut unsure) = (Vec::new(), Vec::new());
        for ReferenceHit { kind, reading, request, .. } in &self.received.hits {
            match (reading, kind) {
                (Reading::Exact, ReferenceKind::WeakNumber) | (Reading::Corrected, _) => unsure.push(*request),
                (Reading::Exact, _) => sure.push(*request),
            }
        }
        // The customer is known: its own numbers are found wherever they stand.
        let otherwise = !matches!(self.received.identified_by, Identification::Reference | Identification::Nothing);
        if otherwise || !sure.is_empty() {
            let held: Vec<&Candidate<'_>> = self.holding().collect();
            for candidate in &held {
                let number = canonical_number(&candidate.known.number);
                let within = |other: &&&Candidate<'_>| {
                    let longer = canonical_number(&other.known.number);
                    longer.len() > number.len() && longer.contains(number.as_str())
                };
                if !held.iter().any(|other| within(&other)) {
                    sure.push(candidate.id);
                }
            }
        }
        for named in [&mut sure, &mut unsure] {
            named.sort_unstable();
            named.dedup();
        }
        unsure.retain(|request| !sure.contains(request));
        (sure, unsure)
    }

    fn holding(&self) -> impl Iterator<Item = &Candidate<'a>> {
        self.payable.iter().filter(|candidate| self.text.holds(&canonical_number(&candidate.known.number)))
    }

    fn propose(&self, found: &mut Weighed, parts: Vec<(PaymentRequestId, i64)>, score: u16, rung: Rung) {
        let currency = self.amount.currency();
        let placed: i64 = parts.iter().map(|(_, part)| part).sum();
        let parts = parts.into_iter().map(|(id, part)| (id, Money::from_minor(part, currency))).collect();
        let credit = Money::from_minor(self.amount.minor() - placed, currency);
        found.proposals.push(Proposal { parts, credit, score, rung });
    }

    fn candidate(&self, id: PaymentRequestId) -> Option<&Candidate<'a>> {
        self.payable.iter().find(|candidate| candidate.id == id)
    }

    fn by_reference(&self, named: &[PaymentRequestId], found: &mut Weighed) -> Verdict {
        let mut wanted = Vec::with_capacity(named.len());
        for request in named {
            match (self.open.get(request), self.candidate(*request)) {
                (None, _) => {
                    self.nearest(found);
                    return (Doubt::NothingOpen, named.to_vec());
                }
                (Some(_), None) => return (Doubt::CurrencyDiffers, named.to_vec()),
                (Some(_), Some(candidate)) => wanted.push((*request, candidate.left)),
            }
        }
        let amount = self.amount.minor();
        let total: i64 = wanted.iter().map(|(_, left)| left).sum();
        match (amount.cmp(&total), wanted.as_slice()) {
            (std::cmp::Ordering::Equal, [_]) => self.propose(found, wanted, 990, Rung::Reference),
            (std::cmp::Ordering::Equal, _) => self.propose(found, wanted, 970, Rung::References),
            (std::cmp::Ordering::Less, [(request, _)]) => {
                self.propose(found, vec![(*request, amount)], 950, Rung::ReferencePart);
            }
            (std::cmp::Ordering::Less, _) => {
                // Which of several requests a smaller sum pays is for a person to say, unless one way is exact.
                self.exactly(found, &wanted);
            }
            (std::cmp::Ordering::Greater, _) => self.with_excess(found, wanted, amount - total),
        }
        (Doubt::AmountDiffers, named.to_vec())
    }

    /// The named requests that together are the amount.
    fn exactly(&self, found: &mut Weighed, wanted: &[(PaymentRequestId, i64)]) {
        let amount = self.amount.minor();
        let single = wanted.iter().filter(|(_, left)| *left == amount).map(|part| vec![*part]);
        let amounts: Vec<i64> = wanted.iter().map(|(_, left)| *left).collect();
        let sets = combinations::sets(&amounts, amount);
        let of = |mask: &u64| {
            wanted.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, part)| *part).collect()
        };
        let ways: Vec<Vec<_>> = single.chain(sets.masks.iter().map(of)).collect();
        let score = if ways.len() == 1 && sets.complete { 900 } else { 700 };
        ways.into_iter().take(PROPOSALS_MAX).for_each(|parts| self.propose(found, parts, score, Rung::References));
        self.oldest_first(found, wanted);
    }

    /// More than the named requests: another one that is exactly the rest, or credit.
    fn with_excess(&self, found: &mut Weighed, wanted: Vec<(PaymentRequestId, i64)>, rest: i64) {
        let others: Vec<&Candidate<'_>> =
            self.payable.iter().filter(|candidate| !wanted.iter().any(|(id, _)| *id == candidate.id)).collect();
        let exact: Vec<_> = others.iter().filter(|candidate| candidate.left == rest).collect();
        // Others may be named by their last digits, or by what could not be read.
        let (_, alone) = self.with_last_digits(&wanted);
        let digits: i64 = alone.iter().map(|candidate| candidate.left).sum();
        if !alone.is_empty() && digits == rest {
            let mut parts = wanted;
            parts.extend(alone.iter().map(|candidate| (candidate.id, candidate.left)));
            return self.propose(found, parts, 950, Rung::References);
        }
        let unread = !alone.is_empty() || self.written.has_unread(&self.read());
        let amounts: Vec<i64> = others.iter().map(|candidate| candidate.left).collect();
        let together = || !combinations::sets(&amounts, rest).masks.is_empty();
        let (with_other, with_credit) = match exact.as_slice() {
            [_] => (930, 700),
            [] if unread && together() => (0, 800),
            [] => (0, 950),
            _ => (800, 700),
        };
        for other in exact {
            let mut parts = wanted.clone();
            parts.push((other.id, other.left));
            self.propose(found, parts, with_other, Rung::References);
        }
        self.propose(found, wanted, with_credit, Rung::ReferenceExcess);
    }

    /// References that were read with a correction, or numbers that are too short to be sure of.
    fn by_unsure_reference(&self, unsure: &[PaymentRequestId], found: &mut Weighed) -> Option<Verdict> {
        let amount = self.amount.minor();
        let open: Vec<&Candidate<'_>> = unsure.iter().filter_map(|id| self.candidate(*id)).collect();
        let exact: Vec<_> = open.iter().filter(|candidate| candidate.left == amount).collect();
        let known = self.received.identified_by != Identification::Reference;
        let agreed = known || self.agreement() == Agreement::Full;
        let total: i64 = open.iter().map(|candidate| candidate.left).sum();
        match (exact.as_slice(), open.as_slice()) {
            ([one], _) => {
                let score = if agreed { 940 } else { 800 };
                self.propose(found, vec![(one.id, one.left)], score, Rung::CorrectedReference);
            }
            ([], [_, _, ..]) if total == amount => {
                let parts = open.iter().map(|candidate| (candidate.id, candidate.left)).collect();
                self.propose(found, parts, if agreed { 930 } else { 700 }, Rung::CorrectedReference);
            }
            ([], [one]) => {
                let rung = if amount < one.left { Rung::ReferencePart } else { Rung::ReferenceExcess };
                self.propose(found, vec![(one.id, one.left.min(amount))], if known { 900 } else { 600 }, rung);
            }
            _ => return None,
        }
        Some((Doubt::UncertainReference, unsure.to_vec()))
    }

    fn agreement(&self) -> Agreement {
        let payer = self.received.details.payer_name.as_deref();
        payer.zip(self.name).map_or(Agreement::None, |(payer, name)| names_agree(payer, name))
    }

    /// The canonical numbers of the open requests that stand in the text.
    fn read(&self) -> Vec<smol_str::SmolStr> {
        self.holding().map(|candidate| canonical_number(&candidate.known.number)).collect()
    }

    /// A reference of the customer that was written with one or two slips, which code alone does not undo.
    /// Whether it says surely what is meant.
    fn by_near_reference(&self, found: &mut Weighed) -> bool {
        let otherwise = !matches!(self.received.identified_by, Identification::Reference | Identification::Nothing);
        if !otherwise || !self.written.has_unread(&self.read()) {
            return false;
        }
        let text = self.written.compact().as_bytes();
        let slips = |candidate: &Candidate<'_>| candidate.known.reference.map(|reference| reference.slips(text));
        let near: Vec<(u8, &Candidate<'_>)> = self
            .payable
            .iter()
            .filter_map(|candidate| Some((slips(candidate).filter(|slips| *slips <= 2)?, candidate)))
            .collect();
        let Some(least) = near.iter().map(|(slips, _)| *slips).min() else { return false };
        let nearest: Vec<&Candidate<'_>> =
            near.iter().filter(|(slips, _)| *slips == least).map(|(_, near)| *near).collect();
        let [one] = nearest.as_slice() else { return false };
        let amount = self.amount.minor();
        if one.left == amount {
            self.propose(found, vec![(one.id, one.left)], 950, Rung::CorrectedReference);
            return true;
        }
        let rung = if amount < one.left { Rung::ReferencePart } else { Rung::ReferenceExcess };
        self.propose(found, vec![(one.id, one.left.min(amount))], 600, rung);
        false
    }

    /// Requests of which the last digits of the number stand in the text, apart from those named otherwise;
    /// and those of them that no other has.
    fn with_last_digits(&self, named: &[(PaymentRequestId, i64)]) -> (Vec<&Candidate<'a>>, Vec<&Candidate<'a>>) {
        let mut runs = self.written.runs();
        // Digits of a number that was read say nothing more.
        let read =
            named.iter().filter_map(|(id, _)| self.candidate(*id)).map(|candidate| tail(&candidate.known.number));
        let read: Vec<&str> = read.collect();
        runs.retain(|run| !read.contains(run));
        // Nor does the amount.
        let units = (self.amount.minor() / 100).to_string();
        runs.retain(|run| *run != units);
        let others = || self.payable.iter().filter(|candidate| !named.iter().any(|(id, _)| *id == candidate.id));
        let (mut all, mut alone) = (Vec::new(), Vec::new());
        for run in runs {
            let mut found: Vec<&Candidate<'a>> =
                others().filter(|candidate| tail(&candidate.known.number) == run).collect();
            if found.is_empty() {
                found.extend(others().filter(|candidate| last_digits(&candidate.known.number).ends_with(run)));
            }
            if let [one] = found.as_slice()
                && !alone.iter().any(|known: &&Candidate<'_>| known.id == one.id)
            {
                alone.push(*one);
            }
            found.retain(|one| !all.iter().any(|known: &&Candidate<'_>| known.id == one.id));
            all.append(&mut found);
        }
        (all, alone)
    }

    /// The last digits of numbers: `facture 123`. Whether they say surely what is meant.
    fn by_last_digits(&self, found: &mut Weighed) -> bool {
        if self.received.identified_by == Identification::Nothing {
            return false;
        }
        let (named, sure) = self.with_last_digits(&[]);
        let total: i64 = sure.iter().map(|candidate| candidate.left).sum();
        let amount = self.amount.minor();
        if !sure.is_empty() && total == amount {
            let parts = sure.iter().map(|candidate| (candidate.id, candidate.left)).collect();
            self.propose(found, parts, 960, Rung::Number);
            return true;
        }
        let exact: Vec<_> = named.iter().filter(|candidate| candidate.left == amount).collect();
        let score = if exact.len() == 1 { 940 } else { 800 };
        let only = exact.len() == 1;
        exact.into_iter().for_each(|one| self.propose(found, vec![(one.id, one.left)], score, Rung::Number));
        for one in sure.iter().filter(|candidate| candidate.left != amount) {
            let rung = if amount < one.left { Rung::ReferencePart } else { Rung::ReferenceExcess };
            self.propose(found, vec![(one.id, one.left.min(amount))], 600, rung);
        }
        only
    }

    /// Nothing says who paid, but the amount is that of a request: for a person to look at.
    fn of_amount(&self, found: &mut Weighed) -> Verdict {
        let exact: Vec<&Candidate<'_>> =
            self.payable.iter().filter(|candidate| candidate.left == self.amount.minor()).collect();
        let score = if self.agreement() == Agreement::None { 500 } else { 600 };
        exact.iter().for_each(|one| self.propose(found, vec![(one.id, one.left)], score, Rung::ExactAmount));
        (Doubt::UnknownPayer, exact.iter().map(|one| one.id).collect())
    }

    /// The payer is known, but nothing names a request.
    fn by_amount(&self, found: &mut Weighed) -> Verdict {
        let amount = self.amount.minor();
        let everyone = |candidates: &[Candidate<'_>]| candidates.iter().map(|candidate| candidate.id).collect();
        if self.payable.is_empty() {
            let doubt = if self.open.is_empty() { Doubt::NothingOpen } else { Doubt::CurrencyDiffers };
            return (doubt, self.open.keys().copied().collect());
        }
        let exact: Vec<&Candidate<'_>> = self.payable.iter().filter(|candidate| candidate.left == amount).collect();
        let by_name = self.received.identified_by == Identification::Name;
        match exact.as_slice() {
            [one] => {
                // A reference that is nobody's as it stands may be of somebody else.
                let doubtful = by_name && self.written.has_unread(&self.read());
                let score = if doubtful { 800 } else { 930 };
                self.propose(found, vec![(one.id, one.left)], score, Rung::ExactAmount);
                if doubtful {
                    return (Doubt::UnreadReference, vec![one.id]);
                }
            }
            [] => {}
            [oldest, others @ ..] => {
                // What could not be read may say which of them is meant.
                let unread = self.written.has_unread(&self.read());
                let sure = self.matching.oldest_of_equal && !unread && !by_name;
                self.propose(
                    found,
                    vec![(oldest.id, oldest.left)],
                    if sure { 930 } else { 800 },
                    Rung::OldestOfEqual,
                );
                let score = if sure { 700 } else { 800 };
                for other in others.iter().take(PROPOSALS_MAX) {
                    self.propose(found, vec![(other.id, other.left)], score, Rung::LaterOfEqual);
                }
                let doubt = if unread { Doubt::UnreadReference } else { Doubt::Ambiguous };
                return (doubt, exact.iter().map(|candidate| candidate.id).collect());
            }
        }
        if exact.is_empty() {
            self.without_exact(found, by_name);
        }
        (Doubt::AmountDiffers, everyone(&self.payable))
    }

    fn without_exact(&self, found: &mut Weighed, by_name: bool) {
        let amount = self.amount.minor();
        let total: i64 = self.payable.iter().map(|candidate| candidate.left).sum();
        let on_own_account = self.received.identified_by == Identification::VirtualIban;
        if let [only] = self.payable.as_slice() {
            let score = if on_own_account { 900 } else { 600 };
            return self.propose(found, vec![(only.id, only.left.min(amount))], score, Rung::OnlyRequest);
        }
        if total == amount && !by_name {
            let all = self.payable.iter().map(|candidate| (candidate.id, candidate.left)).collect();
            self.propose(found, all, 900, Rung::Everything);
        }
        self.together(found, by_name);
        if amount < total {
            let parts: Vec<_> = self.payable.iter().map(|candidate| (candidate.id, candidate.left)).collect();
            self.oldest_first(found, &parts);
        }
        self.nearest(found);
    }

    /// Sets of requests that make the amount.
    fn together(&self, found: &mut Weighed, by_name: bool) {
        let amount = self.amount.minor();
        let compared: Vec<&Candidate<'_>> = self.payable.iter().take(combinations::COMPARED_MAX).collect();
        let amounts: Vec<i64> = compared.iter().map(|candidate| candidate.left).collect();
        let Sets { masks, complete } = combinations::sets(&amounts, amount);
        let all: Vec<i64> = self.payable.iter().map(|candidate| candidate.left).collect();
        for (place, mask) in masks.iter().take(PROPOSALS_MAX).enumerate() {
            let size = mask.count_ones().min(6);
            let chance = combinations::accidental_ppm(&all, amount, size);
            found.accidental_ppm = found.accidental_ppm.max(chance);
            let oldest = combinations::is_prefix(*mask);
            let unread = || masks.len() > 1 && self.written.has_unread(&self.read());
            // That there is no other way is known only when everything was compared.
            let only = masks.len() == 1 && self.payable.len() == compared.len();
            let likely = only && chance <= CHANCE_ANY_MAX || oldest && chance <= CHANCE_OLDEST_MAX;
            let sure = complete && !by_name && place == 0 && likely && !unread();
            let rung = if oldest { Rung::OldestTogether } else { Rung::Together };
            let parts = compared.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
            let parts = parts.map(|(_, candidate)| (candidate.id, candidate.left)).collect();
            let score = if sure {
                880
            } else if place == 0 {
                750
            } else {
                740
            };
            self.propose(found, parts, score, rung);
        }
    }

    /// As far as the money goes.
    fn oldest_first(&self, found: &mut Weighed, wanted: &[(PaymentRequestId, i64)]) {
        let mut left = self.amount.minor();
        let mut parts = Vec::new();
        for (id, outstanding) in wanted.iter().take(limits::OPEN_REQUESTS_COMPARED_MAX) {
            if left <= 0 {
                break;
            }
            let part = left.min(*outstanding);
            parts.push((*id, part));
            left -= part;
        }
        self.propose(found, parts, 500, Rung::OldestFirst);
    }

    /// The request whose amount is nearest, for a person to look at.
    fn nearest(&self, found: &mut Weighed) {
        let amount = self.amount.minor();
        let nearest = self.payable.iter().min_by_key(|candidate| candidate.left.abs_diff(amount));
        if let Some(nearest) = nearest {
            let score = if nearest.left == amount { 650 } else { 550 };
            self.propose(found, vec![(nearest.id, nearest.left.min(amount))], score, Rung::Nearest);
        }
    }

    /// Takes the best way when it is sure enough and no other comes near.
    fn judge(&self, found: &mut Weighed, doubt: Doubt, mut candidates: Vec<PaymentRequestId>) -> Placement {
        let second = found.proposals.get(1).map_or(0, |proposal| proposal.score);
        let best = found.proposals.first().filter(|best| {
            best.score >= self.matching.auto_at && best.score.saturating_sub(second) >= self.matching.min_margin
        });
        let limit = self.matching.auto_minor_max;
        let above = best.is_some() && limit.is_some_and(|limit| self.amount.minor() > limit);
        match best.filter(|_| !above) {
            Some(best) => {
                let best = best.clone();
                found.proposals.remove(0);
                let explanation = self.explanation(&best);
                Placement::Placed { allocations: best.parts, credit: best.credit, explanation }
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
                Placement::Doubt { doubt: if above { Doubt::AboveLimit } else { doubt }, candidates: kept }
            }
        }
    }

    fn explanation(&self, best: &Proposal) -> String {
        let kinds = self.received.hits.iter().filter(|hit| best.parts.iter().any(|(id, _)| *id == hit.request));
        let named = kinds.map(|hit| hit.kind).min().map(ReferenceKind::text);
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
