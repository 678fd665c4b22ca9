//! Dynamic groups: who comes in and who falls out when a guest changes, or when a rule does. Nothing is
//! written here: Entra follows the rules by itself, later.

use std::collections::BTreeSet;

use super::{Aim, World};
use crate::address::Address;
use crate::diff::Drawn;
use crate::kinds::group::Group;
use crate::kinds::guest::Guest;
use crate::kinds::guest::user::User;
use crate::kinds::{Change, Object};
use crate::plan::Count;
use crate::rule::{Person, Rule, Truth, parse};

/// How many people are named.
const NAMED: usize = 5;

/// The dynamic groups as they will be, by name.
struct Dynamic {
    groups: Vec<Ruled>,
}

/// A dynamic group.
struct Ruled {
    name: String,
    rule: Rule,
    /// Why guests may not come into it, if so.
    excluded: Option<String>,
}

/// What a change means for one person and one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    ComesIn,
    FallsOut,
    Unknown,
}

impl Effect {
    fn of(before: Truth, after: Truth) -> Self {
        match (before, after) {
            (_, Truth::Unknown) => Self::Unknown,
            (Truth::Yes, Truth::No) => Self::FallsOut,
            (Truth::Unknown, Truth::No | Truth::Yes) => Self::Unknown,
            (Truth::No, Truth::Yes) => Self::ComesIn,
            (Truth::Yes, Truth::Yes) | (Truth::No, Truth::No) => Self::None,
        }
    }
}

impl Aim {
    /// Says of every change which dynamic groups it leads into and out of. Blocks what would drop
    /// somebody from whom nothing is taken, and a rule that would drop people who are no guests.
    pub(super) fn follow_rules(&mut self, world: World<'_>) {
        let mut changes = std::mem::take(&mut self.changes);
        let dynamic = self.dynamic(world, &changes);
        for drawn in &mut changes {
            match &drawn.change {
                Change::Create {
                    after: Object::Guest(guest),
                } => {
                    let guest = guest.clone();
                    let effects = dynamic.invited(world, &guest);
                    drawn.notes = effects.notes();
                    self.keep_out(drawn, &guest, &effects);
                }
                Change::Update {
                    before: Object::Guest(before),
                    after: Object::Guest(after),
                } => {
                    let (before, after) = (before.clone(), after.clone());
                    self.changed(world, &dynamic, drawn, &before, &after);
                }
                Change::Create {
                    after: Object::Group(group),
                } => {
                    drawn.notes = taken_in(world, group);
                }
                Change::Update {
                    before: Object::Group(before),
                    after: Object::Group(after),
                } if before.rule() != after.rule() => {
                    let after = after.clone();
                    self.ruled_anew(world, drawn, &after);
                }
                _ => {}
            }
        }
        self.changes = changes;
    }

    /// Returns the dynamic groups of the tenant as they will be after some changes.
    fn dynamic(&mut self, world: World<'_>, changes: &[Drawn]) -> Dynamic {
        let mut groups = Vec::new();
        let mut known = BTreeSet::new();
        let planned = changes.iter().filter_map(|drawn| match &drawn.change {
            Change::Create {
                after: Object::Group(group),
            }
            | Change::Update {
                after: Object::Group(group),
                ..
            } => Some(group),
            _ => None,
        });
        for group in planned {
            let id = self.ids.get(&Address::group(&group.name));
            let seen = id.and_then(|id| world.snapshot.groups.groups.get(id));
            let rule = group.rule().and_then(|rule| parse(rule).ok());
            groups.extend(rule.map(|rule| Ruled {
                name: group.name.clone(),
                rule,
                excluded: seen.and_then(|seen| world.excluded(seen)),
            }));
            known.extend(id.map(str::to_owned));
        }
        let seen = world.snapshot.groups.groups.values();
        for group in
            seen.filter(|group| group.dynamic && !group.paused && !known.contains(&group.id))
        {
            match group.rule.as_deref().map(parse) {
                Some(Ok(rule)) => groups.push(Ruled {
                    name: group.display_name.clone(),
                    rule,
                    excluded: world.excluded(group),
                }),
                _ => drop(self.info(
                    "rule-unread",
                    &Address::group(&group.display_name),
                    "its membershipRule is not understood: who comes in cannot be told",
                )),
            }
        }
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Dynamic { groups }
    }

    /// Says what a change of a guest leads into and out of.
    fn changed(
        &mut self,
        world: World<'_>,
        dynamic: &Dynamic,
        drawn: &mut Drawn,
        before: &Guest,
        after: &Guest,
    ) {
        let address = Address::guest(&after.key);
        let user = self.ids.get(&address).and_then(|id| world.user(id));
        let Some(user) = user else { return };
        let effects = dynamic.effects(world, user, before, after);
        let falls = effects.of(Effect::FallsOut);
        drawn.notes = effects.notes();
        self.keep_out(drawn, after, &effects);
        if falls.is_empty() {
            return;
        }
        drawn.counts.get_or_insert(Count::Removal);
        if let Some(kept) = world.kept(user) {
            let text = format!("would fall out of {}, and {}", groups(&falls), kept.text());
            let origin = drawn.because.origin.clone();
            self.block_itself(kept.code(), &address, text).origin = origin;
        }
    }

    /// Blocks what would lead a guest into a group that conditional access excludes. Who cannot sign in gains
    /// nothing there, and must not stay able to.
    fn keep_out(&mut self, drawn: &Drawn, guest: &Guest, effects: &Effects<'_>) {
        let address = Address::guest(&guest.key);
        let origin = &drawn.because.origin;
        for (group, effect, _) in &effects.0 {
            let excluded = group.excluded.as_ref();
            let Some(why) = excluded.filter(|_| guest.account_enabled != Some(false)) else {
                continue;
            };
            let text = format!("come into dynamic group {}, {why}", group.name);
            let finding = match effect {
                Effect::ComesIn => {
                    self.block_itself("excluded-group", &address, format!("would {text}"))
                }
                Effect::Unknown => self.warn("excluded-group", &address, format!("may {text}")),
                Effect::FallsOut | Effect::None => continue,
            };
            finding.origin.clone_from(origin);
        }
    }

    /// Says whom a new rule of an existing group takes in and drops.
    fn ruled_anew(&mut self, world: World<'_>, drawn: &mut Drawn, group: &Group) {
        let address = Address::group(&group.name);
        let Some(rule) = group.rule().and_then(|rule| parse(rule).ok()) else {
            return;
        };
        let turnover = self.turnover(world, &address, &rule);
        let origin = drawn.because.origin.clone();
        let mut refuse = |code: &str, text: String, hint: &str| {
            let finding = self.block_itself(code, &address, text);
            finding.hint(hint);
            finding.origin.clone_from(&origin);
        };
        if !turnover.untold.is_empty() {
            let lacks: Vec<_> = turnover.lacks.iter().map(String::as_str).collect();
            let text = format!(
                "whom its new membershipRule takes in cannot be told of {}: {} is not known",
                some(&turnover.untold),
                some(&lacks),
            );
            refuse(
                "rule-unknown",
                text,
                "change it where Entra can check it, and then here",
            );
        }
        if !turnover.unread.is_empty() {
            let text = format!(
                "whom its new membershipRule drops cannot be told: {} could not be read",
                some(&turnover.unread)
            );
            refuse("rule-unknown", text, "plan again in a while");
        }
        if !turnover.people.is_empty() {
            let text = format!(
                "its new membershipRule drops people who are no guests: {}",
                some(&turnover.people)
            );
            refuse(
                "rule-drops-people",
                text,
                "nothing is ever taken from people who are no guests",
            );
        }
        if !turnover.kept.is_empty() {
            let text = format!(
                "its new membershipRule drops guests from whom nothing is taken: {}",
                some(&turnover.kept)
            );
            refuse(
                "rule-drops-kept",
                text,
                "see scope.protected and requirements.privileged",
            );
        }
        let seen = self.ids.get(&address);
        let seen = seen.and_then(|id| world.snapshot.groups.groups.get(id));
        let excluded = seen.and_then(|seen| world.excluded(seen));
        if let Some(why) = excluded.filter(|_| !turnover.comes.is_empty()) {
            let text = format!("its new membershipRule takes guests into a group {why}");
            let finding = self.block_itself("excluded-group", &address, text);
            finding.origin.clone_from(&origin);
        }
        if !turnover.falls.is_empty() {
            let names = some(&turnover.falls);
            drawn.notes.push(format!("falls out: {names}"));
        }
        drawn.notes.extend(notes_of_a_rule(&rule, &turnover.comes));
        drawn.loses = turnover.falls;
    }

    /// Compares who is in a group with whom a rule takes in.
    fn turnover(&self, world: World<'_>, group: &Address, rule: &Rule) -> Turnover {
        let mut turnover = Turnover::default();
        let id = self.ids.get(group).unwrap_or_default();
        let Some(members) = world.snapshot.groups.members.get(id) else {
            turnover.unread.push("its members".to_owned());
            return turnover;
        };
        let guests = world.snapshot.users.values().filter(|user| user.is_guest());
        let guests: Vec<_> = guests.collect();
        let others = members
            .iter()
            .filter(|id| world.user(id).is_none_or(|user| !user.is_guest()));
        for id in others {
            let Some(user) = world.snapshot.followers.get(id) else {
                turnover.unread.push(id.clone());
                continue;
            };
            match rule.takes(&Person::seen(user)) {
                Truth::Yes => {}
                Truth::No => turnover.people.push(user.label()),
                Truth::Unknown => turnover.unknown(user, rule),
            }
        }
        for user in guests {
            let name = || {
                self.keys
                    .get(&user.id)
                    .cloned()
                    .unwrap_or_else(|| user.label())
            };
            match (members.contains(&user.id), rule.takes(&Person::seen(user))) {
                (_, Truth::Unknown) => turnover.unknown(user, rule),
                (true, Truth::No) if world.kept(user).is_some() => turnover.kept.push(name()),
                (true, Truth::No) => turnover.falls.push(name()),
                (false, Truth::Yes) => turnover.comes.push(name()),
                (true, Truth::Yes) | (false, Truth::No) => {}
            }
        }
        turnover
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

impl Turnover {
    fn unknown(&mut self, user: &User, rule: &Rule) {
        self.untold.push(user.label());
        let person = Person::seen(user);
        self.lacks.extend(
            rule.lacks(&person)
                .into_iter()
                .map(|name| format!("user.{name}")),
        );
    }
}

/// What a change means for one person, by group.
struct Effects<'a>(Vec<(&'a Ruled, Effect, Vec<&'a str>)>);

impl<'a> Effects<'a> {
    fn of(&self, wanted: Effect) -> Vec<&'a str> {
        let groups = self.0.iter().filter(|(_, effect, _)| *effect == wanted);
        groups.map(|(group, ..)| group.name.as_str()).collect()
    }

    fn notes(&self) -> Vec<String> {
        let said = [
            (Effect::ComesIn, "comes into"),
            (Effect::FallsOut, "falls out of"),
        ];
        let said = said.into_iter().filter_map(|(effect, verb)| {
            let names = self.of(effect);
            (!names.is_empty()).then(|| format!("{verb} {}", groups(&names)))
        });
        let unknown = self
            .0
            .iter()
            .filter(|(_, effect, _)| *effect == Effect::Unknown);
        let unknown = unknown.map(|(group, _, lacks)| {
            let lacks: Vec<_> = lacks.iter().map(|name| format!("user.{name}")).collect();
            let group = groups(&[&group.name]);
            format!(
                "may come into or fall out of {group}: {} is not known",
                lacks.join(", ")
            )
        });
        said.chain(unknown).collect()
    }
}

impl Dynamic {
    /// Returns what the change of a guest means for each group whose rule asks for what changes.
    fn effects<'a>(
        &'a self,
        world: World<'_>,
        user: &User,
        before: &Guest,
        after: &Guest,
    ) -> Effects<'a> {
        let seen = Person::seen(user);
        let then = seen.clone().becoming(before, world.stamp());
        let now = seen.becoming(after, world.stamp());
        let concerned = self
            .groups
            .iter()
            .filter(|group| group.rule.tells_apart(&then, &now));
        let effects = concerned.map(|group| {
            let rule = &group.rule;
            let effect = Effect::of(rule.takes(&then), rule.takes(&now));
            let lacks = [rule.lacks(&then), rule.lacks(&now)].concat();
            let lacks: BTreeSet<_> = lacks.into_iter().collect();
            (group, effect, lacks.into_iter().collect())
        });
        Effects(effects.collect())
    }

    /// Returns which groups somebody comes into who is invited.
    fn invited(&self, world: World<'_>, guest: &Guest) -> Effects<'_> {
        let person = Person::invited().becoming(guest, world.stamp());
        let groups = self.groups.iter().map(|group| {
            let effect = Effect::of(Truth::No, group.rule.takes(&person));
            (group, effect, group.rule.lacks(&person))
        });
        Effects(groups.collect())
    }
}

/// Says whom a new dynamic group takes in.
fn taken_in(world: World<'_>, group: &Group) -> Vec<String> {
    let Some(rule) = group.rule().and_then(|rule| parse(rule).ok()) else {
        return Vec::new();
    };
    let guests = world.snapshot.users.values().filter(|user| user.is_guest());
    let taken = guests.filter(|user| rule.takes(&Person::seen(user)) == Truth::Yes);
    let taken: Vec<_> = taken.map(User::label).collect();
    notes_of_a_rule(&rule, &taken)
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
fn some<T: AsRef<str>>(names: &[T]) -> String {
    let first: Vec<_> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", first.join(", "))
}

fn groups(names: &[&str]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("dynamic group{plural} {}", names.join(", "))
}
