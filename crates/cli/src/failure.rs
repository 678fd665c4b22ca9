//! What stops a command, in words for people: what was wrong, and what to do next.

use std::path::PathBuf;

use guestlist_planner::safe::printable;
use guestlist_planner::yaml::{Mistake, Source};

use crate::logging::{TOLD, is_json};
use crate::output::{counted, tell};

/// Why a command stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The files are not right.
    #[error("{} in the files; nothing was planned", mistakes(.0.len()))]
    Mistakes(Vec<Mistake>, Vec<Source>),
    /// The files would not be right any more.
    #[error("{} in the edited files; nothing was written", mistakes(.0.len()))]
    Edited(Vec<Mistake>, Vec<Source>),
    /// The files that were to be written would not be right.
    #[error("{} in what was given; nothing was written", mistakes(.0.len()))]
    Given(Vec<Mistake>, Vec<Source>),
    /// Graph, or the way there.
    #[error("{0}")]
    Tenant(#[from] guestlist_tenant::Error),
    /// No credential.
    #[error("{0}")]
    Auth(#[from] guestlist_tenant::auth::AuthError),
    /// The embedded tenant.
    #[error("the sandbox: {0}")]
    Sandbox(#[from] guestlist_sandbox::SandboxError),
    /// A file that the program reads or writes.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// Anything else that a person should put right.
    #[error("{message}")]
    Plain {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// How many mistakes are shown: one wrong name may stand in thousands of entries.
const SHOWN: usize = 100;

fn mistakes(count: usize) -> String {
    counted(count, "mistake")
}

impl Failure {
    /// Returns a failure with what to do about it.
    pub(crate) fn plain(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Plain {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// Returns a function that says which file an I/O error is about.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// Prints the failure on stderr.
    pub(crate) fn print(&self, color: bool) {
        if is_json() {
            return self.log();
        }
        if let Some((mistakes, sources)) = self.mistakes() {
            for mistake in mistakes.iter().take(SHOWN) {
                tell(&format!("{}\n", mistake.show(sources, color)));
            }
            if mistakes.len() > SHOWN {
                tell(&format!("{} more are not shown.\n", mistakes.len() - SHOWN));
            }
        }
        tell(&format!("error: {}", printable(&self.to_string())));
        for line in self.hint().iter().flat_map(|hint| hint.lines()) {
            tell(&format!("hint: {}", printable(line)));
        }
    }

    fn mistakes(&self) -> Option<(&[Mistake], &[Source])> {
        match self {
            Self::Mistakes(mistakes, sources)
            | Self::Edited(mistakes, sources)
            | Self::Given(mistakes, sources) => Some((mistakes, sources)),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Tenant(error) => error.hint(),
            Self::Auth(error) => error.hint(),
            Self::Plain { hint, .. } => hint.clone(),
            _ => None,
        }
    }

    /// Writes the failure as records: one for each mistake, and one for what came of it.
    fn log(&self) {
        if let Some((mistakes, _)) = self.mistakes() {
            for mistake in mistakes.iter().take(SHOWN) {
                let (line, column) = (mistake.place.line, mistake.place.column);
                tracing::error!(target: TOLD, file = mistake.path, line, column, hint = mistake.hint, "{}", mistake.message);
            }
        }
        tracing::error!(target: TOLD, hint = self.hint(), "{self}");
    }
}
