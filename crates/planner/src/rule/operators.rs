//! The operators of rules: how they are written, and what they ask.

use super::Operator;

/// An operator as rules write it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// Its name, without the hyphen.
    pub(super) name: &'static str,
    pub(super) operator: Operator,
    /// Whether it asks for the opposite.
    pub(super) negated: bool,
    /// Whether it takes a list.
    pub(super) list: bool,
}

const fn asks(name: &'static str, operator: Operator) -> Written {
    Written {
        name,
        operator,
        negated: false,
        list: false,
    }
}

const fn denies(name: &'static str, operator: Operator) -> Written {
    Written {
        negated: true,
        ..asks(name, operator)
    }
}

const fn of_list(written: Written) -> Written {
    Written {
        list: true,
        ..written
    }
}

/// Every operator that compares.
pub(super) const OPERATORS: [Written; 14] = [
    asks("eq", Operator::Equals),
    denies("ne", Operator::Equals),
    of_list(asks("in", Operator::Equals)),
    of_list(denies("notIn", Operator::Equals)),
    asks("startsWith", Operator::StartsWith),
    denies("notStartsWith", Operator::StartsWith),
    asks("endsWith", Operator::EndsWith),
    denies("notEndsWith", Operator::EndsWith),
    asks("contains", Operator::Contains),
    denies("notContains", Operator::Contains),
    asks("match", Operator::Match),
    denies("notMatch", Operator::Match),
    asks("ge", Operator::Order),
    asks("le", Operator::Order),
];

/// Returns the operator that a word is, with its hyphen or without, in any case.
pub(super) fn operator(word: &str) -> Option<Written> {
    let known = OPERATORS.into_iter();
    known
        .into_iter()
        .find(|known| is_operator(word, known.name))
}

/// Returns whether a word is an operator of that name.
pub(super) fn is_operator(word: &str, name: &str) -> bool {
    let word = word.strip_prefix('-').unwrap_or(word);
    word.eq_ignore_ascii_case(name)
}
