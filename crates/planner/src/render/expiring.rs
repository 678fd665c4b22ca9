//! Who loses access soon, going by the files: for people, for programs, and by sponsor for an issue
//! or a mail.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::markdown::Cells;
use crate::forecast::{Coming, forecast};
use crate::kinds::guest::written::Declared;
use crate::load::Config;
use crate::safe::printable;
use crate::time::{Days, days_after, show};

/// Who loses access within some days.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Expiring {
    /// The last instant that counts.
    until: Timestamp,
    /// Whose access ends, the first one first.
    ending: Vec<Ending>,
    #[serde(skip)]
    zone: TimeZone,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ending {
    #[serde(flatten)]
    coming: Coming,
    /// Whether the entry blocks sign-in already.
    blocked: bool,
    display_name: Option<String>,
    sponsors: Vec<String>,
    justification: Option<String>,
}

impl Expiring {
    /// Finds every declared guest whose time, or a membership of theirs, ends within some days.
    pub fn new(config: &Config, now: Timestamp, within: Days) -> Self {
        let zone = &config.policy.tenant.time_zone;
        let until = days_after(now, within, zone);
        let guests = config.desired.guests.values();
        let mut ending: Vec<_> = guests
            .flat_map(|declared| {
                let coming = forecast(declared, &config.policy, now).into_iter();
                coming.map(|coming| Ending::new(declared, coming))
            })
            .filter(|ending| ending.coming.ends && ending.coming.at <= until)
            .collect();
        ending.sort_by(|a, b| a.coming.cmp(&b.coming));
        Self {
            until,
            ending,
            zone: zone.clone(),
        }
    }

    /// Returns the list as JSON.
    pub fn json(&self) -> String {
        super::escaped(&serde_json::to_string_pretty(self).unwrap_or_default()) + "\n"
    }

    /// Returns the list for a terminal, by day.
    pub fn text(&self) -> String {
        let until = show(self.until, &self.zone);
        if self.ending.is_empty() {
            return format!("No access ends by {until}.\n");
        }
        let mut out = format!("Access that ends by {until}:\n");
        let mut day = None;
        for ending in &self.ending {
            if day != Some(ending.coming.at) {
                out += &format!("\n{}\n", show(ending.coming.at, &self.zone));
                day = Some(ending.coming.at);
            }
            let coming = &ending.coming;
            let who = printable(&format!("{} {}", coming.guest, ending.text()));
            out += &format!("  {who:54}  {}\n", printable(&coming.origin.to_string()));
            let name = ending.display_name.iter().map(|name| printable(name));
            let sponsors = ending.sponsors.iter().map(|name| printable(name));
            let why = ending.justification.iter().map(|why| printable(why));
            let told: Vec<_> = name.chain(why).chain(sponsors).collect();
            if !told.is_empty() {
                out += &format!("    {}\n", told.join(", "));
            }
        }
        out
    }

    /// Returns the list as Markdown, by sponsor.
    pub fn markdown(&self, mask: bool) -> String {
        let cells = Cells::new(mask);
        let until = show(self.until, &self.zone);
        if self.ending.is_empty() {
            return format!("No guest access ends by {until}.\n");
        }
        let mut out = format!("### Guest access that ends by {until}\n");
        let mut sponsors: BTreeMap<Option<&str>, Vec<&Ending>> = BTreeMap::new();
        for ending in &self.ending {
            for sponsor in &ending.sponsors {
                sponsors.entry(Some(sponsor)).or_default().push(ending);
            }
            if ending.sponsors.is_empty() {
                sponsors.entry(None).or_default().push(ending);
            }
        }
        for (sponsor, endings) in sponsors {
            let sponsor = sponsor.map_or("No sponsor declared".to_owned(), |it| cells.code(it));
            out += &format!("\n#### {sponsor} ({})\n\n", endings.len());
            for ending in endings {
                out += &ending.line(&cells, &self.zone);
            }
        }
        let until = "--until DATE";
        out + &format!(
            "\nTo renew, `guestlist renew MAIL {until}` and open a pull request. Who is not renewed loses access by itself.\n"
        )
    }
}

impl Ending {
    fn new(declared: &Declared, coming: Coming) -> Self {
        let name = declared.profile.get("displayName").cloned().flatten();
        Self {
            coming,
            blocked: declared.blocked == Some(true),
            display_name: name,
            sponsors: declared.sponsors.iter().flatten().cloned().collect(),
            justification: declared.justification.clone(),
        }
    }

    fn text(&self) -> String {
        let blocked = if self.blocked { " (is blocked)" } else { "" };
        format!("{}{blocked}", self.coming.text)
    }

    fn line(&self, cells: &Cells, zone: &TimeZone) -> String {
        let coming = &self.coming;
        let mut line = format!(
            "- {}: {} {}",
            show(coming.at, zone),
            cells.code(&coming.guest),
            cells.prose(&self.text())
        );
        let told = self.display_name.iter().chain(&self.justification);
        for told in told.filter(|_| !cells.mask) {
            line += &format!(" — {}", cells.prose(told));
        }
        format!("{line} ({})\n", cells.code(&coming.origin.to_string()))
    }
}
