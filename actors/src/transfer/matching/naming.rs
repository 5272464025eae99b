//! What references and numbers say of a transfer: whole ones, those with slips, last digits.

use super::{Candidate, Ladder, PROPOSALS_MAX, Verdict};
use crate::limits;
use crate::transfer::combinations;
use crate::transfer::command::{ReferenceHit, ReferenceKind};
use crate::transfer::state::Doubt;
use crate::transfer::weighing::{Identification, Rung, Weighed};
use crate::values::{
    Agreement, PaymentRequestId, Reading, canonical_number, is_telling_number, last_digits, names_agree, tail,
};
use smol_str::SmolStr;

/// Named requests of which every set is looked at.
const NAMED_SURE_MAX: usize = 12;
/// Runs of digits looked at.
const RUNS_MAX: usize = 32;
/// Requests whose references are compared with a text that could not be read, the oldest.
const REFERENCES_COMPARED_MAX: usize = 300;

impl<'a> Ladder<'a> {
    /// Requests that references name: those that are sure, and those that something else must
    /// agree with.
    pub(super) fn named(&self) -> (Vec<PaymentRequestId>, Vec<PaymentRequestId>) {
        let (mut sure, mut unsure) = (Vec::new(), Vec::new());
        for ReferenceHit { kind, reading, request, .. } in &self.received.hits {
            match (reading, kind) {
                (Reading::Exact, ReferenceKind::WeakNumber) | (Reading::Corrected, _) => unsure.push(*request),
                (Reading::Exact, _) => sure.push(*request),
            }
        }
        // The customer is known: its own numbers are found wherever they stand.
        if self.known_otherwise() || !sure.is_empty() {
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

    /// Open requests of the order that the payer names, where no invoice is.
    pub(super) fn of_order(&self) -> Vec<PaymentRequestId> {
        self.payable.iter().map(|candidate| candidate.id).filter(|id| self.order_held(*id).is_some()).collect()
    }

    /// What is open of an order is paid by its exact sum, or by that of some of it when only one way makes it; anything
    /// else is for a person.
    pub(super) fn by_order(&self, of_order: &[PaymentRequestId], found: &mut Weighed) -> Verdict {
        let wanted = |id: &PaymentRequestId| Some((*id, self.candidate(*id)?.left));
        let wanted: Vec<(PaymentRequestId, i64)> = of_order.iter().filter_map(wanted).collect();
        let numbered: Vec<PaymentRequestId> = self.holding().map(|candidate| candidate.id).collect();
        if !numbered.is_empty() {
            // The number of the order, or a part of it, is that of an invoice as well.
            self.oldest_first(found, &wanted);
            return (Doubt::UncertainReference, of_order.iter().copied().chain(numbered).collect());
        }
        let total: i64 = wanted.iter().map(|(_, left)| left).sum();
        match self.amount.minor().cmp(&total) {
            std::cmp::Ordering::Equal => self.propose(found, wanted, 970, Rung::References),
            std::cmp::Ordering::Less => self.exactly(found, &wanted),
            std::cmp::Ordering::Greater => self.propose(found, wanted, 700, Rung::ReferenceExcess),
        }
        (Doubt::AmountDiffers, of_order.to_vec())
    }

    /// The order of a request, when the payer writes its number.
    pub(super) fn order_held(&self, request: PaymentRequestId) -> Option<&SmolStr> {
        self.orders.get(&request).filter(|order| {
            let number = canonical_number(order);
            is_telling_number(&number) && self.text.holds(&number)
        })
    }

    pub(super) fn holding(&self) -> impl Iterator<Item = &Candidate<'a>> {
        self.payable.iter().filter(|candidate| self.text.holds(&canonical_number(&candidate.known.number)))
    }

    pub(super) fn by_reference(&self, named: &[PaymentRequestId], found: &mut Weighed) -> Verdict {
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
    pub(super) fn exactly(&self, found: &mut Weighed, wanted: &[(PaymentRequestId, i64)]) {
        let amount = self.amount.minor();
        let single = wanted.iter().filter(|(_, left)| *left == amount).map(|part| vec![*part]);
        let compared = wanted.get(..combinations::COMPARED_MAX.min(wanted.len())).unwrap_or_default();
        let amounts: Vec<i64> = compared.iter().map(|(_, left)| *left).collect();
        let sets = combinations::sets(&amounts, amount);
        let of = |mask: &u64| {
            compared.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, part)| *part).collect()
        };
        let ways: Vec<Vec<_>> = single.chain(sets.masks.iter().map(of)).collect();
        let score = if ways.len() == 1 && sets.complete && wanted.len() <= NAMED_SURE_MAX { 900 } else { 700 };
        ways.into_iter().take(PROPOSALS_MAX).for_each(|parts| self.propose(found, parts, score, Rung::References));
        self.oldest_first(found, wanted);
    }

    /// More than the named requests: another one that is exactly the rest, or credit.
    pub(super) fn with_excess(&self, found: &mut Weighed, wanted: Vec<(PaymentRequestId, i64)>, rest: i64) {
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
        // Who pays everything to the number of one of them says so by the sum.
        let by_account = self.received.hits.iter().all(|hit| hit.kind == ReferenceKind::Account);
        if by_account && others.len() > 1 && amounts.iter().sum::<i64>() == rest {
            let all = self.payable.iter().map(|candidate| (candidate.id, candidate.left)).collect();
            self.propose(found, all, 930, Rung::Everything);
            return self.propose(found, wanted, 700, Rung::ReferenceExcess);
        }
        let together = || !combinations::sets(&amounts, rest).masks.is_empty();
        let (with_other, with_credit) = match exact.as_slice() {
            [_] => (930, 700),
            [] if unread && together() => (0, 800),
            [] => (0, 950),
            _ => (800, 700),
        };
        for other in exact.into_iter().take(PROPOSALS_MAX) {
            let mut parts = wanted.clone();
            parts.push((other.id, other.left));
            self.propose(found, parts, with_other, Rung::References);
        }
        self.propose(found, wanted, with_credit, Rung::ReferenceExcess);
    }

    /// A named request that the amount pays in part, or more than pays.
    fn propose_inexact(&self, found: &mut Weighed, one: &Candidate<'_>, score: u16) {
        let amount = self.amount.minor();
        let rung = if amount < one.left { Rung::ReferencePart } else { Rung::ReferenceExcess };
        self.propose(found, vec![(one.id, one.left.min(amount))], score, rung);
    }

    /// References that were read with a correction, or numbers that are too short to be sure of.
    pub(super) fn by_unsure_reference(&self, unsure: &[PaymentRequestId], found: &mut Weighed) -> Option<Verdict> {
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
                self.propose_inexact(found, one, if known { 900 } else { 600 });
            }
            _ => return None,
        }
        Some((Doubt::UncertainReference, unsure.to_vec()))
    }

    /// Whether something else than a reference says who paid.
    fn known_otherwise(&self) -> bool {
        !matches!(self.received.identified_by, Identification::Reference | Identification::Nothing)
    }

    pub(super) fn agreement(&self) -> Agreement {
        let payer = self.received.details.payer_name.as_deref();
        payer.zip(self.name).map_or(Agreement::None, |(payer, name)| names_agree(payer, name))
    }

    /// The canonical numbers of the open requests that stand in the text.
    pub(super) fn read(&self) -> Vec<smol_str::SmolStr> {
        self.holding().map(|candidate| canonical_number(&candidate.known.number)).collect()
    }

    /// A reference of the customer that was written with one or two slips, which code alone does not undo.
    /// Whether it says surely what is meant.
    pub(super) fn by_near_reference(&self, found: &mut Weighed) -> bool {
        let nobody = self.received.identified_by == Identification::Nothing;
        if !(self.known_otherwise() || nobody) || !self.written.has_unread(&self.read()) {
            return false;
        }
        let text = self.written.compact().as_bytes();
        let slips = |candidate: &Candidate<'_>| candidate.known.reference.map(|reference| reference.slips(text));
        let near: Vec<(u8, &Candidate<'_>)> = self
            .payable
            .iter()
            .take(REFERENCES_COMPARED_MAX)
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
        self.propose_inexact(found, one, 600);
        false
    }

    /// Requests of which the last digits of the number stand in the text, apart from those named otherwise;
    /// and those of them that no other has.
    pub(super) fn with_last_digits(
        &self, named: &[(PaymentRequestId, i64)],
    ) -> (Vec<&Candidate<'a>>, Vec<&Candidate<'a>>) {
        let mut runs = self.written.runs();
        runs.sort_unstable();
        runs.dedup();
        runs.truncate(RUNS_MAX);
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
            // What so many have says nothing.
            found.truncate(limits::OPEN_REQUESTS_COMPARED_MAX);
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
    pub(super) fn by_last_digits(&self, found: &mut Weighed) -> bool {
        let (named, sure) = self.with_last_digits(&[]);
        let total: i64 = sure.iter().map(|candidate| candidate.left).sum();
        let amount = self.amount.minor();
        if !sure.is_empty() && total == amount {
            let parts = sure.iter().map(|candidate| (candidate.id, candidate.left)).collect();
            self.propose(found, parts, 960, Rung::Number);
            return true;
        }
        let exact: Vec<_> = named.iter().filter(|candidate| candidate.left == amount).collect();
        let only = exact.len() == 1;
        let score = if only { 940 } else { 800 };
        exact
            .into_iter()
            .take(PROPOSALS_MAX)
            .for_each(|one| self.propose(found, vec![(one.id, one.left)], score, Rung::Number));
        for one in sure.iter().filter(|candidate| candidate.left != amount) {
            self.propose_inexact(found, one, 600);
        }
        only
    }
}
