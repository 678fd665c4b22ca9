//! One authorised request on its way to a handler: the tenant, the parts of the path, what the
//! caller may do, and what other replicas do not know yet.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::behaviour::Behaviour;
use crate::check;
use crate::error::{GraphError, Outcome};
use crate::http::Request;
use crate::query::{Asked, Query};
use crate::tenant::{Object, Tenant, text};

/// What a handler works with.
pub(crate) struct Call<'a> {
    pub(crate) tenant: &'a mut Tenant,
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) request: &'a Request,
    /// The variable segments of the path, decoded; ids in lower case.
    pub(crate) params: Vec<String>,
    pub(crate) now: Timestamp,
    /// Scheme, host and version: what absolute URLs begin with.
    pub(crate) root: &'a str,
    /// The application that asks.
    pub(crate) app: &'a str,
    pub(crate) granted: &'a BTreeSet<String>,
    /// Objects too new for other endpoints to know, and since when there are any.
    pub(crate) hidden: &'a HashMap<String, Instant>,
    /// Objects that this call creates.
    pub(crate) born: Vec<String>,
    /// Invitations sent so far.
    pub(crate) invitations: &'a mut usize,
}

impl Call<'_> {
    pub(crate) fn param(&self, at: usize) -> &str {
        self.params.get(at).map_or("", String::as_str)
    }

    pub(crate) fn eventual(&self) -> bool {
        self.request
            .header("consistencylevel")
            .is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
    }

    /// Reads the query options for a list of `of`.
    pub(crate) fn list_query(&self, of: &str, related: bool) -> Outcome<Query> {
        Query::parse(
            &self.request.query,
            Asked {
                of,
                many: true,
                eventual: self.eventual(),
                related,
            },
        )
    }

    /// Reads the query options for a single object.
    pub(crate) fn single_query(&self, of: &str) -> Outcome<Query> {
        Query::parse(
            &self.request.query,
            Asked {
                of,
                many: false,
                eventual: self.eventual(),
                related: false,
            },
        )
    }

    /// Reads the body as a JSON object.
    pub(crate) fn body(&self) -> Outcome<Object> {
        check::object(self.request.json()?)
    }

    pub(crate) fn is_granted(&self, any_of: &[&str]) -> bool {
        any_of.iter().any(|one| self.granted.contains(*one))
    }

    pub(crate) fn require(&self, any_of: &[&str]) -> Outcome<()> {
        if self.is_granted(any_of) {
            Ok(())
        } else {
            Err(GraphError::denied())
        }
    }

    /// Finds a user by id or user principal name; what is too new is not found.
    pub(crate) fn user(&self, key: &str) -> Outcome<&Object> {
        self.tenant
            .user(key)
            .filter(|user| !self.hidden.contains_key(text(user, "id")))
            .ok_or_else(|| GraphError::not_found(key))
    }

    pub(crate) fn user_id(&self, key: &str) -> Outcome<String> {
        self.user(key).map(|user| text(user, "id").to_owned())
    }

    /// Finds a group by id, or by `(uniqueName='x')`.
    pub(crate) fn group(&self, key: &str) -> Outcome<&Object> {
        let found = match unique_name(key)? {
            Some(name) => self
                .tenant
                .groups
                .values()
                .find(|group| text(group, "uniqueName") == name),
            None => self.tenant.groups.get(key),
        };
        found
            .filter(|group| !self.hidden.contains_key(text(group, "id")))
            .ok_or_else(|| GraphError::not_found(key))
    }

    pub(crate) fn group_id(&self, key: &str) -> Outcome<String> {
        self.group(key).map(|group| text(group, "id").to_owned())
    }

    /// Finds what a link may point at: a live user or group that is not too new.
    pub(crate) fn target(&self, id: &str) -> Outcome<(&'static str, &Object)> {
        self.tenant
            .directory_object(id)
            .filter(|_| !self.hidden.contains_key(id))
            .ok_or_else(|| GraphError::not_found(id))
    }

    /// Takes `@odata.id` out of a `$ref` body and returns the id it names.
    pub(crate) fn reference(&self) -> Outcome<String> {
        let body = self.body()?;
        if let Some(other) = body.keys().find(|name| *name != "@odata.id") {
            return Err(GraphError::malformed(format!(
                "The property '{other}' is not expected in an entity reference link."
            )));
        }
        let url = body
            .get("@odata.id")
            .and_then(Value::as_str)
            .ok_or_else(|| GraphError::malformed("An entity reference link needs '@odata.id'."))?;
        self.referenced(url)
    }

    /// Returns the id in a URL of this tenant: another root names another cloud's object.
    pub(crate) fn referenced(&self, url: &str) -> Outcome<String> {
        let wrong =
            || GraphError::bad(format!("Invalid URL format specified in payload: '{url}'."));
        let path = url
            .strip_prefix(self.root)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(wrong)?;
        let (set, id) = path.split_once('/').ok_or_else(wrong)?;
        if !matches!(set, "directoryObjects" | "users" | "groups")
            || uuid::Uuid::parse_str(id).is_err()
        {
            return Err(wrong());
        }
        let id = id.to_ascii_lowercase();
        let fits = match (set, self.tenant.directory_object(&id)) {
            ("users", Some((kind, _))) => kind == "user",
            ("groups", Some((kind, _))) => kind == "group",
            _ => true,
        };
        if fits {
            Ok(id)
        } else {
            Err(GraphError::not_found(&id))
        }
    }

    /// Takes the links named `{navigation}@odata.bind` out of a body.
    pub(crate) fn take_binds(&self, body: &mut Object, navigation: &str) -> Outcome<Vec<String>> {
        let name = format!("{navigation}@odata.bind");
        let urls = match body.remove(&name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(urls)) => urls,
            Some(_) => {
                return Err(GraphError::malformed(format!(
                    "The value of '{name}' must be an array of URLs."
                )));
            }
        };
        let mut ids = Vec::new();
        for url in &urls {
            let url = url.as_str().ok_or_else(|| {
                GraphError::malformed(format!("The value of '{name}' must be an array of URLs."))
            })?;
            let id = self.referenced(url)?;
            if ids.contains(&id) {
                return Err(GraphError::bad(
                    "Request contains a property with duplicate values.",
                ));
            }
            ids.push(id);
        }
        Ok(ids)
    }
}

/// Reads an alternate key; `None` for a plain id.
pub(crate) fn unique_name(key: &str) -> Outcome<Option<String>> {
    let Some(inner) = key
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return Ok(None);
    };
    inner
        .strip_prefix("uniqueName='")
        .and_then(|rest| rest.strip_suffix('\''))
        .map(|name| Some(name.replace("''", "'")))
        .ok_or_else(|| {
            GraphError::malformed("The key is not a key of type 'microsoft.graph.group'.")
        })
}
