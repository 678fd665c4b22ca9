//! Joins calls into one `$batch` and takes its answer apart again.
//! Source: "Combine multiple HTTP requests using JSON batching", concepts/json-batching.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::budget::Cost;
use crate::error::Error;
use crate::throttle::Safety;
use crate::transport::TransportError;

use super::answer::{Answered, Body, Outcome};
use super::{Call, VERSION};

/// Returns the call that carries `calls`.
pub(super) fn join(calls: &[&Call], root: &Url) -> Result<Call, Error> {
    let base = format!("{root}{VERSION}");
    let mut requests = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        // The token travels on the envelope, so what is inside must lie below the same root.
        let Some(url) = call.url.as_str().strip_prefix(&base) else {
            let origin = call.url.origin().ascii_serialization();
            return Err(Error::ForeignLink {
                call: call.name.clone(),
                origin,
            });
        };
        let headers = call.headers(&Uuid::new_v4().to_string()).into_iter();
        let headers: Map<String, Value> = headers
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let mut request = json!({
            "id": (index + 1).to_string(),
            "method": call.method.as_str(),
            "url": url,
            "headers": headers,
        });
        if let Some(body) = &call.body {
            request["body"] = body.clone();
        }
        requests.push(request);
    }
    let url = Url::parse(&format!("{base}/$batch")).expect("the root is a URL");
    let reads = calls.iter().all(|call| call.safety == Safety::Read);
    Ok(Call {
        method: Method::POST,
        url,
        body: Some(json!({ "requests": requests })),
        safety: if reads { Safety::Read } else { Safety::Once },
        eventual: false,
        cost: Cost::sum(calls.iter().map(|call| call.cost)),
        name: format!("POST /$batch of {}", calls.len()),
    })
}

/// Returns the outcome of each of `count` calls. What the answer leaves out is lost; what befell
/// the batch befell each of them.
pub(super) fn split(batch: Outcome, count: usize) -> Vec<Outcome> {
    let Outcome {
        result,
        request_id,
        token,
    } = batch;
    let each = |result: Result<Answered, TransportError>| Outcome {
        result,
        request_id: request_id.clone(),
        token,
    };
    let answer = match result {
        Ok(answer) => answer,
        Err(error) => return (0..count).map(|_| each(Err(error.clone()))).collect(),
    };
    let responses = match &answer.body {
        Body::Json(body) if (200..300).contains(&answer.status) => responses(body),
        // A success that answers none of them, as a gateway may make one.
        Body::Empty if (200..300).contains(&answer.status) => Vec::new(),
        _ => {
            let whole = Answered {
                of_batch: true,
                ..answer
            };
            return (0..count).map(|_| each(Ok(whole.clone()))).collect();
        }
    };
    (1..=count)
        .map(|id| {
            // Their order is arbitrary; only the id tells whose answer it is.
            let id = id.to_string();
            let found = responses.iter().find(|response| response.id == id);
            let inner = found.and_then(|response| inner(response, &answer.request_id));
            each(inner.ok_or_else(|| {
                TransportError::Lost("the answer to the batch leaves it out".to_owned())
            }))
        })
        .collect()
}

/// The answer to one request of a batch.
#[derive(Deserialize)]
struct Response<'a> {
    id: String,
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// Returns the answers that can be read; what else stands there is lost.
fn responses(body: &[u8]) -> Vec<Response<'_>> {
    #[derive(Deserialize)]
    struct Responses<'a> {
        #[serde(borrow)]
        responses: Vec<&'a RawValue>,
    }
    let all = serde_json::from_slice::<Responses<'_>>(body);
    let all = all.map_or(Vec::new(), |all| all.responses);
    all.into_iter()
        .filter_map(|response| serde_json::from_str(response.get()).ok())
        .collect()
}

fn inner(response: &Response<'_>, request_id: &str) -> Option<Answered> {
    let status = response.status;
    let mut headers = HeaderMap::new();
    for (name, value) in &response.headers {
        let value = value
            .as_str()
            .and_then(|value| HeaderValue::from_str(value).ok());
        if let (Ok(name), Some(value)) = (HeaderName::try_from(name.as_str()), value) {
            headers.append(name, value);
        }
    }
    let body = match response.body.map(RawValue::get) {
        None | Some("null" | "\"\"") => Body::Empty,
        // What is not JSON comes as base64 in a string.
        Some(text) if text.starts_with('"') => Body::other(&headers, text.len()),
        Some(text) => Body::Json(text.into()),
    };
    Some(Answered::new(status, headers, body, request_id))
}
