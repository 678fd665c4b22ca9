//! Names: how one object is called in files, plans and messages, and the table between those
//! names and Graph's ids. Kinds look names up here and never ask the network.

use std::fmt;

use foldhash::{HashMap, HashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Graph's id of an object: a GUID.
pub type ObjectId = String;

/// Names one object, in files and in plans alike: `guest ada@contoso.example`. The words of a kind are
/// shown apart: `directory role Directory Readers / ada@contoso.example`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Address {
    /// The kind: `guest`, `group`, `membership` …
    pub kind: String,
    /// What tells it from others of its kind; the parts of an edge are joined with ` / `.
    pub key: String,
}

impl Address {
    /// Returns the address of `key` among the objects of `kind`.
    pub fn new(kind: &str, key: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            key: key.into(),
        }
    }

    /// Returns the address of a guest by its mail, compared without case.
    pub fn guest(mail: &str) -> Self {
        Self::new("guest", mail.to_lowercase())
    }

    /// Returns the address of a group by the name that the files give it.
    pub fn group(name: &str) -> Self {
        Self::new("group", name)
    }

    /// Returns the address of a user or group of this tenant that files refer to.
    pub fn principal(name: &str) -> Self {
        Self::new("principal", name.to_lowercase())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.kind.chars() {
            if letter.is_ascii_uppercase() {
                f.write_str(" ")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        write!(f, " {}", self.key)
    }
}

/// The one table between addresses and ids. Observing fills it, applying extends it.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    by_address: HashMap<Address, ObjectId>,
    all: HashSet<ObjectId>,
}

impl Ids {
    /// Records the id of an address.
    pub fn bind(&mut self, address: Address, id: ObjectId) {
        self.all.insert(id.clone());
        self.by_address.insert(address, id);
    }

    /// Records what another table knows.
    pub(crate) fn extend(&mut self, other: Self) {
        self.by_address.extend(other.by_address);
        self.all.extend(other.all);
    }

    /// Returns whether an id belongs, or belonged, to any address.
    pub fn contains(&self, id: &str) -> bool {
        self.all.contains(id)
    }

    /// Returns the id of an address, if it is known.
    pub fn get(&self, address: &Address) -> Option<&str> {
        self.by_address.get(address).map(String::as_str)
    }
}
