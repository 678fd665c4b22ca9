//! When to send again, and how long to wait before that.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// How often a request is sent at most.
pub(crate) const TRIES: u32 = 8;
/// How long all its tries and waits may take together.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
const CONFLICTS: u32 = 2;

/// What sending a request a second time would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safety {
    /// Nothing: it reads.
    Read,
    /// Nothing more than the first time.
    Repeatable,
    /// Perhaps the same again: only sent again when Graph says that it did nothing.
    Once,
}

/// Returns whether a request that was answered with `status` is sent again.
/// Source: "Best practices for working with Microsoft Graph errors", concepts/errors and
/// concepts/throttling; 408 and 424 after the Terraform provider, which met them.
pub(crate) fn is_worth_repeating(safety: Safety, status: u16, conflicts: u32) -> bool {
    match status {
        // Refused before anything was done. 424: what it depended on failed.
        429 | 424 => true,
        409 => safety == Safety::Repeatable && conflicts < CONFLICTS,
        408 | 423 | 500 | 502 | 503 | 504 | 509 => safety != Safety::Once,
        _ => false,
    }
}

/// Returns whether a write that was answered with `status` may have happened all the same.
pub(crate) fn may_have_happened(status: u16) -> bool {
    matches!(status, 408 | 500 | 502 | 503 | 504 | 509)
}

/// Returns how long to wait before try number `tries` + 1 when Graph does not say: 1 s, doubling,
/// at most 60 s, somewhere in the upper half, so that clients that failed together do not come
/// back together.
pub(crate) fn backoff(tries: u32, random: u32) -> Duration {
    let whole = Duration::from_secs(1 << (tries.clamp(1, 7) - 1)).min(LONGEST_BACKOFF);
    whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// Returns how long Graph asks to wait: seconds, or a date by the clock of the server.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |text: &str| rfc2822::parse(text).ok().map(|date| date.timestamp());
    let now = headers
        .get(DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(date)
        .unwrap_or(now);
    Duration::try_from(date(text)?.duration_since(now)).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn what_is_sent_again() {
        use Safety::{Once, Read, Repeatable};
        for (status, read, repeatable, once) in [
            (429, true, true, true),
            (424, true, true, true),
            (500, true, true, false),
            (503, true, true, false),
            (504, true, true, false),
            (509, true, true, false),
            (408, true, true, false),
            (409, false, true, false),
            (400, false, false, false),
            (403, false, false, false),
            (404, false, false, false),
            (501, false, false, false),
        ] {
            let all = [Read, Repeatable, Once].map(|safety| is_worth_repeating(safety, status, 0));
            assert_eq!(all, [read, repeatable, once], "{status}");
        }
        assert!(!is_worth_repeating(Repeatable, 409, CONFLICTS));
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let longest: Vec<u64> = (1..=9)
            .map(|tries| backoff(tries, u32::MAX).as_secs())
            .collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(backoff(3, 0), Duration::from_secs(2));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-03T09:00:00Z".parse().unwrap();
        let wait = |pairs: &[_]| retry_after(&headers(pairs), now).map(|wait| wait.as_secs());
        assert_eq!(wait(&[("retry-after", "12")]), Some(12));
        assert_eq!(
            wait(&[("retry-after", "Tue, 03 Nov 2026 09:00:30 GMT")]),
            Some(30)
        );
        let by_its_clock = [
            ("retry-after", "Tue, 03 Nov 2026 10:00:05 GMT"),
            ("date", "Tue, 03 Nov 2026 10:00:00 GMT"),
        ];
        assert_eq!(wait(&by_its_clock), Some(5));
        for odd in ["soon", "-1", "Tue, 03 Nov 2026 08:00:00 GMT", "NaN"] {
            assert_eq!(wait(&[("retry-after", odd)]), None, "{odd}");
        }
        assert_eq!(wait(&[]), None);
    }
}
