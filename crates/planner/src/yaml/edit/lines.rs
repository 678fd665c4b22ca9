//! The lines of a text: where they begin and end, which are comments, and which belong to an entry.
//! All positions are bytes.

use std::ops::Range;

/// A text by its lines.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a>(pub(super) &'a str);

/// The whole lines of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Above this, nothing can belong to it.
    pub(super) floor: usize,
    /// Where the comments begin that stand directly above it.
    pub(super) above: usize,
    /// Where its own first line begins.
    pub(super) first: usize,
    /// Where the line after its last begins, or the text ends.
    pub(super) end: usize,
}

impl Lines<'_> {
    /// Returns where the line of a position begins.
    pub(super) fn start(&self, at: usize) -> usize {
        self.0[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    /// Returns where the line of a position ends, before its line break.
    pub(super) fn end(&self, at: usize) -> usize {
        let rest = &self.0[at..];
        let line = rest.split('\n').next().unwrap_or(rest);
        at + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// Returns where the line after that of a position begins, or the text ends.
    pub(super) fn next(&self, at: usize) -> usize {
        self.0[at..]
            .find('\n')
            .map_or(self.0.len(), |end| at + end + 1)
    }

    /// Returns how the line at a position ends; one that ends with the text, as the first does.
    pub(super) fn newline(&self, at: usize) -> &'static str {
        let rest = self.0[at..].split_inclusive('\n').next();
        let line = rest.filter(|line| line.ends_with('\n'));
        let line = line.or_else(|| self.0.split_inclusive('\n').next());
        if line.unwrap_or_default().ends_with("\r\n") {
            "\r\n"
        } else {
            "\n"
        }
    }

    /// Returns how many characters stand in front of a position in its line.
    pub(super) fn column(&self, at: usize) -> usize {
        self.0[self.start(at)..at].chars().count()
    }

    /// Returns the blanks that a line begins with; `at` is where it begins.
    pub(super) fn indent(&self, at: usize) -> &str {
        let line = &self.0[at..self.end(at)];
        &line[..line.len() - line.trim_start().len()]
    }

    /// Returns the position of the last character in a range that is no blank and no line break:
    /// the range of a text over several lines may reach into the blank lines after it.
    pub(super) fn last_char(&self, range: &Range<usize>) -> usize {
        let written = self.0[range.clone()].trim_end();
        let last = written.chars().next_back().map_or(0, char::len_utf8);
        range.start + written.len() - last
    }

    /// Returns where the comma stands that follows a position in brackets, be it after comments.
    pub(super) fn comma(&self, at: usize) -> Option<usize> {
        let mut at = at;
        loop {
            at += self.0[at..].len() - self.0[at..].trim_start().len();
            match self.0.as_bytes().get(at)? {
                b',' => return Some(at),
                b'#' => at = self.end(at),
                _ => return None,
            }
        }
    }

    fn line(&self, start: usize) -> &str {
        self.0[start..self.end(start)].trim()
    }

    fn is_blank(&self, start: usize) -> bool {
        self.line(start).is_empty()
    }

    fn is_comment(&self, start: usize) -> bool {
        self.line(start).starts_with('#')
    }

    /// Returns the comments directly above a line, without blanks in front, the nearest first.
    /// None is looked for above `floor`.
    pub(super) fn comments_above(&self, line: usize, floor: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = line;
        while at > floor {
            at = self.start(at - 1);
            if at < floor || !self.is_comment(at) {
                break;
            }
            let end = at + self.0[at..self.end(at)].trim_end().len();
            found.push(at + self.indent(at).len()..end);
        }
        found
    }

    /// Returns where the comments above an entry begin. An entry that is commented out is not about it.
    fn above(&self, first: usize, floor: usize) -> usize {
        let comments = self.comments_above(first, floor);
        let is_entry = |comment: &Range<usize>| {
            let text = self.0[comment.clone()].trim_start_matches('#').trim_start();
            text.starts_with("- ") && text.contains(':')
        };
        let last = comments.last().filter(|_| !comments.iter().any(is_entry));
        last.map_or(first, |comment| self.start(comment.start))
    }

    /// Returns the lines of an entry that a dash begins, with the comments that are indented below
    /// it; none if there is no dash, or not only blanks in front of it.
    pub(super) fn dashed(&self, range: &Range<usize>, floor: usize) -> Option<Extent> {
        let mut first = self.start(range.start);
        // Between a dash and its value may stand comments, anchors and line breaks.
        while !self.is_dash(first) {
            first = self.start(first.checked_sub(1).filter(|at| *at >= floor)?);
        }
        let column = self.indent(first).len();
        let mut end = self.next(self.last_char(range));
        while end < self.0.len() && self.is_comment(end) && self.indent(end).len() > column {
            end = self.next(end);
        }
        Some(Extent {
            floor,
            above: self.above(first, floor),
            first,
            end,
        })
    }

    fn is_dash(&self, start: usize) -> bool {
        let line = self.line(start);
        line == "-" || line.starts_with("- ") || line.starts_with("-\t")
    }

    /// Returns the lines of an entry in brackets; none if anything but its comma and a comment
    /// shares them.
    pub(super) fn in_brackets(&self, range: &Range<usize>, floor: usize) -> Option<Extent> {
        let first = self.start(range.start);
        let before = &self.0[first..range.start];
        let after = self.0[range.end..self.end(range.end)].trim_start();
        let after = after.strip_prefix(',').unwrap_or(after).trim_start();
        let alone = before.trim().is_empty() && (after.is_empty() || after.starts_with('#'));
        (alone && first >= floor).then(|| Extent {
            floor,
            above: self.above(first, floor),
            first,
            end: self.next(range.end),
        })
    }

    /// Returns the bytes that go with an entry: its lines, and one of two blank lines that would
    /// come to stand next to each other, or at either end. `leading` says that no entry is left in
    /// front of it.
    pub(super) fn without(&self, extent: Extent, leading: bool) -> Range<usize> {
        let Extent {
            floor,
            above,
            mut end,
            ..
        } = extent;
        let mut start = above;
        let before = above.checked_sub(1).map(|at| self.start(at));
        let blank_before = before.filter(|at| *at >= floor && self.is_blank(*at));
        let at_end = end >= self.0.len();
        match blank_before {
            _ if leading && !at_end && self.is_blank(end) => end = self.next(end),
            Some(blank) if at_end || self.is_blank(end) => start = blank,
            _ => {}
        }
        // A text without a last line break stays one.
        if at_end && !self.0.ends_with('\n') && start > 0 {
            start = self.end(self.start(start - 1));
        }
        start..end
    }
}
