//! Other people's hands: while a run is under way somebody else changes what it is about, at every
//! HTTP request of the scenario that uses every kind of step. What was changed since the plan was
//! made is noticed before something is taken, and left alone; one more run, and all is as it should.

use guestlist_sandbox::{Act, Elsewhere, Fault, Received, Sandbox};
use guestlist_tenant::apply::Outcome;
use serde_json::json;

use crate::faults::{Tally, behaviour, fresh, now, reference, spread, undone};
use crate::inside::{Ran, Stops, on_paused_clock, run};
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
