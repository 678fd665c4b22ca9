//! What the program keeps, all of it in `.guestlist/` below the repository, readable by its owner
//! only: it is personal data. Also writes the files that people name with `--out`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The folder's name.
pub(crate) const FOLDER: &str = ".guestlist";

/// Returns the folder in which everything is kept, made if need be.
pub(crate) fn folder(root: &Path) -> Result<PathBuf, Failure> {
    let path = root.join(FOLDER);
    make(&path)?;
    Ok(path)
}

/// Makes a folder, and those above it, that only its owner can enter.
pub(crate) fn make(path: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(Failure::file(path))
}

/// Writes a file that only its owner can read: whole or not at all. A device or a pipe is written to, and
/// a link leads on.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let there = std::fs::metadata(path);
    if there.as_ref().is_ok_and(|there| !there.is_file()) {
        return std::fs::write(path, text).map_err(Failure::file(path));
    }
    let real = there.and_then(|_| path.canonicalize());
    let path = real.as_deref().unwrap_or(path);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let save = || {
        // A temporary file is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    save().map_err(Failure::file(path))
}

/// Opens a new file that only its owner can read, for lines to be added.
pub(crate) fn append(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Holds the folder for one apply, or one edit, until dropped.
#[derive(Debug)]
pub(crate) struct Lock(
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")] File,
);

/// Keeps two edits of one folder apart: waits for the other one, which takes moments.
pub(crate) fn editing(root: &Path) -> Result<Lock, Failure> {
    let path = folder(root)?.join("editing");
    let file = append(&path).map_err(Failure::file(&path))?;
    file.lock().map_err(Failure::file(&path))?;
    Ok(Lock(file))
}

/// Locks the folder, or says that another apply is under way.
pub(crate) fn lock(root: &Path) -> Result<Lock, Failure> {
    let path = folder(root)?.join("lock");
    let file = append(&path).map_err(Failure::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(_) => Err(Failure::plain(
            "another apply is under way in this folder",
            "wait until it has ended; the lock goes with its process",
        )),
    }
}
