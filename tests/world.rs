//! Random tenants and random repositories about the same few people.

use std::collections::{BTreeMap, BTreeSet};

use guestlist_planner::load::{Config, load};
use guestlist_planner::yaml::Source;
use guestlist_sandbox::Sandbox;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Everybody a test may be about; the first of them are in the tenant.
pub(crate) const PEOPLE: usize = 6;

/// A guest of the tenant.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) stamp: Option<&'static str>,
    pub(crate) enabled: bool,
    pub(crate) pending: bool,
    pub(crate) deleted: bool,
    pub(crate) sponsored: bool,
    pub(crate) groups: [bool; 2],
}

/// A guest of the files.
#[derive(Clone, Debug)]
pub(crate) struct Entered {
    pub(crate) expires: Option<&'static str>,
    pub(crate) groups: Option<[bool; 2]>,
    pub(crate) sponsors: Option<bool>,
    pub(crate) blocked: Option<bool>,
    pub(crate) department: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) accounts: Vec<Option<Account>>,
    pub(crate) entries: Vec<Option<Entered>>,
    pub(crate) scope: &'static str,
    pub(crate) exact: bool,
    pub(crate) left: &'static str,
}

fn stamps() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        3 => Just(Some("guestlist owner=sandbox")),
        2 => Just(None),
        1 => Just(Some("guestlist owner=someone-else")),
        1 => Just(Some("cost centre 7")),
        2 => Just(Some("guestlist owner=sandbox offboarding=2026-01-01T00:00:00Z reason=expired")),
        1 => Just(Some("guestlist owner=sandbox offboarding=2026-01-01T00:00:00Z reason=undeclared")),
        1 => Just(Some("guestlist owner=sandbox offboarding=2026-01-01T00:00:00Z reason=scope note=kept")),
        1 => Just(Some("guestlist owner=sandbox offboarding=soon reason=expired")),
        1 => Just(Some("guestlist owner=sandbox offboarding=2999-01-01T00:00:00Z reason=expired")),
    ]
}

fn account() -> impl Strategy<Value = Account> {
    let flags = (
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.2),
        any::<bool>(),
        any::<[bool; 2]>(),
    );
    (stamps(), flags).prop_map(
        |(stamp, (enabled, pending, deleted, sponsored, groups))| Account {
            stamp,
            enabled,
            pending,
            deleted,
            sponsored,
            groups,
        },
    )
}

fn entered() -> impl Strategy<Value = Entered> {
    let expires = prop_oneof![
        Just(None),
        Just(Some("2026-01-31")),
        Just(Some("2099-01-31"))
    ];
    let department = prop_oneof![Just(None), Just(Some("Audit")), Just(Some("null"))];
    (
        expires,
        any::<Option<[bool; 2]>>(),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        department,
    )
        .prop_map(|(expires, groups, sponsors, blocked, department)| Entered {
            expires,
            groups,
            sponsors,
            blocked,
            department,
        })
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let accounts = prop::collection::vec(prop::option::weighted(0.7, account()), PEOPLE);
    let entries = prop::collection::vec(prop::option::weighted(0.7, entered()), PEOPLE);
    let scope = prop_oneof![Just("report"), Just("disable"), Just("delete")];
    let left = prop_oneof![Just("report"), Just("rejoin")];
    (accounts, entries, scope, any::<bool>(), left).prop_map(
        |(accounts, entries, scope, exact, left)| World {
            accounts,
            entries,
            scope,
            exact,
            left,
        },
    )
}

pub(crate) fn mail(n: usize) -> String {
    format!("guest{n}@contoso.example")
}

impl World {
    pub(crate) fn sandbox(&self, now: Timestamp) -> Sandbox {
        let sandbox = Sandbox::empty(now);
        sandbox.set_clock(Some(now));
        let grace = sandbox.find("grace@fabrikam.example").unwrap();
        let mut members: [Vec<String>; 2] = [vec![grace.clone()], vec![]];
        for (n, account) in self.accounts.iter().enumerate() {
            let Some(account) = account else { continue };
            let created = (now - SignedDuration::from_hours(24 * 100)).to_string();
            let mut user = json!({
                "mail": mail(n), "displayName": mail(n), "userType": "Guest", "accountEnabled": account.enabled, "createdDateTime": created, "signInSessionsValidFromDateTime": created,
                "externalUserState": if account.pending { "PendingAcceptance" } else { "Accepted" }, "externalUserStateChangeDateTime": created,
                "onPremisesExtensionAttributes": { "extensionAttribute15": account.stamp },
            });
            if account.deleted {
                user["deletedDateTime"] = json!((now - SignedDuration::from_hours(24)).to_string());
                sandbox.insert_deleted_user(user);
                continue;
            }
            if account.sponsored {
                user["sponsors"] = json!([grace]);
            }
            let id = sandbox.insert_user(user);
            for (group, is_in) in account.groups.iter().enumerate() {
                members[group].extend(is_in.then(|| id.clone()));
            }
        }
        for (name, members) in ["readers", "writers"].into_iter().zip(members) {
            sandbox.insert_group(json!({ "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true, "members": members }));
        }
        sandbox
    }

    pub(crate) fn config(&self, now: Timestamp) -> Config {
        self.config_with(now, json!({}))
    }

    /// Returns the files with further rules.
    pub(crate) fn config_with(&self, now: Timestamp, more: Value) -> Config {
        let mut rules = self.rules();
        for (name, value) in more.as_object().unwrap() {
            rules[name] = value.clone();
        }
        loaded(
            [
                ("guests/all.yaml", json!({ "guests": self.guests() })),
                ("policies/all.yaml", rules),
            ],
            now,
        )
    }

    /// Returns the same files, but for the order: of the files, of what is in them, of lists.
    pub(crate) fn config_in_order(&self, now: Timestamp, order: u64) -> Config {
        let bit = |n: usize| order >> (n % 64) & 1 == 1;
        let (mut one, mut two): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
        for (n, mut guest) in self.guests().into_iter().enumerate() {
            let groups = guest.get_mut("groups").and_then(Value::as_array_mut);
            if let Some(groups) = groups.filter(|_| bit(n + 20)) {
                groups.reverse();
            }
            if bit(n) {
                one.push(guest)
            } else {
                two.push(guest)
            }
        }
        if bit(40) {
            one.reverse();
        }
        if bit(41) {
            two.reverse();
        }
        let mut rules = self.rules();
        if bit(42) {
            rules["groups"].as_array_mut().unwrap().reverse();
        }
        let mut files = vec![("policies/all.yaml", rules)];
        let named = [("guests/a.yaml", one), ("guests/b/c.yml", two)];
        let named = named.into_iter().filter(|(_, guests)| !guests.is_empty());
        files.extend(named.map(|(path, guests)| (path, json!({ "guests": guests }))));
        if bit(43) {
            files.reverse();
        }
        loaded(files, now)
    }

    fn guests(&self) -> Vec<Value> {
        let names = |groups: &[bool; 2]| {
            ["readers", "writers"]
                .iter()
                .zip(groups)
                .filter(|(_, is_in)| **is_in)
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
        };
        let guests: Vec<_> = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(n, entry)| {
                let entry = entry.as_ref()?;
                let mut guest = json!({ "mail": mail(n) });
                if let Some(expires) = entry.expires {
                    guest["expires"] = json!(expires);
                }
                if let Some(groups) = &entry.groups {
                    guest["groups"] = json!(names(groups));
                }
                if let Some(sponsors) = entry.sponsors {
                    guest["sponsors"] = if sponsors {
                        json!(["grace@fabrikam.example"])
                    } else {
                        json!([])
                    };
                }
                if let Some(blocked) = entry.blocked {
                    guest["blocked"] = json!(blocked);
                }
                if let Some(department) = entry.department {
                    guest["department"] = if department == "null" {
                        Value::Null
                    } else {
                        json!(department)
                    };
                }
                Some(guest)
            })
            .collect();
        if guests.is_empty() {
            vec![json!({ "mail": "last@contoso.example" })]
        } else {
            guests
        }
    }

    fn rules(&self) -> Value {
        let writers = if self.exact {
            json!({ "name": "writers", "adopt": true, "guests": "exact" })
        } else {
            json!({ "name": "writers" })
        };
        json!({
            "groups": [{ "name": "readers" }, writers],
            "scope": { "undeclared": self.scope, "protected": [mail(0)] },
            "lifecycle": { "left": self.left, "pending": { "remind": "14d" } },
        })
    }
}

fn loaded(files: impl IntoIterator<Item = (&'static str, Value)>, now: Timestamp) -> Config {
    let source = |(path, value): (&str, Value)| Source {
        path: path.into(),
        text: serde_yaml::to_string(&value).unwrap(),
    };
    let sources: Vec<_> = files.into_iter().map(source).collect();
    load(&sources, now).unwrap()
}

/// What of a tenant must be the same: who is there and holds what; not ids, nor instants.
pub(crate) fn essence(sandbox: &Sandbox) -> BTreeMap<String, Value> {
    let state = sandbox.state();
    let list = |name: &str| state[name].as_array().cloned().unwrap_or_default();
    let mut essence = BTreeMap::new();
    for (kind, user) in list("users").into_iter().map(|user| ("live", user)).chain(
        list("deletedUsers")
            .into_iter()
            .map(|user| ("deleted", user)),
    ) {
        let stamp = user["onPremisesExtensionAttributes"]["extensionAttribute15"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        // `pending=` says when we first saw the invitation: a run later, if one was stopped.
        let words = stamp
            .split(' ')
            .map(|word| word.split("=20").next().unwrap_or_default());
        let stamp = words
            .filter(|word| *word != "pending")
            .collect::<Vec<_>>()
            .join(" ");
        let groups = list("groups");
        let groups: BTreeSet<_> = groups
            .iter()
            .filter(|group| {
                group["members"]
                    .as_array()
                    .is_some_and(|members| members.contains(&user["id"]))
            })
            .map(|group| group["displayName"].as_str().unwrap())
            .collect();
        let facts = json!({ "enabled": user["accountEnabled"], "state": user["externalUserState"], "department": user["department"], "sponsors": user["sponsors"], "stamp": stamp, "groups": groups });
        essence.insert(
            format!("{kind} {}", user["mail"].as_str().unwrap_or_default()),
            facts,
        );
    }
    // A reminder that is lost is better than one that is sent twice: only invitations count.
    let mails = list("mails")
        .iter()
        .filter(|mail| mail["kind"] == "invitation")
        .map(|mail| (mail["to"].to_string(), mail["kind"].to_string()))
        .collect::<BTreeSet<_>>();
    essence.insert("mails".into(), json!(mails));
    essence
}
