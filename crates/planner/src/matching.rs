//! Which account a declared address means. Nothing is guessed: two candidates, or one that is no
//! guest, block every step on that guest.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use jiff::Timestamp;

use crate::domain::domain_of;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::load::Desired;
use crate::parallel;
use crate::policy::Policy;
use crate::snapshot::Snapshot;

/// What a declared guest is in the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// Nobody answers to the address.
    Absent,
    /// This account does.
    Live(&'a User),
    /// This deleted account did.
    Deleted(&'a User),
    /// It cannot be told, or must not be touched; says why.
    Blocked(String),
}

/// The matches of all declared guests.
#[derive(Debug)]
pub struct Matching<'a> {
    snapshot: &'a Snapshot,
    stamp: &'a str,
    owner: &'a str,
    /// By key. Like the next in no order: nothing that is said depends on one.
    matches: HashMap<&'a str, Match<'a>>,
    /// Every account that any declared address may mean, matched or not. Nobody among them is
    /// undeclared.
    claimed: HashSet<&'a str>,
}

impl<'a> Matching<'a> {
    /// Matches every declared guest.
    pub fn new(snapshot: &'a Snapshot, desired: &'a Desired, policy: &'a Policy) -> Self {
        let live = index(snapshot.users.values());
        let deleted = index(snapshot.deleted.values());
        let mut this = Self {
            snapshot,
            stamp: policy.tenant.stamp.as_str(),
            owner: policy.tenant.owner(),
            matches: HashMap::with_capacity(desired.guests.len()),
            claimed: HashSet::with_capacity(desired.guests.len()),
        };
        let guests: Vec<_> = desired.guests.values().collect();
        let found = parallel::shares(&guests, |guests| {
            let find = |guest: &&Declared| this.find(guest, &live, &deleted);
            guests.iter().map(find).collect::<Vec<_>>()
        });
        for (guest, (claims, found)) in guests.iter().zip(found.into_iter().flatten()) {
            this.claimed.extend(claims);
            this.matches.insert(&guest.key, found);
        }
        this.claimed_twice();
        this
    }

    /// Returns what a declared guest is in the tenant.
    pub fn of(&self, key: &str) -> &Match<'a> {
        self.matches.get(key).unwrap_or(&Match::Absent)
    }

    /// Returns whether an account would be taken on that carries no stamp yet.
    pub fn adopts(&self, desired: &Desired) -> bool {
        let unstamped = |user: &User| {
            user.attributes
                .get(self.stamp)
                .is_none_or(|text| text.trim().is_empty())
        };
        desired
            .guests
            .values()
            .filter(|guest| !guest.adopt)
            .any(|guest| matches!(self.of(&guest.key), Match::Live(user) if unstamped(user)))
    }

    /// Returns the guests of ours whose time is over, or whom no file declares any more.
    pub fn leaving(&self, desired: &Desired, policy: &Policy, now: Timestamp) -> Vec<&'a User> {
        let zone = &policy.tenant.time_zone;
        let over = desired.guests.values().filter(|guest| {
            guest
                .expires
                .is_some_and(|expires| expires.end(zone) <= now)
        });
        let over: BTreeSet<_> = over
            .filter_map(|guest| match self.of(&guest.key) {
                Match::Live(user) => Some(user.id.as_str()),
                _ => None,
            })
            .collect();
        let ours = |user: &&User| user.is_of(self.owner, self.stamp);
        let guests = self
            .snapshot
            .users
            .values()
            .filter(|user| user.is_guest())
            .filter(ours);
        guests
            .filter(|user| over.contains(user.id.as_str()) || !self.is_claimed(&user.id))
            .collect()
    }

    /// Returns whether any declared address may mean this account.
    pub fn is_claimed(&self, id: &str) -> bool {
        self.claimed.contains(id)
    }

    /// Returns the declared addresses of which it must be known who else holds them: those whose
    /// account is not surely ours, or does not answer to them yet.
    pub fn doubtful(&self, desired: &Desired) -> BTreeSet<String> {
        let sure = |guest: &&Declared| {
            let Match::Live(user) = self.of(&guest.key) else {
                return false;
            };
            // Without a former address, only its own can have led to the account.
            user.is_of(self.owner, self.stamp)
                && (guest.formerly.is_none() || user.addresses().contains(&guest.key))
        };
        let doubtful = desired.guests.values().filter(|guest| !sure(guest));
        // The tenant may hold a domain as it is written or as punycode.
        let spellings = |guest: &Declared| {
            [
                Some(guest.key.clone()),
                Some(guest.mail.to_lowercase()),
                guest.formerly.clone(),
            ]
        };
        doubtful.flat_map(spellings).flatten().collect()
    }

    /// Returns every account that a declared address may mean, and which one it means.
    fn find(
        &self,
        guest: &Declared,
        live: &Index<'a>,
        deleted: &Index<'a>,
    ) -> (Vec<&'a str>, Match<'a>) {
        let holders = |key: &String| live.get(key).map_or(&[][..], Vec::as_slice);
        let own = holders(&guest.key);
        let old = guest.formerly.as_ref().map_or(&[][..], holders);
        let mut users = [own, old].concat();
        users.sort_by(|a, b| a.id.cmp(&b.id));
        users.dedup_by(|a, b| a.id == b.id);
        let claims = users.iter().map(|user| user.id.as_str()).collect();
        let is_former = own.is_empty() && !old.is_empty();
        (claims, self.choose(guest, &users, is_former, deleted))
    }

    fn choose(
        &self,
        guest: &Declared,
        users: &[&'a User],
        is_former: bool,
        deleted: &Index<'a>,
    ) -> Match<'a> {
        if self.snapshot.domains.contains(&domain_of(&guest.key)) {
            return Match::Blocked(format!(
                "{} is an address of this tenant's own domain",
                guest.key
            ));
        }
        if let Some(other) = users.iter().find(|user| !user.is_guest()) {
            let kind = other
                .user_type
                .as_deref()
                .unwrap_or("an account of unknown type");
            return Match::Blocked(format!(
                "{} is no guest but {kind}: {}",
                guest.key, other.user_principal_name
            ));
        }
        match users {
            [] => self.find_deleted(guest, deleted),
            [user] if self.snapshot.is_own(user) => Match::Blocked(format!(
                "{} belongs to an account of this tenant's own domain: {}",
                guest.key, user.user_principal_name
            )),
            [user] if is_former => self.find_former(guest, user, deleted),
            [user] => Match::Live(user),
            several => {
                let names: Vec<_> = several
                    .iter()
                    .map(|user| format!("{} ({})", user.user_principal_name, user.id))
                    .collect();
                Match::Blocked(format!(
                    "{} accounts answer to {}: {}",
                    several.len(),
                    guest.key,
                    names.join(", ")
                ))
            }
        }
    }

    /// An account that only the former address leads to. It must be known by that address, and the
    /// new one must be free.
    fn find_former(&self, guest: &Declared, user: &'a User, deleted: &Index<'a>) -> Match<'a> {
        let old = guest.formerly.as_deref().unwrap_or_default();
        if user.label() != old {
            return Match::Blocked(format!(
                "{old} is only a further address of {}: nothing is handed over",
                user.label()
            ));
        }
        if deleted.contains_key(&guest.key) {
            return Match::Blocked(format!(
                "a deleted account holds the address {}; purge it before {old} can get it",
                guest.key
            ));
        }
        Match::Live(user)
    }

    fn find_deleted(&self, guest: &Declared, deleted: &Index<'a>) -> Match<'a> {
        let candidates = deleted.get(&guest.key).map_or(&[][..], Vec::as_slice);
        if let Some(old) = guest
            .formerly
            .as_ref()
            .filter(|old| deleted.contains_key(*old))
        {
            return Match::Blocked(format!(
                "the account of {old} is deleted; restore it before it can get the address {}",
                guest.key
            ));
        }
        if let Some(member) = candidates.iter().find(|user| !user.is_guest()) {
            return Match::Blocked(format!(
                "a deleted account that is no guest holds the address {}: {}",
                guest.key, member.id
            ));
        }
        match candidates {
            [] => Match::Absent,
            [one] => Match::Deleted(one),
            several => Match::Blocked(format!(
                "{} deleted accounts answer to {}; restore or purge them by hand",
                several.len(),
                guest.key
            )),
        }
    }

    /// Blocks guests that would share one account.
    fn claimed_twice(&mut self) {
        let account = |found: &Match<'a>| match found {
            Match::Live(user) | Match::Deleted(user) => Some(user.id.as_str()),
            _ => None,
        };
        let mut once = HashSet::with_capacity(self.matches.len());
        let accounts = self.matches.values().filter_map(account);
        let twice = accounts.filter(|id| !once.insert(*id));
        let mut shared: HashMap<_, BTreeSet<&'a str>> =
            twice.map(|id| (id, BTreeSet::new())).collect();
        if shared.is_empty() {
            return;
        }
        for (key, found) in &self.matches {
            if let Some(keys) = account(found).and_then(|id| shared.get_mut(id)) {
                keys.insert(key);
            }
        }
        for (id, keys) in shared {
            let names = keys.iter().copied().collect::<Vec<_>>().join(" and ");
            let text = format!("{names} all mean one account: {id}");
            for key in keys {
                self.matches.insert(key, Match::Blocked(text.clone()));
            }
        }
    }
}

/// Accounts by each of their addresses, in the order of their ids.
type Index<'a> = HashMap<String, Vec<&'a User>>;

fn index<'a>(users: impl Iterator<Item = &'a User>) -> Index<'a> {
    let users: Vec<_> = users.collect();
    let addresses = parallel::shares(&users, |users| {
        users
            .iter()
            .map(|user| user.addresses())
            .collect::<Vec<_>>()
    });
    let mut index = Index::new();
    for (user, addresses) in users.into_iter().zip(addresses.into_iter().flatten()) {
        for address in addresses {
            index.entry(address).or_default().push(user);
        }
    }
    index
}
