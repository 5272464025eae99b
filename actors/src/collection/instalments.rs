//! An amount in instalments.

use thiserror::Error;

use crate::values::{Money, MoneyError};

/// Why an amount cannot be parted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum InstalmentError {
    #[error("a plan has 1 to {0} parts")]
    Parts(u16),
    #[error("amount, deposit and fee are in one currency")]
    Currency,
    #[error("the deposit is below the amount, and every part has at least one {0}")]
    TooLittle(&'static str),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Parts of one plan: ten years of months.
pub const PARTS_MAX: u16 = 120;

/// What each part of `total` comes to after a deposit. The smallest units that do not divide, and the fee,
/// are added to the first part: 1000.00 with 200.00 down and a fee of 10.00 in three parts is 276.68,
/// 266.66 and 266.66.
pub fn instalments(
    total: Money, deposit: Option<Money>, fee: Option<Money>, parts: u16,
) -> Result<Vec<Money>, InstalmentError> {
    if !(1..=PARTS_MAX).contains(&parts) {
        return Err(InstalmentError::Parts(PARTS_MAX));
    }
    let currency = total.currency();
    if deposit.into_iter().chain(fee).any(|other| other.currency() != currency) {
        return Err(InstalmentError::Currency);
    }
    let minor = |money: Option<Money>| money.map_or(0, Money::minor).max(0);
    let (rest, count) = (total.minor().saturating_sub(minor(deposit)), i64::from(parts));
    let each = rest / count;
    if each < 1 {
        return Err(InstalmentError::TooLittle("minor unit"));
    }
    let first = rest - each * (count - 1) + minor(fee);
    let others = std::iter::repeat_n(each, usize::from(parts).saturating_sub(1));
    Ok(std::iter::once(first).chain(others).map(|minor| Money::from_minor(minor, currency)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Currency;

    fn parts(total: i64, deposit: i64, fee: i64, parts: u16) -> Result<Vec<i64>, InstalmentError> {
        let euros = |minor| Money::from_minor(minor, Currency::EUR);
        let parts = instalments(euros(total), Some(euros(deposit)), Some(euros(fee)), parts)?;
        Ok(parts.into_iter().map(Money::minor).collect())
    }

    #[test]
    fn what_does_not_divide_and_the_fee_are_in_the_first_part() {
        assert_eq!(parts(100_000, 20_000, 1_000, 3).unwrap(), [27_668, 26_666, 26_666]);
        assert_eq!(parts(100, 0, 0, 1).unwrap(), [100]);
        for (total, deposit, fee, count) in [(99_999, 0, 7, 120), (1_000_001, 333, 0, 7), (12_345, 45, 5, 11)] {
            let all: i64 = parts(total, deposit, fee, count).unwrap().iter().sum();
            assert_eq!(all, total - deposit + fee);
        }
    }

    #[test]
    fn what_cannot_be_parted_is_refused() {
        assert!(parts(100, 100, 0, 2).is_err());
        assert!(parts(2, 0, 0, 3).is_err());
        assert!(parts(100, 0, 0, 0).is_err());
        assert!(parts(100_000, 0, 0, 121).is_err());
    }
}
