//! `sandbox`: serves the embedded tenant to other programs, or forgets it.

use std::time::Duration;

use guestlist_sandbox::{Behaviour, Tls};

use crate::args::{Common, ServeArgs};
use crate::connection::{open, sandbox_state};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keep;
use crate::output::{print, tell};

pub(crate) async fn serve(common: &Common, args: &ServeArgs) -> Result<Exit, Failure> {
    keep::folder(&common.dir)?;
    let sandbox = open(&common.dir)?;
    let replication = Duration::try_from_secs_f64(args.replication).unwrap_or_default();
    sandbox.behave(Behaviour {
        replication,
        latency: Duration::from_millis(args.latency),
        ..Behaviour::default()
    });
    let tls = match &args.tls {
        Some(path) => {
            let tls = Tls::new()?;
            tls.write_ca(path)?;
            Some(tls)
        }
        None => None,
    };
    let state = sandbox.state();
    let address = ([127, 0, 0, 1], args.port).into();
    let server = guestlist_sandbox::serve(sandbox, address, tls.as_ref())
        .await
        .map_err(Failure::file(format!("127.0.0.1:{}", args.port)))?;
    let mut exports = format!("export GUESTLIST_GRAPH_ENDPOINT={}\n", server.graph_url);
    if let Some(path) = &args.tls {
        let path = std::path::absolute(path).map_err(Failure::file(path))?;
        exports += &format!(
            "export AZURE_AUTHORITY_HOST={}\nexport SSL_CERT_FILE={}\nexport AZURE_TENANT_ID={}\n\
             export AZURE_CLIENT_ID=sandbox\nexport AZURE_CLIENT_SECRET=sandbox\n",
            server.authority_url,
            path.display(),
            state["organization"]["id"].as_str().unwrap_or_default()
        );
    }
    print(&exports)?;
    tell("serving the sandbox tenant; Ctrl-C ends it");
    tokio::signal::ctrl_c()
        .await
        .map_err(Failure::file("Ctrl-C"))?;
    Ok(Exit::Done)
}

pub(crate) fn reset(common: &Common) -> Result<Exit, Failure> {
    let path = sandbox_state(&common.dir);
    match std::fs::remove_file(&path) {
        Ok(()) => print("The sandbox tenant is forgotten; the next use begins anew.\n")?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            print("There was nothing to forget.\n")?
        }
        Err(error) => return Err(Failure::file(path)(error)),
    }
    Ok(Exit::Done)
}
