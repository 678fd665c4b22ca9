//! Puts new texts in the place of files: each whole or not at all, and none before all are ready. What
//! a link leads to is written; the link stays. Permissions and a byte order mark stay too.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use guestlist_planner::revise::Revision;
use tempfile::NamedTempFile;

use crate::editing::meanwhile;
use crate::failure::Failure;

/// The mark that some editors put in front of a file; reading leaves it out.
const MARK: &str = "\u{feff}";

/// A file, and the new one that will take its place; without one, it goes.
struct Ready {
    path: PathBuf,
    new: Option<NamedTempFile>,
}

/// Writes the revisions of a repository. A file that somebody changed meanwhile is an error, and
/// nothing is written then.
pub(crate) fn rewrite(root: &Path, revisions: &[Revision]) -> Result<(), Failure> {
    let ready: Vec<_> = revisions
        .iter()
        .map(|revision| prepare(root, revision))
        .collect::<Result<_, _>>()?;
    for Ready { path, new } in ready {
        match new {
            Some(new) => new.persist(&path).map(drop).map_err(|error| error.error),
            None => fs::remove_file(&path),
        }
        .map_err(Failure::file(&path))?;
    }
    Ok(())
}

fn prepare(root: &Path, revision: &Revision) -> Result<Ready, Failure> {
    let path = root.join(&revision.path);
    let old = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    let mark = if old.starts_with(MARK) { MARK } else { "" };
    if old[mark.len()..] != revision.before {
        return Err(meanwhile(&path));
    }
    let Some(after) = &revision.after else {
        return Ok(Ready { path, new: None });
    };
    let real = path.canonicalize().map_err(Failure::file(&path))?;
    let new = temporary(&real, &[mark, after]).map_err(Failure::file(&path))?;
    Ok(Ready {
        path: real,
        new: Some(new),
    })
}

/// Writes a text next to a file, with that file's permissions.
fn temporary(beside: &Path, text: &[&str]) -> std::io::Result<NamedTempFile> {
    let folder = beside.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    for part in text {
        file.write_all(part.as_bytes())?;
    }
    let permissions = fs::metadata(beside)?.permissions();
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    Ok(file)
}
