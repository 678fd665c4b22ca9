//! Whether guests who have no other account may sign in with a passcode that is mailed to them.
//! Source: "emailAuthenticationMethodConfiguration resource type", Graph v1.0.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Declared, ONLY, Properties, Section, Takes, Terms, changed};
use super::{Written, written};
use crate::kinds::guest::user::DecodeError;
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::yaml::Node;

pub(in super::super) struct OneTimePasscode;

const PATH: &str = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email";
const OTP: &str = "allowExternalIdToUseEmailOtp";

/// Whether guests may.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Otp {
    /// As Microsoft has it: they may.
    Default,
    /// They may.
    Enabled,
    /// They may not.
    Disabled,
}

fn is_disabled(properties: &Properties) -> bool {
    properties.get(OTP) == Some(&json!(Otp::Disabled))
}

impl Terms for OneTimePasscode {
    fn noun(&self) -> &'static str {
        "passcodes by mail"
    }

    fn schema(&self) -> Value {
        of::<Written>()
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        let otp = written(node, check).and_then(|it| it.allow_external_id_to_use_email_otp);
        let properties = otp.map(|otp| (OTP.to_owned(), json!(otp)));
        Declared::only(properties.into_iter().collect(), node, check)
    }

    fn written(&self, _: &str, properties: &Properties) -> Option<String> {
        let otp = Otp::deserialize(properties.get(OTP)?).ok()?;
        Some(format!("  {OTP}: {}\n", json!(otp).as_str()?))
    }

    fn reads(&self) -> Vec<Read> {
        let read = Read::one(PATH, "Policy.Read.AuthenticationMethod").optional();
        vec![read.about(Topic::TenantPolicies(Section::OneTimePasscode))]
    }

    fn reading(&self) -> &'static [&'static str] {
        &["Policy.Read.AuthenticationMethod"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["Policy.ReadWrite.AuthenticationMethod"]
    }

    /// There is one.
    fn id(&self, _: &Value) -> Option<String> {
        Some("email".to_owned())
    }

    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        let otp = item.get(OTP).filter(|otp| !otp.is_null());
        let properties = otp.map(|otp| (OTP.to_owned(), otp.clone()));
        Ok(Some((ONLY.to_owned(), properties.into_iter().collect())))
    }

    /// Every tenant has it: this is never asked for.
    fn create(&self, name: &str, properties: &Properties) -> Request {
        self.update(name, &Properties::new(), properties)
    }

    fn update(&self, _: &str, before: &Properties, after: &Properties) -> Request {
        let mut body = changed(before, after);
        body["@odata.type"] = json!("#microsoft.graph.emailAuthenticationMethodConfiguration");
        Request::patch(PATH, body)
    }

    fn notes(&self, before: Option<&Properties>, after: &Properties) -> Vec<&'static str> {
        match is_disabled(after) && !before.is_some_and(is_disabled) {
            true => vec![
                "whoever signs in with a passcode by mail cannot any more, until their redemption is reset",
            ],
            false => Vec::new(),
        }
    }

    fn takes(&self, before: Option<&Properties>, after: Option<&Properties>) -> Takes {
        let is = |properties: Option<&Properties>| properties.is_some_and(is_disabled);
        match is(after) && !is(before) {
            true => Takes::FromPasscodes,
            false => Takes::Nothing,
        }
    }
}
