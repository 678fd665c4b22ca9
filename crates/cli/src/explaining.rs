//! `explain`: everything about one guest; and `expiring`: who loses access soon.

use std::path::PathBuf;

use guestlist_planner::explain::{self, account, explain, held};
use guestlist_planner::load::Config;
use guestlist_planner::plan::Request;
use guestlist_planner::render;
use guestlist_planner::render::expiring::Expiring;
use guestlist_planner::snapshot::Snapshot;
use guestlist_planner::time::Days;
use jiff::Timestamp;

use crate::args::Common;
use crate::connection::ready;
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
    let key = guestlist_planner::domain::normal(&args.mail);
    let (config, snapshot, groups) = match &args.observed {
        Some(path) => {
            let (config, snapshot) = planning::saved(common, path, now)?;
            let user = account(&config, &snapshot, &key);
            let groups = user.and_then(|user| snapshot.holds.get(&user.id)).cloned();
            (config, snapshot, groups)
        }
        None => {
            let (config, connection) = ready(common, now).await?;
            let snapshot = guestlist_tenant::observe(&connection.client, &config, now).await?;
            let user = account(&config, &snapshot, &key);
            let live = user.filter(|user| user.deleted.is_none());
            let reads = live.map(explain::memberships);
            let answers = connection.client.read(reads.into_iter().collect()).await?;
            let groups = answers.first().and_then(|(_, answer)| held(answer));
            (config, snapshot, groups)
        }
    };
    known(&config, &snapshot, &key)?;
    let (plan, ids) = planning::make(common, &config, &snapshot, now, now, &Request::default())?;
    let told = explain(
        &config,
        &snapshot,
        (&plan, &ids),
        groups.as_ref(),
        &key,
        now,
    );
    match args.format {
        Told::Json => print(&render::explain::json(&told))?,
        Told::Text => {
            let last = journal::last_about(&common.dir, &key)?;
            let zone = &config.policy.tenant.time_zone;
            print(&render::explain::text(&told, zone, last.as_deref()))?;
        }
    }
    Ok(Exit::Done)
}

/// Refuses to explain whom nobody knows, or who is no guest.
fn known(config: &Config, snapshot: &Snapshot, key: &str) -> Result<(), Failure> {
    let hint = "write the address as the files do, or as the tenant has it";
    if config.desired.guests.contains_key(key) {
        return Ok(());
    }
    match account(config, snapshot, key) {
        Some(user) if user.is_guest() => Ok(()),
        Some(_) => Err(Failure::plain(format!("{key} is no guest"), hint)),
        None => {
            let message = format!("{key}: no such guest is declared or in the tenant");
            Err(Failure::plain(message, hint))
        }
    }
}

pub(crate) fn expiring(
    common: &Common,
    args: &ExpiringArgs,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let config = Files::read(&common.dir).config(now)?;
    let expiring = Expiring::new(&config, now, args.within);
    print(&match args.format {
        List::Text => expiring.text(),
        List::Json => expiring.json(),
        List::Markdown => expiring.markdown(args.mask),
    })?;
    Ok(Exit::Done)
}
