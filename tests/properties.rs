//! Properties over random tenants and repositories, with the real client and executor against a
//! sandbox: apply then plan is empty, order is nothing, limits hold, nothing that is not ours is
//! touched, what was not read removes nobody, and a run that is stopped anywhere and run again ends
//! like one that was not.

use std::collections::{BTreeMap, BTreeSet};

use guestlist_planner::load::{Config, load};
use guestlist_planner::plan::{Count, Header, Plan, Request, Step, plan};
use guestlist_planner::render::text;
use guestlist_planner::snapshot::Snapshot;
use guestlist_planner::yaml::Source;
use guestlist_sandbox::{Act, Behaviour, Canned, Fault, Sandbox};
use guestlist_tenant::apply::{Options, apply};
use guestlist_tenant::observe;
use jiff::Timestamp;
use proptest::prelude::any;
use serde_json::{Value, json};

use crate::inside::{self, Stops, client, on_paused_clock};
use crate::random::check;
use crate::world::{essence, mail, world};

fn now() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

/// Runs to the end, or until the journal takes no more; returns the plan and which it was.
async fn run(sandbox: &Sandbox, config: &Config, stop: Option<usize>) -> (Plan, bool) {
    let ran = inside::run(sandbox, config, now(), &mut Stops(stop))
        .await
        .unwrap();
    let stopped = ran.report.stopped.is_some();
    assert!(
        stopped || ran.report.is_complete(),
        "{:#?}\n{}",
        ran.report.outcomes,
        text::plan(&ran.plan, false)
    );
    (ran.plan, stopped)
}

#[test]
fn promise_6_apply_then_plan_is_empty_and_nothing_else_is_touched() {
    check(150, &world(), |world| {
        on_paused_clock(async {
            let config = world.config(now());
            let sandbox = world.sandbox(now());
            let before = essence(&sandbox);
            run(&sandbox, &config, None).await;
            let (again, _) = run(&sandbox, &config, None).await;
            assert!(again.steps.is_empty(), "{}", text::plan(&again, false));
            let after = essence(&sandbox);
            for (n, account) in world.accounts.iter().enumerate() {
                let foreign = account.as_ref().is_some_and(|account| matches!(account.stamp, Some(stamp) if !stamp.starts_with("guestlist owner=sandbox")));
                let reported = account
                    .as_ref()
                    .is_some_and(|account| account.stamp.is_none())
                    && world.entries[n].is_none()
                    && world.scope == "report"
                    && !world.exact;
                let key = format!("live {}", mail(n));
                if (foreign || reported) && before.contains_key(&key) {
                    assert_eq!(before[&key], after[&key], "not ours");
                }
                // The first is protected: it may be stamped and updated, and loses nothing.
                if n == 0 && before.contains_key(&key) {
                    assert!(
                        after.contains_key(&key)
                            && after[&key]["enabled"].as_bool()
                                >= before[&key]["enabled"].as_bool(),
                        "protected"
                    );
                    let groups = |state: &BTreeMap<String, Value>| {
                        state[&key]["groups"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .map(ToString::to_string)
                            .collect::<BTreeSet<_>>()
                    };
                    assert!(groups(&after).is_superset(&groups(&before)), "protected");
                }
            }
            assert_eq!(
                before["live grace@fabrikam.example"], after["live grace@fabrikam.example"],
                "a member"
            );
        });
    });
}

#[test]
fn promise_5_stopped_anywhere_and_run_again_ends_the_same() {
    check(8, &world(), |world| {
        on_paused_clock(async {
            let config = world.config(now());
            let reference = world.sandbox(now());
            run(&reference, &config, None).await;
            let expected = essence(&reference);
            for stop in 0.. {
                let sandbox = world.sandbox(now());
                let (_, stopped) = run(&sandbox, &config, Some(stop)).await;
                if !stopped {
                    break;
                }
                run(&sandbox, &config, None).await;
                let found = essence(&sandbox);
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
    });
}

/// Plans for what is read of a sandbox.
async fn planned(sandbox: &Sandbox, config: &Config, request: &Request) -> Plan {
    let snapshot = observe(&client(sandbox), config, now()).await.unwrap();
    plan(config, &snapshot, now(), request, &Header::default()).0
}

#[test]
fn promise_6_the_order_of_files_entries_and_groups_changes_no_step() {
    check(60, &(world(), any::<u64>()), |(world, order)| {
        on_paused_clock(async {
            let sandbox = world.sandbox(now());
            let ordered = planned(&sandbox, &world.config(now()), &Request::default()).await;
            let config = world.config_in_order(now(), order);
            let shuffled = planned(&sandbox, &config, &Request::default()).await;
            let same = |(one, two): (&Step, &Step)| {
                one.is(two) && (one.stage, one.counts) == (two.stage, two.counts)
            };
            assert!(
                ordered.steps.len() == shuffled.steps.len()
                    && ordered.steps.iter().zip(&shuffled.steps).all(same),
                "{}\n{}",
                text::plan(&ordered, false),
                text::plan(&shuffled, false)
            );
        });
    });
}

#[test]
fn promise_7_limits_hold() {
    let limits = (0..4_usize, 0..4_usize, 0..4_usize);
    check(
        100,
        &(world(), limits),
        |(world, (removals, expiries, invitations))| {
            on_paused_clock(async {
                let sandbox = world.sandbox(now());
                let limits = json!({ "removals": { "count": removals, "percent": 100 }, "expiries": { "count": expiries }, "invitations": { "count": invitations } });
                let config = world.config_with(now(), json!({ "limits": limits }));
                let plan = planned(&sandbox, &config, &Request::default()).await;
                let lose = |count: Count| {
                    let steps = plan.steps.iter().filter(|step| step.counts == Some(count));
                    let guests: BTreeSet<_> =
                        steps.map(|step| step.change.object().guest()).collect();
                    guests.len()
                };
                let over = lose(Count::Removal) > removals || lose(Count::Expiry) > expiries;
                assert_eq!(plan.is_refused(), over, "{}", text::plan(&plan, false));
                let sent = |plan: &Plan| plan.steps.iter().filter(|step| step.invites()).count();
                assert!(sent(&plan) <= invitations, "{}", text::plan(&plan, false));
                let request = Request {
                    no_removals: true,
                    ..Request::default()
                };
                let none = planned(&sandbox, &config, &request).await;
                assert!(!none.steps.iter().any(Step::takes) && !none.is_refused());
            });
        },
    );
}

#[test]
fn promise_3_a_snapshot_without_any_one_of_its_reads_is_not_planned_with() {
    check(12, &world(), |world| {
        on_paused_clock(async {
            let (sandbox, config) = (world.sandbox(now()), world.config(now()));
            let client = client(&sandbox);
            for dropped in 0.. {
                let mut snapshot = Snapshot::new(now());
                let mut number = 0;
                let mut left = None;
                loop {
                    let reads = snapshot.wants(&config.desired, &config.policy);
                    let reads = reads.into_iter().filter(|read| Some(read) != left.as_ref());
                    let reads: Vec<_> = reads.collect();
                    if reads.is_empty() {
                        break;
                    }
                    for (read, answer) in client.read(reads).await.unwrap() {
                        if number == dropped {
                            left = Some(read);
                        } else {
                            snapshot.absorb(&read, answer).unwrap();
                        }
                        number += 1;
                    }
                }
                let Some(left) = left else { break };
                let open = snapshot.wants(&config.desired, &config.policy);
                assert!(open.contains(&left), "{} is not missed", left.path);
            }
        });
    });
}

#[test]
fn promise_3_whatever_read_is_refused_or_fails_no_more_is_taken_than_with_it() {
    check(4, &world(), |world| {
        on_paused_clock(async {
            let (sandbox, config) = (world.sandbox(now()), world.config(now()));
            let whole = planned(&sandbox, &config, &Request::default()).await;
            let reads = sandbox.requests().len();
            for status in [400, 403, 404, 501] {
                for number in 1..=reads {
                    let fault = Fault::at(number, Act::Answer(Canned::status(status)));
                    sandbox.behave(Behaviour {
                        faults: vec![fault],
                        ..Behaviour::default()
                    });
                    let Ok(snapshot) = observe(&client(&sandbox), &config, now()).await else {
                        continue;
                    };
                    let (plan, _) = plan(
                        &config,
                        &snapshot,
                        now(),
                        &Request::default(),
                        &Header::default(),
                    );
                    let roles = !snapshot.knows_roles();
                    for step in plan.steps.iter().filter(|step| step.takes()) {
                        assert!(!roles, "taken without knowing the roles: {step:?}");
                        let wanted = whole.steps.iter().any(|other| other.is(step));
                        assert!(wanted, "{status} at {number}: {step:?}");
                    }
                }
            }
        });
    });
}

#[test]
fn promise_11_what_changed_after_the_plan_is_looked_at_again_and_left_alone() {
    on_paused_clock(async {
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
        let client = client(&sandbox);
        let snapshot = observe(&client, &config, now()).await.unwrap();
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
            settle: std::time::Duration::from_secs(5),
            earlier: Default::default(),
        };
        let report = apply(
            &client,
            &plan,
            &snapshot,
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
