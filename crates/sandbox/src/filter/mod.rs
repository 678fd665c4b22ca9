//! OData `$filter`: text to tree (`parse`), what the directory has an index for (`support`), and
//! whether an object matches (`matches`).

mod matches;
mod parse;
mod support;
mod tokens;

use jiff::Timestamp;

pub(crate) use matches::matches;
pub(crate) use parse::parse;
pub(crate) use support::check;

/// A filter expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Path, Comparison, Literal),
    In(Path, Vec<Literal>),
    Text(TextTest, Path, String),
    /// `otherMails/any(x:x eq 'a')`.
    Any(Path, String, Box<Filter>),
    /// `assignedLicenses/$count eq 0`.
    Count(Path, Comparison, i64),
}

/// A property, or one inside it, or a lambda variable.
pub(crate) type Path = Vec<String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Ge,
    Le,
    Gt,
    Lt,
}

impl Comparison {
    /// Returns the operator's name in the schema's filter table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Comparison::Eq => "eq",
            Comparison::Ne => "ne",
            Comparison::Ge => "ge",
            Comparison::Le => "le",
            Comparison::Gt => "gt",
            Comparison::Lt => "lt",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

impl TextTest {
    pub(crate) fn name(self) -> &'static str {
        match self {
            TextTest::StartsWith => "startsWith",
            TextTest::EndsWith => "endsWith",
            TextTest::Contains => "contains",
        }
    }
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Time(Timestamp),
}
