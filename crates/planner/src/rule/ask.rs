//! Asks a rule about a person.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::property::{ATTRIBUTES, graph_name};
use super::{Operator, Rule, Test, Value};
use crate::kinds::guest::Guest;
use crate::kinds::guest::profile::PROFILE;
use crate::kinds::guest::user::User;

/// An answer, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// What it takes is not known.
    Unknown,
}

/// What a property holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Held<'a> {
    /// Nobody knows.
    #[default]
    Unknown,
    /// Something, and nobody knows what.
    Something,
    /// Nothing.
    Nothing,
    /// True or false.
    Flag(bool),
    /// A text.
    Text(Cow<'a, str>),
}

/// What is known of a person. What neither the account nor the list says is unknown.
#[derive(Clone, Debug, Default)]
pub struct Person<'a> {
    /// The account, with its whole profile.
    user: Option<&'a User>,
    /// What is known instead, by Graph's names.
    held: BTreeMap<&'a str, Held<'a>>,
    /// Of which groups it is known whether this is a direct member, by id.
    groups: BTreeMap<&'a str, bool>,
    /// Whether what nothing says about empty properties is unknown.
    doubted: bool,
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::Yes } else { Self::No }
    }
}

impl Truth {
    pub(crate) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    /// Returns whether all hold.
    pub(crate) fn all(parts: impl Iterator<Item = Self>) -> Self {
        Self::any(parts.map(Self::not)).not()
    }

    /// Returns whether at least one holds.
    pub(crate) fn any(parts: impl Iterator<Item = Self>) -> Self {
        let mut found = Self::No;
        for part in parts {
            match part {
                Self::Yes => return Self::Yes,
                Self::Unknown => found = Self::Unknown,
                Self::No => {}
            }
        }
        found
    }
}

impl<'a> From<Option<&'a str>> for Held<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::from)
    }
}

impl<'a> From<&'a str> for Held<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<Option<bool>> for Held<'_> {
    fn from(flag: Option<bool>) -> Self {
        flag.map_or(Self::Unknown, Self::Flag)
    }
}

impl<'a> Person<'a> {
    /// Returns a user as the tenant has it. Its profile must have been read.
    pub fn seen(user: &'a User) -> Self {
        Self {
            user: Some(user),
            ..Self::default()
        }
    }

    /// Returns a guest who is to be invited, as far as that is decided.
    pub fn invited() -> Self {
        let mut person = Self::of_type("Guest");
        let empty = PROFILE.iter().map(|property| property.name);
        let empty = empty.chain(ATTRIBUTES);
        for name in empty.chain(["dirSyncEnabled", "employeeHireDate"]) {
            person.held.insert(name, Held::Nothing);
        }
        // Graph makes these up where nothing is said.
        let made_up = [
            "displayName",
            "userPrincipalName",
            "mailNickName",
            "mailNickname",
        ];
        for name in made_up {
            person.held.insert(name, Held::Something);
        }
        person.held.insert("accountEnabled", Held::Flag(true));
        person
    }

    /// Returns the person as it is once this is so. `attribute` carries the stamp.
    pub fn becoming(mut self, guest: &'a Guest, attribute: &'a str) -> Self {
        let profile = guest.profile.iter();
        let mut held: Vec<_> = profile
            .map(|(name, value)| (name.as_str(), value.as_deref().into()))
            .collect();
        if let Some(mail) = &guest.mail {
            // Graph derives the others from it, so that they change with it.
            let changed = ["mail", "otherMails", "proxyAddresses"];
            held.extend(changed.map(|name| (name, mail.as_str().into())));
        }
        if guest.account_enabled.is_some() {
            held.push(("accountEnabled", guest.account_enabled.into()));
        }
        if let Some(stamp) = &guest.stamp {
            held.push((attribute, Held::Text(stamp.to_string().into())));
        }
        if let Some(old) = &guest.clears {
            held.push((old, Held::Nothing));
        }
        self.held.extend(held);
        self
    }

    /// Returns somebody of whom only the type is known.
    pub fn of_type(user_type: &'a str) -> Self {
        let known = [
            ("objectId", Held::Something),
            ("userType", user_type.into()),
        ];
        Self {
            held: known.into(),
            ..Self::default()
        }
    }

    /// Returns the person of whom nothing undocumented is believed: that `-ne` holds for what is empty.
    pub fn doubted(self) -> Self {
        Self {
            doubted: true,
            ..self
        }
    }

    /// Returns the person as a direct member of a group, or as none.
    pub fn member(mut self, group: &'a str, is_member: bool) -> Self {
        self.groups.insert(group, is_member);
        self
    }

    /// Returns the properties that two states of a person hold differently, by Graph's names.
    pub fn differing(&self, other: &Self) -> BTreeSet<&'a str> {
        let names = self.held.keys().chain(other.held.keys()).copied();
        names
            .filter(|name| self.holds(name) != other.holds(name))
            .collect()
    }

    /// Returns whether this is a direct member of a group.
    fn is_in(&self, group: &str) -> Truth {
        let mut known = self.groups.iter();
        let known = known.find(|(id, _)| id.eq_ignore_ascii_case(group));
        known.map_or(Truth::Unknown, |(_, is_member)| (*is_member).into())
    }

    fn holds(&self, name: &str) -> Held<'_> {
        let name = graph_name(name);
        match (self.held.get(name), self.user) {
            (Some(held), _) => held.clone(),
            (None, Some(user)) => seen(user, name),
            (None, None) => Held::Unknown,
        }
    }
}

/// Returns what an account holds, by Graph's name.
fn seen<'a>(user: &'a User, name: &str) -> Held<'a> {
    match name {
        "objectId" => user.id.as_str().into(),
        "userPrincipalName" => user.user_principal_name.as_str().into(),
        "mail" => user.mail.as_deref().into(),
        "userType" => user.user_type.as_deref().into(),
        "accountEnabled" => user.account_enabled.into(),
        "dirSyncEnabled" if user.synced => Held::Flag(true),
        "dirSyncEnabled" => Held::Nothing,
        _ if ATTRIBUTES.contains(&name) => user.attributes.get(name).map(String::as_str).into(),
        _ if PROFILE.iter().any(|property| property.name == name) => {
            user.profile.get(name).and_then(Option::as_deref).into()
        }
        _ => Held::Unknown,
    }
}

impl Rule {
    /// Returns whether a person belongs into the group.
    pub fn takes(&self, person: &Person<'_>) -> Truth {
        match self {
            Self::And(parts) => Truth::all(parts.iter().map(|part| part.takes(person))),
            Self::Or(parts) => Truth::any(parts.iter().map(|part| part.takes(person))),
            Self::Not(part) => part.takes(person).not(),
            Self::Is(name, test) => test.passes(&person.holds(name), person.doubted),
            Self::Device(_) => Truth::No,
            Self::MemberOf(groups) => Truth::any(groups.iter().map(|group| person.is_in(group))),
            // No snapshot holds items of collections, nor managers.
            Self::Items(..) | Self::DirectReports => Truth::Unknown,
        }
    }

    /// Returns the properties that it asks for, by Graph's names.
    pub fn asks(&self) -> BTreeSet<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::asks).collect(),
            Self::Not(part) => part.asks(),
            Self::Is(name, _) | Self::Items(name, _) => BTreeSet::from([graph_name(name)]),
            Self::MemberOf(_) => BTreeSet::from(["memberOf"]),
            // No property of a user is asked for, or none that we change.
            Self::Device(_) | Self::DirectReports => BTreeSet::new(),
        }
    }

    /// Returns the properties that a person's answer hangs on and of which nobody knows what they
    /// hold.
    pub fn lacks(&self, person: &Person<'_>) -> Vec<&str> {
        if self.takes(person) != Truth::Unknown {
            return Vec::new();
        }
        match self {
            Self::And(parts) | Self::Or(parts) => {
                let mut lacks: Vec<_> = parts.iter().flat_map(|part| part.lacks(person)).collect();
                lacks.sort_unstable();
                lacks.dedup();
                lacks
            }
            Self::Not(part) | Self::Device(part) => part.lacks(person),
            Self::Is(name, _) | Self::Items(name, _) => vec![name],
            Self::MemberOf(_) => vec!["memberOf"],
            Self::DirectReports => vec!["manager"],
        }
    }
}

/// Returns text as it is compared: letter by letter without case, so that no letter depends on where it
/// stands.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    let upper = |letter: char| {
        // Upper case would make plain letters of them.
        if matches!(letter, 'ı' | 'ſ') {
            return letter;
        }
        let mut upper = letter.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => letter,
        }
    };
    text.chars().map(upper).collect()
}

impl Test {
    /// Whether the opposite of a comparison holds for what is empty is not documented, and is what
    /// tenants rely on to leave out whoever is marked. `doubted` says whether to.
    fn passes(&self, held: &Held<'_>, doubted: bool) -> Truth {
        let meets = self.values.iter().map(|value| self.meets(held, value));
        let found = Truth::any(meets);
        let is_empty = *held == Held::Nothing && !self.values.contains(&Value::Null);
        if doubted && self.negated && is_empty {
            return Truth::Unknown;
        }
        if self.negated { found.not() } else { found }
    }

    fn meets(&self, held: &Held<'_>, value: &Value) -> Truth {
        match (held, value) {
            (Held::Unknown, _) | (_, Value::Instant) => Truth::Unknown,
            (Held::Nothing, Value::Null) => Truth::Yes,
            (_, Value::Null) => Truth::No,
            (Held::Something, _) => Truth::Unknown,
            // Entra keeps nothing where false is meant, or false.
            (Held::Nothing, Value::Flag(wanted)) if !wanted => Truth::Unknown,
            (Held::Nothing, Value::Pattern(pattern)) => pattern.found_in_nothing(),
            (Held::Flag(held), Value::Flag(wanted)) => (held == wanted).into(),
            (Held::Text(held), Value::Pattern(pattern)) => pattern.found_in(held),
            (Held::Text(held), Value::Text(wanted)) => self.compares(&folded(held), wanted),
            _ => Truth::No,
        }
    }

    fn compares(&self, held: &str, wanted: &str) -> Truth {
        match self.operator {
            Operator::Equals => (held == wanted).into(),
            Operator::StartsWith => held.starts_with(wanted).into(),
            Operator::EndsWith => held.ends_with(wanted).into(),
            Operator::Contains => held.contains(wanted).into(),
            Operator::Match | Operator::Order => Truth::Unknown,
        }
    }
}
