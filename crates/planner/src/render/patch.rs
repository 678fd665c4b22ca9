//! What changes in a file, as a unified diff.

use std::borrow::Cow;

use similar::TextDiff;

use crate::revise::Revision;
use crate::safe::printable;

/// Returns a change to a file as a unified diff. Characters that would hide are spelled out.
pub fn patch(revision: &Revision) -> String {
    let Revision {
        path,
        before,
        after,
    } = revision;
    let new = after
        .as_ref()
        .map_or(Cow::from("/dev/null"), |_| format!("b/{path}").into());
    let diff = TextDiff::from_lines(before.as_str(), after.as_deref().unwrap_or_default())
        .unified_diff()
        .header(&format!("a/{path}"), &new)
        .to_string();
    diff.split_inclusive('\n').map(line).collect()
}

/// Makes a line harmless. Tabs stay, and line breaks do as they are in the file.
fn line(line: &str) -> String {
    let text = line.trim_end_matches(['\r', '\n']);
    let parts: Vec<_> = text.split('\t').map(printable).collect();
    format!("{}{}", parts.join("\t"), &line[text.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: Option<&str>) -> String {
        patch(&Revision {
            path: "guests/a.yaml".to_owned(),
            before: before.to_owned(),
            after: after.map(str::to_owned),
        })
    }

    #[test]
    fn a_change_is_shown_with_the_lines_around_it() {
        insta::assert_snapshot!(shown("a\nb\nc", Some("a\nB\nc")), @"
        --- a/guests/a.yaml
        +++ b/guests/a.yaml
        @@ -1,3 +1,3 @@
         a
        -b
        +B
         c
        \\ No newline at end of file
        ");
        insta::assert_snapshot!(shown("a\n", None), @"
        --- a/guests/a.yaml
        +++ /dev/null
        @@ -1 +0,0 @@
        -a
        ");
    }

    #[test]
    fn promise_10_a_hostile_line_is_shown_harmless() {
        let shown = shown("a\t: \u{1b}[2J\u{202e}::x\r\n", None);
        assert!(
            shown.ends_with("-a\t: \\u{1b}[2J\\u{202e}:\\:x\r\n"),
            "{shown:?}"
        );
    }
}
