//! With what else guests may sign in than Microsoft's own: which identity providers the tenant has. They take
//! secrets and certificates, which no file should hold: another than the files name is reported, and nothing is
//! ever written.
//! Sources: "List identityProviders", "List samlOrWsFedExternalDomainFederation", Graph v1.0.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::flat::yaml;
use super::super::{Declared, ONLY, Properties, Section, Seen, Terms};
use super::{Written, written};
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::yaml::Node;

pub(in super::super) struct IdentityProviders;

const KEY: &str = "identityProviders";
const SOCIAL: &str = "/identity/identityProviders";
const FEDERATIONS: &str = "/directory/federationConfigurations";
/// What every tenant has.
const BUILT_IN: &str = "#microsoft.graph.builtInIdentityProvider";

fn names(properties: &Properties) -> BTreeSet<String> {
    let names = properties.get(KEY).and_then(Value::as_array).into_iter();
    let names = names.flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// Returns what files call a provider: a federation by who issues its tokens, as guests' identities do.
fn name(item: &Value) -> Option<String> {
    if item["@odata.type"] == BUILT_IN {
        return None;
    }
    let names = ["issuerUri", "identityProviderType", "displayName"];
    let known = names.iter().find_map(|name| text(item, name));
    Some(known.unwrap_or_else(|| "one without a name".to_owned()))
}

impl Terms for IdentityProviders {
    fn noun(&self) -> &'static str {
        "identity providers"
    }

    fn schema(&self) -> Value {
        of::<Written>()
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        let names = written(node, check).and_then(|it| it.identity_providers);
        let names = names.map(|names| names.into_iter().collect::<BTreeSet<_>>());
        let properties = names.map(|names| (KEY.to_owned(), json!(names)));
        Declared::only(properties.into_iter().collect(), node, check)
    }

    fn written(&self, _: &str, properties: &Properties) -> Option<String> {
        Some(format!("  {KEY}: {}\n", yaml(properties.get(KEY)?)))
    }

    fn reads(&self) -> Vec<Read> {
        [SOCIAL, FEDERATIONS]
            .map(|path| {
                let read = Read::list(path, "IdentityProvider.Read.All").optional();
                read.about(Topic::TenantPolicies(Section::IdentityProviders))
            })
            .to_vec()
    }

    fn reading(&self) -> &'static [&'static str] {
        &["IdentityProvider.Read.All"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &[]
    }

    /// Both lists together are what files say.
    fn take_in(&self, _: &Read, items: &[Value], seen: &mut Seen) -> Result<(), DecodeError> {
        let all = seen.named.entry(ONLY.to_owned()).or_default();
        let (id, mut properties) = all
            .pop()
            .unwrap_or_else(|| (KEY.to_owned(), Properties::new()));
        let mut there = names(&properties);
        there.extend(items.iter().filter_map(name));
        properties.insert(KEY.to_owned(), json!(there));
        all.push((id, properties));
        Ok(())
    }

    fn decode(&self, _: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        Ok(None)
    }

    /// Never asked for: every difference is refused.
    fn create(&self, _: &str, _: &Properties) -> Request {
        Request::patch(SOCIAL, Value::Null)
    }

    /// Never asked for: every difference is refused.
    fn update(&self, _: &str, _: &Properties, _: &Properties) -> Request {
        Request::patch(SOCIAL, Value::Null)
    }

    fn refusal(&self, before: &Properties, after: &Properties) -> Option<String> {
        let (there, declared) = (names(before), names(after));
        let list = |which: &str, names: Vec<&String>| {
            let names: Vec<_> = names.into_iter().map(String::as_str).collect();
            (!names.is_empty()).then(|| format!("{which} {}", names.join(", ")))
        };
        let others = list("also has", there.difference(&declared).collect());
        let missing = list("lacks", declared.difference(&there).collect());
        let differs: Vec<_> = others.into_iter().chain(missing).collect();
        (!differs.is_empty()).then(|| {
            format!(
                "the tenant {}: they are made and removed in the Entra admin center",
                differs.join(", and ")
            )
        })
    }

    fn notes(&self, _: Option<&Properties>, _: &Properties) -> Vec<&'static str> {
        Vec::new()
    }
}
