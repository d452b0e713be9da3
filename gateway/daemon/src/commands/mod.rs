//! The commands, one file each.

mod audit;
#[cfg(feature = "opcua")]
mod browse;
mod buffer;
mod check;
mod completions;
mod decode;
mod demo;
mod device;
mod explain;
mod export;
mod import;
mod init;
mod look;
mod man;
#[cfg(feature = "opcua")]
mod nodes;
mod plan;
mod plugin;
mod probe;
mod reload;
mod run;
mod scan;
mod schema;
#[cfg(feature = "opcua")]
mod server;
mod tail;
mod top;
#[cfg(feature = "opcua")]
mod trust;
mod why;

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
        Command::Reload(args) => reload::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Device(command) => device::run(&command),
        Command::Plugin(command) => plugin::run(&command),
        Command::Probe(args) => probe::run(&args),
        Command::Scan(command) => scan::run(&command),
        #[cfg(feature = "opcua")]
        Command::Browse(args) => browse::run(&args),
        #[cfg(feature = "opcua")]
        Command::Trust(args) => trust::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Completions(args) => completions::run(&args),
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

/// The same where many lines follow one another; an error means that nobody
/// reads any more.
fn say_or_end(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
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
