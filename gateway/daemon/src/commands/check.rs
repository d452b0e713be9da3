//! `forehearth check`: every mistake in a configuration, before the panel door is closed.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use crate::cli::{CheckArgs, Lang};

use super::{FINDINGS, say, say_error};

/// Checks the directory and prints all findings.
pub fn run(args: &CheckArgs) -> ExitCode {
    if !super::is_configuration(&args.dir) {
        return ExitCode::from(FINDINGS);
    }
    let lang = Lang::or_environment(args.lang).into();
    let loaded = forehearth_config::load(&args.dir);
    if let (Some(device), true) = (&args.show, loaded.plan.is_some()) {
        return show(args, &loaded, device);
    }
    if args.test && loaded.plan.is_some() {
        return run_tests(args, &loaded, lang);
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
            #[cfg(feature = "opcua")]
            if args.live {
                return super::nodes::check(plan, &args.state);
            }
            ExitCode::SUCCESS
        }
        None => ExitCode::from(FINDINGS),
    }
}

/// One device with everything merged. A map with mistakes has none; its
/// findings are said instead.
fn show(args: &CheckArgs, loaded: &forehearth_config::Loaded, device: &str) -> ExitCode {
    match forehearth_config::show(loaded, device) {
        Some(text) => {
            say(text.trim_end());
            ExitCode::SUCCESS
        }
        None => {
            let meant = forehearth_config::nearest_device(loaded, device)
                .map(|near| format!("; did you mean `{near}`?"));
            let meant = meant.unwrap_or_default();
            say_error(&format!("no device is named `{device}` in {}{meant}", args.dir.display()));
            ExitCode::from(FINDINGS)
        }
    }
}

/// Tries the map's own tests; warnings of the map are said by a plain `check`.
fn run_tests(
    args: &CheckArgs,
    loaded: &forehearth_config::Loaded,
    lang: forehearth_config::Lang,
) -> ExitCode {
    let trial = forehearth_config::try_map(loaded);
    if args.json {
        say(&forehearth_config::to_json(&trial.report));
    } else {
        let color = std::io::stdout().is_terminal();
        let text = forehearth_config::render(&trial.report, lang, color);
        if !text.is_empty() {
            say(text.trim_end());
        }
        let wrong = trial.report.errors();
        let outcome = if wrong == 0 { "ok" } else { "differ" };
        say(&format!(
            "{}: {} tests, {} values, {wrong} wrong; {outcome}",
            args.dir.display(),
            trial.tests,
            trial.values
        ));
    }
    if trial.report.errors() == 0 { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) }
}
