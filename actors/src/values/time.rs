//! Instants, civil dates and zones. There is no clock here: `now` is an argument (N3).

use std::fmt;

use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Why a zone or a date was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ZoneError {
    #[error("unknown time zone '{0}': expected a name such as Europe/Paris")]
    Unknown(String),
    #[error("not a date '{0}': expected a day that exists, as YYYY-MM-DD")]
    NotADate(String),
    #[error("not an instant '{0}': expected RFC 3339 such as 2026-03-14T09:00:00Z")]
    NotAnInstant(String),
}

/// An instant, in milliseconds since 1970 UTC. Published as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Takes milliseconds since 1970 UTC.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 UTC.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_millisecond()))
            .map_err(|_| ZoneError::NotAnInstant(text.chars().take(40).collect()))
    }

    /// This instant moved by `delta_ms`, clamped to the representable range.
    pub const fn plus_millis(self, delta_ms: i64) -> Self {
        Self(self.0.saturating_add(delta_ms))
    }

    /// This instant moved by whole days of 24 hours.
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_millis(days.saturating_mul(86_400_000))
    }

    /// The civil date of this instant in `zone`.
    pub fn date_in(self, zone: &Zone) -> Date {
        Date::from_civil(self.zoned(zone).date())
    }

    /// Hour and minute of this instant in `zone`.
    pub fn local_time(self, zone: &Zone) -> (i8, i8) {
        let time = self.zoned(zone).time();
        (time.hour(), time.minute())
    }

    fn zoned(self, zone: &Zone) -> jiff::ZonedDateTime {
        self.instant().to_zoned_datetime(zone.zone.clone())
    }

    fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.instant().fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// A civil date. Stored as days since 1970, published as `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date(i32);

impl Date {
    /// The date of a year, month and day, if that day exists.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        civil::Date::new(year, month, day).ok().map(Self::from_civil)
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else {
            return Self::parse_as("%Y-%m-%d", text);
        };
        let digits = [y1, y2, y3, y4, m1, m2, d1, d2];
        if !digits.iter().all(u8::is_ascii_digit) {
            return Self::parse_as("%Y-%m-%d", text);
        }
        let number = |digits: &[u8]| digits.iter().fold(0_i16, |sum, digit| sum * 10 + i16::from(digit - b'0'));
        let (year, month, day) = (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2]));
        match (i8::try_from(month), i8::try_from(day)) {
            (Ok(month), Ok(day)) => Self::new(year, month, day),
            _ => None,
        }
        .ok_or_else(|| ZoneError::NotADate(text.to_owned()))
    }

    /// Reads `text` by a `strftime` pattern such as `%d/%m/%Y`.
    pub fn parse_as(pattern: &str, text: &str) -> Result<Self, ZoneError> {
        civil::Date::strptime(pattern, text)
            .map(Self::from_civil)
            .map_err(|_| ZoneError::NotADate(text.chars().take(40).collect()))
    }

    fn from_civil(date: civil::Date) -> Self {
        let epoch = civil::Date::constant(1970, 1, 1);
        let days = date.since(epoch).map(|span| span.get_days()).unwrap_or(0);
        Self(days)
    }

    /// The date as the calendar library knows it.
    pub(crate) fn civil(self) -> civil::Date {
        civil::Date::constant(1970, 1, 1).saturating_add(jiff::Span::new().days(self.0))
    }

    /// The date `days` later (earlier when negative).
    pub fn plus_days(self, days: i32) -> Self {
        Self::from_civil(self.civil().saturating_add(jiff::Span::new().days(days.clamp(-1_000_000, 1_000_000))))
    }

    /// Days from `earlier` to this date.
    pub const fn days_since(self, earlier: Date) -> i32 {
        self.0 - earlier.0
    }

    /// Year, month and day.
    pub fn parts(self) -> (i16, i8, i8) {
        let date = self.civil();
        (date.year(), date.month(), date.day())
    }

    /// 1 for Monday to 7 for Sunday.
    pub fn weekday(self) -> i8 {
        self.civil().weekday().to_monday_one_offset()
    }

    /// The same day so many months later (earlier when negative), or the last of a month that has no such day.
    pub fn plus_months(self, months: i32) -> Self {
        let months = i64::from(months.clamp(-12_000, 12_000));
        Self::from_civil(self.civil().saturating_add(jiff::Span::new().months(months)))
    }

    /// The last day of this date's month.
    pub fn month_end(self) -> Self {
        Self::from_civil(self.civil().last_of_month())
    }

    /// The instant of `hour:minute` on this date in `zone`.
    ///
    /// In a gap (spring) it is the instant after it, in a fold (autumn) the first of the two.
    pub fn at(self, hour: i8, minute: i8, zone: &Zone) -> Timestamp {
        let time = civil::Time::new(hour.clamp(0, 23), minute.clamp(0, 59), 0, 0).unwrap_or_default();
        self.civil()
            .to_datetime(time)
            .to_zoned_datetime(zone.zone.clone())
            .map(|zoned| Timestamp(zoned.timestamp().as_millisecond()))
            .unwrap_or_default()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.civil().fmt(f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i32(self.0) }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
        } else {
            i32::deserialize(deserializer).map(Self)
        }
    }
}

/// A time zone of the bundled database, such as `Europe/Paris`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Finds a zone by its name.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let zone = jiff::tz::db().get(name).map_err(|_| ZoneError::Unknown(name.chars().take(40).collect()))?;
        Ok(Self { name: name.to_owned(), zone })
    }

    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;
    fn try_from(name: String) -> Result<Self, ZoneError> {
        Self::parse(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_in_paris_is_another_instant_in_summer() {
        let paris = Zone::parse("Europe/Paris").unwrap();
        let winter = Date::new(2026, 3, 28).unwrap().at(9, 0, &paris);
        let summer = Date::new(2026, 3, 29).unwrap().at(9, 0, &paris);
        assert_eq!(winter.to_string(), "2026-03-28T08:00:00Z");
        assert_eq!(summer.to_string(), "2026-03-29T07:00:00Z");
        assert_eq!(summer.date_in(&paris).to_string(), "2026-03-29");
        // 02:30 does not exist on that night, 02:30 exists twice in October.
        assert_eq!(Date::new(2026, 3, 29).unwrap().at(2, 30, &paris).to_string(), "2026-03-29T01:30:00Z");
        assert_eq!(Date::new(2026, 10, 25).unwrap().at(2, 30, &paris).to_string(), "2026-10-25T00:30:00Z");
        assert!(Zone::parse("Europe/Pari").is_err());
    }

    #[test]
    fn dates_read_by_pattern_and_refuse_days_that_do_not_exist() {
        assert_eq!(Date::parse_as("%d/%m/%Y", "28/02/2026").unwrap().to_string(), "2026-02-28");
        assert!(Date::parse_as("%d/%m/%Y", "30/02/2026").is_err());
        assert!(Date::parse("2026-13-01").is_err());
        assert_eq!(Date::new(2028, 2, 10).unwrap().month_end().to_string(), "2028-02-29");
        assert_eq!(Date::parse("2026-11-24").unwrap().weekday(), 2);
        assert_eq!(Date::parse("2026-01-31").unwrap().plus_months(25).to_string(), "2028-02-29");
        let date = Date::parse("1969-12-31").unwrap();
        assert_eq!(date.plus_days(1).to_string(), "1970-01-01");
        assert_eq!(date.days_since(Date::parse("1970-01-01").unwrap()), -1);
    }
}
