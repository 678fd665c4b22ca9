//! Plans for people and programs, all from the same value.

pub mod text;

use serde_json::Value;

use crate::kinds::{Action, Change, Object};
use crate::plan::{Because, Plan, Step};
use crate::safe::printable;

/// Returns the plan as JSON, for programs: the format that `apply` takes.
pub fn json(plan: &Plan) -> String {
    let mut text = serde_json::to_string_pretty(plan).unwrap_or_default();
    text.push('\n');
    text
}

/// Returns the mark of a step: `+` creates, `~` changes, `-` deletes.
fn sign(step: &Step) -> char {
    match step.change {
        Change::Create { .. } => '+',
        Change::Update { .. } | Change::Act { .. } => '~',
        Change::Delete { .. } => '-',
    }
}

/// Returns what a step does, where that is more than its properties show.
fn deed(change: &Change<Object>) -> Option<&'static str> {
    match change {
        Change::Act { action, .. } => Some(match action {
            Action::RevokeSessions => "revoke sessions",
            Action::Restore => "restore",
            Action::Repoint => "hand the account to another address",
            Action::ResetRedemption => "ask for consent again",
            Action::Remind => "send the invitation again",
        }),
        Change::Create {
            after: Object::Guest(_),
        } => Some("invite"),
        _ => None,
    }
}

/// Returns what a step is called: the object, and what happens to it where that is not plain.
pub fn title(step: &Step) -> String {
    let object = printable(&step.address.to_string());
    deed(&step.change).map_or_else(|| object.clone(), |deed| format!("{object}: {deed}"))
}

/// Returns a reason: where it stands, or what it is and where it stands.
fn reason(because: &Because) -> String {
    let text = printable(&because.text);
    match &because.origin {
        Some(origin) if because.text == "declared" => printable(&origin.to_string()),
        Some(origin) => format!("{text} ({})", printable(&origin.to_string())),
        None => text,
    }
}

/// Returns a value as people read it.
fn value(value: &Value) -> String {
    match value {
        Value::String(text) => printable(&format!("\"{text}\"")),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(self::value).collect::<Vec<_>>().join(", ")
        ),
        other => printable(&other.to_string()),
    }
}
