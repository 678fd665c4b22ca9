//! Who must not lose or gain anything, by the ways in which it could happen.

use guestlist_planner::plan::{Plan, Request};
use serde_json::json;

use crate::tenant::{Tenant, guest, member, stamped};

const NOW: &str = "2026-05-02";

fn group(id: &str, name: &str, members: &[&str]) -> serde_json::Value {
    json!({ "id": id, "displayName": name, "groupTypes": [], "securityEnabled": true, "members": members })
}

fn ours(id: &str, mail: &str) -> serde_json::Value {
    guest(
        id,
        mail,
        json!({ "onPremisesExtensionAttributes": stamped("") }),
    )
}

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(guestlist_planner::render::title)
        .collect()
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.findings
        .iter()
        .map(|finding| finding.code.as_str())
        .collect()
}

fn planned(tenant: &Tenant, guests: &str, policies: &str) -> Plan {
    tenant.plan(guests, policies, NOW, &Request::default())
}

#[test]
fn two_spellings_of_a_person_are_one_person() {
    let mut grace = member("m1", "grace@fabrikam.example");
    grace["userPrincipalName"] = json!("ghopper@fabrikam.onmicrosoft.example");
    let mut bob = ours("g1", "bob@contoso.example");
    bob["sponsors"] = json!([{ "id": "m1" }]);
    let mut groups = [group("a", "a", &[]), group("b", "b", &[])];
    for group in &mut groups {
        group["owners"] = json!(["m1"]);
    }
    let tenant = Tenant {
        users: vec![grace, bob],
        groups: groups.to_vec(),
        ..Tenant::default()
    };
    let policies = "groups: [{name: a, adopt: true, owners: [grace@fabrikam.example]}, {name: b, adopt: true, owners: [ghopper@fabrikam.onmicrosoft.example]}]";
    let guests = "guests: [{mail: bob@contoso.example, sponsors: [grace@fabrikam.example, ghopper@fabrikam.onmicrosoft.example]}]";
    assert_eq!(steps(&planned(&tenant, guests, policies)), [""; 0]);
}

#[test]
fn two_declarations_of_one_group_take_nobody_out() {
    let tenant = Tenant {
        users: vec![ours("g1", "bob@contoso.example")],
        groups: vec![group(
            "11111111-1111-1111-1111-111111111111",
            "readers",
            &["g1"],
        )],
        ..Tenant::default()
    };
    let policies =
        "groups: [{name: readers}, {name: Lesende, id: 11111111-1111-1111-1111-111111111111}]";
    let plan = planned(
        &tenant,
        "guests: [{mail: bob@contoso.example, groups: [readers]}]",
        policies,
    );
    assert_eq!(steps(&plan), [""; 0]);
    assert_eq!(codes(&plan)[..2], ["group-meant-twice"; 2]);
}

#[test]
fn formerly_hands_over_nothing_that_is_not_surely_that_persons() {
    let entry = |rest: &str| {
        format!("guests: [{{mail: new@contoso.example, formerly: old@contoso.example{rest}}}]")
    };
    // Somebody else's account has the old address as a further one.
    let mut third = ours("g1", "third@contoso.example");
    third["otherMails"] = json!(["old@contoso.example"]);
    // The account does not carry our stamp.
    let unstamped = guest("g1", "old@contoso.example", json!({}));
    // A member holds the new address.
    let mut holder = member("m1", "lise@fabrikam.example");
    holder["mail"] = json!("new@contoso.example");
    for users in [
        vec![third],
        vec![unstamped],
        vec![ours("g1", "old@contoso.example"), holder],
    ] {
        let tenant = Tenant {
            users,
            groups: vec![group("a", "a", &[])],
            ..Tenant::default()
        };
        let plan = planned(&tenant, &entry(", groups: [a]"), "groups: [{name: a}]");
        assert_eq!(steps(&plan), [""; 0]);
        assert!(plan.has_errors());
    }
    // A protected account.
    let tenant = Tenant {
        users: vec![ours("g1", "old@contoso.example")],
        ..Tenant::default()
    };
    let plan = planned(
        &tenant,
        &entry(""),
        "scope: {protected: [old@contoso.example]}",
    );
    assert_eq!(steps(&plan), [""; 0]);
}

#[test]
fn what_is_not_handed_over_yet_is_given_nothing() {
    let tenant = Tenant {
        users: vec![ours("g1", "old@contoso.example")],
        groups: vec![group("a", "a", &[])],
        ..Tenant::default()
    };
    let guests = "guests: [{mail: new@contoso.example, formerly: old@contoso.example, department: Audit, groups: [a]}]";
    let request = Request {
        no_removals: true,
        ..Request::default()
    };
    let plan = tenant.plan(guests, "groups: [{name: a}]", NOW, &request);
    assert_eq!(steps(&plan), [""; 0]);
}

#[test]
fn what_an_approved_plan_cannot_hand_over_any_more_is_given_nothing() {
    let mut tenant = Tenant {
        users: vec![ours("g1", "old@contoso.example")],
        groups: vec![group("a", "a", &[])],
        ..Tenant::default()
    };
    let guests =
        "guests: [{mail: new@contoso.example, formerly: old@contoso.example, groups: [a]}]";
    let plan = |tenant: &Tenant, request: &Request| {
        tenant.plan(guests, "groups: [{name: a}]", NOW, request)
    };
    let approved = plan(&tenant, &Request::default()).steps;
    assert!(approved.len() > 1, "{approved:?}");
    tenant.users[0]["jobTitle"] = json!("Changed since");
    let request = Request {
        approved: Some(approved),
        ..Request::default()
    };
    assert_eq!(steps(&plan(&tenant, &request)), [""; 0]);
}

#[test]
fn a_hand_over_is_finished_only_by_its_own_request() {
    let guests = "guests: [{mail: new@contoso.example, formerly: old@contoso.example}]";
    let planned = |sessions: &str| {
        let user = guest(
            "g1",
            "new@contoso.example",
            json!({
                "onPremisesExtensionAttributes": stamped("repoint=2026-05-01T09:00:00Z"),
                "externalUserState": "PendingAcceptance",
                "externalUserStateChangeDateTime": "2026-05-01T09:40:00Z",
                "signInSessionsValidFromDateTime": sessions,
            }),
        );
        let tenant = Tenant {
            users: vec![user],
            ..Tenant::default()
        };
        steps(&planned(&tenant, guests, ""))
    };
    let own = planned("2026-05-01T09:30:00Z");
    assert_eq!(
        own,
        ["guest new@contoso.example"],
        "only the mark is cleared"
    );
    let another = planned("2026-01-01T00:00:00Z");
    assert!(another[0].contains("hand the account"), "{another:?}");
}

#[test]
fn promise_6_who_is_restricted_is_left_alone_whatever_else_they_are() {
    let mut user = ours("g1", "ada@contoso.example");
    user["isManagementRestricted"] = json!(true);
    let tenant = Tenant {
        users: vec![user],
        ..Tenant::default()
    };
    let guests = "guests: [{mail: ada@contoso.example, department: Audit}]";
    let plan = planned(&tenant, guests, "scope: {protected: [ada@contoso.example]}");
    assert_eq!(steps(&plan), [""; 0]);
    assert!(codes(&plan).contains(&"restricted"), "{:?}", codes(&plan));
}

#[test]
fn an_entry_that_became_an_employee_does_not_drop_the_old_account() {
    let tenant = Tenant {
        users: vec![ours("g1", "otto@contoso.example")],
        ..Tenant::default()
    };
    let guests = "guests: [{mail: otto@fabrikam.example, formerly: otto@contoso.example}]";
    let plan = planned(&tenant, guests, "requirements: {repoint: anyDomain}");
    assert_eq!((steps(&plan), codes(&plan)[0]), (vec![], "match"));
}

#[test]
fn a_domain_is_the_same_in_both_spellings() {
    let tenant = Tenant {
        users: vec![
            ours("g1", "mary@xn--mller-kva.example"),
            ours("g2", "boss@xn--mller-kva.example"),
        ],
        ..Tenant::default()
    };
    let plan = planned(
        &tenant,
        "guests: [{mail: mary@Müller.example}]",
        "scope: {protected: [boss@müller.example]}",
    );
    assert_eq!(steps(&plan), [""; 0]);
    assert!(codes(&plan).contains(&"protected"));
}

#[test]
fn orphaned_disables_nobody_on_a_typo_or_at_adoption() {
    let mut niels = member("m1", "niels@fabrikam.example");
    niels["accountEnabled"] = json!(false);
    let sponsored = |mut user: serde_json::Value| {
        user["sponsors"] = json!([{ "id": "m1" }]);
        user
    };
    let tenant = Tenant {
        users: vec![
            niels,
            sponsored(ours("g1", "typo@contoso.example")),
            sponsored(ours("g2", "lost@contoso.example")),
            guest("g3", "found@contoso.example", json!({})),
        ],
        ..Tenant::default()
    };
    let guests = "guests: [{mail: typo@contoso.example, sponsors: [hedi@fabrikam.example]}, {mail: lost@contoso.example}, {mail: found@contoso.example}]";
    let plan = planned(&tenant, guests, "lifecycle: {orphaned: disable}");
    let lost = "guest lost@contoso.example";
    assert_eq!(
        steps(&plan),
        [
            lost,
            "guest lost@contoso.example: revoke sessions",
            "guest found@contoso.example"
        ]
    );
}

#[test]
fn an_error_about_a_group_keeps_nobody_in_it() {
    let tenant = Tenant {
        users: vec![ours("g1", "bob@contoso.example")],
        groups: vec![group("a", "a", &["g1"])],
        ..Tenant::default()
    };
    let policies = "groups: [{name: a, adopt: true, owners: [nobody@fabrikam.example]}]";
    let plan = planned(
        &tenant,
        "guests: [{mail: bob@contoso.example, expires: 2026-05-01, groups: [a]}]",
        policies,
    );
    assert!(steps(&plan).contains(&"membership a / bob@contoso.example".to_owned()));
    assert!(codes(&plan).contains(&"owner-unknown"));
}

#[test]
fn owners_take_nothing_from_a_guest() {
    let mut held = group("a", "a", &[]);
    held["owners"] = json!(["g1", "m1"]);
    let tenant = Tenant {
        users: vec![
            ours("g1", "bob@contoso.example"),
            member("m1", "grace@fabrikam.example"),
        ],
        groups: vec![held],
        ..Tenant::default()
    };
    let policies = "groups: [{name: a, adopt: true, owners: [grace@fabrikam.example]}]";
    let plan = planned(&tenant, "guests: [{mail: bob@contoso.example}]", policies);
    assert_eq!(steps(&plan), [""; 0]);
    assert!(codes(&plan).contains(&"guest-owner"));
}

#[test]
fn grace_begins_anew_for_another_owner_and_another_reason() {
    let old = |text: &str| json!({ "accountEnabled": false, "onPremisesExtensionAttributes": { "extensionAttribute15": text } });
    // Another repository had begun to off-board: its day is not ours.
    let other = guest(
        "g1",
        "bob@contoso.example",
        old("guestlist owner=other offboarding=2026-01-01T00:00:00Z reason=expired"),
    );
    let tenant = Tenant {
        users: vec![other],
        ..Tenant::default()
    };
    let request = Request {
        take_over: Some("other".into()),
        ..Request::default()
    };
    let plan = tenant.plan(
        "guests: [{mail: bob@contoso.example, expires: 2026-04-01}]",
        "",
        NOW,
        &request,
    );
    assert_eq!(
        (steps(&plan), codes(&plan)[0]),
        (vec![], "over-at-adoption")
    );
    // The entry of a long disabled guest is deleted by mistake: nobody goes that day.
    let expired = guest(
        "g1",
        "bob@contoso.example",
        old("guestlist owner=sandbox offboarding=2026-01-01T00:00:00Z reason=expired"),
    );
    let tenant = Tenant {
        users: vec![expired],
        ..Tenant::default()
    };
    let plan = planned(&tenant, "guests: [{mail: ada@contoso.example}]", "");
    assert_eq!(
        steps(&plan),
        [
            "guest bob@contoso.example",
            "guest bob@contoso.example: revoke sessions",
            "guest ada@contoso.example: invite"
        ]
    );
}

#[test]
fn internal_guests_and_other_owners_guests_are_left_alone() {
    let mut internal = guest("g1", "kurt@litware.example", json!({}));
    internal["userPrincipalName"] = json!("kurt@fabrikam.example");
    let elsewhere = guest(
        "g2",
        "kim@litware.example",
        json!({ "onPremisesExtensionAttributes": { "extensionAttribute14": "guestlist owner=other" } }),
    );
    let tenant = Tenant {
        users: vec![
            internal,
            elsewhere,
            guest("g3", "eve@litware.example", json!({})),
        ],
        groups: vec![group("a", "a", &["g1", "g2", "g3"])],
        ..Tenant::default()
    };
    let policies = "scope: {undeclared: disable}\ngroups: [{name: a, adopt: true, guests: exact}]";
    let plan = planned(&tenant, "guests: [{mail: ada@contoso.example}]", policies);
    let eve = "guest eve@litware.example";
    assert_eq!(
        steps(&plan),
        [
            eve,
            "guest eve@litware.example: revoke sessions",
            "membership a / eve@litware.example",
            "guest ada@contoso.example: invite"
        ]
    );
}

#[test]
fn protection_knows_a_person_by_every_name() {
    for name in [
        "ADA@contoso.example",
        "ada_contoso.example#EXT#@fabrikam.onmicrosoft.example",
        "g1",
        "new@contoso.example",
    ] {
        let mut ada = ours("g1", "ada@contoso.example");
        ada["mail"] = json!("new@contoso.example");
        let tenant = Tenant {
            users: vec![ada],
            ..Tenant::default()
        };
        let plan = planned(
            &tenant,
            "guests: [{mail: bob@contoso.example, expires: 2026-01-01}]",
            &format!("scope: {{protected: ['{name}']}}"),
        );
        assert_eq!(steps(&plan), [""; 0], "{name}");
    }
}

#[test]
fn an_approved_step_is_done_only_as_it_was_approved() {
    let tenant = Tenant {
        users: vec![ours("g1", "bob@contoso.example")],
        ..Tenant::default()
    };
    let files =
        "guests: [{mail: ada@contoso.example}, {mail: bob@contoso.example, department: Audit}]";
    let approved = planned(&tenant, files, "");
    let mut drifted = tenant.clone();
    drifted.users[0]["department"] = json!("Sales");
    let more = "guests: [{mail: ada@contoso.example}, {mail: bob@contoso.example, department: Audit}, {mail: aaa@contoso.example}]";
    let request = Request {
        approved: Some(approved.steps),
        ..Request::default()
    };
    let policies = "limits: {invitations: {count: 1}}";
    let plan = drifted.plan(more, policies, NOW, &request);
    assert_eq!(steps(&plan), ["guest ada@contoso.example: invite"]);
    let left_out: Vec<_> = plan
        .findings
        .iter()
        .filter(|finding| finding.code == "left-out")
        .collect();
    assert_eq!(left_out.len(), 1);
    let difference = left_out[0].hint.as_deref().unwrap();
    assert!(
        difference.contains("+    \"department\": \"Sales\""),
        "{difference}"
    );
}

#[test]
fn whoever_holds_power_is_not_asked_to_consent_again() {
    let tenant = Tenant {
        users: vec![ours("g1", "bob@contoso.example")],
        roles: vec![("g1", "User Administrator")],
        ..Tenant::default()
    };
    let plan = planned(
        &tenant,
        "guests: [{mail: bob@contoso.example, redeemedSince: 2026-03-01}]",
        "",
    );
    assert_eq!(steps(&plan), [""; 0]);
    assert!(codes(&plan).contains(&"privileged"));
}

#[test]
fn what_someone_else_blocked_stays_blocked_when_declared_again() {
    let blocked = guest(
        "g1",
        "bob@contoso.example",
        json!({ "accountEnabled": false, "onPremisesExtensionAttributes": stamped("") }),
    );
    let tenant = Tenant {
        users: vec![blocked],
        ..Tenant::default()
    };
    let plan = planned(
        &tenant,
        "guests: [{mail: bob@contoso.example, expires: 2026-05-01}]",
        "",
    );
    let fields = plan.steps[0].change.fields();
    let stamp = fields
        .iter()
        .find(|field| field.name == "stamp")
        .unwrap()
        .to
        .clone()
        .unwrap();
    assert_eq!(
        stamp,
        "guestlist owner=sandbox blocked=elsewhere offboarding=now reason=expired"
    );
    let mut later = tenant.clone();
    let stamp = stamped("blocked=elsewhere offboarding=2026-05-02T00:00:00Z reason=expired");
    later.users[0]["onPremisesExtensionAttributes"] = stamp;
    let plan = planned(&later, "guests: [{mail: bob@contoso.example}]", "");
    let fields: Vec<_> = plan.steps[0]
        .change
        .fields()
        .into_iter()
        .map(|field| field.name)
        .collect();
    assert_eq!(fields, ["stamp"]);
}

#[test]
fn references_are_checked_for_every_spelling_of_a_guest() {
    let source = |path: &str, text: &str| guestlist_planner::yaml::Source {
        path: path.into(),
        text: text.into(),
    };
    let sources = [
        source(
            "guests/a.yaml",
            "guests: [{mail: Eve@m\u{fc}ller.example, groups: [nowhere]}]",
        ),
        source("policies/a.yaml", "groups: [{name: a}]"),
    ];
    let mistakes =
        guestlist_planner::load::load(&sources, crate::tenant::instant(NOW)).unwrap_err();
    assert_eq!(mistakes[0].message, "unknown group `nowhere`");
}

#[test]
fn whom_our_own_ladder_deleted_comes_back_and_stays_although_never_redeemed() {
    let text = "offboarding=2026-03-20T00:00:00Z reason=expired reminded=2026-01-20T00:00:00Z";
    let pending = json!({ "accountEnabled": false, "externalUserState": "PendingAcceptance", "onPremisesExtensionAttributes": stamped(text) });
    let mut gone = guest("g1", "bob@contoso.example", pending);
    gone["deletedDateTime"] = json!("2026-04-20T00:00:00Z");
    let tenant = Tenant {
        deleted: vec![gone.clone()],
        ..Tenant::default()
    };
    let files = "guests: [{mail: bob@contoso.example}]";
    let rules = "lifecycle: {pending: {remind: 14d, delete: 60d}}";
    let plan = planned(&tenant, files, rules);
    assert_eq!(steps(&plan), ["guest bob@contoso.example: restore"]);
    // Stopped after the restoration: the account is there and still carries the old stamp.
    gone["deletedDateTime"] = json!(null);
    let plan = planned(
        &Tenant {
            users: vec![gone.clone()],
            ..Tenant::default()
        },
        files,
        rules,
    );
    assert_eq!(steps(&plan), ["guest bob@contoso.example"]);
    gone["accountEnabled"] = json!(true);
    gone["onPremisesExtensionAttributes"] =
        stamped("pending=2026-05-01T00:00:00Z reminded=2026-01-20T00:00:00Z");
    let plan = planned(
        &Tenant {
            users: vec![gone],
            ..Tenant::default()
        },
        files,
        rules,
    );
    assert_eq!(steps(&plan), [""; 0]);
}
