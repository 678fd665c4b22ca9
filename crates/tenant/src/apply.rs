//! Executes a plan and decides nothing: sends what the kinds say, joined and in order, and reports
//! what became of each step. One failed step does not stop independent ones.

mod answers;
mod ending;
mod lanes;
mod look;
mod lost;
mod pick;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use guestlist_planner::address::{Address, Ids};
use guestlist_planner::kinds::{Change, Cx, Links, Object, Stage};
use guestlist_planner::plan::{Plan, Step};
use guestlist_planner::request::Request;
use guestlist_planner::snapshot::Snapshot;
use jiff::Timestamp;
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
        &[Stage::Govern][..],
        &[Stage::Hold],
        &[Stage::Protect],
        &[Stage::Block],
        &[Stage::Strip],
        &[Stage::Delete],
        &[Stage::Admit, Stage::Grant],
        &[Stage::Relax],
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
        if stages.iter().all(|stage| *stage >= Stage::Admit) {
            self.skip_unguarded(&places);
        }
        places.retain(|place| !self.ends.contains_key(place));
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

    /// Returns whether nothing more is to be sent, and notes why.
    fn is_stopped(&mut self) -> bool {
        if self.stopped.is_none() && self.client.stop().is_asked() {
            self.stopped = Some("it was interrupted".to_owned());
        }
        self.stopped.is_some()
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
}

/// A batch, and the answer to each of its units.
type Answered = (Vec<Unit>, Vec<Result<Reply, Error>>);

async fn sent(client: Client, batch: Vec<Unit>) -> Answered {
    let results = client.write(batch.iter().map(Unit::request).collect());
    let results = results.await;
    (batch, results)
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
        Object::Assignment(assignment) => Address::guest(&assignment.guest),
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
