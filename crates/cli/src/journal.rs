//! The journal of one apply: `.guestlist/journal/<run>.jsonl`, a line before each write, on disk
//! before the request goes out, and a line after it; and what `show` says of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use guestlist_planner::address::Address;
use guestlist_planner::plan::Plan;
use guestlist_planner::safe::printable;
use guestlist_tenant::apply::{Entry, Journal, Phase};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::keep;

/// A journal on disk.
#[derive(Debug)]
pub(crate) struct FileJournal {
    file: File,
    path: PathBuf,
}

/// The first line: which run it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    phase: HeadPhase,
    at: Timestamp,
    version: String,
    tenant: String,
    commit: Option<String>,
    /// What ran.
    #[serde(default)]
    command: Run,
    /// The digest of the plan that was executed, if one was.
    plan: Option<String>,
}

/// What writes a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Run {
    /// `apply`.
    #[default]
    Apply,
    /// `notify`.
    Notify,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum HeadPhase {
    Run,
}

impl FileJournal {
    /// Begins the journal of a run.
    pub(crate) fn begin(root: &Path, plan: &Plan, command: Run) -> Result<Self, Failure> {
        let folder = keep::folder(root)?.join("journal");
        keep::make(&folder)?;
        let at = Timestamp::now();
        let path = folder.join(format!("{}.jsonl", at.strftime("%Y%m%dT%H%M%S%.6fZ")));
        let file = keep::append(&path).map_err(Failure::file(&path))?;
        let mut journal = Self { file, path };
        let head = Head {
            phase: HeadPhase::Run,
            at,
            version: plan.version.clone(),
            tenant: plan.tenant.clone(),
            commit: plan.commit.clone(),
            command,
            plan: (command == Run::Apply).then(|| plan.digest.clone()),
        };
        let written = journal.lines(&[head]).and_then(|()| journal.sync());
        written.map_err(Failure::file(&journal.path))?;
        Ok(journal)
    }

    fn lines(&mut self, values: &[impl Serialize]) -> std::io::Result<()> {
        let mut text = Vec::new();
        for value in values {
            serde_json::to_writer(&mut text, value)?;
            text.push(b'\n');
        }
        self.file.write_all(&text)
    }
}

impl Journal for FileJournal {
    fn write(&mut self, entries: &[Entry]) -> std::io::Result<()> {
        self.lines(entries)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.file.sync_data()
    }
}

/// Returns what earlier runs on a tenant may have created less than `settle` ago, and how much of
/// that time is left: lists need not show it yet.
pub(crate) fn earlier(
    root: &Path,
    tenant: &str,
    settle: Duration,
) -> Result<BTreeMap<Address, Duration>, Failure> {
    let mut created = BTreeMap::new();
    // What a later line says replaces what an earlier one said.
    for path in journals(root)? {
        let written = path.metadata().and_then(|data| data.modified());
        let age = written.map_err(Failure::file(&path))?.elapsed();
        // One from the future is new.
        if age.is_ok_and(|age| age > settle) {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(Failure::file(&path))?;
        let Some((head, rest)) = text.split_once('\n') else {
            continue;
        };
        if serde_json::from_str::<Head>(head).is_ok_and(|head| head.tenant == tenant) {
            for entry in rest
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
            {
                note(&entry, settle, &mut created);
            }
        }
    }
    Ok(created)
}

/// Returns the journals there are, the oldest run first.
fn journals(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = root.join(keep::FOLDER).join("journal");
    let files = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(Failure::file(&folder))?,
    };
    let paths = files.map(|file| file.map(|file| file.path()));
    let paths = paths.collect::<std::io::Result<Vec<_>>>();
    let mut paths = paths.map_err(Failure::file(&folder))?;
    paths.sort();
    Ok(paths)
}

/// Returns what the journals last said about a guest or an edge of theirs, if anything.
pub(crate) fn last_about(root: &Path, guest: &str) -> Result<Option<String>, Failure> {
    for path in journals(root)?.iter().rev() {
        let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
        let entries = text.lines().rev();
        let mut entries = entries.filter_map(|line| serde_json::from_str::<Entry>(line).ok());
        let is_about = |entry: &Entry| {
            let names = entry.address.split_once(' ').map(|(_, names)| names);
            names.is_some_and(|names| names.split(" / ").any(|name| name == guest))
        };
        if let Some(entry) = entries.find(is_about) {
            let at = entry.at.strftime("%Y-%m-%d %H:%M:%S UTC");
            let (word, how) = fate(&entry);
            return Ok(Some(format!(
                "{at}  {word}  {}: {}  {} {how}",
                entry.address, entry.because, entry.request
            )));
        }
    }
    Ok(None)
}

/// Takes a line into account: later lines about an object replace earlier ones.
fn note(entry: &Entry, settle: Duration, created: &mut BTreeMap<Address, Duration>) {
    let Some((kind, key)) = entry.address.split_once(' ') else {
        return;
    };
    let request = entry.request.as_str();
    if !["POST /invitations", "POST /groups"].contains(&request) && !request.ends_with("/restore") {
        return;
    }
    let address = Address::new(kind, key);
    let age = Timestamp::now().duration_since(entry.at).unsigned_abs();
    let undone = entry.failed && !entry.in_doubt || entry.phase == Phase::NotSent;
    match settle.checked_sub(age).filter(|_| !undone) {
        Some(left) => created.insert(address, left),
        None => created.remove(&address),
    };
}

/// Returns what a journal says, for people; none if `text` is no journal.
pub(crate) fn read(text: &str) -> Option<String> {
    let (head, rest) = text.split_once('\n')?;
    let head: Head = serde_json::from_str(head).ok()?;
    let mut last: BTreeMap<(String, String), (usize, Entry)> = BTreeMap::new();
    let mut unreadable = 0;
    for (number, line) in rest.lines().enumerate() {
        match serde_json::from_str::<Entry>(line) {
            Ok(entry) => {
                let of = (entry.address.clone(), entry.request.clone());
                last.insert(of, (number, entry));
            }
            // A run that was killed may leave half a line.
            Err(_) => unreadable += 1,
        }
    }
    let mut writes: Vec<_> = last.into_values().collect();
    writes.sort_by_key(|(number, _)| *number);
    Some(told(
        &head,
        writes.into_iter().map(|(_, entry)| entry),
        unreadable,
    ))
}

fn told(head: &Head, writes: impl Iterator<Item = Entry>, unreadable: usize) -> String {
    let mut out = format!(
        "Run of {} on tenant {}, guestlist {}\n  {}\n  commit {}\n\n",
        head.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        printable(&head.tenant),
        printable(&head.version),
        match &head.plan {
            Some(plan) => format!("plan {}", printable(plan)),
            None => "notices to sponsors".to_owned(),
        },
        printable(head.commit.as_deref().unwrap_or("unknown")),
    );
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in writes {
        let (word, how) = fate(&entry);
        *counts.entry(word).or_default() += 1;
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{word:8}  {}  {}\n          {} {how}",
            printable(&entry.address),
            printable(&entry.because),
            printable(&entry.request),
        );
    }
    let count = |word| counts.get(word).copied().unwrap_or_default();
    let _ = writeln!(
        out,
        "\n{} done, {} failed, {} in doubt.",
        count(DONE),
        count(FAILED),
        count(DOUBT)
    );
    if count(DOUBT) > 0 {
        out.push_str("What is in doubt may have happened. Planning again is safe: it looks.\n");
    }
    if unreadable > 0 {
        let _ = writeln!(out, "{unreadable} lines are cut off or unreadable.");
    }
    out
}

const DONE: &str = "done";
const FAILED: &str = "failed";
const DOUBT: &str = "in doubt";
const NOT_SENT: &str = "not sent";

/// Returns what became of a write, by the last line about it.
fn fate(entry: &Entry) -> (&'static str, String) {
    let id = entry.request_id.as_deref().map(printable);
    let id = id.map_or_else(String::new, |id| format!(" (request id {id})"));
    let result = entry.result.as_deref().map(printable).unwrap_or_default();
    match entry.phase {
        Phase::Intent => (DOUBT, "→ the run ended before its answer".to_owned()),
        Phase::NotSent => (NOT_SENT, "→ the run was stopped before".to_owned()),
        Phase::Found => (DONE, format!("→ no answer, but found: {result}")),
        Phase::Outcome if entry.in_doubt => (DOUBT, format!("→ {result}{id}")),
        Phase::Outcome if entry.failed => (FAILED, format!("→ {result}{id}")),
        Phase::Outcome => (DONE, format!("→ {result}{id}")),
    }
}
