//! What guests hold besides memberships: given, left, taken. Who is no guest of ours is never looked
//! at.

use std::collections::{BTreeMap, BTreeSet};

use super::memberships::ended;
use super::{Aim, Fate, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::finding::Severity;
use crate::kinds::assignment::directory_role::HARMLESS;
use crate::kinds::assignment::{Assignment, Edge, Sort};
use crate::kinds::guest::granted::Granted;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Kind, Object};
use crate::plan::{Because, Count};

/// A guest whose access is ours to decide, and things of one sort.
#[derive(Clone, Copy)]
struct Holder<'a> {
    world: World<'a>,
    sort: Sort,
    key: &'a str,
    fate: &'a Fate,
    declared: Option<&'a Declared>,
}

impl Aim {
    pub(super) fn assignments(&mut self, world: World<'_>) {
        for sort in Sort::ALL {
            let rules = sort.rules();
            let uses = world.uses(*sort);
            // That power cannot be told is said where it matters.
            if !world.can_read(*sort) && (uses || !rules.is_power()) {
                let severity = if uses {
                    Severity::Error
                } else {
                    Severity::Warning
                };
                let text = format!(
                    "`{}` could not be read: nothing of it is given or taken",
                    rules.key()
                );
                self.report(severity, "assignments-unknown", None, text)
                    .hint(format!("grant {}", rules.reading().join(", ")));
            } else {
                self.all_of(world, *sort);
            }
        }
    }

    fn all_of(&mut self, world: World<'_>, sort: Sort) {
        let held = world.snapshot.held(sort).holders.keys();
        let held = held.filter_map(|id| self.keys.get(id));
        let declared = world.desired.guests.values();
        let given = declared.filter(|declared| declared.given(sort).is_some());
        let keys: BTreeSet<_> = held.chain(given.map(|declared| &declared.key)).collect();
        let decided = |key: &String| Some((key.clone(), self.fates.get(key)?.clone()));
        let decided: Vec<_> = keys.into_iter().filter_map(decided).collect();
        let holders = decided.iter().map(|(key, fate)| {
            let declared = world.desired.guests.get(key);
            Holder {
                world,
                sort,
                key,
                fate,
                declared,
            }
        });
        let holders: Vec<_> = holders.collect();
        self.missing(world, sort);
        // What one loses another may get.
        for holder in &holders {
            self.leave_or_take(*holder);
            self.settle();
        }
        for holder in &holders {
            self.complete(*holder);
            self.settle();
        }
    }

    /// Says what the rules name and the tenant does not have: nothing of it can be taken.
    fn missing(&mut self, world: World<'_>, sort: Sort) {
        let mut fates = self.fates.values();
        let is_due = fates.any(|fate| fate.strip.is_some());
        for name in sort.rules().allowed(world.policy) {
            if !world.snapshot.held(sort).meant(&name).is_empty() {
                continue;
            }
            let severity = match is_due {
                true => Severity::Error,
                false => Severity::Warning,
            };
            let text = format!(
                "`requirements.{}` names {name}, which the tenant does not have: nothing of it is given or taken",
                sort.rules().key()
            );
            self.report(severity, "assignment-missing", None, text);
        }
    }

    /// Goes through what a guest holds.
    fn leave_or_take(&mut self, holder: Holder<'_>) {
        for edge in holder.edges() {
            match self.why_not(holder, edge) {
                Some(gone) => self.take(holder, edge, gone),
                None if holder.is_given(edge) => {
                    self.unchanged += 1;
                    if let Some(flaw) = &edge.flaw {
                        let text = format!("{} is not in effect: {flaw}", holder.called(edge));
                        self.warn("assignment-flawed", &Address::guest(holder.key), text);
                    }
                }
                None => {}
            }
        }
    }

    /// Gives what is missing.
    fn complete(&mut self, holder: Holder<'_>) {
        let suffice = holder.edges().filter(|edge| holder.suffices(edge));
        let held: BTreeSet<_> = suffice.map(|edge| holder.name(edge)).collect();
        let given = holder.given().filter(|_| holder.fate.grant);
        for (to, granted) in given.into_iter().flatten() {
            if !held.contains(to.as_str()) {
                self.give(holder, to, granted);
            }
        }
    }

    /// Returns why something that a guest holds must go, if so.
    fn why_not(&mut self, holder: Holder<'_>, edge: &Edge) -> Option<Gone> {
        let (what, address) = (holder.called(edge), Address::guest(holder.key));
        let fate = holder.fate;
        if let Some(count) = holder.namesakes(edge) {
            if !fate.grant {
                let text = format!(
                    "keeps {what}: the tenant has {count} of that name, and which is meant is not said"
                );
                self.report(
                    Severity::Error,
                    "assignment-unresolved",
                    Some(&address),
                    text,
                );
            }
            return None;
        }
        if let Some(why) = holder.is_left_alone(edge) {
            if !fate.grant {
                self.info(
                    "held",
                    &address,
                    format!("keeps {what}: {why}, so not taken"),
                );
            }
            return None;
        }
        let power = fate.power.as_ref().filter(|_| holder.is_power(edge));
        let gone = match (fate.strip.as_ref().or(power), holder.declared) {
            (Some(gone), _) => gone.clone(),
            (None, Some(declared)) if fate.grant => {
                let Some(given) = holder.given() else {
                    let text = format!(
                        "holds {what}, and its entry has no `{}:`: left alone",
                        holder.sort.rules().key()
                    );
                    self.info("assignment-unmanaged", &address, text)
                        .at(&declared.origin);
                    return None;
                };
                holder.is_over(given.get(holder.name(edge)), declared)?
            }
            // Whatever happens to the guest: this has its own day.
            (None, Some(declared)) => {
                let granted = holder.given()?.get(holder.name(edge))?;
                holder.is_over(Some(granted), declared)?
            }
            (None, None) => return None,
        };
        let kept = fate.id.as_deref().and_then(|id| holder.world.user(id));
        if let Some(kept) = kept.and_then(|user| holder.world.kept(user)) {
            self.warn(
                kept.code(),
                &address,
                format!("{}: keeps {what}", kept.text()),
            );
            return None;
        }
        Some(gone)
    }

    fn take(&mut self, holder: Holder<'_>, edge: &Edge, gone: Gone) {
        let name = holder.name(edge);
        let assignment = holder.assignment(name, &edge.to);
        *self.used.entry((holder.sort, edge.to.clone())).or_default() -= 1;
        self.gone.insert(assignment.address(), gone);
        self.see(Object::Assignment(assignment), Some(&edge.id));
    }

    fn give(&mut self, holder: Holder<'_>, to: &str, granted: &Granted) {
        let (world, sort) = (holder.world, holder.sort);
        let what = sort.called(to);
        if let Some(text) = ended(world, granted) {
            let text = format!("does not get {what}: {text}");
            self.info("assignment-over", &Address::guest(holder.key), text)
                .at(&granted.origin);
            return;
        }
        let meant = world.snapshot.held(sort).meant(to);
        let refused = match meant.as_slice() {
            [id] => self
                .lacking(holder, id)
                .map(|why| ("assignment-lacking", why)),
            [] => Some(("assignment-unresolved", format!("the tenant has no {what}"))),
            _ => {
                let count = meant.len();
                let why = format!("the tenant has {count} of {what}: which is meant is not said");
                Some(("assignment-unresolved", why))
            }
        };
        let assignment = holder.assignment(to, meant.first().copied().unwrap_or_default());
        match refused {
            Some((code, why)) => {
                let finding = self.block_itself(code, &assignment.address(), why);
                finding.at(&granted.origin);
            }
            None => {
                let because = Because::written(&granted.origin);
                self.want(Object::Assignment(assignment), because, None);
            }
        }
    }
}

impl Aim {
    /// Returns why something cannot be given although it is there, if so. Counts what is given.
    fn lacking(&mut self, holder: Holder<'_>, id: &str) -> Option<String> {
        let (world, sort) = (holder.world, holder.sort);
        if let Some(name) = sort.rules().needs().filter(|name| !holder.has(name)) {
            return Some(format!(
                "the guest has no `{name}`, which a {} needs",
                sort.noun()
            ));
        }
        let there = world.snapshot.held(sort);
        if let Some(why) = there.closed.get(id).or_else(|| there.retired.get(id)) {
            return Some(format!("cannot be given: {why}"));
        }
        let room = world.snapshot.held(sort).room.get(id)?;
        let used = self.used.entry((sort, id.to_owned())).or_default();
        if *used >= *room {
            return Some("the tenant has none left to give".to_owned());
        }
        *used += 1;
        None
    }
}

impl<'a> Holder<'a> {
    /// Returns whether the guest has a property of the profile, or gets it by the entry.
    fn has(self, name: &str) -> bool {
        let written = self
            .declared
            .and_then(|declared| declared.profile.get(name));
        let id = self.fate.id.as_deref();
        let seen = id.and_then(|id| self.world.user(id)?.profile.get(name));
        written.or(seen).is_some_and(Option::is_some)
    }

    fn edges(self) -> impl Iterator<Item = &'a Edge> {
        let id = self.fate.id.iter();
        id.flat_map(move |id| self.world.snapshot.held(self.sort).of(id))
    }

    fn name(self, edge: &'a Edge) -> &'a str {
        self.world.snapshot.held(self.sort).name(&edge.to)
    }

    fn called(self, edge: &Edge) -> String {
        self.sort.called(self.name(edge))
    }

    /// Returns how many things files would mean by the name of one, if several.
    fn namesakes(self, edge: &Edge) -> Option<usize> {
        let name = self.name(edge);
        let count = self.world.snapshot.held(self.sort).meant(name).len();
        let (uses, policy) = (self.world.uses(self.sort), self.world.policy);
        let is_managed = self.sort.rules().is_managed(name, uses, policy);
        (count > 1 && is_managed).then_some(count)
    }

    /// Returns whether it is power in the directory, which keeps Graph from blocking the holder's sign-in.
    fn is_power(self, edge: &Edge) -> bool {
        self.sort.rules().is_power() && !HARMLESS.contains(&self.name(edge))
    }

    /// Returns whether somebody who holds it that way holds it as the entry means it.
    fn suffices(self, edge: &Edge) -> bool {
        self.sort.rules().suffices(edge) && self.namesakes(edge).is_none()
    }

    /// Returns what the entry says of this sort, if anything.
    fn given(self) -> Option<&'a BTreeMap<String, Granted>> {
        self.declared?.given(self.sort)
    }

    /// Returns whether the entry lists something that the guest holds.
    fn is_given(self, edge: &Edge) -> bool {
        let given = self.given().filter(|_| self.suffices(edge));
        given.is_some_and(|given| given.contains_key(self.name(edge)))
    }

    fn assignment(self, to: &str, id: &str) -> Assignment {
        Assignment {
            sort: self.sort,
            to: to.to_owned(),
            id: id.to_owned(),
            guest: self.key.to_owned(),
        }
    }

    /// Returns why something that the guest holds is not ours to take, if so.
    fn is_left_alone(self, edge: &'a Edge) -> Option<&'a str> {
        let held = self.world.snapshot.held(self.sort);
        let is_known = held.names.contains_key(&edge.to);
        let (uses, policy) = (self.world.uses(self.sort), self.world.policy);
        let is_ours = is_known && self.sort.rules().is_managed(self.name(edge), uses, policy);
        let closed = self.world.snapshot.held(self.sort).closed.get(&edge.to);
        match edge.fixed.as_ref().or(closed) {
            Some(why) => Some(why),
            None => (!is_ours).then_some("not managed here"),
        }
    }

    /// Returns why something that the guest has by its entry's list goes: it is not in it any more, or
    /// had its day.
    fn is_over(self, granted: Option<&Granted>, declared: &Declared) -> Option<Gone> {
        let Some(granted) = granted else {
            let text = format!("not among the declared `{}`", self.sort.rules().key());
            return Some(Gone {
                because: Because::at(text, &declared.origin),
                counts: Some(Count::Removal),
            });
        };
        ended(self.world, granted).map(|text| Gone {
            because: Because::at(text, &granted.origin),
            counts: Some(Count::Expiry),
        })
    }
}

impl World<'_> {
    /// Returns whether any entry lists things of a sort: then the repository looks after them.
    fn uses(&self, sort: Sort) -> bool {
        self.known.uses.contains(&sort)
    }

    fn can_read(&self, sort: Sort) -> bool {
        let reads = sort.rules().reads(self.policy, self.snapshot.held(sort));
        reads.iter().all(|read| self.snapshot.knows(read))
    }
}
