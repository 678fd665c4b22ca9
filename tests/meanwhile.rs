//! Other people's hands: while a run is under way somebody else changes what it is about, at every
//! HTTP request of the scenario that uses every kind of step. What was changed since the plan was
//! made is noticed before something is taken, and left alone; one more run, and all is as it should.

use guestlist_planner::load::load;
use guestlist_planner::plan::Step;
use guestlist_planner::yaml::Source;
use guestlist_sandbox::{Act, Behaviour, Canned, Elsewhere, Fault, Received, Sandbox, When};
use guestlist_tenant::apply::Outcome;
use jiff::SignedDuration;
use serde_json::json;

use crate::faults::{Tally, behaviour, fresh, now, reference, spread, undone};
use crate::inside::{Ran, Stops, client, on_paused_clock, run, run_with};
use crate::scenario::{DROPPED, EXPIRED, FORMER, INVITED, OVERDUE, differences, essence, mails};

/// From whom the run takes something.
const TAKEN_FROM: [&str; 4] = [EXPIRED, DROPPED, OVERDUE, FORMER];

/// What somebody else does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hand {
    /// Edits everybody from whom something is to be taken.
    Edits,
    /// Makes them members.
    Promotes,
    /// Invites whom the run is about to invite.
    Invites,
    /// Deletes some.
    Deletes,
    /// Takes out and puts in whom the run takes out and puts in.
    Groups,
}

impl Hand {
    fn changes(self, sandbox: &Sandbox) -> Vec<Elsewhere> {
        let id = |name: &str| sandbox.find(name).unwrap();
        let patch = |name: &&str, body| {
            Elsewhere::new("PATCH", &format!("/users/{}", id(name)), Some(body))
        };
        let edge = |verb: &str, path: String| Elsewhere::new(verb, &path, None);
        match self {
            Self::Edits => TAKEN_FROM
                .iter()
                .map(|name| patch(name, json!({ "department": "Elsewhere" })))
                .collect(),
            Self::Promotes => TAKEN_FROM
                .iter()
                .map(|name| patch(name, json!({ "userType": "Member" })))
                .collect(),
            Self::Invites => vec![Elsewhere::new(
                "POST",
                "/invitations",
                Some(
                    json!({ "invitedUserEmailAddress": INVITED, "inviteRedirectUrl": "https://myapps.microsoft.com", "sendInvitationMessage": false }),
                ),
            )],
            Self::Deletes => [EXPIRED, DROPPED, "many1@contoso.example"]
                .iter()
                .map(|name| edge("DELETE", format!("/users/{}", id(name))))
                .collect(),
            Self::Groups => {
                let member = json!({ "@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{}", id("many2@contoso.example")) });
                vec![
                    Elsewhere::new(
                        "POST",
                        &format!("/groups/{}/members/$ref", id("readers")),
                        Some(member),
                    ),
                    edge(
                        "DELETE",
                        format!(
                            "/groups/{}/members/{}/$ref",
                            id("writers"),
                            id("trimmed@contoso.example")
                        ),
                    ),
                    edge(
                        "DELETE",
                        format!(
                            "/users/{}/sponsors/{}/$ref",
                            id("trimmed@contoso.example"),
                            id("alan@fabrikam.example")
                        ),
                    ),
                ]
            }
        }
    }

    /// Returns whose state may differ in the end, because somebody else decided it.
    fn excuses(self) -> &'static [&'static str] {
        match self {
            Self::Promotes => &[EXPIRED, DROPPED, OVERDUE, FORMER, "moved@contoso.example"],
            Self::Deletes => &[EXPIRED, DROPPED, "many1@contoso.example"],
            _ => &[],
        }
    }
}

/// Returns what was sent about an account although a look right before had shown that it was
/// changed after the plan was made, at request `at`.
fn overwritten(hand: Hand, requests: &[Received], id: &str, at: usize) -> Vec<String> {
    let listed = |request: &&Received| request.path.starts_with("/users?$filter=userType");
    let listed = requests
        .iter()
        .filter(listed)
        .map(|request| request.number)
        .max();
    let about =
        |request: &&Received| request.path.contains(id) && !request.path.contains("$filter");
    let sent = requests
        .iter()
        .filter(about)
        .filter(|request| request.method != "GET");
    // An edit does not hinder that sessions end or edges go: only what it could be lost by.
    let own = format!("/users/{id}");
    let sent = sent.filter(|request| hand == Hand::Promotes || request.path == own);
    // A hand-over is looked at when it begins.
    let begun = requests.iter().filter(about).any(|request| {
        request.method == "PATCH"
            && request.number < at
            && request
                .body
                .as_ref()
                .is_some_and(|body| body.get("mail").is_some())
    });
    let late = |request: &&Received| {
        let looked = requests
            .iter()
            .filter(about)
            .filter(|look| look.method == "GET" && look.number < request.number);
        let looked = looked.map(|look| look.number).max().unwrap_or_default();
        listed.is_some_and(|listed| listed < at) && at <= looked && !begun
    };
    sent.filter(late)
        .map(|request| format!("{} {} at {}", request.method, request.path, request.number))
        .collect()
}

#[test]
fn promise_11_what_someone_else_changes_at_any_request_is_noticed_and_not_overwritten() {
    let (reference, tally) = (reference(), Tally::default());
    let hands = [
        Hand::Edits,
        Hand::Promotes,
        Hand::Invites,
        Hand::Deletes,
        Hand::Groups,
    ];
    let whole: Vec<_> = reference
        .requests
        .iter()
        .filter(|request| !request.in_batch)
        .collect();
    spread(hands.len() * whole.len(), |number| {
        let (hand, request) = (hands[number / whole.len()], whole[number % whole.len()]);
        let at = request.number;
        let name = format!("{hand:?} at {at}: {} {}", request.method, request.path);
        let wrong = |what: String| tally.say([format!("{name}\n    {what}")]);
        on_paused_clock(async {
            let sandbox = fresh(Vec::new());
            let ids = TAKEN_FROM.map(|name| sandbox.find(name).unwrap());
            let act = Act::Meanwhile(hand.changes(&sandbox));
            sandbox.behave(behaviour(vec![Fault::at(at, act)]));
            let first = run(&sandbox, &reference.config, now(), &mut Stops(None)).await;
            let Ok(first) = first else {
                return wrong("could not be read".to_owned());
            };
            Tally::add(&tally.cases, 1);
            Tally::add(&tally.failed, undone(&first).len());
            if matches!(hand, Hand::Edits | Hand::Promotes) {
                for (id, who) in ids.iter().zip(TAKEN_FROM) {
                    overwritten(hand, &sandbox.requests(), id, at)
                        .into_iter()
                        .for_each(&wrong);
                    if left_out(&first, who) && first.is_complete() {
                        wrong(format!("{who} was left out and not reported"));
                    }
                }
            }
            sandbox.behave(behaviour(Vec::new()));
            Tally::add(&tally.again, usize::from(!first.is_complete()));
            match run(&sandbox, &reference.config, now(), &mut Stops(None)).await {
                Ok(ran) if ran.report.is_complete() => {}
                Ok(ran) => wrong(format!("second run: {:?}", undone(&ran))),
                Err(error) => wrong(format!("second run: {error}")),
            }
            let (mut expected, mut found) = (reference.state.clone(), essence(&sandbox, now()));
            if hand == Hand::Edits {
                for (key, facts) in found.iter_mut().chain(&mut expected) {
                    let theirs = TAKEN_FROM
                        .iter()
                        .chain(&["moved@contoso.example"])
                        .any(|who| key.ends_with(who));
                    // Nobody edits who is deleted already.
                    if theirs
                        && facts["department"] != "Elsewhere"
                        && !facts["department"].is_null()
                    {
                        wrong(format!("{key}: {facts}"));
                    }
                    if theirs {
                        facts["department"] = json!(null);
                    }
                }
            }
            for who in hand.excuses() {
                expected.retain(|key, _| !key.ends_with(who));
                found.retain(|key, _| !key.ends_with(who));
                for facts in expected.values_mut().chain(found.values_mut()) {
                    if let Some(members) = facts["members"].as_array_mut() {
                        members.retain(|member| member != &format!("\"{who}\""));
                    }
                }
            }
            differences(&expected, &found).into_iter().for_each(wrong);
            for (mail, count) in mails(&sandbox) {
                if reference
                    .mails
                    .get(&mail)
                    .is_none_or(|allowed| count > *allowed)
                {
                    wrong(format!("{count} × {mail}"));
                }
            }
        });
    });
    tally.report("changes by someone else × requests");
}

fn left_out(ran: &Ran, who: &str) -> bool {
    let skipped = |outcome: &Outcome| matches!(outcome, Outcome::Skipped(_));
    ran.report
        .outcomes
        .iter()
        .any(|(step, outcome)| skipped(outcome) && step.address.key == who)
}

/// Returns how the steps ended after something happened between planning and applying.
fn outcomes(files: &str, sandbox: &Sandbox, meanwhile: impl FnOnce()) -> Vec<(String, Outcome)> {
    on_paused_clock(async {
        sandbox.set_clock(Some(now()));
        let sources = [
            ("guests/all.yaml", files),
            (
                "policies/all.yaml",
                "groups: [{name: readers}]\nlifecycle: {pending: {remind: 7d}, expired: {disable: 0d, strip: 3d}}",
            ),
        ];
        let sources = sources.map(|(path, text)| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        });
        let config = load(&sources, now()).unwrap();
        let (client, journal) = (client(sandbox), &mut Stops(None));
        let ran = run_with(&client, &config, now(), journal, meanwhile);
        let outcomes = ran.await.unwrap().report.outcomes;
        let named = |(step, outcome): (Step, Outcome)| (step.address.to_string(), outcome);
        let guests = outcomes.into_iter().map(named);
        guests
            .filter(|(address, _)| !address.starts_with("group "))
            .collect()
    })
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
    sandbox.insert_group(json!({ "displayName": "readers", "mailNickname": "readers", "mailEnabled": false, "securityEnabled": true, "members": [back, gone] }));
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
    guest(&sandbox, "plain@contoso.example", json!({}));
    let files = "guests:
  - {mail: risen@contoso.example, expires: 2020-01-31}
  - {mail: plain@contoso.example, expires: 2020-01-31}
";
    let outcomes = outcomes(files, &sandbox, || {
        sandbox.assign_role(&risen, "Global Reader");
    });
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
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
    sandbox.insert_group(json!({ "displayName": "readers", "mailNickname": "readers", "mailEnabled": false, "securityEnabled": true }));
    let refused = Fault {
        when: When::Matching {
            method: Some("PATCH".to_owned()),
            path: "/users/".to_owned(),
        },
        skip: 0,
        times: 9,
        act: Act::Answer(Canned::status(403)),
    };
    let files = "guests: [{mail: ada@contoso.example, blocked: true, groups: [readers]}]";
    let outcomes = outcomes(files, &sandbox, || {
        sandbox.behave(Behaviour {
            faults: vec![refused],
            ..Behaviour::default()
        });
    });
    let [(guest, invited), (_, joined)] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert!(guest == "guest ada@contoso.example" && matches!(invited, Outcome::Failed { .. }));
    assert!(matches!(joined, Outcome::Skipped(_)), "{joined:?}");
}
