//! Reads: independent ones, joined where that is quicker, each followed to its last page, as far as
//! that lies below the Graph root.

use futures::future::try_join_all;
use guestlist_planner::request::{Answer, Read};
use guestlist_planner::snapshot::Topic;

use crate::error::Error;

use super::pages::Pages;
use super::{BATCH, Call, Client, travels_alone};

impl Client {
    /// Reads independent reads, and returns the answer to each, in order. The first that fails
    /// fails them all.
    pub async fn read(&self, reads: Vec<Read>) -> Result<Vec<(Read, Answer)>, Error> {
        let groups = self.groups(reads)?;
        let done = try_join_all(groups.into_iter().map(|group| self.follow(group))).await?;
        let mut done: Vec<_> = done.into_iter().flatten().collect();
        done.sort_by_key(|pages: &Pages| pages.index);
        Ok(done.into_iter().map(Pages::answer).collect())
    }

    /// Sorts independent reads into groups that can be followed side by side: those that are short
    /// travel together.
    pub(crate) fn groups(&self, reads: Vec<Read>) -> Result<Vec<Vec<Pages>>, Error> {
        let (mut groups, mut short) = (Vec::new(), Vec::new());
        for (index, read) in reads.into_iter().enumerate() {
            let pages = Pages::new(self, index, read)?;
            if travels_alone(&pages.read.path) || is_long(&pages.read) {
                groups.push(vec![pages]);
            } else {
                short.push(pages);
            }
        }
        // Each with room for its own: what `split_off` leaves behind keeps the room of all.
        let mut short = short.into_iter().peekable();
        while short.peek().is_some() {
            groups.push(short.by_ref().take(BATCH).collect());
        }
        Ok(groups)
    }

    /// Follows a group of reads to their last pages, in parts where a list turns out to be long.
    pub(crate) async fn follow(&self, mut group: Vec<Pages>) -> Result<Vec<Pages>, Error> {
        while self.turn(&mut group).await? {
            if let [pages] = group.as_mut_slice()
                && let Some(sample) = pages.sample()
                && let Some(items) = self.in_parts(sample).await
            {
                pages.complete(items);
            }
        }
        Ok(group)
    }

    /// Follows reads to their last pages, whatever their length.
    pub(super) async fn follow_whole(&self, mut group: Vec<Pages>) -> Result<Vec<Pages>, Error> {
        while self.turn(&mut group).await? {}
        Ok(group)
    }

    /// Reads the next page of each list that has one, and returns whether any had.
    async fn turn(&self, group: &mut [Pages]) -> Result<bool, Error> {
        let open: Vec<(usize, Call)> = group
            .iter()
            .enumerate()
            .filter_map(|(index, pages)| Some((index, pages.next.clone()?)))
            .collect();
        if open.is_empty() {
            return Ok(false);
        }
        let calls: Vec<Call> = open.iter().map(|(_, call)| call.clone()).collect();
        let answers = self.exchange(&calls).await;
        for ((index, call), answer) in open.into_iter().zip(answers) {
            group[index].absorb(self, &call, answer)?;
        }
        Ok(true)
    }
}

/// Whether the list is expected to be long, so that its pages had better not wait for others.
fn is_long(read: &Read) -> bool {
    let long = |topic: &Topic| {
        matches!(
            topic,
            Topic::Users | Topic::DeletedUsers | Topic::AllMembers
        )
    };
    read.about.as_ref().is_some_and(long)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::time::Instant;

    use super::super::fake::{Fake, Said};
    use super::*;

    const ROOT: &str = "https://graph.example/root/v1.0";

    fn group(n: usize) -> Read {
        Read::list(format!("/groups/{n}/members"), "GroupMember.Read.All")
    }

    fn page(ids: &[&str], next: Option<&str>) -> Said {
        let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let mut body = json!({ "value": items });
        if let Some(next) = next {
            body["@odata.nextLink"] = next.into();
        }
        Said::json(200, body)
    }

    fn ids(answer: &Answer) -> Vec<&str> {
        match answer {
            Answer::Items(items) => items
                .iter()
                .map(|item| item["id"].as_str().unwrap())
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    async fn failure(said: Said) -> Error {
        Fake::new(move |_| said.clone())
            .client()
            .read(vec![group(1)])
            .await
            .unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn reads_travel_in_batches_and_each_is_followed_to_its_last_page() {
        let fake = Fake::new(|seen| match seen.call.as_str() {
            call if call.ends_with("$batch") => Said::Each,
            "GET /groups/3/members" => page(
                &["a"],
                Some("https://graph.example/root/v1.0/groups/3/members?$skiptoken=x%27"),
            ),
            call if call.ends_with("skiptoken=x%27") => page(&["b"], None),
            _ => page(&["z"], None),
        });
        let reads: Vec<Read> = (0..45).map(group).collect();
        let answers = fake.client().read(reads.clone()).await.unwrap();
        assert!(answers.iter().map(|(read, _)| read).eq(&reads));
        assert_eq!(ids(&answers[3].1), ["a", "b"]);
        assert_eq!(ids(&answers[44].1), ["z"]);
        let seen = fake.sent();
        let batches = seen.iter().filter(|call| call.ends_with("$batch")).count();
        // The second page of the one list goes alone, exactly as Graph gave it.
        assert_eq!((batches, seen.len()), (3, 4));
        assert!(
            seen.contains(&format!("GET {ROOT}/groups/3/members?$skiptoken=x%27")),
            "{seen:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn long_lists_go_beside_the_batches_and_counts_ask_the_index() {
        let fake = Fake::new(|seen| {
            if seen.call.ends_with("$batch") {
                Said::Each
            } else {
                page(&[], None)
            }
        });
        let users =
            Read::list("/users?$count=true&$select=id", "User.Read.All").about(Topic::Users);
        let deleted = Read::list(
            "/directory/deletedItems/microsoft.graph.user",
            "User.Read.All",
        )
        .about(Topic::DeletedUsers);
        let policies = Read::list("/identity/conditionalAccess/policies", "Policy.Read.All");
        fake.client()
            .read(vec![group(1), users, deleted, policies, group(2)])
            .await
            .unwrap();
        let mut sent = fake.sent();
        sent.sort();
        assert_eq!(
            sent,
            [
                format!("GET {ROOT}/directory/deletedItems/microsoft.graph.user"),
                format!("GET {ROOT}/identity/conditionalAccess/policies"),
                format!("GET {ROOT}/users?$count=true&$select=id"),
                format!("POST {ROOT}/$batch"),
            ]
        );
        for seen in fake.seen() {
            assert_eq!(
                seen.header("consistencylevel") == "eventual",
                seen.call.contains("$count"),
                "{}",
                seen.call
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_throttled_inside_a_batch_is_asked_again_alone() {
        let fake = Fake::new(|seen| match seen.call.as_str() {
            call if call.ends_with("$batch") => Said::Each,
            "GET /groups/2/members" => {
                Said::json(429, json!({ "error": { "code": "TooManyRequests" } }))
                    .with("Retry-After", "10")
            }
            _ => page(&["x"], None),
        });
        let start = Instant::now();
        let answers = fake.client().read(vec![group(1), group(2)]).await.unwrap();
        assert_eq!(ids(&answers[1].1), ["x"]);
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_eq!(
            fake.sent(),
            [
                format!("POST {ROOT}/$batch"),
                format!("GET {ROOT}/groups/2/members")
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn promise_8_the_token_never_follows_a_foreign_next_link() {
        for link in [
            "https://evil.example/root/v1.0/users",
            "//evil.example/x",
            "https://graph.example/root/beta/users",
        ] {
            let fake = Fake::new(move |_| page(&["a"], Some(link)));
            let error = fake.client().read(vec![group(1)]).await.unwrap_err();
            assert!(error.to_string().contains("foreign next link"), "{error}");
            assert_eq!(fake.seen().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_beta_is_asked_there_alone_and_goes_on_there() {
        const BETA: &str = "https://graph.example/root/beta/policies";
        let fake = Fake::new(|seen| match seen.nth {
            1 => page(
                &["a"],
                Some("https://graph.example/root/beta/policies?$skiptoken=x"),
            ),
            _ => page(
                &["b"],
                Some("https://graph.example/root/v1.0/policies?$skiptoken=y"),
            ),
        });
        let read = Read::list("/beta/policies", "Policy.Read.All");
        let error = fake.client().read(vec![read]).await.unwrap_err();
        assert!(error.to_string().contains("foreign next link"), "{error}");
        assert_eq!(
            fake.sent(),
            [format!("GET {BETA}"), format!("GET {BETA}?$skiptoken=x")]
        );
        let fake = Fake::new(|seen| match seen.call.ends_with("$batch") {
            true => Said::Each,
            false => page(&[], None),
        });
        let beta = Read::list("/beta/policies", "Policy.Read.All");
        fake.client()
            .read(vec![group(1), beta, group(2)])
            .await
            .unwrap();
        let mut sent = fake.sent();
        sent.sort();
        assert_eq!(sent, [format!("GET {BETA}"), format!("POST {ROOT}/$batch")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_repeats_itself_is_an_error() {
        let fake = Fake::new(|_| {
            page(
                &["a"],
                Some("https://graph.example/root/v1.0/groups/1/members?$skiptoken=x"),
            )
        });
        let error = fake.client().read(vec![group(1)]).await.unwrap_err();
        assert!(matches!(error, Error::Loop { .. }), "{error}");
        assert_eq!(fake.seen().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_that_comes_twice_counts_once_and_the_later_one_holds() {
        let fake = Fake::new(|seen| match seen.nth {
            1 => {
                let next = "https://graph.example/root/v1.0/groups/1/members?$skiptoken=2";
                Said::json(
                    200,
                    json!({ "value": [{ "id": "a", "v": 1 }, { "id": "b" }], "@odata.nextLink": next }),
                )
            }
            _ => Said::json(
                200,
                json!({ "value": [{ "id": "a", "v": 2 }, { "id": "c" }] }),
            ),
        });
        let answers = fake.client().read(vec![group(1)]).await.unwrap();
        let expected = vec![
            json!({ "id": "a", "v": 2 }),
            json!({ "id": "b" }),
            json!({ "id": "c" }),
        ];
        assert_eq!(answers[0].1, Answer::Items(expected));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_read_in_full_is_no_answer() {
        for (said, why) in [
            (Said::json(200, json!({})), "no `value`"),
            (Said::json(200, json!({ "value": {} })), "no `value`"),
            (Said::json(200, json!([])), "no JSON object"),
            (Said::raw(200, ""), "no JSON object"),
            (
                Said::raw(200, "{\"value\": ["),
                "not a reply of Microsoft Graph",
            ),
            (
                Said::json(200, json!({ "value": [], "@odata.nextLink": 7 })),
                "is no text",
            ),
            (
                Said::json(200, json!({ "value": [{ "members@odata.nextLink": "x" }] })),
                "goes on elsewhere",
            ),
            (
                Said::json(
                    404,
                    json!({ "error": { "code": "Request_ResourceNotFound" } }),
                ),
                "404",
            ),
        ] {
            let error = failure(said).await;
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn absence_and_refusal_are_answers_only_where_they_may_be_and_only_from_graph() {
        let absent = || {
            Said::json(
                404,
                json!({ "error": { "code": "Request_ResourceNotFound" } }),
            )
        };
        let one = || vec![Read::one("/users/u", "User.Read.All")];
        let read =
            async |said: Said, reads| Fake::new(move |_| said.clone()).client().read(reads).await;
        assert_eq!(read(absent(), one()).await.unwrap()[0].1, Answer::Missing);
        assert!(read(Said::html(404), one()).await.is_err());
        // The batch itself is not found: that says nothing about what is in it.
        assert!(read(absent(), [one(), one()].concat()).await.is_err());

        let premium = |status| {
            Said::json(
                status,
                json!({ "error": { "code": "AadPremiumLicenseRequired" } }),
            )
        };
        let denied = || {
            Said::json(
                403,
                json!({ "error": { "code": "Authorization_RequestDenied" } }),
            )
        };
        let optional = || vec![group(1).optional()];
        let unserved = |status| Said::json(status, json!({ "error": { "code": "BadRequest" } }));
        for said in [
            denied(),
            premium(400),
            premium(403),
            unserved(400),
            unserved(404),
            unserved(501),
        ] {
            assert_eq!(read(said, optional()).await.unwrap()[0].1, Answer::Denied);
        }
        for said in [Said::html(403), Said::html(500)] {
            assert!(read(said, optional()).await.is_err());
        }
        assert!(read(denied(), vec![group(1)]).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_repeated_whatever_happened_to_its_answer() {
        let fake = Fake::new(|seen| match seen.nth {
            1 => Said::Lost,
            2 => Said::Unreachable,
            3 => Said::html(502),
            _ => page(&["a"], None),
        });
        assert_eq!(
            ids(&fake.client().read(vec![group(1)]).await.unwrap()[0].1),
            ["a"]
        );
        assert_eq!(fake.seen().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_brings_nothing_new_for_ever_is_given_up() {
        let fake = Fake::new(|seen| {
            let next = format!("{ROOT}/groups/1/members?$skiptoken={}", seen.nth);
            page(&["a"], Some(&next))
        });
        let error = fake.client().read(vec![group(1)]).await.unwrap_err();
        assert!(matches!(error, Error::Loop { .. }), "{error}");
        assert!(fake.seen().len() < 150);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_that_holds_an_error_is_none() {
        let inner = json!({ "code": "ServiceUnavailable", "message": "Try later." });
        let error = failure(Said::json(200, json!({ "error": inner, "value": [] }))).await;
        assert!(
            error
                .to_string()
                .ends_with("→ 200, but it holds an error: Try later."),
            "{error}"
        );
    }
}
