//! Random guest files, of which is known which line belongs to which entry.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// What `expires` is changed to.
pub(crate) const UNTIL: &str = "2097-02-03";

/// One entry, with what stands around it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// A comment that belongs to nobody, with blank lines around it.
    detached: bool,
    blanks: usize,
    above: usize,
    braces: bool,
    expires: Option<&'static str>,
    /// Whether `expires` stands before everything else.
    first: bool,
    more: Vec<&'static str>,
    on_mail: &'static str,
    within: bool,
    below: bool,
}

/// A file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) entries: Vec<Entry>,
    pub(crate) indent: usize,
    gap: usize,
    start: &'static str,
    newline: &'static str,
    pub(crate) ends: bool,
}

/// Further keys, by lines; `{}` is the indentation of the entry.
const MORE: &[&str] = &[
    "displayName: \"Ada: # é, {no} [list]\"  # yes",
    "justification: |\n{}  - mail: nobody\n{}  # no comment\n\n{}  expires: 2020-01-01",
    "department:",
    "companyName: 'It''s'\t # tab",
    "streetAddress: >-\n{}  folded\n{}  # text",
    "sponsors: [a@b.example,\n{}  c@d.example] # both",
    "groups: []",
    "city: two\n{}  lines",
    "state: &anchor Uusimaa",
    "? country\n{}: Finland",
];

fn entry() -> impl Strategy<Value = Entry> {
    let expires = select(vec![
        None,
        Some("expires: 2026-12-31"),
        Some("expires: '2026-12-31'  # soon"),
        Some("\"expires\" : \"2026-12-31T10:00:00Z\"\t"),
        Some("expires: &day 2026-12-31"),
    ]);
    let more = subsequence(MORE.to_vec(), 0..MORE.len());
    let on_mail = select(vec!["", " ", " # who", "\t# who"]);
    let flags = any::<[bool; 5]>();
    (flags, 0..3_usize, 0..3_usize, expires, more, on_mail).prop_map(
        |([detached, braces, first, within, below], blanks, above, expires, more, on_mail)| Entry {
            detached,
            blanks,
            above,
            braces,
            expires,
            first,
            more,
            on_mail,
            within,
            below,
        },
    )
}

pub(crate) fn file() -> impl Strategy<Value = File> {
    (
        prop::collection::vec(entry(), 2..6),
        select(vec![0, 2, 4]),
        select(vec![1, 3]),
        select(vec!["", "# File.\n\n", "---\n", "# é\n--- # one\n"]),
        select(vec!["\n", "\r\n"]),
        any::<bool>(),
    )
        .prop_map(|(entries, indent, gap, start, newline, ends)| File {
            entries,
            indent,
            gap,
            start,
            newline,
            ends,
        })
}

pub(crate) fn mail(number: usize) -> String {
    format!("Guest{number}@contoso.example")
}

/// A line and the entry it belongs to.
pub(crate) type Line = (Option<usize>, String);

impl File {
    /// Returns the lines; `until` is the entry whose `expires` was changed.
    pub(crate) fn lines(&self, until: Option<usize>) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        lines.extend(self.start.lines().map(|line| (None, line.to_owned())));
        lines.push((None, "guests: # all".to_owned()));
        for (number, entry) in self.entries.iter().enumerate() {
            let dash = " ".repeat(self.indent);
            if entry.detached {
                lines.extend([
                    (None, String::new()),
                    (None, format!("{dash}# Section.")),
                    (None, String::new()),
                ]);
            }
            lines.extend((0..entry.blanks).map(|_| (None, String::new())));
            let own = (0..entry.above).map(|n| format!("{dash}# About {number}, {n}."));
            let own = own.chain(self.entry(number, until == Some(number)));
            lines.extend(own.map(|line| (Some(number), line)));
        }
        lines
    }

    fn entry(&self, number: usize, until: bool) -> Vec<String> {
        let entry = &self.entries[number];
        let inner = " ".repeat(self.indent + 1 + self.gap);
        let expires = match (entry.expires, until) {
            (Some(line), true) => Some(
                line.replace("2026-12-31T10:00:00Z", UNTIL)
                    .replace("2026-12-31", UNTIL),
            ),
            (line, _) => line.map(str::to_owned),
        };
        let dash = format!("{}-{}", " ".repeat(self.indent), " ".repeat(self.gap));
        if entry.braces {
            let expires = expires
                .or(until.then(|| format!("expires: {UNTIL}")))
                .map(|line| format!(", {}", line.split(" #").next().unwrap().trim()))
                .unwrap_or_default();
            return vec![format!(
                "{dash}{{mail: {}{expires} , blocked: false }}  # {{in braces}}",
                mail(number)
            )];
        }
        let mut lines = vec![format!("mail: {}{}", mail(number), entry.on_mail)];
        if until && expires.is_none() {
            lines.push(format!("expires: {UNTIL}"));
        }
        if entry.within {
            lines.push("# Within.".to_owned());
        }
        lines.extend(entry.more.iter().flat_map(|lines| {
            let lines = lines.replace("{}", &inner);
            lines.split('\n').map(str::to_owned).collect::<Vec<_>>()
        }));
        if let Some(expires) = expires {
            lines.insert(if entry.first { 0 } else { lines.len() }, expires);
        }
        if entry.below {
            lines.push("# Below.".to_owned());
        }
        let indented = |line: String| {
            if line.is_empty() || line.starts_with(&inner) {
                line
            } else {
                format!("{inner}{line}")
            }
        };
        let mut lines: Vec<_> = lines.into_iter().map(indented).collect();
        lines[0] = format!("{dash}{}", lines[0].trim_start());
        lines
    }

    pub(crate) fn text(&self, lines: &[Line]) -> String {
        let mut text = String::new();
        for (_, line) in lines {
            text.push_str(line);
            text.push_str(self.newline);
        }
        if !self.ends {
            text.truncate(text.len() - self.newline.len());
        }
        text
    }
}

/// A list in brackets: each entry with `expires` or not, and what stands between them.
pub(crate) fn in_brackets() -> impl Strategy<Value = String> {
    let between = select(vec![
        ",",
        " , ",
        ", # one\n  ",
        ",\n\n  # two\n  ",
        "\n  , ",
    ]);
    let ends = select(vec![
        ("[", "]"),
        ("[ # all\n\n  ", ", # last\n]"),
        ("\n  [", "\n  ] # end"),
    ]);
    let entries = prop::collection::vec((any::<bool>(), between), 2..6);
    (entries, ends).prop_map(|(entries, (open, close))| {
        let mut text = format!("guests: {open}");
        for (number, (expires, between)) in entries.iter().enumerate() {
            if number > 0 {
                text += between;
            }
            let expires = if *expires {
                ", expires: 2026-12-31"
            } else {
                ""
            };
            text += &format!("{{mail: {}{expires}}}", mail(number));
        }
        text + close + "\n"
    })
}
