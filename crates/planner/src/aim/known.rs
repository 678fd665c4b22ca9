//! What is looked up for every guest and every group, put in order once.

use std::collections::{BTreeMap, BTreeSet};

use super::guard::Guarded;
use crate::address::ObjectId;
use crate::kinds::assignment::Sort;
use crate::kinds::group::seen::Lookup;
use crate::load::Desired;
use crate::policy::Policy;
use crate::snapshot::Snapshot;

/// What is looked up often.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// The groups of the tenant.
    pub(super) groups: Lookup<'a>,
    /// From whom nothing is ever taken.
    pub(super) guarded: Guarded<'a>,
    /// Whom the names in files mean, by name in lower case.
    named: BTreeMap<String, Vec<&'a str>>,
    /// The groups that policies of the files exclude, and the names of those policies.
    pub(super) excluded: BTreeMap<ObjectId, BTreeSet<String>>,
    /// The sorts of things that some entry lists.
    pub(super) uses: BTreeSet<Sort>,
}

impl<'a> Known<'a> {
    pub(super) fn new(desired: &Desired, policy: &'a Policy, snapshot: &'a Snapshot) -> Self {
        Self {
            groups: snapshot.groups.lookup(),
            guarded: Guarded::new(policy, snapshot),
            named: named(desired, policy, snapshot),
            excluded: snapshot.excluded_by(desired),
            uses: desired.uses(),
        }
    }

    /// Returns the ids of all users, or of all groups, whom a name in files may mean.
    pub(super) fn named(&self, name: &str) -> &[&'a str] {
        self.named
            .get(&name.to_lowercase())
            .map_or(&[], Vec::as_slice)
    }
}

/// Finds everybody whom files refer to. With `@` it is a user, by address or sign-in name;
/// otherwise a group.
fn named<'a>(
    desired: &Desired,
    policy: &Policy,
    snapshot: &'a Snapshot,
) -> BTreeMap<String, Vec<&'a str>> {
    let emergency = policy.tenant.emergency_access.iter();
    let emergency = emergency.map(|name| name.to_lowercase());
    let names = desired.principals().into_iter().chain(emergency);
    let mut named: BTreeMap<_, Vec<&str>> = names.map(|name| (name, Vec::new())).collect();
    for user in snapshot.users.values() {
        let names = [Some(&user.user_principal_name), user.mail.as_ref()];
        for name in names
            .into_iter()
            .flatten()
            .filter(|name| name.contains('@'))
        {
            let Some(ids) = named.get_mut(&name.to_lowercase()) else {
                continue;
            };
            if ids.last() != Some(&user.id.as_str()) {
                ids.push(&user.id);
            }
        }
    }
    for (id, name) in &snapshot.named_groups {
        let ids = named.get_mut(&name.to_lowercase());
        if let Some(ids) = ids.filter(|_| !name.contains('@')) {
            ids.push(id);
        }
    }
    named
}
