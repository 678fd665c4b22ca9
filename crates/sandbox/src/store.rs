//! The state file: read whole, written whole to a neighbour and renamed over, so that a crash
//! leaves the old state or the new one. Only its owner may read it: it holds people's addresses.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::error::SandboxError;

/// Reads the state; `None` without a file.
pub(crate) fn read(path: &Path) -> Result<Option<Value>, SandboxError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(SandboxError::State),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SandboxError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes the state.
pub(crate) fn write(path: &Path, state: &impl Serialize) -> io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let neighbour = Path::new(&name);
    let mut file = create(neighbour)?;
    file.write_all(&serde_json::to_vec(state)?)?;
    file.sync_all()?;
    drop(file);
    fs::rename(neighbour, path)
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
}
