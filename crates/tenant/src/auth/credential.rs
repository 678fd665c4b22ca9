//! Builds the credential that `auth.rs` chose: azure_identity's own where it has one, over the one
//! HTTP client that knows which CAs are trusted.

use std::fmt;
use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, ExponentialRetryOptions, HttpClient, Request, RetryOptions,
    Transport, Url,
};
use azure_core::time::{Duration, OffsetDateTime};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzurePipelinesCredential,
    AzurePipelinesCredentialOptions, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

use super::certificate::{Certificate, Signer};
use super::github::Runner;
use super::{AuthError, Choice, Way};

/// Returns a credential that always gives `token`, for a tenant that runs on this machine.
pub fn constant(token: impl Into<String>) -> Arc<dyn TokenCredential> {
    Arc::new(Constant(Secret::new(token.into())))
}

#[derive(Debug)]
struct Constant(Secret);

#[async_trait::async_trait]
impl TokenCredential for Constant {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let in_an_hour = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new(self.0.clone(), in_an_hour))
    }
}

/// Builds azure_identity's credential anew for every token: each of them keeps the token it has
/// until it expires, and cannot be told that Graph does not take it any more.
pub(super) struct Forgetful {
    choice: Choice,
    authority: Url,
    http: reqwest::Client,
}

impl fmt::Debug for Forgetful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Forgetful({})", self.choice)
    }
}

#[async_trait::async_trait]
impl TokenCredential for Forgetful {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let credential = self.build().map_err(|error| {
            azure_core::Error::with_message(ErrorKind::Credential, error.to_string())
        })?;
        credential.get_token(scopes, options).await
    }
}

impl Forgetful {
    /// Returns the credential, built once so that a mistake shows before the first request.
    pub(super) fn new(
        choice: Choice,
        authority: Url,
        http: reqwest::Client,
    ) -> Result<Self, AuthError> {
        let credential = Self {
            choice,
            authority,
            http,
        };
        credential.build()?;
        Ok(credential)
    }

    fn client_options(&self) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = self.authority.to_string();
        // Eight tries, the default, keep a person who mistyped a host waiting for over a minute.
        let retry = ExponentialRetryOptions {
            max_retries: 3,
            ..ExponentialRetryOptions::default()
        };
        ClientOptions {
            retry: RetryOptions::exponential(retry),
            transport: Some(Transport::new(Arc::new(Http(self.http.clone())))),
            cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
            ..ClientOptions::default()
        }
    }

    fn build(&self) -> Result<Arc<dyn TokenCredential>, AuthError> {
        let client_options = self.client_options();
        let tenant = self.choice.tenant.clone().unwrap_or_default();
        let assertion = |client_options| ClientAssertionCredentialOptions { client_options };
        let built: azure_core::Result<Arc<dyn TokenCredential>> = match self.choice.way.clone() {
            Way::ClientSecret { client, secret } => {
                let options = ClientSecretCredentialOptions { client_options };
                ClientSecretCredential::new(&tenant, client, secret, Some(options))
                    .map(|built| built as _)
            }
            Way::ClientCertificate {
                client,
                path,
                with_chain,
            } => {
                let certificate = Certificate::read(&path)?;
                let audience = format!(
                    "{}/{tenant}/oauth2/v2.0/token",
                    self.authority.origin().ascii_serialization()
                );
                let signer = Signer {
                    certificate,
                    path,
                    client: client.clone(),
                    audience,
                    with_chain,
                };
                ClientAssertionCredential::new(
                    tenant,
                    client,
                    signer,
                    Some(assertion(client_options)),
                )
                .map(|built| built as _)
            }
            Way::WorkloadIdentity { client, path } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: assertion(client_options),
                    client_id: Some(client),
                    tenant_id: Some(tenant),
                    token_file_path: Some(path),
                }))
                .map(|built| built as _)
            }
            Way::GitHubActions { client, url, token } => {
                let runner = Runner::new(url, token, client_options.clone());
                ClientAssertionCredential::new(
                    tenant,
                    client,
                    runner,
                    Some(assertion(client_options)),
                )
                .map(|built| built as _)
            }
            Way::AzurePipelines {
                client,
                connection,
                token,
            } => {
                let options = AzurePipelinesCredentialOptions {
                    credential_options: assertion(client_options),
                };
                AzurePipelinesCredential::new(tenant, client, &connection, token, Some(options))
                    .map(|built| built as _)
            }
            Way::ManagedIdentity { client } => {
                let user_assigned_id = client.map(UserAssignedId::ClientId);
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id,
                    client_options,
                };
                ManagedIdentityCredential::new(Some(options)).map(|built| built as _)
            }
            Way::AzureCli => {
                let tenant_id = self.choice.tenant.clone();
                let options = AzureCliCredentialOptions {
                    tenant_id,
                    ..Default::default()
                };
                AzureCliCredential::new(Some(options)).map(|built| built as _)
            }
        };
        built.map_err(|error| AuthError::Refused(error.to_string()))
    }
}

/// Names the sender in the requests that azure_identity makes, as in all others.
#[derive(Debug)]
struct Http(reqwest::Client);

#[async_trait::async_trait]
impl HttpClient for Http {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        request.insert_header("user-agent", crate::USER_AGENT);
        request.insert_header("client-request-id", uuid::Uuid::new_v4().to_string());
        self.0.execute_request(&request).await
    }
}
