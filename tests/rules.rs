//! Dynamic groups against a tenant that follows their rules.

use guestlist_sandbox::{Act, Behaviour, Elsewhere, Fault, When};
use serde_json::{Value, json};

use crate::harness::{REAL, Repository, Tenant};

const GUESTS: &str = "guests: [{mail: ada@contoso.example, companyName: Contoso}, {mail: bob@contoso.example, companyName: Litware}]\n";

fn ruled(rule: &str) -> String {
    format!("{REAL}groups: [{{name: partners, membershipRule: '{rule}'}}]\n")
}

/// A tenant where ada is in and bob is out.
fn applied() -> (Tenant, Repository) {
    let tenant = Tenant::empty();
    let policies = ruled(r#"user.companyName -eq "Contoso" and user.userType -eq "Guest""#);
    let repository = Repository::new(&[("guests/a.yaml", GUESTS), ("policies/a.yaml", &policies)]);
    let told = tenant.applied(&repository).stdout;
    assert!(told.contains("comes into dynamic group partners"), "{told}");
    assert_eq!(
        tenant.members("partners"),
        [id(&tenant, "ada@contoso.example")]
    );
    (tenant, repository)
}

fn id(tenant: &Tenant, mail: &str) -> String {
    tenant.sandbox.find(mail).unwrap()
}

fn group(tenant: &Tenant) -> Value {
    let state = tenant.sandbox.state();
    let mut groups = state["groups"].as_array().unwrap().iter();
    let group = groups.find(|group| group["displayName"] == "partners");
    group.unwrap().clone()
}

#[test]
fn a_rule_changes_and_a_guest_falls_out() {
    let (tenant, repository) = applied();
    repository.write(
        "policies/a.yaml",
        ruled(r#"user.companyName -eq "Litware" and user.userType -eq "Guest""#),
    );
    let told = tenant.applied(&repository).stdout;
    for said in [
        "falls out: ada@contoso.example",
        "comes in: bob@contoso.example",
    ] {
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(
        tenant.members("partners"),
        [id(&tenant, "bob@contoso.example")]
    );
}

#[test]
fn an_edited_property_leads_out_of_a_group_and_counts_as_a_removal() {
    let (tenant, repository) = applied();
    repository.write(
        "guests/a.yaml",
        GUESTS.replace("companyName: Contoso", "companyName: Other"),
    );
    let refused = tenant
        .run(&repository, &["apply", "--yes", "--allow-removals", "0"])
        .ends(3);
    assert!(
        refused
            .stdout
            .contains("falls out of dynamic group partners"),
        "{}",
        refused.stdout
    );
    tenant.applied(&repository);
    assert_eq!(tenant.members("partners"), [""; 0]);
}

#[test]
fn a_rule_that_somebody_else_changed_meanwhile_is_left_alone() {
    let (tenant, repository) = applied();
    repository.write(
        "policies/a.yaml",
        ruled(r#"user.companyName -eq "Litware" and user.userType -eq "Guest""#),
    );
    let path = format!("/groups/{}", group(&tenant)["id"].as_str().unwrap());
    let theirs = "user.department -eq \"Theirs\"";
    let change = Elsewhere::new("PATCH", &path, Some(json!({ "membershipRule": theirs })));
    tenant.sandbox.behave(Behaviour {
        faults: vec![Fault {
            // The plan has read the members; the next look is right before the change.
            when: When::Matching {
                method: Some("GET".to_owned()),
                path,
            },
            skip: 1,
            times: 1,
            act: Act::Meanwhile(vec![change]),
        }],
        ..Behaviour::default()
    });
    let told = tenant.run(&repository, &["apply", "--yes"]).ends(4);
    let said = "the rule or the members of the group changed since the plan was made";
    assert!(told.stdout.contains(said), "{}{}", told.stdout, told.stderr);
    assert_eq!(group(&tenant)["membershipRule"], theirs);
}

#[test]
fn a_guest_comes_into_no_group_that_conditional_access_excludes() {
    let tenant = Tenant::empty();
    let group = tenant
        .sandbox
        .insert_group(json!({ "displayName": "exceptions" }));
    tenant.sandbox.insert_conditional_access_policy(json!({
        "displayName": "MFA for all",
        "conditions": {
            "applications": { "includeApplications": ["All"] }, "clientAppTypes": ["all"],
            "users": { "includeUsers": ["All"], "excludeGroups": [group] },
        },
    }));
    let guests = "guests: [{mail: ada@contoso.example, groups: [exceptions]}]";
    let policies = format!("{REAL}groups: [{{name: exceptions}}]\n");
    let repository = Repository::new(&[("guests/a.yaml", guests), ("policies/a.yaml", &policies)]);
    let told = tenant.run(&repository, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        told.contains("which conditional access excludes (MFA for all)"),
        "{told}"
    );
    assert_eq!(tenant.members("exceptions"), [""; 0]);
    repository.write(
        "policies/b.yaml",
        "requirements: {excluded: [exceptions]}\n",
    );
    tenant.applied(&repository);
    assert_eq!(tenant.members("exceptions").len(), 1);
}
