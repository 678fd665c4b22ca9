//! Reads the files of a repository: `guests/` and `policies/`, nothing else, and nothing that lies
//! outside of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use guestlist_planner::load::{Config, load, tenant};
use guestlist_planner::policy::Tenant;
use guestlist_planner::yaml::{Mistake, Source, node::MAX_BYTES};
use jiff::Timestamp;

use crate::failure::Failure;

/// The folders, and what they hold.
const FOLDERS: [(&str, &str); 2] = [
    ("guests", "who should have access"),
    ("policies", "the rules for it"),
];

/// What is wrong with a folder that declares nothing.
const NO_FOLDER: &str = "there is no such folder";
const NO_FILES: &str = "the folder holds no .yaml or .yml file";

/// The text of a repository, and what was wrong with reading it.
#[derive(Debug)]
pub(crate) struct Files {
    sources: Vec<Source>,
    mistakes: Vec<Mistake>,
}

impl Files {
    /// Reads a repository.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut found = Found {
            root: folder.to_owned(),
            sources: BTreeMap::new(),
            mistakes: Vec::new(),
        };
        for (name, holds) in FOLDERS {
            found.folder(name, holds);
        }
        Self {
            sources: found.sources.into_values().collect(),
            mistakes: found.mistakes,
        }
    }

    /// Reads a repository that need not declare any guest yet.
    pub(crate) fn read_to_import(folder: &Path) -> Self {
        let mut files = Self::read(folder);
        let [(guests, _), _] = FOLDERS;
        let is_there = |source: &Source| source.path.starts_with(guests);
        if !files.sources.iter().any(is_there) {
            let mistakes = &mut files.mistakes;
            let is_empty = |message: &str| [NO_FOLDER, NO_FILES].contains(&message);
            let folder = format!("{guests}/");
            mistakes.retain(|it| it.path != folder || !is_empty(&it.message));
        }
        files
    }

    /// Returns which tenant the files are for, if that can be told without understanding them all.
    pub(crate) fn tenant(&self) -> Option<Tenant> {
        tenant(&self.sources)
    }

    /// Returns the text of the files that could be read.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Understands the files as of `now`.
    pub(crate) fn config(mut self, now: Timestamp) -> Result<Config, Failure> {
        match load(&self.sources, now) {
            Ok(config) if self.mistakes.is_empty() => return Ok(config),
            Ok(_) => {}
            Err(mistakes) => self.mistakes.extend(mistakes),
        }
        Err(Failure::Mistakes(self.mistakes, self.sources))
    }
}

struct Found {
    root: PathBuf,
    sources: BTreeMap<String, Source>,
    mistakes: Vec<Mistake>,
}

impl Found {
    fn mistake(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        self.mistakes.push(Mistake::file(path, message).hint(hint));
    }

    fn folder(&mut self, name: &str, holds: &str) {
        let path = self.root.join(name);
        if !path.is_dir() {
            let hint =
                format!("{name}/ says {holds}; is this the right folder? `-C DIR` names another");
            return self.mistake(&format!("{name}/"), NO_FOLDER, &hint);
        }
        if self.leads_out(&path) {
            let text = "a symbolic link leads out of the repository";
            return self.mistake(&format!("{name}/"), text, "copy what it points to");
        }
        let before = self.sources.len() + self.mistakes.len();
        self.walk(&path, name);
        if self.sources.len() + self.mistakes.len() == before {
            let hint = format!(
                "{name}/ says {holds}; an empty folder would say that nobody should have any"
            );
            self.mistake(&format!("{name}/"), NO_FILES, &hint);
        }
    }

    fn walk(&mut self, folder: &Path, name: &str) {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match entries {
            Ok(entries) => entries
                .iter()
                .for_each(|entry| self.entry(&entry.path(), name)),
            Err(error) => self.mistake(
                name,
                format!("the folder cannot be read: {error}"),
                "check its permissions",
            ),
        }
    }

    /// Takes in one entry of the folder that people call `folder`.
    fn entry(&mut self, path: &Path, folder: &str) {
        let Some(base) = path.file_name().and_then(|base| base.to_str()) else {
            return self.mistake(folder, "a file's name is not UTF-8", "rename it");
        };
        if base.starts_with('.') {
            return;
        }
        let name = format!("{folder}/{base}");
        let lower = base.to_lowercase();
        if self.leads_out(path) {
            let text = "a symbolic link leads out of the repository";
            self.mistake(&name, text, "copy what it points to");
        } else if path.is_dir() {
            // A link to a folder above would never end.
            if path.is_symlink() {
                let text = "a symbolic link to a folder is not followed";
                self.mistake(&name, text, "copy what it points to");
            } else {
                self.walk(path, &name);
            }
        } else if lower.ends_with(".yaml") || lower.ends_with(".yml") {
            self.file(path, &name);
        } else if lower.contains(".yaml") || lower.contains(".yml") {
            let text = "the file looks like YAML and is not read";
            self.mistake(&name, text, "name it .yaml, or move it elsewhere");
        }
    }

    /// Returns whether a link leads out of the repository. Folders on the way were looked at.
    fn leads_out(&self, path: &Path) -> bool {
        path.is_symlink()
            && match (self.root.canonicalize(), path.canonicalize()) {
                (Ok(root), Ok(real)) => !real.starts_with(root),
                _ => true,
            }
    }

    fn file(&mut self, path: &Path, name: &str) {
        let size = fs::metadata(path).map_or(0, |data| data.len());
        if size > MAX_BYTES as u64 {
            let text = format!(
                "the file has {} MiB; at most {} are read",
                size >> 20,
                MAX_BYTES >> 20
            );
            return self.mistake(name, text, "split it: lists of several files add up");
        }
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                return self.mistake(
                    name,
                    format!("the file cannot be read: {error}"),
                    "check its permissions",
                );
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text
                    .strip_prefix('\u{feff}')
                    .map(str::to_owned)
                    .unwrap_or(text);
                self.sources.insert(
                    name.to_owned(),
                    Source {
                        path: name.to_owned(),
                        text,
                    },
                );
            }
            Err(error) => {
                let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count()
                    + 1;
                self.mistake(
                    name,
                    format!("the file is not UTF-8, from line {line} on"),
                    "save it as UTF-8",
                );
            }
        }
    }
}
