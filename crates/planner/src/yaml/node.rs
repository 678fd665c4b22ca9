//! A YAML document as a tree that knows the place of every key and value.
//!
//! Parsing is serde-saphyr's; it stops alias bombs and deep nesting by its budgets. A tree instead
//! of typed structs lets the loader report every mistake of a file instead of the first.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, options::DuplicateKeyPolicy};

/// The most bytes one file may have. A guest takes about 300: this is some 25,000 of them.
pub const MAX_BYTES: usize = 8 << 20;

/// The most values one file may expand to; aliases count each time they are used.
const MAX_VALUES: usize = 2_000_000;

/// How deep values may nest; our own sections need six levels. Each takes stack, of which threads
/// have little.
const MAX_DEPTH: usize = 24;

/// Where something stands in a file: line and column count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which of the files, in the order they were read.
    pub file: usize,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// A YAML value with located keys, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping; duplicate keys are kept, for the loader to report.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The key's text.
    pub name: String,
    /// Where it begins.
    pub place: Place,
}

/// One step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value under a key.
    Key(String),
    /// The n-th item of a list, from 0.
    Item(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

/// Text that is no YAML: what is wrong, and where if that is known.
#[derive(Debug)]
pub struct SyntaxError {
    /// What is wrong, in a few words.
    pub message: String,
    /// Where.
    pub place: Place,
}

/// Parses the one document in `text`, the `file`-th that was read. An empty text is `null`.
pub fn parse(text: &str, file: usize) -> Result<Node, SyntaxError> {
    let mut node = parse_text(text).map_err(|error| SyntaxError {
        place: Place {
            file,
            ..error.place
        },
        ..error
    })?;
    node.belongs_to(file);
    Ok(node)
}

fn parse_text(text: &str) -> Result<Node, SyntaxError> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        budget: serde_saphyr::budget! { max_events: MAX_VALUES, max_nodes: MAX_VALUES, max_depth: MAX_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        with_snippet: false,
    };
    if text.trim().is_empty() {
        return Ok(Node {
            place: Place {
                file: 0,
                line: 1,
                column: 1,
            },
            value: Value::Null,
        });
    }
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(place).unwrap_or_default();
        let message = error.without_snippet().to_string();
        SyntaxError {
            message: first_sentence(&message),
            place,
        }
    })
}

/// Cuts the parser's own "at line 3 column 5" tail and all lines but the first.
fn first_sentence(message: &str) -> String {
    if message.contains("multiple") && message.contains("document") {
        return "there is more than one document; a file holds one".to_owned();
    }
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = line
        .split_once(": ")
        .filter(|(head, _)| head.starts_with("line "))
        .map_or(line, |(_, tail)| tail);
    line.rsplit_once(" at line ")
        .map_or(line, |(head, _)| head)
        .to_owned()
}

fn place(location: serde_saphyr::Location) -> Place {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Place {
        file: 0,
        line: number(location.line()),
        column: number(location.column()),
    }
}

impl Node {
    fn belongs_to(&mut self, file: usize) {
        self.place.file = file;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.belongs_to(file)),
            Value::Map(entries) => entries.iter_mut().for_each(|(key, node)| {
                key.place.file = file;
                node.belongs_to(file);
            }),
            _ => {}
        }
    }

    /// Returns the value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, _)| name.name == key)
            .map(|(_, node)| node)
    }

    /// Returns the entries of a mapping; of anything else, none.
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list; of anything else, none.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the place of the part that `path` leads to: of its key, where it has one. Where the
    /// path leads nowhere, the place of the last part that exists.
    pub fn locate(&self, path: &[Step]) -> Place {
        let mut node = self;
        let mut place = self.place;
        for step in path {
            let next = match step {
                Step::Key(name) => node
                    .entries()
                    .iter()
                    .find(|(key, _)| key.name == *name)
                    .map(|(key, node)| (key.place, node)),
                Step::Item(index) => node.items().get(*index).map(|node| (node.place, node)),
            };
            let Some((at, part)) = next else { break };
            (place, node) = (at, part);
        }
        place
    }

    /// Returns what kind of value this is, for messages.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => format!("the number {value}"),
            Value::Float(value) => format!("the number {value}"),
            Value::Text(text) => format!("the text `{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            place: place(spanned.referenced),
            value: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let key = Key {
                place: place(key.referenced),
                name: key.value,
            };
            entries.push((key, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let node = parse(
            "guests:\n  - mail: ada@contoso.example\n    blocked: yes\n    at: 2026-12-31\n",
            0,
        )
        .unwrap();
        let mail = node.locate(&["guests".into(), 0.into(), "mail".into()]);
        assert_eq!(
            mail,
            Place {
                file: 0,
                line: 2,
                column: 5
            }
        );
        let entry = &node.entries()[0].1.items()[0];
        assert_eq!(entry.entries()[1].1.value, Value::Text("yes".into()));
        assert_eq!(entry.entries()[2].1.value, Value::Text("2026-12-31".into()));
    }

    #[test]
    fn an_alias_bomb_is_an_error() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..10 {
            let refs = vec![format!("*a{}", n - 1); 10].join(", ");
            text += &format!("a{n}: &a{n} [{refs}]\n");
        }
        let error = parse(&text, 0).unwrap_err();
        assert!(
            error.message.contains("alias") || error.message.contains("limit"),
            "{error:?}"
        );
    }

    #[test]
    fn a_tab_is_an_error_with_a_place() {
        let error = parse("guests:\n\t- mail: a@b.example\n", 0).unwrap_err();
        assert_eq!(error.place.line, 2, "{error:?}");
    }

    #[test]
    fn nesting_has_an_end() {
        assert!(parse(&"[".repeat(100_000), 0).is_err());
        assert!(parse("a: [[[[x]]]]", 0).is_ok());
    }
}
