//! `observe`: saves what the tenant has.

use std::path::Path;

use guestlist_planner::snapshot::{FORMAT, Snapshot};
use jiff::Timestamp;
use serde::Deserialize;

use crate::args::Common;
use crate::connection::{ready, right_tenant};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keep;
use crate::output::print;

pub(crate) async fn observe(
    common: &Common,
    out: Option<&Path>,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let (config, connection) = ready(common, now).await?;
    let snapshot = guestlist_tenant::observe(&connection.client, &config, now).await?;
    right_tenant(&config, &snapshot)?;
    let mut text = serde_json::to_string(&snapshot).map_err(|error| Failure::Plain {
        message: format!("the snapshot cannot be written: {error}"),
        hint: None,
    })?;
    text.push('\n');
    match out {
        Some(path) => keep::write(path, &text)?,
        None => print(&text)?,
    }
    Ok(Exit::Done)
}

/// Reads a saved snapshot.
pub(crate) fn saved(path: &Path) -> Result<Snapshot, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    let unreadable = |why: String| {
        Failure::plain(
            format!("{}: {why}", path.display()),
            "make it anew with `guestlist observe --out FILE`",
        )
    };
    let no_snapshot = |error| unreadable(format!("this is no snapshot: {error}"));
    let header: Header = serde_json::from_str(&text).map_err(no_snapshot)?;
    match header.format {
        Some(format) if format <= FORMAT => {}
        Some(format) => {
            return Err(unreadable(format!(
                "format {format} is newer than this version reads"
            )));
        }
        None => return Err(unreadable("this is no snapshot".to_owned())),
    }
    serde_json::from_str(&text).map_err(no_snapshot)
}

/// What is read of a snapshot first: one of a newer format may look quite different.
#[derive(Deserialize)]
struct Header {
    format: Option<u32>,
}
