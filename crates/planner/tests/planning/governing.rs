//! Policies of the tenant, and what groups have besides their members: what a plan does about them,
//! says of them, and refuses.

use std::collections::BTreeMap;

use guestlist_planner::finding::Severity;
use guestlist_planner::kinds::tenant_policy::Section;
use guestlist_planner::load::load;
use guestlist_planner::plan::Request;
use guestlist_planner::yaml::Source;
use serde_json::json;

use crate::rules::dynamic;
use crate::tenant::{Tenant, guest, instant, stamped};

const NOW: &str = "2026-05-02";

/// A tenant with a policy by which groups expire, and a Microsoft 365 group.
fn tenant(covers: &str) -> Tenant {
    let policy = json!({ "id": "p", "groupLifetimeInDays": 180, "managedGroupTypes": covers, "alternateNotificationEmails": "b@fabrikam.example;A@fabrikam.example" });
    Tenant {
        tenant_policies: BTreeMap::from([(Section::GroupExpiration, vec![policy])]),
        groups: vec![json!({
            "id": "g", "displayName": "partners", "groupTypes": ["Unified"], "mailEnabled": true, "members": [], "expires": [],
        })],
        ..Tenant::default()
    }
}

const SAME: &str = "groupExpiration: {lifetime: 180d, groups: selected, notify: [a@fabrikam.example, B@fabrikam.example]}";

fn planned(tenant: &Tenant, policies: &str) -> String {
    tenant.planned("", policies, NOW)
}

fn partners(more: &str) -> String {
    format!("{SAME}\ngroups: [{{name: partners, adopt: true, {more}}}]")
}

#[test]
fn groups_expire_as_the_file_says() {
    insta::assert_snapshot!(planned(&tenant("Selected"), SAME), @"
    Nothing to do. 1 unchanged, 0 not ours.
    ");
    // What the file does not say stays.
    let shorter = "groupExpiration: {lifetime: 90d, groups: all}";
    insta::assert_snapshot!(planned(&tenant("Selected"), shorter), @r#"
    ~ group expiration of the tenant                          policies/all.yaml:1
        groupLifetimeInDays  180 → 90
        managedGroupTypes    "Selected" → "All"
        every Microsoft 365 group of the tenant expires, also those that no file knows, unless it is used or renewed
        groups expire earlier than they do now
        the oldest within about 35 days; a deleted group can be restored for 30

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    "#);
    let none = "groupExpiration: {lifetime: 180d, groups: none, notify: []}";
    insta::assert_snapshot!(planned(&tenant("All"), none), @r#"
    ~ group expiration of the tenant                          policies/all.yaml:1
        alternateNotificationEmails  "a@fabrikam.example;b@fabrikam.example" → nothing
        managedGroupTypes            "All" → "None"
        no group expires any more

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    "#);
    insta::assert_snapshot!(planned(&Tenant::default(), SAME), @r#"
    + group expiration of the tenant                          policies/all.yaml:1
        alternateNotificationEmails  "a@fabrikam.example;b@fabrikam.example"
        groupLifetimeInDays          180
        managedGroupTypes            "Selected"

    1 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    "#);
    // No policy is ever deleted.
    insta::assert_snapshot!(planned(&tenant("All"), ""), @"
    Nothing to do. 0 unchanged, 0 not ours.
    ");
}

#[test]
fn settings_of_groups_begin_with_what_holds_without_them() {
    let files = "groupSettings: {allowToAddGuests: false, guestUsageGuidelinesUrl: https://fabrikam.example/guests}";
    insta::assert_snapshot!(planned(&Tenant::default(), files), @r#"
    + group settings of the tenant                            policies/all.yaml:1
        AllowToAddGuests         "false"
        EnableGroupCreation      "true"
        GuestUsageGuidelinesUrl  "https://fabrikam.example/guests"
        no guest can be added to a Microsoft 365 group of the tenant any more

    1 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    "#);
    let value = |name: &str, value: &str| json!({ "name": name, "value": value });
    let seen = |add: &str| {
        let values = [
            value("AllowToAddGuests", add),
            value("EnableGroupCreation", "False"),
            value("OfTheFuture", "x"),
        ];
        let setting = json!({ "id": "s", "displayName": "Group.Unified", "values": values });
        let other = json!({ "id": "o", "displayName": "Password Rule Settings", "values": [] });
        Tenant {
            tenant_policies: BTreeMap::from([(Section::GroupSettings, vec![other, setting])]),
            ..Tenant::default()
        }
    };
    let only = "groupSettings: {allowToAddGuests: false}";
    insta::assert_snapshot!(planned(&seen("False"), only), @"
    Nothing to do. 1 unchanged, 0 not ours.
    ");
    insta::assert_snapshot!(planned(&seen("true"), only), @r#"
    ~ group settings of the tenant                            policies/all.yaml:1
        AllowToAddGuests  "true" → "false"
        no guest can be added to a Microsoft 365 group of the tenant any more

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    "#);
    // Every value goes with the change: those that no file knows, too.
    let plan = seen("true").plan("", only, NOW, &Request::default());
    let ids = [(
        Section::GroupSettings.address("of the tenant"),
        "s".to_owned(),
    )];
    let body = writes(&plan, ids);
    insta::assert_snapshot!(body, @r#"
    PATCH /groupSettings/s {"values":[{"name":"AllowToAddGuests","value":"false"},{"name":"EnableGroupCreation","value":"false"},{"name":"OfTheFuture","value":"x"}]}
    "#);
}

fn writes(
    plan: &guestlist_planner::plan::Plan,
    ids: impl IntoIterator<Item = (guestlist_planner::address::Address, String)>,
) -> String {
    let mut known = guestlist_planner::address::Ids::default();
    for (address, id) in ids {
        known.bind(address, id);
    }
    let cx = guestlist_planner::kinds::Cx {
        ids: &known,
        now: instant(NOW),
        stamp: "extensionAttribute15",
        links: &BTreeMap::new(),
    };
    let requests = plan.steps.iter().flat_map(|step| step.change.writes(&cx));
    let lines = requests.map(|request| {
        format!(
            "{} {} {}",
            request.method.as_str(),
            request.path,
            request.body
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_tenant_without_the_licence_is_told_before_anything_is_written() {
    let free = Tenant {
        is_free: true,
        ..Tenant::default()
    };
    let files = "
groupExpiration: {lifetime: 180d, groups: selected}
groupSettings: {allowGuestsToAccessGroups: true}
groups: [{name: new, membershipRule: user.mail -ne null}]
";
    insta::assert_snapshot!(planned(&free, files), @r#"
    + group settings of the tenant                            policies/all.yaml:3
        AllowGuestsToAccessGroups  "true"
        AllowToAddGuests           "true"
        EnableGroupCreation        "true"
        GuestUsageGuidelinesUrl    ""

    1 to create, 0 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    error: group new: needs Microsoft Entra ID P1, which the tenant does not have (policies/all.yaml:4)
    error: group expiration of the tenant: needs Microsoft Entra ID P1, which the tenant does not have (policies/all.yaml:2)
    "#);
}

#[test]
fn a_group_is_among_those_that_expire() {
    insta::assert_snapshot!(planned(&tenant("Selected"), &partners("expiration: true")), @"
    ~ group partners                                          policies/all.yaml:2
        expiration  false → true
        is deleted after 180 days in which nobody uses it

    0 to create, 1 to change, 0 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
    let mut in_it = tenant("Selected");
    in_it.groups[0]["expires"] = json!([{ "id": "p" }]);
    insta::assert_snapshot!(planned(&in_it, &partners("expiration: true")), @"
    Nothing to do. 2 unchanged, 0 not ours.
    ");
    insta::assert_snapshot!(planned(&in_it, &partners("expiration: false")), @"
    ~ group partners                                          policies/all.yaml:2
        expiration  true → false

    0 to create, 1 to change, 0 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
    // A policy for all groups lists every group: who is selected is not told.
    let mut all = in_it.clone();
    all.tenant_policies = tenant("All").tenant_policies;
    insta::assert_snapshot!(planned(&all, &partners("expiration: true")), @r#"
    ~ group expiration of the tenant                          policies/all.yaml:1
        managedGroupTypes  "All" → "Selected"
    ~ group partners                                          policies/all.yaml:2
        expiration  nothing → true
        is deleted after 180 days in which nobody uses it

    0 to create, 2 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 2 writes, less than a minute.
    "#);
    let kept = "groups: [{name: partners, adopt: true, expiration: false}]";
    insta::assert_snapshot!(planned(&all, kept), @"
    Nothing can be done: 1 error. 1 unchanged, 0 not ours.

    error: group partners: `expiration` is false, and the policy covers all groups (policies/all.yaml:1)
    ");
    let without = Tenant {
        groups: tenant("All").groups,
        ..Tenant::default()
    };
    let wanted = kept.replace("false", "true");
    insta::assert_snapshot!(planned(&without, &wanted), @"
    Nothing can be done: 1 error. 1 unchanged, 0 not ours.

    error: group partners: `expiration` is true, and the tenant has no such policy (policies/all.yaml:1)
    ");
    let security = wanted.replace("name: partners", "name: new");
    insta::assert_snapshot!(planned(&tenant("Selected"), &security), @"
    Nothing can be done: 1 error. 0 unchanged, 0 not ours.

    error: group new: is no Microsoft 365 group: only those expire, and have settings (policies/all.yaml:1)
    ");
}

#[test]
fn a_group_can_refuse_guests() {
    let closed = partners("allowToAddGuests: false");
    insta::assert_snapshot!(planned(&tenant("Selected"), &closed), @"
    ~ group partners                                          policies/all.yaml:2
        allowToAddGuests  true → false

    0 to create, 1 to change, 0 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
    let setting = |value: &str| json!([{ "id": "s", "displayName": "Group.Unified.Guest", "values": [{ "name": "AllowToAddGuests", "value": value }] }]);
    let with = |value: &str| {
        let mut tenant = tenant("Selected");
        tenant.groups[0]["settings"] = setting(value);
        tenant
    };
    insta::assert_snapshot!(planned(&with("False"), &closed), @"
    Nothing to do. 2 unchanged, 0 not ours.
    ");
    let open = partners("allowToAddGuests: true");
    insta::assert_snapshot!(planned(&with("false"), &open), @"
    ~ group partners                                          policies/all.yaml:2
        allowToAddGuests  false → true

    0 to create, 1 to change, 0 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
    insta::assert_snapshot!(planned(&tenant("Selected"), &open), @"
    Nothing to do. 2 unchanged, 0 not ours.
    ");
}

#[test]
fn what_is_written_about_policies_is_checked() {
    let mistakes = |text: &str| {
        let source = Source {
            path: "policies/all.yaml".into(),
            text: text.into(),
        };
        let mistakes = load(&[source], instant(NOW)).unwrap_err();
        mistakes
            .into_iter()
            .map(|it| it.message)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let all = [
        "groupExpiration: {lifetime: 29d, groups: some}",
        "groupExpiration: {lifetime: 29d, groups: all, notify: [nobody, 'a@b.example;c@b.example']}",
        "groupExpiration: {groups: all}",
        "groupExpiration: [1]",
        "groupSettings: {allowToAddGuests: maybe}",
        "groupSettings: {guestUsageGuidelinesUrl: 'http://fabrikam.example'}",
        "groupSettings: {allowGuests: true}",
        "groups: [{name: a, type: security, expiration: true, allowToAddGuests: false}]",
        "groups: [{name: a, licenses: [POWER_BI_STANDARD]}]",
    ];
    let said: Vec<_> = all
        .iter()
        .map(|text| format!("{text}\n  {}", mistakes(text).replace('\n', "\n  ")))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    groupExpiration: {lifetime: 29d, groups: some}
      unknown value `some`
    groupExpiration: {lifetime: 29d, groups: all, notify: [nobody, 'a@b.example;c@b.example']}
      groups live at least 30 days
      `nobody` is no address
      `a@b.example;c@b.example` is no address
    groupExpiration: {groups: all}
      `lifetime` is missing
    groupExpiration: [1]
      expected a mapping, found a list
    groupSettings: {allowToAddGuests: maybe}
      expected true or false, found the text `maybe`
    groupSettings: {guestUsageGuidelinesUrl: 'http://fabrikam.example'}
      an address of the web begins with https://
    groupSettings: {allowGuests: true}
      unknown key `allowGuests`
    groups: [{name: a, type: security, expiration: true, allowToAddGuests: false}]
      `expiration` goes with Microsoft 365 groups only
      `allowToAddGuests` goes with Microsoft 365 groups only
    groups: [{name: a, licenses: [POWER_BI_STANDARD]}]
      `requirements.licenses` does not name license `POWER_BI_STANDARD`
    ");
}

#[test]
fn promise_7_what_a_policy_takes_from_people_counts() {
    let mut tenant = tenant("Selected");
    let ours = json!({ "onPremisesExtensionAttributes": stamped("") });
    tenant.users = vec![guest("g1", "ada@contoso.example", ours)];
    let guests = "guests: [{mail: ada@contoso.example}]";
    let plan = |files: &str, request: &Request| tenant.plan(guests, files, NOW, request);
    let narrower =
        "groupSettings: {allowGuestsToAccessGroups: false}\nlimits: {removals: {count: 0}}";
    let found = plan(narrower, &Request::default());
    assert_eq!(found.limits[0].found, 1);
    assert_eq!(found.steps[0].loses, ["ada@contoso.example"]);
    let without = Request {
        no_removals: true,
        ..Request::default()
    };
    for files in [
        narrower,
        "groupExpiration: {lifetime: 90d, groups: selected}",
        "groupExpiration: {lifetime: 180d, groups: all}",
    ] {
        assert_eq!(plan(files, &without).steps, [], "{files}");
    }
    let longer = "groupExpiration: {lifetime: 365d, groups: none}";
    assert_eq!(plan(longer, &without).steps.len(), 1);
}

#[test]
fn what_cannot_be_told_of_expiration_is_an_error_and_changes_nothing() {
    let said = |tenant: &Tenant, files: &str| {
        let plan = tenant.plan(
            "guests: [{mail: new@contoso.example, groups: [partners]}]",
            files,
            NOW,
            &Request::default(),
        );
        let steps = plan.steps.iter().map(|step| step.address.to_string());
        let errors = plan
            .findings
            .iter()
            .filter(|it| it.severity == Severity::Error);
        let errors = errors.map(|it| format!("  {}", it.text));
        steps.chain(errors).collect::<Vec<_>>().join("\n")
    };
    let own = "groups: [{name: partners, adopt: true, expiration: true}]";
    let mut unread = tenant("Selected");
    unread.groups[0]["expires"] = json!("denied");
    insta::assert_snapshot!(said(&unread, own), @"
    guest new@contoso.example
    membership partners / new@contoso.example
      `expiration` could not be read of the group
    ");
    insta::assert_snapshot!(said(&tenant("OfTheFuture"), own), @"
    guest new@contoso.example
    membership partners / new@contoso.example
      `expiration` needs a policy that says which groups expire
    ");
    let mut two = tenant("Selected");
    let policies = two
        .tenant_policies
        .get_mut(&Section::GroupExpiration)
        .unwrap();
    policies.push(policies[0].clone());
    insta::assert_snapshot!(said(&two, &partners("expiration: true")), @"
    guest new@contoso.example
    membership partners / new@contoso.example
      `expiration` needs `groupExpiration`, which is blocked
      the tenant has 2 of it: which is meant is not said
    ");
    // What else is said of a group does not hang on a policy that stays as it is.
    let mut declared = two.clone();
    declared.groups[0]["expires"] = json!([{ "id": "p" }]);
    let described = "groups: [{name: partners, adopt: true, description: New}]";
    insta::assert_snapshot!(said(&declared, described), @"
    group partners
    guest new@contoso.example
    membership partners / new@contoso.example
    ");
    // Nobody is promised a group that is not made.
    let nowhere = Tenant::default();
    let new = "groups: [{name: partners, type: microsoft365, expiration: true}]";
    insta::assert_snapshot!(said(&nowhere, new), @"
    guest new@contoso.example
      `expiration` is true, and the tenant has no such policy
    ");
}

#[test]
fn only_what_changes_asks_for_the_licence() {
    let setting = json!({ "id": "s", "displayName": "Group.Unified", "templateId": "t1", "values": [{ "name": "AllowToAddGuests", "value": "true" }] });
    let tenant = Tenant {
        is_free: true,
        tenant_policies: BTreeMap::from([(Section::GroupSettings, vec![setting])]),
        ..Tenant::default()
    };
    insta::assert_snapshot!(planned(&tenant, "groupSettings: {allowToAddGuests: true}"), @"
    Nothing to do. 1 unchanged, 0 not ours.
    ");
}

#[test]
fn a_guest_alone_brings_along_what_the_group_needs() {
    let files = format!(
        "{SAME}\ngroups: [{{name: new, type: microsoft365, expiration: true}}, {{name: other}}]"
    );
    let request = Request {
        only: Some("ada@contoso.example".to_owned()),
        ..Request::default()
    };
    let guests = "guests: [{mail: ada@contoso.example, groups: [new]}]";
    let plan = Tenant::default().plan(guests, &files, NOW, &request);
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.address.to_string())
        .collect();
    insta::assert_snapshot!(steps.join("\n"), @"
    group expiration of the tenant
    group new
    guest ada@contoso.example
    membership new / ada@contoso.example
    ");
}

#[test]
fn a_licence_of_a_group_says_who_gets_it_and_where_it_may_lead() {
    let mut tenant = tenant("Selected");
    let ours = json!({ "onPremisesExtensionAttributes": stamped("") });
    tenant.users = vec![guest("g1", "ada@contoso.example", ours)];
    tenant.groups[0]["members"] = json!(["g1"]);
    let rule = r#"user.assignedPlans -any (assignedPlan.service -eq "PowerBI")"#;
    tenant.groups.push(dynamic("d", "by plan", rule, &[]));
    let licensed = format!(
        "requirements: {{licenses: [POWER_BI_STANDARD]}}\n{}",
        partners("licenses: [POWER_BI_STANDARD]")
    );
    insta::assert_snapshot!(planned(&tenant, &licensed), @r#"
    ~ guest ada@contoso.example                               no longer declared
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=undeclared"
    ~ guest ada@contoso.example: revoke sessions              no longer declared
    ~ group partners                                          policies/all.yaml:3
        licenses  [] → ["POWER_BI_STANDARD"]
        its members may come into or fall out of dynamic group by plan: user.assignedPlans is not known
        gives license POWER_BI_STANDARD to 1 member: ada@contoso.example

    0 to create, 3 to change, 0 to delete. 2 unchanged, 0 not ours.
    About 3 writes, less than a minute.

    info: guest ada@contoso.example: no longer declared; stripped on 2026-05-09 00:00 UTC
    "#);
    tenant.groups[0]["members"] = json!(["g1", "m1"]);
    insta::assert_snapshot!(planned(&tenant, &licensed), @r#"
    ~ guest ada@contoso.example                               no longer declared
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=undeclared"
    ~ guest ada@contoso.example: revoke sessions              no longer declared

    0 to create, 2 to change, 0 to delete. 3 unchanged, 0 not ours.
    About 2 writes, less than a minute.

    error: group partners: its 2 members would need license POWER_BI_STANDARD, and the tenant has 1 left (policies/all.yaml:3)
    info: guest ada@contoso.example: no longer declared; stripped on 2026-05-09 00:00 UTC
    "#);
}

#[test]
fn who_may_invite_and_what_guests_see() {
    let seen = |invites: &str, role: &str| {
        let policy = json!({
            "id": "authorizationPolicy", "allowInvitesFrom": invites, "guestUserRoleId": role,
            "allowEmailVerifiedUsersToJoinOrganization": false, "allowedToUseSSPR": true,
        });
        Tenant {
            tenant_policies: BTreeMap::from([(Section::ExternalCollaboration, vec![policy])]),
            ..Tenant::default()
        }
    };
    let (restricted, default) = (
        "2af84b1e-32c8-42b7-82bc-daa82404023b",
        "10dae51f-b6af-4016-8d66-8c2a99b929b3",
    );
    let files = "externalCollaboration: {allowInvitesFrom: adminsAndGuestInviters, guestUserRole: restrictedGuestUser}";
    insta::assert_snapshot!(planned(&seen("adminsAndGuestInviters", restricted), files), @"Nothing to do. 1 unchanged, 0 not ours.");
    // Less is allowed.
    insta::assert_snapshot!(planned(&seen("everyone", default), files), @r#"
    ~ external collaboration of the tenant                    policies/all.yaml:1
        allowInvitesFrom  "everyone" → "adminsAndGuestInviters"
        guestUserRoleId   "guestUser" → "restrictedGuestUser"
        applications may not be able to invite any more, this program neither

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.
    "#);
    // More is: one of them is enough.
    let wider =
        "externalCollaboration: {allowInvitesFrom: everyone, guestUserRole: restrictedGuestUser}";
    insta::assert_snapshot!(planned(&seen("none", default), wider), @r#"
    ~ external collaboration of the tenant                    policies/all.yaml:1
        allowInvitesFrom  "none" → "everyone"
        guestUserRoleId   "guestUser" → "restrictedGuestUser"
        guests can invite guests
        protects less than now

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    refused: 1 policy that would protect less, limits.weakened.count allows 0
      hint: if that is meant, run with --allow-weakened 1
    "#);
    // What nobody knows may have allowed less.
    insta::assert_snapshot!(planned(&seen("someOfTheFuture", restricted), files), @r#"
    ~ external collaboration of the tenant                    policies/all.yaml:1
        allowInvitesFrom  "someOfTheFuture" → "adminsAndGuestInviters"
        applications may not be able to invite any more, this program neither
        protects less than now

    0 to create, 1 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 1 write, less than a minute.

    refused: 1 policy that would protect less, limits.weakened.count allows 0
      hint: if that is meant, run with --allow-weakened 1
    "#);
}
