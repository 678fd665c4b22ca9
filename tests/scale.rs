//! The number of requests grows with pages, not with guests.

use std::fmt::Write;

use serde_json::json;

use crate::harness::{REAL, Repository, STAMP, Tenant};

/// A tenant and a repository that agree: `guests` guests in five of `groups` groups each.
fn agreeing(guests: usize, groups: usize) -> (Tenant, Repository) {
    let tenant = Tenant::empty();
    let mut members = vec![Vec::new(); groups];
    let mut yaml = String::from("guests:\n");
    for guest in 0..guests {
        let mail = format!("g{guest}@contoso.example");
        let id = tenant.sandbox.insert_user(json!({
            "mail": mail, "userType": "Guest", "externalUserState": "Accepted", "displayName": mail,
            "onPremisesExtensionAttributes": { "extensionAttribute15": STAMP },
        }));
        let mine: Vec<_> = (0..5).map(|n| (guest + n * 7) % groups).collect();
        mine.iter()
            .for_each(|group| members[*group].push(id.clone()));
        let names: Vec<_> = mine.iter().map(|group| format!("group-{group}")).collect();
        writeln!(yaml, "  - {{mail: {mail}, groups: [{}]}}", names.join(", ")).unwrap();
    }
    let mut policies = format!("{REAL}groups:\n");
    for (number, members) in members.into_iter().enumerate() {
        let name = format!("group-{number}");
        tenant.sandbox.insert_group(json!({ "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true, "members": members }));
        writeln!(policies, "  - name: {name}").unwrap();
    }
    (
        tenant,
        Repository::new(&[("guests/all.yaml", &yaml), ("policies/all.yaml", &policies)]),
    )
}

/// HTTP requests, a batch counting as one, and those within batches.
fn requests(tenant: &Tenant) -> (usize, usize) {
    let all = tenant.sandbox.requests();
    let graph = all.iter().filter(|request| request.number > 0);
    let (inner, outer): (Vec<_>, Vec<_>) = graph.partition(|request| request.in_batch);
    (outer.len(), inner.len())
}

#[test]
fn a_plan_for_a_thousand_guests_reads_pages_not_guests() {
    let (guests, groups) = (1000, 50);
    let (tenant, repository) = agreeing(guests, groups);
    tenant
        .run(&repository, &["plan", "--detailed-exitcode"])
        .ends(0);
    let (http, inner) = requests(&tenant);
    let pages = guests.div_ceil(999);
    assert!(http <= 16, "{http} HTTP requests");
    assert!(
        http + inner <= pages + 2 * groups + 20,
        "{http} HTTP requests with {inner} within batches"
    );
}
