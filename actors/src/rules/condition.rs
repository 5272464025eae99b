//! Conditions: a small, total language over facts, in three-valued logic.

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

use super::fields::{Fact, Facts, Field, Kind, Value};
use super::shift::Shift;
use crate::limits;

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Operator {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
        }
    }

    /// What holds exactly when this does not.
    pub(super) fn negated(self) -> Self {
        match self {
            Operator::Equal => Operator::NotEqual,
            Operator::NotEqual => Operator::Equal,
            Operator::Less => Operator::GreaterOrEqual,
            Operator::LessOrEqual => Operator::Greater,
            Operator::Greater => Operator::LessOrEqual,
            Operator::GreaterOrEqual => Operator::Less,
        }
    }

    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Operator::Equal => ordering.is_eq(),
            Operator::NotEqual => ordering.is_ne(),
            Operator::Less => ordering.is_lt(),
            Operator::LessOrEqual => ordering.is_le(),
            Operator::Greater => ordering.is_gt(),
            Operator::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Where a text has another one in it, letter for letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextMatch {
    /// Anywhere.
    Contains,
    /// At its start.
    StartsWith,
    /// At its end.
    EndsWith,
}

impl TextMatch {
    /// Every one.
    pub const ALL: [TextMatch; 3] = [TextMatch::Contains, TextMatch::StartsWith, TextMatch::EndsWith];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            TextMatch::Contains => "contains",
            TextMatch::StartsWith => "startsWith",
            TextMatch::EndsWith => "endsWith",
        }
    }

    fn holds(self, text: &str, part: &str) -> bool {
        match self {
            TextMatch::Contains => text.contains(part),
            TextMatch::StartsWith => text.starts_with(part),
            TextMatch::EndsWith => text.ends_with(part),
        }
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Always or never.
    Always(bool),
    /// Every part holds.
    All(Vec<Condition>),
    /// At least one part holds.
    Any(Vec<Condition>),
    /// The part does not hold.
    Not(Box<Condition>),
    /// A fact compares with a literal.
    Compare(Field, Operator, Value),
    /// A fact is one of several literals.
    OneOf(Field, Vec<Value>),
    /// A text is among those of a fact.
    Has(Field, String),
    /// A text has another in it.
    Matches(Field, TextMatch, String),
    /// A fact compares with another one, or with what is so far from it.
    CompareFields(Field, Operator, Field, Shift),
    /// A fact is known.
    Known(Field),
}

/// Why a condition was refused when it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ConditionError {
    #[error("'{path}' is {field}, compared with {literal}")]
    TypeDiffers {
        /// The field.
        path: &'static str,
        /// Its type.
        field: &'static str,
        /// The literal's type.
        literal: &'static str,
    },
    #[error("'{path}' is {field}, which has no order: use == or !=")]
    NoOrder {
        /// The field.
        path: &'static str,
        /// Its type.
        field: &'static str,
    },
    #[error("'{path}' is several texts: ask for one of them, as in \"a\" in {path}")]
    OnlyIn {
        /// The field.
        path: &'static str,
    },
    #[error("'{path}' is {field}: only text has text in it")]
    NotText {
        /// The field.
        path: &'static str,
        /// Its type.
        field: &'static str,
    },
    #[error("'{path}' is {field}: a date has days added to it, an instant a duration")]
    NoDays {
        /// The field.
        path: &'static str,
        /// Its type.
        field: &'static str,
    },
    #[error("the condition has more than {0} parts")]
    TooLarge(usize),
    #[error("the condition is nested more than {0} deep")]
    TooDeep(usize),
}

/// True, false, or unknown because a fact is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// A fact is missing, or two currencies were compared.
    Unknown,
}

impl Truth {
    fn of(truth: bool) -> Self {
        if truth { Truth::True } else { Truth::False }
    }
}

/// One comparison as it was evaluated, for explanations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The field.
    pub field: Field,
    /// Its value, if known.
    pub value: Option<Value>,
    /// What came out.
    pub truth: Truth,
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is ", self.field.path())?;
        match &self.value {
            None => f.write_str("not known")?,
            Some(Value::Text(text)) => write!(f, "\"{text}\"")?,
            Some(Value::Number(number)) => write!(f, "{number}")?,
            Some(Value::Truth(truth)) => write!(f, "{truth}")?,
            Some(Value::Money(money)) => write!(f, "{money}")?,
            Some(Value::Date(date)) => write!(f, "{date}")?,
            Some(Value::Instant(at)) => write!(f, "{at}")?,
            Some(Value::Words(words)) => write!(f, "{words:?}")?,
        }
        f.write_str(match self.truth {
            Truth::True => ": holds",
            Truth::False => ": does not hold",
            Truth::Unknown => ": cannot be said",
        })
    }
}

impl Condition {
    /// Checks types and bounds; every condition is checked before it is used.
    pub fn check(&self) -> Result<(), ConditionError> {
        let mut nodes = 0;
        self.check_at(0, &mut nodes)
    }

    fn check_at(&self, depth: usize, nodes: &mut usize) -> Result<(), ConditionError> {
        *nodes += 1;
        if *nodes > limits::CONDITION_NODES_MAX {
            return Err(ConditionError::TooLarge(limits::CONDITION_NODES_MAX));
        }
        if depth > limits::CONDITION_DEPTH_MAX {
            return Err(ConditionError::TooDeep(limits::CONDITION_DEPTH_MAX));
        }
        match self {
            Condition::Always(_) | Condition::Known(_) => Ok(()),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().try_for_each(|part| part.check_at(depth + 1, nodes))
            }
            Condition::Not(part) => part.check_at(depth + 1, nodes),
            Condition::Compare(field, operator, value) => {
                same_kind(*field, value)?;
                comparable(*field, *operator)
            }
            Condition::CompareFields(field, operator, other, shift) => {
                let (path, kind) = (field.path(), field.kind());
                if kind != other.kind() {
                    let literal = other.kind().name();
                    return Err(ConditionError::TypeDiffers { path, field: kind.name(), literal });
                }
                if !shift.fits(kind) {
                    return Err(ConditionError::NoDays { path, field: kind.name() });
                }
                comparable(*field, *operator)
            }
            Condition::Matches(field, ..) if field.kind() != Kind::Text => {
                Err(ConditionError::NotText { path: field.path(), field: field.kind().name() })
            }
            Condition::Matches(..) => Ok(()),
            Condition::Has(field, text) => match field.kind() {
                Kind::Words => Ok(()),
                _ => same_kind(*field, &Value::Words(vec![text.clone()])),
            },
            Condition::OneOf(field, _) if field.kind() == Kind::Words => {
                Err(ConditionError::OnlyIn { path: field.path() })
            }
            Condition::OneOf(field, values) => {
                *nodes += values.len();
                values.iter().try_for_each(|value| same_kind(*field, value))
            }
        }
    }

    /// The literals that a field is compared with.
    pub fn literals(&self, of: Field) -> Vec<&Value> {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().flat_map(|part| part.literals(of)).collect()
            }
            Condition::Not(part) => part.literals(of),
            Condition::Compare(field, _, value) if *field == of => vec![value],
            Condition::OneOf(field, values) if *field == of => values.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Every field that it asks about, as often as it does.
    pub fn fields(&self) -> Vec<Field> {
        match self {
            Condition::Always(_) => Vec::new(),
            Condition::All(parts) | Condition::Any(parts) => parts.iter().flat_map(Condition::fields).collect(),
            Condition::Not(part) => part.fields(),
            Condition::Compare(field, ..)
            | Condition::OneOf(field, _)
            | Condition::Has(field, _)
            | Condition::Matches(field, ..)
            | Condition::Known(field) => vec![*field],
            Condition::CompareFields(field, _, other, _) => vec![*field, *other],
        }
    }

    /// Evaluates against facts; when asked, says what each comparison came to.
    pub fn evaluate(&self, facts: &impl Facts, mut trace: Option<&mut Vec<Leaf>>) -> Truth {
        match self {
            Condition::Always(truth) => Truth::of(*truth),
            Condition::All(parts) => {
                let mut whole = Truth::True;
                for part in parts {
                    match part.evaluate(facts, trace.as_deref_mut()) {
                        Truth::False => return Truth::False,
                        Truth::Unknown => whole = Truth::Unknown,
                        Truth::True => {}
                    }
                }
                whole
            }
            Condition::Any(parts) => {
                let mut whole = Truth::False;
                for part in parts {
                    match part.evaluate(facts, trace.as_deref_mut()) {
                        Truth::True => return Truth::True,
                        Truth::Unknown => whole = Truth::Unknown,
                        Truth::False => {}
                    }
                }
                whole
            }
            Condition::Not(part) => match part.evaluate(facts, trace) {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                Truth::Unknown => Truth::Unknown,
            },
            Condition::Compare(field, operator, literal) => {
                leaf(*field, facts, trace, |fact| compare(fact, literal).map(|ordering| operator.holds(ordering)))
            }
            Condition::OneOf(field, literals) => leaf(*field, facts, trace, |fact| {
                Some(literals.iter().any(|literal| compare(fact, literal) == Some(Ordering::Equal)))
            }),
            Condition::Has(field, text) => leaf(*field, facts, trace, |fact| match fact {
                Fact::Words(words) => Some(words.iter().any(|word| word == text)),
                _ => None,
            }),
            Condition::Matches(field, matches, part) => leaf(*field, facts, trace, |fact| match fact {
                Fact::Text(text) => Some(matches.holds(text, part)),
                _ => None,
            }),
            Condition::CompareFields(field, operator, other, shift) => {
                let raw = facts.fact(*other);
                let beside = raw.clone().and_then(|fact| shift.of(fact.into_value(), facts.calendar()));
                let holds = |fact: &Fact<'_>| Some(operator.holds(compare(fact, beside.as_ref()?)?));
                let truth = leaf(*field, facts, trace.as_deref_mut(), holds);
                note(trace, *other, raw, truth);
                truth
            }
            Condition::Known(field) => {
                let fact = facts.fact(*field);
                let truth = Truth::of(fact.is_some());
                note(trace, *field, fact, truth);
                truth
            }
        }
    }
}

/// Whether a field is compared in an order that it has.
fn comparable(field: Field, operator: Operator) -> Result<(), ConditionError> {
    if field.kind() == Kind::Words {
        return Err(ConditionError::OnlyIn { path: field.path() });
    }
    let ordered = !matches!(field.kind(), Kind::Text | Kind::Truth);
    if !ordered && !matches!(operator, Operator::Equal | Operator::NotEqual) {
        let (path, field) = (field.path(), field.kind().name());
        return Err(ConditionError::NoOrder { path, field });
    }
    Ok(())
}

fn same_kind(field: Field, value: &Value) -> Result<(), ConditionError> {
    if field.kind() == value.kind() {
        return Ok(());
    }
    let (path, kind, literal) = (field.path(), field.kind().name(), value.kind().name());
    Err(ConditionError::TypeDiffers { path, field: kind, literal })
}

fn leaf(
    field: Field, facts: &impl Facts, trace: Option<&mut Vec<Leaf>>, holds: impl Fn(&Fact<'_>) -> Option<bool>,
) -> Truth {
    let fact = facts.fact(field);
    let truth = fact.as_ref().and_then(holds).map_or(Truth::Unknown, Truth::of);
    note(trace, field, fact, truth);
    truth
}

fn note(trace: Option<&mut Vec<Leaf>>, field: Field, fact: Option<Fact<'_>>, truth: Truth) {
    if let Some(trace) = trace {
        trace.push(Leaf { field, value: fact.map(Fact::into_value), truth });
    }
}

/// The order of two values of one type; `None` for two currencies or two types.
pub(super) fn compare(fact: &Fact<'_>, literal: &Value) -> Option<Ordering> {
    match (fact, literal) {
        (Fact::Text(a), Value::Text(b)) => Some(a.as_ref().cmp(b.as_str())),
        (Fact::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Fact::Truth(a), Value::Truth(b)) => Some(a.cmp(b)),
        (Fact::Money(a), Value::Money(b)) => (a.currency() == b.currency()).then(|| a.minor().cmp(&b.minor())),
        (Fact::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Fact::Instant(a), Value::Instant(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::published::{EventId, EventType, Published};
    use super::*;
    use crate::values::{Currency, CustomerId, EntityId, Money, TenantId, Timestamp};

    fn event() -> Published {
        let customer = CustomerId::new(Timestamp::default(), 1, 0);
        Published {
            id: EventId { partition: 0, sequence: 1, index: 0 },
            tenant: TenantId::parse("shop").unwrap(),
            event: EventType::TransferReceived,
            at: Timestamp::default(),
            entity: EntityId::Customer(customer),
            key: EntityId::Customer(customer),
            key_seq: Some(1),
            customer: Some(customer),
            request: None,
            facts: vec![
                (Field::CustomerKind, "business".into()),
                (Field::TransferAmount, Value::Money(Money::from_minor(100_000, Currency::EUR))),
                (Field::MethodBacksRecurring, Value::Truth(true)),
            ],
        }
    }

    fn euros(minor: i64) -> Value {
        Value::Money(Money::from_minor(minor, Currency::EUR))
    }

    #[test]
    fn missing_facts_are_unknown_and_only_true_fires() {
        use Condition::{All, Any, Compare, Known, Not, OneOf};
        use Operator::{Equal, GreaterOrEqual, Less};
        let pounds = Value::Money(Money::from_minor(1, Currency::parse("GBP").unwrap()));
        let unknown = || Compare(Field::RequestStatus, Equal, "open".into());
        let business = || Compare(Field::CustomerKind, Equal, "business".into());
        for (condition, expected) in [
            (business(), Truth::True),
            (Not(Box::new(business())), Truth::False),
            (Compare(Field::TransferAmount, GreaterOrEqual, euros(100_000)), Truth::True),
            (Compare(Field::TransferAmount, Less, euros(100_000)), Truth::False),
            (Compare(Field::TransferAmount, GreaterOrEqual, pounds), Truth::Unknown),
            (unknown(), Truth::Unknown),
            (Not(Box::new(unknown())), Truth::Unknown),
            (All(vec![business(), unknown()]), Truth::Unknown),
            (All(vec![Not(Box::new(business())), unknown()]), Truth::False),
            (Any(vec![unknown(), business()]), Truth::True),
            (Any(vec![unknown()]), Truth::Unknown),
            (Known(Field::RequestStatus), Truth::False),
            (OneOf(Field::CustomerKind, vec!["consumer".into(), "business".into()]), Truth::True),
            (Condition::Always(true), Truth::True),
            (Condition::Matches(Field::CustomerKind, TextMatch::StartsWith, "bus".to_owned()), Truth::True),
            (Condition::Matches(Field::CustomerKind, TextMatch::EndsWith, "bus".to_owned()), Truth::False),
            (Condition::Matches(Field::RequestStatus, TextMatch::Contains, "o".to_owned()), Truth::Unknown),
            (Condition::CompareFields(Field::TransferAmount, Equal, Field::TransferAmount, Shift::NONE), Truth::True),
            (
                Condition::CompareFields(Field::TransferAmount, Less, Field::RequestOutstanding, Shift::NONE),
                Truth::Unknown,
            ),
        ] {
            assert_eq!(condition.check(), Ok(()));
            assert_eq!(condition.evaluate(&event(), None), expected, "{condition:?}");
        }
    }

    #[test]
    fn types_and_bounds_are_checked_at_load() {
        let wrong = Condition::Compare(Field::TransferAmount, Operator::Equal, Value::Number(5));
        assert!(wrong.check().unwrap_err().to_string().contains("'transfer.amount' is money, compared with number"));
        let ordered = Condition::Compare(Field::CustomerKind, Operator::Less, "x".into());
        assert!(matches!(ordered.check(), Err(ConditionError::NoOrder { .. })));
        let of_days = Condition::CompareFields(
            Field::TransferAmount,
            Operator::Less,
            Field::RequestOutstanding,
            Shift::Days(3),
        );
        assert!(matches!(of_days.check(), Err(ConditionError::NoDays { .. })));
        let of_money = Condition::Matches(Field::TransferAmount, TextMatch::Contains, "5".to_owned());
        assert!(matches!(of_money.check(), Err(ConditionError::NotText { .. })));
        let wide = Condition::All(vec![Condition::Always(true); limits::CONDITION_NODES_MAX]);
        assert!(matches!(wide.check(), Err(ConditionError::TooLarge(_))));
        let deep = (0..=limits::CONDITION_DEPTH_MAX)
            .fold(Condition::Always(true), |inner, _| Condition::Not(Box::new(inner)));
        assert!(matches!(deep.check(), Err(ConditionError::TooDeep(_))));
    }

    #[test]
    fn the_trace_names_every_fact_read() {
        let condition = Condition::All(vec![
            Condition::Compare(Field::CustomerKind, Operator::Equal, "business".into()),
            Condition::Compare(Field::RequestStatus, Operator::Equal, "open".into()),
        ]);
        let mut trace = Vec::new();
        condition.evaluate(&event(), Some(&mut trace));
        let read: Vec<_> = trace.iter().map(|leaf| (leaf.field.path(), leaf.truth)).collect();
        assert_eq!(read, [("customer.kind", Truth::True), ("request.status", Truth::Unknown)]);
    }
}
