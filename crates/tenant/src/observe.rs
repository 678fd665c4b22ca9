//! Reads a tenant: asks the planner what it wants to know, and again with each answer, until it
//! knows.

use std::collections::BTreeSet;

use futures::stream::{FuturesUnordered, StreamExt};
use guestlist_planner::load::Config;
use guestlist_planner::snapshot::Snapshot;
use jiff::Timestamp;

use crate::client::Client;
use crate::error::Error;

/// How many times a question may follow from the answer to another; the planner needs three. More
/// would mean that an answer never satisfies its question.
const DEPTH: usize = 16;

/// Returns everything that a plan for `config` needs to know. Any read that fails or is cut short
/// fails the whole: what was not read must not be taken for absent.
pub async fn observe(
    client: &Client,
    config: &Config,
    taken: Timestamp,
) -> Result<Snapshot, Error> {
    let mut snapshot = Snapshot::new(taken);
    let mut asked = BTreeSet::new();
    let mut under_way = FuturesUnordered::new();
    let mut depth = 0;
    let mut leads_on = true;
    loop {
        // Asking means matching the whole tenant, so it is done only where it may help.
        let wanted = if leads_on || under_way.is_empty() {
            snapshot.wants(&config.desired, &config.policy)
        } else {
            Vec::new()
        };
        let open = wanted.first().map(|read| read.path.clone());
        let new: Vec<_> = wanted
            .into_iter()
            .filter(|read| asked.insert(read.path.clone()))
            .collect();
        if !new.is_empty() {
            tracing::info!(depth, reads = new.len(), "reading");
        }
        for group in client.groups(new)? {
            under_way.push(async move { (depth + 1, client.follow(group).await) });
        }
        let Some((followed, answered)) = under_way.next().await else {
            return open.map_or(Ok(snapshot), |path| Err(unsatisfied(path)));
        };
        depth = followed;
        leads_on = false;
        for pages in answered? {
            leads_on |= pages.leads_on();
            pages.hand_over(|read, answer| {
                snapshot
                    .absorb(read, answer)
                    .map_err(|error| Error::shape(&read.path, &error))
            })?;
        }
        if let Some(path) = open.filter(|_| depth > DEPTH) {
            return Err(unsatisfied(path));
        }
        client.tenant_has(snapshot.users.len());
    }
}

fn unsatisfied(path: String) -> Error {
    Error::Shape {
        path,
        why: "the answers never satisfy the question".to_owned(),
    }
}
