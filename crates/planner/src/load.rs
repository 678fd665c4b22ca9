//! YAML text in, what should be and the rules for it out. Reports every mistake of every file in
//! one go; while there is one, nothing is planned. Reading files is left to the caller.

use std::collections::{BTreeMap, btree_map::Entry};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::kinds::{group, guest};
use crate::policy::Policy;
use crate::yaml::node::{Key, Place, Value, parse};
use crate::yaml::{self, Mistake, Node, Source, Step};

/// The folder of guests.
pub const GUESTS: &str = "guests/";

/// Sections that the contract knows and this version does not act on yet.
const LATER: &[&str] = &[
    "groupExpiration",
    "conditionalAccess",
    "accessReviews",
    "catalogs",
    "accessPackages",
    "externalCollaboration",
    "crossTenantAccess",
    "namedLocations",
];

/// The sections whose items are objects; lists of all files add up.
const LISTS: &[&str] = &["guests", "groups"];

/// The sections that hold single values.
const RULES: &[&str] = &["tenant", "scope", "requirements", "lifecycle", "limits"];

/// What should be, as people wrote it.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// Guests by address in lower case.
    pub guests: BTreeMap<String, guest::written::Declared>,
    /// Groups by name.
    pub groups: BTreeMap<String, group::written::Declared>,
}

/// A whole repository, understood.
#[derive(Clone, Debug)]
pub struct Config {
    /// What should be.
    pub desired: Desired,
    /// The rules for it.
    pub policy: Policy,
    /// Names the exact text it was read from, in any order of files.
    pub digest: String,
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Collects mistakes and knows which file each place is in.
#[derive(Debug)]
pub struct Checker<'a> {
    sources: &'a [Source],
    files: Vec<Arc<str>>,
    mistakes: Vec<Mistake>,
    /// The instant that "within" counts from.
    pub now: Timestamp,
}

impl<'a> Checker<'a> {
    fn new(sources: &'a [Source], now: Timestamp) -> Self {
        let files = sources
            .iter()
            .map(|source| Arc::from(source.path.as_str()))
            .collect();
        Self {
            sources,
            files,
            mistakes: Vec::new(),
            now,
        }
    }

    /// Returns where a place is.
    pub fn origin(&self, place: Place) -> Origin {
        Origin {
            file: self.files[place.file].clone(),
            line: place.line,
        }
    }

    /// Reports a mistake at a place. A second line `hint: …` becomes the hint.
    pub fn place(&mut self, place: Place, message: impl Into<String>) {
        let message = message.into();
        let (message, hint) = match message.split_once("\nhint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        let path = self.sources[place.file].path.clone();
        self.mistakes.push(Mistake {
            path,
            place,
            message,
            hint,
        });
    }

    /// Reports a mistake about a key of a mapping, or about the mapping if the key is not there.
    pub fn at(&mut self, node: &Node, key: &str, message: impl Into<String>) {
        self.path(node, &[key.into()], message);
    }

    /// Reports a mistake about the part that a path leads to.
    pub fn path(&mut self, node: &Node, path: &[Step], message: impl Into<String>) {
        self.place(node.locate(path), message);
    }

    /// Decodes a value and reports what is wrong with it. `also` are further known keys.
    pub fn decode<T: DeserializeOwned>(&mut self, node: &Node, also: &[&str]) -> Option<T> {
        yaml::decode(node, also, |error, place| {
            let hint = error
                .hint
                .map(|hint| format!("\nhint: {hint}"))
                .unwrap_or_default();
            self.place(place, format!("{}{hint}", error.message));
        })
    }

    /// Reports keys that this version does not act on yet.
    pub fn later(&mut self, node: &Node, keys: &[&str]) {
        for (key, _) in node
            .entries()
            .iter()
            .filter(|(key, _)| keys.contains(&key.name.as_str()))
        {
            self.place(key.place, format!("`{}` is not supported yet", key.name));
        }
    }

    /// Reports a part that this version does not act on yet.
    pub fn later_at(&mut self, node: &Node, path: &[Step]) {
        let mut part = Some(node);
        for step in path {
            part = part.and_then(|part| match step {
                Step::Key(key) => part.get(key),
                Step::Item(index) => part.items().get(*index),
            });
        }
        if let (Some(_), Some(Step::Key(name))) = (part, path.last()) {
            self.path(node, path, format!("`{name}` is not supported yet"));
        }
    }

    /// Reports keys that hold nothing: neither "leave alone" nor "none" was said.
    pub fn nothing_held(&mut self, node: &Node, may_be_null: impl Fn(&str) -> bool) {
        for (key, value) in node.entries() {
            if value.value == Value::Null && !may_be_null(&key.name) {
                let name = &key.name;
                self.place(key.place, format!("`{name}` holds nothing\nhint: leave the key out to leave it alone, or write an empty list for none"));
            }
        }
    }
}

/// Reads a repository as of `now`.
pub fn load(sources: &[Source], now: Timestamp) -> Result<Config, Vec<Mistake>> {
    let mut check = Checker::new(sources, now);
    let sections = sections(&mut check);
    let policy = policy(&sections, &mut check);
    let guests = guests(&sections, &policy, &mut check);
    let groups = groups(&sections, &mut check);
    let desired = Desired { guests, groups };
    references(&desired, &sections, &mut check);
    if !policy.tenant.is_sandbox()
        && policy.tenant.owner.is_none()
        && sections.contains_key("tenant")
    {
        check.at(&sections["tenant"], "id", "a real tenant needs `tenant.owner`\nhint: name this repository, such as partner-access: guests carry the name");
    }
    if check.mistakes.is_empty() {
        return Ok(Config {
            desired,
            policy,
            digest: digest(sources),
        });
    }
    check.mistakes.sort();
    check.mistakes.dedup();
    Err(check.mistakes)
}

/// Returns every section with the values of all files put together.
fn sections(check: &mut Checker<'_>) -> BTreeMap<String, Node> {
    let mut all = BTreeMap::new();
    for (file, source) in check.sources.iter().enumerate() {
        let mut root = match parse(&source.text, file) {
            Ok(root) => root,
            Err(error) => {
                check.place(error.place, format!("this is no YAML: {}", error.message));
                continue;
            }
        };
        duplicates(&mut root, check);
        match &root.value {
            Value::Map(entries) if !entries.is_empty() => {
                for (key, node) in entries {
                    section(key, node, source.path.starts_with(GUESTS), &mut all, check);
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
    all
}

fn section(
    key: &Key,
    node: &Node,
    in_guests: bool,
    all: &mut BTreeMap<String, Node>,
    check: &mut Checker<'_>,
) {
    let name = key.name.as_str();
    if LATER.contains(&name) {
        return check.place(key.place, format!("section `{name}` is not supported yet"));
    }
    if !LISTS.contains(&name) && !RULES.contains(&name) {
        let hint = yaml::suggestion(name, LISTS.iter().chain(RULES).copied());
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
    if LISTS.contains(&name) != is_list {
        let expected = if is_list { "a mapping" } else { "a list" };
        return check.place(
            node.place,
            format!("expected {expected}, found {}", node.describe()),
        );
    }
    match all.entry(name.to_owned()) {
        Entry::Vacant(entry) => drop(entry.insert(node.clone())),
        Entry::Occupied(mut entry) => merge(entry.get_mut(), node, name, check),
    }
}

/// Adds the values of a further file: lists add up, mappings join, a single value twice is wrong.
fn merge(into: &mut Node, from: &Node, name: &str, check: &mut Checker<'_>) {
    match (&mut into.value, &from.value) {
        (Value::List(items), Value::List(more)) => items.extend(more.iter().cloned()),
        (Value::Map(entries), Value::Map(more)) => {
            for (key, node) in more {
                match entries.iter_mut().find(|(known, _)| known.name == key.name) {
                    Some((_, known)) => merge(known, node, &key.name, check),
                    None => entries.push((key.clone(), node.clone())),
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

fn policy(sections: &BTreeMap<String, Node>, check: &mut Checker<'_>) -> Policy {
    fn rule<T: DeserializeOwned + Default>(
        name: &str,
        sections: &BTreeMap<String, Node>,
        check: &mut Checker<'_>,
    ) -> T {
        sections
            .get(name)
            .and_then(|node| {
                for (_, part) in node.entries() {
                    check.nothing_held(part, |_| false);
                }
                check.nothing_held(node, |_| false);
                check.decode(node, &[])
            })
            .unwrap_or_default()
    }
    Policy {
        tenant: rule("tenant", sections, check),
        scope: rule("scope", sections, check),
        requirements: rule("requirements", sections, check),
        lifecycle: rule("lifecycle", sections, check),
        limits: rule("limits", sections, check),
    }
}

fn guests(
    sections: &BTreeMap<String, Node>,
    policy: &Policy,
    check: &mut Checker<'_>,
) -> BTreeMap<String, guest::written::Declared> {
    let mut guests = BTreeMap::new();
    for node in sections.get("guests").map_or(&[][..], Node::items) {
        let Some(guest) = guest::written::Declared::read(node, check) else {
            continue;
        };
        guest.meets(policy, node, check);
        match guests.entry(guest.key.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(guest)),
            Entry::Occupied(entry) => {
                let first: &guest::written::Declared = entry.get();
                check.at(
                    node,
                    "mail",
                    format!(
                        "`{}` is declared twice\nhint: it is also declared at {}",
                        guest.mail, first.origin
                    ),
                );
            }
        }
    }
    guests
}

fn groups(
    sections: &BTreeMap<String, Node>,
    check: &mut Checker<'_>,
) -> BTreeMap<String, group::written::Declared> {
    let mut groups: BTreeMap<String, group::written::Declared> = BTreeMap::new();
    for node in sections.get("groups").map_or(&[][..], Node::items) {
        let Some(group) = group::written::Declared::read(node, check) else {
            continue;
        };
        match groups.entry(group.name.to_lowercase()) {
            Entry::Vacant(entry) => drop(entry.insert(group)),
            Entry::Occupied(entry) => {
                let first: &group::written::Declared = entry.get();
                check.at(
                    node,
                    "name",
                    format!(
                        "group `{}` is declared twice\nhint: it is also declared at {}",
                        group.name, first.origin
                    ),
                );
            }
        }
    }
    // Names are compared without case, as the tenant does.
    groups
        .into_values()
        .map(|group| (group.name.clone(), group))
        .collect()
}

/// Checks what one entry says of others: its groups, its former address.
fn references(desired: &Desired, sections: &BTreeMap<String, Node>, check: &mut Checker<'_>) {
    let mut formerly = BTreeMap::new();
    for node in sections.get("guests").map_or(&[][..], Node::items) {
        let Some(Value::Text(mail)) = node.get("mail").map(|mail| &mail.value) else {
            continue;
        };
        let Some(guest) = desired.guests.get(&crate::domain::normal(mail)) else {
            continue;
        };
        for (index, item) in node
            .get("groups")
            .map_or(&[][..], Node::items)
            .iter()
            .enumerate()
        {
            let name = match (&item.value, item.get("name").map(|name| &name.value)) {
                (Value::Text(name), _) | (_, Some(Value::Text(name))) => name,
                _ => continue,
            };
            let path = ["groups".into(), index.into()];
            match desired.groups.get(name) {
                None => {
                    let hint = yaml::suggestion(name, desired.groups.keys().map(String::as_str));
                    check.path(node, &path, format!("unknown group `{name}`\nhint: {hint}; groups are declared below policies/"));
                }
                Some(group) if group.rule.is_some() => {
                    let text = format!(
                        "group `{name}` has a membershipRule ({}): its members follow the rule",
                        group.origin
                    );
                    check.path(node, &path, text);
                }
                Some(_) => {}
            }
        }
        let Some(old) = &guest.formerly else { continue };
        if let Some(other) = desired.guests.get(old) {
            check.at(
                node,
                "formerly",
                format!("`{old}` is still declared at {}", other.origin),
            );
        }
        if let Some(other) = formerly.insert(old.clone(), guest.origin.clone()) {
            check.at(
                node,
                "formerly",
                format!("`{old}` is also claimed at {other}"),
            );
        }
    }
}

/// Returns a digest that names the text of all files, whatever the order they were read in.
fn digest(sources: &[Source]) -> String {
    let files: BTreeMap<_, _> = sources
        .iter()
        .map(|source| (&source.path, &source.text))
        .collect();
    let mut hash = Sha256::new();
    for (path, text) in files {
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
