//! What guests hold that is hard to take: by a name that two things have, of an application that changed,
//! with power that keeps Graph from blocking its holder, or with an answer that got lost.

use guestlist_sandbox::{Act, Behaviour, Canned, Fault};
use serde_json::json;

use crate::assignments::{
    ADA, ALLOWED, POWER_BI, app_roles, ledger, licences, repository, roles, units, with_apps,
    with_licences,
};
use crate::harness::{REAL, Repository, Tenant};

/// The files once the guest has left them, and everything goes at once.
fn left(policies: &str) -> Repository {
    Repository::new(&[
        ("policies/tenant.yaml", REAL),
        ("policies/more.yaml", policies),
        (
            "policies/lifecycle.yaml",
            "lifecycle: {undeclared: {disable: 0d, strip: 0d}}",
        ),
        ("guests/a.yaml", "guests: [{mail: bob@contoso.example}]"),
    ])
}

#[test]
fn of_two_that_have_a_name_none_is_taken_and_somebody_is_told() {
    let tenant = Tenant::empty();
    let id = tenant.managed(ADA);
    for _ in 0..2 {
        let unit = json!({ "displayName": "Partners", "members": [id] });
        tenant.sandbox.insert_administrative_unit(unit);
    }
    let policies = "requirements: {administrativeUnits: [Partners]}\n";
    let unlisted = with_apps(policies, "    administrativeUnits: []\n");
    tenant.applied(&unlisted);
    assert_eq!(units(&tenant, ADA), ["Partners", "Partners"]);
    let listed = with_apps(policies, "    administrativeUnits: [Partners]\n");
    let told = tenant.run(&listed, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        told.contains("the tenant has 2 of administrative unit Partners"),
        "{told}"
    );
    let told = tenant
        .run(&left(policies), &["apply", "--yes"])
        .ends(4)
        .stdout;
    assert!(
        told.contains("error: guest ada@contoso.example: keeps administrative unit Partners: the tenant has 2 of that name"),
        "{told}"
    );
    assert_eq!(units(&tenant, ADA), ["Partners", "Partners"]);
}

#[test]
fn what_the_rules_name_and_the_tenant_lost_is_said() {
    let tenant = Tenant::empty();
    let (app, _) = ledger(&tenant, "Ledger");
    tenant.applied(&with_apps(
        ALLOWED,
        "    appRoles: [{app: Ledger, role: Reader}]\n",
    ));
    tenant.sandbox.rename_service_principal(&app, "Ledger 2");
    let idle = with_apps(ALLOWED, "");
    let told = tenant.run(&idle, &["plan"]).ends(0).stdout;
    assert!(
        told.contains(
            "warning: `requirements.appRoles` names Ledger / Reader, which the tenant does not have"
        ),
        "{told}"
    );
    let told = tenant
        .run(&left(ALLOWED), &["apply", "--yes"])
        .ends(4)
        .stdout;
    assert!(
        told.contains(
            "error: `requirements.appRoles` names Ledger / Reader, which the tenant does not have"
        ),
        "{told}"
    );
}

#[test]
fn an_app_role_that_nobody_gets_any_more_is_taken_all_the_same() {
    let tenant = Tenant::empty();
    let id = tenant.managed(ADA);
    let role = |id: &str, name: &str, enabled: bool| json!({ "id": id, "displayName": name, "isEnabled": enabled, "allowedMemberTypes": ["User"] });
    let (off, on) = (
        "0000000a-0000-4000-8000-000000000000",
        "0000000b-0000-4000-8000-000000000000",
    );
    let app = json!({ "displayName": "Ledger", "appRoles": [role(off, "Reader", false), role(on, "Auditor", true)] });
    let app = tenant.sandbox.insert_service_principal(app);
    tenant.sandbox.assign_app_role(&id, &app, off);
    tenant
        .sandbox
        .assign_app_role(&id, &app, "00000000-0000-0000-0000-000000000000");
    let policies = "requirements: {appRoles: [{app: Ledger}, {app: Ledger, role: Reader}]}\n";
    let kept = with_apps(
        policies,
        "    appRoles: [{app: Ledger}, {app: Ledger, role: Reader}]\n",
    );
    tenant.run(&kept, &["plan", "--detailed-exitcode"]).ends(0);
    tenant.applied(&left(policies));
    assert!(app_roles(&tenant, ADA).is_empty());
    let again = tenant.run(&kept, &["apply", "--yes"]).ends(4).stdout;
    for why in [
        "the application has roles by now",
        "the application has turned it off",
    ] {
        assert!(
            again.contains(&format!("cannot be given: {why}")),
            "{again}"
        );
    }
}

#[test]
fn what_ends_on_its_own_day_ends_while_its_guest_is_on_the_way_out() {
    let tenant = Tenant::empty();
    let id = tenant.managed(ADA);
    tenant.sandbox.assign_role(&id, "Directory Readers");
    tenant.sandbox.assign_role(&id, "Guest Inviter");
    let files = repository(
        "    expires: 2026-01-31\n    directoryRoles: [Directory Readers, {name: Guest Inviter, expires: 2026-02-03}]\n",
    );
    files.write(
        "policies/more.yaml",
        "lifecycle: {expired: {disable: 0d, strip: 3000d}}",
    );
    tenant.applied(&files);
    assert_eq!(roles(&tenant, ADA), ["Directory Readers"]);
}

#[test]
fn power_goes_with_the_sign_in_whatever_the_grace_and_graph_may_be_slow_to_see_it() {
    let tenant = Tenant::empty();
    let id = tenant.managed(ADA);
    tenant.sandbox.assign_role(&id, "User Administrator");
    tenant.sandbox.assign_role(&id, "Directory Readers");
    // No entry lists a role any more; that the rules name it is enough. The ladder is the one without words.
    let files = Repository::new(&[
        ("policies/tenant.yaml", REAL),
        (
            "policies/more.yaml",
            "requirements: {privileged: [User Administrator]}",
        ),
        ("guests/a.yaml", "guests: [{mail: bob@contoso.example}]"),
    ]);
    let denied = Canned::status(403);
    tenant.sandbox.behave(Behaviour {
        faults: vec![Fault::on("PATCH", &format!("/users/{id}"), Act::Answer(denied)).times(1)],
        ..Behaviour::default()
    });
    tenant.applied(&files);
    assert_eq!(tenant.user(ADA)["accountEnabled"], false);
    assert_eq!(roles(&tenant, ADA), ["Directory Readers"]);
}

#[test]
fn a_lost_answer_about_a_role_is_no_failure() {
    let tenant = Tenant::empty();
    tenant.managed(ADA);
    let (app, _) = ledger(&tenant, "Ledger");
    let lost = |path: &str| Fault::on("POST", path, Act::Lose).times(1);
    tenant.sandbox.behave(Behaviour {
        faults: vec![
            lost("/roleManagement/directory/roleAssignments"),
            lost(&format!("/servicePrincipals/{app}/appRoleAssignedTo")),
        ],
        ..Behaviour::default()
    });
    tenant.applied(&with_apps(
        ALLOWED,
        "    directoryRoles: [Directory Readers]\n    appRoles: [{app: Ledger, role: Reader}]\n",
    ));
    assert_eq!(roles(&tenant, ADA), ["Directory Readers"]);
    assert_eq!(app_roles(&tenant, ADA).len(), 1);
}

#[test]
fn a_licence_that_is_not_in_effect_is_told() {
    let tenant = Tenant::empty();
    let states = json!([{ "skuId": POWER_BI, "assignedByGroup": "b0000000-0000-4000-8000-000000000009", "state": "Error", "error": "CountViolation" }]);
    let more = json!({
        "usageLocation": "FI", "licenseAssignmentStates": states,
        "onPremisesExtensionAttributes": { "extensionAttribute15": crate::harness::STAMP },
    });
    tenant.guest(ADA, more);
    let files = with_licences("    licenses: [POWER_BI_STANDARD]\n");
    let told = tenant.run(&files, &["plan"]).ends(0).stdout;
    assert!(
        told.contains("warning: guest ada@contoso.example: license POWER_BI_STANDARD is not in effect: Error, CountViolation"),
        "{told}"
    );
}

#[test]
fn a_seat_that_one_leaves_another_takes() {
    let tenant = Tenant::empty();
    let state = tenant.sandbox.state();
    let mut skus = state["subscribedSkus"].as_array().unwrap().iter();
    let sku = skus
        .find(|sku| sku["skuPartNumber"] == "AAD_PREMIUM")
        .unwrap();
    let left =
        sku["prepaidUnits"]["enabled"].as_u64().unwrap() - sku["consumedUnits"].as_u64().unwrap();
    let entry = |n: u64, more: &str| {
        format!(
            "  - {{mail: g{n:02}@contoso.example, usageLocation: FI, licenses: [AAD_PREMIUM]{more}}}\n"
        )
    };
    let all = |last: u64, more: &str| {
        let guests: String = (1..=last)
            .map(|n| entry(n, if n == 1 { more } else { "" }))
            .collect();
        format!("guests:\n{guests}")
    };
    let files = with_apps("requirements: {licenses: [AAD_PREMIUM]}\n", "");
    files.write("guests/a.yaml", all(left, ""));
    tenant.applied(&files);
    files.write("guests/a.yaml", all(left + 1, ", expires: 2026-01-31"));
    tenant.applied(&files);
    let newest = format!("g{:02}@contoso.example", left + 1);
    assert_eq!(licences(&tenant, &newest).len(), 1);
    assert!(licences(&tenant, "g01@contoso.example").is_empty());
}
