//! Pages for a browser: one file each, which loads nothing and runs nothing but its own script.

mod ahead;
mod plan;
mod report;
mod table;
mod write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

pub use self::plan::plan;
pub use self::report::report;
use self::write::Html;
use crate::finding::{Finding, Severity};
use crate::plan::Plan;
use crate::time::show;
use jiff::tz::TimeZone;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Returns a page: its head, the heading, links to its sections, and what `body` writes.
fn page(
    title: &'static str,
    plan: &Plan,
    sections: &[(&'static str, &'static str)],
    body: impl FnOnce(&mut Html),
) -> String {
    let mut page = Html::default();
    let name = plan.tenant_name.as_deref().unwrap_or(&plan.tenant);
    head(&mut page, &format!("{title}: {name}"));
    page.raw("<a class=\"skip\" href=\"#main\">Skip to content</a>\n");
    page.put(
        "<header>\n<p class=\"kicker\">{}</p>\n<h1>{}</h1>\n",
        &[title, name],
    );
    origin(&mut page, plan);
    page.raw("</header>\n<nav class=\"sections\" aria-label=\"Sections\"><ul>\n");
    for (id, name) in sections {
        page.put("<li><a href=\"#{}\">{}</a></li>\n", &[id, name]);
    }
    page.raw("</ul></nav>\n<main id=\"main\">\n");
    body(&mut page);
    page.put(
        "</main>\n<footer><p>This page names people: it is personal data. Made by guestlist {}.</p></footer>\n<script>",
        &[&plan.version],
    );
    page.raw(SCRIPT);
    page.raw("</script>\n</body>\n</html>\n");
    page.finish()
}

/// What a page may do: nothing is loaded, and what runs and what styles is named by its hash. Markup
/// that came in as text could not do anything even if it became markup.
/// Source: "Content Security Policy Level 3", W3C; "Trusted Types", W3C.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'\">\n";

fn head(page: &mut Html, title: &str) {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.put(POLICY, &[&hash(STYLE), &hash(SCRIPT)]);
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.raw("<meta name=\"robots\" content=\"noindex\">\n");
    page.put("<title>{}</title>\n<style>", &[title]);
    page.raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n");
}

/// Says what the page was made from.
fn origin(page: &mut Html, plan: &Plan) {
    let zone = TimeZone::get(&plan.time_zone).unwrap_or(TimeZone::UTC);
    let commit = plan.commit.as_deref();
    let commit = commit.map(|commit| commit.get(..12).unwrap_or(commit));
    let lines = [
        ("As of", Some(show(plan.planned_for, &zone))),
        ("Days in", Some(plan.time_zone.clone())),
        ("Tenant", Some(plan.tenant.clone())),
        ("Commit", commit.map(str::to_owned)),
    ];
    page.raw("<dl class=\"origin\">\n");
    for (term, text) in lines {
        if let Some(text) = text {
            page.put("<div><dt>{}</dt><dd>{}</dd></div>\n", &[term, &text]);
        }
    }
    page.raw("</dl>\n");
}

/// Begins a section, with a heading and a sentence below it.
fn section(page: &mut Html, id: &'static str, name: &'static str, lead: &str) {
    page.put(
        "<section id=\"{}\" aria-labelledby=\"{}-heading\">\n<h2 id=\"{}-heading\">{}</h2>\n<p class=\"lead\">{}</p>\n",
        &[id, id, id, name, lead],
    );
}

/// Writes the findings as a section.
fn findings(page: &mut Html, findings: &[Finding]) {
    let row = |finding: &Finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let about = finding.about.as_ref().map(ToString::to_string);
        let hint = finding.hint.as_ref().map(|hint| format!("hint: {hint}"));
        let texts = std::iter::once(finding.text.clone()).chain(hint);
        let origin = finding.origin.as_ref().map(ToString::to_string);
        table::Row::of([
            table::Cell::text(severity),
            table::Cell::text(&about.unwrap_or_default()),
            table::Cell::lines(texts),
            table::Cell::text(&origin.unwrap_or_default()),
        ])
    };
    section(
        page,
        "findings",
        "Findings",
        "What a person should know. An error blocks every step on what it is about.",
    );
    let table = table::Table {
        id: "findings-table",
        caption: "Findings",
        columns: vec![
            table::Column::new("Severity", table::Kind::State),
            table::Column::new("About", table::Kind::Text),
            table::Column::new("What", table::Kind::Lines),
            table::Column::new("Where", table::Kind::Code),
        ],
        rows: findings.iter().map(row).collect(),
        size: 10,
        empty: "Nothing to report.",
        ..Default::default()
    };
    table.write(page);
    page.raw("</section>\n");
}
