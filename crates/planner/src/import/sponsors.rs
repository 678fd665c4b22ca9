//! Who vouches for imported guests, and what files call them: users by their address, groups by their
//! name. What a file says of sponsors is exact, so one who cannot be named leaves all of them out.

use std::collections::{BTreeMap, BTreeSet};

use super::Known;
use crate::address::ObjectId;
use crate::kinds::guest::user::User;
use crate::request::Read;
use crate::snapshot::{Snapshot, groups_by_id, groups_named};

/// Who vouches.
pub(super) struct Sponsors {
    pub(super) names: Vec<String>,
    /// Whether that is only who invited the guest.
    pub(super) invited: bool,
}

/// Returns the reads of whoever vouches for guests and is no user that is known: groups, if anything.
pub fn groups(snapshot: &Snapshot) -> Vec<Read> {
    let guests = snapshot.users.values().filter(|user| user.is_guest());
    let sponsors = guests.filter_map(|guest| guest.sponsors.as_ref()).flatten();
    let unknown = sponsors
        .filter(|id| !snapshot.users.contains_key(*id) && !snapshot.named_groups.contains_key(*id));
    let unknown: BTreeSet<_> = unknown.map(String::as_str).collect();
    let reads = groups_by_id(&unknown.into_iter().collect::<Vec<_>>());
    reads.into_iter().map(Read::optional).collect()
}

/// Returns the reads of all groups that are called as those that are known: names may repeat.
pub fn namesakes(snapshot: &Snapshot) -> Vec<Read> {
    let names: BTreeSet<_> = snapshot.named_groups.values().map(String::as_str).collect();
    let reads = groups_named(&names.into_iter().collect::<Vec<_>>());
    reads.into_iter().map(Read::optional).collect()
}

/// What files may call groups, by their ids; no group whose name could mean another.
pub(super) fn names_of_groups(snapshot: &Snapshot) -> BTreeMap<&ObjectId, &String> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for name in snapshot.named_groups.values() {
        *count.entry(name.to_lowercase()).or_default() += 1;
    }
    // With `@` a name means a user.
    let plain = |name: &str| {
        !name.contains('@') && !name.chars().any(crate::safe::hides) && name.trim() == name
    };
    let groups = snapshot.named_groups.iter();
    groups
        .filter(|(_, name)| plain(name) && count.get(&name.to_lowercase()) == Some(&1))
        .collect()
}

/// Returns what the sponsors of a guest are called, or the inviter of one who has none; none if nobody
/// is known, or one has no name.
pub(super) fn sponsors(
    snapshot: &Snapshot,
    groups: &BTreeMap<&ObjectId, &String>,
    user: &User,
    known: Known<'_>,
) -> Option<Sponsors> {
    let named = |id: &String| match snapshot.users.get(id) {
        Some(user) => called(user),
        None => groups.get(id).map(|name| (*name).clone()),
    };
    match user.sponsors.as_deref()? {
        [] => known.inviters.get(&user.id).map(|name| Sponsors {
            names: vec![name.clone()],
            invited: true,
        }),
        ids => Some(Sponsors {
            names: ids.iter().map(named).collect::<Option<_>>()?,
            invited: false,
        }),
    }
}

/// Returns what files call a user of this tenant. A guest vouches for nobody.
pub(super) fn called(user: &User) -> Option<String> {
    if user.is_guest() {
        return None;
    }
    let name = user.mail.as_ref().unwrap_or(&user.user_principal_name);
    Some(name.to_lowercase()).filter(|name| name.contains('@'))
}
