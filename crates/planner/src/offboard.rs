//! The ladder by which access ends: which rungs are due on a day. Knows nobody and nothing else.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::policy::Ladder;
use crate::time::{Days, days_after};

/// Which rungs are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// Sign-in is to be blocked.
    pub(crate) disable: bool,
    /// Access is to be taken away.
    pub(crate) strip: bool,
    /// The account is to be deleted.
    pub(crate) delete: bool,
    /// The rungs that are not due yet, and when they are: the next one first.
    pub(crate) ahead: Vec<(Rung, Timestamp)>,
}

/// A rung, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rung {
    /// Sign-in is blocked.
    Disable,
    /// Access is taken away.
    Strip,
    /// The account is deleted.
    Delete,
}

impl Rung {
    /// Returns what happens to the guest, as a participle.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Disable => "disabled",
            Self::Strip => "stripped",
            Self::Delete => "deleted",
        }
    }
}

/// Returns what is due at `now`. `over` is when the reason arose, `begun` when we disabled the
/// guest. The grace counts from the later one, so nobody is deleted sooner than the grace after
/// being disabled, nor in the run that disables.
pub(crate) fn due(
    ladder: Ladder,
    over: Timestamp,
    begun: Option<Timestamp>,
    now: Timestamp,
    zone: &TimeZone,
) -> Due {
    let at = |base: Timestamp, rung: Option<Days>| rung.map(|days| days_after(base, days, zone));
    let is_due = |instant: Option<Timestamp>| instant.is_some_and(|instant| instant <= now);
    let Some(begun) = begun else {
        let disable = at(over, ladder.disable);
        if let Some(disable) = disable.filter(|instant| *instant > now) {
            let (strip, delete) = (at(disable, ladder.strip), at(disable, ladder.delete));
            let rungs = [
                (Rung::Disable, Some(disable)),
                (Rung::Strip, strip),
                (Rung::Delete, delete),
            ];
            return Due {
                ahead: coming(rungs, now),
                ..Due::default()
            };
        }
        // Without a rung that disables, the others count from the reason itself.
        let (base, disable) = if ladder.disable.is_some() {
            (now, true)
        } else {
            (over, false)
        };
        let strip = at(base, ladder.strip);
        let rungs = [(Rung::Strip, strip), (Rung::Delete, at(now, ladder.delete))];
        return Due {
            disable,
            strip: is_due(strip),
            delete: false,
            ahead: coming(rungs, now),
        };
    };
    let base = begun.max(over);
    let (strip, delete) = (at(base, ladder.strip), at(base, ladder.delete));
    Due {
        disable: true,
        strip: is_due(strip),
        delete: is_due(delete),
        ahead: coming([(Rung::Strip, strip), (Rung::Delete, delete)], now),
    }
}

/// Returns the rung that comes first after a day that is still ahead. Nobody is deleted who was not
/// disabled before.
pub(crate) fn first(ladder: Ladder, over: Timestamp, zone: &TimeZone) -> Option<(Rung, Timestamp)> {
    let rungs = [(Rung::Disable, ladder.disable), (Rung::Strip, ladder.strip)];
    let (rung, days) = rungs
        .into_iter()
        .find_map(|(rung, days)| Some((rung, days?)))?;
    Some((rung, days_after(over, days, zone)))
}

fn coming<const N: usize>(
    rungs: [(Rung, Option<Timestamp>); N],
    now: Timestamp,
) -> Vec<(Rung, Timestamp)> {
    rungs
        .into_iter()
        .filter_map(|(rung, at)| Some((rung, at?)))
        .filter(|(_, at)| *at > now)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LADDER: Ladder = Ladder {
        disable: Some(Days(0)),
        strip: Some(Days(7)),
        delete: Some(Days(30)),
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn on(begun: Option<&str>, now: &str) -> (bool, bool, bool) {
        let due = due(
            LADDER,
            at("2026-05-02T00:00:00Z"),
            begun.map(at),
            at(now),
            &TimeZone::UTC,
        );
        (due.disable, due.strip, due.delete)
    }

    #[test]
    fn the_rungs_come_one_by_one() {
        assert_eq!(on(None, "2026-05-01T23:59:59Z"), (false, false, false));
        assert_eq!(on(None, "2026-05-02T00:00:00Z"), (true, false, false));
        let begun = Some("2026-05-02T03:00:00Z");
        assert_eq!(on(begun, "2026-05-09T02:59:59Z"), (true, false, false));
        assert_eq!(on(begun, "2026-05-09T03:00:00Z"), (true, true, false));
        assert_eq!(on(begun, "2026-06-01T03:00:00Z"), (true, true, true));
    }

    #[test]
    fn promise_4_a_late_disable_starts_the_grace_anew() {
        assert_eq!(
            on(None, "2026-12-01T00:00:00Z"),
            (true, false, false),
            "months late: disabled, never deleted at once"
        );
        assert_eq!(
            on(Some("2026-12-01T00:00:00Z"), "2026-12-30T00:00:00Z"),
            (true, true, false)
        );
        assert_eq!(
            on(Some("2026-12-01T00:00:00Z"), "2026-12-31T00:00:00Z"),
            (true, true, true)
        );
    }

    #[test]
    fn a_rung_that_is_not_written_is_not_climbed() {
        let ladder = Ladder {
            disable: Some(Days(0)),
            strip: None,
            delete: None,
        };
        let due = due(
            ladder,
            at("2020-01-01T00:00:00Z"),
            Some(at("2020-01-01T00:00:00Z")),
            at("2026-01-01T00:00:00Z"),
            &TimeZone::UTC,
        );
        assert_eq!((due.strip, due.delete, due.ahead), (false, false, vec![]));
    }
}
