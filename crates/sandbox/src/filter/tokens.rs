//! Splits `$filter` text into words, strings and marks.

use crate::error::GraphError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, keyword, number, instant, with `/` in it for paths.
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

pub(super) fn invalid(reason: &str) -> GraphError {
    GraphError::malformed(format!("Invalid filter clause: {reason}"))
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut used = first.len_utf8();
        match first {
            ' ' | '\t' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            ':' => tokens.push(Token::Colon),
            '\'' => {
                let (value, length) = quoted(rest)?;
                tokens.push(Token::Text(value));
                used = length;
            }
            _ if first.is_ascii_alphanumeric() || matches!(first, '_' | '-' | '$') => {
                used = word_length(rest);
                tokens.push(Token::Word(rest[..used].to_owned()));
            }
            _ => {
                return Err(invalid(&format!(
                    "Syntax error: character '{first}' is not valid."
                )));
            }
        }
        rest = &rest[used..];
    }
    Ok(tokens)
}

/// Reads `'it''s'`; returns the value and the length consumed.
fn quoted(text: &str) -> Result<(String, usize), GraphError> {
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '\'' {
            value.push(letter);
        } else if letters.peek().is_some_and(|(_, next)| *next == '\'') {
            letters.next();
            value.push('\'');
        } else {
            return Ok((value, at + 1));
        }
    }
    Err(invalid("There is an unterminated string literal."))
}

/// A colon belongs to the word only inside an instant: `x:x` is a lambda.
fn word_length(text: &str) -> usize {
    let number = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    text.find(|letter: char| {
        let inside = letter.is_ascii_alphanumeric()
            || matches!(letter, '_' | '-' | '.' | '/' | '$')
            || (number && matches!(letter, ':' | '+'));
        !inside
    })
    .unwrap_or(text.len())
}
