//! `price` of `[sms]`: what one message costs, for who writes templates and reads what was sent.

use quittance_actors::values::Currency;

/// Decimals of a price: an SMS costs fractions of a cent.
const DECIMALS: usize = 5;

/// What one message costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsPrice {
    /// In hundred-thousandths of the currency.
    hundred_thousandths: u64,
    currency: Currency,
}

impl SmsPrice {
    /// Reads `EUR 0.045`: a currency, and an amount with up to five decimals.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("\"{text}\" is no price of a message: expected a currency and an amount, as in EUR 0.045");
        let (code, amount) = text.split_once(' ').ok_or_else(wrong)?;
        let currency = Currency::parse(code).map_err(|error| error.to_string())?;
        let (whole, decimals) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=4).contains(&whole.len()) && decimals.len() <= DECIMALS && !amount.ends_with('.');
        if !fits || !digits(whole) || !digits(decimals) {
            return Err(wrong());
        }
        let hundred_thousandths = format!("{whole}{decimals:0<DECIMALS$}").parse().map_err(|_| wrong())?;
        Ok(Self { hundred_thousandths, currency })
    }

    /// What so many messages cost: `EUR 0.09`.
    pub fn of(&self, messages: usize) -> String {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        let all = self.hundred_thousandths.saturating_mul(messages);
        let (whole, rest) = (all / 100_000, all % 100_000);
        let decimals = format!("{rest:0DECIMALS$}");
        let shown = decimals.trim_end_matches('0');
        format!("{} {whole}.{shown:0<2}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_has_fractions_of_a_cent_and_messages_add_up() {
        let price = SmsPrice::parse("EUR 0.045").unwrap();
        assert_eq!(
            [price.of(0), price.of(1), price.of(2), price.of(200)],
            ["EUR 0.00", "EUR 0.045", "EUR 0.09", "EUR 9.00"]
        );
        assert_eq!(SmsPrice::parse("USD 1").unwrap().of(3), "USD 3.00");
        for wrong in ["0.045", "EUR", "EUR -1", "EUR 0.0000001", "EUR 1.", "EUR ,5", "XYZ 1"] {
            assert!(SmsPrice::parse(wrong).is_err(), "{wrong}");
        }
    }
}
