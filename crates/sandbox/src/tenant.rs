//! Everything a tenant holds, as Graph objects in JSON. Links are kept by id beside the
//! properties (`sponsors`, `members`, `owners`); they are no schema properties, so they never
//! show in an answer by accident.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::people::People;
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
    pub(crate) users: People,
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
    pub(crate) administrative_units: Table,
    /// Enterprise applications.
    #[serde(with = "listed")]
    pub(crate) service_principals: Table,
    #[serde(with = "listed")]
    pub(crate) app_role_assignments: Table,
    #[serde(with = "listed")]
    pub(crate) subscribed_skus: Table,
    /// At most one; the groups of one for selected groups are in `groups`.
    #[serde(with = "listed")]
    pub(crate) group_lifecycle_policies: Table,
    /// Of the tenant, and of the group that `of` names.
    #[serde(with = "listed")]
    pub(crate) group_settings: Table,
    /// People as entitlement management knows them.
    #[serde(with = "listed")]
    pub(crate) subjects: Table,
    /// What was done in the tenant, as far as it is noted: invitations.
    #[serde(with = "listed")]
    pub(crate) directory_audits: Table,
    #[serde(with = "listed")]
    pub(crate) conditional_access_policies: Table,
    #[serde(with = "listed")]
    pub(crate) deleted_conditional_access_policies: Table,
    #[serde(with = "listed")]
    pub(crate) named_locations: Table,
    pub(crate) authorization_policy: Object,
    /// Whether guests may leave by themselves.
    pub(crate) external_identities_policy: Object,
    /// From where guests may come.
    #[serde(with = "listed")]
    pub(crate) b2b_management_policies: Table,
    /// Who says who somebody is, besides Entra; then the organizations that say so of their own.
    #[serde(with = "listed")]
    pub(crate) identity_providers: Table,
    #[serde(with = "listed")]
    pub(crate) federations: Table,
    /// Who may use one-time passcodes by mail.
    pub(crate) email_method: Object,
    /// What holds between this tenant and every other; then what holds for some, by their ids.
    pub(crate) cross_tenant_default: Object,
    #[serde(with = "listed")]
    pub(crate) cross_tenant_partners: Table,
    /// What entitlement management does with guests who hold no package any more.
    pub(crate) entitlement_management_settings: Object,
    /// Microsoft's own lifecycle policies; a tenant that has none does not serve them.
    pub(crate) lifecycle_policies: Vec<Value>,
    /// What Microsoft would have mailed, and what apps sent from mailboxes.
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
            let mut known = self.users.known_as(key);
            known.find(|user| same(text(user, "userPrincipalName"), key))
        })
    }

    /// Finds a live user or group, with the name of its type.
    pub(crate) fn directory_object(&self, id: &str) -> Option<(&'static str, &Object)> {
        if let Some(user) = self.users.get(id) {
            return Some(("user", user));
        }
        self.groups.get(id).map(|group| ("group", group))
    }

    /// Finds anything with an id of its own, deleted or not.
    pub(crate) fn any_object(&self, id: &str) -> Option<(&'static str, &Object)> {
        let singles = [
            ("authorizationPolicy", &self.authorization_policy),
            ("externalIdentitiesPolicy", &self.external_identities_policy),
            ("emailAuthenticationMethodConfiguration", &self.email_method),
            ("organization", &self.organization),
        ];
        let single = singles
            .into_iter()
            .find(|(_, object)| id == text(object, "id"));
        if single.is_some() {
            return single;
        }
        let users = [&*self.users, &self.deleted_users].into_iter();
        let groups = [&self.groups, &self.deleted_groups].into_iter();
        let policies = [
            ("conditionalAccessPolicy", &self.conditional_access_policies),
            ("b2bManagementPolicy", &self.b2b_management_policies),
        ];
        users
            .map(|table| ("user", table))
            .chain(groups.map(|table| ("group", table)))
            .chain(policies)
            .find_map(|(kind, table)| table.get(id).map(|object| (kind, object)))
    }

    /// Puts an object in the place of the one with this id, wherever that is.
    pub(crate) fn replace(&mut self, id: &str, object: Object) {
        let singles = [
            &mut self.authorization_policy,
            &mut self.external_identities_policy,
            &mut self.email_method,
            &mut self.organization,
        ];
        if let Some(single) = singles.into_iter().find(|it| id == text(it, "id")) {
            *single = object;
        } else if self.users.contains_key(id) {
            self.users.insert(id.to_owned(), object);
        } else {
            let tables = [
                &mut self.deleted_users,
                &mut self.groups,
                &mut self.deleted_groups,
                &mut self.conditional_access_policies,
                &mut self.b2b_management_policies,
            ];
            let place = tables.into_iter().find_map(|table| table.get_mut(id));
            if let Some(place) = place {
                *place = object;
            }
        }
    }

    /// Returns the groups that list this object directly.
    pub(crate) fn groups_with(&self, link: &str, id: &str) -> Vec<&str> {
        self.groups
            .iter()
            .filter(|(_, group)| ids(group, link).any(|one| one == id))
            .map(|(group, _)| group.as_str())
            .collect()
    }

    /// Returns a group's members, and the members of groups among them, each once.
    pub(crate) fn transitive_members<'a>(&'a self, group: &str) -> Vec<&'a str> {
        let members = |id: &str| {
            let group = self.groups.get(id);
            group
                .map(|one| ids(one, "members").collect())
                .unwrap_or_default()
        };
        reached(group, members)
    }

    /// Returns the groups that hold this object, directly or through other groups.
    pub(crate) fn transitive_groups<'a>(&'a self, id: &str) -> Vec<&'a str> {
        reached(id, |id| self.groups_with("members", id))
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

/// Follows links from an object as far as they lead; each other object is returned once.
fn reached<'a>(start: &str, next: impl Fn(&str) -> Vec<&'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut open = vec![next(start)];
    while let Some(ids) = open.pop() {
        for id in ids {
            if id != start && seen.insert(id) {
                found.push(id);
                open.push(next(id));
            }
        }
    }
    found
}

/// Goes through a collection of strings: a property, or links.
pub(crate) fn ids<'a>(object: &'a Object, name: &str) -> impl Iterator<Item = &'a str> {
    let all = object.get(name).and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_str)
}

/// Returns a collection of strings of one's own.
pub(crate) fn links(object: &Object, name: &str) -> Vec<String> {
    ids(object, name).map(str::to_owned).collect()
}

/// Adds a link; false when it was there already.
pub(crate) fn link(object: &mut Object, name: &str, id: &str) -> bool {
    if ids(object, name).any(|one| one == id) {
        return false;
    }
    append(object, name, id);
    true
}

/// Adds a link that is known to be new.
pub(crate) fn append(object: &mut Object, name: &str, id: &str) {
    match object.get_mut(name) {
        Some(Value::Array(all)) => all.push(json!(id)),
        _ => {
            object.insert(name.to_owned(), json!([id]));
        }
    }
}

/// Removes a link; false when there was none.
pub(crate) fn unlink(object: &mut Object, name: &str, id: &str) -> bool {
    let Some(Value::Array(all)) = object.get_mut(name) else {
        return false;
    };
    let before = all.len();
    all.retain(|one| one != id);
    all.len() < before
}

/// Compares as the directory does: without case.
pub(crate) fn same(left: &str, right: &str) -> bool {
    // Most are ASCII, and few are equal.
    match left.is_ascii() && right.is_ascii() {
        true => left.eq_ignore_ascii_case(right),
        false => left.to_lowercase() == right.to_lowercase(),
    }
}

pub(crate) fn is_true(object: &Object, name: &str) -> bool {
    object.get(name) == Some(&Value::Bool(true))
}

pub(crate) fn has_type(group: &Object, kind: &str) -> bool {
    ids(group, "groupTypes").any(|one| one == kind)
}

pub(crate) fn is_dynamic(group: &Object) -> bool {
    has_type(group, "DynamicMembership")
}

/// Tables are lists in JSON: people read and write them.
pub(crate) mod listed {
    use super::{Object, Table, text};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(table: &Table, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(table.values())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Table, D::Error> {
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
