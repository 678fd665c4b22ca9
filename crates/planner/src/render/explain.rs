//! One guest, for a terminal and for programs.

use jiff::tz::TimeZone;

use crate::explain::{Covering, Explanation};
use crate::safe::printable;
use crate::time::show;

/// The column in which reasons begin, where there is room.
const REASON: usize = 54;

/// Returns what there is to say about a guest as JSON.
pub fn json(told: &Explanation) -> String {
    super::escaped(&serde_json::to_string_pretty(told).unwrap_or_default()) + "\n"
}

/// Returns it for a terminal. `last` is what the journal last said of the guest.
pub fn text(told: &Explanation, zone: &TimeZone, last: Option<&str>) -> String {
    let mut page = Page(String::new());
    let origin = told.origin.as_ref().map(ToString::to_string);
    page.line(
        "",
        &format!("guest {}", told.guest),
        origin.as_deref().unwrap_or("in no file"),
    );
    for (name, text) in &told.facts {
        page.0 += &format!("  {name:<9} {}\n", printable(text));
    }
    page.heading("Access");
    for access in &told.access {
        let origin = access.origin.as_ref().map(ToString::to_string);
        page.line(
            "  ",
            &access.what,
            origin.as_deref().unwrap_or("not managed"),
        );
    }
    if told.access.is_empty() {
        page.0 += "  none that is known\n";
    }
    if !told.is_complete {
        page.0 += "  further groups were not read\n";
    }
    if let Some(policies) = &told.policies {
        page.heading("Conditional access");
        for policy in policies {
            page.line("  ", &covering(policy), &policy.asks.join(", "));
        }
        if policies.is_empty() {
            page.0 += "  no policy covers the account\n";
        }
    }
    if !told.now.is_empty() {
        page.heading("A run would now");
    }
    for (title, why) in &told.now {
        page.line("  ", title, why);
    }
    if !told.next.is_empty() {
        page.heading("Next");
    }
    for coming in &told.next {
        let what = format!("{}  {}", show(coming.at, zone), coming.text);
        page.line("  ", &what, &coming.origin.to_string());
    }
    if !told.findings.is_empty() {
        page.heading("Findings");
    }
    for finding in &told.findings {
        let level = format!("{:?}", finding.severity).to_lowercase();
        page.0 += &format!("  {level}: {}\n", printable(&finding.text));
    }
    if let Some(last) = last {
        page.heading("Last in the journal");
        page.0 += &format!("  {}\n", printable(last));
    }
    page.0
}

/// Returns what a policy is called, and how sure it is that it covers anybody.
fn covering(policy: &Covering) -> String {
    let state = match policy.state.as_str() {
        "enabled" => "",
        "enabledForReportingButNotEnforced" => ", only reports",
        other => &format!(", {other}"),
    };
    let may = if policy.is_certain { "" } else { " (perhaps)" };
    format!("{}{may}{state}", policy.name)
}

struct Page(String);

impl Page {
    fn heading(&mut self, text: &str) {
        self.0 += &format!("\n{text}\n");
    }

    fn line(&mut self, indent: &str, what: &str, why: &str) {
        let (what, why) = (printable(what), printable(why));
        let width = REASON - indent.len();
        self.0 += &format!("{indent}{what:width$}  {why}\n");
    }
}
