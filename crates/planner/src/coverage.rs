//! Which conditional access policies cover somebody: whom they mean, and not for which apps, places or
//! devices. What cannot be told is unknown.
//! Sources: "conditionalAccessUsers resource type", "conditionalAccessGuestsOrExternalUsers resource
//! type", Graph v1.0.

use std::collections::BTreeSet;

use foldhash::HashMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::ObjectId;
use crate::kinds::assignment::Sort;
use crate::kinds::guest::user::{User, text};
use crate::rule::{Person, Rule, Truth, parse};
use crate::snapshot::Snapshot;

/// A conditional access policy, as far as it says whom it is about and what it asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPolicy {
    /// Its name.
    pub name: String,
    /// `enabled`, `enabledForReportingButNotEnforced`, `disabled`, or what is not known yet.
    pub state: String,
    /// What it asks of them: `mfa`, `block`.
    pub asks: Vec<String>,
    /// Whether some of that is asked before somebody gets in.
    #[serde(default)]
    grants: bool,
    include: Whom,
    exclude: Whom,
}

/// Some people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Whom {
    users: Vec<String>,
    groups: Vec<ObjectId>,
    roles: Vec<String>,
    /// Types of guests, and whether only those of some tenants are meant.
    guests: Vec<String>,
    of_some_tenants: bool,
}

impl AccessPolicy {
    /// Reads a policy out of a reply.
    pub(crate) fn decode(item: &Value) -> Self {
        let users = &item["conditions"]["users"];
        let grant = &item["grantControls"];
        let mut asks = texts(&grant["builtInControls"]);
        let strength = text(&grant["authenticationStrength"], "displayName");
        asks.extend(strength.map(|name| format!("authentication strength {name}")));
        if !texts(&grant["termsOfUse"]).is_empty() {
            asks.push("terms of use".to_owned());
        }
        let grants = !asks.is_empty();
        let session = item["sessionControls"].as_object().into_iter().flatten();
        let session = session.filter(|(name, value)| !value.is_null() && !name.contains('@'));
        asks.extend(session.map(|(name, _)| name.clone()));
        Self {
            name: text(item, "displayName").unwrap_or_else(|| "without a name".to_owned()),
            state: text(item, "state").unwrap_or_default(),
            asks,
            grants,
            include: Whom::decode(users, "include"),
            exclude: Whom::decode(users, "exclude"),
        }
    }

    /// Returns whether it is in force.
    pub fn is_enabled(&self) -> bool {
        self.state == "enabled"
    }

    /// Returns whether it keeps people out who do not do what it asks.
    pub fn may_lock_out(&self) -> bool {
        self.grants
    }

    /// Returns whether it is for everybody, or for those who hold some role.
    pub fn is_wide(&self) -> bool {
        self.include.users.iter().any(|name| name == "All") || !self.include.roles.is_empty()
    }

    /// Returns whether it covers somebody, who is in those groups.
    pub fn covers(&self, known: &Known<'_>, user: &User, held: Memberships<'_>) -> Truth {
        let asked = Asked { known, user, held };
        // Which groups lie within those that are excluded is read of policies in force.
        let is_read = |group: &ObjectId| {
            let policies = known.snapshot.excluded.get(group);
            policies.is_some_and(|policies| policies.contains(&self.name))
        };
        let left_out = match self.is_enabled() && self.exclude.groups.iter().all(is_read) {
            true => Truth::any(
                [
                    asked.is_excluded(&self.name),
                    self.exclude.has_apart_from_groups(asked),
                ]
                .into_iter(),
            ),
            false => self.exclude.has(asked),
        };
        Truth::all([self.include.has(asked), left_out.not()].into_iter())
    }
}

impl Whom {
    /// Reads the properties whose names begin so.
    fn decode(users: &Value, begin: &str) -> Self {
        let list = |name: &str| texts(&users[format!("{begin}{name}")]);
        let guests = &users[format!("{begin}GuestsOrExternalUsers")];
        let types = text(guests, "guestOrExternalUserTypes").unwrap_or_default();
        let tenants = text(&guests["externalTenants"], "membershipKind");
        Self {
            users: list("Users"),
            groups: list("Groups"),
            roles: list("Roles"),
            guests: types
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
            of_some_tenants: tenants.is_some_and(|kind| kind != "all"),
        }
    }

    fn has(&self, asked: Asked<'_>) -> Truth {
        let groups = self.groups.iter().map(|group| asked.is_in(group));
        Truth::any(groups.chain([self.has_apart_from_groups(asked)]))
    }

    fn has_apart_from_groups(&self, asked: Asked<'_>) -> Truth {
        let user = asked.user;
        let users = self.users.iter().map(|name| match name.as_str() {
            "All" => Truth::Yes,
            "None" => Truth::No,
            "GuestsOrExternalUsers" => (user.is_guest() || user.is_external()).into(),
            id => (id == user.id).into(),
        });
        let roles = self.roles.iter().map(|role| asked.holds(role));
        let guests = self.guests.iter().map(|name| of_type(user, name));
        let guests = match (Truth::any(guests), self.of_some_tenants) {
            // Which tenant somebody comes from is not read.
            (Truth::Yes, true) => Truth::Unknown,
            (guests, _) => guests,
        };
        Truth::any(users.chain(roles).chain([guests]))
    }
}

/// Returns whether somebody is of a type of guests. Who is only known to another tenant has no account.
fn of_type(user: &User, name: &str) -> Truth {
    let (guest, external) = (user.is_guest(), user.is_external());
    match name {
        "b2bCollaborationGuest" => (guest && external).into(),
        "b2bCollaborationMember" => (!guest && external).into(),
        "internalGuest" => (guest && !external).into(),
        "none" | "b2bDirectConnectUser" | "serviceProvider" => Truth::No,
        _ => Truth::Unknown,
    }
}

/// Somebody, and what is known.
#[derive(Clone, Copy)]
struct Asked<'a> {
    known: &'a Known<'a>,
    user: &'a User,
    held: Memberships<'a>,
}

/// What is known of the tenant, its rules read once.
#[derive(Debug)]
pub struct Known<'a> {
    snapshot: &'a Snapshot,
    /// The rules of dynamic groups that are followed and understood, by the group's id.
    rules: HashMap<&'a str, Rule>,
}

impl<'a> Known<'a> {
    /// Reads the rules of a tenant.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let groups = snapshot.groups.groups.values();
        let followed = groups.filter(|group| group.dynamic && !group.paused);
        let rules = followed.filter_map(|group| {
            let rule = parse(group.rule.as_deref()?).ok()?;
            Some((group.id.as_str(), rule))
        });
        Self {
            snapshot,
            rules: rules.collect(),
        }
    }
}

/// The groups that somebody is in, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub enum Memberships<'a> {
    /// Nobody asked.
    Unread,
    /// Those that somebody is a direct member of.
    Direct(&'a BTreeSet<&'a str>),
    /// All, by way of others, too.
    All(&'a BTreeSet<&'a str>),
}

impl Asked<'_> {
    /// Returns whether somebody is in a group, or in a group within it, of which nothing is read.
    fn is_in(self, group: &str) -> Truth {
        match self.is_directly_in(group) {
            Truth::No if matches!(self.held, Memberships::All(_)) => Truth::No,
            Truth::No if !self.is_dynamic(group) => Truth::Unknown,
            answer => answer,
        }
    }

    fn is_directly_in(self, group: &str) -> Truth {
        let groups = &self.known.snapshot.groups;
        if let Memberships::Direct(held) | Memberships::All(held) = self.held {
            return held.contains(group).into();
        }
        if let Some(members) = groups.members.get(group) {
            return members.contains(&self.user.id).into();
        }
        let rule = self.known.rules.get(group);
        rule.map_or(Truth::Unknown, |rule| rule.takes(&Person::seen(self.user)))
    }

    fn is_dynamic(self, group: &str) -> bool {
        let seen = self.known.snapshot.groups.groups.get(group);
        seen.is_some_and(|seen| seen.dynamic)
    }

    /// Returns whether somebody is in a group that a policy excludes, by way of others, too.
    fn is_excluded(self, policy: &str) -> Truth {
        let excluded = self.known.snapshot.excluded.iter();
        let ids = excluded.filter(|(_, policies)| policies.contains(policy));
        Truth::any(ids.map(|(id, _)| self.is_directly_in(id)))
    }

    fn holds(self, role: &str) -> Truth {
        if !self.known.snapshot.knows_roles() {
            return Truth::Unknown;
        }
        let roles = self.known.snapshot.held(Sort::DirectoryRole);
        let has = |holder: &str| roles.of(holder).any(|edge| edge.to == role);
        let groups = match self.held {
            Memberships::All(groups) => groups.iter().any(|group| has(group)).into(),
            _ => self.holds_by_group(has),
        };
        Truth::any([has(&self.user.id).into(), groups].into_iter())
    }

    /// Returns whether somebody is in a group that has a role: only role-assignable ones can.
    fn holds_by_group(self, has: impl Fn(&str) -> bool) -> Truth {
        let groups = self.known.snapshot.groups.groups.values();
        let groups = groups.filter(|group| group.role_assignable && has(&group.id));
        Truth::any(groups.map(|group| self.is_directly_in(&group.id)))
    }
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
