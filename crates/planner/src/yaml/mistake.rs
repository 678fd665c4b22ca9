//! One mistake in what people wrote, shown as a compiler would: file, line, column, the line
//! itself, a caret, a hint.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::node::Place;
use crate::safe::printable;

/// One file as it was read. Paths are relative to the repository, with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path, such as `guests/contoso.yaml`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// Something that is wrong in a file. Nothing is planned while there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, or the folder when no file is at fault.
    pub path: String,
    /// Where in the file; line 0 if the file as a whole is meant.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Mistake {
    /// Returns a mistake about a whole file or folder.
    pub fn file(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            place: Place::default(),
            message: message.into(),
            hint: None,
        }
    }

    /// Returns the mistake with a hint.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Returns the mistake as people read it. `sources` gives the line it points at.
    pub fn show(&self, sources: &[Source], color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let message = printable(&self.message);
        let line = self.line(sources);
        let path = printable(&self.path);
        let title = Level::ERROR.primary_title(message);
        let mut group = match &line {
            Some(line) => {
                let snippet = Snippet::source(line.text.as_str())
                    .line_start(self.place.line)
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(line.span.clone()));
                title.element(snippet)
            }
            None => title.element(Level::NOTE.no_name().message(path)),
        };
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name("hint").message(printable(hint)));
        }
        renderer.render(&[group])
    }

    fn line(&self, sources: &[Source]) -> Option<Line> {
        let source = sources.iter().find(|source| source.path == self.path)?;
        let text = source.text.lines().nth(self.place.line.checked_sub(1)?)?;
        Some(Line::new(text, self.place.column))
    }
}

/// The line a mistake is in, made printable, and the bytes to underline.
struct Line {
    text: String,
    span: std::ops::Range<usize>,
}

/// How much of a very long line is shown.
const WIDTH: usize = 160;

impl Line {
    fn new(text: &str, column: usize) -> Self {
        let text = text.trim_end_matches(['\r', '\n']).replace('\t', " ");
        let before = column.saturating_sub(1);
        let skip = before.saturating_sub(WIDTH / 2);
        let head: String = text.chars().skip(skip).take(before - skip).collect();
        let tail: String = text.chars().skip(before).take(WIDTH).collect();
        // The caret marks the word: up to what ends a key or a plain value.
        let word: usize = tail
            .chars()
            .take_while(|c| !matches!(c, ':' | ',' | ']' | '}' | '#'))
            .map(char::len_utf8)
            .sum();
        let word = printable(tail.get(..word).unwrap_or(&tail).trim_end());
        let head = printable(&head);
        let span = head.len()..head.len() + word.len().max(1);
        let mut text = format!("{head}{}", printable(&tail));
        while text.len() < span.end {
            text.push(' ');
        }
        Self { text, span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_points_at_its_word() {
        let source = Source {
            path: "policies/groups.yaml".into(),
            text: "groups:\n  - name: a\n    descripton: x\n".into(),
        };
        let mistake = Mistake {
            path: source.path.clone(),
            place: Place {
                file: 0,
                line: 3,
                column: 5,
            },
            message: "unknown key `descripton`".into(),
            hint: Some("did you mean `description`?".into()),
        };
        insta::assert_snapshot!(mistake.show(&[source], false), @"
        error: unknown key `descripton`
         --> policies/groups.yaml:3:5
          |
        3 |     descripton: x
          |     ^^^^^^^^^^
          |
          = hint: did you mean `description`?
        ");
        insta::assert_snapshot!(Mistake::file("guests", "no file here").show(&[], false), @"
        error: no file here
         |
         = guests
        ");
    }

    #[test]
    fn promise_10_a_hostile_line_is_shown_harmless() {
        let source = Source {
            path: "guests/a.yaml".into(),
            text: "\u{1b}[2J\u{202e}mail: x".into(),
        };
        let mistake = Mistake {
            place: Place {
                file: 0,
                line: 1,
                column: 3,
            },
            ..Mistake::file("guests/a.yaml", "bad")
        };
        assert!(
            !mistake
                .show(&[source], false)
                .contains(['\u{1b}', '\u{202e}'])
        );
    }
}
