//! `forehearth completions`: what a shell completes, made from the command line's own description.

use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs};

/// Prints the script for a shell.
pub fn run(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "forehearth", &mut script);
    // A closed pipe is the reader's wish, not an error.
    let _ = std::io::stdout().write_all(&script);
    ExitCode::SUCCESS
}
