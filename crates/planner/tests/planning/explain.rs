//! What is said of one guest: about the right account, and nothing about what will not happen.

use guestlist_planner::explain::{Explanation, explain, find, held};
use guestlist_planner::plan::Header;
use guestlist_planner::render;
use guestlist_planner::request::Answer;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::tenant::{Tenant, config, guest, instant, member, stamped};

const GROUPS: &str = "groups: [{name: partners}, {name: auditors}]\n";

/// Returns a tenant with one more guest of ours, called Otto, who is in a group.
fn tenant(otto: Value) -> Tenant {
    let mut more = json!({ "onPremisesExtensionAttributes": stamped("") });
    more.as_object_mut()
        .unwrap()
        .extend(otto.as_object().unwrap().clone());
    Tenant {
        users: vec![
            member("m1", "grace@fabrikam.example"),
            guest("g1", "otto@contoso.example", more),
        ],
        groups: vec![
            json!({ "id": "p", "displayName": "partners", "groupTypes": [], "securityEnabled": true, "members": ["g1"] }),
            json!({ "id": "a", "displayName": "auditors", "groupTypes": [], "securityEnabled": true, "members": [] }),
        ],
        ..Tenant::default()
    }
}

fn explained(tenant: &Tenant, guests: &str, rules: &str, who: &str) -> Explanation {
    let now = instant("2026-05-02");
    let config = config(guests, &format!("{GROUPS}{rules}"), now);
    let snapshot = tenant.observe(&config, now);
    let who = find(&config, &snapshot, who).remove(0);
    let held = who.user.and_then(|user| {
        let members = |group: &&Value| {
            group["members"]
                .as_array()
                .unwrap()
                .contains(&json!(user.id))
        };
        let groups = tenant.groups.iter().filter(members).cloned();
        held(&Answer::Items(groups.collect()))
    });
    explain(
        &config,
        &snapshot,
        &who,
        held.as_ref(),
        now,
        &Header::default(),
    )
    .unwrap()
}

fn next(told: &Explanation) -> Vec<String> {
    let coming = told.next.iter();
    coming
        .map(|coming| format!("{} {} ({})", coming.at, coming.text, coming.origin))
        .collect()
}

fn told(told: &Explanation) -> String {
    render::explain::text(told, &TimeZone::UTC, None)
}

const ENDING: &str = "guests: [{mail: otto@contoso.example, expires: 2026-05-31, groups: [{name: partners, expires: 2026-05-10}]}]";

#[test]
fn promise_4_nothing_is_foretold_of_whom_nothing_is_taken() {
    let plain = explained(&tenant(json!({})), ENDING, "", "otto@contoso.example");
    assert_eq!(
        next(&plain),
        [
            "2026-05-11T00:00:00Z loses group partners (guests/all.yaml:1)",
            "2026-06-01T00:00:00Z expires, is disabled, loses what is managed (guests/all.yaml:1)",
            "2026-07-01T00:00:00Z is deleted (guests/all.yaml:1)",
        ]
    );
    let protected = "scope: {protected: [otto@contoso.example]}";
    let kept = explained(
        &tenant(json!({})),
        ENDING,
        protected,
        "otto@contoso.example",
    );
    assert_eq!(next(&kept), [""; 0]);
    assert!(told(&kept).contains("is protected (scope.protected): nothing is taken"));
    let mut powerful = tenant(json!({}));
    powerful.roles.push(("g1", "User Administrator"));
    let kept = explained(&powerful, ENDING, "", "otto@contoso.example");
    assert_eq!(next(&kept), [""; 0]);
}

#[test]
fn what_is_decided_comes_before_what_the_files_say() {
    let pending = json!({ "externalUserState": "PendingAcceptance", "externalUserStateChangeDateTime": "2026-04-30T08:00:00Z" });
    let rules = "lifecycle:\n  pending: {delete: 10d}\n";
    let waiting = explained(&tenant(pending), ENDING, rules, "otto@contoso.example");
    let deleted =
        "2026-05-10T08:00:00Z is deleted, if the invitation waits still (policies/all.yaml:3)";
    assert_eq!(next(&waiting)[0], deleted);
    assert_eq!(
        next(&waiting).len(),
        4,
        "what is declared goes on for whoever redeems"
    );
    let begun = stamped("offboarding=2026-05-01T00:00:00Z reason=undeclared");
    let begun = json!({ "accountEnabled": false, "onPremisesExtensionAttributes": begun });
    let left = explained(
        &tenant(begun),
        "",
        "tenant: {id: sandbox}",
        "otto@contoso.example",
    );
    assert_eq!(
        next(&left),
        [
            "2026-05-08T00:00:00Z loses what is managed (policies/all.yaml:2)",
            "2026-05-31T00:00:00Z is deleted (policies/all.yaml:2)"
        ]
    );
    // What is managed is not "not managed" because the entry is gone.
    let line = "  group partners, until stripped 2026-05-08 00:00 UTC   policies/all.yaml:1\n";
    assert!(told(&left).contains(line), "{}", told(&left));
}

#[test]
fn nobody_else_is_taken_for_the_guest() {
    let mut two = tenant(json!({ "displayName": "Otto" }));
    two.users.push(guest(
        "g2",
        "x@contoso.example",
        json!({ "otherMails": ["otto@contoso.example"] }),
    ));
    let told_two = explained(&two, ENDING, "", "otto@contoso.example");
    let text = told(&told_two);
    assert!(
        text.contains("account   2 accounts answer to otto@contoso.example"),
        "{text}"
    );
    assert!(
        !text.contains("partners") && told_two.next.is_empty(),
        "{text}"
    );
    let mut tenant = tenant(json!({ "otherMails": ["o.tto@litware.example"] }));
    tenant.users.push(json!({ "id": "m2", "mail": "kim@contoso.example", "userPrincipalName": "kim@fabrikam.example", "userType": "Member", "accountEnabled": true, "displayName": "Kim" }));
    let kim = "guests:\n  - {mail: kim@contoso.example, expires: 2026-05-31}\n  - {";
    let guests = ENDING.replace("guests: [{", kim);
    let guests = guests.trim_end_matches(']');
    let employee = explained(&tenant, guests, "", "kim@contoso.example");
    let text = told(&employee);
    assert!(
        text.contains("account   kim@contoso.example is no guest but Member"),
        "{text}"
    );
    assert!(!text.contains("m2\n") && employee.next.is_empty(), "{text}");
    // Another address of the account leads to the entry.
    let other = explained(&tenant, guests, "", "o.tto@litware.example");
    assert_eq!(other.guest, "otto@contoso.example");
    assert_eq!(other.next.len(), 3);
}

#[test]
fn who_cannot_be_told_apart_is_not_chosen() {
    let mut twins = tenant(json!({}));
    twins
        .users
        .push(guest("g2", "otto@contoso.example", json!({})));
    let now = instant("2026-05-02");
    let config = config("", GROUPS, now);
    let snapshot = twins.observe(&config, now);
    assert_eq!(find(&config, &snapshot, "otto@contoso.example").len(), 2);
    let ids = find(&config, &snapshot, "g2").into_iter();
    let ids: Vec<_> = ids.map(|who| who.user.unwrap().id.clone()).collect();
    assert_eq!(ids, ["g2"]);
}

#[test]
fn a_dynamic_group_of_the_tenant_is_told_from_one_that_somebody_gave() {
    let mut tenant = tenant(json!({}));
    tenant.groups.push(
        json!({ "id": "d", "displayName": "all guests", "groupTypes": ["DynamicMembership"],
        "membershipRule": "user.userType -eq \"Guest\"", "members": ["g1"] }),
    );
    let told = told(&explained(&tenant, ENDING, "", "otto@contoso.example"));
    assert!(told.contains("group all guests, by its rule"), "{told}");
}

#[test]
fn what_becomes_of_an_invitation_that_waits_is_foretold_from_the_start() {
    let rules = "lifecycle:\n  pending: {remind: 14d, delete: 60d}\n";
    let all = |tenant: &Tenant, guests: &str| {
        next(&explained(tenant, guests, rules, "otto@contoso.example"))
    };
    let (reminded, deleted) = (
        "is reminded of the invitation, if it waits still (policies/all.yaml:3)",
        "is deleted, if the invitation waits still (policies/all.yaml:3)",
    );
    let nobody = Tenant::default();
    let otto = "guests: [{mail: otto@contoso.example}]";
    let at = |day: &str, what: &str| format!("{day} {what}");
    let new = [
        at("2026-05-16T00:00:00Z", reminded),
        at("2026-07-01T00:00:00Z", deleted),
    ];
    assert_eq!(all(&nobody, otto), new);
    let pending = json!({ "externalUserState": "PendingAcceptance", "externalUserStateChangeDateTime": "2026-04-30T08:00:00Z" });
    let told = all(&tenant(pending), otto);
    assert_eq!(told[0], at("2026-05-14T08:00:00Z", reminded));
    assert!(told[1].ends_with(deleted), "{told:?}");
    let silent = "guests: [{mail: otto@contoso.example, invitation: {send: false}}]";
    assert_eq!(all(&nobody, silent), [""; 0]);
    let blocked = "guests: [{mail: otto@contoso.example, blocked: true}]";
    assert_eq!(all(&nobody, blocked), [""; 0]);
}
