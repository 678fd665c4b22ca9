//! Sends calls again: those whose answer says that it is worth it, as often and as late as Graph
//! and the kind of request allow. The rules themselves are in `throttle.rs`.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use crate::budget::Cost;
use crate::error::Error;
use crate::throttle::{PATIENCE, Safety, TRIES, backoff, is_worth_repeating, retry_after};
use crate::transport::TransportError;

use super::answer::{Answered, Outcome};
use super::{Call, Client, batch};

/// How far a call has come.
struct Attempt {
    index: usize,
    conflicts: u32,
    renewed: bool,
    /// What came of the last time it was sent, if it may have happened: that stands if it cannot be
    /// sent again.
    last: Option<Outcome>,
}

impl Client {
    /// Sends at most [`BATCH`] calls that do not depend on each other, and each of them again as
    /// often as is right and worth it. Returns their final answers, in order.
    pub(super) async fn exchange(&self, calls: &[Call]) -> Vec<Result<Answered, Error>> {
        let started = Instant::now();
        let mut done: Vec<Option<Result<Answered, Error>>> = calls.iter().map(|_| None).collect();
        let mut open: Vec<Attempt> = (0..calls.len())
            .map(|index| Attempt {
                index,
                conflicts: 0,
                renewed: false,
                last: None,
            })
            .collect();
        let mut tries = 0;
        while !open.is_empty() {
            tries += 1;
            let now: Vec<&Call> = open.iter().map(|attempt| &calls[attempt.index]).collect();
            let outcomes = self.send(&now).await;
            let mut pause = Duration::ZERO;
            let mut again = Vec::new();
            for (mut attempt, outcome) in open.into_iter().zip(outcomes) {
                let call = &calls[attempt.index];
                let outcome = match outcome {
                    Ok(outcome) => Ok(outcome),
                    Err(error) => attempt.last.take().ok_or(error),
                };
                let wait = match &outcome {
                    Ok(outcome) => self.learn(call, &mut attempt, outcome, tries).await,
                    Err(_) => None,
                };
                match wait {
                    Some(wait) if self.has_patience(tries, started.elapsed() + wait) => {
                        pause = pause.max(wait);
                        attempt.last = outcome.ok().filter(Outcome::is_in_doubt);
                        again.push(attempt);
                    }
                    _ => {
                        let granted = self.tokens.claims().roles;
                        done[attempt.index] =
                            Some(outcome.and_then(|outcome| outcome.conclude(call, granted)));
                    }
                }
            }
            if !again.is_empty() {
                tracing::info!(requests = again.len(), wait = ?pause, "sending again after a wait");
                self.stop.sleep_until(Instant::now() + pause).await;
            }
            open = again;
        }
        done.into_iter().flatten().collect()
    }

    fn has_patience(&self, tries: u32, waited: Duration) -> bool {
        tries < TRIES && waited <= PATIENCE && !self.stop.is_asked()
    }

    /// Learns from an outcome, and returns how long to wait before the call is sent again, or none
    /// if its outcome stands.
    async fn learn(
        &self,
        call: &Call,
        attempt: &mut Attempt,
        outcome: &Outcome,
        tries: u32,
    ) -> Option<Duration> {
        let backoff = || backoff(tries, Uuid::new_v4().as_fields().0);
        if let Ok(answer) = &outcome.result {
            let cost = if answer.of_batch {
                Cost::default()
            } else {
                call.cost
            };
            let now = Timestamp::now();
            self.budget.heed(cost, answer.status, &answer.headers, now);
        }
        match &outcome.result {
            // Expired or revoked, or CAE wants a newer one. Nothing was done; once is enough.
            Ok(answer) if answer.status == 401 && !attempt.renewed => {
                attempt.renewed = true;
                self.tokens.discard(outcome.token).await;
                Some(Duration::ZERO)
            }
            Ok(answer) if is_worth_repeating(call.safety, answer.status, attempt.conflicts) => {
                attempt.conflicts += u32::from(answer.status == 409);
                let asked = retry_after(&answer.headers, Timestamp::now());
                Some(asked.filter(|wait| !wait.is_zero()).unwrap_or_else(backoff))
            }
            Err(TransportError::Unreachable(_)) => Some(backoff()),
            Err(TransportError::Lost(_)) if call.safety != Safety::Once => Some(backoff()),
            _ => None,
        }
    }

    /// Sends calls once: one as it is, several as a batch.
    async fn send(&self, calls: &[&Call]) -> Vec<Result<Outcome, Error>> {
        let sent = match calls {
            [call] => self.deliver(call).await.map(|outcome| vec![outcome]),
            calls => match batch::join(calls, &self.root) {
                Ok(joined) => self
                    .deliver(&joined)
                    .await
                    .map(|outcome| batch::split(outcome, calls.len())),
                Err(error) => Err(error),
            },
        };
        match sent {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) => calls.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use guestlist_planner::request::{Answer, Read, Request};
    use serde_json::json;

    use super::super::fake::{Fake, Said};
    use super::*;

    fn users() -> Vec<Read> {
        vec![Read::list("/users?$select=id", "User.Read.All")]
    }

    fn empty() -> Said {
        Said::json(200, json!({ "value": [] }))
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_honoured() {
        let fake = Fake::new(|seen| match seen.nth {
            1 => Said::json(429, json!({ "error": { "code": "TooManyRequests" } }))
                .with("retry-after", "12"),
            _ => empty(),
        });
        let start = Instant::now();
        let answers = fake.client().read(users()).await.unwrap();
        assert_eq!(answers[0].1, Answer::Items(vec![]));
        assert_eq!(start.elapsed().as_secs(), 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_stays_down_is_given_up_within_two_minutes() {
        let fake = Fake::new(|_| Said::html(503));
        let start = Instant::now();
        let error = fake.client().read(users()).await.unwrap_err();
        assert_eq!(error.status(), Some(503));
        assert_eq!(fake.seen().len(), 8);
        assert!(
            (61..=123).contains(&start.elapsed().as_secs()),
            "{:?}",
            start.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_an_hour() {
        let fake =
            Fake::new(|_| Said::json(429, json!({ "error": {} })).with("retry-after", "3600"));
        let start = Instant::now();
        let error = fake.client().read(users()).await.unwrap_err();
        assert!(error.is_long_throttle() && start.elapsed().is_zero());
        assert!(error.hint().unwrap().contains("3600 seconds"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_and_lost_stays_in_doubt_when_a_stop_comes_before_the_next_try() {
        let fake = Fake::new(|_| Said::Lost);
        let client = fake.client();
        let stop = client.stop().clone();
        let disable = Request::patch("/users/u", json!({ "accountEnabled": false }));
        let (results, ()) = futures::future::join(client.write(vec![disable]), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stop.ask();
        })
        .await;
        assert!(results[0].as_ref().unwrap_err().is_lost());
        assert_eq!(fake.seen().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_replaced_once() {
        let expired = || {
            Said::json(
                401,
                json!({ "error": { "code": "InvalidAuthenticationToken" } }),
            )
        };
        let fake = Fake::new(move |seen| if seen.nth == 1 { expired() } else { empty() });
        fake.client().read(users()).await.unwrap();
        let tokens: Vec<String> = fake
            .seen()
            .iter()
            .map(|seen| seen.header("authorization"))
            .collect();
        assert_eq!((fake.tokens(), tokens.len()), (2, 2));
        assert_ne!(tokens[0], tokens[1]);

        // A write, too: 401 says that nothing was done.
        let fake = Fake::new(move |_| expired());
        let results = fake
            .client()
            .write(vec![Request::post("/invitations", json!({}))])
            .await;
        assert_eq!(results[0].as_ref().unwrap_err().status(), Some(401));
        assert_eq!((fake.tokens(), fake.seen().len()), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claims_challenge_that_a_new_token_does_not_meet_is_explained() {
        let challenge = r#"Bearer realm="", error="insufficient_claims", claims="e30=""#;
        let fake = Fake::new(|_| {
            let body =
                json!({ "error": { "code": "InvalidAuthenticationToken", "message": "no" } });
            Said::json(401, body).with("www-authenticate", challenge)
        });
        let error = fake.client().read(users()).await.unwrap_err();
        assert_eq!(fake.tokens(), 2);
        assert!(
            error
                .hint()
                .unwrap()
                .contains("continuous access evaluation")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_expires_inside_a_batch_is_replaced_too() {
        let fake = Fake::new(|seen| match seen.call.as_str() {
            call if call.ends_with("$batch") => Said::Each,
            "GET /groups/2" if seen.nth == 1 => Said::json(401, json!({ "error": {} })),
            _ => Said::json(200, json!({ "id": "g" })),
        });
        let group = |n: u32| Read::one(format!("/groups/{n}"), "Group.Read.All");
        let answers = fake.client().read(vec![group(1), group(2)]).await.unwrap();
        assert_eq!(answers[1].1, Answer::Items(vec![json!({ "id": "g" })]));
        assert_eq!((fake.tokens(), fake.seen().len()), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_batch_is_sent_again_whole() {
        let fake = Fake::new(|seen| match seen.nth {
            1 => Said::json(429, json!({ "error": {} })).with("retry-after", "5"),
            _ if seen.call.ends_with("$batch") => Said::Each,
            _ => Said::raw(204, ""),
        });
        let invite = || Request::post("/invitations", json!({}));
        let start = Instant::now();
        let results = fake.client().write(vec![invite(), invite()]).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!((start.elapsed().as_secs(), fake.seen().len()), (5, 2));
    }
}
