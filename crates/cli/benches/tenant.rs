//! What `plan` and `apply` cost against a served tenant, beside the floor: a minimal client that
//! sends the same requests to the same tenant.
//!
//! `cargo bench -p guestlist-cli --bench tenant -- --guests 1000 --latency 20` serves a tenant whose
//! answers take 20 ms each, and runs the command against it over HTTP and TLS. It measures and does
//! not test. Every run begins with a fresh copy of the tenant; of `--runs` (3) the fastest counts.
//!
//! The floor is in `floor.rs`, which also says what it waits for.

mod common;
mod floor;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{Cost, groups, groups_of, id, measure, members_of};
use guestlist_sandbox::{Behaviour, Sandbox, Server, Tls, serve};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const TENANT: &str = "7f3a0000-0000-4000-8000-000000000001";
const CLIENT: &str = "99999999-9999-4999-8999-999999999999";
const SECRET: &str = "secret";

/// How many guests can be invited before Graph's limit on writes is felt.
const UNPACED: usize = 1_200;

fn main() {
    if common::is_measuring() {
        return;
    }
    let bench = Bench {
        guests: argument("--guests", 1000),
        latency: Duration::from_millis(argument("--latency", 20) as u64),
        runs: argument("--runs", 3),
        runtime: Runtime::new().expect("a runtime"),
    };
    println!(
        "{} guests in 5 of {} groups each, {} ms for every answer\n",
        bench.guests,
        groups(bench.guests),
        bench.latency.as_millis()
    );
    println!(
        "{:<28} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>7}",
        "", "requests", "in batch", "seconds", "CPU s", "peak MB", "floor s", "ratio"
    );
    let agreeing = tenant(bench.guests);
    let same = repository(bench.guests, "Guest");
    let changed = repository(bench.guests, "Changed");
    let plan = ["plan", "--detailed-exitcode"];
    let apply = ["apply", "--yes"];
    bench.row("plan, no change", &agreeing, &same, &plan, 0);
    bench.row("apply, no change", &agreeing, &same, &apply, 0);
    bench.row("plan, one guest changed", &agreeing, &changed, &plan, 2);
    bench.row("apply, one guest changed", &agreeing, &changed, &apply, 0);
    if bench.guests > UNPACED {
        println!("first apply: left out, Graph's limits set its pace; see tests/quota.rs");
        return;
    }
    let empty = Sandbox::empty(Timestamp::now()).state();
    bench.row("first apply", &empty, &same, &apply, 0);
}

struct Bench {
    guests: usize,
    latency: Duration,
    runs: usize,
    runtime: Runtime,
}

/// A tenant that is served, and what is needed to talk to it.
struct Served {
    sandbox: Sandbox,
    server: Server,
    ca: tempfile::NamedTempFile,
}

impl Bench {
    fn row(&self, name: &str, state: &Value, files: &TempDir, args: &[&str], code: i32) {
        let mut best: Option<Cost> = None;
        let mut floor = f64::INFINITY;
        let mut sent = (0, 0);
        for _ in 0..self.runs {
            let tenant = self.serve(state);
            // A journal of the run before would tell of another tenant.
            let _ = fs::remove_dir_all(files.path().join(".guestlist"));
            let cost = measure(&tenant.command(files.path(), args), code);
            let requests = tenant.sandbox.requests();
            let graph = requests.iter().filter(|request| request.number > 0);
            let inner = graph.clone().filter(|request| request.in_batch).count();
            sent = (graph.count() - inner, inner);
            let fresh = self.serve(state);
            let seconds = self.runtime.block_on(floor::send(&tenant, &fresh));
            floor = floor.min(seconds);
            if best.is_none_or(|best| cost.seconds < best.seconds) {
                best = Some(cost);
            }
        }
        let best = best.expect("at least one run");
        println!(
            "{name:<28} {:>8} {:>9} {:>8.2} {:>8.2} {:>8.0} {floor:>8.2} {:>6.2}x",
            sent.0,
            sent.1,
            best.seconds,
            best.cpu,
            best.megabytes,
            best.seconds / floor
        );
    }

    fn serve(&self, state: &Value) -> Served {
        let sandbox = Sandbox::from_state(state.clone()).expect("a state");
        sandbox.behave(Behaviour {
            latency: self.latency,
            ..Behaviour::default()
        });
        let tls = Tls::new().expect("a certificate");
        let ca = tempfile::NamedTempFile::new().expect("a file");
        tls.write_ca(ca.path()).expect("a file");
        let address = ([127, 0, 0, 1], 0).into();
        let server = self
            .runtime
            .block_on(serve(sandbox.clone(), address, Some(&tls)))
            .expect("a port");
        Served {
            sandbox,
            server,
            ca,
        }
    }
}

impl Served {
    fn command(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guestlist"));
        command
            .arg("-C")
            .arg(folder)
            .args(args)
            .env("GUESTLIST_GRAPH_ENDPOINT", &self.server.graph_url)
            .env("AZURE_AUTHORITY_HOST", &self.server.authority_url)
            .env("SSL_CERT_FILE", self.ca.path())
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", CLIENT)
            .env("AZURE_CLIENT_SECRET", SECRET);
        command
    }
}

/// Returns the state of a tenant in which everything is as [`repository`] declares it.
fn tenant(guests: usize) -> Value {
    let mut state = Sandbox::empty(Timestamp::now()).state();
    let user = |guest| {
        json!({
            "id": id(1, guest), "mail": mail(guest), "userType": "Guest", "externalUserState": "Accepted",
            "accountEnabled": true, "displayName": format!("Guest {guest}"),
            "onPremisesExtensionAttributes": { "extensionAttribute15": "guestlist owner=bench" },
        })
    };
    let group = |group| {
        let members: Vec<_> = members_of(group, guests)
            .map(|guest| id(1, guest))
            .collect();
        let name = name(group);
        json!({
            "id": id(3, group), "displayName": name, "mailNickname": name, "mailEnabled": false,
            "securityEnabled": true, "members": members,
        })
    };
    let all = |list: &mut Value, more: Vec<Value>| {
        list.as_array_mut().expect("a list").extend(more);
    };
    all(&mut state["users"], (0..guests).map(user).collect());
    all(
        &mut state["groups"],
        (0..groups(guests)).map(group).collect(),
    );
    state
}

/// Writes the files that declare the guests; the first one is called `first`.
fn repository(guests: usize, first: &str) -> TempDir {
    let mut declared = String::from("guests:\n");
    // Writing to a string cannot fail.
    for guest in 0..guests {
        let called = if guest == 0 { first } else { "Guest" };
        let names: Vec<_> = groups_of(guest, groups(guests)).map(name).collect();
        let _ = writeln!(
            declared,
            "  - mail: {}\n    displayName: {called} {guest}\n    groups: [{}]",
            mail(guest),
            names.join(", ")
        );
    }
    let mut policies = format!(
        "tenant: {{id: {TENANT}, owner: bench}}\nlimits: {{invitations: {{count: {guests}}}}}\ngroups:\n"
    );
    for group in 0..groups(guests) {
        let _ = writeln!(policies, "  - name: {}", name(group));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in [("guests", declared), ("policies", policies)] {
        let path = folder.path().join(name);
        fs::create_dir(&path).expect("a folder");
        fs::write(path.join("all.yaml"), text).expect("a file");
    }
    folder
}

fn mail(guest: usize) -> String {
    format!("g{guest}@contoso.example")
}

fn name(group: usize) -> String {
    format!("group-{group}")
}

/// Returns the argument that follows `name`, as a number.
fn argument(name: &str, default: usize) -> usize {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    let value = args.nth(1).and_then(|text| text.parse().ok());
    value.unwrap_or(default)
}
