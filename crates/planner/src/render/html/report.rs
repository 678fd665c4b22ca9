//! A report as a page: numbers first, then what is ahead, then everybody and everything.

use super::table::{Cell, Column, Kind, Row, Table};
use super::write::{Html, grouped};
use super::{ahead, findings, page, section};
use crate::finding::Severity;
use crate::report::{Access, Fate, Guest, Policy, Report, Rule, Standing, State};
use crate::time::show;

const SECTIONS: &[(&str, &str)] = &[
    ("numbers", "Numbers"),
    ("ahead", "Ahead"),
    ("findings", "Findings"),
    ("guests", "Guests"),
    ("access", "Access"),
    ("sponsors", "Sponsors"),
    ("policies", "Conditional access"),
    ("rules", "Tenant"),
];

/// What the guests are counted by and can be restricted to. A row's tags are places in it.
type Filter = (&'static str, fn(&Guest) -> bool);
const FILTERS: &[Filter] = &[
    ("guests in the tenant", Guest::is_there),
    ("ours", |guest| {
        matches!(guest.standing, Standing::Ours | Standing::Undeclared)
    }),
    ("declared, not ours yet", |guest| {
        guest.standing == Standing::Declared && guest.is_there()
    }),
    ("not ours", |guest| guest.standing == Standing::NotOurs),
    ("ours, in no file", |guest| {
        guest.standing == Standing::Undeclared
    }),
    ("invitation pending", |guest| guest.state == State::Pending),
    ("disabled", |guest| guest.state == State::Disabled),
    ("ending within 30 days", |guest| guest.soon),
    ("nobody vouches", |guest| guest.unvouched.is_some()),
    ("changed by the next apply", |guest| guest.due.is_some()),
];

/// Returns the page.
pub fn report(report: &Report) -> String {
    page("Guest access", &report.plan, SECTIONS, |page| {
        numbers(page, report);
        ahead::write(page, &report.ahead);
        findings(page, &report.plan.findings);
        guests(page, report);
        access(page, report);
        sponsors(page, report);
        policies(page, report);
        rules(page, report);
    })
}

fn numbers(page: &mut Html, report: &Report) {
    section(page, "numbers", "Numbers", &lead(report));
    page.raw("<ul class=\"numbers\">\n");
    for (name, is_it) in FILTERS {
        let counted = report.guests.iter().filter(|guest| is_it(guest));
        number(page, counted.count(), name, "guests");
    }
    number(page, report.groups.len(), "groups", "access");
    number(page, report.plan.findings.len(), "findings", "findings");
    page.raw("</ul>\n</section>\n");
}

/// Writes a number that leads to what it counts, restricted to that where it can be.
fn number(page: &mut Html, count: usize, name: &str, section: &str) {
    page.put(
        "<li class=\"{}\"><a href=\"#{}\" data-filter=\"{}\"><strong>{}</strong> {}</a></li>\n",
        &[
            if count == 0 { "none" } else { "some" },
            section,
            name,
            &grouped(count),
            name,
        ],
    );
}

/// Returns the state of things in a sentence or two.
fn lead(report: &Report) -> String {
    let plan = &report.plan;
    let errors = plan
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let errors = match errors.count() {
        0 => String::new(),
        1 => " One error waits for a person.".to_owned(),
        more => format!(" {} errors wait for a person.", grouped(more)),
    };
    let refused = if plan.is_refused() {
        " A limit refuses that."
    } else {
        ""
    };
    let counts = plan.counts;
    if plan.is_empty() && plan.has_errors() {
        return format!("The next apply changes nothing.{errors}");
    }
    if plan.is_empty() {
        return "The tenant is as the files say.".to_owned();
    }
    format!(
        "The next apply creates {} {}, changes {} and deletes {}.{refused}{errors}",
        grouped(counts.create),
        if counts.create == 1 {
            "object"
        } else {
            "objects"
        },
        grouped(counts.change),
        grouped(counts.delete)
    )
}

fn guests(page: &mut Html, report: &Report) {
    section(
        page,
        "guests",
        "Guests",
        "Everybody who is a guest of the tenant, or declared to be. What comes next is what happens if nobody does anything.",
    );
    let columns = [
        ("Guest", Kind::Text),
        ("Name", Kind::Text),
        ("Company", Kind::Text),
        ("State", Kind::State),
        ("Sponsors", Kind::List),
        ("Holds", Kind::List),
        ("Until", Kind::Code),
        ("Next", Kind::Lines),
        ("Declared", Kind::Code),
        ("Redeemed with", Kind::Text),
    ];
    let columns = columns.map(|(name, kind)| Column::new(name, kind));
    let table = Table {
        id: "guests-table",
        caption: "Guests",
        columns: columns.into(),
        rows: report
            .guests
            .iter()
            .map(|guest| row(report, guest))
            .collect(),
        filters: FILTERS.iter().map(|(name, _)| *name).collect(),
        size: 25,
        empty: "There are no guests.",
    };
    table.write(page);
    page.raw("</section>\n");
}

fn row(report: &Report, guest: &Guest) -> Row {
    let text = |text: &Option<String>| Cell::text(text.as_deref().unwrap_or_default());
    let held = guest
        .access
        .iter()
        .filter(|(_, access)| access.fate != Fate::Given);
    let groups = held.map(|(group, _)| report.groups[*group].name.clone());
    let due = guest.due.iter().map(|due| format!("next apply: {due}"));
    let next = guest.next.iter();
    let next = next.map(|(at, what)| format!("{}: {what}", show(*at, &report.zone)));
    let tags = FILTERS
        .iter()
        .enumerate()
        .filter(|(_, (_, is_it))| is_it(guest));
    let cells = [
        Cell::text(&guest.key),
        text(&guest.name),
        text(&guest.company),
        Cell::text(state(guest.state)),
        Cell::lines(guest.sponsors.iter().cloned()),
        Cell::lines(groups.chain(guest.holds.iter().cloned())),
        Cell::text(&until(guest)),
        Cell::lines(due.chain(next)),
        Cell::text(&declared(guest)),
        text(&guest.issuer),
    ];
    Row(
        cells.into(),
        Default::default(),
        tags.map(|(place, _)| place).collect(),
    )
}

fn state(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Pending => "pending",
        State::Disabled => "disabled",
        State::Unknown => "unknown",
        State::Deleted => "deleted",
        State::Absent => "not there",
    }
}

/// Returns the declared end. To declare none is worth saying; whom no file declares has none.
fn until(guest: &Guest) -> String {
    match (guest.until, &guest.origin) {
        (Some(until), _) => until.to_string(),
        (None, Some(_)) => "no end".to_owned(),
        (None, None) => String::new(),
    }
}

fn declared(guest: &Guest) -> String {
    match (&guest.origin, guest.standing) {
        (Some(origin), _) => origin.to_string(),
        (None, Standing::Undeclared) => "in no file any more".to_owned(),
        (None, _) => "not managed".to_owned(),
    }
}

fn access(page: &mut Html, report: &Report) {
    section(
        page,
        "access",
        "Access",
        "Who is in which group that a file declares. Members of a dynamic group follow its rule and are not listed.",
    );
    page.raw("<p class=\"legend\"><span class=\"sign\" data-sign=\"●\"><span class=\"unseen\">dot:</span> member</span> <span class=\"sign\" data-sign=\"+\"><span class=\"unseen\">plus:</span> joins at the next apply</span> <span class=\"sign\" data-sign=\"−\"><span class=\"unseen\">minus:</span> leaves at the next apply</span> <span>A date is the last day.</span></p>\n");
    let assigned: Vec<_> = report
        .groups
        .iter()
        .enumerate()
        .filter(|(_, group)| !group.dynamic)
        .collect();
    let fixed = [
        Column::new("Guest", Kind::Text),
        Column::new("Name", Kind::Text),
    ];
    let marks = assigned.iter().map(|(place, group)| {
        let note = if group.there {
            members(report, *place)
        } else {
            "still to be made".to_owned()
        };
        Column::new(&group.name, Kind::Mark).noted(&note)
    });
    let holders = report
        .guests
        .iter()
        .filter(|guest| !guest.access.is_empty());
    let rows = holders.map(|guest| {
        let cells = [
            Cell::text(&guest.key),
            Cell::text(guest.name.as_deref().unwrap_or_default()),
        ];
        let marks = assigned.iter().enumerate();
        let marks = marks
            .filter_map(|(column, (place, _))| Some((column, mark(*guest.access.get(place)?))));
        Row(cells.into(), marks.collect(), Vec::new())
    });
    let table = Table {
        id: "access-table",
        caption: "Access",
        columns: fixed.into_iter().chain(marks).collect(),
        rows: rows.collect(),
        size: 25,
        empty: "No guest is in a declared group.",
        ..Table::default()
    };
    table.write(page);
    page.raw("</section>\n");
}

/// Returns how many guests are in a group.
fn members(report: &Report, group: usize) -> String {
    let held = |guest: &&Guest| {
        let access = guest.access.get(&group);
        access.is_some_and(|access| access.fate != Fate::Given)
    };
    match report.guests.iter().filter(held).count() {
        1 => "1 guest".to_owned(),
        count => format!("{} guests", grouped(count)),
    }
}

fn mark(access: Access) -> String {
    let (sign, meaning) = match access.fate {
        Fate::Stays => ("●", "member"),
        Fate::Given => ("+", "joins"),
        Fate::Taken => ("−", "leaves"),
    };
    match access.until {
        Some(until) => format!("{sign}|{meaning}, until|{until}"),
        None => format!("{sign}|{meaning}|"),
    }
}

fn sponsors(page: &mut Html, report: &Report) {
    section(
        page,
        "sponsors",
        "Sponsors",
        "Who vouches for whom: as the tenant has it, and for guests who are not there yet, as the files say.",
    );
    let kinds = [
        ("Sponsor", Kind::Text),
        ("Name", Kind::Text),
        ("State", Kind::State),
        ("Guests", Kind::Number),
        ("Who", Kind::List),
    ];
    let row = |sponsor: &crate::report::Sponsor| {
        let guests = sponsor
            .guests
            .iter()
            .map(|place| report.guests[*place].key.clone());
        Row::of([
            Cell::text(&sponsor.name),
            Cell::text(sponsor.display_name.as_deref().unwrap_or_default()),
            Cell::text(if sponsor.disabled { "disabled" } else { "" }),
            Cell::Number(sponsor.guests.len()),
            Cell::lines(guests),
        ])
    };
    let table = Table {
        id: "sponsors-table",
        caption: "Sponsors",
        columns: kinds
            .iter()
            .map(|(name, kind)| Column::new(name, *kind))
            .collect(),
        rows: report.sponsors.iter().map(row).collect(),
        size: 15,
        empty: "Nobody vouches for anybody.",
        ..Table::default()
    };
    table.write(page);
    page.raw("</section>\n");
}

fn policies(page: &mut Html, report: &Report) {
    section(
        page,
        "policies",
        "Conditional access",
        "What is asked of guests when they sign in, and of how many: whom a policy means, and not for which applications, places and devices.",
    );
    let columns = [
        ("Policy", Kind::Text),
        ("State", Kind::State),
        ("Asks", Kind::List),
        ("Guests", Kind::Number),
        ("Perhaps more", Kind::Number),
        ("Declared", Kind::Code),
    ];
    let state = |state: &str| match state {
        "enabledForReportingButNotEnforced" => "report-only".to_owned(),
        other => other.to_owned(),
    };
    let row = |policy: &Policy| {
        let origin = policy.origin.as_ref().map(ToString::to_string);
        Row::of([
            Cell::text(&policy.name),
            Cell::text(&state(&policy.state)),
            Cell::lines(policy.asks.iter().cloned()),
            Cell::Number(policy.covers),
            Cell::Number(policy.perhaps),
            Cell::text(origin.as_deref().unwrap_or("not managed")),
        ])
    };
    let table = Table {
        id: "policies-table",
        caption: "Conditional access policies",
        columns: columns
            .iter()
            .map(|(name, kind)| Column::new(name, *kind))
            .collect(),
        rows: report.policies.iter().map(row).collect(),
        size: 15,
        empty: "The tenant has none, or none was read.",
        ..Table::default()
    };
    table.write(page);
    page.raw("</section>\n");
}

fn rules(page: &mut Html, report: &Report) {
    section(
        page,
        "rules",
        "Tenant",
        "What else the tenant says of guests, of what the files manage: as it is now, and what the next apply does with it.",
    );
    let columns = [
        ("Rule", Kind::Text),
        ("Says", Kind::List),
        ("Next apply", Kind::Text),
        ("Declared", Kind::Code),
    ];
    let row = |rule: &Rule| {
        let origin = rule.origin.as_ref().map(ToString::to_string);
        Row::of([
            Cell::text(&rule.name),
            Cell::lines(rule.says.iter().cloned()),
            Cell::text(rule.due.unwrap_or_default()),
            Cell::text(origin.as_deref().unwrap_or("not managed")),
        ])
    };
    let table = Table {
        id: "rules-table",
        caption: "Rules of the tenant",
        columns: columns
            .iter()
            .map(|(name, kind)| Column::new(name, *kind))
            .collect(),
        rows: report.rules.iter().map(row).collect(),
        size: 15,
        empty: "The files manage none.",
        ..Table::default()
    };
    table.write(page);
    page.raw("</section>\n");
}
