//! The ways to sign in: how `--auth` and messages call them, and what in the environment asks for
//! each.

use super::{Env, set};

/// The ways to sign in, in the order in which the environment is asked for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    ClientSecret,
    ClientCertificate,
    WorkloadIdentity,
    GitHubActions,
    AzurePipelines,
    ManagedIdentity,
    AzureCli,
}

impl Name {
    pub(super) const ALL: [Self; 7] = [
        Self::ClientSecret,
        Self::ClientCertificate,
        Self::WorkloadIdentity,
        Self::GitHubActions,
        Self::AzurePipelines,
        Self::ManagedIdentity,
        Self::AzureCli,
    ];

    /// Returns the name for `--auth`, the name in messages, and the variable that asks for it.
    pub(super) fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ClientSecret => ("client-secret", "client secret", "AZURE_CLIENT_SECRET"),
            Self::ClientCertificate => (
                "client-certificate",
                "client certificate",
                "AZURE_CLIENT_CERTIFICATE_PATH",
            ),
            Self::WorkloadIdentity => (
                "workload-identity",
                "workload identity",
                "AZURE_FEDERATED_TOKEN_FILE",
            ),
            Self::GitHubActions => (
                "github-actions",
                "GitHub Actions",
                "ACTIONS_ID_TOKEN_REQUEST_URL",
            ),
            Self::AzurePipelines => (
                "azure-pipelines",
                "Azure Pipelines",
                "SYSTEM_OIDCREQUESTURI",
            ),
            Self::ManagedIdentity => ("managed-identity", "managed identity", "IDENTITY_ENDPOINT"),
            Self::AzureCli => ("azure-cli", "Azure CLI", "az"),
        }
    }

    /// Returns whether the environment asks for it. `terminal` says whether a person is there.
    pub(super) fn is_asked_for(self, env: Env<'_>, terminal: bool) -> bool {
        match self {
            Self::AzureCli => terminal && has_azure_cli(env),
            _ => set(env, self.words().2).is_some(),
        }
    }
}

fn has_azure_cli(env: Env<'_>) -> bool {
    let name = if cfg!(windows) { "az.cmd" } else { "az" };
    let path = env("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
