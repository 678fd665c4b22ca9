//! Steps under way, each a chain of requests; lanes of chains that write to one object, which go
//! one after another; and units, what is sent together because several steps join.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use guestlist_planner::address::Address;
use guestlist_planner::request::{Bulk, JOINED, Request};
use serde_json::json;
use tokio::time::Instant;

use super::Outcome;
use crate::error::Error;

/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Why something may be there already.
#[derive(Clone, Debug)]
pub(super) enum Lost {
    /// It was sent, and the answer got lost.
    Answer(Error),
    /// An earlier run sent it so shortly ago that lists need not show it yet. How long they may
    /// still take.
    Earlier(Duration),
}

/// A step under way.
#[derive(Debug)]
pub(super) struct Chain {
    /// The step's place in the plan.
    pub(super) place: usize,
    /// Which of its requests is next.
    pub(super) next: usize,
    /// Whether it must go alone.
    pub(super) single: bool,
    /// Whether what it makes may be there already: it is looked for, and not sent.
    pub(super) lost: Option<Lost>,
    /// What is sent before the step ends as it did: its last request was refused.
    pub(super) undo: Option<(Request, Outcome)>,
    not_before: Option<Instant>,
    pause: Duration,
    deadline: Option<Instant>,
}

impl Chain {
    pub(super) fn new(place: usize) -> Self {
        Self {
            place,
            next: 0,
            single: false,
            lost: None,
            undo: None,
            not_before: None,
            pause: PAUSES.0,
            deadline: None,
        }
    }

    /// Goes on to the next request.
    pub(super) fn advance(&mut self) {
        *self = Self {
            next: self.next + 1,
            ..Self::new(self.place)
        };
    }

    /// Returns whether it has nothing to send now.
    pub(super) fn waits(&self, now: Instant) -> bool {
        self.lost.is_some() || !self.is_due(now)
    }

    /// Returns whether it was not put off, or long enough ago.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|instant| instant <= now)
    }

    /// Puts the request off; false once it has been put off for `settle`.
    pub(super) fn wait(&mut self, settle: Duration) -> bool {
        let now = Instant::now();
        let deadline = *self.deadline.get_or_insert(now + settle);
        if now >= deadline {
            return false;
        }
        self.not_before = Some((now + self.pause).min(deadline));
        self.pause = (self.pause * 2).min(PAUSES.1);
        true
    }
}

/// The chains that are left, by the object they write to, in the order of the plan.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: BTreeMap<Address, BTreeMap<usize, Chain>>,
    /// The objects to which a write is under way.
    busy: BTreeSet<Address>,
}

impl Lanes {
    pub(super) fn new(chains: impl Iterator<Item = (Address, Chain)>) -> Self {
        let mut lanes: BTreeMap<Address, BTreeMap<usize, Chain>> = BTreeMap::new();
        for (object, chain) in chains {
            let lane = lanes.entry(object).or_default();
            lane.insert(chain.place, chain);
        }
        let busy = BTreeSet::new();
        Self { lanes, busy }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Returns the objects to which nothing is under way, and their chains.
    pub(super) fn free(
        &self,
    ) -> impl Iterator<Item = (&Address, impl Iterator<Item = &Chain> + Clone)> {
        let free = self.lanes.iter();
        free.filter(|(object, _)| !self.busy.contains(object))
            .map(|(object, chains)| (object, chains.values()))
    }

    /// Returns the places of the steps of which nothing was sent yet.
    pub(super) fn unsent(&self) -> Vec<usize> {
        let chains = self.free().flat_map(|(_, chains)| chains);
        let unsent = chains.filter(|chain| chain.next == 0 && chain.lost.is_none());
        unsent.map(|chain| chain.place).collect()
    }

    /// Puts a chain off; false once it has been put off for `settle`.
    pub(super) fn put_off(&mut self, object: &Address, place: usize, settle: Duration) -> bool {
        let chain = self
            .lanes
            .get_mut(object)
            .and_then(|lane| lane.get_mut(&place));
        chain.is_some_and(|chain| chain.wait(settle))
    }

    /// Notes that a unit is under way.
    pub(super) fn occupy(&mut self, unit: &Unit) {
        self.busy.insert(unit.object.clone());
    }

    /// Notes that a unit is answered.
    pub(super) fn leave(&mut self, unit: &Unit) {
        self.busy.remove(&unit.object);
    }

    /// Returns every chain whose request got lost and that is due to be looked for.
    pub(super) fn lost(&mut self) -> impl Iterator<Item = &mut Chain> {
        let now = Instant::now();
        let chains = self.lanes.values_mut().flat_map(BTreeMap::values_mut);
        chains.filter(move |chain| chain.lost.is_some() && chain.is_due(now))
    }

    /// Returns the chains that a unit serves.
    pub(super) fn chains(&mut self, unit: &Unit) -> impl Iterator<Item = &mut Chain> {
        let lane = self.lanes.get_mut(&unit.object).into_iter();
        let chains = lane.flat_map(BTreeMap::values_mut);
        chains.filter(|chain| unit.places.contains(&chain.place))
    }

    /// Takes chains out of their lanes.
    pub(super) fn remove(&mut self, object: &Address, place: usize) {
        if let Some(lane) = self.lanes.get_mut(object) {
            lane.remove(&place);
            if lane.is_empty() {
                self.lanes.remove(object);
            }
        }
    }

    /// Returns when the next of the chains that were put off is due.
    pub(super) fn wake(&self) -> Option<Instant> {
        let now = Instant::now();
        let chains = self.lanes.values().flat_map(BTreeMap::values);
        let due = chains.filter_map(|chain| chain.not_before);
        due.filter(|due| *due > now).min()
    }

    /// Returns all chains, in the order of the plan.
    pub(super) fn rest(self) -> Vec<Chain> {
        let lanes = self.lanes.into_values();
        let mut chains: Vec<_> = lanes.flat_map(BTreeMap::into_values).collect();
        chains.sort_by_key(|chain| chain.place);
        chains
    }
}

/// One request, and the chains it serves.
#[derive(Debug)]
pub(super) struct Unit {
    /// The object it writes to.
    pub(super) object: Address,
    /// The places in the plan of the steps it serves.
    pub(super) places: Vec<usize>,
    /// The request of the first of them.
    pub(super) request: Request,
    /// Whether it begins a step.
    pub(super) first: bool,
    single: bool,
    references: Vec<String>,
}

impl Unit {
    pub(super) fn new(object: &Address, chain: &Chain, request: Request) -> Self {
        let references = request.bulk.iter().map(|bulk| bulk.reference.clone());
        Self {
            object: object.clone(),
            places: vec![chain.place],
            first: chain.next == 0,
            single: chain.single,
            references: references.collect(),
            request,
        }
    }

    /// Returns whether another chain's request can travel along.
    pub(super) fn takes(&self, chain: &Chain, request: &Request) -> bool {
        let alike = |a: &Bulk, b: &Bulk| a.path == b.path && a.property == b.property;
        let joins = self
            .request
            .bulk
            .as_ref()
            .zip(request.bulk.as_ref())
            .is_some_and(|(a, b)| alike(a, b));
        joins && !self.single && !chain.single && self.places.len() < JOINED
    }

    pub(super) fn join(&mut self, chain: &Chain, request: &Request) {
        self.places.push(chain.place);
        self.references
            .extend(request.bulk.iter().map(|bulk| bulk.reference.clone()));
    }

    /// Returns what to send: the one request, or the PATCH that carries all references.
    pub(super) fn request(&self) -> Request {
        match &self.request.bulk {
            Some(bulk) if self.places.len() > 1 => {
                Request::patch(bulk.path.clone(), json!({ bulk.property: self.references }))
            }
            _ => self.request.clone(),
        }
    }
}
