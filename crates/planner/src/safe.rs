//! Text from the tenant or the files is data. This makes it harmless to print: it cannot move the
//! cursor, hide itself, or start a CI command. Each renderer adds what its own format needs.

use std::fmt::Write;

/// Returns `text` with every character that does not print as itself spelled out (`\u{202e}`):
/// controls, bidirectional overrides, zero-width and other invisible characters.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for c in text.chars() {
        // GitHub Actions and Azure Pipelines take orders from a job's output: `::command::`,
        // `##vso[`. Source: "Workflow commands for GitHub Actions"; "Logging commands".
        if c == last && matches!(c, ':' | '#') {
            out.push('\\');
        }
        last = c;
        if hides(c) {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns whether a character is invisible or changes how others are shown.
pub(crate) fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{70f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1345f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
        || (c.is_whitespace() && c != ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_10_text_cannot_move_the_cursor_or_hide() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\rd"), "a\\u{1b}[2Jb\\u{a}c\\u{d}d");
        assert_eq!(
            printable("user\u{202e}gpj.exe\u{200b}"),
            "user\\u{202e}gpj.exe\\u{200b}"
        );
        assert_eq!(printable("\u{1bca0}\u{2800}"), "\\u{1bca0}\\u{2800}");
        assert_eq!(printable("Åsa Öberg 李"), "Åsa Öberg 李");
    }

    #[test]
    fn promise_10_text_cannot_issue_a_ci_command() {
        assert_eq!(printable("::set-env name=X::y"), ":\\:set-env name=X:\\:y");
        assert_eq!(printable("##vso[task.x]"), "#\\#vso[task.x]");
        assert!(!printable(":::::").contains("::"));
    }
}
