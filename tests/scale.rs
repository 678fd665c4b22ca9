//! The number of requests grows with pages, not with guests.

use std::fmt::Write;

use guestlist_sandbox::Sandbox;
use serde_json::json;

use crate::harness::{REAL, Repository, STAMP, Tenant};

/// A tenant with `guests` guests in five of `groups` groups each, and a repository that says so.
/// `stamp` is what the guests carry.
fn agreeing(guests: usize, groups: usize, stamp: Option<&str>) -> (Tenant, Repository) {
    let tenant = Tenant::empty();
    let mut members = vec![Vec::new(); groups];
    for guest in 0..guests {
        let mail = format!("g{guest}@contoso.example");
        let id = tenant.sandbox.insert_user(json!({
            "mail": mail, "userType": "Guest", "externalUserState": "Accepted", "displayName": mail,
            "onPremisesExtensionAttributes": { "extensionAttribute15": stamp },
        }));
        for group in of(guest, groups) {
            members[group].push(id.clone());
        }
    }
    for (number, members) in members.into_iter().enumerate() {
        let name = format!("group-{number}");
        tenant.sandbox.insert_group(json!({ "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true, "members": members }));
    }
    (tenant, repository(guests, groups))
}

pub(crate) fn of(guest: usize, groups: usize) -> impl Iterator<Item = usize> {
    (0..5).map(move |n| (guest + n * 7) % groups)
}

fn repository(guests: usize, groups: usize) -> Repository {
    let (guests, policies) = yaml(guests, groups);
    Repository::new(&[
        ("guests/all.yaml", &guests),
        ("policies/all.yaml", &policies),
    ])
}

/// The files that declare these guests and groups.
pub(crate) fn yaml(guests: usize, groups: usize) -> (String, String) {
    let mut yaml = String::from("guests:\n");
    for guest in 0..guests {
        let names: Vec<_> = of(guest, groups)
            .map(|group| format!("group-{group}"))
            .collect();
        writeln!(
            yaml,
            "  - {{mail: g{guest}@contoso.example, groups: [{}]}}",
            names.join(", ")
        )
        .unwrap();
    }
    let mut policies = format!("{REAL}groups:\n");
    for number in 0..groups {
        writeln!(policies, "  - name: group-{number}").unwrap();
    }
    (yaml, policies)
}

/// HTTP requests, a batch counting as one, and those within batches.
fn requests(tenant: &Tenant) -> (usize, usize) {
    let all = tenant.sandbox.requests();
    let graph = all.iter().filter(|request| request.number > 0);
    let (inner, outer): (Vec<_>, Vec<_>) = graph.partition(|request| request.in_batch);
    (outer.len(), inner.len())
}

/// Plans for a thousand guests and holds the number of requests against pages and groups.
#[track_caller]
fn reads_pages(tenant: &Tenant, repository: &Repository, code: i32) {
    let (guests, groups) = (1000_usize, 50);
    tenant
        .run(repository, &["plan", "--detailed-exitcode"])
        .ends(code);
    let (http, inner) = requests(tenant);
    let pages = guests.div_ceil(999);
    assert!(http <= 16, "{http} HTTP requests");
    assert!(
        http + inner <= pages + 2 * groups + 20,
        "{http} HTTP requests with {inner} within batches"
    );
}

#[test]
fn a_plan_for_a_thousand_guests_reads_pages_not_guests() {
    let (tenant, repository) = agreeing(1000, 50, Some(STAMP));
    reads_pages(&tenant, &repository, 0);
}

#[test]
fn a_plan_that_takes_on_a_thousand_guests_reads_pages_not_guests() {
    let (tenant, repository) = agreeing(1000, 50, None);
    reads_pages(&tenant, &repository, 2);
}

#[test]
fn a_plan_for_a_thousand_new_guests_reads_pages_not_guests() {
    let tenant = Tenant::empty();
    reads_pages(&tenant, &repository(1000, 50), 2);
}

#[test]
fn an_apply_for_forty_new_guests_sends_batches() {
    let tenant = Tenant::empty();
    tenant.run(&repository(40, 5), &["apply", "--yes"]).ends(0);
    let (http, inner) = requests(&tenant);
    assert!(
        http <= 40,
        "{http} HTTP requests with {inner} within batches"
    );
}

/// A generated tenant in which everything is as the files say.
fn generated(guests: usize) -> (Tenant, Repository) {
    let sandbox = Sandbox::generated(jiff::Timestamp::now(), guests, 50, 5, Some(STAMP));
    (Tenant::serve(sandbox), repository(guests, 50))
}

#[test]
fn a_plan_for_ten_thousand_guests_reads_them_in_parts() {
    let (tenant, repository) = generated(10_000);
    tenant
        .run(&repository, &["plan", "--detailed-exitcode"])
        .ends(0);
    let (http, inner) = requests(&tenant);
    assert!(
        http <= 52,
        "{http} HTTP requests with {inner} within batches"
    );
}

#[test]
fn one_changed_guest_of_a_thousand_costs_little_more_than_a_plan() {
    let (tenant, repository) = generated(1000);
    let id = tenant.sandbox.find("g7@contoso.example").unwrap();
    tenant.sandbox.edit(&id, json!({ "accountEnabled": false }));
    let (yaml, _) = yaml(1000, 50);
    let mail = "mail: g7@contoso.example,";
    repository.write(
        "guests/all.yaml",
        yaml.replace(mail, &format!("{mail} department: Audit, blocked: false,")),
    );
    tenant.run(&repository, &["plan"]).ends(0);
    tenant.run(&repository, &["apply", "--yes"]).ends(0);
    assert_eq!(tenant.user("g7@contoso.example")["department"], "Audit");
    let (http, inner) = requests(&tenant);
    assert!(
        http <= 22,
        "{http} HTTP requests with {inner} within batches"
    );
}

#[test]
fn a_first_apply_for_a_thousand_guests_joins_its_writes() {
    let tenant = Tenant::empty();
    let repository = repository(1000, 50);
    let (_, policies) = yaml(1000, 50);
    repository.write(
        "policies/all.yaml",
        format!("{policies}limits: {{invitations: {{count: 1000}}}}\n"),
    );
    tenant.run(&repository, &["apply", "--yes"]).ends(0);
    let (http, inner) = requests(&tenant);
    assert!(
        http <= 150,
        "{http} HTTP requests with {inner} within batches"
    );
    let all = tenant.sandbox.requests();
    let writes = all
        .iter()
        .filter(|request| request.in_batch || !request.path.starts_with("/$batch"))
        .filter(|request| request.number > 0 && request.method != "GET");
    let writes = writes.count();
    assert!(writes <= 2500, "{writes} writes");
}
