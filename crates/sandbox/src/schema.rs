//! The published schema, cut down to what this tenant serves: which properties exist, of what
//! type, who may write them, and which queries Graph has an index for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../data/schema-v1.0.json"))
        .expect("the embedded schema is valid")
});

#[derive(Deserialize)]
struct Schema {
    types: BTreeMap<String, Type>,
}

/// An entity, a complex type, or (`values` set) an enumeration.
#[derive(Deserialize)]
pub(crate) struct Type {
    #[serde(default)]
    pub(crate) properties: BTreeMap<String, Property>,
    #[serde(default)]
    pub(crate) navigation: BTreeMap<String, String>,
    /// What a read returns when nothing is selected; empty means everything.
    #[serde(default)]
    pub(crate) default: Vec<String>,
    #[serde(default, rename = "enum")]
    pub(crate) values: Vec<String>,
    /// Whether a value may be several of them, with commas between.
    #[serde(default)]
    pub(crate) flags: bool,
    /// What it derives from: a value that names it may stand wherever that may.
    pub(crate) base: Option<String>,
}

/// One property of a type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Property {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default = "yes")]
    pub(crate) nullable: bool,
    #[serde(default)]
    pub(crate) read_only: bool,
    #[serde(default)]
    pub(crate) not_on_create: bool,
    /// Kept outside the directory: a list that selects it is answered 501.
    #[serde(default)]
    pub(crate) other_store: bool,
    pub(crate) max_length: Option<usize>,
    #[serde(default)]
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) filter: Operators,
    pub(crate) orderby: Option<Support>,
}

/// The filter operators a property takes: by default, or only in advanced queries.
#[derive(Deserialize, Default)]
pub(crate) struct Operators {
    #[serde(default)]
    default: Vec<String>,
    #[serde(default)]
    advanced: Vec<String>,
}

/// How far an operator is supported.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Support {
    Default,
    Advanced,
}

impl Operators {
    pub(crate) fn support(&self, operator: &str) -> Option<Support> {
        if self.default.iter().any(|one| one == operator) {
            Some(Support::Default)
        } else if self.advanced.iter().any(|one| one == operator) {
            Some(Support::Advanced)
        } else {
            None
        }
    }
}

impl Property {
    /// Returns the item type of a collection, or the type itself.
    pub(crate) fn item_type(&self) -> &str {
        self.kind
            .strip_prefix("Collection(")
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap_or(&self.kind)
    }

    pub(crate) fn is_collection(&self) -> bool {
        self.kind.starts_with("Collection(")
    }
}

/// The types that a list of `directoryObject` may hold here.
const DIRECTORY_OBJECTS: [&str; 3] = ["user", "group", "directoryRole"];

/// Returns a type by name, without the namespace.
pub(crate) fn find(name: &str) -> Option<&'static Type> {
    SCHEMA.types.get(name)
}

/// Returns a property; for `directoryObject`, of any type derived from it.
pub(crate) fn property(of: &str, name: &str) -> Option<&'static Property> {
    match of {
        "directoryObject" => DIRECTORY_OBJECTS
            .iter()
            .find_map(|derived| property(derived, name)),
        _ => find(of)?.properties.get(name),
    }
}

/// Returns the target type of a navigation property, `Collection(…)` stripped.
pub(crate) fn navigation(of: &str, name: &str) -> Option<&'static str> {
    let target = match of {
        "directoryObject" => DIRECTORY_OBJECTS
            .iter()
            .find_map(|derived| navigation(derived, name)),
        _ => find(of)?.navigation.get(name).map(String::as_str),
    }?;
    Some(
        target
            .strip_prefix("Collection(")
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap_or(target),
    )
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_schema_holds_together() {
        for (name, kind) in &SCHEMA.types {
            for (property, shape) in &kind.properties {
                let item = shape.item_type();
                assert!(
                    item.starts_with("Edm.") || find(item).is_some(),
                    "{name}.{property} is of unknown type {item}"
                );
            }
            for property in &kind.default {
                assert!(kind.properties.contains_key(property), "{name}.{property}");
            }
        }
    }

    #[test]
    fn directory_objects_know_the_properties_of_what_derives_from_them() {
        assert!(property("directoryObject", "mailNickname").is_some());
        assert!(property("directoryObject", "roleTemplateId").is_some());
        assert!(property("directoryObject", "nonsense").is_none());
        assert_eq!(navigation("user", "sponsors"), Some("directoryObject"));
        let state = &property("user", "externalUserState").unwrap().filter;
        assert_eq!(state.support("eq"), Some(Support::Default));
        assert_eq!(state.support("ne"), Some(Support::Advanced));
        assert_eq!(state.support("startsWith"), None);
    }
}
