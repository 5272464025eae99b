//! What a field is, in a word or two, and the JSON Schema that says the same.

use serde::Deserialize;
use serde_json::{Value as Json, json};

/// What a field is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Kind {
    /// `text`, or `text 1..140`: characters on one line.
    Text(Option<(u32, u32)>),
    /// `integer`, or `integer 1..500`.
    Integer(Option<(i64, i64)>),
    /// `one of a | b`.
    Choice(Vec<String>),
    /// `id cus`: `cus_` and 26 symbols.
    Id(String),
    /// `list of …`.
    List(Box<Kind>),
    /// `map of …`, by names; `map of … or null` where null takes one away.
    Map(Box<Kind>, bool),
    /// `object`: its fields follow.
    Object,
    /// A shape by its name.
    Shape(String),
    /// A word of [`WORDS`].
    Word(String),
}

/// Kinds of one word, and what each is.
const WORDS: [(&str, &str); 13] = [
    ("any", "anything"),
    ("currency", "a currency, ISO 4217"),
    ("date", "a day, 2026-03-02"),
    ("duration", "a duration: 90s, 15m, 12h, 30d"),
    ("email", "an e-mail address"),
    ("flag", "true or false"),
    ("iban", "an account number, ISO 13616"),
    ("instant", "an instant, RFC 3339"),
    ("language", "a language, ISO 639-1"),
    ("money", "minor units and a currency"),
    ("number", "a number"),
    ("phone", "a telephone number, E.164"),
    ("sha256", "a digest, 64 hexadecimal digits"),
];

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("\"{text}\" is no type of a field"))
    }
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match (word, rest) {
            ("text", rest) => Kind::Text(range(rest)?),
            ("integer", rest) => Kind::Integer(range(rest)?),
            ("object", "") => Kind::Object,
            ("id", prefix) if !prefix.is_empty() => Kind::Id(prefix.to_owned()),
            ("one", rest) => {
                let words = rest.strip_prefix("of ")?.split('|').map(|word| word.trim().to_owned()).collect();
                Kind::Choice(words)
            }
            ("list", rest) => Kind::List(Box::new(Self::parse(rest.strip_prefix("of ")?)?)),
            ("map", rest) => {
                let of = rest.strip_prefix("of ")?;
                let (of, nullable) = of.strip_suffix(" or null").map_or((of, false), |of| (of, true));
                Kind::Map(Box::new(Self::parse(of)?), nullable)
            }
            (word, "") if word.starts_with(char::is_uppercase) => Kind::Shape(word.to_owned()),
            (word, "") => Kind::Word(WORDS.iter().find(|(known, _)| *known == word)?.0.to_owned()),
            _ => return None,
        })
    }

    /// The shape that it names, itself or of its items.
    pub fn shape(&self) -> Option<&str> {
        match self {
            Kind::Shape(name) => Some(name),
            Kind::List(of) | Kind::Map(of, _) => of.shape(),
            _ => None,
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Kind::Text(None) => "a text".to_owned(),
            Kind::Text(Some((least, most))) => format!("a text of {least} to {most} characters"),
            Kind::Integer(None) => "a whole number".to_owned(),
            Kind::Integer(Some((least, most))) => format!("a whole number from {least} to {most}"),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Id(prefix) => format!("an id, {prefix}_…"),
            Kind::List(of) => format!("a list: {}", of.words()),
            Kind::Map(of, false) => format!("by name: {}", of.words()),
            Kind::Map(of, true) => format!("by name: {}, or null", of.words()),
            Kind::Object => "an object".to_owned(),
            Kind::Shape(name) => name.clone(),
            Kind::Word(word) => {
                WORDS.iter().find(|(known, _)| known == word).map_or_else(String::new, |(_, says)| (*says).to_owned())
            }
        }
    }

    /// The JSON Schema; `object` is that of an object's fields.
    pub fn schema(&self, object: impl Fn() -> Json + Copy) -> Json {
        match self {
            Kind::Text(None) => json!({ "type": "string" }),
            Kind::Text(Some((least, most))) => json!({ "type": "string", "minLength": least, "maxLength": most }),
            Kind::Integer(None) => json!({ "type": "integer" }),
            Kind::Integer(Some((least, most))) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Kind::Choice(words) => json!({ "type": "string", "enum": words }),
            Kind::Id(prefix) => {
                json!({ "type": "string", "pattern": format!("^{prefix}_[0-9A-HJKMNP-TV-Z]{{26}}$") })
            }
            Kind::List(of) => json!({ "type": "array", "items": of.schema(object) }),
            Kind::Map(of, false) => json!({ "type": "object", "additionalProperties": of.schema(object) }),
            Kind::Map(of, true) => {
                json!({ "type": "object", "additionalProperties": { "anyOf": [of.schema(object), { "type": "null" }] } })
            }
            Kind::Object => object(),
            Kind::Shape(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            Kind::Word(word) => match word.as_str() {
                "currency" => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
                "date" => json!({ "type": "string", "format": "date" }),
                "email" => json!({ "type": "string", "format": "email" }),
                "flag" => json!({ "type": "boolean" }),
                "instant" => json!({ "type": "string", "format": "date-time" }),
                "language" => json!({ "type": "string", "pattern": "^[A-Za-z]{2}([-_].*)?$" }),
                "money" => json!({ "$ref": "#/components/schemas/Money" }),
                "number" => json!({ "type": "number" }),
                "sha256" => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
                "any" => json!({}),
                _ => json!({ "type": "string" }),
            },
        }
    }
}

/// `1..140`, or nothing.
fn range<T: std::str::FromStr + PartialOrd>(text: &str) -> Option<Option<(T, T)>> {
    if text.is_empty() {
        return Some(None);
    }
    let (least, most) = text.split_once("..")?;
    let (least, most) = (least.parse().ok()?, most.parse().ok()?);
    (least <= most).then_some(Some((least, most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_and_said_again() {
        let said = |text: &str| Kind::parse(text).map(|kind| kind.words());
        assert_eq!(said("text 1..140").unwrap(), "a text of 1 to 140 characters");
        assert_eq!(said("list of one of card | mandate").unwrap(), "a list: one of card, mandate");
        assert_eq!(said("map of money").unwrap(), "by name: minor units and a currency");
        for wrong in ["", "txt", "text 9..1", "text 1", "id", "one card", "list card", "object x", "date x"] {
            assert_eq!(said(wrong), None, "{wrong}");
        }
    }
}
