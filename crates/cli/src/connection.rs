//! The way to a tenant: the embedded one, or a real one by whatever credential the environment
//! names.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guestlist_planner::load::Config;
use guestlist_planner::policy::Tenant;
use guestlist_planner::snapshot::Snapshot;
use guestlist_sandbox::{Sandbox, Server, serve};
use guestlist_tenant::auth::{self, Choice, Endpoint};
use guestlist_tenant::transport::{HttpTransport, Url, sign_in_client};
use guestlist_tenant::{Client, ClientOptions, Stop};
use jiff::Timestamp;

use crate::args::Common;
use crate::failure::Failure;
use crate::files::Files;
use crate::keep;
use crate::output::tell;

/// How many HTTP requests may be under way at once.
const CONCURRENCY: usize = 8;

/// A client, and the embedded tenant as long as it is served.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    _server: Option<Server>,
}

/// Returns where the embedded tenant keeps its state.
pub(crate) fn sandbox_state(root: &Path) -> PathBuf {
    root.join(keep::FOLDER).join("sandbox.json")
}

/// Opens the embedded tenant where a repository keeps it.
pub(crate) fn open(root: &Path) -> Result<Sandbox, Failure> {
    let path = sandbox_state(root);
    Sandbox::open(&path).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Failure::plain(
            message,
            "`guestlist sandbox reset` forgets it and begins anew",
        )
    })
}

/// Reads the files, and connects to the tenant that they are for. Signing in takes long and the
/// files may be many, so both are begun; mistakes in the files come first all the same.
pub(crate) async fn ready(
    common: &Common,
    now: Timestamp,
) -> Result<(Config, Connection), Failure> {
    ready_with(common, Files::read(&common.dir), now).await
}

/// Does so with files that were read.
pub(crate) async fn ready_with(
    common: &Common,
    files: Files,
    now: Timestamp,
) -> Result<(Config, Connection), Failure> {
    let tenant = files.tenant().filter(|tenant| !tenant.is_sandbox());
    let signing_in = tenant.map(|tenant| tokio::spawn(real(common.clone(), tenant)));
    let config = tokio::task::spawn_blocking(move || files.config(now));
    let config = config
        .await
        .unwrap_or_else(|error| resume_unwind(error.into_panic()))?;
    let Some(signing_in) = signing_in else {
        return Ok((config, embedded(common).await?));
    };
    tell(&format!(
        "signing in with {}",
        choice(common, &config.policy.tenant)?
    ));
    let connection = signing_in.await;
    let connection = connection.unwrap_or_else(|error| resume_unwind(error.into_panic()))?;
    Ok((config, connection))
}

/// Connects to the tenant that the files are for.
pub(crate) async fn connect(common: &Common, tenant: &Tenant) -> Result<Connection, Failure> {
    if tenant.is_sandbox() {
        return embedded(common).await;
    }
    tell(&format!("signing in with {}", choice(common, tenant)?));
    real(common.clone(), tenant.clone()).await
}

async fn embedded(common: &Common) -> Result<Connection, Failure> {
    let sandbox = open(&common.dir)?;
    let token = sandbox.token();
    let address = ([127, 0, 0, 1], 0).into();
    let server = serve(sandbox, address, None)
        .await
        .map_err(Failure::file("the sandbox"))?;
    let graph_root = parse(&server.graph_url)?;
    let transport = Arc::new(HttpTransport::new(&graph_root, None, common.timeout())?);
    let scope = format!("{}/.default", server.graph_url);
    let credential = auth::constant(token);
    let client = client(graph_root, scope, credential, transport);
    Ok(Connection {
        client,
        _server: Some(server),
    })
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn choice(common: &Common, tenant: &Tenant) -> Result<Choice, Failure> {
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let named = common.auth.as_deref();
    Ok(auth::choose(&env, named, terminal, Some(&tenant.id))?)
}

async fn real(common: Common, tenant: Tenant) -> Result<Connection, Failure> {
    let choice = choice(&common, &tenant)?;
    let ca = std::env::var_os("SSL_CERT_FILE")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let Endpoint {
        graph_root,
        scope,
        authority,
    } = Endpoint::new(&env, tenant.cloud)?;
    let credential = choice.credential(
        &authority,
        &sign_in_client(ca.as_deref(), choice.is_local())?,
    )?;
    let transport = Arc::new(HttpTransport::new(
        &graph_root,
        ca.as_deref(),
        common.timeout(),
    )?);
    let client = client(graph_root, scope, credential, transport);
    client.sign_in().await?;
    Ok(Connection {
        client,
        _server: None,
    })
}

fn client(
    graph_root: Url,
    scope: String,
    credential: Arc<dyn auth::TokenCredential>,
    transport: Arc<HttpTransport>,
) -> Client {
    Client::new(ClientOptions {
        graph_root,
        scope,
        credential,
        transport,
        concurrency: CONCURRENCY,
        stop: Stop::default(),
    })
}

fn parse(url: &str) -> Result<Url, Failure> {
    Url::parse(url).map_err(|error| Failure::Plain {
        message: format!("{url}: {error}"),
        hint: None,
    })
}

/// Refuses to plan for one tenant against another.
pub(crate) fn right_tenant(config: &Config, snapshot: &Snapshot) -> Result<(), Failure> {
    let tenant = &config.policy.tenant;
    let named = tenant.id.to_lowercase();
    let is_it = snapshot
        .tenant_id
        .as_ref()
        .is_some_and(|id| id.to_lowercase() == named)
        || snapshot.domains.contains(&named);
    if tenant.is_sandbox() || is_it {
        return Ok(());
    }
    let message = format!(
        "`tenant.id` is {}, but this is {}",
        tenant.id,
        snapshot.tenant_label()
    );
    Err(Failure::plain(
        message,
        "the credential, or the snapshot, is for another tenant",
    ))
}
