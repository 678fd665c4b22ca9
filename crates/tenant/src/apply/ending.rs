//! How steps end, and the run: also one that stops in the middle, which leaves no mail in doubt.

use guestlist_planner::kinds::{Change, Object, Stage};
use guestlist_planner::plan::Step;
use guestlist_planner::request::Request;

use super::lanes::{Chain, Lanes, Lost, Unit};
use super::{Outcome, Report, Run, admitted, deed, lane};
use crate::error::Error;

impl Run<'_> {
    /// Returns what a run that stops still sends for a step, and how the step then ends: that a mail was
    /// refused, is not sent, or went out. Without it nobody could know whether it did.
    pub(super) fn loose_end(&self, chain: &Chain) -> Option<(Request, Outcome)> {
        if let Some(undo) = &chain.undo {
            return Some(undo.clone());
        }
        let requests = self.requests(chain.place);
        let undo = |place: usize| requests.get(place)?.undo.as_deref();
        if let Some(undo) = undo(chain.next) {
            return Some((undo.clone(), self.interrupted(chain)));
        }
        undo(chain.next.checked_sub(1)?)?;
        let outcome = match requests.len() - chain.next {
            1 => Outcome::Done,
            _ => self.interrupted(chain),
        };
        Some((requests.get(chain.next)?.clone(), outcome))
    }

    pub(super) async fn tie(&mut self, chain: &Chain, request: Request, then: Outcome) -> Outcome {
        let unit = Unit::new(&lane(&self.steps[chain.place]), chain, request.clone());
        self.log(self.entries(&unit, None));
        self.sync();
        // What no line tells of is not sent.
        if self.unlogged {
            return then;
        }
        let sent = self.client.unstoppable().write(vec![request]).await;
        let result = sent.into_iter().next();
        self.log(self.entries(&unit, result.as_ref()));
        match result {
            Some(Err(error)) => not_taken_back(then, &error),
            _ => then,
        }
    }

    /// Returns how a step ended with which the run did not go on.
    pub(super) fn interrupted(&self, chain: &Chain) -> Outcome {
        let sent = chain.next > 0 || matches!(chain.lost, Some(Lost::Answer(_)));
        match self.requests(chain.place).len() {
            len if sent && chain.lost.is_none() && chain.next >= len => Outcome::Done,
            _ if sent => Outcome::Failed {
                message: format!(
                    "could not {} to the end: the run stopped",
                    deed(&self.steps[chain.place])
                ),
                hint: Some("some of it was sent; planning again is safe".to_owned()),
            },
            _ => Outcome::NotBegun,
        }
    }

    pub(super) fn end(&mut self, place: usize, outcome: Outcome) {
        let step = &self.steps[place];
        let guest = step.change.object().guest();
        if must_succeed(step) && outcome != Outcome::Done {
            self.halted.extend(guest.map(str::to_owned));
        }
        if step.stage == Stage::Block && outcome == Outcome::Done {
            self.blocked
                .extend(guest.map(|key| (key.to_owned(), place)));
        }
        if let Some(left) = admitted(step).and_then(|guest| self.coming.get_mut(guest)) {
            *left = left.saturating_sub(1);
        }
        (self.progress)(step, &outcome);
        let before = self.ends.insert(place, outcome);
        debug_assert!(before.is_none(), "a step ends once");
    }

    /// Ends steps that give access, or lower a guard, if a guard is not up.
    pub(super) fn skip_unguarded(&mut self, places: &[usize]) {
        let mut steps = self.steps.iter().enumerate();
        let down = steps
            .find(|(place, step)| step.guards() && self.ends.get(place) != Some(&Outcome::Done));
        let Some((_, guard)) = down.filter(|_| self.stopped.is_none()) else {
            return;
        };
        let why = format!(
            "nobody is given anything before {} is in force",
            guard.address
        );
        for place in places {
            self.end(*place, Outcome::Skipped(why.clone()));
        }
    }

    /// Ends steps whose chains leave their lanes.
    pub(super) fn end_all(&mut self, lanes: &mut Lanes, over: Vec<(usize, Outcome)>) {
        for (place, outcome) in over {
            lanes.remove(&lane(&self.steps[place]), place);
            self.end(place, outcome);
        }
    }

    /// Waits until what was created can be read back, and puts the report together.
    pub(super) async fn finish(mut self) -> Report {
        let unsettled = self.read_back().await;
        let mut ends = std::mem::take(&mut self.ends);
        let outcomes = self.steps.iter().enumerate().map(|(place, step)| {
            let outcome = ends.remove(&place).unwrap_or(Outcome::NotBegun);
            (step.clone(), outcome)
        });
        Report {
            outcomes: outcomes.collect(),
            unsettled,
            stopped: self.stopped,
        }
    }
}

/// Adds to how a step ended that its mark stands as if the mail were on its way.
pub(super) fn not_taken_back(outcome: Outcome, error: &Error) -> Outcome {
    let still = format!("the guest stays marked as if the mail were being sent: {error}");
    match outcome {
        Outcome::Failed { message, hint } => Outcome::Failed {
            message: format!("{message}; and {still}"),
            hint,
        },
        _ => Outcome::Failed {
            message: still,
            hint: None,
        },
    }
}

/// Returns whether nothing more may be done to the guest if this step is not: sign-in is blocked
/// before anything is taken or given, and nobody acts on an account under its old address.
fn must_succeed(step: &Step) -> bool {
    match &step.change {
        Change::Create {
            after: Object::Guest(guest),
        } => guest.account_enabled == Some(false),
        Change::Update { .. } => step.stage == Stage::Block,
        _ => step.hands_over(),
    }
}
