//! What there is to say about people, each thing on one line: there may be thousands of them.

use std::collections::BTreeMap;

/// How many people a note names.
const NAMED: usize = 3;

/// What happened to people, and to whom.
#[derive(Default)]
pub(super) struct Notes(BTreeMap<String, Vec<String>>);

impl Notes {
    pub(super) fn left_out(&mut self, why: &str, who: &str) {
        self.add(format!("left out, {why}"), who);
    }

    pub(super) fn add(&mut self, what: String, who: &str) {
        self.0.entry(what).or_default().push(who.to_owned());
    }

    pub(super) fn notes(self) -> Vec<String> {
        let note = |(what, people): (String, Vec<String>)| {
            let count = people.len();
            let more = count.saturating_sub(NAMED);
            let rest = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let named = people
                .into_iter()
                .take(NAMED)
                .collect::<Vec<_>>()
                .join(", ");
            format!("{count} {what}: {named}{rest}")
        };
        self.0.into_iter().map(note).collect()
    }
}
