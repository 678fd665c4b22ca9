//! What a plan takes: how many writes, and how long Graph's limits make them last.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Ids;
use crate::kinds::{Change, Cx, Object};
use crate::plan::Step;
use crate::request::JOINED;

/// How many writes Graph takes from one application in one tenant within [`WRITES_WINDOW`].
/// Source: "Microsoft Graph service-specific throttling limits", identity and access.
pub const WRITES: u32 = 3_000;
/// See [`WRITES`].
pub const WRITES_WINDOW: Duration = Duration::from_secs(150);

/// A batch of 20 writes takes about a second, and eight are under way at once: a guess that only
/// the display uses.
const WRITES_PER_SECOND: f64 = 80.0;

/// Of these Graph takes one request a second, and each write is preceded by a look.
/// Source: "Microsoft Graph service-specific throttling limits", identity and access.
const SLOW: &str = "/identity/conditionalAccess/";
const SLOW_SECONDS: u64 = 2;

/// What a plan takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Effort {
    /// How many writes Graph will count, about.
    pub writes: usize,
    /// How many seconds they take at least: what the limits, and the way there, make of them.
    pub seconds: u64,
}

impl Effort {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what these steps take.
    pub(crate) fn of(steps: &[Step]) -> Self {
        let ids = as_if_known(steps);
        let guests = steps.iter().filter(|step| step.invites());
        let links = guests.map(|step| (step.address.clone(), String::new()));
        let links = links.collect();
        let cx = Cx {
            ids: &ids,
            now: Timestamp::UNIX_EPOCH,
            stamp: "",
            links: &links,
        };
        let mut joined: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut writes, mut slowly) = (0, 0);
        for step in steps {
            match &step.change {
                Change::Create {
                    after: Object::Membership(membership),
                } => *joined.entry(&membership.group).or_default() += 1,
                change => {
                    let requests = change.writes(&cx);
                    let slow = requests.iter().filter(|it| it.path.starts_with(SLOW));
                    slowly += slow.count() as u64;
                    writes += requests.len();
                }
            }
        }
        let joined = joined.values().map(|edges| edges.div_ceil(JOINED));
        let writes = writes + joined.sum::<usize>();
        Self {
            writes,
            seconds: seconds(writes) + slowly * SLOW_SECONDS,
        }
    }
}

/// Returns an id for everything that the steps name: how many requests there are does not depend on
/// which.
fn as_if_known(steps: &[Step]) -> Ids {
    let mut ids = Ids::default();
    for step in steps {
        for object in step
            .change
            .before()
            .into_iter()
            .chain([step.change.object()])
        {
            for address in object.refs().into_iter().chain([object.address()]) {
                ids.bind(address, String::new());
            }
        }
    }
    ids
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writes = if self.writes == 1 { "write" } else { "writes" };
        write!(f, "About {} {writes}, ", self.writes)?;
        match self.seconds {
            0..60 => f.write_str("less than a minute."),
            60..7200 => write!(f, "{} minutes at least.", self.seconds.div_ceil(60)),
            _ => write!(f, "{} hours at least.", self.seconds.div_ceil(3600)),
        }
    }
}

fn seconds(writes: usize) -> u64 {
    let rate = f64::from(WRITES) / WRITES_WINDOW.as_secs_f64();
    let beyond = writes.saturating_sub(WRITES as usize) as f64 / rate;
    (beyond.max(writes as f64 / WRITES_PER_SECOND)).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_what_graph_takes_at_once_its_rate_counts() {
        let shown = |writes| {
            let seconds = seconds(writes);
            Effort { writes, seconds }.to_string()
        };
        assert_eq!(shown(1), "About 1 write, less than a minute.");
        assert_eq!(shown(3_000), "About 3000 writes, less than a minute.");
        assert_eq!(shown(22_500), "About 22500 writes, 17 minutes at least.");
        assert_eq!(shown(225_000), "About 225000 writes, 4 hours at least.");
    }
}
