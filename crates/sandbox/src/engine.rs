//! From a request to its answer: counting it, letting faults strike, checking the token and the
//! permission, running the handler, and saving what changed. What a fault does is in `faults.rs`.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::batch;
use crate::behaviour::{Act, Behaviour, Fault};
use crate::call::Call;
use crate::cost::{cost, is_conditional_access, is_write};
use crate::error::{GraphError, Outcome};
use crate::http::{Ids, Reply, Request};
use crate::quota::{Asked, Meter};
use crate::routes;
use crate::store;
use crate::tenant::Tenant;
use crate::token::{self, Bearer, Grant};

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
    /// The connection stays open without a word.
    Hang,
}

/// A tenant at work.
pub(crate) struct Engine {
    pub(crate) tenant: Tenant,
    pub(crate) behaviour: Behaviour,
    pub(crate) clock: Option<Timestamp>,
    pub(crate) received: Vec<Received>,
    pub(crate) grants: HashMap<String, Grant>,
    pub(crate) file: Option<PathBuf>,
    /// Whether the file does not hold what the tenant does.
    unsaved: bool,
    pub(crate) number: usize,
    /// How often each fault's condition was met.
    pub(crate) met: Vec<usize>,
    /// The tenant as it was when the behaviour was set, if a fault answers from there.
    pub(crate) replica: Option<Tenant>,
    /// When objects were created, for those that not every replica knows.
    pub(crate) born: HashMap<String, Instant>,
    invitations: usize,
    meter: Meter,
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
            unsaved: false,
            number: 0,
            met: Vec::new(),
            replica: None,
            born: HashMap::new(),
            invitations: 0,
            meter: Meter::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(Timestamp::now)
    }

    pub(crate) fn behave(&mut self, behaviour: Behaviour) {
        self.met = vec![0; behaviour.faults.len()];
        let stale = |fault: &Fault| matches!(fault.act, Act::Stale);
        self.replica = behaviour
            .faults
            .iter()
            .any(stale)
            .then(|| self.tenant.clone());
        self.behaviour = behaviour;
        self.number = 0;
        self.invitations = 0;
        self.meter = Meter::default();
    }

    /// Brings what depends on others up to date, and saves.
    pub(crate) fn changed(&mut self) {
        self.tenant.refresh_dynamic_groups();
        self.tenant.refresh_group_licenses();
        if let Err(error) = self.save() {
            panic!("the sandbox state could not be saved: {}", error.message);
        }
    }

    fn save(&mut self) -> Outcome<()> {
        self.unsaved = false;
        let Some(file) = &self.file else {
            return Ok(());
        };
        store::write(file, &self.tenant).map_err(|error| {
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

    /// Answers a request to Graph; `root` is scheme, host and version. What it changed is saved
    /// before the answer goes out.
    pub(crate) fn answer(&mut self, root: &str, request: &Request) -> Answer {
        let answer = self.run(root, request, None);
        if !self.unsaved {
            return answer;
        }
        match self.save() {
            Ok(()) => answer,
            Err(error) => Answer::Reply(Reply::refusal(&error, &Ids::of(request), self.now())),
        }
    }

    /// Runs a request; inside a batch `outer` is the batch, whose token counts.
    fn run(&mut self, root: &str, request: &Request, outer: Option<&Request>) -> Answer {
        self.number += 1;
        let at = self.record(request, self.number, outer.is_some());
        let ids = Ids::of(request);
        let act = self.strike(request);
        self.before(act.as_ref());
        let done = match act.as_ref().and_then(|act| self.instead(act, &ids)) {
            Some(answer) => answer,
            None => {
                let stale = matches!(act, Some(Act::Stale)) && request.method == "GET";
                self.swap_replica(stale);
                let done = self.perform(root, request, outer, &ids);
                self.swap_replica(stale);
                done
            }
        };
        let mut answer = match done {
            Answer::Reply(reply) => self.after(act, reply, request, &ids),
            broken => broken,
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

    fn perform(
        &mut self,
        root: &str,
        request: &Request,
        outer: Option<&Request>,
        ids: &Ids,
    ) -> Answer {
        let done = match token::granted(self, outer.unwrap_or(request)) {
            Err(error) => Err(error),
            Ok(_) if request.path == "/$batch" && outer.is_none() => self.batch(root, request, ids),
            Ok(bearer) => Ok(Answer::Reply(self.measured(root, request, &bearer, ids))),
        };
        done.unwrap_or_else(|error| Answer::Reply(Reply::refusal(&error, ids, self.now())))
    }

    /// Runs a request that is within the quota. A batch is not measured, only what is in it.
    fn measured(&mut self, root: &str, request: &Request, bearer: &Bearer, ids: &Ids) -> Reply {
        let now = self.now();
        let (mut refused, mut warning) = (None, None);
        if let Some(quota) = &self.behaviour.quota {
            let asked = Asked {
                app: &bearer.app,
                tenant: self.tenant.id(),
                users: self.tenant.users.len(),
                units: cost(request),
                writes: is_write(request),
                conditional_access: is_conditional_access(request),
            };
            let limit = self.meter.charge(quota, &asked, Instant::now());
            refused = limit.map(|limit| limit.refusal(&asked, ids, now));
            warning = self.meter.warning(quota, &asked);
        }
        let reply = refused.unwrap_or_else(|| {
            let done = self.dispatch(root, request, bearer);
            done.unwrap_or_else(|error| Reply::refusal(&error, ids, now))
        });
        match warning {
            Some(share) => reply.header("x-ms-throttle-limit-percentage", share),
            None => reply,
        }
    }

    /// Runs a batch; when the connection breaks or hangs in the middle, nothing comes back.
    fn batch(&mut self, root: &str, request: &Request, ids: &Ids) -> Outcome<Answer> {
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
                match self.run(root, &part.request, Some(request)) {
                    Answer::Reply(reply) => reply,
                    Answer::Drop | Answer::Truncated(_) => return Ok(Answer::Drop),
                    Answer::Hang => return Ok(Answer::Hang),
                }
            };
            replies.push((part.id, reply));
        }
        Ok(Answer::Reply(batch::answer(replies)))
    }

    pub(crate) fn dispatch(&mut self, root: &str, request: &Request, bearer: &Bearer) -> Outcome {
        let now = self.now();
        self.tenant.purge(now);
        let (route, params) =
            routes::find(&request.method, &request.path, root.ends_with("/beta"))?;
        if !route.any_of.iter().any(|one| bearer.roles.contains(*one)) {
            return Err(GraphError::denied());
        }
        let replication = self.behaviour.replication;
        self.born.retain(|_, at| at.elapsed() < replication);
        let mut call = Call {
            tenant: &mut self.tenant,
            behaviour: &self.behaviour,
            request,
            params,
            now,
            root,
            app: &bearer.app,
            granted: &bearer.roles,
            hidden: &self.born,
            born: Vec::new(),
            invitations: &mut self.invitations,
        };
        let done = (route.run)(&mut call);
        let born = call.born;
        let at = Instant::now();
        self.born.extend(born.into_iter().map(|id| (id, at)));
        let reply = done?;
        if request.method != "GET" {
            self.tenant.refresh_dynamic_groups();
            self.tenant.refresh_group_licenses();
            self.unsaved = true;
        }
        Ok(reply)
    }

    /// Adds the headers that every answer of Graph carries.
    fn finish(&self, reply: &mut Reply, request: &Request, ids: &Ids) {
        if reply.is_html() {
            return;
        }
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
