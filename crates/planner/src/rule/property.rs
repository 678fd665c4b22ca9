//! The properties that rules may ask for, and what Graph calls them.

use crate::yaml::suggestion;

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
const USER: [(&str, Holds); 35] = [
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
    let is = |known: &str| known == name || known == graph_name(name);
    let listed = USER.iter().find(|(known, _)| is(known));
    let listed = listed.map(|(_, holds)| *holds);
    listed.or_else(|| (ATTRIBUTES.contains(&name) || is_of_an_app(name)).then_some(Holds::Text))
}

/// The extension attributes of on-premises.
pub(super) const ATTRIBUTES: [&str; 15] = [
    "extensionAttribute1",
    "extensionAttribute2",
    "extensionAttribute3",
    "extensionAttribute4",
    "extensionAttribute5",
    "extensionAttribute6",
    "extensionAttribute7",
    "extensionAttribute8",
    "extensionAttribute9",
    "extensionAttribute10",
    "extensionAttribute11",
    "extensionAttribute12",
    "extensionAttribute13",
    "extensionAttribute14",
    "extensionAttribute15",
];

/// Returns what to write for a property that rules do not know: what is spelled like it but for case,
/// what rules call it, or the likeliest.
pub(super) fn instead_of(name: &str) -> String {
    let attribute = ATTRIBUTES
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name));
    let known = || USER.iter().map(|(name, _)| *name);
    let called = known().find(|known| graph_name(known) == name);
    match (called, attribute) {
        (Some(known), _) => format!("rules call it `{known}`"),
        (None, Some(known)) => format!("did you mean `{known}`?"),
        (None, None) => suggestion(name, known()),
    }
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
        // The page writes it both ways.
        "employeehiredate" => "employeeHireDate",
        "mobile" => "mobilePhone",
        "physicalDeliveryOfficeName" => "officeLocation",
        _ => name,
    }
}
