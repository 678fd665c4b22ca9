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

    /// Returns which tenant the files are for, if that can be told without understanding them all.
    pub(crate) fn tenant(&self) -> Option<Tenant> {
        tenant(&self.sources)
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
            return self.mistake(&format!("{name}/"), "there is no such folder", &hint);
        }
        let before = self.sources.len() + self.mistakes.len();
        self.walk(&path, name);
        if self.sources.len() + self.mistakes.len() == before {
            let hint = format!(
                "{name}/ says {holds}; an empty folder would say that nobody should have any"
            );
            self.mistake(
                &format!("{name}/"),
                "the folder holds no .yaml or .yml file",
                &hint,
            );
        }
    }

    fn walk(&mut self, folder: &Path, name: &str) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                return self.mistake(
                    name,
                    format!("the folder cannot be read: {error}"),
                    "check its permissions",
                );
            }
        };
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => {
                    return self.mistake(
                        name,
                        format!("the folder cannot be read: {error}"),
                        "check its permissions",
                    );
                }
            };
            let Some(base) = path
                .file_name()
                .and_then(|base| base.to_str())
                .map(str::to_owned)
            else {
                self.mistake(name, "a file's name is not UTF-8", "rename it");
                continue;
            };
            let inner = format!("{name}/{base}");
            if base.starts_with('.') {
                continue;
            }
            if self.leads_out(&path) {
                self.mistake(
                    &inner,
                    "a symbolic link leads out of the repository",
                    "copy what it points to",
                );
            } else if path.is_dir() {
                // A link to a folder above would never end.
                if path.is_symlink() {
                    self.mistake(
                        &inner,
                        "a symbolic link to a folder is not followed",
                        "copy what it points to",
                    );
                } else {
                    self.walk(&path, &inner);
                }
            } else {
                let name = base.to_lowercase();
                if name.ends_with(".yaml") || name.ends_with(".yml") {
                    self.file(&path, &inner);
                } else if name.contains(".yaml") || name.contains(".yml") {
                    self.mistake(
                        &inner,
                        "the file looks like YAML and is not read",
                        "name it .yaml, or move it elsewhere",
                    );
                }
            }
        }
    }

    fn leads_out(&self, path: &Path) -> bool {
        let (Ok(root), Ok(real)) = (self.root.canonicalize(), path.canonicalize()) else {
            return path.is_symlink();
        };
        !real.starts_with(root)
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
