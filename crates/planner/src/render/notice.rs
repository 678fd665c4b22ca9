//! What sponsors are told: for the mail, and for whoever looks before it is sent.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::markdown::Cells;
use crate::notice::{Ending, Notices};
use crate::safe::printable;
use crate::time::{first_instant, show};

/// Returns the guests of a mail as a list in Markdown, the first to go first.
pub(crate) fn list(about: &[Ending], zone: &TimeZone) -> String {
    let cells = Cells::new(false);
    let mut about: Vec<_> = about.iter().collect();
    about.sort_by_key(|ending| ending.at);
    let line = |ending: &&Ending| {
        let told = ending.name.iter().chain(&ending.justification);
        let told: String = told
            .map(|told| format!(", {}", cells.prose(told)))
            .collect();
        let at = last_day(ending.at, zone);
        format!("- {at}: {}{told}\n", cells.code(&ending.guest))
    };
    about.iter().map(line).collect()
}

/// Returns the last day of access, as files write it; the instant where no day ends with it.
fn last_day(at: Timestamp, zone: &TimeZone) -> String {
    let is_first = |day: Date| first_instant(day, zone) == at;
    let day = at.to_zoned(zone.clone()).date();
    let before = day.yesterday().ok().filter(|_| is_first(day));
    before.map_or_else(|| show(at, zone), |day| day.to_string())
}

/// Returns who would be told of whom, for a terminal.
pub fn text(found: &Notices, zone: &TimeZone) -> String {
    let mut out = String::new();
    for notice in &found.notices {
        let (from, to) = (
            printable(&notice.mail.from),
            printable(&notice.to.join(", ")),
        );
        out += &format!(
            "mail to {to} from {from}: {}\n",
            printable(&notice.mail.subject)
        );
        for ending in &notice.about {
            let name = ending
                .name
                .as_deref()
                .map(|name| format!("  {}", printable(name)));
            let (at, guest) = (last_day(ending.at, zone), printable(&ending.guest));
            out += &format!("  {at}  {guest}{}\n", name.unwrap_or_default());
        }
    }
    for (guest, why) in &found.untold {
        out += &format!("not told of {}: {}\n", printable(guest), printable(why));
    }
    if out.is_empty() {
        out += "Nobody is to be told of anything.\n";
    }
    out
}
