//! Dynamic groups: who comes in and who falls out when a guest changes, or when a rule does. Nothing is
//! written here: Entra follows the rules by itself, later.

use std::collections::{BTreeMap, BTreeSet};

use super::turnover::taken_in;
use super::{Aim, World};
use crate::address::Address;
use crate::diff::Drawn;
use crate::kinds::guest::Guest;
use crate::kinds::guest::user::User;
use crate::kinds::{Action, Change, Object};
use crate::plan::Count;
use crate::rule::{Person, Rule, Truth, parse};

/// The dynamic groups as they will be, by name.
struct Dynamic {
    groups: Vec<Ruled>,
    /// The places of those whose rules ask for a property: there may be thousands of groups.
    asking: BTreeMap<String, Vec<usize>>,
}

/// A dynamic group.
struct Ruled {
    name: String,
    rule: Rule,
    /// Its rule until now, if that changes: nothing says when Entra follows the new one, or whether it
    /// will be written.
    old: Option<Rule>,
    /// Why guests may not come into it, if so.
    excluded: Option<String>,
}

/// What a change means for one person and one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    ComesIn,
    FallsOut,
    /// It may be any of these.
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
        if dynamic.groups.is_empty() {
            self.changes = changes;
            return;
        }
        let edited = edited(&changes);
        for drawn in &mut changes {
            match &drawn.change {
                Change::Create {
                    after: Object::Guest(guest),
                } => {
                    let guest = guest.clone();
                    let person = Person::invited().becoming(&guest, world.stamp());
                    let effects = dynamic.entered(&person);
                    drawn.notes = effects.notes();
                    self.keep_out(drawn, &guest, &effects);
                }
                Change::Update {
                    before: Object::Guest(before),
                    after: Object::Guest(after),
                }
                | Change::Act {
                    action: Action::Repoint | Action::Restore,
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
                    self.ruled_anew(world, drawn, &after, &edited);
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
            } => Some((group, None)),
            Change::Update {
                before: Object::Group(before),
                after: Object::Group(group),
            } => Some((
                group,
                before.rule().filter(|old| Some(*old) != group.rule()),
            )),
            _ => None,
        });
        for (group, old) in planned {
            let id = self.ids.get(&Address::group(&group.name));
            let seen = id.and_then(|id| world.snapshot.groups.groups.get(id));
            let rule = group.rule().and_then(|rule| parse(rule).ok());
            groups.extend(rule.map(|rule| Ruled {
                name: group.name.clone(),
                rule,
                old: old.and_then(|old| parse(old).ok()),
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
                    old: None,
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
        let mut asking: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, group) in groups.iter().enumerate() {
            let rules = [Some(&group.rule), group.old.as_ref()];
            let asks: BTreeSet<_> = rules.into_iter().flatten().flat_map(Rule::asks).collect();
            for property in asks {
                asking.entry(property.to_owned()).or_default().push(place);
            }
        }
        Dynamic { groups, asking }
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
        let id = self.ids.get(&address);
        let (user, deleted) = match id {
            Some(id) => (world.user(id), world.snapshot.deleted.get(id)),
            None => (None, None),
        };
        let effects = match (user, deleted) {
            (Some(user), _) => dynamic.effects(world, user, before, after),
            // Whoever is restored is nowhere yet.
            (None, Some(user)) => {
                dynamic.entered(&Person::seen(user).becoming(after, world.stamp()))
            }
            (None, None) => return,
        };
        drawn.notes.extend(effects.notes());
        self.keep_out(drawn, after, &effects);
        if !effects.lost().is_empty() {
            drawn.counts.get_or_insert(Count::Removal);
        }
        let lost = effects.lost_in_any_case();
        let kept = user.and_then(|user| world.kept(user));
        if let Some(kept) = kept.filter(|_| !lost.is_empty()) {
            let text = format!("would fall out of {}, and {}", groups(&lost), kept.text());
            let origin = drawn.because.origin.clone();
            self.block_itself(kept.code(), &address, text).origin = origin;
        }
    }

    /// Blocks what would lead a guest into a group that conditional access excludes. Nothing keeps anybody
    /// from being disabled.
    fn keep_out(&mut self, drawn: &Drawn, guest: &Guest, effects: &Effects<'_>) {
        let disables = matches!(&drawn.change, Change::Update { before: Object::Guest(before), .. }
            if before.account_enabled != Some(false) && guest.account_enabled == Some(false));
        if disables {
            return;
        }
        let address = Address::guest(&guest.key);
        let origin = &drawn.because.origin;
        for met in &effects.0 {
            let Some(why) = &met.group.excluded else {
                continue;
            };
            let text = format!("come into dynamic group {}, {why}", met.group.name);
            let finding = if met.effect == Effect::ComesIn || met.otherwise == Effect::ComesIn {
                self.block_itself("excluded-group", &address, format!("would {text}"))
            } else if met.may_come_in() {
                self.warn("excluded-group", &address, format!("may {text}"))
            } else {
                continue;
            };
            finding.origin.clone_from(origin);
        }
    }
}

/// What a change means for one person, by group.
struct Effects<'a>(Vec<Met<'a>>);

/// What a change means for one person in one group.
struct Met<'a> {
    group: &'a Ruled,
    effect: Effect,
    /// What it means while the group's old rule holds, if that changes.
    otherwise: Effect,
    /// Whether the person is in the group now, and will be, as far as that is known.
    before: Truth,
    after: Truth,
    /// What is not known of the person.
    lacks: BTreeSet<&'a str>,
}

impl Met<'_> {
    fn may_come_in(&self) -> bool {
        self.effect == Effect::Unknown && self.after != Truth::No
            || self.otherwise == Effect::Unknown
    }

    fn may_fall_out(&self) -> bool {
        let unknown = self.before != Truth::No && self.after != Truth::Yes;
        self.effect == Effect::FallsOut || self.effect == Effect::Unknown && unknown
    }
}

impl<'a> Effects<'a> {
    fn of(&self, wanted: Effect) -> Vec<&'a str> {
        let met = self.0.iter().filter(|met| met.effect == wanted);
        met.map(|met| met.group.name.as_str()).collect()
    }

    /// Returns what the person falls out of, for all that is known.
    fn lost(&self) -> Vec<&'a str> {
        let lost = self.0.iter().filter(|met| met.may_fall_out());
        lost.map(|met| met.group.name.as_str()).collect()
    }

    /// Returns what the person falls out of, also if a rule that is to change does not.
    fn lost_in_any_case(&self) -> Vec<&'a str> {
        let falls = |effect| matches!(effect, Effect::FallsOut | Effect::Unknown);
        let lost = self
            .0
            .iter()
            .filter(|met| met.may_fall_out() || falls(met.otherwise));
        lost.map(|met| met.group.name.as_str()).collect()
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
        let unknown = self.0.iter().filter(|met| met.effect == Effect::Unknown);
        let unknown = unknown.map(|met| {
            let lacks = met.lacks.iter().map(|name| format!("user.{name}"));
            let lacks: Vec<_> = lacks.collect();
            let verb = match (met.before, met.after) {
                (Truth::No, _) | (_, Truth::Yes) => "may come into",
                (Truth::Yes, _) | (_, Truth::No) => "may fall out of",
                (Truth::Unknown, Truth::Unknown) => "may come into or fall out of",
            };
            let group = groups(&[&met.group.name]);
            format!("{verb} {group}: {} is not known", lacks.join(", "))
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
        let differing = then.differing(&now).into_iter();
        let places = differing.filter_map(|property| self.asking.get(property));
        let places: BTreeSet<_> = places.flatten().collect();
        let concerned = places.into_iter().map(|place| &self.groups[*place]);
        let met = concerned.map(|group| {
            let (old, rule) = (group.old.as_ref(), &group.rule);
            let (before, after) = (old.unwrap_or(rule).takes(&then), rule.takes(&now));
            let lacks = [old.unwrap_or(rule).lacks(&then), rule.lacks(&now)];
            let otherwise = old.map_or(Effect::None, |old| Effect::of(before, old.takes(&now)));
            Met {
                group,
                effect: Effect::of(before, after),
                otherwise,
                before,
                after,
                lacks: lacks.into_iter().flatten().collect(),
            }
        });
        Effects(met.collect())
    }

    /// Returns which groups somebody comes into who is in none.
    fn entered(&self, person: &Person) -> Effects<'_> {
        let met = self.groups.iter().map(|group| {
            let (old, after) = (group.old.as_ref(), group.rule.takes(person));
            let entering = |rule: &Rule| Effect::of(Truth::No, rule.takes(person));
            Met {
                group,
                effect: Effect::of(Truth::No, after),
                otherwise: old.map_or(Effect::None, entering),
                before: Truth::No,
                after,
                lacks: group.rule.lacks(person).into_iter().collect(),
            }
        });
        Effects(met.collect())
    }
}

/// Returns the guests who are changed while a rule is, by key, as they will be.
fn edited(changes: &[Drawn]) -> BTreeMap<String, Guest> {
    let has_rule = |drawn: &&Drawn| matches!(&drawn.change, Change::Update { after: Object::Group(group), .. } if group.rule().is_some());
    if !changes.iter().any(|drawn| has_rule(&drawn)) {
        return BTreeMap::new();
    }
    let edited = changes.iter().filter_map(|drawn| match &drawn.change {
        Change::Update {
            after: Object::Guest(guest),
            ..
        } => Some((guest.key.clone(), (**guest).clone())),
        _ => None,
    });
    edited.collect()
}

fn groups(names: &[&str]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("dynamic group{plural} {}", names.join(", "))
}
