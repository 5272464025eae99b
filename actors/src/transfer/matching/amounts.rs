//! What the amount says of a transfer whose payer is known: one request, the oldest of equals, sums.

use super::{CHANCE_ANY_MAX, CHANCE_OLDEST_MAX, Candidate, Ladder, PROPOSALS_MAX, Verdict};
use crate::limits;
use crate::transfer::combinations::{self, Sets};
use crate::transfer::state::Doubt;
use crate::transfer::weighing::{Identification, Rung, Weighed};
use crate::values::{Agreement, PaymentRequestId};

/// Requests that payers often pay at once, at most.
const FEW: u32 = 6;

impl Ladder<'_> {
    /// Nothing says who paid, but the amount is that of a request: for a person to look at.
    pub(super) fn of_amount(&self, found: &mut Weighed) -> Verdict {
        let exact: Vec<&Candidate<'_>> =
            self.payable.iter().filter(|candidate| candidate.left == self.amount.minor()).collect();
        let score = if self.agreement() == Agreement::None { 500 } else { 600 };
        exact
            .iter()
            .take(PROPOSALS_MAX)
            .for_each(|one| self.propose(found, vec![(one.id, one.left)], score, Rung::ExactAmount));
        (Doubt::UnknownPayer, exact.iter().map(|one| one.id).collect())
    }

    /// The payer is known, but nothing names a request.
    pub(super) fn by_amount(&self, found: &mut Weighed) -> Verdict {
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
                // Only an account number that is the customer's own says that it has no others to pay for.
                let own = self.received.identified_by == Identification::VirtualIban;
                let sure = self.matching.oldest_of_equal && !unread && own && !self.money_waits;
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

    pub(super) fn without_exact(&self, found: &mut Weighed, by_name: bool) {
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
        self.within_tolerance(found, on_own_account);
        self.together(found, by_name);
        if amount < total {
            let parts: Vec<_> = self.payable.iter().map(|candidate| (candidate.id, candidate.left)).collect();
            self.oldest_first(found, &parts);
        }
        self.nearest(found);
    }

    /// The only request that this amount pays but for a difference that is given up.
    fn within_tolerance(&self, found: &mut Weighed, on_own_account: bool) {
        let amount = self.amount.minor();
        let Some(rule) = self.matching.write_off.filter(|_| on_own_account) else { return };
        let covered = |candidate: &&Candidate<'_>| rule.covers(candidate.left - amount, candidate.left);
        let mut near = self.payable.iter().filter(covered);
        if let (Some(one), None) = (near.next(), near.next())
            && !self.written.has_unread(&self.read())
        {
            self.propose(found, vec![(one.id, amount)], 870, Rung::WithinTolerance);
        }
    }

    /// Sets of requests that make the amount.
    pub(super) fn together(&self, found: &mut Weighed, by_name: bool) {
        let amount = self.amount.minor();
        let compared: Vec<&Candidate<'_>> = self.payable.iter().take(combinations::COMPARED_MAX).collect();
        let amounts: Vec<i64> = compared.iter().map(|candidate| candidate.left).collect();
        let Sets { masks, complete } = combinations::sets(&amounts, amount);
        let all: Vec<i64> = self.payable.iter().map(|candidate| candidate.left).collect();
        for (place, mask) in masks.iter().take(PROPOSALS_MAX).enumerate() {
            let size = mask.count_ones();
            let chance = combinations::accidental_ppm(&all, amount, size);
            found.accidental_ppm = found.accidental_ppm.max(chance);
            let oldest = combinations::is_prefix(*mask);
            let unread = || masks.len() > 1 && self.written.has_unread(&self.read());
            // That there is no other way is known only when everything was compared.
            // Who pays a few at once is no likelier to have meant many that happen to make the same.
            let rivals = masks.iter().filter(|other| other.count_ones() <= size.max(FEW)).count();
            let only = rivals == 1 && self.payable.len() == compared.len();
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
    pub(super) fn oldest_first(&self, found: &mut Weighed, wanted: &[(PaymentRequestId, i64)]) {
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
    pub(super) fn nearest(&self, found: &mut Weighed) {
        let amount = self.amount.minor();
        let nearest = self.payable.iter().min_by_key(|candidate| candidate.left.abs_diff(amount));
        if let Some(nearest) = nearest {
            let score = if nearest.left == amount { 650 } else { 550 };
            self.propose(found, vec![(nearest.id, nearest.left.min(amount))], score, Rung::Nearest);
        }
    }
}
