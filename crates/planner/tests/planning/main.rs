//! Planning, from YAML and a tenant to what people read.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod assignments;
mod conditional_access;
mod coverage;
mod excluded;
mod explain;
mod governing;
mod markdown;
mod report;
mod rules;
mod safety;
mod tenant;

use guestlist_planner::plan::Request;
use serde_json::json;
use tenant::{Tenant, guest, member, stamped};

const GROUPS: &str = "
groups:
  - name: partners
  - name: auditors
";

fn tenant() -> Tenant {
    Tenant {
        users: vec![
            member("m1", "grace@fabrikam.example"),
            guest(
                "g1",
                "bob@contoso.example",
                json!({ "onPremisesExtensionAttributes": stamped(""), "sponsors": [{ "id": "m1" }] }),
            ),
        ],
        groups: vec![
            json!({ "id": "p", "displayName": "partners", "groupTypes": [], "securityEnabled": true, "members": ["g1", "m1"] }),
            json!({ "id": "a", "displayName": "auditors", "groupTypes": [], "securityEnabled": true, "members": [] }),
        ],
        ..Tenant::default()
    }
}

#[test]
fn a_new_guest_is_invited_and_gets_its_groups() {
    let guests = "
guests:
  - mail: Ada@contoso.example
    displayName: Ada Lovelace
    sponsors: [grace@fabrikam.example]
    expires: 2026-12-31
    groups: [partners]
  - {mail: bob@contoso.example, groups: [partners]}
";
    insta::assert_snapshot!(tenant().planned(guests, GROUPS, "2026-05-02"), @r#"
    + guest ada@contoso.example: invite                       guests/all.yaml:3
        displayName  "Ada Lovelace"
        mail         "Ada@contoso.example"
        stamp        "guestlist owner=sandbox"
        mail: Microsoft sends the invitation to Ada@contoso.example
    + membership partners / ada@contoso.example               guests/all.yaml:7
    + sponsor ada@contoso.example / grace@fabrikam.example    guests/all.yaml:3

    3 to create, 0 to change, 0 to delete. 2 unchanged, 0 not ours.
    About 4 writes, less than a minute.
    "#);
}

#[test]
fn an_expired_guest_is_disabled_stripped_and_deleted_in_turn() {
    let guests = "guests: [{ mail: bob@contoso.example, expires: 2026-05-01, groups: [partners] }]";
    insta::assert_snapshot!(tenant().planned(guests, GROUPS, "2026-05-02"), @r#"
    ~ guest bob@contoso.example                               expired 2026-05-02 00:00 UTC (guests/all.yaml:1)
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=expired"
    ~ guest bob@contoso.example: revoke sessions              expired 2026-05-02 00:00 UTC (guests/all.yaml:1)
    - membership partners / bob@contoso.example               expired 2026-05-02 00:00 UTC (guests/all.yaml:1)

    0 to create, 2 to change, 1 to delete. 0 unchanged, 0 not ours.
    About 3 writes, less than a minute.

    info: guest bob@contoso.example: expired 2026-05-02 00:00 UTC; deleted on 2026-06-01 00:00 UTC (guests/all.yaml:1)
    "#);
    let mut later = tenant();
    later.users[1]["accountEnabled"] = json!(false);
    later.users[1]["signInSessionsValidFromDateTime"] = json!("2026-05-02T00:00:01Z");
    later.users[1]["onPremisesExtensionAttributes"] =
        stamped("offboarding=2026-05-02T00:00:00Z reason=expired");
    later.groups[0]["members"] = json!(["m1"]);
    insta::assert_snapshot!(later.planned(guests, GROUPS, "2026-05-31"), @"
    Nothing to do. 0 unchanged, 0 not ours.

    info: guest bob@contoso.example: expired 2026-05-02 00:00 UTC; deleted on 2026-06-01 00:00 UTC (guests/all.yaml:1)
    ");
    insta::assert_snapshot!(later.planned(guests, GROUPS, "2026-06-01"), @"
    - guest bob@contoso.example                               expired 2026-05-02 00:00 UTC (guests/all.yaml:1)

    0 to create, 0 to change, 1 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
}

#[test]
fn what_is_there_decides_what_adoption_means() {
    let mut tenant = tenant();
    tenant.users.push(guest(
        "g2",
        "ada@contoso.example",
        json!({ "department": "Old", "accountEnabled": false }),
    ));
    tenant.users.push(guest(
        "g3",
        "eve@contoso.example",
        json!({ "onPremisesExtensionAttributes": { "extensionAttribute15": "cost centre 7" } }),
    ));
    tenant.users.push(guest("g4", "kim@contoso.example", json!({ "onPremisesExtensionAttributes": { "extensionAttribute15": "guestlist owner=others" } })));
    tenant.users.push(guest("g5", "liz@contoso.example", json!({ "onPremisesExtensionAttributes": { "extensionAttribute14": "guestlist owner=sandbox" } })));
    let guests = "
guests:
  - {mail: ada@contoso.example, department: New, jobTitle: null, companyName: null}
  - mail: eve@contoso.example
  - mail: kim@contoso.example
  - mail: liz@contoso.example
  - {mail: bob@contoso.example, expires: 2026-05-10}
";
    insta::assert_snapshot!(tenant.planned(guests, GROUPS, "2026-05-02"), @r#"
    ~ guest ada@contoso.example                               guests/all.yaml:3
        department  "Old" → "New"
        stamp       nothing → "guestlist owner=sandbox"

    0 to create, 1 to change, 0 to delete. 2 unchanged, 0 not ours.
    About 1 write, less than a minute.

    error: guest eve@contoso.example: extensionAttribute15 holds other text, which is never overwritten (guests/all.yaml:4)
      hint: extensionAttribute15 holds: cost centre 7
    error: guest kim@contoso.example: belongs to `others`; `--take-over others` makes it ours (guests/all.yaml:5)
    error: guest liz@contoso.example: carries a stamp in extensionAttribute14, but `tenant.stamp` is extensionAttribute15; `--stamp-was extensionAttribute14` moves it (guests/all.yaml:6)
    warning: guest bob@contoso.example: access ends 2026-05-11 00:00 UTC (guests/all.yaml:7)
    warning: it could not be read which guests entitlement management governs: it may delete one that is taken on
      hint: grant EntitlementManagement.Read.All, or write `adopt: true` on the guests
    warning: guest ada@contoso.example: has no sponsor (guests/all.yaml:3)
    info: guest ada@contoso.example: exists already and is taken on: never invited again (guests/all.yaml:3)
    info: guest ada@contoso.example: sign-in was blocked by someone else and stays blocked (guests/all.yaml:3)
    info: guest bob@contoso.example: is in group partners, and its entry has no `groups:`: left alone (guests/all.yaml:7)
    "#);
}

#[test]
fn guests_that_no_file_declares() {
    let mut tenant = tenant();
    tenant
        .users
        .push(guest("g2", "old@litware.example", json!({})));
    tenant.users.push(guest(
        "g3",
        "young@litware.example",
        json!({ "createdDateTime": "2026-04-30T08:00:00Z" }),
    ));
    tenant
        .users
        .push(guest("g4", "any@contoso.example", json!({})));
    tenant
        .users
        .push(guest("g5", "boss@litware.example", json!({})));
    tenant.users.push(guest(
        "g6",
        "unknown-age@litware.example",
        json!({ "createdDateTime": null }),
    ));
    tenant
        .users
        .push(guest("g7", "intern@fabrikam.example", json!({})));
    tenant.users.push(guest(
        "g8",
        "customer@litware.example",
        json!({ "creationType": "LocalAccount" }),
    ));
    tenant.users.push(guest("g9", "scoped@litware.example", json!({ "accountEnabled": false, "onPremisesExtensionAttributes": stamped("offboarding=2026-01-01T00:00:00Z reason=scope") })));
    let rules = "
scope: {domains: {litware.example: disable}, protected: [boss@litware.example]}
groups: [{name: partners, adopt: true, guests: exact}]
";
    let guests = "guests: [{mail: bob@contoso.example}]";
    insta::assert_snapshot!(tenant.planned(guests, rules, "2026-05-02"), @r#"
    ~ guest old@litware.example                               in no file (scope)
        accountEnabled  true → false
        stamp           nothing → "guestlist owner=sandbox offboarding=now reason=scope"
    ~ guest old@litware.example: revoke sessions              in no file (scope)

    0 to create, 2 to change, 0 to delete. 4 unchanged, 5 not ours.
    About 2 writes, less than a minute.

    warning: guest boss@litware.example: is protected (scope.protected): nothing is taken, although in no file (scope)
    info: guest bob@contoso.example: is in group partners, and its entry has no `groups:`: left alone (guests/all.yaml:1)
    info: guest any@contoso.example: is in no file and not ours
    info: guest unknown-age@litware.example: is in no file and not ours
    info: guest young@litware.example: is in no file and not ours
    "#);
}

#[test]
fn an_unknown_sponsor_blocks_an_invitation_and_never_an_expiry() {
    let guests = "
guests:
  - {mail: ada@contoso.example, sponsors: [nobody@fabrikam.example]}
  - {mail: bob@contoso.example, sponsors: [nobody@fabrikam.example], expires: 2026-05-01}
";
    insta::assert_snapshot!(tenant().planned(guests, GROUPS, "2026-05-02"), @r#"
    ~ guest bob@contoso.example                               expired 2026-05-02 00:00 UTC (guests/all.yaml:4)
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=expired"
    ~ guest bob@contoso.example: revoke sessions              expired 2026-05-02 00:00 UTC (guests/all.yaml:4)
    - membership partners / bob@contoso.example               expired 2026-05-02 00:00 UTC (guests/all.yaml:4)

    0 to create, 2 to change, 1 to delete. 0 unchanged, 0 not ours.
    About 3 writes, less than a minute.

    error: guest ada@contoso.example: sponsor `nobody@fabrikam.example` is not in the tenant (guests/all.yaml:3)
    info: guest bob@contoso.example: expired 2026-05-02 00:00 UTC; deleted on 2026-06-01 00:00 UTC (guests/all.yaml:4)
    "#);
}

#[test]
fn memberships_follow_the_file_where_it_speaks_of_them() {
    let guests = "
guests:
  - {mail: bob@contoso.example, groups: [{name: partners, expires: 2026-05-01}, auditors]}
";
    insta::assert_snapshot!(tenant().planned(guests, GROUPS, "2026-05-02"), @"
    - membership partners / bob@contoso.example               expired 2026-05-02 00:00 UTC (guests/all.yaml:3)
    + membership auditors / bob@contoso.example               guests/all.yaml:3

    1 to create, 0 to change, 1 to delete. 1 unchanged, 0 not ours.
    About 2 writes, less than a minute.
    ");
    insta::assert_snapshot!(tenant().planned("guests: [{mail: bob@contoso.example, groups: []}]", GROUPS, "2026-05-02"), @"
    - membership partners / bob@contoso.example               not among the declared groups (guests/all.yaml:1)

    0 to create, 0 to change, 1 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
    insta::assert_snapshot!(tenant().planned("guests: [{mail: bob@contoso.example}]", GROUPS, "2026-05-02"), @"
    Nothing to do. 2 unchanged, 0 not ours.

    info: guest bob@contoso.example: is in group partners, and its entry has no `groups:`: left alone (guests/all.yaml:1)
    ");
}

#[test]
fn consent_reminders_and_blocking() {
    let mut tenant = tenant();
    tenant.users.push(guest("g2", "joan@contoso.example", json!({ "externalUserState": "PendingAcceptance", "onPremisesExtensionAttributes": stamped("") })));
    tenant.users.push(guest("g3", "late@contoso.example", json!({ "externalUserState": "PendingAcceptance", "onPremisesExtensionAttributes": stamped("reminded=2026-02-01T00:00:00Z") })));
    let guests = "
guests:
  - {mail: bob@contoso.example, redeemedSince: 2026-03-01, blocked: true}
  - {mail: joan@contoso.example, invitation: {message: Hello, language: fi-FI}}
  - mail: late@contoso.example
";
    let rules = format!("{GROUPS}lifecycle: {{pending: {{remind: 14d, delete: 60d}}}}\n");
    insta::assert_snapshot!(tenant.planned(guests, &rules, "2026-05-02"), @r#"
    ~ guest bob@contoso.example: revoke sessions              blocked (guests/all.yaml:3)
    ~ guest bob@contoso.example                               blocked (guests/all.yaml:3)
        accountEnabled  true → false
    - guest late@contoso.example                              the invitation was never redeemed (lifecycle.pending.delete)
    ~ guest joan@contoso.example: send the invitation again   invited 2026-01-10, not redeemed (lifecycle.pending.remind)
        stamp  "guestlist owner=sandbox" → "guestlist owner=sandbox reminded=now"
        mail: the invitation is sent to joan@contoso.example once more

    0 to create, 3 to change, 1 to delete. 2 unchanged, 0 not ours.
    About 5 writes, less than a minute.

    warning: guest joan@contoso.example: has no sponsor (guests/all.yaml:4)
    warning: guest late@contoso.example: has no sponsor (guests/all.yaml:5)
    info: guest bob@contoso.example: is in group partners, and its entry has no `groups:`: left alone (guests/all.yaml:3)
    "#);
}

#[test]
fn promise_2_a_role_assignable_group_is_given_only_where_policy_names_it() {
    let mut tenant = tenant();
    tenant.groups[1]["isAssignableToRole"] = json!(true);
    let guests = "guests: [{mail: bob@contoso.example, groups: [auditors, partners]}]";
    insta::assert_snapshot!(tenant.planned(guests, GROUPS, "2026-05-02"), @"
    Nothing can be done: 1 error. 2 unchanged, 0 not ours.

    error: membership auditors / bob@contoso.example: group auditors can hold directory roles, and `requirements.privileged` does not name it (guests/all.yaml:1)
    ");
    let rules = format!("{GROUPS}requirements: {{privileged: [auditors]}}\n");
    insta::assert_snapshot!(tenant.planned(guests, &rules, "2026-05-02"), @"
    + membership auditors / bob@contoso.example               guests/all.yaml:1

    1 to create, 0 to change, 0 to delete. 2 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
}

#[test]
fn a_share_of_the_guests_is_a_limit_from_ten_guests_up() {
    let mut tenant = Tenant::default();
    for n in 0..10 {
        let stamp = json!({ "onPremisesExtensionAttributes": stamped("") });
        tenant.users.push(guest(
            &format!("g{n}"),
            &format!("guest{n}@contoso.example"),
            stamp,
        ));
    }
    let guests: String = (0..7)
        .map(|n| format!("  - mail: guest{n}@contoso.example\n"))
        .collect();
    let plan = tenant.plan(
        &format!("guests:\n{guests}"),
        "limits: {removals: {count: 10, percent: 20}}",
        "2026-05-02",
        &Default::default(),
    );
    let limits: Vec<_> = plan
        .limits
        .iter()
        .map(|limit| {
            (
                limit.rule.as_str(),
                limit.found,
                limit.allowed,
                limit.flag.as_str(),
            )
        })
        .collect();
    assert_eq!(
        limits,
        [("limits.removals.percent", 3, 2, "--allow-removals 3")]
    );
    tenant.users.truncate(9);
    let plan = tenant.plan(
        &format!("guests:\n{guests}"),
        "",
        "2026-05-02",
        &Default::default(),
    );
    assert!(plan.limits.is_empty(), "nine guests: only the count holds");
}

#[test]
fn invitations_above_the_limit_wait_and_refuse_nothing() {
    let guests: String = (0..4)
        .map(|n| format!("  - {{mail: guest{n}@contoso.example, groups: [partners]}}\n"))
        .collect();
    let rules = format!("{GROUPS}limits: {{invitations: {{count: 1}}}}\n");
    let plan = Tenant {
        users: vec![],
        ..tenant()
    }
    .plan(
        &format!("guests:\n{guests}"),
        &rules,
        "2026-05-02",
        &Default::default(),
    );
    let addresses: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.address.to_string())
        .collect();
    assert_eq!(
        addresses,
        [
            "guest guest0@contoso.example",
            "membership partners / guest0@contoso.example"
        ]
    );
    assert_eq!(
        (plan.counts.held_back, plan.is_empty(), plan.is_refused()),
        (6, false, false)
    );
    assert!(plan.findings.iter().any(|finding| {
        finding
            .text
            .contains("3 more invitations are left for the next run")
    }));
}

#[test]
fn only_one_guest_is_planned_where_that_is_asked() {
    let guests =
        "guests: [{mail: ada@contoso.example, groups: [fresh]}, {mail: eve@contoso.example}]";
    let request = guestlist_planner::plan::Request {
        only: Some("ADA@contoso.example".into()),
        ..Default::default()
    };
    let plan = tenant().plan(guests, "groups: [{name: fresh}]", "2026-05-02", &request);
    let addresses: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.address.to_string())
        .collect();
    assert_eq!(
        addresses,
        [
            "group fresh",
            "guest ada@contoso.example",
            "membership fresh / ada@contoso.example"
        ]
    );
}

#[test]
fn a_lookalike_domain_is_another_domain() {
    // The second letter is a Cyrillic o.
    let sources = [
        guestlist_planner::yaml::Source {
            path: "guests/a.yaml".into(),
            text: "guests: [{mail: ada@c\u{43e}ntoso.example}]".into(),
        },
        guestlist_planner::yaml::Source {
            path: "policies/a.yaml".into(),
            text: "requirements: {domains: {allow: [contoso.example]}}".into(),
        },
    ];
    let mistakes =
        guestlist_planner::load::load(&sources, tenant::instant("2026-05-02")).unwrap_err();
    assert_eq!(
        mistakes[0].message,
        "the domain xn--cntoso-wqf.example is not in `requirements.domains.allow`"
    );
}

#[test]
fn what_a_leaving_guest_keeps_is_listed() {
    let mut tenant = tenant();
    tenant.groups.push(json!({ "id": "x", "displayName": "elsewhere", "groupTypes": [], "securityEnabled": true, "members": ["g1"] }));
    let guests = "guests: [{mail: bob@contoso.example, expires: 2026-05-01}]";
    let plan = tenant.planned(guests, GROUPS, "2026-05-02");
    assert!(plan.contains("info: guest bob@contoso.example: stays a member of group elsewhere: not declared, so not taken"), "{plan}");
}

#[test]
fn a_plan_foretells_of_whoever_it_touches() {
    let texts = |guests: &str| {
        let plan = tenant().plan(guests, GROUPS, "2026-05-02", &Request::default());
        let coming = plan.forecast.into_iter();
        coming.map(|it| format!("{} {}", it.at, it.text)).collect()
    };
    let removed: Vec<String> = texts("");
    assert_eq!(
        removed,
        [
            "2026-05-09T00:00:00Z loses what is managed",
            "2026-06-01T00:00:00Z is deleted"
        ]
    );
    let over: Vec<String> = texts("guests: [{mail: bob@contoso.example, expires: 2026-05-01}]");
    assert_eq!(over, ["2026-06-01T00:00:00Z is deleted"]);
}
