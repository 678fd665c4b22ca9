//! A long list of guests, read in parts side by side: Graph hands out pages one after another, but
//! a range of `createdDateTime` is a list of its own. The parts count only if they are shown to be
//! all there is; otherwise the list is read page by page.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use guestlist_planner::kinds::guest::user::{self, Created};
use guestlist_planner::request::Read;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;

use crate::error::Error;
use crate::throttle::Safety;

use super::Client;
use super::pages::{Item, Pages};

/// How many parts: as many as are read side by side.
const PARTS: usize = 8;

impl Client {
    /// Returns all guests, or none if they cannot be shown to be all. `sample` are those who came
    /// first: they tell where to cut.
    pub(super) async fn in_parts(&self, sample: &[Item]) -> Option<Vec<Item>> {
        let parts = cut(sample);
        if parts.len() < 2 {
            return None;
        }
        match self.parts(&parts).await {
            Ok(Some(items)) if holds(&items, sample) => Some(items),
            Ok(_) => {
                tracing::info!("the parts are not the whole: reading page by page");
                None
            }
            Err(error) => {
                tracing::info!(%error, "not to be read in parts: reading page by page");
                None
            }
        }
    }

    /// Reads all parts; none if one of them, or all together, are not as many as the tenant counts.
    async fn parts(&self, parts: &[Created]) -> Result<Option<Vec<Item>>, Error> {
        let counts = self.counts(parts).await?;
        let (total, counts) = (counts[0], &counts[1..]);
        // Whoever has no date is in no part.
        if total.is_none() || counts.iter().copied().sum::<Option<u64>>() != total {
            return Ok(None);
        }
        let reads = parts.iter().zip(counts).map(|(part, count)| async move {
            let pages = Pages::new(self, 0, user::guests(*part))?;
            let pages = self.follow_whole(vec![pages]).await?;
            let items: Vec<_> = pages.into_iter().flat_map(Pages::into_items).collect();
            Ok::<_, Error>((Some(items.len() as u64) == *count).then_some(items))
        });
        let parts = try_join_all(reads).await?;
        let parts: Option<Vec<_>> = parts.into_iter().collect();
        Ok(parts.map(|parts| parts.into_iter().flatten().collect()))
    }

    /// Returns how many guests there are, and how many in each part, by one moment's index.
    async fn counts(&self, parts: &[Created]) -> Result<Vec<Option<u64>>, Error> {
        let all = [Created::default()];
        let calls = all.iter().chain(parts).map(|part| {
            let Read { path, .. } = user::count(*part);
            self.call(Method::GET, &path, None, Safety::Read)
        });
        let calls = calls.collect::<Result<Vec<_>, _>>()?;
        let answers = self.exchange(&calls).await.into_iter();
        answers
            .map(|answer| Ok(answer?.body.value()["@odata.count"].as_u64()))
            .collect()
    }
}

/// Returns ranges that hold about as many guests each, judging by a sample.
fn cut(sample: &[Item]) -> Vec<Created> {
    let created = |item: &Item| {
        let created = &item.value()["createdDateTime"];
        created.as_str()?.parse::<Timestamp>().ok()
    };
    let mut dates: Vec<_> = sample.iter().filter_map(created).collect();
    dates.sort();
    let edges: BTreeSet<_> = (1..PARTS)
        .filter_map(|part| dates.get(dates.len() * part / PARTS))
        .map(|date| Timestamp::from_second(date.as_second()).unwrap_or(*date))
        .collect();
    let second = SignedDuration::from_secs(1);
    let from = std::iter::once(None).chain(edges.iter().copied().map(Some));
    let ends = edges.iter().map(|edge| Some(*edge - second));
    from.zip(ends.chain([None]))
        .map(|(from, to)| Created { from, to })
        .collect()
}

fn ids(items: &[Item]) -> BTreeSet<&str> {
    items.iter().filter_map(|item| item.id.as_deref()).collect()
}

/// Returns whether no item comes twice and none of the sample is missing.
fn holds(items: &[Item], sample: &[Item]) -> bool {
    let all = ids(items);
    all.len() == items.len() && ids(sample).is_subset(&all)
}

#[cfg(test)]
mod tests {
    use guestlist_planner::kinds::guest::user::guests;
    use guestlist_planner::request::Answer;
    use serde_json::json;

    use super::super::fake::{Fake, Said, Seen};
    use super::*;

    /// Guests by the second of their creation; whoever has none is in no range.
    struct Tenant {
        guests: Vec<Option<i64>>,
        page: usize,
        counted_more: u64,
    }

    fn text(second: i64) -> String {
        Timestamp::from_second(second).unwrap().to_string()
    }

    impl Tenant {
        fn of(guests: Vec<Option<i64>>) -> Self {
            let (page, counted_more) = (100, 0);
            Self {
                guests,
                page,
                counted_more,
            }
        }

        fn say(&self, seen: &Seen) -> Said {
            if seen.call.ends_with("$batch") {
                return Said::Each;
            }
            let call = percent_encoding(&seen.call);
            let bound = |operator: &str| {
                let (_, rest) = call.split_once(&format!("createdDateTime {operator} "))?;
                Some(rest[..20].parse::<Timestamp>().unwrap().as_second())
            };
            let (from, to) = (bound("ge"), bound("le"));
            let within = |created: &Option<i64>| match created {
                None => from.is_none() && to.is_none(),
                Some(created) => {
                    from.is_none_or(|from| *created >= from) && to.is_none_or(|to| *created <= to)
                }
            };
            let found = self
                .guests
                .iter()
                .enumerate()
                .filter(|(_, created)| within(created));
            let found: Vec<_> = found
                .map(|(id, created)| json!({ "id": id.to_string(), "createdDateTime": created.map(text) }))
                .collect();
            if call.contains("$count=true") {
                return Said::json(
                    200,
                    json!({ "@odata.count": found.len() as u64 + self.counted_more, "value": [] }),
                );
            }
            let skip = call
                .split_once("$skip=")
                .map_or(0, |(_, skip)| skip.parse().unwrap());
            let mut body =
                json!({ "value": found.iter().skip(skip).take(self.page).collect::<Vec<_>>() });
            if skip + self.page < found.len() {
                let (url, _) = seen.call.split_once("&$skip").unwrap_or((&seen.call, ""));
                let url = url.strip_prefix("GET ").unwrap();
                body["@odata.nextLink"] = format!("{url}&$skip={}", skip + self.page).into();
            }
            Said::json(200, body)
        }
    }

    fn percent_encoding(text: &str) -> String {
        text.replace("%20", " ")
            .replace("%3A", ":")
            .replace("%27", "'")
    }

    /// Reads all guests; returns how many came, and how many requests asked for parts.
    async fn read(tenant: Tenant) -> (usize, usize) {
        let all = tenant.guests.len();
        let fake = Fake::new(move |seen| tenant.say(seen));
        let answers = fake
            .client()
            .read(vec![guests(Created::default())])
            .await
            .unwrap();
        let Answer::Items(items) = &answers[0].1 else {
            panic!("no items");
        };
        let ids: BTreeSet<_> = items.iter().map(|item| item["id"].as_str()).collect();
        assert_eq!(ids.len(), all);
        let parts = |seen: &&Seen| {
            seen.call.contains("createdDateTime%20") && !seen.call.contains("$count")
        };
        (items.len(), fake.seen().iter().filter(parts).count())
    }

    fn spread(guests: i64) -> Vec<Option<i64>> {
        (0..guests)
            .map(|n| Some(1_700_000_000 + n * 7 % 1_000))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_list_is_read_in_parts_and_a_short_one_is_not() {
        let (guests, requests) = read(Tenant::of(spread(900))).await;
        assert_eq!(guests, 900);
        assert!(requests >= PARTS, "{requests}");
        assert_eq!(read(Tenant::of(spread(200))).await, (200, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_drops_out_for_want_of_a_date() {
        let mut guests = spread(900);
        guests[850] = None;
        assert_eq!(read(Tenant::of(guests)).await, (900, 0));
        assert_eq!(read(Tenant::of(vec![None; 500])).await, (500, 0));
        assert_eq!(
            read(Tenant::of(vec![Some(1_700_000_000); 500])).await.0,
            500
        );
    }

    #[tokio::test(start_paused = true)]
    async fn parts_that_are_not_what_the_tenant_counts_are_not_taken() {
        let tenant = Tenant {
            counted_more: 1,
            ..Tenant::of(spread(900))
        };
        assert_eq!(read(tenant).await.0, 900);
    }
}
