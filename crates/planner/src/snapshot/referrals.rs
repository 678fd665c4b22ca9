//! The reads that tell what policies refer to: of the files by name, of the tenant by id.

use std::collections::{BTreeMap, BTreeSet};

use super::{Snapshot, Topic, groups_by_id, principals_by_id};
use crate::kinds::assignment::Sort;
use crate::kinds::guest::user::User;
use crate::kinds::tenant_policy::{Properties, Referred, Section, is_id};
use crate::load::Desired;
use crate::request::{Read, literal};

/// What policies refer to, by sort: names and ids.
#[derive(Debug, Default)]
pub(super) struct Referrals(BTreeMap<Referred, BTreeSet<String>>);

/// Returns the reads that name whatever the policies of the tenant refer to, of some sections.
pub(crate) fn referrals(snapshot: &Snapshot, sections: impl Iterator<Item = Section>) -> Vec<Read> {
    let mut referrals = Referrals::default();
    for section in sections {
        let seen = snapshot.policies(section).named.values().flatten();
        seen.for_each(|(_, properties)| referrals.add(section, properties));
    }
    let mut reads = referrals.reads();
    if referrals.any(Referred::NamedLocation) {
        reads.extend(Section::NamedLocations.terms().reads());
    }
    reads.retain(|read| !snapshot.knows(read));
    reads
}

impl Referrals {
    /// Returns what the policies of the files refer to, and those of the tenant that they mean.
    pub(super) fn of(desired: &Desired, snapshot: &Snapshot) -> Self {
        let mut referrals = Self::default();
        for (section, all) in &desired.policies {
            for declared in all {
                referrals.add(*section, &declared.properties);
                let seen = snapshot.policies(*section).named.get(&declared.name);
                let seen = seen.into_iter().flatten();
                seen.for_each(|(_, properties)| referrals.add(*section, properties));
            }
        }
        referrals
    }

    fn add(&mut self, section: Section, properties: &Properties) {
        for (sort, text) in section.referred(properties) {
            self.0.entry(sort).or_default().insert(text);
        }
    }

    /// Returns whether there is something of a sort.
    pub(super) fn any(&self, sort: Referred) -> bool {
        self.0.contains_key(&sort)
    }

    /// Returns the reads that name it. Whoever files name is read anyway, and so are directory roles.
    pub(super) fn reads(&self) -> Vec<Read> {
        let all = |sort| self.0.get(&sort).into_iter().flatten().map(String::as_str);
        let ids = |sort| all(sort).filter(|text| is_id(text)).collect::<Vec<_>>();
        let mut reads = principals_by_id(&ids(Referred::User));
        reads.extend(groups_by_id(&ids(Referred::Group)));
        let applications: Vec<_> = all(Referred::Application)
            .filter(|text| is_id(text) || !Referred::Application.is_literal(text))
            .collect();
        reads.extend(applications.chunks(15).map(read_applications));
        if self.any(Referred::AuthenticationStrength) {
            let path = "/policies/authenticationStrengthPolicies?$select=id,displayName";
            let read = Read::list(path, "Policy.Read.All").optional();
            reads.push(read.about(Topic::Named(Referred::AuthenticationStrength)));
        }
        reads
    }
}

/// Source: "List servicePrincipals", Graph v1.0: both properties can be filtered by.
fn read_applications(texts: &[&str]) -> Read {
    let clause = |text: &&str| {
        let property = if is_id(text) { "appId" } else { "displayName" };
        format!("{property}%20eq%20{}", literal(text))
    };
    let filter: Vec<_> = texts.iter().map(clause).collect();
    let filter = filter.join("%20or%20");
    let path = format!("/servicePrincipals?$filter={filter}&$select=id,appId,displayName&$top=999");
    let read = Read::list(path, "Application.Read.All").optional();
    read.about(Topic::Named(Referred::Application))
}

impl Snapshot {
    /// Returns the ids and names of what policies refer to, of the sorts that have names of their own.
    pub(crate) fn things(&self, sort: Referred) -> Box<dyn Iterator<Item = (&str, &str)> + '_> {
        fn pair<'a>((id, name): (&'a String, &'a String)) -> (&'a str, &'a str) {
            (id, name)
        }
        match sort {
            Referred::Group => Box::new(self.named_groups.iter().map(pair)),
            Referred::DirectoryRole => {
                Box::new(self.held(Sort::DirectoryRole).names.iter().map(pair))
            }
            Referred::NamedLocation => {
                let named = &self.policies(Section::NamedLocations).named;
                let all = named.iter();
                let each = all.flat_map(|(name, all)| all.iter().map(move |(id, _)| (id, name)));
                Box::new(each.map(pair))
            }
            _ => Box::new(self.named.get(&sort).into_iter().flatten().map(pair)),
        }
    }

    /// Returns what something is called that a policy refers to by its id, if it has a name.
    pub(crate) fn name_of(&self, sort: Referred, id: &str) -> Option<String> {
        if sort == Referred::User {
            return self.users.get(id).map(User::label);
        }
        let mut things = self.things(sort);
        let found = things.find(|(other, _)| *other == id);
        found.map(|(_, name)| name.to_owned())
    }
}
