//! Checks a request body against the schema: unknown properties, wrong types, unknown enum
//! values, read-only properties, lengths. What a body means is left to the handlers.

use serde_json::Value;

use crate::error::GraphError;
use crate::schema::{self, Property, Type};
use crate::tenant::Object;
use crate::time;

/// What the body is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Create,
    Update,
    /// Building a tenant: what Graph itself writes may be given too.
    Fixture,
}

/// Takes the body of a write as an object, or refuses it.
pub(crate) fn object(body: Option<Value>) -> Result<Object, GraphError> {
    match body {
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(GraphError::malformed(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
        )),
        None => Err(GraphError::malformed(
            "Empty Payload. JSON content expected.",
        )),
    }
}

/// Checks every property of a body; links (`…@odata.bind`) must have been taken out before.
pub(crate) fn body(kind: &str, body: &Object, purpose: Purpose) -> Result<(), GraphError> {
    let shape = schema::find(kind).ok_or_else(|| GraphError::no_segment(kind))?;
    for (name, value) in body {
        if name == "@odata.type" {
            continue;
        }
        let Some(property) = shape.properties.get(name) else {
            return Err(unknown(kind, name));
        };
        let read_only =
            property.read_only || (purpose == Purpose::Create && property.not_on_create);
        if read_only && purpose != Purpose::Fixture {
            return Err(GraphError::bad(format!(
                "Property '{name}' is read-only and cannot be set."
            )));
        }
        if value.is_null() && !property.nullable && purpose != Purpose::Fixture {
            return Err(GraphError::invalid_value(name, &resource(kind)));
        }
        check_value(kind, name, property, value)?;
    }
    Ok(())
}

/// Requires properties to be present and not null.
pub(crate) fn required(kind: &str, body: &Object, names: &[&str]) -> Result<(), GraphError> {
    for name in names {
        if body.get(*name).is_none_or(Value::is_null) {
            return Err(GraphError::bad(format!(
                "A value is required for property '{name}' of resource '{}'.",
                resource(kind)
            )));
        }
    }
    Ok(())
}

/// Returns the type's name as error messages write it.
pub(crate) fn resource(kind: &str) -> String {
    let mut letters = kind.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn unknown(kind: &str, name: &str) -> GraphError {
    GraphError::bad(format!(
        "Could not find a property named '{name}' on type 'microsoft.graph.{kind}'."
    ))
}

fn check_value(
    kind: &str,
    name: &str,
    property: &Property,
    value: &Value,
) -> Result<(), GraphError> {
    match value {
        Value::Null => Ok(()),
        Value::Array(items) if property.is_collection() => items
            .iter()
            .try_for_each(|item| check_item(kind, name, property, item)),
        _ if property.is_collection() => Err(wrong_type(&property.kind)),
        _ => check_item(kind, name, property, value),
    }
}

fn check_item(
    kind: &str,
    name: &str,
    property: &Property,
    value: &Value,
) -> Result<(), GraphError> {
    let wanted = property.item_type();
    match wanted {
        "Edm.String" => {
            let text = value.as_str().ok_or_else(|| wrong_type(wanted))?;
            check_text(kind, name, property, text)
        }
        "Edm.Guid" => match value.as_str().map(uuid::Uuid::parse_str) {
            Some(Ok(_)) => Ok(()),
            _ => Err(wrong_type(wanted)),
        },
        "Edm.DateTimeOffset" => match value.as_str().and_then(time::parse) {
            Some(_) => Ok(()),
            None => Err(wrong_type(wanted)),
        },
        "Edm.Boolean" if !value.is_boolean() => Err(wrong_type(wanted)),
        "Edm.Int32" | "Edm.Int64" if !value.is_i64() => Err(wrong_type(wanted)),
        _ if wanted.starts_with("Edm.") => Ok(()),
        _ => check_complex(wanted, name, value),
    }
}

fn check_text(kind: &str, name: &str, property: &Property, text: &str) -> Result<(), GraphError> {
    let length = text.chars().count();
    // The directory keeps no empty strings: a property is cleared with null.
    let empty = length == 0 && matches!(kind, "user" | "group" | "onPremisesExtensionAttributes");
    let too_long = property.max_length.is_some_and(|max| length > max);
    let unknown = !property.values.is_empty() && !property.values.iter().any(|one| one == text);
    if empty || too_long || unknown {
        return Err(GraphError::invalid_value(name, &resource(kind)));
    }
    Ok(())
}

fn check_complex(wanted: &str, name: &str, value: &Value) -> Result<(), GraphError> {
    let Some(shape) = schema::find(wanted) else {
        return Ok(());
    };
    if shape.properties.is_empty() && !shape.values.is_empty() {
        return check_enum(wanted, name, shape, value);
    }
    let object = value
        .as_object()
        .ok_or_else(|| wrong_type(&format!("microsoft.graph.{wanted}")))?;
    let (wanted, shape) = match object.get("@odata.type").and_then(Value::as_str) {
        Some(named) => derived(wanted, named)?,
        None => (wanted, shape),
    };
    for (inner, value) in object {
        if inner == "@odata.type" {
            continue;
        }
        let property = shape
            .properties
            .get(inner)
            .ok_or_else(|| unknown(wanted, inner))?;
        if value.is_null() && !property.nullable {
            return Err(GraphError::invalid_value(inner, &resource(wanted)));
        }
        check_value(wanted, inner, property, value)?;
    }
    Ok(())
}

/// Returns the type that a value names, if one may stand where another is wanted.
fn derived<'a>(wanted: &str, named: &'a str) -> Result<(&'a str, &'static Type), GraphError> {
    let name = named.strip_prefix("#microsoft.graph.");
    let found = name.and_then(|name| Some((name, schema::find(name)?)));
    let found =
        found.filter(|(name, shape)| *name == wanted || shape.base.as_deref() == Some(wanted));
    found.ok_or_else(|| wrong_type(&format!("microsoft.graph.{wanted}")))
}

fn check_enum(wanted: &str, name: &str, shape: &Type, value: &Value) -> Result<(), GraphError> {
    let text = value
        .as_str()
        .ok_or_else(|| wrong_type(&format!("microsoft.graph.{wanted}")))?;
    let is_known = |text: &str| shape.values.iter().any(|one| one == text);
    let is_sound = match shape.flags {
        true => text.split(',').all(|one| is_known(one.trim())),
        false => is_known(text),
    };
    if is_sound {
        return Ok(());
    }
    Err(GraphError::bad(format!(
        "Cannot convert the literal '{text}' to the expected type 'microsoft.graph.{wanted}' of property '{name}'."
    )))
}

fn wrong_type(wanted: &str) -> GraphError {
    GraphError::bad(format!(
        "Cannot convert a value to the expected type '{wanted}'. See the inner exception for more details."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(kind: &str, value: Value, purpose: Purpose) -> Result<(), GraphError> {
        body(kind, &object(Some(value)).unwrap(), purpose)
    }

    fn refused(kind: &str, value: Value, purpose: Purpose) -> String {
        let error = verdict(kind, value, purpose).unwrap_err();
        assert_eq!((error.status, error.code), (400, "Request_BadRequest"));
        error.message
    }

    #[test]
    fn what_graph_takes_passes() {
        verdict(
            "user",
            json!({
                "companyName": "Contoso", "accountEnabled": false, "jobTitle": null,
                "otherMails": ["a@contoso.example"],
                "onPremisesExtensionAttributes": {"extensionAttribute15": "x", "extensionAttribute1": null},
            }),
            Purpose::Update,
        )
        .unwrap();
    }

    #[test]
    fn what_graph_refuses_is_refused() {
        use Purpose::Update;
        for (value, word) in [
            (json!({"compnyName": "x"}), "compnyName"),
            (json!({"accountEnabled": "false"}), "Edm.Boolean"),
            (json!({"companyName": 7}), "Edm.String"),
            (json!({"companyName": ""}), "companyName"),
            (json!({"companyName": "x".repeat(65)}), "companyName"),
            (
                json!({"otherMails": "a@b.example"}),
                "Collection(Edm.String)",
            ),
            (json!({"displayName": null}), "displayName"),
            (json!({"userType": "Visitor"}), "userType"),
            (
                json!({"createdDateTime": "2026-01-01T00:00:00Z"}),
                "read-only",
            ),
            (json!({"externalUserState": "Accepted"}), "read-only"),
            (json!({"employeeHireDate": "soon"}), "Edm.DateTimeOffset"),
            (
                json!({"onPremisesExtensionAttributes": {"extensionAttribute16": "x"}}),
                "extensionAttribute16",
            ),
            (
                json!({"onPremisesExtensionAttributes": "x"}),
                "onPremisesExtensionAttributes",
            ),
        ] {
            let message = refused("user", value.clone(), Update);
            assert!(message.contains(word), "{value}: {message}");
        }
        let message = refused(
            "authorizationPolicy",
            json!({"allowInvitesFrom": "nobody"}),
            Update,
        );
        assert!(message.contains("nobody"));
        assert!(refused("group", json!({"unseenCount": 1}), Purpose::Create).contains("read-only"));
    }

    #[test]
    fn fixtures_may_set_what_graph_itself_writes() {
        verdict(
            "user",
            json!({"externalUserState": "Accepted"}),
            Purpose::Fixture,
        )
        .unwrap();
        assert!(
            verdict(
                "user",
                json!({"externalState": "Accepted"}),
                Purpose::Fixture
            )
            .is_err()
        );
    }
}
