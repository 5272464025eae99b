//! The gates that a due reminder passes before it leaves, in the order in which they are asked. The first that does not
//! open says why, and the others are not asked.

/// One gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// It is not too late, and no later step is due as well.
    Time,
    /// So much is open that it is worth a message.
    Minimum,
    /// No attempt may have been paid without anybody knowing.
    Attempts,
    /// The bank's statements have been read so far that the money would be known.
    Bank,
    /// No collection is under way.
    Collection,
    /// A person has approved it, where the step asks for that.
    Approval,
    /// Something is still to be paid.
    Open,
    /// It is the time where the customer lives.
    Clock,
    /// The customer is not on hold.
    Hold,
    /// No money of the customer waits for a person.
    Money,
    /// The condition of the step holds.
    Condition,
    /// The customer can be reached, and wants to be.
    Reach,
    /// The customer was not written to too often, and it is a time to write to people.
    Contact,
    /// The scenario is in use, and not only tried out.
    InUse,
}

pub(super) const ATTEMPT_UNKNOWN: &str = "an attempt may have been paid";
pub(super) const COLLECTION_UNDER_WAY: &str = "a collection is under way";
pub(super) const COLLECTION_PLANNED: &str = "a collection is planned";
pub(crate) const MONEY_WAITS: &str = "a transfer of the customer waits for a decision";
pub(super) const BANK_UNREAD: &str = "no statement of the bank has been read";
pub(super) const BANK_ENDS: &str = "the bank's statements end on";
pub(super) const NOT_APPROVED: &str = "not approved by";
pub(super) const OTHER_CLOCK: &str = "by the clock where the customer lives";
pub(super) const COLLAPSED: &str = "collapsed into step";
pub(super) const HOURS_LATE: &str = "hours late";
pub(super) const ONLY: &str = "only";
pub(super) const IS_OPEN: &str = "is open";
pub(crate) const NOTHING_OPEN: &str = "nothing is open any more";
pub(crate) const ON_HOLD: &str = "on hold";
pub(crate) const CONDITION_FAILS: &str = "its condition does not hold";
pub(crate) const ENOUGH_OF_DAY: &str = "enough for a day";
pub(crate) const ENOUGH_OF_WEEK: &str = "enough for a week";
pub(crate) const TOO_SOON: &str = "too soon after the last one";
pub(crate) const TRIED_OUT: &str = "tried out only: it would have left by";
pub(crate) const TOLD_TOGETHER: &str = "told that day together with others";
pub(crate) const QUIET: &str = "not a time to write to people";

impl Gate {
    /// Why a step waits that a person is to approve.
    pub const UNAPPROVED: &str = "a person has not approved it";

    /// All of them, in their order.
    pub const ALL: [Gate; 14] = [
        Gate::Time,
        Gate::Minimum,
        Gate::Attempts,
        Gate::Bank,
        Gate::Collection,
        Gate::Approval,
        Gate::Open,
        Gate::Clock,
        Gate::Hold,
        Gate::Money,
        Gate::Condition,
        Gate::Reach,
        Gate::Contact,
        Gate::InUse,
    ];

    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Gate::Time => "time",
            Gate::Minimum => "minimum",
            Gate::Attempts => "attempts_known",
            Gate::Bank => "bank_read",
            Gate::Collection => "no_collection",
            Gate::Approval => "approved",
            Gate::Open => "open",
            Gate::Clock => "customer_clock",
            Gate::Hold => "no_hold",
            Gate::Money => "money_placed",
            Gate::Condition => "condition",
            Gate::Reach => "reachable",
            Gate::Contact => "contact_limits",
            Gate::InUse => "in_use",
        }
    }

    /// The gate that gave a reason, if a gate did.
    pub fn told(reason: &str) -> Option<Self> {
        Some(match reason {
            ATTEMPT_UNKNOWN => Gate::Attempts,
            COLLECTION_UNDER_WAY | COLLECTION_PLANNED => Gate::Collection,
            MONEY_WAITS => Gate::Money,
            BANK_UNREAD => Gate::Bank,
            OTHER_CLOCK => Gate::Clock,
            Self::UNAPPROVED => Gate::Approval,
            NOTHING_OPEN => Gate::Open,
            ENOUGH_OF_DAY | ENOUGH_OF_WEEK | TOO_SOON | QUIET | TOLD_TOGETHER => Gate::Contact,
            // What a person has said may end like any other reason.
            _ if reason.starts_with(NOT_APPROVED) => Gate::Approval,
            _ if reason.ends_with(HOURS_LATE) || reason.starts_with(COLLAPSED) => Gate::Time,
            _ if reason.starts_with(ONLY) && reason.ends_with(IS_OPEN) => Gate::Minimum,
            _ if reason.starts_with(BANK_ENDS) => Gate::Bank,
            _ if reason.starts_with(ON_HOLD) => Gate::Hold,
            _ if reason.starts_with(TRIED_OUT) => Gate::InUse,
            _ if reason.starts_with(CONDITION_FAILS) => Gate::Condition,
            _ if reason.starts_with("email: ") || reason.starts_with("sms: ") => Gate::Reach,
            _ => return None,
        })
    }

    /// What each gate said when a step left (no reason) or was kept back: whether it opened, `None` for what was not asked.
    pub fn said(reason: Option<&str>) -> Vec<(Self, Option<bool>)> {
        let kept_back = match reason {
            None => None,
            Some(reason) => match Self::told(reason) {
                Some(gate) => Some(gate),
                None => return Vec::new(),
            },
        };
        let said = |gate: Gate| match kept_back {
            None => (gate, Some(true)),
            Some(by) if gate < by => (gate, Some(true)),
            Some(by) => (gate, (gate == by).then_some(false)),
        };
        Self::ALL.into_iter().map(said).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_of_a_reason_is_the_one_that_does_not_open() {
        assert!(Gate::said(None).iter().all(|(_, opened)| *opened == Some(true)));
        assert!(Gate::said(Some("scenario completed")).is_empty());
        let said = Gate::said(Some("on hold: legal"));
        let opened = |gate: Gate| said.iter().find(|(known, _)| *known == gate).unwrap().1;
        assert_eq!((opened(Gate::Clock), opened(Gate::Hold), opened(Gate::Reach)), (Some(true), Some(false), None));
        assert!(Gate::ALL.is_sorted());
        assert_eq!(Gate::told("not approved by ana: the bank was 5 hours late"), Some(Gate::Approval));
    }
}
