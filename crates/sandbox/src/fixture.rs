//! Fills in what Graph would have written, for tenants that a test, a seed or a state file
//! describes in few words; and refuses words that mean nothing.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audits;
use crate::check::{self, Purpose};
use crate::conditional_access;
use crate::groups::mail_of;
use crate::guest;
use crate::tenant::{Object, Table, Tenant, has_type, ids, is_dynamic, text};
use crate::time;

/// Keys of a user or group that are links or memories, not properties.
const LINKS: [&str; 4] = ["sponsors", "members", "owners", "held"];

/// Completes a user.
pub(crate) fn user(tenant: &Tenant, user: Object, now: Timestamp) -> Result<Object, String> {
    let mut user = checked("user", user)?;
    let upn = text(&user, "userPrincipalName").to_owned();
    let mail = text(&user, "mail").to_owned();
    if upn.is_empty() && mail.is_empty() {
        return Err("a user needs a mail or a userPrincipalName".into());
    }
    let own = tenant.owns_domain_of(&mail) || (mail.is_empty() && !upn.contains("#EXT#"));
    let guest = match text(&user, "userType") {
        "" => !own || upn.contains("#EXT#"),
        kind => kind == "Guest",
    };
    if guest {
        guest::fill(tenant, &mut user, "Accepted", now);
        return Ok(user);
    }
    let upn = if upn.is_empty() { mail.clone() } else { upn };
    let local = upn.split('@').next().unwrap_or_default().to_owned();
    let identity = json!([{
        "signInType": "userPrincipalName",
        "issuer": tenant.initial_domain(),
        "issuerAssignedId": upn,
    }]);
    let defaults = [
        ("accountEnabled", json!(true)),
        ("createdDateTime", json!(time::stamp(now))),
        ("displayName", json!(local)),
        ("identities", identity),
        ("mailNickname", json!(local)),
        ("userPrincipalName", json!(upn)),
        ("userType", json!("Member")),
    ];
    for (name, value) in defaults {
        user.entry(name).or_insert(value);
    }
    if !mail.is_empty() {
        user.entry("proxyAddresses")
            .or_insert(json!([format!("SMTP:{mail}")]));
    }
    Ok(user)
}

/// Completes a user who was deleted.
pub(crate) fn deleted_user(
    tenant: &Tenant,
    given: Object,
    now: Timestamp,
) -> Result<Object, String> {
    let mut user = user(tenant, given, now)?;
    let prefix = text(&user, "id").replace('-', "");
    let upn = text(&user, "userPrincipalName").to_owned();
    if !upn.starts_with(&prefix) {
        user.insert("userPrincipalName".into(), json!(format!("{prefix}{upn}")));
    }
    user.entry("deletedDateTime")
        .or_insert(json!(time::stamp(now)));
    Ok(user)
}

/// Completes a group.
pub(crate) fn group(tenant: &Tenant, given: Object, now: Timestamp) -> Result<Object, String> {
    let mut group = checked("group", given)?;
    if text(&group, "displayName").is_empty() {
        return Err("a group needs a displayName".into());
    }
    let unified = has_type(&group, "Unified");
    let nickname: String = text(&group, "displayName")
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
        .take(64)
        .collect();
    let defaults = [
        ("createdDateTime", json!(time::stamp(now))),
        ("groupTypes", json!([])),
        ("mailEnabled", json!(unified)),
        ("mailNickname", json!(nickname)),
        ("members", json!([])),
        ("owners", json!([])),
        ("renewedDateTime", json!(time::stamp(now))),
        ("securityEnabled", json!(!unified)),
    ];
    for (name, value) in defaults {
        group.entry(name).or_insert(value);
    }
    if unified {
        let mail = mail_of(tenant, &group);
        group
            .entry("proxyAddresses")
            .or_insert(json!([format!("SMTP:{mail}")]));
        group.entry("mail").or_insert(json!(mail));
        group.entry("visibility").or_insert(json!("Public"));
    }
    if is_dynamic(&group) {
        group
            .entry("membershipRuleProcessingState")
            .or_insert(json!("On"));
        crate::rule::parse(text(&group, "membershipRule")).map_err(|error| error.message)?;
    }
    Ok(group)
}

/// Completes an entry of the audit log; by itself, somebody was invited.
pub(crate) fn audit(_: &Tenant, given: Object, now: Timestamp) -> Result<Object, String> {
    let mut audit = checked("directoryAudit", given)?;
    let defaults = [
        ("activityDateTime", json!(time::stamp(now))),
        ("activityDisplayName", json!(audits::INVITED)),
        ("category", json!("UserManagement")),
        ("initiatedBy", json!({ "user": null, "app": null })),
        ("loggedByService", json!("Invited Users")),
        ("operationType", json!("Add")),
        ("result", json!("success")),
    ];
    for (name, value) in defaults {
        audit.entry(name).or_insert(value);
    }
    Ok(audit)
}

/// Completes a conditional access policy; by itself, it is enabled and for all apps.
pub(crate) fn conditional_access_policy(
    _: &Tenant,
    given: Object,
    now: Timestamp,
) -> Result<Object, String> {
    let mut policy = checked("conditionalAccessPolicy", given)?;
    if text(&policy, "displayName").is_empty() {
        return Err("it has no displayName".to_owned());
    }
    let conditions = json!({
        "applications": { "includeApplications": ["All"] },
        "clientAppTypes": ["all"],
        "users": { "includeUsers": ["All"], "excludeGroups": [] },
    });
    let defaults = [
        ("conditions", conditions),
        ("createdDateTime", json!(time::stamp(now))),
        ("state", json!("enabled")),
    ];
    for (name, value) in defaults {
        policy.entry(name).or_insert(value);
    }
    conditional_access::fill("conditionalAccessPolicy", &mut policy);
    Ok(policy)
}

/// Completes an administrative unit; by itself its members are assigned.
pub(crate) fn administrative_unit(
    _: &Tenant,
    given: Object,
    _: Timestamp,
) -> Result<Object, String> {
    let mut unit = checked("administrativeUnit", given)?;
    if text(&unit, "displayName").is_empty() {
        return Err("it has no displayName".to_owned());
    }
    unit.entry("members").or_insert(json!([]));
    Ok(unit)
}

/// Completes an enterprise application; by itself it has no roles.
pub(crate) fn service_principal(_: &Tenant, given: Object, _: Timestamp) -> Result<Object, String> {
    let mut app = checked("servicePrincipal", given)?;
    if text(&app, "displayName").is_empty() {
        return Err("it has no displayName".to_owned());
    }
    let defaults = [
        ("appId", json!(uuid::Uuid::new_v4().to_string())),
        ("accountEnabled", json!(true)),
        ("appRoles", json!([])),
        ("servicePrincipalType", json!("Application")),
    ];
    for (name, value) in defaults {
        app.entry(name).or_insert(value);
    }
    Ok(app)
}

/// Completes everything in a tenant, and checks that links lead somewhere.
pub(crate) fn complete(tenant: &mut Tenant, now: Timestamp) -> Result<(), String> {
    for (id, given) in Table::clone(&tenant.users) {
        let whole = user(tenant, given, now)?;
        tenant.users.insert(id, whole);
    }
    for (id, given) in tenant.deleted_users.clone() {
        let whole = deleted_user(tenant, given, now)?;
        tenant.deleted_users.insert(id, whole);
    }
    for (id, given) in tenant.groups.clone() {
        let whole = group(tenant, given, now)?;
        tenant.groups.insert(id, whole);
    }
    for (id, given) in tenant.directory_audits.clone() {
        let whole = audit(tenant, given, now)?;
        tenant.directory_audits.insert(id, whole);
    }
    for (id, given) in tenant.conditional_access_policies.clone() {
        let whole = conditional_access_policy(tenant, given, now)?;
        tenant.conditional_access_policies.insert(id, whole);
    }
    for (id, given) in tenant.administrative_units.clone() {
        let whole = administrative_unit(tenant, given, now)?;
        tenant.administrative_units.insert(id, whole);
    }
    for (id, given) in tenant.service_principals.clone() {
        let whole = service_principal(tenant, given, now)?;
        tenant.service_principals.insert(id, whole);
    }
    for object in tenant.users.values().chain(tenant.groups.values()) {
        check_links(tenant, object)?;
    }
    tenant.refresh_dynamic_groups();
    tenant.refresh_group_licenses();
    Ok(())
}

/// Checks that links lead to users and groups that exist.
pub(crate) fn check_links(tenant: &Tenant, object: &Object) -> Result<(), String> {
    for name in ["sponsors", "members", "owners"] {
        for id in ids(object, name) {
            if tenant.directory_object(id).is_none() {
                return Err(format!("{name} names {id}, which does not exist"));
            }
        }
    }
    Ok(())
}

/// Checks properties against the schema, links left aside.
pub(crate) fn check_properties(kind: &str, object: &Object) -> Result<(), String> {
    let mut properties = object.clone();
    for name in LINKS {
        properties.remove(name);
    }
    check::body(kind, &properties, Purpose::Fixture).map_err(|error| error.message)
}

/// Checks properties, and gives an id.
pub(crate) fn checked(kind: &str, mut given: Object) -> Result<Object, String> {
    check_properties(kind, &given)?;
    let id = match given.get("id").and_then(Value::as_str) {
        Some(id) => id.to_ascii_lowercase(),
        None => Uuid::new_v4().to_string(),
    };
    given.insert("id".into(), json!(id));
    Ok(given)
}
