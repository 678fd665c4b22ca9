//! Random tests that can be repeated: one seed, printed when a case fails. `GUESTLIST_SEED` sets it,
//! `GUESTLIST_CASES` how many cases each test tries.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

fn env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

/// Runs `test` on as many random values as `cases` says.
#[track_caller]
pub(crate) fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let seed = env("GUESTLIST_SEED").unwrap_or(2026);
    let cases = env("GUESTLIST_CASES").map_or(cases, |cases| u32::try_from(cases).unwrap());
    let mut runner = TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("GUESTLIST_SEED={seed} GUESTLIST_CASES={cases} shows this again:\n{error}");
    }
}

/// Bytes that mean something to one of our readers.
const TOKENS: &[&str] = &[
    "\n",
    "\t",
    "  ",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "&a ",
    "*a",
    "<<: *a",
    "? ",
    "| ",
    "> ",
    "---\n",
    "...\n",
    "!!binary ",
    "!t ",
    "%YAML 9.9\n",
    "#",
    "\\",
    "\\ud800",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[2J",
    "é",
    "😀",
    "null",
    "~",
    "true",
    "-1",
    "1e999",
    "0x10",
    "18446744073709551616",
    ".nan",
    "9999-12-31",
    "-9999-01-01",
    "2026-02-30",
    "0000-00-00",
    "9999-12-31T23:59:59Z",
    "4294967295d",
    "-5d",
    "0d",
    "guestlist owner=sandbox offboarding=9999-12-31T23:59:59Z reason=expired",
    "guests:",
    "mail: ",
    "@",
    "expires: ",
    "a@b.example",
];

/// A change to some bytes.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Put(Index, String),
    Over(Index, u8),
    Cut(Index, usize),
    Again(Index, usize),
    End(Index),
}

/// Returns changes to a text.
pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let token = prop::sample::select(TOKENS).prop_map(str::to_owned);
    let edit = prop_oneof![
        6 => (at(), token).prop_map(|(at, text)| Edit::Put(at, text)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Over(at, byte)),
        3 => (at(), 1..40_usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        2 => (at(), 1..200_usize).prop_map(|(at, length)| Edit::Again(at, length)),
        1 => at().prop_map(Edit::End),
    ];
    prop::collection::vec(edit, 1..6)
}

/// Returns a text with changes.
pub(crate) fn edited(text: &str, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for edit in edits {
        let length = bytes.len() + 1;
        let cut = |at: usize, length: usize, bytes: &[u8]| at..(at + length).min(bytes.len());
        match edit {
            Edit::Put(at, text) => {
                let at = at.index(length);
                bytes.splice(at..at, text.bytes());
            }
            Edit::Over(at, byte) => {
                if let Some(found) = bytes.get_mut(at.index(length)) {
                    *found = *byte;
                }
            }
            Edit::Cut(at, count) => drop(bytes.drain(cut(at.index(length), *count, &bytes))),
            Edit::Again(at, count) => {
                let range = cut(at.index(length), *count, &bytes);
                let copy = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, copy);
            }
            Edit::End(at) => bytes.truncate(at.index(length)),
        }
    }
    bytes
}

/// Returns changes to JSON: where, and what stands there then; nothing if it is left out.
pub(crate) fn changes() -> impl Strategy<Value = Vec<(Index, Option<Value>)>> {
    let text = prop::sample::select(TOKENS).prop_map(|text| json!(text));
    let value = prop_oneof![
        2 => Just(Some(Value::Null)),
        3 => Just(None),
        1 => any::<bool>().prop_map(|value| Some(json!(value))),
        1 => any::<i64>().prop_map(|value| Some(json!(value))),
        1 => Just(Some(json!([]))),
        1 => Just(Some(json!({}))),
        1 => Just(Some(json!([null, [[[[]]]], { "id": 7 }]))),
        1 => Just(Some(json!("x".repeat(100_000)))),
        3 => text.prop_map(Some),
    ];
    prop::collection::vec((any::<Index>(), value), 1..5)
}

/// Returns JSON with changes.
pub(crate) fn changed(mut value: Value, changes: &[(Index, Option<Value>)]) -> Value {
    for (at, to) in changes {
        let mut left = at.index(nodes(&value));
        change(&mut value, &mut left, to.as_ref());
    }
    value
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(items) => items.values().map(nodes).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the node that comes after `left` others; returns whether this one is to be left out.
fn change(value: &mut Value, left: &mut usize, to: Option<&Value>) -> bool {
    if *left == 0 {
        *left = usize::MAX;
        if let Some(to) = to {
            *value = to.clone();
        }
        return to.is_none();
    }
    *left -= 1;
    match value {
        Value::Array(items) => {
            items.retain_mut(|item| *left == usize::MAX || !change(item, left, to))
        }
        Value::Object(items) => {
            items.retain(|_, item| *left == usize::MAX || !change(item, left, to))
        }
        _ => {}
    }
    false
}
