//! Dynamic groups against a tenant that follows their rules.

use guestlist_planner::kinds::guest::user::User;
use guestlist_planner::rule::{Person, Truth, parse};
use guestlist_sandbox::{Act, Behaviour, Elsewhere, Fault, Sandbox, When};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::faults::now;
use crate::harness::{REAL, Repository, Tenant};
use crate::random::check;

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

/// A random rule, of what the tenant evaluates and a snapshot holds.
fn rules() -> impl Strategy<Value = String> {
    let property = prop::sample::select(vec![
        "city",
        "companyName",
        "department",
        "userType",
        "mobile",
        "extensionAttribute1",
    ]);
    let value = prop::sample::select(vec!["Guest", "member", "Oslo", "os", "Contoso", ""]);
    let operator = prop::sample::select(vec![
        "-eq",
        "-ne",
        "eq",
        "-startsWith",
        "-notStartsWith",
        "-endsWith",
        "-notEndsWith",
        "-contains",
        "-notContains",
    ]);
    let single = (property.clone(), operator, value.clone())
        .prop_map(|(property, operator, value)| format!("user.{property} {operator} \"{value}\""));
    let null = (property.clone(), prop::sample::select(vec!["-eq", "-ne"]))
        .prop_map(|(property, operator)| format!("user.{property} {operator} null"));
    let list = (property, any::<bool>(), prop::collection::vec(value, 1..4)).prop_map(
        |(property, negated, values)| {
            let operator = if negated { "-notIn" } else { "-in" };
            format!("user.{property} {operator} [\"{}\"]", values.join("\", \""))
        },
    );
    let flag = any::<bool>().prop_map(|flag| format!("user.accountEnabled -eq {flag}"));
    prop_oneof![single, null, list, flag].prop_recursive(4, 12, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            (parts, any::<bool>()).prop_map(|(parts, all)| parts.join(if all {
                " -and "
            } else {
                " -or "
            })),
            inner.clone().prop_map(|part| format!("-not ({part})")),
            inner.prop_map(|part| format!("({part})")),
        ]
    })
}

#[test]
fn the_preview_says_what_the_tenant_does() {
    let sandbox = Sandbox::empty(now());
    let people: Vec<_> = (0..24_usize)
        .map(|n| {
            let pick = |options: [Value; 3], place: usize| options[(n / place) % 3].clone();
            let user = json!({
                "mail": format!("p{n}@contoso.example"), "displayName": format!("p{n}"),
                "userType": if n % 2 == 0 { "Guest" } else { "Member" }, "accountEnabled": n % 3 != 0,
                "city": pick([json!("Oslo"), json!("OSLO"), Value::Null], 1),
                "companyName": pick([json!("Contoso"), Value::Null, json!("os")], 3),
                "department": pick([Value::Null, json!("Guest"), json!("x")], 2),
                "onPremisesExtensionAttributes": { "extensionAttribute1": pick([json!("os"), Value::Null, json!("Member")], 4) },
            });
            let id = sandbox.insert_user(user);
            let users = &sandbox.state()["users"];
            let user = users.as_array().unwrap().iter().find(|user| user["id"] == id.as_str()).unwrap().clone();
            (id, User::decode(&user).unwrap())
        })
        .collect();
    check(150, &rules(), |rule| {
        let group = sandbox.insert_group(json!({
            "displayName": "g", "groupTypes": ["DynamicMembership"], "membershipRule": rule,
        }));
        let state = sandbox.state();
        let mut groups = state["groups"].as_array().unwrap().iter();
        let members = &groups.find(|it| it["id"] == group.as_str()).unwrap()["members"];
        let read = parse(&rule).unwrap();
        for (id, user) in &people {
            let person = Person::seen(user);
            let is_member = members
                .as_array()
                .is_some_and(|all| all.contains(&json!(id)));
            let expected = if is_member { Truth::Yes } else { Truth::No };
            assert_eq!(read.takes(&person), expected, "{rule}: {person:?}");
        }
    });
}
