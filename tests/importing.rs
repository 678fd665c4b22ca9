//! Starting on a tenant that is there already: import, then a plan that only takes people on.

use guestlist_sandbox::Behaviour;
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
    let plain = guest(
        &tenant,
        "plain@contoso.example",
        json!({ "jobTitle": "- x", "department": "2026-01-01" }),
    );
    tenant.sandbox.assign_role(&ada, "Directory Readers");
    tenant.sandbox.assign_role(&plain, "User Administrator");
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
        "note: 1 left out, the account has no address: nobody@fabrikam.example",
        "another group has the name",
        "note: 1 imported without directory role User Administrator, which policies let no file give: plain@contoso.example",
        "characters that cannot be seen",
    ] {
        assert!(told.contains(note), "{note} is not in\n{told}");
    }
    let file = std::fs::read_to_string(repository.path().join("guests/contoso.example.yaml"));
    assert!(
        file.unwrap()
            .contains("\n    directoryRoles: [Directory Readers]\n")
    );
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
        dry.contains("1 guest and 0 groups would be written.") && !second.exists(),
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
    assert!(without.contains("Nothing was imported."), "{without}");
    assert!(!without.contains("imported without"), "{without}");
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

/// A tenant whose guests have no sponsor, but for one, and what its audit log says of them.
fn unsponsored() -> Tenant {
    let tenant = Tenant::empty();
    let grace = tenant.sandbox.find("grace@fabrikam.example").unwrap();
    let gone = tenant
        .sandbox
        .insert_user(json!({ "mail": "gone@fabrikam.example" }));
    let member = |mail: &str, enabled: bool| {
        let user = json!({ "mail": mail, "displayName": mail, "accountEnabled": enabled });
        tenant.sandbox.insert_user(user)
    };
    let (niels, hedy) = (
        member("niels@fabrikam.example", false),
        member("hedy@fabrikam.example", true),
    );
    let invited = |mail: &str, by: Value, result: &str| {
        let id = guest(&tenant, mail, json!({}));
        tenant.sandbox.insert_audit(json!({
            "initiatedBy": by, "result": result, "targetResources": [{ "id": id, "type": "User" }],
        }));
        id
    };
    let user = |id: &str| json!({ "user": { "id": id }, "app": null });
    let ada = invited("ada@contoso.example", user(&grace), "success");
    invited("by-a-guest@contoso.example", user(&ada), "success");
    invited(
        "by-an-app@contoso.example",
        json!({ "app": { "appId": grace } }),
        "success",
    );
    invited("by-a-leaver@contoso.example", user(&gone), "success");
    invited("by-niels@contoso.example", user(&niels), "success");
    invited("not-really@contoso.example", user(&hedy), "failure");
    guest(
        &tenant,
        "vouched@contoso.example",
        json!({ "sponsors": [hedy] }),
    );
    tenant.sandbox.delete(&gone);
    tenant
}

fn asked_for_audits(tenant: &Tenant) -> usize {
    let audits = |request: &guestlist_sandbox::Received| request.path.contains("/auditLogs/");
    tenant
        .sandbox
        .requests()
        .iter()
        .filter(|it| audits(it))
        .count()
}

#[test]
fn inviters_who_can_vouch_are_proposed_where_there_is_no_sponsor() {
    let (tenant, repository) = (unsponsored(), repository(""));
    let told = tenant.run(&repository, &["import", "--inviters"]).ends(0);
    assert_eq!(asked_for_audits(&tenant), 1);
    assert!(
        told.stdout.contains(
            "\nnote: 5 without sponsor, of whom the audit log names no inviter who is here"
        ),
        "{}",
        told.stdout
    );
    let text =
        std::fs::read_to_string(repository.path().join("guests/contoso.example.yaml")).unwrap();
    let sponsors: Vec<_> = text
        .lines()
        .filter(|line| line.contains("sponsors:"))
        .collect();
    assert_eq!(
        sponsors,
        [
            "    sponsors: [grace@fabrikam.example]  # inviter, by the audit log",
            "    sponsors: [hedy@fabrikam.example]",
        ]
    );
    let plan = tenant.run(&repository, &["plan"]).ends(0).stdout;
    assert!(
        plan.contains("+ sponsor ada@contoso.example / grace@fabrikam.example")
            && plan.contains("\n1 to create, 7 to change, 0 to delete."),
        "{plan}"
    );
    tenant.applied(&repository);
}

#[test]
fn the_audit_log_is_read_only_where_it_is_wanted_and_needed() {
    let (tenant, repository) = (unsponsored(), repository(""));
    let dry = ["import", "--dry-run"];
    let told = tenant.run(&repository, &dry).ends(0).stdout;
    assert!(
        told.contains("\nnote: 6 without sponsor: `--inviters` looks up who invited them\n"),
        "{told}"
    );
    let sponsored = Tenant::empty();
    let grace = sponsored.sandbox.find("grace@fabrikam.example").unwrap();
    guest(
        &sponsored,
        "ada@contoso.example",
        json!({ "sponsors": [grace] }),
    );
    let told = sponsored.run(&repository, &["import", "--dry-run", "--inviters"]);
    assert!(!told.ends(0).stdout.contains("without sponsor"));
    assert_eq!(
        (asked_for_audits(&tenant), asked_for_audits(&sponsored)),
        (0, 0)
    );
}

#[test]
fn without_permission_for_the_audit_log_import_says_so_and_goes_on() {
    let (tenant, repository) = (unsponsored(), repository(""));
    let granted = [
        "User.Read.All",
        "Organization.Read.All",
        "Group.Read.All",
        "GroupMember.Read.All",
    ];
    tenant.sandbox.behave(Behaviour {
        permissions: Some(granted.map(str::to_owned).into()),
        ..Behaviour::default()
    });
    let told = tenant.run(&repository, &["import", "--inviters"]).ends(0);
    let said = "the audit log could not be read (AuditLog.Read.All): who invited whom is not known";
    assert_eq!(told.stderr.matches(said).count(), 1, "{}", told.stderr);
    assert!(
        told.stdout.contains("7 guests and 0 groups were written."),
        "{}",
        told.stdout
    );
    tenant.run(&repository, &["validate"]).ends(0);
}

#[test]
fn whoever_is_on_the_way_out_is_not_brought_back() {
    let tenant = Tenant::empty();
    let repository = repository("");
    tenant.managed("kept@contoso.example");
    tenant.managed("gone@contoso.example");
    let guests = "guests:\n  - mail: kept@contoso.example\n";
    repository.write("guests/a.yaml", guests);
    tenant.run(&repository, &["apply", "--yes"]).ends(0);
    let ran = tenant
        .run(&repository, &["import", "--expires", "+30d"])
        .ends(0);
    assert!(
        ran.stdout
            .contains("1 left out, their access is being ended"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.ends_with("Nothing to import.\n"),
        "{}",
        ran.stdout
    );
    tenant
        .run(&repository, &["plan", "--detailed-exitcode"])
        .ends(0);
}

#[test]
fn what_a_plan_would_refuse_is_not_imported() {
    let tenant = Tenant::empty();
    let repository = repository("");
    let other = guest(
        &tenant,
        "one@contoso.example",
        json!({ "otherMails": ["two@contoso.example"] }),
    );
    guest(&tenant, "two@contoso.example", json!({}));
    guest(
        &tenant,
        "three@contoso.example",
        json!({ "sponsors": [other] }),
    );
    let over = tenant
        .run(&repository, &["import", "--expires", "2020-01-01"])
        .ends(1);
    assert!(over.stderr.contains("that day is over"), "{}", over.stderr);
    let ran = tenant.run(&repository, &["import"]).ends(0);
    assert!(
        ran.stdout
            .contains("2 left out, more than one account answers to an address of theirs"),
        "{}",
        ran.stdout
    );
    let planned = tenant.run(&repository, &["plan"]).ends(0);
    assert!(
        planned
            .stdout
            .contains("0 to create, 1 to change, 0 to delete."),
        "{}",
        planned.stdout
    );
    assert!(!planned.stdout.contains("error:"), "{}", planned.stdout);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_that_leads_out() {
    let tenant = Tenant::empty();
    let repository = repository("");
    guest(&tenant, "ada@contoso.example", json!({}));
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), repository.path().join("guests")).unwrap();
    tenant.run(&repository, &["import"]).ends(1);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_group_is_not_declared_for_guests_who_are_left_out() {
    let tenant = Tenant::empty();
    let repository = repository("requirements: {expires: {within: 365d}}\n");
    let ada = guest(&tenant, "ada@contoso.example", json!({}));
    group(&tenant, "readers", &[&ada]);
    let ran = tenant.run(&repository, &["import"]).ends(0);
    assert!(
        ran.stdout.ends_with("Nothing was imported.\n"),
        "{}",
        ran.stdout
    );
    assert!(!repository.path().join("policies/groups.yaml").exists());
}

#[test]
fn groups_that_vouch_are_named_where_only_one_has_the_name() {
    let tenant = Tenant::empty();
    let repository = repository("");
    let grace = tenant.sandbox.find("grace@fabrikam.example").unwrap();
    let vouching = |name: &str| {
        let group = json!({ "displayName": name, "mailNickname": "g", "mailEnabled": false, "securityEnabled": true });
        tenant.sandbox.insert_group(group)
    };
    let (desk, twin) = (vouching("Audit desk"), vouching("twin"));
    vouching("Twin");
    let sponsored = |mail: &str, by: [&String; 2]| {
        guest(&tenant, mail, json!({ "sponsors": by }));
    };
    sponsored("ada@contoso.example", [&grace, &desk]);
    sponsored("bob@contoso.example", [&grace, &twin]);
    let told = tenant.run(&repository, &["import"]).ends(0).stdout;
    let note = "note: 1 imported without `sponsors`, not all of which a file can name: bob@contoso.example\n";
    assert!(told.contains(note), "{told}");
    let file = repository.path().join("guests/contoso.example.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let sponsors: Vec<_> = text.lines().filter(|it| it.contains("sponsors:")).collect();
    assert_eq!(sponsors.len(), 1, "{text}");
    for name in ["grace@fabrikam.example", "Audit desk"] {
        assert!(sponsors[0].contains(name), "{text}");
    }
    let plan = tenant.run(&repository, &["plan"]).ends(0).stdout;
    assert!(
        plan.contains("0 to create, 2 to change, 0 to delete.") && !plan.contains("error:"),
        "{plan}"
    );
    tenant.applied(&repository);
}

#[test]
fn whoever_is_left_out_for_one_reason_stands_on_one_line() {
    let tenant = Tenant::empty();
    for n in 0..6 {
        guest(&tenant, &format!("plus+{n}@contoso.example"), json!({}));
    }
    let told = tenant.run(&repository(""), &["import"]).ends(0).stdout;
    let line = "note: 6 left out, their address cannot stand in a file: Graph refuses the character '+': plus+0@contoso.example, plus+1@contoso.example, plus+2@contoso.example and 3 more\n";
    assert!(told.contains(line), "{told}");
    assert!(told.ends_with("\nNothing was imported.\n"), "{told}");
}
