//! Groups that conditional access excludes: no guest comes into one unless policies say so.

use serde_json::{Value, json};

use crate::rules::{THREE, dynamic, errors, ruled, said, tenant};
use crate::tenant::{Tenant, stamped};

/// The tenant, with policies that exclude the groups of these ids.
fn excluding(state: &str, groups: &[&str]) -> Tenant {
    let mut tenant = tenant();
    tenant.policies = vec![
        json!({ "id": "c", "displayName": "MFA for all", "state": state,
        "conditions": { "users": { "includeUsers": ["All"], "excludeGroups": groups } } }),
    ];
    tenant.groups.push(json!({ "id": "e", "displayName": "exceptions", "groupTypes": [], "securityEnabled": true, "members": ["g3"] }));
    tenant
}

#[test]
fn no_guest_comes_into_a_group_that_conditional_access_excludes() {
    let guests = "
guests:
  - {mail: ada@contoso.example, department: Audit}
  - {mail: bob@contoso.example, groups: [exceptions]}
  - {mail: eve@litware.example, groups: [exceptions]}
  - {mail: new@contoso.example, department: Audit}
";
    let groups = "groups: [{name: exceptions}]";
    let tenant = excluding("enabled", &["a", "e"]);
    insta::assert_snapshot!(errors(&tenant, guests, groups).join("\n"), @"
    guest ada@contoso.example: would come into dynamic group audit, which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    guest new@contoso.example: would come into dynamic group audit, which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    membership exceptions / bob@contoso.example: group exceptions, which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    ");
    let allowed = format!("{groups}\nrequirements: {{excluded: [exceptions, audit]}}");
    assert_eq!(errors(&tenant, guests, &allowed), [""; 0]);
    // A policy that is not in force excludes nobody.
    let report_only = excluding("enabledForReportingButNotEnforced", &["a", "e"]);
    assert_eq!(errors(&report_only, guests, groups), [""; 0]);
    // Who takes the name of a group that is allowed takes it from both.
    let mut twins = tenant.clone();
    twins.groups[1]["displayName"] = json!("exceptions");
    let guests = "guests: [{mail: ada@contoso.example, department: Audit}]";
    let refused = errors(&twins, guests, "requirements: {excluded: [exceptions]}");
    assert_eq!(refused.len(), 1, "{refused:?}");
}

#[test]
fn whoever_is_disabled_may_come_into_a_group_that_is_excluded() {
    let mut tenant = excluding("enabled", &["d"]);
    tenant.groups.push(dynamic(
        "d",
        "disabled",
        "user.accountEnabled -eq false",
        &[],
    ));
    let guests = THREE.replace(
        "bob@contoso.example",
        "bob@contoso.example, expires: 2026-05-01",
    );
    assert_eq!(errors(&tenant, &guests, ""), [""; 0]);
}

#[test]
fn a_new_rule_leads_nobody_into_a_group_that_is_excluded() {
    let tenant = excluding("enabled", &["a"]);
    let rule = ruled("user.mail -ne null");
    insta::assert_snapshot!(errors(&tenant, THREE, &rule).join("\n"), @"
    group audit: its new membershipRule takes guests into a group which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    ");
    let narrower = ruled(r#"user.mail -eq "bob@contoso.example""#);
    assert_eq!(errors(&tenant, THREE, &narrower), [""; 0]);
}

fn group(id: &str, groups: &[&str]) -> Value {
    json!({ "id": id, "displayName": id, "groupTypes": [], "securityEnabled": true, "members": [], "groups": groups })
}

#[test]
fn a_group_within_a_group_that_is_excluded_is_excluded() {
    let mut tenant = excluding("enabled", &["outer"]);
    tenant.groups[3]["groups"] = json!(["inmost"]);
    tenant.groups.extend([
        group("outer", &["inner"]),
        group("inner", &["e"]),
        group("inmost", &[]),
    ]);
    let guests = THREE.replace(
        "bob@contoso.example",
        "bob@contoso.example, groups: [exceptions, inmost]",
    );
    let policies = "groups: [{name: exceptions}, {name: inmost}]";
    insta::assert_snapshot!(errors(&tenant, &guests, policies).join("\n"), @"
    membership exceptions / bob@contoso.example: group exceptions, which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    membership inmost / bob@contoso.example: group inmost, which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    ");
}

#[test]
fn whoever_may_sign_in_again_is_warned_about_where_conditional_access_does_not_look() {
    let mut tenant = excluding("enabled", &["a", "e"]);
    tenant.users[2]["accountEnabled"] = json!(false);
    tenant.users[2]["onPremisesExtensionAttributes"] =
        stamped("offboarding=2026-05-01T00:00:00Z reason=expired");
    tenant.users[3]["accountEnabled"] = json!(false);
    tenant.users[3]["onPremisesExtensionAttributes"] =
        stamped("offboarding=2026-05-01T00:00:00Z reason=expired");
    let guests = THREE.replace(
        "eve@litware.example",
        "eve@litware.example, groups: [exceptions]",
    );
    insta::assert_snapshot!(said(&tenant, &guests, "groups: [{name: exceptions}]"), @"
    Warning: guest bob@contoso.example: may sign in again, and is or may be in group audit, which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    Warning: guest eve@litware.example: may sign in again, and is or may be in group audit, which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    Warning: guest eve@litware.example: may sign in again, and is or may be in group exceptions, which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    ");
}

#[test]
fn a_rule_that_is_not_understood_of_a_group_that_is_excluded_is_a_warning() {
    let mut tenant = excluding("enabled", &["s"]);
    tenant.groups[0]["membershipRule"] = json!("user.ofTheFuture -eq \"x\"");
    insta::assert_snapshot!(said(&tenant, THREE, ""), @"
    Warning: group sales: its membershipRule is not understood: who comes in cannot be told, and it is a group which conditional access excludes (MFA for all), and `requirements.excluded` does not name it
    ");
}

/// A policy of the files that excludes a group, as the file says it.
fn excluding_files(group: &str) -> String {
    format!(
        "
conditionalAccess:
  - name: New
    state: enabled
    include: {{guests: [b2bCollaborationGuest]}}
    exclude: {{groups: [{group}]}}
    applications: {{include: [All]}}
    grant: {{controls: [mfa]}}
groups: [{{name: exceptions}}, {{name: inmost}}]
"
    )
}

#[test]
fn what_a_policy_of_the_files_excludes_is_known_by_any_name_and_through_groups() {
    let id = "eeeeeeee-0000-4000-8000-00000000000e";
    let mut tenant = excluding("disabled", &[]);
    tenant.groups = vec![group(id, &["inner"]), group("inner", &[])];
    tenant.groups[0]["displayName"] = json!("exceptions");
    tenant.groups[1]["displayName"] = json!("inmost");
    for said in [id, &id.to_uppercase(), "exceptions", "Exceptions"] {
        for into in ["exceptions", "inmost"] {
            let bob = format!("bob@contoso.example, groups: [{into}]");
            let guests = THREE.replace("bob@contoso.example", &bob);
            let found = errors(&tenant, &guests, &excluding_files(said));
            let expected = format!(
                "membership {into} / bob@contoso.example: group {into}, which conditional access excludes (New), and `requirements.excluded` does not name it"
            );
            assert_eq!(found, [expected], "{said}");
        }
    }
}
