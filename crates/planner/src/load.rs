//! YAML text in, what should be and the rules for it out. Reports every mistake of every file in
//! one go; while there is one, nothing is planned. Reading files is left to the caller.

mod entries;
mod sections;

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};
use std::fmt;
use std::sync::Arc;

use foldhash::HashSet;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::kinds::assignment::Sort;
use crate::kinds::tenant_policy::{Policies, Referred, Section, excluded};
use crate::kinds::{group, guest};
use crate::policy::{Policy, Tenant};
use crate::yaml::node::{Place, Value};
use crate::yaml::{self, Mistake, Node, Source, Step};

/// The folder of guests.
pub const GUESTS: &str = "guests/";

/// Sections that the contract knows and this version does not act on yet.
const LATER: &[&str] = &["accessReviews", "catalogs", "accessPackages"];

/// The sections whose items are objects; lists of all files add up.
const LISTS: &[&str] = &["guests", "groups"];

/// The sections that hold single values.
const RULES: &[&str] = &[
    "tenant",
    "scope",
    "requirements",
    "lifecycle",
    "limits",
    "mails",
];

/// What should be, as people wrote it.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// Guests by address in lower case.
    pub guests: BTreeMap<String, guest::written::Declared>,
    /// Groups by name.
    pub groups: Groups,
    /// Policies of the tenant.
    pub policies: Policies,
}

impl Desired {
    /// Returns the names of everybody whom entries refer to, in lower case: sponsors, owners, and the
    /// mailboxes that invitations are sent from.
    pub fn principals(&self) -> BTreeSet<String> {
        let guests = self.guests.values();
        let groups = self.groups.values();
        let sponsors = guests.filter_map(|guest| guest.sponsors.as_ref());
        let senders = self.guests.values();
        let senders = senders.filter_map(|guest| guest.invitation.from.as_ref());
        let owners = groups.filter_map(|group| group.owners.as_ref());
        // Few names, written many times: not sorted before each stands once.
        let names: HashSet<_> = sponsors.chain(owners).flatten().chain(senders).collect();
        let names = names.into_iter().map(|name| name.to_lowercase());
        names.chain(self.named_in_policies()).collect()
    }

    /// Returns the names of users, and of groups that no file declares, in policies, in lower case.
    fn named_in_policies(&self) -> impl Iterator<Item = String> {
        let policies = self.policies.iter();
        let each = policies.flat_map(|(section, all)| all.iter().map(move |one| (section, one)));
        let referred = each.flat_map(|(section, one)| section.referred(&one.properties));
        let named = referred.filter(|(sort, name)| match sort {
            Referred::User => !sort.is_literal(name),
            Referred::Group => !sort.is_literal(name) && !self.groups.contains_key(name),
            _ => false,
        });
        named.map(|(_, name)| name.to_lowercase())
    }

    /// Returns the groups that conditional access policies of the files exclude, once in force, as the files
    /// say them, each with the policy.
    pub(crate) fn excluded(&self) -> impl Iterator<Item = (&str, &str)> {
        let policies = self.policies.get(&Section::ConditionalAccess);
        let policies = policies.into_iter().flatten();
        policies.flat_map(|policy| {
            let groups = excluded(&policy.properties);
            groups.map(|group| (group, policy.name.as_str()))
        })
    }

    /// Returns the sections whose policies matter: those of the files, and those that groups live by.
    pub fn sections(&self) -> BTreeSet<Section> {
        let of_group = |group: &group::written::Declared| {
            let options = &group.options;
            let expiration = options.expiration.map(|_| Section::GroupExpiration);
            let settings = options.allow_to_add_guests.map(|_| Section::GroupSettings);
            [expiration, settings]
        };
        let of_groups = self.groups.values().flat_map(of_group).flatten();
        self.policies.keys().copied().chain(of_groups).collect()
    }

    /// Returns the sorts of things that some entry lists, of a guest or of a group.
    pub fn uses(&self) -> BTreeSet<Sort> {
        let mut groups = self.groups.values();
        let licenses = groups.any(|group| group.options.licenses.is_some());
        let given = self
            .guests
            .values()
            .filter_map(|guest| guest.given.as_ref());
        let given = given.flat_map(|given| given.keys().copied());
        given.chain(licenses.then_some(Sort::License)).collect()
    }
}

/// Groups by name.
pub type Groups = BTreeMap<String, group::written::Declared>;

/// A whole repository, understood.
#[derive(Clone, Debug)]
pub struct Config {
    /// What should be.
    pub desired: Desired,
    /// The rules for it.
    pub policy: Policy,
    /// Names the exact text it was read from, in any order of files.
    pub digest: String,
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Collects mistakes and knows which file each place is in.
#[derive(Debug)]
pub struct Checker<'a> {
    sources: &'a [Source],
    files: Arc<[Arc<str>]>,
    mistakes: Vec<Mistake>,
    /// The instant that "within" counts from.
    pub now: Timestamp,
}

impl<'a> Checker<'a> {
    fn new(sources: &'a [Source], now: Timestamp) -> Self {
        let files = sources
            .iter()
            .map(|source| Arc::from(source.path.as_str()))
            .collect();
        Self {
            sources,
            files,
            mistakes: Vec::new(),
            now,
        }
    }

    /// Returns one that collects on its own.
    fn fork(&self) -> Self {
        Self {
            sources: self.sources,
            files: self.files.clone(),
            mistakes: Vec::new(),
            now: self.now,
        }
    }

    /// Returns where a place is.
    pub fn origin(&self, place: Place) -> Origin {
        Origin {
            file: self.files[place.file].clone(),
            line: place.line,
        }
    }

    /// Reports a mistake at a place. A second line `hint: …` becomes the hint.
    pub fn place(&mut self, place: Place, message: impl Into<String>) {
        let message = message.into();
        let (message, hint) = match message.split_once("\nhint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        let path = self.sources[place.file].path.clone();
        self.mistakes.push(Mistake {
            path,
            place,
            message,
            hint,
        });
    }

    /// Reports a mistake about a key of a mapping, or about the mapping if the key is not there.
    pub fn at(&mut self, node: &Node, key: &str, message: impl Into<String>) {
        self.path(node, &[key.into()], message);
    }

    /// Reports a mistake about the part that a path leads to.
    pub fn path(&mut self, node: &Node, path: &[Step], message: impl Into<String>) {
        self.place(node.locate(path), message);
    }

    /// Decodes a value and reports what is wrong with it. `also` are further known keys.
    pub fn decode<T: DeserializeOwned>(&mut self, node: &Node, also: &[&str]) -> Option<T> {
        yaml::decode(node, also, |error, place| {
            let hint = error
                .hint
                .map(|hint| format!("\nhint: {hint}"))
                .unwrap_or_default();
            self.place(place, format!("{}{hint}", error.message));
        })
    }

    /// Reports keys that this version does not act on yet.
    pub fn later(&mut self, node: &Node, keys: &[&str]) {
        for (key, _) in node
            .entries()
            .iter()
            .filter(|(key, _)| keys.contains(&key.name.as_str()))
        {
            self.place(key.place, format!("`{}` is not supported yet", key.name));
        }
    }

    /// Reports keys that hold nothing: neither "leave alone" nor "none" was said.
    pub fn nothing_held(&mut self, node: &Node, may_be_null: impl Fn(&str) -> bool) {
        for (key, value) in node.entries() {
            if value.value == Value::Null && !may_be_null(&key.name) {
                let name = &key.name;
                self.place(key.place, format!("`{name}` holds nothing\nhint: leave the key out to leave it alone, or write an empty list for none"));
            }
        }
    }
}

/// Reads a repository as of `now`.
pub fn load(sources: &[Source], now: Timestamp) -> Result<Config, Vec<Mistake>> {
    let mut check = Checker::new(sources, now);
    let sections = sections::policies(&mut check);
    let policy = policy(&sections, &mut check);
    let groups = groups(&sections, &policy, &mut check);
    let guests = entries::read(&policy, &groups, &mut check);
    let policies = tenant_policies(&sections, &policy, &mut check);
    let desired = Desired {
        guests,
        groups,
        policies,
    };
    if !policy.tenant.is_sandbox()
        && policy.tenant.owner.is_none()
        && sections.contains_key("tenant")
    {
        check.at(&sections["tenant"], "id", "a real tenant needs `tenant.owner`\nhint: name this repository, such as partner-access: guests carry the name");
    }
    if check.mistakes.is_empty() {
        return Ok(Config {
            desired,
            policy,
            digest: digest(sources),
        });
    }
    check.mistakes.sort();
    check.mistakes.dedup();
    Err(check.mistakes)
}

/// Reads the policies of the tenant, section by section.
fn tenant_policies(
    sections: &BTreeMap<String, Node>,
    policy: &Policy,
    check: &mut Checker<'_>,
) -> Policies {
    let mut policies = Policies::new();
    for section in Section::ALL {
        let Some(node) = sections.get(section.key()) else {
            continue;
        };
        let declared = section.terms().read(node, policy, check);
        if !declared.is_empty() {
            policies.insert(*section, declared);
        }
    }
    policies
}

/// Returns which tenant files are for, without reading the guests; none if there is a mistake.
pub fn tenant(sources: &[Source]) -> Option<Tenant> {
    let mut check = Checker::new(sources, Timestamp::UNIX_EPOCH);
    let sections = sections::policies(&mut check);
    let policy = policy(&sections, &mut check);
    check.mistakes.is_empty().then_some(policy.tenant)
}

fn policy(sections: &BTreeMap<String, Node>, check: &mut Checker<'_>) -> Policy {
    fn rule<T: DeserializeOwned + Default>(
        name: &str,
        sections: &BTreeMap<String, Node>,
        check: &mut Checker<'_>,
    ) -> T {
        sections
            .get(name)
            .and_then(|node| {
                for (_, part) in node.entries() {
                    check.nothing_held(part, |_| false);
                }
                check.nothing_held(node, |_| false);
                check.decode(node, &[])
            })
            .unwrap_or_default()
    }
    Policy {
        tenant: rule("tenant", sections, check),
        scope: rule("scope", sections, check),
        requirements: rule("requirements", sections, check),
        lifecycle: rule("lifecycle", sections, check),
        limits: rule("limits", sections, check),
        mails: rule("mails", sections, check),
        places: places(sections, check),
    }
}

/// Returns where the keys of `lifecycle` stand, and by the empty name where the rules begin.
fn places(sections: &BTreeMap<String, Node>, check: &Checker<'_>) -> BTreeMap<String, Origin> {
    let lifecycle = sections.get("lifecycle");
    let first = lifecycle
        .or_else(|| sections.get("tenant"))
        .or_else(|| sections.values().next());
    let first = first.map(|node| (String::new(), check.origin(node.place)));
    let keys = lifecycle.map_or(&[][..], Node::entries);
    let keys = keys
        .iter()
        .map(|(key, _)| (key.name.clone(), check.origin(key.place)));
    first.into_iter().chain(keys).collect()
}

fn groups(sections: &BTreeMap<String, Node>, policy: &Policy, check: &mut Checker<'_>) -> Groups {
    let mut groups: Groups = BTreeMap::new();
    for node in sections.get("groups").map_or(&[][..], Node::items) {
        let Some(group) = group::written::Declared::read(node, check) else {
            continue;
        };
        for license in group.options.licenses.iter().flatten() {
            if let Some(text) = Sort::License.rules().refusal(license, policy) {
                check.at(node, "licenses", text);
            }
        }
        match groups.entry(group.name.to_lowercase()) {
            Entry::Vacant(entry) => drop(entry.insert(group)),
            Entry::Occupied(entry) => {
                let first: &group::written::Declared = entry.get();
                check.at(
                    node,
                    "name",
                    format!(
                        "group `{}` is declared twice\nhint: it is also declared at {}",
                        group.name, first.origin
                    ),
                );
            }
        }
    }
    // Names are compared without case, as the tenant does.
    groups
        .into_values()
        .map(|group| (group.name.clone(), group))
        .collect()
}

/// Returns a digest that names the text of all files, whatever the order they were read in.
fn digest(sources: &[Source]) -> String {
    let files: BTreeMap<_, _> = sources
        .iter()
        .map(|source| (&source.path, &source.text))
        .collect();
    let mut hash = Sha256::new();
    for (path, text) in files {
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
