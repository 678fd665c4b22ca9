//! Direct memberships of guests in declared groups. Memberships of people who are no guests are
//! never looked at.

use std::collections::BTreeSet;

use super::declared::elsewhere;
use super::{Aim, Fate, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::kinds::group::seen::{Found, SeenGroup};
use crate::kinds::group::written::{Declared, Undeclared};
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Granted;
use crate::kinds::membership::Membership;
use crate::kinds::{Kind, Object};
use crate::matching::Match;
use crate::plan::{Because, Count};
use crate::stamp::Reading;
use crate::time::show;

impl Aim {
    pub(super) fn memberships(&mut self, world: World<'_>) {
        for group in world
            .desired
            .groups
            .values()
            .filter(|group| group.rule.is_none())
        {
            let seen = match world.snapshot.groups.find(group, world.owner()) {
                Found::One(seen) => Some(seen),
                _ => None,
            };
            if let Some(seen) = seen.filter(|_| !self.barred.contains(&Address::group(&group.name)))
            {
                self.members(world, group, seen);
            }
            self.grants(world, group, seen);
        }
    }

    /// Lists what a guest keeps whose access ends: groups that no file declares are nobody's here.
    pub(super) fn kept_memberships(&mut self, world: World<'_>) {
        let declared = world
            .desired
            .groups
            .values()
            .filter(|group| group.rule.is_none());
        let ours: BTreeSet<_> = declared
            .filter_map(|group| {
                self.ids
                    .get(&Address::group(&group.name))
                    .map(str::to_owned)
            })
            .collect();
        for (id, held) in &world.snapshot.holds {
            let Some(key) = self
                .keys
                .get(id)
                .filter(|key| self.fates.get(*key).is_some_and(|fate| !fate.grant))
                .cloned()
            else {
                continue;
            };
            let names: Vec<_> = held
                .iter()
                .filter(|(id, _)| !ours.contains(*id))
                .map(|(_, name)| name.as_str())
                .collect();
            if !names.is_empty() {
                let text = format!(
                    "stays a member of {}: not declared, so not taken",
                    names.join(", ")
                );
                self.info("held", &Address::guest(&key), text);
            }
        }
    }

    /// Goes through the guests who are in the group.
    fn members(&mut self, world: World<'_>, group: &Declared, seen: &SeenGroup) {
        let members = world
            .snapshot
            .groups
            .members
            .get(&seen.id)
            .into_iter()
            .flatten();
        for user in members
            .filter_map(|id| world.user(id))
            .filter(|user| user.is_guest())
        {
            match self.key_of(world, &user.id) {
                Some(key) => self.member(world, group, user, &key),
                None => self.stray(world, group, user),
            }
        }
    }

    /// Returns the key of a guest whose access is ours to decide.
    fn key_of(&self, world: World<'_>, id: &str) -> Option<String> {
        let key = self
            .keys
            .get(id)
            .filter(|key| self.fates.contains_key(*key))
            .cloned();
        key.filter(|key| !matches!(world.matching.of(key), Match::Blocked(_)))
    }

    /// A guest of ours in the group.
    fn member(&mut self, world: World<'_>, group: &Declared, user: &User, key: &str) {
        let Some(fate) = self.fates.get(key).cloned() else {
            return;
        };
        let edge = Membership {
            group: group.name.clone(),
            guest: key.to_owned(),
        };
        let address = edge.address();
        self.see(Object::Membership(edge.clone()), None);
        self.want(Object::Membership(edge), Because::rule("as it is"), None);
        let exact = fate.stranger && self.is_exact(world, group);
        let Some(gone) = self.why_out(world, group, key, &fate, exact) else {
            return;
        };
        match world.kept(user) {
            Some(kept) => drop(self.warn(
                kept.code(),
                &Address::guest(key),
                format!("{}: stays in group {}", kept.text(), group.name),
            )),
            None => drop(self.gone.insert(address, gone)),
        }
    }

    /// Returns why a guest of ours has no place in the group, if so.
    fn why_out(
        &mut self,
        world: World<'_>,
        group: &Declared,
        key: &str,
        fate: &Fate,
        exact: bool,
    ) -> Option<Gone> {
        if let Some(strip) = &fate.strip {
            return Some(strip.clone());
        }
        if exact {
            return Some(exactly(group));
        }
        let declared = world.desired.guests.get(key)?;
        let Some(groups) = &declared.groups else {
            let text = format!(
                "is in group {}, and its entry has no `groups:`: left alone",
                group.name
            );
            self.info("membership-unmanaged", &Address::guest(key), text)
                .at(&declared.origin);
            return None;
        };
        match groups.get(&group.name) {
            None if !fate.grant => None,
            None => Some(Gone {
                because: Because::at("not among the declared groups", &declared.origin),
                counts: Some(Count::Removal),
            }),
            Some(granted) => ended(world, granted).map(|text| Gone {
                because: Because::at(text, &granted.origin),
                counts: Some(Count::Expiry),
            }),
        }
    }

    /// A guest in the group who is not ours.
    fn stray(&mut self, world: World<'_>, group: &Declared, user: &User) {
        let key = user.label();
        let address = Address::guest(&key);
        let unknown = world.snapshot.is_own(user)
            || user.stamp(world.stamp()) != Reading::Empty
            || elsewhere(user, world.stamp()).is_some();
        if world.matching.is_claimed(&user.id) {
            return;
        }
        if !self.is_exact(world, group) || unknown {
            self.info(
                "member-undeclared",
                &address,
                format!("is in group {} and not declared there", group.name),
            )
            .at(&group.origin);
            return;
        }
        let edge = Membership {
            group: group.name.clone(),
            guest: self.bound_key(&key, &user.id),
        };
        let edge_address = edge.address();
        if let Some(kept) = world.kept(user) {
            self.warn(
                kept.code(),
                &address,
                format!("{}: stays in group {}", kept.text(), group.name),
            );
            return;
        }
        self.see(Object::Membership(edge), None);
        self.gone.insert(edge_address, exactly(group));
    }

    /// Returns whether the group is ours to keep exact.
    fn is_exact(&self, world: World<'_>, group: &Declared) -> bool {
        let found = world.snapshot.groups.find(group, world.owner());
        let ours = matches!(found, Found::One(seen) if seen.is_ours(world.owner(), &group.name))
            || group.adopt;
        group.guests == Undeclared::Exact && ours
    }

    /// Returns the key under which an undeclared guest's id is bound.
    fn bound_key(&self, label: &str, id: &str) -> String {
        let plain = self.ids.get(&Address::guest(label)) == Some(id);
        if plain {
            label.to_owned()
        } else {
            format!("{label} ({id})")
        }
    }

    /// Gives declared guests the memberships they do not have.
    fn grants(&mut self, world: World<'_>, group: &Declared, seen: Option<&SeenGroup>) {
        for declared in world.desired.guests.values() {
            let Some(granted) = declared
                .groups
                .as_ref()
                .and_then(|groups| groups.get(&group.name))
            else {
                continue;
            };
            if !self.fates.get(&declared.key).is_some_and(|fate| fate.grant) {
                continue;
            }
            let edge = Membership {
                group: group.name.clone(),
                guest: declared.key.clone(),
            };
            let address = edge.address();
            if let Some(text) = ended(world, granted) {
                if !self.observed.contains_key(&address) {
                    self.info(
                        "membership-over",
                        &Address::guest(&declared.key),
                        format!("does not get group {}: {text}", group.name),
                    )
                    .at(&granted.origin);
                }
                continue;
            }
            let powerful =
                seen.is_some_and(|seen| seen.role_assignable && !world.may_be_given(seen));
            if powerful && !self.observed.contains_key(&address) {
                let text = format!(
                    "group {} can hold directory roles, and `requirements.privileged` does not name it",
                    group.name
                );
                self.block("privileged-group", &address, text)
                    .at(&granted.origin);
                continue;
            }
            self.want(
                Object::Membership(edge),
                Because::written(&granted.origin),
                None,
            );
        }
    }
}

fn exactly(group: &Declared) -> Gone {
    let because = Because::at("not declared, and the group is `exact`", &group.origin);
    Gone {
        because,
        counts: Some(Count::Removal),
    }
}

/// Returns how a membership ended, if it has.
fn ended(world: World<'_>, granted: &Granted) -> Option<String> {
    let end = granted.expires?.end(world.zone());
    (end <= world.now).then(|| format!("expired {}", show(end, world.zone())))
}
