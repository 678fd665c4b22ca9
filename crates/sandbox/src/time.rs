//! Instants as Graph writes them: whole seconds, UTC.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// Returns `2026-11-03T09:00:00Z`.
pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns the form in `innerError.date`, which has no zone.
pub(crate) fn local(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Returns the form of the `Date` header.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Returns the instant that many days earlier.
pub(crate) fn days_before(at: Timestamp, days: i64) -> Timestamp {
    at - SignedDuration::from_hours(24 * days)
}

/// Reads what OData takes for a date-time: RFC 3339, or a bare day.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let day: Date = text.parse().ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
