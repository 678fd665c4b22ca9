//! `plan`: shows what would change.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::Command;

use guestlist_planner::address::Ids;
use guestlist_planner::load::Config;
use guestlist_planner::plan::{Header, Plan, Request, plan as decide, plan_saved};
use guestlist_planner::render;
use guestlist_planner::request::Read;
use guestlist_planner::snapshot::Snapshot;
use guestlist_planner::time::{Days, Until, days_after, first_instant};
use jiff::Timestamp;

use crate::args::{Common, Format, PlanArgs};
use crate::connection::{ready, right_tenant};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Files;
use crate::output::print;
use crate::{keep, observing};

pub(crate) async fn plan(
    common: &Common,
    args: &PlanArgs,
    now: Timestamp,
) -> Result<Exit, Failure> {
    masked(args.mask, args.format == Format::Markdown)?;
    let observed = args.observed.as_deref();
    let (config, snapshot) = read(common, observed, now).await?;
    let at = at(args.at.as_deref(), &config, now)?;
    let request = args.choice.request();
    let plan = made(common, observed, &config, &snapshot, at, now, &request)?;
    if let Some(path) = &args.out {
        keep::write(path, &render::json(&plan))?;
    }
    if args.summary {
        summarise(&plan, args.mask)?;
    }
    print(&shown(common, &plan, args.format, args.mask))?;
    let exit = match () {
        () if plan.is_refused() => Exit::Refused,
        () if args.detailed_exitcode && !plan.is_empty() => Exit::Pending,
        () => Exit::Done,
    };
    // The process ends here; taking a large tenant apart piece by piece would only take time.
    std::mem::forget((config, snapshot, plan));
    Ok(exit)
}

/// Reads the files, and the tenant or a saved snapshot of it.
pub(crate) async fn read(
    common: &Common,
    observed: Option<&Path>,
    now: Timestamp,
) -> Result<(Config, Snapshot), Failure> {
    if let Some(path) = observed {
        return saved(common, path, now);
    }
    let (config, connection) = ready(common, now).await?;
    let snapshot = guestlist_tenant::observe(&connection.client, &config, now).await?;
    Ok((config, snapshot))
}

/// Plans as of when the tenant was read, for commands that only want to know how it stands.
pub(crate) async fn standing(
    common: &Common,
    observed: Option<&Path>,
    now: Timestamp,
) -> Result<(Config, Snapshot, Plan), Failure> {
    let (config, snapshot) = read(common, observed, now).await?;
    let (at, request) = (now.min(snapshot.taken), Request::default());
    let plan = made(common, observed, &config, &snapshot, at, now, &request)?;
    Ok((config, snapshot, plan))
}

/// Reads the files and a saved snapshot side by side: both may be large.
pub(crate) fn saved(
    common: &Common,
    path: &Path,
    now: Timestamp,
) -> Result<(Config, Snapshot), Failure> {
    std::thread::scope(|scope| {
        let snapshot = scope.spawn(|| observing::saved(path));
        let config = Files::read(&common.dir).config(now);
        let snapshot = snapshot.join().unwrap_or_else(|panic| resume_unwind(panic));
        Ok((config?, snapshot?))
    })
}

/// Says that a saved snapshot does not answer all that these files ask.
pub(crate) fn uncovered(path: &Path, open: &[Read]) -> Failure {
    let first = open.first().map_or("", |read| &read.path);
    Failure::plain(
        format!(
            "{}: the snapshot does not cover these files: GET {first} is not in it",
            path.display()
        ),
        "make it anew with `guestlist observe --out FILE`: what was not read is not taken for absent",
    )
}

/// Plans, for `plan` and `apply` alike.
pub(crate) fn make(
    common: &Common,
    config: &Config,
    snapshot: &Snapshot,
    at: Timestamp,
    now: Timestamp,
    request: &Request,
) -> Result<(Plan, Ids), Failure> {
    agree(config, snapshot, request)?;
    let header = header(common, now);
    Ok(decide(config, snapshot, at, request, &header))
}

/// Plans against what was just read, or against a saved snapshot, which must answer all that the
/// files ask.
fn made(
    common: &Common,
    observed: Option<&Path>,
    config: &Config,
    snapshot: &Snapshot,
    at: Timestamp,
    now: Timestamp,
    request: &Request,
) -> Result<Plan, Failure> {
    let Some(path) = observed else {
        return Ok(make(common, config, snapshot, at, now, request)?.0);
    };
    agree(config, snapshot, request)?;
    let made = plan_saved(config, snapshot, at, request, &header(common, now));
    made.map(|(plan, _)| plan)
        .map_err(|open| uncovered(path, &open))
}

/// Refuses to plan for another tenant, or for a guest that is unknown.
fn agree(config: &Config, snapshot: &Snapshot, request: &Request) -> Result<(), Failure> {
    right_tenant(config, snapshot)?;
    match &request.only {
        Some(only) => known(only, config, snapshot),
        None => Ok(()),
    }
}

pub(crate) fn header(common: &Common, now: Timestamp) -> Header {
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: commit(&common.dir),
        planned_at: Some(now),
    }
}

/// Refuses to plan for a guest that nobody knows: a typo would look like "nothing to do".
fn known(only: &str, config: &Config, snapshot: &Snapshot) -> Result<(), Failure> {
    let only = guestlist_planner::domain::normal(only);
    let is_known = config.desired.guests.contains_key(&only)
        || snapshot
            .users
            .values()
            .any(|user| user.is_guest() && user.label() == only);
    if is_known {
        return Ok(());
    }
    Err(Failure::plain(
        format!("--only {only}: no such guest is declared or in the tenant"),
        "write the address as the files do",
    ))
}

/// Adds a plan to the summary of the job.
/// Source: "Adding a job summary", GitHub Actions.
fn summarise(plan: &Plan, mask: bool) -> Result<(), Failure> {
    let named = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    let path = named.ok_or_else(|| {
        Failure::plain(
            "--summary: GITHUB_STEP_SUMMARY names no file",
            "it is set in jobs of GitHub Actions",
        )
    })?;
    let file = OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(render::markdown::plan(plan, mask).as_bytes()))
        .map_err(Failure::file(path))
}

/// Refuses to mask what is printed in full: whoever asks for it would believe that it is masked.
pub(crate) fn masked(mask: bool, is_masked: bool) -> Result<(), Failure> {
    if !mask || is_masked {
        return Ok(());
    }
    Err(Failure::plain(
        "--mask: only a plan or a list in Markdown can be masked",
        "add `--format markdown`",
    ))
}

/// Returns a plan as it is printed.
pub(crate) fn shown(common: &Common, plan: &Plan, format: Format, mask: bool) -> String {
    match format {
        Format::Markdown => render::markdown::plan(plan, mask),
        Format::Github => render::github::plan(plan, &below(&common.dir)),
        Format::Text => render::text::plan(plan, common.color(std::io::stdout().is_terminal())),
        Format::Json => render::json(plan),
        Format::Html => render::html::plan(plan),
    }
}

/// Reads `--at`: an instant, a day, or a number of days from now. Without it, now.
pub(crate) fn at(
    when: Option<&str>,
    config: &Config,
    now: Timestamp,
) -> Result<Timestamp, Failure> {
    let Some(when) = when else { return Ok(now) };
    let zone = &config.policy.tenant.time_zone;
    if let Some(days) = when.strip_prefix('+') {
        let days: Days = days.parse().map_err(|_| unreadable(when))?;
        return Ok(days_after(now, days, zone));
    }
    match when.parse() {
        Ok(Until::Day(day)) => Ok(first_instant(day, zone)),
        Ok(Until::Instant(instant)) => Ok(instant),
        Err(_) => Err(unreadable(when)),
    }
}

fn unreadable(when: &str) -> Failure {
    Failure::plain(
        format!("--at {when}: unreadable"),
        "write an instant (2026-12-31T18:00:00+02:00), a day (2026-12-31) or a number of days (+30d)",
    )
}

/// Returns the commit of the files, if they are in git.
fn commit(folder: &Path) -> Option<String> {
    git(folder, &["rev-parse", "HEAD"]).filter(|text| !text.is_empty())
}

/// Returns where the files are below the root of their git repository: nothing, or a path and `/`.
pub(crate) fn below(folder: &Path) -> String {
    git(folder, &["rev-parse", "--show-prefix"]).unwrap_or_default()
}

/// Returns what git says of a folder.
fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    let output = command.arg("-C").arg(folder).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
