//! `renew`, `remove` and `tidy`: change the files below guests/ in place, and print what changed.
//! Nothing is written unless every edit can be made and the edited files are right.

use std::collections::BTreeMap;
use std::path::Path;

use guestlist_planner::load::{Config, GUESTS, load};
use guestlist_planner::policy::Tenant;
use guestlist_planner::render::patch;
use guestlist_planner::revise::{Refusal, Revision, keys, revise, revised};
use guestlist_planner::tidy::tidy as had_their_time;
use guestlist_planner::time::{Days, Until};
use guestlist_planner::yaml::Source;
use guestlist_planner::yaml::edit::Change;
use jiff::{Timestamp, ToSpan};

use crate::args::{Common, Editing, Named, RenewArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Files;
use crate::keep;
use crate::output::{print, tell, warn};
use crate::planning::standing;
use crate::rewrite::rewrite;

pub(crate) fn renew(common: &Common, args: &RenewArgs, now: Timestamp) -> Result<Exit, Failure> {
    let _lock = lock(common, args.editing)?;
    let (sources, config) = understood(common, now)?;
    let date = until(&args.until, &config.policy.tenant, now)?;
    let keys = keys(&config, &args.guests.mails).map_err(refused)?;
    let surprises: Vec<_> = keys
        .iter()
        .flat_map(|key| surprises(&config, key, &date))
        .collect();
    let until = |key| (key, Change::Until(date.clone()));
    let changes = keys.into_iter().map(until).collect();
    let exit = change(common, &sources, &config, changes, args.editing, now)?;
    surprises.iter().for_each(|line| warn(line));
    Ok(exit)
}

/// Returns what a new date does not do that people expect of more time, or does.
fn surprises(config: &Config, key: &str, date: &str) -> Vec<String> {
    let zone = &config.policy.tenant.time_zone;
    let (Some(declared), Ok(new)) = (config.desired.guests.get(key), date.parse::<Until>()) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if let Some(old) = declared.expires.filter(|old| old.end(zone) > new.end(zone)) {
        lines.push(format!(
            "{key} has less time than before: {date} instead of {old}"
        ));
    }
    for (what, granted) in declared.grants() {
        if let Some(end) = granted.expires.filter(|end| end.end(zone) < new.end(zone)) {
            lines.push(format!("{key} has {what} until {end} all the same"));
        }
    }
    lines
}

pub(crate) fn remove(
    common: &Common,
    guests: &Named,
    editing: Editing,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let _lock = lock(common, editing)?;
    let (sources, config) = understood(common, now)?;
    let keys = keys(&config, &guests.mails).map_err(refused)?;
    let changes = keys.into_iter().map(|key| (key, Change::Remove)).collect();
    change(common, &sources, &config, changes, editing, now)
}

pub(crate) async fn tidy(
    common: &Common,
    observed: Option<&Path>,
    editing: Editing,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let (planned, snapshot, plan) = standing(common, observed, now).await?;
    let changes = had_their_time(&planned, &snapshot, &plan);
    let _lock = lock(common, editing)?;
    let (sources, config) = understood(common, now)?;
    if config.digest != planned.digest {
        return Err(meanwhile(&common.dir));
    }
    let (changes, left) = possible(&sources, &config, changes, now);
    left.iter().for_each(|line| warn(line));
    change(common, &sources, &config, changes, editing, now)
}

/// Returns the changes that can be made together, and why each of the others cannot: one entry that
/// only a person can edit holds up nobody else.
fn possible(
    sources: &[Source],
    config: &Config,
    changes: BTreeMap<String, Change>,
    now: Timestamp,
) -> (BTreeMap<String, Change>, Vec<String>) {
    if edited(sources, config, changes.clone(), now).is_ok() {
        return (changes, Vec::new());
    }
    let (mut possible, mut left) = (BTreeMap::new(), Vec::new());
    for (key, change) in changes {
        let mut more = possible.clone();
        more.insert(key.clone(), change);
        match edited(sources, config, more.clone(), now) {
            Ok(_) => possible = more,
            Err(why) => {
                let why = why.to_string();
                let why = why.trim_end_matches("; nothing was written");
                left.push(format!("{key} stays in the files: {why}"));
            }
        }
    }
    (possible, left)
}

/// Keeps other edits of the files away, from reading them to writing them.
fn lock(common: &Common, editing: Editing) -> Result<Option<keep::Lock>, Failure> {
    let writes = !editing.dry_run && common.dir.join(GUESTS).is_dir();
    writes.then(|| keep::editing(&common.dir)).transpose()
}

/// Says that somebody else changed what is to be changed.
pub(crate) fn meanwhile(path: &Path) -> Failure {
    Failure::plain(
        format!("{}: changed meanwhile; nothing was written", path.display()),
        "run the command again",
    )
}

fn understood(common: &Common, now: Timestamp) -> Result<(Vec<Source>, Config), Failure> {
    let files = Files::read(&common.dir);
    let sources = files.sources().to_vec();
    Ok((sources, files.config(now)?))
}

/// Makes the changes, or none of them.
fn change(
    common: &Common,
    sources: &[Source],
    config: &Config,
    changes: BTreeMap<String, Change>,
    editing: Editing,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let revisions = edited(sources, config, changes, now)?;
    if !editing.dry_run {
        rewrite(&common.dir, &revisions)?;
    }
    tell_of(&revisions, editing);
    print(&revisions.iter().map(patch).collect::<String>())?;
    Ok(Exit::Done)
}

/// Returns the files as they become, if what they then say is right.
fn edited(
    sources: &[Source],
    config: &Config,
    changes: BTreeMap<String, Change>,
    now: Timestamp,
) -> Result<Vec<Revision>, Failure> {
    let revisions = revise(sources, config, changes).map_err(refused)?;
    let after = revised(sources, &revisions);
    if !after.iter().any(|source| source.path.starts_with(GUESTS)) {
        return Err(Failure::plain(
            "nobody would be declared any more; nothing was written",
            "an empty guests/ would say that nobody should have access",
        ));
    }
    match load(&after, now) {
        Ok(_) => Ok(revisions),
        Err(mistakes) => Err(Failure::Edited(mistakes, after)),
    }
}

/// Says what a diff does not.
fn tell_of(revisions: &[Revision], editing: Editing) {
    if revisions.is_empty() {
        tell("Nothing to change.");
    }
    let done = if editing.dry_run { "would be" } else { "is" };
    for gone in revisions.iter().filter(|file| file.after.is_none()) {
        let path = guestlist_planner::safe::printable(&gone.path);
        tell(&format!("{path} declares nobody else and {done} deleted"));
    }
}

fn refused(refusals: Vec<Refusal>) -> Failure {
    let messages: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    let mut hints: Vec<_> = refusals.iter().map(Refusal::hint).collect();
    hints.dedup();
    Failure::plain(
        format!("{}; nothing was written", messages.join("; ")),
        hints.join("\n"),
    )
}

/// Reads `--until`; returns the date as it is to be written.
fn until(text: &str, tenant: &Tenant, now: Timestamp) -> Result<String, Failure> {
    let zone = &tenant.time_zone;
    let wrong = |why: &str| {
        Failure::plain(
            format!("--until {text}: {why}"),
            "write a day (2026-12-31), an instant (2026-12-31T18:00:00+02:00) or a number of days from today (+180d)",
        )
    };
    if let Some(days) = text.strip_prefix('+') {
        let days: Days = days.parse().map_err(|_| wrong("unreadable"))?;
        let today = now.to_zoned(zone.clone()).date();
        let day = today.checked_add(i64::from(days.0).days());
        return day.map_or_else(|_| Err(wrong("too far off")), |day| Ok(day.to_string()));
    }
    let until: Until = text.parse().map_err(|_| wrong("unreadable"))?;
    if until.end(zone) <= now {
        return Err(wrong("that is over"));
    }
    Ok(text.to_owned())
}
