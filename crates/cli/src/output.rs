//! What people read: on stdout what they asked for, on stderr everything else. Either may go away
//! or be full, and a run goes on all the same.

use std::io::{ErrorKind, Write, stderr, stdout};

use crate::failure::Failure;
use crate::logging::{TOLD, is_json};

/// Prints to stdout. A reader that has gone away, such as `head`, is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match write(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::file("stdout")(error)),
        _ => Ok(()),
    }
}

/// Prints to stdout what somebody is to agree to.
pub(crate) fn show(text: &str) -> Result<(), Failure> {
    write(text).map_err(Failure::file("stdout"))
}

fn write(text: &str) -> std::io::Result<()> {
    let mut stdout = stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Says a line on stderr.
pub(crate) fn tell(line: &str) {
    if is_json() {
        tracing::info!(target: TOLD, "{}", line.trim_start());
        return;
    }
    say(line);
}

/// Says a line on stderr about what is not as people may believe.
pub(crate) fn warn(line: &str) {
    if is_json() {
        tracing::warn!(target: TOLD, "{line}");
        return;
    }
    say(line);
}

fn say(line: &str) {
    let _ = stderr().write_all(format!("{line}\n").as_bytes());
}

/// Returns a number and what it counts.
pub(crate) fn counted(count: usize, one: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {one}{ending}")
}
