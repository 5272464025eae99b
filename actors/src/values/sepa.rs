//! Words of the SEPA rulebooks that are checked where they come in.

/// An identifier, which is never changed: 1 to 35 of the SEPA characters, no slash at the start or
/// end, no two in a row.
pub fn sepa_identifier(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "1 to 35 of the SEPA characters, no slash at either end, no two in a row";
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-?:().,'+ /".contains(&byte);
    let fits = (1..=35).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with(['/', ' '])
        && !text.ends_with(['/', ' '])
        && !text.contains("//");
    if fits { Ok(text.to_owned()) } else { Err(EXPECTED) }
}

/// A bank identifier code, 8 or 11 letters and digits.
pub fn bic(text: &str) -> Result<String, &'static str> {
    let (bank, rest) = text.split_at_checked(6).unwrap_or((text, ""));
    let fits = matches!(text.len(), 8 | 11)
        && bank.bytes().all(|byte| byte.is_ascii_uppercase())
        && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err("a BIC of 8 or 11 letters and digits") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_never_changed() {
        assert!(sepa_identifier("PR-118/1").is_ok());
        for wrong in ["", "/x", "x/", "a//b", "é", &"x".repeat(36)] {
            assert!(sepa_identifier(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bic_has_eight_or_eleven_characters() {
        assert!(bic("COBADEFF").is_ok() && bic("COBADEFFXXX").is_ok());
        for wrong in ["", "COBADEF", "cobadeff", "COBA1EFF", "COBADEFFXX"] {
            assert!(bic(wrong).is_err(), "{wrong}");
        }
    }
}
