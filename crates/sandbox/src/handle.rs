//! Answers one HTTP request, without a socket: finds out which service is meant, takes the time
//! that the tenant is told to take, and says whether the connection breaks. `serve.rs` puts
//! sockets in front of it.

use crate::engine::Answer;
use crate::error::GraphError;
use crate::http::{Ids, Reply, Request};
use crate::sandbox::Sandbox;
use crate::token;

/// Graph's own limit on a request is of this size.
pub(crate) const MAX_BODY: usize = 4 * 1024 * 1024;

const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It is answered.
    Answered(HttpAnswer),
    /// The connection breaks before an answer.
    Broken,
    /// The connection breaks amid this answer, of whose body the first half comes.
    Truncated(HttpAnswer),
}

/// An answer as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

impl Sandbox {
    /// Answers one request as a served sandbox does, but in this process. `target` is path and
    /// query, beginning with the version (`/v1.0/users?$top=5`), or a whole URL, whose scheme and
    /// host links in the answer then have. Where a fault makes the request hang, this never
    /// returns.
    pub async fn handle(
        &self,
        method: &str,
        target: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Handled {
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        let (base, target) = split(target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.into_iter().map(lower).collect(),
            body,
        };
        let base = match base {
            Some(base) => base.to_owned(),
            None => base_of(&request, "http"),
        };
        let mut handled = self.carry_out(&base, request).await;
        if let Handled::Truncated(answer) = &mut handled {
            answer.body.truncate(answer.body.len() / 2);
        }
        handled
    }

    /// Answers a request, a truncated answer whole; `base` is scheme and host.
    pub(crate) async fn carry_out(&self, base: &str, request: Request) -> Handled {
        let latency = self.lock().behaviour.latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match self.answer(base, request) {
            Answer::Reply(reply) => Handled::Answered(wire(reply)),
            Answer::Truncated(reply) if reply.body.is_some() => Handled::Truncated(wire(reply)),
            Answer::Drop | Answer::Truncated(_) => Handled::Broken,
            Answer::Hang => std::future::pending().await,
        }
    }

    /// Finds out which service is meant: Graph in a version, or the token endpoint.
    fn answer(&self, base: &str, mut request: Request) -> Answer {
        if request.body.len() > MAX_BODY {
            return Answer::Reply(self.too_large(&request));
        }
        for version in ["v1.0", "beta"] {
            let below = request
                .path
                .strip_prefix('/')
                .and_then(|path| path.strip_prefix(version))
                .filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(below) = below {
                request.path = below.to_owned();
                return self.lock().answer(&format!("{base}/{version}"), &request);
            }
        }
        let segments: Vec<&str> = request.path.split('/').skip(1).collect();
        if let [tenant, "oauth2", "v2.0", "token"] = segments[..] {
            let reply = token::endpoint(&mut self.lock(), tenant, base, &request);
            return Answer::Reply(reply);
        }
        let first = segments.first().copied().unwrap_or_default();
        let error = GraphError::malformed(format!("Invalid version: {first}."));
        Answer::Reply(self.refuse(&request, &error))
    }

    /// Refuses a request for its size.
    pub(crate) fn too_large(&self, request: &Request) -> Reply {
        let error = GraphError::new(413, "RequestEntityTooLarge", "The request is too large.");
        self.refuse(request, &error)
    }

    fn refuse(&self, request: &Request, error: &GraphError) -> Reply {
        Reply::refusal(error, &Ids::of(request), self.lock().now())
    }
}

/// Splits a URL behind the host; a path has no host.
fn split(target: &str) -> (Option<&str>, &str) {
    let target = target.split('#').next().unwrap_or_default();
    let Some(scheme) = target.find("://").filter(|_| !target.starts_with('/')) else {
        return (None, target);
    };
    let host = scheme + 3;
    let end = target[host..].find(['/', '?']).map(|at| host + at);
    let (base, path) = target.split_at(end.unwrap_or(target.len()));
    (Some(base), path)
}

/// Returns scheme and host as the caller knows them.
pub(crate) fn base_of(request: &Request, scheme: &str) -> String {
    format!(
        "{scheme}://{}",
        request.header("host").unwrap_or("localhost")
    )
}

/// Puts an answer into the form in which it is sent.
pub(crate) fn wire(reply: Reply) -> HttpAnswer {
    let body = reply.bytes();
    let mut headers = reply.headers;
    let typed = headers.iter().any(|(name, _)| name == "content-type");
    if reply.body.is_some() && !typed {
        headers.push(("content-type".into(), JSON.into()));
    }
    HttpAnswer {
        status: reply.status,
        headers,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::{Act, Behaviour, Fault};
    use crate::testing::empty;
    use serde_json::Value;
    use std::time::Duration;
    use tokio::time::{Instant, timeout};

    async fn ask(sandbox: &Sandbox, method: &str, target: &str) -> Handled {
        let token = (
            "Authorization".into(),
            format!("Bearer {}", sandbox.token()),
        );
        sandbox
            .handle(method, target, vec![token], Vec::new())
            .await
    }

    async fn whole(sandbox: &Sandbox, target: &str) -> HttpAnswer {
        match ask(sandbox, "GET", target).await {
            Handled::Answered(answer) => answer,
            other => panic!("{target}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn links_begin_as_the_request_did() {
        let sandbox = empty().sandbox;
        sandbox.insert_user(serde_json::json!({"mail": "ada@contoso.example"}));
        for (target, start) in [
            ("/v1.0/users?$top=1", "http://localhost/v1.0/users?$top=1&"),
            (
                "https://graph.example:8/beta/users?$top=1",
                "https://graph.example:8/beta/users?",
            ),
        ] {
            let answer = whole(&sandbox, target).await;
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            assert!(body["@odata.nextLink"].as_str().unwrap().starts_with(start));
            assert!(
                answer
                    .headers
                    .contains(&("content-type".into(), JSON.into()))
            );
        }
        assert_eq!(whole(&sandbox, "https://graph.example?x").await.status, 400);
        assert_eq!(whole(&sandbox, "/v2.0/users").await.status, 400);
    }

    #[tokio::test]
    async fn a_large_body_is_refused() {
        let sandbox = empty().sandbox;
        let body = vec![b' '; MAX_BODY + 1];
        let handled = sandbox
            .handle("POST", "/v1.0/$batch", Vec::new(), body)
            .await;
        assert!(matches!(handled, Handled::Answered(answer) if answer.status == 413));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_take_their_time_and_connections_break() {
        let sandbox = empty().sandbox;
        let entire = whole(&sandbox, "/v1.0/organization").await.body;
        sandbox.behave(Behaviour {
            latency: Duration::from_secs(3),
            faults: vec![
                Fault::at(1, Act::Drop),
                Fault::at(2, Act::Truncate),
                Fault::at(3, Act::Hang),
            ],
            ..Behaviour::default()
        });
        let start = Instant::now();
        let target = "/v1.0/organization";
        assert_eq!(ask(&sandbox, "GET", target).await, Handled::Broken);
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        match ask(&sandbox, "GET", target).await {
            Handled::Truncated(answer) => {
                assert_eq!(
                    (answer.status, &answer.body[..]),
                    (200, &entire[..entire.len() / 2])
                );
            }
            other => panic!("{other:?}"),
        }
        let hung = timeout(Duration::from_secs(86_400), ask(&sandbox, "GET", target)).await;
        assert!(hung.is_err());
        assert_eq!(whole(&sandbox, target).await.status, 200);
    }
}
