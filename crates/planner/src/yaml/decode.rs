//! Turns a located tree into serde types and reports every mistake in it, not just the first:
//! where serde stops, the offending part is taken out and decoding starts again.

use std::borrow::Cow;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::node::{Node, Place, Step, Value};

/// What serde found wrong, and where.
#[derive(Debug)]
pub struct DecodeError {
    /// What is wrong.
    pub message: String,
    /// What could be done about it.
    pub hint: Option<String>,
    /// From the outermost value to the wrong one; built from its end.
    path: Vec<Step>,
    /// The key that is missing, if that is what is wrong.
    missing: Option<&'static str>,
    /// The key that nobody knows, and those that are known.
    unknown: Option<(String, &'static [&'static str])>,
}

/// Decodes `node`, and hands every mistake in it to `report`. After a mistake the value is not what
/// its author meant: it is only good for finding further mistakes.
///
/// `also` names keys of the outermost mapping that somebody else reads: `T` does not see them.
pub fn decode<T: DeserializeOwned>(
    node: &Node,
    also: &[&str],
    mut report: impl FnMut(DecodeError, Place),
) -> Option<T> {
    // Only what is wrong is worth a copy.
    let mut rest = Cow::Borrowed(node);
    let mut taken_out: Vec<Vec<Step>> = Vec::new();
    loop {
        let mut error = match T::deserialize(Outermost { node: &rest, also }) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        error.path.reverse();
        let path = std::mem::take(&mut error.path);
        let wanted = path
            .iter()
            .cloned()
            .chain(error.missing.map(Step::from))
            .collect::<Vec<_>>();
        let known = error.missing.is_some() && taken_out.contains(&wanted);
        if let ([_], Some((found, expected))) = (&path[..], &error.unknown) {
            error.hint = Some(suggestion(
                found,
                expected.iter().copied().chain(also.iter().copied()),
            ));
        }
        if !known {
            report(error, node.locate(&path));
        }
        if !remove(rest.to_mut(), &path) {
            return None;
        }
        taken_out.push(path);
    }
}

/// Takes the part at `path` out of the tree; false if there is no such part. An item of a list
/// takes the whole list with it, so that the indices of later mistakes stay true.
fn remove(node: &mut Node, path: &[Step]) -> bool {
    let [first, rest @ ..] = path else {
        return false;
    };
    match (&mut node.value, first) {
        (Value::Map(entries), Step::Key(name)) => {
            let Some(index) = entries.iter().position(|(key, _)| key.name == *name) else {
                return false;
            };
            if !remove(&mut entries[index].1, rest) {
                entries.remove(index);
            }
            true
        }
        (Value::List(items), Step::Item(index)) if *index < items.len() => {
            remove(&mut items[*index], rest)
        }
        _ => false,
    }
}

impl DecodeError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            path: Vec::new(),
            missing: None,
            unknown: None,
        }
    }

    fn within(mut self, step: impl Into<Step>) -> Self {
        self.path.push(step.into());
        self
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        match message.split_once("\nhint: ") {
            Some((message, hint)) => Self {
                hint: Some(hint.to_owned()),
                ..Self::new(message)
            },
            None => Self::new(message),
        }
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // The value itself is named by whoever knows the node: see `typed`.
        Self::new(format!("expected {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let error = unknown("key", field, expected);
        DecodeError {
            unknown: Some((field.to_owned(), expected)),
            ..error
        }
        .within(field)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        unknown("value", variant, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::new(format!("`{field}` is missing"))
        }
    }
}

fn unknown(what: &str, found: &str, expected: &[&str]) -> DecodeError {
    let hint = suggestion(found, expected.iter().copied());
    DecodeError {
        hint: Some(hint),
        ..DecodeError::new(format!("unknown {what} `{found}`"))
    }
}

/// Returns "did you mean …?" for the likeliest of `known`, or lists them all.
pub(crate) fn suggestion<'a>(found: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let likely = known
        .clone()
        .map(|name| {
            (
                strsim::jaro_winkler(&found.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match likely {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => named(known),
    }
}

/// How many names are listed at most: there may be thousands of groups.
const LISTED: usize = 12;

fn named<'a>(mut known: impl Iterator<Item = &'a str>) -> String {
    let listed: Vec<_> = known
        .by_ref()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    match (listed.as_slice(), known.count()) {
        ([], _) => "there is none yet".to_owned(),
        (listed, 0) => format!("known are {}", listed.join(", ")),
        (listed, more) => format!("known are {} and {more} more", listed.join(", ")),
    }
}

/// Adds what was found to a complaint about its type.
fn typed(error: DecodeError, node: &Node) -> DecodeError {
    if !error.path.is_empty()
        || !error.message.starts_with("expected ")
        || error.message.contains(", found ")
    {
        return error;
    }
    let hint = match &node.value {
        Value::Integer(_) | Value::Float(_) | Value::Bool(_)
            if error.message.contains("string") =>
        {
            Some("put it in quotes if it is meant as text".to_owned())
        }
        _ => error.hint,
    };
    let message = error
        .message
        .replace("a string", "text")
        .replace("a boolean", "true or false")
        .replace("usize", "a whole number, not below 0");
    let message = message
        .replace("a sequence", "a list")
        .replace("a map", "a mapping")
        .replace("mappingping", "mapping");
    DecodeError {
        message: format!("{message}, found {}", node.describe()),
        hint,
        ..error
    }
}

/// The outermost value, but for the keys that somebody else reads.
struct Outermost<'a> {
    node: &'a Node,
    also: &'a [&'a str],
}

impl<'de> de::Deserializer<'de> for Outermost<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.node.value {
            Value::Map(entries) => visitor
                .visit_map(Entries {
                    entries: entries.iter(),
                    also: self.also,
                    value: None,
                })
                .map_err(|error| typed(error, self.node)),
            _ => self.node.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any option newtype_struct enum
    }
}

impl<'de> de::Deserializer<'de> for &Node {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let result = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Map(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                also: &[],
                value: None,
            }),
        };
        result.map_err(|error| typed(error, self))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Text(text) => visitor.visit_enum(Variant(text.clone())),
            _ => Err(DecodeError::new(format!(
                "expected one of {}, found {}",
                variants.join(", "),
                self.describe()
            ))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'a>(std::iter::Enumerate<std::slice::Iter<'a, Node>>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some((index, node)) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(node)
            .map(Some)
            .map_err(|error| error.within(index))
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, (super::node::Key, Node)>,
    also: &'a [&'a str],
    value: Option<(&'a str, &'a Node)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let also = self.also;
        let Some((key, node)) = self
            .entries
            .find(|(key, _)| !also.contains(&key.name.as_str()))
        else {
            return Ok(None);
        };
        self.value = Some((&key.name, node));
        let name: StrDeserializer<'_, DecodeError> = key.name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let (name, node) = self
            .value
            .take()
            .ok_or_else(|| DecodeError::new("a key without a value"))?;
        seed.deserialize(node).map_err(|error| error.within(name))
    }
}

struct Variant(String);

impl<'de> EnumAccess<'de> for Variant {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), DecodeError> {
        let name: StrDeserializer<'_, DecodeError> = self.0.as_str().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, DecodeError> {
        Err(DecodeError::new(format!("`{}` takes a value", self.0)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::new(format!("`{}` takes values", self.0)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, DecodeError> {
        Err(DecodeError::new(format!("`{}` takes keys", self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Entry {
        #[expect(dead_code, reason = "only its type matters here")]
        mail: String,
        #[expect(dead_code, reason = "only its type matters here")]
        blocked: Option<bool>,
    }

    #[test]
    fn a_hint_lists_a_few_names() {
        let names: Vec<_> = (0..40).map(|n| format!("group-{n}")).collect();
        let hint = |known: usize| suggestion("xyz", names[..known].iter().map(String::as_str));
        assert_eq!(hint(0), "there is none yet");
        assert_eq!(hint(2), "known are `group-0`, `group-1`");
        assert!(hint(40).ends_with("`group-11` and 28 more"), "{}", hint(40));
    }

    #[test]
    fn all_mistakes_are_reported_with_their_places() {
        let node = super::super::node::parse("mail: 7\nblocked: maybe\nbloked: true\n", 0).unwrap();
        let mut found = Vec::new();
        let entry: Option<Entry> = decode(&node, &[], |error, place| {
            found.push(format!(
                "{}:{} {} ({})",
                place.line,
                place.column,
                error.message,
                error.hint.unwrap_or_default()
            ));
        });
        assert!(entry.is_none(), "without `mail` there is no entry at all");
        assert_eq!(
            found,
            [
                "1:1 expected text, found the number 7 (put it in quotes if it is meant as text)",
                "2:1 expected true or false, found the text `maybe` ()",
                "3:1 unknown key `bloked` (did you mean `blocked`?)",
            ]
        );
    }
}
