//! `notify`: tells sponsors whose guests are about to lose access, by mail from a mailbox of the tenant.

use guestlist_planner::load::Config;
use guestlist_planner::notice::{Notices, notices};
use guestlist_planner::plan::Request;
use guestlist_planner::render::notice;
use guestlist_planner::request::Answer;
use guestlist_planner::safe::printable;
use guestlist_planner::snapshot::user_named;
use guestlist_planner::time::Days;
use guestlist_tenant::notify::notify;
use jiff::Timestamp;

use crate::args::Common;
use crate::connection::{Connection, ready};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::{FileJournal, Run};
use crate::output::{print, tell, warn};
use crate::{interrupt, keep, planning};

/// `notify`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct NotifyArgs {
    /// How far ahead to look.
    #[arg(long, value_name = "DAYS", default_value = "30d")]
    within: Days,
    /// Send the mails. Without it, who would be told of whom is only listed.
    #[arg(long)]
    send: bool,
}

pub(crate) async fn run(
    common: &Common,
    args: &NotifyArgs,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let (config, connection) = ready(common, now).await?;
    let sender = sender(&config, &connection).await?;
    let _lock = args.send.then(|| keep::lock(&common.dir)).transpose()?;
    let snapshot = guestlist_tenant::observe(&connection.client, &config, now).await?;
    crate::connection::right_tenant(&config, &snapshot)?;
    let found = notices(&config, &snapshot, &sender, now, args.within);
    print(&notice::text(&found, &config.policy.tenant.time_zone))?;
    if found.notices.is_empty() {
        return Ok(Exit::Done);
    }
    if !args.send {
        tell("Nothing was sent: `--send` sends.");
        return Ok(Exit::Done);
    }
    let (plan, _) = planning::make(common, &config, &snapshot, now, now, &Request::default())?;
    let journal = FileJournal::begin(&common.dir, &plan, Run::Notify)?;
    send(&config, &connection, &found, journal).await
}

async fn send(
    config: &Config,
    connection: &Connection,
    found: &Notices,
    mut journal: FileJournal,
) -> Result<Exit, Failure> {
    interrupt::listen(connection.client.stop().clone());
    let attribute = config.policy.tenant.stamp.as_str();
    let (mut sent, mut failed) = (0, 0);
    let result = notify(
        &connection.client,
        &found.notices,
        attribute,
        &mut journal,
        &mut |notice, result| {
            let to = printable(&notice.to.join(", "));
            match result {
                Ok(()) => {
                    sent += 1;
                    tell(&format!("sent to {to}"));
                }
                Err(error) => {
                    failed += 1;
                    warn(&format!("not sent to {to}: {error}"));
                }
            }
        },
    )
    .await;
    print(&format!("{sent} of {} mails sent.\n", found.notices.len()))?;
    match result {
        Ok(()) if failed > 0 => Ok(Exit::Partly),
        Ok(()) => Ok(Exit::Done),
        Err(error) if sent == 0 => Err(error.into()),
        Err(error) => {
            Failure::from(error).print(false);
            Ok(Exit::Partly)
        }
    }
}

/// Returns the account of the mailbox that notices are sent from.
async fn sender(config: &Config, connection: &Connection) -> Result<String, Failure> {
    let Some(from) = &config.policy.mails.expiring.from else {
        return Err(Failure::plain(
            "nothing says from which mailbox to write",
            "write `mails: {expiring: {from: …}}` below policies/",
        ));
    };
    let answers = connection.client.read(vec![user_named(from)]).await?;
    let found: Vec<_> = answers
        .into_iter()
        .filter_map(|(_, answer)| match answer {
            Answer::Items(items) => Some(items),
            _ => None,
        })
        .flatten()
        .filter(|item| item["userType"] != "Guest")
        .filter_map(|item| item["id"].as_str().map(str::to_owned))
        .collect();
    match found.as_slice() {
        [id] => Ok(id.clone()),
        found => Err(Failure::plain(
            format!(
                "`{from}` is a mailbox of {} users of the tenant",
                found.len()
            ),
            "`mails.expiring.from` names a user or a shared mailbox of the tenant, by mail or user principal name",
        )),
    }
}
