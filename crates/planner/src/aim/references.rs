//! What policies refer to: which object of the tenant a name means, and what an id is called.

use serde_json::Value;

use super::{Aim, World};
use crate::address::ObjectId;
use crate::kinds::group::seen::Found;
use crate::kinds::group::written::Declared as Group;
use crate::kinds::tenant_policy::{Declared, Properties, Referred, Section};

/// What a policy refers to and the tenant does not have.
pub(super) struct Lost {
    /// What, and why.
    pub(super) why: Vec<String>,
    /// Whether a policy only leaves it out.
    pub(super) is_left_out: bool,
}

impl Lost {
    fn new(declared: &Declared, lost: Vec<(String, String)>) -> Self {
        let names = |text: &str| lost.iter().any(|(name, _)| name == text);
        let is_named = |value: &Value| match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).any(names),
            value => value.as_str().is_some_and(names),
        };
        let mut others = declared.properties.iter();
        Self {
            is_left_out: !others.any(|(path, it)| !path.contains(".exclude") && is_named(it)),
            why: lost.iter().map(|(_, why)| why.clone()).collect(),
        }
    }
}

impl Aim {
    /// Returns a declared policy with the one name for each thing it refers to. Says what cannot be
    /// found: then nothing is written.
    pub(super) fn resolved_policy(
        &mut self,
        world: World<'_>,
        section: Section,
        declared: &Declared,
    ) -> Result<Properties, Lost> {
        let mut lost = Vec::new();
        let mut name = |sort: Referred, name: &str| {
            if sort.is_literal(name) {
                return self.name(world, sort, name);
            }
            match self.found(world, declared, sort, name) {
                Ok(Some(id)) if sort == Referred::TermsOfUse => {
                    let address = sort.address(name);
                    if self.ids.get(&address).is_some_and(|other| other != id) {
                        let why = format!("{} `{name}` has two ids in the files", sort.noun());
                        lost.push((name.to_owned(), why));
                    }
                    self.ids.bind(address, id);
                    name.to_owned()
                }
                Ok(Some(id)) => self.name(world, sort, &id),
                // It is made in the same run, and known by then.
                Ok(None) => name.to_owned(),
                Err(why) => {
                    let why = format!("{} `{name}` {why}", sort.noun());
                    lost.push((name.to_owned(), why));
                    name.to_owned()
                }
            }
        };
        let properties = section.terms().renamed(&declared.properties, &mut name);
        match lost.is_empty() {
            true => Ok(properties),
            false => Err(Lost::new(declared, lost)),
        }
    }

    /// Returns a policy of the tenant with names for ids, as far as they are known.
    pub(super) fn named_policy(
        &mut self,
        world: World<'_>,
        section: Section,
        declared: &Declared,
        seen: &Properties,
    ) -> Properties {
        section.terms().renamed(seen, &mut |sort, id| {
            let mut said = declared.ids.iter();
            match said.find(|((of, _), other)| *of == sort && other.eq_ignore_ascii_case(id)) {
                Some(((_, name), _)) => name.clone(),
                None => self.name(world, sort, id),
            }
        })
    }

    /// Returns the id that a name means; nothing if the files say that it is made.
    fn found(
        &self,
        world: World<'_>,
        declared: &Declared,
        sort: Referred,
        name: &str,
    ) -> Result<Option<ObjectId>, &'static str> {
        if matches!(
            sort,
            Referred::Application | Referred::AuthenticationStrength
        ) && !world.snapshot.named.contains_key(&sort)
        {
            return Err("could not be looked up");
        }
        let ids: Vec<&str> = match sort {
            Referred::User => world.known.named(name).to_vec(),
            Referred::Group => match world.desired.groups.get(name) {
                Some(group) => match world.known.groups.find(group, world.owner()) {
                    Found::One(seen) => vec![&seen.id],
                    Found::None => return Ok(None),
                    Found::Many(_) => return Err("means several groups"),
                },
                None if name.contains('@') => return Err("cannot be found by name: write its id"),
                None => world.known.named(name).to_vec(),
            },
            Referred::TermsOfUse => {
                let key = (sort, name.to_owned());
                declared
                    .ids
                    .get(&key)
                    .map(String::as_str)
                    .into_iter()
                    .collect()
            }
            Referred::NamedLocation if self.makes_location(world, name) => return Ok(None),
            _ => {
                let names = world.snapshot.things(sort);
                let same = names.filter(|(_, other)| *other == name);
                same.map(|(id, _)| id).collect()
            }
        };
        let is_coming = || sort == Referred::User && world.desired.guests.contains_key(name);
        match ids.as_slice() {
            [] if is_coming() => {
                Err("is not invited yet: name a group that they come into instead")
            }
            [id] => Ok(Some((*id).to_owned())),
            [] => Err("is not in the tenant"),
            _ => Err("has several namesakes in the tenant"),
        }
    }

    /// Returns whether a location is declared and not there yet.
    fn makes_location(&self, world: World<'_>, name: &str) -> bool {
        let section = Section::NamedLocations;
        let declared = world.desired.policies.get(&section).into_iter().flatten();
        let is_declared = declared.into_iter().any(|location| location.name == name);
        is_declared && !world.snapshot.policies(section).named.contains_key(name)
    }

    /// Returns what an id is called, and remembers it. What has no name of its own keeps its id.
    fn name(&mut self, world: World<'_>, sort: Referred, id: &str) -> String {
        let name = match sort {
            Referred::User => world.user(id).map(|_| self.principal_name(world, id)),
            Referred::Group => world.group_name(id),
            _ => world.snapshot.name_of(sort, id),
        };
        // A name that means something by itself would be taken for that.
        let Some(name) = name.filter(|name| !sort.is_literal(name)) else {
            return id.to_owned();
        };
        let address = sort.address(&name);
        match self.ids.get(&address) {
            Some(other) if other != id => id.to_owned(),
            _ => {
                self.ids.bind(address, id.to_owned());
                name
            }
        }
    }
}

impl World<'_> {
    /// Returns what a group is called; of the files, if it is declared there.
    fn group_name(self, id: &str) -> Option<String> {
        let declared = self.desired.groups.values();
        let is_it = |group: &&Group| {
            let found = self.known.groups.find(group, self.owner());
            matches!(found, Found::One(seen) if seen.id == id)
        };
        if let Some(group) = declared.into_iter().find(is_it) {
            return Some(group.name.clone());
        }
        let name = self.snapshot.named_groups.get(id)?;
        // The files mean another by it.
        (!self.desired.groups.contains_key(name)).then(|| name.clone())
    }
}
