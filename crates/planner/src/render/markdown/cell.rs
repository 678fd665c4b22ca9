//! Text from the tenant or the files inside Markdown: it cannot break out of its line, mention or
//! link anybody, or become HTML. What is not plainly a word is shown as code, which stays as it is.

use crate::safe::printable;

/// Writes text into a page.
#[derive(Clone, Copy, Debug)]
pub(in crate::render) struct Cells {
    /// Whether addresses are shortened.
    pub(in crate::render) mask: bool,
}

impl Cells {
    /// Returns a name as code.
    pub(in crate::render) fn code(self, text: &str) -> String {
        span(&printable(&self.masked(text)))
    }

    /// Returns a sentence: its words as they are, everything else as code.
    pub(in crate::render) fn prose(self, text: &str) -> String {
        let text = printable(&self.masked(text)).replace('`', "");
        let words = text.split(' ').filter(|word| !word.is_empty());
        let words: Vec<_> = words.map(word).collect();
        words.join(" ")
    }

    /// Returns text in which no address can be recognised. The domain stays: a reviewer must see
    /// where people come from.
    fn masked(self, text: &str) -> String {
        if !self.mask {
            return text.to_owned();
        }
        let words: Vec<_> = text.split(' ').map(masked).collect();
        words.join(" ")
    }
}

fn masked(word: &str) -> String {
    let Some((local, domain)) = word.rsplit_once('@') else {
        return word.to_owned();
    };
    let opening: String = local.chars().take_while(|c| !c.is_alphanumeric()).collect();
    let first: String = local
        .chars()
        .filter(|c| c.is_alphanumeric())
        .take(1)
        .collect();
    format!("{opening}{first}…@{domain}")
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

    const SHOWN: Cells = Cells { mask: false };
    const MASKED: Cells = Cells { mask: true };

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
        ] {
            assert_eq!(SHOWN.prose(text), shown);
        }
        assert_eq!(SHOWN.code("a``b`"), "``` a``b` ```");
        assert_eq!(SHOWN.code("Miles O'Brien"), "`Miles O'Brien`");
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
            assert_eq!(MASKED.code(text), shown);
        }
    }
}
