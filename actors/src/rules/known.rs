//! What is known of a customer and of a request: the facts that do not come from an event.

use serde::{Deserialize, Serialize};

use super::fields::{Fact, Field};
use crate::customer::{self, Customer};
use crate::payment_request::{self, PaymentRequest, Status};
use crate::values::{CustomerId, Date, Money};

/// The figures of a request at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFigures {
    /// The amount requested.
    pub amount: Money,
    /// What had been paid, in minor units.
    pub paid_minor: i64,
    /// Where it stood.
    pub status: payment_request::Status,
    /// Days past the deadline, negative before it.
    pub days_overdue: i32,
}

impl RequestFigures {
    /// The figures of a request on a day; nothing before it is issued.
    pub fn of(state: &PaymentRequest, today: Date) -> Option<Self> {
        let terms = state.terms.as_ref()?;
        Some(Self {
            amount: terms.amount,
            paid_minor: state.paid_minor(),
            status: state.status,
            days_overdue: today.days_since(terms.due_on),
        })
    }
}

/// A fact of a customer: never a name or an address.
pub fn of_customer(field: Field, id: CustomerId, state: &Customer) -> Option<Fact<'_>> {
    let profile = state.profile.as_ref();
    match field {
        Field::CustomerId => Some(Fact::printed(id)),
        Field::CustomerExternalRef => profile.map(|profile| Fact::text(&profile.external_ref)),
        Field::CustomerLanguage => profile.map(|profile| Fact::text(profile.language.code())),
        Field::CustomerKind => profile.map(|profile| match profile.kind {
            customer::Kind::Consumer => Fact::text("consumer"),
            customer::Kind::Business => Fact::text("business"),
        }),
        Field::CustomerTags => {
            let tags = state.rare.tags.keys().map(|tag| std::borrow::Cow::Borrowed(tag.as_str()));
            state.profile.is_some().then(|| Fact::Words(tags.collect()))
        }
        _ => None,
    }
}

/// A fact of a request with figures of a moment.
pub fn of_request<'a>(field: Field, state: Option<&'a PaymentRequest>, figures: &RequestFigures) -> Option<Fact<'a>> {
    let money = |minor| Fact::Money(Money::from_minor(minor, figures.amount.currency()));
    match field {
        Field::RequestAmount => return Some(Fact::Money(figures.amount)),
        Field::RequestPaid => return Some(money(figures.paid_minor)),
        Field::RequestOutstanding => {
            return Some(match figures.status {
                Status::Cancelled | Status::Settled => money(0),
                Status::Open => money(figures.amount.minor().saturating_sub(figures.paid_minor)),
            });
        }
        Field::RequestStatus => {
            return Some(Fact::text(match figures.status {
                Status::Open => "open",
                Status::Settled => "settled",
                Status::Cancelled => "cancelled",
            }));
        }
        Field::RequestDaysOverdue => return Some(Fact::Number(i64::from(figures.days_overdue))),
        _ => {}
    }
    let state = state?;
    let terms = state.terms.as_ref()?;
    match field {
        Field::RequestId => Some(Fact::printed(terms.id)),
        Field::RequestExternalRef => Some(Fact::text(&terms.external_ref)),
        Field::RequestIssuedOn => Some(Fact::Date(terms.issued_on)),
        Field::RequestDueOn => Some(Fact::Date(terms.due_on)),
        Field::RequestDescription => Some(Fact::text(&terms.description)),
        Field::RequestShortReference => Some(Fact::printed(terms.short_reference)),
        Field::RequestOrder => state.rare.order.as_deref().map(Fact::text),
        Field::RequestPaymentReference => state.rare.payment_reference.as_deref().map(Fact::text),
        Field::RequestCreditorReference => Some(Fact::printed(terms.creditor_reference.printed())),
        Field::RequestPlan => state.rare.plan.map(|joined| Fact::printed(joined.plan)),
        Field::RequestCycle => state.rare.plan.map(|joined| Fact::Number(i64::from(joined.number))),
        Field::RequestSettledAt if figures.status == Status::Settled => state.settled_at.map(Fact::Instant),
        _ => None,
    }
}
