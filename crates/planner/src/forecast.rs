//! What will happen to a guest by itself, going by the files alone: access that ends on its day, and
//! the rungs that follow. The tenant is not asked: whoever knows it goes by what is decided.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::guest::written::Declared;
use crate::load::Origin;
use crate::policy::Policy;
use crate::time::{Days, days_after};

/// Something that will happen to a guest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Coming {
    /// When.
    pub at: Timestamp,
    /// To whom: the guest's key.
    pub guest: String,
    /// What, as a clause about the guest.
    pub text: String,
    /// Whether access ends with it, or only what is left of the guest goes.
    #[serde(default)]
    pub ends: bool,
    /// Where in the files it comes from.
    pub origin: Origin,
}

/// Returns when a guest whose time is over loses something first; none if nothing is ever taken.
pub(crate) fn first_loss(end: Timestamp, policy: &Policy) -> Option<Timestamp> {
    let rungs = rungs(end, policy);
    rungs.into_iter().filter_map(|(at, _)| at).min()
}

/// Returns the rungs of the ladder for a guest whose time is over, and what each does.
fn rungs(end: Timestamp, policy: &Policy) -> [(Option<Timestamp>, &'static str); 3] {
    let ladder = policy.lifecycle.expired;
    let zone = &policy.tenant.time_zone;
    let after = |base, days: Option<Days>| days.map(|days| days_after(base, days, zone));
    let disabled = after(end, ladder.disable);
    // The grace counts from the day on which sign-in is blocked.
    let base = disabled.unwrap_or(end);
    [
        (disabled, "is disabled"),
        (after(base, ladder.strip), "loses what is managed"),
        (after(base, ladder.delete), "is deleted"),
    ]
}

/// Returns what will happen to a declared guest after `now`, the first thing first.
pub fn forecast(declared: &Declared, policy: &Policy, now: Timestamp) -> Vec<Coming> {
    let zone = &policy.tenant.time_zone;
    let end = declared.expires.map(|expires| expires.end(zone));
    let mut coming = Vec::new();
    let mut add = |at: Timestamp, text: String, ends: bool, origin: &Origin| {
        coming.push(Coming {
            at,
            guest: declared.key.clone(),
            text,
            ends,
            origin: origin.clone(),
        });
    };
    for (what, granted) in declared.grants() {
        let over = granted.expires.map(|expires| expires.end(zone));
        if let Some(over) = over.filter(|over| end.is_none_or(|end| *over < end)) {
            add(over, format!("loses {what}"), true, &granted.origin);
        }
    }
    // Once it is over, the grace counts from what was done, which the files do not know.
    if let Some(end) = end.filter(|end| *end > now) {
        let mut days: BTreeMap<Timestamp, Vec<&str>> = BTreeMap::new();
        for (at, text) in std::iter::once((Some(end), "expires")).chain(rungs(end, policy)) {
            if let Some(at) = at {
                days.entry(at).or_default().push(text);
            }
        }
        for (at, texts) in days {
            add(at, texts.join(", "), at == end, &declared.expires_origin);
        }
    }
    coming.retain(|coming| coming.at > now);
    coming.sort();
    coming
}
