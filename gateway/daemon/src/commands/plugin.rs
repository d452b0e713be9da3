//! `forehearth plugin`: a driver to begin with, and whether it keeps its promises.

use std::process::ExitCode;
use std::time::Duration;

use forehearth_driver_plugin::Program;
use forehearth_driver_plugin::kit::{Effort, Outcome, Report, Trial, try_plugin};
use forehearth_driver_plugin::template::{Language, write};
use serde_json::{Value, json};

use super::{FINDINGS, USAGE, say, say_error};
use crate::cli::plugin::{PluginCheckArgs, PluginCommand, PluginLanguage, PluginNewArgs};

/// Writes one, or tries one.
pub fn run(command: &PluginCommand) -> ExitCode {
    match command {
        PluginCommand::New(args) => new(args),
        PluginCommand::Check(args) => check(args),
    }
}

fn new(args: &PluginNewArgs) -> ExitCode {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if args.name.is_empty() || !args.name.chars().all(plain) {
        say_error("the name of a plugin has ASCII letters, digits, `-` and `_` only");
        return ExitCode::from(USAGE);
    }
    let (language, build, driver) = match args.lang {
        PluginLanguage::Rust => {
            let built = format!("target/release/{}", args.name);
            (Language::Rust, Some("cargo build --release"), built)
        }
        PluginLanguage::Python => (Language::Python, None, "driver".to_owned()),
        PluginLanguage::C => (Language::C, Some("make"), "driver".to_owned()),
    };
    match write(language, &args.name, &args.into) {
        Ok(folder) => {
            say(&format!("{} is a driver that runs", folder.display()));
            if let Some(build) = build {
                say(&format!("build it:  cd {} && {build}", folder.display()));
            }
            say(&format!("try it:    forehearth plugin check {}/{driver}", folder.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let folder = args.into.join(&args.name);
            say_error(&format!("cannot write {}: {error}", folder.display()));
            ExitCode::from(FINDINGS)
        }
    }
}

fn check(args: &PluginCheckArgs) -> ExitCode {
    let report = match tried(args) {
        Ok(report) => report,
        Err(error) => {
            say_error(&format!("cannot try {}: {error}", args.driver.display()));
            return ExitCode::from(FINDINGS);
        }
    };
    let told = if args.json { as_json(&report).to_string() } else { report.to_string() };
    say(&told);
    if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) }
}

fn tried(args: &PluginCheckArgs) -> std::io::Result<Report> {
    let name = format!("forehearth-plugin-check-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let program = Program {
        command: std::fs::canonicalize(&args.driver)?,
        arguments: args.arguments.clone(),
        directory: directory.clone(),
        user: None,
        memory: None,
    };
    let effort = Effort {
        stopped: Duration::from_secs(args.stop),
        patience: Duration::from_secs(args.patience),
        ..Effort::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(try_plugin(&program, &effort));
    let _ = std::fs::remove_dir_all(directory);
    Ok(report)
}

fn as_json(report: &Report) -> Value {
    let trial = |trial: &Trial| {
        let (outcome, detail) = match &trial.outcome {
            Outcome::Kept => ("kept", ""),
            Outcome::Broken(what) => ("broken", what.as_str()),
            Outcome::NotTried(why) => ("not tried", *why),
        };
        json!({
            "name": trial.name,
            "promise": trial.promise,
            "outcome": outcome,
            "detail": detail,
            "seconds": trial.took.as_secs_f64(),
        })
    };
    json!({
        "plugin": report.plugin,
        "version": report.version,
        "kept": report.is_kept(),
        "trials": report.trials.iter().map(trial).collect::<Vec<_>>(),
    })
}
