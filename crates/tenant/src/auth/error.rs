//! What can be wrong with what the environment says about signing in.

use std::path::PathBuf;

use super::name::Name;

/// Why no credential could be chosen or built.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthError {
    /// `--auth` names no way to sign in.
    #[error("no way to sign in is called `{0}`")]
    UnknownName(String),
    /// The environment names none.
    #[error("nothing in the environment says how to sign in")]
    NoneNamed,
    /// The environment names a way, and not all that it needs.
    #[error("signing in with {title} needs {variable}")]
    Missing {
        /// The way.
        title: &'static str,
        /// The variable that is not set.
        variable: &'static str,
    },
    /// The environment and the files disagree about the tenant.
    #[error("AZURE_TENANT_ID is {environment}, and the files are for tenant {files}")]
    OtherTenant {
        /// The tenant that the environment names.
        environment: String,
        /// The tenant that the files name.
        files: String,
    },
    /// A variable holds a URL that cannot be used.
    #[error("{variable} {why}")]
    BadUrl {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The certificate file cannot be used.
    #[error("{} {why}", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// azure_identity refuses what it was given.
    #[error("{0}")]
    Refused(String),
}

impl AuthError {
    /// Returns what to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownName(_) => Some(format!(
                "one of {}",
                Name::ALL.map(|name| name.words().0).join(", ")
            )),
            Self::NoneNamed => Some(choices()),
            Self::Missing {
                variable: "AZURE_TENANT_ID",
                ..
            } => Some("set AZURE_TENANT_ID, or `tenant.id` in policies/tenant.yaml".to_owned()),
            Self::Missing {
                variable: "ACTIONS_ID_TOKEN_REQUEST_URL" | "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                ..
            } => Some("the job needs `permissions: id-token: write`".to_owned()),
            Self::Missing {
                variable: "SYSTEM_ACCESSTOKEN",
                ..
            } => Some(
                "map it in the step: `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`".to_owned(),
            ),
            _ => None,
        }
    }
}

fn choices() -> String {
    let mut text = "set one of".to_owned();
    for (name, _, variable) in Name::ALL[..6].iter().map(|name| name.words()) {
        text += &format!(" {variable} ({name}),");
    }
    text + " or use the Azure CLI on a terminal (azure-cli); `--auth NAME` chooses by name"
}
