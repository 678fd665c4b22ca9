//! What a change of a guest means for who is in which dynamic group.

use std::collections::{BTreeMap, BTreeSet};

use crate::rule::{Person, Rule, Truth};

/// The dynamic groups as they will be, by name.
pub(super) struct Dynamic {
    pub(super) groups: Vec<Ruled>,
    /// The places of those whose rules ask for a property: there may be thousands of groups.
    asking: BTreeMap<String, Vec<usize>>,
}

/// A dynamic group that follows its rule.
pub(super) struct Ruled {
    pub(super) name: String,
    pub(super) rule: Rule,
    /// Its rule until now, if that changes: nothing says when Entra follows the new one, or whether it
    /// will be written.
    pub(super) old: Option<Rule>,
    /// Why guests may not come into it, if so.
    pub(super) excluded: Option<String>,
}

/// What a change means for one person and one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
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

/// What a change means for one person, by group.
pub(super) struct Effects<'a>(pub(super) Vec<Met<'a>>);

/// What a change means for one person in one group.
pub(super) struct Met<'a> {
    pub(super) group: &'a Ruled,
    effect: Effect,
    /// What it means while the group's old rule holds, if that changes.
    otherwise: Effect,
    /// Whether the person is in the group now, and will be, as far as that is known.
    before: Truth,
    pub(super) after: Truth,
    /// What is not known of the person.
    lacks: BTreeSet<&'a str>,
}

impl Met<'_> {
    pub(super) fn comes_in(&self) -> bool {
        self.effect == Effect::ComesIn || self.otherwise == Effect::ComesIn
    }

    pub(super) fn may_come_in(&self) -> bool {
        self.effect == Effect::Unknown && self.after != Truth::No
            || self.otherwise == Effect::Unknown
    }

    fn may_fall_out(&self) -> bool {
        let unknown = self.before != Truth::No && self.after != Truth::Yes;
        self.effect == Effect::FallsOut || self.effect == Effect::Unknown && unknown
    }
}

impl<'a> Effects<'a> {
    pub(super) fn of(&self, wanted: Effect) -> Vec<&'a str> {
        let met = self.0.iter().filter(|met| met.effect == wanted);
        met.map(|met| met.group.name.as_str()).collect()
    }

    /// Returns what the person falls out of, for all that is known.
    pub(super) fn lost(&self) -> Vec<&'a str> {
        let lost = self.0.iter().filter(|met| met.may_fall_out());
        lost.map(|met| met.group.name.as_str()).collect()
    }

    /// Returns what the person falls out of, also if a rule that is to change does not.
    pub(super) fn lost_in_any_case(&self) -> Vec<&'a str> {
        let falls = |effect| matches!(effect, Effect::FallsOut | Effect::Unknown);
        let lost = self
            .0
            .iter()
            .filter(|met| met.may_fall_out() || falls(met.otherwise));
        lost.map(|met| met.group.name.as_str()).collect()
    }

    pub(super) fn notes(&self) -> Vec<String> {
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
    /// Returns the groups, with the places of those whose rules ask for what.
    pub(super) fn new(mut groups: Vec<Ruled>) -> Self {
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        let mut asking: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, group) in groups.iter().enumerate() {
            let rules = [Some(&group.rule), group.old.as_ref()];
            let asks: BTreeSet<_> = rules.into_iter().flatten().flat_map(Rule::asks).collect();
            for property in asks {
                asking.entry(property.to_owned()).or_default().push(place);
            }
        }
        Self { groups, asking }
    }

    /// Returns whether any rule asks for a property.
    pub(super) fn asks(&self, property: &str) -> bool {
        self.asking.contains_key(property)
    }

    /// Returns the groups whose rules ask for a property.
    pub(super) fn that_ask(&self, property: &str) -> Vec<&Ruled> {
        let places = self.asking.get(property).into_iter().flatten();
        places.map(|place| &self.groups[*place]).collect()
    }

    /// Returns what it means that somebody changes, for each group whose rule asks for what changes.
    pub(super) fn effects(&self, then: &Person<'_>, now: &Person<'_>) -> Effects<'_> {
        self.asked(then.differing(now), then, now)
    }

    /// Returns what it means that somebody changes, for each group whose rule asks for some properties.
    pub(super) fn asked<'p>(
        &self,
        properties: impl IntoIterator<Item = &'p str>,
        then: &Person<'_>,
        now: &Person<'_>,
    ) -> Effects<'_> {
        let properties = properties.into_iter();
        let places = properties.filter_map(|property| self.asking.get(property));
        let places: BTreeSet<_> = places.flatten().collect();
        let concerned = places.into_iter().map(|place| &self.groups[*place]);
        Effects(concerned.map(|group| group.met(then, now)).collect())
    }

    /// Returns which groups somebody comes into who is in none.
    pub(super) fn entered(&self, person: &Person<'_>) -> Effects<'_> {
        let met = self.groups.iter().map(|group| group.entered(person));
        Effects(met.collect())
    }
}

impl Ruled {
    fn met<'a>(&'a self, then: &Person<'_>, now: &Person<'_>) -> Met<'a> {
        let (old, rule) = (self.old.as_ref(), &self.rule);
        let (before, after) = (old.unwrap_or(rule).takes(then), rule.takes(now));
        let lacks = [old.unwrap_or(rule).lacks(then), rule.lacks(now)];
        Met {
            group: self,
            effect: Effect::of(before, after),
            otherwise: old.map_or(Effect::None, |old| Effect::of(before, old.takes(now))),
            before,
            after,
            lacks: lacks.into_iter().flatten().collect(),
        }
    }

    fn entered<'a>(&'a self, person: &Person<'_>) -> Met<'a> {
        let entering = |rule: &Rule| Effect::of(Truth::No, rule.takes(person));
        Met {
            group: self,
            effect: entering(&self.rule),
            otherwise: self.old.as_ref().map_or(Effect::None, entering),
            before: Truth::No,
            after: self.rule.takes(person),
            lacks: self.rule.lacks(person).into_iter().collect(),
        }
    }
}

/// Names some dynamic groups.
pub(super) fn groups(names: &[&str]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("dynamic group{plural} {}", names.join(", "))
}
