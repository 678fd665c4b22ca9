//! `requirements:` what every declared guest must have, and what guest files may give at all.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::time::Days;

/// `requirements:` what every declared guest must have.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    default,
    expecting = "a mapping"
)]
pub struct Requirements {
    /// The least number of sponsors.
    pub sponsors: usize,
    /// Whether there must be a justification.
    pub justification: bool,
    /// Whether there must be an end, and how far off it may be.
    pub expires: Option<Expires>,
    /// Which domains guests may come from.
    pub domains: Domains,
    /// What a guest file may choose about the invitation.
    pub invitation: InvitationRules,
    /// Role-assignable groups and privileged roles that guests may be given at all.
    pub privileged: Vec<String>,
    /// Roles in enterprise applications that guests may be given; no others are looked at.
    pub app_roles: Vec<AppRole>,
    /// Administrative units that guests may be put into, by name; no others are looked at.
    pub administrative_units: Vec<String>,
    /// Licences that guests may be given, by their `skuPartNumber`; no others are looked at.
    pub licenses: Vec<String>,
    /// Groups that guests may come into although conditional access policies exclude them.
    pub excluded: Vec<String>,
    /// Whether `formerly` may lead to another domain.
    pub repoint: Repoint,
}

/// An item of `requirements.appRoles`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "{app: …, role: …}"
)]
pub struct AppRole {
    /// The enterprise application, by its display name.
    pub app: String,
    /// Its application (client) id, where others have the name, or may take it.
    pub app_id: Option<String>,
    /// The role's display name; without it, the default of an application that has no roles for people.
    pub role: Option<String>,
}

/// `requirements.expires:` every guest has an end.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Expires {
    /// No further off than this.
    pub within: Days,
}

/// `requirements.domains:` where guests may come from. `*.example.com` means its subdomains only.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub struct Domains {
    /// If there are any: only these.
    pub allow: Vec<String>,
    /// Never these.
    pub block: Vec<String>,
}

/// `requirements.invitation:` what a guest file may choose.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    default,
    expecting = "a mapping"
)]
pub struct InvitationRules {
    /// The mailboxes a welcome may be sent from.
    pub from: Vec<String>,
    /// The hosts a redirect may lead to; none written: any.
    pub redirect_hosts: Option<Vec<String>>,
    /// Whether files may carry a message.
    pub message: Permission,
}

/// Whether something may be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Permission {
    /// It may.
    #[default]
    Allow,
    /// It may not.
    Deny,
}

/// `requirements.repoint:` where `formerly` may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Repoint {
    /// To another address of the same domain.
    #[default]
    SameDomain,
    /// To any address.
    AnyDomain,
}
