//! Whether a change of a conditional access policy asks less, or asks it of fewer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ENABLED, Properties, STRENGTH, TYPES, state};

/// Multifactor authentication, whatever its strength.
const MFA: (&str, &str) = ("grantControls.builtInControls", "mfa");

/// The strengths that are multifactor authentication in every tenant, by name and by id; what another is, its
/// tenant decides. Source: "Conditional Access authentication strength", Entra.
const STRENGTHS: [&str; 6] = [
    "Multifactor authentication",
    "Passwordless MFA",
    "Phishing-resistant MFA",
    "00000000-0000-0000-0000-000000000002",
    "00000000-0000-0000-0000-000000000003",
    "00000000-0000-0000-0000-000000000004",
];

/// Returns whether a policy protects less after a change; nothing is left of it after a deletion. Only one
/// in force protects. What cannot be compared counts as less.
pub(super) fn is_weaker(before: &Properties, after: Option<&Properties>) -> bool {
    if state(before) != Some(ENABLED) {
        return false;
    }
    let Some(after) = after.filter(|after| state(after) == Some(ENABLED)) else {
        return true;
    };
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let of = |block: &str| {
        let paths = paths.iter().filter(|path| path.starts_with(block));
        paths
            .map(|path| Difference {
                path,
                was: before.get(*path),
                is: after.get(*path),
            })
            .filter(|it| it.was != it.is)
            .collect::<Vec<_>>()
    };
    let everybody = texts(after.get("conditions.users.includeUsers")).contains("All");
    let included = |name: &str| format!("conditions.users.includeGuestsOrExternalUsers.{name}");
    // Whoever was not meant before is meant of more tenants, or fewer, without loss.
    let new_guests = !before.contains_key(&included(TYPES));
    let of_all_tenants =
        after.get(&included("externalTenants.membershipKind")) == Some(&json!("all"));
    let some = |it: &&Difference<'_>| {
        let about_guests = it.path.starts_with(&included(""));
        let is_void = new_guests || of_all_tenants && it.leaf() == "members";
        !(everybody && it.includes_accounts() || about_guests && is_void)
    };
    let conditions = of("conditions.");
    let less = conditions.iter().filter(some).any(Difference::means_fewer)
        || of("sessionControls.")
            .iter()
            .any(Difference::ends_session_control);
    less || hours(after) > hours(before) || asks_less(before, after)
}

/// A property that differs.
struct Difference<'a> {
    path: &'a str,
    was: Option<&'a Value>,
    is: Option<&'a Value>,
}

impl Difference<'_> {
    fn leaf(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// Returns whether this is about whose accounts are included.
    fn includes_accounts(&self) -> bool {
        let lists = ["includeUsers", "includeGroups", "includeRoles"];
        self.path.starts_with("conditions.users.") && lists.contains(&self.leaf())
    }

    /// Returns whether a condition is met by fewer people, apps or places.
    fn means_fewer(&self) -> bool {
        let (then, now) = (texts(self.was), texts(self.is));
        let is_all = |texts: &BTreeSet<&str>| texts.contains("All") || texts.contains("all");
        if self.path.contains(".exclude") {
            return !is_all(&then) && !then.is_superset(&now);
        }
        let narrows = !is_all(&now) && !now.is_superset(&then);
        match self.leaf() {
            "@odata.type" => false,
            // Where it is not said, guests of all tenants are meant.
            "membershipKind" => self.is.is_some_and(|kind| *kind != json!("all")),
            "members"
            | "includeUsers"
            | "includeGroups"
            | "includeRoles"
            | "includeApplications"
            | TYPES => narrows,
            // A target that no file can say.
            _ if self.path.starts_with("conditions.applications.") => true,
            _ if self.path.starts_with("conditions.users.") => true,
            // Without a condition it holds for everything.
            _ => self.is.is_some() && (self.was.is_none() || narrows),
        }
    }

    /// Returns whether something that was asked of a session is asked no more, or otherwise.
    fn ends_session_control(&self) -> bool {
        let (was, is) = (
            self.was.and_then(Value::as_str),
            self.is.and_then(Value::as_str),
        );
        match self.leaf() {
            "authenticationType" => is == Some("secondaryAuthentication"),
            // Compared as a time.
            _ if self.path.contains(".signInFrequency.") => false,
            // Otherwise people are asked whether to stay signed in.
            "mode" if self.path.contains(".persistentBrowser.") => {
                was == Some("never") || is == Some("always")
            }
            _ => self.was.is_some_and(|was| *was != json!(false)),
        }
    }
}

/// Returns whether somebody gets in now who did not before: with all that is asked, or with any of it.
fn asks_less(before: &Properties, after: &Properties) -> bool {
    let (mut then, now) = (asked(before), asked(after));
    let is_mfa = |(path, what): &&(&str, &str)| *path == STRENGTH && STRENGTHS.contains(what);
    if let Some(strength) = now.iter().find(is_mfa) {
        let as_strength = |asked| if asked == MFA { *strength } else { asked };
        then = then.into_iter().map(as_strength).collect();
    }
    let any = |policy: &Properties, asked: &BTreeSet<_>| {
        asked.len() > 1 && policy.get("grantControls.operator") != Some(&json!("AND"))
    };
    let is_enough = match (any(before, &then), any(after, &now)) {
        _ if now.iter().any(|(_, what)| *what == "block") => true,
        (false, false) => now.is_superset(&then),
        (false, true) => then.is_empty(),
        (true, false) => !now.is_disjoint(&then),
        (true, true) => then.is_superset(&now),
    };
    !is_enough
}

/// Returns all that a policy asks before somebody gets in, with where it stands.
fn asked(policy: &Properties) -> BTreeSet<(&str, &str)> {
    let grants = policy
        .iter()
        .filter(|(path, _)| path.starts_with("grantControls.") && !path.ends_with(".operator"));
    grants
        .flat_map(|(path, value)| {
            texts(Some(value))
                .into_iter()
                .map(|what| (path.as_str(), what))
        })
        .collect()
}

/// Returns after how many hours somebody signs in again: never, if that is not said.
fn hours(policy: &Properties) -> u64 {
    let said = |name: &str| policy.get(&format!("sessionControls.signInFrequency.{name}"));
    if said("isEnabled") == Some(&json!(false)) {
        return u64::MAX;
    }
    if said("frequencyInterval") == Some(&json!("everyTime")) {
        return 0;
    }
    let value = said("value").and_then(Value::as_u64);
    let days = said("type") == Some(&json!("days"));
    let hours = |value: u64| value.saturating_mul(if days { 24 } else { 1 });
    value.map_or(u64::MAX, hours)
}

/// Returns the texts of a list, or of a text that lists some.
fn texts(value: Option<&Value>) -> BTreeSet<&str> {
    match value {
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy in force, and what a row of the table changes in it.
    fn policy(changes: &[(&str, Value)]) -> Properties {
        let mut policy = Properties::from([
            (path("state"), json!("enabled")),
            (path("conditions.users.includeGroups"), json!(["g"])),
            (path("conditions.users.excludeUsers"), json!(["u"])),
            (
                path("conditions.applications.includeApplications"),
                json!(["a", "b"]),
            ),
            (path("grantControls.operator"), json!("OR")),
            (path("grantControls.builtInControls"), json!(["mfa"])),
            (path("sessionControls.signInFrequency.value"), json!(12)),
            (path("sessionControls.signInFrequency.type"), json!("hours")),
            (
                path("sessionControls.persistentBrowser.mode"),
                json!("never"),
            ),
        ]);
        for (name, value) in changes {
            match value {
                Value::Null => drop(policy.remove(*name)),
                value => drop(policy.insert(path(name), value.clone())),
            }
        }
        policy
    }

    fn path(name: &str) -> String {
        name.to_owned()
    }

    /// What a change is, whether it is weaker, and what a policy says before and after it.
    type Row<'a> = (
        &'a str,
        bool,
        &'a [(&'a str, Value)],
        &'a [(&'a str, Value)],
    );

    #[test]
    fn what_asks_less_or_of_fewer_is_weaker() {
        let guests = "conditions.users.includeGuestsOrExternalUsers";
        let types = format!("{guests}.{TYPES}");
        let (kind, members) = (
            format!("{guests}.externalTenants.membershipKind"),
            format!("{guests}.externalTenants.members"),
        );
        let rows: &[Row<'_>] = &[
            ("nothing", false, &[], &[]),
            ("off", true, &[], &[("state", json!("disabled"))]),
            (
                "a state of the future",
                true,
                &[],
                &[("state", json!("sometimes"))],
            ),
            (
                "off before",
                false,
                &[("state", json!("disabled"))],
                &[("grantControls.builtInControls", Value::Null)],
            ),
            (
                "a group more",
                false,
                &[],
                &[("conditions.users.includeGroups", json!(["g", "h"]))],
            ),
            (
                "a group less",
                true,
                &[("conditions.users.includeGroups", json!(["g", "h"]))],
                &[],
            ),
            (
                "everybody",
                false,
                &[],
                &[
                    ("conditions.users.includeGroups", Value::Null),
                    ("conditions.users.includeUsers", json!(["All"])),
                ],
            ),
            (
                "no more everybody",
                true,
                &[("conditions.users.includeUsers", json!(["All"]))],
                &[("conditions.users.includeUsers", json!(["x"]))],
            ),
            (
                "one left out",
                true,
                &[],
                &[("conditions.users.excludeUsers", json!(["u", "v"]))],
            ),
            (
                "one left out no more",
                false,
                &[],
                &[("conditions.users.excludeUsers", Value::Null)],
            ),
            (
                "a role left out",
                true,
                &[],
                &[("conditions.users.excludeRoles", json!(["r"]))],
            ),
            (
                "an application less",
                true,
                &[],
                &[("conditions.applications.includeApplications", json!(["a"]))],
            ),
            (
                "all applications",
                false,
                &[],
                &[(
                    "conditions.applications.includeApplications",
                    json!(["All"]),
                )],
            ),
            (
                "an application left out",
                true,
                &[],
                &[("conditions.applications.excludeApplications", json!(["a"]))],
            ),
            (
                "a type of guests less",
                true,
                &[(&types, json!("a,b"))],
                &[(&types, json!("a"))],
            ),
            (
                "a type of guests more",
                false,
                &[(&types, json!("a"))],
                &[(&types, json!("a,b"))],
            ),
            (
                "some tenants",
                true,
                &[(&types, json!("a")), (&kind, json!("all"))],
                &[
                    (&types, json!("a")),
                    (&kind, json!("enumerated")),
                    (&members, json!(["t"])),
                ],
            ),
            (
                "some tenants, where none were said",
                true,
                &[(&types, json!("a"))],
                &[
                    (&types, json!("a")),
                    (&kind, json!("enumerated")),
                    (&members, json!(["t"])),
                ],
            ),
            (
                "guests of some tenants, too",
                false,
                &[],
                &[
                    (&types, json!("a")),
                    (&kind, json!("enumerated")),
                    (&members, json!(["t"])),
                ],
            ),
            (
                "no tenant at all",
                true,
                &[
                    (&types, json!("a")),
                    (&kind, json!("enumerated")),
                    (&members, json!(["t"])),
                ],
                &[(&types, json!("a")), (&kind, json!("enumerated"))],
            ),
            (
                "all tenants",
                false,
                &[
                    (&types, json!("a")),
                    (&kind, json!("enumerated")),
                    (&members, json!(["t"])),
                ],
                &[(&types, json!("a")), (&kind, json!("all"))],
            ),
            (
                "a tenant less",
                true,
                &[(&types, json!("a")), (&members, json!(["t", "s"]))],
                &[(&types, json!("a")), (&members, json!(["t"]))],
            ),
            (
                "a tenant left out",
                true,
                &[],
                &[(
                    "conditions.users.excludeGuestsOrExternalUsers.externalTenants.members",
                    json!(["t"]),
                )],
            ),
            (
                "places",
                true,
                &[],
                &[("conditions.locations.includeLocations", json!(["p"]))],
            ),
            (
                "places no more",
                false,
                &[("conditions.locations.includeLocations", json!(["p"]))],
                &[],
            ),
            (
                "a condition of the future",
                true,
                &[],
                &[("conditions.new.thing", json!(1))],
            ),
            (
                "a client less",
                true,
                &[("conditions.clientAppTypes", json!(["all"]))],
                &[("conditions.clientAppTypes", json!(["browser"]))],
            ),
            (
                "one more to choose from",
                true,
                &[],
                &[(
                    "grantControls.builtInControls",
                    json!(["mfa", "compliantDevice"]),
                )],
            ),
            (
                "one more, both",
                false,
                &[],
                &[
                    (
                        "grantControls.builtInControls",
                        json!(["mfa", "compliantDevice"]),
                    ),
                    ("grantControls.operator", json!("AND")),
                ],
            ),
            (
                "another control",
                true,
                &[],
                &[("grantControls.builtInControls", json!(["compliantDevice"]))],
            ),
            (
                "block",
                false,
                &[],
                &[("grantControls.builtInControls", json!(["block"]))],
            ),
            (
                "block no more",
                true,
                &[("grantControls.builtInControls", json!(["block"]))],
                &[],
            ),
            (
                "a strength for mfa",
                false,
                &[],
                &[
                    ("grantControls.builtInControls", Value::Null),
                    (STRENGTH, json!("Passwordless MFA")),
                ],
            ),
            (
                "a strength that the tenant made for mfa",
                true,
                &[],
                &[
                    ("grantControls.builtInControls", Value::Null),
                    (STRENGTH, json!("s")),
                ],
            ),
            (
                "a strength or a device for mfa",
                true,
                &[],
                &[
                    ("grantControls.builtInControls", json!(["compliantDevice"])),
                    (STRENGTH, json!("Passwordless MFA")),
                ],
            ),
            (
                "a strength for mfa or a device",
                false,
                &[(
                    "grantControls.builtInControls",
                    json!(["mfa", "compliantDevice"]),
                )],
                &[
                    ("grantControls.builtInControls", Value::Null),
                    (STRENGTH, json!("Passwordless MFA")),
                ],
            ),
            (
                "a target that no file can say is gone",
                true,
                &[("conditions.applications.includeUserActions", json!(["x"]))],
                &[],
            ),
            (
                "mfa for a strength",
                true,
                &[
                    ("grantControls.builtInControls", Value::Null),
                    (STRENGTH, json!("s")),
                ],
                &[],
            ),
            (
                "another strength",
                true,
                &[(STRENGTH, json!("s"))],
                &[(STRENGTH, json!("t"))],
            ),
            (
                "rarer",
                true,
                &[],
                &[("sessionControls.signInFrequency.value", json!(13))],
            ),
            (
                "in days",
                true,
                &[],
                &[("sessionControls.signInFrequency.type", json!("days"))],
            ),
            (
                "more often",
                false,
                &[],
                &[("sessionControls.signInFrequency.value", json!(1))],
            ),
            (
                "a frequency in other words",
                false,
                &[],
                &[(
                    "sessionControls.signInFrequency.frequencyInterval",
                    json!("timeBased"),
                )],
            ),
            (
                "a frequency more",
                false,
                &[
                    ("sessionControls.signInFrequency.value", Value::Null),
                    ("sessionControls.signInFrequency.type", Value::Null),
                ],
                &[(
                    "sessionControls.signInFrequency.frequencyInterval",
                    json!("timeBased"),
                )],
            ),
            (
                "a frequency that is off",
                true,
                &[],
                &[("sessionControls.signInFrequency.isEnabled", json!(false))],
            ),
            (
                "the second factor only",
                true,
                &[],
                &[(
                    "sessionControls.signInFrequency.authenticationType",
                    json!("secondaryAuthentication"),
                )],
            ),
            (
                "browsers that stay signed in",
                true,
                &[("sessionControls.persistentBrowser.mode", Value::Null)],
                &[("sessionControls.persistentBrowser.mode", json!("always"))],
            ),
            (
                "browsers that stay signed in no more",
                false,
                &[("sessionControls.persistentBrowser.mode", json!("always"))],
                &[],
            ),
            (
                "a session control less",
                true,
                &[],
                &[("sessionControls.persistentBrowser.mode", Value::Null)],
            ),
            (
                "a session control more",
                false,
                &[],
                &[("sessionControls.cloudAppSecurity.isEnabled", json!(true))],
            ),
            (
                "a session control off",
                true,
                &[("sessionControls.cloudAppSecurity.isEnabled", json!(true))],
                &[("sessionControls.cloudAppSecurity.isEnabled", json!(false))],
            ),
        ];
        for (what, weaker, before, after) in rows {
            let found = is_weaker(&policy(before), Some(&policy(after)));
            assert_eq!(found, *weaker, "{what}");
        }
        assert!(is_weaker(&policy(&[]), None));
    }
}
