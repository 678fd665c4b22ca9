//! A plan as a page: whose access ends first, then everybody else's changes, guest by guest.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Cell, Column, Kind, Row, Table};
use super::write::Html;
use super::{findings, page, section};
use crate::kinds::Object;
use crate::limits::Exceeded;
use crate::plan::{Plan, Step};
use crate::render::{fields, reason, sign, text, verb};

const SECTIONS: &[(&str, &str)] = &[
    ("summary", "Summary"),
    ("removals", "Whose access ends"),
    ("guests", "Everybody else"),
    ("groups", "Groups and policies"),
    ("findings", "Findings"),
];

/// Returns the page.
pub fn plan(plan: &Plan) -> String {
    let mut guests: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    let mut groups: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in &plan.steps {
        match step.change.object().guest() {
            Some(guest) => guests.entry(guest).or_default().push(step),
            None => groups.entry(&step.address.key).or_default().push(step),
        }
        for guest in &step.loses {
            guests.entry(guest).or_default().push(step);
        }
    }
    let (lose, others): (Vec<_>, Vec<_>) = guests
        .into_iter()
        .partition(|(_, steps)| steps.iter().any(|step| step.takes()));
    page("Plan", plan, SECTIONS, |page| {
        summary(page, plan);
        section(
            page,
            "removals",
            "Whose access ends",
            "Guests who lose something, and everything else that happens to them.",
        );
        steps(
            page,
            "removals-table",
            "Whose access ends",
            lose,
            "Nobody loses anything.",
        );
        section(
            page,
            "guests",
            "Everybody else",
            "Guests who come in, get something, or are kept current.",
        );
        steps(
            page,
            "guests-table",
            "Everybody else",
            others,
            "Nobody else changes.",
        );
        section(
            page,
            "groups",
            "Groups and policies",
            "What holds access, and what Microsoft makes of it.",
        );
        steps(
            page,
            "groups-table",
            "Groups and policies",
            groups.into_iter().collect(),
            "No group and no policy changes.",
        );
        findings(page, &plan.findings);
    })
}

fn summary(page: &mut Html, plan: &Plan) {
    section(
        page,
        "summary",
        "Summary",
        &text::summary(plan).replace('\n', " "),
    );
    for limit in &plan.limits {
        refused(page, limit);
    }
    page.raw("</section>\n");
}

fn refused(page: &mut Html, limit: &Exceeded) {
    page.put(
        "<p class=\"refused\"><strong>Refused:</strong> {}.<br>If that is meant, run with <code>{}</code></p>\n",
        &[&text::exceeded(limit), &limit.flag],
    );
}

/// Writes the steps on each guest or group as a row, and ends the section.
fn steps(
    page: &mut Html,
    id: &'static str,
    caption: &'static str,
    all: Vec<(&str, Vec<&Step>)>,
    empty: &'static str,
) {
    let columns = [
        ("Who", Kind::Text),
        ("What", Kind::Steps),
        ("From what to what", Kind::Lines),
        ("Why", Kind::Lines),
    ];
    let row = |(key, steps): (&str, Vec<&Step>)| {
        let reasons: BTreeSet<_> = steps.iter().map(|step| reason(&step.because)).collect();
        Row::of([
            Cell::text(key),
            Cell::lines(steps.iter().map(|step| what(step, key))),
            Cell::lines(steps.iter().flat_map(|step| details(step, key))),
            Cell::lines(reasons),
        ])
    };
    let table = Table {
        id,
        caption,
        columns: columns.map(|(name, kind)| Column::new(name, kind)).into(),
        rows: all.into_iter().map(row).collect(),
        size: 25,
        empty,
        ..Table::default()
    };
    table.write(page);
    page.raw("</section>\n");
}

/// Returns whether a step is about somebody, or about a group that somebody falls out of.
fn is_about(step: &Step, key: &str) -> bool {
    step.address.key == key || step.loses.is_empty()
}

/// Returns what a step does, to a reader who knows on whom.
fn what(step: &Step, key: &str) -> String {
    if !is_about(step, key) {
        return format!("- {} {}", step.loss(), step.address.key);
    }
    let what = match step.change.object() {
        Object::Membership(edge) => format!("membership {}", edge.group),
        Object::Assignment(it) => it.sort.called(&it.to),
        Object::Sponsor(edge) => format!("sponsor {}", edge.sponsor),
        _ => verb(&step.change).to_owned(),
    };
    format!("{} {what}", sign(step))
}

fn details(step: &Step, key: &str) -> Vec<String> {
    if !is_about(step, key) {
        return Vec::new();
    }
    let fields = fields(step).into_iter();
    let fields = fields.map(|(name, change)| format!("{name}: {change}"));
    fields.chain(step.notes.iter().cloned()).collect()
}
