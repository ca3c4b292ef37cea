//! The operator's shell: reads arguments, runs one command, turns its answer into an exit status.
//!
//! Takes: arguments, files, standard input.
//! Gives: data on standard output, talk on standard error, exit status 0 (yes), 1 (the evidence says no), 2 (cannot tell).
//! Never: decides anything that a library should; panics; colours a pipe.
//! Next:  nothing; this is the end of the way.
#![expect(clippy::print_stderr, reason = "a shell talks on standard error")]

mod args;
mod commands;
mod context;
mod output;
mod progress;
mod settings;
mod times;

use std::process::ExitCode;

use clap::Parser as _;

use crate::output::Exit;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let quiet = args.quiet;
    match commands::run(args) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) if output::is_closed_pipe(&error) => ExitCode::from(Exit::Yes as u8),
        Err(error) => {
            eprintln!("error: {error}");
            let mut shown = error.to_string();
            for cause in error.chain().skip(1).map(ToString::to_string) {
                if !shown.contains(&cause) {
                    eprintln!("  because: {cause}");
                    shown = cause;
                }
            }
            if !quiet && let Some(hint) = output::hint(&error) {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(Exit::CouldNotTell as u8)
        }
    }
}
