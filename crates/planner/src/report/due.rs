//! What the next apply does to each guest, in a few words.

use std::collections::BTreeMap;
use std::fmt;

use crate::kinds::{Change, Object};
use crate::plan::{Plan, Step};
use crate::render::verb;

/// What the next apply does to a guest.
#[derive(Debug, Default)]
pub(super) struct Due {
    deeds: Vec<&'static str>,
    given: usize,
    taken: usize,
    gets: Vec<String>,
    loses: Vec<String>,
    vouched: bool,
}

/// Returns what the next apply does, by the key of the guest.
pub(super) fn due(plan: &Plan) -> BTreeMap<&str, Due> {
    let mut all: BTreeMap<&str, Due> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(key) = step.change.object().guest() {
            all.entry(key).or_default().add(step);
        }
    }
    all
}

impl Due {
    fn add(&mut self, step: &Step) {
        match (step.change.object(), &step.change) {
            (Object::Membership(_), Change::Delete { .. }) => self.taken += 1,
            (Object::Membership(_), _) => self.given += 1,
            (Object::Assignment(it), Change::Delete { .. }) => {
                self.loses.push(it.sort.called(&it.to));
            }
            (Object::Assignment(it), _) => self.gets.push(it.sort.called(&it.to)),
            (Object::Sponsor(_), _) => self.vouched = true,
            (_, change) => self.deeds.push(verb(change)),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = |count: usize, verb: &str| {
            let noun = if count == 1 { "group" } else { "groups" };
            (count > 0).then(|| format!("{verb} {count} {noun}"))
        };
        let deeds = self.deeds.iter().map(|deed| (*deed).to_owned());
        let loses = self.loses.iter().map(|what| format!("lose {what}"));
        let gets = self.gets.iter().map(|what| format!("get {what}"));
        let parts: Vec<_> = deeds
            .chain(groups(self.taken, "leave"))
            .chain(groups(self.given, "join"))
            .chain(loses)
            .chain(gets)
            .chain(self.vouched.then(|| "change sponsors".to_owned()))
            .collect();
        f.write_str(&parts.join(", "))
    }
}
