//! Picks what is sent next: one request for each object, edges that can travel together joined, and
//! nothing to a guest who is not ready for it.

use guestlist_planner::address::Address;
use guestlist_planner::kinds::Stage;
use guestlist_planner::request::{JOINED, Request};
use tokio::time::Instant;

use super::lanes::{Chain, Lanes, Unit};
use super::{Outcome, Run, deed, is_invitation};

impl Run<'_> {
    /// Picks what can be sent now, `most` units at most: one request for each object. Chains that
    /// have come to their end leave their lanes.
    pub(super) fn next_units(&mut self, lanes: &mut Lanes, most: usize) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        let mut over = Vec::new();
        for (object, chains) in lanes.free() {
            if units.len() >= most {
                break;
            }
            if self.fills_up(chains.clone()) {
                continue;
            }
            // The first one goes alone: if the tenant refuses invitations, it refuses one.
            let trying = self.trying || units.iter().any(|unit| is_invitation(&unit.request));
            let may_invite = self.invited || !trying;
            units.extend(self.next_unit(object, chains, may_invite, &mut over));
        }
        self.end_all(lanes, over);
        units
    }

    /// Returns what is sent to one object next: edges that can travel together are joined.
    fn next_unit<'c>(
        &self,
        object: &Address,
        chains: impl Iterator<Item = &'c Chain>,
        may_invite: bool,
        over: &mut Vec<(usize, Outcome)>,
    ) -> Option<Unit> {
        let now = Instant::now();
        let mut unit: Option<Unit> = None;
        for chain in chains.filter(|chain| !self.waits_for_guest(chain.place)) {
            if chain.waits(now) {
                // Later steps on the same object wait too; other edges of it do not.
                if self.steps[chain.place].address == *object {
                    break;
                }
                continue;
            }
            match (self.next_request(chain), &mut unit) {
                (Err(outcome), _) => over.push((chain.place, outcome)),
                (Ok(request), None) if !may_invite && is_invitation(&request) => break,
                (Ok(request), None) => unit = Some(Unit::new(object, chain, request)),
                (Ok(request), Some(unit)) if unit.takes(chain, &request) => {
                    unit.join(chain, &request);
                }
                _ => break,
            }
        }
        unit
    }

    /// Returns whether the edges of an object wait for more of their kind: one request carries many,
    /// and guests are still to come.
    fn fills_up<'c>(&self, chains: impl Iterator<Item = &'c Chain>) -> bool {
        let (mut ready, mut coming) = (0, false);
        for chain in chains {
            if self.waits_for_guest(chain.place) {
                coming = true;
            } else if self.steps[chain.place].stage == Stage::Grant {
                ready += 1;
            } else {
                return false;
            }
        }
        coming && ready < JOINED
    }

    /// Returns whether a step gives something to a guest who is not ready yet.
    fn waits_for_guest(&self, place: usize) -> bool {
        let step = &self.steps[place];
        let guest = step.change.object().guest();
        let left = guest.and_then(|guest| self.coming.get(guest));
        step.stage == Stage::Grant && left.is_some_and(|left| *left > 0)
    }

    /// Returns the next request of a chain, or how the step ended.
    fn next_request(&self, chain: &Chain) -> Result<Request, Outcome> {
        if let Some((undo, _)) = &chain.undo {
            return Ok(undo.clone());
        }
        let step = &self.steps[chain.place];
        let missing = step
            .change
            .object()
            .refs()
            .into_iter()
            .find(|address| self.ids.get(address).is_none());
        if let Some(missing) = missing {
            return Err(Outcome::Skipped(format!("{missing} is not there")));
        }
        let guest = step.change.object().guest();
        if guest.is_some_and(|guest| self.halted.contains(guest)) {
            return Err(Outcome::Skipped(
                "an earlier step on this guest was not done".to_owned(),
            ));
        }
        let request = self
            .requests(chain.place)
            .into_iter()
            .nth(chain.next)
            .ok_or(Outcome::Done)?;
        match &self.barred {
            Some(why) if is_invitation(&request) && chain.next == 0 => {
                Err(Outcome::Skipped(why.clone()))
            }
            Some(why) if is_invitation(&request) => Err(Outcome::Failed {
                message: format!("could not {}: {why}", deed(step)),
                hint: None,
            }),
            _ => Ok(request),
        }
    }
}
