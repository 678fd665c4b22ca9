//! `conditionalAccess:` what is asked of guests when they sign in. A policy of the tenant that has the name
//! is managed as it is; what files do not say of it stays.
//! Sources: "conditionalAccessPolicy resource type" and the types it holds, Graph v1.0.

mod weaker;
mod written;
mod yaml;

use serde_json::{Value, json};

use self::weaker::is_weaker;
use self::written::Written;
use super::flat::{differing, flat, laid_over, nested, sorted};
use super::{Declared, Premium, Properties, Referred, Rename, Section, Takes, Terms};
use crate::address::Ids;
use crate::coverage::AccessPolicy;
use crate::kinds::Stage;
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::conditional_access;
use crate::yaml::Node;

pub(super) struct ConditionalAccess;

const PATH: &str = "/identity/conditionalAccess/policies";
const STATE: &str = "state";
const ENABLED: &str = "enabled";
const REPORT_ONLY: &str = "enabledForReportingButNotEnforced";
const DISABLED: &str = "disabled";
const DESCRIPTION: &str = "description";
const STRENGTH: &str = "grantControls.authenticationStrength";
const TERMS: &str = "grantControls.termsOfUse";
const TYPES: &str = "guestOrExternalUserTypes";

/// What is read of a policy; the rest says when it was made and of which template.
const MANAGED: [&str; 5] = [
    STATE,
    DESCRIPTION,
    "conditions",
    "grantControls",
    "sessionControls",
];

/// Blocks that no policy is without.
const KEEPS: [&str; 3] = ["conditions", "conditions.users", "conditions.applications"];

/// The properties that refer to something.
const REFERENCES: [(&str, Referred); 12] = [
    ("conditions.users.includeUsers", Referred::User),
    ("conditions.users.excludeUsers", Referred::User),
    ("conditions.users.includeGroups", Referred::Group),
    ("conditions.users.excludeGroups", Referred::Group),
    ("conditions.users.includeRoles", Referred::DirectoryRole),
    ("conditions.users.excludeRoles", Referred::DirectoryRole),
    (
        "conditions.applications.includeApplications",
        Referred::Application,
    ),
    (
        "conditions.applications.excludeApplications",
        Referred::Application,
    ),
    (
        "conditions.locations.includeLocations",
        Referred::NamedLocation,
    ),
    (
        "conditions.locations.excludeLocations",
        Referred::NamedLocation,
    ),
    (STRENGTH, Referred::AuthenticationStrength),
    (TERMS, Referred::TermsOfUse),
];

/// How the description of a policy that is ours begins.
const OURS: &str = "Managed by guestlist, owner=";

fn state(properties: &Properties) -> Option<&str> {
    properties.get(STATE).and_then(Value::as_str)
}

/// Returns the mark of a policy that this owner made.
fn mark(owner: &str) -> Value {
    json!(format!("{OURS}{owner}"))
}

impl Terms for ConditionalAccess {
    fn noun(&self) -> &'static str {
        "conditional access policies"
    }

    fn schema(&self) -> Value {
        of::<Vec<Written>>()
    }

    fn is_list(&self) -> bool {
        true
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        Section::read_list(check, node, "name", written::read)
    }

    fn written(&self, name: &str, properties: &Properties) -> Option<String> {
        yaml::written(name, properties)
    }

    /// The read that tells which groups are excluded answers this, too.
    fn reads(&self) -> Vec<Read> {
        vec![conditional_access()]
    }

    fn reading(&self) -> &'static [&'static str] {
        &["Policy.Read.All"]
    }

    /// Source: "Create conditionalAccessPolicy", Graph v1.0: all three of them.
    fn writing(&self) -> &'static [&'static str] {
        &[
            "Policy.Read.All",
            "Policy.ReadWrite.ConditionalAccess",
            "Application.Read.All",
        ]
    }

    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        let Some(name) = text(item, "displayName") else {
            return Ok(None);
        };
        let mut policy = json!({});
        for key in MANAGED {
            policy[key] = item[key].clone();
        }
        // A strength is shown whole, and belongs to itself.
        if let Some(strength) = policy.pointer_mut("/grantControls/authenticationStrength") {
            *strength = strength["id"].clone();
        }
        let mut properties = flat(&policy);
        for (path, value) in &mut properties {
            if let (true, Some(types)) = (path.ends_with(TYPES), value.as_str()) {
                *value = json!(in_order(types.split(',').map(str::trim)));
            }
        }
        Ok(Some((name, properties)))
    }

    fn over(&self, observed: &Properties, declared: &Properties) -> Properties {
        laid_over(observed, declared)
    }

    fn renamed(&self, properties: &Properties, rename: &mut Rename<'_>) -> Properties {
        let mut renamed = properties.clone();
        for (path, sort) in REFERENCES {
            let Some(value) = renamed.get_mut(path) else {
                continue;
            };
            *value = match &*value {
                Value::String(text) => json!(rename(sort, text)),
                Value::Array(items) => {
                    let texts = items.iter().filter_map(Value::as_str);
                    sorted(texts.map(|text| rename(sort, text)).collect())
                }
                other => other.clone(),
            };
        }
        renamed
    }

    fn create(&self, name: &str, properties: &Properties) -> Request {
        let mut body = body(nested(properties));
        body["displayName"] = json!(name);
        // Graph makes no policy that does not say it.
        let clients = &mut body["conditions"]["clientAppTypes"];
        if clients.is_null() {
            *clients = json!(["all"]);
        }
        Request::post(PATH, body)
    }

    fn update(&self, id: &str, before: &Properties, after: &Properties) -> Request {
        Request::patch(
            format!("{PATH}/{id}"),
            body(differing(before, after, &KEEPS)),
        )
    }

    fn delete(&self, id: &str) -> Option<Request> {
        Some(Request::delete(format!("{PATH}/{id}")))
    }

    fn mark(&self, owner: &str) -> Properties {
        Properties::from([(DESCRIPTION.to_owned(), mark(owner))])
    }

    /// Guards go up before anybody gets access, and down after everything else.
    fn stage(&self, before: Option<&Properties>, after: Option<&Properties>) -> Stage {
        match (before, after) {
            (Some(before), Some(after))
                if is_weaker(before, Some(after)) && !is_weaker(after, Some(before)) =>
            {
                Stage::Relax
            }
            (_, Some(_)) => Stage::Protect,
            (_, None) => Stage::Relax,
        }
    }

    fn protects(&self, properties: &Properties) -> bool {
        state(properties) == Some(ENABLED)
    }

    fn notes(&self, before: Option<&Properties>, after: &Properties) -> Vec<&'static str> {
        let is_on = |properties: &Properties| state(properties) == Some(ENABLED);
        let was = before.and_then(state);
        match before {
            _ if is_on(after) && was == Some(ENABLED) => Vec::new(),
            _ if is_on(after) && was != Some(REPORT_ONLY) => {
                vec!["is in force at once: nobody saw in report-only whom it would stop"]
            }
            Some(before) if is_on(before) => vec!["is not in force any more"],
            _ => Vec::new(),
        }
    }

    fn takes(&self, before: Option<&Properties>, after: Option<&Properties>) -> Takes {
        match before {
            Some(before) if is_weaker(before, after) => Takes::Protection,
            _ => Takes::Nothing,
        }
    }

    fn needs(&self, properties: &Properties) -> Option<Premium> {
        let is_risk = |path: &String| path.ends_with("RiskLevels");
        match properties.keys().any(is_risk) {
            true => Some(Premium::P2),
            false => Some(Premium::P1),
        }
    }
}

/// Returns the groups that a policy in force excludes, as it says them: names or ids.
pub(crate) fn excluded(properties: &Properties) -> impl Iterator<Item = &str> {
    let is_on = state(properties) == Some(ENABLED);
    let groups = properties.get("conditions.users.excludeGroups");
    let groups = groups.filter(|_| is_on).and_then(Value::as_array);
    groups.into_iter().flatten().filter_map(Value::as_str)
}

/// Returns a policy, as far as it says whom it is about. Of what is not there yet it says the name.
pub(crate) fn policy_of(name: &str, properties: &Properties, ids: &Ids) -> AccessPolicy {
    let mut id = |sort: Referred, name: &str| match sort {
        Referred::AuthenticationStrength => name.to_owned(),
        _ => sort.id(name, ids).unwrap_or_else(|| name.to_owned()),
    };
    let mut policy = nested(&ConditionalAccess.renamed(properties, &mut id));
    policy["displayName"] = json!(name);
    let strength = policy.pointer_mut("/grantControls/authenticationStrength");
    if let Some(strength) = strength.filter(|strength| strength.is_string()) {
        *strength = json!({ "displayName": strength });
    }
    AccessPolicy::decode(&policy)
}

/// Returns what is sent: a strength is referred to by its id. Source: "Create conditionalAccessPolicy",
/// Graph v1.0.
fn body(mut policy: Value) -> Value {
    let strength = policy.pointer_mut("/grantControls/authenticationStrength");
    if let Some(strength) = strength.filter(|strength| strength.is_string()) {
        *strength = json!({ "id": strength });
    }
    policy
}

/// Returns types of guests in one order, as Graph writes several of them.
fn in_order<'a>(types: impl Iterator<Item = &'a str>) -> String {
    let types: std::collections::BTreeSet<_> = types.collect();
    types.into_iter().collect::<Vec<_>>().join(",")
}
