//! Asks a rule about a person.

use std::collections::{BTreeMap, BTreeSet};

use super::property::graph_name;
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
pub enum Held {
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
    Text(String),
}

/// What is known of a person. What it does not name is unknown.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// By Graph's names.
    held: BTreeMap<String, Held>,
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::Yes } else { Self::No }
    }
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    /// Returns whether all hold.
    fn all(parts: impl Iterator<Item = Self>) -> Self {
        Self::any(parts.map(Self::not)).not()
    }

    /// Returns whether at least one holds.
    fn any(parts: impl Iterator<Item = Self>) -> Self {
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

impl From<Option<&str>> for Held {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.to_owned()))
    }
}

impl Person {
    /// Returns a user as the tenant has it. Its profile must have been read.
    pub fn seen(user: &User) -> Self {
        let mut person = Self::default();
        let profile = |name: &str| user.profile.get(name).and_then(Option::as_deref);
        for property in &PROFILE {
            person.has(property.name, profile(property.name).into());
        }
        for number in 1..=15 {
            let name = format!("extensionAttribute{number}");
            let held = user.attributes.get(&name).map(String::as_str).into();
            person.has(&name, held);
        }
        person.has("objectId", Held::Text(user.id.clone()));
        person.has(
            "userPrincipalName",
            Held::Text(user.user_principal_name.clone()),
        );
        person.has("mail", user.mail.as_deref().into());
        person.has("userType", user.user_type.as_deref().into());
        person.has(
            "dirSyncEnabled",
            if user.synced {
                Held::Flag(true)
            } else {
                Held::Nothing
            },
        );
        person.enabled(user.account_enabled);
        person
    }

    /// Returns a guest who is to be invited, as far as that is decided.
    pub fn invited() -> Self {
        let mut person = Self::of_type("Guest");
        for property in &PROFILE {
            person.has(property.name, Held::Nothing);
        }
        // Graph makes these up where nothing is said.
        for name in [
            "displayName",
            "userPrincipalName",
            "mailNickName",
            "mailNickname",
        ] {
            person.has(name, Held::Something);
        }
        for number in 1..=15 {
            person.has(&format!("extensionAttribute{number}"), Held::Nothing);
        }
        person.has("dirSyncEnabled", Held::Nothing);
        person.has("employeeHireDate", Held::Nothing);
        person.enabled(Some(true));
        person
    }

    /// Returns the person as it is once this is so. `attribute` carries the stamp.
    pub fn becoming(mut self, guest: &Guest, attribute: &str) -> Self {
        for (name, value) in guest.profile.iter() {
            self.has(name.as_str(), value.as_deref().into());
        }
        if let Some(mail) = &guest.mail {
            self.has("mail", Held::Text(mail.clone()));
        }
        if guest.account_enabled.is_some() {
            self.enabled(guest.account_enabled);
        }
        if let Some(stamp) = &guest.stamp {
            self.has(attribute, Held::Text(stamp.to_string()));
        }
        if let Some(old) = &guest.clears {
            self.has(old, Held::Nothing);
        }
        self
    }

    /// Returns somebody of whom only the type is known.
    pub fn of_type(user_type: &str) -> Self {
        let mut person = Self::default();
        person.has("objectId", Held::Something);
        person.has("userType", Held::Text(user_type.to_owned()));
        person
    }

    /// Returns the properties that two people hold differently, by Graph's names.
    pub fn differing<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let names = self.held.keys().chain(other.held.keys());
        names
            .filter(|name| self.held.get(*name) != other.held.get(*name))
            .map(String::as_str)
            .collect()
    }

    fn enabled(&mut self, enabled: Option<bool>) {
        self.has("accountEnabled", enabled.map_or(Held::Unknown, Held::Flag));
    }

    fn has(&mut self, name: &str, held: Held) {
        self.held.insert(name.to_owned(), held);
    }

    fn holds(&self, name: &str) -> &Held {
        self.held.get(graph_name(name)).unwrap_or(&Held::Unknown)
    }
}

impl Rule {
    /// Returns whether a person belongs into the group.
    pub fn takes(&self, person: &Person) -> Truth {
        match self {
            Self::And(parts) => Truth::all(parts.iter().map(|part| part.takes(person))),
            Self::Or(parts) => Truth::any(parts.iter().map(|part| part.takes(person))),
            Self::Not(part) => part.takes(person).not(),
            Self::Is(name, test) => test.passes(person.holds(name)),
            Self::Device(_) => Truth::No,
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
            // No property of a user is asked for, or none that we change.
            Self::Device(_) | Self::DirectReports => BTreeSet::new(),
        }
    }

    /// Returns the properties that a person's answer hangs on and of which nobody knows what they
    /// hold.
    pub fn lacks(&self, person: &Person) -> Vec<&str> {
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
            Self::DirectReports => vec!["manager"],
        }
    }
}

/// Returns text as it is compared: letter by letter without case, so that no letter depends on where it
/// stands.
fn folded(text: &str) -> String {
    let upper = |letter: char| {
        let mut upper = letter.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => letter,
        }
    };
    text.chars().map(upper).collect()
}

impl Test {
    fn passes(&self, held: &Held) -> Truth {
        let meets = self.values.iter().map(|value| self.meets(held, value));
        let found = Truth::any(meets);
        if self.negated { found.not() } else { found }
    }

    /// What is empty equals null and no text: that `-ne` and the like hold for it is not documented,
    /// and is what tenants rely on to leave out whoever is marked.
    fn meets(&self, held: &Held, value: &Value) -> Truth {
        match (held, value) {
            (Held::Unknown, _) | (_, Value::Instant(_)) => Truth::Unknown,
            (Held::Nothing, Value::Null) => Truth::Yes,
            (_, Value::Null) => Truth::No,
            (Held::Something, _) => Truth::Unknown,
            // Entra keeps nothing where false is meant, or false.
            (Held::Nothing, Value::Flag(wanted)) if !wanted => Truth::Unknown,
            (Held::Nothing, Value::Pattern(pattern)) => pattern.found_in_nothing(),
            (Held::Flag(held), Value::Flag(wanted)) => (held == wanted).into(),
            (Held::Text(held), Value::Pattern(pattern)) => pattern.found_in(held),
            (Held::Text(held), Value::Text(wanted)) => {
                self.compares(&folded(held), &folded(wanted))
            }
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
