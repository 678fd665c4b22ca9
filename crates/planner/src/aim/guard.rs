//! From whom nothing is ever taken: protected people, people with power in the directory, and
//! everybody while it cannot be told who has power.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::address::ObjectId;
use crate::kinds::group::seen::SeenGroup;
use crate::kinds::guest::user::User;

/// Roles that give no power over others. Every other role makes its holder privileged.
/// Source: "Sensitive actions", user resource type, Graph v1.0.
const HARMLESS: &[&str] = &[
    "Directory Readers",
    "Guest Inviter",
    "Message Center Reader",
    "Reports Reader",
    "Usage Summary Reports Reader",
];

/// Why nothing may be taken from somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// `scope.protected` says so.
    Protected,
    /// A role or a role-assignable group; says which.
    Privileged(String),
    /// It could not be read who is privileged.
    Unknown,
    /// A restricted management administrative unit refuses every application.
    Restricted,
}

impl Kept {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Privileged(_) => "privileged",
            Self::Unknown => "roles-unknown",
            Self::Restricted => "restricted",
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Protected => "is protected (scope.protected): nothing is taken".to_owned(),
            Self::Privileged(what) => format!("is privileged ({what}): nothing is taken"),
            Self::Unknown => "may be privileged: directory roles could not be read, so nothing is taken".to_owned(),
            Self::Restricted => "is in a restricted management administrative unit: nothing can be changed by an application".to_owned(),
        }
    }
}

impl World<'_> {
    /// Returns why nothing may be taken from a user, if so.
    pub(super) fn kept(&self, user: &User) -> Option<Kept> {
        if self
            .policy
            .scope
            .protected
            .iter()
            .any(|text| user.is_named(text))
        {
            return Some(Kept::Protected);
        }
        if let Some(what) = self.power(&user.id) {
            return Some(Kept::Privileged(what));
        }
        if !self.snapshot.knows_roles() {
            return Some(Kept::Unknown);
        }
        user.restricted.then_some(Kept::Restricted)
    }

    /// Returns what makes somebody privileged, if anything does.
    fn power(&self, id: &str) -> Option<String> {
        let allowed = |name: &str| {
            self.policy
                .requirements
                .privileged
                .iter()
                .any(|allowed| allowed == name)
        };
        for (principal, role) in &self.snapshot.role_assignments {
            if principal != id {
                continue;
            }
            // Only a built-in role's name can be trusted: anyone may call a custom role anything.
            match self.snapshot.roles.get(role) {
                Some(name) if HARMLESS.contains(&name.as_str()) || allowed(name) => {}
                Some(name) => return Some(name.clone()),
                None => return Some(format!("role {role}")),
            }
        }
        let groups = &self.snapshot.groups;
        for group in groups
            .groups
            .values()
            .filter(|group| group.role_assignable && !self.may_be_given(group))
        {
            let among = |edges: &BTreeMap<ObjectId, BTreeSet<ObjectId>>| {
                edges.get(&group.id).is_some_and(|ids| ids.contains(id))
            };
            if among(&groups.members) || among(&groups.owners) {
                return Some(format!("role-assignable group {}", group.display_name));
            }
        }
        None
    }

    /// Returns whether `requirements.privileged` names a role-assignable group. A name that several
    /// of them have allows none: anyone who may make such a group could take the name.
    pub(super) fn may_be_given(&self, group: &SeenGroup) -> bool {
        let named = self
            .policy
            .requirements
            .privileged
            .contains(&group.display_name);
        let twins = self
            .snapshot
            .groups
            .groups
            .values()
            .filter(|other| other.role_assignable && other.display_name == group.display_name);
        named && twins.count() == 1
    }
}
