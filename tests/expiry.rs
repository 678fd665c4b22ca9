//! Day boundaries in the tenant's zone, and the whole way out and back, on a moving clock.

use serde_json::json;

use crate::harness::{REAL, Repository, Tenant};

fn repository(zone: &str, expires: &str) -> Repository {
    let tenant = REAL.replace("Europe/Helsinki", zone);
    let policies = format!("{tenant}groups: [{{name: partners}}]\n");
    let guests = format!(
        "guests: [{{mail: bob@contoso.example, expires: {expires}, groups: [partners]}}]\n"
    );
    Repository::new(&[("guests/a.yaml", &guests), ("policies/a.yaml", &policies)])
}

/// A tenant with one guest of ours in the group.
fn tenant() -> Tenant {
    let tenant = Tenant::empty();
    let bob = tenant.managed("bob@contoso.example");
    tenant.sandbox.insert_group(json!({ "displayName": "partners", "mailNickname": "partners", "mailEnabled": false, "securityEnabled": true, "members": [bob] }));
    tenant
}

#[test]
fn a_day_ends_at_midnight_of_the_tenants_zone() {
    let tenant = tenant();
    for (zone, last, over) in [
        (
            "Europe/Helsinki",
            "2027-03-28T20:59:59Z",
            "2027-03-28T21:00:00Z",
        ),
        (
            "America/Los_Angeles",
            "2027-03-29T06:59:59Z",
            "2027-03-29T07:00:00Z",
        ),
    ] {
        let repository = repository(zone, "2027-03-28");
        tenant
            .run(&repository, &["plan", "--detailed-exitcode", "--at", last])
            .ends(0);
        let plan = tenant
            .run(&repository, &["plan", "--detailed-exitcode", "--at", over])
            .ends(2)
            .stdout;
        assert!(plan.contains("accountEnabled  true → false"), "{plan}");
    }
}

#[test]
fn expired_disabled_stripped_deleted_and_restored_when_declared_again() {
    let tenant = tenant();
    let expired = repository("Europe/Helsinki", "2026-01-31");
    tenant.applied(&expired);
    let bob = tenant.user("bob@contoso.example");
    assert_eq!(bob["accountEnabled"], false);
    assert!(tenant.members("partners").is_empty());
    let stamp = bob["onPremisesExtensionAttributes"]["extensionAttribute15"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        stamp.contains("offboarding=20") && stamp.contains("reason=expired"),
        "{stamp}"
    );
    assert!(
        tenant
            .sandbox
            .requests()
            .iter()
            .any(|request| request.path.ends_with("/revokeSignInSessions"))
    );

    // Thirty-one days ago: the grace is over.
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(31 * 24);
    let id = bob["id"].as_str().unwrap();
    let stamp = format!(
        "guestlist owner=partner-access offboarding={} reason=expired",
        then.strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    tenant.sandbox.edit(
        id,
        json!({ "onPremisesExtensionAttributes": { "extensionAttribute15": stamp } }),
    );
    tenant.applied(&expired);
    assert!(
        tenant.sandbox.state()["users"]
            .as_array()
            .unwrap()
            .iter()
            .all(|user| user["id"] != id)
    );

    // Declared again: the same object comes back, enabled, with its membership.
    let again = repository("Europe/Helsinki", "2099-01-31");
    tenant.applied(&again);
    let bob = tenant.user("bob@contoso.example");
    assert_eq!(
        (bob["id"].as_str().unwrap(), &bob["accountEnabled"]),
        (id, &json!(true))
    );
    assert_eq!(tenant.members("partners"), [id]);
    assert_eq!(tenant.mails(), 0, "nobody was invited again");
}

#[test]
fn a_guest_that_left_the_files_is_disabled_and_comes_back_when_declared() {
    let tenant = tenant();
    tenant.managed("eve@contoso.example");
    let repository = repository("UTC", "2099-01-31");
    tenant.applied(&repository);
    assert_eq!(tenant.user("eve@contoso.example")["accountEnabled"], false);
    repository.write("guests/b.yaml", "guests: [{mail: eve@contoso.example}]\n");
    tenant.applied(&repository);
    let eve = tenant.user("eve@contoso.example");
    assert_eq!(eve["accountEnabled"], true);
    assert_eq!(
        eve["onPremisesExtensionAttributes"]["extensionAttribute15"],
        "guestlist owner=partner-access"
    );
}
