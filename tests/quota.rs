//! A first apply of a large repository against a tenant that throttles as Microsoft documents, by a
//! simulated clock: paced to what the limits allow, and hardly ever refused.

use std::time::Duration;

use guestlist_planner::load::{Config, load};
use guestlist_planner::yaml::Source;
use guestlist_sandbox::{Behaviour, Quota, Sandbox};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::inside::{Stops, run};
use crate::scale::{of, yaml};

const GROUPS: usize = 50;

fn config(guests: usize, now: Timestamp) -> Config {
    let (guests_yaml, policies) = yaml(guests, GROUPS);
    let source = |path: &str, text: String| Source {
        path: path.into(),
        text,
    };
    let limits = format!("limits: {{invitations: {{count: {guests}}}}}\n");
    load(
        &[
            source("guests/all.yaml", guests_yaml),
            source("policies/all.yaml", policies + &limits),
        ],
        now,
    )
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_guests_are_invited_at_the_pace_of_the_quota() {
    let guests = 10_000;
    let now = Timestamp::now();
    let sandbox = Sandbox::empty(now);
    let config = config(guests, now);
    sandbox.behave(Behaviour {
        quota: Some(Quota::documented()),
        latency: Duration::from_millis(20),
        ..Behaviour::default()
    });
    let start = Instant::now();
    let ran = run(&sandbox, &config, now, &mut Stops(None)).await.unwrap();
    let took = start.elapsed().as_secs_f64();
    assert!(ran.is_complete(), "{:?}", ran.report.counts());

    let edges: usize = guests * of(0, GROUPS).count();
    let writes = GROUPS + 2 * guests + edges.div_ceil(20);
    // 3,000 at once, then 20 a second.
    let floor = (writes as f64 - 3_000.0) / 20.0;
    assert!(took <= 1.05 * floor, "{took} s, the floor is {floor} s");
    // The sandbox remembers the latest thousands of requests: the later, the emptier the bucket.
    let requests = sandbox.requests();
    let refused = requests
        .iter()
        .filter(|request| request.status == Some(429))
        .count();
    assert!(
        refused * 100 < requests.len(),
        "{refused} of {} were refused",
        requests.len()
    );
    assert!(
        ran.plan.effort.writes.abs_diff(writes) <= GROUPS,
        "{:?}",
        ran.plan.effort
    );
}
