//! `forehearth plan`: what changing from one configuration to another would touch, before it is done.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use forehearth_config::{Plan, diff, load, render};

use crate::cli::{Lang, PlanArgs};

use super::{FINDINGS, say, say_error};

/// Prints the differences; errors of either directory as `check` does.
pub fn run(args: &PlanArgs) -> ExitCode {
    let lang = Lang::or_environment(args.lang).into();
    let (Some(old), Some(new)) = (plan_of(&args.old, lang), plan_of(&args.new, lang)) else {
        return ExitCode::from(FINDINGS);
    };
    let diff = diff(&old, &new);
    let text = if args.json { diff.to_json() } else { diff.to_text(lang) };
    say(text.trim_end());
    ExitCode::SUCCESS
}

fn plan_of(dir: &Path, lang: forehearth_config::Lang) -> Option<Plan> {
    let loaded = load(dir);
    if loaded.plan.is_none() {
        let color = std::io::stderr().is_terminal();
        say_error(&format!("{} has errors", dir.display()));
        say(render(&loaded.report, lang, color).trim_end());
    }
    loaded.plan
}
