//! Dynamic groups, seen through: who comes in and who falls out when a guest changes, or a rule does.

use guestlist_planner::finding::Severity;
use guestlist_planner::plan::Request;
use serde_json::{Value, json};

use crate::tenant::{Tenant, guest, member, stamped};

pub(crate) const NOW: &str = "2026-05-02";

pub(crate) fn dynamic(id: &str, name: &str, rule: &str, members: &[&str]) -> Value {
    json!({ "id": id, "displayName": name, "groupTypes": ["DynamicMembership"], "securityEnabled": true,
        "membershipRule": rule, "membershipRuleProcessingState": "On", "members": members })
}

pub(crate) fn tenant() -> Tenant {
    let ours = |id: &str, mail: &str, department: &str| {
        let more =
            json!({ "onPremisesExtensionAttributes": stamped(""), "department": department });
        guest(id, mail, more)
    };
    Tenant {
        users: vec![
            member("m1", "grace@fabrikam.example"),
            ours("g1", "ada@contoso.example", "Sales"),
            ours("g2", "bob@contoso.example", "Audit"),
            ours("g3", "eve@litware.example", "Audit"),
        ],
        groups: vec![
            dynamic("s", "sales", r#"user.department -eq "Sales""#, &["g1"]),
            dynamic(
                "a",
                "audit",
                r#"user.department -eq "Audit""#,
                &["g2", "g3"],
            ),
            dynamic(
                "p",
                "plans",
                r#"user.department -ne "Sales" -and user.sipProxyAddress -eq "x""#,
                &[],
            ),
        ],
        ..Tenant::default()
    }
}

pub(crate) const THREE: &str = "
guests:
  - {mail: ada@contoso.example}
  - {mail: bob@contoso.example}
  - {mail: eve@litware.example}
";

pub(crate) fn ruled(rule: &str) -> String {
    format!("groups: [{{name: audit, adopt: true, membershipRule: '{rule}'}}]")
}

#[test]
fn a_change_of_a_guest_says_which_dynamic_groups_it_leads_into_and_out_of() {
    let guests = "
guests:
  - {mail: ada@contoso.example, department: Audit}
  - {mail: bob@contoso.example, jobTitle: Auditor}
  - {mail: eve@litware.example}
  - {mail: new@contoso.example, department: Sales}
";
    insta::assert_snapshot!(tenant().planned(guests, "", NOW), @r#"
    + guest new@contoso.example: invite                       guests/all.yaml:6
        department  "Sales"
        mail        "new@contoso.example"
        stamp       "guestlist owner=sandbox"
        mail: Microsoft sends the invitation to new@contoso.example
        comes into dynamic group sales
    ~ guest ada@contoso.example                               guests/all.yaml:3
        department  "Sales" → "Audit"
        comes into dynamic group audit
        falls out of dynamic group sales
        may come into dynamic group plans: user.sipProxyAddress is not known
    ~ guest bob@contoso.example                               guests/all.yaml:4
        jobTitle  nothing → "Auditor"

    1 to create, 2 to change, 0 to delete. 1 unchanged, 0 not ours.
    About 4 writes, less than a minute.

    warning: guest ada@contoso.example: has no sponsor (guests/all.yaml:3)
    warning: guest bob@contoso.example: has no sponsor (guests/all.yaml:4)
    warning: guest eve@litware.example: has no sponsor (guests/all.yaml:5)
    "#);
}

#[test]
fn who_is_dropped_by_an_edit_counts_and_nothing_is_taken_from_the_protected() {
    let guests = THREE.replace(
        "ada@contoso.example",
        "ada@contoso.example, department: Audit",
    );
    let policies = "limits: {removals: {count: 0}}";
    let plan = tenant().plan(&guests, policies, NOW, &Request::default());
    assert_eq!(plan.limits[0].found, 1);
    let policies = "scope: {protected: [ada@contoso.example]}";
    insta::assert_snapshot!(tenant().planned(&guests, policies, NOW), @"
    Nothing can be done: 1 error. 2 unchanged, 0 not ours.

    error: guest ada@contoso.example: would fall out of dynamic group sales, and is protected (scope.protected): nothing is taken (guests/all.yaml:3)
    warning: guest ada@contoso.example: has no sponsor (guests/all.yaml:3)
    warning: guest bob@contoso.example: has no sponsor (guests/all.yaml:4)
    warning: guest eve@litware.example: has no sponsor (guests/all.yaml:5)
    ");
}

#[test]
fn a_rule_is_changed_once_it_is_seen_whom_it_takes_in_and_drops() {
    let rule = ruled(r#"user.userType -eq "Guest" -and user.mail -endsWith "@contoso.example""#);
    insta::assert_snapshot!(tenant().planned(THREE, &rule, NOW), @r#"
    ~ group audit                                             policies/all.yaml:1
        membershipRule  "user.department -eq "Audit"" → "user.userType -eq "Guest" -and user.mail -endsWith "@contoso.example""
        falls out: eve@litware.example
        comes in: ada@contoso.example

    0 to create, 1 to change, 0 to delete. 3 unchanged, 0 not ours.
    About 1 write, less than a minute.

    warning: guest ada@contoso.example: has no sponsor (guests/all.yaml:3)
    warning: guest bob@contoso.example: has no sponsor (guests/all.yaml:4)
    warning: guest eve@litware.example: has no sponsor (guests/all.yaml:5)
    "#);
    let policies = format!("{rule}\nlimits: {{removals: {{count: 0}}}}");
    let plan = tenant().plan(THREE, &policies, NOW, &Request::default());
    assert_eq!(plan.limits[0].found, 1);
    let request = Request {
        no_removals: true,
        ..Request::default()
    };
    assert!(tenant().plan(THREE, &rule, NOW, &request).steps.is_empty());
}

#[test]
fn a_rule_that_means_the_same_or_is_nobodys_business_is_left_alone() {
    let same = ruled(r#"(user.department  EQ "Audit")"#);
    insta::assert_snapshot!(tenant().planned(THREE, &same, NOW), @"
    Nothing to do. 4 unchanged, 0 not ours.

    warning: guest ada@contoso.example: has no sponsor (guests/all.yaml:3)
    warning: guest bob@contoso.example: has no sponsor (guests/all.yaml:4)
    warning: guest eve@litware.example: has no sponsor (guests/all.yaml:5)
    ");
    let not_adopted = "groups: [{name: audit, membershipRule: user.mail -ne null}]";
    insta::assert_snapshot!(tenant().planned(THREE, not_adopted, NOW), @"
    Nothing to do. 3 unchanged, 0 not ours.

    warning: guest ada@contoso.example: has no sponsor (guests/all.yaml:3)
    warning: guest bob@contoso.example: has no sponsor (guests/all.yaml:4)
    warning: guest eve@litware.example: has no sponsor (guests/all.yaml:5)
    info: group audit: exists already and was not made by us: it is used for memberships and otherwise left alone (policies/all.yaml:1)
      hint: write `adopt: true` to manage it
    ");
}

#[test]
fn a_rule_that_drops_people_or_cannot_be_told_is_an_error() {
    let refused = |tenant: &Tenant, rule: &str| {
        let plan = tenant.plan(THREE, &ruled(rule), NOW, &Request::default());
        assert!(plan.steps.is_empty(), "{rule}");
        let errors = plan
            .findings
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error);
        errors
            .map(|finding| finding.text)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let mut with_grace = tenant();
    with_grace.groups[1]["members"] = json!(["g2", "g3", "m1"]);
    insta::assert_snapshot!(refused(&with_grace, r#"user.userType -eq "Guest""#), @"
    its new membershipRule drops people who are no guests: grace@fabrikam.example
    ");
    insta::assert_snapshot!(refused(&tenant(), r#"user.memberOf -any (group.objectId -in ["x"])"#), @"
    whom its new membershipRule takes in cannot be told of ada@contoso.example, bob@contoso.example, eve@litware.example: user.memberOf is not known
    ");
    let mut gone = tenant();
    gone.groups[1]["members"] = json!(["g2", "d1"]);
    insta::assert_snapshot!(refused(&gone, "user.mail -ne null"), @"
    whom its new membershipRule drops cannot be told: d1 could not be read
    ");
    let mut powerful = tenant();
    powerful.roles = vec![("g3", "User Administrator")];
    let only_contoso = "user.mail -endsWith \"@contoso.example\"";
    insta::assert_snapshot!(refused(&powerful, only_contoso), @"
    its new membershipRule drops guests from whom nothing is taken: eve@litware.example
    ");
    // Who stays may be anybody.
    let plan = with_grace.plan(
        THREE,
        &ruled("user.mail -ne null"),
        NOW,
        &Request::default(),
    );
    assert_eq!(plan.steps.len(), 1, "{:?}", plan.findings);
}

#[test]
fn a_rule_of_the_tenant_that_is_not_understood_is_said_once() {
    let mut tenant = tenant();
    tenant.groups[0]["membershipRule"] = json!("user.ofTheFuture -eq \"x\"");
    insta::assert_snapshot!(tenant.planned(THREE, "", NOW), @"
    Nothing to do. 3 unchanged, 0 not ours.

    warning: guest ada@contoso.example: has no sponsor (guests/all.yaml:3)
    warning: guest bob@contoso.example: has no sponsor (guests/all.yaml:4)
    warning: guest eve@litware.example: has no sponsor (guests/all.yaml:5)
    info: group sales: its membershipRule is not understood: who comes in cannot be told
    ");
    tenant.groups[0]["membershipRuleProcessingState"] = json!("Paused");
    let plan = tenant.plan(THREE, "", NOW, &Request::default());
    assert!(
        plan.findings
            .iter()
            .all(|finding| finding.code != "rule-unread")
    );
}

#[test]
fn whoever_falls_out_is_among_those_who_lose_access() {
    let rule = ruled(r#"user.userType -eq "Guest" -and user.mail -endsWith "@contoso.example""#);
    let plan = tenant().plan(THREE, &rule, NOW, &Request::default());
    let page = guestlist_planner::render::markdown::plan(&plan, false);
    let page: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with(['*', '-', '#']))
        .collect();
    insta::assert_snapshot!(page.join("\n"), @"
    ### Guest access of Fabrikam
    **1 loses access, 0 come in, 0 change.**
    #### Loses access (1)
    - **`eve@litware.example`** falls out of dynamic group `audit` — `policies/all.yaml:1`
    #### Groups (1)
    - `group audit` changes `membershipRule`; falls out: `eve@litware.example`; comes in: `ada@contoso.example` — `policies/all.yaml:1`
    #### Warnings (3)
    - `guest ada@contoso.example` has no sponsor — `guests/all.yaml:3`
    - `guest bob@contoso.example` has no sponsor — `guests/all.yaml:4`
    - `guest eve@litware.example` has no sponsor — `guests/all.yaml:5`
    ");
    let page = guestlist_planner::render::html::plan(&plan);
    let removals = page
        .split("<section")
        .find(|part| part.contains("id=\"removals\""));
    assert!(
        removals
            .unwrap()
            .contains("- falls out of dynamic group audit"),
        "{page}"
    );
}

pub(crate) fn errors(tenant: &Tenant, guests: &str, policies: &str) -> Vec<String> {
    let plan = tenant.plan(guests, policies, NOW, &Request::default());
    let all = plan.findings.into_iter();
    let errors = all.filter(|finding| finding.severity == Severity::Error);
    errors
        .map(|finding| format!("{}: {}", finding.about.unwrap(), finding.text))
        .collect()
}

#[test]
fn what_may_drop_the_protected_is_not_done_either() {
    let mut tenant = tenant();
    tenant.groups.push(dynamic(
        "x",
        "either",
        "user.department -eq \"Sales\" -or user.sipProxyAddress -eq \"x\"",
        &["g1"],
    ));
    let guests = THREE.replace(
        "ada@contoso.example",
        "ada@contoso.example, department: Other",
    );
    let policies = "scope: {protected: [ada@contoso.example]}";
    insta::assert_snapshot!(errors(&tenant, &guests, policies).join("\n"), @"
    guest ada@contoso.example: would fall out of dynamic groups either, sales, and is protected (scope.protected): nothing is taken
    ");
}

#[test]
fn a_guest_and_a_rule_that_change_together_are_seen_together() {
    let guests = THREE.replace(
        "bob@contoso.example",
        "bob@contoso.example, department: Sales",
    );
    let rule = ruled(r#"user.department -eq "Sales" -and user.mail -startsWith "bob""#);
    let plan = tenant().plan(&guests, &rule, NOW, &Request::default());
    let group = plan
        .steps
        .iter()
        .find(|step| step.address.key == "audit")
        .unwrap();
    assert_eq!(group.loses, ["eve@litware.example"]);
}

#[test]
fn another_address_can_lead_into_a_group_and_out_of_another() {
    let mut tenant = tenant();
    tenant.groups = vec![
        dynamic(
            "o",
            "other",
            "user.proxyAddresses -any (_ -startsWith \"smtp:a\")",
            &[],
        ),
        dynamic("c", "contoso", "user.mail -startsWith \"ada@\"", &["g1"]),
        dynamic("n", "new", "user.mail -startsWith \"a.lovelace@\"", &[]),
    ];
    let guests = "guests: [{mail: a.lovelace@contoso.example, formerly: ada@contoso.example}]";
    let plan = tenant.plan(guests, "", NOW, &Request::default());
    let notes: Vec<_> = plan.steps.iter().flat_map(|step| &step.notes).collect();
    assert!(
        notes
            .iter()
            .any(|note| *note == "comes into dynamic group new"),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|note| *note == "falls out of dynamic group contoso"),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|note| note.ends_with("dynamic group other: user.proxyAddresses is not known")),
        "{notes:?}"
    );
}

#[test]
fn promise_2_a_guest_is_judged_by_the_old_rule_too_while_a_rule_changes() {
    // Nothing says whether the new rule is written, nor when it is followed.
    let moved = "
guests:
  - {mail: ada@contoso.example}
  - {mail: bob@contoso.example, department: Ledger}
  - {mail: eve@litware.example}
";
    let policies = format!(
        "{}\nscope: {{protected: [bob@contoso.example]}}",
        ruled(r#"user.department -eq "Ledger""#)
    );
    let plan = tenant().plan(moved, &policies, NOW, &Request::default());
    let blocked = plan.findings.iter().any(|it| {
        it.severity == Severity::Error && it.text.contains("would fall out of dynamic groups audit")
    });
    assert!(blocked, "{:#?}", plan.findings);
    assert!(
        !plan
            .steps
            .iter()
            .any(|step| step.change.object().guest().is_some())
    );
}

#[test]
fn who_approved_a_change_did_not_approve_other_groups_by_it() {
    let moved = "
guests:
  - {mail: ada@contoso.example, department: Ledger}
  - {mail: bob@contoso.example}
  - {mail: eve@litware.example}
";
    let approved = tenant().plan(moved, "", NOW, &Request::default()).steps;
    let mut later = tenant();
    later.groups.push(dynamic(
        "l",
        "ledger",
        r#"user.department -eq "Ledger""#,
        &[],
    ));
    let request = Request {
        approved: Some(approved.clone()),
        ..Request::default()
    };
    let plan = later.plan(moved, "", NOW, &request);
    assert!(plan.steps.is_empty(), "{:?}", plan.steps);
    assert!(plan.findings.iter().any(|it| it.code == "left-out"));
    assert_eq!(tenant().plan(moved, "", NOW, &request).steps, approved);
}

/// Returns what is noted on the steps about a guest's access, and what is found, besides sponsors.
pub(crate) fn said(tenant: &Tenant, guests: &str, policies: &str) -> String {
    let plan = tenant.plan(guests, policies, NOW, &Request::default());
    let steps = plan.steps.iter();
    let notes = steps.flat_map(|step| {
        step.notes
            .iter()
            .map(|it| format!("{}: {it}", step.address))
    });
    let findings = plan
        .findings
        .iter()
        .filter(|it| it.text != "has no sponsor");
    let findings = findings.map(|it| {
        let about = it.about.as_ref().map(ToString::to_string);
        format!(
            "{:?}: {}: {}",
            it.severity,
            about.unwrap_or_default(),
            it.text
        )
    });
    notes.chain(findings).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_membership_leads_into_groups_that_ask_for_it() {
    let mut tenant = tenant();
    tenant.groups.push(json!({ "id": "e", "displayName": "partners", "groupTypes": [], "securityEnabled": true, "members": ["g3"] }));
    let asks = |id: &str, rule: &str| dynamic(id, id, rule, &[]);
    tenant.groups.extend([
        asks("one", r#"user.memberOf -any (group.objectId -in ["E"])"#),
        asks(
            "two",
            r#"user.memberOf -any (group.objectId -in ["e", "f"])"#,
        ),
        asks(
            "other",
            r#"user.memberOf -any (group.objectId -in ["f"]) -and user.department -eq "Nothing""#,
        ),
        asks(
            "plan",
            r#"user.assignedPlans -any (assignedPlan.service -eq "SCO")"#,
        ),
    ]);
    let guests = THREE.replace(
        "ada@contoso.example",
        "ada@contoso.example, groups: [partners]",
    );
    let policies = "groups: [{name: partners, guests: exact}]";
    insta::assert_snapshot!(said(&tenant, &guests, policies), @"
    membership partners / ada@contoso.example: comes into dynamic group one
    membership partners / ada@contoso.example: may come into dynamic group two: user.memberOf is not known
    Info: group partners: exists already and was not made by us: it is used for memberships and otherwise left alone
    Info: guest eve@litware.example: is in group partners, and its entry has no `groups:`: left alone
    ");
}

#[test]
fn a_rule_that_is_paused_promises_nothing() {
    let mut tenant = tenant();
    tenant.groups[1]["membershipRuleProcessingState"] = json!("Paused");
    let guests = THREE.replace(
        "ada@contoso.example",
        "ada@contoso.example, department: Ledger",
    );
    let policies = ruled(r#"user.department -in ["Audit", "Ledger"]"#);
    insta::assert_snapshot!(said(&tenant, &guests, &policies), @"
    guest ada@contoso.example: falls out of dynamic group sales
    guest ada@contoso.example: may come into dynamic group plans: user.sipProxyAddress is not known
    group audit: comes in: ada@contoso.example
    group audit: people who are no guests may come in, too
    group audit: its processing is paused: this happens once somebody lets it go on
    ");
}

#[test]
fn promise_2_neither_order_of_a_guest_and_a_rule_drops_the_protected() {
    // With the new rule first, bob falls out until the guest is changed.
    let guests = THREE.replace(
        "bob@contoso.example",
        "bob@contoso.example, department: Ledger",
    );
    let policies = format!(
        "{}\nscope: {{protected: [bob@contoso.example]}}",
        ruled(r#"user.department -eq "Ledger" -or user.mail -startsWith "eve""#)
    );
    insta::assert_snapshot!(errors(&tenant(), &guests, &policies).join("\n"), @"
    guest bob@contoso.example: would fall out of dynamic groups audit, plans, and is protected (scope.protected): nothing is taken
    group audit: its new membershipRule drops guests from whom nothing is taken: bob@contoso.example
    ");
}

#[test]
fn what_is_not_documented_drops_nobody_from_whom_nothing_is_taken() {
    let mut with_grace = tenant();
    with_grace.groups[1]["members"] = json!(["g2", "g3", "m1"]);
    let rule = ruled(r#"user.department -ne "Sales""#);
    insta::assert_snapshot!(errors(&with_grace, THREE, &rule).join("\n"), @"
    group audit: whom its new membershipRule takes in cannot be told of grace@fabrikam.example: user.department is not known
    ");
}

#[test]
fn who_changes_with_a_new_group_is_told_as_they_will_be() {
    let guests = THREE.replace(
        "bob@contoso.example",
        "bob@contoso.example, department: Ledger",
    );
    let policies = r#"groups: [{name: ledger, membershipRule: 'user.department -eq "Ledger"'}]"#;
    insta::assert_snapshot!(said(&tenant(), &guests, policies), @"
    group ledger: comes in: bob@contoso.example
    group ledger: people who are no guests may come in, too
    guest bob@contoso.example: comes into dynamic group ledger
    guest bob@contoso.example: falls out of dynamic group audit
    guest bob@contoso.example: may come into or fall out of dynamic group plans: user.sipProxyAddress is not known
    ");
}
