//! The end of access, week by week or month by month.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::Sources;
use super::guests::Account;
use crate::time::Until;

/// The most bars; what ends after them is counted as later.
const BARS: usize = 24;
/// How many weeks are shown as weeks.
const WEEKS: usize = 13;

/// Which access ends when, as the files say.
#[derive(Clone, Debug, Default)]
pub struct Ahead {
    /// Whether a bar is a week, and not a month.
    pub weekly: bool,
    /// From the present one on.
    pub bars: Vec<Bar>,
    /// What ends after the last bar.
    pub later: Bar,
    /// How many declared guests have no end.
    pub endless: usize,
}

/// What ends within a week or a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// Its first day.
    pub from: Date,
    /// The guests whose time ends.
    pub guests: Vec<String>,
    /// The memberships that end while the guest stays: guest and group.
    pub memberships: Vec<(String, String)>,
}

/// What ends on which day.
struct End {
    day: Date,
    guest: String,
    group: Option<String>,
}

/// Counts the coming ends.
pub(super) fn ahead(sources: Sources<'_>, accounts: &[Account<'_>]) -> Ahead {
    let declared = || accounts.iter().filter(|account| account.declared.is_some());
    let mut ends: Vec<_> = declared()
        .flat_map(|account| ends(sources, account))
        .collect();
    ends.sort_by(|a, b| (a.day, &a.guest, &a.group).cmp(&(b.day, &b.guest, &b.group)));
    let today = day(Until::Instant(sources.now), sources);
    let weeks = starts(monday(today), true).take(WEEKS + 1).last();
    let weekly = ends
        .last()
        .zip(weeks)
        .is_some_and(|(last, weeks)| last.day < weeks);
    let first = if weekly {
        monday(today)
    } else {
        today.first_of_month()
    };
    let mut ahead = Ahead {
        weekly,
        endless: declared()
            .filter(|account| account.guest.is_there() && account.guest.until.is_none())
            .count(),
        ..Ahead::default()
    };
    fill(&mut ahead, first, ends);
    ahead
}

fn fill(ahead: &mut Ahead, first: Date, ends: Vec<End>) {
    let mut starts = starts(first, ahead.weekly).peekable();
    let mut ends = ends.into_iter().peekable();
    while ends.peek().is_some() && ahead.bars.len() < BARS {
        let Some(from) = starts.next() else { break };
        let mut bar = Bar {
            from,
            ..Bar::default()
        };
        let next = starts.peek().copied();
        while let Some(end) = ends.next_if(|end| next.is_none_or(|next| end.day < next)) {
            bar.add(end);
        }
        ahead.bars.push(bar);
    }
    ends.for_each(|end| ahead.later.add(end));
}

impl Bar {
    fn add(&mut self, end: End) {
        match end.group {
            Some(group) => self.memberships.push((end.guest, group)),
            None => self.guests.push(end.guest),
        }
    }
}

/// Returns what of a guest ends and has not ended yet: the guest's own time, and memberships that
/// end before it.
fn ends(sources: Sources<'_>, account: &Account<'_>) -> Vec<End> {
    let coming = |until: &Until| until.end(sources.zone()) > sources.now;
    let own = account.guest.until;
    let Some(declared) = account.declared else {
        return Vec::new();
    };
    // Whose time is over already is in the findings and in the plan.
    if own.is_some_and(|own| !coming(&own)) {
        return Vec::new();
    }
    let end = |until: Until, group: Option<&String>| End {
        day: day(until, sources),
        guest: account.guest.key.clone(),
        group: group.cloned(),
    };
    let limit = own.map_or(Timestamp::MAX, |own| own.end(sources.zone()));
    let memberships = declared.grants().filter_map(|(what, granted)| {
        let until = granted.expires.filter(coming)?;
        (until.end(sources.zone()) < limit).then(|| end(until, Some(&what)))
    });
    let own = own.map(|own| end(own, None));
    own.into_iter().chain(memberships).collect()
}

/// Returns the day on which something ends: the last one on which it is there.
fn day(until: Until, sources: Sources<'_>) -> Date {
    match until {
        Until::Day(day) => day,
        Until::Instant(instant) => instant.to_zoned(sources.zone().clone()).date(),
    }
}

fn monday(day: Date) -> Date {
    let since = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(since.days()).unwrap_or(day)
}

/// Returns the first days of weeks or months, up to the end of time.
fn starts(first: Date, weekly: bool) -> impl Iterator<Item = Date> {
    let step = if weekly { 1.week() } else { 1.month() };
    std::iter::successors(Some(first), move |day| day.checked_add(step).ok())
}
