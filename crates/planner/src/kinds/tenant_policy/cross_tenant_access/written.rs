//! What holds between this tenant and another, as people write it below `policies/`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DIRECTIONS, ORDER, REDEMPTION};
use crate::kinds::tenant_policy::Properties;
use crate::kinds::tenant_policy::flat::sorted;
use crate::kinds::tenant_policy::reference::is_id;
use crate::load::Checker;
use crate::yaml::Node;

/// What holds between this tenant and another. What is not written stays as it is; of a new one it is
/// inherited.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CrossTenantAccess")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
pub(super) struct Written {
    /// The other tenant's id; `default` stands for every tenant that is not listed.
    #[schemars(regex(pattern = "^(default|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"))]
    pub(super) tenant: String,
    /// What people call it; it is not sent.
    #[serde(rename = "name")]
    _name: Option<String>,
    /// What of its sign-in is trusted.
    inbound_trust: Option<Trust>,
    /// Whether invitations are redeemed without asking; not for all tenants.
    pub(super) automatic_user_consent_settings: Option<Consent>,
    /// With which account people redeem an invitation; for all tenants together.
    #[serde(rename = "invitationRedemptionIdentityProviderConfiguration")]
    pub(super) redemption: Option<Redemption>,
    /// Whose guests may come.
    b2b_collaboration_inbound: Option<Direction>,
    /// Who may go there as a guest.
    b2b_collaboration_outbound: Option<Direction>,
    /// Who may come to shared channels.
    b2b_direct_connect_inbound: Option<Direction>,
    /// Who may go to shared channels there.
    b2b_direct_connect_outbound: Option<Direction>,
}

/// What of another tenant's sign-in is trusted.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "InboundTrust")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct Trust {
    /// That a second factor was given there.
    is_mfa_accepted: Option<bool>,
    /// That the device is compliant there.
    is_compliant_device_accepted: Option<bool>,
    /// That the device is hybrid joined there.
    #[serde(rename = "isHybridAzureADJoinedDeviceAccepted")]
    is_hybrid_joined: Option<bool>,
}

/// Whether invitations are redeemed without asking for consent; both tenants must say so.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "AutomaticUserConsentSettings")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
pub(super) struct Consent {
    /// Of people who come here.
    inbound_allowed: Option<bool>,
    /// Of our people who go there.
    outbound_allowed: Option<bool>,
}

/// With which account people redeem an invitation. Whoever has redeemed keeps theirs.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "InvitationRedemption")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
pub(super) struct Redemption {
    /// The first of these that somebody has.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    primary_identity_provider_precedence_order: Vec<Primary>,
    /// What whoever has none of them gets.
    fallback_identity_provider: Fallback,
}

/// What somebody may have already.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PrimaryIdentityProvider")]
#[serde(rename_all = "camelCase")]
enum Primary {
    /// An account of another Entra tenant.
    AzureActiveDirectory,
    /// An account of an organization that is federated.
    ExternalFederation,
    /// A Google account, where that is set up.
    SocialIdentityProviders,
}

/// What somebody gets otherwise.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FallbackIdentityProvider")]
#[serde(rename_all = "camelCase")]
enum Fallback {
    /// A Microsoft account that is there, else a passcode by mail, else a new Microsoft account.
    DefaultConfiguredIdp,
    /// A passcode by mail.
    EmailOneTimePasscode,
    /// A Microsoft account, new if there is none.
    MicrosoftAccount,
}

impl Redemption {
    fn says(&self, node: &Node, check: &mut Checker<'_>) -> [(String, Value); 2] {
        let order = &self.primary_identity_provider_precedence_order;
        let path = [REDEMPTION.into(), ORDER.into()];
        if order.is_empty() {
            check.path(node, &path, "says nothing");
        } else if order.iter().collect::<BTreeSet<_>>().len() < order.len() {
            check.path(node, &path, "says one of them twice");
        }
        let names: Vec<_> = order.iter().map(|it| json!(it)).collect();
        let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
        [
            (format!("{REDEMPTION}.{ORDER}"), json!(names.join(", "))),
            (
                format!("{REDEMPTION}.fallbackIdentityProvider"),
                json!(self.fallback_identity_provider),
            ),
        ]
    }
}

/// Who may come or go, and to which applications. The two go together.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CrossTenantDirection")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct Direction {
    /// Who.
    users_and_groups: People,
    /// To which applications.
    applications: Apps,
}

/// Some people, by their ids in the tenant they come from.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CrossTenantPeople")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct People {
    /// Whether they may or may not.
    access_type: AccessType,
    /// Users by id, or `AllUsers`.
    #[serde(default)]
    users: Vec<String>,
    /// Groups by id.
    #[serde(default)]
    groups: Vec<String>,
}

/// Some applications.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CrossTenantApplications")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct Apps {
    /// Whether they may be reached or not.
    access_type: AccessType,
    /// Applications by id, `AllApplications` or `Office365`.
    #[schemars(length(min = 1))]
    applications: Vec<String>,
}

/// Whether some may or may not.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "CrossTenantAccessType")]
#[serde(rename_all = "camelCase")]
enum AccessType {
    /// They may, and nobody else.
    Allowed,
    /// They may not, and everybody else may.
    Blocked,
}

impl AccessType {
    fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Blocked => "blocked",
        }
    }
}

/// Returns targets as one list of texts: `user AllUsers`.
fn targets<'a>(kind: &str, texts: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let texts = texts.into_iter();
    let lower = |text: &String| {
        if is_id(text) {
            text.to_lowercase()
        } else {
            text.clone()
        }
    };
    texts
        .map(|text| format!("{kind} {}", lower(text)))
        .collect()
}

impl Direction {
    fn says(&self, name: &str, properties: &mut Properties) {
        let people = &self.users_and_groups;
        let mut who = targets("user", &people.users);
        who.extend(targets("group", &people.groups));
        let what = targets("application", &self.applications.applications);
        let parts = [
            ("usersAndGroups", people.access_type, who),
            ("applications", self.applications.access_type, what),
        ];
        for (part, access, targets) in parts {
            let path = format!("{name}.{part}");
            properties.insert(format!("{path}.accessType"), json!(access.word()));
            properties.insert(format!("{path}.targets"), sorted(json!(targets)));
        }
    }

    fn check(&self, name: &str, node: &Node, check: &mut Checker<'_>) {
        let people = &self.users_and_groups;
        let mut wrong = |path: [&str; 3], text: String| {
            check.path(node, &path.map(Into::into), text);
        };
        if people.users.is_empty() && people.groups.is_empty() {
            let path = [name, "usersAndGroups", "users"];
            wrong(
                path,
                "says nobody\nhint: such as `users: [AllUsers]`".to_owned(),
            );
        }
        let lists = [
            ("usersAndGroups", "users", &people.users, &["AllUsers"][..]),
            ("usersAndGroups", "groups", &people.groups, &[]),
            (
                "applications",
                "applications",
                &self.applications.applications,
                &["AllApplications", "Office365"],
            ),
        ];
        for (part, key, texts, words) in lists {
            let is_wrong = |text: &&String| !is_id(text) && !words.contains(&text.as_str());
            if let Some(text) = texts.iter().find(is_wrong) {
                wrong([name, part, key], format!("`{text}` is no id"));
            }
        }
    }
}

impl Written {
    fn directions(&self) -> [Option<&Direction>; 4] {
        [
            self.b2b_collaboration_inbound.as_ref(),
            self.b2b_collaboration_outbound.as_ref(),
            self.b2b_direct_connect_inbound.as_ref(),
            self.b2b_direct_connect_outbound.as_ref(),
        ]
    }

    pub(super) fn properties(&self, node: &Node, check: &mut Checker<'_>) -> Properties {
        let mut properties = Properties::new();
        let trust = self.inbound_trust.iter().flat_map(|it| {
            [
                ("inboundTrust.isMfaAccepted", it.is_mfa_accepted),
                (
                    "inboundTrust.isCompliantDeviceAccepted",
                    it.is_compliant_device_accepted,
                ),
                (
                    "inboundTrust.isHybridAzureADJoinedDeviceAccepted",
                    it.is_hybrid_joined,
                ),
            ]
        });
        let consent = self.automatic_user_consent_settings.iter().flat_map(|it| {
            [
                (
                    "automaticUserConsentSettings.inboundAllowed",
                    it.inbound_allowed,
                ),
                (
                    "automaticUserConsentSettings.outboundAllowed",
                    it.outbound_allowed,
                ),
            ]
        });
        for (name, flag) in trust.chain(consent) {
            properties.extend(flag.map(|flag| (name.to_owned(), json!(flag))));
        }
        if let Some(redemption) = &self.redemption {
            properties.extend(redemption.says(node, check));
        }
        for (name, direction) in DIRECTIONS.into_iter().zip(self.directions()) {
            if let Some(direction) = direction {
                direction.check(name, node, check);
                direction.says(name, &mut properties);
            }
        }
        if properties.is_empty() {
            check.path(node, &[], "says nothing");
        }
        properties
    }
}
