//! What `validate` and `plan --observed` cost, from 1,000 guests on: seconds, CPU, peak memory.
//!
//! `cargo bench -p guestlist-cli --bench planning` runs up to 100,000 guests; with `-- 1000000`,
//! or any other numbers, those. It measures and does not test. Every guest has a profile, a
//! sponsor, a justification, an end, and five groups of a hundred members; the tenant has exactly
//! that, so that everything is compared and nothing is to be done.

mod common;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{groups, groups_of, id, measure, members_of};
use guestlist_planner::load::{Config, load};
use guestlist_planner::request::{Answer, Read};
use guestlist_planner::snapshot::{Snapshot, Topic};
use guestlist_planner::yaml::Source;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Guests in one file: a file may have 8 MiB.
const IN_ONE_FILE: usize = 500;

/// People who vouch for guests.
const SPONSORS: usize = 50;

fn main() {
    if common::is_measuring() {
        return;
    }
    let asked: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let sizes = if asked.is_empty() {
        vec![1_000, 10_000, 100_000]
    } else {
        asked
    };
    println!(
        "{:>9}  {:<16} {:>8} {:>8} {:>8}",
        "guests", "command", "seconds", "CPU s", "peak MB"
    );
    for guests in sizes {
        bench(guests);
    }
}

fn bench(guests: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sources = repository(guests);
    for source in &sources {
        let path = folder.path().join(&source.path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, &source.text).expect("a file");
    }
    row(guests, "validate", folder.path(), &["validate"]);
    let config = load(&sources, now()).expect("the files are right");
    let observed = folder.path().join("observed.json");
    let text = serde_json::to_string(&snapshot(guests, &config)).expect("a snapshot is JSON");
    fs::write(&observed, text).expect("a file");
    let observed = observed.to_str().expect("a path");
    let plan = ["plan", "--detailed-exitcode", "--observed", observed];
    row(guests, "plan --observed", folder.path(), &plan);
}

fn row(guests: usize, name: &str, folder: &Path, args: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestlist"));
    command.arg("-C").arg(folder).args(args);
    let cost = measure(&command, 0);
    println!(
        "{guests:>9}  {name:<16} {:>8.2} {:>8.2} {:>8.0}",
        cost.seconds, cost.cpu, cost.megabytes
    );
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// Returns the files that declare `guests` guests.
fn repository(guests: usize) -> Vec<Source> {
    let mut sources = Vec::new();
    for first in (0..guests).step_by(IN_ONE_FILE) {
        let mut text = String::from("guests:\n");
        for guest in first..guests.min(first + IN_ONE_FILE) {
            entry(&mut text, guest, groups(guests));
        }
        sources.push(Source {
            path: format!("guests/{:05}.yaml", first / IN_ONE_FILE),
            text,
        });
    }
    let mut text =
        String::from("tenant: {id: bench, owner: bench, timeZone: Europe/Helsinki}\ngroups:\n");
    for group in 0..groups(guests) {
        let _ = writeln!(text, "  - name: group-{group}");
    }
    sources.push(Source {
        path: "policies/all.yaml".to_owned(),
        text,
    });
    sources
}

fn entry(text: &mut String, guest: usize, groups: usize) {
    let sponsor = guest % SPONSORS;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  - mail: g{guest}@contoso.example\n    displayName: Guest {guest}\n    companyName: Contoso\n    sponsors: [sponsor-{sponsor}@fabrikam.example]\n    justification: Annual audit, CHG-{guest}\n    expires: 2099-12-31\n    groups:"
    );
    for group in groups_of(guest, groups) {
        let _ = writeln!(text, "      - group-{group}");
    }
}

/// Returns what a tenant would show in which everything is as declared.
fn snapshot(guests: usize, config: &Config) -> Snapshot {
    let mut snapshot = Snapshot::new(now());
    loop {
        let reads = snapshot.wants(&config.desired, &config.policy);
        if reads.is_empty() {
            return snapshot;
        }
        for read in reads {
            let answer = Answer::Items(answer(&read, guests));
            snapshot.absorb(&read, answer).expect("an answer");
        }
    }
}

fn answer(read: &Read, guests: usize) -> Vec<Value> {
    match &read.about {
        Some(Topic::Organization) => vec![
            json!({ "id": "bench", "displayName": "Bench", "verifiedDomains": [{ "name": "fabrikam.example" }] }),
        ],
        Some(Topic::Users) => (0..guests).map(user).collect(),
        Some(Topic::Principals) => (0..SPONSORS).map(sponsor).collect(),
        Some(Topic::Groups) => {
            // Names stand between encoded quotes.
            let names = read.path.split("%27").skip(1).step_by(2);
            names.map(group).collect()
        }
        Some(Topic::Members(id)) => {
            let number = id.rsplit('-').next().unwrap_or_default();
            let number = usize::from_str_radix(number, 16).expect("an id of ours");
            members_of(number, guests)
                .map(|guest| json!({ "id": self::id(1, guest) }))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn user(guest: usize) -> Value {
    let mail = format!("g{guest}@contoso.example");
    json!({
        "id": id(1, guest), "mail": mail, "otherMails": [mail], "proxyAddresses": [format!("SMTP:{mail}")],
        "userPrincipalName": format!("g{guest}_contoso.example#EXT#@fabrikam.example"),
        "identities": [{ "signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null }],
        "userType": "Guest", "creationType": "Invitation", "accountEnabled": true,
        "externalUserState": "Accepted", "externalUserStateChangeDateTime": "2026-01-02T03:04:05Z",
        "createdDateTime": "2026-01-01T03:04:05Z", "signInSessionsValidFromDateTime": "2026-01-01T03:04:05Z",
        "displayName": format!("Guest {guest}"), "companyName": "Contoso",
        "onPremisesExtensionAttributes": { "extensionAttribute15": "guestlist owner=bench" },
        "sponsors": [{ "id": id(2, guest % SPONSORS) }],
    })
}

fn sponsor(number: usize) -> Value {
    let mail = format!("sponsor-{number}@fabrikam.example");
    json!({ "id": id(2, number), "mail": mail, "userPrincipalName": mail, "displayName": mail, "userType": "Member", "accountEnabled": true })
}

fn group(name: &str) -> Value {
    let number = name
        .strip_prefix("group-")
        .and_then(|number| number.parse().ok())
        .expect("a group of ours");
    json!({ "id": id(3, number), "displayName": name, "groupTypes": [], "mailEnabled": false, "securityEnabled": true, "mailNickname": name })
}
