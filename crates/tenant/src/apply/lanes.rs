//! A step under way: which of its requests is next, and how requests of several steps join.

use std::time::Duration;

use guestlist_planner::address::Address;
use guestlist_planner::request::{Bulk, Request};
use serde_json::json;
use tokio::time::Instant;

/// How many references travel in one PATCH. Source: "Add members", Graph v1.0.
const JOINED: usize = 20;

/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A step under way.
#[derive(Debug)]
pub(super) struct Chain {
    /// The step's place in the plan.
    pub(super) place: usize,
    /// Which of its requests is next.
    pub(super) next: usize,
    /// Not to be tried before.
    pub(super) not_before: Option<Instant>,
    /// Whether it must go alone.
    pub(super) single: bool,
    pause: Duration,
    deadline: Option<Instant>,
}

impl Chain {
    pub(super) fn new(place: usize) -> Self {
        Self {
            place,
            next: 0,
            not_before: None,
            single: false,
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

/// One request, and the chains it serves.
#[derive(Debug)]
pub(super) struct Unit {
    /// The places in the plan of the steps it serves.
    pub(super) places: Vec<usize>,
    /// The request of the first of them.
    pub(super) request: Request,
    lane: Address,
    single: bool,
    references: Vec<String>,
}

impl Unit {
    pub(super) fn new(chain: &Chain, request: Request, lane: Address) -> Self {
        let references = request
            .bulk
            .iter()
            .map(|bulk| bulk.reference.clone())
            .collect();
        Self {
            places: vec![chain.place],
            request,
            lane,
            single: chain.single,
            references,
        }
    }

    /// Returns whether another chain's request can travel along.
    pub(super) fn takes(&self, chain: &Chain, request: &Request, lane: &Address) -> bool {
        let alike = |a: &Bulk, b: &Bulk| a.path == b.path && a.property == b.property;
        let joins = self
            .request
            .bulk
            .as_ref()
            .zip(request.bulk.as_ref())
            .is_some_and(|(a, b)| alike(a, b));
        joins && self.lane == *lane && !self.single && !chain.single && self.places.len() < JOINED
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
