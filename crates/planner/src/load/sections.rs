//! From files to sections: which may stand where, lists of several files put together, and keys
//! that are written twice.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Checker, GUESTS, LATER, LISTS, RULES};
use crate::kinds::tenant_policy::Section;
use crate::yaml;
use crate::yaml::node::{Key, Node, Place, Value, parse};

/// The sections of some files, by name.
pub(super) type Sections = BTreeMap<String, Node>;

/// Returns the sections of all files but those of guests.
pub(super) fn policies(check: &mut Checker<'_>) -> Sections {
    let mut sections = Sections::new();
    for (number, source) in check.sources.iter().enumerate() {
        if !source.path.starts_with(GUESTS) {
            read(number, &mut sections, check);
        }
    }
    sections
}

/// Adds the sections of a file to those of others.
pub(super) fn read(file: usize, all: &mut Sections, check: &mut Checker<'_>) {
    let source = &check.sources[file];
    let mut root = match parse(&source.text, file) {
        Ok(root) => root,
        Err(error) => {
            return check.place(error.place, format!("this is no YAML: {}", error.message));
        }
    };
    duplicates(&mut root, check);
    match root.value {
        Value::Map(entries) if !entries.is_empty() => {
            for (key, node) in entries {
                section(&key, node, source.path.starts_with(GUESTS), all, check);
            }
        }
        Value::Null | Value::Map(_) => check.place(
            root.place,
            "the file holds nothing\nhint: delete the file if that is meant",
        ),
        _ => check.place(
            root.place,
            format!(
                "expected sections such as `guests:`, found {}",
                root.describe()
            ),
        ),
    }
}

fn section(key: &Key, node: Node, in_guests: bool, all: &mut Sections, check: &mut Checker<'_>) {
    let name = key.name.as_str();
    if LATER.contains(&name) {
        return check.place(key.place, format!("section `{name}` is not supported yet"));
    }
    let policy = Section::of(name);
    if !LISTS.contains(&name) && !RULES.contains(&name) && policy.is_none() {
        let policies = Section::ALL.iter().map(|section| section.key());
        let known = LISTS.iter().chain(RULES).copied().chain(policies);
        let hint = yaml::suggestion(name, known);
        return check.place(key.place, format!("unknown section `{name}`\nhint: {hint}"));
    }
    if in_guests != (name == "guests") {
        let message = if in_guests {
            format!(
                "section `{name}` below guests/\nhint: only `guests:` may stand there; move it below policies/"
            )
        } else {
            "section `guests` below policies/\nhint: guests are declared below guests/".to_owned()
        };
        return check.place(key.place, message);
    }
    let empty = match &node.value {
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        value => *value == Value::Null,
    };
    if empty {
        return check.place(
            key.place,
            format!("`{name}:` holds nothing\nhint: delete it if that is meant"),
        );
    }
    let is_list = matches!(node.value, Value::List(_));
    let lists = LISTS.contains(&name) || policy.is_some_and(|section| section.terms().is_list());
    if lists != is_list {
        let expected = if is_list { "a mapping" } else { "a list" };
        return check.place(
            node.place,
            format!("expected {expected}, found {}", node.describe()),
        );
    }
    match all.entry(name.to_owned()) {
        Entry::Vacant(entry) => drop(entry.insert(node)),
        Entry::Occupied(mut entry) => merge(entry.get_mut(), node, name, check),
    }
}

/// Adds the values of a further file: lists add up, mappings join, a single value twice is wrong.
fn merge(into: &mut Node, from: Node, name: &str, check: &mut Checker<'_>) {
    match (&mut into.value, from.value) {
        (Value::List(items), Value::List(more)) => items.extend(more),
        (Value::Map(entries), Value::Map(more)) => {
            for (key, node) in more {
                match entries.iter_mut().find(|(known, _)| known.name == key.name) {
                    Some((_, known)) => merge(known, node, &key.name, check),
                    None => entries.push((key, node)),
                }
            }
        }
        _ => {
            let first = check.origin(into.place);
            check.place(
                from.place,
                format!("`{name}` is set twice\nhint: it is also set at {first}"),
            );
        }
    }
}

/// Reports keys that are written twice, and keeps the first of them.
fn duplicates(node: &mut Node, check: &mut Checker<'_>) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| duplicates(item, check)),
        Value::Map(entries) => {
            let mut seen: BTreeMap<String, Place> = BTreeMap::new();
            entries.retain_mut(|(key, value)| {
                duplicates(value, check);
                let Some(first) = seen.get(&key.name) else {
                    seen.insert(key.name.clone(), key.place);
                    return true;
                };
                check.place(
                    key.place,
                    format!(
                        "`{}` is written twice\nhint: it also stands in line {}",
                        key.name, first.line
                    ),
                );
                false
            });
        }
        _ => {}
    }
}
