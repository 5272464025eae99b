//! What is known whatever happened: the moment at which a rule is asked, by the clock and the calendar of the tenant, and
//! whose it is. It is no fact of the event, and stands in none of its messages.

use super::fields::{Fact, Facts, Field};
use crate::values::{Calendar, TenantId, Timestamp, Zone};

/// The days of the week, from Monday.
pub const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Field {
    /// The fields that are known whatever happened.
    pub const OF_THE_MOMENT: [Field; 6] =
        [Field::NowAt, Field::NowDate, Field::NowHour, Field::NowWeekday, Field::NowIsBusinessDay, Field::TenantId];

    /// Whether it is known whatever happened.
    pub fn is_of_the_moment(self) -> bool {
        Field::OF_THE_MOMENT.contains(&self)
    }
}

/// A moment of a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub tenant: &'a TenantId,
    /// Its clock.
    pub zone: &'a Zone,
    /// Its calendar.
    pub calendar: &'a Calendar,
}

/// Facts of an event, and those of the moment.
pub struct Then<'a, F> {
    /// Of the event.
    pub facts: &'a F,
    /// Of the moment.
    pub moment: Moment<'a>,
}

impl<F: Facts> Facts for Then<'_, F> {
    fn fact(&self, field: Field) -> Option<Fact<'_>> {
        let Moment { at, tenant, zone, calendar } = self.moment;
        match field {
            Field::NowAt => Some(Fact::Instant(at)),
            Field::NowDate => Some(Fact::Date(at.date_in(zone))),
            Field::NowHour => Some(Fact::Number(i64::from(at.local_time(zone).0))),
            Field::NowWeekday => {
                let day = usize::try_from(at.date_in(zone).weekday()).ok()?;
                WEEKDAYS.get(day.checked_sub(1)?).copied().map(Fact::text)
            }
            Field::NowIsBusinessDay => Some(Fact::Truth(calendar.is_business_day(at.date_in(zone)))),
            Field::TenantId => Some(Fact::text(tenant.as_str())),
            field => self.facts.fact(field),
        }
    }

    fn calendar(&self) -> Option<&Calendar> {
        Some(self.moment.calendar)
    }
}
