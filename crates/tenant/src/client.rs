//! Talks to Graph. Here requests are made and authorised, around `Transport::send`; in `client/`
//! they are retried, joined into batches, and become reads with pages and writes with variants.

mod answer;
mod batch;
#[cfg(test)]
mod fake;
mod pages;
mod parts;
mod read;
mod reference;
mod retry;
mod token;
mod write;

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use guestlist_planner::request::BETA;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Url};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

use crate::budget::{Budget, Cost, is_served_singly};
use crate::error::Error;
use crate::stop::Stop;
use crate::throttle::Safety;
use crate::transport::{HttpRequest, Transport};

use answer::{Answered, Outcome};
use token::Tokens;

pub use token::Claims;
pub use write::Reply;

/// The version of Graph that is spoken; of what it lacks, [`BETA`] is.
const VERSION: &str = "v1.0";

/// How many requests one batch may hold. Source: "Combine multiple HTTP requests using JSON
/// batching", concepts/json-batching.
pub const BATCH: usize = 20;

/// What a client needs.
pub struct ClientOptions {
    /// The Graph root, without version.
    pub graph_root: Url,
    /// The scope of the token.
    pub scope: String,
    /// What signs in. It is asked again when Graph refuses a token, and must then not answer with
    /// the same one.
    pub credential: Arc<dyn TokenCredential>,
    /// What sends.
    pub transport: Arc<dyn Transport>,
    /// How many HTTP requests may be under way at once.
    pub concurrency: usize,
    /// What asks it to stop.
    pub stop: Stop,
}

/// One conversation with one tenant. A clone takes part in the same one.
#[derive(Clone)]
pub struct Client {
    /// Ends in a slash, so that "starts with" cannot end within a segment.
    root: Url,
    tokens: Arc<Tokens>,
    transport: Arc<dyn Transport>,
    places: Arc<Semaphore>,
    budget: Arc<Budget>,
    stop: Stop,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.root)
    }
}

/// One request, ready but for the token.
#[derive(Clone)]
struct Call {
    method: Method,
    url: Url,
    body: Option<Value>,
    safety: Safety,
    /// Whether it asks the index store ("advanced queries").
    eventual: bool,
    cost: Cost,
    /// Verb and path, for messages.
    name: String,
}

/// Returns whether no batch takes a request: batches mix no versions, and some services want to be asked
/// one by one. Source: "Combine multiple HTTP requests using JSON batching", concepts/json-batching.
fn travels_alone(path: &str) -> bool {
    path.starts_with(BETA) || is_served_singly(path)
}

impl Call {
    /// The headers that belong to the request itself, alone or within a batch.
    fn headers(&self, request_id: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![("client-request-id", request_id.to_owned())];
        if self.safety == Safety::Read {
            // When the tenant is busy, people go first.
            headers.push(("x-ms-throttle-priority", "low".to_owned()));
        }
        if self.eventual {
            headers.push(("ConsistencyLevel", "eventual".to_owned()));
        }
        if self.body.is_some() {
            headers.push(("Content-Type", "application/json".to_owned()));
        }
        headers
    }
}

impl Client {
    /// Returns a client; nothing is sent yet.
    pub fn new(options: ClientOptions) -> Self {
        let mut root = options.graph_root;
        if !root.path().ends_with('/') {
            root.set_path(&format!("{}/", root.path()));
        }
        Self {
            root,
            tokens: Arc::new(Tokens::new(options.credential, options.scope)),
            transport: options.transport,
            places: Arc::new(Semaphore::new(options.concurrency.max(1))),
            budget: Arc::default(),
            stop: options.stop,
        }
    }

    /// Signs in, so that a mistake shows before anything else happens, and returns what the token
    /// says. Other calls sign in by themselves.
    pub async fn sign_in(&self) -> Result<Claims, Error> {
        self.tokens.bearer().await?;
        Ok(self.tokens.claims())
    }

    /// Returns a client that goes on when this one is asked to stop, for what must not be left half done.
    pub(crate) fn unstoppable(&self) -> Self {
        Self {
            stop: Stop::default(),
            ..self.clone()
        }
    }

    /// Returns what asks this client to stop.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Tells how many users the tenant has at least: larger ones may be asked more at a time.
    pub(crate) fn tenant_has(&self, users: usize) {
        self.budget.tenant_has(users);
    }

    /// Returns the permissions that the token grants; none before signing in, or when it is opaque.
    pub fn roles(&self) -> Vec<String> {
        self.tokens.claims().roles
    }

    /// Returns the URL of a path below the version root.
    fn url(&self, name: &str, path: &str) -> Result<Url, Error> {
        let text = match path.strip_prefix('/') {
            Some(below) if path.starts_with(BETA) => format!("{}{below}", self.root),
            _ => format!("{}{VERSION}{path}", self.root),
        };
        let bad = || Error::BadPath {
            call: name.to_owned(),
        };
        let url = Url::parse(&text).map_err(|_| bad())?;
        // A segment `..`, say from an odd id, would silently name another object.
        let written = text.split('?').next().unwrap_or_default();
        let stands =
            path.starts_with('/') && url.fragment().is_none() && written.ends_with(url.path());
        if stands { Ok(url) } else { Err(bad()) }
    }

    /// Returns the version of Graph that a URL below the root asks.
    fn version<'a>(&self, url: &'a Url) -> Option<&'a str> {
        let below = url.as_str().strip_prefix(self.root.as_str())?;
        below.split('/').next()
    }

    /// Returns whether the token may be sent to `url`: the configured Graph origin, below its
    /// root, and nowhere else, whatever a reply says.
    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.root.origin()
            && url.path().starts_with(self.root.path())
            && url.username().is_empty()
            && url.password().is_none()
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        safety: Safety,
    ) -> Result<Call, Error> {
        let name = answer::name(&method, path);
        let url = self.url(&name, path)?;
        let eventual = path.contains("$count=true");
        let cost = Cost::of(&method, path);
        Ok(Call {
            method,
            url,
            body,
            safety,
            eventual,
            cost,
            name,
        })
    }

    /// Sends one HTTP request, with the token, once.
    async fn deliver(&self, call: &Call) -> Result<Outcome, Error> {
        // The place first: what waits for one must not have been let through before Graph asked
        // for quiet.
        let _place = self
            .places
            .acquire()
            .await
            .expect("the semaphore is never closed");
        self.budget.spend(call.cost, &self.stop).await;
        if self.stop.is_asked() {
            let call = call.name.clone();
            return Err(Error::Stopped { call });
        }
        let request_id = Uuid::new_v4().to_string();
        let (request, token) = self.authorise(call, &request_id).await?;
        let started = Instant::now();
        let result = self.transport.send(request).await;
        let took = started.elapsed();
        let result = match result {
            Ok(response) => {
                tracing::debug!(
                    call = call.name,
                    status = response.status,
                    request_id,
                    ?took,
                    "answered"
                );
                Ok(Answered::read(response, &request_id))
            }
            Err(error) => {
                tracing::debug!(call = call.name, %error, request_id, ?took, "not answered");
                Err(error)
            }
        };
        Ok(Outcome {
            result,
            request_id,
            token,
        })
    }

    /// Attaches the token: the one place that does. Returns its number too, so that it can be
    /// discarded if Graph refuses it.
    async fn authorise(&self, call: &Call, request_id: &str) -> Result<(HttpRequest, u64), Error> {
        if !self.is_ours(&call.url) {
            let origin = call.url.origin().ascii_serialization();
            return Err(Error::ForeignLink {
                call: call.name.clone(),
                origin,
            });
        }
        let (bearer, token) = self.tokens.bearer().await?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
        for (name, value) in call.headers(request_id) {
            let name = HeaderName::try_from(name).expect("our own headers have plain names");
            headers.insert(
                name,
                HeaderValue::from_str(&value).expect("and plain values"),
            );
        }
        let body = call.body.as_ref().map(|body| body.to_string().into_bytes());
        Ok((
            HttpRequest {
                method: call.method.clone(),
                url: call.url.clone(),
                headers,
                body,
            },
            token,
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use guestlist_planner::request::Read;
    use serde_json::json;

    use super::fake::{Fake, Said};
    use super::*;

    fn users() -> Vec<Read> {
        vec![Read::list("/users?$select=id", "User.Read.All")]
    }

    fn empty() -> Said {
        Said::json(200, json!({ "value": [] }))
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_is_authorised_and_says_who_sends_it() {
        let fake = Fake::new(|_| empty());
        for _ in 0..2 {
            fake.client().read(users()).await.unwrap();
        }
        let seen = fake.seen();
        assert_eq!(
            seen[0].call,
            "GET https://graph.example/root/v1.0/users?$select=id"
        );
        for seen in &seen {
            assert!(seen.header("authorization").starts_with("Bearer h."));
            assert_eq!(
                seen.header("user-agent"),
                concat!("guestlist/", env!("CARGO_PKG_VERSION"))
            );
            assert_eq!(seen.header("x-ms-throttle-priority"), "low");
        }
        assert_ne!(
            seen[0].header("client-request-id"),
            seen[1].header("client-request-id")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_token_serves_until_it_is_about_to_expire() {
        let fake = Fake::new(|_| empty());
        let client = fake.client();
        for _ in 0..3 {
            client.read(users()).await.unwrap();
        }
        assert_eq!(fake.tokens(), 1);
        tokio::time::advance(Duration::from_secs(54 * 60)).await;
        client.read(users()).await.unwrap();
        assert_eq!(fake.tokens(), 1);
        tokio::time::advance(Duration::from_secs(2 * 60)).await;
        client.read(users()).await.unwrap();
        assert_eq!(fake.tokens(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_permission_is_named_beside_what_was_granted() {
        let fake = Fake::new(|_| {
            let message = "Insufficient privileges to complete the operation.";
            let inner = json!({ "request-id": "r-1" });
            Said::json(
                403,
                json!({ "error": { "code": "Authorization_RequestDenied", "message": message, "innerError": inner } }),
            )
        });
        let client = fake.client();
        let error = client.read(users()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "GET /users?$select=id → 403 Authorization_RequestDenied: Insufficient privileges to complete the operation."
        );
        assert_eq!(error.request_id(), Some("r-1"));
        assert_eq!(
            error.hint().unwrap(),
            "needs User.Read.All; this app was granted Group.Read.All"
        );
        assert_eq!(client.roles(), ["Group.Read.All"]);
        assert!(
            error
                .needing("Group.Read.All")
                .hint()
                .unwrap()
                .starts_with("Group.Read.All is granted")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxys_page_is_called_that_and_not_shown() {
        for (status, shown) in [
            (
                200,
                "→ 200, but not a reply of Microsoft Graph but text/html",
            ),
            (403, "→ 403: not a reply"),
        ] {
            let fake = Fake::new(move |_| Said::html(status));
            let error = fake.client().read(users()).await.unwrap_err();
            assert!(error.to_string().contains(shown), "{error}");
            assert!(!format!("{error} {error:?}").contains("Welcome"));
            assert!(!error.is_denied() && error.hint().unwrap().contains("proxy"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_token_leaves_the_graph_root_for_nobody() {
        let fake = Fake::new(|_| empty());
        let client = fake.client();
        let template = client
            .call(Method::GET, "/users", None, Safety::Read)
            .unwrap();
        for foreign in [
            "https://evil.example/root/v1.0/users",
            "http://graph.example/root/v1.0/users",
            "https://graph.example:444/root/v1.0/users",
            "https://graph.example/other/v1.0/users",
            "https://graph.example/rootless/v1.0/users",
            "https://graph.example/root/../other",
            "https://user@graph.example/root/v1.0/users",
        ] {
            let call = Call {
                url: foreign.parse().unwrap(),
                ..template.clone()
            };
            let result = client.exchange(&[call]).await.pop().unwrap();
            assert!(
                matches!(result.err(), Some(Error::ForeignLink { .. })),
                "{foreign}"
            );
        }
        assert_eq!((fake.tokens(), fake.seen().len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_path_is_sent_as_written_or_not_at_all() {
        let fake = Fake::new(|_| empty());
        for path in [
            "/users/../groups",
            "/users/%2e%2e",
            "users",
            "/users#x",
            "/users/.",
        ] {
            let error = fake
                .client()
                .read(vec![Read::one(path, "User.Read.All")])
                .await
                .unwrap_err();
            assert!(matches!(error, Error::BadPath { .. }), "{path}");
        }
    }
}
