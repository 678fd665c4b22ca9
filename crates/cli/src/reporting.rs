//! `report`: writes who has which access until when, as a page.

use std::path::Path;

use guestlist_planner::render::html;
use guestlist_planner::report::report as look;
use jiff::Timestamp;

use crate::args::{Common, ReportArgs};
use crate::connection::right_tenant;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::print;
use crate::{keep, planning};

pub(crate) async fn report(
    common: &Common,
    args: &ReportArgs,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let observed = args.observed.as_deref();
    let (config, snapshot) = planning::read(common, observed, now).await?;
    right_tenant(&config, &snapshot)?;
    let at = planning::at(args.at.as_deref(), &config, now)?;
    let header = planning::header(common, now);
    let of = observed.unwrap_or(Path::new("the tenant"));
    let report =
        look(&config, &snapshot, at, &header).map_err(|open| planning::uncovered(of, &open))?;
    let page = html::report(&report);
    match &args.out {
        Some(path) => keep::write(path, &page)?,
        None => print(&page)?,
    }
    // The process ends here; taking a large tenant apart piece by piece would only take time.
    std::mem::forget((config, snapshot, report));
    Ok(Exit::Done)
}
