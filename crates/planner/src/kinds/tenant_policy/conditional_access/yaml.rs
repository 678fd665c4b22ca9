//! A conditional access policy of the tenant as it would stand in a file.

use serde_json::{Value, json};

use super::{REPORT_ONLY, STRENGTH, TERMS, TYPES, state};
use crate::kinds::tenant_policy::Properties;
use crate::kinds::tenant_policy::flat::yaml;
use crate::yaml::scalar;

/// Returns a policy as it would stand in a file, if it is about guests.
pub(super) fn written(name: &str, properties: &Properties) -> Option<String> {
    let list = |path: &str| properties.get(path).map_or_else(|| "[]".to_owned(), yaml);
    let text = |path: &str| properties.get(path).and_then(Value::as_str);
    let guests = |key: &str| {
        text(&format!(
            "conditions.users.{key}GuestsOrExternalUsers.{TYPES}"
        ))
    };
    guests("include")?;
    let whom = |key: &str| {
        let users = format!("conditions.users.{key}");
        let mut parts = Vec::new();
        if let Some(types) = guests(key) {
            parts.push(format!("guests: [{}]", types.replace(',', ", ")));
        }
        let members = format!("{users}GuestsOrExternalUsers.externalTenants.members");
        let lists = [
            ("tenants", members),
            ("groups", format!("{users}Groups")),
            ("users", format!("{users}Users")),
            ("roles", format!("{users}Roles")),
        ];
        for (key, path) in lists {
            parts.extend(
                properties
                    .get(&path)
                    .map(|list| format!("{key}: {}", yaml(list))),
            );
        }
        (!parts.is_empty()).then(|| format!("    {key}: {{{}}}\n", parts.join(", ")))
    };
    let state = match state(properties)? {
        REPORT_ONLY => "reportOnly",
        other => other,
    };
    let mut out = format!("  - name: {}\n    state: {state}\n", scalar(name));
    out += &whom("include")?;
    out += &whom("exclude").unwrap_or_default();
    let (include, exclude) = (
        "conditions.applications.includeApplications",
        "conditions.applications.excludeApplications",
    );
    out += &format!(
        "    applications: {{include: {}, exclude: {}}}\n",
        list(include),
        list(exclude)
    );
    for key in ["clientAppTypes", "signInRiskLevels", "userRiskLevels"] {
        let value = properties.get(&format!("conditions.{key}"));
        out += &value
            .map(|value| format!("    {key}: {}\n", yaml(value)))
            .unwrap_or_default();
    }
    for (key, part) in [("locations", "Locations"), ("platforms", "Platforms")] {
        let [include, exclude] =
            ["include", "exclude"].map(|side| format!("conditions.{key}.{side}{part}"));
        if properties.contains_key(&include) || properties.contains_key(&exclude) {
            out += &format!(
                "    {key}: {{include: {}, exclude: {}}}\n",
                list(&include),
                list(&exclude)
            );
        }
    }
    out += &granted(properties).unwrap_or_default();
    out += &kept(properties).unwrap_or_default();
    Some(out)
}

fn granted(properties: &Properties) -> Option<String> {
    let operator = properties.get("grantControls.operator")?.as_str()?;
    let controls = properties.get("grantControls.builtInControls");
    let controls = controls.map(|list| format!("controls: {}", yaml(list)));
    let strength = properties
        .get(STRENGTH)
        .map(|name| format!("authenticationStrength: {}", yaml(name)));
    let terms = properties.get(TERMS).and_then(Value::as_array).map(|ids| {
        let ids = ids.iter().filter_map(Value::as_str);
        let named: Vec<_> = ids
            .enumerate()
            .map(|(index, id)| format!("Terms {}: {id}", index + 1))
            .collect();
        format!("termsOfUse: {{{}}}", named.join(", "))
    });
    let operator = Some(format!("operator: {operator}"));
    let parts: Vec<_> = [operator, controls, strength, terms]
        .into_iter()
        .flatten()
        .collect();
    Some(format!("    grant: {{{}}}\n", parts.join(", ")))
}

fn kept(properties: &Properties) -> Option<String> {
    let of = |path: &str| properties.get(&format!("sessionControls.{path}"));
    let is_on = |control: &str| of(&format!("{control}.isEnabled")) == Some(&json!(true));
    let mut parts = Vec::new();
    if is_on("signInFrequency") {
        let every = of("signInFrequency.frequencyInterval") == Some(&json!("everyTime"));
        let unit = if of("signInFrequency.type") == Some(&json!("days")) {
            "d"
        } else {
            "h"
        };
        parts.push(match of("signInFrequency.value") {
            Some(value) if !every => format!("signInFrequency: {value}{unit}"),
            _ => "signInFrequency: everyTime".to_owned(),
        });
    }
    let modes = [
        ("persistentBrowser", of("persistentBrowser.mode")),
        (
            "cloudAppSecurity",
            of("cloudAppSecurity.cloudAppSecurityType"),
        ),
        ("disableResilienceDefaults", of("disableResilienceDefaults")),
    ];
    parts.extend(
        modes
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}: {}", yaml(value?)))),
    );
    if is_on("applicationEnforcedRestrictions") {
        parts.push("applicationEnforcedRestrictions: true".to_owned());
    }
    (!parts.is_empty()).then(|| format!("    session: {{{}}}\n", parts.join(", ")))
}
