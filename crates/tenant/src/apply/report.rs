//! What is said of a run: a journal line before and after each write, and how each step ended.

use guestlist_planner::address::Address;
use guestlist_planner::plan::Step;
use jiff::Timestamp;
use serde::Serialize;

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Graph confirmed it, or it was so already.
    Done,
    /// It failed; planning again is safe.
    Failed {
        /// What was refused, and how.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It was left out; says why.
    Skipped(String),
}

/// One line of the journal: before a write and after it. It never holds a body, a token or a
/// redeem link.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<'a> {
    /// When.
    pub at: Timestamp,
    /// `intent` or `outcome`.
    pub phase: &'static str,
    /// What is changed.
    pub address: String,
    /// The verb and path.
    pub request: String,
    /// Why.
    pub because: &'a str,
    /// How it went, on an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Graph's id of the request, on an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Keeps the journal. A line must be safe on disk when the call returns.
pub trait Journal {
    /// Adds lines.
    fn write(&mut self, entries: &[Entry<'_>]) -> std::io::Result<()>;
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Report {
    /// What became of each step, in the order of the plan.
    pub outcomes: Vec<(Step, Outcome)>,
    /// What was created and cannot be read back yet.
    pub unsettled: Vec<Address>,
    /// Why the run stopped early, if it did.
    pub stopped: Option<String>,
}

impl Report {
    /// Returns how many steps came to each end: done, failed, skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Outcome) -> bool| {
            self.outcomes
                .iter()
                .filter(|(_, outcome)| wanted(outcome))
                .count()
        };
        (
            count(|outcome| *outcome == Outcome::Done),
            count(|outcome| matches!(outcome, Outcome::Failed { .. })),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        )
    }

    /// Returns whether every step was done.
    pub fn is_complete(&self) -> bool {
        self.stopped.is_none()
            && self
                .outcomes
                .iter()
                .all(|(_, outcome)| *outcome == Outcome::Done)
    }
}
