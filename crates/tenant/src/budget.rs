//! What a run may spend: Graph counts resource units and writes, refuses whoever exceeds them, and
//! counts what it refuses too. So requests are paced beforehand by the documented limits, and the
//! budget is corrected by what the answers say.
//! Source: "Microsoft Graph service-specific throttling limits", concepts/throttling-limits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guestlist_planner::effort::{WRITES, WRITES_WINDOW};
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use crate::stop::Stop;
use crate::throttle::{PATIENCE, retry_after};

/// Resource units in ten seconds for one application in one tenant, by the number of its users.
const UNITS: [(usize, f64); 3] = [(0, 3_500.0), (50, 5_000.0), (500, 8_000.0)];
const UNITS_WINDOW: f64 = 10.0;
/// How much of what may be sent at once is sent at once: clocks differ.
const SHARE: f64 = 0.93;

/// What a request costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    units: f64,
    writes: f64,
    /// Requests to a service that takes one a second from all applications together.
    singly: f64,
}

impl Cost {
    /// Returns the documented cost of a request to a path below the version root.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let write = *method != Method::GET;
        Self {
            units: units(method, path),
            writes: f64::from(write),
            singly: f64::from(is_served_singly(path)),
        }
    }

    /// Returns the cost of requests that travel together: each counts.
    pub(crate) fn sum(costs: impl Iterator<Item = Self>) -> Self {
        costs.fold(Self::default(), |a, b| Self {
            units: a.units + b.units,
            writes: a.writes + b.writes,
            singly: a.singly + b.singly,
        })
    }
}

/// Returns whether a service takes about one request a second from all applications together:
/// identity protection and Conditional Access.
pub(crate) fn is_served_singly(path: &str) -> bool {
    path.starts_with("/identity/conditionalAccess") || path.starts_with("/identityProtection")
}

fn units(method: &Method, path: &str) -> f64 {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let last = path
        .rsplit('/')
        .find(|segment| !segment.starts_with("microsoft.graph."));
    let base = match (method.as_str(), last.unwrap_or_default()) {
        ("GET", "transitiveMembers") => 5,
        ("POST", "checkMemberGroups" | "checkMemberObjects" | "isMemberOf") => 4,
        ("GET", "members" | "subscribedSkus" | "contracts") | ("POST", "getByIds") => 3,
        (
            "GET",
            "users" | "memberOf" | "transitiveMemberOf" | "ownedObjects" | "licenseDetails",
        )
        | ("GET", "applications" | "appRoleAssignments" | "oauth2PermissionGrants")
        | ("POST", "getMemberGroups" | "getMemberObjects") => 2,
        _ => 1,
    };
    let less = i32::from(query.contains("$select="));
    let more = i32::from(query.contains("$expand="));
    f64::from((base - less + more).max(1))
}

/// Fills steadily up to a brim. What is taken beyond its content is owed, and waited for.
#[derive(Debug)]
struct Bucket {
    brim: f64,
    rate: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    fn new(brim: f64, rate: f64) -> Self {
        Self {
            brim,
            rate,
            level: brim,
            at: Instant::now(),
        }
    }

    fn fill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + since * self.rate).min(self.brim);
        self.at = now;
    }

    /// Takes, and returns how long to wait for it.
    fn take(&mut self, amount: f64, now: Instant) -> Duration {
        self.fill(now);
        self.level -= amount;
        if amount > 0.0 && self.level < 0.0 {
            Duration::from_secs_f64(-self.level / self.rate)
        } else {
            Duration::ZERO
        }
    }
}

#[derive(Debug)]
struct State {
    units: Bucket,
    writes: Bucket,
    singly: Bucket,
    /// Nothing is sent before: Graph asked for quiet.
    quiet: Option<Instant>,
}

/// The one budget of a run.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<State>);

impl Default for Budget {
    fn default() -> Self {
        let [(_, units), ..] = UNITS;
        let writes = f64::from(WRITES);
        Self(Mutex::new(State {
            units: Bucket::new(units * SHARE, units / UNITS_WINDOW),
            writes: Bucket::new(writes * SHARE, writes / WRITES_WINDOW.as_secs_f64()),
            singly: Bucket::new(1.0, 1.0),
            quiet: None,
        }))
    }
}

impl Budget {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns how many users the tenant has at least: larger ones may be asked more.
    pub(crate) fn tenant_has(&self, users: usize) {
        let (_, units) = UNITS[UNITS.partition_point(|(from, _)| *from <= users) - 1];
        let mut state = self.state();
        let more = units * SHARE - state.units.brim;
        if more > 0.0 {
            state.units.fill(Instant::now());
            state.units.level += more;
            state.units.brim += more;
            state.units.rate = units / UNITS_WINDOW;
        }
    }

    /// Takes what a request costs, and waits until it may be sent, or until a stop is asked for.
    pub(crate) async fn spend(&self, cost: Cost, stop: &Stop) {
        let now = Instant::now();
        let wait = {
            let mut state = self.state();
            let units = state.units.take(cost.units, now);
            let writes = state.writes.take(cost.writes, now);
            units.max(writes).max(state.singly.take(cost.singly, now))
        };
        if !wait.is_zero() {
            tracing::debug!(?wait, "waiting for the budget");
            stop.sleep_until(now + wait).await;
        }
        // Again after each wait: somebody else's answer may have moved the moment meanwhile.
        loop {
            let quiet = self.state().quiet;
            match quiet {
                Some(until) if until > Instant::now() && !stop.is_asked() => {
                    stop.sleep_until(until).await;
                }
                _ => return,
            }
        }
    }

    /// Heeds what an answer says about the load, and what the request really cost. Requests that
    /// are sent while throttled count too, so that going on would prolong it for the others.
    pub(crate) fn heed(&self, cost: Cost, status: u16, headers: &HeaderMap, now: Timestamp) {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<f64>().ok();
        let load = number("x-ms-throttle-limit-percentage");
        let quiet = match (status, load) {
            (429, _) => retry_after(headers, now),
            // 0.8 to 1.8 of what the tenant may use; absent below that.
            (_, Some(load)) if (0.8..=2.0).contains(&load) => {
                Some(Duration::from_secs_f64(load - 0.8))
            }
            _ => None,
        };
        let mut state = self.state();
        if let Some(units) = number("x-ms-resource-unit").filter(|units| (0.0..1e4).contains(units))
        {
            state.units.level -= units - cost.units;
        }
        if status == 429 && cost.singly == 0.0 {
            // The tenant knows better what is left.
            state.units.level = state.units.level.min(0.0);
            if cost.writes > 0.0 {
                state.writes.level = state.writes.level.min(0.0);
            }
        }
        if let Some(quiet) = quiet.filter(|quiet| *quiet < PATIENCE) {
            let until = Instant::now() + quiet;
            state.quiet = Some(state.quiet.map_or(until, |held| held.max(until)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::tests::headers;

    #[test]
    fn the_documented_table() {
        let get = |path: &str| Cost::of(&Method::GET, path).units;
        assert_eq!(get("/users"), 2.0);
        assert_eq!(get("/users?$filter=x&$select=id&$expand=sponsors"), 2.0);
        assert_eq!(get("/groups/g/members?$select=id&$top=999"), 2.0);
        assert_eq!(get("/users/u/transitiveMembers/microsoft.graph.group"), 5.0);
        assert_eq!(get("/organization?$select=id"), 1.0);
        let invite = Cost::of(&Method::POST, "/invitations");
        assert_eq!(
            (invite.units, invite.writes, invite.singly),
            (1.0, 1.0, 0.0)
        );
        let policy = Cost::of(&Method::PATCH, "/identity/conditionalAccess/policies/p");
        assert_eq!(policy.singly, 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn writes_are_paced_to_the_documented_rate() {
        let budget = Budget::default();
        let (stop, start) = (Stop::default(), Instant::now());
        let batch = Cost {
            writes: 20.0,
            ..Cost::default()
        };
        for _ in 0..139 {
            budget.spend(batch, &stop).await;
        }
        assert!(start.elapsed().is_zero(), "{:?}", start.elapsed());
        for _ in 0..60 {
            budget.spend(batch, &stop).await;
        }
        // 3,000 in 150 seconds are 20 a second.
        assert!(
            (59..=61).contains(&start.elapsed().as_secs()),
            "{:?}",
            start.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn conditional_access_is_asked_once_a_second() {
        let budget = Budget::default();
        let (stop, start) = (Stop::default(), Instant::now());
        for _ in 0..4 {
            let cost = Cost::of(&Method::GET, "/identity/conditionalAccess/policies");
            budget.spend(cost, &stop).await;
        }
        assert_eq!(start.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_tenant_may_be_asked_more() {
        let units = Cost {
            units: 3_000.0,
            ..Cost::default()
        };
        for (users, seconds) in [(10, 7), (60, 2), (5_000, 0)] {
            let (budget, stop, start) = (Budget::default(), Stop::default(), Instant::now());
            budget.tenant_has(users);
            budget.spend(units, &stop).await;
            budget.spend(units, &stop).await;
            assert_eq!(start.elapsed().as_secs(), seconds, "{users}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_request_really_cost_counts() {
        let (budget, stop, start) = (Budget::default(), Stop::default(), Instant::now());
        let cost = Cost {
            units: 1.0,
            ..Cost::default()
        };
        budget.spend(cost, &stop).await;
        budget.heed(
            cost,
            200,
            &headers(&[("x-ms-resource-unit", "3955")]),
            Timestamp::now(),
        );
        budget.spend(cost, &stop).await;
        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_for_the_longest_request() {
        let (budget, stop, start) = (Budget::default(), Stop::default(), Instant::now());
        let now = Timestamp::now();
        let cost = Cost::default();
        budget.heed(cost, 429, &headers(&[("retry-after", "10")]), now);
        budget.heed(cost, 429, &headers(&[("retry-after", "3")]), now);
        budget.heed(
            cost,
            200,
            &headers(&[("x-ms-throttle-limit-percentage", "1.0")]),
            now,
        );
        budget.spend(cost, &stop).await;
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_once_a_stop_is_asked_for() {
        let (budget, stop, start) = (Budget::default(), Stop::default(), Instant::now());
        budget.heed(
            Cost::default(),
            429,
            &headers(&[("retry-after", "100")]),
            Timestamp::now(),
        );
        stop.ask();
        budget
            .spend(
                Cost {
                    writes: 5_000.0,
                    ..Cost::default()
                },
                &stop,
            )
            .await;
        assert!(start.elapsed().is_zero());
    }
}
