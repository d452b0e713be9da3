//! `forehearth explain`: what a finding code means and what to do about it.

use std::process::ExitCode;

use crate::cli::{ExplainArgs, Lang};

use super::{FINDINGS, say, say_error};

/// Prints the explanation.
pub fn run(args: &ExplainArgs) -> ExitCode {
    let lang = Lang::or_environment(args.lang);
    let of_running = || crate::status::explain(&args.code, lang.into());
    match forehearth_config::explain(&args.code, lang.into()).or_else(of_running) {
        Some(text) => {
            say(text.trim_end());
            ExitCode::SUCCESS
        }
        None => {
            say_error(&format!("{} is no code of this version; codes look like FH1107", args.code));
            ExitCode::from(FINDINGS)
        }
    }
}
