//! A plan for a terminal: the object first, only what changes, a reason for every line.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::{fields, reason, sign, title};
use crate::finding::{Finding, Severity};
use crate::limits::Exceeded;
use crate::plan::{Plan, Step};
use crate::safe::printable;
use crate::time::show;

/// The column in which reasons begin, where the object leaves room.
const REASON: usize = 58;

/// How many findings of one sort are shown in full.
const ALIKE: usize = 8;

/// Returns the plan as text.
pub fn plan(plan: &Plan, color: bool) -> String {
    let mut out = String::new();
    let paint = Paint(color);
    // Writing to a string cannot fail.
    let _ = header(&mut out, plan, &paint);
    for step in &plan.steps {
        let _ = self::step(&mut out, step, &paint);
    }
    if !plan.steps.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}", summary(plan));
    let _ = findings(&mut out, &plan.findings, &paint);
    let _ = limits(&mut out, &plan.limits, &paint);
    out
}

/// Returns the line that sums a plan up.
pub fn summary(plan: &Plan) -> String {
    match nothing(plan) {
        Some(nothing) => format!("{nothing} {}", numbers(plan)),
        None => numbers(plan),
    }
}

/// Says that there is nothing to do, where there is no step: all is well only without errors.
pub(super) fn nothing(plan: &Plan) -> Option<String> {
    if !plan.is_empty() {
        return None;
    }
    Some(match errors(plan) {
        Some(errors) => format!("Nothing can be done: {errors}."),
        None => "Nothing to do.".to_owned(),
    })
}

/// Returns how many errors there are, if any.
pub(super) fn errors(plan: &Plan) -> Option<String> {
    let findings = plan.findings.iter();
    let errors = findings.filter(|it| it.severity == Severity::Error);
    match errors.count() {
        0 => None,
        1 => Some("1 error".to_owned()),
        count => Some(format!("{count} errors")),
    }
}

/// Returns how much there is of what.
pub(super) fn numbers(plan: &Plan) -> String {
    let counts = plan.counts;
    let rest = format!(
        "{} unchanged, {} not ours.",
        counts.unchanged, counts.not_ours
    );
    if plan.is_empty() {
        return rest;
    }
    let held = if counts.held_back > 0 {
        format!(" {} steps wait for the next run.", counts.held_back)
    } else {
        String::new()
    };
    let effort = if plan.effort.writes > 0 {
        format!("\n{}", plan.effort)
    } else {
        String::new()
    };
    format!(
        "{} to create, {} to change, {} to delete. {rest}{held}{effort}",
        counts.create, counts.change, counts.delete
    )
}

fn header(out: &mut String, plan: &Plan, paint: &Paint) -> std::fmt::Result {
    let zone = TimeZone::get(&plan.time_zone).unwrap_or(TimeZone::UTC);
    let name = plan.tenant_name.as_deref().map_or_else(
        || plan.tenant.clone(),
        |name| format!("{name} ({})", plan.tenant),
    );
    let title = format!(
        "Plan for {} as of {}",
        printable(&name),
        show(plan.planned_for, &zone)
    );
    writeln!(out, "{}\n", paint.bold(&title))
}

/// Writes a step, with what changes below it.
pub(super) fn step(out: &mut String, step: &Step, paint: &Paint) -> std::fmt::Result {
    let sign = sign(step);
    let what = title(step);
    let gap = REASON.saturating_sub(what.chars().count() + 2).max(2);
    writeln!(
        out,
        "{} {}{:gap$}{}",
        paint.sign(sign),
        paint.bold(&what),
        "",
        paint.dim(&reason(&step.because))
    )?;
    let fields = fields(step);
    let width = fields.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default();
    for (name, change) in fields {
        writeln!(out, "    {name:width$}  {change}")?;
    }
    for note in &step.notes {
        writeln!(out, "    {}", printable(note))?;
    }
    Ok(())
}

/// Returns findings on their own.
pub fn advice(findings: &[Finding], color: bool) -> String {
    let paint = Paint(color);
    let mut out = String::new();
    for finding in findings {
        // Writing into a string does not fail.
        let _ = self::finding(&mut out, finding, &paint);
    }
    out
}

fn findings(out: &mut String, findings: &[Finding], paint: &Paint) -> std::fmt::Result {
    if findings.is_empty() {
        return Ok(());
    }
    out.push('\n');
    let mut shown: std::collections::BTreeMap<(Severity, &str), usize> =
        std::collections::BTreeMap::new();
    for finding in findings {
        let alike = shown.entry((finding.severity, &finding.code)).or_default();
        *alike += 1;
        if *alike <= ALIKE || finding.severity == Severity::Error {
            self::finding(out, finding, paint)?;
        }
    }
    for ((severity, code), count) in shown {
        if count > ALIKE && severity != Severity::Error {
            writeln!(
                out,
                "{}: {} more like this ({}); JSON lists them all",
                paint.severity(severity),
                count - ALIKE,
                printable(code)
            )?;
        }
    }
    Ok(())
}

fn finding(out: &mut String, finding: &Finding, paint: &Paint) -> std::fmt::Result {
    let about = finding
        .about
        .as_ref()
        .map(|about| format!("{}: ", printable(&about.to_string())))
        .unwrap_or_default();
    let origin = finding
        .origin
        .as_ref()
        .map(|origin| format!(" ({})", printable(&origin.to_string())))
        .unwrap_or_default();
    writeln!(
        out,
        "{}: {about}{}{}",
        paint.severity(finding.severity),
        printable(&finding.text),
        paint.dim(&origin)
    )?;
    if let Some(hint) = &finding.hint {
        for (number, line) in hint.lines().enumerate() {
            writeln!(
                out,
                "  {} {}",
                if number == 0 { "hint:" } else { "     " },
                printable(line)
            )?;
        }
    }
    Ok(())
}

/// Returns what a limit refuses.
pub(super) fn exceeded(limit: &Exceeded) -> String {
    let plural = if limit.found == 1 { "" } else { "s" };
    let what = match &limit.rule {
        rule if rule.contains("weakened") => format!(
            "polic{} that would protect less",
            if plural.is_empty() { "y" } else { "ies" }
        ),
        rule if rule.contains("expiries") => format!("guest{plural} whose day has come"),
        _ => format!("guest{plural} who would lose something"),
    };
    format!(
        "{} {what}, {} allows {}",
        limit.found,
        printable(&limit.rule),
        limit.allowed
    )
}

fn limits(out: &mut String, limits: &[Exceeded], paint: &Paint) -> std::fmt::Result {
    for limit in limits {
        let refused = paint.severity_text("refused", AnsiColor::Red);
        writeln!(out, "\n{refused}: {}", exceeded(limit))?;
        writeln!(
            out,
            "  hint: if that is meant, run with {}",
            printable(&limit.flag)
        )?;
    }
    Ok(())
}

/// Colours, or none.
pub(super) struct Paint(pub(super) bool);

impl Paint {
    fn with(&self, style: Style, text: &str) -> String {
        if self.0 {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    fn dim(&self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    fn sign(&self, sign: char) -> String {
        let color = match sign {
            '+' => AnsiColor::Green,
            '-' => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        self.with(color.on_default().bold(), &sign.to_string())
    }

    fn severity(&self, severity: Severity) -> String {
        match severity {
            Severity::Error => self.severity_text("error", AnsiColor::Red),
            Severity::Warning => self.severity_text("warning", AnsiColor::Yellow),
            Severity::Info => self.severity_text("info", AnsiColor::Cyan),
        }
    }

    fn severity_text(&self, text: &str, color: AnsiColor) -> String {
        self.with(color.on_default().bold(), text)
    }
}
