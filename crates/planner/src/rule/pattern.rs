//! Regular expressions of `-match`. Entra reads them as .NET does: one that this crate's expressions
//! read otherwise, or not at all, is not understood, and its answer is unknown.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

use super::Truth;

/// How much memory a compiled expression may take, in bytes.
const SIZE: usize = 1 << 18;

/// A regular expression of .NET, as far as it is understood here.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Option<Regex>,
}

impl Pattern {
    /// Rules compare without case.
    pub(super) fn new(text: &str) -> Self {
        let mut builder = RegexBuilder::new(text);
        let builder = builder.case_insensitive(true).size_limit(SIZE);
        let regex = reads_alike(text).then(|| builder.build().ok());
        Self {
            text: text.to_owned(),
            regex: regex.flatten(),
        }
    }

    /// Returns whether what it finds can be told.
    pub(super) fn is_understood(&self) -> bool {
        self.regex.is_some()
    }

    pub(super) fn found_in(&self, text: &str) -> Truth {
        let found = |regex: &Regex| regex.is_match(text).into();
        self.regex.as_ref().map_or(Truth::Unknown, found)
    }

    /// Whether an expression that fits an empty text fits none is not documented.
    pub(super) fn found_in_nothing(&self) -> Truth {
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

/// Returns whether both read an expression the same way, if they can: letters, `.`, anchors,
/// alternatives, plain groups and classes, and how often something is repeated.
/// Source: "Regular Expression Language - Quick Reference", .NET; documentation of the crate `regex`.
fn reads_alike(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    let mut repeatable = true;
    while let Some(letter) = rest.next() {
        let repeats = matches!(letter, '*' | '+' | '?' | '{');
        let alike = match letter {
            '\\' => escape(&mut rest, "dDwWsSbB"),
            '[' => class(&mut rest),
            // Only `(?:` is the same in both.
            '(' => rest.next_if_eq(&'?').is_none() || rest.next() == Some(':'),
            '{' => repeatable && count(&mut rest),
            '*' | '+' | '?' => repeatable,
            _ => true,
        };
        if !alike {
            return false;
        }
        if repeats {
            rest.next_if_eq(&'?');
        }
        // .NET refuses what repeats a repetition.
        repeatable = !repeats;
    }
    true
}

/// Reads what follows a backslash: punctuation that stands for itself, or one of some letters.
fn escape(rest: &mut Peekable<Chars<'_>>, letters: &str) -> bool {
    rest.next().is_some_and(|letter| {
        letters.contains(letter) || letter.is_ascii_punctuation() && !matches!(letter, '<' | '>')
    })
}

/// Reads a class after its `[`. Classes within classes, and what is done to them, differ.
fn class(rest: &mut Peekable<Chars<'_>>) -> bool {
    rest.next_if_eq(&'^');
    if rest.peek() == Some(&']') {
        return false;
    }
    while let Some(letter) = rest.next() {
        let twice = matches!(letter, '&' | '-' | '~') && rest.peek() == Some(&letter);
        match letter {
            ']' => return true,
            '[' => return false,
            _ if twice => return false,
            '\\' if !escape(rest, "dDwWsS") => return false,
            _ => {}
        }
    }
    false
}

/// Reads how often after its `{`: `2}`, `2,}` or `2,3}`.
fn count(rest: &mut Peekable<Chars<'_>>) -> bool {
    let is_first = rest.peek().is_some_and(char::is_ascii_digit);
    let mut inner = rest.skip_while(|letter| letter.is_ascii_digit() || *letter == ',');
    is_first && inner.next() == Some('}')
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Truth};

    #[test]
    fn what_both_read_alike_is_understood() {
        for (text, held, found) in [
            ("^Lag", "Lagos", Truth::Yes),
            ("^.*?ago(s|z)$", "Lagos", Truth::Yes),
            (
                r"^[a-z0-9._\-]+@contoso\.example$",
                "Ada@Contoso.example",
                Truth::Yes,
            ),
            (r"^\d{3}-(?:\w+|\s{2,3})?$", "123-x", Truth::Yes),
            ("^[^@]*$", "a@b", Truth::No),
            ("a{2,}", "a", Truth::No),
        ] {
            assert_eq!(Pattern::new(text).found_in(held), found, "{text}");
        }
    }

    #[test]
    fn what_they_read_otherwise_is_not() {
        for text in [
            "[a-z-[aeiou]]",
            "[a-z&&[^aeiou]]",
            "[[:alpha:]]",
            "[]a]",
            "[a--b]",
            "[a~~b]",
            r"\<Sales",
            r"\p{L}",
            r"(a)\1",
            "(?<!x)ago",
            "(?i)a",
            "(?<name>a)",
            "a++",
            "a{2}{3}",
            "a{,3}",
            "a{x}",
            "(a",
            "a)",
            "[a",
            "a\\",
            "*a",
        ] {
            assert!(!Pattern::new(text).is_understood(), "{text}");
        }
    }
}
