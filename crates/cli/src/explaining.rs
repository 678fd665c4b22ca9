//! `explain`: everything about one guest; and `expiring`: who loses access soon.

use std::path::{Path, PathBuf};

use guestlist_planner::explain::{self, Who, explain, find, held};
use guestlist_planner::kinds::guest::user::User;
use guestlist_planner::load::Config;
use guestlist_planner::render;
use guestlist_planner::render::expiring::Expiring;
use guestlist_planner::snapshot::Snapshot;
use guestlist_planner::time::Days;
use jiff::Timestamp;

use crate::args::Common;
use crate::connection::{ready, right_tenant};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Files;
use crate::output::print;
use crate::{journal, planning};

/// `explain`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ExplainArgs {
    /// The guest's address.
    #[arg(value_name = "MAIL")]
    mail: String,
    /// Look at a saved snapshot, without credentials.
    #[arg(long, value_name = "FILE")]
    observed: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Told::Text)]
    format: Told,
}

/// How to print what is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Told {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `expiring`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ExpiringArgs {
    /// How far ahead to look.
    #[arg(long, value_name = "DAYS", default_value = "30d")]
    within: Days,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = List::Text)]
    format: List,
    /// In Markdown, show no address in full and no property: for public repositories.
    #[arg(long)]
    mask: bool,
}

/// How to print a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum List {
    /// For people, by day.
    Text,
    /// For programs.
    Json,
    /// For an issue or a mail, by sponsor.
    Markdown,
}

pub(crate) async fn explained(
    common: &Common,
    args: &ExplainArgs,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let text = guestlist_planner::domain::normal(&args.mail);
    let (config, snapshot, connection) = match &args.observed {
        Some(path) => {
            let (config, snapshot) = planning::saved(common, path, now)?;
            (config, snapshot, None)
        }
        None => {
            let (config, connection) = ready(common, now).await?;
            let snapshot = guestlist_tenant::observe(&connection.client, &config, now).await?;
            (config, snapshot, Some(connection))
        }
    };
    right_tenant(&config, &snapshot)?;
    let who = known(&config, &snapshot, &text)?;
    let groups = match (who.user, &connection) {
        (Some(user), None) => snapshot.holds.get(&user.id).cloned(),
        (Some(user), Some(connection)) if user.deleted.is_none() => {
            let reads = vec![explain::memberships(user)];
            let answers = connection.client.read(reads).await?;
            answers.first().and_then(|(_, answer)| held(answer))
        }
        _ => None,
    };
    let header = planning::header(common, now);
    let of = args.observed.as_deref().unwrap_or(Path::new("the tenant"));
    let told = explain(&config, &snapshot, &who, groups.as_ref(), now, &header)
        .map_err(|open| planning::uncovered(of, &open))?;
    match args.format {
        Told::Json => print(&render::explain::json(&told))?,
        Told::Text => {
            let last = journal::last_about(&common.dir, &told.guest)?;
            let zone = &config.policy.tenant.time_zone;
            print(&render::explain::text(&told, zone, last.as_deref()))?;
        }
    }
    Ok(Exit::Done)
}

/// Finds whom to explain. Refuses whom nobody knows, who is no guest, and to choose between accounts.
fn known<'a>(config: &Config, snapshot: &'a Snapshot, text: &str) -> Result<Who<'a>, Failure> {
    let hint = "write the address as the files do, or as the tenant has it";
    let mut found = find(config, snapshot, text);
    if found.len() > 1 {
        let users = found.iter().filter_map(|who| who.user);
        let names: Vec<_> = users
            .map(|user| format!("{} ({})", user.user_principal_name, user.id))
            .collect();
        let message = format!(
            "{} accounts answer to {text}: {}",
            names.len(),
            names.join(", ")
        );
        return Err(Failure::plain(message, "write the id of the one you mean"));
    }
    let who = found.pop().ok_or_else(|| {
        let message = format!("{text}: no such guest is declared or in the tenant");
        Failure::plain(message, hint)
    })?;
    let is_declared = config.desired.guests.contains_key(&who.key);
    if is_declared || who.user.is_some_and(User::is_guest) {
        return Ok(who);
    }
    Err(Failure::plain(
        format!("{text} is no guest"),
        "members of the tenant are not looked after here, and never changed",
    ))
}

pub(crate) fn expiring(
    common: &Common,
    args: &ExpiringArgs,
    now: Timestamp,
) -> Result<Exit, Failure> {
    planning::masked(args.mask, args.format == List::Markdown)?;
    let config = Files::read(&common.dir).config(now)?;
    let expiring = Expiring::new(&config, now, args.within);
    print(&match args.format {
        List::Text => expiring.text(),
        List::Json => expiring.json(),
        List::Markdown => expiring.markdown(args.mask),
    })?;
    Ok(Exit::Done)
}
