//! Account numbers of a tenant's range that are given out: to customers, to payment requests, or to both.
//!
//! ```text
//! free ─► given ─► released: in quarantine ─► free again, for another
//! ```
//!
//! What is booked is read as of its day: until a number was released it was its owner's, after that nobody's,
//! and before it was given again somebody else's.

use smol_str::SmolStr;

use crate::values::{AccountPool, Date, Iban, VirtualIban};

/// How long after its release a number is nobody's. A payer may keep a standing order for a year, and
/// its recall comes up to a month after.
const QUARANTINE_MONTHS: i32 = 13;

/// A range, and who is given a number of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRange {
    /// By which name it is asked for; empty when it is the only one.
    pub name: SmolStr,
    /// The numbers.
    pub pool: AccountPool,
    /// The creditor account to which their money is booked, if that is said.
    pub account: Option<Iban>,
    /// Each new customer is given one.
    pub to_customers: bool,
    /// Each new payment request is given one.
    pub to_requests: bool,
}

/// Who is given a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A customer.
    Customer,
    /// A payment request.
    Request,
}

/// The ranges of a tenant, in the order in which they are drawn from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountNumbers {
    /// The ranges; their numbers never overlap.
    pub ranges: Vec<AccountRange>,
}

impl AccountNumbers {
    /// Whether a number is of one of the ranges, given or not.
    pub fn holds(&self, iban: &Iban) -> bool {
        self.ranges.iter().any(|range| range.pool.holds(iban))
    }

    /// The range of a name.
    pub fn named(&self, name: &str) -> Option<&AccountRange> {
        self.ranges.iter().find(|range| range.name == name)
    }

    /// From where each new owner of a kind is given a number: the first range for them, and when that is used up the
    /// others for them behind the same creditor account, so that money never goes to another account than it was meant
    /// for. Nothing when no range is for them.
    pub fn given_to(&self, owner: Owner) -> Vec<&AccountRange> {
        let first = self.ranges.iter().find(|range| range.is_for(owner));
        first.map(|first| self.from(first, owner)).unwrap_or_default()
    }

    /// From where a number is drawn that somebody asks for: the range named or the first one, and those that stand in
    /// for it. Nothing when no range has that name.
    pub fn asked(&self, owner: Owner, name: Option<&str>) -> Option<Vec<&AccountRange>> {
        let first = match name {
            Some(name) => self.named(name)?,
            None => self.ranges.iter().find(|range| range.is_for(owner)).or(self.ranges.first())?,
        };
        Some(self.from(first, owner))
    }

    fn from<'a>(&'a self, first: &'a AccountRange, owner: Owner) -> Vec<&'a AccountRange> {
        // Of ranges of which nobody says where their money goes none stands in for another.
        let same_account = |range: &AccountRange| range.account.is_some() && range.account == first.account;
        let stands_in = |range: &&AccountRange| *range != first && range.is_for(owner) && same_account(range);
        std::iter::once(first).chain(self.ranges.iter().filter(stands_in)).collect()
    }
}

impl AccountRange {
    fn is_for(&self, owner: Owner) -> bool {
        match owner {
            Owner::Customer => self.to_customers,
            Owner::Request => self.to_requests,
        }
    }
}

/// A number out of the pool, and how many are left after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The number.
    pub virtual_iban: VirtualIban,
    /// Since when it is this owner's, if it was another's before.
    pub since: Option<Date>,
    /// How many numbers of the pool were never given.
    pub left: u64,
}

/// From when on a number that is released on a day may be another's.
pub fn free_on(released_on: Date) -> Date {
    released_on.plus_months(QUARANTINE_MONTHS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(name: &str, account: Option<&str>, prefix: &str) -> AccountRange {
        let pool = AccountPool::french("20041", "01005", prefix, 3).unwrap();
        let account = account.map(|account| Iban::parse(account).unwrap());
        AccountRange { name: name.into(), pool, account, to_customers: true, to_requests: name == "c" }
    }

    fn names(ranges: Vec<&AccountRange>) -> Vec<&str> {
        ranges.into_iter().map(|range| range.name.as_str()).collect()
    }

    #[test]
    fn a_range_stands_in_for_another_of_the_same_account_only() {
        let (one, two) = (Some("FR1420041010050500013M02606"), Some("DE89370400440532013000"));
        let ranges = vec![range("a", one, "04200000"), range("b", two, "04200001"), range("c", one, "04200002")];
        let numbers = AccountNumbers { ranges };
        assert_eq!(names(numbers.given_to(Owner::Customer)), ["a", "c"]);
        assert_eq!(names(numbers.given_to(Owner::Request)), ["c"]);
        assert_eq!(names(numbers.asked(Owner::Customer, Some("b")).unwrap()), ["b"]);
        assert_eq!(names(numbers.asked(Owner::Request, Some("a")).unwrap()), ["a", "c"]);
        assert_eq!(numbers.asked(Owner::Customer, Some("d")), None);
        let unsaid = AccountNumbers { ranges: vec![range("a", None, "04200000"), range("b", None, "04200001")] };
        assert_eq!(names(unsaid.given_to(Owner::Customer)), ["a"]);
        assert!(AccountNumbers::default().asked(Owner::Customer, None).is_none());
    }
}
