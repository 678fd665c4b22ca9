//! Days, instants and the tenant's time zone. Time always comes in as an argument.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// When something ends: with a day, or at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Through the end of this day in the tenant's time zone.
    Day(Date),
    /// At this instant.
    Instant(Timestamp),
}

/// What the schema says of a day or an instant; leap years are beyond it.
const UNTIL: &str = r"^\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|[12]\d))([Tt ].+)?$";

/// What the schema says of a number of days: up to 3660.
const DAYS: &str = r"^0*(\d{1,3}|[12]\d{3}|3[0-5]\d{2}|36[0-5]\d|3660)d$";

impl JsonSchema for Until {
    fn schema_name() -> Cow<'static, str> {
        "Until".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A day, through its end in `tenant.timeZone`, or an instant (RFC 3339).",
            "type": "string",
            "pattern": UNTIL,
            "examples": ["2026-12-31", "2026-12-31T18:00:00+02:00"],
        })
    }
}

impl JsonSchema for Days {
    fn schema_name() -> Cow<'static, str> {
        "Days".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whole calendar days, up to ten years.",
            "type": "string",
            "pattern": DAYS,
            "examples": ["30d"],
        })
    }
}

impl Until {
    /// Returns the first instant at which it is over. A day is over at the first instant of the
    /// next day; daylight saving may make that 01:00 (or, in a few zones, skip midnight).
    pub fn end(self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Day(day) => day
                .tomorrow()
                .map_or(Timestamp::MAX, |next| first_instant(next, zone)),
            Self::Instant(instant) => instant,
        }
    }
}

/// Returns the first instant of a day in a zone; the end of time where there is none.
pub fn first_instant(day: Date, zone: &TimeZone) -> Timestamp {
    day.to_zoned(zone.clone())
        .and_then(|noon| noon.start_of_day())
        .map_or(Timestamp::MAX, |start| start.timestamp())
}

/// Returns the instant `days` calendar days after another, in a zone: at the same time of day.
/// An instant that begins a day leads to one that begins a day, whatever daylight saving does.
pub fn days_after(instant: Timestamp, days: Days, zone: &TimeZone) -> Timestamp {
    let from = instant.to_zoned(zone.clone());
    let begins_a_day = from.start_of_day().is_ok_and(|start| start == from);
    let Ok(day) = from.date().checked_add(i64::from(days.0).days()) else {
        return Timestamp::MAX;
    };
    if begins_a_day {
        return first_instant(day, zone);
    }
    zone.to_ambiguous_zoned(day.to_datetime(from.time()))
        .compatible()
        .map_or(Timestamp::MAX, |to| to.timestamp())
}

/// Returns an instant as people read it: `2026-12-31 00:00 EET`.
pub fn show(instant: Timestamp, zone: &TimeZone) -> String {
    instant
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M %Z")
        .to_string()
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_day = text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| {
                if i == 4 || i == 7 {
                    b == b'-'
                } else {
                    b.is_ascii_digit()
                }
            });
        if is_day {
            return text
                .parse()
                .map(Self::Day)
                .map_err(|_| format!("there is no day `{text}`"));
        }
        // A time of day without a zone would mean a different instant to every reader.
        text.parse().map(Self::Instant).map_err(|_| {
            format!("unreadable date `{text}`\nhint: write a day (2026-12-31) or an instant with its offset (2026-12-31T18:00:00+02:00)")
        })
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(f),
            Self::Instant(instant) => instant.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl Serialize for Until {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number of calendar days: `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(pub u16);

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text
            .strip_suffix('d')
            .filter(|number| !number.starts_with('+'))
            .and_then(|number| number.parse().ok())
            .filter(|days| *days <= 3660);
        days.map(Self).ok_or_else(|| format!("unreadable number of days `{text}`\nhint: write whole days up to ten years, such as 30d"))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Days;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of days such as 30d")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Days, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[test]
    fn a_day_ends_when_the_next_begins_in_the_tenants_zone() {
        let day: Until = "2026-12-31".parse().unwrap();
        assert_eq!(
            day.end(&zone("Europe/Helsinki")).to_string(),
            "2026-12-31T22:00:00Z"
        );
        assert_eq!(
            day.end(&zone("America/Los_Angeles")).to_string(),
            "2027-01-01T08:00:00Z"
        );
        // Beirut springs forward at midnight: the day begins at 01:00.
        let day: Until = "2026-03-28".parse().unwrap();
        assert_eq!(
            show(day.end(&zone("Asia/Beirut")), &zone("Asia/Beirut")),
            "2026-03-29 01:00 EEST"
        );
    }

    #[test]
    fn calendar_days_survive_daylight_saving() {
        let helsinki = zone("Europe/Helsinki");
        let start = "2026-10-20".parse::<Until>().unwrap().end(&helsinki);
        assert_eq!(
            show(days_after(start, Days(10), &helsinki), &helsinki),
            "2026-10-31 00:00 EET"
        );
        let afternoon: Timestamp = "2026-10-20T12:30:00Z".parse().unwrap();
        assert_eq!(
            show(days_after(afternoon, Days(10), &helsinki), &helsinki),
            "2026-10-30 15:30 EET"
        );
    }

    #[test]
    fn impossible_and_vague_dates_are_refused() {
        assert_eq!(
            "2026-02-30".parse::<Until>().unwrap_err(),
            "there is no day `2026-02-30`"
        );
        for text in ["tomorrow", "2026-12-31T18:00", "31.12.2026", "2026-1-1", ""] {
            assert!(
                text.parse::<Until>()
                    .unwrap_err()
                    .starts_with("unreadable date"),
                "{text}"
            );
        }
    }
}
