//! `crossTenantAccess:` whose people may come as guests, where ours may go, and what of another tenant's
//! sign-in is trusted: for all tenants, and for some.
//! Sources: "crossTenantAccessPolicyConfigurationDefault resource type",
//! "crossTenantAccessPolicyConfigurationPartner resource type", Graph v1.0.

mod written;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::written::Written;
use super::flat::{differing, flat, laid_over, nested, yaml};
use super::reference::is_id;
use super::{Declared, Premium, Properties, Section, Takes, Terms};
use crate::kinds::Stage;
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::yaml::Node;

pub(super) struct CrossTenantAccess;

const ROOT: &str = "/policies/crossTenantAccessPolicy";
const TENANT: &str = "tenantId";
/// What plans call what holds for all tenants.
const DEFAULT: &str = "default";
const TRUST: &str = "inboundTrust";
const CONSENT: &str = "automaticUserConsentSettings";
/// With whom people redeem; only of all tenants together. As files have it, first comes first: not a set.
const REDEMPTION: &str = "invitationRedemptionIdentityProviderConfiguration";
const ORDER: &str = "primaryIdentityProviderPrecedenceOrder";

/// Who may come from elsewhere and go there, each with Graph's name.
const DIRECTIONS: [&str; 4] = [
    "b2bCollaborationInbound",
    "b2bCollaborationOutbound",
    "b2bDirectConnectInbound",
    "b2bDirectConnectOutbound",
];

/// Returns targets as Graph has them.
fn body(mut whole: Value) -> Value {
    for name in DIRECTIONS {
        for part in ["usersAndGroups", "applications"] {
            let Some(targets) = whole.pointer_mut(&format!("/{name}/{part}/targets")) else {
                continue;
            };
            let texts = targets
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            let pairs = texts.filter_map(|text| text.split_once(' '));
            *targets = pairs
                .map(|(kind, target)| json!({ "target": target, "targetType": kind }))
                .collect();
        }
    }
    if let Some(order) = whole.pointer_mut(&format!("/{REDEMPTION}/{ORDER}")) {
        let names = order.as_str().unwrap_or_default();
        *order = names.split(", ").collect();
    }
    whole
}

/// Returns whether a change opens what was closed, or trusts what was not.
fn opens(before: &Properties, after: &Properties) -> bool {
    let is_on = |value: &Value| *value == json!(true);
    let trusts = |(path, value): (&String, &Value)| is_on(value) && before.get(path) != Some(value);
    let parts = DIRECTIONS
        .iter()
        .flat_map(|name| ["usersAndGroups", "applications"].map(|part| format!("{name}.{part}")));
    let mut parts = parts.map(|part| (Access::of(before, &part), Access::of(after, &part)));
    after.iter().any(trusts) || parts.any(|(was, is)| was != is && !is.is_within(&was))
}

/// Who may, or to what.
#[derive(PartialEq, Eq)]
struct Access<'a> {
    /// Whether those named may, or all others; nothing where that is inherited.
    allows: Option<bool>,
    named: BTreeSet<&'a str>,
}

impl<'a> Access<'a> {
    fn of(properties: &'a Properties, part: &str) -> Self {
        let get = |name: &str| properties.get(&format!("{part}.{name}"));
        let named = get("targets").and_then(Value::as_array).into_iter();
        Self {
            allows: get("accessType").map(|access| *access == json!("allowed")),
            named: named.flatten().filter_map(Value::as_str).collect(),
        }
    }

    fn names_all(&self) -> bool {
        self.named.iter().any(|target| target.contains(" All"))
    }

    /// Returns whether nobody may who did not before, as far as that can be told.
    fn is_within(&self, before: &Self) -> bool {
        match (before.allows, self.allows) {
            (_, Some(false)) if self.names_all() => true,
            (Some(true), Some(_)) if before.names_all() => true,
            (Some(true), Some(true)) => before.named.is_superset(&self.named),
            (Some(false), Some(false)) => self.named.is_superset(&before.named),
            _ => false,
        }
    }
}

/// Returns who may come or go, as YAML.
fn direction(name: &str, properties: &Properties) -> Option<String> {
    let get = |path: &str| properties.get(&format!("{name}.{path}"));
    let of = |path: &str, kind: &str| {
        let texts = get(path).and_then(Value::as_array).into_iter().flatten();
        let pairs = texts.filter_map(|text| text.as_str()?.split_once(' '));
        let targets: Vec<_> = pairs
            .filter(|(it, _)| *it == kind)
            .map(|(_, target)| target)
            .collect();
        yaml(&json!(targets))
    };
    let (who, what) = (
        get("usersAndGroups.accessType")?,
        get("applications.accessType")?,
    );
    Some(format!(
        "    {name}:\n      usersAndGroups: {{accessType: {}, users: {}, groups: {}}}\n      applications: {{accessType: {}, applications: {}}}\n",
        yaml(who),
        of("usersAndGroups.targets", "user"),
        of("usersAndGroups.targets", "group"),
        yaml(what),
        of("applications.targets", "application"),
    ))
}

impl Terms for CrossTenantAccess {
    fn noun(&self) -> &'static str {
        "cross-tenant access"
    }

    fn schema(&self) -> Value {
        of::<Vec<Written>>()
    }

    fn pointer(&self) -> &'static str {
        "/tenantId"
    }

    fn is_list(&self) -> bool {
        true
    }

    fn is_always_there(&self, name: &str) -> bool {
        name == DEFAULT
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        Section::read_list(check, node, "tenant", |node, check| {
            check.nothing_held(node, |_| false);
            let written = check.decode::<Written>(node, &[])?;
            let tenant = written.tenant.to_lowercase();
            if tenant != DEFAULT && !is_id(&tenant) {
                let text = format!("`{}` is no id of a tenant", written.tenant);
                check.at(node, "tenant", text);
            }
            if tenant != DEFAULT && written.redemption.is_some() {
                let text = "with whom people redeem is said of all tenants together: below `tenant: default`";
                check.at(node, REDEMPTION, text);
            }
            if tenant == DEFAULT && written.automatic_user_consent_settings.is_some() {
                let text = "nobody's people redeem without being asked: say so of single tenants";
                check.at(node, "automaticUserConsentSettings", text);
            }
            Some(Declared {
                properties: written.properties(node, check),
                ..Declared::new(tenant, node, check)
            })
        })
    }

    fn written(&self, name: &str, properties: &Properties) -> Option<String> {
        let flags = |block: &str, names: &[&str]| {
            let flag = |name: &&str| {
                let value = properties.get(&format!("{block}.{name}"))?;
                Some(format!("{name}: {value}"))
            };
            let flags: Vec<_> = names.iter().filter_map(flag).collect();
            (!flags.is_empty()).then(|| format!("    {block}: {{{}}}\n", flags.join(", ")))
        };
        let trust = [
            "isMfaAccepted",
            "isCompliantDeviceAccepted",
            "isHybridAzureADJoinedDeviceAccepted",
        ];
        let consent = match name {
            DEFAULT => None,
            _ => flags(CONSENT, &["inboundAllowed", "outboundAllowed"]),
        };
        let directions = DIRECTIONS
            .iter()
            .filter_map(|name| direction(name, properties));
        let said = |key: &str| {
            let value = properties.get(&format!("{REDEMPTION}.{key}"))?;
            value.as_str().map(str::to_owned)
        };
        let redemption = match (said(ORDER), said("fallbackIdentityProvider")) {
            (Some(order), Some(fallback)) => Some(format!(
                "    {REDEMPTION}:\n      {ORDER}: [{order}]\n      fallbackIdentityProvider: {fallback}\n"
            )),
            _ => None,
        };
        let parts = [flags(TRUST, &trust), consent, redemption];
        let parts = parts.into_iter().flatten();
        let parts: String = parts.chain(directions).collect();
        (!parts.is_empty()).then(|| format!("  - tenant: {name}\n{parts}"))
    }

    fn reads(&self) -> Vec<Read> {
        let about = Topic::TenantPolicies(Section::CrossTenantAccess);
        let default = Read::one(format!("{ROOT}/default"), "Policy.Read.All");
        let partners = Read::list(format!("{ROOT}/partners"), "Policy.Read.All");
        [default, partners]
            .map(|read| read.optional().about(about.clone()))
            .to_vec()
    }

    fn reading(&self) -> &'static [&'static str] {
        &["Policy.Read.All"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["Policy.ReadWrite.CrossTenantAccess"]
    }

    /// The one for all tenants has no id.
    fn id(&self, item: &Value) -> Option<String> {
        let tenant = text(item, TENANT).map(|id| id.to_lowercase());
        tenant.or_else(|| item.get(DIRECTIONS[0]).map(|_| DEFAULT.to_owned()))
    }

    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        let name = self.id(item).ok_or(DecodeError::Missing(TENANT))?;
        let mut policy = json!({});
        for key in DIRECTIONS.into_iter().chain([TRUST, CONSENT, REDEMPTION]) {
            policy[key] = item[key].clone();
        }
        if let Some(order) = policy.pointer_mut(&format!("/{REDEMPTION}/{ORDER}")) {
            let names = order.as_array().into_iter().flatten();
            let names: Vec<_> = names.filter_map(Value::as_str).collect();
            *order = json!(names.join(", "));
        }
        for name in DIRECTIONS {
            for part in ["usersAndGroups", "applications"] {
                let Some(targets) = policy.pointer_mut(&format!("/{name}/{part}/targets")) else {
                    continue;
                };
                let items = targets.as_array().into_iter().flatten();
                let pairs = items.map(|it| (text(it, "targetType"), text(it, "target")));
                let texts = pairs.map(|(kind, target)| {
                    let target = target.unwrap_or_default();
                    format!("{} {target}", kind.unwrap_or_default())
                });
                *targets = texts.collect();
            }
        }
        Ok(Some((name, flat(&policy))))
    }

    fn over(&self, observed: &Properties, declared: &Properties) -> Properties {
        laid_over(observed, declared)
    }

    fn create(&self, name: &str, properties: &Properties) -> Request {
        // Every tenant has one: it could not be seen.
        if name == DEFAULT {
            return self.update(name, &Properties::new(), properties);
        }
        let mut body = body(nested(properties));
        body[TENANT] = json!(name);
        Request::post(format!("{ROOT}/partners"), body)
    }

    fn update(&self, id: &str, before: &Properties, after: &Properties) -> Request {
        let path = match id {
            DEFAULT => format!("{ROOT}/{DEFAULT}"),
            tenant => format!("{ROOT}/partners/{tenant}"),
        };
        Request::patch(path, body(differing(before, after, &[])))
    }

    /// What closes comes first, what opens last.
    fn stage(&self, before: Option<&Properties>, after: Option<&Properties>) -> Stage {
        match (before, self.takes(before, after)) {
            (Some(_), Takes::Protection) => Stage::Relax,
            _ => Stage::Govern,
        }
    }

    fn notes(&self, before: Option<&Properties>, after: &Properties) -> Vec<&'static str> {
        let is_on =
            |properties: &Properties, path: &str| properties.get(path) == Some(&json!(true));
        let begins = |path: &str| is_on(after, path) && !before.is_some_and(|it| is_on(it, path));
        let notes = [
            (
                "inboundTrust.isMfaAccepted",
                "trusts the second factor that is given there",
            ),
            (
                "inboundTrust.isCompliantDeviceAccepted",
                "trusts devices that are compliant there",
            ),
            (
                "automaticUserConsentSettings.inboundAllowed",
                "its people redeem without being asked, if it says so, too",
            ),
        ];
        let notes = notes.into_iter();
        notes
            .filter(|(path, _)| begins(path))
            .map(|(_, note)| note)
            .collect()
    }

    fn takes(&self, before: Option<&Properties>, after: Option<&Properties>) -> Takes {
        match (before, after) {
            (Some(before), Some(after)) if opens(before, after) => Takes::Protection,
            _ => Takes::Nothing,
        }
    }

    /// Source: "Cross-tenant access overview": trust, and whoever is named one by one.
    fn needs(&self, changed: &Properties) -> Option<Premium> {
        let all = ["user AllUsers", "application AllApplications"];
        let names = |value: &Value| {
            let mut texts = value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            texts.any(|text| !all.contains(&text))
        };
        let is_premium = |(path, value): (&String, &Value)| {
            path.starts_with(TRUST) || path.ends_with(".targets") && names(value)
        };
        changed.iter().any(is_premium).then_some(Premium::P1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_in_somebody_else_opens() {
        const ALL: &str = "user AllUsers";
        /// Whether a change opens, and whom a tenant lets in before and after it.
        type Row<'a> = (bool, &'a str, &'a [&'a str], &'a str, &'a [&'a str]);
        let rows: &[Row<'_>] = &[
            (false, "allowed", &["group g"], "allowed", &["group g"]),
            (true, "allowed", &["group g"], "blocked", &["group g"]),
            (true, "blocked", &["group g"], "allowed", &["group g"]),
            (
                true,
                "allowed",
                &["group g"],
                "allowed",
                &["group g", "group h"],
            ),
            (
                false,
                "allowed",
                &["group g", "group h"],
                "allowed",
                &["group g"],
            ),
            (
                true,
                "blocked",
                &["group g", "group h"],
                "blocked",
                &["group g"],
            ),
            (
                false,
                "blocked",
                &["group g"],
                "blocked",
                &["group g", "group h"],
            ),
            (false, "allowed", &["group g"], "blocked", &[ALL]),
            (true, "blocked", &[ALL], "allowed", &["group g"]),
            (true, "blocked", &[ALL], "blocked", &["group g"]),
            (false, "allowed", &[ALL], "allowed", &["group g"]),
            (false, "allowed", &[ALL], "blocked", &["group g"]),
        ];
        let policy = |access: &str, targets: &[&str]| {
            let part = format!("{}.usersAndGroups", DIRECTIONS[0]);
            Properties::from([
                (format!("{part}.accessType"), json!(access)),
                (format!("{part}.targets"), json!(targets)),
            ])
        };
        for (expected, was, then, is, now) in rows {
            let found = opens(&policy(was, then), &policy(is, now));
            assert_eq!(found, *expected, "{was} {then:?} to {is} {now:?}");
        }
        let inherited = Properties::new();
        assert!(opens(&inherited, &policy("allowed", &["group g"])));
        assert!(!opens(&inherited, &policy("blocked", &[ALL])));
        assert!(opens(&policy("blocked", &[ALL]), &inherited));
    }
}
