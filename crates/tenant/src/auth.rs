//! Chooses one credential from what the environment says. Nothing is ever tried one after the
//! other: what signs in is what was printed. `auth/credential.rs` builds it.

mod certificate;
mod cloud;
mod credential;
mod error;
mod github;
mod name;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use azure_core::credentials::Secret;
pub use azure_core::credentials::TokenCredential;
use reqwest::Url;

pub use cloud::Endpoint;
pub(crate) use cloud::is_loopback;
pub use credential::constant;
pub use error::AuthError;

use credential::Forgetful;
use name::Name;

/// How the environment is asked for a variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The credential that signs in.
#[derive(Clone, Debug)]
pub struct Choice {
    way: Way,
    tenant: Option<String>,
    name: Name,
}

#[derive(Clone, Debug)]
enum Way {
    ClientSecret {
        client: String,
        secret: Secret,
    },
    ClientCertificate {
        client: String,
        path: PathBuf,
        with_chain: bool,
    },
    WorkloadIdentity {
        client: String,
        path: PathBuf,
    },
    GitHubActions {
        client: String,
        url: Url,
        token: Secret,
    },
    AzurePipelines {
        client: String,
        connection: String,
        token: Secret,
    },
    ManagedIdentity {
        client: Option<String>,
    },
    AzureCli,
}

/// Returns the value of a variable. CI systems set what they do not have to nothing.
pub(crate) fn set(env: Env<'_>, variable: &str) -> Option<String> {
    env(variable).filter(|value| !value.trim().is_empty())
}

/// Returns the one credential that `--auth` (`named`) or else the environment asks for.
/// `files` is the tenant that the files are for; `terminal` says whether a person is there.
pub fn choose(
    env: Env<'_>,
    named: Option<&str>,
    terminal: bool,
    files: Option<&str>,
) -> Result<Choice, AuthError> {
    let name = match named {
        Some(named) => Name::ALL
            .into_iter()
            .find(|name| name.words().0 == named)
            .ok_or_else(|| AuthError::UnknownName(named.to_owned()))?,
        None => Name::ALL
            .into_iter()
            .find(|name| name.is_asked_for(env, terminal))
            .ok_or(AuthError::NoneNamed)?,
    };
    let (_, title, variable) = name.words();
    let need =
        |variable: &'static str| set(env, variable).ok_or(AuthError::Missing { title, variable });
    // The Azure CLI task of Azure Pipelines describes its service connection in its own variables.
    let either = |variable: &str, connection: &str| {
        set(env, variable).or_else(|| set(env, connection).filter(|_| name == Name::AzurePipelines))
    };
    let tenant = tenant(
        either("AZURE_TENANT_ID", "AZURESUBSCRIPTION_TENANT_ID"),
        files,
    )?;
    let client = either("AZURE_CLIENT_ID", "AZURESUBSCRIPTION_CLIENT_ID");
    let app = || {
        let missing = |variable| AuthError::Missing { title, variable };
        tenant.as_ref().ok_or(missing("AZURE_TENANT_ID"))?;
        client.clone().ok_or(missing("AZURE_CLIENT_ID"))
    };
    let way = match name {
        Name::ClientSecret => Way::ClientSecret {
            secret: Secret::new(need(variable)?),
            client: app()?,
        },
        Name::ClientCertificate => {
            let with_chain = set(env, "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
            let with_chain =
                with_chain.is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
            Way::ClientCertificate {
                path: need(variable)?.into(),
                client: app()?,
                with_chain,
            }
        }
        Name::WorkloadIdentity => Way::WorkloadIdentity {
            path: need(variable)?.into(),
            client: app()?,
        },
        Name::GitHubActions => {
            let url = cloud::private(variable, &need(variable)?)?;
            let token = Secret::new(need("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?);
            Way::GitHubActions {
                client: app()?,
                url,
                token,
            }
        }
        Name::AzurePipelines => {
            // azure_identity reads this variable itself, and sends the job's token there.
            cloud::private(variable, &need(variable)?)?;
            let token = Secret::new(need("SYSTEM_ACCESSTOKEN")?);
            let connection = need("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID")?;
            Way::AzurePipelines {
                client: app()?,
                connection,
                token,
            }
        }
        Name::ManagedIdentity => Way::ManagedIdentity {
            client: client.clone(),
        },
        Name::AzureCli => Way::AzureCli,
    };
    Ok(Choice { way, tenant, name })
}

/// Returns the tenant to sign in to. Two ids that differ are a mistake that must not reach a
/// tenant; a domain and an id may well be the same one, which the token will tell.
fn tenant(environment: Option<String>, files: Option<&str>) -> Result<Option<String>, AuthError> {
    let files = files.filter(|files| !files.is_empty());
    let id = |text: &str| uuid::Uuid::try_parse(text).ok();
    if let (Some(environment), Some(files)) = (&environment, files)
        && let (Some(one), Some(other)) = (id(environment), id(files))
        && one != other
    {
        return Err(AuthError::OtherTenant {
            environment: environment.clone(),
            files: files.to_owned(),
        });
    }
    Ok(environment.or_else(|| files.map(str::to_owned)))
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, title, variable) = self.name.words();
        match self.name {
            Name::ManagedIdentity => write!(f, "{title}")?,
            _ => write!(f, "{title} ({variable})")?,
        }
        if let Some(client) = self.client() {
            write!(f, ", app {client}")?;
        }
        match &self.tenant {
            Some(tenant) => write!(f, ", tenant {tenant}"),
            None => Ok(()),
        }
    }
}

impl Choice {
    /// Returns whether the token comes from this machine or its host, over plain http.
    pub fn is_local(&self) -> bool {
        matches!(self.way, Way::ManagedIdentity { .. })
    }

    fn client(&self) -> Option<&str> {
        match &self.way {
            Way::ClientSecret { client, .. }
            | Way::ClientCertificate { client, .. }
            | Way::WorkloadIdentity { client, .. }
            | Way::GitHubActions { client, .. }
            | Way::AzurePipelines { client, .. } => Some(client),
            Way::ManagedIdentity { client } => client.as_deref(),
            Way::AzureCli => None,
        }
    }

    /// Returns the credential, which asks `authority` through `http`. It keeps no token: the
    /// client does, and when it asks again it wants another than the one that Graph refused.
    pub fn credential(
        &self,
        authority: &Url,
        http: &reqwest::Client,
    ) -> Result<Arc<dyn TokenCredential>, AuthError> {
        Ok(Arc::new(Forgetful::new(
            self.clone(),
            authority.clone(),
            http.clone(),
        )?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: (&str, &str) = ("AZURE_TENANT_ID", "00000000-0000-4000-8000-00000000000a");
    const CLIENT: (&str, &str) = ("AZURE_CLIENT_ID", "00000000-0000-4000-8000-00000000000b");

    fn chosen(
        vars: &[(&str, &str)],
        named: Option<&str>,
        terminal: bool,
    ) -> Result<Choice, AuthError> {
        let env = |name: &str| {
            vars.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        choose(&env, named, terminal, None)
    }

    fn name(vars: &[(&str, &str)]) -> Name {
        chosen(&[vars, &[TENANT, CLIENT]].concat(), None, false)
            .unwrap()
            .name
    }

    #[test]
    fn the_environment_is_asked_in_one_order() {
        let mut vars = vec![
            ("AZURE_CLIENT_SECRET", "s3cret"),
            ("AZURE_CLIENT_CERTIFICATE_PATH", "app.pem"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token"),
            (
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                "https://runner.example/?api=1",
            ),
            ("SYSTEM_OIDCREQUESTURI", "https://dev.example/oidc"),
            ("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t0ken"),
            ("SYSTEM_ACCESSTOKEN", "t0ken"),
            ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "c"),
        ];
        for expected in &Name::ALL[..6] {
            assert_eq!(name(&vars), *expected);
            vars.remove(0);
        }
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        assert_eq!(
            name(&[
                ("AZURE_CLIENT_SECRET", ""),
                ("IDENTITY_ENDPOINT", "http://127.0.0.1/")
            ]),
            Name::ManagedIdentity
        );
    }

    #[test]
    fn the_azure_cli_needs_a_terminal_or_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder
                .path()
                .join(if cfg!(windows) { "az.cmd" } else { "az" }),
            "",
        )
        .unwrap();
        let path = [("PATH", folder.path().to_str().unwrap())];
        assert_eq!(chosen(&path, None, true).unwrap().name, Name::AzureCli);
        assert!(matches!(
            chosen(&path, None, false),
            Err(AuthError::NoneNamed)
        ));
        assert!(matches!(
            chosen(&[("PATH", "/nowhere")], None, true),
            Err(AuthError::NoneNamed)
        ));
        assert_eq!(
            chosen(&[], Some("azure-cli"), false).unwrap().to_string(),
            "Azure CLI (az)"
        );
    }

    #[test]
    fn a_name_overrides_the_environment() {
        let secret = ("AZURE_CLIENT_SECRET", "s3cret");
        assert_eq!(
            chosen(&[secret], Some("managed-identity"), false)
                .unwrap()
                .name,
            Name::ManagedIdentity
        );
        let unknown = chosen(&[secret], Some("magic"), false).unwrap_err();
        assert!(
            unknown
                .hint()
                .unwrap()
                .contains("client-secret, client-certificate, workload-identity")
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let secret = ("AZURE_CLIENT_SECRET", "s3cret");
        let url = ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://runner.example/");
        for (vars, named, message) in [
            (
                vec![secret],
                None,
                "signing in with client secret needs AZURE_TENANT_ID",
            ),
            (
                vec![secret, TENANT],
                None,
                "signing in with client secret needs AZURE_CLIENT_ID",
            ),
            (
                vec![TENANT, CLIENT],
                Some("client-secret"),
                "signing in with client secret needs AZURE_CLIENT_SECRET",
            ),
            (
                vec![url, TENANT, CLIENT],
                None,
                "signing in with GitHub Actions needs ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            ),
        ] {
            assert_eq!(
                chosen(&vars, named, false).unwrap_err().to_string(),
                message
            );
        }
        let none = chosen(&[], None, false).unwrap_err().hint().unwrap();
        assert!(
            Name::ALL.iter().all(|name| none.contains(name.words().0)),
            "{none}"
        );
    }

    #[test]
    fn a_choice_prints_and_debugs_without_its_secret() {
        let choice = chosen(
            &[("AZURE_CLIENT_SECRET", "s3cret"), TENANT, CLIENT],
            None,
            false,
        )
        .unwrap();
        assert_eq!(
            choice.to_string(),
            "client secret (AZURE_CLIENT_SECRET), app 00000000-0000-4000-8000-00000000000b, \
             tenant 00000000-0000-4000-8000-00000000000a"
        );
        assert!(!format!("{choice:?}").contains("s3cret"));
    }

    #[test]
    fn two_tenants_are_one_too_many() {
        let other = "00000000-0000-4000-8000-00000000000c";
        let with = |files| {
            let env = |name: &str| (name == TENANT.0).then(|| TENANT.1.to_owned());
            choose(&env, Some("azure-cli"), false, Some(files)).map(|choice| choice.tenant.unwrap())
        };
        assert!(matches!(with(other), Err(AuthError::OtherTenant { .. })));
        assert_eq!(with("contoso.example").unwrap(), TENANT.1);
        assert_eq!(with(&TENANT.1.to_uppercase()).unwrap(), TENANT.1);
        let unset = choose(&|_| None, Some("azure-cli"), false, Some("contoso.example")).unwrap();
        assert_eq!(unset.tenant.as_deref(), Some("contoso.example"));
    }

    #[test]
    fn every_credential_can_be_built() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "federated").unwrap();
        let authority = Url::parse("https://login.example/").unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .build()
            .unwrap();
        for vars in [
            vec![("AZURE_CLIENT_SECRET", "s3cret")],
            vec![("AZURE_FEDERATED_TOKEN_FILE", token.to_str().unwrap())],
            vec![
                ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://runner.example/"),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t0ken"),
            ],
            vec![("IDENTITY_ENDPOINT", "http://127.0.0.1/")],
        ] {
            let choice = chosen(&[vars, vec![TENANT, CLIENT]].concat(), None, false).unwrap();
            let credential = choice.credential(&authority, &http).unwrap();
            let debug = format!("{credential:?}");
            assert!(
                !debug.contains("s3cret") && !debug.contains("t0ken"),
                "{debug}"
            );
        }
        let missing = chosen(
            &[
                ("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere.pem"),
                TENANT,
                CLIENT,
            ],
            None,
            false,
        );
        let refused = missing.unwrap().credential(&authority, &http).unwrap_err();
        assert!(
            refused.to_string().starts_with("/nowhere.pem "),
            "{refused}"
        );
    }
}
