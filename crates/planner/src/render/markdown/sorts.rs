//! Which guests of a plan lose something, come in, or change.

use std::collections::BTreeMap;

use crate::kinds::{Action, Change, Object};
use crate::plan::{Plan, Step};

/// The guests of a plan, by what kind of news there is of them.
pub(super) struct Sorts<'a> {
    pub(super) losing: Vec<(&'a str, Group<'a>)>,
    pub(super) coming: Vec<(&'a str, Group<'a>)>,
    pub(super) changing: Vec<(&'a str, Group<'a>)>,
    /// What concerns no guest.
    pub(super) others: Group<'a>,
}

impl<'a> Sorts<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let mut guests: BTreeMap<&str, Group<'a>> = BTreeMap::new();
        let mut others = Group::default();
        for step in &plan.steps {
            match step.change.object().guest() {
                Some(guest) => guests.entry(guest).or_default().steps.push(step),
                None => others.steps.push(step),
            }
            for guest in &step.loses {
                guests.entry(guest).or_default().steps.push(step);
            }
        }
        let all: Vec<_> = guests.into_iter().collect();
        let (losing, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, it)| it.loses());
        let (coming, changing) = rest.into_iter().partition(|(_, it)| it.comes_in());
        Self {
            losing,
            coming,
            changing,
            others,
        }
    }
}

/// The steps that concern one guest, and what kind of news they are.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub(super) steps: Vec<&'a Step>,
}

impl Group<'_> {
    fn loses(&self) -> bool {
        self.steps.iter().any(|step| step.takes())
    }

    fn comes_in(&self) -> bool {
        self.steps.iter().any(|step| {
            let comes = matches!(
                &step.change,
                Change::Create {
                    after: Object::Guest(_)
                }
            );
            comes || is_act(step, Action::Restore) || sign_in(&step.change) == Some(true)
        })
    }
}

fn is_act(step: &Step, wanted: Action) -> bool {
    matches!(&step.change, Change::Act { action, .. } if *action == wanted)
}

/// Returns whether sign-in becomes possible or impossible with an update; `None` if it stays as it is.
pub(super) fn sign_in(change: &Change<Object>) -> Option<bool> {
    let Change::Update {
        before: Object::Guest(before),
        after: Object::Guest(after),
    } = change
    else {
        return None;
    };
    after
        .account_enabled
        .filter(|_| before.account_enabled != after.account_enabled)
}
