//! `show`: prints a saved plan, or what a journal says.

use std::path::Path;

use guestlist_planner::plan::{FORMAT, Plan};

use crate::args::{Common, Format};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::print;
use crate::{journal, planning};

pub(crate) fn show(
    common: &Common,
    path: &Path,
    format: Format,
    mask: bool,
) -> Result<Exit, Failure> {
    planning::masked(mask, format == Format::Markdown)?;
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    match journal::read(&text) {
        Some(told) => {
            planning::masked(mask, false)?;
            print(&told)?;
        }
        None => print(&planning::shown(
            common,
            &decode(path, &text)?,
            format,
            mask,
        ))?,
    }
    Ok(Exit::Done)
}

/// Reads a saved plan; refuses one of a newer format, and one that was altered.
pub(crate) fn saved(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    decode(path, &text)
}

fn decode(path: &Path, text: &str) -> Result<Plan, Failure> {
    let refused = |why: String| {
        Failure::plain(
            format!("{}: {why}", path.display()),
            "make it anew with `guestlist plan --out FILE`",
        )
    };
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| refused(format!("this is no plan: {error}")))?;
    match value["formatVersion"].as_str() {
        Some(version) if is_readable(version) => {}
        Some(version) => {
            return Err(refused(format!(
                "format {version} is not one this version reads; it reads {FORMAT}"
            )));
        }
        None => return Err(refused("this is no plan".to_owned())),
    }
    let plan: Plan = serde_json::from_value(value)
        .map_err(|error| refused(format!("this is no plan: {error}")))?;
    if plan.digest != plan.compute_digest() {
        return Err(refused(
            "the plan was altered: its digest does not fit".to_owned(),
        ));
    }
    Ok(plan)
}

/// Returns whether a saved plan of this format can be read and its digest checked: one of our major
/// version that is not newer. What a newer one adds would be lost, and its digest not fit.
fn is_readable(version: &str) -> bool {
    let parts = |text: &str| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    match (parts(version), parts(FORMAT)) {
        (Some(found), Some(ours)) => found.0 == ours.0 && found.1 <= ours.1,
        _ => false,
    }
}
