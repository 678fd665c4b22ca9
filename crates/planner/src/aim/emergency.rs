//! The accounts by which people get in when nothing else works: no policy of the files may lock them out.
//! Source: "Manage emergency access accounts in Microsoft Entra ID".

use std::collections::BTreeSet;

use super::{Aim, World};
use crate::coverage::{AccessPolicy, Known, Memberships};
use crate::finding::Severity;
use crate::kinds::tenant_policy::{Declared, Section};
use crate::rule::Truth;

impl Aim {
    /// Returns whether a policy of the files leaves every emergency account out, as far as that is known;
    /// says so if not.
    pub(super) fn leaves_a_way_in(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        policy: &AccessPolicy,
    ) -> bool {
        let accounts = &world.policy.tenant.emergency_access;
        let address = Section::ConditionalAccess.address(&policy.name);
        if !policy.may_lock_out() || policy.state == "disabled" {
            return true;
        }
        if accounts.is_empty() && policy.is_wide() {
            let text = "is not for guests only, and `tenant.emergencyAccess` names nobody whom it must leave out";
            self.warn("no-emergency-access", &address, text)
                .at(&declared.origin);
        }
        let known = Known::new(world.snapshot);
        let mut leaves = true;
        for name in accounts {
            let [id] = world.known.named(name) else {
                // Which is said of the account itself.
                leaves &= !policy.is_enabled();
                continue;
            };
            let Some(user) = world.user(id) else { continue };
            let groups = world.snapshot.belongs.get(*id);
            let groups = groups.map(|groups| groups.iter().map(String::as_str).collect());
            let groups: Option<BTreeSet<_>> = groups;
            let held = groups
                .as_ref()
                .map_or(Memberships::Unread, Memberships::All);
            let (verb, covers) = match policy.covers(&known, user, held) {
                Truth::No => continue,
                covers => (
                    if covers == Truth::Yes {
                        "locks"
                    } else {
                        "may lock"
                    },
                    covers,
                ),
            };
            let text = format!("{verb} out {name}, which is for emergencies");
            if covers == Truth::Yes && policy.is_enabled() {
                self.block_itself("locks-out", &address, text)
                    .at(&declared.origin);
                leaves = false;
            } else {
                let text = match policy.is_enabled() {
                    true => text,
                    false => format!("{text}, once it is in force"),
                };
                self.warn("locks-out", &address, text).at(&declared.origin);
            }
        }
        leaves
    }

    /// Says which emergency accounts nobody answers to.
    pub(super) fn emergency_accounts(&mut self, world: World<'_>) {
        for name in &world.policy.tenant.emergency_access {
            let why = match world.known.named(name) {
                [_] => continue,
                [] => "nobody in the tenant answers to that",
                _ => "several people in the tenant answer to that",
            };
            let text = format!("`tenant.emergencyAccess` names {name}, and {why}");
            self.report(Severity::Error, "emergency-unknown", None, text)
                .hint("no policy of the files is put in force before that is known");
        }
    }
}
