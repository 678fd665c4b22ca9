//! Conditional access policies and named locations: what a plan makes of what files say, what it leaves
//! alone, and what it refuses.

use guestlist_planner::kinds::tenant_policy::Section;
use guestlist_planner::kinds::{Change, Object};
use guestlist_planner::limits::Hand;
use guestlist_planner::plan::Request;
use guestlist_planner::render::text;
use serde_json::{Value, json};

use crate::tenant::{Tenant, guest, member, stamped};

const NOW: &str = "2026-05-02";

/// A policy as Graph returns it: whatever is not said is null or empty.
fn policy(state: &str, more: Value) -> Value {
    let mut policy = json!({
        "id": "p1", "displayName": "Guests: MFA", "state": state, "description": null, "templateId": null,
        "createdDateTime": "2026-01-01T08:00:00Z", "modifiedDateTime": null,
        "conditions": {
            "clientAppTypes": ["all"], "platforms": null, "locations": null, "signInRiskLevels": [],
            "users": {
                "includeUsers": [], "excludeUsers": [], "includeGroups": [], "excludeGroups": ["eeeeeeee-0000-4000-8000-000000000001"],
                "includeRoles": [], "excludeRoles": [], "excludeGuestsOrExternalUsers": null,
                "includeGuestsOrExternalUsers": {
                    "guestOrExternalUserTypes": "internalGuest,b2bCollaborationGuest",
                    "externalTenants": { "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants", "membershipKind": "all" },
                },
            },
            "applications": { "includeApplications": ["All"], "excludeApplications": [], "includeUserActions": [], "applicationFilter": null },
        },
        "grantControls": {
            "operator": "OR", "builtInControls": ["mfa"], "customAuthenticationFactors": [], "termsOfUse": [],
            "authenticationStrength@odata.context": "x", "authenticationStrength": null,
        },
        "sessionControls": null,
    });
    merge(&mut policy, more);
    policy
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn tenant(policies: Vec<Value>) -> Tenant {
    Tenant {
        policies,
        users: vec![member("9", "breakglass@fabrikam.example")],
        groups: vec![
            json!({ "id": "eeeeeeee-0000-4000-8000-000000000001", "displayName": "excluded people", "groups": [], "members": [] }),
        ],
        ..Tenant::default()
    }
}

fn planned(tenant: &Tenant, policies: &str) -> String {
    tenant.planned("", policies, NOW)
}

const SAME: &str = "
conditionalAccess:
  - name: 'Guests: MFA'
    state: enabled
    include: {guests: [b2bCollaborationGuest, internalGuest]}
    exclude: {groups: [excluded people]}
    applications: {include: [All]}
    grant: {controls: [mfa]}
";

#[test]
fn a_policy_is_managed_by_its_name_and_what_files_do_not_say_stays() {
    let seen = tenant(vec![policy("enabled", json!({}))]);
    insta::assert_snapshot!(planned(&seen, SAME), @"Nothing to do. 1 unchanged, 0 not ours.");
    // Of the future, or of no key here: it stays, and nothing is planned.
    let more = json!({ "conditions": { "devices": { "deviceFilter": { "mode": "include", "rule": "r" } } }, "sessionControls": { "ofTheFuture": { "isEnabled": true } } });
    insta::assert_snapshot!(planned(&tenant(vec![policy("enabled", more)]), SAME), @"Nothing to do. 1 unchanged, 0 not ours.");
}

#[test]
fn a_policy_is_made() {
    let files = "
groups: [{name: Contoso}]
namedLocations:
  - {name: Offices, ipRanges: [203.0.113.0/24], isTrusted: true}
conditionalAccess:
  - name: 'Contoso: strong'
    state: enabled
    include: {guests: [b2bCollaborationGuest], tenants: [22222222-2222-2222-2222-222222222222], groups: [Contoso]}
    exclude: {users: [BreakGlass@fabrikam.example], roles: [Guest Inviter]}
    applications: {include: [Salesforce, Office365]}
    locations: {include: [All], exclude: [Offices, AllTrusted]}
    grant: {operator: AND, controls: [compliantDevice], authenticationStrength: Phishing-resistant MFA, termsOfUse: {Terms: AAAAAAAA-0000-4000-8000-00000000000A}}
    session: {signInFrequency: 12h}
";
    insta::assert_snapshot!(planned(&tenant(Vec::new()), files), @r#"
    + named location Offices                                  policies/all.yaml:4
        ipRanges   ["203.0.113.0/24"]
        isTrusted  true
    + group Contoso                                           policies/all.yaml:2
        displayName  "Contoso"
        type         "security"
    + conditional access Contoso: strong                      policies/all.yaml:6
        conditions.applications.includeApplications                                   ["Office365", "Salesforce"]
        conditions.locations.excludeLocations                                         ["AllTrusted", "Offices"]
        conditions.locations.includeLocations                                         ["All"]
        conditions.users.excludeRoles                                                 ["Guest Inviter"]
        conditions.users.excludeUsers                                                 ["breakglass@fabrikam.example"]
        conditions.users.includeGroups                                                ["Contoso"]
        conditions.users.includeGuestsOrExternalUsers.externalTenants.members         ["22222222-2222-2222-2222-222222222222"]
        conditions.users.includeGuestsOrExternalUsers.externalTenants.membershipKind  "enumerated"
        conditions.users.includeGuestsOrExternalUsers.guestOrExternalUserTypes        "b2bCollaborationGuest"
        description                                                                   "Managed by guestlist, owner=sandbox"
        grantControls.authenticationStrength                                          "Phishing-resistant MFA"
        grantControls.builtInControls                                                 ["compliantDevice"]
        grantControls.operator                                                        "AND"
        grantControls.termsOfUse                                                      ["Terms"]
        sessionControls.signInFrequency.authenticationType                            "primaryAndSecondaryAuthentication"
        sessionControls.signInFrequency.frequencyInterval                             "timeBased"
        sessionControls.signInFrequency.isEnabled                                     true
        sessionControls.signInFrequency.type                                          "hours"
        sessionControls.signInFrequency.value                                         12
        state                                                                         "enabled"
        is in force at once: nobody saw in report-only whom it would stop

    3 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 3 writes, less than a minute.
    "#);
}

#[test]
fn what_a_name_means_must_be_known() {
    let files = SAME
        .replace("[All]", "[Twin, Nowhere]")
        .replace("exclude:", "locations: {include: [Moon]}\n    exclude:")
        .replace(
            "groups: [excluded people]",
            "groups: [nobody], users: [nobody@fabrikam.example]",
        );
    let mut tenant = tenant(Vec::new());
    tenant
        .users
        .push(guest("1", "ada@contoso.example", stamped("")));
    let guests =
        "guests: [{mail: new@contoso.example}, {mail: ada@contoso.example, expires: 2026-05-01}]";
    insta::assert_snapshot!(tenant.planned(guests, &files, NOW), @"
    Nothing can be done: 3 errors. 0 unchanged, 0 not ours.

    error: guest ada@contoso.example: exists already and its declared time ended 2026-05-02 00:00 UTC: a typo must not cost an account (guests/all.yaml:1)
    error: conditional access Guests: MFA: user `nobody@fabrikam.example` is not in the tenant, group `nobody` is not in the tenant, application `Nowhere` is not in the tenant, application `Twin` has several namesakes in the tenant, named location `Moon` is not in the tenant (policies/all.yaml:3)
    error: 1 step waits: nobody is given anything before conditional access Guests: MFA is in force
      hint: an error on it keeps it away, or `--only`, `--no-removals`, or an approved plan that lacks it
    warning: it could not be read which guests entitlement management governs: it may delete one that is taken on
      hint: grant EntitlementManagement.Read.All, or write `adopt: true` on the guests
    ");
}

fn weaker(change: Value, files: &str) -> String {
    planned(&tenant(vec![policy("enabled", change)]), files)
}

#[test]
fn asking_less_needs_a_flag_and_asking_more_does_not() {
    insta::assert_snapshot!(weaker(json!({}), &SAME.replace("enabled", "reportOnly")), @r#"
    ~ conditional access Guests: MFA                          policies/all.yaml:3
        state  "enabled" → "enabledForReportingButNotEnforced"
        is not in force any more
        protects less than now

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    refused: 1 policy that would protect less, limits.weakened.count allows 0
      hint: if that is meant, run with --allow-weakened 1
    "#);
    let less = json!({ "grantControls": { "operator": "AND", "builtInControls": ["mfa", "compliantDevice"] } });
    insta::assert_snapshot!(weaker(less, SAME), @r#"
    ~ conditional access Guests: MFA                          policies/all.yaml:3
        grantControls.builtInControls  ["compliantDevice", "mfa"] → ["mfa"]
        grantControls.operator         "AND" → "OR"
        protects less than now

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    refused: 1 policy that would protect less, limits.weakened.count allows 0
      hint: if that is meant, run with --allow-weakened 1
    "#);
    let more = json!({ "conditions": { "users": { "excludeUsers": ["99999999-0000-4000-8000-000000000009"] } } });
    insta::assert_snapshot!(weaker(more, SAME), @r#"
    ~ conditional access Guests: MFA                          policies/all.yaml:3
        conditions.users.excludeUsers  ["99999999-0000-4000-8000-000000000009"] → nothing

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    "#);
    let request = Request {
        hand: Hand {
            weakened: Some(1),
            ..Hand::default()
        },
        ..Request::default()
    };
    let tenant = tenant(vec![policy("enabled", json!({}))]);
    let plan = tenant.plan("", &SAME.replace("enabled", "disabled"), NOW, &request);
    assert!(plan.limits.is_empty());
    // Whoever wants nothing to be taken does not lower guards either.
    let request = Request {
        no_removals: true,
        ..Request::default()
    };
    let plan = tenant.plan("", &SAME.replace("enabled", "disabled"), NOW, &request);
    assert!(plan.steps.is_empty());
}

#[test]
fn only_what_is_ours_is_deleted() {
    let ours = policy(
        "enabled",
        json!({ "id": "p2", "displayName": "Old", "description": "Managed by guestlist, owner=sandbox" }),
    );
    let theirs = policy(
        "enabled",
        json!({ "id": "p3", "displayName": "Theirs", "description": "Managed by guestlist, owner=other" }),
    );
    let seen = tenant(vec![policy("enabled", json!({})), ours, theirs]);
    insta::assert_snapshot!(planned(&seen, SAME), @"
    - conditional access Old                                  no file declares it any more
        protects less than now

    0 to create, 0 to change, 1 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.

    info: conditional access policies about guests that no file declares: `Theirs`

    refused: 1 policy that would protect less, limits.weakened.count allows 0
      hint: if that is meant, run with --allow-weakened 1
    ");
}

#[test]
fn nobody_gets_anything_while_a_guard_is_missing() {
    let guests = "guests: [{mail: new@contoso.example, groups: [Contoso]}]";
    let files = format!("{SAME}groups: [{{name: Contoso}}]");
    let unlicensed = Tenant {
        is_free: true,
        ..tenant(Vec::new())
    };
    insta::assert_snapshot!(unlicensed.planned(guests, &files, NOW), @r#"
    + group Contoso                                           policies/all.yaml:9
        displayName  "Contoso"
        type         "security"

    1 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    error: 2 steps wait: nobody is given anything before conditional access Guests: MFA is in force
      hint: an error on it keeps it away, or `--only`, `--no-removals`, or an approved plan that lacks it
    error: conditional access Guests: MFA: needs Microsoft Entra ID P1, which the tenant does not have (policies/all.yaml:3)
    "#);
    let only = Request {
        only: Some("new@contoso.example".into()),
        ..Request::default()
    };
    let plan = tenant(Vec::new()).plan(guests, &files, NOW, &only);
    insta::assert_snapshot!(text::plan(&plan, false), @r#"
    Plan for Fabrikam (11111111-1111-1111-1111-111111111111) as of 2026-05-02 00:00 UTC

    + group Contoso                                           policies/all.yaml:9
        displayName  "Contoso"
        type         "security"

    1 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    error: 2 steps wait: nobody is given anything before conditional access Guests: MFA is in force
      hint: an error on it keeps it away, or `--only`, `--no-removals`, or an approved plan that lacks it
    "#);
}

const WIDE: &str = "
conditionalAccess:
  - name: Everybody
    state: enabled
    include: {users: [All]}
    exclude: {groups: [excluded people]}
    applications: {include: [All]}
    grant: {controls: [mfa]}
";

#[test]
fn no_policy_locks_out_who_is_for_emergencies() {
    let named = "tenant: {id: sandbox, emergencyAccess: [BreakGlass@fabrikam.example]}";
    // Nobody is named.
    insta::assert_snapshot!(planned(&tenant(Vec::new()), WIDE), @r#"
    + conditional access Everybody                            policies/all.yaml:3
        conditions.applications.includeApplications  ["All"]
        conditions.users.excludeGroups               ["excluded people"]
        conditions.users.includeUsers                ["All"]
        description                                  "Managed by guestlist, owner=sandbox"
        grantControls.builtInControls                ["mfa"]
        grantControls.operator                       "OR"
        state                                        "enabled"
        is in force at once: nobody saw in report-only whom it would stop

    1 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    warning: conditional access Everybody: is not for guests only, and `tenant.emergencyAccess` names nobody whom it must leave out (policies/all.yaml:3)
    "#);
    // Somebody is, and not left out.
    insta::assert_snapshot!(planned(&tenant(Vec::new()), &format!("{named}{WIDE}")), @"
    Nothing can be done: 1 error. 0 unchanged, 0 not ours.

    error: conditional access Everybody: locks out BreakGlass@fabrikam.example, which is for emergencies (policies/all.yaml:3)
    ");
    let report = WIDE.replace("enabled", "reportOnly");
    insta::assert_snapshot!(planned(&tenant(Vec::new()), &format!("{named}{report}")), @r#"
    + conditional access Everybody                            policies/all.yaml:3
        conditions.applications.includeApplications  ["All"]
        conditions.users.excludeGroups               ["excluded people"]
        conditions.users.includeUsers                ["All"]
        description                                  "Managed by guestlist, owner=sandbox"
        grantControls.builtInControls                ["mfa"]
        grantControls.operator                       "OR"
        state                                        "enabledForReportingButNotEnforced"

    1 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    warning: conditional access Everybody: locks out BreakGlass@fabrikam.example, which is for emergencies, once it is in force (policies/all.yaml:3)
    "#);
    // By way of a group.
    let mut left_out = tenant(Vec::new());
    left_out.groups[0]["members"] = json!(["9"]);
    insta::assert_snapshot!(planned(&left_out, &format!("{named}{WIDE}")), @r#"
    + conditional access Everybody                            policies/all.yaml:3
        conditions.applications.includeApplications  ["All"]
        conditions.users.excludeGroups               ["excluded people"]
        conditions.users.includeUsers                ["All"]
        description                                  "Managed by guestlist, owner=sandbox"
        grantControls.builtInControls                ["mfa"]
        grantControls.operator                       "OR"
        state                                        "enabled"
        is in force at once: nobody saw in report-only whom it would stop

    1 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    "#);
    // Nobody knows who is meant.
    let typo = named.replace("BreakGlass", "BreakGlas");
    insta::assert_snapshot!(planned(&left_out, &format!("{typo}{WIDE}")), @"
    Nothing can be done: 1 error. 0 unchanged, 0 not ours.

    error: `tenant.emergencyAccess` names BreakGlas@fabrikam.example, and nobody in the tenant answers to that
      hint: no policy of the files is put in force before that is known
    ");
}

#[test]
fn a_group_that_the_files_exclude_takes_no_guests_without_a_line() {
    let guests = "guests: [{mail: new@contoso.example, groups: [excluded people]}]";
    let files = format!("{SAME}groups: [{{name: excluded people}}]");
    insta::assert_snapshot!(tenant(Vec::new()).planned(guests, &files, NOW), @r#"
    + conditional access Guests: MFA                          policies/all.yaml:3
        conditions.applications.includeApplications                                   ["All"]
        conditions.users.excludeGroups                                                ["excluded people"]
        conditions.users.includeGuestsOrExternalUsers.externalTenants.membershipKind  "all"
        conditions.users.includeGuestsOrExternalUsers.guestOrExternalUserTypes        "b2bCollaborationGuest,internalGuest"
        description                                                                   "Managed by guestlist, owner=sandbox"
        grantControls.builtInControls                                                 ["mfa"]
        grantControls.operator                                                        "OR"
        state                                                                         "enabled"
        is in force at once: nobody saw in report-only whom it would stop
    + guest new@contoso.example: invite                       guests/all.yaml:1
        mail   "new@contoso.example"
        stamp  "guestlist owner=sandbox"
        mail: Microsoft sends the invitation to new@contoso.example

    2 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 3 writes, less than a minute.

    error: membership excluded people / new@contoso.example: group excluded people, which conditional access excludes (Guests: MFA), and `requirements.excluded` does not name it (guests/all.yaml:1)
    "#);
    let allowed = format!("{files}\nrequirements: {{excluded: [excluded people]}}");
    let plan = tenant(Vec::new()).plan(guests, &allowed, NOW, &Request::default());
    assert!(!plan.has_errors());
}

#[test]
fn whom_a_planned_policy_covers_is_covered() {
    let off = policy(
        "enabled",
        json!({ "displayName": "Members", "conditions": { "users": {
        "includeUsers": ["99999999-0000-4000-8000-000000000009"], "includeGuestsOrExternalUsers": null } } }),
    );
    let mut tenant = tenant(vec![off]);
    tenant
        .users
        .push(guest("1", "ada@contoso.example", stamped("")));
    let guests = "guests: [{mail: ada@contoso.example}]";
    let groups = "groups: [{name: partners}]";
    let plan = |files: &str| tenant.plan(guests, files, NOW, &Request::default());
    let is_said = |plan: &guestlist_planner::plan::Plan| {
        plan.findings.iter().any(|it| it.code == "uncovered")
    };
    assert!(is_said(&plan(groups)));
    assert!(!is_said(&plan(&format!("{groups}{SAME}"))));
}

#[test]
fn a_name_that_means_something_by_itself_is_not_taken_for_a_name() {
    // Somebody called a place `All`, and a group as an id is written.
    let place = json!({ "id": "10000000-0000-4000-8000-000000000001", "displayName": "All", "@odata.type": "#microsoft.graph.countryNamedLocation", "countriesAndRegions": ["FI"] });
    let more = json!({ "conditions": {
        "locations": { "includeLocations": ["All"], "excludeLocations": ["10000000-0000-4000-8000-000000000001"] },
        "users": { "excludeGroups": ["eeeeeeee-0000-4000-8000-000000000001"] } } });
    let mut seen = tenant(vec![policy("enabled", more)]);
    seen.groups[0]["displayName"] = json!("99999999-0000-4000-8000-000000000009");
    seen.tenant_policies = [(Section::NamedLocations, vec![place])].into();
    let files = SAME
        .replace("    exclude: {groups: [excluded people]}\n", "")
        .replace("[mfa]", "[block]");
    let plan = seen.plan("", &files, NOW, &Request::default());
    let Change::Update {
        after: Object::TenantPolicy(after),
        ..
    } = &plan.steps[0].change
    else {
        panic!("{:?}", plan.steps);
    };
    let says = |path: &str| after.properties[path].to_string();
    assert_eq!(
        says("conditions.locations.excludeLocations"),
        r#"["10000000-0000-4000-8000-000000000001"]"#
    );
    assert_eq!(
        says("conditions.users.excludeGroups"),
        r#"["eeeeeeee-0000-4000-8000-000000000001"]"#
    );
}

#[test]
fn terms_of_use_have_one_id_by_a_name() {
    let one = |name: &str, id: &str| {
        let policy = SAME
            .replace("Guests: MFA", name)
            .replace("conditionalAccess:\n", "");
        policy.replace(
            "{controls: [mfa]}",
            &format!("{{termsOfUse: {{Partners: {id}}}}}"),
        )
    };
    let files = format!(
        "conditionalAccess:{}{}",
        one("One", "aaaaaaaa-0000-4000-8000-00000000000a"),
        one("Two", "bbbbbbbb-0000-4000-8000-00000000000b")
    );
    let plan = tenant(Vec::new()).plan("", &files, NOW, &Request::default());
    let said: Vec<_> = plan
        .findings
        .iter()
        .map(|finding| finding.text.as_str())
        .collect();
    assert_eq!(said, ["terms of use `Partners` has two ids in the files"]);
}

#[test]
fn whoever_is_not_there_to_be_left_out_keeps_nobody_out() {
    let guests = "guests: [{mail: new@contoso.example}]";
    let gone = SAME.replace(
        "groups: [excluded people]",
        "groups: [excluded people], users: [alan@fabrikam.example]",
    );
    let codes = |tenant: &Tenant, files: &str| {
        let plan = tenant.plan(guests, files, NOW, &Request::default());
        let codes = plan.findings.iter().map(|it| it.code.clone());
        (codes.collect::<Vec<_>>(), plan.steps.len())
    };
    let there = tenant(vec![policy("enabled", json!({}))]);
    assert_eq!(codes(&there, &gone), (vec!["policy-unresolved".into()], 1));
    // A policy that is not there yet protects nobody.
    let refused = vec!["policy-unresolved".into(), "unguarded".into()];
    assert_eq!(codes(&tenant(Vec::new()), &gone), (refused.clone(), 0));
    // Nor does one whose people are not found.
    let included = SAME.replace("include: {", "include: {users: [alan@fabrikam.example], ");
    assert_eq!(codes(&there, &included), (refused, 0));
    let waiting = SAME.replace("include: {", "include: {users: [new@contoso.example], ");
    let plan = there.plan(guests, &waiting, NOW, &Request::default());
    let texts: Vec<_> = plan.findings.iter().map(|it| it.text.as_str()).collect();
    assert!(texts.contains(&"user `new@contoso.example` is not invited yet: name a group that they come into instead"), "{texts:?}");
}

#[test]
fn an_id_is_the_same_in_capitals() {
    let seen = tenant(vec![policy("enabled", json!({}))]);
    let files = SAME.replace("excluded people", "EEEEEEEE-0000-4000-8000-000000000001");
    insta::assert_snapshot!(planned(&seen, &files), @"Nothing to do. 1 unchanged, 0 not ours.");
}

#[test]
fn a_role_by_way_of_a_group_locks_out_too() {
    let mut tenant = tenant(Vec::new());
    tenant.groups[0]["isAssignableToRole"] = json!(true);
    tenant.groups[0]["members"] = json!(["9"]);
    tenant.roles = vec![(
        "eeeeeeee-0000-4000-8000-000000000001",
        "Global Administrator",
    )];
    let files = "
tenant: {id: sandbox, emergencyAccess: [breakglass@fabrikam.example]}
conditionalAccess:
  - name: Admins
    state: enabled
    include: {roles: [Global Administrator]}
    applications: {include: [All]}
    grant: {controls: [block]}
";
    insta::assert_snapshot!(planned(&tenant, files), @"
    Nothing can be done: 1 error. 0 unchanged, 0 not ours.

    error: conditional access Admins: locks out breakglass@fabrikam.example, which is for emergencies (policies/all.yaml:4)
    ");
}
