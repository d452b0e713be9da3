//! `forehearth why`: the cause of a missing or bad value, in words.

use std::process::ExitCode;

use crate::cli::WhyArgs;

/// Not yet.
pub fn run(_args: &WhyArgs) -> ExitCode {
    ExitCode::SUCCESS
}
