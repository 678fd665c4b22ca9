//! Whom an app without a directory role may not touch: holders of roles, and members and owners
//! of role-assignable groups.
//! <https://learn.microsoft.com/graph/api/resources/users#who-can-perform-sensitive-actions>

use crate::call::Call;
use crate::error::{GraphError, Outcome};
use crate::tenant::{Object, Tenant, ids, is_true, text};

/// Roles that give their holders nothing to protect.
const HARMLESS: [&str; 5] = [
    "Directory Readers",
    "Guest Inviter",
    "Message Center Reader",
    "Reports Reader",
    "Usage Summary Reports Reader",
];

/// Properties whose change is a sensitive action.
pub(crate) const SENSITIVE: [&str; 7] = [
    "accountEnabled",
    "businessPhones",
    "mobilePhone",
    "onPremisesImmutableId",
    "otherMails",
    "passwordProfile",
    "userPrincipalName",
];

/// Refuses a write to a member of a restricted management administrative unit.
pub(crate) fn check_restricted(object: &Object) -> Outcome<()> {
    match is_true(object, "isManagementRestricted") {
        true => Err(GraphError::denied()),
        false => Ok(()),
    }
}

/// Refuses a sensitive action on a privileged user.
pub(crate) fn check_sensitive(call: &Call<'_>, user: &str) -> Outcome<()> {
    match is_privileged(call.tenant, user) {
        true => Err(GraphError::denied()),
        false => Ok(()),
    }
}

/// Returns the names of the roles someone holds, directly or through a group.
pub(crate) fn roles<'a>(tenant: &'a Tenant, user: &str) -> Vec<&'a str> {
    let groups = tenant.transitive_groups(user);
    tenant
        .role_assignments
        .values()
        .filter(|one| {
            let principal = text(one, "principalId");
            principal == user || groups.contains(&principal)
        })
        .filter_map(|one| tenant.role_definitions.get(text(one, "roleDefinitionId")))
        .map(|role| text(role, "displayName"))
        .collect()
}

fn is_privileged(tenant: &Tenant, user: &str) -> bool {
    let guarded = tenant.groups.values().any(|group| {
        is_true(group, "isAssignableToRole")
            && ["members", "owners"]
                .iter()
                .any(|link| ids(group, link).any(|one| one == user))
    });
    guarded
        || roles(tenant, user)
            .iter()
            .any(|role| !HARMLESS.contains(role))
}
