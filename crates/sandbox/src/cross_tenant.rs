//! What holds between this tenant and others: for all of them, and for partners, each known by its tenant id.
//! Sources: "Update crossTenantAccessPolicyConfigurationDefault", "Create
//! crossTenantAccessPolicyConfigurationPartner", Graph v1.0. That a block in a change replaces the one that is
//! there is unverified.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::conditional_access::fill;
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Item};
use crate::source::Source;
use crate::tenant::{Object, text};

const DEFAULT: &str = "crossTenantAccessPolicyConfigurationDefault";
const PARTNER: &str = "crossTenantAccessPolicyConfigurationPartner";
const ROOT: &str = "policies/crossTenantAccessPolicy/default";
const PARTNERS: &str = "policies/crossTenantAccessPolicy/partners";
const DIRECTIONS: [&str; 4] = [
    "b2bCollaborationInbound",
    "b2bCollaborationOutbound",
    "b2bDirectConnectInbound",
    "b2bDirectConnectOutbound",
];

/// Returns what Microsoft begins with: guests may come and go, direct connect is closed, nothing is trusted.
pub(crate) fn service_default() -> Object {
    let direction = |access: &str| {
        json!({
            "usersAndGroups": { "accessType": access, "targets": [{ "target": "AllUsers", "targetType": "user" }] },
            "applications": { "accessType": access, "targets": [{ "target": "AllApplications", "targetType": "application" }] },
        })
    };
    let mut policy = json!({
        "isServiceDefault": true,
        "inboundTrust": { "isMfaAccepted": false, "isCompliantDeviceAccepted": false, "isHybridAzureADJoinedDeviceAccepted": false },
        "automaticUserConsentSettings": { "inboundAllowed": false, "outboundAllowed": false },
        "invitationRedemptionIdentityProviderConfiguration": {
            "primaryIdentityProviderPrecedenceOrder":
                ["azureActiveDirectory", "externalFederation", "socialIdentityProviders"],
            "fallbackIdentityProvider": "defaultConfiguredIdp",
        },
    });
    for (name, access) in DIRECTIONS
        .iter()
        .zip(["allowed", "allowed", "blocked", "blocked"])
    {
        policy[*name] = direction(access);
    }
    policy.as_object().cloned().unwrap_or_default()
}

pub(crate) fn default(call: &mut Call<'_>) -> Outcome {
    let item = Item::new(DEFAULT, &call.tenant.cross_tenant_default);
    list::one(call, set(DEFAULT, ROOT), &item)
}

pub(crate) fn update_default(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    check::body(DEFAULT, &body, Purpose::Update)?;
    if body.contains_key("automaticUserConsentSettings") {
        return Err(GraphError::bad(
            "automaticUserConsentSettings cannot be changed in the default configuration.",
        ));
    }
    check_directions(&body)?;
    let policy = &mut call.tenant.cross_tenant_default;
    policy.extend(body);
    policy.insert("isServiceDefault".into(), json!(false));
    Ok(Reply::no_content())
}

pub(crate) fn partners(call: &mut Call<'_>) -> Outcome {
    let items = call.tenant.cross_tenant_partners.values();
    let items = items.map(|partner| Item::new(PARTNER, partner)).collect();
    list::many(call, set(PARTNER, PARTNERS), Source::Items(items))
}

pub(crate) fn create_partner(call: &mut Call<'_>) -> Outcome {
    let mut body = call.body()?;
    check::body(PARTNER, &body, Purpose::Create)?;
    check::required(PARTNER, &body, &["tenantId"])?;
    let id = text(&body, "tenantId").to_ascii_lowercase();
    if Uuid::parse_str(&id).is_err() || id == call.tenant.id() {
        return Err(GraphError::invalid_value(
            "tenantId",
            "CrossTenantAccessPolicyConfigurationPartner",
        ));
    }
    if call.tenant.cross_tenant_partners.contains_key(&id) {
        return Err(GraphError::taken("tenantId"));
    }
    check_directions(&body)?;
    fill(PARTNER, &mut body);
    // Lists go by it; Graph shows none.
    body.insert("id".into(), json!(id));
    let reply = list::one(call, set(PARTNER, PARTNERS), &Item::new(PARTNER, &body))?;
    call.tenant.cross_tenant_partners.insert(id, body);
    Ok(Reply {
        status: 201,
        ..reply
    })
}

pub(crate) fn update_partner(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    check::body(PARTNER, &body, Purpose::Update)?;
    check_directions(&body)?;
    let id = call.param(0).to_owned();
    let partner = call.tenant.cross_tenant_partners.get_mut(&id);
    let partner = partner.ok_or_else(|| GraphError::not_found(&id))?;
    partner.extend(body);
    fill(PARTNER, partner);
    Ok(Reply::no_content())
}

/// People and applications go together, and each says who is meant.
fn check_directions(body: &Object) -> Outcome<()> {
    let directions = DIRECTIONS.iter().filter_map(|name| body.get(*name));
    let is_whole = |part: &Value| {
        part["accessType"].is_string()
            && part["targets"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
    };
    let mut given = directions.filter(|direction| !direction.is_null());
    match given.all(|it| is_whole(&it["usersAndGroups"]) && is_whole(&it["applications"])) {
        true => Ok(()),
        false => Err(GraphError::bad(
            "usersAndGroups and applications must both be specified with their targets.",
        )),
    }
}
