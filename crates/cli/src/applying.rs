//! `apply`: plans, shows, asks, executes, and says what became of each step.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::time::Duration;

use guestlist_planner::address::Address;
use guestlist_planner::plan::{Plan, Request};
use guestlist_planner::safe::printable;
use guestlist_tenant::apply::{Options, Outcome, Report};
use jiff::Timestamp;

use crate::args::{self, ApplyArgs, Common, Format};
use crate::connection::ready;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::{FileJournal, Run};
use crate::output::{self, print, tell, warn};
use crate::progress::Progress;
use crate::{interrupt, journal, keep, planning, showing};

pub(crate) async fn apply(
    common: &Common,
    args: &ApplyArgs,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let saved = args.plan.as_deref().map(showing::saved).transpose()?;
    let (config, connection) = ready(common, now).await?;
    let _lock = keep::lock(&common.dir)?;
    let snapshot = guestlist_tenant::observe(&connection.client, &config, now).await?;
    let request = Request {
        approved: saved.as_ref().map(|saved| saved.steps.clone()),
        ..args.choice.request()
    };
    let (plan, ids) = planning::make(common, &config, &snapshot, now, now, &request)?;
    if let Some(saved) = saved.filter(|saved| saved.tenant != plan.tenant) {
        let message = format!(
            "the plan is for tenant {}, this is {}",
            saved.tenant, plan.tenant
        );
        return Err(Failure::plain(message, "plan anew for this tenant"));
    }
    let shown = planning::shown(common, &plan, Format::Text, false);
    if args.yes {
        print(&shown)?;
    } else {
        output::show(&shown)?;
    }
    if plan.is_refused() {
        return Ok(Exit::Refused);
    }
    let blocked = plan.has_errors();
    if plan.steps.is_empty() {
        return Ok(if blocked { Exit::Partly } else { Exit::Done });
    }
    if !args.yes && !agreed(&plan)? {
        return Ok(Exit::Error);
    }
    let settle = Duration::from_secs(args.settle);
    let mut journal = FileJournal::begin(&common.dir, &plan, Run::Apply)?;
    let options = Options {
        stamp: config.policy.tenant.stamp.as_str().to_owned(),
        // The grace of whom this disables counts from now, not from when the reading began.
        now: args::now(),
        // The embedded tenant shows everything at once, and may have been reset.
        earlier: if config.policy.tenant.is_sandbox() {
            BTreeMap::new()
        } else {
            earlier(common, &plan, settle)?
        },
        settle,
    };
    interrupt::listen(connection.client.stop().clone());
    let mut progress = Progress::new(plan.steps.len());
    let report = guestlist_tenant::apply::apply(
        &connection.client,
        &plan,
        &snapshot,
        ids,
        options,
        &mut journal,
        &mut |step, outcome| progress.ended(step, outcome),
    )
    .await;
    progress.finish();
    result(&report);
    Ok(if report.is_complete() && !blocked {
        Exit::Done
    } else {
        Exit::Partly
    })
}

/// Returns what of a plan an earlier run may have created, and says so: looking for it takes time.
fn earlier(
    common: &Common,
    plan: &Plan,
    settle: Duration,
) -> Result<BTreeMap<Address, Duration>, Failure> {
    let mut earlier = journal::earlier(&common.dir, &plan.tenant, settle)?;
    let created = plan
        .steps
        .iter()
        .filter(|step| step.change.before().is_none());
    let created: BTreeSet<_> = created.map(|step| &step.address).collect();
    earlier.retain(|address, _| created.contains(address));
    if let Some(left) = earlier.values().max() {
        tell(&format!(
            "an earlier run may have created {} of these; they are looked for, for up to {} seconds",
            earlier.len(),
            left.as_secs()
        ));
    }
    Ok(earlier)
}

/// Asks whether to go on. Without a terminal nobody could answer.
fn agreed(plan: &Plan) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::plain(
            "nobody is there to agree: stdin is no terminal",
            "run with --yes to apply without asking",
        ));
    }
    let name = plan.tenant_name.as_deref().unwrap_or(&plan.tenant);
    let question = format!(
        "\nApply these {} steps to {}? Only `yes` is taken for an answer: ",
        plan.steps.len(),
        printable(name)
    );
    std::io::stderr()
        .write_all(question.as_bytes())
        .map_err(Failure::file("stderr"))?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(Failure::file("stdin"))?;
    let agreed = answer.trim() == "yes";
    if !agreed {
        tell("Nothing was changed.");
    }
    Ok(agreed)
}

/// Prints how the run went.
fn result(report: &Report) {
    let [done, failed, skipped, not_begun] = report.counts();
    let mut text = String::from("\n");
    for (step, outcome) in &report.outcomes {
        match outcome {
            Outcome::Done | Outcome::NotBegun => {}
            Outcome::Failed { message, hint } => {
                text += &format!("error: {}\n", printable(message));
                text += &hint
                    .as_ref()
                    .map(|hint| format!("  hint: {}\n", printable(hint)))
                    .unwrap_or_default();
            }
            Outcome::Skipped(why) => {
                text += &format!(
                    "skipped: {}: {}\n",
                    printable(&step.address.to_string()),
                    printable(why)
                )
            }
        }
    }
    for address in &report.unsettled {
        text += &format!(
            "warning: {} was created and cannot be read back yet: plan again later\n",
            printable(&address.to_string())
        );
    }
    if let Some(why) = &report.stopped {
        text += &format!("error: the run stopped: {}\n", printable(why));
    }
    text += &format!("{done} done, {failed} failed, {skipped} skipped.");
    if not_begun > 0 {
        text += &format!(" {not_begun} were not begun.");
    }
    if failed + skipped + not_begun > 0 {
        text += " Planning again is safe.";
    }
    // What was done was done, whether or not anybody can be told.
    if let Err(failure) = print(&format!("{}\n", text.trim_start_matches('\n'))) {
        warn(&failure.to_string());
    }
}
