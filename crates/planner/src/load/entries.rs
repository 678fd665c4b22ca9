//! The guests of all files: each file is read, checked against the rules and forgotten again, some
//! of them side by side. What one entry says of another is checked once all are known.

use std::collections::{BTreeMap, btree_map::Entry};

use super::sections::{self, Sections};
use super::{Checker, GUESTS, Groups};
use crate::kinds::guest::written::Declared;
use crate::parallel;
use crate::policy::Policy;
use crate::yaml::node::{Node, Place, Value};
use crate::yaml::{self, Mistake};

/// A guest, and where a mistake about its addresses would be.
struct Entered {
    guest: Declared,
    mail: Place,
    formerly: Place,
}

/// What one file holds.
struct File {
    entries: Vec<Entered>,
    mistakes: Vec<Mistake>,
}

/// Returns the guests of all files below guests/, by address.
pub(super) fn read(
    policy: &Policy,
    groups: &Groups,
    check: &mut Checker<'_>,
) -> BTreeMap<String, Declared> {
    let all = check.sources.iter().enumerate();
    let declaring = all.filter(|(_, source)| source.path.starts_with(GUESTS));
    let numbers = declaring.map(|(number, _)| number).collect();
    let files = parallel::map(numbers, |number| file(number, policy, groups, check.fork()));
    let mut guests = BTreeMap::new();
    let mut former = Vec::new();
    for file in files {
        check.mistakes.extend(file.mistakes);
        for Entered {
            guest,
            mail,
            formerly,
        } in file.entries
        {
            former.extend(
                guest
                    .formerly
                    .clone()
                    .map(|old| (old, guest.origin.clone(), formerly)),
            );
            match guests.entry(guest.key.clone()) {
                Entry::Vacant(entry) => drop(entry.insert(guest)),
                Entry::Occupied(entry) => {
                    let first: &Declared = entry.get();
                    let text = format!(
                        "`{}` is declared twice\nhint: it is also declared at {}",
                        guest.mail, first.origin
                    );
                    check.place(mail, text);
                }
            }
        }
    }
    let mut claimed = BTreeMap::new();
    for (old, origin, place) in former {
        if let Some(other) = guests.get(&old) {
            check.place(
                place,
                format!("`{old}` is still declared at {}", other.origin),
            );
        }
        if let Some(other) = claimed.insert(old.clone(), origin) {
            check.place(place, format!("`{old}` is also claimed at {other}"));
        }
    }
    guests
}

fn file(number: usize, policy: &Policy, groups: &Groups, mut check: Checker<'_>) -> File {
    let mut sections = Sections::new();
    sections::read(number, &mut sections, &mut check);
    let mut entries = Vec::new();
    for node in sections.get("guests").map_or(&[][..], Node::items) {
        let Some(guest) = Declared::read(node, &mut check) else {
            continue;
        };
        guest.meets(policy, node, &mut check);
        joins(node, groups, &mut check);
        entries.push(Entered {
            guest,
            mail: node.locate(&["mail".into()]),
            formerly: node.locate(&["formerly".into()]),
        });
    }
    let mistakes = check.mistakes;
    File { entries, mistakes }
}

/// Checks that an entry's groups are declared, and take members.
fn joins(node: &Node, groups: &Groups, check: &mut Checker<'_>) {
    let items = node.get("groups").map_or(&[][..], Node::items);
    for (index, item) in items.iter().enumerate() {
        let name = match (&item.value, item.get("name").map(|name| &name.value)) {
            (Value::Text(name), _) | (_, Some(Value::Text(name))) => name,
            _ => continue,
        };
        let path = ["groups".into(), index.into()];
        match groups.get(name) {
            None => {
                let hint = yaml::suggestion(name, groups.keys().map(String::as_str));
                check.path(
                    node,
                    &path,
                    format!(
                        "unknown group `{name}`\nhint: {hint}; groups are declared below policies/"
                    ),
                );
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
}
