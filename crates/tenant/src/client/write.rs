//! Writes: joins independent ones into batches, completes their references, and reads an answer
//! that means "already so" as done. Which to send, and when, was decided before.

use std::fmt;

use futures::future::join_all;
use guestlist_planner::request::{Already, Request};
use reqwest::Method;
use serde_json::{Value, json};

use crate::error::Error;
use crate::throttle::Safety;

use super::answer::Answered;
use super::reference::completed;
use super::{BATCH, Call, Client, VERSION, travels_alone};

/// The answer to a write that is done.
#[derive(Clone, PartialEq)]
pub struct Reply {
    /// The status; one of an error where the tenant was already as asked.
    pub status: u16,
    /// The body, or null. An invitation's holds its redeem link: it must not be printed or kept.
    pub body: Value,
    /// The request id.
    pub request_id: String,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, request-id {})", self.status, self.request_id)
    }
}

impl Client {
    /// Sends writes that do not depend on each other, and returns what came of each, in order.
    /// They may be carried out in any order and at the same time.
    pub async fn write(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        let mut done: Vec<Option<Result<Reply, Error>>> = requests.iter().map(|_| None).collect();
        let mut open: Vec<(usize, Request)> = requests.into_iter().enumerate().collect();
        while !open.is_empty() {
            let results = self.send_writes(&open).await;
            let mut again = Vec::new();
            for ((index, request), result) in open.into_iter().zip(results) {
                match result {
                    Err(error) if is_already(&request, &error) => {
                        let request_id = error.request_id().unwrap_or_default().to_owned();
                        let status = error.status().unwrap_or_default();
                        done[index] = Some(Ok(Reply {
                            status,
                            body: Value::Null,
                            request_id,
                        }));
                    }
                    Err(error)
                        if request
                            .instead
                            .as_ref()
                            .is_some_and(|(property, _)| error.refuses(property)) =>
                    {
                        tracing::debug!(%error, "sending the other form");
                        again.extend(request.instead.map(|(_, instead)| (index, *instead)));
                    }
                    result => done[index] = Some(result),
                }
            }
            open = again;
        }
        done.into_iter().flatten().collect()
    }

    /// Sends writes, each in the form it has, and returns their answers in order.
    async fn send_writes(&self, requests: &[(usize, Request)]) -> Vec<Result<Reply, Error>> {
        let mut done: Vec<Option<Result<Reply, Error>>> = requests.iter().map(|_| None).collect();
        let (mut joined, mut singly) = (Vec::new(), Vec::new());
        for (place, (_, request)) in requests.iter().enumerate() {
            match self.write_call(request) {
                Err(error) => done[place] = Some(Err(error)),
                Ok(call) if travels_alone(&request.path) => singly.push((place, call)),
                Ok(call) => joined.push((place, call)),
            }
        }
        let batches = join_all(joined.chunks(BATCH).map(|batch| self.send_batch(batch)));
        let one_by_one = async {
            let mut done = Vec::new();
            for call in &singly {
                done.extend(self.send_batch(std::slice::from_ref(call)).await);
            }
            done
        };
        let (batches, one_by_one) = futures::future::join(batches, one_by_one).await;
        for (place, result) in batches.into_iter().flatten().chain(one_by_one) {
            done[place] = Some(result);
        }
        done.into_iter().flatten().collect()
    }

    async fn send_batch(&self, batch: &[(usize, Call)]) -> Vec<(usize, Result<Reply, Error>)> {
        let calls: Vec<Call> = batch.iter().map(|(_, call)| call.clone()).collect();
        let answers = self.exchange(&calls).await;
        batch
            .iter()
            .zip(answers)
            .map(|((place, _), answer)| (*place, answer.map(reply)))
            .collect()
    }

    fn write_call(&self, request: &Request) -> Result<Call, Error> {
        let method = match request.method {
            guestlist_planner::request::Method::Post => Method::POST,
            guestlist_planner::request::Method::Patch => Method::PATCH,
            guestlist_planner::request::Method::Delete => Method::DELETE,
        };
        let body = match &request.body {
            Value::Null if method == Method::DELETE => None,
            // An action without parameters still needs a body, in a batch at least.
            // Source: concepts/json-batching.
            Value::Null => Some(json!({})),
            body => Some(completed(body, &format!("{}{VERSION}", self.root))),
        };
        let safety = if request.repeatable {
            Safety::Repeatable
        } else {
            Safety::Once
        };
        self.call(method, &request.path, body, safety)
    }
}

fn reply(answer: Answered) -> Reply {
    Reply {
        status: answer.status,
        body: answer.body.value(),
        request_id: answer.request_id,
    }
}

/// Returns whether the error says that the tenant is already as asked.
fn is_already(request: &Request, error: &Error) -> bool {
    match request.already {
        // A licence that is taken twice. The text is reported, in no page of the documentation.
        Some(Already::Gone) => {
            error.is_missing() || error.says(400, "does not have a corresponding license")
        }
        // "One or more added object references already exist"; for app roles "Permission being
        // assigned already exists on the object". Source: "Add members", Graph v1.0, and issues.
        // A PATCH adds many at once, all or nothing: there it says that none was added.
        Some(Already::Linked) => {
            request.method == guestlist_planner::request::Method::Post
                && error.status() == Some(400)
                && error.says(400, "already exist")
        }
        // The text is reported, in no page of the documentation.
        Some(Already::Assigned) => {
            error.says(400, "already exist") || error.says(400, "conflicting object")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, Said};
    use super::*;

    fn fault(status: u16, message: &str) -> Said {
        Said::json(
            status,
            json!({ "error": { "code": "Request_BadRequest", "message": message } }),
        )
    }

    const LINKED: &str = "One or more added object references already exist for the following modified properties: 'members'.";

    fn done() -> Said {
        Said::raw(204, "")
    }

    fn invite() -> Request {
        Request::post(
            "/invitations",
            json!({ "invitedUserEmailAddress": "ada@contoso.example" }),
        )
    }

    fn link() -> Request {
        Request::link("/groups/g", "members", "/directoryObjects/u".to_owned())
    }

    async fn only(fake: &Fake, request: Request) -> Result<Reply, Error> {
        fake.client().write(vec![request]).await.pop().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn several_writes_are_one_batch_as_graph_wants_it() {
        let fake = Fake::new(|seen| {
            if seen.call.ends_with("$batch") {
                Said::Each
            } else {
                done()
            }
        });
        let revoke = Request::post("/users/u/revokeSignInSessions", Value::Null);
        let remove = Request::unlink("/groups/g", "members", "u");
        let results = fake.client().write(vec![link(), revoke, remove]).await;
        assert!(
            results
                .iter()
                .all(|result| result.as_ref().unwrap().status == 204)
        );
        let mut body = fake.seen()[0].body.clone();
        for request in body["requests"].as_array_mut().unwrap() {
            request["headers"]
                .as_object_mut()
                .unwrap()
                .remove("client-request-id")
                .unwrap();
        }
        let headers = json!({ "Content-Type": "application/json" });
        let reference =
            json!({ "@odata.id": "https://graph.example/root/v1.0/directoryObjects/u" });
        assert_eq!(
            body["requests"],
            json!([
                { "id": "1", "method": "POST", "url": "/groups/g/members/$ref", "headers": headers, "body": reference },
                { "id": "2", "method": "POST", "url": "/users/u/revokeSignInSessions", "headers": headers, "body": {} },
                { "id": "3", "method": "DELETE", "url": "/groups/g/members/u/$ref", "headers": {} },
            ])
        );
    }

    #[tokio::test(start_paused = true)]
    async fn results_keep_their_order_over_many_batches() {
        let fake = Fake::new(|seen| match seen.call.as_str() {
            call if call.ends_with("$batch") => Said::Each,
            call => Said::json(200, json!({ "call": call })),
        });
        let requests = (0..45)
            .map(|n| Request::patch(format!("/users/{n}"), json!({})))
            .collect();
        let results = fake.client().write(requests).await;
        for (n, result) in results.iter().enumerate() {
            assert_eq!(
                result.as_ref().unwrap().body["call"],
                format!("PATCH /users/{n}")
            );
        }
        assert_eq!(fake.seen().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn conditional_access_is_written_one_by_one() {
        let fake = Fake::new(|_| done());
        let policy = |n: u32| {
            Request::patch(
                format!("/identity/conditionalAccess/policies/{n}"),
                json!({}),
            )
        };
        fake.client().write(vec![policy(1), policy(2)]).await;
        assert!(fake.sent().iter().all(|call| call.starts_with("PATCH")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_whose_answer_was_lost_is_not_sent_again() {
        for said in [
            Said::Lost,
            Said::html(500),
            Said::html(503),
            Said::html(504),
            Said::html(200),
        ] {
            let fake = Fake::new(move |_| said.clone());
            let error = only(&fake, invite()).await.unwrap_err();
            assert!(error.is_lost(), "{error}");
            assert!(error.hint().unwrap().contains("may have happened"));
            assert_eq!(fake.seen().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_was_not_carried_out_or_may_be_repeated_is_sent_again() {
        for (first, request) in [
            (fault(429, "later"), invite()),
            (Said::Unreachable, invite()),
            (Said::Lost, link()),
            (Said::html(503), link()),
            (
                fault(409, "conflict"),
                Request::patch("/users/u", json!({})),
            ),
        ] {
            let fake = Fake::new(move |seen| if seen.nth == 1 { first.clone() } else { done() });
            only(&fake, request).await.unwrap();
            assert_eq!(fake.seen().len(), 2);
        }
        let fake = Fake::new(|_| fault(409, "conflict"));
        only(&fake, link()).await.unwrap_err();
        assert_eq!(fake.seen().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_batch_is_lost_only_for_what_may_not_be_repeated() {
        let fake = Fake::new(|seen| match seen.nth {
            1 => Said::Lost,
            _ if seen.call.ends_with("$batch") => Said::Each,
            _ => done(),
        });
        let results = fake
            .client()
            .write(vec![link(), invite(), Request::delete("/users/u")])
            .await;
        assert!(results[1].as_ref().unwrap_err().is_lost());
        assert!(results[0].is_ok() && results[2].is_ok());
        let again = &fake.seen()[1].body["requests"];
        assert_eq!(again.as_array().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_whose_success_is_empty_was_not_answered() {
        let fake = Fake::new(|seen| match seen.nth {
            1 => Said::raw(200, ""),
            _ if seen.call.ends_with("$batch") => Said::Each,
            _ => done(),
        });
        let deletes = (0..2).map(|n| Request::delete(format!("/users/{n}")));
        let results = fake.client().write(deletes.collect()).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(
            fake.seen().len(),
            2,
            "sent again, as nobody said it was done"
        );
        let fake = Fake::new(|_| Said::raw(204, ""));
        let results = fake.client().write(vec![invite(), invite()]).await;
        assert!(
            results
                .iter()
                .all(|result| result.as_ref().unwrap_err().is_lost())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_already_so_is_done() {
        let gone = || {
            Said::json(
                404,
                json!({ "error": { "code": "Request_ResourceNotFound" } }),
            )
        };
        let sent =
            async |said: Said, request| only(&Fake::new(move |_| said.clone()), request).await;
        assert_eq!(
            sent(gone(), Request::delete("/users/u"))
                .await
                .unwrap()
                .status,
            404
        );
        assert_eq!(sent(fault(400, LINKED), link()).await.unwrap().status, 400);
        assert!(sent(fault(400, "other"), link()).await.is_err());
        assert!(
            sent(Said::html(404), Request::delete("/users/u"))
                .await
                .is_err()
        );
        assert!(sent(gone(), link()).await.is_err());
        // All or nothing: none of the twenty was added.
        let many = Request {
            already: Some(Already::Linked),
            ..Request::patch("/groups/g", json!({}))
        };
        assert!(sent(fault(400, LINKED), many).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_other_form_is_sent_when_graph_refuses_the_first() {
        let request = || {
            invite().or(
                "fancy",
                Request::post("/invitations", json!({ "plain": true })),
            )
        };
        let fake = Fake::new(|seen| match &seen.body["plain"] {
            Value::Null => fault(400, "unknown property 'fancy'"),
            _ => Said::json(201, json!({ "id": "i" })),
        });
        assert_eq!(only(&fake, request()).await.unwrap().body["id"], "i");
        assert_eq!(fake.seen().len(), 2);

        let same = "Another object with the same value for property fancy already exists.";
        for refusal in [
            fault(403, "no"),
            fault(400, "another property"),
            fault(400, same),
        ] {
            let fake = Fake::new(move |_| refusal.clone());
            only(&fake, request()).await.unwrap_err();
            assert_eq!(fake.seen().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_redeem_link_is_never_shown() {
        let url = "https://login.microsoftonline.com/redeem?rd=https%3a%2f%2finvitations.example%2fredeem%2f%3fuser%3d1";
        let fake = Fake::new(move |_| Said::json(201, json!({ "inviteRedeemUrl": url })));
        let reply = only(&fake, invite()).await;
        assert!(!format!("{reply:?}").contains("redeem"));
        assert_eq!(reply.unwrap().body["inviteRedeemUrl"], url);

        let fake = Fake::new(move |_| fault(400, &format!("bad link {url} sent")));
        let error = only(&fake, invite()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("redeem?"));
        assert!(error.to_string().ends_with("bad link [redeem link] sent"));
    }

    #[tokio::test(start_paused = true)]
    async fn locked_invitations_are_recognised_and_not_retried() {
        let text = "Invitations are blocked for this directory due to suspicious activity.";
        let fake = Fake::new(move |_| fault(403, text));
        let error = only(&fake, invite()).await.unwrap_err();
        assert!(error.is_suspicious_activity() && !error.is_lost());
        assert_eq!(fake.seen().len(), 1);
    }
}
