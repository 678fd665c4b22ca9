//! Guests whom no conditional access policy in force covers: nothing but a password, if that, keeps others
//! from their accounts.

use std::collections::BTreeMap;

use super::turnover::some;
use super::{Aim, Fate, World};
use crate::coverage::{AccessPolicy, Known, Memberships};
use crate::finding::Severity;
use crate::kinds::tenant_policy::{Section, policy_of};
use crate::kinds::{Change, Object};
use crate::rule::Truth;

impl Aim {
    /// Returns the conditional access policies as they will be.
    fn access_policies(&self, world: World<'_>) -> Vec<AccessPolicy> {
        let changes = self.changes.iter().map(|drawn| &drawn.change);
        let changes = changes.filter(|change| !self.is_blocked(change));
        let changed: BTreeMap<_, _> = changes
            .filter_map(|change| match change.object() {
                Object::TenantPolicy(policy) if policy.section == Section::ConditionalAccess => {
                    let is_left = !matches!(change, Change::Delete { .. });
                    let after = policy_of(&policy.name, &policy.properties, &self.ids);
                    Some((policy.name.as_str(), is_left.then_some(after)))
                }
                _ => None,
            })
            .collect();
        let seen = world.snapshot.access_policies.iter();
        let same = seen.filter(|policy| !changed.contains_key(policy.name.as_str()));
        let same: Vec<_> = same.cloned().collect();
        same.into_iter()
            .chain(changed.into_values().flatten())
            .collect()
    }

    /// Says whom no policy covers. Where it cannot be told nothing is said.
    pub(super) fn uncovered(&mut self, world: World<'_>) {
        let policies = self.access_policies(world).into_iter();
        let in_force: Vec<_> = policies
            .filter(|policy| policy.is_enabled() && !policy.asks.is_empty())
            .collect();
        if in_force.is_empty() {
            return;
        }
        let known = Known::new(world.snapshot);
        let is_uncovered = |fate: &Fate| {
            let user = fate.id.as_deref().and_then(|id| world.user(id));
            let user = user.filter(|user| fate.grant && user.account_enabled != Some(false));
            user.is_some_and(|user| {
                let mut policies = in_force.iter();
                policies.all(|policy| policy.covers(&known, user, Memberships::Unread) == Truth::No)
            })
        };
        let fates = self.fates.iter();
        let mut names: Vec<_> = fates
            .filter(|(_, fate)| is_uncovered(fate))
            .map(|(key, _)| key.clone())
            .collect();
        if names.is_empty() {
            return;
        }
        names.sort();
        let verb = if names.len() == 1 {
            "guest is"
        } else {
            "guests are"
        };
        let text = format!(
            "{} {verb} covered by no conditional access policy in force: {}",
            names.len(),
            some(&names)
        );
        let finding = self.report(Severity::Warning, "uncovered", None, text);
        finding.hint = Some(
            "a policy for all users, or for guests and external users, covers them".to_owned(),
        );
    }
}
