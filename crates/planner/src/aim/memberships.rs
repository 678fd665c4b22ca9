//! Direct memberships of guests in declared groups. Memberships of people who are no guests are
//! never looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem::take;

use super::declared::elsewhere;
use super::guard::may_be_given;
use super::{Aim, Fate, World};
use crate::address::{Address, ObjectId};
use crate::diff::Gone;
use crate::few::Few;
use crate::kinds::group::seen::{Found, SeenGroup};
use crate::kinds::group::written::{Declared, Undeclared};
use crate::kinds::guest::written::Granted;
use crate::kinds::guest::{self, user::User};
use crate::kinds::membership::Membership;
use crate::kinds::{Kind, Object};
use crate::matching::Match;
use crate::plan::{Because, Count};
use crate::stamp::Reading;
use crate::time::show;

impl Aim {
    pub(super) fn memberships(&mut self, world: World<'_>) {
        let (keys, fates) = (take(&mut self.keys), take(&mut self.fates));
        let accounts = accounts(world, &keys, &fates);
        let granted = granted(world, &fates);
        for group in world
            .desired
            .groups
            .values()
            .filter(|group| group.rule.is_none())
        {
            let seen = match world.known.groups.find(group, world.owner()) {
                Found::One(seen) => Some(seen),
                _ => None,
            };
            let members = seen
                .filter(|_| !self.barred.contains(&Address::group(&group.name)))
                .and_then(|seen| world.snapshot.groups.members.get(&seen.id));
            let members = members.into_iter().flatten();
            let accounts = members.filter_map(|id| accounts.get(id.as_str()));
            let stay = self.members(world, group, accounts);
            self.unchanged += stay.len();
            for (declared, granted) in granted.get(group.name.as_str()).into_iter().flatten() {
                if !stay.contains(declared.key.as_str()) {
                    self.grant(world, group, seen, declared, granted);
                }
            }
            self.settle();
        }
        (self.keys, self.fates) = (keys, fates);
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

    /// Goes through the guests who are in the group. Returns those of ours who stay: a membership has
    /// no properties, so nothing of it is left to compare.
    fn members<'a>(
        &mut self,
        world: World<'_>,
        group: &Declared,
        accounts: impl Iterator<Item = &'a Account<'a>>,
    ) -> HashSet<&'a str> {
        let mut stay = HashSet::new();
        for account in accounts {
            match &account.ours {
                Some(ours) if self.member(world, group, account.user, ours) => {
                    stay.insert(ours.key);
                }
                Some(_) => {}
                None => self.stray(world, group, account.user),
            }
        }
        stay
    }

    /// A guest of ours in the group. Returns whether it stays.
    fn member(&mut self, world: World<'_>, group: &Declared, user: &User, ours: &Ours<'_>) -> bool {
        let exact = ours.fate.stranger && self.is_exact(world, group);
        let Some(gone) = self.why_out(world, group, ours, exact) else {
            return true;
        };
        if let Some(kept) = world.kept(user) {
            self.warn(
                kept.code(),
                &Address::guest(ours.key),
                format!("{}: stays in group {}", kept.text(), group.name),
            );
            return true;
        }
        let edge = Membership {
            group: group.name.clone(),
            guest: ours.key.to_owned(),
        };
        self.gone.insert(edge.address(), gone);
        self.see(Object::Membership(edge), None);
        false
    }

    /// Returns why a guest of ours has no place in the group, if so.
    fn why_out(
        &mut self,
        world: World<'_>,
        group: &Declared,
        ours: &Ours<'_>,
        exact: bool,
    ) -> Option<Gone> {
        let (key, fate) = (ours.key, ours.fate);
        if let Some(strip) = &fate.strip {
            return Some(strip.clone());
        }
        if exact {
            return Some(exactly(group));
        }
        let declared = ours.declared?;
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
        let found = world.known.groups.find(group, world.owner());
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

    /// Gives a declared guest a membership.
    fn grant(
        &mut self,
        world: World<'_>,
        group: &Declared,
        seen: Option<&SeenGroup>,
        declared: &guest::written::Declared,
        granted: &Granted,
    ) {
        let edge = Membership {
            group: group.name.clone(),
            guest: declared.key.clone(),
        };
        let address = edge.address();
        let is_member = self.observed.contains_key(&address);
        if let Some(text) = ended(world, granted) {
            if !is_member {
                self.info(
                    "membership-over",
                    &Address::guest(&declared.key),
                    format!("does not get group {}: {text}", group.name),
                )
                .at(&granted.origin);
            }
            return;
        }
        let powerful = seen.is_some_and(|seen| {
            seen.role_assignable && !may_be_given(world.policy, world.snapshot, seen)
        });
        if powerful && !is_member {
            let text = format!(
                "group {} can hold directory roles, and `requirements.privileged` does not name it",
                group.name
            );
            self.block("privileged-group", &address, text)
                .at(&granted.origin);
            return;
        }
        let because = Because::written(&granted.origin);
        self.want(Object::Membership(edge), because, None);
    }
}

/// A guest of the tenant.
struct Account<'a> {
    user: &'a User,
    ours: Option<Ours<'a>>,
}

/// What becomes of a guest whose access is ours to decide.
struct Ours<'a> {
    key: &'a str,
    fate: &'a Fate,
    declared: Option<&'a guest::written::Declared>,
}

/// Guests by id. There are far more memberships than guests: each is looked up here only.
type Accounts<'a> = HashMap<&'a str, Account<'a>>;

fn accounts<'a>(
    world: World<'a>,
    keys: &'a HashMap<ObjectId, String>,
    fates: &'a HashMap<String, Fate>,
) -> Accounts<'a> {
    let ours = |id: &str| {
        let key = keys.get(id)?;
        let fate = fates.get(key)?;
        let declared = world.desired.guests.get(key);
        let is_blocked = matches!(world.matching.of(key), Match::Blocked(_));
        (!is_blocked).then_some(Ours {
            key,
            fate,
            declared,
        })
    };
    let guests = world.snapshot.users.values().filter(|user| user.is_guest());
    guests
        .map(|user| {
            let ours = ours(&user.id);
            (user.id.as_str(), Account { user, ours })
        })
        .collect()
}

/// To whom each group is granted who may be given anything.
type Grants<'a> = BTreeMap<&'a str, Vec<(&'a guest::written::Declared, &'a Granted)>>;

fn granted<'a>(world: World<'a>, fates: &HashMap<String, Fate>) -> Grants<'a> {
    let mut granted = Grants::new();
    let guests = world.desired.guests.values();
    for declared in guests.filter(|guest| fates.get(&guest.key).is_some_and(|fate| fate.grant)) {
        for (group, how) in declared.groups.iter().flat_map(Few::iter) {
            granted.entry(group).or_default().push((declared, how));
        }
    }
    granted
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
