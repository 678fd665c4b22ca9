//! `doctor`: signs in, and says of each feature whether it is ready, what is missing, and what is lost
//! without it; and who else acts on the same guests.

use guestlist_planner::features::{Feature, features, grants};
use guestlist_planner::kinds::tenant_policy::Premium;
use guestlist_planner::load::Config;
use guestlist_planner::request::{Answer, Read};
use guestlist_planner::safe::printable;
use guestlist_planner::snapshot::{Native, Snapshot, native, organization, plans};
use guestlist_tenant::Client;
use jiff::Timestamp;
use serde_json::Value;

use crate::args::Common;
use crate::connection::{ready_with, right_tenant};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Files;
use crate::output::print;

/// What can be said of a feature.
enum State {
    Ready,
    Missing,
    /// Neither the token nor an answer tells.
    Unknown(String),
}

pub(crate) async fn doctor(common: &Common, now: Timestamp) -> Result<Exit, Failure> {
    // Signing in is the first step: nobody need be declared yet.
    let files = Files::read_to_import(&common.dir);
    let (config, connection) = ready_with(common, files, now).await?;
    let client = &connection.client;
    client.sign_in().await?;
    is_right_tenant(client, &config, now).await?;
    let mut out = String::new();
    let features = features(&config);
    let mut blocked = false;
    for (writes, heading) in [(false, "To plan"), (true, "To apply")] {
        out += &format!("{heading}\n");
        for feature in features.iter().filter(|feature| feature.writes == writes) {
            let state = state(client, feature).await;
            blocked |= feature.used && !writes && matches!(state, State::Missing);
            out += &told(feature, &state);
        }
        out.push('\n');
    }
    out += &licences(client, &config, now).await;
    out += &others(client, now).await;
    for (writes, what) in [(false, "plan"), (true, "apply, besides")] {
        let used = features.iter().filter(|it| it.used && it.writes == writes);
        let mut least: Vec<_> = used.flat_map(|it| it.permissions).copied().collect();
        least.sort_unstable();
        least.dedup();
        out += &format!("The least permissions to {what}: {}\n", least.join(", "));
    }
    print(&out)?;
    Ok(if blocked { Exit::Error } else { Exit::Done })
}

/// Makes sure that the credential is for the tenant that the files name, if that can be read.
async fn is_right_tenant(client: &Client, config: &Config, now: Timestamp) -> Result<(), Failure> {
    let read = organization();
    let Ok(answers) = client.read(vec![read]).await else {
        return Ok(());
    };
    let mut snapshot = Snapshot::new(now);
    for (read, answer) in answers {
        if snapshot.absorb(&read, answer).is_err() {
            return Ok(());
        }
    }
    right_tenant(config, &snapshot)
}

async fn state(client: &Client, feature: &Feature) -> State {
    let roles = client.roles();
    if let Some(probe) = &feature.probe {
        return match read(client, probe.clone()).await {
            Ok(Some(_)) => State::Ready,
            Ok(None) => State::Missing,
            Err(why) => State::Unknown(why),
        };
    }
    match feature
        .permissions
        .iter()
        .all(|needed| grants(&roles, needed))
    {
        true => State::Ready,
        false if roles.is_empty() => {
            State::Unknown("the token does not show what it grants".to_owned())
        }
        false => State::Missing,
    }
}

/// Returns what an optional read shows; none where permission is missing.
async fn read(client: &Client, read: Read) -> Result<Option<Vec<Value>>, String> {
    let answers = client.read(vec![read]).await;
    let answers = answers.map_err(|error| error.to_string())?;
    Ok(answers.into_iter().find_map(|(_, answer)| match answer {
        Answer::Items(items) => Some(items),
        // The tenant has no such thing: nothing is missing.
        Answer::Missing => Some(Vec::new()),
        Answer::Denied => None,
    }))
}

fn told(feature: &Feature, state: &State) -> String {
    let permissions = feature.permissions.join(", ");
    let unused = if feature.used {
        ""
    } else {
        " (not used by these files)"
    };
    let line = |word: &str| format!("  {word:8} {:42} {permissions}{unused}\n", feature.name);
    match state {
        State::Ready => line("ready"),
        State::Missing => format!(
            "{}           without it {}\n",
            line("missing"),
            feature.without
        ),
        State::Unknown(why) => format!("{}           {}\n", line("unknown"), printable(why)),
    }
}

/// Says whether the tenant has the licence that dynamic groups and policies of groups need.
/// Source: "Dynamic membership rules", Entra: P1 for every guest who is a member.
async fn licences(client: &Client, config: &Config, now: Timestamp) -> String {
    let desired = &config.desired;
    let dynamic = desired.groups.values().any(|group| group.rule.is_some());
    let used = match dynamic || !desired.sections().is_empty() {
        true => "",
        false => " (not used by these files)",
    };
    let mut seen = Snapshot::new(now);
    let read = plans();
    let permission = read.permission;
    match client.read(vec![read]).await {
        Err(why) => return format!("Licences\n  unknown  {}\n\n", printable(&why.to_string())),
        Ok(answers) => {
            for (read, answer) in answers {
                if let Err(why) = seen.absorb(&read, answer) {
                    let why = printable(&why.to_string());
                    return format!("Licences\n  unknown  {why}\n\n");
                }
            }
        }
    }
    let (name, premium) = ("dynamic groups, policies of groups", Premium::P1);
    let (word, needs) = match seen.has(premium) {
        Some(true) => ("ready", premium.called()),
        Some(false) => ("missing", premium.called()),
        None => ("unknown", permission),
    };
    format!("Licences\n  {word:8} {name:42} {needs}{used}\n\n")
}

/// Says who else acts on guests: two robots must not fight over a person.
async fn others(client: &Client, now: Timestamp) -> String {
    let names = ["entitlement management", "guest lifecycle policies"];
    let mut out = String::from("Who else acts on guests\n");
    for (read, name) in native().into_iter().zip(names) {
        let unknown = |why: &str| format!("  unknown  {name:42} {}\n", printable(why));
        let permission = read.permission;
        let answers = client.read(vec![read]).await;
        out += &match answers.map(|mut answers| answers.pop()) {
            Err(why) => unknown(&why.to_string()),
            // Documented for v1.0 and not served everywhere: that says nothing of beta.
            Ok(None | Some((_, Answer::Denied | Answer::Missing))) => {
                unknown(&format!("{permission}, or the tenant does not serve it"))
            }
            Ok(Some((read, answer))) => {
                let mut seen = Snapshot::new(now);
                match seen.absorb(&read, answer) {
                    Err(why) => unknown(&why.to_string()),
                    Ok(()) if seen.native.is_empty() => format!("  none     {name}\n"),
                    Ok(()) => seen.native.iter().map(warning).collect(),
                }
            }
        };
    }
    out + "\n"
}

fn warning(native: &Native) -> String {
    format!("  warning  {}\n", printable(&native.text()))
}
