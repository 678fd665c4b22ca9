//! From whom nothing is ever taken: protected people, people with power in the directory, and
//! everybody while it cannot be told who has power.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::domain::normal;
use crate::kinds::group::seen::SeenGroup;
use crate::kinds::guest::user::User;
use crate::policy::Policy;
use crate::snapshot::Snapshot;

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

/// From whom nothing is ever taken, found in one pass: it is asked for every guest.
#[derive(Debug, Default)]
pub(super) struct Guarded<'a> {
    /// Whom `scope.protected` names.
    protected: BTreeSet<&'a str>,
    /// What makes somebody privileged.
    powers: BTreeMap<&'a str, String>,
    /// Whether it could be read who is privileged.
    is_known: bool,
    /// Whom `scope.protected` names although nobody in the tenant answers to that.
    pub(super) nobody: Vec<&'a str>,
}

impl<'a> Guarded<'a> {
    pub(super) fn new(policy: &'a Policy, snapshot: &'a Snapshot) -> Self {
        let mut guarded = Self {
            is_known: snapshot.knows_roles(),
            ..Self::default()
        };
        if !policy.scope.protected.is_empty() {
            guarded.protect(policy, snapshot);
        }
        guarded.empower(policy, snapshot);
        guarded
    }

    fn protect(&mut self, policy: &'a Policy, snapshot: &'a Snapshot) {
        let texts = &policy.scope.protected;
        let wanted: BTreeSet<_> = texts.iter().map(|text| normal(text)).collect();
        let mut answered = BTreeSet::new();
        for user in snapshot.users.values() {
            let names = user.names();
            if !names.is_disjoint(&wanted) {
                self.protected.insert(&user.id);
                answered.extend(names);
            }
        }
        let deleted = snapshot.deleted.values();
        let deleted = deleted.filter(|user| !user.names().is_disjoint(&wanted));
        self.protected.extend(deleted.map(|user| user.id.as_str()));
        let nobody = texts
            .iter()
            .filter(|text| !answered.contains(&normal(text)));
        self.nobody = nobody.map(String::as_str).collect();
    }

    fn empower(&mut self, policy: &'a Policy, snapshot: &'a Snapshot) {
        let allowed = |name: &String| policy.requirements.privileged.contains(name);
        for (principal, role) in &snapshot.role_assignments {
            // Only a built-in role's name can be trusted: anyone may call a custom role anything.
            let what = match snapshot.roles.get(role) {
                Some(name) if HARMLESS.contains(&name.as_str()) || allowed(name) => continue,
                Some(name) => name.clone(),
                None => format!("role {role}"),
            };
            self.powers.entry(principal).or_insert(what);
        }
        let groups = &snapshot.groups;
        let assignable = groups.groups.values().filter(|group| group.role_assignable);
        for group in assignable.filter(|group| !may_be_given(policy, snapshot, group)) {
            let holders = [groups.members.get(&group.id), groups.owners.get(&group.id)];
            for id in holders.into_iter().flatten().flatten() {
                let what = || format!("role-assignable group {}", group.display_name);
                self.powers.entry(id).or_insert_with(what);
            }
        }
    }
}

impl World<'_> {
    /// Returns why nothing will be taken from a guest who is not in the tenant yet, if so.
    pub(super) fn kept_when_there(&self, key: &str) -> Option<Kept> {
        let mut protected = self.policy.scope.protected.iter();
        let is_protected = protected.any(|text| normal(text) == key);
        is_protected.then_some(Kept::Protected)
    }

    /// Returns why nothing may be taken from a user, if so.
    pub(super) fn kept(&self, user: &User) -> Option<Kept> {
        let guarded = &self.known.guarded;
        // Graph would refuse every change, whatever else the guest is.
        if user.restricted {
            return Some(Kept::Restricted);
        }
        if guarded.protected.contains(user.id.as_str()) {
            return Some(Kept::Protected);
        }
        if let Some(what) = guarded.powers.get(user.id.as_str()) {
            return Some(Kept::Privileged(what.clone()));
        }
        (!guarded.is_known).then_some(Kept::Unknown)
    }
}

impl World<'_> {
    /// Returns why guests may not come into a group, if conditional access excludes it and
    /// `requirements.excluded` does not name it. A name that several of those groups have allows none.
    pub(super) fn excluded(&self, group: &SeenGroup) -> Option<String> {
        let policies = self.snapshot.excluded.get(&group.id)?;
        let mut groups = self.snapshot.excluded.keys();
        let twin = |id: &String| {
            let other = self.snapshot.groups.groups.get(id);
            *id != group.id && other.is_some_and(|other| other.display_name == group.display_name)
        };
        let allowed = &self.policy.requirements.excluded;
        if allowed.contains(&group.display_name) && !groups.any(twin) {
            return None;
        }
        let policies: Vec<_> = policies.iter().map(String::as_str).collect();
        Some(format!(
            "which conditional access excludes ({}), and `requirements.excluded` does not name it",
            policies.join(", ")
        ))
    }
}

/// Returns whether `requirements.privileged` names a role-assignable group. A name that several of
/// them have allows none: anyone who may make such a group could take the name.
pub(super) fn may_be_given(policy: &Policy, snapshot: &Snapshot, group: &SeenGroup) -> bool {
    let named = policy.requirements.privileged.contains(&group.display_name);
    let twins = snapshot
        .groups
        .groups
        .values()
        .filter(|other| other.role_assignable && other.display_name == group.display_name);
    named && twins.count() == 1
}
