//! What the cycles of a plan come to.

use super::state::Kind;
use crate::collection::{InstalmentError, instalments};
use crate::values::Money;

/// Cycles of a plan that ends.
pub const CYCLES_MAX: u16 = 10_000;

/// What each cycle of a plan comes to, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// What the amount that was agreed means.
    pub kind: Kind,
    /// What is asked for once before the cycles.
    pub deposit: Option<Money>,
    /// The amount of the first cycle: with the fee, and the cents that cannot be parted.
    pub first: Money,
    /// The amount of every other one.
    pub each: Money,
    /// How many cycles there are; without an end if that is not said.
    pub cycles: Option<u16>,
}

impl Amounts {
    /// The same amount each cycle; the fee is asked for with the first.
    pub fn repeated(
        each: Money, deposit: Option<Money>, fee: Option<Money>, cycles: Option<u16>,
    ) -> Result<Self, InstalmentError> {
        if deposit.into_iter().chain(fee).any(|other| other.currency() != each.currency()) {
            return Err(InstalmentError::Currency);
        }
        let first = fee.map_or(Ok(each), |fee| each.checked_add(fee))?;
        Ok(Self { kind: Kind::Subscription, deposit, first, each, cycles })
    }

    /// One amount in parts, one a cycle.
    pub fn parted(
        total: Money, deposit: Option<Money>, fee: Option<Money>, parts: u16,
    ) -> Result<Self, InstalmentError> {
        let parted = instalments(total, deposit, fee, parts)?;
        let (Some(first), Some(each)) = (parted.first(), parted.last()) else {
            return Err(InstalmentError::Parts(parts));
        };
        Ok(Self { kind: Kind::Instalments, deposit, first: *first, each: *each, cycles: Some(parts) })
    }
}
