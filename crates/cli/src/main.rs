//! The `guestlist` command. Each command is a file of its own; this only starts the one asked for.

#![warn(clippy::print_stderr, clippy::print_stdout)]

mod applying;
mod args;
mod connection;
mod doctoring;
mod editing;
mod exit;
mod explaining;
mod failure;
mod files;
mod importing;
mod interrupt;
mod journal;
mod keep;
mod logging;
mod notifying;
mod observing;
mod output;
mod planning;
mod progress;
mod reporting;
mod rewrite;
mod sandbox;
mod showing;
mod starting;
mod validating;

/// Trees of text are made and taken apart all the time, on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    args::run().into()
}
