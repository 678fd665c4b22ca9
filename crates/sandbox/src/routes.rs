//! The routes: path, the application permissions of which one is enough, and who answers.

use crate::call::Call;
use crate::error::{GraphError, Outcome};
use crate::http::percent_decode;
use crate::permissions::*;
use crate::{
    apps, audits, collaboration, conditional_access, cross_tenant, deleted, directory, expiration,
    groups, invitations, licenses, mail, members, roles, settings, sponsors, units, users,
};

/// One row of the table.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) any_of: &'static [&'static str],
    pub(crate) run: fn(&mut Call<'_>) -> Outcome,
}

/// Lets a row be a line.
macro_rules! routes {
    ($($method:ident $path:literal $any_of:ident => $run:path;)*) => {
        &[$(Route { method: stringify!($method), path: $path, any_of: $any_of, run: $run }),*]
    };
}

/// What only the beta version has.
const BETA: &[Route] = routes! {
    GET "/policies/externalIdentitiesPolicy" READ_EXTERNAL_IDENTITIES => collaboration::external_identities;
    PATCH "/policies/externalIdentitiesPolicy" WRITE_EXTERNAL_IDENTITIES => collaboration::update_external_identities;
    GET "/policies/b2bManagementPolicies" READ_B2B => collaboration::b2b_policies;
    POST "/policies/b2bManagementPolicies" WRITE_B2B => collaboration::create_b2b_policy;
    PATCH "/policies/b2bManagementPolicies/{id}" WRITE_B2B => collaboration::update_b2b_policy;
};

/// Every route of both versions; the first that fits is taken.
const ROUTES: &[Route] = routes! {
    GET "/organization" READ_ORGANIZATION => directory::organizations;
    GET "/organization/{id}" READ_ORGANIZATION => directory::organization;
    GET "/domains" READ_DOMAINS => directory::domains;
    GET "/subscribedSkus" READ_SKUS => directory::subscribed_skus;
    POST "/directoryObjects/getByIds" READ_OBJECTS => directory::get_by_ids;
    GET "/policies/authorizationPolicy" READ_POLICY => directory::authorization_policy;
    PATCH "/policies/authorizationPolicy" WRITE_POLICY => directory::set_authorization_policy;
    GET "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email" READ_METHODS => collaboration::email_method;
    PATCH "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email" WRITE_METHODS => collaboration::update_email_method;
    GET "/identity/identityProviders" READ_PROVIDERS => collaboration::identity_providers;
    GET "/directory/federationConfigurations" READ_PROVIDERS => collaboration::federations;
    GET "/auditLogs/directoryAudits" READ_AUDITS => audits::list;
    GET "/auditLogs/directoryAudits/{id}" READ_AUDITS => audits::get;
    GET "/identity/conditionalAccess/policies" READ_CONDITIONAL_ACCESS => conditional_access::policies;
    POST "/identity/conditionalAccess/policies" WRITE_CONDITIONAL_ACCESS => conditional_access::create_policy;
    GET "/identity/conditionalAccess/policies/{id}" READ_CONDITIONAL_ACCESS => conditional_access::policy;
    PATCH "/identity/conditionalAccess/policies/{id}" WRITE_CONDITIONAL_ACCESS => conditional_access::update_policy;
    DELETE "/identity/conditionalAccess/policies/{id}" WRITE_CONDITIONAL_ACCESS => conditional_access::delete_policy;
    GET "/identity/conditionalAccess/deletedItems/policies" READ_CONDITIONAL_ACCESS => conditional_access::deleted_policies;
    GET "/identity/conditionalAccess/namedLocations" READ_CONDITIONAL_ACCESS => conditional_access::locations;
    POST "/identity/conditionalAccess/namedLocations" WRITE_CONDITIONAL_ACCESS => conditional_access::create_location;
    PATCH "/identity/conditionalAccess/namedLocations/{id}" WRITE_CONDITIONAL_ACCESS => conditional_access::update_location;
    GET "/policies/crossTenantAccessPolicy/default" READ_CROSS_TENANT => cross_tenant::default;
    PATCH "/policies/crossTenantAccessPolicy/default" WRITE_CROSS_TENANT => cross_tenant::update_default;
    GET "/policies/crossTenantAccessPolicy/partners" READ_CROSS_TENANT => cross_tenant::partners;
    POST "/policies/crossTenantAccessPolicy/partners" WRITE_CROSS_TENANT => cross_tenant::create_partner;
    PATCH "/policies/crossTenantAccessPolicy/partners/{id}" WRITE_CROSS_TENANT => cross_tenant::update_partner;
    GET "/policies/authenticationStrengthPolicies" READ_STRENGTHS => conditional_access::strengths;
    GET "/identityGovernance/entitlementManagement/subjects" READ_ENTITLEMENTS => directory::subjects;
    GET "/identityGovernance/entitlementManagement/settings" READ_ENTITLEMENTS => directory::entitlement_management_settings;
    GET "/identityGovernance/lifecycleWorkflows/lifecyclePolicies" READ_LIFECYCLE_POLICIES => directory::lifecycle_policies;
    GET "/users" READ_USERS => users::list;
    POST "/users" CREATE_USERS => users::create;
    GET "/users/$count" READ_USERS => users::count;
    GET "/users/{id}" READ_USERS => users::get;
    PATCH "/users/{id}" UPDATE_USERS => users::update;
    DELETE "/users/{id}" DELETE_USERS => deleted::delete_user;
    POST "/users/{id}/assignLicense" WRITE_LICENSES => licenses::assign;
    POST "/users/{id}/revokeSignInSessions" REVOKE => users::revoke_sessions;
    POST "/users/{id}/microsoft.graph.revokeSignInSessions" REVOKE => users::revoke_sessions;
    POST "/users/{id}/sendMail" SEND_MAIL => mail::send;
    POST "/users/{id}/microsoft.graph.sendMail" SEND_MAIL => mail::send;
    GET "/users/{id}/sponsors" READ_SPONSORS => sponsors::list;
    POST "/users/{id}/sponsors/$ref" WRITE_SPONSORS => sponsors::add;
    DELETE "/users/{id}/sponsors/{id}/$ref" WRITE_SPONSORS => sponsors::remove;
    GET "/users/{id}/memberOf" READ_MEMBERSHIPS => users::member_of;
    GET "/users/{id}/memberOf/microsoft.graph.group" READ_MEMBERSHIPS => users::groups_of;
    GET "/users/{id}/transitiveMemberOf" READ_TRANSITIVE => users::transitive_member_of;
    GET "/users/{id}/transitiveMemberOf/microsoft.graph.group" READ_TRANSITIVE => users::transitive_groups_of;
    // Invitations cannot be read back.
    POST "/invitations" INVITE => invitations::create;
    GET "/directory/deletedItems" READ_DELETED => deleted::list_uncast;
    GET "/directory/deletedItems/microsoft.graph.user" READ_DELETED => deleted::list_users;
    GET "/directory/deletedItems/microsoft.graph.group" READ_DELETED_GROUPS => deleted::list_groups;
    GET "/directory/deletedItems/{id}" READ_DELETED => deleted::get;
    DELETE "/directory/deletedItems/{id}" RESTORE => deleted::purge;
    POST "/directory/deletedItems/{id}/restore" RESTORE => deleted::restore;
    GET "/groups" READ_GROUPS => groups::list;
    POST "/groups" CREATE_GROUPS => groups::create;
    GET "/groups/$count" READ_GROUPS => groups::count;
    GET "/groups/{id}" READ_GROUPS => groups::get;
    PATCH "/groups/{id}" UPDATE_GROUPS => groups::update;
    DELETE "/groups/{id}" DELETE_GROUPS => deleted::delete_group;
    GET "/groups/{id}/members" READ_MEMBERS => members::members;
    POST "/groups/{id}/members/$ref" WRITE_MEMBERS => members::add_member;
    GET "/groups/{id}/members/$count" READ_MEMBERS => members::count;
    GET "/groups/{id}/members/microsoft.graph.user" READ_MEMBERS => members::member_users;
    GET "/groups/{id}/members/microsoft.graph.group" READ_MEMBERS => members::member_groups;
    GET "/groups/{id}/members/{id}" READ_MEMBERS => members::member;
    DELETE "/groups/{id}/members/{id}/$ref" WRITE_MEMBERS => members::remove_member;
    GET "/groups/{id}/transitiveMembers" READ_MEMBERS => members::transitive_members;
    GET "/groups/{id}/transitiveMembers/microsoft.graph.user" READ_MEMBERS => members::transitive_member_users;
    GET "/groups/{id}/memberOf" READ_GROUPS => members::group_member_of;
    GET "/groups/{id}/transitiveMemberOf" READ_GROUPS => members::group_transitive_member_of;
    GET "/groups/{id}/owners" READ_OWNERS => members::owners;
    GET "/groups/{id}/owners/microsoft.graph.user" READ_OWNERS => members::owner_users;
    POST "/groups/{id}/owners/$ref" WRITE_OWNERS => members::add_owner;
    DELETE "/groups/{id}/owners/{id}/$ref" WRITE_OWNERS => members::remove_owner;
    POST "/groups/{id}/assignLicense" WRITE_GROUP_LICENSES => licenses::assign_to_group;
    GET "/groups/{id}/groupLifecyclePolicies" READ_DIRECTORY => expiration::of_group;
    GET "/groups/{id}/settings" READ_GROUP_SETTINGS => settings::of_group;
    POST "/groups/{id}/settings" WRITE_GROUP_SETTINGS => settings::create_of_group;
    PATCH "/groups/{id}/settings/{id}" WRITE_GROUP_SETTINGS => settings::update_of_group;
    GET "/groupSettingTemplates" READ_GROUP_SETTINGS => settings::templates;
    GET "/groupSettings" READ_GROUP_SETTINGS => settings::list;
    POST "/groupSettings" WRITE_GROUP_SETTINGS => settings::create;
    PATCH "/groupSettings/{id}" WRITE_GROUP_SETTINGS => settings::update;
    GET "/groupLifecyclePolicies" READ_DIRECTORY => expiration::list;
    POST "/groupLifecyclePolicies" WRITE_DIRECTORY => expiration::create;
    PATCH "/groupLifecyclePolicies/{id}" WRITE_DIRECTORY => expiration::update;
    POST "/groupLifecyclePolicies/{id}/addGroup" WRITE_DIRECTORY => expiration::add_group;
    POST "/groupLifecyclePolicies/{id}/removeGroup" WRITE_DIRECTORY => expiration::remove_group;
    GET "/directory/administrativeUnits" READ_UNITS => units::list;
    GET "/directory/administrativeUnits/{id}/members" READ_UNITS => units::members;
    POST "/directory/administrativeUnits/{id}/members/$ref" WRITE_UNITS => units::add_member;
    DELETE "/directory/administrativeUnits/{id}/members/{id}/$ref" WRITE_UNITS => units::remove_member;
    GET "/servicePrincipals" READ_APPS => apps::list;
    GET "/servicePrincipals/{id}" READ_APPS => apps::get;
    GET "/servicePrincipals/{id}/appRoleAssignedTo" READ_APPS => apps::assigned;
    POST "/servicePrincipals/{id}/appRoleAssignedTo" WRITE_APP_ROLES => apps::assign;
    DELETE "/servicePrincipals/{id}/appRoleAssignedTo/{id}" WRITE_APP_ROLES => apps::unassign;
    GET "/roleManagement/directory/roleAssignments" READ_ROLES => roles::assignments;
    POST "/roleManagement/directory/roleAssignments" WRITE_ROLES => roles::assign;
    GET "/roleManagement/directory/roleAssignments/{id}" READ_ROLES => roles::assignment;
    DELETE "/roleManagement/directory/roleAssignments/{id}" WRITE_ROLES => roles::unassign;
    GET "/roleManagement/directory/roleDefinitions" READ_ROLES => roles::definitions;
    GET "/roleManagement/directory/roleDefinitions/{id}" READ_ROLES => roles::definition;
};

/// Finds the route for a request, and the variable segments of its path.
pub(crate) fn find(method: &str, path: &str, beta: bool) -> Outcome<(&'static Route, Vec<String>)> {
    let segments = segments(path)?;
    let mut known = false;
    let only_beta = if beta { BETA } else { &[] };
    for route in only_beta.iter().chain(ROUTES) {
        let Some(params) = fit(route.path, &segments) else {
            continue;
        };
        if route.method == method {
            return Ok((route, params));
        }
        known = true;
    }
    match known {
        true => Err(GraphError::method_not_allowed()),
        false => Err(GraphError::no_segment(stranger(&segments))),
    }
}

/// Splits a path; a key in brackets becomes a segment of its own.
fn segments(path: &str) -> Outcome<Vec<String>> {
    let trimmed = path.strip_prefix('/').unwrap_or(path);
    let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
    let mut segments = Vec::new();
    for raw in trimmed.split('/') {
        let segment = percent_decode(raw, false)?;
        match segment
            .strip_suffix(')')
            .and_then(|rest| rest.split_once('('))
        {
            Some((set, key)) => {
                segments.push(set.to_owned());
                let quoted = key
                    .strip_prefix('\'')
                    .and_then(|key| key.strip_suffix('\''));
                segments.push(match quoted {
                    Some(id) => id.replace("''", "'"),
                    None => format!("({key})"),
                });
            }
            None => segments.push(segment),
        }
    }
    Ok(segments)
}

fn fit(template: &str, segments: &[String]) -> Option<Vec<String>> {
    let wanted: Vec<&str> = template[1..].split('/').collect();
    if wanted.len() != segments.len() {
        return None;
    }
    let mut params = Vec::new();
    for (wanted, segment) in wanted.iter().zip(segments) {
        if *wanted == "{id}" {
            if segment.is_empty()
                || segment.starts_with('$')
                || segment.starts_with("microsoft.graph.")
            {
                return None;
            }
            params.push(match uuid::Uuid::parse_str(segment) {
                Ok(_) => segment.to_ascii_lowercase(),
                Err(_) => segment.clone(),
            });
        } else if !wanted.eq_ignore_ascii_case(segment) {
            return None;
        }
    }
    Some(params)
}

/// Returns the first segment that leads nowhere.
fn stranger(segments: &[String]) -> &str {
    let fits = |length: usize| {
        ROUTES.iter().any(|route| {
            let start = route
                .path
                .split('/')
                .take(length + 1)
                .collect::<Vec<_>>()
                .join("/");
            fit(&start, &segments[..length]).is_some()
        })
    };
    let at = (1..=segments.len()).find(|length| !fits(*length));
    let at = at.unwrap_or(segments.len()).saturating_sub(1);
    segments.get(at).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(method: &str, path: &str) -> Vec<String> {
        find(method, path, false).unwrap().1
    }

    #[test]
    fn keys_are_found_in_every_form() {
        assert_eq!(params("GET", "/users/a_b%23EXT%23@c"), ["a_b#EXT#@c"]);
        assert_eq!(params("GET", "/users('x')"), ["x"]);
        assert_eq!(
            params("GET", "/groups(uniqueName='a''b')/members"),
            ["(uniqueName='a''b')"]
        );
        assert_eq!(
            params("GET", "/users/A0000001-0000-4000-8000-000000000001"),
            ["a0000001-0000-4000-8000-000000000001"]
        );
    }

    #[test]
    fn a_forgotten_ref_is_refused() {
        let error = find("DELETE", "/groups/1/members/2", false).err().unwrap();
        assert_eq!(error.status, 405);
        assert!(find("DELETE", "/groups/1/members/2/$ref", false).is_ok());
    }

    #[test]
    fn strange_segments_are_named() {
        for (path, segment) in [
            ("/nonsense", "nonsense"),
            ("/users/1/nonsense", "nonsense"),
            ("/users/$nope", "$nope"),
            ("/v1.0/users", "v1.0"),
        ] {
            let error = find("GET", path, true).err().unwrap();
            assert_eq!(error.status, 400);
            assert!(
                error.message.contains(&format!("'{segment}'")),
                "{path}: {}",
                error.message
            );
        }
        let status = |method, path| find(method, path, false).err().unwrap().status;
        assert_eq!(status("GET", "/invitations"), 405);
        assert_eq!(status("PUT", "/users/1"), 405);
    }

    #[test]
    fn what_is_beta_is_nowhere_else() {
        let path = "/policies/externalIdentitiesPolicy";
        assert!(find("GET", path, true).is_ok());
        assert_eq!(find("GET", path, false).err().unwrap().status, 400);
    }
}
