//! What a request costs: resource units, as the `x-ms-resource-unit` header says, and whether it
//! is a write. <https://learn.microsoft.com/graph/throttling-limits>

use crate::http::Request;

/// Actions that only read.
const READING: [&str; 6] = [
    "getByIds",
    "getMemberGroups",
    "getMemberObjects",
    "checkMemberGroups",
    "checkMemberObjects",
    "isMemberOf",
];

/// Returns the resource units of a request, one at least. Accounts in customer tenants (B2C)
/// cost more to create; this is none.
pub(crate) fn cost(request: &Request) -> u32 {
    let base = base(&request.method, &request.path);
    let option = |name: &str| {
        request.query.split('&').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key.trim_start_matches("%24").trim_start_matches('$') == name).then_some(value)
        })
    };
    let few = option("top").and_then(|top| top.parse::<u32>().ok());
    let dearer = u32::from(option("expand").is_some());
    let cheaper =
        u32::from(option("select").is_some()) + u32::from(few.is_some_and(|top| top < 20));
    (base + dearer).saturating_sub(cheaper).max(1)
}

fn base(method: &str, path: &str) -> u32 {
    let set = path.trim_start_matches('/').split('/').next();
    match (method, set.unwrap_or_default(), last(path)) {
        ("GET", "servicePrincipals", "appRoleAssignments") => 2,
        (
            "GET",
            _,
            "users"
            | "applications"
            | "extensionProperties"
            | "oauth2PermissionGrants"
            | "memberOf"
            | "transitiveMemberOf"
            | "ownedObjects"
            | "licenseDetails",
        ) => 2,
        ("GET", _, "members" | "subscribedSkus" | "contracts") => 3,
        ("GET", _, "domainNameReferences") => 4,
        ("GET", _, "transitiveMembers") => 5,
        ("POST", _, "getMemberGroups" | "getMemberObjects") => 2,
        ("POST", _, "getByIds") => 3,
        ("POST", _, "checkMemberGroups" | "checkMemberObjects" | "isMemberOf") => 4,
        _ => 1,
    }
}

/// Whether a request counts as a write.
pub(crate) fn is_write(request: &Request) -> bool {
    request.method != "GET" && !READING.contains(&last(&request.path))
}

/// Whether a request is for the service that shares one narrow limit among all applications.
pub(crate) fn is_conditional_access(request: &Request) -> bool {
    let below = |prefix: &str| {
        let start = request.path.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    below("/identity/conditionalAccess/") || below("/identityProtection/")
}

/// Returns the last segment that is no type cast.
fn last(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit('/')
        .find(|segment| !segment.starts_with("microsoft.graph."))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, query: &str) -> Request {
        Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            ..Request::default()
        }
    }

    #[test]
    fn the_documented_table() {
        for (path, query, units) in [
            ("/users", "", 2),
            ("/users", "$select=id", 1),
            ("/users", "%24select=id&$expand=sponsors", 2),
            ("/users", "$top=5&$select=id", 1),
            ("/users/1", "", 1),
            ("/users/1/licenseDetails", "", 2),
            ("/groups/1/transitiveMembers/microsoft.graph.user", "", 5),
            ("/groups/1/members", "$top=999", 3),
            ("/organization", "", 1),
            ("/contracts", "", 3),
            ("/domains/1/domainNameReferences", "", 4),
            ("/servicePrincipals/1/appRoleAssignments", "", 2),
            ("/users/1/appRoleAssignments", "", 1),
        ] {
            assert_eq!(cost(&request("GET", path, query)), units, "{path}?{query}");
        }
    }

    #[test]
    fn actions_that_read_are_no_writes() {
        for (method, path, units, write) in [
            ("POST", "/directoryObjects/getByIds", 3, false),
            ("POST", "/users/1/getMemberGroups", 2, false),
            ("POST", "/users/1/checkMemberObjects", 4, false),
            ("POST", "/invitations", 1, true),
            ("DELETE", "/groups/1/members/2/$ref", 1, true),
            ("GET", "/groups", 1, false),
        ] {
            let request = request(method, path, "");
            assert_eq!((cost(&request), is_write(&request)), (units, write));
        }
    }
}
