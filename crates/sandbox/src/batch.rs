//! Reads a `$batch` body: up to twenty requests, each with an id of its own, in an order that
//! satisfies `dependsOn`. Running them is left to the sandbox.
//! <https://learn.microsoft.com/graph/json-batching>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::error::{GraphError, Outcome};
use crate::http::{Reply, Request};

const MAX_REQUESTS: usize = 20;

/// One request inside a batch.
pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) depends_on: Vec<String>,
    pub(crate) request: Request,
}

/// Reads the parts, in an order in which they can run.
pub(crate) fn parts(body: &Value) -> Outcome<Vec<Part>> {
    let requests = body["requests"].as_array().ok_or_else(|| {
        GraphError::malformed("Invalid batch payload format: 'requests' is missing.")
    })?;
    if requests.is_empty() {
        return Err(GraphError::malformed(
            "Invalid batch payload format: 'requests' is empty.",
        ));
    }
    if requests.len() > MAX_REQUESTS {
        return Err(GraphError::new(
            400,
            "MaximumValueExceeded",
            format!("Number of batch request steps exceeds the max value of {MAX_REQUESTS}."),
        ));
    }
    let mut parts = Vec::new();
    for request in requests {
        let part = read(request)?;
        let twin = |one: &Part| one.id.eq_ignore_ascii_case(&part.id);
        if parts.iter().any(twin) {
            return Err(GraphError::malformed(format!(
                "Request Id '{}' is not unique in the batch.",
                part.id
            )));
        }
        parts.push(part);
    }
    ordered(parts)
}

fn read(request: &Value) -> Outcome<Part> {
    let field = |name: &str| {
        request[name]
            .as_str()
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                GraphError::malformed(format!(
                    "Invalid batch payload format: '{name}' is missing."
                ))
            })
    };
    let (id, method, url) = (field("id")?, field("method")?, field("url")?);
    let method = method.to_ascii_uppercase();
    if url.contains("://") {
        return Err(GraphError::malformed(format!(
            "The url of request '{id}' must be relative."
        )));
    }
    let headers = headers(request);
    let body = match &request["body"] {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let typed = headers.iter().any(|(name, _)| name == "content-type");
    let writes = matches!(method.as_str(), "POST" | "PATCH" | "PUT");
    if (writes && (body.is_empty() || !typed)) || (!body.is_empty() && !typed) {
        return Err(GraphError::malformed(format!(
            "Write request id : {id} does not contain Content-Type header or body."
        )));
    }
    // What stands behind a bare `#` never reaches a server.
    let url = url.split('#').next().unwrap_or_default();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    Ok(Part {
        id: id.to_owned(),
        depends_on: request["dependsOn"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        request: Request {
            method,
            path: format!("/{}", path.trim_start_matches('/')),
            query: query.to_owned(),
            headers,
            body,
        },
    })
}

fn headers(request: &Value) -> Vec<(String, String)> {
    request["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())))
        .filter(|(name, _)| name != "authorization")
        .collect()
}

/// Puts every request behind those it depends on.
fn ordered(mut waiting: Vec<Part>) -> Outcome<Vec<Part>> {
    let mut ready: Vec<Part> = Vec::new();
    while !waiting.is_empty() {
        let done = |id: &String| ready.iter().any(|one| one.id.eq_ignore_ascii_case(id));
        let next = waiting
            .iter()
            .position(|part| part.depends_on.iter().all(done));
        match next {
            Some(at) => ready.push(waiting.remove(at)),
            None => {
                return Err(GraphError::malformed(format!(
                    "The dependsOn of request '{}' cannot be satisfied.",
                    waiting[0].id
                )));
            }
        }
    }
    Ok(ready)
}

/// Returns the answer to a request whose dependency failed.
pub(crate) fn failed_dependency() -> GraphError {
    GraphError::new(
        424,
        "FailedDependency",
        "A request that this one depends on has failed.",
    )
}

/// Puts the answers together, last first: their order means nothing, and clients must not
/// come to rely on it.
pub(crate) fn answer(replies: Vec<(String, Reply)>) -> Reply {
    let responses: Vec<Value> = replies
        .into_iter()
        .rev()
        .map(|(id, reply)| {
            let page = reply.is_html().then(|| STANDARD.encode(reply.bytes()));
            let mut headers: serde_json::Map<String, Value> = reply
                .headers
                .into_iter()
                .map(|(name, value)| (canonical(&name), Value::String(value)))
                .collect();
            headers.insert("Cache-Control".into(), json!("no-cache"));
            let mut response = json!({"id": id, "status": reply.status});
            if let Some(body) = reply.body {
                headers
                    .entry("Content-Type")
                    .or_insert(json!("application/json"));
                // Not documented, so not certain: a page comes in base64, the text of a count as
                // the bare number it is.
                response["body"] = page.map_or(body, Value::String);
            }
            response["headers"] = Value::Object(headers);
            response
        })
        .collect();
    Reply::ok(json!({ "responses": responses }))
}

/// Inside a batch header names keep the case they are documented in.
fn canonical(name: &str) -> String {
    match name {
        "content-type" => "Content-Type".into(),
        "retry-after" => "Retry-After".into(),
        "www-authenticate" => "WWW-Authenticate".into(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(requests: Value) -> u16 {
        parts(&json!({ "requests": requests }))
            .err()
            .map_or(200, |error| error.status)
    }

    #[test]
    fn malformed_batches_are_refused_whole() {
        let get = |id: usize| json!({"id": id.to_string(), "method": "GET", "url": "/users"});
        assert_eq!(status((0..20).map(get).collect()), 200);
        for requests in [
            (0..21).map(get).collect(),
            json!([]),
            json!([get(1), get(1)]),
            json!([{"id": "a", "method": "GET", "url": "/users"}, {"id": "A", "method": "GET", "url": "/users"}]),
            json!([{"id": 1, "method": "GET", "url": "/users"}]),
            json!([{"method": "GET", "url": "/users"}]),
            json!([{"id": "1", "method": "GET", "url": "https://graph.microsoft.com/v1.0/users"}]),
            json!([{"id": "1", "method": "POST", "url": "/users/1/revokeSignInSessions"}]),
            json!([{"id": "1", "method": "POST", "url": "/users", "body": {}}]),
            json!([{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"]}]),
            json!([{"id": "1", "method": "GET", "url": "/a", "dependsOn": ["2"]}, {"id": "2", "method": "GET", "url": "/b", "dependsOn": ["1"]}]),
        ] {
            assert_eq!(status(requests), 400);
        }
    }

    #[test]
    fn dependencies_come_first_and_fragments_are_lost() {
        let parts = parts(&json!({"requests": [
            {"id": "1", "method": "get", "url": "users/a#EXT#@b", "dependsOn": ["2"]},
            {"id": "2", "method": "GET", "url": "/users?$top=1"},
        ]}))
        .unwrap();
        assert_eq!(
            (parts[0].id.as_str(), parts[0].request.query.as_str()),
            ("2", "$top=1")
        );
        assert_eq!(
            (
                parts[1].request.method.as_str(),
                parts[1].request.path.as_str()
            ),
            ("GET", "/users/a")
        );
    }
}
