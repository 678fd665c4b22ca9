//! The run's one token: fetched when first needed, kept until shortly before it expires, dropped
//! when Graph refuses it. What it says of itself is used in messages only.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::time::OffsetDateTime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

use crate::error::{Error, clean};
use crate::transport::chain;

/// How long before its end a token is replaced.
const MARGIN: Duration = Duration::from_secs(300);
/// How long a token is kept at least. By a local clock that is fast every token looks expired; one
/// that really is, Graph refuses, and then it is replaced.
const SHORTEST: Duration = Duration::from_secs(60);
/// How long a token is kept at most, whatever it says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What a token says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The permissions: an application's roles, or the scopes of a person.
    pub roles: Vec<String>,
    /// The tenant's id.
    pub tenant: Option<String>,
    /// The application's id.
    pub app: Option<String>,
}

impl Claims {
    /// Reads the claims of a JWT. Tokens are opaque by contract, so nothing may depend on this:
    /// what cannot be read claims nothing.
    fn of(token: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Payload {
            roles: Vec<String>,
            scp: String,
            tid: Option<String>,
            appid: Option<String>,
        }
        let payload = token.split('.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD
            .decode(payload.trim_end_matches('='))
            .unwrap_or_default();
        let payload: Payload = serde_json::from_slice(&payload).unwrap_or_default();
        let scopes = payload.scp.split_whitespace().map(str::to_owned);
        let mut roles: Vec<String> = payload
            .roles
            .into_iter()
            .chain(scopes)
            .map(|role| clean(&role))
            .collect();
        roles.sort();
        Self {
            roles,
            tenant: payload.tid,
            app: payload.appid,
        }
    }
}

#[derive(Clone)]
struct Held {
    bearer: HeaderValue,
    until: Instant,
    number: u64,
}

pub(super) struct Tokens {
    credential: Arc<dyn TokenCredential>,
    scope: String,
    held: tokio::sync::Mutex<(u64, Option<Held>)>,
    claims: Mutex<Claims>,
}

impl Tokens {
    pub(super) fn new(credential: Arc<dyn TokenCredential>, scope: String) -> Self {
        Self {
            credential,
            scope,
            held: Default::default(),
            claims: Default::default(),
        }
    }

    /// Returns the claims of the last token.
    pub(super) fn claims(&self) -> Claims {
        self.claims
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the header that authorises, and the number of its token. Everybody who comes while
    /// it is fetched waits for the same one.
    pub(super) async fn bearer(&self) -> Result<(HeaderValue, u64), Error> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.1.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok((token.bearer.clone(), token.number));
        }
        let token = self.credential.get_token(&[&self.scope], None).await;
        let token = token.map_err(|error| Error::SignIn(clean(&chain(&error))))?;
        let unusable =
            |_| Error::SignIn("the token holds characters that no header can carry".to_owned());
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", token.token.secret())).map_err(unusable)?;
        bearer.set_sensitive(true);
        let lifetime = Duration::try_from(token.expires_on - OffsetDateTime::now_utc())
            .unwrap_or_default()
            .clamp(SHORTEST, LONGEST);
        // A token that lives hardly longer than the margin is still used for half of its life.
        let until = Instant::now() + lifetime - MARGIN.min(lifetime / 2);
        *self.claims.lock().unwrap_or_else(PoisonError::into_inner) =
            Claims::of(token.token.secret());
        held.0 += 1;
        let number = held.0;
        held.1 = Some(Held {
            bearer: bearer.clone(),
            until,
            number,
        });
        Ok((bearer, number))
    }

    /// Drops the token with this number. A newer one stays: several requests may come back with
    /// the same refusal.
    pub(super) async fn discard(&self, number: u64) {
        let mut held = self.held.lock().await;
        if held.1.as_ref().is_some_and(|token| token.number == number) {
            held.1 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_and_an_opaque_token_claims_nothing() {
        let payload =
            r#"{"tid":"t","appid":"a","roles":["User.Read.All","Group.Read.All"],"scp":"email"}"#;
        let claims = Claims::of(&format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload)));
        assert_eq!(claims.roles, ["Group.Read.All", "User.Read.All", "email"]);
        assert_eq!(
            (claims.tenant.as_deref(), claims.app.as_deref()),
            (Some("t"), Some("a"))
        );
        for opaque in ["", "opaque", "a.b.c", "..", "a.e30.c"] {
            assert_eq!(Claims::of(opaque), Claims::default());
        }
    }
}
