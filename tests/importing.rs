//! Starting on a tenant that is there already: import, then a plan that only takes people on.

use serde_json::{Value, json};

use crate::harness::{REAL, Repository, Tenant};

const HOSTILE: &str = "::set-env name=X::y '\"` # - [a]: {b} | @all \u{202e}\n<script>";

fn guest(tenant: &Tenant, mail: &str, more: Value) -> String {
    let mut user = json!({
        "mail": mail, "displayName": mail, "userType": "Guest", "externalUserState": "Accepted",
        "createdDateTime": "2025-01-01T00:00:00Z",
    });
    for (name, value) in more.as_object().unwrap() {
        user[name] = value.clone();
    }
    tenant.sandbox.insert_user(user)
}

fn group(tenant: &Tenant, name: &str, members: &[&String]) {
    tenant.sandbox.insert_group(json!({ "displayName": name, "mailNickname": "g", "mailEnabled": false, "securityEnabled": true, "members": members }));
}

fn repository(more: &str) -> Repository {
    Repository::new(&[("policies/tenant.yaml", &format!("{REAL}{more}"))])
}

fn tenant() -> Tenant {
    let tenant = Tenant::empty();
    let ada = guest(
        &tenant,
        "Ada@contoso.example",
        json!({ "displayName": "Ada: #1 \"Countess\"" }),
    );
    let odd = guest(
        &tenant,
        "o'neil@litware.example",
        json!({ "displayName": HOSTILE, "companyName": "yes" }),
    );
    guest(
        &tenant,
        "plain@contoso.example",
        json!({ "jobTitle": "- x", "department": "2026-01-01" }),
    );
    guest(
        &tenant,
        "synced@contoso.example",
        json!({ "onPremisesSyncEnabled": true }),
    );
    guest(
        &tenant,
        "theirs@contoso.example",
        json!({ "onPremisesExtensionAttributes": { "extensionAttribute15": "guestlist owner=others" } }),
    );
    guest(&tenant, "bob@contoso.example", json!({}));
    guest(
        &tenant,
        "alias@contoso.example",
        json!({ "mail": null, "otherMails": [], "userPrincipalName": "nobody@fabrikam.example" }),
    );
    group(&tenant, "Readers: all", &[&ada, &odd]);
    group(&tenant, HOSTILE, &[&ada]);
    group(&tenant, "twin", &[&ada]);
    group(&tenant, "Twin", &[&odd]);
    tenant
}

#[test]
fn what_is_there_becomes_files_after_which_a_plan_only_stamps() {
    let (tenant, repository) = (tenant(), repository(""));
    let told = tenant.run(
        &repository,
        &["import", "--expires", "+90d", "--spread", "3"],
    );
    let told = told.ends(0).stdout;
    assert!(
        told.contains("\n4 guests and 2 groups were written."),
        "{told}"
    );
    for note in [
        "note: 1 left out, the account is synchronised from on-premises: synced@contoso.example",
        "note: 1 left out, the attribute of the stamp holds something else: theirs@contoso.example",
        "another group has the name",
        "characters that cannot be seen",
    ] {
        assert!(told.contains(note), "{note} is not in\n{told}");
    }
    tenant.run(&repository, &["validate"]).ends(0);
    let plan = tenant
        .run(&repository, &["plan", "--format", "json"])
        .ends(0)
        .stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 4, "{plan:#}");
    for step in steps {
        let (mut before, mut after) = (
            step["change"]["before"].clone(),
            step["change"]["after"].clone(),
        );
        assert_eq!(after["stamp"], "guestlist owner=partner-access");
        (before["stamp"], after["stamp"]) = (Value::Null, Value::Null);
        assert_eq!(before, after);
    }
    assert!(
        plan["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["severity"] != "error"),
        "{plan:#}"
    );
    tenant.run(&repository, &["apply", "--yes"]).ends(0);
    tenant
        .run(&repository, &["plan", "--detailed-exitcode"])
        .ends(0);
}

#[test]
fn importing_again_adds_what_is_new_and_touches_no_file() {
    let (tenant, repository) = (tenant(), repository(""));
    tenant.run(&repository, &["import"]).ends(0);
    let path = repository.path().join("guests/contoso.example.yaml");
    let mut edited = std::fs::read_to_string(&path).unwrap();
    edited += "  # ours by now\n";
    std::fs::write(&path, &edited).unwrap();
    let again = tenant.run(&repository, &["import"]).ends(0).stdout;
    assert!(again.ends_with("Nothing to import.\n"), "{again}");
    guest(&tenant, "late@contoso.example", json!({}));
    let dry = tenant
        .run(&repository, &["import", "--dry-run"])
        .ends(0)
        .stdout;
    let second = repository.path().join("guests/contoso.example.2.yaml");
    assert!(
        dry.contains("1 guests and 0 groups would be written.") && !second.exists(),
        "{dry}"
    );
    tenant.run(&repository, &["import"]).ends(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), edited);
    assert!(
        std::fs::read_to_string(&second)
            .unwrap()
            .contains("late@contoso.example")
    );
    tenant.run(&repository, &["validate"]).ends(0);
}

#[test]
fn who_does_not_meet_the_rules_is_left_out_by_name() {
    let tenant = tenant();
    let rules = "requirements: {domains: {block: [litware.example]}, expires: {within: 30d}}\n";
    let repository = repository(rules);
    let told = tenant.run(
        &repository,
        &["import", "--expires", "+10d", "--spread", "9"],
    );
    let told = told.ends(0).stdout;
    assert!(
        told.contains("o'neil@litware.example") && told.contains("2 guests and"),
        "{told}"
    );
    let without = tenant
        .run(&repository, &["import", "--dry-run"])
        .ends(0)
        .stdout;
    assert!(without.contains("Nothing to import."), "{without}");
}

#[test]
fn files_can_follow_sponsors_or_groups() {
    let (tenant, repository) = (tenant(), repository(""));
    let told = tenant
        .run(&repository, &["import", "--by", "group", "--dry-run"])
        .ends(0)
        .stdout;
    assert!(
        told.contains("guests/readers--all.yaml\n") && told.contains("guests/others.yaml\n"),
        "{told}"
    );
    let told = tenant
        .run(&repository, &["import", "--by", "sponsor", "--dry-run"])
        .ends(0)
        .stdout;
    assert!(
        told.starts_with("policies/groups.yaml\nguests/others.yaml\n"),
        "{told}"
    );
}
