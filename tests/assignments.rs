//! Directory roles, app roles, licences and administrative units of guests against a served tenant: given, drifted, ended, taken; shown by every
//! command; and what is said where a permission is missing.

use guestlist_sandbox::Behaviour;
use serde_json::{Value, json};

use crate::harness::{REAL, Repository, Tenant};

pub(crate) const ADA: &str = "ada@contoso.example";

pub(crate) fn repository(roles: &str) -> Repository {
    let guests = format!("guests:\n  - mail: {ADA}\n{roles}");
    Repository::new(&[("guests/a.yaml", &guests), ("policies/tenant.yaml", REAL)])
}

/// Returns the names of the roles that a user holds.
pub(crate) fn roles(tenant: &Tenant, mail: &str) -> Vec<String> {
    let (state, id) = (tenant.sandbox.state(), tenant.sandbox.find(mail).unwrap());
    let all = |name: &str| state[name].as_array().cloned().unwrap_or_default();
    let definitions = all("roleDefinitions");
    let held = all("roleAssignments")
        .into_iter()
        .filter(|one| one["principalId"] == id.as_str());
    let name = |one: Value| {
        let role = definitions
            .iter()
            .find(|role| role["id"] == one["roleDefinitionId"]);
        role.unwrap()["displayName"].as_str().unwrap().to_owned()
    };
    let mut names: Vec<_> = held.map(name).collect();
    names.sort();
    names
}

#[test]
fn a_role_is_given_kept_and_taken_with_the_files() {
    let tenant = Tenant::empty();
    let repository = repository("    directoryRoles: [Directory Readers, Guest Inviter]\n");
    tenant.applied(&repository);
    assert_eq!(roles(&tenant, ADA), ["Directory Readers", "Guest Inviter"]);
    let explained = tenant.run(&repository, &["explain", ADA]).ends(0).stdout;
    let told = explained
        .lines()
        .find(|line| line.contains("directory role Directory Readers"));
    assert!(
        told.is_some_and(|line| line.ends_with("guests/a.yaml:3")),
        "{explained}"
    );

    // Changed by somebody else: one more, and none of ours.
    let id = tenant.sandbox.find(ADA).unwrap();
    tenant.sandbox.assign_role(&id, "Reports Reader");
    tenant.applied(&repository);
    assert_eq!(roles(&tenant, ADA), ["Directory Readers", "Guest Inviter"]);

    let entry = format!("guests:\n  - mail: {ADA}\n    directoryRoles: []\n");
    repository.write("guests/a.yaml", entry);
    let planned = tenant.run(&repository, &["plan", "--format", "markdown"]);
    let planned = planned.ends(0).stdout;
    assert!(
        planned.contains("directory role Guest Inviter"),
        "{planned}"
    );
    tenant.applied(&repository);
    assert!(roles(&tenant, ADA).is_empty());
}

#[test]
fn a_role_ends_on_its_own_day_and_with_the_guest() {
    let tenant = Tenant::empty();
    tenant.managed(ADA);
    let id = tenant.sandbox.find(ADA).unwrap();
    tenant.sandbox.assign_role(&id, "Directory Readers");
    tenant.sandbox.assign_role(&id, "Guest Inviter");
    let ending = repository(
        "    directoryRoles: [Directory Readers, {name: Guest Inviter, expires: 2026-01-31}]\n",
    );
    tenant.applied(&ending);
    assert_eq!(roles(&tenant, ADA), ["Directory Readers"]);
    let ended = repository("    directoryRoles: [Directory Readers]\n    expires: 2026-01-31\n");
    tenant.applied(&ended);
    assert!(roles(&tenant, ADA).is_empty());
    assert_eq!(tenant.user(ADA)["accountEnabled"], false);
}

#[test]
fn a_page_shows_who_holds_a_role() {
    let tenant = Tenant::empty();
    let id = tenant.managed(ADA);
    tenant.sandbox.assign_role(&id, "Directory Readers");
    let repository = repository("    directoryRoles: [Directory Readers, Guest Inviter]\n");
    let page = repository.path().join("page.html");
    let out = ["report", "--out", page.to_str().unwrap()];
    tenant.run(&repository, &out).ends(0);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("directory role Directory Readers"));
    assert!(page.contains("next apply: get directory role Guest Inviter"));
}

#[test]
fn what_the_application_may_not_do_is_named() {
    let tenant = Tenant::empty();
    tenant.managed(ADA);
    let repository = repository("    directoryRoles: [Directory Readers]\n");
    let permissions = [
        "User.Read.All",
        "Group.Read.All",
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
    ];
    tenant.sandbox.behave(Behaviour {
        permissions: Some(permissions.map(str::to_owned).into()),
        ..Behaviour::default()
    });
    let applied = tenant.run(&repository, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        applied.contains("could not add directory role Directory Readers"),
        "{applied}"
    );
    assert!(
        applied.contains("RoleManagement.ReadWrite.Directory"),
        "{applied}"
    );
    let doctor = tenant.run(&repository, &["doctor"]).stdout;
    assert!(
        doctor.contains(
            "missing  directory roles of guests                  RoleManagement.ReadWrite.Directory"
        ),
        "{doctor}"
    );
}

/// An application with two roles for people and one for programs; returns the ids of the first two.
pub(crate) fn ledger(tenant: &Tenant, name: &str) -> (String, [String; 2]) {
    let role = |name: &str, of: &str| json!({ "id": format!("{:08x}-0000-4000-8000-000000000000", name.len()), "displayName": name, "isEnabled": true, "allowedMemberTypes": [of] });
    let roles = [
        role("Reader", "User"),
        role("Auditor", "User"),
        role("Robot", "Application"),
    ];
    let id = |n: usize| roles[n]["id"].as_str().unwrap().to_owned();
    let ids = [id(0), id(1)];
    let app = json!({ "displayName": name, "appRoles": roles });
    (tenant.sandbox.insert_service_principal(app), ids)
}

/// Returns the ids of the roles that a user has in applications.
pub(crate) fn app_roles(tenant: &Tenant, mail: &str) -> Vec<String> {
    let (state, id) = (tenant.sandbox.state(), tenant.sandbox.find(mail).unwrap());
    let all = state["appRoleAssignments"].as_array().unwrap().iter();
    let held = all.filter(|one| one["principalId"] == id.as_str());
    let mut ids: Vec<_> = held
        .map(|one| one["appRoleId"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

pub(crate) const ALLOWED: &str = "requirements:
  appRoles:
    - {app: Ledger, role: Reader}
    - {app: Ledger, role: Auditor}
";

pub(crate) fn with_apps(allowed: &str, roles: &str) -> Repository {
    let repository = repository(roles);
    repository.write("policies/apps.yaml", allowed);
    repository
}

#[test]
fn app_roles_are_given_drift_back_and_end() {
    let tenant = Tenant::empty();
    let (app, [reader, auditor]) = ledger(&tenant, "Ledger");
    let both = "    appRoles: [{app: Ledger, role: Reader}, {app: Ledger, role: Auditor, expires: 2026-01-31}]\n";
    let repository = with_apps(ALLOWED, both);
    tenant.applied(&repository);
    assert_eq!(app_roles(&tenant, ADA), std::slice::from_ref(&reader));
    let explained = tenant.run(&repository, &["explain", ADA]).ends(0).stdout;
    assert!(
        explained.contains("  app role Ledger / Reader "),
        "{explained}"
    );
    // Somebody gave one more by hand.
    let id = tenant.sandbox.find(ADA).unwrap();
    tenant.sandbox.assign_app_role(&id, &app, &auditor);
    tenant.applied(&repository);
    assert_eq!(app_roles(&tenant, ADA), [reader]);
    // Gone from the files: disabled and stripped, and then nothing is left.
    repository.write("guests/a.yaml", "guests: [{mail: bob@contoso.example}]");
    repository.write(
        "policies/more.yaml",
        "lifecycle: {undeclared: {disable: 0d, strip: 0d}}",
    );
    tenant.applied(&repository);
    assert!(app_roles(&tenant, ADA).is_empty());
}

#[test]
fn an_app_role_that_cannot_be_told_is_not_given() {
    let tenant = Tenant::empty();
    tenant.managed(ADA);
    let repository = with_apps(ALLOWED, "    appRoles: [{app: Ledger, role: Reader}]\n");
    let none = tenant.run(&repository, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        none.contains("the tenant has no app role Ledger / Reader"),
        "{none}"
    );
    let (app, _) = ledger(&tenant, "Ledger");
    // Another application took the name.
    ledger(&tenant, "Ledger");
    let twins = tenant.run(&repository, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        twins.contains("the tenant has 2 of app role Ledger / Reader"),
        "{twins}"
    );
    assert!(app_roles(&tenant, ADA).is_empty());
    let state = tenant.sandbox.state();
    let apps = state["servicePrincipals"].as_array().unwrap();
    let own = apps.iter().find(|one| one["id"] == app.as_str()).unwrap();
    let allowed = format!(
        "requirements: {{appRoles: [{{app: Ledger, appId: {}, role: Reader}}]}}\n",
        own["appId"].as_str().unwrap()
    );
    repository.write("policies/apps.yaml", allowed);
    tenant.applied(&repository);
    assert_eq!(app_roles(&tenant, ADA).len(), 1);
}

#[test]
fn promise_3_app_roles_that_cannot_be_read_are_neither_given_nor_taken() {
    let tenant = Tenant::empty();
    let id = tenant.managed(ADA);
    let (app, [reader, _]) = ledger(&tenant, "Ledger");
    tenant.sandbox.assign_app_role(&id, &app, &reader);
    let repository = with_apps(ALLOWED, "    appRoles: []\n");
    let all = [
        "User.Read.All",
        "Group.Read.All",
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
        "AppRoleAssignment.ReadWrite.All",
    ];
    tenant.sandbox.behave(Behaviour {
        permissions: Some(all.map(str::to_owned).into()),
        ..Behaviour::default()
    });
    let applied = tenant.run(&repository, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        applied.contains("`appRoles` could not be read: nothing of it is given or taken"),
        "{applied}"
    );
    assert!(applied.contains("grant Application.Read.All"), "{applied}");
    assert_eq!(app_roles(&tenant, ADA).len(), 1);
}

#[test]
fn imported_guests_keep_their_app_roles() {
    let tenant = Tenant::empty();
    let id = tenant.guest(
        "eve@litware.example",
        json!({ "createdDateTime": "2025-01-01T00:00:00Z" }),
    );
    let (app, [reader, _]) = ledger(&tenant, "Ledger");
    tenant.sandbox.assign_app_role(&id, &app, &reader);
    let repository = Repository::new(&[
        ("policies/tenant.yaml", REAL),
        ("policies/apps.yaml", ALLOWED),
    ]);
    tenant.run(&repository, &["import"]).ends(0);
    let file =
        std::fs::read_to_string(repository.path().join("guests/litware.example.yaml")).unwrap();
    assert!(
        file.contains("    appRoles: [{app: Ledger, role: Reader}]\n"),
        "{file}"
    );
    tenant.applied(&repository);
    assert_eq!(app_roles(&tenant, "eve@litware.example").len(), 1);
}

/// The licence that policies allow below.
pub(crate) const POWER_BI: &str = "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235";

pub(crate) fn with_licences(entry: &str) -> Repository {
    with_apps("requirements: {licenses: [POWER_BI_STANDARD]}\n", entry)
}

/// Returns what licences a user has, and by which group.
pub(crate) fn licences(tenant: &Tenant, mail: &str) -> Vec<(String, Value)> {
    let states = tenant.user(mail)["licenseAssignmentStates"].clone();
    let states = states.as_array().cloned().unwrap_or_default();
    let one = |state: Value| {
        (
            state["skuId"].as_str().unwrap().to_owned(),
            state["assignedByGroup"].clone(),
        )
    };
    states.into_iter().map(one).collect()
}

#[test]
fn licences_are_given_after_the_place_is_known_and_taken_with_the_guest() {
    let tenant = Tenant::empty();
    let entry = "    licenses: [POWER_BI_STANDARD]\n";
    let repository = with_licences(entry);
    let lacking = tenant.run(&repository, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        lacking.contains("the guest has no `usageLocation`, which a license needs"),
        "{lacking}"
    );
    repository.write(
        "guests/a.yaml",
        format!("guests:\n  - mail: {ADA}\n    usageLocation: FI\n{entry}"),
    );
    tenant.applied(&repository);
    assert_eq!(licences(&tenant, ADA), [(POWER_BI.to_owned(), Value::Null)]);
    let ended = format!("guests:\n  - mail: {ADA}\n    expires: 2026-01-31\n{entry}");
    repository.write("guests/a.yaml", ended);
    tenant.applied(&repository);
    assert!(licences(&tenant, ADA).is_empty());
}

#[test]
fn a_licence_that_comes_with_a_group_is_shown_and_left_to_the_group() {
    let tenant = Tenant::empty();
    let states = json!([{ "skuId": POWER_BI, "assignedByGroup": "b0000000-0000-4000-8000-000000000009", "state": "Active" }]);
    let more = json!({
        "usageLocation": "FI", "licenseAssignmentStates": states, "assignedLicenses": [{ "skuId": POWER_BI, "disabledPlans": [] }],
        "onPremisesExtensionAttributes": { "extensionAttribute15": crate::harness::STAMP },
    });
    tenant.guest(ADA, more);
    for entry in ["    licenses: [POWER_BI_STANDARD]\n", "    licenses: []\n"] {
        let repository = with_licences(entry);
        tenant
            .run(&repository, &["plan", "--detailed-exitcode"])
            .ends(0);
        let explained = tenant.run(&repository, &["explain", ADA]).ends(0).stdout;
        assert!(
            explained.contains("license POWER_BI_STANDARD"),
            "{explained}"
        );
    }
    let over = with_licences("    licenses: []\n    expires: 2026-01-31\n");
    let over = tenant.run(&over, &["apply", "--yes"]).ends(0).stdout;
    assert!(
        over.contains("keeps license POWER_BI_STANDARD: it comes with group b0000000"),
        "{over}"
    );
}

#[test]
fn no_more_licences_are_given_than_the_tenant_has() {
    let tenant = Tenant::empty();
    let state = tenant.sandbox.state();
    let skus = state["subscribedSkus"].as_array().unwrap();
    let free = |sku: &&Value| sku["skuPartNumber"] == "AAD_PREMIUM";
    let sku = skus.iter().find(free).unwrap();
    let left =
        sku["prepaidUnits"]["enabled"].as_u64().unwrap() - sku["consumedUnits"].as_u64().unwrap();
    let entry = |n: u64| {
        format!(
            "  - {{mail: g{n:02}@contoso.example, usageLocation: FI, licenses: [AAD_PREMIUM]}}\n"
        )
    };
    let guests: String = (0..=left).map(entry).collect();
    let repository = with_apps("requirements: {licenses: [AAD_PREMIUM]}\n", "");
    repository.write("guests/a.yaml", format!("guests:\n{guests}"));
    let applied = tenant.run(&repository, &["apply", "--yes"]).ends(4).stdout;
    assert_eq!(
        applied.matches("the tenant has none left to give").count(),
        1,
        "{applied}"
    );
    assert!(applied.contains(" 0 failed"), "{applied}");
}

/// Returns the names of the units that a user is in.
pub(crate) fn units(tenant: &Tenant, mail: &str) -> Vec<String> {
    let (state, id) = (tenant.sandbox.state(), tenant.sandbox.find(mail).unwrap());
    let all = state["administrativeUnits"].as_array().unwrap().iter();
    let of = all.filter(|unit| unit["members"].as_array().unwrap().contains(&json!(id)));
    of.map(|unit| unit["displayName"].as_str().unwrap().to_owned())
        .collect()
}

const PARTNERS: &str = "requirements: {administrativeUnits: [Partners]}\n";
const UNITS: &str = "requirements: {administrativeUnits: [Vault, Ruled]}\n";

#[test]
fn guests_are_put_into_administrative_units_and_taken_out() {
    let tenant = Tenant::empty();
    let grace = tenant.sandbox.find("grace@fabrikam.example").unwrap();
    let partners = json!({ "displayName": "Partners", "members": [grace] });
    tenant.sandbox.insert_administrative_unit(partners);
    let repository = with_apps(PARTNERS, "    administrativeUnits: [Partners]\n");
    tenant.applied(&repository);
    assert_eq!(units(&tenant, ADA), ["Partners"]);
    let explained = tenant.run(&repository, &["explain", ADA]).ends(0).stdout;
    assert_eq!(
        explained
            .matches("  administrative unit Partners  ")
            .count(),
        1,
        "{explained}"
    );
    let over = format!(
        "guests:\n  - mail: {ADA}\n    expires: 2026-01-31\n    administrativeUnits: [Partners]\n"
    );
    repository.write("guests/a.yaml", over);
    tenant.applied(&repository);
    assert!(units(&tenant, ADA).is_empty());
    assert_eq!(units(&tenant, "grace@fabrikam.example"), ["Partners"]);
}

#[test]
fn units_that_follow_a_rule_or_shut_applications_out_are_left_alone() {
    let tenant = Tenant::empty();
    let id = tenant.managed(ADA);
    let vault = json!({ "displayName": "Vault", "isMemberManagementRestricted": true });
    tenant.sandbox.insert_administrative_unit(vault);
    let ruled = json!({ "displayName": "Ruled", "membershipType": "Dynamic", "members": [id] });
    tenant.sandbox.insert_administrative_unit(ruled);
    let repository = with_apps(UNITS, "    administrativeUnits: [Vault, Ruled]\n");
    let applied = tenant.run(&repository, &["apply", "--yes"]).ends(4).stdout;
    let why = "administrative unit Vault / ada@contoso.example: cannot be given: no application may change who is in it";
    assert!(applied.contains(why), "{applied}");
    assert!(!applied.contains("unit Ruled"), "{applied}");
    let over = with_apps(
        UNITS,
        "    administrativeUnits: []\n    expires: 2026-01-31\n",
    );
    let over = tenant.run(&over, &["apply", "--yes"]).ends(0).stdout;
    assert!(
        over.contains("keeps administrative unit Ruled: its members follow a rule"),
        "{over}"
    );
}

#[test]
fn who_approved_a_name_did_not_approve_what_takes_it_later() {
    let tenant = Tenant::empty();
    tenant.managed(ADA);
    let (app, _) = ledger(&tenant, "Ledger");
    let repository = with_apps(ALLOWED, "    appRoles: [{app: Ledger, role: Reader}]\n");
    let plan = repository.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    tenant.run(&repository, &["plan", "--out", plan]).ends(0);
    tenant
        .sandbox
        .rename_service_principal(&app, "Ledger (old)");
    ledger(&tenant, "Ledger");
    let applied = tenant
        .run(&repository, &["apply", plan, "--yes"])
        .ends(4)
        .stdout;
    assert!(
        applied.contains("what is there differs from what was approved"),
        "{applied}"
    );
    assert!(app_roles(&tenant, ADA).is_empty());
}
