//! Completes the references in a body. Whoever wrote it named objects by paths; Graph wants URLs
//! below the root that the request goes to.

use serde_json::Value;

/// Returns `body` with its references made absolute: they must name the Graph root that the
/// request goes to.
pub(super) fn completed(body: &Value, base: &str) -> Value {
    let absolute = |value: &Value| match value.as_str() {
        Some(path) if path.starts_with('/') => Value::from(format!("{base}{path}")),
        _ => value.clone(),
    };
    match body {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| {
                let value = match value {
                    Value::Array(values) if key.ends_with("@odata.bind") => {
                        values.iter().map(absolute).collect()
                    }
                    Value::String(_) if key == "@odata.id" || key.ends_with("@odata.bind") => {
                        absolute(value)
                    }
                    value => completed(value, base),
                };
                (key.clone(), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(values) => values.iter().map(|value| completed(value, base)).collect(),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_completed_wherever_they_stand() {
        let body = json!({
            "@odata.id": "/directoryObjects/a",
            "members@odata.bind": ["/users/b", "https://graph.example/v1.0/users/c"],
            "policy@odata.bind": "/policies/d",
            "nested": [{ "@odata.id": "/users/e" }],
            "description": "/not/a/reference",
        });
        assert_eq!(
            completed(&body, "https://g.example/v1.0"),
            json!({
                "@odata.id": "https://g.example/v1.0/directoryObjects/a",
                "members@odata.bind": ["https://g.example/v1.0/users/b", "https://graph.example/v1.0/users/c"],
                "policy@odata.bind": "https://g.example/v1.0/policies/d",
                "nested": [{ "@odata.id": "https://g.example/v1.0/users/e" }],
                "description": "/not/a/reference",
            })
        );
    }
}
