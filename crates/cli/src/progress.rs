//! How far an apply has come, on stderr: a bar on a terminal, a line for each step elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use guestlist_planner::plan::Step;
use guestlist_planner::render::title;
use guestlist_planner::safe::printable;
use guestlist_tenant::apply::Outcome;
use indicatif::{ProgressBar, ProgressStyle};

use crate::logging::{TOLD, is_json};
use crate::output::tell;

/// What the bar shows: steps done, and how long the rest will take at the pace so far.
const BAR: &str = "{bar:30} {pos} of {len} steps, {msg}";

/// Returns whether a bar can be shown.
fn has_bar() -> bool {
    !is_json() && std::io::stderr().is_terminal()
}

/// Shows the progress of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
}

impl Progress {
    /// Begins with none of `total` steps done.
    pub(crate) fn new(total: usize) -> Self {
        let bar = has_bar().then(|| {
            let style = ProgressStyle::with_template(BAR);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(total as u64).with_style(style);
            bar.set_message("sending");
            bar
        });
        Self {
            bar,
            done: 0,
            total,
        }
    }

    /// Takes in how a step ended.
    pub(crate) fn ended(&mut self, step: &Step, outcome: &Outcome) {
        self.done += 1;
        let line = line(step, outcome);
        match &self.bar {
            // Its report gives their number.
            None if *outcome == Outcome::NotBegun => {}
            None if is_json() => log(step, outcome, self.done, self.total),
            None => tell(&format!("[{}/{}] {line}", self.done, self.total)),
            Some(bar) => {
                if matches!(outcome, Outcome::Failed { .. } | Outcome::Skipped(_)) {
                    bar.println(line);
                }
                bar.inc(1);
                bar.set_message(left(bar));
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The first steps say little: the first invitation goes alone.
const PACE_IS_KNOWN: Duration = Duration::from_secs(10);

fn left(bar: &ProgressBar) -> String {
    if bar.elapsed() < PACE_IS_KNOWN {
        return "sending".to_owned();
    }
    match bar.eta().as_secs() {
        0 => "almost done".to_owned(),
        seconds @ 1..90 => format!("about {seconds} seconds left"),
        seconds => format!("about {} minutes left", seconds.div_ceil(60)),
    }
}

fn line(step: &Step, outcome: &Outcome) -> String {
    let what = title(step);
    match outcome {
        Outcome::Done => format!("done     {what}"),
        Outcome::Failed { .. } => format!("failed   {what}"),
        Outcome::Skipped(why) => format!("skipped  {what}: {}", printable(why)),
        Outcome::NotBegun => format!("waits    {what}"),
    }
}

/// Writes how a step ended as a record.
fn log(step: &Step, outcome: &Outcome, done: usize, total: usize) {
    let what = title(step);
    match outcome {
        Outcome::Done => tracing::info!(target: TOLD, outcome = "done", done, total, "{what}"),
        Outcome::Failed { message, hint } => {
            tracing::error!(target: TOLD, outcome = "failed", done, total, error = message, hint, "{what}")
        }
        Outcome::Skipped(why) => {
            tracing::warn!(target: TOLD, outcome = "skipped", done, total, why, "{what}")
        }
        Outcome::NotBegun => {}
    }
}

/// Shows how many of something are done; nothing where there is no terminal.
#[derive(Debug)]
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// Begins with none of `total` done.
    pub(crate) fn new(total: usize, what: &'static str) -> Self {
        let bar = has_bar().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos} of {len} {msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total as u64)
                .with_style(style)
                .with_message(what)
        });
        Self(bar)
    }

    /// So many more are done.
    pub(crate) fn advance(&self, more: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(more as u64);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
