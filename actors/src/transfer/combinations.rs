//! Which requests together make an amount, and how likely it is that some do by chance.
//!
//! Of up to twenty-four requests every set of up to twelve is found: the sums of the older half and of the newer
//! one meet. Of more, sets of up to six of the oldest are, as two halves of at most three; sets that leave out at most
//! six, as what is left; and the oldest ones in order. The search is exhaustive within these bounds, or says that it is
//! not.

/// Requests compared, the oldest ones.
pub(super) const COMPARED_MAX: usize = 40;
/// Requests of which every set is looked at.
const ALL_SETS_OF: usize = 24;
/// Requests of a half of a set.
const HALF: u32 = 3;
/// Requests of a set.
const SET_MAX: u32 = 12;
/// Pairs of halves looked at.
const STEPS_MAX: usize = 400_000;
/// Sets kept.
const SETS_MAX: usize = 64;

/// Sets of requests, each a bit mask over the amounts given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sets {
    /// The sets that make the amount: those of the first requests in order, then the smaller ones, then
    /// those of the earlier requests.
    pub masks: Vec<u64>,
    /// Whether there are no others of the sizes searched.
    pub complete: bool,
}

struct Half {
    sum: i64,
    mask: u64,
}

/// Every set of at least two of `amounts`, above zero and at most [`COMPARED_MAX`] of them, that
/// makes `target`.
pub(super) fn sets(amounts: &[i64], target: i64) -> Sets {
    let amounts = amounts.get(..COMPARED_MAX.min(amounts.len())).unwrap_or_default();
    let count = u32::try_from(amounts.len()).unwrap_or(0);
    let all: u64 = (1_u64 << count) - 1;
    let total: i64 = amounts.iter().fold(0, |sum, amount| sum.saturating_add(*amount));
    let mut found = Sets { masks: Vec::new(), complete: true };
    if target <= 0 || target > total {
        return found;
    }
    if amounts.len() <= ALL_SETS_OF {
        let (older, newer) = amounts.split_at(amounts.len() / 2);
        let halves = |amounts: &[i64], from| {
            let mut halves = subsets(amounts, from, target);
            halves.sort_unstable_by_key(|half| (half.sum, half.mask));
            halves
        };
        meet(&halves(older, 0), &halves(newer, older.len()), target, of_a_size, &mut found);
    } else {
        meet_of_few(amounts, target, &mut found);
        found.masks.extend(oldest_in_order(amounts, target));
    }
    // What is left of few is a set of many.
    if amounts.len() > ALL_SETS_OF && target < total {
        let mut left = Sets { masks: Vec::new(), complete: true };
        meet_of_few(amounts, total - target, &mut left);
        found.complete &= left.complete;
        found.masks.extend(left.masks.iter().map(|mask| all & !mask));
    } else if target == total {
        found.masks.push(all);
    }
    found.masks.retain(|mask| (2..=SET_MAX).contains(&mask.count_ones()));
    found.masks.sort_unstable_by_key(|mask| (!is_prefix(*mask), mask.count_ones(), mask.reverse_bits() ^ u64::MAX));
    found.masks.dedup();
    found
}

/// Whether a set is of the first requests in order.
pub(super) fn is_prefix(mask: u64) -> bool {
    mask & mask.wrapping_add(1) == 0
}

fn of_a_size(older: u64, newer: u64) -> bool {
    (2..=SET_MAX).contains(&(older | newer).count_ones())
}

/// Every sum of some of `amounts`, which stand from a place on, that is not above `target`.
fn subsets(amounts: &[i64], from: usize, target: i64) -> Vec<Half> {
    let mut halves = vec![Half { sum: 0, mask: 0 }];
    for (at, amount) in amounts.iter().enumerate() {
        for known in 0..halves.len() {
            let Some(Half { sum, mask }) = halves.get(known) else { continue };
            let (sum, mask) = (sum + amount, mask | 1 << (from + at));
            if sum <= target {
                halves.push(Half { sum, mask });
            }
        }
    }
    halves
}

/// The oldest requests that make the target one after the other.
fn oldest_in_order(amounts: &[i64], target: i64) -> Option<u64> {
    let mut sum = 0_i64;
    for (at, amount) in amounts.iter().enumerate() {
        sum = sum.saturating_add(*amount);
        if sum >= target {
            return (sum == target).then_some((1 << (at + 1)) - 1);
        }
    }
    None
}

fn meet_of_few(amounts: &[i64], target: i64, found: &mut Sets) {
    let halves = halves(amounts, target);
    meet(&halves, &halves, target, one_set, found);
}

/// Pairs of a sum of `lower` and one of `upper`, both in order, that make the target.
fn meet(lower: &[Half], upper: &[Half], target: i64, counts: impl Fn(u64, u64) -> bool, found: &mut Sets) {
    // The sums go up on one side and down on the other.
    let halves = upper;
    let mut upper = halves.len();
    let mut steps = 0;
    let mut at = 0;
    while let Some(first) = lower.get(at) {
        let rest = target - first.sum;
        while upper > 0 && halves.get(upper - 1).is_some_and(|half| half.sum > rest) {
            upper -= 1;
        }
        let partners = halves.get(..upper).unwrap_or_default().iter().rev().take_while(|half| half.sum == rest);
        for second in partners {
            steps += 1;
            if steps > STEPS_MAX || found.masks.len() >= SETS_MAX {
                found.complete = false;
                return;
            }
            if counts(first.mask, second.mask) {
                found.masks.push(first.mask | second.mask);
            }
        }
        at += 1;
    }
}

/// Whether two halves make a set in the one way that counts: the first holds the lower requests,
/// and as many as the second or one more.
fn one_set(first: u64, second: u64) -> bool {
    let (of_first, of_second) = (first.count_ones(), second.count_ones());
    let in_order = second == 0 || second.trailing_zeros() >= 64 - first.leading_zeros();
    in_order && first != 0 && (of_first == of_second || of_first == of_second + 1)
}

/// Every set of up to three requests whose sum is not above `target`, by sum.
fn halves(amounts: &[i64], target: i64) -> Vec<Half> {
    let mut halves = vec![Half { sum: 0, mask: 0 }];
    let mut from = 0;
    for _ in 0..HALF {
        let until = halves.len();
        for at in from..until {
            let Some(Half { sum, mask }) = halves.get(at) else { continue };
            let (sum, mask) = (*sum, *mask);
            let lowest = 64 - mask.leading_zeros();
            for (place, amount) in amounts.iter().enumerate().skip(usize::try_from(lowest).unwrap_or(64)) {
                if sum + amount <= target {
                    halves.push(Half { sum: sum + amount, mask: mask | 1 << place });
                }
            }
        }
        from = until;
    }
    halves.sort_unstable_by_key(|half| (half.sum, half.mask));
    halves
}

/// How many sets of up to `size` of `amounts` make `target` by chance, in millionths: the number of
/// sets times the density of their sums there, taken as normal, and more where amounts repeat.
pub(super) fn accidental_ppm(amounts: &[i64], target: i64, size: u32) -> u64 {
    let count = i128::try_from(amounts.len()).unwrap_or(1).max(1);
    let sum: i128 = amounts.iter().map(|amount| i128::from(*amount)).sum();
    let mean = sum / count;
    let square = |amount: &i64| (i128::from(*amount) - mean).pow(2);
    let variance = (amounts.iter().map(square).sum::<i128>() / count).max(1);
    let mut distinct: Vec<i64> = amounts.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let distinct = i128::try_from(distinct.len()).unwrap_or(1).max(1);
    let mut expected: i128 = 0;
    let mut sets: i128 = 1;
    for items in 1..=i128::from(size).min(count) {
        sets = sets.saturating_mul(count - items + 1) / items;
        let spread = isqrt(variance.saturating_mul(items)).max(1);
        let away = i128::from(target) - mean * items;
        // exp(-x), from above, of x = away² / (2 · spread²) in thousandths.
        let x = away.saturating_mul(away).saturating_mul(1_000) / (2 * spread * spread).max(1);
        let x = x.min(20_000);
        let power = 1_000 + x + x * x / 2_000 + x * x * x / 6_000_000 + x * x * x * x / 24_000_000_000;
        let density = 398_942_i128.saturating_mul(1_000) / power;
        expected = expected.saturating_add(sets.saturating_mul(density) / spread);
    }
    let expected = expected.saturating_mul(count) / distinct;
    u64::try_from(expected).unwrap_or(u64::MAX)
}

fn isqrt(value: i128) -> i128 {
    u128::try_from(value).map_or(0, |value| i128::try_from(value.isqrt()).unwrap_or(i128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set, by trying all of them.
    fn plainly(amounts: &[i64], target: i64) -> Vec<u64> {
        let sum =
            |mask: u64| amounts.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, a)| a).sum::<i64>();
        let mut found: Vec<u64> =
            (1..1_u64 << amounts.len()).filter(|mask| sum(*mask) == target && mask.count_ones() >= 2).collect();
        found.retain(|mask| mask.count_ones() <= SET_MAX);
        found.sort_unstable();
        found
    }

    #[test]
    fn every_set_of_a_dozen_requests_is_found_and_none_twice() {
        let mut seed = 7_u64;
        let mut next = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        for round in 0..400 {
            let count = usize::try_from(2 + next() % 11).unwrap();
            let few = round % 2 == 0;
            let amounts: Vec<i64> =
                (0..count).map(|_| i64::try_from(1 + next() % if few { 12 } else { 5_000 }).unwrap()).collect();
            let some: i64 = amounts.iter().filter(|_| next() % 2 == 0).sum();
            let found = sets(&amounts, some);
            if found.complete {
                let mut masks = found.masks.clone();
                masks.sort_unstable();
                assert_eq!(masks, plainly(&amounts, some), "{amounts:?} {some}");
            } else {
                assert!(few, "{amounts:?} {some}");
            }
        }
    }

    #[test]
    fn two_dozen_requests_are_looked_at_whole_and_of_more_the_oldest_in_order() {
        // Powers of two: each sum is of one set only.
        let powers: Vec<i64> = (0..24).map(|at| 1_i64 << at).collect();
        for mask in [0b1010_1010_1010_1010_1010_1010_u64, 0b1111_1111, 0b1100_0000_0111_0000_1111_0000] {
            let target = i64::try_from(mask).unwrap();
            assert_eq!(sets(&powers, target), Sets { masks: vec![mask], complete: true });
        }
        let many: Vec<i64> = (0..40).map(|at| 10_000 + 7_919 * at).collect();
        let target = many.iter().take(9).sum();
        assert!(sets(&many, target).masks.first() == Some(&0b1_1111_1111));
    }

    #[test]
    fn the_oldest_first_then_the_fewest() {
        // 1+2+3 = 6 are the first three; 2+4 and 1+5 are fewer.
        let found = sets(&[1, 2, 3, 4, 5], 6);
        assert_eq!(found.masks, [0b111, 0b10001, 0b01010]);
        assert!(sets(&[5, 5], 3).masks.is_empty() && sets(&[], 3).masks.is_empty());
    }

    #[test]
    fn chance_grows_with_what_is_open_and_with_repeated_prices() {
        let spread: Vec<i64> = (0..10).map(|at| 10_000 + 1_733 * at).collect();
        let few = accidental_ppm(&spread[..4], 25_000, 2);
        let more = accidental_ppm(&spread, 25_000, 2);
        let larger = accidental_ppm(&spread, 40_000, 4);
        assert!(few < more && more < larger, "{few} {more} {larger}");
        assert!(more < 20_000, "{more}");
        assert!(accidental_ppm(&[1_000; 10], 2_000, 2) > 1_000_000);
        assert!(accidental_ppm(&[i64::MAX / 4; 3], 5, 2) < u64::MAX);
    }

    #[test]
    fn forty_requests_of_one_price_end_within_the_bound() {
        assert!(!sets(&[100; 40], 600).complete);
    }
}
