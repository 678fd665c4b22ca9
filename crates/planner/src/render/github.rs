//! Annotations: what a job prints so that GitHub shows it beside the lines of a pull request.
//! Source: "Workflow commands for GitHub Actions".

use crate::finding::{Finding, Severity};
use crate::load::Origin;
use crate::plan::Plan;
use crate::safe::printable;
use crate::yaml::Mistake;

use super::text;

/// Returns the findings and limits of a plan as annotations, and the line that sums it up. GitHub
/// counts paths from the root of the repository: `below` is what stands before those of the files.
pub fn plan(plan: &Plan, below: &str) -> String {
    let mut out = findings(&plan.findings, below);
    for limit in &plan.limits {
        let text = format!("refused: {}", text::exceeded(limit));
        let hint = format!("if that is meant, run with {}", limit.flag);
        out += &command("error", "", &with_hint(&text, Some(&hint)));
    }
    out + &text::summary(plan) + "\n"
}

/// Returns findings as annotations, with paths as in [`plan`].
pub fn findings(findings: &[Finding], below: &str) -> String {
    let mut out = String::new();
    for finding in findings {
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let about = finding.about.as_ref().map(|about| format!("{about}: "));
        let text = format!("{}{}", about.unwrap_or_default(), finding.text);
        let place = finding.origin.as_ref().map(|origin| place(origin, below));
        let place = place.unwrap_or_default();
        out += &command(level, &place, &with_hint(&text, finding.hint.as_deref()));
    }
    out
}

/// Returns mistakes in the files as annotations, with paths as in [`plan`].
pub fn mistakes(mistakes: &[Mistake], below: &str) -> String {
    let annotation = |mistake: &Mistake| {
        let mut place = file(&mistake.path, below);
        if mistake.place.line > 0 {
            place += &format!(",line={},col={}", mistake.place.line, mistake.place.column);
        }
        let text = with_hint(&mistake.message, mistake.hint.as_deref());
        command("error", &place, &text)
    };
    mistakes.iter().map(annotation).collect()
}

fn place(origin: &Origin, below: &str) -> String {
    format!("{},line={}", file(&origin.file, below), origin.line)
}

fn file(path: &str, below: &str) -> String {
    format!("file={}{}", property(below), property(path))
}

fn with_hint(text: &str, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{text}. Hint: {}", hint.replace('\n', " ")),
        None => text.to_owned(),
    }
}

fn command(level: &str, place: &str, text: &str) -> String {
    let space = if place.is_empty() { "" } else { " " };
    format!("::{level}{space}{place}::{}\n", data(text))
}

/// Returns text as a command takes it: one line, in which nothing begins another command.
fn data(text: &str) -> String {
    printable(text).replace('%', "%25")
}

/// Returns text as a property of a command takes it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_10_text_begins_no_command_of_its_own() {
        let mut mistake = Mistake::file("guests/a,b:c.yaml", "x\n::set-env name=A::b %0A");
        mistake.place.line = 3;
        mistake.place.column = 5;
        assert_eq!(
            mistakes(&[mistake], "sub/"),
            "::error file=sub/guests/a%2Cb%3Ac.yaml,line=3,col=5::x\\u{a}:\\:set-env name=A:\\:b %250A\n"
        );
    }
}
