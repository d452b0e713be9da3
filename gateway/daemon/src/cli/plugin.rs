//! `forehearth plugin new|check`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `forehearth plugin`
#[derive(Subcommand, Debug)]
pub enum PluginCommand {
    /// Write a driver that runs, to begin with.
    New(PluginNewArgs),
    /// Try a driver in every way a plant will; no device is needed.
    Check(PluginCheckArgs),
}

/// `forehearth plugin new`
#[derive(Args, Debug)]
pub struct PluginNewArgs {
    /// What it is written in.
    #[arg(long, value_enum)]
    pub lang: PluginLanguage,
    /// Folder to make it in; plugins/ of a configuration, to use it there.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub into: PathBuf,
    /// Its name: ASCII letters, digits, `-` and `_`.
    pub name: String,
}

/// Languages of templates.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum PluginLanguage {
    /// Rust.
    Rust,
    /// Python 3, nothing else needed.
    Python,
    /// C99, nothing else needed.
    C,
}

/// `forehearth plugin check`
#[derive(Args, Debug)]
pub struct PluginCheckArgs {
    /// The driver's executable.
    pub driver: PathBuf,
    /// Arguments of the driver.
    #[arg(last = true)]
    pub arguments: Vec<String>,
    /// How long it is stopped in one of the trials, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub stop: u64,
    /// Longest wait for an answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub patience: u64,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}
