//! Conditional access: which policies cover a guest, as far as that can be told, and whom none covers.

use guestlist_planner::explain::{explain, find};
use guestlist_planner::plan::{Header, Request};
use guestlist_planner::render::explain::text;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::rules::dynamic;
use crate::tenant::{Tenant, config, guest, instant, stamped};

const NOW: &str = "2026-05-02";
const FILES: &str = "guests: [{mail: ada@contoso.example, sponsors: []}]";

fn policy(name: &str, state: &str, users: Value) -> Value {
    json!({ "id": name, "displayName": name, "state": state, "conditions": { "users": users },
        "grantControls": { "operator": "AND", "builtInControls": ["mfa"], "termsOfUse": ["t"], "authenticationStrength": null },
        "sessionControls": { "persistentBrowser": { "isEnabled": true, "mode": "never" }, "signInFrequency": null } })
}

fn guests(types: &str, kind: &str) -> Value {
    json!({ "guestOrExternalUserTypes": types, "externalTenants": { "membershipKind": kind } })
}

/// Ada is ours, in a group, and some policies are there.
fn tenant(policies: Vec<Value>) -> Tenant {
    let ours = json!({ "onPremisesExtensionAttributes": stamped(""), "department": "Audit" });
    Tenant {
        users: vec![guest("g1", "ada@contoso.example", ours)],
        groups: vec![
            dynamic("audit", "audit", r#"user.department -eq "Audit""#, &["g1"]),
            dynamic("sales", "sales", r#"user.department -eq "Sales""#, &[]),
        ],
        policies,
        ..Tenant::default()
    }
}

/// Returns what explain says of conditional access.
fn covering(tenant: &Tenant) -> String {
    let now = instant(NOW);
    let config = config(FILES, "", now);
    let observed = tenant.observe(&config, now);
    let who = find(&config, &observed, "ada@contoso.example");
    let told = explain(&config, &observed, &who[0], None, now, &Header::default()).unwrap();
    let text = text(&told, &TimeZone::UTC, None);
    let (_, from) = text.split_once("Conditional access\n").unwrap();
    from.split("\n\n").next().unwrap().to_owned()
}

#[test]
fn who_is_covered_is_told_as_far_as_it_is_known() {
    let policies = vec![
        policy("all", "enabled", json!({ "includeUsers": ["All"] })),
        policy(
            "all but some",
            "enabled",
            json!({ "includeUsers": ["All"], "excludeUsers": ["g1"] }),
        ),
        policy(
            "all but guests",
            "enabled",
            json!({ "includeUsers": ["All"], "excludeGuestsOrExternalUsers": guests("b2bCollaborationGuest,internalGuest", "all") }),
        ),
        policy(
            "all but a group",
            "enabled",
            json!({ "includeUsers": ["All"], "excludeGroups": ["sales"] }),
        ),
        policy(
            "all but a group that is not read",
            "enabled",
            json!({ "includeUsers": ["All"], "excludeGroups": ["y"] }),
        ),
        policy(
            "guests",
            "enabledForReportingButNotEnforced",
            json!({ "includeGuestsOrExternalUsers": guests("b2bCollaborationGuest", "all") }),
        ),
        policy(
            "guests of some tenants",
            "enabled",
            json!({ "includeGuestsOrExternalUsers": guests("b2bCollaborationGuest", "enumerated") }),
        ),
        policy(
            "members from elsewhere",
            "enabled",
            json!({ "includeGuestsOrExternalUsers": guests("b2bCollaborationMember", "all") }),
        ),
        policy(
            "of the future",
            "enabled",
            json!({ "includeGuestsOrExternalUsers": guests("guestOfTheFuture", "all") }),
        ),
        policy(
            "older guests",
            "enabled",
            json!({ "includeUsers": ["GuestsOrExternalUsers"] }),
        ),
        policy(
            "a group",
            "enabled",
            json!({ "includeUsers": ["None"], "includeGroups": ["audit"] }),
        ),
        policy(
            "another group",
            "enabled",
            json!({ "includeGroups": ["sales"] }),
        ),
        policy(
            "a group that is not read",
            "enabled",
            json!({ "includeGroups": ["x"] }),
        ),
        policy(
            "a role",
            "enabled",
            json!({ "includeRoles": ["Directory Readers"] }),
        ),
        policy("off", "disabled", json!({ "includeUsers": ["All"] })),
    ];
    let mut tenant = tenant(policies);
    insta::assert_snapshot!(covering(&tenant), @"
    a group                                               mfa, terms of use, persistentBrowser
    a group that is not read (perhaps)                    mfa, terms of use, persistentBrowser
    all                                                   mfa, terms of use, persistentBrowser
    all but a group                                       mfa, terms of use, persistentBrowser
    all but a group that is not read (perhaps)            mfa, terms of use, persistentBrowser
    guests, only reports                                  mfa, terms of use, persistentBrowser
    guests of some tenants (perhaps)                      mfa, terms of use, persistentBrowser
    of the future (perhaps)                               mfa, terms of use, persistentBrowser
    older guests                                          mfa, terms of use, persistentBrowser
    ");
    tenant.roles = vec![("g1", "Directory Readers")];
    assert!(covering(&tenant).contains("a role "));
}

#[test]
fn whom_no_policy_in_force_covers_is_said_once() {
    let said = |policies: Vec<Value>| {
        let plan = tenant(policies).plan(FILES, "", NOW, &Request::default());
        let found = plan
            .findings
            .into_iter()
            .find(|finding| finding.code == "uncovered");
        found.map_or_else(String::new, |finding| finding.text)
    };
    let members = policy("members", "enabled", json!({ "includeUsers": ["m1"] }));
    let reporting = policy(
        "guests",
        "enabledForReportingButNotEnforced",
        json!({ "includeUsers": ["All"] }),
    );
    assert_eq!(
        said(vec![members.clone(), reporting]),
        "1 guest is covered by no conditional access policy in force: ada@contoso.example"
    );
    // What cannot be told is not said to be so.
    let group = policy("group", "enabled", json!({ "includeGroups": ["x"] }));
    assert_eq!(said(vec![members, group]), "");
    assert_eq!(said(Vec::new()), "");
}
