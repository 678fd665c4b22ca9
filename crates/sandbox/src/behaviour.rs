//! How the tenant is told to misbehave: slow, stale, throttled, losing answers, short of
//! permissions. Everything here happens to real tenants.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::quota::Quota;

/// What the tenant does besides being right. The default is a fast, healthy tenant that grants
/// everything.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Caps every page, whatever `$top` says; `None` is Graph's own 100, and up to 999 by `$top`.
    pub page_size: Option<usize>,
    /// How long every answer takes.
    pub latency: Duration,
    /// How long a created user or group stays unknown to every endpoint but the one that made
    /// it, by tokio's clock.
    pub replication: Duration,
    /// The application permissions that tokens issued from now on carry; `None` is all of them.
    pub permissions: Option<BTreeSet<String>>,
    /// What goes wrong, in order of precedence.
    pub faults: Vec<Fault>,
    /// After that many invitations the tenant blocks all further ones, as Microsoft does on
    /// suspicion of abuse.
    pub invitation_block_after: Option<usize>,
    /// How much callers may ask, by tokio's clock, counted from [`crate::Sandbox::behave`];
    /// `None` is as much as they like.
    pub quota: Option<Quota>,
    /// How long tokens issued from now on are valid, in real time.
    pub token_lifetime: Duration,
    /// Refuses `POST /groups` with a `uniqueName`.
    pub refuse_unique_name: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            page_size: None,
            latency: Duration::ZERO,
            replication: Duration::ZERO,
            permissions: None,
            faults: Vec::new(),
            invitation_block_after: None,
            quota: None,
            token_lifetime: Duration::from_secs(3600),
            refuse_unique_name: false,
        }
    }
}

/// Something that goes wrong with some requests.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Which requests it may strike.
    pub when: When,
    /// How many matching requests pass unharmed first.
    pub skip: usize,
    /// How many it strikes after that.
    pub times: usize,
    /// What happens to them.
    pub act: Act,
}

/// Which requests a fault strikes. Requests for tokens are never struck.
#[derive(Debug, Clone)]
pub enum When {
    /// Every request; a batch, and each request inside it too.
    Any,
    /// The n-th request since [`crate::Sandbox::behave`], counted from 1; a batch counts, and so
    /// does each request inside it, after it.
    Request(usize),
    /// Requests of a method (any, if `None`) whose path below the version begins so, for
    /// instance `/groups/`; inside a batch too.
    Matching {
        /// `GET`, `POST`, …
        method: Option<String>,
        /// How the path begins, without version and query.
        path: String,
    },
}

/// What a fault does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers so, and does nothing.
    Answer(Canned),
    /// Closes the connection, and does nothing.
    Drop,
    /// Does it, and closes the connection without an answer.
    Lose,
    /// Does it, and closes the connection in the middle of the answer.
    Truncate,
    /// Does it, and answers something else.
    DoThenAnswer(Canned),
    /// Does nothing and never answers: the connection stays open until the caller leaves. Inside
    /// a batch the whole batch hangs, with what comes before done.
    Hang,
    /// Does it, and never answers.
    DoThenHang,
    /// Answers a read as a replica that has learnt nothing since [`crate::Sandbox::behave`];
    /// writes are not struck.
    Stale,
    /// Does it, and a list's next link leads to `https://evil.example`; where there was no next
    /// link, one is added.
    ForeignLink,
    /// Makes every token issued so far invalid, this request's too: 401.
    ExpireTokens,
    /// Does it, after somebody changed this elsewhere.
    Meanwhile(Vec<Elsewhere>),
    /// Answers as a proxy on the way does, with a page in HTML of this status, and does nothing.
    Html(u16),
}

/// What an admin does in the portal while the caller's request is on its way. It needs no
/// permission, is not counted and not logged; where Graph refuses it, nothing happens.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// `POST`, `PATCH`, …
    pub method: String,
    /// Path and query below the version, for instance `/users/{id}`.
    pub path: String,
    /// The body; links in it begin with `https://graph.microsoft.com/v1.0/`.
    pub body: Option<Value>,
}

impl Elsewhere {
    /// Returns a change made elsewhere.
    pub fn new(method: &str, path: &str, body: Option<Value>) -> Self {
        Elsewhere {
            method: method.to_owned(),
            path: path.to_owned(),
            body,
        }
    }
}

/// An answer made up beforehand.
#[derive(Debug, Clone)]
pub struct Canned {
    /// The status.
    pub status: u16,
    /// Further headers, for instance `Retry-After`.
    pub headers: Vec<(String, String)>,
    /// The body; `None` is an error in Graph's form that fits the status.
    pub body: Option<Value>,
}

impl Canned {
    /// Returns a plain error of this status.
    pub fn status(status: u16) -> Self {
        Canned {
            status,
            headers: Vec::new(),
            body: None,
        }
    }

    /// Returns a 429 that says when to come back.
    pub fn throttled(seconds: u64) -> Self {
        let mut canned = Self::status(429);
        canned
            .headers
            .push(("retry-after".into(), seconds.to_string()));
        canned
    }

    /// Returns the error code that goes with the status.
    pub(crate) fn code(&self) -> &'static str {
        match self.status {
            400 => "Request_BadRequest",
            401 => "InvalidAuthenticationToken",
            403 => "Authorization_RequestDenied",
            404 => "Request_ResourceNotFound",
            409 => "Directory_ConcurrencyViolation",
            412 => "preconditionFailed",
            423 => "resourceLocked",
            429 => "TooManyRequests",
            500 => "InternalServerError",
            502 => "BadGateway",
            503 => "ServiceUnavailable",
            504 => "GatewayTimeout",
            507 => "Directory_QuotaExceeded",
            _ => "UnknownError",
        }
    }
}

impl Fault {
    /// Returns a fault that strikes the n-th request from now, counted from 1.
    pub fn at(request: usize, act: Act) -> Self {
        Fault {
            when: When::Request(request),
            skip: 0,
            times: 1,
            act,
        }
    }

    /// Returns a fault that strikes the next request of this method whose path begins so.
    pub fn on(method: &str, path: &str, act: Act) -> Self {
        Fault {
            when: When::Matching {
                method: Some(method.to_owned()),
                path: path.to_owned(),
            },
            skip: 0,
            times: 1,
            act,
        }
    }

    /// Returns a fault that strikes the next request, whatever it is.
    pub fn next(act: Act) -> Self {
        Fault {
            when: When::Any,
            skip: 0,
            times: 1,
            act,
        }
    }

    /// Strikes that many requests instead of one.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Lets that many requests pass first.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    pub(crate) fn matches(&self, number: usize, method: &str, path: &str) -> bool {
        match &self.when {
            When::Any => true,
            When::Request(wanted) => *wanted == number,
            When::Matching {
                method: wanted,
                path: prefix,
            } => {
                let right_method = wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
                right_method && path.starts_with(prefix.as_str())
            }
        }
    }
}
