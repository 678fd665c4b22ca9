//! Real HTTP on loopback; what is answered is in `handle.rs`. Hyper is used without a framework:
//! a fault may have to close the connection without an answer, or in the middle of one.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::handle::{self, Handled, HttpAnswer, MAX_BODY};
use crate::http::Request;
use crate::sandbox::Sandbox;
use crate::tls::Tls;

/// A served sandbox; dropping it closes everything.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The Graph root, without version: `http://127.0.0.1:4711`.
    pub graph_url: String,
    /// The authority, to which the tenant and `/oauth2/v2.0/token` are appended.
    pub authority_url: String,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves a sandbox on a loopback address; port 0 takes a free one.
pub async fn serve(sandbox: Sandbox, addr: SocketAddr, tls: Option<&Tls>) -> io::Result<Server> {
    if !addr.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the sandbox is served on loopback only, not on {addr}"),
        ));
    }
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let acceptor = tls.map(|tls| TlsAcceptor::from(tls.config.clone()));
    let task = tokio::spawn(accept(listener, sandbox, acceptor, scheme));
    let url = format!("{scheme}://{addr}");
    Ok(Server {
        addr,
        graph_url: url.clone(),
        authority_url: url,
        task: task.abort_handle(),
    })
}

/// Accepts until aborted; the connections end with it.
async fn accept(
    listener: TcpListener,
    sandbox: Sandbox,
    acceptor: Option<TlsAcceptor>,
    scheme: &'static str,
) {
    let mut connections = JoinSet::new();
    loop {
        // A failed accept concerns one caller only.
        if let Ok((stream, _)) = listener.accept().await {
            let (sandbox, acceptor) = (sandbox.clone(), acceptor.clone());
            connections.spawn(connect(stream, sandbox, acceptor, scheme));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(
    stream: TcpStream,
    sandbox: Sandbox,
    acceptor: Option<TlsAcceptor>,
    scheme: &'static str,
) {
    // Small answers must not wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => converse(stream, sandbox, scheme).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, sandbox, scheme).await;
            }
        }
    }
}

async fn converse<S>(stream: S, sandbox: Sandbox, scheme: &'static str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| respond(sandbox.clone(), scheme, request));
    // An error here is a caller that left, or a fault that closed the connection.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    sandbox: Sandbox,
    scheme: &'static str,
    request: hyper::Request<Incoming>,
) -> io::Result<hyper::Response<Payload>> {
    let (parts, body) = request.into_parts();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let mut request = Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: Vec::new(),
    };
    let base = handle::base_of(&request, scheme);
    let handled = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => {
            request.body = body.to_bytes().to_vec();
            sandbox.carry_out(&base, request).await
        }
        Err(_) => Handled::Answered(handle::wire(sandbox.too_large(&request))),
    };
    match handled {
        Handled::Answered(answer) => Ok(response(answer, false)),
        Handled::Truncated(answer) => Ok(response(answer, true)),
        Handled::Broken => Err(io::Error::other("closed by a fault")),
    }
}

fn response(answer: HttpAnswer, cut: bool) -> hyper::Response<Payload> {
    let mut builder = hyper::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    let payload = Payload::new(answer.body.into(), cut);
    builder.body(payload).unwrap_or_else(|_| {
        // Only a header made up for a fault can be no header.
        let mut response = hyper::Response::new(Payload::new(Bytes::new(), false));
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// A body that comes whole, or promises its length and breaks off half way.
struct Payload {
    bytes: Bytes,
    length: u64,
    cut: Cut,
}

enum Cut {
    Never,
    Half,
    /// Once around the loop, so that the first half leaves before the connection breaks.
    Pause,
    Break,
}

impl Payload {
    fn new(bytes: Bytes, cut: bool) -> Self {
        Payload {
            length: bytes.len() as u64,
            bytes,
            cut: if cut { Cut::Half } else { Cut::Never },
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.cut {
            Cut::Never if self.bytes.is_empty() => Poll::Ready(None),
            Cut::Never => Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes))))),
            Cut::Half => {
                self.cut = Cut::Pause;
                let half = self.bytes.len() / 2;
                Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(half)))))
            }
            Cut::Pause => {
                self.cut = Cut::Break;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Cut::Break => Poll::Ready(Some(Err(io::Error::other("closed by a fault")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.cut, Cut::Never) && self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self.cut {
            Cut::Never => self.bytes.len() as u64,
            _ => self.length,
        })
    }
}
