//! Everything about one guest: the account, what it holds and why, what happens next and when.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::address::{Address, ObjectId};
use crate::aim::Aim;
use crate::coverage::{Known, Memberships};
use crate::few::Few;
use crate::finding::Finding;
use crate::forecast::Coming;
use crate::kinds::assignment::{Edge, Sort};
use crate::kinds::group::written::Declared as Group;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Change, Object};
use crate::load::{Config, Origin};
use crate::matching::{Match, Matching};
use crate::plan::{Header, Plan, Request, decide};
use crate::request::{Answer, Read};
use crate::rule::Truth;
use crate::snapshot::{Snapshot, holds, joined};
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
    /// The conditional access policies that cover the account, if they were read.
    pub policies: Option<Vec<Covering>>,
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

/// A conditional access policy that covers an account, or may.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Covering {
    /// Its name.
    pub name: String,
    /// Its state, by Graph's words.
    pub state: String,
    /// Whether it is certain.
    pub is_certain: bool,
    /// What it asks.
    pub asks: Vec<String>,
}

/// Somebody whom an address means.
#[derive(Clone, Debug)]
pub struct Who<'a> {
    /// The key of the declared guest, or what people call the account.
    pub key: String,
    /// The account, if it is known which it is. A deleted one counts.
    pub user: Option<&'a User>,
}

/// Finds whom an address or an id means: the declared guest, or whoever in the tenant answers to it;
/// several are for a person to choose from. Whose account cannot be told, or must not be touched, has
/// none: what somebody else holds is not the guest's.
pub fn find<'a>(config: &Config, snapshot: &'a Snapshot, text: &str) -> Vec<Who<'a>> {
    let matching = Matching::new(snapshot, &config.desired, &config.policy);
    let account = |key: &str| match matching.of(key) {
        Match::Live(user) => snapshot.users.get(&user.id),
        Match::Deleted(user) => snapshot.deleted.get(&user.id),
        Match::Absent | Match::Blocked(_) => None,
    };
    if config.desired.guests.contains_key(text) {
        let (key, user) = (text.to_owned(), account(text));
        return vec![Who { key, user }];
    }
    let is = |user: &User| user.label() == text || user.id == text;
    let has = |user: &User| user.addresses().contains(text);
    let called = |users: &'a BTreeMap<_, User>| users.values().filter(|user| is(user)).collect();
    let answering =
        |users: &'a BTreeMap<_, User>| users.values().filter(|user| has(user)).collect();
    let (live, deleted) = (&snapshot.users, &snapshot.deleted);
    let tiers: [Vec<&User>; 4] = [
        called(live),
        answering(live),
        called(deleted),
        answering(deleted),
    ];
    let found = tiers.into_iter().find(|tier| !tier.is_empty());
    let declared = |user: &User| {
        let mut keys = config.desired.guests.keys();
        keys.find(|key| account(key).is_some_and(|found| found.id == user.id))
    };
    let who = |user: &'a User| Who {
        key: declared(user).map_or_else(|| user.label(), Clone::clone),
        user: Some(user),
    };
    found.into_iter().flatten().map(who).collect()
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
    Some(joined(items).collect())
}

/// What an explanation is put together from.
#[derive(Clone, Copy)]
struct Sources<'a> {
    config: &'a Config,
    snapshot: &'a Snapshot,
    matching: &'a Matching<'a>,
    plan: &'a Plan,
    aim: &'a Aim,
    /// By what plans call the guest.
    key: &'a str,
    declared: Option<&'a Declared>,
    user: Option<&'a User>,
    /// What the account is a member of, if that could be read.
    held: Option<&'a BTreeMap<ObjectId, String>>,
}

/// Explains. A snapshot that does not answer all that these files ask is refused with the reads that
/// are missing: what was not read is not taken for absent. `held` is what the account is a member of,
/// if that could be read.
pub fn explain(
    config: &Config,
    snapshot: &Snapshot,
    who: &Who<'_>,
    held: Option<&BTreeMap<ObjectId, String>>,
    now: Timestamp,
    header: &Header,
) -> Result<Explanation, Vec<Read>> {
    let matching = Matching::new(snapshot, &config.desired, &config.policy);
    let open = snapshot.open(&config.desired, &config.policy, Some(&matching));
    if !open.is_empty() {
        return Err(open);
    }
    let request = Request::default();
    let (plan, aim) = decide(config, snapshot, &matching, now, &request, header);
    let declared = config.desired.guests.get(&who.key);
    let key = match (declared, who.user) {
        (None, Some(user)) if user.deleted.is_none() => aim.bound_key(user),
        _ => who.key.clone(),
    };
    let sources = Sources {
        config,
        snapshot,
        matching: &matching,
        plan: &plan,
        aim: &aim,
        key: &key,
        declared,
        user: who.user,
        held,
    };
    Ok(told(sources, now))
}

fn told(sources: Sources<'_>, now: Timestamp) -> Explanation {
    let Sources {
        config,
        plan,
        key,
        declared,
        ..
    } = sources;
    let live = sources.user.filter(|user| user.deleted.is_none());
    let about = Some(Address::guest(key));
    let steps = plan.steps.iter();
    let steps = steps.filter(|step| step.change.object().guest() == Some(key));
    let findings = plan.findings.iter();
    Explanation {
        guest: key.to_owned(),
        origin: declared.map(|declared| declared.origin.clone()),
        facts: facts(sources),
        access: live.map_or_else(Vec::new, |user| access(sources, user)),
        is_complete: live.is_none() || sources.held.is_some(),
        policies: live.and_then(|user| covering(sources, user)),
        now: steps
            .map(|step| {
                let why = crate::render::reason(&step.because);
                (crate::render::title(step), why)
            })
            .collect(),
        next: sources.aim.coming(config, key, now),
        findings: findings
            .filter(|finding| finding.about == about)
            .cloned()
            .collect(),
    }
}

/// Returns the conditional access policies that cover an account or may, if any were read.
fn covering(sources: Sources<'_>, user: &User) -> Option<Vec<Covering>> {
    let snapshot = sources.snapshot;
    if !snapshot.knows_access_policies() {
        return None;
    }
    let held = sources
        .held
        .map(|held| held.keys().map(String::as_str).collect::<BTreeSet<_>>());
    let held = held
        .as_ref()
        .map_or(Memberships::Unread, Memberships::Direct);
    let known = Known::new(snapshot);
    let policies = snapshot.access_policies.iter().filter_map(|policy| {
        let covers = policy.covers(&known, user, held);
        (covers != Truth::No && policy.state != "disabled").then(|| Covering {
            name: policy.name.clone(),
            state: policy.state.clone(),
            is_certain: covers == Truth::Yes,
            asks: policy.asks.clone(),
        })
    });
    let mut policies: Vec<_> = policies.collect();
    policies.sort_by(|a, b| a.name.cmp(&b.name));
    Some(policies)
}

fn facts(sources: Sources<'_>) -> Vec<(&'static str, String)> {
    let Sources {
        config, snapshot, ..
    } = sources;
    let zone = &config.policy.tenant.time_zone;
    let mut facts = Vec::new();
    let mut say = |name, text: Option<String>| facts.extend(text.map(|text| (name, text)));
    match (sources.user, sources.matching.of(sources.key)) {
        (Some(user), _) => {
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
        (None, Match::Blocked(why)) => say("account", Some(why.clone())),
        (None, _) => say("account", Some("none in the tenant".to_owned())),
    }
    if let Some(declared) = sources.declared {
        say("why", declared.justification.clone());
        let end = declared.expires.map(|expires| expires.end(zone));
        say("expires", end.map(|end| show(end, zone)));
    }
    say("kept", sources.aim.kept(sources.key));
    facts
}

fn state(user: &User, zone: &TimeZone) -> String {
    if let Some(deleted) = user.deleted {
        return format!("deleted {}", show(deleted, zone));
    }
    let redeemed = match (user.is_pending(), user.state_changed) {
        (true, _) => "invitation not redeemed".to_owned(),
        (false, Some(at)) => {
            let with = user.issuer.as_ref();
            let with = with
                .map(|issuer| format!(" with {issuer}"))
                .unwrap_or_default();
            format!("invitation redeemed {}{with}", show(at, zone))
        }
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

fn access(sources: Sources<'_>, user: &User) -> Vec<Access> {
    let Sources {
        config, snapshot, ..
    } = sources;
    let groups = config.desired.groups.keys();
    let names: BTreeMap<_, _> = groups
        .filter_map(|name| Some((sources.aim.ids.get(&Address::group(name))?, name)))
        .collect();
    let known = snapshot.groups.members.iter();
    let known = known.filter(|(_, members)| members.contains(&user.id));
    let held: Vec<(&str, String)> = match sources.held {
        Some(held) => held
            .iter()
            .filter(|(id, _)| !snapshot.is_assigned(id))
            .map(|(id, name)| (id.as_str(), name.clone()))
            .collect(),
        None => known
            .map(|(id, _)| (id.as_str(), format!("group {id}")))
            .collect(),
    };
    let groups = held.into_iter().map(|(id, name)| {
        let known = names
            .get(id)
            .and_then(|name| config.desired.groups.get(*name));
        match known {
            Some(group) => membership(sources, group),
            None => {
                let seen = snapshot.groups.groups.get(id);
                let ruled = seen.is_some_and(|seen| seen.dynamic);
                Access {
                    what: format!("{name}{}", if ruled { ", by its rule" } else { "" }),
                    origin: None,
                }
            }
        }
    });
    let others = Sort::ALL
        .iter()
        .flat_map(|sort| assigned(sources, *sort, user));
    let mut access: Vec<_> = groups.chain(others).collect();
    access.sort_by(|a, b| a.what.cmp(&b.what));
    access
}

/// Returns what an account holds of a sort, with how long if it ends.
fn assigned(sources: Sources<'_>, sort: Sort, user: &User) -> Vec<Access> {
    let held = sources.snapshot.held(sort);
    let given = sources.declared.and_then(|declared| declared.given(sort));
    let access = |edge: &Edge| {
        let name = held.name(&edge.to);
        let granted = given.and_then(|given| given.get(name));
        let granted = granted.filter(|_| edge.fixed.is_none());
        let taken = sources.plan.steps.iter().any(|step| {
            matches!(&step.change, Change::Delete { before: Object::Assignment(it) }
                if it.guest == sources.key && it.sort == sort && it.to == name)
        });
        let end = if taken { ", until the next run" } else { "" };
        Access {
            what: format!("{}{end}", sort.called(name)),
            origin: granted.map(|granted| granted.origin.clone()),
        }
    };
    held.of(&user.id).map(access).collect()
}

/// Returns a membership in a declared group, with how long it lasts if no entry gives it any more.
fn membership(sources: Sources<'_>, group: &Group) -> Access {
    let name = &group.name;
    if group.rule.is_some() {
        return Access {
            what: format!("group {name}, by its rule"),
            origin: Some(group.origin.clone()),
        };
    }
    let granted = sources.declared.and_then(|it| it.groups.as_ref());
    let granted = granted.and_then(|groups: &Few<_, _>| groups.get(name));
    let zone = &sources.config.policy.tenant.time_zone;
    let taken = sources.plan.steps.iter().any(|step| {
        matches!(&step.change, Change::Delete { before: Object::Membership(edge) }
            if edge.guest == sources.key && edge.group == *name)
    });
    let end = match sources.aim.stripped(sources.key) {
        _ if taken => Some("the next run".to_owned()),
        Some(at) => Some(format!("stripped {}", show(at, zone))),
        None => None,
    };
    let origin = granted.map(|granted| &granted.origin);
    let origin = origin.or(end.as_ref().map(|_| &group.origin));
    let end = end.map_or_else(String::new, |end| format!(", until {end}"));
    Access {
        what: format!("group {name}{end}"),
        origin: origin.cloned(),
    }
}
