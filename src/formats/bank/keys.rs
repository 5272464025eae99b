//! Pieces of entry keys: numbers and dates as text, and a map of hashes that hashes nothing again.

use std::fmt::Write as _;

use quittance_actors::values::Date;

/// The keys of the map are hashes already.
pub(super) type Hashed = std::hash::BuildHasherDefault<AsItIs>;

#[derive(Default)]
pub(super) struct AsItIs(u64);

impl std::hash::Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "keys are u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A number as decimal digits.
pub(super) fn push_number(text: &mut String, number: i64) {
    let mut digits = [0_u8; 20];
    let mut rest = number.unsigned_abs();
    let mut from = digits.len();
    loop {
        from -= 1;
        if let Some(digit) = digits.get_mut(from) {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        text.push('-');
    }
    text.push_str(std::str::from_utf8(digits.get(from..).unwrap_or_default()).unwrap_or_default());
}

/// A date as `YYYY-MM-DD`.
pub(super) fn push_date(text: &mut String, date: Date) {
    let (year, month, day) = date.parts();
    if !(1000..=9999).contains(&year) {
        let _ = write!(text, "{date}"); // A string takes everything.
        return;
    }
    push_number(text, i64::from(year));
    for part in [month, day] {
        text.push_str(if part < 10 { "-0" } else { "-" });
        push_number(text, i64::from(part));
    }
}
