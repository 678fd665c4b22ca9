//! Plans for people and programs, all from the same value; and what an edit changes in a file.

pub mod expiring;
pub mod explain;
pub mod github;
pub mod html;
pub mod markdown;
pub mod notice;
mod patch;
pub mod text;

pub use patch::patch;

use serde_json::Value;

use crate::kinds::{Action, Change, Object};
use crate::plan::{Because, Plan, Step};
use crate::safe::{hides, printable};

/// Returns the plan as JSON, for programs: the format that `apply` takes.
pub fn json(plan: &Plan) -> String {
    let mut text = escaped(&serde_json::to_string_pretty(plan).unwrap_or_default());
    text.push('\n');
    text
}

/// Spells out, the way JSON does, what would hide or give orders in a log: the value is the same.
/// Outside of its strings JSON has neither such characters nor `::` or `##`.
pub fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut last = ' ';
    for c in json.chars() {
        let orders = c == last && matches!(c, ':' | '#');
        last = c;
        if (hides(c) && c != '\n') || orders {
            let mut units = [0; 2];
            out.extend(
                c.encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}")),
            );
        } else {
            out.push(c);
        }
    }
    out
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
            Action::Welcome => "send the welcome",
        }),
        Change::Create {
            after: Object::Guest(_),
        } => Some("invite"),
        _ => None,
    }
}

/// Returns what a step does, in a word or two.
pub(crate) fn verb(change: &Change<Object>) -> &'static str {
    if let Some(deed) = deed(change) {
        return deed;
    }
    match change {
        Change::Create { .. } => "create",
        Change::Delete { .. } => "delete",
        Change::Update {
            before: Object::Guest(before),
            after: Object::Guest(after),
        } => match (before.account_enabled, after.account_enabled) {
            (Some(true), Some(false)) => "disable",
            (Some(false), Some(true)) => "enable",
            _ if before.stamp.is_none() => "take on",
            _ => "update",
        },
        _ => "update",
    }
}

/// Returns what a step is called: the object, and what happens to it where that is not plain.
pub fn title(step: &Step) -> String {
    let object = printable(&step.address.to_string());
    deed(&step.change).map_or_else(|| object.clone(), |deed| format!("{object}: {deed}"))
}

/// Returns a reason: where it stands, or what it is and where it stands.
pub(crate) fn reason(because: &Because) -> String {
    let text = printable(&because.text);
    match &because.origin {
        Some(origin) if because.text == "declared" => printable(&origin.to_string()),
        Some(origin) => format!("{text} ({})", printable(&origin.to_string())),
        None => text,
    }
}

/// Properties that a step does not show: they say what its title says, or nothing to people.
const HIDDEN: [&str; 10] = [
    "templateId",
    "section",
    "policy",
    "guest",
    "group",
    "sponsor",
    "invitation",
    "mark",
    "clears",
    "externalUserState",
];

/// Returns the properties that a step changes, and from what to what.
fn fields(step: &Step) -> Vec<(String, String)> {
    // An edge has no properties.
    if matches!(
        step.change.object(),
        Object::Sponsor(_) | Object::Membership(_) | Object::Assignment(_)
    ) {
        return Vec::new();
    }
    // By their names: the ids are for programs.
    let value = |value: &Value| match value {
        Value::Object(map) => value_of(&Value::from_iter(map.keys().map(String::as_str))),
        other => value_of(other),
    };
    let creates = matches!(step.change, Change::Create { .. });
    let side = |side: &Option<Value>| side.as_ref().map_or_else(|| "nothing".to_owned(), value);
    let fields = step.change.fields().into_iter();
    let shown = fields.filter(|field| !HIDDEN.contains(&field.name.as_str()));
    shown
        .map(|field| {
            let change = if creates {
                side(&field.to)
            } else {
                format!("{} → {}", side(&field.from), side(&field.to))
            };
            (printable(&field.name), change)
        })
        .collect()
}

/// Returns a value as people read it.
fn value_of(value: &Value) -> String {
    match value {
        Value::String(text) => printable(&format!("\"{text}\"")),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(value_of).collect::<Vec<_>>().join(", ")
        ),
        other => printable(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_10_json_means_the_same_and_gives_no_orders() {
        let value =
            serde_json::json!({ "name": "\u{202e}::set-env name=X::y ##vso[x] \u{e0001}\u{1b}" });
        let text = escaped(&value.to_string());
        assert!(
            text.is_ascii() && !text.contains("::") && !text.contains("##"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
