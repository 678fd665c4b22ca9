//! What a file means before and after a change, wherever its values stand: the check on every edit.

use super::{ByItem, Change};
use crate::yaml::node::{Key, Node, Place, Value};

/// Returns what the file should mean after the changes.
pub(super) fn changed(mut root: Node, wanted: &ByItem<'_>) -> Option<Node> {
    let Value::Map(sections) = &mut root.value else {
        return None;
    };
    let (_, list) = sections.iter_mut().find(|(key, _)| key.name == "guests")?;
    let Value::List(items) = &mut list.value else {
        return None;
    };
    for (number, (_, change)) in wanted {
        if let Change::Until(date) = change {
            expire(items.get_mut(*number)?, date);
        }
    }
    let mut number = 0..;
    let gone = |number| matches!(wanted.get(&number), Some((_, Change::Remove)));
    items.retain(|_| number.next().is_some_and(|number| !gone(number)));
    Some(root)
}

fn expire(entry: &mut Node, date: &str) {
    let Value::Map(entries) = &mut entry.value else {
        return;
    };
    let value = Node {
        place: Place::default(),
        value: Value::Text(date.to_owned()),
    };
    match entries.iter_mut().find(|(key, _)| key.name == "expires") {
        Some((_, found)) => *found = value,
        None => {
            let key = Key {
                name: "expires".to_owned(),
                place: Place::default(),
            };
            entries.push((key, value));
        }
    }
}

/// Returns whether two values are the same wherever they stand; the order of keys means nothing.
pub(super) fn means(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| means(one, other))
        }
        (Value::Map(entries), Value::Map(others)) => {
            let same = |(key, node): &(Key, Node)| {
                other.get(&key.name).is_some_and(|other| means(node, other))
            };
            entries.len() == others.len() && entries.iter().all(same)
        }
        (one, other) => one == other,
    }
}
