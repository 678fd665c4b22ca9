//! The properties that rules may ask for, and what Graph calls them.

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Flag,
    Text,
    Texts,
    Instant,
    /// Service plans, by these fields.
    Plans,
    /// Groups, by their id.
    Groups,
}

/// The fields of an assigned plan.
pub(super) const PLAN: [&str; 3] = ["capabilityStatus", "service", "servicePlanId"];

/// What rules may ask of a user, in the order of Entra's page.
pub(super) const USER: [(&str, Holds); 35] = [
    ("accountEnabled", Holds::Flag),
    ("dirSyncEnabled", Holds::Flag),
    ("employeeHireDate", Holds::Instant),
    ("city", Holds::Text),
    ("country", Holds::Text),
    ("companyName", Holds::Text),
    ("department", Holds::Text),
    ("displayName", Holds::Text),
    ("employeeId", Holds::Text),
    ("facsimileTelephoneNumber", Holds::Text),
    ("givenName", Holds::Text),
    ("jobTitle", Holds::Text),
    ("mail", Holds::Text),
    ("mailNickName", Holds::Text),
    // The page writes it both ways.
    ("mailNickname", Holds::Text),
    ("memberOf", Holds::Groups),
    ("mobile", Holds::Text),
    ("objectId", Holds::Text),
    ("onPremisesDistinguishedName", Holds::Text),
    ("onPremisesSecurityIdentifier", Holds::Text),
    ("passwordPolicies", Holds::Text),
    ("physicalDeliveryOfficeName", Holds::Text),
    ("postalCode", Holds::Text),
    ("preferredLanguage", Holds::Text),
    ("sipProxyAddress", Holds::Text),
    ("state", Holds::Text),
    ("streetAddress", Holds::Text),
    ("surname", Holds::Text),
    ("telephoneNumber", Holds::Text),
    ("usageLocation", Holds::Text),
    ("userPrincipalName", Holds::Text),
    ("userType", Holds::Text),
    ("otherMails", Holds::Texts),
    ("proxyAddresses", Holds::Texts),
    ("assignedPlans", Holds::Plans),
];

/// Returns what a property of a user holds; none if rules know no such property. Names are compared
/// with their case.
pub(super) fn of_a_user(name: &str) -> Option<Holds> {
    let listed = USER.iter().find(|(known, _)| *known == name);
    let extension = name
        .strip_prefix("extensionAttribute")
        .is_some_and(|number| {
            let number = number.parse::<u8>().ok().filter(|n| (1..=15).contains(n));
            number.is_some_and(|n| name.ends_with(&format!("e{n}")))
        });
    let listed = listed.map(|(_, holds)| *holds);
    listed.or_else(|| (extension || is_of_an_app(name)).then_some(Holds::Text))
}

/// Returns whether this is `extension_{app id without dashes}_{name}`.
fn is_of_an_app(name: &str) -> bool {
    let rest = name.strip_prefix("extension_");
    rest.and_then(|rest| rest.split_once('_'))
        .is_some_and(|(app, name)| {
            app.len() == 32 && app.chars().all(|c| c.is_ascii_hexdigit()) && !name.is_empty()
        })
}

/// Returns what Graph calls a property that rules call otherwise.
pub(super) fn graph_name(name: &str) -> &str {
    match name {
        "mobile" => "mobilePhone",
        "physicalDeliveryOfficeName" => "officeLocation",
        _ => name,
    }
}
