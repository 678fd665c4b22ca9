//! Properties over random tenants and repositories, with the real client and executor against a
//! served sandbox: apply then plan is empty, nothing that is not ours is touched, and a run that
//! is stopped anywhere and run again ends like one that was not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

use guestlist_planner::limits::Hand;
use guestlist_planner::load::{Config, load};
use guestlist_planner::plan::{Header, Plan, Request, plan};
use guestlist_planner::render::text;
use guestlist_planner::yaml::Source;
use guestlist_sandbox::{Sandbox, Server, serve};
use guestlist_tenant::apply::{Entry, Journal, Options, apply};
use guestlist_tenant::transport::{HttpTransport, Url};
use guestlist_tenant::{Client, ClientOptions, auth, observe};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngSeed, TestRunner};
use serde_json::{Value, json};

/// Everybody a test may be about; the first of them are in the tenant.
const PEOPLE: usize = 6;

/// A guest of the tenant.
#[derive(Clone, Debug)]
struct Account {
    stamp: Option<&'static str>,
    enabled: bool,
    pending: bool,
    deleted: bool,
    sponsored: bool,
    groups: [bool; 2],
}

/// A guest of the files.
#[derive(Clone, Debug)]
struct Entered {
    expires: Option<&'static str>,
    groups: Option<[bool; 2]>,
    sponsors: Option<bool>,
    blocked: Option<bool>,
    department: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct World {
    accounts: Vec<Option<Account>>,
    entries: Vec<Option<Entered>>,
    scope: &'static str,
    exact: bool,
    left: &'static str,
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

fn world() -> impl Strategy<Value = World> {
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

fn mail(n: usize) -> String {
    format!("guest{n}@contoso.example")
}

impl World {
    fn sandbox(&self, now: Timestamp) -> Sandbox {
        let sandbox = Sandbox::empty(now);
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

    fn config(&self, now: Timestamp) -> Config {
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
        let guests = if guests.is_empty() {
            vec![json!({ "mail": "last@contoso.example" })]
        } else {
            guests
        };
        let writers = if self.exact {
            json!({ "name": "writers", "adopt": true, "guests": "exact" })
        } else {
            json!({ "name": "writers" })
        };
        let rules = json!({
            "groups": [{ "name": "readers" }, writers],
            "scope": { "undeclared": self.scope, "protected": [mail(0)] },
            "lifecycle": { "left": self.left, "pending": { "remind": "14d" } },
        });
        let yaml = |value: &Value| serde_yaml::to_string(value).unwrap();
        let sources = [
            Source {
                path: "guests/all.yaml".into(),
                text: yaml(&json!({ "guests": guests })),
            },
            Source {
                path: "policies/all.yaml".into(),
                text: yaml(&rules),
            },
        ];
        load(&sources, now).unwrap()
    }
}

/// A journal that fails at a given line, as if the program had been stopped there.
struct Stops(Option<usize>);

impl Journal for Stops {
    fn write(&mut self, _: &[Entry]) -> Result<()> {
        match &mut self.0 {
            Some(0) => Err(Error::other("stopped")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

struct Served {
    sandbox: Sandbox,
    client: Client,
    _server: Server,
}

impl Served {
    async fn new(sandbox: Sandbox) -> Self {
        let server = serve(sandbox.clone(), ([127, 0, 0, 1], 0).into(), None)
            .await
            .unwrap();
        let graph_root = Url::parse(&server.graph_url).unwrap();
        let transport =
            Arc::new(HttpTransport::new(&graph_root, None, Duration::from_secs(10)).unwrap());
        let scope = format!("{}/.default", server.graph_url);
        let client = Client::new(ClientOptions {
            graph_root,
            scope,
            credential: auth::constant(sandbox.token()),
            transport,
            concurrency: 4,
            stop: guestlist_tenant::Stop::default(),
        });
        Self {
            sandbox,
            client,
            _server: server,
        }
    }

    async fn run(&self, config: &Config, now: Timestamp, stop: Option<usize>) -> (Plan, bool) {
        let snapshot = observe(&self.client, config, now).await.unwrap();
        let hand = Hand {
            removals: Some(99),
            expiries: Some(99),
        };
        let (plan, ids) = plan(
            config,
            &snapshot,
            now,
            &Request {
                hand,
                ..Request::default()
            },
            &Header::default(),
        );
        let options = Options {
            stamp: config.policy.tenant.stamp.as_str().to_owned(),
            now,
            settle: Duration::from_secs(5),
        };
        let report = apply(
            &self.client,
            &plan,
            ids,
            options,
            &mut Stops(stop),
            &mut |_, _| {},
        )
        .await;
        let stopped = report.stopped.is_some();
        assert!(
            stopped || report.is_complete(),
            "{:#?}\n{}",
            report.outcomes,
            text::plan(&plan, false)
        );
        (plan, stopped)
    }
}

/// What of a tenant must be the same: who is there and holds what; not ids, nor instants.
fn essence(sandbox: &Sandbox) -> BTreeMap<String, Value> {
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

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Runs {
        cases,
        rng_seed: RngSeed::Fixed(2026),
        failure_persistence: None,
        ..Runs::default()
    })
}

fn now() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

fn in_runtime(test: impl AsyncFnOnce()) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test());
}

#[test]
fn promise_6_apply_then_plan_is_empty_and_nothing_else_is_touched() {
    runner(150).run(&world(), |world| {
        in_runtime(async || {
            let config = world.config(now());
            let served = Served::new(world.sandbox(now())).await;
            served.sandbox.set_clock(Some(now()));
            let before = essence(&served.sandbox);
            served.run(&config, now(), None).await;
            let (again, _) = served.run(&config, now(), None).await;
            assert!(again.steps.is_empty(), "{}", text::plan(&again, false));
            let after = essence(&served.sandbox);
            for (n, account) in world.accounts.iter().enumerate() {
                let foreign = account.as_ref().is_some_and(|account| matches!(account.stamp, Some(stamp) if !stamp.starts_with("guestlist owner=sandbox")));
                let reported = account.as_ref().is_some_and(|account| account.stamp.is_none()) && world.entries[n].is_none() && world.scope == "report" && !world.exact;
                let key = format!("live {}", mail(n));
                if (foreign || reported) && before.contains_key(&key) {
                    assert_eq!(before[&key], after[&key], "not ours");
                }
                // The first is protected: it may be stamped and updated, and loses nothing.
                if n == 0 && before.contains_key(&key) {
                    assert!(after.contains_key(&key) && after[&key]["enabled"].as_bool() >= before[&key]["enabled"].as_bool(), "protected");
                    let groups = |state: &BTreeMap<String, Value>| state[&key]["groups"].as_array().unwrap().iter().map(ToString::to_string).collect::<BTreeSet<_>>();
                    assert!(groups(&after).is_superset(&groups(&before)), "protected");
                }
            }
            assert_eq!(before["live grace@fabrikam.example"], after["live grace@fabrikam.example"], "a member");
        });
        Ok(())
    }).unwrap();
}

#[test]
fn promise_5_stopped_anywhere_and_run_again_ends_the_same() {
    runner(12)
        .run(&world(), |world| {
            in_runtime(async || {
                let config = world.config(now());
                let reference = Served::new(world.sandbox(now())).await;
                reference.sandbox.set_clock(Some(now()));
                reference.run(&config, now(), None).await;
                let expected = essence(&reference.sandbox);
                for stop in 0.. {
                    let served = Served::new(world.sandbox(now())).await;
                    served.sandbox.set_clock(Some(now()));
                    let (_, stopped) = served.run(&config, now(), Some(stop)).await;
                    if !stopped {
                        break;
                    }
                    served.run(&config, now(), None).await;
                    let found = essence(&served.sandbox);
                    let keys = expected.keys().chain(found.keys()).collect::<BTreeSet<_>>();
                    for key in keys {
                        assert_eq!(
                            found.get(key),
                            expected.get(key),
                            "{key}, stopped at line {stop} of the journal"
                        );
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn promise_3_a_plan_with_an_unanswered_read_is_not_made() {
    runner(50)
        .run(&world(), |world| {
            in_runtime(async || {
                let config = world.config(now());
                let served = Served::new(world.sandbox(now())).await;
                let snapshot = observe(&served.client, &config, now()).await.unwrap();
                assert!(snapshot.wants(&config.desired, &config.policy).is_empty());
                let fresh = guestlist_planner::snapshot::Snapshot::new(now());
                assert!(!fresh.wants(&config.desired, &config.policy).is_empty());
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn promise_11_what_changed_after_the_plan_is_looked_at_again_and_left_alone() {
    in_runtime(async || {
        let sandbox = Sandbox::empty(now());
        sandbox.set_clock(Some(now()));
        let stamp = json!({ "extensionAttribute15": "guestlist owner=sandbox" });
        let guest = |mail: &str| {
            sandbox.insert_user(json!({ "mail": mail, "displayName": mail, "userType": "Guest", "externalUserState": "Accepted", "onPremisesExtensionAttributes": stamp }))
        };
        let (changed, promoted, same) = (
            guest("changed@contoso.example"),
            guest("promoted@contoso.example"),
            guest("same@contoso.example"),
        );
        let sources = [Source {
            path: "guests/a.yaml".into(),
            text: "guests: [{mail: new@contoso.example}]".into(),
        }];
        let config = load(&sources, now()).unwrap();
        let served = Served::new(sandbox.clone()).await;
        let snapshot = observe(&served.client, &config, now()).await.unwrap();
        let (plan, ids) = plan(
            &config,
            &snapshot,
            now(),
            &Request::default(),
            &Header::default(),
        );
        sandbox.edit(&changed, json!({ "department": "Meanwhile" }));
        sandbox.edit(&promoted, json!({ "userType": "Member" }));
        sandbox.insert_user(json!({ "mail": "new@contoso.example", "displayName": "New", "userType": "Guest", "externalUserState": "PendingAcceptance" }));
        let options = Options {
            stamp: "extensionAttribute15".into(),
            now: now(),
            settle: Duration::from_secs(5),
        };
        let report = apply(
            &served.client,
            &plan,
            ids,
            options,
            &mut Stops(None),
            &mut |_, _| {},
        )
        .await;
        let enabled = |id: &str| {
            sandbox.state()["users"]
                .as_array()
                .unwrap()
                .iter()
                .find(|user| user["id"] == id)
                .unwrap()["accountEnabled"]
                .clone()
        };
        assert_eq!(
            (enabled(&changed), enabled(&promoted), enabled(&same)),
            (json!(true), json!(true), json!(false))
        );
        assert_eq!(
            sandbox.state()["mails"],
            json!([]),
            "nobody is invited twice"
        );
        assert!(!report.is_complete());
    });
}
