//! `forehearth check`: every mistake in a configuration, before the panel door is closed.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use crate::cli::{CheckArgs, Lang};

use super::{FINDINGS, say, say_error};

/// Checks the directory and prints all findings.
pub fn run(args: &CheckArgs) -> ExitCode {
    let lang = Lang::or_environment(args.lang).into();
    let loaded = forehearth_config::load(&args.dir);
    if let Some(device) = &args.show {
        return match forehearth_config::show(&loaded, device) {
            Some(text) => {
                say(text.trim_end());
                ExitCode::SUCCESS
            }
            None => {
                say_error(&format!("no device is named `{device}` in {}", args.dir.display()));
                ExitCode::from(FINDINGS)
            }
        };
    }
    if args.json {
        say(&forehearth_config::to_json(&loaded.report));
    } else {
        let color = std::io::stdout().is_terminal();
        let text = forehearth_config::render(&loaded.report, lang, color);
        if !text.is_empty() {
            say(text.trim_end());
        }
    }
    match &loaded.plan {
        Some(plan) => {
            if !args.json {
                say(&format!(
                    "{}: {} devices, {} tags, {} links, {} brokers; ok",
                    args.dir.display(),
                    plan.devices.len(),
                    plan.tags.len(),
                    plan.links.len(),
                    plan.brokers.len()
                ));
            }
            ExitCode::SUCCESS
        }
        None => ExitCode::from(FINDINGS),
    }
}
