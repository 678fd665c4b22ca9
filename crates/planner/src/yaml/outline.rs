//! Where the parts of a YAML text stand, in bytes, as they are written: an alias stays an alias and a
//! merge key a key. For edits in place; what a text means is left to `node`, which also bounds how
//! deep it nests.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// The bytes from its first character to its last. A collection without brackets ends with its
    /// last part; one that is not written at all is empty.
    pub(super) range: Range<usize>,
    /// Whether an anchor or a tag stands in front of it.
    pub(super) dressed: bool,
    /// What it is.
    pub(super) shape: Shape,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// Text, a number and the like.
    Scalar(String, Quote),
    /// `*name`.
    Alias,
    /// A list; `flow` with brackets.
    List { flow: bool, items: Vec<Part> },
    /// A mapping; `flow` with braces.
    Map {
        flow: bool,
        entries: Vec<(Part, Part)>,
    },
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    /// As it is.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|` or `>`, over several lines.
    Block,
}

/// Returns the one document of a text; none if it is no YAML.
pub(super) fn read(text: &str) -> Option<Part> {
    let mut reader = Reader(Parser::new_from_str(text));
    loop {
        if let (Event::DocumentStart(..), _) = reader.next()? {
            return reader.part();
        }
    }
}

struct Reader<'a>(Parser<'a, granit_parser::StrInput<'a>>);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        self.0.next()?.ok()
    }

    fn part(&mut self) -> Option<Part> {
        let (event, span) = self.next()?;
        self.begun(event, span)
    }

    /// Reads on from the event that begins a value.
    fn begun(&mut self, event: Event<'a>, span: Span) -> Option<Part> {
        let range = range(span)?;
        match event {
            Event::Alias(_) => Some(Part {
                range,
                dressed: false,
                shape: Shape::Alias,
            }),
            Event::Scalar(text, style, anchor, tag) => Some(Part {
                range,
                dressed: anchor != 0 || tag.is_some(),
                shape: Shape::Scalar(text.into_owned(), quote(style)),
            }),
            Event::SequenceStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let (items, close) = self.items()?;
                let end = end(flow, close, range.end, items.iter());
                Some(Part {
                    range: range.start..end,
                    dressed: anchor != 0 || tag.is_some(),
                    shape: Shape::List { flow, items },
                })
            }
            Event::MappingStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let (entries, close) = self.entries()?;
                let parts = entries.iter().flat_map(|(key, value)| [key, value]);
                let end = end(flow, close, range.end, parts);
                Some(Part {
                    range: range.start..end,
                    dressed: anchor != 0 || tag.is_some(),
                    shape: Shape::Map { flow, entries },
                })
            }
            _ => None,
        }
    }

    /// Reads the items of a list, and where its end is.
    fn items(&mut self) -> Option<(Vec<Part>, usize)> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, span) => return Some((items, range(span)?.end)),
                (event, span) => items.push(self.begun(event, span)?),
            }
        }
    }

    /// Reads the entries of a mapping, and where its end is.
    fn entries(&mut self) -> Option<(Vec<(Part, Part)>, usize)> {
        let mut entries = Vec::new();
        loop {
            match self.next()? {
                (Event::MappingEnd, span) => return Some((entries, range(span)?.end)),
                (event, span) => {
                    let key = self.begun(event, span)?;
                    entries.push((key, self.part()?));
                }
            }
        }
    }
}

/// Returns where a collection ends: with its bracket, or else with the last of its parts that is
/// written. The parser ends one without brackets only where the next thing begins.
fn end<'a>(flow: bool, close: usize, begun: usize, parts: impl Iterator<Item = &'a Part>) -> usize {
    if flow {
        return close;
    }
    let written = parts.filter(|part| !part.range.is_empty());
    written.map(|part| part.range.end).fold(begun, usize::max)
}

fn range(span: Span) -> Option<Range<usize>> {
    Some(span.start.byte_offset()?..span.end.byte_offset()?)
}

fn quote(style: ScalarStyle) -> Quote {
    match style {
        ScalarStyle::Plain => Quote::Plain,
        ScalarStyle::SingleQuoted => Quote::Single,
        ScalarStyle::DoubleQuoted => Quote::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => Quote::Block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text of every part that is neither a list nor a mapping.
    fn leaves(part: &Part, text: &str) -> Vec<String> {
        match &part.shape {
            Shape::Scalar(..) | Shape::Alias => vec![text[part.range.clone()].to_owned()],
            Shape::List { items, .. } => items.iter().flat_map(|item| leaves(item, text)).collect(),
            Shape::Map { entries, .. } => {
                let parts = entries.iter().flat_map(|(key, value)| [key, value]);
                parts.flat_map(|part| leaves(part, text)).collect()
            }
        }
    }

    #[test]
    fn parts_are_found_as_they_are_written() {
        let text = "# é\r\na:\r\n- &x\r\n  b: 'c' # d\r\n- *x\r\n- {<<: *x, e: \"f\"}";
        let root = read(text).unwrap();
        assert_eq!(
            leaves(&root, text),
            ["a", "b", "'c'", "*x", "<<", "*x", "e", "\"f\""]
        );
        let Shape::Map { entries, .. } = &root.shape else {
            panic!("{root:?}")
        };
        let Shape::List { items, flow: false } = &entries[0].1.shape else {
            panic!("{root:?}")
        };
        assert_eq!(
            items[0].range,
            text.find("b: ").unwrap()..text.find(" # d").unwrap()
        );
        assert!(items[0].dressed && !items[2].dressed);
        assert_eq!(&text[items[2].range.clone()], "{<<: *x, e: \"f\"}");
        assert_eq!(read("a: [b"), None);
    }
}
