//! Sends bytes and returns bytes. Knows TLS, proxies, timeouts and sizes, and nothing of Graph:
//! no tokens, no retries, no redirects.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
pub use reqwest::header::HeaderMap;
pub use reqwest::{Method, Url};

use crate::auth::is_loopback;
use crate::error::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long signing in may take.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(100);
/// How long a connection is kept that nobody uses: less than gateways keep theirs, so that it is
/// ours to close.
const IDLE: Duration = Duration::from_secs(45);
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// What is sent.
pub struct HttpRequest {
    /// The verb.
    pub method: Method,
    /// The whole URL.
    pub url: Url,
    /// The headers, the token among them.
    pub headers: HeaderMap,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
}

/// What came back.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpRequest({} {})", self.method, self.url.path())
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "HttpResponse({}, {} bytes)",
            self.status,
            self.body.len()
        )
    }
}

/// Why nothing came back.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    /// There was no connection, so nothing was sent.
    #[error("{0}")]
    Unreachable(String),
    /// The request may have arrived; its answer did not, or not whole.
    #[error("{0}")]
    Lost(String),
    /// The answer is larger than anything that Graph sends.
    #[error("the answer is larger than {} MiB", LARGEST_BODY / 1024 / 1024)]
    TooLarge,
}

/// The one thing that talks to the network; tests put a service of their own in its place.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request once and returns the whole answer, whatever its status.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError>;
}

/// The transport of every real run.
pub struct HttpTransport(reqwest::Client);

impl HttpTransport {
    /// Returns a transport to `graph_root` that trusts the CAs in `ca_file` only, or else those
    /// of the platform. An answer that is not there in full after `timeout` is lost.
    pub fn new(graph_root: &Url, ca_file: Option<&Path>, timeout: Duration) -> Result<Self, Error> {
        let mut builder = builder(ca_file)?.timeout(timeout);
        if is_loopback(graph_root) {
            // A proxy would be another party that sees the token, which plain http does not hide.
            builder = builder.no_proxy();
        }
        if graph_root.scheme() == "http" {
            // Without TLS no CA is needed, so that machines that have none can run the sandbox.
            builder = builder.tls_certs_only([]);
        }
        build(builder).map(Self)
    }
}

/// Returns the client that signs in, which trusts what [`HttpTransport::new`] trusts. `local` says
/// that it asks this machine or its host, over plain http: a proxy would see the token.
pub fn sign_in_client(ca_file: Option<&Path>, local: bool) -> Result<reqwest::Client, Error> {
    let builder = builder(ca_file)?.timeout(SIGN_IN_TIMEOUT);
    build(if local { builder.no_proxy() } else { builder })
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    builder.build().map_err(|error| Error::Trust(chain(&error)))
}

fn builder(ca_file: Option<&Path>) -> Result<reqwest::ClientBuilder, Error> {
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE)
        // Graph's calls used here never redirect, and a redirect could carry a token elsewhere.
        .redirect(reqwest::redirect::Policy::none());
    let Some(path) = ca_file else {
        return Ok(builder);
    };
    // The platform's verifier reads SSL_CERT_FILE on Linux only; done here, it holds everywhere.
    let unusable = |why: String| Error::Trust(format!("{}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let certificates =
        reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(chain(&error)))?;
    if certificates.is_empty() {
        return Err(unusable("no certificates in it".to_owned()));
    }
    Ok(builder.tls_certs_only(certificates))
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut builder = self
            .0
            .request(request.method, request.url)
            .headers(request.headers);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let mut answer = builder.send().await.map_err(failure)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let status = answer.status().as_u16();
        Ok(HttpResponse {
            status,
            headers: std::mem::take(answer.headers_mut()),
            body,
        })
    }
}

fn failure(error: reqwest::Error) -> TransportError {
    let connecting = error.is_connect() || error.is_builder();
    let text = chain(&error.without_url());
    if connecting {
        TransportError::Unreachable(text)
    } else {
        TransportError::Lost(text)
    }
}

/// Returns an error with all its causes; reqwest's own text says little more than "error".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves `reply` once, as it is, and returns what it was asked.
    async fn served(reply: &'static str) -> (Result<HttpResponse, TransportError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/v1.0/users", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(reply.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let transport = HttpTransport::new(&url, None, Duration::from_secs(10)).unwrap();
        let request = HttpRequest {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
        };
        (transport.send(request).await, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let reply =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        let (answer, asked) = served(reply).await;
        assert_eq!(answer.unwrap().status, 302);
        assert!(asked.starts_with("GET /v1.0/users HTTP/1.1"), "{asked}");
    }

    #[tokio::test]
    async fn a_truncated_answer_is_lost() {
        let (answer, _) = served("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"value\":").await;
        assert!(matches!(answer, Err(TransportError::Lost(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn without_a_connection_nothing_was_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        drop(listener);
        let transport = HttpTransport::new(&url, None, Duration::from_secs(10)).unwrap();
        let request = HttpRequest {
            method: Method::POST,
            url,
            headers: HeaderMap::new(),
            body: None,
        };
        let failed = transport.send(request).await;
        assert!(
            matches!(failed, Err(TransportError::Unreachable(_))),
            "{failed:?}"
        );
    }

    #[test]
    fn an_unusable_ca_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        for path in [folder.path().join("missing.pem"), empty] {
            let error = sign_in_client(Some(&path), false).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }
}
