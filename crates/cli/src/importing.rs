//! `import`: writes YAML for the guests that a tenant has and nobody declared.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use clap::ValueEnum;
use guestlist_planner::address::ObjectId;
use guestlist_planner::explain::memberships;
use guestlist_planner::import::inviters::{invitations, invited, lacks_sponsor, proposed, who};
use guestlist_planner::import::{
    self, By, Held, Imported, Known, Options, candidates, import, policies, sponsors,
};
use guestlist_planner::kinds::guest::user::User;
use guestlist_planner::request::Read;
use guestlist_planner::safe::printable;
use guestlist_planner::snapshot::{AbsorbError, Snapshot, governed};
use guestlist_planner::time::{Days, Until, days_after};
use guestlist_planner::yaml::Source;
use guestlist_tenant::Client;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::args::Common;
use crate::connection::connect;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Files;
use crate::output::{counted, print, warn};
use crate::progress::Bar;

/// How many guests are asked about at once: their answers are held together.
const AT_ONCE: usize = 200;

/// `import`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ImportArgs {
    /// How guests are spread over files.
    #[arg(long, value_enum, default_value_t = Grouping::Domain)]
    by: Grouping,
    /// When their access is to end: a day, or +180d. Without it they have no end.
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    expires: Option<String>,
    /// Spread the ends over so many weeks from then on, so that they do not all fall on one day.
    #[arg(long, value_name = "WEEKS", default_value_t = 1, requires = "expires")]
    spread: usize,
    /// Propose who invited them as sponsors of guests who have none, by the tenant's audit log.
    #[arg(long)]
    inviters: bool,
    /// Also write the policies of the tenant that no file declares: they are managed from then on.
    #[arg(long)]
    policies: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Grouping {
    /// One file for each domain they come from.
    Domain,
    /// One for each first sponsor.
    Sponsor,
    /// One for each first group.
    Group,
}

pub(crate) async fn run(
    common: &Common,
    args: &ImportArgs,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let files = Files::read_to_import(&common.dir);
    let sources = files.sources().to_vec();
    let config = files.config(now)?;
    let zone = &config.policy.tenant.time_zone;
    let expires = args.expires.as_deref();
    let options = Options {
        by: match args.by {
            Grouping::Domain => By::Domain,
            Grouping::Sponsor => By::Sponsor,
            Grouping::Group => By::Group,
        },
        expires: expires.map(|when| day(when, zone, now)).transpose()?,
        weeks: args.spread,
    };
    let connection = connect(common, &config.policy.tenant).await?;
    let client = &connection.client;
    let mut snapshot = guestlist_tenant::observe(client, &config, now).await?;
    // Planning asks for these only once somebody is declared.
    look_up(client, &mut snapshot, vec![governed()]).await?;
    let groups = sponsors::groups(&snapshot);
    look_up(client, &mut snapshot, groups).await?;
    let namesakes = sponsors::namesakes(&snapshot);
    look_up(client, &mut snapshot, namesakes).await?;
    crate::connection::right_tenant(&config, &snapshot)?;
    let (guests, notes) = candidates(&config, &snapshot);
    let held = held(client, &guests).await?;
    let (inviters, note) = inviters(client, &guests, args.inviters).await?;
    let known = Known {
        held: &held,
        inviters: &inviters,
    };
    let mut imported = import(&config, &snapshot, &sources, &guests, known, options, now);
    imported.notes.splice(0..0, notes);
    imported.notes.extend(note);
    if args.policies {
        let reads = policies::reads(&config, &snapshot);
        look_up(client, &mut snapshot, reads).await?;
        let referred = policies::referred(&config, &snapshot);
        look_up(client, &mut snapshot, referred).await?;
        let (file, notes) = policies::file(&config, &snapshot, &sources);
        imported.files.extend(file);
        imported.notes.extend(notes);
    }
    if !args.dry_run {
        write_all(&common.dir, &imported.files)?;
    }
    print(&told(&imported, args.dry_run))?;
    Ok(Exit::Done)
}

/// Reads more of a tenant.
async fn look_up(
    client: &Client,
    snapshot: &mut Snapshot,
    reads: Vec<Read>,
) -> Result<(), Failure> {
    for (read, answer) in client.read(reads).await? {
        let unreadable = |error: AbsorbError| Failure::Plain {
            message: error.to_string(),
            hint: None,
        };
        snapshot.absorb(&read, answer).map_err(unreadable)?;
    }
    Ok(())
}

/// Reads what guests are members of, by their ids. Where that is denied, nothing is known of it.
async fn held(client: &Client, guests: &[&User]) -> Result<BTreeMap<ObjectId, Vec<Held>>, Failure> {
    let mut held = BTreeMap::new();
    let bar = Bar::new(guests.len(), "guests");
    for guests in guests.chunks(AT_ONCE) {
        let reads: Vec<_> = guests.iter().map(|guest| memberships(guest)).collect();
        let ids: BTreeMap<_, _> = reads
            .iter()
            .zip(guests)
            .map(|(read, guest)| (read.path.clone(), guest.id.clone()))
            .collect();
        for (read, answer) in client.read(reads).await? {
            let groups = import::held(&answer).map(|groups| (ids[&read.path].clone(), groups));
            held.extend(groups);
        }
        bar.advance(guests.len());
    }
    bar.finish();
    if held.len() < guests.len() {
        warn("memberships of some guests could not be read: their entries have no `groups:`");
    }
    Ok(held)
}

/// Returns who is to be proposed as sponsor, by the guest's id, and what there is to say about it. The
/// log is read only if it is wanted and somebody has no sponsor; where that is denied, nobody is proposed.
async fn inviters(
    client: &Client,
    guests: &[&User],
    wanted: bool,
) -> Result<(BTreeMap<ObjectId, String>, Option<String>), Failure> {
    let lacking: Vec<_> = guests
        .iter()
        .copied()
        .filter(|it| lacks_sponsor(it))
        .collect();
    let (none, count) = (BTreeMap::new(), lacking.len());
    if count == 0 {
        return Ok((none, None));
    }
    if !wanted {
        let note = format!("{count} without sponsor: `--inviters` looks up who invited them");
        return Ok((none, Some(note)));
    }
    let answers = client.read(vec![invitations()]).await?;
    let Some(invited) = answers
        .iter()
        .find_map(|(_, answer)| invited(answer, &lacking))
    else {
        warn("the audit log could not be read (AuditLog.Read.All): who invited whom is not known");
        return Ok((none, None));
    };
    let answers = client.read(who(&invited)).await?;
    let proposed = proposed(&invited, &answers);
    let rest = count - proposed.len();
    let note = (rest > 0).then(|| {
        format!("{rest} without sponsor, of whom the audit log names no inviter who is here; it reaches back some weeks at most")
    });
    Ok((proposed, note))
}

/// Writes new files, or none of them: some alone may declare groups without guests, or the reverse.
fn write_all(root: &Path, files: &[Source]) -> Result<(), Failure> {
    for (done, file) in files.iter().enumerate() {
        if let Err(failure) = write(root, file) {
            for written in &files[..done] {
                let _ = std::fs::remove_file(root.join(&written.path));
            }
            return Err(failure);
        }
    }
    Ok(())
}

/// Writes a new file, whole or not at all; one that is there is never touched.
pub(crate) fn write(root: &Path, file: &Source) -> Result<(), Failure> {
    let path = root.join(&file.path);
    let save = || {
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        // Hidden from whoever reads the folder meanwhile.
        builder.prefix(".guestlist-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut new = builder.tempfile_in(folder)?;
        new.write_all(file.text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist_noclobber(&path)?;
        Ok(())
    };
    save().map_err(Failure::file(&path))
}

fn told(imported: &Imported, dry_run: bool) -> String {
    let mut out = String::new();
    for file in &imported.files {
        out += &format!("{}\n", printable(&file.path));
    }
    for note in &imported.notes {
        out += &format!("note: {}\n", printable(note));
    }
    if imported.files.is_empty() {
        let told = match imported.refused {
            0 => "Nothing to import.\n",
            _ => "Nothing was imported.\n",
        };
        return out + told;
    }
    let verb = if dry_run {
        "would be written"
    } else {
        "were written"
    };
    let guests = counted(imported.guests, "guest");
    let groups = counted(imported.groups, "group");
    out += &format!("{guests} and {groups} {verb}.\n");
    if imported.guests > 0 && !dry_run {
        out += "Next: read the files, then `guestlist plan`. It shows who would be taken on.\n";
    }
    out
}

/// Reads `--expires`: a day, or a number of days from today.
fn day(when: &str, zone: &TimeZone, now: Timestamp) -> Result<Date, Failure> {
    let day = match when.strip_prefix('+') {
        Some(days) => days.parse::<Days>().ok().map(|days| {
            let then = days_after(now, days, zone);
            then.to_zoned(zone.clone()).date()
        }),
        None => match when.parse() {
            Ok(Until::Day(day)) => Some(day),
            _ => None,
        },
    };
    let day = day.ok_or_else(|| {
        Failure::plain(
            format!("--expires {when}: unreadable"),
            "write a day (2026-12-31) or a number of days (+180d)",
        )
    })?;
    if day < now.to_zoned(zone.clone()).date() {
        return Err(Failure::plain(
            format!("--expires {when}: that day is over"),
            "guests who are taken on need a day that is still to come",
        ));
    }
    Ok(day)
}
