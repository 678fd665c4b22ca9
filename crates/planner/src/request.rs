//! HTTP as plain data: what a kind wants read or written, never sent here. How requests are
//! joined, paced, retried and authorised is the tenant crate's business.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::snapshot::Topic;

/// What a path segment or a query value keeps unencoded (RFC 3986, "unreserved").
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a path begins with that Graph serves only in its beta version, as people should see.
pub const BETA: &str = "/beta/";

/// A read: one object, or a list that is followed to its last page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The path below the version root, query included, ready to send: `/users?$select=id`. What Graph
    /// offers only in beta begins with [`BETA`].
    pub path: String,
    /// Whether the reply is a list (`value`, `@odata.nextLink`) or one object.
    pub list: bool,
    /// Whether a 404 is an answer ("there is none") rather than a failure.
    pub may_be_missing: bool,
    /// Whether the plan can do without it. That the application may not read it, or the tenant does
    /// not serve it, is then recorded, and whatever would have needed the answer is blocked; any
    /// other failure still stops the plan.
    pub optional: bool,
    /// The least application permission that the read needs, for messages.
    pub permission: &'static str,
    /// What it is about, for whoever takes in the answer.
    pub about: Option<Topic>,
}

impl Read {
    /// Returns a read of every object of a collection.
    pub fn list(path: impl Into<String>, permission: &'static str) -> Self {
        let path = path.into();
        Self {
            path,
            list: true,
            may_be_missing: false,
            optional: false,
            permission,
            about: None,
        }
    }

    /// Returns a read of one object that may not exist.
    pub fn one(path: impl Into<String>, permission: &'static str) -> Self {
        Self {
            list: false,
            may_be_missing: true,
            ..Self::list(path, permission)
        }
    }

    /// Returns the read with what it is about.
    pub fn about(self, topic: Topic) -> Self {
        Self {
            about: Some(topic),
            ..self
        }
    }

    /// Returns the read with a refusal recorded instead of stopping the plan.
    pub fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

/// What came back for a read.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Every object of the list, or the one object.
    Items(Vec<Value>),
    /// There is no such object (only where the read said that this may be).
    Missing,
    /// It is not to be had (only where the read was optional).
    Denied,
}

/// The HTTP verbs that write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Creates or acts.
    Post,
    /// Changes the properties that are sent.
    Patch,
    /// Deletes an object or an edge (`/$ref`).
    Delete,
}

impl Method {
    /// Returns the verb as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A write: one HTTP call, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The path below the version root, ready to send. What Graph offers only in beta begins with [`BETA`].
    pub path: String,
    /// The JSON body; an action without one sends `{}`.
    pub body: Value,
    /// The object whose id the reply carries, and the JSON pointer to it.
    pub binds: Option<(Address, &'static str)>,
    /// How it may be joined with its like into one request.
    pub bulk: Option<Bulk>,
    /// Whether sending it a second time changes nothing, so that a lost answer is simply repeated.
    pub repeatable: bool,
    /// What Graph answers when the tenant is already as asked: that counts as done.
    pub already: Option<Already>,
    /// A property that some tenants do not know, and the request to send instead when Graph refuses
    /// this one with a 400 that names it.
    pub instead: Option<(&'static str, Box<Request>)>,
    /// A secret in the reply that later requests about the object carry, and the JSON pointer to it. It is
    /// kept in memory, and nowhere else.
    pub secret: Option<(Address, &'static str)>,
    /// What to send when this one was refused, so that nothing says it might have happened.
    pub undo: Option<Box<Request>>,
}

/// How many references travel in one PATCH. Source: "Add members", Graph v1.0.
pub const JOINED: usize = 20;

/// Up to [`JOINED`] references that travel in one PATCH, all or nothing. Source: "Add members", Graph v1.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// The object that takes the references: `/groups/{id}`.
    pub path: String,
    /// The property that lists them: `members@odata.bind`.
    pub property: &'static str,
    /// The reference, relative to the version root: `/directoryObjects/{id}`.
    pub reference: String,
}

/// An error reply that means "already so".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Already {
    /// 404: what was to go is gone.
    Gone,
    /// 400 "added object references already exist": the edge is there.
    Linked,
    /// 400 "A conflicting object": the role is assigned already.
    Assigned,
}

impl Request {
    fn new(method: Method, path: String, body: Value) -> Self {
        let repeatable = method != Method::Post;
        Self {
            method,
            path,
            body,
            binds: None,
            bulk: None,
            repeatable,
            already: None,
            instead: None,
            secret: None,
            undo: None,
        }
    }

    /// Returns a creation or an action, which is not repeated when its answer is lost.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::Post, path.into(), body)
    }

    /// Returns a change of the properties in `body`.
    pub fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::Patch, path.into(), body)
    }

    /// Returns a deletion; an object that is gone already counts as deleted.
    pub fn delete(path: impl Into<String>) -> Self {
        Self {
            already: Some(Already::Gone),
            ..Self::new(Method::Delete, path.into(), Value::Null)
        }
    }

    /// Returns the addition of an edge: `POST {holder}/{edges}/$ref`. An edge that exists counts
    /// as added. The reference is completed with the Graph root when it is sent.
    pub fn link(holder: &str, edges: &str, reference: String) -> Self {
        let body = serde_json::json!({ "@odata.id": reference });
        let request = Self::new(Method::Post, format!("{holder}/{edges}/$ref"), body);
        Self {
            repeatable: true,
            already: Some(Already::Linked),
            ..request
        }
    }

    /// Returns the removal of an edge. The path always ends in `/$ref`: without it the same
    /// request would delete the member itself.
    pub fn unlink(holder: &str, edges: &str, id: &str) -> Self {
        Self::delete(format!("{holder}/{edges}/{id}/$ref"))
    }

    /// Returns the request with the address whose id the reply carries at `pointer`.
    pub fn binding(self, address: Address, pointer: &'static str) -> Self {
        Self {
            binds: Some((address, pointer)),
            ..self
        }
    }

    /// Returns the request with the address whose secret the reply carries at `pointer`.
    pub fn disclosing(self, address: Address, pointer: &'static str) -> Self {
        Self {
            secret: Some((address, pointer)),
            ..self
        }
    }

    /// Returns the request with what takes back the announcement of it.
    pub fn undone_by(self, undo: Option<Request>) -> Self {
        Self {
            undo: undo.map(Box::new),
            ..self
        }
    }

    /// Returns the request as one that may be repeated.
    pub fn repeatable(self) -> Self {
        Self {
            repeatable: true,
            ..self
        }
    }

    /// Returns the request with what to send should Graph refuse to know `property`.
    pub fn or(self, property: &'static str, instead: Request) -> Self {
        Self {
            instead: Some((property, Box::new(instead))),
            ..self
        }
    }
}

/// Returns `text` as an OData string literal, percent-encoded for a query: quotes are doubled, so
/// that no text can end the literal and change the filter.
pub fn literal(text: &str) -> String {
    encode(&format!("'{}'", text.replace('\'', "''")))
}

/// Returns `text` percent-encoded for a path segment or a query value.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_cannot_end_early() {
        assert_eq!(
            literal("o'brien@contoso.example"),
            "%27o%27%27brien%40contoso.example%27"
        );
        assert_eq!(
            literal("x' or 1 eq 1&$top=1#"),
            "%27x%27%27%20or%201%20eq%201%26%24top%3D1%23%27"
        );
    }

    #[test]
    fn an_edge_is_never_removed_without_ref() {
        let request = Request::unlink("/groups/g", "members", "u");
        assert_eq!(request.path, "/groups/g/members/u/$ref");
    }
}
