//! A rule of a dynamic group that changes, or is new: whom it takes in, whom it drops, and why that must
//! not be.

use std::collections::{BTreeMap, BTreeSet};

use super::{Aim, World};
use crate::address::Address;
use crate::diff::Drawn;
use crate::kinds::group::Group;
use crate::kinds::guest::Guest;
use crate::rule::{Person, Rule, Truth, parse};

/// How many people are named.
const NAMED: usize = 5;

impl Aim {
    /// Says whom a new rule of an existing group takes in and drops.
    pub(super) fn ruled_anew(
        &mut self,
        world: World<'_>,
        drawn: &mut Drawn,
        group: &Group,
        edited: &BTreeMap<String, Guest>,
    ) {
        let address = Address::group(&group.name);
        let Some(rule) = group.rule().and_then(|rule| parse(rule).ok()) else {
            return;
        };
        let turnover = self.turnover(world, &address, &rule, edited);
        let origin = drawn.because.origin.clone();
        let seen = self.ids.get(&address);
        let seen = seen.and_then(|id| world.snapshot.groups.groups.get(id));
        let excluded = world.excluded(&group.name, seen);
        for (code, text, hint) in turnover.refusals(excluded) {
            let finding = self.block_itself(code, &address, text);
            finding.hint = hint.map(str::to_owned);
            finding.origin.clone_from(&origin);
        }
        if !turnover.falls.is_empty() {
            let names = some(&turnover.falls);
            drawn.notes.push(format!("falls out: {names}"));
        }
        drawn.notes.extend(notes_of_a_rule(&rule, &turnover.comes));
        if seen.is_some_and(|seen| seen.paused) {
            let text = "its processing is paused: this happens once somebody lets it go on";
            drawn.notes.push(text.to_owned());
        }
        drawn.loses = turnover.falls;
    }

    /// Compares who is in a group with whom a rule takes in.
    fn turnover(
        &self,
        world: World<'_>,
        group: &Address,
        rule: &Rule,
        edited: &BTreeMap<String, Guest>,
    ) -> Turnover {
        let mut turnover = Turnover::default();
        let id = self.ids.get(group).unwrap_or_default();
        let Some(members) = world.snapshot.groups.members.get(id) else {
            turnover.unread.push("its members".to_owned());
            return turnover;
        };
        let others = members
            .iter()
            .filter(|id| world.user(id).is_none_or(|user| !user.is_guest()));
        for id in others {
            let Some(user) = world.snapshot.followers.get(id) else {
                turnover.unread.push(id.clone());
                continue;
            };
            let person = Person::seen(user).doubted();
            match rule.takes(&person) {
                Truth::Yes => {}
                Truth::No => turnover.people.push(user.label()),
                Truth::Unknown => turnover.unknown(user.label(), rule, &person),
            }
        }
        for user in world.snapshot.users.values().filter(|user| user.is_guest()) {
            let key = self.keys.get(&user.id);
            let name = key.cloned().unwrap_or_else(|| user.label());
            let now = Person::seen(user);
            // Both happen in one run: what counts is who the guest is after it.
            let after = match edited.get(&name) {
                Some(after) => now.clone().becoming(after, world.stamp()),
                None => now.clone(),
            };
            let is_member = members.contains(&user.id);
            if is_member && world.kept(user).is_some() {
                turnover.keep(name, rule, [now.doubted(), after.doubted()]);
                continue;
            }
            match (is_member, rule.takes(&after)) {
                (_, Truth::Unknown) => turnover.unknown(name, rule, &after),
                (true, Truth::No) => turnover.falls.push(name),
                (false, Truth::Yes) => turnover.comes.push(name),
                (true, Truth::Yes) | (false, Truth::No) => {}
            }
        }
        for names in [&mut turnover.comes, &mut turnover.falls, &mut turnover.kept] {
            names.sort();
        }
        turnover
    }

    /// Says whom a new dynamic group takes in.
    pub(super) fn taken_in(
        &self,
        world: World<'_>,
        group: &Group,
        edited: &BTreeMap<String, Guest>,
    ) -> Vec<String> {
        let Some(rule) = group.rule().and_then(|rule| parse(rule).ok()) else {
            return Vec::new();
        };
        let guests = world.snapshot.users.values().filter(|user| user.is_guest());
        let (mut taken, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for user in guests {
            let name = self.keys.get(&user.id).cloned();
            let name = name.unwrap_or_else(|| user.label());
            let mut person = Person::seen(user);
            if let Some(after) = edited.get(&name) {
                person = person.becoming(after, world.stamp());
            }
            match rule.takes(&person) {
                Truth::Yes => drop(taken.insert(name)),
                Truth::Unknown => drop(unknown.insert(name)),
                Truth::No => {}
            }
        }
        let (taken, unknown): (Vec<_>, Vec<_>) =
            (taken.into_iter().collect(), unknown.into_iter().collect());
        let mut notes = notes_of_a_rule(&rule, &taken);
        if !unknown.is_empty() {
            notes.push(format!(
                "may come in, which cannot be told: {}",
                some(&unknown)
            ));
        }
        notes
    }
}

/// What a new rule changes about who is in a group.
#[derive(Debug, Default)]
struct Turnover {
    /// Guests who come in.
    comes: Vec<String>,
    /// Guests who fall out.
    falls: Vec<String>,
    /// Guests who would fall out and from whom nothing is taken.
    kept: Vec<String>,
    /// People who are no guests and would fall out.
    people: Vec<String>,
    /// Members of whom nothing could be read.
    unread: Vec<String>,
    /// Of whom it cannot be told.
    untold: Vec<String>,
    /// What is not known of them.
    lacks: BTreeSet<String>,
}

/// Why a rule is not changed: a code, what is so, and what to do about it.
type Refusal = (&'static str, String, Option<&'static str>);

impl Turnover {
    /// Nothing says which comes first, the change of a guest or that of a rule: neither may drop anybody
    /// from whom nothing is taken.
    fn keep(&mut self, name: String, rule: &Rule, states: [Person<'_>; 2]) {
        let unsure = states.iter().find(|it| rule.takes(it) == Truth::Unknown);
        if states.iter().any(|it| rule.takes(it) == Truth::No) {
            self.kept.push(name);
        } else if let Some(person) = unsure {
            self.unknown(name, rule, person);
        }
    }

    fn unknown(&mut self, name: String, rule: &Rule, person: &Person<'_>) {
        self.untold.push(name);
        let lacks = rule.lacks(person).into_iter();
        self.lacks.extend(lacks.map(|name| format!("user.{name}")));
    }

    /// Returns why the rule is not changed. `excluded` says why guests may not come into the group.
    fn refusals(&self, excluded: Option<String>) -> Vec<Refusal> {
        let lacks: Vec<_> = self.lacks.iter().collect();
        let lacks = some(&lacks);
        let mut refusals = Vec::new();
        let mut refuse = |code, who: &[String], text: &dyn Fn(&str) -> String, hint| {
            if !who.is_empty() {
                refusals.push((code, text(&some(who)), hint));
            }
        };
        refuse(
            "rule-unknown",
            &self.untold,
            &|who| {
                format!(
                    "whom its new membershipRule takes in cannot be told of {who}: {lacks} is not known"
                )
            },
            Some("change it where Entra can check it, and then here"),
        );
        refuse(
            "rule-unknown",
            &self.unread,
            &|who| {
                format!("whom its new membershipRule drops cannot be told: {who} could not be read")
            },
            Some("plan again in a while"),
        );
        refuse(
            "rule-drops-people",
            &self.people,
            &|who| format!("its new membershipRule drops people who are no guests: {who}"),
            Some("nothing is ever taken from people who are no guests"),
        );
        refuse(
            "rule-drops-kept",
            &self.kept,
            &|who| format!("its new membershipRule drops guests from whom nothing is taken: {who}"),
            Some("see scope.protected and requirements.privileged"),
        );
        if let Some(why) = excluded {
            refuse(
                "excluded-group",
                &self.comes,
                &|_| format!("its new membershipRule takes guests into a group {why}"),
                None,
            );
        }
        refusals
    }
}

/// Says which guests a rule takes in anew, and whether others may be among them.
fn notes_of_a_rule(rule: &Rule, comes: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if !comes.is_empty() {
        notes.push(format!("comes in: {}", some(comes)));
    }
    if rule.takes(&Person::of_type("Member")) != Truth::No {
        notes.push("people who are no guests may come in, too".to_owned());
    }
    notes
}

/// Names the first of some.
pub(super) fn some<T: AsRef<str>>(names: &[T]) -> String {
    let first: Vec<_> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", first.join(", "))
}
