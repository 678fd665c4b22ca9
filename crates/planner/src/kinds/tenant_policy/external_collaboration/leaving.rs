//! Whether guests may leave the tenant by themselves.
//! Source: "externalIdentitiesPolicy resource type", Graph beta.

use serde_json::{Value, json};

use super::super::{Declared, ONLY, Properties, Section, Terms, changed};
use super::{Written, written};
use crate::kinds::guest::user::DecodeError;
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::yaml::Node;

pub(in super::super) struct ExternalIdentities;

const PATH: &str = "/beta/policies/externalIdentitiesPolicy";
const LEAVE: &str = "allowExternalIdentitiesToLeave";

impl Terms for ExternalIdentities {
    fn noun(&self) -> &'static str {
        "leaving of guests (beta)"
    }

    fn schema(&self) -> Value {
        of::<Written>()
    }

    fn is_beta(&self) -> bool {
        true
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        let leave = written(node, check).and_then(|it| it.allow_external_identities_to_leave);
        let properties = leave.map(|leave| (LEAVE.to_owned(), json!(leave)));
        Declared::only(properties.into_iter().collect(), node, check)
    }

    fn written(&self, _: &str, properties: &Properties) -> Option<String> {
        let leave = properties.get(LEAVE)?.as_bool()?;
        Some(format!("  beta: true\n  {LEAVE}: {leave}\n"))
    }

    fn reads(&self) -> Vec<Read> {
        let read = Read::one(PATH, "Policy.Read.All").optional();
        vec![read.about(Topic::TenantPolicies(Section::ExternalIdentities))]
    }

    fn reading(&self) -> &'static [&'static str] {
        &["Policy.Read.All"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["Policy.ReadWrite.ExternalIdentities"]
    }

    /// There is one.
    fn id(&self, _: &Value) -> Option<String> {
        Some("externalIdentitiesPolicy".to_owned())
    }

    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        let leave = item.get(LEAVE).filter(|leave| !leave.is_null());
        let properties = leave.map(|leave| (LEAVE.to_owned(), leave.clone()));
        Ok(Some((ONLY.to_owned(), properties.into_iter().collect())))
    }

    /// Every tenant has it: this is never asked for.
    fn create(&self, _: &str, properties: &Properties) -> Request {
        Request::patch(PATH, changed(&Properties::new(), properties))
    }

    fn update(&self, _: &str, before: &Properties, after: &Properties) -> Request {
        Request::patch(PATH, changed(before, after))
    }

    fn notes(&self, _: Option<&Properties>, after: &Properties) -> Vec<&'static str> {
        match after.get(LEAVE) == Some(&json!(false)) {
            true => vec!["guests have to ask somebody if they want to leave"],
            false => Vec::new(),
        }
    }
}
