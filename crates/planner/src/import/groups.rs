//! The groups of imported guests: what files call them, and the file that declares the new ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assembled, HEAD, Held, free};
use crate::kinds::group::seen::Found;
use crate::load::Config;
use crate::snapshot::Snapshot;
use crate::yaml::{Source, scalar};

/// The groups that files name, and those to be added.
pub(super) struct Groups {
    /// What files call a group, by id.
    known: BTreeMap<String, String>,
    /// Names in lower case that are taken.
    names: BTreeSet<String>,
    /// To be added: id by name.
    pub(super) new: BTreeMap<String, String>,
    /// What is not, and why.
    pub(super) left_out: BTreeMap<String, &'static str>,
}

impl Groups {
    pub(super) fn new(config: &Config, snapshot: &Snapshot) -> Self {
        let lookup = snapshot.groups.lookup();
        let owner = config.policy.tenant.owner();
        let declared = config.desired.groups.values();
        let found = declared
            .clone()
            .filter_map(|group| match lookup.find(group, owner) {
                Found::One(seen) => Some((seen.id.clone(), group.name.clone())),
                _ => None,
            });
        Self {
            known: found.collect(),
            names: declared.map(|group| group.name.to_lowercase()).collect(),
            new: BTreeMap::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// Returns what files call some groups; adds those that they do not know yet.
    pub(super) fn names(&mut self, held: &[Held]) -> Vec<String> {
        let names = held.iter().filter_map(|group| self.name(group));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn name(&mut self, group: &Held) -> Option<String> {
        if let Some(name) = self.known.get(&group.id) {
            return Some(name.clone());
        }
        if group.name.chars().any(crate::safe::hides) || group.name.trim() != group.name {
            self.left_out.insert(
                group.name.clone(),
                "its name has characters that cannot be seen",
            );
            return None;
        }
        if !self.names.insert(group.name.to_lowercase()) {
            self.left_out
                .insert(group.name.clone(), "another group has the name");
            return None;
        }
        self.known.insert(group.id.clone(), group.name.clone());
        self.new.insert(group.name.clone(), group.id.clone());
        Some(group.name.clone())
    }

    /// Adds no group besides some.
    pub(super) fn keep(&mut self, used: &BTreeSet<&String>) {
        self.new.retain(|name, _| used.contains(name));
    }

    /// Returns the file for the groups to be added. The id settles which group is meant.
    pub(super) fn file(&self, taken: &BTreeSet<String>) -> Option<Assembled> {
        if self.new.is_empty() {
            return None;
        }
        let path = free("policies/groups", taken);
        let mut text = format!("{HEAD}groups:\n");
        for (name, id) in &self.new {
            text += &format!("  - name: {}\n    id: {}\n", scalar(name), scalar(id));
        }
        Some((Source { path, text }, BTreeMap::new()))
    }
}
