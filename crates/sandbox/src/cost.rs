//! What a request costs in resource units, as the `x-ms-resource-unit` header says.
//! <https://learn.microsoft.com/graph/throttling-limits>

use crate::http::Request;

/// Returns the resource units of a request, one at least.
pub(crate) fn cost(request: &Request) -> i32 {
    let path = request.path.trim_end_matches('/');
    let last = path
        .rsplit('/')
        .find(|segment| !segment.starts_with("microsoft.graph."));
    let base = match (request.method.as_str(), last.unwrap_or_default()) {
        ("GET", "users" | "memberOf" | "transitiveMemberOf" | "ownedObjects") => 2,
        ("GET", "members" | "subscribedSkus") | ("POST", "getByIds") => 3,
        ("GET", "transitiveMembers") => 5,
        _ => 1,
    };
    let option = |name: &str| {
        request.query.split('&').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key.trim_start_matches("%24").trim_start_matches('$') == name).then_some(value)
        })
    };
    let mut cost = base;
    cost -= i32::from(option("select").is_some());
    cost += i32::from(option("expand").is_some());
    let few = option("top").and_then(|top| top.parse::<u32>().ok());
    cost -= i32::from(few.is_some_and(|top| top < 20));
    cost.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_table() {
        for (path, query, units) in [
            ("/users", "", 2),
            ("/users", "$select=id", 1),
            ("/users", "%24select=id&$expand=sponsors", 2),
            ("/users", "$top=5&$select=id", 1),
            ("/groups/1/transitiveMembers/microsoft.graph.user", "", 5),
            ("/groups/1/members", "$top=999", 3),
            ("/organization", "", 1),
        ] {
            let request = Request {
                method: "GET".into(),
                path: path.into(),
                query: query.into(),
                ..Request::default()
            };
            assert_eq!(cost(&request), units, "{path}?{query}");
        }
    }
}
