//! A group as the tenant has it, and which requests read it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::options::{self, Asked, SeenOptions};
use super::{Group, Has, Mark, Type, mark, written::Declared};
use crate::address::ObjectId;
use crate::kinds::guest::user::{DecodeError, ids, text};
use crate::load::Desired;
use crate::request::{Read, encode, literal};
use crate::rule::means_the_same;
use crate::snapshot::Topic;

/// Everything of a group that we decide by. Exactly these properties are asked for.
const SELECT: &str = "$select=id,displayName,description,groupTypes,mailEnabled,securityEnabled,mailNickname,membershipRule,membershipRuleProcessingState,isAssignableToRole,onPremisesSyncEnabled,uniqueName";

/// How many names fit into one filter: Graph takes at most 15 clauses.
/// Source: "Use the $filter query parameter", Graph.
const NAMES: usize = 15;

/// A group of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenGroup {
    /// Graph's id.
    pub id: ObjectId,
    /// Its display name; not unique.
    pub display_name: String,
    /// Its description without our mark.
    pub description: Option<String>,
    /// Its mail nickname.
    pub mail_nickname: Option<String>,
    /// Whether it is a Microsoft 365 group.
    pub unified: bool,
    /// Whether Graph can write it: neither a distribution list nor a mail-enabled security group.
    pub writable: bool,
    /// Whether its members follow a rule.
    pub dynamic: bool,
    /// That rule.
    pub rule: Option<String>,
    /// Whether nobody follows the rule for now.
    #[serde(default)]
    pub paused: bool,
    /// Whether directory roles can be given to it.
    pub role_assignable: bool,
    /// Whether it is synchronised from on-premises: guests cannot be added then.
    pub synced: bool,
    /// Its alternate key.
    pub unique_name: Option<String>,
    /// The mark at the end of its description.
    pub described_as: Option<String>,
}

impl SeenGroup {
    /// Reads a group out of a reply.
    pub fn decode(item: &Value) -> Result<Self, DecodeError> {
        let id = text(item, "id").ok_or(DecodeError::NoId)?;
        let types: Vec<_> = item["groupTypes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let flag = |name: &str| item[name].as_bool().unwrap_or_default();
        let unified = types.contains(&"Unified");
        let (description, described_as) = unmarked(text(item, "description"));
        Ok(Self {
            id,
            display_name: text(item, "displayName").unwrap_or_default(),
            description,
            mail_nickname: text(item, "mailNickname"),
            unified,
            // Source: "Create group", Graph v1.0: Exchange owns every other mail-enabled group.
            writable: unified || !flag("mailEnabled"),
            dynamic: types.contains(&"DynamicMembership"),
            rule: text(item, "membershipRule"),
            paused: text(item, "membershipRuleProcessingState")
                .is_some_and(|state| state == "Paused"),
            role_assignable: flag("isAssignableToRole"),
            synced: flag("onPremisesSyncEnabled"),
            unique_name: text(item, "uniqueName"),
            described_as,
        })
    }

    /// Returns whether a declaration gives a dynamic group another rule: one that means something else.
    pub fn changes_rule(&self, declared: &Declared) -> bool {
        let (Some(then), Some(now)) = (&self.rule, &declared.rule) else {
            return false;
        };
        then != now && !means_the_same(then, now)
    }

    /// Returns whether such a rule will be written.
    pub(crate) fn takes_rule(&self, declared: &Declared, owner: &str) -> bool {
        self.changes_rule(declared) && self.is_managed(declared, owner)
    }

    /// Returns whether the group itself is managed, and not only who is in it.
    pub(crate) fn is_managed(&self, declared: &Declared, owner: &str) -> bool {
        declared.adopt || self.is_ours(owner, &declared.name)
    }

    /// Returns whether this repository created the group.
    pub fn is_ours(&self, owner: &str, name: &str) -> bool {
        let mark = Some(mark(owner, name));
        self.unique_name == mark || self.described_as == mark
    }

    /// Returns the group as far as it is managed, under the name that files give it.
    pub fn object(&self, name: &str, owners: Option<BTreeSet<String>>) -> Group {
        let mut properties = BTreeMap::new();
        properties.insert("displayName".to_owned(), Some(self.display_name.clone()));
        properties.insert("description".to_owned(), self.description.clone());
        if self.dynamic {
            properties.insert("membershipRule".to_owned(), self.rule.clone());
        }
        let group_type = if self.unified {
            Type::Microsoft365
        } else {
            Type::Security
        };
        let by_name = self.unique_name.clone().map(Mark::UniqueName);
        let mark = self.described_as.clone().map(Mark::Description).or(by_name);
        Group {
            name: name.to_owned(),
            group_type,
            properties,
            owners,
            has: Has::default(),
            mark,
        }
    }
}

/// Cuts our mark off a description.
fn unmarked(description: Option<String>) -> (Option<String>, Option<String>) {
    let Some(text) = description else {
        return (None, None);
    };
    let marked = text
        .strip_suffix(']')
        .and_then(|text| text.rsplit_once('['))
        .filter(|(_, mark)| mark.starts_with("guestlist-"));
    match marked {
        Some((rest, mark)) => (
            Some(rest.trim_end().to_owned()).filter(|rest| !rest.is_empty()),
            Some(mark.to_owned()),
        ),
        None => (Some(text), None),
    }
}

/// Returns a description with our mark at its end.
pub(super) fn marked_description(description: Option<&str>, mark: &str) -> String {
    format!("{} [{mark}]", description.unwrap_or_default())
        .trim_start()
        .to_owned()
}

/// What the tenant says of groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SeenGroups {
    /// Every group that was looked for or is assignable to roles.
    pub groups: BTreeMap<ObjectId, SeenGroup>,
    /// Direct members, of the groups where they were read.
    pub members: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    /// Owners, of the groups where they were read.
    pub owners: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    /// What else groups have, where that was read.
    #[serde(default)]
    pub options: BTreeMap<ObjectId, SeenOptions>,
}

/// What the files' name of a group leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing.
    None,
    /// One group.
    One(&'a SeenGroup),
    /// Several, and nothing tells which is meant.
    Many(Vec<&'a SeenGroup>),
}

/// The groups of a tenant by what tells one from another, to find many of them.
#[derive(Debug)]
pub struct Lookup<'a> {
    by_id: &'a BTreeMap<ObjectId, SeenGroup>,
    by_mark: BTreeMap<&'a str, Vec<&'a SeenGroup>>,
    /// By display name in lower case.
    by_name: BTreeMap<String, Vec<&'a SeenGroup>>,
}

impl<'a> Lookup<'a> {
    /// Returns the group that a declaration means: by id or `uniqueName`, else ours by its mark, else by
    /// name and nickname.
    pub fn find(&self, declared: &Declared, owner: &str) -> Found<'a> {
        if let Some(id) = &declared.id {
            return self.by_id.get(id).map_or(Found::None, Found::One);
        }
        if let Some(name) = &declared.unique_name {
            let found = self.by_mark.get(name.as_str()).into_iter().flatten();
            let mut found = found.filter(|group| group.unique_name.as_ref() == Some(name));
            return found.next().map_or(Found::None, |group| Found::One(group));
        }
        let ours = self.by_mark.get(mark(owner, &declared.name).as_str());
        let named = || {
            let named = self.by_name.get(&declared.name.to_lowercase());
            let nickname = declared.mail_nickname.as_ref();
            named
                .into_iter()
                .flatten()
                .copied()
                .filter(|group| nickname.is_none() || nickname == group.mail_nickname.as_ref())
                .collect()
        };
        let found = ours.cloned().unwrap_or_else(named);
        match found.as_slice() {
            [] => Found::None,
            [one] => Found::One(one),
            _ => Found::Many(found),
        }
    }
}

impl SeenGroups {
    /// Returns the groups by what tells one from another.
    pub fn lookup(&self) -> Lookup<'_> {
        let mut lookup = Lookup {
            by_id: &self.groups,
            by_mark: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        for group in self.groups.values() {
            let name = group.display_name.to_lowercase();
            lookup.by_name.entry(name).or_default().push(group);
            let marks =
                BTreeSet::from([group.unique_name.as_deref(), group.described_as.as_deref()]);
            for mark in marks.into_iter().flatten() {
                lookup.by_mark.entry(mark).or_default().push(group);
            }
        }
        lookup
    }

    /// Returns the reads that are still wanted.
    pub fn reads(&self, desired: &Desired, owner: &str, done: &dyn Fn(&Read) -> bool) -> Vec<Read> {
        let mut reads = Vec::new();
        let by_name: Vec<_> = desired
            .groups
            .values()
            .filter(|group| !group.is_named())
            .map(|group| group.name.as_str())
            .collect();
        reads.extend(by_name.chunks(NAMES).map(named));
        for id in desired
            .groups
            .values()
            .filter_map(|group| group.id.as_ref())
        {
            reads.push(
                Read::one(format!("/groups/{id}?{SELECT}"), "Group.Read.All")
                    .about(Topic::Group(id.clone())),
            );
        }
        let unique = desired
            .groups
            .values()
            .filter_map(|group| group.unique_name.as_ref());
        reads.extend(unique.map(|name| by_unique_name(name)));
        if !reads.iter().all(done) {
            return reads;
        }
        let lookup = self.lookup();
        for group in desired.groups.values() {
            match lookup.find(group, owner) {
                // Someone may have renamed the group that we made: look for its mark.
                Found::None | Found::Many(_) if !group.is_named() => {
                    reads.push(by_unique_name(&mark(owner, &group.name)));
                }
                Found::One(seen) => {
                    if !seen.dynamic || seen.takes_rule(group, owner) {
                        reads.push(members(&seen.id));
                    }
                    if group.owners.is_some() {
                        reads.push(owners(&seen.id));
                    }
                    if seen.is_managed(group, owner) {
                        reads.extend(options::reads(&seen.id, &group.options));
                        // Whose licences go with those of the group?
                        if group.options.licenses.is_some() {
                            reads.push(members(&seen.id));
                        }
                    }
                }
                _ => {}
            }
        }
        reads
    }
}

/// Returns the read of the group with an alternate key.
fn by_unique_name(name: &str) -> Read {
    let key = encode(&format!("'{}'", name.replace('\'', "''")));
    let read = Read::one(
        format!("/groups(uniqueName={key})?{SELECT}"),
        "Group.Read.All",
    );
    read.optional().about(Topic::Groups)
}

/// Returns the read of all groups with these display names.
pub(super) fn named(names: &[&str]) -> Read {
    let clauses = names
        .iter()
        .map(|name| format!("displayName%20eq%20{}", literal(name)));
    let filter = clauses.collect::<Vec<_>>().join("%20or%20");
    Read::list(
        format!("/groups?$filter={filter}&{SELECT}&$top=999"),
        "Group.Read.All",
    )
    .about(Topic::Groups)
}

/// Returns the read of these groups, by list: whether lists show them yet.
pub fn listed(ids: &[&str]) -> Read {
    let clauses = ids.iter().map(|id| format!("id%20eq%20{}", literal(id)));
    let filter = clauses.collect::<Vec<_>>().join("%20or%20");
    Read::list(
        format!("/groups?$filter={filter}&$select=id"),
        "Group.Read.All",
    )
    .about(Topic::Groups)
}

/// Returns the read of a group's direct members. Only ids are asked for: which of them are guests
/// is known from the list of guests, and an uncast list needs no eventually consistent index.
pub(crate) fn members(id: &str) -> Read {
    Read::list(
        format!("/groups/{id}/members?$select=id&$top=999"),
        "GroupMember.Read.All",
    )
    .about(Topic::Members(id.to_owned()))
}

/// Returns the read of the groups in a group.
pub(crate) fn inner(id: &str) -> Read {
    let path = format!("/groups/{id}/members/microsoft.graph.group?$select=id&$top=999");
    Read {
        may_be_missing: true,
        ..Read::list(path, "GroupMember.Read.All").about(Topic::Inner(id.to_owned()))
    }
}

/// Returns the reads of groups by their ids.
pub(crate) fn by_id(ids: &[&str]) -> Vec<Read> {
    let some = |ids: &[&str]| {
        let clauses = ids.iter().map(|id| format!("id%20eq%20{}", literal(id)));
        let filter = clauses.collect::<Vec<_>>().join("%20or%20");
        let path = format!("/groups?$filter={filter}&{SELECT}&$top=999");
        Read::list(path, "Group.Read.All").about(Topic::Groups)
    };
    ids.chunks(NAMES).map(some).collect()
}

/// Returns the reads of one group and of its members again: for a precondition.
pub fn again(id: &str) -> [Read; 2] {
    let group = Read::one(format!("/groups/{id}?{SELECT}"), "Group.Read.All");
    [group.about(Topic::Group(id.to_owned())), members(id)]
}

/// Returns the read of a group's owners.
pub(crate) fn owners(id: &str) -> Read {
    Read::list(
        format!("/groups/{id}/owners?$select=id"),
        "GroupMember.Read.All",
    )
    .about(Topic::Owners(id.to_owned()))
}

/// Returns the read of all groups that follow a rule.
pub(crate) fn dynamic() -> Read {
    let path = format!(
        "/groups?$filter=groupTypes/any(t:t%20eq%20%27DynamicMembership%27)&{SELECT}&$top=999"
    );
    Read::list(path, "Group.Read.All")
        .optional()
        .about(Topic::DynamicGroups)
}

/// Returns the read of all groups that directory roles can be given to.
pub(crate) fn role_assignable() -> Read {
    let path = format!("/groups?$filter=isAssignableToRole%20eq%20true&{SELECT}&$top=999");
    Read::list(path, "Group.Read.All")
        .optional()
        .about(Topic::RoleGroups)
}

impl SeenGroups {
    /// Takes in what a group has besides its members.
    pub fn absorb_options(
        &mut self,
        group: &str,
        asked: Asked,
        items: &[Value],
    ) -> Result<(), DecodeError> {
        let options = self.options.entry(group.to_owned()).or_default();
        options.take_in(asked, items)
    }

    /// Takes in groups from a reply.
    pub fn absorb(&mut self, items: &[Value]) -> Result<(), DecodeError> {
        for item in items {
            let group = SeenGroup::decode(item)?;
            self.groups.insert(group.id.clone(), group);
        }
        Ok(())
    }

    /// Takes in the members or owners of a group from a reply.
    pub fn absorb_edges(
        into: &mut BTreeMap<ObjectId, BTreeSet<ObjectId>>,
        group: &str,
        items: &[Value],
    ) -> Result<(), DecodeError> {
        let edges = into.entry(group.to_owned()).or_default();
        edges.extend(ids(items)?);
        Ok(())
    }
}
