//! GitHub Actions' own identity: asks the runner for an OIDC token and hands it to Entra as the
//! application's assertion. azure_identity has no such credential.

use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::http::{
    ClientMethodOptions, ClientOptions, Method, Pipeline, PipelineSendOptions, Request, Url,
    headers::AUTHORIZATION,
};
use azure_identity::ClientAssertion;
use serde::Deserialize;

/// The audience that Entra expects of a federated token.
/// Source: "Workload identity federation", identity platform.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Fetches the runner's OIDC token whenever azure_identity needs an assertion.
#[derive(Debug)]
pub(super) struct Runner {
    url: Url,
    token: Secret,
    pipeline: Pipeline,
}

impl Runner {
    /// Returns a source of assertions that asks `url`, with `token`.
    pub(super) fn new(mut url: Url, token: Secret, options: ClientOptions) -> Self {
        url.query_pairs_mut().append_pair("audience", AUDIENCE);
        let (name, version) = (
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
        );
        let pipeline = Pipeline::new(name, version, options, Vec::new(), Vec::new(), None);
        Self {
            url,
            token,
            pipeline,
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    value: String,
}

#[async_trait::async_trait]
impl ClientAssertion for Runner {
    async fn secret(&self, options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let failed = |text: String| azure_core::Error::with_message(ErrorKind::Credential, text);
        let mut request = Request::new(self.url.clone(), Method::Get);
        request.insert_header(AUTHORIZATION, format!("Bearer {}", self.token.secret()));
        let context = options.unwrap_or_default().context;
        let unchecked = PipelineSendOptions {
            skip_checks: true,
            ..Default::default()
        };
        let answer = self
            .pipeline
            .send(&context, &mut request, Some(unchecked))
            .await?;
        if !answer.status().is_success() {
            let status = u16::from(answer.status());
            return Err(failed(format!("GitHub's OIDC endpoint answered {status}")));
        }
        // Not the parser's own words: they could quote the token.
        let answer: Answer = serde_json::from_slice(answer.body().as_ref())
            .map_err(|_| failed("GitHub's OIDC endpoint gave no token".to_owned()))?;
        Ok(answer.value)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn asked(reply: &'static str) -> (azure_core::Result<String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/token?api-version=2.0",
            listener.local_addr().unwrap()
        );
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(reply.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let transport = Some(azure_core::http::Transport::new(std::sync::Arc::new(http)));
        let options = ClientOptions {
            transport,
            ..ClientOptions::default()
        };
        let runner = Runner::new(url.parse().unwrap(), Secret::new("runner-token"), options);
        (runner.secret(None).await, server.await.unwrap())
    }

    #[tokio::test]
    async fn the_runner_is_asked_for_a_token_for_entra() {
        let (assertion, asked) =
            asked("HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"value\":\"a.b.c\"}").await;
        assert_eq!(assertion.unwrap(), "a.b.c");
        let line = "GET /token?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange HTTP/1.1";
        assert!(asked.starts_with(line), "{asked}");
        assert!(
            asked.contains("authorization: Bearer runner-token"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_refusal_is_said_without_the_answer() {
        let (refused, _) = asked("HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\nsecret").await;
        assert_eq!(
            refused.unwrap_err().to_string(),
            "GitHub's OIDC endpoint answered 403"
        );
    }
}
