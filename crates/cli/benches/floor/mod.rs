//! The floor: a minimal client that sends what a command sent, to a fresh copy of the tenant. One
//! connection pool, eight requests at a time, no retries and no decisions.
//!
//! It signs in as the command does, and sends the recorded requests (method, path, headers, body; a
//! batch is one) in their order, as soon as a place is free. It waits only for what must be waited
//! for:
//!
//! - a further page for the page that links to it;
//! - a request that names a user or a group by id for an answer that has shown this id: ids of what
//!   the command created are replaced by those of what the floor created;
//! - a write for all reads recorded before it, because they decided about it; and a read for all
//!   writes recorded before it, because it looks at what they did.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::time::Instant;

use futures::stream::{FuturesUnordered, StreamExt};
use guestlist_sandbox::Received;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client, Method};
use serde_json::Value;

use crate::{CLIENT, SECRET, Served, TENANT};

/// How many requests are under way at once, as for the command.
const PLACES: usize = 8;

/// How long an id is.
const ID: usize = 36;

/// Sends to `fresh` what `recorded` received, and returns how many seconds that took.
pub(crate) async fn send(recorded: &Served, fresh: &Served) -> f64 {
    let pem = fs::read(fresh.ca.path()).expect("a file");
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(&pem).expect("a certificate")])
        .build()
        .expect("a client");
    let mut run = Run {
        client,
        root: format!("{}/v1.0", fresh.server.graph_url),
        token: String::new(),
        new: HashMap::new(),
        keys: keys(&recorded.sandbox.state()),
        old: HashMap::new(),
        pages: pages(recorded),
    };
    run.old = run
        .keys
        .iter()
        .map(|(id, key)| (key.clone(), id.clone()))
        .collect();
    let mut waiting: VecDeque<_> = requests(recorded, &run).into();
    let start = Instant::now();
    run.sign_in(fresh).await;
    let mut under_way = FuturesUnordered::new();
    let mut kinds = [0, 0];
    loop {
        while under_way.len() < PLACES {
            let ready = waiting.iter().position(|request| run.is_ready(request));
            let Some(place) = ready.filter(|place| {
                let is_write = waiting[*place].is_write;
                let blocked = |earlier: &Request| earlier.is_write != is_write;
                kinds[usize::from(!is_write)] == 0 && !waiting.iter().take(*place).any(blocked)
            }) else {
                break;
            };
            let request = waiting.remove(place).expect("it was just found");
            kinds[usize::from(request.is_write)] += 1;
            under_way.push(run.start(request));
        }
        let Some((request, text)) = under_way.next().await else {
            break;
        };
        kinds[usize::from(request.is_write)] -= 1;
        for next in run.take_in(&text) {
            waiting.push_front(request.page(next));
        }
    }
    assert!(
        waiting.is_empty(),
        "{} requests wait for ever",
        waiting.len()
    );
    start.elapsed().as_secs_f64()
}

struct Request {
    method: Method,
    /// The whole address of a further page, else path and query.
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    /// The recorded ids of users and groups that it names.
    names: HashSet<String>,
    is_write: bool,
}

impl Request {
    /// Returns the request of a further page.
    fn page(&self, address: String) -> Self {
        Self {
            method: Method::GET,
            path: address,
            headers: Vec::new(),
            body: String::new(),
            names: HashSet::new(),
            is_write: false,
        }
    }
}

struct Run {
    client: Client,
    root: String,
    token: String,
    /// What is known so far: recorded ids, and the ids that the same objects have here.
    new: HashMap<String, String>,
    /// What the object with a recorded id is called, by which it is the same here.
    keys: HashMap<String, String>,
    old: HashMap<String, String>,
    /// How many further pages of each list the command asked for.
    pages: HashMap<String, usize>,
}

impl Run {
    async fn sign_in(&mut self, fresh: &Served) {
        let address = format!("{}/{TENANT}/oauth2/v2.0/token", fresh.server.authority_url);
        let body = format!(
            "grant_type=client_credentials&client_id={CLIENT}&client_secret={SECRET}&scope={}/.default",
            fresh.server.graph_url
        );
        let sent = self.client.post(address).body(body);
        let sent = sent.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = sent.send().await.expect("an answer");
        let answer = answer.text().await.expect("a text");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        self.token = answer["access_token"].as_str().expect("a token").to_owned();
    }

    fn is_ready(&self, request: &Request) -> bool {
        request.names.iter().all(|id| self.new.contains_key(id))
    }

    /// Sends a request and returns it with its answer.
    fn start(&self, request: Request) -> impl Future<Output = (Request, String)> + use<> {
        let translate = |text: &str| {
            let mut text = text.to_owned();
            for id in &request.names {
                text = text.replace(id, &self.new[id]);
            }
            text
        };
        let path = translate(&request.path);
        let address = if path.starts_with('/') {
            format!("{}{path}", self.root)
        } else {
            path
        };
        let mut sent = self
            .client
            .request(request.method.clone(), address)
            .bearer_auth(&self.token);
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        if !request.body.is_empty() {
            sent = sent
                .header(CONTENT_TYPE, "application/json")
                .body(translate(&request.body));
        }
        async move {
            let answer = sent.send().await.expect("an answer");
            let text = answer.text().await.expect("a text");
            (request, text)
        }
    }

    /// Notes the ids in an answer, and returns the links to further pages.
    fn take_in(&mut self, text: &str) -> Vec<String> {
        let Ok(answer) = serde_json::from_str::<Value>(text) else {
            return Vec::new();
        };
        let mut links = Vec::new();
        self.look(&answer, &mut links);
        links.retain(|link| {
            let left = self.pages.get_mut(&list(link));
            left.is_some_and(|left| {
                let wanted = *left > 0;
                *left = left.saturating_sub(1);
                wanted
            })
        });
        links
    }

    fn look(&mut self, value: &Value, links: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.look(item, links)),
            Value::Object(map) => {
                links.extend(
                    map.get("@odata.nextLink")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
                if let Some(id) = map.get("id").and_then(Value::as_str) {
                    self.note(id, map);
                }
                // An invitation shows whom it made, and by which address.
                let made = map.get("invitedUser").and_then(|user| user["id"].as_str());
                let mail = map.get("invitedUserEmailAddress").and_then(Value::as_str);
                if let Some((id, mail)) = made.zip(mail)
                    && let Some(old) = self.old.get(&mail.to_lowercase())
                {
                    self.new.insert(old.clone(), id.to_owned());
                }
                map.values().for_each(|value| self.look(value, links));
            }
            _ => {}
        }
    }

    fn note(&mut self, id: &str, map: &serde_json::Map<String, Value>) {
        if self.keys.contains_key(id) {
            self.new.insert(id.to_owned(), id.to_owned());
        } else if let Some(name) = map.get("displayName").and_then(Value::as_str)
            && let Some(old) = self.old.get(&name.to_lowercase())
        {
            self.new.insert(old.clone(), id.to_owned());
        }
    }
}

/// Returns what each user and group of a tenant is called, by id.
fn keys(state: &Value) -> HashMap<String, String> {
    let list = |name: &str| state[name].as_array().cloned().unwrap_or_default();
    let text =
        |object: &Value, name: &str| object[name].as_str().unwrap_or_default().to_lowercase();
    let users = list("users")
        .into_iter()
        .map(|user| (text(&user, "id"), text(&user, "mail")));
    let groups = list("groups")
        .into_iter()
        .map(|group| (text(&group, "id"), text(&group, "displayName")));
    users.chain(groups).collect()
}

/// Returns how many further pages of each list were asked for.
fn pages(recorded: &Served) -> HashMap<String, usize> {
    let mut pages = HashMap::new();
    for request in recorded.sandbox.requests() {
        if request.number > 0 && request.path.contains("$skiptoken") {
            *pages.entry(list(&request.path)).or_default() += 1;
        }
    }
    pages
}

/// Returns which list an address is a page of: its path and query without the page.
fn list(address: &str) -> String {
    let path = address
        .split_once("/v1.0")
        .map_or(address, |(_, path)| path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let rest = query
        .split('&')
        .filter(|part| !part.starts_with("$skiptoken"));
    format!("{path}?{}", rest.collect::<Vec<_>>().join("&"))
}

/// Returns what the command sent, in order and ready to be sent again. Further pages are left out:
/// the answers lead to them.
fn requests(recorded: &Served, run: &Run) -> Vec<Request> {
    let all = recorded.sandbox.requests();
    let sent = all
        .iter()
        .filter(|request| request.number > 0 && !request.in_batch);
    sent.filter(|request| !request.path.contains("$skiptoken"))
        .map(|request| prepared(request, recorded, run))
        .collect()
}

fn prepared(request: &Received, recorded: &Served, run: &Run) -> Request {
    let body = request
        .body
        .as_ref()
        .map(Value::to_string)
        .unwrap_or_default();
    let body = body.replace(&format!("{}/v1.0", recorded.server.graph_url), &run.root);
    let reads = request.path == "/$batch"
        && request.body.as_ref().is_some_and(|body| {
            let inner = body["requests"].as_array().into_iter().flatten();
            inner.into_iter().all(|inner| inner["method"] == "GET")
        });
    let kept = |name: &&String| {
        !["host", "content-length", "content-type", "connection"].contains(&name.as_str())
    };
    let headers = request.headers.iter();
    Request {
        method: request.method.parse().expect("a method"),
        names: named(&[&request.path, &body], &run.keys),
        path: request.path.clone(),
        headers: headers
            .filter(|(name, _)| kept(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        body,
        is_write: request.method != "GET" && !reads,
    }
}

/// Returns the ids of users and groups in some texts.
fn named(texts: &[&String], keys: &HashMap<String, String>) -> HashSet<String> {
    let mut found = HashSet::new();
    for text in texts {
        for start in 0..text.len().saturating_sub(ID - 1) {
            if text.as_bytes()[start + 8] == b'-'
                && let Some(id) = text
                    .get(start..start + ID)
                    .filter(|id| keys.contains_key(*id))
            {
                found.insert(id.to_owned());
            }
        }
    }
    found
}
