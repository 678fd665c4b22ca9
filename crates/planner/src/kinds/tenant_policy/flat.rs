//! Policies of several levels, as properties by path: `conditions.users.includeGroups`. Whatever is not
//! managed keeps its place, also what this program has never heard of.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Properties;
use crate::yaml::scalar;

/// Returns the leaves of an object by their paths. What holds nothing is left out: Graph returns nothing,
/// `null` and an empty list for the same. Lists are sets, and sorted.
pub(super) fn flat(object: &Value) -> Properties {
    let mut leaves = Properties::new();
    collect(object, "", &mut leaves);
    leaves
}

fn collect(value: &Value, path: &str, leaves: &mut Properties) {
    match value {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(entries) => {
            for (name, value) in entries.iter().filter(|(name, _)| !is_annotation(name)) {
                let path = match path {
                    "" => name.clone(),
                    _ => format!("{path}.{name}"),
                };
                collect(value, &path, leaves);
            }
        }
        leaf => drop(leaves.insert(path.to_owned(), sorted(leaf.clone()))),
    }
}

/// Returns whether a key says something about another: `authenticationStrength@odata.context`.
fn is_annotation(name: &str) -> bool {
    name.contains('@') && name != "@odata.type"
}

/// Returns a list of texts in order, and anything else as it is.
pub(super) fn sorted(leaf: Value) -> Value {
    let texts = |items: &Vec<Value>| items.iter().all(Value::is_string);
    match leaf {
        Value::Array(items) if texts(&items) => {
            let items: BTreeSet<_> = items.iter().filter_map(Value::as_str).collect();
            json!(items)
        }
        other => other,
    }
}

/// Returns a text or a list of texts as YAML, and anything else as JSON, which YAML is a superset of.
pub(super) fn yaml(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(yaml).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns what is there with what is declared in its place. `null` stands for nothing, and for
/// whatever lies below.
pub(super) fn laid_over(observed: &Properties, declared: &Properties) -> Properties {
    let mut laid = observed.clone();
    for (path, value) in declared {
        let below = format!("{path}.");
        laid.retain(|other, _| other != path && !other.starts_with(&below));
        if !value.is_null() {
            laid.insert(path.clone(), value.clone());
        }
    }
    laid
}

/// Returns the object that has these leaves.
pub(super) fn nested<'a>(leaves: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Value {
    let mut whole = Map::new();
    for (path, value) in leaves {
        put(&mut whole, path, value.clone());
    }
    Value::Object(whole)
}

fn put(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        // The one name with a dot in it.
        Some(("@odata", _)) | None => drop(into.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = into.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Returns the blocks at the top that differ, each whole: Graph replaces them. What is there no more is
/// sent as nothing; a block below `keeps` is never `null`.
pub(super) fn differing(before: &Properties, after: &Properties, keeps: &[&str]) -> Value {
    let differs = |path: &&String| before.get(*path) != after.get(*path);
    let top = |path: &String| path.split('.').next().unwrap_or_default().to_owned();
    let paths = before.keys().chain(after.keys());
    let blocks: BTreeSet<_> = paths.filter(differs).map(top).collect();
    let is_sent = |path: &&String| blocks.contains(&top(path));
    let mut sent: Properties = after
        .iter()
        .filter(|(path, _)| is_sent(path))
        .map(|(path, value)| (path.clone(), value.clone()))
        .collect();
    for (path, value) in before.iter().filter(|(path, _)| is_sent(path)) {
        if after.contains_key(path) {
            continue;
        }
        match emptied(path, after, keeps) {
            // A value that names its type is replaced as a whole.
            Some((block, _)) if after.contains_key(&format!("{block}.@odata.type")) => {}
            Some((_, false)) => {
                let nothing = if value.is_array() {
                    json!([])
                } else {
                    Value::Null
                };
                sent.insert(path.clone(), nothing);
            }
            Some((block, true)) => drop(sent.insert(block, Value::Null)),
            None => drop(sent.insert(path.clone(), Value::Null)),
        }
    }
    nested(&sent)
}

/// Returns the outermost block around a path of which nothing is left, or else the one it lies in; and
/// whether nothing is left.
fn emptied(path: &str, after: &Properties, keeps: &[&str]) -> Option<(String, bool)> {
    let ends = path.match_indices('.').map(|(end, _)| end);
    let blocks: Vec<_> = ends.map(|end| &path[..end]).collect();
    let is_left = |block: &str| {
        let below = format!("{block}.");
        keeps.contains(&block) || after.keys().any(|path| path.starts_with(&below))
    };
    let gone = blocks.iter().find(|block| !is_left(block));
    let gone = gone.map(|block| ((*block).to_owned(), true));
    gone.or_else(|| blocks.last().map(|block| ((*block).to_owned(), false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(before: Value, after: Value) -> String {
        let keeps = ["conditions", "conditions.users"];
        differing(&flat(&before), &flat(&after), &keeps).to_string()
    }

    #[test]
    fn what_is_unknown_survives() {
        let policy = json!({
            "state": "enabled", "of": { "the": { "future": 1 }, "nothing": null, "x@odata.context": "c" },
            "list": ["b", "a"], "empty": [],
        });
        let leaves = flat(&policy);
        insta::assert_snapshot!(json!(leaves), @r#"{"list":["a","b"],"of.the.future":1,"state":"enabled"}"#);
        insta::assert_snapshot!(nested(&leaves), @r#"{"list":["a","b"],"of":{"the":{"future":1}},"state":"enabled"}"#);
    }

    #[test]
    fn only_blocks_that_differ_are_sent_and_each_whole() {
        let before = json!({ "state": "enabled", "conditions": { "users": { "a": ["x"], "b": ["y"] }, "new": 1 } });
        let after =
            json!({ "state": "enabled", "conditions": { "users": { "b": ["z"] }, "new": 1 } });
        insta::assert_snapshot!(body(before, after), @r#"{"conditions":{"new":1,"users":{"a":[],"b":["z"]}}}"#);
    }

    #[test]
    fn a_block_of_which_nothing_is_left_is_cleared() {
        let before = json!({ "conditions": { "users": { "a": ["x"] }, "places": { "in": ["p"] } }, "session": { "browser": { "mode": "never" } } });
        let after = json!({ "conditions": { "users": { "guests": { "kind": "all" } } } });
        insta::assert_snapshot!(body(before, after), @r#"{"conditions":{"places":null,"users":{"a":[],"guests":{"kind":"all"}}},"session":null}"#);
    }

    #[test]
    fn a_value_of_another_type_is_replaced() {
        let before = json!({ "who": { "@odata.type": "#some", "kind": "some", "members": ["m"] } });
        let after = json!({ "who": { "@odata.type": "#all", "kind": "all" } });
        insta::assert_snapshot!(body(before, after), @r##"{"who":{"@odata.type":"#all","kind":"all"}}"##);
    }

    /// What Graph has after a change if it merges objects, or replaces them at the top.
    fn changed(before: &Value, body: &Value, merges: bool) -> Value {
        let (Some(old), Some(new)) = (before.as_object(), body.as_object()) else {
            return body.clone();
        };
        // An object of another type is another object.
        if merges && new.contains_key("@odata.type") {
            return body.clone();
        }
        let mut whole = old.clone();
        for (name, value) in new {
            let was = old.get(name).unwrap_or(&Value::Null);
            let value = if merges {
                changed(was, value, true)
            } else {
                value.clone()
            };
            whole.insert(name.clone(), value);
        }
        Value::Object(whole)
    }

    #[test]
    fn a_change_means_the_same_whether_objects_are_merged_or_replaced() {
        let one = json!({ "@odata.type": "#one", "members": ["m"] });
        let states = [
            json!({ "state": "on", "conditions": { "users": { "in": ["a"], "out": ["b"], "who": one }, "new": { "x": 1 } } }),
            json!({ "state": "off", "conditions": { "users": { "in": ["a", "c"] } }, "session": { "often": { "value": 1, "on": true } } }),
            json!({ "conditions": { "users": { "who": { "@odata.type": "#all" } }, "places": { "in": ["p"], "out": [] } } }),
            json!({ "conditions": {}, "session": { "often": { "on": true }, "browser": { "mode": "never" } }, "grant": { "op": "OR" } }),
            json!({ "grant": { "op": "AND", "strength": "s" }, "conditions": { "users": { "in": [], "out": null } } }),
        ];
        for before in &states {
            for after in &states {
                let body = differing(
                    &flat(before),
                    &flat(after),
                    &["conditions", "conditions.users"],
                );
                for merges in [false, true] {
                    let found = flat(&changed(before, &body, merges));
                    assert_eq!(found, flat(after), "{before} {after} {body} {merges}");
                }
            }
        }
    }
}
