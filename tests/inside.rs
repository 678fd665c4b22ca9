//! A tenant in this process, without sockets: the real client, planner and executor over
//! `Sandbox::handle`, so that waiting costs nothing on tokio's paused clock.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use guestlist_planner::limits::Hand;
use guestlist_planner::load::Config;
use guestlist_planner::plan::{Header, Plan, Request, plan};
use guestlist_sandbox::{Handled, Sandbox};
use guestlist_tenant::apply::{Entry, Journal, Options, Report, apply};
use guestlist_tenant::transport::{
    HeaderMap, HttpRequest, HttpResponse, Transport, TransportError, Url,
};
use guestlist_tenant::{Client, ClientOptions, Stop, auth, observe};
use jiff::Timestamp;

/// How long the client waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(100);
/// How long what was just created may take to become usable.
const SETTLE: Duration = Duration::from_secs(120);

/// Hands requests to a sandbox, and says what a connection would have shown.
pub(crate) struct Inside(pub(crate) Sandbox);

#[async_trait::async_trait]
impl Transport for Inside {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let headers = request.headers.iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let handled = self.0.handle(
            request.method.as_str(),
            request.url.as_str(),
            headers.collect(),
            request.body.unwrap_or_default(),
        );
        let lost = |why: &str| Err(TransportError::Lost(why.to_owned()));
        match tokio::time::timeout(TIMEOUT, handled).await {
            Err(_) => lost("the operation timed out"),
            Ok(Handled::Broken) => lost("the connection was closed"),
            Ok(Handled::Truncated(_)) => lost("the connection was closed amid the answer"),
            Ok(Handled::Answered(answer)) => {
                let headers: HashMap<String, String> = answer.headers.into_iter().collect();
                Ok(HttpResponse {
                    status: answer.status,
                    headers: HeaderMap::try_from(&headers).unwrap(),
                    body: answer.body,
                })
            }
        }
    }
}

/// Signs in anew whenever it is asked.
struct Fresh(Sandbox);

#[async_trait::async_trait]
impl TokenCredential for Fresh {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        auth::constant(self.0.token())
            .get_token(scopes, options)
            .await
    }
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fresh")
    }
}

/// Returns a client of a sandbox in this process.
pub(crate) fn client(sandbox: &Sandbox) -> Client {
    over(Arc::new(Inside(sandbox.clone())), sandbox, 8)
}

/// Returns a client over any transport, with so many requests under way at once.
pub(crate) fn over(transport: Arc<dyn Transport>, sandbox: &Sandbox, concurrency: usize) -> Client {
    Client::new(ClientOptions {
        graph_root: Url::parse("https://graph.example/").unwrap(),
        scope: "https://graph.example/.default".to_owned(),
        credential: Arc::new(Fresh(sandbox.clone())),
        transport,
        concurrency,
        stop: Stop::default(),
    })
}

/// A journal whose disk is full from a given line on, as if the program had been stopped there.
pub(crate) struct Stops(pub(crate) Option<usize>);

impl Journal for Stops {
    fn write(&mut self, _: &[Entry]) -> std::io::Result<()> {
        match &mut self.0 {
            Some(0) => Err(Error::from(ErrorKind::StorageFull)),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) plan: Plan,
    pub(crate) report: Report,
}

impl Ran {
    /// Returns whether the program would have ended with 0.
    pub(crate) fn is_complete(&self) -> bool {
        self.report.is_complete() && !self.plan.has_errors()
    }
}

/// Observes, plans and applies, without the limits on removals. An error means that the tenant
/// could not be read: then there is no plan.
pub(crate) async fn run(
    sandbox: &Sandbox,
    config: &Config,
    now: Timestamp,
    journal: &mut dyn Journal,
) -> Result<Ran, guestlist_tenant::Error> {
    run_with(&client(sandbox), config, now, journal, || {}).await
}

/// Does the same with a client that may be asked to stop; something happens between planning and
/// applying.
pub(crate) async fn run_with(
    client: &Client,
    config: &Config,
    now: Timestamp,
    journal: &mut dyn Journal,
    meanwhile: impl FnOnce(),
) -> Result<Ran, guestlist_tenant::Error> {
    let snapshot = observe(client, config, now).await?;
    let hand = Hand {
        removals: Some(99),
        expiries: Some(99),
        weakened: Some(99),
    };
    let request = Request {
        hand,
        ..Request::default()
    };
    let (plan, ids) = plan(config, &snapshot, now, &request, &Header::default());
    meanwhile();
    let options = Options {
        stamp: config.policy.tenant.stamp.as_str().to_owned(),
        now,
        settle: SETTLE,
        earlier: Default::default(),
    };
    let report = apply(
        client,
        &plan,
        &snapshot,
        ids,
        options,
        journal,
        &mut |_, _| {},
    )
    .await;
    Ok(Ran { plan, report })
}

/// Runs a test on a clock that stands still while something happens and jumps while all wait.
pub(crate) fn on_paused_clock<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
}
