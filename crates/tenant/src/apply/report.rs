//! What is said of a run: a journal line before and after each write, and how each step ended.

use guestlist_planner::address::Address;
use guestlist_planner::plan::Step;
use guestlist_planner::request::Request;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::Reply;
use crate::error::Error;

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
    /// The run stopped before it was begun.
    NotBegun,
}

/// What a line of the journal says of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// It is about to be sent.
    Intent,
    /// Its answer.
    Outcome,
    /// Its answer was lost, and what it made was found.
    Found,
    /// It was not sent after all.
    NotSent,
}

/// One line of the journal: before a write and after it. It never holds a body, a token or a
/// redeem link.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Before or after.
    pub phase: Phase,
    /// What is changed.
    pub address: String,
    /// The verb and path.
    pub request: String,
    /// Why.
    pub because: String,
    /// How it went: the status, or what went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Whether it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// Whether it may have happened although it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// Graph's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Entry {
    /// Returns the line before a request of a step is sent.
    pub(super) fn intent(step: &Step, request: &Request) -> Self {
        Self::about(&step.address.to_string(), &step.because.text, request)
    }

    /// Returns the line before a request is sent.
    pub(crate) fn about(address: &str, because: &str, request: &Request) -> Self {
        Self {
            at: Timestamp::now(),
            phase: Phase::Intent,
            address: address.to_owned(),
            request: format!("{} {}", request.method.as_str(), request.path),
            because: because.to_owned(),
            result: None,
            failed: false,
            in_doubt: false,
            request_id: None,
        }
    }

    /// Returns the line after it.
    pub(crate) fn outcome(self, result: &Result<Reply, Error>) -> Self {
        let phase = Phase::Outcome;
        match result {
            Ok(reply) => Self {
                phase,
                result: Some(reply.status.to_string()),
                request_id: Some(reply.request_id.clone()),
                ..self
            },
            Err(Error::Stopped { .. }) => Self {
                phase: Phase::NotSent,
                ..self
            },
            Err(error) => Self {
                phase,
                result: Some(error.to_string()),
                failed: true,
                in_doubt: error.is_lost(),
                request_id: error.request_id().map(str::to_owned),
                ..self
            },
        }
    }

    /// Returns the line that says what a request made whose answer was lost.
    pub(super) fn found(self, id: &str) -> Self {
        Self {
            phase: Phase::Found,
            result: Some(id.to_owned()),
            ..self
        }
    }
}

/// Keeps the journal.
pub trait Journal {
    /// Adds lines: if the program dies now, they are there.
    fn write(&mut self, entries: &[Entry]) -> std::io::Result<()>;

    /// Makes all lines safe on disk: if the machine dies now, they are there. Called before
    /// anything is sent.
    fn sync(&mut self) -> std::io::Result<()>;
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
    /// Returns how many steps came to each end: done, failed, skipped, not begun.
    pub fn counts(&self) -> [usize; 4] {
        let count = |wanted: fn(&Outcome) -> bool| {
            self.outcomes
                .iter()
                .filter(|(_, outcome)| wanted(outcome))
                .count()
        };
        [
            count(|outcome| *outcome == Outcome::Done),
            count(|outcome| matches!(outcome, Outcome::Failed { .. })),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            count(|outcome| *outcome == Outcome::NotBegun),
        ]
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
