//! Direct memberships of guests in declared groups. Memberships of people who are no guests are
//! never looked at.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashSet, HashSetExt};

use super::declared::elsewhere;
use super::guard::may_be_given;
use super::{Aim, Fate, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::few::Few;
use crate::kinds::group::seen::{Found, SeenGroup};
use crate::kinds::group::written::{Declared, Undeclared};
use crate::kinds::guest::granted::Granted;
use crate::kinds::guest::{self, user::User};
use crate::kinds::membership::Membership;
use crate::kinds::{Kind, Object};
use crate::matching::Match;
use crate::parallel;
use crate::plan::{Because, Count};
use crate::stamp::Reading;
use crate::time::show;

impl Aim {
    pub(super) fn memberships(&mut self, world: World<'_>) {
        let rolls = Rolls {
            accounts: self.accounts(world),
            granted: self.granted(world),
        };
        let declared = world.desired.groups.values();
        let groups: Vec<_> = declared
            .filter(|group| group.rule.is_none())
            .map(|group| {
                let is_barred = self.barred.contains(&Address::group(&group.name));
                (group, is_barred)
            })
            .collect();
        // Decided apart: the rolls hold on to what is known of guests.
        let mut decided = Self::default();
        decided.each(&groups, |aim, (group, is_barred)| {
            aim.members_of(world, group, *is_barred, &rolls);
        });
        drop(rolls);
        self.take_in(decided);
    }

    /// Compares the members of one group.
    fn members_of(
        &mut self,
        world: World<'_>,
        group: &Declared,
        is_barred: bool,
        rolls: &Rolls<'_>,
    ) {
        let seen = match world.known.groups.find(group, world.owner()) {
            Found::One(seen) => Some(seen),
            _ => None,
        };
        let members = seen
            .filter(|_| !is_barred)
            .and_then(|seen| world.snapshot.groups.members.get(&seen.id));
        let members = members.into_iter().flatten();
        let accounts = members.filter_map(|id| rolls.accounts.get(id.as_str()));
        let stay = self.members(world, group, accounts);
        self.unchanged += stay.len();
        let granted = rolls.granted.get(group.name.as_str());
        for (declared, granted) in granted.into_iter().flatten() {
            if !stay.contains(declared.key.as_str()) {
                self.grant(world, group, seen, declared, granted);
            }
        }
    }

    /// Looks all guests up once: there are far more memberships.
    fn accounts<'a>(&'a self, world: World<'a>) -> HashMap<&'a str, Account<'a>> {
        let ours = |id: &str| {
            let key = self.keys.get(id)?;
            let is_blocked = matches!(world.matching.of(key), Match::Blocked(_));
            let fate = self.fates.get(key).filter(|_| !is_blocked)?;
            let declared = world.desired.guests.get(key);
            Some(Ours {
                key,
                fate,
                declared,
            })
        };
        let account = |user: &&'a User| {
            let account = match ours(&user.id) {
                Some(ours) => Account::Ours(user, ours),
                None => Account::Stray(user, self.bound_key(user)),
            };
            (user.id.as_str(), account)
        };
        let users = world.snapshot.users.values();
        let guests: Vec<_> = users.filter(|user| user.is_guest()).collect();
        let accounts = parallel::shares(&guests, |guests| {
            guests.iter().map(account).collect::<Vec<_>>()
        });
        accounts.into_iter().flatten().collect()
    }

    /// Returns to whom each group is granted, of those who may be given anything.
    fn granted<'a>(&self, world: World<'a>) -> Grants<'a> {
        let guests: Vec<_> = world.desired.guests.values().collect();
        let shares = parallel::shares(&guests, |guests| {
            let mut granted = Grants::default();
            for declared in guests {
                if self.fates.get(&declared.key).is_some_and(|fate| fate.grant) {
                    for (group, how) in declared.groups.iter().flat_map(Few::iter) {
                        let to = granted.entry(group.as_str()).or_default();
                        to.push((*declared, how));
                    }
                }
            }
            granted
        });
        let mut granted = Grants::default();
        for (group, more) in shares.into_iter().flatten() {
            granted.entry(group).or_default().extend(more);
        }
        granted
    }

    /// Returns the key under which an undeclared guest's id is bound.
    pub(crate) fn bound_key(&self, user: &User) -> String {
        let label = user.label();
        if self.ids.get(&Address::guest(&label)) == Some(&user.id) {
            label
        } else {
            format!("{label} ({})", user.id)
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
                .filter(|(id, _)| !ours.contains(*id) && !world.snapshot.is_assigned(id))
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
            match account {
                Account::Ours(user, ours) if self.member(world, group, user, ours) => {
                    stay.insert(ours.key);
                }
                Account::Ours(..) => {}
                Account::Stray(user, key) => self.stray(world, group, user, key),
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
    fn stray(&mut self, world: World<'_>, group: &Declared, user: &User, bound: &str) {
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
            guest: bound.to_owned(),
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
        let excluded = world.excluded(&group.name, seen);
        if let Some(why) = excluded.filter(|_| !is_member) {
            self.block(
                "excluded-group",
                &address,
                format!("group {}, {why}", group.name),
            )
            .at(&granted.origin);
            return;
        }
        if let Some(why) = self.closed(world, group, seen).filter(|_| !is_member) {
            self.block(
                "closed-group",
                &address,
                format!("group {} takes no guests: {why}", group.name),
            )
            .at(&granted.origin);
            return;
        }
        let because = Because::written(&granted.origin);
        self.want(Object::Membership(edge), because, None);
    }
}

/// What is looked up for every membership.
struct Rolls<'a> {
    /// The guests of the tenant, by id.
    accounts: HashMap<&'a str, Account<'a>>,
    granted: Grants<'a>,
}

/// A guest of the tenant.
enum Account<'a> {
    /// Whose access is ours to decide.
    Ours(&'a User, Ours<'a>),
    /// Anybody else, and the key under which the id is bound.
    Stray(&'a User, String),
}

/// What becomes of a guest whose access is ours to decide.
struct Ours<'a> {
    key: &'a str,
    fate: &'a Fate,
    declared: Option<&'a guest::written::Declared>,
}

/// To whom each group is granted.
type Grants<'a> = HashMap<&'a str, Vec<(&'a guest::written::Declared, &'a Granted)>>;

fn exactly(group: &Declared) -> Gone {
    let because = Because::at("not declared, and the group is `exact`", &group.origin);
    Gone {
        because,
        counts: Some(Count::Removal),
    }
}

/// Returns how a membership ended, if it has.
pub(super) fn ended(world: World<'_>, granted: &Granted) -> Option<String> {
    let end = granted.expires?.end(world.zone());
    (end <= world.now).then(|| format!("expired {}", show(end, world.zone())))
}
