//! HTTP as plain data: what a request is to a handler, what a handler gives back, and how Graph
//! wraps an error. Nothing here reads a socket.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::GraphError;
use crate::time;

/// One request, outer or inside a batch. `path` starts below the version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns path and query as they were sent.
    pub(crate) fn target(&self) -> String {
        match self.query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }

    /// Reads the body as JSON; Graph wants the content type said.
    pub(crate) fn json(&self) -> Result<Option<Value>, GraphError> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let kind = self.header("content-type").unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            return Err(GraphError::new(
                415,
                "UnsupportedMediaType",
                format!(
                    "A supported MIME type could not be found that matches the content type of the request: '{kind}'."
                ),
            ));
        }
        serde_json::from_slice(&self.body).map(Some).map_err(|_| {
            GraphError::malformed(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
            )
        })
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
}

impl Reply {
    pub(crate) fn ok(body: Value) -> Self {
        Self::with(200, Some(body))
    }

    pub(crate) fn created(body: Value) -> Self {
        Self::with(201, Some(body))
    }

    pub(crate) fn no_content() -> Self {
        Self::with(204, None)
    }

    pub(crate) fn with(status: u16, body: Option<Value>) -> Self {
        Reply {
            status,
            headers: Vec::new(),
            body,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Wraps a refusal the way Graph does, with the ids that its support asks for.
    pub(crate) fn refusal(error: &GraphError, ids: &Ids, now: Timestamp) -> Self {
        let mut inner = json!({
            "code": error.code,
            "message": error.message,
            "innerError": {
                "date": time::local(now),
                "request-id": ids.request,
                "client-request-id": ids.client,
            },
        });
        if !error.details.is_empty() {
            inner["details"] = json!(error.details);
        }
        let reply = Self::with(error.status, Some(json!({ "error": inner })));
        match error.status {
            401 => reply.header(
                "www-authenticate",
                r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000""#,
            ),
            _ => reply,
        }
    }

    /// Returns a page as proxies and gateways make it: not Graph's, not JSON.
    pub(crate) fn html(status: u16) -> Self {
        let page = format!(
            "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
        );
        Self::with(status, Some(Value::String(page))).header("content-type", "text/html")
    }

    pub(crate) fn is_html(&self) -> bool {
        self.headers
            .contains(&("content-type".into(), "text/html".into()))
    }

    /// Returns the body as it is sent; a page goes as it is, everything else as JSON.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match &self.body {
            None => Vec::new(),
            Some(Value::String(page)) if self.is_html() => page.clone().into_bytes(),
            Some(body) => body.to_string().into_bytes(),
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The two ids of a request: ours, and the caller's, which is echoed.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) request: String,
    pub(crate) client: String,
}

impl Ids {
    pub(crate) fn of(request: &Request) -> Self {
        let own = Uuid::new_v4().to_string();
        let client = request.header("client-request-id").unwrap_or(&own);
        Ids {
            client: client.to_owned(),
            request: own,
        }
    }
}

/// Decodes `%41`, and `+` where it stands for a space (queries, not paths).
pub(crate) fn percent_decode(text: &str, plus_is_space: bool) -> Result<String, GraphError> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let pair = text.get(at + 1..at + 3).unwrap_or_default();
                let byte = u8::from_str_radix(pair, 16)
                    .map_err(|_| GraphError::malformed("The request URL is not well-formed."))?;
                out.push(byte);
                at += 2;
            }
            b'+' if plus_is_space => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).map_err(|_| GraphError::malformed("The request URL is not UTF-8."))
}

/// Encodes a query value, keeping what Graph keeps in its next links.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'$' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_round_trips() {
        let text = "mail eq 'o''neil+x@contoso.example' & ÅÄÖ #EXT#";
        let encoded = percent_encode(text);
        assert!(!encoded.contains(['#', '&', ' ']));
        assert_eq!(percent_decode(&encoded, true).unwrap(), text);
        assert!(percent_decode("%zz", false).is_err());
        assert!(percent_decode("%e4%", false).is_err());
        assert_eq!(percent_decode("a+b", true).unwrap(), "a b");
    }

    #[test]
    fn a_refusal_echoes_the_callers_id() {
        let request = Request {
            headers: vec![("client-request-id".into(), "abc".into())],
            ..Request::default()
        };
        let reply = Reply::refusal(
            &GraphError::not_found("x"),
            &Ids::of(&request),
            Timestamp::UNIX_EPOCH,
        );
        let body = reply.body.unwrap();
        assert_eq!(body["error"]["innerError"]["client-request-id"], "abc");
        assert_eq!(body["error"]["innerError"]["date"], "1970-01-01T00:00:00");
    }
}
