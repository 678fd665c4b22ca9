//! The JSON Schema of the files, for editors: what can be said without knowing other files, the
//! tenant, or the day. `validate` knows more. And that of a plan, for programs that read one.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::kinds::assignment::Sort;
use crate::kinds::group::written::Written as Group;
use crate::kinds::guest::profile::PROFILE;
use crate::kinds::guest::written::Written as Guest;
use crate::kinds::tenant_policy::Section;
use crate::mail::Mails;
use crate::plan::{FORMAT, Plan};
use crate::policy::{Lifecycle, Limits, Requirements, Scope, Tenant};

/// Files below `guests/`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Guests {
    /// Who should have access.
    #[schemars(length(min = 1))]
    #[expect(dead_code, reason = "only its schema is used")]
    guests: Vec<Guest>,
}

/// Files below `policies/`: the rules, and the groups that guests may be put into.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Policies {
    tenant: Option<Tenant>,
    scope: Option<Scope>,
    requirements: Option<Requirements>,
    lifecycle: Option<Lifecycle>,
    limits: Option<Limits>,
    mails: Option<Mails>,
    groups: Option<Vec<Group>>,
}

/// Returns the schema of files below `guests/`.
pub fn guests() -> Value {
    let mut schema = schema::<Guests>();
    let guest = &mut schema["$defs"]["Guest"]["properties"];
    if let Some(properties) = guest.as_object_mut() {
        properties.extend(profile());
        properties.extend(given());
    }
    schema
}

/// Returns the schema of files below `policies/`.
pub fn policies() -> Value {
    let mut schema = schema::<Policies>();
    for section in Section::ALL {
        let mut of = section.terms().schema();
        let defs = of.as_object_mut().and_then(|of| {
            of.remove("$schema");
            of.remove("$defs")
        });
        if let (Some(Value::Object(defs)), Some(all)) = (defs, schema["$defs"].as_object_mut()) {
            all.extend(defs);
        }
        schema["properties"][section.key()] = of;
    }
    // The one key besides profile properties that `null` clears.
    schema["$defs"]["Group"]["properties"]["description"]["type"] = json!(["string", "null"]);
    schema
}

/// What a plan says of a group, by Graph's names.
const GROUP: [&str; 4] = [
    "displayName",
    "description",
    "mailNickname",
    "membershipRule",
];

/// What the schema of a plan says of itself.
const OF_A_PLAN: &str = "What would change, why, and whether it may. Unknown properties may appear: a later \
     minor formatVersion only adds.";

/// Returns the schema of a plan in JSON.
pub fn plan() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Plan>();
    absent_or_something(&mut schema);
    let mut schema = schema.to_value();
    schema["title"] = json!(format!("A plan of guestlist, format {FORMAT}"));
    schema["description"] = json!(OF_A_PLAN);
    // Each kind says itself what it is.
    let kinds = schema["$defs"]["Object"]["oneOf"].as_array_mut();
    for kind in kinds.into_iter().flatten().filter_map(Value::as_object_mut) {
        kind.remove("description");
    }
    let guest = PROFILE.map(|property| property.name);
    for (kind, names) in [("Guest", &guest[..]), ("Group", &GROUP)] {
        if let Some(properties) = schema["$defs"][kind]["properties"].as_object_mut() {
            properties.extend(names.iter().map(|name| shown(name)));
        }
    }
    schema
}

/// Says that a key that may be left out holds something where it stands.
fn absent_or_something(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &String| {
        required
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name))
    };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (_, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
            if let Ok(property) = property.try_into() {
                never_null(property);
            }
        }
    }
    schemars::transform::transform_subschemas(&mut absent_or_something, schema);
}

/// Returns a property of an object in a plan.
fn shown(name: &str) -> (String, Value) {
    let description = format!("Graph's `{name}`; `null` is empty. Not there: not managed.");
    let schema = json!({ "description": description, "type": ["string", "null"] });
    (name.to_owned(), schema)
}

/// Returns the schema of one section.
pub(crate) fn of<T: JsonSchema>() -> Value {
    schema::<T>()
}

fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    never_null(&mut schema);
    schema.to_value()
}

/// Says that a key may be left out and never hold nothing.
fn never_null(schema: &mut Schema) {
    let is_null = |value: &Value| value == "null" || value["type"] == "null";
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| !is_null(one));
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
        any.retain(|one| !is_null(one));
    }
    schemars::transform::transform_subschemas(&mut never_null, schema);
}

/// Returns the lists of what else a guest is given.
fn given() -> Map<String, Value> {
    let list = |sort: &Sort| {
        let rules = sort.rules();
        let description = format!("Which {}s the guest holds.", rules.noun());
        let list = json!({ "description": description, "type": "array", "items": rules.schema() });
        (rules.key().to_owned(), list)
    };
    Sort::ALL.iter().map(list).collect()
}

/// Returns the profile properties of a guest.
fn profile() -> Map<String, Value> {
    let property = |it: &crate::kinds::guest::profile::Property| {
        let kinds = if it.clearable {
            json!(["string", "null"])
        } else {
            json!("string")
        };
        let link = format!("Graph's `{}`; `null` clears.", it.name);
        let only = format!("Graph's `{}`.", it.name);
        let description = if it.clearable { link } else { only };
        let pattern = match it.name {
            "usageLocation" => "^[A-Z]{2}$",
            _ => r"\S",
        };
        let schema = json!({ "description": description, "type": kinds, "maxLength": it.max, "pattern": pattern });
        (it.name.to_owned(), schema)
    };
    PROFILE.iter().map(property).collect()
}
