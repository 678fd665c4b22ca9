//! How much one run may do. Checked on the finished plan; a person may lift a limit for one run
//! by naming the number.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Count, Step};
use crate::policy::Limits;

/// From how many managed guests up the share counts.
const SHARE_FROM: usize = 10;

/// Limits lifted by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hand {
    /// `--allow-removals N`.
    pub removals: Option<usize>,
    /// `--allow-expiries N`.
    pub expiries: Option<usize>,
    /// `--allow-weakened N`.
    pub weakened: Option<usize>,
}

/// A limit that the plan exceeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exceeded {
    /// The rule: `limits.removals.count`.
    pub rule: String,
    /// How many guests the plan concerns, or how many policies.
    pub found: usize,
    /// How many are allowed.
    pub allowed: usize,
    /// What a person must type to allow it this once.
    pub flag: String,
}

/// Returns the limits that the steps exceed; `managed` is how many guests are ours.
pub fn check(steps: &[Step], managed: usize, limits: &Limits, hand: Hand) -> Vec<Exceeded> {
    let guests = |count: Count| {
        let of_steps = steps
            .iter()
            .filter(|step| step.counts == Some(count))
            .filter_map(|step| step.change.object().guest());
        let losing = steps.iter().filter(|_| count == Count::Removal);
        let losing = losing.flat_map(|step| step.loses.iter().map(String::as_str));
        of_steps.chain(losing).collect::<BTreeSet<_>>().len()
    };
    let (removals, expiries) = (guests(Count::Removal), guests(Count::Expiry));
    let flag = |name: &str, number: usize| format!("--allow-{name} {number}");
    let mut exceeded = Vec::new();
    let mut exceeds = |rule: &str, found: usize, allowed: usize, flag: String| {
        if found > allowed {
            exceeded.push(Exceeded {
                rule: rule.to_owned(),
                found,
                allowed,
                flag,
            });
        }
    };
    match hand.removals {
        Some(number) => exceeds(
            "--allow-removals",
            removals,
            number,
            flag("removals", removals),
        ),
        None => {
            exceeds(
                "limits.removals.count",
                removals,
                limits.removals.count,
                flag("removals", removals),
            );
            if managed >= SHARE_FROM {
                let share = managed.saturating_mul(limits.removals.percent) / 100;
                exceeds(
                    "limits.removals.percent",
                    removals,
                    share,
                    flag("removals", removals),
                );
            }
        }
    }
    let allowed = hand.expiries.unwrap_or(limits.expiries.count);
    exceeds(
        "limits.expiries.count",
        expiries,
        allowed,
        flag("expiries", expiries),
    );
    let weakened = steps.iter();
    let weakened = weakened.filter(|step| step.counts == Some(Count::Weakened));
    let weakened = weakened.count();
    exceeds(
        "limits.weakened.count",
        weakened,
        hand.weakened.unwrap_or(limits.weakened.count),
        flag("weakened", weakened),
    );
    exceeded
}
