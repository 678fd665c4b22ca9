//! The tenant itself and what surrounds people: organization, domains, licences, policies,
//! objects by id, and entitlement management's view of people.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Collection, Item};
use crate::source::Source;
use crate::tenant::Object;

const MAX_IDS: usize = 1000;

pub(crate) fn set(of: &'static str, context: &'static str) -> Collection {
    Collection {
        of,
        context,
        related: false,
    }
}

pub(crate) fn organizations(call: &mut Call<'_>) -> Outcome {
    let item = Item::new("organization", &call.tenant.organization);
    list::many(
        call,
        set("organization", "organization"),
        Source::Items(vec![item]),
    )
}

pub(crate) fn organization(call: &mut Call<'_>) -> Outcome {
    if call.param(0) != call.tenant.id() {
        return Err(GraphError::not_found(call.param(0)));
    }
    let item = Item::new("organization", &call.tenant.organization);
    list::one(call, set("organization", "organization"), &item)
}

pub(crate) fn domains(call: &mut Call<'_>) -> Outcome {
    let verified = call.tenant.organization.get("verifiedDomains");
    let items = verified
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|verified| Item {
            kind: "domain",
            object: Cow::Owned(domain(verified)),
        })
        .collect();
    list::many(call, set("domain", "domains"), Source::Items(items))
}

fn domain(verified: &Value) -> Object {
    let domain = json!({
        "id": verified["name"],
        "authenticationType": "Managed",
        "isAdminManaged": true,
        "isDefault": verified["isDefault"],
        "isInitial": verified["isInitial"],
        "isRoot": true,
        "isVerified": true,
        "supportedServices": ["Email"],
    });
    domain.as_object().cloned().unwrap_or_default()
}

pub(crate) fn subscribed_skus(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table("subscribedSku", &call.tenant.subscribed_skus);
    list::many(call, set("subscribedSku", "subscribedSkus"), items)
}

pub(crate) fn subjects(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table("accessPackageSubject", &call.tenant.subjects);
    let context = "identityGovernance/entitlementManagement/subjects";
    list::many(call, set("accessPackageSubject", context), items)
}

pub(crate) fn entitlement_management_settings(call: &mut Call<'_>) -> Outcome {
    let of = "entitlementManagementSettings";
    let item = Item::new(of, &call.tenant.entitlement_management_settings);
    let context = "identityGovernance/entitlementManagement/settings";
    list::one(call, set(of, context), &item)
}

/// Lists Microsoft's own lifecycle policies. They are documented and not in the metadata: a tenant without
/// any does not know the path, and no property is checked.
/// Source: "List lifecyclePolicies", Graph v1.0.
pub(crate) fn lifecycle_policies(call: &mut Call<'_>) -> Outcome {
    if call.tenant.lifecycle_policies.is_empty() {
        return Err(GraphError::no_segment("lifecyclePolicies"));
    }
    Ok(Reply::ok(
        json!({ "value": call.tenant.lifecycle_policies }),
    ))
}

pub(crate) fn authorization_policy(call: &mut Call<'_>) -> Outcome {
    let item = Item::new("authorizationPolicy", &call.tenant.authorization_policy);
    list::one(
        call,
        set("authorizationPolicy", "policies/authorizationPolicy"),
        &item,
    )
}

pub(crate) fn set_authorization_policy(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    check::body("authorizationPolicy", &body, Purpose::Update)?;
    call.tenant.authorization_policy.extend(body);
    Ok(Reply::no_content())
}

/// Resolves ids; what is not there is left out of the answer without a word.
pub(crate) fn get_by_ids(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    if let Some(other) = body
        .keys()
        .find(|name| !matches!(name.as_str(), "ids" | "types"))
    {
        return Err(GraphError::malformed(format!(
            "The parameter '{other}' in the request payload is not a valid parameter for the operation 'getByIds'."
        )));
    }
    let ids = strings(&body, "ids")?;
    let types = match body.contains_key("types") {
        true => strings(&body, "types")?,
        false => Vec::new(),
    };
    if ids.len() > MAX_IDS {
        return Err(GraphError::bad(format!(
            "Too many ids; the maximum is {MAX_IDS}."
        )));
    }
    let items: Vec<Item<'_>> = ids
        .iter()
        .map(|id| id.to_ascii_lowercase())
        .filter_map(|id| call.target(&id).ok())
        .filter(|(kind, _)| {
            types.is_empty()
                || types
                    .iter()
                    .any(|one| one == kind || one == "directoryObject")
        })
        .map(|(kind, object)| Item::new(kind, object))
        .collect();
    list::unpaged(call, set("directoryObject", "directoryObjects"), &items)
}

fn strings(body: &Object, name: &str) -> Outcome<Vec<String>> {
    let list = body.get(name).and_then(Value::as_array);
    let list =
        list.ok_or_else(|| GraphError::malformed(format!("'{name}' must be a list of strings.")))?;
    let texts: Option<Vec<String>> = list
        .iter()
        .map(|one| one.as_str().map(str::to_owned))
        .collect();
    texts.ok_or_else(|| GraphError::malformed(format!("'{name}' must be a list of strings.")))
}
