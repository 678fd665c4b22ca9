//! Executes a plan and decides nothing: sends what the kinds say, joined and in order, and reports
//! what became of each step. One failed step does not stop independent ones.

mod lanes;
mod look;
mod lost;
mod pick;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use std::panic::resume_unwind;

use futures::future::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use guestlist_planner::address::{Address, Ids};
use guestlist_planner::kinds::{Change, Cx, Links, Object, Stage};
use guestlist_planner::plan::{Plan, Step};
use guestlist_planner::request::Request;
use guestlist_planner::snapshot::Snapshot;
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinError;
use tokio::time::Instant;

use crate::client::{BATCH, Client, Reply};
use crate::error::Error;
use lanes::{Chain, Lanes, Lost, Unit};

pub use report::{Entry, Journal, Outcome, Phase, Report};

/// How many batches are under way at once: as many as a client usually has places.
const PLACES: usize = 8;

/// What a run needs besides the plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// The attribute that carries the stamp.
    pub stamp: String,
    /// The instant to write into stamps.
    pub now: Timestamp,
    /// How long what was just created may take to become usable.
    pub settle: Duration,
    /// What an earlier run may have created so shortly ago that lists need not show it yet, and how
    /// long they may still take. It is looked for before it is created.
    pub earlier: BTreeMap<Address, Duration>,
}

/// Executes a plan. `snapshot` is what it was made from, `ids` are those that planning bound;
/// `progress` hears of each step as it ends.
pub async fn apply(
    client: &Client,
    plan: &Plan,
    snapshot: &Snapshot,
    ids: Ids,
    options: Options,
    journal: &mut dyn Journal,
    progress: &mut dyn FnMut(&Step, &Outcome),
) -> Report {
    let mut run = Run {
        client,
        steps: &plan.steps,
        snapshot,
        ids,
        options,
        journal,
        progress,
        links: Links::new(),
        fresh: BTreeSet::new(),
        blocked: BTreeMap::new(),
        looked: None,
        coming: BTreeMap::new(),
        ends: BTreeMap::new(),
        halted: BTreeSet::new(),
        unlogged: false,
        unsynced: false,
        invited: false,
        trying: false,
        barred: None,
        stopped: None,
    };
    // What is to be given to a guest waits for this guest, and not for all of them.
    for stages in [
        &[Stage::Hold][..],
        &[Stage::Block],
        &[Stage::Strip],
        &[Stage::Delete],
        &[Stage::Admit, Stage::Grant],
    ] {
        run.stages(stages).await;
    }
    run.finish().await
}

struct Run<'a> {
    client: &'a Client,
    steps: &'a [Step],
    snapshot: &'a Snapshot,
    ids: Ids,
    /// Where guests redeem. Secrets, never written anywhere.
    links: Links,
    options: Options,
    journal: &'a mut dyn Journal,
    progress: &'a mut dyn FnMut(&Step, &Outcome),
    /// Ids of what this run created or restored: only about them does "not found" mean "not yet".
    fresh: BTreeSet<String>,
    /// The last step on each guest that was done before anything was stripped.
    blocked: BTreeMap<String, usize>,
    /// When it was last seen that addresses are free.
    looked: Option<Instant>,
    /// How many steps are left that bring a guest in or keep the account current, by guest.
    coming: BTreeMap<String, usize>,
    /// How each step ended, by its place in the plan.
    ends: BTreeMap<usize, Outcome>,
    /// Guests who should be disabled by now, or have a new address, and are not or do not: nothing
    /// more is done to them.
    halted: BTreeSet<String>,
    /// Whether the journal has lines that are not safe on disk.
    unsynced: bool,
    /// Whether the journal could not be written.
    unlogged: bool,
    /// Whether Graph accepted an invitation in this run.
    invited: bool,
    /// Whether an invitation is under way.
    trying: bool,
    /// Why no more invitations are sent, if so.
    barred: Option<String>,
    /// Why nothing more is sent, if so.
    stopped: Option<String>,
}

impl Run<'_> {
    async fn stages(&mut self, stages: &[Stage]) {
        let mut places: Vec<_> = (0..self.steps.len())
            .filter(|place| stages.contains(&self.steps[*place].stage))
            .collect();
        for place in &places {
            if let Some(guest) = admitted(&self.steps[*place]) {
                *self.coming.entry(guest.to_owned()).or_default() += 1;
            }
        }
        if self.stopped.is_none() {
            self.look_before_inviting(&places).await;
            places.retain(|place| !self.ends.contains_key(place));
        }
        let careful = stages.iter().any(|stage| takes(*stage));
        let chains = places.into_iter().map(|place| self.chain(place));
        let mut lanes = Lanes::new(chains);
        let mut under_way = FuturesUnordered::new();
        loop {
            let ended = self.ends.len();
            let free = match PLACES - under_way.len() {
                // Who loses something is looked at right before: as many at a time as can be.
                free if careful && free < PLACES => 0,
                free => free,
            };
            for batch in self.turn(&mut lanes, free * BATCH).await {
                under_way.push(tokio::spawn(sent(self.client.clone(), batch)));
            }
            match under_way.next().await {
                Some(answer) => {
                    let mut answers = vec![answer];
                    // What came at the same time is noted at the same time.
                    while let Some(Some(answer)) = under_way.next().now_or_never() {
                        answers.push(answer);
                    }
                    self.take_in(answers, &mut lanes);
                }
                None if lanes.is_empty() || self.is_stopped() => break,
                None => match lanes.wake() {
                    Some(wake) => self.client.stop().sleep_until(wake).await,
                    // What ended made room for others.
                    None if self.ends.len() > ended => {}
                    None => self.stopped = Some("nothing of what is left can be sent".to_owned()),
                },
            }
        }
        self.sync();
        for chain in lanes.rest() {
            let outcome = match self.loose_end(&chain) {
                Some((request, then)) => self.tie(&chain, request, then).await,
                None => self.interrupted(&chain),
            };
            self.end(chain.place, outcome);
        }
    }

    /// Returns what a run that stops still sends for a step, and how the step then ends: that a mail was
    /// refused, is not sent, or went out. Without it nobody could know whether it did.
    fn loose_end(&self, chain: &Chain) -> Option<(Request, Outcome)> {
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

    async fn tie(&mut self, chain: &Chain, request: Request, then: Outcome) -> Outcome {
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

    /// Returns what can be sent now, in batches, once everything was looked at that must be.
    async fn turn(&mut self, lanes: &mut Lanes, most: usize) -> Vec<Vec<Unit>> {
        if self.is_stopped() {
            return Vec::new();
        }
        self.look_for_lost(lanes).await;
        let mut units = self.next_units(lanes, most);
        self.look_before_sending(&mut units, lanes).await;
        if self.is_stopped() {
            return Vec::new();
        }
        self.begin(units, lanes)
    }

    /// Returns a step's lane, and the step with nothing sent yet.
    fn chain(&self, place: usize) -> (Address, Chain) {
        let step = &self.steps[place];
        let mut chain = Chain::new(place);
        if matches!(step.change, Change::Create { .. }) {
            let earlier = self.options.earlier.get(&step.address);
            chain.lost = earlier.copied().map(Lost::Earlier);
        }
        (lane(step), chain)
    }

    /// Returns how a step ended with which the run did not go on.
    fn interrupted(&self, chain: &Chain) -> Outcome {
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

    /// Returns whether nothing more is to be sent, and notes why.
    fn is_stopped(&mut self) -> bool {
        if self.stopped.is_none() && self.client.stop().is_asked() {
            self.stopped = Some("it was interrupted".to_owned());
        }
        self.stopped.is_some()
    }

    fn end(&mut self, place: usize, outcome: Outcome) {
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

    /// Ends steps whose chains leave their lanes.
    fn end_all(&mut self, lanes: &mut Lanes, over: Vec<(usize, Outcome)>) {
        for (place, outcome) in over {
            lanes.remove(&lane(&self.steps[place]), place);
            self.end(place, outcome);
        }
    }

    /// Returns what a step sends, from the first request on.
    fn requests(&self, place: usize) -> Vec<Request> {
        let cx = Cx {
            ids: &self.ids,
            now: self.options.now,
            stamp: &self.options.stamp,
            links: &self.links,
        };
        self.steps[place].change.writes(&cx)
    }

    /// Notes what is about to be sent, and returns it in batches.
    fn begin(&mut self, units: Vec<Unit>, lanes: &mut Lanes) -> Vec<Vec<Unit>> {
        let entries = units.iter().flat_map(|unit| self.entries(unit, None));
        let entries = entries.collect();
        self.log(entries);
        self.sync();
        // What no line tells of is not sent.
        if self.stopped.is_some() {
            return Vec::new();
        }
        self.trying |= units.iter().any(|unit| is_invitation(&unit.request));
        units.iter().for_each(|unit| lanes.occupy(unit));
        let mut units = units.into_iter().peekable();
        let mut batches = Vec::new();
        while units.peek().is_some() {
            batches.push(units.by_ref().take(BATCH).collect());
        }
        batches
    }

    /// Takes in the answers to batches.
    fn take_in(&mut self, answers: Vec<Result<Answered, JoinError>>, lanes: &mut Lanes) {
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
    fn goes_on(&self, chain: &mut Chain) -> Option<(usize, Outcome)> {
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
    fn bind(&mut self, address: &Address, id: &str) -> Result<(), String> {
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

    fn restored(&mut self, place: usize) {
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
            } else if error.is_not_yet()
                && self.is_fresh(chain.place)
                && chain.wait(self.options.settle)
            {
                tracing::debug!(step = %step.address, "not there yet, waiting");
            } else {
                over.push((chain.place, self.failed(chain.place, &deed(step), error)));
            }
        }
        over
    }

    fn failed(&self, place: usize, deed: &str, error: &Error) -> Outcome {
        let step = &self.steps[place];
        let error = error.clone().needing(&step.permissions.join(", "));
        Outcome::Failed {
            message: format!("could not {deed}: {error}"),
            hint: error.hint(),
        }
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

    /// Returns a line of the journal for each step of a unit: what is sent, or what came of it.
    fn entries(&self, unit: &Unit, result: Option<&Result<Reply, Error>>) -> Vec<Entry> {
        let sent = unit.request();
        let entry = |place: &usize| {
            let intent = Entry::intent(&self.steps[*place], &sent);
            match result {
                Some(result) => intent.outcome(result),
                None => intent,
            }
        };
        unit.places.iter().map(entry).collect()
    }

    /// Writes lines to the journal. That it cannot be written stops the run.
    fn log(&mut self, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.unsynced = true;
            let written = self.journal.write(&entries);
            self.logged(written);
        }
    }

    fn sync(&mut self) {
        if std::mem::take(&mut self.unsynced) {
            let synced = self.journal.sync();
            self.logged(synced);
        }
    }

    fn logged(&mut self, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.unlogged = true;
            self.stopped = Some(format!("the journal could not be written: {error}"));
        }
    }

    /// Waits until what was created can be read back, and puts the report together.
    async fn finish(mut self) -> Report {
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

/// A batch, and the answer to each of its units.
type Answered = (Vec<Unit>, Vec<Result<Reply, Error>>);

async fn sent(client: Client, batch: Vec<Unit>) -> Answered {
    let results = client.write(batch.iter().map(Unit::request).collect());
    let results = results.await;
    (batch, results)
}

/// Adds to how a step ended that its mark stands as if the mail were on its way.
fn not_taken_back(outcome: Outcome, error: &Error) -> Outcome {
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

/// Returns the guest whom a step brings in or keeps current.
fn admitted(step: &Step) -> Option<&str> {
    let guest = step.change.object().guest();
    guest.filter(|_| step.stage == Stage::Admit)
}

/// Returns whether the steps of a stage take something from guests.
fn takes(stage: Stage) -> bool {
    matches!(stage, Stage::Block | Stage::Strip | Stage::Delete)
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

fn is_restore(request: &Request) -> bool {
    request.path.ends_with("/restore")
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
