//! Directory roles of guests against a served tenant: given, drifted, ended, taken; shown by every
//! command; and what is said where a permission is missing.

use guestlist_sandbox::Behaviour;
use serde_json::Value;

use crate::harness::{REAL, Repository, Tenant};

const ADA: &str = "ada@contoso.example";

fn repository(roles: &str) -> Repository {
    let guests = format!("guests:\n  - mail: {ADA}\n{roles}");
    Repository::new(&[("guests/a.yaml", &guests), ("policies/tenant.yaml", REAL)])
}

/// Returns the names of the roles that a user holds.
fn roles(tenant: &Tenant, mail: &str) -> Vec<String> {
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
