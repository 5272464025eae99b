//! Conditions in CEL syntax, checked against the field catalogue and compiled to our own.
//!
//! Understood: `&&`, `||`, `!`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in [..]`, `has(path)`, paths
//! of the catalogue, texts, whole numbers, `true`, `false`; `field.contains("…")`, `startsWith` and `endsWith`; another
//! field on the right of a comparison, a date with `+ days(7)` or `- business_days(2)`, an instant with
//! `+ duration("48h")`. Money is written `"EUR 10.00"`, a date
//! `"2026-03-14"`.

use std::ops::Range;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators};
use quittance_actors::customer::short_name;
use quittance_actors::rules::{Condition, Field, Kind, Operator, Shift, TextMatch, Value};
use quittance_actors::values::{Currency, Date, DecimalMark, Money, Timestamp};

use crate::diagnostics::{byte_at, nearest};

/// What is wrong with an expression, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The bytes of the expression concerned.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// Days that are added to a date at most.
const DAYS_MAX: i32 = 3_660;
/// Business days that are added to a date at most: each is looked for.
const BUSINESS_DAYS_MAX: i32 = 366;

type Compiled<T> = Result<T, Fault>;

/// Compiles an expression.
pub fn compile(text: &str) -> Compiled<Condition> {
    let parser = cel::parser::Parser::new().max_recursion_depth(64);
    let (expression, source) = parser.parse_with_source_info(text).map_err(|errors| {
        let first = errors.errors.into_iter().next();
        let (line, column) = first.as_ref().map_or((1, 0), |error| error.pos);
        let at = offset(text, line, column);
        let message = first.map_or_else(|| "not an expression".to_owned(), |error| error.msg);
        let message = message.lines().next().unwrap_or("not an expression").to_owned();
        Fault { span: at..(at + 1).min(text.len().max(at)), message, help: None }
    })?;
    let compiler = Compiler { text, source };
    let condition = compiler.condition(&expression)?;
    condition.check().map_err(|error| compiler.fault(&expression, error.to_string(), None))?;
    Ok(condition)
}

fn offset(text: &str, line: isize, column: isize) -> usize {
    let number = |number: isize| usize::try_from(number).unwrap_or(0);
    byte_at(text, number(line), number(column))
}

struct Compiler<'a> {
    text: &'a str,
    source: SourceInfo,
}

impl Compiler<'_> {
    fn span(&self, expression: &IdedExpr) -> Range<usize> {
        let (start, stop) = self.source.offset_for(expression.id).unwrap_or_default();
        let clamp = |at: u32| usize::try_from(at).unwrap_or(0).min(self.text.len());
        let (start, stop) = (clamp(start), clamp(stop.saturating_add(1)));
        start..stop.max(start)
    }

    fn fault(&self, at: &IdedExpr, message: impl Into<String>, help: Option<String>) -> Fault {
        Fault { span: self.span(at), message: message.into(), help }
    }

    fn condition(&self, expression: &IdedExpr) -> Compiled<Condition> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(truth)) => Ok(Condition::Always(*truth.inner())),
            Expr::Call(call) => self.call(expression, call),
            Expr::Select(SelectExpr { operand, field, test: true }) => {
                let path = format!("{}.{field}", self.path(operand)?);
                Ok(Condition::Known(self.field(expression, &path)?))
            }
            Expr::Select(_) | Expr::Ident(_) => {
                let field = self.field(expression, &self.path(expression)?)?;
                if field.kind() == Kind::Truth {
                    Ok(Condition::Compare(field, Operator::Equal, Value::Truth(true)))
                } else {
                    let message = format!("`{}` is {}, not true or false", field.path(), field.kind().name());
                    Err(self.fault(expression, message, Some("compare it, as in `field == \"…\"`".into())))
                }
            }
            _ => Err(self.fault(expression, "not a condition", Some("see the condition language".into()))),
        }
    }

    fn call(&self, expression: &IdedExpr, call: &CallExpr) -> Compiled<Condition> {
        let operator = match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, parts) => return Ok(Condition::All(self.conditions(parts)?)),
            (operators::LOGICAL_OR, parts) => return Ok(Condition::Any(self.conditions(parts)?)),
            (operators::LOGICAL_NOT, [part]) => return Ok(Condition::Not(Box::new(self.condition(part)?))),
            (operators::IN, [field, list]) => return self.one_of(field, list),
            (operators::EQUALS, _) => Operator::Equal,
            (operators::NOT_EQUALS, _) => Operator::NotEqual,
            (operators::LESS, _) => Operator::Less,
            (operators::LESS_EQUALS, _) => Operator::LessOrEqual,
            (operators::GREATER, _) => Operator::Greater,
            (operators::GREATER_EQUALS, _) => Operator::GreaterOrEqual,
            (name, [part]) if TextMatch::ALL.iter().any(|how| how.name() == name) => {
                return self.matches(expression, call, part);
            }
            (name, _) => {
                let known = "&&, ||, !, ==, !=, <, <=, >, >=, in, has, contains, startsWith, endsWith, days, business_days, duration";
                let message = format!("`{}` is not understood in a condition", name.trim_matches('_'));
                return Err(self.fault(expression, message, Some(format!("use {known}"))));
            }
        };
        let [field, literal] = call.args.as_slice() else {
            return Err(self.fault(expression, "a comparison has two sides", None));
        };
        let path = self.path(field).map_err(|fault| Fault {
            help: Some("the field stands on the left, the value on the right".into()),
            ..fault
        })?;
        let field = self.field(field, &path)?;
        if let Some((other, shift)) = self.other_field(literal)? {
            return Ok(Condition::CompareFields(field, operator, other, shift));
        }
        let value = self.literal(literal, field.kind())?;
        Ok(Condition::Compare(field, operator, value))
    }

    /// `field.contains("text")` and its like.
    fn matches(&self, expression: &IdedExpr, call: &CallExpr, part: &IdedExpr) -> Compiled<Condition> {
        let how = TextMatch::ALL.into_iter().find(|how| how.name() == call.func_name);
        let (Some(how), Some(target)) = (how, call.target.as_deref()) else {
            let help = format!("as in `transfer.payer_name.{}(\"SARL\")`", call.func_name);
            return Err(self.fault(expression, "it is asked of a field", Some(help)));
        };
        let field = self.field(target, &self.path(target)?)?;
        match &part.expr {
            Expr::Literal(LiteralValue::String(text)) if !text.inner().is_empty() => {
                Ok(Condition::Matches(field, how, text.inner().to_owned()))
            }
            _ => Err(self.fault(part, "a text is expected here", None)),
        }
    }

    /// Another field on the right of a comparison, and how many days after it.
    fn other_field(&self, expression: &IdedExpr) -> Compiled<Option<(Field, Shift)>> {
        match &expression.expr {
            Expr::Select(SelectExpr { test: false, .. }) | Expr::Ident(_) => {
                Ok(Some((self.field(expression, &self.path(expression)?)?, Shift::NONE)))
            }
            Expr::Call(call) if [operators::ADD, operators::SUBSTRACT].contains(&call.func_name.as_str()) => {
                let [field, far] = call.args.as_slice() else {
                    return Err(self.fault(expression, "a field and days are expected here", None));
                };
                let field = self.field(field, &self.path(field)?)?;
                let shift = self.shift(far)?;
                Ok(Some((field, if call.func_name == operators::ADD { shift } else { shift.back() })))
            }
            _ => Ok(None),
        }
    }

    /// `days(7)`, `business_days(2)` or `duration("48h")`.
    fn shift(&self, expression: &IdedExpr) -> Compiled<Shift> {
        let of_days = |days: i64| i32::try_from(days).ok().filter(|days| (0..=DAYS_MAX).contains(days));
        let shift = match &expression.expr {
            Expr::Call(call) if call.target.is_none() => match (call.func_name.as_str(), call.args.as_slice()) {
                ("days", [IdedExpr { expr: Expr::Literal(LiteralValue::Int(days)), .. }]) => {
                    of_days(*days.inner()).map(Shift::Days)
                }
                ("business_days", [IdedExpr { expr: Expr::Literal(LiteralValue::Int(days)), .. }]) => {
                    of_days(*days.inner()).filter(|days| *days <= BUSINESS_DAYS_MAX).map(Shift::BusinessDays)
                }
                ("duration", [IdedExpr { expr: Expr::Literal(LiteralValue::String(text)), .. }]) => {
                    millis(text.inner()).map(Shift::Millis)
                }
                _ => None,
            },
            _ => None,
        };
        let help =
            format!("as in `days(7)`, `business_days(2)` of at most {BUSINESS_DAYS_MAX}, or `duration(\"36h\")`");
        let what = "only days and durations are added to a field or taken from it";
        shift.ok_or_else(|| self.fault(expression, what, Some(help)))
    }

    fn conditions(&self, parts: &[IdedExpr]) -> Compiled<Vec<Condition>> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    fn one_of(&self, field: &IdedExpr, list: &IdedExpr) -> Compiled<Condition> {
        if let Expr::Literal(LiteralValue::String(text)) = &field.expr {
            let among = self.field(list, &self.path(list)?)?;
            if among.kind() != Kind::Words {
                let message = format!("`{}` is {}: nothing is in it", among.path(), among.kind().name());
                return Err(self.fault(list, message, Some("compare it, as in `field == \"…\"`".into())));
            }
            // No tag is written otherwise: it would never be found.
            let name =
                short_name(text.inner()).map_err(|why| self.fault(field, format!("not a tag: {why}"), None))?;
            return Ok(Condition::Has(among, name.into()));
        }
        let path = self.path(field)?;
        let field = self.field(field, &path)?;
        if field.kind() == Kind::Words {
            let help = format!("as in `\"key-account\" in {path}`");
            return Err(self.fault(list, "several texts are asked for one of them", Some(help)));
        }
        let Expr::List(list_expression) = &list.expr else {
            return Err(self.fault(list, "`in` needs a list, as in `[\"a\", \"b\"]`", None));
        };
        let values = list_expression.elements.iter().map(|item| self.literal(item, field.kind()));
        Ok(Condition::OneOf(field, values.collect::<Compiled<_>>()?))
    }

    fn path(&self, expression: &IdedExpr) -> Compiled<String> {
        match &expression.expr {
            Expr::Ident(name) => Ok(name.clone()),
            Expr::Select(SelectExpr { operand, field, .. }) => Ok(format!("{}.{field}", self.path(operand)?)),
            _ => Err(self.fault(expression, "a field is expected here", None)),
        }
    }

    fn field(&self, at: &IdedExpr, path: &str) -> Compiled<Field> {
        Field::parse(path).ok_or_else(|| {
            let near = nearest(path, Field::ALL.iter().map(|field| field.path()));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            // A selection's own place is its dot; the whole path is more use to a reader.
            let start = self.text.find(path).unwrap_or_else(|| self.span(at).start);
            let span = start..(start + path.len()).min(self.text.len());
            Fault { span, message: format!("unknown field `{path}`"), help }
        })
    }

    fn literal(&self, expression: &IdedExpr, wanted: Kind) -> Compiled<Value> {
        let refuse = |what: &str| {
            let message = format!("{what} cannot be compared with {}", wanted.name());
            Err(self.fault(expression, message, None))
        };
        match &expression.expr {
            Expr::Literal(LiteralValue::String(text)) => self.text_literal(expression, text.inner(), wanted),
            Expr::Literal(LiteralValue::Int(number)) if wanted == Kind::Number => Ok(Value::Number(*number.inner())),
            Expr::Literal(LiteralValue::Boolean(truth)) if wanted == Kind::Truth => Ok(Value::Truth(*truth.inner())),
            Expr::Literal(LiteralValue::Int(_)) => refuse("a number"),
            Expr::Literal(LiteralValue::Boolean(_)) => refuse("true or false"),
            Expr::Call(call) if call.func_name == operators::NEGATE && wanted == Kind::Number => {
                match call.args.as_slice() {
                    [IdedExpr { expr: Expr::Literal(LiteralValue::Int(number)), .. }] => {
                        Ok(Value::Number(-number.inner()))
                    }
                    _ => refuse("this"),
                }
            }
            _ => Err(self.fault(expression, "a text, a number, true or false is expected here", None)),
        }
    }

    fn text_literal(&self, at: &IdedExpr, text: &str, wanted: Kind) -> Compiled<Value> {
        value(text, wanted).map_err(|problem| self.fault(at, problem, None))
    }
}

/// The milliseconds of `36h`, `90m`, `45s` or several of them, as in `1h30m`.
fn millis(text: &str) -> Option<i64> {
    let (mut rest, mut whole) = (text, 0_i64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at_checked(end)?;
        let mut unit = unit.chars();
        let seconds = match unit.next()? {
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        whole = whole.checked_add(number.parse::<i64>().ok()?.checked_mul(seconds * 1_000)?)?;
        rest = unit.as_str();
    }
    (!text.is_empty() && whole <= i64::from(DAYS_MAX) * 86_400_000).then_some(whole)
}

/// A value of a kind that is written as a text.
pub fn value(text: &str, kind: Kind) -> Result<Value, String> {
    match kind {
        Kind::Text => Ok(Value::Text(text.to_owned())),
        Kind::Money => money(text).map(Value::Money),
        Kind::Date => Date::parse(text).map(Value::Date).map_err(|error| error.to_string()),
        Kind::Instant => Timestamp::parse(text).map(Value::Instant).map_err(|error| error.to_string()),
        Kind::Words => Err("several texts are asked for one of them, as in `\"a\" in customer.tags`".to_owned()),
        Kind::Number | Kind::Truth => Err(format!("a text cannot be compared with {}", kind.name())),
    }
}

/// Reads `EUR 10.00`.
fn money(text: &str) -> Result<Money, String> {
    let (code, amount) = text
        .split_once(' ')
        .ok_or_else(|| format!("not money '{text}': expected a currency and an amount, as in EUR 10.00"))?;
    let currency = Currency::parse(code).map_err(|error| error.to_string())?;
    Money::parse(amount, currency, DecimalMark::Point).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compile_or_say_where_they_are_wrong() {
        for (text, expected) in [
            ("true", Ok(())),
            ("customer.kind == \"business\" && transfer.amount >= \"EUR 1000.00\"", Ok(())),
            ("!(method.days_to_expiry > 30) || method.backs_recurring", Ok(())),
            ("attempt.reason_code in [\"AM04\", \"MS03\"]", Ok(())),
            ("has(request.settled_at) && request.due_on < \"2026-03-01\"", Ok(())),
            ("request.days_overdue > -3", Ok(())),
            ("\"key-account\" in customer.tags && !(\"no-calls\" in customer.tags)", Ok(())),
            ("\"No-Calls\" in customer.tags", Err((0..10, "not a tag: expected 1 to 32 of a to z"))),
            ("customer.tags == \"a\"", Err((17..20, "several texts are asked for one of them"))),
            ("customer.tags in [\"a\"]", Err((0..0, "several texts are asked for one of them"))),
            ("\"a\" in request.description", Err((0..0, "nothing is in it"))),
            ("\"a\" in customer.tag", Err((0..0, "nothing is in it"))),
            ("customer.kid == \"x\"", Err((0..12, "unknown field `customer.kid`"))),
            ("transfer.amount > 5", Err((18..19, "a number cannot be compared with money"))),
            ("transfer.amount > \"5\"", Err((18..21, "not money '5'"))),
            ("customer.kind < \"b\"", Err((14..15, "which has no order"))),
            ("customer.kind", Err((8..9, "is text, not true or false"))),
            ("customer.kind == ", Err((0..0, ""))),
            ("customer.kind.startsWith(\"b\")", Ok(())),
            ("!request.description.contains(\"advance\") && request.external_ref.endsWith(\"-A\")", Ok(())),
            ("transfer.amount == request.outstanding || transfer.booked_on > request.due_on + days(30)", Ok(())),
            ("request.due_on <= request.issued_on - days(7)", Ok(())),
            ("now.date >= request.due_on + business_days(3) && now.weekday in [\"monday\", \"friday\"]", Ok(())),
            ("now.is_business_day && now.hour >= 9 && tenant.id == \"shop\"", Ok(())),
            ("request.settled_at > now.at - duration(\"36h30m\")", Ok(())),
            ("now.date > request.due_on + business_days(367)", Err((0..0, "only days and durations are added"))),
            ("now.at > request.settled_at + duration(\"2 days\")", Err((0..0, "only days and durations are added"))),
            ("now.at > request.settled_at + days(2)", Err((0..0, "an instant a duration"))),
            ("now.date > request.due_on + duration(\"24h\")", Err((0..0, "an instant a duration"))),
            ("customer.kind.size() == 2", Err((0..0, "a field is expected here"))),
            ("transfer.amount.contains(\"5\")", Err((0..0, "only text has text in it"))),
            ("contains(\"5\")", Err((0..0, "it is asked of a field"))),
            ("transfer.amount > request.outstanding + days(3)", Err((0..0, "a date has days added to it"))),
            ("transfer.amount > request.due_on", Err((0..0, "is money, compared with date"))),
            ("request.due_on > request.issued_on + 3", Err((0..0, "only days and durations are added"))),
        ] {
            match (compile(text), expected) {
                // What is written again means the same.
                (Ok(condition), Ok(())) => {
                    let written = condition.to_string();
                    assert_eq!(compile(&written).unwrap(), condition, "{text}: {written}");
                }
                (Err(fault), Err((span, part))) => {
                    assert!(fault.message.contains(part), "{text}: {}", fault.message);
                    if !span.is_empty() {
                        assert_eq!(fault.span, span, "{text}: {}", fault.message);
                    }
                }
                (got, wanted) => panic!("{text}: {got:?}, expected {wanted:?}"),
            }
        }
    }

    #[test]
    fn a_near_field_is_suggested() {
        let fault = compile("request.oustanding > \"EUR 1.00\"").unwrap_err();
        assert_eq!(fault.help.as_deref(), Some("did you mean `request.outstanding`?"));
    }
}
