//! `validate`: checks the files, offline.

use jiff::Timestamp;

use crate::args::Common;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Files;
use crate::output::print;

pub(crate) fn validate(common: &Common, now: Timestamp) -> Result<Exit, Failure> {
    let config = Files::read(&common.dir).config(now)?;
    let (guests, groups) = (config.desired.guests.len(), config.desired.groups.len());
    print(&format!(
        "The files are right: {guests} guests, {groups} groups.\n"
    ))?;
    Ok(Exit::Done)
}
