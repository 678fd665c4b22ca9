//! Dynamic groups: who comes in and who falls out when a guest changes, or when a rule does. Nothing is
//! written here: Entra follows the rules by itself, later.

use std::collections::{BTreeMap, BTreeSet};

use super::effects::{Dynamic, Effect, Effects, Ruled, groups};
use super::{Aim, World};
use crate::address::Address;
use crate::diff::Drawn;
use crate::kinds::assignment::Sort;
use crate::kinds::group::seen::SeenGroup;
use crate::kinds::guest::Guest;
use crate::kinds::guest::user::User;
use crate::kinds::membership::Membership;
use crate::kinds::{Action, Change, Object};
use crate::plan::Count;
use crate::rule::{Person, Truth, parse};

impl Aim {
    /// Says of every change which dynamic groups it leads into and out of. Blocks what would drop
    /// somebody from whom nothing is taken, and a rule that would drop people who are no guests.
    pub(super) fn follow_rules(&mut self, world: World<'_>) {
        let mut changes = std::mem::take(&mut self.changes);
        let dynamic = self.dynamic(world, &changes);
        let edited = edited(&changes);
        for drawn in &mut changes {
            if let Some(effects) = self.effects(world, &dynamic, &drawn.change) {
                self.followed(world, drawn, &effects);
                self.let_in_again(world, &dynamic, drawn, &effects);
            }
            match &drawn.change {
                Change::Create {
                    after: Object::Group(group),
                } => drawn.notes = self.taken_in(world, group, &edited),
                Change::Update {
                    before: Object::Group(before),
                    after: Object::Group(after),
                } if before.rule() != after.rule() => {
                    let after = after.clone();
                    self.ruled_anew(world, drawn, &after, &edited);
                }
                _ => {}
            }
            self.licensed(&dynamic, drawn);
        }
        self.changes = changes;
    }

    /// Says of a change of what the members of a group get that rules may ask for it.
    fn licensed(&mut self, dynamic: &Dynamic, drawn: &mut Drawn) {
        let Object::Group(after) = drawn.change.object() else {
            return;
        };
        let before = match drawn.change.before() {
            Some(Object::Group(before)) => before.has.licenses.as_ref(),
            _ => None,
        };
        let asking = dynamic.that_ask("assignedPlans");
        if asking.is_empty() || after.has.licenses.as_ref() == before {
            return;
        }
        let address = Address::group(&after.name);
        for group in &asking {
            if let Some(why) = &group.excluded {
                let text = format!(
                    "its members may come into dynamic group {}, {why}",
                    group.name
                );
                self.warn("excluded-group", &address, text);
            }
        }
        let names: Vec<_> = asking.iter().map(|group| group.name.as_str()).collect();
        drawn.notes.push(format!(
            "its members may come into or fall out of {}: user.assignedPlans is not known",
            groups(&names)
        ));
    }

    /// Returns what a change means for who is in which dynamic group, if it is about one person.
    fn effects<'a>(
        &self,
        world: World<'_>,
        dynamic: &'a Dynamic,
        change: &Change<Object>,
    ) -> Option<Effects<'a>> {
        if dynamic.groups.is_empty() {
            return None;
        }
        let stamp = world.stamp();
        match change {
            Change::Create {
                after: Object::Guest(guest),
            } => Some(dynamic.entered(&Person::invited().becoming(guest, stamp))),
            Change::Update {
                before: Object::Guest(before),
                after: Object::Guest(after),
            }
            | Change::Act {
                action: Action::Repoint | Action::Restore,
                before: Object::Guest(before),
                after: Object::Guest(after),
            } => {
                let id = self.ids.get(&Address::guest(&after.key))?;
                let person = |user, guest| Person::seen(user).becoming(guest, stamp);
                match world.user(id) {
                    Some(user) => {
                        Some(dynamic.effects(&person(user, before), &person(user, after)))
                    }
                    // Whoever is restored is nowhere yet.
                    None => {
                        let user = world.snapshot.deleted.get(id)?;
                        Some(dynamic.entered(&person(user, after)))
                    }
                }
            }
            Change::Create {
                after: Object::Membership(edge),
            } => self.effects_of_a_membership(world, dynamic, edge, true),
            Change::Delete {
                before: Object::Membership(edge),
            } => self.effects_of_a_membership(world, dynamic, edge, false),
            Change::Create {
                after: Object::Assignment(edge),
            }
            | Change::Delete {
                before: Object::Assignment(edge),
            } if edge.sort == Sort::License => {
                let person = Person::seen(self.account(world, &edge.guest)?);
                Some(dynamic.asked(["assignedPlans"], &person, &person))
            }
            _ => None,
        }
    }

    fn effects_of_a_membership<'a>(
        &self,
        world: World<'_>,
        dynamic: &'a Dynamic,
        edge: &Membership,
        enters: bool,
    ) -> Option<Effects<'a>> {
        let declared = world.desired.groups.get(&edge.group);
        let gives = declared.is_some_and(|group| group.options.licenses.is_some());
        let asked = if gives {
            &["memberOf", "assignedPlans"][..]
        } else {
            &["memberOf"]
        };
        if !asked.iter().any(|property| dynamic.asks(property)) {
            return None;
        }
        let group = self.ids.get(&Address::group(&edge.group))?;
        let user = self.account(world, &edge.guest)?;
        let member = |is_member| Person::seen(user).member(group, is_member);
        Some(dynamic.asked(asked.iter().copied(), &member(!enters), &member(enters)))
    }

    /// Returns the account of a guest who is in the tenant.
    fn account<'a>(&self, world: World<'a>, guest: &str) -> Option<&'a User> {
        let id = self.ids.get(&Address::guest(guest))?;
        world.user(id)
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
            let rule = rule.filter(|_| seen.is_none_or(|seen| !seen.paused));
            groups.extend(rule.map(|rule| Ruled {
                name: group.name.clone(),
                rule,
                old: old.and_then(|old| parse(old).ok()),
                excluded: world.excluded(&group.name, seen),
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
                    excluded: world.excluded(&group.display_name, Some(group)),
                }),
                _ => self.unread_rule(world, group),
            }
        }
        Dynamic::new(groups)
    }

    /// Says of a rule that is not understood what that means.
    fn unread_rule(&mut self, world: World<'_>, group: &SeenGroup) {
        let text = "its membershipRule is not understood: who comes in cannot be told";
        let address = Address::group(&group.display_name);
        match world.excluded(&group.display_name, Some(group)) {
            Some(why) => {
                let text = format!("{text}, and it is a group {why}");
                self.warn("rule-unread", &address, text);
            }
            None => drop(self.info("rule-unread", &address, text)),
        }
    }

    /// Says what a change of one person leads into and out of, and blocks it where it must not.
    fn followed(&mut self, world: World<'_>, drawn: &mut Drawn, effects: &Effects<'_>) {
        drawn.notes.extend(effects.notes());
        self.keep_out(drawn, effects);
        let object = drawn.change.object();
        let lost = match object {
            Object::Guest(_) => {
                if !effects.lost().is_empty() {
                    drawn.counts.get_or_insert(Count::Removal);
                }
                effects.lost_in_any_case()
            }
            // What somebody is given rarely leads out of a group: only what is sure counts.
            _ => effects.of(Effect::FallsOut),
        };
        let user = object.guest().and_then(|key| self.account(world, key));
        let kept = user.and_then(|user| world.kept(user));
        if let Some(kept) = kept.filter(|_| !lost.is_empty()) {
            let text = format!("would fall out of {}, and {}", groups(&lost), kept.text());
            let origin = drawn.because.origin.clone();
            self.block_itself(kept.code(), &object.address(), text)
                .origin = origin;
        }
    }

    /// Blocks what would lead a guest into a group that conditional access excludes. Nothing keeps anybody
    /// from being disabled.
    fn keep_out(&mut self, drawn: &Drawn, effects: &Effects<'_>) {
        if enables(&drawn.change) == Some(false) {
            return;
        }
        let address = drawn.change.object().address();
        for met in &effects.0 {
            let Some(why) = &met.group.excluded else {
                continue;
            };
            let text = format!("come into dynamic group {}, {why}", met.group.name);
            let finding = if met.comes_in() {
                self.block_itself("excluded-group", &address, format!("would {text}"))
            } else if met.may_come_in() {
                self.warn("excluded-group", &address, format!("may {text}"))
            } else {
                continue;
            };
            finding.origin.clone_from(&drawn.because.origin);
        }
    }

    /// Warns of a guest who may sign in again and is in a group that conditional access excludes, besides
    /// those that this change leads into.
    fn let_in_again(
        &mut self,
        world: World<'_>,
        dynamic: &Dynamic,
        drawn: &Drawn,
        effects: &Effects<'_>,
    ) {
        let Object::Guest(guest) = drawn.change.object() else {
            return;
        };
        let user = self.account(world, &guest.key);
        let Some(user) = user.filter(|_| enables(&drawn.change) == Some(true)) else {
            return;
        };
        let person = Person::seen(user).becoming(guest, world.stamp());
        let follows = dynamic.groups.iter().filter(|group| {
            let is_said = effects.0.iter().any(|met| std::ptr::eq(met.group, *group));
            !is_said && group.rule.takes(&person) != Truth::No
        });
        let follows = follows.map(|group| (group.name.as_str(), group.excluded.clone()));
        let seen = &world.snapshot.groups;
        let assigned = seen.groups.values().filter(|group| {
            let members = seen.members.get(&group.id);
            !group.dynamic && members.is_some_and(|members| members.contains(&user.id))
        });
        let assigned = assigned.map(|group| {
            let name = group.display_name.as_str();
            (name, world.excluded(name, Some(group)))
        });
        for (name, why) in follows.chain(assigned) {
            let Some(why) = why else { continue };
            let text = format!("may sign in again, and is or may be in group {name}, {why}");
            self.warn("excluded-group", &Address::guest(&guest.key), text)
                .origin
                .clone_from(&drawn.because.origin);
        }
    }
}

/// Returns whether a change of a guest lets it sign in (true) or keeps it from that (false).
fn enables(change: &Change<Object>) -> Option<bool> {
    match change {
        Change::Update {
            before: Object::Guest(before),
            after: Object::Guest(after),
        } => match (before.account_enabled, after.account_enabled) {
            (Some(false), Some(true)) => Some(true),
            (before, Some(false)) if before != Some(false) => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the guests who are changed while a rule is, by key, as they will be.
fn edited(changes: &[Drawn]) -> BTreeMap<String, Guest> {
    let has_rule = |drawn: &Drawn| matches!(drawn.change.object(), Object::Group(group) if group.rule().is_some());
    if !changes.iter().any(has_rule) {
        return BTreeMap::new();
    }
    let edited = changes.iter().filter_map(|drawn| match &drawn.change {
        Change::Update {
            after: Object::Guest(guest),
            ..
        }
        | Change::Act {
            action: Action::Repoint,
            after: Object::Guest(guest),
            ..
        } => Some((guest.key.clone(), (**guest).clone())),
        _ => None,
    });
    edited.collect()
}
