//! Text from the tenant or the files inside Markdown: it cannot break out of its line, mention or
//! link anybody, or become HTML. What is not plainly a word is shown as code, which stays as it is.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::safe::printable;

/// Writes text into a page.
#[derive(Clone, Debug, Default)]
pub(in crate::render) struct Cells {
    /// Whether addresses are shortened.
    pub(in crate::render) mask: bool,
    /// Whose addresses look the same when shortened, in the order in which they came up.
    alike: RefCell<BTreeMap<String, Vec<String>>>,
}

impl Cells {
    /// Returns one that shortens addresses, or not.
    pub(in crate::render) fn new(mask: bool) -> Self {
        Self {
            mask,
            ..Self::default()
        }
    }

    /// Returns a name as code.
    pub(in crate::render) fn code(&self, text: &str) -> String {
        span(&printable(&self.masked(text)))
    }

    /// Returns a sentence: its words as they are; what stands between backticks, and everything that is
    /// no word, as code.
    pub(in crate::render) fn prose(&self, text: &str) -> String {
        let text = printable(&self.masked(text));
        if !text.matches('`').count().is_multiple_of(2) {
            return words(&text.replace('`', "")).trim().to_owned();
        }
        let mut prose = String::new();
        for (place, part) in text.split('`').enumerate() {
            let part = match place % 2 {
                _ if part.is_empty() => continue,
                0 => words(part),
                _ => span(part),
            };
            // Two spans that touch would be read as one that ends elsewhere.
            if prose.ends_with('`') && part.starts_with('`') {
                prose.push(' ');
            }
            prose += &part;
        }
        prose.trim().to_owned()
    }

    /// Returns text in which no address can be recognised. The domain stays: a reviewer must see
    /// where people come from.
    fn masked(&self, text: &str) -> String {
        if !self.mask {
            return text.to_owned();
        }
        let words: Vec<_> = text.split(' ').map(|word| self.masked_word(word)).collect();
        words.join(" ")
    }

    fn masked_word(&self, word: &str) -> String {
        let Some((local, domain)) = word.rsplit_once('@') else {
            return word.to_owned();
        };
        let opening: String = local.chars().take_while(|c| !c.is_alphanumeric()).collect();
        let letters = || local.chars().filter(|c| c.is_alphanumeric());
        let first: String = letters().take(1).collect();
        let end = domain.trim_end_matches(|c: char| !c.is_alphanumeric());
        let number = self.number(
            format!("{first}@{end}").to_lowercase(),
            local[opening.len()..].to_lowercase(),
        );
        format!("{opening}{first}…{number}@{domain}")
    }

    /// Returns what tells an address from others that look the same: nothing for the first.
    fn number(&self, alike: String, local: String) -> String {
        let mut all = self.alike.borrow_mut();
        let known = all.entry(alike).or_default();
        let place = known.iter().position(|one| *one == local);
        let place = place.unwrap_or_else(|| {
            known.push(local);
            known.len() - 1
        });
        match place {
            0 => String::new(),
            _ => (place + 1).to_string().chars().map(raised).collect(),
        }
    }
}

fn raised(digit: char) -> char {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let place = digit.to_digit(10).unwrap_or_default();
    RAISED[place as usize % RAISED.len()]
}

/// Returns the words of a part of a sentence, and the spaces around it.
fn words(part: &str) -> String {
    let all = part.split(' ').filter(|word| !word.is_empty());
    let all: Vec<_> = all.map(word).collect();
    if all.is_empty() {
        return " ".to_owned();
    }
    let space = |is: bool| if is { " " } else { "" };
    let (before, after) = (space(part.starts_with(' ')), space(part.ends_with(' ')));
    format!("{before}{}{after}", all.join(" "))
}

/// Returns a word of a sentence. Letters, dates and the signs between them mean nothing to Markdown;
/// what may be a reference (`GH-1`, a commit, `www.`) is code.
fn word(word: &str) -> String {
    let opening = word.len() - word.trim_start_matches('(').len();
    let core = &word[opening..];
    let end = core
        .trim_end_matches([',', '.', ';', ':', ')', '!', '?'])
        .len();
    let (core, closing) = core.split_at(end);
    let letters = core
        .chars()
        .all(|c| c.is_alphabetic() || c == '\'' || c == '’');
    let number = core
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | '.'));
    let commit = core.len() >= 7 && core.chars().all(|c| c.is_ascii_hexdigit());
    let joined = core
        .split('-')
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphabetic()));
    if core.is_empty() || (letters || number || joined) && !commit {
        format!("{}{core}{closing}", &word[..opening])
    } else {
        format!("{}{}{closing}", &word[..opening], span(core))
    }
}

/// Returns a code span.
fn span(text: &str) -> String {
    let fence = fence(text, 1);
    let room = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{room}{text}{room}{fence}")
}

/// Returns backticks enough to enclose a text: `least`, or one more than it holds in a row.
pub(super) fn fence(text: &str, least: usize) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    "`".repeat(runs.max().map_or(least, |longest| least.max(longest + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_10_text_gives_markdown_no_orders() {
        for (text, shown) in [
            (
                "expired 2026-07-01 00:00 EEST",
                "expired 2026-07-01 00:00 EEST",
            ),
            ("left, by @admin.", "left, by `@admin`."),
            ("see #12 or GH-12", "see `#12` or `GH-12`"),
            ("[x](https://evil.example)", "`[x](https://evil.example`)"),
            ("<img src=x>", "`<img` `src=x>`"),
            ("a|b **c**", "`a|b` `**c**`"),
            ("``` *x*", "`*x*`"),
            ("a\nb\u{202e}", "`a\\u{a}b\\u{202e}`"),
            ("deadbeef", "`deadbeef`"),
            ("no longer declared", "no longer declared"),
            ("write `left: rejoin`, or", "write `left: rejoin`, or"),
            ("`a``b <img>`", "`a` `b <img>`"),
            ("`a`@b`c`", "`a` `@b` `c`"),
            ("`a`` b` <img>``", "`a` ` b` `<img>`"),
        ] {
            assert_eq!(Cells::new(false).prose(text), shown);
        }
        let shown = Cells::new(false);
        assert_eq!(shown.code("a``b`"), "``` a``b` ```");
        assert_eq!(shown.code("Miles O'Brien"), "`Miles O'Brien`");
    }

    #[test]
    fn addresses_are_masked_and_domains_are_not() {
        for (text, shown) in [
            ("ada@contoso.example", "`a…@contoso.example`"),
            (
                "ada_contoso.example#EXT#@fabrikam.example",
                "`a…@fabrikam.example`",
            ),
            ("(ada@contoso.example)", "`(a…@contoso.example)`"),
        ] {
            assert_eq!(Cells::new(true).code(text), shown);
        }
        let cells = Cells::new(true);
        let names = [
            "ada@contoso.example",
            "alan@contoso.example,",
            "ADA@contoso.example",
        ];
        let names = names.map(|name| cells.code(name));
        assert_eq!(
            names,
            [
                "`a…@contoso.example`",
                "`a…²@contoso.example,`",
                "`A…@contoso.example`"
            ]
        );
    }
}
