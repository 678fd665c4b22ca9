//! Two maps in, changes out: the only comparison in the program. It knows no policy and no kind.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::kinds::{Action, Change, Object};
use crate::plan::{Because, Count};

/// An object that should be there, and why.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// As it should be, as far as it is managed.
    pub(crate) object: Object,
    /// Why.
    pub(crate) because: Because,
    /// Which limit a change of it counts against.
    pub(crate) counts: Option<Count>,
}

/// Why an object should go.
#[derive(Clone, Debug)]
pub(crate) struct Gone {
    /// Why.
    pub(crate) because: Because,
    /// Which limit it counts against.
    pub(crate) counts: Option<Count>,
}

/// A change and why it is made.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// The change.
    pub(crate) change: Change<Object>,
    /// Why.
    pub(crate) because: Because,
    /// Which limit it counts against.
    pub(crate) counts: Option<Count>,
    /// What it leads to elsewhere.
    pub(crate) notes: Vec<String>,
    /// Guests who lose something by it, besides the one it is about.
    pub(crate) loses: Vec<String>,
}

impl Drawn {
    pub(crate) fn new(change: Change<Object>, because: Because, counts: Option<Count>) -> Self {
        Self {
            change,
            because,
            counts,
            notes: Vec::new(),
            loses: Vec::new(),
        }
    }

    /// Returns whether notes on the object belong to this change of it.
    pub(crate) fn carries_notes(&self) -> bool {
        !matches!(
            self.change,
            Change::Update { .. }
                | Change::Act {
                    action: Action::RevokeSessions,
                    ..
                }
        )
    }
}

/// What comes of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// What leads from what is observed to what is wanted.
    pub(crate) changes: Vec<Drawn>,
    /// How many objects stay as they are.
    pub(crate) unchanged: usize,
}

/// Compares what is observed with what is wanted. An object goes only if `gone` says why: one that
/// is merely not wanted stays.
pub(crate) fn diff(
    wanted: BTreeMap<Address, Wanted>,
    mut observed: BTreeMap<Address, Object>,
    gone: BTreeMap<Address, Gone>,
) -> Difference {
    let mut difference = Difference::default();
    for (address, wanted) in wanted {
        if gone.contains_key(&address) {
            continue;
        }
        let change = match observed.remove(&address) {
            None => Change::Create {
                after: wanted.object,
            },
            Some(before) => {
                let after = wanted.object.over(&before);
                if after == before {
                    difference.unchanged += 1;
                    continue;
                }
                Change::Update { before, after }
            }
        };
        let drawn = Drawn::new(change, wanted.because, wanted.counts);
        difference.changes.push(drawn);
    }
    for (address, gone) in gone {
        if let Some(before) = observed.remove(&address) {
            let change = Change::Delete { before };
            let drawn = Drawn::new(change, gone.because, gone.counts);
            difference.changes.push(drawn);
        }
    }
    difference
}
