//! Who is in which group, and who vouches for whom.

use std::collections::BTreeMap;

use foldhash::HashMap;
use jiff::tz::TimeZone;

use super::guests::Account;
use super::{Access, Fate, Group, Sources, Sponsor};
use crate::kinds::group::seen::Found;
use crate::kinds::guest::user::User;
use crate::kinds::{Change, Object};
use crate::plan::Plan;
use crate::time::Until;

/// Returns the declared groups, and says of each guest what it has of them.
pub(super) fn groups(
    sources: Sources<'_>,
    plan: &Plan,
    accounts: &mut [Account<'_>],
) -> Vec<Group> {
    let places = places(accounts);
    let lookup = sources.snapshot.groups.lookup();
    let owner = sources.config.policy.tenant.owner();
    let mut groups = Vec::new();
    for declared in sources.config.desired.groups.values() {
        let found = lookup.find(declared, owner);
        if let Found::One(seen) = &found {
            let members = sources.snapshot.groups.members.get(&seen.id);
            for id in members.into_iter().flatten() {
                if let Some(place) = places.by_id.get(id.as_str()) {
                    give(
                        &mut accounts[*place],
                        groups.len(),
                        &declared.name,
                        Fate::Stays,
                        sources.zone(),
                    );
                }
            }
        }
        groups.push(Group {
            name: declared.name.clone(),
            dynamic: declared.rule.is_some(),
            there: found != Found::None,
            origin: declared.origin.clone(),
        });
    }
    planned(sources, plan, &groups, &places, accounts);
    groups
}

/// Says what the plan changes of it.
fn planned(
    sources: Sources<'_>,
    plan: &Plan,
    groups: &[Group],
    places: &Places,
    accounts: &mut [Account<'_>],
) {
    let names = groups.iter().enumerate();
    let names: HashMap<_, _> = names.map(|(n, group)| (group.name.as_str(), n)).collect();
    for step in &plan.steps {
        let Object::Membership(edge) = step.change.object() else {
            continue;
        };
        let fate = match step.change {
            Change::Delete { .. } => Fate::Taken,
            _ => Fate::Given,
        };
        let place = places.by_key.get(&edge.guest);
        if let (Some(place), Some(group)) = (place, names.get(edge.group.as_str())) {
            let account = &mut accounts[*place];
            give(account, *group, &edge.group, fate, sources.zone());
        }
    }
}

fn give(account: &mut Account<'_>, group: usize, name: &str, fate: Fate, zone: &TimeZone) {
    let until = granted(account, name, zone);
    account.guest.access.insert(group, Access { fate, until });
}

/// Returns when a membership ends that has an end of its own: with the guest's time, if that ends
/// sooner.
fn granted(account: &Account<'_>, group: &str, zone: &TimeZone) -> Option<Until> {
    let own = account.declared?.groups.as_ref()?.get(group)?.expires?;
    let ends = [Some(own), account.guest.until];
    ends.into_iter().flatten().min_by_key(|it| it.end(zone))
}

/// Where each guest stands among the accounts.
struct Places {
    by_id: HashMap<String, usize>,
    by_key: HashMap<String, usize>,
}

fn places(accounts: &[Account<'_>]) -> Places {
    let all = || accounts.iter().enumerate();
    Places {
        by_id: all()
            .filter_map(|(n, account)| Some((account.user?.id.clone(), n)))
            .collect(),
        by_key: all()
            .map(|(n, account)| (account.guest.key.clone(), n))
            .collect(),
    }
}

/// Returns who vouches, the most guests first.
pub(super) fn sponsors(sources: Sources<'_>, accounts: &[Account<'_>]) -> Vec<Sponsor> {
    let people = sources.snapshot.users.values();
    let people: HashMap<_, _> = people
        .filter(|user| !user.is_guest())
        .map(|user| (user.label(), user))
        .collect();
    let mut guests: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, account) in accounts.iter().enumerate() {
        for name in &account.guest.sponsors {
            guests.entry(name).or_default().push(place);
        }
    }
    let sponsor = |(name, guests): (&str, Vec<usize>)| {
        let user = people.get(name);
        Sponsor {
            name: name.to_owned(),
            display_name: user.and_then(|user| name_of(user)),
            disabled: user.is_some_and(|user| user.account_enabled == Some(false)),
            guests,
        }
    };
    let mut sponsors: Vec<_> = guests.into_iter().map(sponsor).collect();
    sponsors.sort_by_key(|sponsor| std::cmp::Reverse(sponsor.guests.len()));
    sponsors
}

fn name_of(user: &User) -> Option<String> {
    user.profile.get("displayName").cloned().flatten()
}
