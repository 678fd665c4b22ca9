//! What a fault does to a request: before it is carried out, instead of that, and to its answer
//! afterwards. Which faults there are is said in `behaviour.rs`.

use serde_json::Value;

use crate::behaviour::{Act, Behaviour, Canned, Elsewhere};
use crate::engine::{Answer, Engine};
use crate::error::GraphError;
use crate::http::{Ids, Reply, Request};
use crate::permissions;
use crate::routes;
use crate::token::Bearer;

/// Where the portal finds Graph.
const PORTAL: &str = "https://graph.microsoft.com/v1.0";
/// Where no caller may take its token.
const FOREIGN: &str = "https://evil.example/v1.0";

/// Refuses changes made elsewhere that no route serves: they would do nothing in silence.
#[track_caller]
pub(crate) fn check(behaviour: &Behaviour) {
    for fault in &behaviour.faults {
        let Act::Meanwhile(changes) = &fault.act else {
            continue;
        };
        for change in changes {
            if let Err(error) = routes::find(&change.method, path_and_query(change).0, false) {
                panic!("{} {}: {}", change.method, change.path, error.message);
            }
        }
    }
}

fn path_and_query(change: &Elsewhere) -> (&str, &str) {
    change
        .path
        .split_once('?')
        .unwrap_or((change.path.as_str(), ""))
}

impl Engine {
    /// Returns what strikes this request, if anything does.
    pub(crate) fn strike(&mut self, request: &Request) -> Option<Act> {
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

    /// Does what a fault does before the request is carried out.
    pub(crate) fn before(&mut self, act: Option<&Act>) {
        match act {
            Some(Act::ExpireTokens) => self.grants.clear(),
            Some(Act::Meanwhile(changes)) => changes.iter().for_each(|one| self.elsewhere(one)),
            _ => {}
        }
    }

    /// Returns what a fault answers instead of carrying the request out.
    pub(crate) fn instead(&self, act: &Act, ids: &Ids) -> Option<Answer> {
        match act {
            Act::Answer(canned) => Some(Answer::Reply(self.canned(canned, ids))),
            Act::Html(status) => Some(Answer::Reply(Reply::html(*status))),
            Act::Drop => Some(Answer::Drop),
            Act::Hang => Some(Answer::Hang),
            _ => None,
        }
    }

    /// Does what a fault does to the answer.
    pub(crate) fn after(
        &self,
        act: Option<Act>,
        mut reply: Reply,
        request: &Request,
        ids: &Ids,
    ) -> Answer {
        match act {
            Some(Act::Lose) => return Answer::Drop,
            Some(Act::Truncate) => return Answer::Truncated(reply),
            Some(Act::DoThenHang) => return Answer::Hang,
            Some(Act::DoThenAnswer(canned)) => reply = self.canned(&canned, ids),
            Some(Act::ForeignLink) => lead_astray(&mut reply, request),
            _ => {}
        }
        Answer::Reply(reply)
    }

    /// Puts the replica that knows nothing new in the tenant's place, and back.
    pub(crate) fn swap_replica(&mut self, stale: bool) {
        if let Some(replica) = self.replica.as_mut().filter(|_| stale) {
            std::mem::swap(replica, &mut self.tenant);
        }
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

    /// Changes something as an admin in the portal, for whom replication is no matter.
    fn elsewhere(&mut self, change: &Elsewhere) {
        let (path, query) = path_and_query(change);
        let body = change.body.as_ref().map(Value::to_string);
        let request = Request {
            method: change.method.clone(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.unwrap_or_default().into_bytes(),
        };
        let admin = Bearer {
            app: "portal".to_owned(),
            roles: permissions::all().into_iter().collect(),
        };
        let born = std::mem::take(&mut self.born);
        // What Graph refuses does not happen; the caller has nothing to do with it.
        let _ = self.dispatch(PORTAL, &request, &admin);
        self.born.extend(born);
    }
}

/// Makes a list's next link lead to a stranger.
fn lead_astray(reply: &mut Reply, request: &Request) {
    let Some(Value::Object(body)) = &mut reply.body else {
        return;
    };
    if !body.get("value").is_some_and(Value::is_array) {
        return;
    }
    let link = body.get("@odata.nextLink").and_then(Value::as_str);
    let query = link
        .and_then(|link| link.split_once('?'))
        .map_or("$skiptoken=astray", |(_, query)| query);
    let link = format!("{FOREIGN}{}?{query}", request.path);
    body.insert("@odata.nextLink".into(), link.into());
}

#[cfg(test)]
mod tests;
