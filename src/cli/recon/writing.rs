//! What payers write, and what banks make of it.

use quittance_actors::values::CreditorReference;

use super::random::Random;

const USELESS: &[&str] = &[
    "",
    "virement",
    "VIR SEPA",
    "merci",
    "facture",
    "reglement facture",
    "solde",
    "invoice payment",
    "Zahlung",
    "payment",
    "cordialement",
    "pour compte",
    "loyer et charges",
    "Rechnung",
    "votre courrier",
    "avec nos remerciements",
];
const BEFORE: &[&str] =
    &["", "facture ", "reglement ", "REF ", "fact. ", "invoice ", "Rechnung ", "VIR ", "votre ref ", "n° "];
const AFTER: &[&str] = &["", " merci", " du 05/03", " cordialement", " solde", " - M. Martin", " thank you"];

pub(super) fn useless(random: &mut Random) -> String {
    (*random.pick(USELESS)).to_owned()
}

fn around(random: &mut Random, inner: &str) -> String {
    format!("{}{inner}{}", random.pick(BEFORE), random.pick(AFTER))
}

/// A short reference as people copy it.
pub(super) fn reference(random: &mut Random, compact: &str) -> String {
    let groups = [compact.get(..3), compact.get(3..6), compact.get(6..)].map(Option::unwrap_or_default);
    let written = match random.below(6) {
        0 => compact.to_owned(),
        1 => groups.join(" "),
        2 => groups.join("-").to_lowercase(),
        3 => groups.join("."),
        4 => compact.chars().flat_map(|symbol| [symbol, ' ']).collect::<String>().trim().to_owned(),
        _ => groups.join("-"),
    };
    around(random, &written)
}

/// A short reference in the structured field or in the text, right.
pub(super) fn exact(random: &mut Random, compact: &str) -> (Vec<String>, String) {
    match CreditorReference::of(compact) {
        Ok(creditor) if random.percent(25) => (vec![creditor.as_str().to_owned()], useless(random)),
        Ok(creditor) if random.percent(15) => (Vec::new(), around(random, &creditor.printed())),
        _ => (Vec::new(), reference(random, compact)),
    }
}

/// A short reference with a slip of the hand.
pub(super) fn slipped(random: &mut Random, compact: &str, hard: bool) -> String {
    let mut symbols: Vec<char> = compact.chars().collect();
    let slips = if hard && random.percent(30) { 2 } else { 1 };
    for _ in 0..slips {
        let at = random.place(symbols.len());
        match random.below(5) {
            0 => symbols.swap(at.saturating_sub(1), at.max(1)),
            1 => drop(symbols.remove(at)),
            2 => {
                if let Some(symbol) = symbols.get_mut(at) {
                    *symbol = match *symbol {
                        'Q' => 'O',
                        'G' => '6',
                        '3' => '8',
                        'E' => 'F',
                        'M' => 'N',
                        'T' => '7',
                        other if other.is_ascii_digit() => 'S',
                        _ => '5',
                    };
                }
            }
            _ => {
                if let Some(symbol) = symbols.get_mut(at) {
                    *symbol = *random.pick(&['A', 'C', 'D', 'F', 'H', 'K', 'N', 'R', 'W', 'X', '4', '9']);
                }
            }
        }
    }
    let slipped: String = symbols.into_iter().collect();
    if random.percent(20) { around(random, &format!("ref{slipped}")) } else { reference_of(random, &slipped) }
}

fn reference_of(random: &mut Random, symbols: &str) -> String {
    let written = if random.percent(50) { symbols.to_lowercase() } else { symbols.to_owned() };
    around(random, &written)
}

/// The number of an invoice, as it is printed.
pub(super) fn number(random: &mut Random, number: &str) -> String {
    around(random, number)
}

/// The number of an invoice, as it arrives. The second says whether only its last digits are left.
pub(super) fn mangled(random: &mut Random, number: &str, hard: bool) -> (String, bool) {
    let digits = number.rsplit(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
    match random.below(if hard { 6 } else { 5 }) {
        0 => (around(random, &number.replace(['-', '/'], "")), false),
        1 => (around(random, &number.replace(['-', '/'], " ").to_lowercase()), false),
        2 => (format!("FACT{}MERCI", number.replace(['-', '/'], "")), false),
        3 => (around(random, digits.trim_start_matches('0')), true),
        4 => (around(random, &format!("fact {digits}")), true),
        // A line of 27 characters ends inside it.
        _ => {
            let at = 1 + random.place(number.len().saturating_sub(2));
            let (first, second) = number.split_at(at);
            (format!("REGLEMENT {first} {second}"), false)
        }
    }
}

/// Several references or numbers in one text.
pub(super) fn several(random: &mut Random, items: &[(String, String)]) -> String {
    let numbers = random.percent(50);
    let words: Vec<String> =
        items.iter().map(|(number, reference)| if numbers { number.clone() } else { reference.clone() }).collect();
    let between = *random.pick(&[" ", ", ", " + ", " et "]);
    around(random, &words.join(between))
}

/// A name as a bank writes it: capitals, no accents, another order, without or with another form.
pub(super) fn banked(random: &mut Random, name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|character| match character {
            'é' | 'è' | 'ê' => 'e',
            'à' | 'â' => 'a',
            'ç' => 'c',
            'ô' => 'o',
            'ï' | 'î' => 'i',
            other => other,
        })
        .collect();
    let mut words: Vec<&str> = plain.split(' ').collect();
    let form = ["SARL", "SAS", "SA", "EURL", "SCI"];
    if words.last().is_some_and(|word| form.contains(word)) && random.percent(50) {
        words.pop();
    }
    if random.percent(25) {
        words.reverse();
    }
    let joined = words.join(" ");
    match random.below(4) {
        0 => joined,
        1 => format!("M. {}", joined.to_uppercase()),
        _ => joined.to_uppercase(),
    }
}
