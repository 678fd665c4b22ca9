//! Membership rules of dynamic groups: read as Entra reads them, and asked about a person. What a rule
//! needs and nobody knows is unknown, and never "no".
//!
//! Source: "Manage rules for dynamic membership groups", Microsoft Entra ID.

mod ask;
mod parse;
mod property;
#[cfg(test)]
mod tests;
mod words;

use regex::{Regex, RegexBuilder};

pub use ask::{Held, Person, Truth};
pub use parse::{Mistake, parse};

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
    /// A text.
    Text(String),
    /// A regular expression.
    Pattern(Pattern),
    /// An instant.
    Instant(String),
}

/// A regular expression of .NET, as far as it is understood here.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Option<Regex>,
}

impl Pattern {
    /// Rules compare without case.
    fn new(text: &str) -> Self {
        let regex = RegexBuilder::new(text)
            .case_insensitive(true)
            .size_limit(1 << 20)
            .build();
        Self {
            text: text.to_owned(),
            regex: regex.ok(),
        }
    }

    fn found_in(&self, text: &str) -> Truth {
        let found = |regex: &Regex| regex.is_match(text).into();
        self.regex.as_ref().map_or(Truth::Unknown, found)
    }

    /// Whether an expression that fits an empty text fits none is not documented.
    fn found_in_nothing(&self) -> Truth {
        match self.found_in("") {
            Truth::No => Truth::No,
            Truth::Yes | Truth::Unknown => Truth::Unknown,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

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
            Self::Is(_, test) => !test.values.iter().any(|it| matches!(it, Value::Instant(_))),
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
        let mut uses = |name: &str, caution: &'static str| {
            if self.any(&|part| part.is_of(name)) {
                cautions.push(caution);
            }
        };
        uses(
            "-match",
            "uses -match, which is slow: -eq or -startsWith is better",
        );
        uses(
            "-contains",
            "uses -contains, which is slow: -eq or -startsWith is better",
        );
        uses(
            "memberOf",
            "uses memberOf, which is a preview with limits of its own",
        );
        cautions
    }

    /// Returns whether a part stands for an operator or a property with such a name.
    fn is_of(&self, name: &str) -> bool {
        let operator = |test: &Test| match test.operator {
            Operator::Match => "-match",
            Operator::Contains => "-contains",
            _ => "",
        };
        match self {
            Self::Is(property, test) => property == name || operator(test) == name,
            Self::Items(property, _) => property == name,
            _ => false,
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
                Self::Is(..) | Self::DirectReports => false,
            }
    }
}
