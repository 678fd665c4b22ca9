//! From where guests may come, whether they may leave by themselves, and with what they may sign in.
//! Sources: "b2bManagementPolicy resource type", "externalIdentitiesPolicy resource type", Graph beta;
//! "Update emailAuthenticationMethodConfiguration", Graph v1.0. What a definition must look like is what public
//! tools send; that Graph refuses another is unverified.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::fixture;
use crate::http::Reply;
use crate::list::{self, Item};
use crate::source::Source;
use crate::tenant::{Object, Tenant};

const LEAVING: &str = "externalIdentitiesPolicy";
const B2B: &str = "b2bManagementPolicy";
const EMAIL: &str = "emailAuthenticationMethodConfiguration";
const PROVIDER: &str = "identityProviderBase";
const FEDERATION: &str = "samlOrWsFedExternalDomainFederation";
const B2B_SET: &str = "policies/b2bManagementPolicies";
const EMAIL_SET: &str = "authenticationMethodConfigurations";
/// How long a definition may be. Source: "Allow or block invites to specific organizations", Entra External ID.
const MAX_DEFINITION: usize = 25_000;

pub(crate) fn external_identities(call: &mut Call<'_>) -> Outcome {
    let item = Item::new(LEAVING, &call.tenant.external_identities_policy);
    list::one(
        call,
        set(LEAVING, "policies/externalIdentitiesPolicy"),
        &item,
    )
}

pub(crate) fn update_external_identities(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    check::body(LEAVING, &body, Purpose::Update)?;
    call.tenant.external_identities_policy.extend(body);
    Ok(Reply::no_content())
}

pub(crate) fn email_method(call: &mut Call<'_>) -> Outcome {
    let item = Item::new(EMAIL, &call.tenant.email_method);
    list::one(call, set(EMAIL, EMAIL_SET), &item)
}

pub(crate) fn update_email_method(call: &mut Call<'_>) -> Outcome {
    let mut body = call.body()?;
    check::body(EMAIL, &body, Purpose::Update)?;
    // The type that the path names is abstract: only the body says which it is.
    match body.remove("@odata.type") {
        Some(Value::String(name)) if name == format!("#microsoft.graph.{EMAIL}") => {}
        _ => {
            return Err(GraphError::bad(
                "A value of an abstract type needs @odata.type.",
            ));
        }
    }
    call.tenant.email_method.extend(body);
    Ok(Reply::no_content())
}

pub(crate) fn identity_providers(call: &mut Call<'_>) -> Outcome {
    let of = |provider: &Object| match provider.contains_key("clientId") {
        true => "socialIdentityProvider",
        false => "builtInIdentityProvider",
    };
    let items = call.tenant.identity_providers.values();
    let items = items.map(|it| Item::new(of(it), it)).collect();
    let set = set(PROVIDER, "identity/identityProviders");
    list::many(call, set, Source::Items(items))
}

pub(crate) fn federations(call: &mut Call<'_>) -> Outcome {
    let items = call.tenant.federations.values();
    let items = items.map(|it| Item::new(FEDERATION, it)).collect();
    let set = set(PROVIDER, "directory/federationConfigurations");
    list::many(call, set, Source::Items(items))
}

/// Completes an identity provider.
pub(crate) fn identity_provider(_: &Tenant, given: Object, _: Timestamp) -> Result<Object, String> {
    let of = match given.contains_key("issuerUri") {
        true => FEDERATION,
        false => "socialIdentityProvider",
    };
    let provider = fixture::checked(of, given)?;
    let known = ["issuerUri", "clientId"];
    match known.iter().any(|name| provider.contains_key(*name)) {
        true => Ok(provider),
        false => Err("it has neither an issuerUri nor a clientId".to_owned()),
    }
}

pub(crate) fn b2b_policies(call: &mut Call<'_>) -> Outcome {
    let items = call.tenant.b2b_management_policies.values();
    let items = items.map(|policy| Item::new(B2B, policy)).collect();
    list::many(call, set(B2B, B2B_SET), Source::Items(items))
}

pub(crate) fn create_b2b_policy(call: &mut Call<'_>) -> Outcome {
    let mut body = call.body()?;
    check::body(B2B, &body, Purpose::Create)?;
    check::required(B2B, &body, &["definition", "description", "displayName"])?;
    check_definition(&body)?;
    let is_default = |policy: &Object| policy.get("isOrganizationDefault") == Some(&json!(true));
    let mut others = call.tenant.b2b_management_policies.values();
    if is_default(&body) && others.any(is_default) {
        return Err(GraphError::taken("isOrganizationDefault"));
    }
    let id = Uuid::new_v4().to_string();
    body.insert("id".into(), json!(id));
    let reply = list::one(call, set(B2B, B2B_SET), &Item::new(B2B, &body))?;
    call.tenant.b2b_management_policies.insert(id, body);
    Ok(Reply {
        status: 201,
        ..reply
    })
}

pub(crate) fn update_b2b_policy(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    check::body(B2B, &body, Purpose::Update)?;
    check_definition(&body)?;
    let id = call.param(0).to_owned();
    let policies = &mut call.tenant.b2b_management_policies;
    let policy = policies.get_mut(&id);
    let policy = policy.ok_or_else(|| GraphError::not_found(&id))?;
    policy.extend(body);
    Ok(Reply::no_content())
}

/// A definition is one text that is JSON, and has one list of domains at most.
fn check_definition(body: &Object) -> Outcome<()> {
    let Some(definition) = body.get("definition") else {
        return Ok(());
    };
    let sound = match definition.as_array().map(Vec::as_slice) {
        Some([Value::String(text)]) if text.len() <= MAX_DEFINITION => {
            let parsed: Option<Value> = serde_json::from_str(text).ok();
            parsed.is_some_and(|parsed| {
                let lists = domains(&parsed);
                let given = lists.iter().filter(|list| !list.is_empty());
                parsed["B2BManagementPolicy"].is_object() && given.count() <= 1
            })
        }
        _ => false,
    };
    match sound {
        true => Ok(()),
        false => Err(GraphError::invalid_value(
            "definition",
            "B2bManagementPolicy",
        )),
    }
}

/// Returns the domains that a definition allows and those that it blocks.
fn domains(definition: &Value) -> [Vec<String>; 2] {
    let lists = &definition["B2BManagementPolicy"]["InvitationsAllowedAndBlockedDomainsPolicy"];
    ["AllowedDomains", "BlockedDomains"].map(|name| {
        let domains = lists[name].as_array().into_iter().flatten();
        let domains = domains.filter_map(Value::as_str);
        domains.map(str::to_lowercase).collect()
    })
}

/// Returns whether somebody of a domain may be invited.
pub(crate) fn admits(tenant: &Tenant, address: &str) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let domain = domain.to_lowercase();
    let mut policies = tenant.b2b_management_policies.values();
    policies.all(|policy| {
        let definition = policy.get("definition").and_then(|it| it[0].as_str());
        let definition = definition.and_then(|text| serde_json::from_str(text).ok());
        let [allowed, blocked] = domains(&definition.unwrap_or_default());
        policy.get("isOrganizationDefault") != Some(&json!(true))
            || (allowed.is_empty() || allowed.contains(&domain)) && !blocked.contains(&domain)
    })
}
