//! Single guests, to whom something happens between planning and applying, or on whom one request
//! goes wrong: what is looked at again, what is left out, and what goes on all the same.

use std::sync::Arc;
use std::time::Duration;

use guestlist_planner::load::{Config, load};
use guestlist_planner::plan::Step;
use guestlist_planner::yaml::Source;
use guestlist_sandbox::{Act, Behaviour, Canned, Fault, Sandbox};
use guestlist_tenant::Client;
use guestlist_tenant::apply::Outcome;
use jiff::SignedDuration;
use serde_json::json;

use crate::faults::now;
use crate::inside::{Inside, Ran, Stops, client, on_paused_clock, over, run_with};
use crate::scenario::mails;

/// Returns how the steps ended after something happened between planning and applying.
fn outcomes(files: &str, sandbox: &Sandbox, meanwhile: impl FnOnce()) -> Vec<(String, Outcome)> {
    let ran = on_paused_clock(ran(files, &client(sandbox), sandbox, meanwhile));
    let outcomes = ran.report.outcomes;
    let named = |(step, outcome): (Step, Outcome)| (step.address.to_string(), outcome);
    let guests = outcomes.into_iter().map(named);
    guests
        .filter(|(address, _)| !address.starts_with("group "))
        .collect()
}

async fn ran(files: &str, client: &Client, sandbox: &Sandbox, meanwhile: impl FnOnce()) -> Ran {
    sandbox.set_clock(Some(now()));
    let (config, journal) = (config(files), &mut Stops(None));
    let ran = run_with(client, &config, now(), journal, meanwhile);
    ran.await.unwrap()
}

fn config(files: &str) -> Config {
    let policies = "groups: [{name: readers}]\nlifecycle: {pending: {remind: 7d}, expired: {disable: 0d, strip: 0d}}";
    let sources = [("guests/all.yaml", files), ("policies/all.yaml", policies)];
    let sources = sources.map(|(path, text)| Source {
        path: path.to_owned(),
        text: text.to_owned(),
    });
    load(&sources, now()).unwrap()
}

fn readers(sandbox: &Sandbox, members: &[&String]) {
    sandbox.insert_group(json!({ "displayName": "readers", "mailNickname": "readers", "mailEnabled": false, "securityEnabled": true, "members": members }));
}

fn strike(sandbox: &Sandbox, fault: Fault) {
    sandbox.behave(Behaviour {
        faults: vec![fault],
        ..Behaviour::default()
    });
}

fn guest(sandbox: &Sandbox, mail: &str, more: serde_json::Value) -> String {
    let mut user = json!({
        "mail": mail, "displayName": mail, "userType": "Guest", "externalUserState": "Accepted",
        "createdDateTime": "2025-01-01T00:00:00Z", "signInSessionsValidFromDateTime": now().to_string(),
        "onPremisesExtensionAttributes": { "extensionAttribute15": "guestlist owner=sandbox" },
    });
    for (name, value) in more.as_object().unwrap() {
        user[name] = value.clone();
    }
    sandbox.insert_user(user)
}

const CHANGED: &str = "someone else changed the account since the plan was made";

#[test]
fn promise_11_who_was_taken_back_meanwhile_keeps_what_was_to_be_stripped() {
    let sandbox = Sandbox::empty(now());
    let begun = now() - SignedDuration::from_hours(24 * 5);
    let off = format!("guestlist owner=sandbox offboarding={begun} reason=expired");
    let off = json!({ "accountEnabled": false, "onPremisesExtensionAttributes": { "extensionAttribute15": off } });
    let back = guest(&sandbox, "back@contoso.example", off.clone());
    let gone = guest(&sandbox, "gone@contoso.example", off);
    readers(&sandbox, &[&back, &gone]);
    let files = "guests:
  - {mail: back@contoso.example, expires: 2020-01-31, groups: [readers]}
  - {mail: gone@contoso.example, expires: 2020-01-31, groups: [readers]}
";
    let stamp = json!({ "extensionAttribute15": "guestlist owner=sandbox" });
    let outcomes = outcomes(files, &sandbox, || {
        sandbox.edit(
            &back,
            json!({ "accountEnabled": true, "onPremisesExtensionAttributes": stamp }),
        );
    });
    let expected = [
        (
            "membership readers / back@contoso.example",
            Outcome::Skipped(CHANGED.to_owned()),
        ),
        ("membership readers / gone@contoso.example", Outcome::Done),
    ];
    let expected = expected.map(|(address, outcome)| (address.to_owned(), outcome));
    assert_eq!(outcomes, expected);
}

#[test]
fn promise_2_who_got_a_directory_role_meanwhile_loses_nothing() {
    let sandbox = Sandbox::empty(now());
    let risen = guest(&sandbox, "risen@contoso.example", json!({}));
    let reader = guest(&sandbox, "reader@contoso.example", json!({}));
    sandbox.assign_role(&reader, "Directory Readers");
    guest(&sandbox, "plain@contoso.example", json!({}));
    let files = "guests:
  - {mail: risen@contoso.example, expires: 2020-01-31}
  - {mail: reader@contoso.example, expires: 2020-01-31}
  - {mail: plain@contoso.example, expires: 2020-01-31}
";
    let outcomes = outcomes(files, &sandbox, || {
        sandbox.assign_role(&risen, "Global Reader");
        sandbox.assign_role(&reader, "Global Reader");
    });
    assert_eq!(outcomes.len(), 6, "{outcomes:?}");
    for (address, outcome) in outcomes {
        if address.contains("plain") {
            assert_eq!(outcome, Outcome::Done, "{address}");
        } else {
            assert!(
                matches!(outcome, Outcome::Skipped(_)),
                "{address}: {outcome:?}"
            );
        }
    }
    let enabled = &sandbox.state()["users"];
    let risen = enabled
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["id"] == risen.as_str());
    assert_eq!(risen.unwrap()["accountEnabled"], true);
}

#[test]
fn promise_11_who_redeemed_meanwhile_is_not_reminded() {
    let sandbox = Sandbox::empty(now());
    let pending = json!({ "externalUserState": "PendingAcceptance", "externalUserStateChangeDateTime": "2025-06-01T00:00:00Z" });
    let late = guest(&sandbox, "late@contoso.example", pending.clone());
    guest(&sandbox, "never@contoso.example", pending);
    let files = "guests: [{mail: late@contoso.example}, {mail: never@contoso.example}]";
    let outcomes = outcomes(files, &sandbox, || {
        sandbox.edit(&late, json!({ "externalUserState": "Accepted" }));
    });
    let expected = [
        (
            "guest late@contoso.example",
            Outcome::Skipped(CHANGED.to_owned()),
        ),
        ("guest never@contoso.example", Outcome::Done),
    ];
    let expected = expected.map(|(address, outcome)| (address.to_owned(), outcome));
    assert_eq!(outcomes, expected);
    assert_eq!(mails(&sandbox).values().sum::<usize>(), 1);
}

#[test]
fn who_could_not_be_blocked_gets_nothing() {
    let sandbox = Sandbox::empty(now());
    readers(&sandbox, &[]);
    let refused = Fault::on("PATCH", "/users/", Act::Answer(Canned::status(403)));
    let files = "guests: [{mail: ada@contoso.example, blocked: true, groups: [readers]}]";
    let outcomes = outcomes(files, &sandbox, || {
        strike(&sandbox, refused.times(9));
    });
    let [(guest, invited), (_, joined)] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert!(guest == "guest ada@contoso.example" && matches!(invited, Outcome::Failed { .. }));
    assert!(matches!(joined, Outcome::Skipped(_)), "{joined:?}");
}

#[test]
fn access_goes_although_sessions_cannot_be_ended() {
    let sandbox = Sandbox::empty(now());
    let over = guest(&sandbox, "over@contoso.example", json!({}));
    readers(&sandbox, &[&over]);
    let files = "guests: [{mail: over@contoso.example, expires: 2020-01-31, groups: [readers]}]";
    let revoke = format!("/users/{over}/revokeSignInSessions");
    let refused = Fault::on("POST", &revoke, Act::Answer(Canned::status(403)));
    let outcomes = outcomes(files, &sandbox, || strike(&sandbox, refused));
    let [(_, disabled), (_, revoked), (_, stripped)] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert_eq!((disabled, stripped), (&Outcome::Done, &Outcome::Done));
    assert!(matches!(revoked, Outcome::Failed { .. }), "{revoked:?}");
}

#[test]
fn an_answer_that_lags_behind_this_run_is_not_taken_for_somebody_else() {
    let sandbox = Sandbox::empty(now());
    let over = guest(&sandbox, "over@contoso.example", json!({}));
    readers(&sandbox, &[&over]);
    let files = "guests: [{mail: over@contoso.example, expires: 2020-01-31, groups: [readers]}]";
    let stale = Fault::on("GET", &format!("/users/{over}"), Act::Stale);
    let outcomes = outcomes(files, &sandbox, || strike(&sandbox, stale.times(4)));
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
    for (address, outcome) in outcomes {
        assert_eq!(outcome, Outcome::Done, "{address}");
    }
}

#[test]
fn an_address_that_two_hold_by_now_is_left_out_once() {
    let sandbox = Sandbox::empty(now());
    readers(&sandbox, &[]);
    let files = "guests: [{mail: ada@contoso.example, groups: [readers]}]";
    let outcomes = outcomes(files, &sandbox, || {
        for name in ["one@contoso.example", "two@contoso.example"] {
            guest(
                &sandbox,
                name,
                json!({ "otherMails": ["ada@contoso.example"] }),
            );
        }
    });
    let [(_, invited), (_, joined)] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert!(matches!(invited, Outcome::Skipped(_)), "{invited:?}");
    assert!(matches!(joined, Outcome::Skipped(_)), "{joined:?}");
}

/// Returns files that declare many new guests in one group.
fn many(count: usize) -> String {
    let entry = |n| format!("  - {{mail: many{n}@contoso.example, groups: [readers]}}\n");
    let entries: String = (0..count).map(entry).collect();
    format!("guests:\n{entries}")
}

#[test]
fn a_look_amid_a_run_gets_through_whatever_is_under_way() {
    let sandbox = Sandbox::empty(now());
    readers(&sandbox, &[]);
    // Each answer takes so long that addresses are looked at again; one place for all there is.
    sandbox.behave(Behaviour {
        latency: Duration::from_secs(40),
        ..Behaviour::default()
    });
    let client = over(Arc::new(Inside(sandbox.clone())), &sandbox, 1);
    let ran = on_paused_clock(ran(&many(45), &client, &sandbox, || {}));
    assert!(ran.is_complete(), "{:?}", ran.report.counts());
}

#[test]
fn a_tenant_that_wants_quiet_amid_a_run_ends_it() {
    let sandbox = Sandbox::empty(now());
    readers(&sandbox, &[]);
    guest(&sandbox, "over@contoso.example", json!({}));
    let files = "guests: [{mail: over@contoso.example, expires: 2020-01-31}]";
    let quiet = Fault::on("GET", "/users/", Act::Answer(Canned::throttled(3600)));
    let ran = on_paused_clock(ran(files, &client(&sandbox), &sandbox, || {
        strike(&sandbox, quiet.times(99));
    }));
    assert_eq!(ran.report.counts(), [0, 0, 0, 2]);
    assert!(ran.report.stopped.unwrap().contains("429"));
}

#[test]
fn promise_12_members_that_were_sent_and_lost_are_not_called_not_begun() {
    let sandbox = Sandbox::empty(now());
    for n in 0..3 {
        guest(&sandbox, &format!("many{n}@contoso.example"), json!({}));
    }
    readers(&sandbox, &[]);
    let client = client(&sandbox);
    let stop = client.stop().clone();
    let lost = Fault::on("PATCH", "/groups/", Act::Lose);
    let ran = on_paused_clock(async {
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            stop.ask();
        };
        let files = many(3);
        let ran = ran(&files, &client, &sandbox, || {
            strike(&sandbox, lost.times(99))
        });
        futures::future::join(ran, stopping).await.0
    });
    let outcomes = ran.report.outcomes.iter();
    let edges: Vec<_> = outcomes
        .filter(|(step, _)| step.address.kind == "membership")
        .collect();
    assert_eq!(edges.len(), 3);
    for (step, outcome) in edges {
        assert!(
            matches!(outcome, Outcome::Failed { .. }),
            "{}: {outcome:?}",
            step.address
        );
    }
}
