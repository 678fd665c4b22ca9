//! Throttling as documented: token buckets for resource units and writes of an application in a
//! tenant, and for conditional access. What a request costs is in `cost.rs`.
//! <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits>

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::error::GraphError;
use crate::http::{Ids, Reply};

/// How much may be used in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How much.
    pub amount: u32,
    /// In how long.
    pub per: Duration,
}

impl Rate {
    /// Returns a rate.
    pub const fn new(amount: u32, per: Duration) -> Self {
        Rate { amount, per }
    }

    fn size(self) -> f64 {
        f64::from(self.amount.max(1))
    }

    fn per_second(self) -> f64 {
        self.size() / self.per.as_secs_f64().max(f64::EPSILON)
    }
}

/// How much callers may ask before they are told to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Resource units of an application in a tenant with less than 50 users.
    pub small: Rate,
    /// Resource units of an application in a tenant with up to 500 users.
    pub medium: Rate,
    /// Resource units of an application in a larger tenant.
    pub large: Rate,
    /// Writes of an application in a tenant.
    pub writes: Rate,
    /// Requests for conditional access in a tenant, of all applications together. Who exceeds
    /// it is not told when to come back.
    pub conditional_access: Rate,
}

impl Quota {
    /// Returns the limits that Microsoft documents.
    pub const fn documented() -> Self {
        let ten_seconds = Duration::from_secs(10);
        Quota {
            small: Rate::new(3_500, ten_seconds),
            medium: Rate::new(5_000, ten_seconds),
            large: Rate::new(8_000, ten_seconds),
            writes: Rate::new(3_000, Duration::from_secs(150)),
            conditional_access: Rate::new(1, Duration::from_secs(1)),
        }
    }

    fn units(&self, users: usize) -> Rate {
        match users {
            0..50 => self.small,
            50..=500 => self.medium,
            _ => self.large,
        }
    }
}

/// One request as the limits see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) app: &'a str,
    pub(crate) tenant: &'a str,
    /// How many users the tenant has.
    pub(crate) users: usize,
    pub(crate) units: u32,
    pub(crate) writes: bool,
    pub(crate) conditional_access: bool,
}

/// What has been used of the limits.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    apps: HashMap<String, Used>,
    conditional_access: Bucket,
}

#[derive(Debug, Default)]
struct Used {
    units: Bucket,
    writes: Bucket,
}

/// The documented percentage ends here, so no bucket is ever fuller.
const FULLEST: f64 = 1.8;
/// From here on callers are warned.
const WARNED: f64 = 0.8;

/// Fills with use and runs empty with time.
#[derive(Debug, Default)]
struct Bucket {
    level: f64,
    at: Option<Instant>,
}

impl Bucket {
    /// Takes what a request costs; when there is no room for it, takes one, for requests while
    /// throttled count too, and returns how long to wait.
    fn take(&mut self, rate: Rate, cost: u32, now: Instant) -> Result<(), Duration> {
        let elapsed = self.at.map_or(Duration::ZERO, |at| now - at);
        self.at = Some(now);
        self.level = (self.level - elapsed.as_secs_f64() * rate.per_second()).max(0.0);
        let cost = f64::from(cost).min(rate.size());
        // A hair of tolerance: whoever waits exactly as told must be let in.
        if self.level + cost <= rate.size() + 1e-6 {
            self.level += cost;
            return Ok(());
        }
        self.level = (self.level + 1.0).min(rate.size() * FULLEST);
        let excess = self.level + cost - rate.size();
        Err(Duration::from_secs_f64(excess / rate.per_second()))
    }

    fn used(&self, rate: Rate) -> f64 {
        self.level / rate.size()
    }
}

/// Why a request has to wait.
#[derive(Debug, PartialEq)]
pub(crate) enum Limit {
    Units(Duration),
    Writes(Duration),
    ConditionalAccess,
}

impl Meter {
    /// Counts a request, and says what it exceeds.
    pub(crate) fn charge(
        &mut self,
        quota: &Quota,
        asked: &Asked<'_>,
        now: Instant,
    ) -> Option<Limit> {
        if asked.conditional_access {
            let taken = self
                .conditional_access
                .take(quota.conditional_access, 1, now);
            return taken.err().map(|_| Limit::ConditionalAccess);
        }
        let used = self.apps.entry(asked.app.to_owned()).or_default();
        let writes = match asked.writes {
            true => used.writes.take(quota.writes, 1, now),
            false => Ok(()),
        };
        // What is refused as a write has cost a unit all the same.
        let cost = if writes.is_ok() { asked.units } else { 1 };
        let units = used.units.take(quota.units(asked.users), cost, now);
        match (writes, units) {
            (Err(wait), _) => Some(Limit::Writes(wait)),
            (_, Err(wait)) => Some(Limit::Units(wait)),
            _ => None,
        }
    }

    /// Returns the share of the limits that is used, once it is worth a warning.
    pub(crate) fn warning(&self, quota: &Quota, asked: &Asked<'_>) -> Option<String> {
        if asked.conditional_access {
            return None;
        }
        let used = self.apps.get(asked.app)?;
        let units = used.units.used(quota.units(asked.users));
        let share = match asked.writes {
            true => units.max(used.writes.used(quota.writes)),
            false => units,
        };
        (share > WARNED).then(|| format!("{share:.2}"))
    }
}

impl Limit {
    /// Returns the refusal: when to come back, and what was exceeded.
    pub(crate) fn refusal(&self, asked: &Asked<'_>, ids: &Ids, now: Timestamp) -> Reply {
        let error = GraphError::new(429, "TooManyRequests", "Too Many Requests");
        let reply = Reply::refusal(&error, ids, now).header("x-ms-resource-unit", "1");
        let (wait, limit, information) = match self {
            // Another service, with headers of its own.
            Limit::ConditionalAccess => return reply,
            Limit::Units(wait) => (wait, "ReadWrite", "ResourceUnitLimitExceeded"),
            Limit::Writes(wait) => (wait, "Write", "WriteLimitExceeded"),
        };
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let scope = format!("Tenant_Application/{limit}/{}/{}", asked.app, asked.tenant);
        reply
            .header("retry-after", seconds.max(1).to_string())
            .header("x-ms-throttle-scope", scope)
            .header("x-ms-throttle-information", information)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'_> = Asked {
        app: "a",
        tenant: "t",
        users: 10,
        units: 2,
        writes: false,
        conditional_access: false,
    };

    fn quota() -> Quota {
        Quota {
            small: Rate::new(10, Duration::from_secs(10)),
            writes: Rate::new(2, Duration::from_secs(20)),
            ..Quota::documented()
        }
    }

    fn seconds(count: f64) -> Duration {
        Duration::from_secs_f64(count)
    }

    #[test]
    fn units_run_out_and_come_back() {
        let (mut meter, quota, start) = (Meter::default(), quota(), Instant::now());
        let mut charge = |at: f64| {
            let limit = meter.charge(&quota, &ASKED, start + seconds(at));
            (limit, meter.warning(&quota, &ASKED))
        };
        for _ in 0..4 {
            assert_eq!(charge(0.0), (None, None));
        }
        assert_eq!(charge(0.0), (None, Some("1.00".into())));
        // Being refused costs one, so there is room for two in three seconds.
        let (limit, warning) = charge(0.0);
        assert_eq!(limit, Some(Limit::Units(seconds(3.0))));
        assert_eq!(warning.as_deref(), Some("1.10"));
        assert_eq!(charge(3.0).0, None);
        for _ in 0..50 {
            charge(3.0);
        }
        let (limit, warning) = charge(3.0);
        assert_eq!(limit, Some(Limit::Units(seconds(10.0))));
        assert_eq!(warning.as_deref(), Some("1.80"));
        assert_eq!(charge(60.0), (None, None));
    }

    #[test]
    fn writes_are_counted_apart_and_applications_too() {
        let (mut meter, quota, now) = (Meter::default(), quota(), Instant::now());
        let write = Asked {
            units: 1,
            writes: true,
            ..ASKED
        };
        assert_eq!(meter.charge(&quota, &write, now), None);
        assert_eq!(meter.charge(&quota, &write, now), None);
        let limit = meter.charge(&quota, &write, now).unwrap();
        assert_eq!(limit, Limit::Writes(seconds(20.0)));
        assert_eq!(meter.charge(&quota, &ASKED, now), None, "a read goes on");
        let other = Asked { app: "b", ..write };
        assert_eq!(meter.charge(&quota, &other, now), None);
    }

    #[test]
    fn conditional_access_is_once_a_second_for_everybody() {
        let (mut meter, quota, now) = (Meter::default(), quota(), Instant::now());
        let asked = Asked {
            conditional_access: true,
            ..ASKED
        };
        let other = Asked { app: "b", ..asked };
        assert_eq!(meter.charge(&quota, &asked, now), None);
        let limit = meter.charge(&quota, &other, now).unwrap();
        assert_eq!(limit, Limit::ConditionalAccess);
        let later = now + seconds(2.0);
        assert_eq!(meter.charge(&quota, &other, later), None);
    }

    #[test]
    fn larger_tenants_may_ask_more() {
        let documented = Quota::documented();
        let sizes = [49, 50, 500, 501].map(|users| documented.units(users).amount);
        assert_eq!(sizes, [3_500, 5_000, 5_000, 8_000]);
    }
}
