//! `validate`: checks the files, offline.

use std::io::IsTerminal as _;

use guestlist_planner::advice::advice;
use guestlist_planner::render::{github, text};
use jiff::Timestamp;

use crate::args::{Checks, Common};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Files;
use crate::output::{counted, print};
use crate::planning;

pub(crate) fn validate(common: &Common, format: Checks, now: Timestamp) -> Result<Exit, Failure> {
    let config = match Files::read(&common.dir).config(now) {
        Err(Failure::Mistakes(mistakes, _)) if format == Checks::Github => {
            let below = planning::below(&common.dir);
            print(&github::mistakes(&mistakes, &below))?;
            return Ok(Exit::Error);
        }
        config => config?,
    };
    let advice = advice(&config.desired);
    print(&match format {
        Checks::Github => github::findings(&advice, &planning::below(&common.dir)),
        Checks::Text => text::advice(&advice, common.color(std::io::stdout().is_terminal())),
    })?;
    let (guests, groups) = (config.desired.guests.len(), config.desired.groups.len());
    let (guests, groups) = (counted(guests, "guest"), counted(groups, "group"));
    print(&format!("The files are right: {guests}, {groups}.\n"))?;
    Ok(Exit::Done)
}
