//! Executes a plan and decides nothing: sends what the kinds say, joined and in order, and reports
//! what became of each step. One failed step does not stop independent ones.

mod chain;
mod look;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use guestlist_planner::address::{Address, Ids};
use guestlist_planner::kinds::{Change, Cx, Object, Stage};
use guestlist_planner::plan::{Plan, Step};
use guestlist_planner::request::Request;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::client::{BATCH, Client, Reply};
use crate::error::Error;
use chain::{Chain, Unit};

pub use report::{Entry, Journal, Outcome, Report};

/// How much is sent before answers are looked at again.
const ROUND: usize = 4 * BATCH;

/// What a run needs besides the plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// The attribute that carries the stamp.
    pub stamp: String,
    /// The instant to write into stamps.
    pub now: Timestamp,
    /// How long what was just created may take to become usable.
    pub settle: Duration,
}

/// Executes a plan. `ids` are those that planning bound; `progress` hears of each step as it ends.
pub async fn apply(
    client: &Client,
    plan: &Plan,
    ids: Ids,
    options: Options,
    journal: &mut dyn Journal,
    progress: &mut dyn FnMut(&Step, &Outcome),
) -> Report {
    let mut run = Run {
        client,
        steps: &plan.steps,
        ids,
        options,
        journal,
        progress,
        fresh: BTreeSet::new(),
        ends: BTreeMap::new(),
        halted: BTreeSet::new(),
        invited: false,
        barred: None,
        stopped: None,
    };
    for stage in [
        Stage::Hold,
        Stage::Block,
        Stage::Strip,
        Stage::Delete,
        Stage::Admit,
        Stage::Grant,
    ] {
        run.stage(stage).await;
    }
    run.finish().await
}

struct Run<'a> {
    client: &'a Client,
    steps: &'a [Step],
    ids: Ids,
    options: Options,
    journal: &'a mut dyn Journal,
    progress: &'a mut dyn FnMut(&Step, &Outcome),
    /// Ids of what this run created or restored: only about them does "not found" mean "not yet".
    fresh: BTreeSet<String>,
    /// How each step ended, by its place in the plan.
    ends: BTreeMap<usize, Outcome>,
    /// Guests who should be disabled by now, or have a new address, and do not: nothing more is
    /// done to them.
    halted: BTreeSet<String>,
    /// Whether Graph accepted an invitation in this run.
    invited: bool,
    /// Why no more invitations are sent, if so.
    barred: Option<String>,
    /// Why nothing more is sent, if so.
    stopped: Option<String>,
}

impl Run<'_> {
    async fn stage(&mut self, stage: Stage) {
        let places: Vec<_> = (0..self.steps.len())
            .filter(|place| self.steps[*place].stage == stage)
            .collect();
        if places.is_empty() {
            return;
        }
        self.look_again(stage, &places).await;
        let mut chains: Vec<_> = places
            .into_iter()
            .filter(|place| !self.ends.contains_key(place))
            .map(Chain::new)
            .collect();
        while !chains.is_empty() && self.stopped.is_none() {
            let units = self.next_round(&mut chains);
            if units.is_empty() {
                let Some(wake) = chains.iter().filter_map(|chain| chain.not_before).min() else {
                    break;
                };
                tokio::time::sleep_until(wake).await;
                continue;
            }
            self.send(units, &mut chains).await;
        }
        let why = self
            .stopped
            .clone()
            .unwrap_or_else(|| "the run was stopped".to_owned());
        for chain in chains {
            self.end(chain.place, Outcome::Skipped(why.clone()));
        }
    }

    fn end(&mut self, place: usize, outcome: Outcome) {
        let step = &self.steps[place];
        let blocks = step.stage == Stage::Block && matches!(step.change, Change::Update { .. });
        if (step.hands_over() || blocks) && outcome != Outcome::Done {
            self.halted
                .extend(step.change.object().guest().map(str::to_owned));
        }
        (self.progress)(&self.steps[place], &outcome);
        self.ends.insert(place, outcome);
    }

    /// Returns what a step still has to send.
    fn requests(&self, place: usize) -> Vec<Request> {
        let cx = Cx {
            ids: &self.ids,
            now: self.options.now,
            stamp: &self.options.stamp,
        };
        self.steps[place].change.writes(&cx)
    }

    /// Picks what can be sent now: at most one request for an object at a time, edges that can
    /// travel together joined. Chains that have come to their end leave the list.
    fn next_round(&mut self, chains: &mut Vec<Chain>) -> Vec<Unit> {
        let now = Instant::now();
        let mut busy = BTreeSet::new();
        let mut units: Vec<Unit> = Vec::new();
        let mut over = Vec::new();
        for chain in chains.iter() {
            if units.len() >= ROUND {
                break;
            }
            let step = &self.steps[chain.place];
            let lane = lane(step);
            if chain.not_before.is_some_and(|instant| instant > now) {
                // Later steps on the same object wait too; other edges of the same holder do not.
                if step.address == lane {
                    busy.insert(lane);
                }
                continue;
            }
            let request = match self.next_request(chain) {
                Ok(request) => request,
                Err(outcome) => {
                    over.push((chain.place, outcome));
                    continue;
                }
            };
            // The first one goes alone: if the tenant refuses invitations, it refuses one.
            let another = |unit: &Unit| is_invitation(&unit.request);
            if is_invitation(&request) && !self.invited && units.iter().any(another) {
                continue;
            }
            if let Some(unit) = units
                .iter_mut()
                .find(|unit| unit.takes(chain, &request, &lane))
            {
                unit.join(chain, &request);
            } else if busy.insert(lane.clone()) {
                units.push(Unit::new(chain, request, lane));
            }
        }
        self.finish_chains(chains, over);
        units
    }

    /// Returns the next request of a chain, or how the step ended.
    fn next_request(&self, chain: &Chain) -> Result<Request, Outcome> {
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
            Some(why) if is_invitation(&request) => Err(Outcome::Skipped(why.clone())),
            _ => Ok(request),
        }
    }

    fn finish_chains(&mut self, chains: &mut Vec<Chain>, over: Vec<(usize, Outcome)>) {
        for (place, outcome) in over {
            chains.retain(|chain| chain.place != place);
            self.end(place, outcome);
        }
    }

    /// Sends a round and takes in the answers.
    async fn send(&mut self, units: Vec<Unit>, chains: &mut Vec<Chain>) {
        if let Err(error) = self.log(&units, None) {
            self.stopped = Some(format!("the journal could not be written: {error}"));
            return;
        }
        let requests: Vec<_> = units.iter().map(Unit::request).collect();
        let client = self.client;
        let batches = requests
            .chunks(BATCH)
            .map(|batch| client.write(batch.to_vec()));
        let results: Vec<_> = join_all(batches).await.into_iter().flatten().collect();
        if let Err(error) = self.log(&units, Some(&results)) {
            self.stopped = Some(format!("the journal could not be written: {error}"));
        }
        let mut over = Vec::new();
        for (unit, result) in units.into_iter().zip(results) {
            let served = chains
                .iter_mut()
                .filter(|chain| unit.places.contains(&chain.place));
            match result.map(|reply| self.accepted(&unit, &reply)) {
                Ok(Ok(())) => served.for_each(Chain::advance),
                Ok(Err(message)) => over.extend(served.map(|chain| {
                    (
                        chain.place,
                        Outcome::Failed {
                            message: message.clone(),
                            hint: None,
                        },
                    )
                })),
                Err(error) => over.extend(self.refused(&unit, &error, served)),
            }
        }
        self.finish_chains(chains, over);
    }

    /// Takes in what an answer says. An id that is missing, or of an object that was there before,
    /// is a failure: what follows would write to the wrong object, or to none.
    fn accepted(&mut self, unit: &Unit, reply: &Reply) -> Result<(), String> {
        self.invited |= is_invitation(&unit.request);
        if let Some((address, pointer)) = &unit.request.binds {
            let id = reply.body.pointer(pointer).and_then(Value::as_str);
            let id =
                id.ok_or_else(|| format!("{address}: Graph did not say which object it made"))?;
            if self.ids.contains(id) {
                return Err(format!(
                    "{address}: Graph answered with an account that was there before ({id}); plan again"
                ));
            }
            self.fresh.insert(id.to_owned());
            self.ids.bind(address.clone(), id.to_owned());
        }
        if unit.request.path.ends_with("/restore") {
            let restored = self
                .ids
                .get(&self.steps[unit.places[0]].address)
                .map(str::to_owned);
            self.fresh.extend(restored);
        }
        Ok(())
    }

    /// Puts chains off, sends them alone, or returns how they ended.
    fn refused<'c>(
        &mut self,
        unit: &Unit,
        error: &Error,
        served: impl Iterator<Item = &'c mut Chain>,
    ) -> Vec<(usize, Outcome)> {
        if error.is_suspicious_activity() && is_invitation(&unit.request) {
            self.barred = Some(
                "Microsoft blocks invitations for this tenant; only its support lifts that"
                    .to_owned(),
            );
        }
        let mut over = Vec::new();
        for chain in served {
            let step = &self.steps[chain.place];
            if unit.places.len() > 1 {
                // One of them spoilt it for all: each goes alone.
                chain.single = true;
            } else if error.is_not_yet()
                && self.is_fresh(chain.place)
                && chain.wait(self.options.settle)
            {
                tracing::debug!(step = %step.address, "not there yet, waiting");
            } else {
                let error = error.clone().needing(&step.permissions.join(", "));
                let message = format!("could not {}: {error}", deed(step));
                over.push((
                    chain.place,
                    Outcome::Failed {
                        message,
                        hint: error.hint(),
                    },
                ));
            }
        }
        over
    }

    /// Returns whether a step is about something that this run created.
    fn is_fresh(&self, place: usize) -> bool {
        let object = self.steps[place].change.object();
        let addresses = object.refs().into_iter().chain([object.address()]);
        addresses.into_iter().any(|address| {
            self.ids
                .get(&address)
                .is_some_and(|id| self.fresh.contains(id))
        })
    }

    /// Writes one line for each step of each unit.
    fn log(
        &mut self,
        units: &[Unit],
        results: Option<&[Result<Reply, Error>]>,
    ) -> std::io::Result<()> {
        let mut entries = Vec::new();
        for (number, unit) in units.iter().enumerate() {
            let sent = unit.request();
            let result = results.map(|results| &results[number]);
            for place in &unit.places {
                let step = &self.steps[*place];
                entries.push(Entry {
                    at: Timestamp::now(),
                    phase: if result.is_some() {
                        "outcome"
                    } else {
                        "intent"
                    },
                    address: step.address.to_string(),
                    request: format!("{} {}", sent.method.as_str(), sent.path),
                    because: &step.because.text,
                    result: result.map(|result| {
                        result
                            .as_ref()
                            .map_or_else(ToString::to_string, |reply| reply.status.to_string())
                    }),
                    request_id: result.and_then(|result| match result {
                        Ok(reply) => Some(reply.request_id.clone()),
                        Err(error) => error.request_id().map(str::to_owned),
                    }),
                });
            }
        }
        self.journal.write(&entries)
    }

    /// Waits until what was created can be read back, and puts the report together.
    async fn finish(mut self) -> Report {
        let unsettled = self.read_back().await;
        let mut ends = std::mem::take(&mut self.ends);
        let outcomes = self.steps.iter().enumerate().map(|(place, step)| {
            let outcome = ends
                .remove(&place)
                .unwrap_or_else(|| Outcome::Skipped("the run was stopped".to_owned()));
            (step.clone(), outcome)
        });
        Report {
            outcomes: outcomes.collect(),
            unsettled,
            stopped: self.stopped,
        }
    }
}

/// Returns the object that a step writes to: no two writes to one object are under way at once.
fn lane(step: &Step) -> Address {
    match step.change.object() {
        Object::Membership(membership) => Address::group(&membership.group),
        Object::Sponsor(sponsor) => Address::guest(&sponsor.guest),
        other => other.address(),
    }
}

fn is_invitation(request: &Request) -> bool {
    request.path == "/invitations"
}

fn deed(step: &Step) -> String {
    let verb = match &step.change {
        Change::Create {
            after: Object::Guest(_),
        } => "invite",
        Change::Create { .. } => "add",
        Change::Update { .. } | Change::Act { .. } => "change",
        Change::Delete {
            before: Object::Guest(_),
        } => "delete",
        Change::Delete { .. } => "remove",
    };
    format!("{verb} {}", step.address)
}
