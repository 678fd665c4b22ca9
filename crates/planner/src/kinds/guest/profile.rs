//! The profile of a guest: which properties files may set, and to what.

use std::borrow::Borrow;
use std::sync::LazyLock;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::few::Few;
use crate::load::Checker;
use crate::yaml::{Node, node::Value};

/// A profile property that files may set.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Graph's name, which is also the key in files.
    pub name: &'static str,
    /// The most characters that Graph takes. Source: "user resource type", Graph v1.0.
    pub max: usize,
    /// Whether `null` may clear it.
    pub clearable: bool,
}

const fn property(name: &'static str, max: usize) -> Property {
    Property {
        name,
        max,
        clearable: true,
    }
}

/// Every profile property that files may set, in the order of a business card.
pub const PROFILE: [Property; 17] = [
    Property {
        name: "displayName",
        max: 256,
        clearable: false,
    },
    property("givenName", 64),
    property("surname", 64),
    property("companyName", 64),
    property("department", 64),
    property("jobTitle", 128),
    property("officeLocation", 128),
    property("streetAddress", 1024),
    property("postalCode", 40),
    property("city", 128),
    property("state", 128),
    property("country", 128),
    property("mobilePhone", 64),
    property("employeeId", 16),
    property("employeeType", 128),
    property("preferredLanguage", 64),
    Property {
        name: "usageLocation",
        max: 2,
        clearable: false,
    },
];

/// Profile properties: what is not in it is left alone, `None` is empty.
pub type Profile = Few<Name, Option<String>>;

/// The name of a property of [`PROFILE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name(&'static str);

/// The names of [`PROFILE`] in order.
pub static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| {
    let mut names = PROFILE.map(|property| Name(property.name));
    names.sort();
    names.to_vec()
});

impl From<&Property> for Name {
    fn from(property: &Property) -> Self {
        Self(property.name)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = PROFILE.iter().find(|property| property.name == name);
        known
            .map(Self::from)
            .ok_or_else(|| Error::custom(format!("unknown property `{name}`")))
    }
}

impl Name {
    /// Returns the name as Graph writes it.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.0
    }
}

/// Returns the profile properties of an entry.
pub(super) fn read(node: &Node, check: &mut Checker<'_>) -> Profile {
    let mut profile = Profile::default();
    for (key, value) in node.entries() {
        let Some(property) = PROFILE.iter().find(|property| property.name == key.name) else {
            continue;
        };
        match property_value(property, value) {
            Ok(text) => profile.insert(property.into(), text),
            Err(message) => check.place(key.place, message),
        }
    }
    profile
}

fn property_value(property: &Property, node: &Node) -> Result<Option<String>, String> {
    let name = property.name;
    match &node.value {
        Value::Null if property.clearable => Ok(None),
        Value::Null => Err(format!("`{name}` cannot be cleared")),
        Value::Text(text) if text.trim().is_empty() => Err(format!(
            "`{name}` is empty\nhint: write null to clear a property"
        )),
        Value::Text(text) if text.chars().count() > property.max => Err(format!(
            "`{name}` is longer than the {} characters Graph takes",
            property.max
        )),
        Value::Text(text)
            if name == "usageLocation"
                && !(text.len() == 2 && text.chars().all(|c| c.is_ascii_uppercase())) =>
        {
            Err(format!(
                "`{text}` is no country code\nhint: `usageLocation` takes two capital letters (ISO 3166), such as FI"
            ))
        }
        Value::Text(text) if text.chars().any(char::is_control) => {
            Err(format!("`{name}` has a control character in it"))
        }
        Value::Text(text) => Ok(Some(text.clone())),
        _ => Err(format!(
            "expected text, found {}\nhint: put it in quotes if it is meant as text",
            node.describe()
        )),
    }
}
