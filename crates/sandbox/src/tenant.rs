//! Everything a tenant holds, as Graph objects in JSON. Links are kept by id beside the
//! properties (`sponsors`, `members`, `owners`); they are no schema properties, so they never
//! show in an answer by accident.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{rule, time};

/// A Graph object.
pub(crate) type Object = Map<String, Value>;

/// Objects by id.
pub(crate) type Table = BTreeMap<String, Object>;

/// The whole directory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Tenant {
    pub(crate) organization: Object,
    #[serde(with = "listed")]
    pub(crate) users: Table,
    #[serde(with = "listed")]
    pub(crate) deleted_users: Table,
    #[serde(with = "listed")]
    pub(crate) groups: Table,
    #[serde(with = "listed")]
    pub(crate) deleted_groups: Table,
    #[serde(with = "listed")]
    pub(crate) role_definitions: Table,
    #[serde(with = "listed")]
    pub(crate) role_assignments: Table,
    #[serde(with = "listed")]
    pub(crate) subscribed_skus: Table,
    /// People as entitlement management knows them.
    #[serde(with = "listed")]
    pub(crate) subjects: Table,
    pub(crate) authorization_policy: Object,
    /// What Microsoft would have mailed.
    pub(crate) mails: Vec<Value>,
}

impl Tenant {
    pub(crate) fn id(&self) -> &str {
        text(&self.organization, "id")
    }

    /// Returns every verified domain, the initial one first.
    pub(crate) fn domains(&self) -> Vec<&str> {
        let mut domains: Vec<&Value> = self
            .organization
            .get("verifiedDomains")
            .and_then(Value::as_array)
            .map(|domains| domains.iter().collect())
            .unwrap_or_default();
        domains.sort_by_key(|domain| domain["isInitial"] != true);
        domains
            .into_iter()
            .filter_map(|domain| domain["name"].as_str())
            .collect()
    }

    /// Returns the domain that guests' user principal names end in.
    pub(crate) fn initial_domain(&self) -> &str {
        self.domains()
            .first()
            .copied()
            .unwrap_or("onmicrosoft.example")
    }

    pub(crate) fn owns_domain_of(&self, address: &str) -> bool {
        address.rsplit_once('@').is_some_and(|(_, domain)| {
            self.domains()
                .iter()
                .any(|own| own.eq_ignore_ascii_case(domain))
        })
    }

    /// Finds a user by id or user principal name.
    pub(crate) fn user(&self, key: &str) -> Option<&Object> {
        self.users.get(&key.to_ascii_lowercase()).or_else(|| {
            self.users
                .values()
                .find(|user| same(text(user, "userPrincipalName"), key))
        })
    }

    /// Finds a live user or group, with the name of its type.
    pub(crate) fn directory_object(&self, id: &str) -> Option<(&'static str, &Object)> {
        if let Some(user) = self.users.get(id) {
            return Some(("user", user));
        }
        self.groups.get(id).map(|group| ("group", group))
    }

    /// Finds anything with an id of its own, deleted or not, to change it.
    pub(crate) fn any_object(&mut self, id: &str) -> Option<(&'static str, &mut Object)> {
        if id == text(&self.authorization_policy, "id") {
            return Some(("authorizationPolicy", &mut self.authorization_policy));
        }
        if id == text(&self.organization, "id") {
            return Some(("organization", &mut self.organization));
        }
        let users = [&mut self.users, &mut self.deleted_users].into_iter();
        let groups = [&mut self.groups, &mut self.deleted_groups].into_iter();
        users
            .map(|table| ("user", table))
            .chain(groups.map(|table| ("group", table)))
            .find_map(|(kind, table)| table.get_mut(id).map(|object| (kind, object)))
    }

    /// Returns the groups that list this object directly.
    pub(crate) fn groups_with(&self, link: &str, id: &str) -> Vec<String> {
        self.groups
            .iter()
            .filter(|(_, group)| links(group, link).iter().any(|one| one == id))
            .map(|(group, _)| group.clone())
            .collect()
    }

    /// Returns a group's members, and the members of groups among them, each once.
    pub(crate) fn transitive_members(&self, group: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut open = vec![group.to_owned()];
        while let Some(next) = open.pop() {
            for member in self
                .groups
                .get(&next)
                .map(|one| links(one, "members"))
                .unwrap_or_default()
            {
                if member != group && !found.contains(&member) {
                    open.push(member.clone());
                    found.push(member);
                }
            }
        }
        found
    }

    /// Returns the groups that hold this object, directly or through other groups.
    pub(crate) fn transitive_groups(&self, id: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut open = vec![id.to_owned()];
        while let Some(next) = open.pop() {
            for group in self.groups_with("members", &next) {
                if group != id && !found.contains(&group) {
                    open.push(group.clone());
                    found.push(group);
                }
            }
        }
        found
    }

    /// Brings dynamic groups in line with their rules; a paused one keeps what it has.
    pub(crate) fn refresh_dynamic_groups(&mut self) {
        for group in self.groups.values_mut() {
            if !is_dynamic(group) || text(group, "membershipRuleProcessingState") == "Paused" {
                continue;
            }
            let Ok(rule) = rule::parse(text(group, "membershipRule")) else {
                continue;
            };
            let members: Vec<&String> = self
                .users
                .iter()
                .filter(|(_, user)| rule.admits(user))
                .map(|(id, _)| id)
                .collect();
            group.insert("members".into(), json!(members));
        }
    }

    /// Forgets what has lain among the deleted items for thirty days.
    pub(crate) fn purge(&mut self, now: Timestamp) {
        let limit = time::days_before(now, 30);
        let expired = |object: &Object| {
            time::parse(text(object, "deletedDateTime")).is_some_and(|at| at <= limit)
        };
        self.deleted_users.retain(|_, user| !expired(user));
        self.deleted_groups.retain(|_, group| !expired(group));
    }
}

/// Returns a text property, or an empty string.
pub(crate) fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a collection of strings: a property, or links.
pub(crate) fn links(object: &Object, name: &str) -> Vec<String> {
    object
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Adds a link; false when it was there already.
pub(crate) fn link(object: &mut Object, name: &str, id: &str) -> bool {
    let mut all = links(object, name);
    if all.iter().any(|one| one == id) {
        return false;
    }
    all.push(id.to_owned());
    object.insert(name.to_owned(), json!(all));
    true
}

/// Removes a link; false when there was none.
pub(crate) fn unlink(object: &mut Object, name: &str, id: &str) -> bool {
    let mut all = links(object, name);
    let before = all.len();
    all.retain(|one| one != id);
    let removed = all.len() < before;
    if removed {
        object.insert(name.to_owned(), json!(all));
    }
    removed
}

/// Compares as the directory does: without case.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

pub(crate) fn is_true(object: &Object, name: &str) -> bool {
    object.get(name) == Some(&Value::Bool(true))
}

pub(crate) fn has_type(group: &Object, kind: &str) -> bool {
    links(group, "groupTypes").iter().any(|one| one == kind)
}

pub(crate) fn is_dynamic(group: &Object) -> bool {
    has_type(group, "DynamicMembership")
}

/// Tables are lists in JSON: people read and write them.
mod listed {
    use super::{Object, Table, text};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(table: &Table, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(table.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Table, D::Error> {
        let mut table = Table::new();
        for mut object in Vec::<Object>::deserialize(from)? {
            if text(&object, "id").is_empty() {
                let id = uuid::Uuid::new_v4().to_string();
                object.insert("id".into(), id.into());
            }
            let id = text(&object, "id").to_ascii_lowercase();
            object.insert("id".into(), id.clone().into());
            if table.insert(id.clone(), object).is_some() {
                return Err(D::Error::custom(format!("two objects with the id {id}")));
            }
        }
        Ok(table)
    }
}
