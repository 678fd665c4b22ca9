//! A guest file as a page: where on it each change is to be made. Whether the result means what was
//! meant is checked elsewhere.

use std::ops::Range;

use super::lines::{Extent, Lines};
use super::{ByItem, Change, Splice, Why, entry_of, value_of};
use crate::yaml::node::Node;
use crate::yaml::outline::{Part, Quote, Shape};

/// How the comment begins that says of a guest to have left.
const LEFT: &str = "left the tenant or was deleted";

/// A file, and the list of its guests.
pub(super) struct Page<'a> {
    lines: Lines<'a>,
    /// Whether the list stands in brackets.
    flow: bool,
    pub(super) items: &'a [Part],
    /// The lines of each entry that has lines to itself.
    extents: Vec<Option<Extent>>,
}

/// What went before an entry.
struct Gone {
    /// All entries so far went.
    all: bool,
    /// The entry before went, with the comma after it.
    comma: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(text: &'a str, list: &'a Part) -> Option<Self> {
        let Shape::List { flow, items } = &list.shape else {
            return None;
        };
        let lines = Lines(text);
        // What stands above the first entry begins with `guests:`, which is no comment.
        let mut floor = if *flow {
            lines.next(list.range.start)
        } else {
            0
        };
        let extents = items.iter().map(|item| {
            let extent = if *flow {
                lines.in_brackets(&item.range, floor)
            } else {
                lines.dashed(&item.range, floor)
            };
            let last = lines.last_char(&item.range);
            floor = extent.map_or_else(|| lines.next(last), |extent| extent.end);
            extent
        });
        Some(Self {
            lines,
            flow: *flow,
            items,
            extents: extents.collect(),
        })
    }

    pub(super) fn splices(
        &self,
        wanted: &ByItem<'_>,
        before: &Node,
    ) -> Result<Vec<Splice>, (String, Why)> {
        let entries = before.get("guests").map_or(&[][..], Node::items);
        let expires = |number: usize| entries.get(number)?.get("expires");
        let mut splices = Vec::new();
        let mut gone = Gone {
            all: true,
            comma: false,
        };
        for number in 0..self.items.len() {
            let change = wanted.get(&number);
            if !change.is_some_and(|(_, change)| change.removes()) {
                gone.all = false;
                gone.comma = false;
            }
            let Some((key, change)) = change else {
                continue;
            };
            let made = match change {
                Change::Until(date) => {
                    let known = expires(number).is_some();
                    self.until(&self.items[number], date, known)
                        .map(|splice| vec![splice])
                }
                Change::Left(when) => self.left(number, when.as_deref()),
                Change::Remove => self.removal(number, &mut gone),
            };
            splices.extend(made.map_err(|why| ((*key).to_owned(), why))?);
        }
        Ok(splices)
    }

    /// Returns whose entry has a name that others may use, if any.
    pub(super) fn anchored(&self, wanted: &ByItem<'_>) -> Option<(String, Why)> {
        let mut named = wanted
            .iter()
            .filter(|(number, _)| has_name(&self.items[**number]));
        named
            .next()
            .map(|(_, (key, _))| ((*key).to_owned(), Why::Shared))
    }

    /// Sets `expires` of an entry. `known` says whether it has one at all, written there or not.
    fn until(&self, item: &Part, date: &str, known: bool) -> Result<Splice, Why> {
        match value_of(item, "expires") {
            Some(value) => until_written(value, date),
            None if known => Err(Why::Shared),
            None => self.until_new(item, date),
        }
    }

    /// Adds `expires` right after `mail`, written as that is.
    fn until_new(&self, item: &Part, date: &str) -> Result<Splice, Why> {
        let (key, mail) = entry_of(item, "mail").ok_or(Why::Shared)?;
        let Shape::Scalar(_, quote) = key.shape else {
            return Err(Why::Shared);
        };
        let (name, date) = (quoted("expires", quote), quoted(date, quote));
        if matches!(item.shape, Shape::Map { flow: true, .. }) {
            return Ok(Splice {
                range: mail.range.end..mail.range.end,
                text: format!(", {name}: {date}"),
            });
        }
        let at = self.lines.end(self.lines.last_char(&mail.range));
        let indent = " ".repeat(self.lines.column(item.range.start));
        Ok(Splice {
            range: at..at,
            text: format!("{}{indent}{name}: {date}", self.lines.newline(at)),
        })
    }

    /// Takes an entry out, and one comma if it stands in brackets.
    fn removal(&self, number: usize, gone: &mut Gone) -> Result<Vec<Splice>, Why> {
        if let Some(range) = self.with_comma_before(number).filter(|_| !gone.comma) {
            return Ok(vec![Splice::cut(range)]);
        }
        let range = match self.extents[number] {
            Some(extent) => self.lines.without(extent, gone.all),
            None if self.flow => self.within_line(&self.items[number].range),
            None => return Err(Why::Unsure),
        };
        let comma = self.lines.comma(self.items[number].range.end);
        let comma = comma.filter(|_| self.flow);
        gone.comma = comma.is_some();
        let elsewhere = comma.filter(|at| !range.contains(at));
        let cuts = [Some(range), elsewhere.map(|at| at..at + 1)];
        Ok(cuts.into_iter().flatten().map(Splice::cut).collect())
    }

    /// Returns the bytes of an entry and of the comma in front of it, if both stand in the line in
    /// which the entry before ends.
    fn with_comma_before(&self, number: usize) -> Option<Range<usize>> {
        let before = number.checked_sub(1).filter(|_| self.flow)?;
        let (end, range) = (self.items[before].range.end, &self.items[number].range);
        let between = &self.lines.0[end..range.start];
        let near = between.chars().all(|c| matches!(c, ',' | ' ' | '\t'));
        near.then_some(end..range.end)
    }

    /// Returns the bytes of an entry that shares its lines with others in brackets, with the comma
    /// and the comment after it.
    fn within_line(&self, range: &Range<usize>) -> Range<usize> {
        let rest = &self.lines.0[range.end..self.lines.end(range.end)];
        let Some(after) = rest.trim_start().strip_prefix(',') else {
            return range.clone();
        };
        let after = after.trim_start();
        let kept = if after.starts_with('#') {
            0
        } else {
            after.len()
        };
        range.start..range.end + rest.len() - kept
    }

    /// Says in a comment above an entry that the guest has left; nothing if that stands there.
    fn left(&self, number: usize, when: Option<&str>) -> Result<Vec<Splice>, Why> {
        let item = &self.items[number];
        let (at, floor, who) = match self.extents[number] {
            Some(extent) => (extent.first, extent.floor, String::new()),
            // Where others stand in the same line, the comment says who is meant.
            None => match value_of(item, "mail").map(|mail| &mail.shape) {
                Some(Shape::Scalar(mail, _)) => {
                    (self.lines.start(item.range.start), 0, format!("{mail} "))
                }
                _ => return Err(Why::Shared),
            },
        };
        let opening = format!("# {who}{LEFT}");
        let when = when.map(|day| format!(" on {day}")).unwrap_or_default();
        let comment = format!("{opening}{when}");
        let mut above = self.lines.comments_above(at, floor).into_iter();
        let known = above.find(|range| self.lines.0[range.clone()].starts_with(&opening));
        Ok(match known {
            Some(range) if self.lines.0[range.clone()] == comment => Vec::new(),
            Some(range) => vec![Splice {
                range,
                text: comment,
            }],
            None => {
                let (indent, newline) = (self.lines.indent(at), self.lines.newline(at));
                vec![Splice {
                    range: at..at,
                    text: format!("{indent}{comment}{newline}"),
                }]
            }
        })
    }
}

/// Returns whether a part or one below it carries an anchor or a tag.
fn has_name(part: &Part) -> bool {
    part.dressed
        || match &part.shape {
            Shape::Scalar(..) | Shape::Alias => false,
            Shape::List { items, .. } => items.iter().any(has_name),
            Shape::Map { entries, .. } => {
                let mut parts = entries.iter().flat_map(|(key, value)| [key, value]);
                parts.any(has_name)
            }
        }
}

/// Sets an `expires` that is written; its quotes stay.
fn until_written(value: &Part, date: &str) -> Result<Splice, Why> {
    match value.shape {
        Shape::Scalar(_, Quote::Block) => Err(Why::Unsure),
        Shape::Scalar(_, quote) => Ok(Splice {
            range: value.range.clone(),
            text: quoted(date, quote),
        }),
        _ => Err(Why::Shared),
    }
}

fn quoted(text: &str, quote: Quote) -> String {
    match quote {
        Quote::Single => format!("'{text}'"),
        Quote::Double => format!("\"{text}\""),
        Quote::Plain | Quote::Block => text.to_owned(),
    }
}
