//! What of Microsoft's own acts on guests besides this program: two robots must not fight over a person.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Topic;
use crate::kinds::guest::user::text;
use crate::request::Read;

/// Something of Microsoft's own that blocks or deletes guests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Native {
    /// Entitlement management, for guests who hold no access package any more; what it does.
    Entitlements(String),
    /// A guest lifecycle policy that is enabled, by name.
    Policy(String),
}

/// Returns the reads of what acts on guests: the settings of entitlement management, and the lifecycle
/// policies. Few tenants have them, and few applications may read them.
/// Sources: "entitlementManagementSettings resource type"; "List lifecyclePolicies", Graph v1.0.
pub fn native() -> [Read; 2] {
    let optional = |read: Read| Read {
        may_be_missing: true,
        ..read.optional().about(Topic::Native)
    };
    let settings = Read::one(
        "/identityGovernance/entitlementManagement/settings",
        "EntitlementManagement.Read.All",
    );
    let policies = Read::list(
        "/identityGovernance/lifecycleWorkflows/lifecyclePolicies",
        "LifecyclePolicies-Guests.Read.All",
    );
    [optional(settings), optional(policies)]
}

impl Native {
    /// Reads the settings or a policy; none if it leaves guests alone.
    pub(super) fn decode(item: &Value) -> Option<Self> {
        if let Some(action) = text(item, "externalUserLifecycleAction") {
            return (!action.eq_ignore_ascii_case("none")).then_some(Self::Entitlements(action));
        }
        // Agents have such policies, too. What does not say for whom it is may be for guests.
        let kind = item["@odata.type"].as_str().unwrap_or_default();
        let is_for_agents = kind.to_ascii_lowercase().contains("agent");
        let name = text(item, "displayName").unwrap_or_else(|| "without a name".to_owned());
        (item["isEnabled"] == true && !is_for_agents).then_some(Self::Policy(name))
    }

    /// Returns what it does, for people.
    pub fn text(&self) -> String {
        match self {
            Self::Entitlements(action) => format!(
                "entitlement management acts on the guests whom it governs ({action}) when their last access package ends"
            ),
            Self::Policy(name) => format!("the guest lifecycle policy {name} acts on guests"),
        }
    }
}
