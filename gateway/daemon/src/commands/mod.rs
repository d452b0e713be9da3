//! The commands, one file each.

mod buffer;
mod check;
mod decode;
mod demo;
mod explain;
mod export;
mod import;
mod plan;
mod run;
mod schema;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{Cli, Command, Lang};

/// Exit status when there are findings, or something failed.
const FINDINGS: u8 = 1;

/// Exit status for wrong usage.
const USAGE: u8 = 2;

/// Runs the command that was asked for.
pub fn dispatch(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Buffer(command) => buffer::run(&command),
    }
}

/// Whether `dir` can hold a configuration; says what to give instead.
fn is_configuration(dir: &Path) -> bool {
    if !dir.is_dir() {
        say_error(&format!(
            "{} is no directory; give the one that holds gateway.toml and devices/",
            dir.display()
        ));
    }
    dir.is_dir()
}

/// A line on stdout. A closed pipe (`| head`) is the reader's wish, not an error.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line on stderr.
fn say_error(line: &str) {
    let _ = writeln!(std::io::stderr(), "forehearth: {line}");
}

impl From<Lang> for forehearth_config::Lang {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::En,
            Lang::Zh => Self::Zh,
        }
    }
}
