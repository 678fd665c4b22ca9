//! The exit codes, once for all commands.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// An error: also mistakes in the files, a refused plan file, no `--yes` and no terminal.
    Error = 1,
    /// Changes are pending, with `--detailed-exitcode`.
    Pending = 2,
    /// Refused by a limit.
    Refused = 3,
    /// Partly applied: a step failed, was left out, or was blocked by an `error` finding.
    Partly = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
