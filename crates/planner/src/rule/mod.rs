//! Membership rules of dynamic groups: read as Entra reads them, and asked about a person. What a rule
//! needs and nobody knows is unknown, and never "no".
//!
//! Source: "Manage rules for dynamic membership groups", Microsoft Entra ID.

mod ask;
mod operators;
mod parse;
mod pattern;
mod property;
#[cfg(test)]
mod tests;
mod words;

pub use ask::{Held, Person, Truth};
pub use parse::{Mistake, parse};
pub use pattern::Pattern;

/// A rule, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All parts hold.
    And(Vec<Rule>),
    /// At least one part holds.
    Or(Vec<Rule>),
    /// The part does not hold.
    Not(Box<Rule>),
    /// A property holds something, or one field of an item does.
    Is(String, Test),
    /// Items of a collection; in the part, names are fields of an item, `_` is the item itself.
    Items(String, Box<Rule>),
    /// A direct member of one of these groups, by id, as it is compared.
    MemberOf(Vec<String>),
    /// Who reports to a manager.
    DirectReports,
    /// About devices: no user is one.
    Device(Box<Rule>),
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// How it is compared.
    pub operator: Operator,
    /// With what; several for `-in`.
    pub values: Vec<Value>,
    /// Whether the opposite is meant.
    pub negated: bool,
}

/// How values are compared: always without case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `-eq`, `-ne`, `-in`, `-notIn`.
    Equals,
    /// `-startsWith`.
    StartsWith,
    /// `-endsWith`.
    EndsWith,
    /// `-contains`: part of a text.
    Contains,
    /// `-match`: a regular expression of .NET, found anywhere in the text.
    Match,
    /// `-le` and `-ge`: earlier or later.
    Order,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Flag(bool),
    /// A text, as it is compared: without case.
    Text(String),
    /// A regular expression.
    Pattern(Pattern),
    /// An instant, which nothing here is compared with.
    Instant,
}

impl Test {
    /// Returns whether it asks for one of some texts.
    fn is_one_of(&self) -> bool {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        self.operator == Operator::Equals && !self.negated && self.values.iter().all(is_text)
    }
}

impl Value {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Returns whether two rules are sure to take in the same people: they read alike but for spaces and
/// brackets. What is not kept of a rule when it is read, such as whose reports it asks for, counts as
/// another.
pub fn means_the_same(one: &str, other: &str) -> bool {
    match (parse(one), parse(other)) {
        (Ok(one), Ok(other)) => one.is_whole() && one == other,
        _ => false,
    }
}

impl Rule {
    /// Returns whether all that the text said is in it.
    fn is_whole(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_whole),
            Self::Not(part) | Self::Device(part) => part.is_whole(),
            Self::Is(_, test) => !test.values.contains(&Value::Instant),
            Self::MemberOf(_) => true,
            Self::Items(..) | Self::DirectReports => false,
        }
    }

    /// Returns what to be careful about, each once.
    pub fn cautions(&self) -> Vec<&'static str> {
        let mut cautions = Vec::new();
        if self.takes(&Person::of_type("Guest")) == Truth::Yes {
            cautions.push(if self.takes(&Person::of_type("Member")) == Truth::Yes {
                "takes in all users, and guests are users"
            } else {
                "takes in every guest of the tenant"
            });
        }
        let mut warn = |is: &dyn Fn(&Self) -> bool, caution| {
            if self.any(is) {
                cautions.push(caution);
            }
        };
        warn(
            &|part| part.compares(Operator::Match),
            "uses -match, which is slow: -eq or -startsWith is better",
        );
        warn(
            &|part| part.compares(Operator::Contains),
            "uses -contains, which is slow: -eq or -startsWith is better",
        );
        warn(
            &|part| part.asks_for_groups(),
            "uses memberOf, which is a preview with limits of its own",
        );
        warn(
            &|part| part.tests(|value| matches!(value, Value::Pattern(it) if !it.is_understood())),
            "matches an expression that is not understood here: whom it takes in cannot be told",
        );
        cautions
    }

    /// Returns whether this is a comparison of a kind.
    fn compares(&self, operator: Operator) -> bool {
        matches!(self, Self::Is(_, test) if test.operator == operator)
    }

    /// Returns whether this is a comparison with such a value.
    fn tests(&self, is: impl Fn(&Value) -> bool) -> bool {
        matches!(self, Self::Is(_, test) if test.values.iter().any(is))
    }

    /// Returns whether this asks for groups.
    fn asks_for_groups(&self) -> bool {
        match self {
            Self::Items(name, _) => name == "memberOf",
            part => matches!(part, Self::MemberOf(_)),
        }
    }

    /// Returns whether this is a rule about devices.
    pub fn is_about_devices(&self) -> bool {
        matches!(self, Self::Device(_))
    }

    /// Returns whether any part is such a one.
    fn any(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        is(self)
            || match self {
                Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.any(is)),
                Self::Not(part) | Self::Items(_, part) | Self::Device(part) => part.any(is),
                Self::Is(..) | Self::MemberOf(_) | Self::DirectReports => false,
            }
    }
}
