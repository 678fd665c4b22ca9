//! With what somebody redeemed an invitation, and so signs in.
//! Source: "Properties of a B2B guest user", Entra External ID: `issuer` of `identities`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who says that somebody is who they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Issuer {
    /// Another Entra tenant.
    ExternalAzureAd,
    /// Microsoft, for people.
    MicrosoftAccount,
    /// Whoever reads the mailbox: a one-time passcode.
    Mail,
    /// Google.
    Google,
    /// Facebook.
    Facebook,
    /// A federation, by its issuer.
    Other(String),
}

impl Issuer {
    /// Reads it out of a user; before redemption there is none.
    pub(super) fn decode(item: &Value) -> Option<Self> {
        let identities = item["identities"].as_array()?.iter();
        let mut federated = identities.filter(|identity| identity["signInType"] == "federated");
        let issuer = federated.next()?["issuer"].as_str()?;
        Some(match issuer {
            "ExternalAzureAD" => Self::ExternalAzureAd,
            "MicrosoftAccount" => Self::MicrosoftAccount,
            "mail" => Self::Mail,
            "google.com" => Self::Google,
            "facebook.com" => Self::Facebook,
            other => Self::Other(other.to_owned()),
        })
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExternalAzureAd => "an account of another Entra tenant",
            Self::MicrosoftAccount => "a Microsoft account",
            Self::Mail => "a one-time passcode by mail",
            Self::Google => "a Google account",
            Self::Facebook => "a Facebook account",
            Self::Other(issuer) => issuer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_who_redeemed_has_an_issuer() {
        let of = |identities: Value| {
            let user = json!({ "identities": identities });
            Issuer::decode(&user).map_or_else(|| "nobody".to_owned(), |issuer| issuer.to_string())
        };
        let own = json!({ "signInType": "userPrincipalName", "issuer": "fabrikam.example", "issuerAssignedId": "u" });
        let by = |issuer: &str| json!([own, { "signInType": "federated", "issuer": issuer }]);
        assert_eq!(of(json!([own])), "nobody");
        assert_eq!(of(Value::Null), "nobody");
        assert_eq!(
            of(by("ExternalAzureAD")),
            "an account of another Entra tenant"
        );
        assert_eq!(of(by("mail")), "a one-time passcode by mail");
        assert_eq!(
            of(by("https://idp.example/saml")),
            "https://idp.example/saml"
        );
    }
}
