//! From whom nothing is ever taken: protected people, people with power in the directory, and
//! everybody while it cannot be told who has power.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::domain::normal;
use crate::kinds::assignment::{Sort, directory_role};
use crate::kinds::group::seen::SeenGroup;
use crate::kinds::guest::user::User;
use crate::policy::Policy;
use crate::snapshot::Snapshot;

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
        let roles = snapshot.held(Sort::DirectoryRole);
        for (principal, edges) in &roles.holders {
            // Only a built-in role's name can be trusted: anyone may call a custom role anything.
            let power = edges
                .iter()
                .find_map(|edge| match roles.names.get(&edge.to) {
                    Some(name) if directory_role::may_be_given(name, policy) => None,
                    Some(name) => Some(name.clone()),
                    None => Some(format!("role {}", edge.to)),
                });
            self.powers
                .extend(power.map(|what| (principal.as_str(), what)));
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
    /// Returns why guests may not come into a group of that name, if conditional access excludes it, in the
    /// tenant or by the files, and `requirements.excluded` does not name it. A name that several of those
    /// groups have allows none.
    pub(super) fn excluded(&self, name: &str, seen: Option<&SeenGroup>) -> Option<String> {
        let id = seen.map(|group| group.id.as_str());
        let all = [&self.snapshot.excluded, &self.known.excluded];
        let there = all
            .iter()
            .filter_map(|excluded| excluded.get(id?))
            .flatten();
        // One that the same run makes is known by its name only.
        let new = self.desired.excluded();
        let new = new.filter(|(text, _)| seen.is_none() && text.eq_ignore_ascii_case(name));
        let new = new.map(|(_, policy)| policy);
        let policies: BTreeSet<_> = there.map(String::as_str).chain(new).collect();
        let is_twin = |other: &&String| {
            let other = self.snapshot.groups.groups.get(*other);
            other.is_some_and(|other| Some(other.id.as_str()) != id && other.display_name == name)
        };
        let is_allowed = self
            .policy
            .requirements
            .excluded
            .iter()
            .any(|it| it == name);
        let mut excluded = all.iter().flat_map(|excluded| excluded.keys());
        if policies.is_empty() || is_allowed && !excluded.any(|other| is_twin(&other)) {
            return None;
        }
        let policies: Vec<_> = policies.into_iter().collect();
        Some(format!(
            "which conditional access excludes ({}), and `requirements.excluded` does not name it",
            policies.join(", ")
        ))
    }
}

impl World<'_> {
    /// Returns why Graph would not reset the redemption of a guest, if so: for whoever holds a role.
    /// Source: "Reset redemption status for a guest user", Entra External ID.
    pub(super) fn cannot_reset(&self, user: &User) -> Option<String> {
        let roles = self.snapshot.held(Sort::DirectoryRole);
        let edge = roles.of(&user.id).next()?;
        let what = Sort::DirectoryRole.called(roles.name(&edge.to));
        Some(format!(
            "holds {what}, and Graph resets the redemption of nobody who holds a role"
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
