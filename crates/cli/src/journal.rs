//! The journal of one apply: `.guestlist/journal/<run>.jsonl`, a line before and a line after each
//! write, on disk before the request goes out.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use guestlist_planner::plan::Plan;
use guestlist_tenant::apply::{Entry, Journal};
use serde::Serialize;

use crate::failure::Failure;
use crate::keep;

/// A journal on disk.
#[derive(Debug)]
pub(crate) struct FileJournal {
    file: File,
    path: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    phase: &'static str,
    at: jiff::Timestamp,
    version: &'a str,
    tenant: &'a str,
    commit: Option<&'a str>,
    plan: &'a str,
}

impl FileJournal {
    /// Begins the journal of a run.
    pub(crate) fn begin(root: &Path, plan: &Plan) -> Result<Self, Failure> {
        let folder = keep::folder(root)?.join("journal");
        keep::make(&folder)?;
        let at = jiff::Timestamp::now();
        let path = folder.join(format!("{}.jsonl", at.strftime("%Y%m%dT%H%M%S%.6fZ")));
        let file = keep::append(&path).map_err(Failure::file(&path))?;
        let mut journal = Self { file, path };
        let head = Head {
            phase: "run",
            at,
            version: &plan.version,
            tenant: &plan.tenant,
            commit: plan.commit.as_deref(),
            plan: &plan.digest,
        };
        journal
            .line(&head)
            .and_then(|()| journal.file.sync_data())
            .map_err(Failure::file(&journal.path))?;
        Ok(journal)
    }

    fn line(&mut self, value: &impl Serialize) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(value)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

impl Journal for FileJournal {
    fn write(&mut self, entries: &[Entry<'_>]) -> std::io::Result<()> {
        entries.iter().try_for_each(|entry| self.line(entry))?;
        self.file.sync_data()
    }
}
