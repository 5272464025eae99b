//! Amounts and dates as people write them.

use quittance_actors::values::{Date, Language, Money, Timestamp, Zone};

const MONTHS_FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// An amount: `3 120,50 €` (narrow no-break spaces) in French, `€3,120.50` in English.
pub fn money(amount: Money, language: Language) -> String {
    let text = amount.decimal();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (units, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let symbol = amount.currency().symbol();
    match language {
        Language::Fr => {
            let decimals = if decimals.is_empty() { String::new() } else { format!(",{decimals}") };
            format!("{sign}{}{decimals}\u{a0}{symbol}", grouped(units, '\u{202f}'))
        }
        Language::En => {
            let decimals = if decimals.is_empty() { String::new() } else { format!(".{decimals}") };
            format!("{sign}{symbol}{}{decimals}", grouped(units, ','))
        }
    }
}

/// A rate in thousandths of a percent: `12,15 %` in French, `12.15%` in English.
pub fn percent(thousandths: i64, language: Language) -> String {
    let (whole, rest) = (thousandths / 1_000, (thousandths % 1_000).abs());
    let decimals = format!("{rest:03}");
    let decimals = decimals.trim_end_matches('0');
    match (language, decimals) {
        (Language::Fr, "") => format!("{whole}\u{a0}%"),
        (Language::Fr, decimals) => format!("{whole},{decimals}\u{a0}%"),
        (Language::En, "") => format!("{whole}%"),
        (Language::En, decimals) => format!("{whole}.{decimals}%"),
    }
}

/// An amount for an SMS, in characters of the GSM alphabet: `3120,50 EUR`.
pub fn money_plain(amount: Money, language: Language) -> String {
    let text = amount.decimal();
    let text = if language == Language::Fr { text.replace('.', ",") } else { text };
    format!("{text} {}", amount.currency())
}

/// A date: `14 mars 2026`, `14 March 2026`.
pub fn date(date: Date, language: Language) -> String {
    let (year, month, day) = date.parts();
    let months = match language {
        Language::Fr => MONTHS_FR,
        Language::En => MONTHS_EN,
    };
    let month = usize::try_from(month - 1).ok().and_then(|at| months.get(at)).copied().unwrap_or("");
    let day = if language == Language::Fr && day == 1 { "1er".to_owned() } else { day.to_string() };
    format!("{day} {month} {year}")
}

/// A date for an SMS: `14/03/2026`.
pub fn date_plain(date: Date) -> String {
    let (year, month, day) = date.parts();
    format!("{day:02}/{month:02}/{year}")
}

/// An instant in words: `14 March 2026 at 09:05`.
pub fn instant(at: Timestamp, zone: &Zone, language: Language) -> String {
    let (hour, minute) = at.local_time(zone);
    let at_word = match language {
        Language::Fr => "à",
        Language::En => "at",
    };
    format!("{} {at_word} {hour:02}:{minute:02}", date(at.date_in(zone), language))
}

/// An instant for an SMS: `14/03/2026 09:05`.
pub fn instant_plain(at: Timestamp, zone: &Zone) -> String {
    let (hour, minute) = at.local_time(zone);
    format!("{} {hour:02}:{minute:02}", date_plain(at.date_in(zone)))
}

fn grouped(digits: &str, separator: char) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use quittance_actors::values::Currency;

    #[test]
    fn amounts_and_dates_are_written_as_readers_expect() {
        let amount = Money::from_minor(312_050, Currency::EUR);
        assert_eq!(money(amount, Language::Fr), "3\u{202f}120,50\u{a0}€");
        assert_eq!(money(amount, Language::En), "€3,120.50");
        assert_eq!(money_plain(amount, Language::Fr), "3120,50 EUR");
        assert_eq!(percent(12_150, Language::Fr), "12,15\u{a0}%");
        assert_eq!((percent(10_000, Language::En), percent(12_005, Language::En)), ("10%".into(), "12.005%".into()));
        let million = Money::from_minor(-123_456_789, Currency::EUR);
        assert_eq!(money(million, Language::En), "-€1,234,567.89");
        let day = Date::parse("2026-08-01").unwrap();
        assert_eq!(date(day, Language::Fr), "1er août 2026");
        assert_eq!(date(day, Language::En), "1 August 2026");
        assert_eq!(date_plain(day), "01/08/2026");
    }
}
