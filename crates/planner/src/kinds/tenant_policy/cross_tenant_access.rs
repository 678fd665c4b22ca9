//! `crossTenantAccess:` whose people may come as guests, where ours may go, and what of another tenant's
//! sign-in is trusted: for all tenants, and for some.
//! Sources: "crossTenantAccessPolicyConfigurationDefault resource type",
//! "crossTenantAccessPolicyConfigurationPartner resource type", Graph v1.0.

mod written;

use serde_json::{Value, json};

use self::written::Written;
use super::flat::{differing, flat, laid_over, nested, yaml};
use super::reference::is_id;
use super::{Declared, Premium, Properties, Section, Takes, Terms};
use crate::kinds::Stage;
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::Checker;
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
    whole
}

/// Returns whether a change opens what was closed, or trusts what was not.
fn opens(before: &Properties, after: &Properties) -> bool {
    after.iter().any(|(path, value)| {
        let was = before.get(path);
        match value {
            _ if was == Some(value) => false,
            Value::Bool(allows) => *allows,
            Value::String(access) => access != "blocked",
            _ => true,
        }
    })
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
        of::<Written>()
    }

    fn pointer(&self) -> &'static str {
        "/tenantId"
    }

    fn is_list(&self) -> bool {
        true
    }

    fn read(&self, node: &Node, check: &mut Checker<'_>) -> Vec<Declared> {
        Section::read_list(check, node, |node, check| {
            check.nothing_held(node, |_| false);
            let written = check.decode::<Written>(node, &[])?;
            let tenant = written.tenant.to_lowercase();
            if tenant != DEFAULT && !is_id(&tenant) {
                let text = format!("`{}` is no id of a tenant", written.tenant);
                check.at(node, "tenant", text);
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
        let parts = [flags(TRUST, &trust), consent].into_iter().flatten();
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
        for key in DIRECTIONS.into_iter().chain([TRUST, CONSENT]) {
            policy[key] = item[key].clone();
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
