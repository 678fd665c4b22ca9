//! Whatever comes in from outside, files, saved plans and snapshots, journals, answers of the tenant:
//! it is read or refused, without a panic, without an end that never comes. Inputs are valid ones
//! with random changes, and random bytes; `random.rs` says how a failing case is shown again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guestlist_planner::load::load;
use guestlist_planner::plan::{Header, Plan, Request, plan};
use guestlist_planner::render;
use guestlist_planner::request::Answer;
use guestlist_planner::rule::parse;
use guestlist_planner::snapshot::Snapshot;
use guestlist_planner::yaml::Source;
use guestlist_sandbox::Sandbox;
use guestlist_tenant::apply::{Entry, Options, apply};
use guestlist_tenant::observe;
use guestlist_tenant::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use crate::faults::{fresh, now};
use crate::harness::Repository;
use crate::inside::{Inside, Stops, client, on_paused_clock, over};
use crate::random::{Edit, changed, changes, check, edited, edits};
use crate::scenario::{config, guarded};

fn random_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..400)
}

/// Loads a text as every sort of file, and prints what is wrong with it.
fn loads(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    for path in ["guests/a.yaml", "policies/a.yaml"] {
        let sources = [Source {
            path: path.to_owned(),
            text: text.clone(),
        }];
        match load(&sources, now()) {
            Ok(config) => drop(plan(
                &config,
                &Snapshot::new(now()),
                now(),
                &Request::default(),
                &Header::default(),
            )),
            Err(mistakes) => {
                assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    assert!(!mistake.show(&sources, true).is_empty());
                }
            }
        }
    }
}

#[test]
fn yaml_is_read_or_refused() {
    check(100, &random_bytes(), |bytes| loads(&bytes));
    for (_, text) in guarded(now()) {
        check(120, &edits(), |edits| loads(&edited(&text, &edits)));
    }
}

#[test]
fn rules_are_read_or_refused() {
    let words = "( ) [ ] , \" ' ` -not -and -or -eq -ne -in -match -any _ null true user.mail user.otherMails device.x x";
    let words: Vec<&str> = words.split(' ').collect();
    let rules = prop::collection::vec(prop::sample::select(words), 0..60);
    check(2_000, &rules, |words| drop(parse(&words.join(" "))));
    check(500, &random_bytes(), |bytes| {
        drop(parse(&String::from_utf8_lossy(&bytes)))
    });
    let rule = r#"(user.mail -match "^(a|b)*$" -or user.city -in ["x", 'y''z']) -and -not user.otherMails -any (_ -contains "`"")"#;
    check(500, &edits(), |edits| {
        drop(parse(&String::from_utf8_lossy(&edited(rule, &edits))))
    });
}

#[test]
fn yaml_that_nests_or_repeats_without_end_is_refused() {
    let deep = 20_000;
    for text in [
        "[".repeat(deep),
        "{a: ".repeat(deep),
        "- ".repeat(deep),
        "? ".repeat(deep),
        "!t ".repeat(deep),
        (0..2_000)
            .map(|n| format!("{}a:\n", " ".repeat(n)))
            .collect(),
        format!("a: &a [{}]\n", "*a,".repeat(1_000)),
        (0..40)
            .map(|n| format!("k{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1))
            .collect::<String>()
            .replace("*a-1", "x"),
    ] {
        // This thread has as little stack as those that read files.
        loads(text.as_bytes());
    }
}

/// The scenario's tenant as it was read.
fn snapshot() -> Snapshot {
    on_paused_clock(async {
        let sandbox = fresh(Vec::new());
        observe(&client(&sandbox), &config(now()), now())
            .await
            .unwrap()
    })
}

fn planned(snapshot: &Snapshot) -> Plan {
    plan(
        &config(now()),
        snapshot,
        now(),
        &Request::default(),
        &Header::default(),
    )
    .0
}

fn rendered(plan: &Plan) {
    assert!(!render::text::plan(plan, true).is_empty() && !render::json(plan).is_empty());
    assert!(!plan.compute_digest().is_empty());
}

#[test]
fn a_saved_plan_is_read_or_refused() {
    let text = render::json(&planned(&snapshot()));
    let value: Value = serde_json::from_str(&text).unwrap();
    check(60, &edits(), |edits| {
        if let Ok(plan) = serde_json::from_slice::<Plan>(&edited(&text, &edits)) {
            rendered(&plan);
        }
    });
    check(120, &changes(), |changes| {
        let changed = changed(value.clone(), &changes);
        if let Ok(plan) = serde_json::from_value::<Plan>(changed) {
            rendered(&plan);
        }
    });
}

#[test]
fn a_saved_snapshot_is_read_or_refused_and_then_planned_with() {
    let value = serde_json::to_value(snapshot()).unwrap();
    let config = config(now());
    check(120, &changes(), |changes| {
        let changed = changed(value.clone(), &changes);
        let Ok(snapshot) = serde_json::from_value::<Snapshot>(changed) else {
            return;
        };
        drop(snapshot.wants(&config.desired, &config.policy));
        rendered(&planned(&snapshot));
    });
}

#[test]
fn answers_are_taken_in_or_refused() {
    let config = config(now());
    // Every answer of a reading, in order.
    let answers = on_paused_clock(async {
        let sandbox = fresh(Vec::new());
        let (client, mut snapshot, mut all) = (client(&sandbox), Snapshot::new(now()), Vec::new());
        loop {
            let reads = snapshot.wants(&config.desired, &config.policy);
            if reads.is_empty() {
                return all;
            }
            for (read, answer) in client.read(reads).await.unwrap() {
                snapshot.absorb(&read, answer.clone()).unwrap();
                all.push((read, answer));
            }
        }
    });
    check(25, &changes(), |changes| {
        for spoilt in 0..answers.len() {
            let mut snapshot = Snapshot::new(now());
            for (number, (read, answer)) in answers.iter().enumerate() {
                let answer = match answer {
                    Answer::Items(items) if number == spoilt => {
                        match changed(Value::Array(items.clone()), &changes) {
                            Value::Array(items) => Answer::Items(items),
                            other => Answer::Items(vec![other]),
                        }
                    }
                    other => other.clone(),
                };
                drop(snapshot.absorb(read, answer));
            }
            drop(snapshot.wants(&config.desired, &config.policy));
        }
    });
}

/// Changes the bytes of one answer.
struct Mangles {
    inside: Inside,
    at: usize,
    edits: Vec<Edit>,
    changes: Vec<(Index, Option<Value>)>,
    seen: AtomicUsize,
}

#[async_trait::async_trait]
impl Transport for Mangles {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        assert!(number < 2_000, "this never ends");
        let mut response = self.inside.send(request).await?;
        if number == self.at {
            let text = String::from_utf8(response.body).unwrap();
            response.body = match serde_json::from_str(&text) {
                Ok(value) if self.edits.is_empty() => {
                    changed(value, &self.changes).to_string().into_bytes()
                }
                _ => edited(&text, &self.edits),
            };
        }
        Ok(response)
    }
}

#[test]
fn http_bodies_are_taken_in_or_refused_and_a_run_ends() {
    let config = config(now());
    let how = (0..45_usize, edits(), changes(), any::<bool>());
    check(40, &how, |(at, edits, changes, text)| {
        let edits = if text { edits } else { Vec::new() };
        on_paused_clock(async {
            let sandbox: Sandbox = fresh(Vec::new());
            let mangles = Mangles {
                inside: Inside(sandbox.clone()),
                at,
                edits,
                changes,
                seen: AtomicUsize::new(0),
            };
            let client = over(Arc::new(mangles), &sandbox, 8);
            let Ok(snapshot) = observe(&client, &config, now()).await else {
                return;
            };
            let (plan, ids) = plan(
                &config,
                &snapshot,
                now(),
                &Request::default(),
                &Header::default(),
            );
            rendered(&plan);
            let options = Options {
                stamp: config.policy.tenant.stamp.as_str().to_owned(),
                now: now(),
                settle: std::time::Duration::from_secs(60),
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
            assert_eq!(report.outcomes.len(), plan.steps.len());
        });
    });
}

#[test]
fn a_file_that_show_is_given_is_printed_or_refused() {
    let repository = Repository::example();
    repository.run(&["apply", "--yes"]).ends(0);
    let journal = std::fs::read_dir(repository.path().join(".guestlist/journal")).unwrap();
    let journal = std::fs::read_to_string(journal.last().unwrap().unwrap().path()).unwrap();
    let lines: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    check(
        40,
        &(edits(), changes(), any::<bool>()),
        |(edits, changes, text)| {
            let bytes = if text {
                edited(&journal, &edits)
            } else {
                let Value::Array(lines) = changed(Value::Array(lines.clone()), &changes) else {
                    return;
                };
                lines
                    .iter()
                    .map(|line| format!("{line}\n"))
                    .collect::<String>()
                    .into_bytes()
            };
            for line in bytes.split(|byte| *byte == b'\n') {
                drop(serde_json::from_slice::<Entry>(line));
            }
            repository.write("journal", &bytes);
            let path = repository.path().join("journal");
            let ran = repository.run(&["show", path.to_str().unwrap()]);
            assert!(
                matches!(ran.code, 0 | 1) && !ran.stderr.contains("panicked"),
                "{}",
                ran.stderr
            );
            assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
        },
    );
}
