//! Takes in what Graph answers: a step goes on, is put off, goes alone, or has ended.

use std::panic::resume_unwind;

use guestlist_planner::address::Address;
use serde_json::Value;
use tokio::task::JoinError;

use super::ending::not_taken_back;
use super::lanes::{Chain, Lanes, Lost, Unit};
use super::{Answered, Outcome, Run, deed, is_invitation, is_restore};
use crate::client::Reply;
use crate::error::Error;

impl Run<'_> {
    /// Takes in the answers to batches.
    pub(super) fn take_in(&mut self, answers: Vec<Result<Answered, JoinError>>, lanes: &mut Lanes) {
        let mut units = Vec::new();
        for answer in answers {
            let answer = answer.unwrap_or_else(|error| resume_unwind(error.into_panic()));
            units.extend(answer.0.into_iter().zip(answer.1));
        }
        let entries = units.iter();
        let entries = entries.flat_map(|(unit, result)| self.entries(unit, Some(result)));
        let entries = entries.collect();
        self.log(entries);
        let mut over = Vec::new();
        for (unit, result) in units {
            self.trying &= !is_invitation(&unit.request);
            lanes.leave(&unit);
            let chains = lanes.chains(&unit);
            match result {
                Ok(reply) => match self.accepted(&unit, &reply) {
                    Ok(()) => over.extend(chains.filter_map(|chain| self.goes_on(chain))),
                    Err(message) => {
                        let hint = None;
                        over.push((unit.places[0], Outcome::Failed { message, hint }));
                    }
                },
                Err(error) => over.extend(self.refused(&unit, &error, chains)),
            }
        }
        self.end_all(lanes, over);
    }

    /// Goes on to the next request of a step, or returns that it is done.
    pub(super) fn goes_on(&self, chain: &mut Chain) -> Option<(usize, Outcome)> {
        if let Some((_, outcome)) = chain.undo.take() {
            return Some((chain.place, outcome));
        }
        chain.advance();
        let is_over = chain.next >= self.requests(chain.place).len();
        is_over.then_some((chain.place, Outcome::Done))
    }

    /// Takes in what an answer says.
    fn accepted(&mut self, unit: &Unit, reply: &Reply) -> Result<(), String> {
        self.invited |= is_invitation(&unit.request);
        if let Some((address, pointer)) = &unit.request.binds {
            let id = reply.body.pointer(pointer).and_then(Value::as_str);
            let id =
                id.ok_or_else(|| format!("{address}: Graph did not say which object it made"))?;
            self.bind(address, id)?;
        }
        if let Some((address, pointer)) = &unit.request.secret {
            let link = reply.body.pointer(pointer).and_then(Value::as_str);
            let link = link.filter(|link| link.starts_with("https://"));
            let link =
                link.ok_or_else(|| format!("{address}: Graph did not say where to redeem"))?;
            self.links.insert(address.clone(), link.to_owned());
        }
        if is_restore(&unit.request) {
            self.restored(unit.places[0]);
        }
        Ok(())
    }

    /// Records the id of what this run created. One of an object that the plan saw is a failure:
    /// what follows would write to the wrong object.
    pub(super) fn bind(&mut self, address: &Address, id: &str) -> Result<(), String> {
        let users = [&self.snapshot.users, &self.snapshot.deleted];
        if self.ids.contains(id) || users.iter().any(|users| users.contains_key(id)) {
            return Err(format!(
                "{address}: Graph answered with an account that was there before ({id}); plan again"
            ));
        }
        self.fresh.insert(id.to_owned());
        self.ids.bind(address.clone(), id.to_owned());
        Ok(())
    }

    pub(super) fn restored(&mut self, place: usize) {
        let id = self.ids.get(&self.steps[place].address);
        self.fresh.extend(id.map(str::to_owned));
    }

    /// Puts chains off, sends them alone, or returns how they ended.
    fn refused<'c>(
        &mut self,
        unit: &Unit,
        error: &Error,
        chains: impl Iterator<Item = &'c mut Chain>,
    ) -> Vec<(usize, Outcome)> {
        if error.is_suspicious_activity() && is_invitation(&unit.request) {
            self.barred = Some(
                "Microsoft blocks invitations for this tenant; only its support lifts that"
                    .to_owned(),
            );
        }
        if error.is_long_throttle() {
            self.stopped = Some(error.to_string());
        }
        let mut over = Vec::new();
        for chain in chains {
            let step = &self.steps[chain.place];
            if let Some((_, outcome)) = chain.undo.take() {
                over.push((chain.place, not_taken_back(outcome, error)));
            } else if matches!(error, Error::Stopped { .. }) {
                over.push((chain.place, self.interrupted(chain)));
            } else if unit.places.len() > 1 && error.is_about_content() {
                // One of them spoilt it for all: each goes alone.
                chain.single = true;
            } else if error.is_lost() && self.can_be_found(chain.place, &unit.request) {
                chain.lost = Some(Lost::Answer(error.clone()));
            } else if let Some(undo) = unit.request.undo.as_ref().filter(|_| !error.is_lost()) {
                let deed = format!("send the mail to {}", step.address.key);
                let outcome = self.failed(chain.place, &deed, error);
                chain.undo = Some(((**undo).clone(), outcome));
            } else if (error.is_not_yet() && self.is_fresh(chain.place)
                || error.is_denied() && self.lost_power(chain.place))
                && chain.wait(self.options.settle)
            {
                tracing::debug!(step = %step.address, "not there yet, waiting");
            } else {
                over.push((chain.place, self.failed(chain.place, &deed(step), error)));
            }
        }
        over
    }

    pub(super) fn failed(&self, place: usize, deed: &str, error: &Error) -> Outcome {
        let step = &self.steps[place];
        let error = error.clone().needing(&step.permissions.join(", "));
        Outcome::Failed {
            message: format!("could not {deed}: {error}"),
            hint: error.hint(),
        }
    }

    /// Returns whether this run took power in the directory from the guest whom a step is about. Graph refuses
    /// to block those who have some, and may take a quarter of an hour to see that they have none.
    /// Source: "Assign Microsoft Entra roles to users", and FAQ of Privileged Identity Management.
    fn lost_power(&self, place: usize) -> bool {
        let guest = self.steps[place].change.object().guest();
        let mut done = self.ends.iter().filter(|(_, end)| **end == Outcome::Done);
        guest.is_some()
            && done.any(|(place, _)| {
                let step = &self.steps[*place];
                step.takes_power() && step.change.object().guest() == guest
            })
    }

    /// Returns whether a step is about something that this run created.
    pub(super) fn is_fresh(&self, place: usize) -> bool {
        let object = self.steps[place].change.object();
        let addresses = object.refs().into_iter().chain([object.address()]);
        addresses.into_iter().any(|address| {
            self.ids
                .get(&address)
                .is_some_and(|id| self.fresh.contains(id))
        })
    }
}
