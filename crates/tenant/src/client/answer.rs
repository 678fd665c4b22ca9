//! From bytes to an answer: what came back for one request, alone or out of a batch, and whether
//! that is success.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use jiff::Timestamp;

use crate::error::{Error, Fault, Refusal, clean};
use crate::throttle::{Safety, may_have_happened, retry_after};
use crate::transport::{HttpResponse, TransportError};

use super::Call;

/// What came of sending a call once.
pub(super) struct Outcome {
    pub(super) result: Result<Answered, TransportError>,
    /// The `client-request-id`.
    pub(super) request_id: String,
    /// The number of the token that it was sent with.
    pub(super) token: u64,
}

/// The answer to one call.
#[derive(Clone)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    pub(super) request_id: String,
    /// Whether this is the answer to the batch that the call was part of. Its 404 is not about
    /// the object that the call names.
    pub(super) of_batch: bool,
}

#[derive(Clone)]
pub(super) enum Body {
    Empty,
    /// JSON, as text: a tree of a page of guests takes ten times the room.
    Json(Vec<u8>),
    /// Something else, such as a proxy's page; its text is nobody's business.
    Other {
        content_type: String,
        length: usize,
    },
}

impl Body {
    /// Returns the JSON as a tree; null if there is none.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Json(text) => serde_json::from_slice(text).unwrap_or_default(),
            _ => Value::Null,
        }
    }

    /// Returns what an error object in it says, if it holds one.
    fn fault(&self) -> Option<Fault> {
        #[derive(Deserialize)]
        struct Peek {
            error: Option<IgnoredAny>,
        }
        let Self::Json(text) = self else { return None };
        // Pages of guests are large, and looked through often enough.
        if !std::str::from_utf8(text).is_ok_and(|text| text.contains("\"error\"")) {
            return None;
        }
        let peek: Peek = serde_json::from_slice(text).ok()?;
        peek.error.and_then(|_| Fault::decode(&self.value()))
    }

    pub(super) fn other(headers: &HeaderMap, length: usize) -> Self {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let content_type = content_type.map_or("something unnamed".to_owned(), clean);
        Self::Other {
            content_type,
            length,
        }
    }
}

impl Answered {
    /// Reads an HTTP response.
    pub(super) fn read(response: HttpResponse, request_id: &str) -> Self {
        let HttpResponse {
            status,
            headers,
            body,
        } = response;
        let body = match serde_json::from_slice::<IgnoredAny>(&body) {
            _ if body.iter().all(u8::is_ascii_whitespace) => Body::Empty,
            Ok(_) => Body::Json(body),
            Err(_) => Body::other(&headers, body.len()),
        };
        Self::new(status, headers, body, request_id)
    }

    pub(super) fn new(status: u16, headers: HeaderMap, body: Body, request_id: &str) -> Self {
        let given = headers
            .get("request-id")
            .and_then(|value| value.to_str().ok())
            .map(clean);
        let request_id = given.unwrap_or_else(|| request_id.to_owned());
        Self {
            status,
            headers,
            body,
            request_id,
            of_batch: false,
        }
    }

    /// Returns the answer as a failure in words.
    fn refusal(self, call: &Call, granted: Vec<String>) -> Refusal {
        let fault = self.body.fault();
        let from_graph = fault.is_some() && !self.of_batch;
        let fault = fault.unwrap_or_else(|| Fault {
            message: self.instead_of_a_fault(),
            ..Fault::default()
        });
        let challenges = self.headers.get_all(WWW_AUTHENTICATE).iter();
        let claims_challenge = challenges
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.contains("insufficient_claims"));
        Refusal {
            call: call.name.clone(),
            status: self.status,
            codes: fault.codes,
            message: fault.message,
            request_id: fault.request_id.unwrap_or(self.request_id),
            from_graph,
            permission: None,
            granted,
            lost: call.safety != Safety::Read && may_have_happened(self.status),
            retry_after: retry_after(&self.headers, Timestamp::now()),
            claims_challenge,
        }
    }

    fn instead_of_a_fault(&self) -> String {
        match &self.body {
            _ if (300..400).contains(&self.status) => {
                "a redirect, which is not followed".to_owned()
            }
            Body::Empty => "an empty reply".to_owned(),
            Body::Json(_) => "a reply without Graph's error object".to_owned(),
            Body::Other {
                content_type,
                length,
            } => {
                format!("not a reply of Microsoft Graph but {content_type}, {length} bytes")
            }
        }
    }
}

impl Outcome {
    /// Returns whether the call may have been carried out although it failed.
    pub(super) fn is_in_doubt(&self) -> bool {
        match &self.result {
            Ok(answer) => may_have_happened(answer.status),
            Err(error) => matches!(error, TransportError::Lost(_)),
        }
    }

    /// Returns the answer if it is a success that can be read, and else what went wrong.
    pub(super) fn conclude(self, call: &Call, granted: Vec<String>) -> Result<Answered, Error> {
        let write = call.safety != Safety::Read;
        let name = || call.name.clone();
        match self.result {
            Err(TransportError::Unreachable(cause)) => Err(Error::Unreachable {
                call: name(),
                cause: clean(&cause),
            }),
            Err(error) => {
                let cause = clean(&error.to_string());
                Err(Error::Lost {
                    call: name(),
                    cause,
                    write,
                    request_id: self.request_id,
                })
            }
            Ok(answer) if !(200..300).contains(&answer.status) => {
                Err(Error::Refused(Box::new(answer.refusal(call, granted))))
            }
            Ok(answer) => match &answer.body {
                Body::Other { .. } => Err(answer.unreadable(call, &answer.instead_of_a_fault())),
                // No object of Graph has such a property: a gateway has turned a refusal into success.
                body => match body.fault() {
                    Some(fault) => {
                        let why = format!("it holds an error: {}", fault.message);
                        Err(answer.unreadable(call, &why))
                    }
                    None => Ok(answer),
                },
            },
        }
    }
}

impl Answered {
    /// Returns the error for a success whose body is not what was asked for.
    pub(super) fn unreadable(&self, call: &Call, why: &str) -> Error {
        Error::Unreadable {
            call: call.name.clone(),
            status: self.status,
            why: why.to_owned(),
            write: call.safety != Safety::Read,
            request_id: self.request_id.clone(),
        }
    }
}

/// Returns verb and path as messages name a request: not longer than a line or two.
pub(super) fn name(method: &Method, path: &str) -> String {
    clean(&format!("{method} {path}"))
        .chars()
        .take(240)
        .collect()
}
