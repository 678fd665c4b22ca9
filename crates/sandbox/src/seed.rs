//! The tenants that exist from the start: an empty one, and the demo with a few people in every
//! state a guest can be in.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tenant::{Object, Table, Tenant, text};
use crate::{cross_tenant, fixture, time};

const TENANT: &str = "7f3a0000-0000-4000-8000-000000000001";
const STAMP: &str = "guestlist owner=sandbox";

/// Returns a tenant with an organization, its domains, one admin, and no guests.
pub(crate) fn empty(now: Timestamp) -> Tenant {
    let mut tenant = Tenant::default();
    complete(&mut tenant, now);
    let grace = "7f3a0000-0000-4000-8000-00000000000a";
    let people = json!([
        {"id": grace, "mail": "grace@fabrikam.example", "displayName": "Grace Hopper",
         "givenName": "Grace", "surname": "Hopper", "createdDateTime": ago(now, 1000)},
    ]);
    add(&mut tenant, now, people, json!([]));
    let id = "7f3a0000-0000-4000-8000-0000000000f1";
    let admin = json!({
        "id": id, "principalId": grace, "directoryScopeId": "/",
        "roleDefinitionId": "62e90394-69f5-4237-9190-012177145e10",
    });
    tenant.role_assignments.insert(id.into(), object(admin));
    tenant
}

/// Gives a tenant what every tenant has.
pub(crate) fn complete(tenant: &mut Tenant, now: Timestamp) {
    let organization = json!({
        "id": TENANT,
        "displayName": "Fabrikam",
        "createdDateTime": ago(now, 2000),
        "tenantType": "AAD",
        "verifiedDomains": [
            {"name": "fabrikam.example", "isDefault": true, "isInitial": false, "type": "Managed", "capabilities": "Email"},
            {"name": "fabrikam.onmicrosoft.example", "isDefault": false, "isInitial": true, "type": "Managed", "capabilities": "Email"},
        ],
    });
    for (name, value) in object(organization) {
        tenant.organization.entry(name).or_insert(value);
    }
    let policy = json!({
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "allowInvitesFrom": "everyone",
        "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
        "allowedToSignUpEmailBasedSubscriptions": true,
        "allowedToUseSSPR": true,
        "allowEmailVerifiedUsersToJoinOrganization": false,
        "blockMsolPowerShell": false,
    });
    for (name, value) in object(policy) {
        tenant.authorization_policy.entry(name).or_insert(value);
    }
    // Graph's own default blocks, and deletes after 30 days; this tenant has turned it off.
    let settings = json!({
        "id": "entitlementManagementSettings",
        "externalUserLifecycleAction": "none",
        "durationUntilExternalUserDeletedAfterBlocked": "P30D",
    });
    for (name, value) in object(settings) {
        let settings = &mut tenant.entitlement_management_settings;
        settings.entry(name).or_insert(value);
    }
    let leaving = json!({
        "id": "externalIdentitiesPolicy",
        "displayName": "External Identities Policy",
        "allowExternalIdentitiesToLeave": true,
        "allowDeletedIdentitiesDataRemoval": false,
    });
    for (name, value) in object(leaving) {
        let policy = &mut tenant.external_identities_policy;
        policy.entry(name).or_insert(value);
    }
    let email = json!({
        "id": "Email",
        "state": "enabled",
        "allowExternalIdToUseEmailOtp": "default",
        "excludeTargets": [],
    });
    for (name, value) in object(email) {
        tenant.email_method.entry(name).or_insert(value);
    }
    for kind in ["AADSignup", "EmailOTP", "MicrosoftAccount"] {
        let id = format!("{kind}-oauth").to_lowercase();
        let provider = json!({ "id": id, "displayName": kind, "identityProviderType": kind });
        let providers = &mut tenant.identity_providers;
        providers.entry(id).or_insert_with(|| object(provider));
    }
    for (name, value) in cross_tenant::service_default() {
        tenant.cross_tenant_default.entry(name).or_insert(value);
    }
    if tenant.role_definitions.is_empty() {
        tenant.role_definitions = embedded(include_str!("../data/roles.json"));
    }
    if tenant.subscribed_skus.is_empty() {
        tenant.subscribed_skus = embedded(include_str!("../data/skus.json"));
    }
}

/// Returns the demo tenant.
pub(crate) fn demo(now: Timestamp) -> Tenant {
    let mut tenant = empty(now);
    let id = |number: u8| format!("7f3a0000-0000-4000-8000-0000000000{number:02x}");
    let (grace, hedy, desk, niels) = (id(0x0a), id(0x0b), id(0x0c), id(0x0d));
    let (mary, joan, emmy, kurt, otto, rosa) =
        (id(0x11), id(0x12), id(0x13), id(0x14), id(0x15), id(0x16));
    let stamp = json!({"extensionAttribute15": STAMP});
    let people = json!([
        {"id": hedy, "mail": "hedy@fabrikam.example", "displayName": "Hedy Lamarr", "createdDateTime": ago(now, 900)},
        {"id": desk, "mail": "audit-desk@fabrikam.example", "displayName": "Audit Desk", "createdDateTime": ago(now, 800)},
        {"id": niels, "mail": "niels@fabrikam.example", "displayName": "Niels Bohr", "accountEnabled": false,
         "createdDateTime": ago(now, 900)},
        {"id": mary, "mail": "mary@contoso.example", "displayName": "Mary Somerville", "sponsors": [grace],
         "createdDateTime": ago(now, 200), "externalUserStateChangeDateTime": ago(now, 199)},
        {"id": joan, "mail": "joan@contoso.example", "displayName": "Joan Clarke", "sponsors": [grace],
         "externalUserState": "PendingAcceptance", "createdDateTime": ago(now, 20),
         "onPremisesExtensionAttributes": stamp},
        {"id": emmy, "mail": "emmy@litware.example", "displayName": "Emmy Noether", "sponsors": [hedy],
         "createdDateTime": ago(now, 300), "externalUserStateChangeDateTime": ago(now, 298),
         "onPremisesExtensionAttributes": stamp},
        {"id": kurt, "mail": "kurt@litware.example", "displayName": "Kurt Goedel", "sponsors": [hedy],
         "createdDateTime": ago(now, 400), "externalUserStateChangeDateTime": ago(now, 400)},
        {"id": otto, "mail": "otto@contoso.example", "displayName": "Otto Hahn", "sponsors": [niels],
         "createdDateTime": ago(now, 250), "externalUserStateChangeDateTime": ago(now, 249),
         "onPremisesExtensionAttributes": stamp},
    ]);
    let groups = json!([
        {"id": id(0x21), "displayName": "audit-readers", "description": "Read access to the audit share",
         "owners": [grace], "members": [mary, emmy], "createdDateTime": ago(now, 500)},
        {"id": id(0x22), "displayName": "audit-uploaders", "description": "Upload to the audit share",
         "owners": [grace], "members": [emmy], "createdDateTime": ago(now, 500)},
        {"id": id(0x23), "displayName": "all-company", "description": "Everybody who works here",
         "owners": [grace], "members": [grace, hedy, desk], "createdDateTime": ago(now, 900)},
    ]);
    add(&mut tenant, now, people, groups);
    let left = json!({
        "id": rosa, "mail": "rosa@litware.example", "displayName": "Rosa Bonheur", "sponsors": [hedy],
        "createdDateTime": ago(now, 150), "deletedDateTime": ago(now, 5),
        "onPremisesExtensionAttributes": stamp,
    });
    let left =
        fixture::deleted_user(&tenant, object(left), now).expect("the demo's people are valid");
    tenant.deleted_users.insert(rosa, left);
    tenant
}

/// Adds people and groups that this file describes.
fn add(tenant: &mut Tenant, now: Timestamp, people: Value, groups: Value) {
    for person in people.as_array().into_iter().flatten() {
        let person = fixture::user(tenant, object(person.clone()), now)
            .expect("the demo's people are valid");
        tenant.users.insert(text(&person, "id").to_owned(), person);
    }
    for group in groups.as_array().into_iter().flatten() {
        let group = fixture::group(tenant, object(group.clone()), now)
            .expect("the demo's groups are valid");
        tenant.groups.insert(text(&group, "id").to_owned(), group);
    }
}

fn ago(now: Timestamp, days: i64) -> String {
    time::stamp(time::days_before(now, days))
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn embedded(text: &str) -> Table {
    let file: Value = serde_json::from_str(text).expect("the embedded data is valid");
    let objects = file["value"].as_array().cloned().unwrap_or_default();
    objects
        .into_iter()
        .map(object)
        .map(|object| (crate::tenant::text(&object, "id").to_owned(), object))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_a_whole_tenant() {
        let now: Timestamp = "2026-11-22T03:00:00Z".parse().unwrap();
        let tenant = demo(now);
        assert_eq!(
            (
                tenant.users.len(),
                tenant.groups.len(),
                tenant.deleted_users.len()
            ),
            (9, 3, 1)
        );
        for object in tenant.users.values().chain(tenant.groups.values()) {
            fixture::check_links(&tenant, object).unwrap();
        }
        let joan = tenant
            .user("joan_contoso.example#EXT#@fabrikam.onmicrosoft.example")
            .unwrap();
        assert_eq!(text(joan, "externalUserState"), "PendingAcceptance");
        assert_eq!(text(joan, "createdDateTime"), "2026-11-02T03:00:00Z");
        let rosa = tenant.deleted_users.values().next().unwrap();
        assert!(
            text(rosa, "userPrincipalName").starts_with("7f3a0000000040008000000000000016rosa_")
        );
    }

    #[test]
    fn a_state_survives_the_round_trip() {
        let tenant = demo(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 9000));
        let state = json!(tenant);
        let mut again: Tenant = serde_json::from_value(state.clone()).unwrap();
        complete(&mut again, Timestamp::UNIX_EPOCH);
        fixture::complete(&mut again, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(json!(again), state);
    }
}
