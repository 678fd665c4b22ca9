//! Conditional access: policies, the places they name, and the authentication strengths they ask for.
//! Sources: "conditionalAccessPolicy resource type", "namedLocation resource type", "Create
//! conditionalAccessPolicy", "Update conditionalAccessPolicy", Graph v1.0. That a block in a change
//! replaces the one that is there is unverified.

use std::borrow::Cow;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Item};
use crate::schema;
use crate::source::Source;
use crate::tenant::{Object, Table, text};
use crate::time;

const POLICY: &str = "conditionalAccessPolicy";
const POLICIES: &str = "identity/conditionalAccess/policies";
const STRENGTH: &str = "authenticationStrengthPolicy";
const LOCATION: &str = "namedLocation";
const LOCATIONS: &str = "identity/conditionalAccess/namedLocations";

/// The strengths that every tenant has, by id, name and description.
const STRENGTHS: [(&str, &str); 3] = [
    (
        "00000000-0000-0000-0000-000000000002",
        "Multifactor authentication",
    ),
    ("00000000-0000-0000-0000-000000000003", "Passwordless MFA"),
    (
        "00000000-0000-0000-0000-000000000004",
        "Phishing-resistant MFA",
    ),
];

pub(crate) fn policies(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table(POLICY, &call.tenant.conditional_access_policies);
    list::many(call, set(POLICY, POLICIES), items)
}

pub(crate) fn deleted_policies(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table(POLICY, &call.tenant.deleted_conditional_access_policies);
    let context = "identity/conditionalAccess/deletedItems/policies";
    list::many(call, set(POLICY, context), items)
}

pub(crate) fn policy(call: &mut Call<'_>) -> Outcome {
    let policy = found(call, &call.tenant.conditional_access_policies)?;
    list::one(call, set(POLICY, POLICIES), &Item::new(POLICY, policy))
}

/// A policy takes all of them. Source: "Create conditionalAccessPolicy", Graph v1.0.
fn may_write(call: &Call<'_>) -> Outcome<()> {
    call.require(&["Policy.Read.All"])?;
    call.require(&[
        "Application.Read.All",
        "Application.ReadWrite.All",
        "Directory.Read.All",
    ])?;
    licensed(call)
}

/// Source: "What is Conditional Access?", license requirements; the code is unverified.
fn licensed(call: &Call<'_>) -> Outcome<()> {
    let mut skus = call.tenant.subscribed_skus.values();
    let has_plan = |sku: &Object| {
        let mut plans = sku
            .get("servicePlans")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        plans.any(|plan| {
            matches!(
                plan["servicePlanName"].as_str(),
                Some("AAD_PREMIUM" | "AAD_PREMIUM_P2")
            )
        })
    };
    match skus.any(has_plan) {
        true => Ok(()),
        false => Err(GraphError::bad(
            "Your tenant is not licensed for this feature.",
        )),
    }
}

pub(crate) fn create_policy(call: &mut Call<'_>) -> Outcome {
    may_write(call)?;
    let mut body = call.body()?;
    check::body(POLICY, &body, Purpose::Create)?;
    check::required(POLICY, &body, &["displayName", "state", "conditions"])?;
    let id = Uuid::new_v4().to_string();
    body.insert("id".into(), json!(id));
    body.insert("createdDateTime".into(), json!(time::stamp(call.now)));
    let policy = whole(call, body)?;
    let reply = list::one(call, set(POLICY, POLICIES), &Item::new(POLICY, &policy))?;
    call.tenant.conditional_access_policies.insert(id, policy);
    Ok(Reply {
        status: 201,
        ..reply
    })
}

pub(crate) fn update_policy(call: &mut Call<'_>) -> Outcome {
    may_write(call)?;
    let body = call.body()?;
    check::body(POLICY, &body, Purpose::Update)?;
    let mut policy = found(call, &call.tenant.conditional_access_policies)?.clone();
    policy.extend(body);
    policy.insert("modifiedDateTime".into(), json!(time::stamp(call.now)));
    let policy = whole(call, policy)?;
    let id = call.param(0).to_owned();
    call.tenant.conditional_access_policies.insert(id, policy);
    Ok(Reply::no_content())
}

pub(crate) fn delete_policy(call: &mut Call<'_>) -> Outcome {
    let mut policy = found(call, &call.tenant.conditional_access_policies)?.clone();
    let id = call.param(0).to_owned();
    call.tenant.conditional_access_policies.remove(&id);
    policy.insert("deletedDateTime".into(), json!(time::stamp(call.now)));
    let deleted = &mut call.tenant.deleted_conditional_access_policies;
    deleted.insert(id, policy);
    Ok(Reply::no_content())
}

fn found<'a>(call: &Call<'_>, table: &'a Table) -> Outcome<&'a Object> {
    let id = call.param(0);
    table.get(id).ok_or_else(|| GraphError::not_found(id))
}

/// Returns a policy as Graph shows it, if it can be: everything it refers to is there, and it says whom
/// it is for, for what, and what it asks.
fn whole(call: &Call<'_>, policy: Object) -> Outcome<Object> {
    let mut policy = Value::Object(policy);
    check_conditions(&policy["conditions"])?;
    check_grant(&policy["grantControls"])?;
    check_session(&policy)?;
    if policy["grantControls"].is_null() && policy["sessionControls"].is_null() {
        return Err(GraphError::bad(
            "1001: grantControls or sessionControls must be specified.",
        ));
    }
    check_references(call, &policy)?;
    if let Some(strength) = policy.pointer_mut("/grantControls/authenticationStrength")
        && let Some(id) = strength["id"].as_str()
    {
        *strength = Value::Object(known_strength(id)?);
    }
    let mut policy = policy.as_object().cloned().unwrap_or_default();
    fill(POLICY, &mut policy);
    Ok(policy)
}

/// Adds what a policy does not say: nothing, or an empty list.
pub(crate) fn fill(kind: &str, object: &mut Object) {
    let named = object.get("@odata.type").and_then(Value::as_str);
    let kind = named
        .and_then(|name| name.strip_prefix("#microsoft.graph."))
        .unwrap_or(kind)
        .to_owned();
    let Some(shape) = schema::find(&kind) else {
        return;
    };
    for (name, property) in &shape.properties {
        match object.get_mut(name) {
            Some(Value::Object(inner)) => fill(property.item_type(), inner),
            Some(value) if !value.is_null() => {}
            _ if property.is_collection() => drop(object.insert(name.clone(), json!([]))),
            _ => drop(object.insert(name.clone(), Value::Null)),
        }
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn says_something(value: &Value) -> bool {
    !value.is_null() && texts(value).next().is_some() || value.is_object()
}

fn refused(why: &str) -> Outcome<()> {
    Err(GraphError::bad(format!(
        "1004: Policy contains invalid conditions: {why}"
    )))
}

fn check_conditions(conditions: &Value) -> Outcome<()> {
    let (users, apps) = (&conditions["users"], &conditions["applications"]);
    let whom = [
        "includeUsers",
        "includeGroups",
        "includeRoles",
        "includeGuestsOrExternalUsers",
    ];
    if !whom.iter().any(|name| says_something(&users[*name])) {
        return refused("users must include somebody.");
    }
    let what = [
        "includeApplications",
        "includeUserActions",
        "includeAuthenticationContextClassReferences",
    ];
    if !what.iter().any(|name| says_something(&apps[*name])) {
        return refused("applications must include something.");
    }
    if texts(&conditions["clientAppTypes"]).next().is_none() {
        return refused("clientAppTypes must be specified.");
    }
    for name in [
        "includeGuestsOrExternalUsers",
        "excludeGuestsOrExternalUsers",
    ] {
        let guests = &users[name];
        let types = guests["guestOrExternalUserTypes"]
            .as_str()
            .unwrap_or_default();
        if !guests.is_null() && (types.is_empty() || guests["externalTenants"].is_null()) {
            return refused("guestOrExternalUserTypes and externalTenants must be specified.");
        }
        let tenants = &guests["externalTenants"];
        let is_list =
            tenants["@odata.type"] == "#microsoft.graph.conditionalAccessEnumeratedExternalTenants";
        let mut members = texts(&tenants["members"]).peekable();
        let is_sound = (tenants["membershipKind"] == "enumerated") == is_list
            && members.peek().is_some() == is_list
            && members.all(|id| Uuid::parse_str(id).is_ok());
        if tenants.is_object() && !is_sound {
            return refused("externalTenants must name tenants if its members are enumerated.");
        }
    }
    let locations = &conditions["locations"];
    if locations.is_object() && !says_something(&locations["includeLocations"]) {
        return refused("locations must include something.");
    }
    let platforms = &conditions["platforms"];
    match platforms.is_object() && !says_something(&platforms["includePlatforms"]) {
        true => refused("platforms must include something."),
        false => Ok(()),
    }
}

fn check_grant(grant: &Value) -> Outcome<()> {
    if grant.is_null() {
        return Ok(());
    }
    let controls: Vec<_> = texts(&grant["builtInControls"]).collect();
    let strength = !grant["authenticationStrength"].is_null();
    let others = texts(&grant["termsOfUse"]).count() + usize::from(strength);
    let wrong = |why: &str| {
        Err(GraphError::bad(format!(
            "1008: Invalid grant controls: {why}"
        )))
    };
    match grant["operator"].as_str() {
        Some("AND" | "OR") => {}
        _ => return wrong("operator must be AND or OR."),
    }
    if controls.is_empty() && others == 0 {
        return wrong("no control is specified.");
    }
    if controls.contains(&"block") && controls.len() + others > 1 {
        return wrong("block cannot be combined with other controls.");
    }
    match controls.contains(&"mfa") && strength {
        true => wrong("authenticationStrength cannot be combined with mfa."),
        false => Ok(()),
    }
}

fn check_session(policy: &Value) -> Outcome<()> {
    let session = &policy["sessionControls"];
    let wrong = |why: &str| {
        Err(GraphError::bad(format!(
            "1009: Invalid session controls: {why}"
        )))
    };
    let frequency = &session["signInFrequency"];
    let (value, kind) = (&frequency["value"], &frequency["type"]);
    let is_sound = match frequency["frequencyInterval"].as_str() {
        Some("everyTime") => value.is_null() && kind.is_null(),
        _ => value.is_number() && kind.is_string(),
    };
    if frequency["isEnabled"] == true && !is_sound {
        return wrong("signInFrequency needs either everyTime or a value and its type.");
    }
    let all = texts(&policy["conditions"]["applications"]["includeApplications"]).eq(["All"]);
    match session["persistentBrowser"]["isEnabled"] == true && !all {
        true => wrong("persistentBrowser needs all applications to be selected."),
        false => Ok(()),
    }
}

fn check_references(call: &Call<'_>, policy: &Value) -> Outcome<()> {
    let tenant = &*call.tenant;
    let conditions = &policy["conditions"];
    let literal = |text: &str, words: &[&str]| words.contains(&text);
    let check = |block: &Value, names: [&str; 2], is_there: &dyn Fn(&str) -> bool| {
        let mut all = names.iter().flat_map(|name| texts(&block[*name]));
        match all.find(|id| !is_there(id)) {
            Some(id) => refused(&format!("{id} does not exist in the directory.")),
            None => Ok(()),
        }
    };
    let (users, apps) = (&conditions["users"], &conditions["applications"]);
    let user = |id: &str| {
        literal(id, &["All", "None", "GuestsOrExternalUsers"])
            || call.target(id).is_ok_and(|(kind, _)| kind == "user")
    };
    check(users, ["includeUsers", "excludeUsers"], &user)?;
    let group = |id: &str| call.target(id).is_ok_and(|(kind, _)| kind == "group");
    check(users, ["includeGroups", "excludeGroups"], &group)?;
    let role = |id: &str| {
        tenant
            .role_definitions
            .values()
            .any(|role| text(role, "templateId") == id || text(role, "id") == id)
    };
    check(users, ["includeRoles", "excludeRoles"], &role)?;
    let app = |id: &str| {
        literal(id, &["All", "None", "Office365", "MicrosoftAdminPortals"])
            || tenant
                .service_principals
                .values()
                .any(|app| text(app, "appId") == id)
    };
    check(apps, ["includeApplications", "excludeApplications"], &app)?;
    let place =
        |id: &str| literal(id, &["All", "AllTrusted"]) || tenant.named_locations.contains_key(id);
    check(
        &conditions["locations"],
        ["includeLocations", "excludeLocations"],
        &place,
    )?;
    match policy
        .pointer("/grantControls/authenticationStrength/id")
        .and_then(Value::as_str)
    {
        Some(id) => known_strength(id).map(|_| ()),
        None => Ok(()),
    }
}

fn all_strengths() -> impl Iterator<Item = Object> {
    STRENGTHS.iter().filter_map(|(id, name)| {
        let strength = json!({
            "id": id, "displayName": name, "description": name, "policyType": "builtIn",
            "requirementsSatisfied": "mfa", "allowedCombinations": ["fido2"],
        });
        strength.as_object().cloned()
    })
}

fn known_strength(id: &str) -> Outcome<Object> {
    let mut all = all_strengths();
    let found = all.find(|strength| text(strength, "id") == id);
    found.ok_or_else(|| {
        GraphError::bad(format!("1040: authenticationStrength {id} does not exist."))
    })
}

pub(crate) fn strengths(call: &mut Call<'_>) -> Outcome {
    let items = all_strengths().map(|object| Item {
        kind: STRENGTH,
        object: Cow::Owned(object),
    });
    let items = Source::Items(items.collect());
    list::many(
        call,
        set(STRENGTH, "policies/authenticationStrengthPolicies"),
        items,
    )
}

pub(crate) fn locations(call: &mut Call<'_>) -> Outcome {
    let all = call.tenant.named_locations.values();
    let items = all
        .map(|location| Item::new(kind_of(location), location))
        .collect();
    list::many(call, set(LOCATION, LOCATIONS), Source::Items(items))
}

/// Returns of which of the two types a place is.
fn kind_of(location: &Object) -> &'static str {
    match text(location, "@odata.type") {
        "#microsoft.graph.ipNamedLocation" => "ipNamedLocation",
        "#microsoft.graph.countryNamedLocation" => "countryNamedLocation",
        _ => LOCATION,
    }
}

pub(crate) fn create_location(call: &mut Call<'_>) -> Outcome {
    may_write_locations(call)?;
    let mut body = call.body()?;
    let kind = kind_of(&body);
    check::body(kind, &body, Purpose::Create)?;
    let needed: &[&str] = match kind {
        "ipNamedLocation" => &["displayName", "ipRanges"],
        "countryNamedLocation" => &["displayName", "countriesAndRegions"],
        _ => {
            return Err(GraphError::bad(
                "A type is required for resource 'NamedLocation'.",
            ));
        }
    };
    check::required(kind, &body, needed)?;
    let id = Uuid::new_v4().to_string();
    body.insert("id".into(), json!(id));
    for (name, value) in [
        ("createdDateTime", json!(time::stamp(call.now))),
        ("isTrusted", json!(false)),
        ("includeUnknownCountriesAndRegions", json!(false)),
        ("countryLookupMethod", json!("clientIpAddress")),
    ] {
        if schema::property(kind, name).is_some() {
            body.entry(name).or_insert(value);
        }
    }
    check_location(&body)?;
    let reply = list::one(call, set(LOCATION, LOCATIONS), &Item::new(kind, &body))?;
    call.tenant.named_locations.insert(id, body);
    Ok(Reply {
        status: 201,
        ..reply
    })
}

/// Source: "Update namedLocation", Graph v1.0: the type must be said, and cannot change.
pub(crate) fn update_location(call: &mut Call<'_>) -> Outcome {
    may_write_locations(call)?;
    let body = call.body()?;
    let mut location = found(call, &call.tenant.named_locations)?.clone();
    if kind_of(&body) != kind_of(&location) {
        return Err(GraphError::invalid_value("@odata.type", "NamedLocation"));
    }
    check::body(kind_of(&body), &body, Purpose::Update)?;
    location.extend(body);
    location.insert("modifiedDateTime".into(), json!(time::stamp(call.now)));
    check_location(&location)?;
    let id = call.param(0).to_owned();
    call.tenant.named_locations.insert(id, location);
    Ok(Reply::no_content())
}

/// Source: "Create namedLocation", Graph v1.0: both of them.
fn may_write_locations(call: &Call<'_>) -> Outcome<()> {
    call.require(&["Policy.Read.All"])?;
    licensed(call)
}

fn check_location(location: &Object) -> Outcome<()> {
    let list = |name: &str| location.get(name).and_then(Value::as_array);
    let ranges = list("ipRanges").into_iter().flatten();
    let is_range = |range: &Value| {
        let (kind, cidr) = (range["@odata.type"].as_str(), range["cidrAddress"].as_str());
        let version = if cidr.is_some_and(|cidr| cidr.contains(':')) {
            "6"
        } else {
            "4"
        };
        cidr.is_some_and(|cidr| cidr.contains('/'))
            && kind == Some(&format!("#microsoft.graph.iPv{version}CidrRange"))
    };
    let mut named = ["ipRanges", "countriesAndRegions"]
        .into_iter()
        .filter_map(list);
    match named.any(|all| !all.is_empty()) && ranges.into_iter().all(is_range) {
        true => Ok(()),
        false => Err(GraphError::bad(
            "1050: A named location needs valid ranges or countries.",
        )),
    }
}
