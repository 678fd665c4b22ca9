//! The words of a rule, each with where it begins.

use super::parse::Mistake;

/// A word, and the character at which it begins, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A property, an operator, `true`, `null`, an instant.
    Bare(String),
    /// What stands in quotes.
    Text(String),
    /// A bracket or a comma.
    Mark(char),
}

/// What Entra's own pages and word processors make of a hyphen and of quotes.
const DASHES: [char; 3] = ['–', '—', '−'];
const QUOTES: [char; 5] = ['“', '”', '„', '‘', '’'];

/// Splits a rule into words.
pub(super) fn words(text: &str) -> Result<Vec<Word>, Mistake> {
    let letters: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        let (kind, end) = match letter {
            _ if letter.is_whitespace() => {
                at += 1;
                continue;
            }
            '(' | ')' | '[' | ']' | ',' => (Kind::Mark(letter), at + 1),
            '"' | '\'' => {
                let (text, end) = quoted(&letters, at)?;
                (Kind::Text(text), end)
            }
            '`' if letters.get(at + 1) == Some(&'"') => {
                let (text, end) = quoted_with_quotes(&letters, at)?;
                (Kind::Text(text), end)
            }
            _ if is_bare(letter) => {
                let rest = letters[at..].iter();
                let end = at + rest.take_while(|letter| is_bare(**letter)).count();
                (Kind::Bare(letters[at..end].iter().collect()), end)
            }
            _ => return Err(stray(letter, at)),
        };
        words.push(Word { at, kind });
        at = end;
    }
    Ok(words)
}

fn is_bare(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | ':' | '+' | '$')
}

fn stray(letter: char, at: usize) -> Mistake {
    let mistake = Mistake::new(at, format!("a rule has no {letter:?} outside of quotes"));
    if DASHES.contains(&letter) {
        mistake.hint("an operator begins with a plain hyphen: -eq")
    } else if QUOTES.contains(&letter) {
        mistake.hint("write plain quotes: \"…\"")
    } else if letter == '=' {
        mistake.hint("write -eq")
    } else {
        mistake
    }
}

/// Returns a text whose quotes are part of it, and where it ends: as Entra's page writes it, with a
/// backtick in front of either.
fn quoted_with_quotes(letters: &[char], from: usize) -> Result<(String, usize), Mistake> {
    let rest = &letters[from + 2..];
    let end = rest.windows(2).position(|pair| pair == ['`', '"']);
    let Some(end) = end else {
        return Err(Mistake::new(
            from,
            "the quote that begins here does not end",
        ));
    };
    let text: String = rest[..end].iter().collect();
    Ok((format!("\"{text}\""), from + 2 + end + 2))
}

/// Returns a text in quotes and where it ends. A backtick takes the next character as it is; a
/// single quote in single quotes is doubled.
fn quoted(letters: &[char], from: usize) -> Result<(String, usize), Mistake> {
    let quote = letters[from];
    let mut text = String::new();
    let mut at = from + 1;
    loop {
        let next = letters.get(at + 1);
        match letters.get(at) {
            None => {
                return Err(Mistake::new(
                    from,
                    "the quote that begins here does not end",
                ));
            }
            Some('`') if next.is_some() => {
                text.extend(next);
                at += 2;
            }
            Some('\'') if quote == '\'' && next == Some(&'\'') => {
                text.push('\'');
                at += 2;
            }
            Some(letter) if *letter == quote => return Ok((text, at + 1)),
            Some(letter) => {
                text.push(*letter);
                at += 1;
            }
        }
    }
}
