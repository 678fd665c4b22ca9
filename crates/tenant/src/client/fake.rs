//! A service that says what a test tells it to, and remembers what it was asked. For tests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::{Duration, OffsetDateTime};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::stop::Stop;
use crate::transport::{HeaderMap, HttpRequest, HttpResponse, Transport, TransportError};

use super::{Client, ClientOptions};

/// One request as it arrived.
#[derive(Clone)]
pub(super) struct Seen {
    /// Verb and URL; verb and relative URL inside a batch.
    pub(super) call: String,
    /// How many HTTP requests came so far, this one included.
    pub(super) nth: usize,
    pub(super) body: Value,
    headers: HeaderMap,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }
}

/// What the service says to a request.
#[derive(Clone)]
pub(super) enum Said {
    Reply(u16, Vec<(&'static str, String)>, String),
    /// Asks for each request of a batch, and joins the answers in an order of its own.
    Each,
    Lost,
    Unreachable,
}

impl Said {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self::Reply(
            status,
            vec![("content-type", "application/json".to_owned())],
            body.to_string(),
        )
    }

    pub(super) fn raw(status: u16, body: &str) -> Self {
        Self::Reply(status, Vec::new(), body.to_owned())
    }

    pub(super) fn html(status: u16) -> Self {
        Self::Reply(
            status,
            vec![("content-type", "text/html".to_owned())],
            "<h1>Welcome to the hotel</h1>".to_owned(),
        )
    }

    pub(super) fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Reply(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Reply(status, headers, body)
            }
            said => said,
        }
    }
}

type Script = dyn Fn(&Seen) -> Said + Send + Sync;

struct Service {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    tokens: AtomicUsize,
}

/// A handle on the service.
#[derive(Clone)]
pub(super) struct Fake(Arc<Service>);

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    pub(super) fn new(script: impl Fn(&Seen) -> Said + Send + Sync + 'static) -> Self {
        Self(Arc::new(Service {
            script: Box::new(script),
            seen: Mutex::default(),
            tokens: AtomicUsize::new(0),
        }))
    }

    /// Returns a new client of the service, whose root is not that of its host.
    pub(super) fn client(&self) -> Client {
        Client::new(ClientOptions {
            graph_root: "https://graph.example/root".parse().unwrap(),
            scope: "https://graph.example/.default".to_owned(),
            credential: Arc::new(self.clone()),
            transport: Arc::new(self.clone()),
            concurrency: 4,
            stop: Stop::default(),
        })
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.0.seen.lock().unwrap().clone()
    }

    /// Returns verb and URL of every HTTP request.
    pub(super) fn sent(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.call).collect()
    }

    /// Returns how many tokens were issued.
    pub(super) fn tokens(&self) -> usize {
        self.0.tokens.load(Ordering::SeqCst)
    }

    fn each(&self, batch: &Seen) -> Value {
        let answers = batch.body["requests"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .map(|request| {
                let call = format!(
                    "{} {}",
                    request["method"].as_str().unwrap(),
                    request["url"].as_str().unwrap()
                );
                let seen = Seen {
                    call,
                    nth: batch.nth,
                    body: request["body"].clone(),
                    headers: HeaderMap::new(),
                };
                let Said::Reply(status, headers, body) = (self.0.script)(&seen) else {
                    return json!({});
                };
                let headers: serde_json::Map<_, _> = headers
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect();
                let body: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
                json!({ "id": request["id"], "status": status, "headers": headers, "body": body })
            });
        json!({ "responses": answers.collect::<Vec<_>>() })
    }
}

#[async_trait]
impl Transport for Fake {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let seen = {
            let mut all = self.0.seen.lock().unwrap();
            let body = request
                .body
                .map(|body| serde_json::from_slice(&body).unwrap())
                .unwrap_or_default();
            let call = format!("{} {}", request.method, request.url);
            let seen = Seen {
                call,
                nth: all.len() + 1,
                body,
                headers: request.headers,
            };
            all.push(seen.clone());
            seen
        };
        let (status, pairs, body) = match (self.0.script)(&seen) {
            Said::Reply(status, headers, body) => (status, headers, body),
            Said::Each => (200, Vec::new(), self.each(&seen).to_string()),
            Said::Lost => return Err(TransportError::Lost("connection reset".to_owned())),
            Said::Unreachable => {
                return Err(TransportError::Unreachable("connection refused".to_owned()));
            }
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(
                reqwest::header::HeaderName::try_from(name).unwrap(),
                value.parse().unwrap(),
            );
        }
        Ok(HttpResponse {
            status,
            headers,
            body: body.into_bytes(),
        })
    }
}

#[async_trait]
impl TokenCredential for Fake {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let number = self.0.tokens.fetch_add(1, Ordering::SeqCst);
        let payload = URL_SAFE_NO_PAD.encode(r#"{"roles":["Group.Read.All"]}"#);
        let in_an_hour = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new(
            format!("h.{payload}.{number}"),
            in_an_hour,
        ))
    }
}
