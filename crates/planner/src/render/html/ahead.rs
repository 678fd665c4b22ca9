//! What ends when, as rows of numbers and bars: a table to whoever listens, a chart to whoever looks.

use super::section;
use super::write::{Html, grouped};
use crate::report::{Ahead, Bar};

/// Writes the section.
pub(super) fn write(page: &mut Html, ahead: &Ahead) {
    let endless = match ahead.endless {
        0 => String::new(),
        1 => " One declared guest has no end.".to_owned(),
        more => format!(" {} declared guests have no end.", grouped(more)),
    };
    let lead = format!(
        "What ends, as the files say: the time of guests, and memberships that end before it.{endless}"
    );
    section(page, "ahead", "Ahead", &lead);
    if ahead.bars.is_empty() {
        page.raw("<p class=\"empty\">Nothing ends.</p>\n</section>\n");
        return;
    }
    let all = || ahead.bars.iter().chain([&ahead.later]);
    let most = all().map(Bar::total).max().unwrap_or_default().max(1);
    let (unit, column) = if ahead.weekly {
        ("week", "Week of")
    } else {
        ("month", "Month")
    };
    page.put(
        "<table class=\"ahead\">\n<caption>Ends by {}</caption>\n<thead><tr>\n<th scope=\"col\">{}</th>\n",
        &[unit, column],
    );
    page.raw(BARS);
    for bar in &ahead.bars {
        let format = if ahead.weekly { "%Y-%m-%d" } else { "%Y-%m" };
        self::bar(page, &bar.from.strftime(format).to_string(), bar, most);
    }
    if ahead.later.total() > 0 {
        bar(page, "later", &ahead.later, most);
    }
    page.raw("</tbody>\n</table>\n</section>\n");
}

/// The other heads of the timeline.
const BARS: &str = "<th scope=\"col\" class=\"number\">Guests</th>
<th scope=\"col\" class=\"number\">Memberships</th>
<th scope=\"col\" class=\"bars\"><span class=\"key\" data-key=\"guests\">guests</span> <span class=\"key\" data-key=\"memberships\">memberships</span></th>
<th scope=\"col\" class=\"who\">Who</th>
</tr></thead>
<tbody>
";

impl Bar {
    fn total(&self) -> usize {
        self.guests.len() + self.memberships.len()
    }
}

/// Writes a row of the timeline. The numbers say what the bar shows.
fn bar(page: &mut Html, when: &str, bar: &Bar, most: usize) {
    let share = |count: usize| format!("{:.1}%", count as f64 * 100.0 / most as f64);
    let counts = [bar.guests.len(), bar.memberships.len()];
    let [guests, memberships] = counts.map(share);
    page.put("<tr><th scope=\"row\">{}</th>", &[when]);
    for count in counts {
        let class = if count == 0 {
            "number nothing"
        } else {
            "number"
        };
        page.put("<td class=\"{}\">{}</td>", &[class, &grouped(count)]);
    }
    page.put(
        "<td class=\"bars\" aria-hidden=\"true\"><svg width=\"100%\" height=\"12\"><rect class=\"guests\" height=\"12\" width=\"{}\"/><rect class=\"memberships\" height=\"12\" x=\"{}\" width=\"{}\"/></svg></td><td class=\"who\">{}</td></tr>\n",
        &[&guests, &guests, &memberships, &who(bar)],
    );
}

/// Returns the first few names.
fn who(bar: &Bar) -> String {
    let memberships = bar
        .memberships
        .iter()
        .map(|(guest, group)| format!("{guest}: {group}"));
    let mut names = bar.guests.iter().cloned().chain(memberships);
    let mut text = names.by_ref().take(3).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        text.push_str(&format!(" and {} more", grouped(more)));
    }
    text
}
