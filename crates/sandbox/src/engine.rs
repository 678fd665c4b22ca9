//! From a request to its answer: counting it, letting faults strike, checking the token and the
//! permission, running the handler, and saving what changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::batch;
use crate::behaviour::{Act, Behaviour, Canned};
use crate::call::Call;
use crate::cost::cost;
use crate::error::{GraphError, Outcome};
use crate::http::{Ids, Reply, Request};
use crate::routes;
use crate::store;
use crate::tenant::Tenant;
use crate::token::{self, Grant};

/// The log is cut when it reaches this, so that a long-running server does not grow for ever.
const MAX_RECEIVED: usize = 20_000;

/// A request that the tenant received.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its number since the behaviour was last set, from 1; 0 for requests for a token.
    pub number: usize,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query as sent, without the version.
    pub path: String,
    /// Headers, names in lower case, without `authorization`.
    pub headers: BTreeMap<String, String>,
    /// The body, if it is JSON; never that of a request for a token.
    pub body: Option<Value>,
    /// Whether it came inside a `$batch`.
    pub in_batch: bool,
    /// The status answered; `None` where the connection was closed instead.
    pub status: Option<u16>,
}

/// What goes back to the caller.
#[derive(Debug)]
pub(crate) enum Answer {
    Reply(Reply),
    /// The connection is closed without a word.
    Drop,
    /// The connection is closed in the middle of this.
    Truncated(Reply),
}

/// A tenant at work.
pub(crate) struct Engine {
    pub(crate) tenant: Tenant,
    pub(crate) behaviour: Behaviour,
    pub(crate) clock: Option<Timestamp>,
    pub(crate) received: Vec<Received>,
    pub(crate) grants: HashMap<String, Grant>,
    pub(crate) file: Option<PathBuf>,
    number: usize,
    /// How often each fault's condition was met.
    met: Vec<usize>,
    /// When objects were created, for those that not every replica knows.
    born: HashMap<String, Instant>,
    invitations: usize,
}

impl Engine {
    pub(crate) fn new(tenant: Tenant) -> Self {
        Engine {
            tenant,
            behaviour: Behaviour::default(),
            clock: None,
            received: Vec::new(),
            grants: HashMap::new(),
            file: None,
            number: 0,
            met: Vec::new(),
            born: HashMap::new(),
            invitations: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(Timestamp::now)
    }

    pub(crate) fn behave(&mut self, behaviour: Behaviour) {
        self.met = vec![0; behaviour.faults.len()];
        self.behaviour = behaviour;
        self.number = 0;
        self.invitations = 0;
    }

    /// Brings what depends on others up to date, and saves.
    pub(crate) fn changed(&mut self) {
        if let Err(error) = self.settle() {
            panic!("the sandbox state could not be saved: {}", error.message);
        }
    }

    fn settle(&mut self) -> Outcome<()> {
        self.tenant.refresh_dynamic_groups();
        let Some(file) = &self.file else {
            return Ok(());
        };
        store::write(file, &json!(self.tenant)).map_err(|error| {
            GraphError::new(
                500,
                "InternalServerError",
                format!(
                    "The state file {} could not be written: {error}.",
                    file.display()
                ),
            )
        })
    }

    /// Answers a request to Graph; `root` is scheme, host and version.
    pub(crate) fn answer(&mut self, root: &str, request: &Request) -> Answer {
        let granted = token::granted(self, request);
        self.run(root, request, &granted, false)
    }

    fn run(
        &mut self,
        root: &str,
        request: &Request,
        granted: &Outcome<BTreeSet<String>>,
        in_batch: bool,
    ) -> Answer {
        self.number += 1;
        let at = self.record(request, self.number, in_batch);
        let ids = Ids::of(request);
        let act = self.strike(request);
        let done = match &act {
            Some(Act::Answer(canned)) => Answer::Reply(self.canned(canned, &ids)),
            Some(Act::Drop) => Answer::Drop,
            _ => self.perform(root, request, granted, &ids, in_batch),
        };
        let mut answer = match (act, done) {
            (Some(Act::Lose), Answer::Reply(_)) => Answer::Drop,
            (Some(Act::Truncate), Answer::Reply(reply)) => Answer::Truncated(reply),
            (Some(Act::DoThenAnswer(canned)), Answer::Reply(_)) => {
                Answer::Reply(self.canned(&canned, &ids))
            }
            (_, done) => done,
        };
        if let Answer::Reply(reply) | Answer::Truncated(reply) = &mut answer {
            self.finish(reply, request, &ids);
        }
        if let (Answer::Reply(reply), Some(received)) = (&answer, self.received.get_mut(at)) {
            received.status = Some(reply.status);
        }
        answer
    }

    /// Notes a request and returns its place in the log.
    pub(crate) fn record(&mut self, request: &Request, number: usize, in_batch: bool) -> usize {
        // Only between requests: a batch's own place must not move.
        if !in_batch && self.received.len() >= MAX_RECEIVED {
            self.received.drain(..MAX_RECEIVED / 2);
        }
        let headers = request
            .headers
            .iter()
            .filter(|(name, _)| name != "authorization");
        self.received.push(Received {
            number,
            method: request.method.clone(),
            path: request.target(),
            headers: headers.cloned().collect(),
            body: serde_json::from_slice(&request.body).ok(),
            in_batch,
            status: None,
        });
        self.received.len() - 1
    }

    fn strike(&mut self, request: &Request) -> Option<Act> {
        let number = self.number;
        let mut act = None;
        for (fault, met) in self.behaviour.faults.iter().zip(&mut self.met) {
            if !fault.matches(number, &request.method, &request.path) {
                continue;
            }
            *met += 1;
            let struck = *met > fault.skip && *met <= fault.skip.saturating_add(fault.times);
            if struck && act.is_none() {
                act = Some(fault.act.clone());
            }
        }
        act
    }

    fn canned(&self, canned: &Canned, ids: &Ids) -> Reply {
        let error = GraphError::new(
            canned.status,
            canned.code(),
            "The service failed on purpose.",
        );
        let mut reply = match &canned.body {
            Some(body) => Reply::with(canned.status, Some(body.clone())),
            None => Reply::refusal(&error, ids, self.now()),
        };
        reply.headers.extend(
            canned
                .headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone())),
        );
        reply
    }

    fn perform(
        &mut self,
        root: &str,
        request: &Request,
        granted: &Outcome<BTreeSet<String>>,
        ids: &Ids,
        in_batch: bool,
    ) -> Answer {
        let done = match granted {
            Err(error) => Err(error.clone()),
            Ok(_) if request.path == "/$batch" && !in_batch => {
                match self.batch(root, request, granted, ids) {
                    Ok(Some(reply)) => Ok(reply),
                    Ok(None) => return Answer::Drop,
                    Err(error) => Err(error),
                }
            }
            Ok(granted) => self.dispatch(root, request, granted),
        };
        Answer::Reply(done.unwrap_or_else(|error| Reply::refusal(&error, ids, self.now())))
    }

    /// Runs a batch; `None` when the connection breaks in the middle of it.
    fn batch(
        &mut self,
        root: &str,
        request: &Request,
        granted: &Outcome<BTreeSet<String>>,
        ids: &Ids,
    ) -> Outcome<Option<Reply>> {
        if request.method != "POST" {
            return Err(GraphError::method_not_allowed());
        }
        let body = request.json()?.unwrap_or_default();
        let mut replies: Vec<(String, Reply)> = Vec::new();
        for part in batch::parts(&body)? {
            let failed = |id: &String| {
                let same = |(done, _): &&(String, Reply)| done.eq_ignore_ascii_case(id);
                replies
                    .iter()
                    .find(same)
                    .is_some_and(|(_, reply)| !reply.is_success())
            };
            let reply = if part.depends_on.iter().any(failed) {
                Reply::refusal(&batch::failed_dependency(), ids, self.now())
            } else {
                match self.run(root, &part.request, granted, true) {
                    Answer::Reply(reply) => reply,
                    Answer::Drop | Answer::Truncated(_) => return Ok(None),
                }
            };
            replies.push((part.id, reply));
        }
        Ok(Some(batch::answer(replies)))
    }

    fn dispatch(&mut self, root: &str, request: &Request, granted: &BTreeSet<String>) -> Outcome {
        let now = self.now();
        self.tenant.purge(now);
        let (route, params) = routes::find(&request.method, &request.path)?;
        if !route.any_of.iter().any(|one| granted.contains(*one)) {
            return Err(GraphError::denied());
        }
        let replication = self.behaviour.replication;
        self.born.retain(|_, at| at.elapsed() < replication);
        let hidden = self.born.keys().cloned().collect();
        let mut call = Call {
            tenant: &mut self.tenant,
            behaviour: &self.behaviour,
            request,
            params,
            now,
            root,
            granted,
            hidden: &hidden,
            born: Vec::new(),
            invitations: &mut self.invitations,
        };
        let done = (route.run)(&mut call);
        let born = call.born;
        let at = Instant::now();
        self.born.extend(born.into_iter().map(|id| (id, at)));
        let reply = done?;
        if request.method != "GET" {
            self.settle()?;
        }
        Ok(reply)
    }

    /// Adds the headers that every answer carries.
    fn finish(&self, reply: &mut Reply, request: &Request, ids: &Ids) {
        let mut header = |name: &str, value: String| {
            if !reply.headers.iter().any(|(known, _)| known == name) {
                reply.headers.push((name.to_owned(), value));
            }
        };
        header("request-id", ids.request.clone());
        header("client-request-id", ids.client.clone());
        header("x-ms-resource-unit", cost(request).to_string());
        header("date", crate::time::http_date(self.now()));
        header("odata-version", "4.0".into());
    }
}

#[cfg(test)]
mod tests;
