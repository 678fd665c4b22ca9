//! Records of the run on stderr: for people, or for log collectors as JSON, one object a line.

use std::io::{Write, stderr};
use std::sync::OnceLock;

use clap::ValueEnum;
use guestlist_planner::render::escaped;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How records of the run are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For log collectors: one JSON object a line.
    Json,
}

/// Said once, at the start; stderr belongs to the whole process.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// The target of what is said whatever `-v` says.
pub(crate) const TOLD: &str = "told";

/// Begins to write records.
pub(crate) fn begin(format: LogFormat, verbose: u8, color: bool) {
    let _ = FORMAT.set(format);
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let filter = EnvFilter::new(format!(
        "error,guestlist_tenant={level},guestlist={level},{TOLD}=info"
    ));
    let records = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(color && format == LogFormat::Text)
        .with_target(false)
        // Where stderr has gone away, saying so there would end the run.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => records.with_writer(stderr).init(),
        LogFormat::Json => {
            let records = records.json().flatten_event(true);
            let records = records.with_current_span(false).with_span_list(false);
            records.with_writer(|| Harmless).init();
        }
    }
}

/// Returns whether records are written as JSON.
pub(crate) fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Stderr for JSON. What would hide, move the cursor or give orders to a job is spelled out, as it is in a
/// plan: JSON itself does so for some of it only.
struct Harmless;

impl Write for Harmless {
    /// Takes in one record, which is always written as a whole.
    fn write(&mut self, record: &[u8]) -> std::io::Result<usize> {
        let text = escaped(&String::from_utf8_lossy(record));
        stderr().write_all(text.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        stderr().flush()
    }
}
