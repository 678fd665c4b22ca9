//! Changes single entries of a guest file in place: all other bytes stay, comments, quotes and line
//! endings among them. What comes out is parsed again and must mean what was meant, or nothing comes
//! out. Which entries, and why, is left to the caller.

mod lines;
mod meaning;
mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use self::meaning::{changed, means};
use self::page::Page;
use super::node;
use super::outline::{self, Part, Shape};
use crate::domain;

/// What to change about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets `expires:` to this.
    Until(String),
    /// Takes the entry out, with the comments that belong to it.
    Remove,
    /// Says in a comment that the guest has left, and when if that is known.
    Left(Option<String>),
}

/// Why an entry cannot be changed in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// What would change stands elsewhere, or for others too.
    #[error("the entry shares values with others by an anchor, an alias or a merge key")]
    Shared,
    /// The result would not mean what was meant.
    #[error("the entry cannot be edited in place")]
    Unsure,
}

/// Text to put in the place of other text.
#[derive(Clone, Debug)]
struct Splice {
    range: Range<usize>,
    text: String,
}

impl Splice {
    fn cut(range: Range<usize>) -> Self {
        Self {
            range,
            text: String::new(),
        }
    }
}

/// Returns a guest file with changes to the entries of some addresses, compared as the loader
/// does; nothing if no entry is left, for then the file must go. On an error, says whose entry
/// cannot be changed.
pub fn edit(
    text: &str,
    changes: &BTreeMap<String, Change>,
) -> Result<Option<String>, (String, Why)> {
    let unsure = || {
        let first = changes.keys().next();
        (first.cloned().unwrap_or_default(), Why::Unsure)
    };
    let before = node::parse(text, 0).map_err(|_| unsure())?;
    let root = outline::read(text).ok_or_else(unsure)?;
    let list = value_of(&root, "guests").ok_or_else(unsure)?;
    let page = Page::new(text, list).ok_or_else(unsure)?;
    let wanted = by_item(page.items, changes)?;
    if wanted.len() == page.items.len() && wanted.values().all(|(_, change)| change.removes()) {
        return Ok(None);
    }
    let splices = page.splices(&wanted, &before)?;
    let after = spliced(text, splices).ok_or_else(unsure)?;
    let meant = changed(before, &wanted).ok_or_else(unsure)?;
    match node::parse(&after, 0) {
        Ok(found) if means(&found, &meant) => Ok(Some(after)),
        // Others may have taken over what changed, or the name that went.
        _ => Err(page.anchored(&wanted).unwrap_or_else(unsure)),
    }
}

impl Change {
    fn removes(&self) -> bool {
        *self == Self::Remove
    }
}

/// Changes by the number of their entry, each with the address it is for.
type ByItem<'a> = BTreeMap<usize, (&'a str, &'a Change)>;

/// Finds the entry of every change.
fn by_item<'a>(
    items: &[Part],
    changes: &'a BTreeMap<String, Change>,
) -> Result<ByItem<'a>, (String, Why)> {
    let mut found = ByItem::new();
    let mut open: BTreeMap<_, _> = changes.iter().collect();
    for (number, item) in items.iter().enumerate() {
        let Some(Shape::Scalar(mail, _)) = value_of(item, "mail").map(|part| &part.shape) else {
            continue;
        };
        if let Some((key, change)) = open.remove_entry(&domain::normal(mail)) {
            found.insert(number, (key, change));
        }
    }
    match open.keys().next() {
        Some(key) => Err(((*key).clone(), Why::Shared)),
        None => Ok(found),
    }
}

/// Returns the value that is written under a key.
fn value_of<'a>(part: &'a Part, key: &str) -> Option<&'a Part> {
    entry_of(part, key).map(|(_, value)| value)
}

fn entry_of<'a>(part: &'a Part, key: &str) -> Option<&'a (Part, Part)> {
    let Shape::Map { entries, .. } = &part.shape else {
        return None;
    };
    let is_it = |part: &Part| matches!(&part.shape, Shape::Scalar(name, _) if name == key);
    entries.iter().find(|(name, _)| is_it(name))
}

/// Returns the text with its splices; none if one changes what another takes away.
fn spliced(text: &str, mut splices: Vec<Splice>) -> Option<String> {
    splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for Splice { range, text: new } in splices {
        if range.start < at && !new.is_empty() {
            return None;
        }
        out.push_str(text.get(at..range.start.max(at))?);
        out.push_str(&new);
        at = at.max(range.end);
    }
    out.push_str(text.get(at..)?);
    Some(out)
}
