//! From where guests may be invited: the tenant's own list of domains, kept equal to `requirements.domains`.
//! Sources: "b2bManagementPolicy resource type", Graph beta; "Allow or block B2B collaboration with
//! organizations", Entra External ID. What a definition looks like is undocumented: whatever else stands in it
//! stays there, and one that looks otherwise is left alone.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::flat::laid_over;
use super::super::{Declared, ONLY, Properties, Section, Takes, Terms};
use super::{Written, written};
use crate::domain::{domain, matches_domain};
use crate::kinds::guest::user::DecodeError;
use crate::load::Checker;
use crate::policy::{Domains, Policy};
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::yaml::Node;

pub(in super::super) struct InvitationDomains;

const PATH: &str = "/beta/policies/b2bManagementPolicies";
const KEY: &str = "domains";
const ALLOWED: &str = "AllowedDomains";
const BLOCKED: &str = "BlockedDomains";
/// What else the definition says, as text.
const DEFINITION: &str = "definition";
const POLICY: &str = "B2BManagementPolicy";
const LISTS: &str = "InvitationsAllowedAndBlockedDomainsPolicy";
/// How long a definition may be, in characters. Source: "Allow or block B2B collaboration with organizations".
const MAX_LENGTH: usize = 25_000;

/// What the list of the tenant is kept equal to.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "DomainsFrom")]
#[serde(rename_all = "camelCase")]
pub(super) enum From {
    /// `requirements.domains`.
    Requirements,
}

/// Returns the list that lets in whom the rules let in, or why there is none: the tenant either allows or
/// blocks, and knows single domains only.
fn list(rules: &Domains) -> Result<(&'static str, BTreeSet<String>), String> {
    let (name, key, meant) = match (rules.allow.as_slice(), rules.block.as_slice()) {
        ([], []) => return Err("`requirements.domains` names none".to_owned()),
        ([], block) => (BLOCKED, "block", block),
        (allow, _) => (ALLOWED, "allow", allow),
    };
    if let Some(pattern) = meant.iter().find(|it| it.starts_with("*.")) {
        return Err(format!(
            "the list of the tenant cannot hold `{pattern}`, which is in `requirements.domains.{key}`\nhint: name each domain there"
        ));
    }
    let is_blocked = |found: &String| rules.block.iter().any(|it| matches_domain(it, found));
    let meant = meant.iter().map(|it| domain(it));
    let domains: BTreeSet<_> = meant
        .filter(|it| name == BLOCKED || !is_blocked(it))
        .collect();
    match domains.iter().map(|it| it.len() + 3).sum::<usize>() {
        0 => Err("`requirements.domains` blocks every domain that it allows".to_owned()),
        length if length > MAX_LENGTH => Err(format!(
            "`requirements.domains.{key}` is longer than the list of the tenant may be: {length} characters of {MAX_LENGTH}"
        )),
        _ => Ok((name, domains)),
    }
}

/// Returns the policies as the request wants them.
fn definition(properties: &Properties) -> Value {
    let rest = properties.get(DEFINITION).and_then(Value::as_str);
    let rest = rest.and_then(|text| serde_json::from_str(text).ok());
    let mut whole = rest.unwrap_or_else(|| json!({ POLICY: {} }));
    let lists = [ALLOWED, BLOCKED].iter();
    let given = lists.filter_map(|name| Some((*name, properties.get(*name)?)));
    for (name, domains) in given {
        whole[POLICY][LISTS][name] = domains.clone();
    }
    json!([whole.to_string()])
}

impl Terms for InvitationDomains {
    fn noun(&self) -> &'static str {
        "domains of invitations (beta)"
    }

    fn schema(&self) -> Value {
        of::<Written>()
    }

    fn is_beta(&self) -> bool {
        true
    }

    fn read(&self, node: &Node, policy: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        let Some(From::Requirements) = written(node, check).and_then(|it| it.domains) else {
            return Vec::new();
        };
        let mut properties = Properties::new();
        match list(&policy.requirements.domains) {
            Ok((name, domains)) => {
                properties.extend([ALLOWED, BLOCKED].map(|it| (it.to_owned(), Value::Null)));
                properties.insert(name.to_owned(), json!(domains));
            }
            Err(why) => check.at(node, KEY, why),
        }
        Declared::only(properties, node, check)
    }

    /// Files say it in `requirements`.
    fn written(&self, _: &str, _: &Properties) -> Option<String> {
        None
    }

    fn reads(&self) -> Vec<Read> {
        let read = Read::list(PATH, "Policy.Read.B2BManagementPolicy").optional();
        vec![read.about(Topic::TenantPolicies(Section::InvitationDomains))]
    }

    fn reading(&self) -> &'static [&'static str] {
        &["Policy.Read.B2BManagementPolicy"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["Policy.ReadWrite.B2BManagementPolicy"]
    }

    /// Others may lie there: only the default of the organization is in force.
    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        if item["isOrganizationDefault"] != json!(true) {
            return Ok(None);
        }
        let mut properties = Properties::new();
        let texts = item[DEFINITION].as_array().map(Vec::as_slice);
        let parsed = match texts {
            Some([Value::String(text)]) => serde_json::from_str::<Value>(text).ok(),
            _ => None,
        };
        let Some(mut whole) = parsed.filter(|whole| whole[POLICY].is_object()) else {
            return Ok(Some((ONLY.to_owned(), properties)));
        };
        let mut lists = whole[POLICY][LISTS].as_object_mut();
        for name in [ALLOWED, BLOCKED] {
            let domains = lists.as_mut().and_then(|lists| lists.remove(name));
            let domains = domains.iter().filter_map(Value::as_array).flatten();
            let domains: BTreeSet<_> = domains.filter_map(Value::as_str).map(domain).collect();
            if !domains.is_empty() {
                properties.insert(name.to_owned(), json!(domains));
            }
        }
        properties.insert(DEFINITION.to_owned(), json!(whole.to_string()));
        Ok(Some((ONLY.to_owned(), properties)))
    }

    fn over(&self, observed: &Properties, declared: &Properties) -> Properties {
        laid_over(observed, declared)
    }

    fn create(&self, _: &str, properties: &Properties) -> Request {
        let body = json!({
            "displayName": POLICY,
            "description": "From where guests may be invited",
            "isOrganizationDefault": true,
            "definition": definition(properties),
        });
        Request::post(PATH, body)
    }

    fn update(&self, id: &str, _: &Properties, after: &Properties) -> Request {
        let body = json!({ "definition": definition(after) });
        Request::patch(format!("{PATH}/{id}"), body)
    }

    fn refusal(&self, before: &Properties, _: &Properties) -> Option<String> {
        let is_unread = !before.contains_key(DEFINITION);
        is_unread.then(|| "what its definition says cannot be read".to_owned())
    }

    fn notes(&self, _: Option<&Properties>, _: &Properties) -> Vec<&'static str> {
        vec!["who has not redeemed yet and comes from elsewhere cannot any more; who has, stays"]
    }

    /// Lets in whoever is not named instead of whoever is.
    fn takes(&self, before: Option<&Properties>, after: Option<&Properties>) -> Takes {
        let allows = |properties: Option<&Properties>| {
            properties.is_some_and(|properties| properties.contains_key(ALLOWED))
        };
        match allows(before) && !allows(after) {
            true => Takes::Protection,
            false => Takes::Nothing,
        }
    }
}
