//! Names of payers and customers, as banks write them: in capitals, without accents, in any order,
//! with or without a legal form, cut at some length.

use deunicode::deunicode;

use super::hash::stable_hash;

/// Legal forms and titles, which tell nothing of whose a name is.
const SAYS_NOTHING: &[&str] = &[
    "AB",
    "AG",
    "AND",
    "AS",
    "ASBL",
    "ASSOCIATION",
    "BV",
    "CIE",
    "CO",
    "COMPANY",
    "CORP",
    "DR",
    "EARL",
    "EI",
    "EIRL",
    "EK",
    "ET",
    "ETS",
    "EURL",
    "EV",
    "FA",
    "FIRMA",
    "FRAU",
    "GAEC",
    "GBR",
    "GIE",
    "GMBH",
    "HERR",
    "INC",
    "KG",
    "KGAA",
    "LIMITED",
    "LLC",
    "LLP",
    "LP",
    "LTD",
    "M",
    "MBH",
    "MELLE",
    "ME",
    "MISS",
    "MLLE",
    "MLE",
    "MM",
    "MME",
    "MONSIEUR",
    "MADAME",
    "MR",
    "MRS",
    "MS",
    "NV",
    "OHG",
    "OU",
    "OY",
    "PLC",
    "SA",
    "SARL",
    "SAS",
    "SASU",
    "SC",
    "SCA",
    "SCEA",
    "SCI",
    "SCM",
    "SCOP",
    "SCP",
    "SCS",
    "SE",
    "SELARL",
    "SL",
    "SLU",
    "SNC",
    "SOC",
    "SOCIETE",
    "SPA",
    "SPRL",
    "SRL",
    "STE",
    "UG",
    "UND",
    "VOF",
];

/// How far two names agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// They have nothing in common that would say so.
    None,
    /// One has the words of the other, or begins as it does.
    Partly,
    /// They have the same words.
    Full,
}

/// The words of a name that say whose it is, in capitals without accents, sorted.
pub fn name_words(text: &str) -> Vec<String> {
    let plain = deunicode(text).to_ascii_uppercase();
    // The article of a name is no word of it.
    let plain = plain.replace("D'", " ").replace("L'", " ");
    let split = plain.split(|character: char| !character.is_ascii_alphanumeric());
    let mut words: Vec<String> = split.filter(|word| !word.is_empty()).map(str::to_owned).collect();
    // S.A.R.L. is four words of one letter.
    let mut joined = Vec::with_capacity(words.len());
    let mut initials = String::new();
    for word in words.drain(..) {
        if word.len() == 1 {
            initials.push_str(&word);
            continue;
        }
        if !initials.is_empty() {
            joined.push(std::mem::take(&mut initials));
        }
        joined.push(word);
    }
    if !initials.is_empty() {
        joined.push(initials);
    }
    joined.retain(|word| !SAYS_NOTHING.contains(&word.as_str()));
    // German banks write UE for what others write U; both are one here.
    for word in &mut joined {
        *word = word.replace("AE", "A").replace("OE", "O").replace("UE", "U");
    }
    joined.sort_unstable();
    joined.dedup();
    joined
}

/// A number for a name: the same for the same words in any order, case, accents and legal form.
/// None when nothing is left that says whose it is. It is stable over versions.
pub fn name_key(text: &str) -> Option<u64> {
    let words = name_words(text);
    let letters: usize = words.iter().map(String::len).sum();
    if letters < 4 {
        return None;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(stable_hash(&words))
}

/// How far two names agree.
pub fn names_agree(one: &str, other: &str) -> Agreement {
    let (one, other) = (name_words(one), name_words(other));
    if one.is_empty() || other.is_empty() {
        return Agreement::None;
    }
    if one == other {
        return Agreement::Full;
    }
    // A bank leaves words out and cuts the last one.
    let cut = |word: &String, known: &String| known == word || word.len() >= 4 && known.starts_with(word.as_str());
    let within = |some: &[String], all: &[String]| {
        let letters: usize = some.iter().map(String::len).sum();
        letters >= 5 && some.iter().all(|word| all.iter().any(|known| cut(word, known)))
    };
    if within(&one, &other) || within(&other, &one) { Agreement::Partly } else { Agreement::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_has_one_key_however_it_is_written() {
        for (one, other) in [
            ("Transports Kléber SARL", "SARL TRANSPORTS KLEBER"),
            ("Müller & Söhne GmbH", "MUELLER SOEHNE"),
            ("Jean Dupont", "M. DUPONT JEAN"),
            ("S.A.R.L. Atelier Nord", "ATELIER NORD"),
        ] {
            assert_eq!(name_key(one), name_key(other), "{one} | {other}");
            assert_eq!(names_agree(one, other), Agreement::Full, "{one} | {other}");
        }
        assert_ne!(name_key("Boulangerie Paul Lyon"), name_key("Boulangerie Paul Lille"));
        assert_eq!(name_key("SARL"), None);
        assert_eq!(names_agree("Boulangerie Paul Lyon", "Boulangerie Paul Lille"), Agreement::None);
        assert_eq!(names_agree("Etablissements Boulanger Freres", "BOULANGER FRERES"), Agreement::Partly);
        assert_eq!(names_agree("Compagnie des Transports", "COMPAGNIE DES TRANSP"), Agreement::Partly);
        assert_eq!(names_agree("", "X"), Agreement::None);
    }
}
