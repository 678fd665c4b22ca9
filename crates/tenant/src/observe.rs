//! Reads a tenant: asks the planner what it wants to know, wave by wave, until it knows.

use guestlist_planner::load::Config;
use guestlist_planner::snapshot::Snapshot;
use jiff::Timestamp;

use crate::client::Client;
use crate::error::Error;

/// How many waves a reading takes at most; the planner needs four. More would mean that an answer
/// never satisfies its question.
const WAVES: usize = 16;

/// Returns everything that a plan for `config` needs to know. Any read that fails or is cut short
/// fails the whole: what was not read must not be taken for absent.
pub async fn observe(
    client: &Client,
    config: &Config,
    taken: Timestamp,
) -> Result<Snapshot, Error> {
    let mut snapshot = Snapshot::new(taken);
    let mut open = Vec::new();
    for wave in 0..WAVES {
        open = snapshot.wants(&config.desired, &config.policy);
        if open.is_empty() {
            return Ok(snapshot);
        }
        tracing::info!(wave, reads = open.len(), "reading");
        for pages in client.read_all(open.clone()).await? {
            pages.hand_over(|read, answer| {
                snapshot
                    .absorb(read, answer)
                    .map_err(|error| Error::shape(&read.path, &error))
            })?;
        }
        client.tenant_has(snapshot.users.len());
    }
    Err(Error::Shape {
        path: open
            .into_iter()
            .map(|read| read.path)
            .next()
            .unwrap_or_default(),
        why: "the answers never satisfy the question".to_owned(),
    })
}
