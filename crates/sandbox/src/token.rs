//! Tokens: the token endpoint for client credentials, and bearer tokens that look like the real
//! ones and are good for this tenant only. Any secret or assertion is taken: there is nothing
//! here to protect.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::{GraphError, Outcome};
use crate::http::{Reply, Request, percent_decode};
use crate::permissions;
use crate::time;

/// The application that `Sandbox::token` issues for.
pub(crate) const OWN_APP: &str = "99999999-9999-4999-8999-999999999999";
const GRAPH: &str = "https://graph.microsoft.com";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token's bearer, and until when in real time: callers' clocks are real too.
pub(crate) struct Grant {
    expires: Timestamp,
    bearer: Arc<Bearer>,
}

/// Who asks, and what they may do.
pub(crate) struct Bearer {
    pub(crate) app: String,
    pub(crate) roles: BTreeSet<String>,
}

/// Issues a token with the permissions granted at present.
pub(crate) fn issue(engine: &mut Engine, app: &str) -> String {
    let roles = match &engine.behaviour.permissions {
        Some(roles) => roles.clone(),
        None => permissions::all().into_iter().collect(),
    };
    let now = Timestamp::now();
    let expires = now + engine.behaviour.token_lifetime;
    let tenant = engine.tenant.id();
    let header = json!({"typ": "JWT", "alg": "none"});
    let claims = json!({
        "aud": GRAPH,
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": now.as_second(),
        "nbf": now.as_second(),
        "exp": expires.as_second(),
        "appid": app,
        "idtyp": "app",
        "roles": roles,
        "tid": tenant,
        "uti": Uuid::new_v4().simple().to_string(),
        "ver": "1.0",
    });
    let part = |value: &[u8]| URL_SAFE_NO_PAD.encode(value);
    let token = format!(
        "{}.{}.{}",
        part(header.to_string().as_bytes()),
        part(claims.to_string().as_bytes()),
        part(Uuid::new_v4().as_bytes()),
    );
    engine.grants.retain(|_, grant| grant.expires > now);
    engine.grants.insert(
        token.clone(),
        Grant {
            expires,
            bearer: Arc::new(Bearer {
                app: app.to_owned(),
                roles,
            }),
        },
    );
    token
}

/// Returns the bearer whose token a request carries.
pub(crate) fn granted(engine: &Engine, request: &Request) -> Outcome<Arc<Bearer>> {
    let token = request
        .header("authorization")
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| GraphError::unauthenticated("Access token is empty."))?;
    let grant = engine
        .grants
        .get(token)
        .filter(|grant| grant.expires > Timestamp::now());
    match grant {
        Some(grant) => Ok(grant.bearer.clone()),
        None if token.split('.').count() != 3 => Err(GraphError::unauthenticated(
            "IDX14100: JWT is not well formed, there are no dots (.).",
        )),
        None => Err(GraphError::unauthenticated(
            "Lifetime validation failed, the token is expired.",
        )),
    }
}

/// Answers `POST /{tenant}/oauth2/v2.0/token`; `base` is scheme and host.
pub(crate) fn endpoint(engine: &mut Engine, tenant: &str, base: &str, request: &Request) -> Reply {
    // The body is not kept: it holds a secret.
    let bodyless = Request {
        body: Vec::new(),
        ..request.clone()
    };
    let at = engine.record(&bodyless, 0, false);
    let reply = match exchange(engine, tenant, base, request) {
        Ok(body) => Reply::ok(body),
        Err(refusal) => refusal.reply(engine.now()),
    };
    engine.received[at].status = Some(reply.status);
    reply
        .header("cache-control", "no-store, no-cache")
        .header("date", time::http_date(engine.now()))
}

/// A refusal of the token endpoint, which has a form of its own.
struct Refusal {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
}

impl Refusal {
    fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Refusal {
            status,
            error,
            code,
            text: text.into(),
        }
    }

    fn reply(&self, now: Timestamp) -> Reply {
        let trace = Uuid::new_v4().to_string();
        let body = json!({
            "error": self.error,
            "error_description": format!("AADSTS{}: {} Trace ID: {trace}", self.code, self.text),
            "error_codes": [self.code],
            "timestamp": time::stamp(now).replace('T', " "),
            "trace_id": trace,
            "correlation_id": Uuid::new_v4().to_string(),
        });
        Reply::with(self.status, Some(body))
    }
}

fn exchange(
    engine: &mut Engine,
    tenant: &str,
    base: &str,
    request: &Request,
) -> Result<Value, Refusal> {
    if request.method != "POST" {
        return Err(Refusal::new(
            400,
            "invalid_request",
            900_561,
            "The endpoint only accepts POST requests.",
        ));
    }
    let own = engine.tenant.id().eq_ignore_ascii_case(tenant)
        || engine
            .tenant
            .domains()
            .iter()
            .any(|one| one.eq_ignore_ascii_case(tenant));
    if !own {
        return Err(Refusal::new(
            400,
            "invalid_request",
            90_002,
            format!("Tenant '{tenant}' not found."),
        ));
    }
    let form = form(&request.body);
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    };
    if field("grant_type") != "client_credentials" {
        return Err(Refusal::new(
            400,
            "unsupported_grant_type",
            70_003,
            "The app requested an unsupported grant type.",
        ));
    }
    let app = field("client_id");
    if app.is_empty() {
        return Err(Refusal::new(
            400,
            "invalid_request",
            900_144,
            "The request body must contain the following parameter: 'client_id'.",
        ));
    }
    let scope = field("scope");
    let resource = scope
        .strip_suffix("/.default")
        .map(|one| one.trim_end_matches('/'));
    if resource != Some(GRAPH) && resource != Some(base) {
        return Err(Refusal::new(
            400,
            "invalid_scope",
            1_002_012,
            format!("The provided value for scope {scope} is not valid."),
        ));
    }
    let assertion = field("client_assertion");
    let asserted =
        field("client_assertion_type") == JWT_BEARER && assertion.split('.').count() == 3;
    if field("client_secret").is_empty() && !asserted {
        return Err(Refusal::new(
            401,
            "invalid_client",
            7_000_216,
            "'client_assertion', 'client_secret' or 'request' is required.",
        ));
    }
    let lifetime: Duration = engine.behaviour.token_lifetime;
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
        "ext_expires_in": lifetime.as_secs(),
        "access_token": issue(engine, app),
    }))
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    text.split('&')
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((
                percent_decode(name, true).ok()?,
                percent_decode(value, true).ok()?,
            ))
        })
        .collect()
}
