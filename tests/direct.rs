//! A client of a sandbox in the same process: no sockets, so that under a simulated clock every
//! wait costs nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use guestlist_sandbox::{Handled, HttpAnswer, Sandbox};
use guestlist_tenant::transport::{
    HeaderMap, HttpRequest, HttpResponse, Transport, TransportError,
};
use guestlist_tenant::{Client, ClientOptions, Stop, auth};

/// Carries requests to a sandbox.
struct Direct {
    sandbox: Sandbox,
    timeout: Duration,
}

/// Returns a client of the sandbox; an answer that takes longer than `timeout` is lost.
pub(crate) fn client(sandbox: &Sandbox, timeout: Duration) -> Client {
    let transport = Direct {
        sandbox: sandbox.clone(),
        timeout,
    };
    Client::new(ClientOptions {
        graph_root: "https://graph.example".parse().unwrap(),
        scope: "https://graph.example/.default".to_owned(),
        credential: auth::constant(sandbox.token()),
        transport: Arc::new(transport),
        concurrency: 8,
        stop: Stop::default(),
    })
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| {
            let value = value.to_str().unwrap().to_owned();
            (name.to_string(), value)
        });
        let handled = self.sandbox.handle(
            request.method.as_str(),
            request.url.as_str(),
            headers.collect(),
            request.body.unwrap_or_default(),
        );
        let lost = |why: &str| TransportError::Lost(why.to_owned());
        match tokio::time::timeout(self.timeout, handled).await {
            Ok(Handled::Answered(answer)) => Ok(response(answer)),
            Ok(_) => Err(lost("the connection broke")),
            Err(_) => Err(lost("the operation timed out")),
        }
    }
}

fn response(answer: HttpAnswer) -> HttpResponse {
    let headers = answer.headers.iter();
    let headers: HeaderMap = headers
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    HttpResponse {
        status: answer.status,
        headers,
        body: answer.body,
    }
}
