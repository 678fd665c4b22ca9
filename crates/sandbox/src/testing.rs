//! Asks a tenant without a socket, for the tests in this crate.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::engine::Answer;
use crate::http::{Reply, Request};

pub(crate) const ROOT: &str = "http://localhost/v1.0";

/// A caller with a token.
pub(crate) struct Caller {
    pub(crate) sandbox: Sandbox,
    pub(crate) token: String,
    pub(crate) headers: Vec<(String, String)>,
}

pub(crate) fn now() -> Timestamp {
    "2026-11-22T03:00:00Z".parse().unwrap()
}

/// Returns a caller of an empty tenant whose clock stands still.
pub(crate) fn empty() -> Caller {
    of(Sandbox::empty(now()))
}

/// Returns a caller of the demo tenant.
pub(crate) fn demo() -> Caller {
    of(Sandbox::seeded(now()))
}

/// Returns a caller of a tenant whose clock stands still from now on.
pub(crate) fn of(sandbox: Sandbox) -> Caller {
    sandbox.set_clock(Some(now()));
    Caller {
        token: sandbox.token(),
        sandbox,
        headers: Vec::new(),
    }
}

impl Caller {
    /// Sends `ConsistencyLevel: eventual` along.
    pub(crate) fn eventual(mut self) -> Self {
        self.headers
            .push(("consistencylevel".into(), "eventual".into()));
        self
    }

    pub(crate) fn answer(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = self.headers.clone();
        headers.push(("authorization".into(), format!("Bearer {}", self.token)));
        headers.push(("content-type".into(), "application/json".into()));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body
                .map(|body| body.to_string().into_bytes())
                .unwrap_or_default(),
        };
        self.sandbox.lock().answer(ROOT, &request)
    }

    pub(crate) fn reply(&self, method: &str, target: &str, body: Option<&Value>) -> Reply {
        match self.answer(method, target, body) {
            Answer::Reply(reply) => reply,
            other => panic!("{method} {target}: {other:?}"),
        }
    }

    pub(crate) fn ask(&self, method: &str, target: &str, body: Value) -> (u16, Value) {
        let body = (!body.is_null()).then_some(body);
        let reply = self.reply(method, target, body.as_ref());
        (reply.status, reply.body.unwrap_or_default())
    }

    pub(crate) fn get(&self, target: &str) -> Value {
        let (status, body) = self.ask("GET", target, Value::Null);
        assert_eq!(status, 200, "GET {target}: {body}");
        body
    }

    pub(crate) fn status(&self, method: &str, target: &str, body: Value) -> u16 {
        self.ask(method, target, body).0
    }

    /// Returns the code of a refusal with its status.
    pub(crate) fn refused(&self, method: &str, target: &str, body: Value) -> (u16, String) {
        let (status, body) = self.ask(method, target, body);
        let code = body["error"]["code"].as_str();
        (
            status,
            code.unwrap_or_else(|| panic!("{method} {target}: {body}"))
                .to_owned(),
        )
    }

    pub(crate) fn id(&self, name: &str) -> String {
        self.sandbox
            .find(name)
            .unwrap_or_else(|| panic!("nobody is {name}"))
    }

    /// Invites an address and returns status and guest id.
    pub(crate) fn invite(&self, mail: &str) -> (u16, String) {
        let (status, body) = self.ask("POST", "/invitations", invitation(mail));
        (
            status,
            body["invitedUser"]["id"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }
}

pub(crate) fn invitation(mail: &str) -> Value {
    json!({"invitedUserEmailAddress": mail, "inviteRedirectUrl": "https://myapps.microsoft.com"})
}

/// Returns the body that links to an object.
pub(crate) fn reference(id: &str) -> Value {
    json!({"@odata.id": format!("{ROOT}/directoryObjects/{id}")})
}

/// Returns a text property of every object in a list.
pub(crate) fn column(list: &Value, property: &str) -> Vec<String> {
    let list = list["value"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|one| one[property].as_str().unwrap_or_default().to_owned())
        .collect()
}
