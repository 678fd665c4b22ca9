//! The guests of a report: every guest account of the tenant, and every declared guest without one.

use foldhash::HashSet;

use super::due::{Due, due};
use super::{Guest, Sources, Standing, State};
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::matching::Match;
use crate::plan::Plan;

/// A guest, and what it comes from.
pub(super) struct Account<'a> {
    pub(super) guest: Guest,
    /// The account, if the tenant has it.
    pub(super) user: Option<&'a User>,
    pub(super) declared: Option<&'a Declared>,
}

/// Returns all guests, by key.
pub(super) fn all<'a>(sources: Sources<'a>, plan: &Plan) -> Vec<Account<'a>> {
    let due = due(plan);
    let mut all: Vec<_> = sources
        .config
        .desired
        .guests
        .values()
        .map(|declared| self::declared(sources, declared))
        .collect();
    let known: HashSet<_> = all
        .iter()
        .filter_map(|account| account.user)
        .map(|user| user.id.as_str())
        .collect();
    let users = sources.snapshot.users.values();
    let others = users.filter(|user| user.is_guest() && !known.contains(user.id.as_str()));
    let others: Vec<_> = others.map(|user| undeclared(sources, user)).collect();
    all.extend(others);
    for account in &mut all {
        let guest = &mut account.guest;
        let held = account.user.map(|user| sources.snapshot.called(&user.id));
        guest.holds = held.unwrap_or_default();
        let issuer = account.user.and_then(|user| user.issuer.as_ref());
        guest.issuer = issuer.map(ToString::to_string);
        guest.due = due.get(guest.key.as_str()).map(Due::to_string);
        guest.next = sources.aim.next(&guest.key);
    }
    all.sort_by(|a, b| a.guest.key.cmp(&b.guest.key));
    all
}

fn declared<'a>(sources: Sources<'a>, declared: &'a Declared) -> Account<'a> {
    let found = sources.matching.of(&declared.key);
    let (user, state) = match found {
        Match::Live(user) => (Some(*user), state(user)),
        Match::Deleted(_) => (None, State::Deleted),
        Match::Absent | Match::Blocked(_) => (None, State::Absent),
    };
    let is_ours = user.is_some_and(|user| sources.is_ours(user));
    let is_refused = !sources.aim.decides(&declared.key);
    let standing = match user {
        Some(_) if is_ours => Standing::Ours,
        Some(_) if is_refused => Standing::NotOurs,
        _ => Standing::Declared,
    };
    let seen = user.map_or_else(Vec::new, |user| sources.vouching(user));
    let wanted = || declared.sponsors.iter().flatten().cloned().collect();
    let guest = Guest {
        name: sources.property(user, Some(declared), "displayName"),
        company: sources.property(user, Some(declared), "companyName"),
        state,
        standing,
        sponsors: if user.is_some() { seen } else { wanted() },
        unvouched: user.and_then(|user| sources.snapshot.unvouched(user)),
        until: declared.expires,
        soon: declared.expires.is_some_and(|until| sources.is_soon(until)),
        origin: Some(declared.origin.clone()),
        ..Guest::new(declared.key.clone())
    };
    Account {
        guest,
        user,
        declared: Some(declared),
    }
}

fn undeclared<'a>(sources: Sources<'a>, user: &'a User) -> Account<'a> {
    let standing = if sources.is_ours(user) {
        Standing::Undeclared
    } else {
        Standing::NotOurs
    };
    let guest = Guest {
        name: sources.property(Some(user), None, "displayName"),
        company: sources.property(Some(user), None, "companyName"),
        state: state(user),
        standing,
        sponsors: sources.vouching(user),
        unvouched: sources.snapshot.unvouched(user),
        ..Guest::new(sources.aim.bound_key(user))
    };
    Account {
        guest,
        user: Some(user),
        declared: None,
    }
}

fn state(user: &User) -> State {
    match user.account_enabled {
        Some(false) => State::Disabled,
        _ if user.is_pending() => State::Pending,
        Some(true) => State::Active,
        None => State::Unknown,
    }
}

impl Guest {
    /// Returns a guest of whom nothing is known yet.
    fn new(key: String) -> Self {
        Self {
            key,
            name: None,
            company: None,
            state: State::Absent,
            issuer: None,
            standing: Standing::NotOurs,
            sponsors: Vec::new(),
            unvouched: None,
            access: Default::default(),
            holds: Vec::new(),
            until: None,
            soon: false,
            due: None,
            next: None,
            origin: None,
        }
    }
}

impl Sources<'_> {
    fn is_ours(&self, user: &User) -> bool {
        let tenant = &self.config.policy.tenant;
        user.is_of(tenant.owner(), tenant.stamp.as_str())
    }

    /// Returns a profile property as the tenant has it; of somebody who is not there, as declared.
    fn property(
        &self,
        user: Option<&User>,
        declared: Option<&Declared>,
        name: &str,
    ) -> Option<String> {
        let profile = match (user, declared) {
            (Some(user), _) => &user.profile,
            (None, Some(declared)) => &declared.profile,
            (None, None) => return None,
        };
        profile.get(name).cloned().flatten()
    }

    /// Returns the names of those who vouch for a guest of the tenant.
    fn vouching(&self, user: &User) -> Vec<String> {
        let ids = user.sponsors.iter().flatten();
        let mut names: Vec<_> = ids.map(|id| self.principal(id)).collect();
        names.sort();
        names
    }

    /// Returns what people call a user or group of the tenant: the address or name, else the id.
    fn principal(&self, id: &str) -> String {
        let user = self.snapshot.users.get(id).map(User::label);
        user.or_else(|| self.snapshot.named_groups.get(id).cloned())
            .unwrap_or_else(|| id.to_owned())
    }
}
