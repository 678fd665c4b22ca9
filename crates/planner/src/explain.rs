//! Everything about one guest: the account, what it holds and why, what happens next and when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::address::{Address, Ids, ObjectId};
use crate::few::Few;
use crate::finding::Finding;
use crate::forecast::{Coming, forecast};
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::load::{Config, Origin};
use crate::matching::{Match, Matching};
use crate::plan::Plan;
use crate::request::{Answer, Read};
use crate::snapshot::{Snapshot, holds};
use crate::time::show;

/// What there is to say about one guest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The guest's key.
    pub guest: String,
    /// Where the entry stands, if there is one.
    pub origin: Option<Origin>,
    /// The properties of guest and account that people ask for, by name.
    pub facts: Vec<(&'static str, String)>,
    /// What the account holds.
    pub access: Vec<Access>,
    /// Whether that is all; without it, only groups that files declare are known.
    pub is_complete: bool,
    /// What a run would do now, and why.
    pub now: Vec<(String, String)>,
    /// What happens next by itself.
    pub next: Vec<Coming>,
    /// What a person should know.
    pub findings: Vec<Finding>,
}

/// Something that an account holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// What: `group audit-readers`.
    pub what: String,
    /// Where a file gives it to the guest; else nobody manages it here.
    pub origin: Option<Origin>,
}

/// Finds the account that an address means: that of the declared guest, or of whoever has it.
/// A deleted one counts.
pub fn account<'a>(config: &Config, snapshot: &'a Snapshot, key: &str) -> Option<&'a User> {
    let matching = Matching::new(snapshot, &config.desired, &config.policy);
    if let Match::Live(user) | Match::Deleted(user) = matching.of(key) {
        let users = [&snapshot.users, &snapshot.deleted];
        return users.into_iter().find_map(|users| users.get(&user.id));
    }
    let has = |user: &&User| user.label() == key || user.addresses().contains(key);
    let live = snapshot.users.values().find(has);
    live.or_else(|| snapshot.deleted.values().find(has))
}

/// Returns the read of what an account is a member of, directly.
pub fn memberships(user: &User) -> Read {
    holds(user)
}

/// Returns what an answer to that read says: names by id, if it could be read.
pub fn held(answer: &Answer) -> Option<BTreeMap<ObjectId, String>> {
    let Answer::Items(items) = answer else {
        return None;
    };
    let named = items.iter().filter_map(|item| {
        let id = item["id"].as_str()?.to_owned();
        let name = item["displayName"].as_str().unwrap_or(&id).to_owned();
        Some((id, name))
    });
    Some(named.collect())
}

/// Puts together what there is to say. `plan` and `ids` come of planning for everybody, `held` is what the account is a member of, if that could be read.
pub fn explain(
    config: &Config,
    snapshot: &Snapshot,
    (plan, ids): (&Plan, &Ids),
    held: Option<&BTreeMap<ObjectId, String>>,
    key: &str,
    now: Timestamp,
) -> Explanation {
    let declared = config.desired.guests.get(key);
    let user = account(config, snapshot, key);
    let live = user.filter(|user| user.deleted.is_none());
    let about = Some(Address::guest(key));
    let steps = plan.steps.iter();
    let steps = steps.filter(|step| step.change.object().guest() == Some(key));
    let findings = plan.findings.iter();
    Explanation {
        guest: key.to_owned(),
        origin: declared.map(|declared| declared.origin.clone()),
        facts: facts(config, snapshot, declared, user),
        access: live.map_or_else(Vec::new, |user| {
            access(config, snapshot, ids, declared, user, held)
        }),
        is_complete: live.is_none() || held.is_some(),
        now: steps
            .map(|step| {
                let why = crate::render::reason(&step.because);
                (crate::render::title(step), why)
            })
            .collect(),
        next: match (declared, user.is_some() && live.is_none()) {
            (Some(declared), false) => forecast(declared, &config.policy, now),
            _ => Vec::new(),
        },
        findings: findings
            .filter(|finding| finding.about == about)
            .cloned()
            .collect(),
    }
}

fn facts(
    config: &Config,
    snapshot: &Snapshot,
    declared: Option<&Declared>,
    user: Option<&User>,
) -> Vec<(&'static str, String)> {
    let zone = &config.policy.tenant.time_zone;
    let mut facts = Vec::new();
    let mut say = |name, text: Option<String>| facts.extend(text.map(|text| (name, text)));
    match user {
        Some(user) => {
            say("account", Some(user.id.clone()));
            say("name", user.profile.get("displayName").cloned().flatten());
            say("state", Some(state(user, zone)));
            let stamp = user.attributes.get(config.policy.tenant.stamp.as_str());
            let stamp = stamp.cloned();
            say("stamp", stamp.or_else(|| Some("none: not ours".to_owned())));
            let sponsors = user.sponsors.iter().flatten();
            let sponsors = sponsors.map(|id| called(snapshot, id));
            let sponsors: Vec<_> = sponsors.collect();
            say(
                "sponsors",
                Some(sponsors.join(", ")).filter(|it| !it.is_empty()),
            );
        }
        None => say("account", Some("none in the tenant".to_owned())),
    }
    if let Some(declared) = declared {
        say("why", declared.justification.clone());
        let end = declared.expires.map(|expires| expires.end(zone));
        say("expires", end.map(|end| show(end, zone)));
    }
    facts
}

fn state(user: &User, zone: &TimeZone) -> String {
    if let Some(deleted) = user.deleted {
        return format!("deleted {}", show(deleted, zone));
    }
    let redeemed = match (user.is_pending(), user.state_changed) {
        (true, _) => "invitation not redeemed".to_owned(),
        (false, Some(at)) => format!("invitation redeemed {}", show(at, zone)),
        (false, None) => "no invitation known".to_owned(),
    };
    let kind = user.user_type.as_deref().unwrap_or("of unknown type");
    let sign_in = match user.account_enabled {
        Some(true) => "can sign in",
        Some(false) => "sign-in is blocked",
        None => "sign-in unknown",
    };
    format!("{kind}, {sign_in}, {redeemed}")
}

/// Returns what people call a user or a group of the tenant.
fn called(snapshot: &Snapshot, id: &str) -> String {
    let user = snapshot.users.get(id).map(User::label);
    let group = || snapshot.named_groups.get(id).cloned();
    user.or_else(group).unwrap_or_else(|| id.to_owned())
}

fn access(
    config: &Config,
    snapshot: &Snapshot,
    ids: &Ids,
    declared: Option<&Declared>,
    user: &User,
    held: Option<&BTreeMap<ObjectId, String>>,
) -> Vec<Access> {
    let groups = config.desired.groups.keys();
    let names: BTreeMap<_, _> = groups
        .filter_map(|name| Some((ids.get(&Address::group(name))?, name)))
        .collect();
    let known = snapshot.groups.members.iter();
    let known = known.filter(|(_, members)| members.contains(&user.id));
    let held: Vec<(&str, &str)> = match held {
        Some(held) => held
            .iter()
            .map(|(id, name)| (id.as_str(), name.as_str()))
            .collect(),
        None => known.map(|(id, _)| (id.as_str(), id.as_str())).collect(),
    };
    let granted = declared.and_then(|declared| declared.groups.as_ref());
    let groups = held.into_iter().map(|(id, name)| {
        let known = names
            .get(id)
            .and_then(|name| config.desired.groups.get(*name));
        let name = known.map_or(name, |group| group.name.as_str());
        let granted = granted.and_then(|groups: &Few<_, _>| groups.get(name));
        match known {
            Some(group) if group.rule.is_some() => Access {
                what: format!("group {name}, by its rule"),
                origin: Some(group.origin.clone()),
            },
            _ => Access {
                what: format!("group {name}"),
                origin: granted
                    .filter(|_| known.is_some())
                    .map(|granted| granted.origin.clone()),
            },
        }
    });
    let roles = snapshot.role_assignments.iter();
    let roles = roles.filter(|(principal, _)| *principal == user.id);
    let roles = roles.map(|(_, role)| Access {
        what: format!(
            "directory role {}",
            snapshot.roles.get(role).unwrap_or(role)
        ),
        origin: None,
    });
    let mut access: Vec<_> = groups.chain(roles).collect();
    access.sort_by(|a, b| a.what.cmp(&b.what));
    access
}
