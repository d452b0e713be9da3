//! The command line of the verbs that are used where the box stands: set up, audit, manual pages.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `forehearth init`
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Directory to write gateway.toml and devices/first.toml into. Nothing is overwritten.
    #[arg(value_name = "DIR", default_value = "/etc/forehearth")]
    pub dir: PathBuf,
    /// Name of this gateway, unique in the plant. Default: the machine's name.
    #[arg(long, value_name = "NAME")]
    pub id: Option<String>,
    /// Where it stands, levels separated by `/`: acme/guangxi/potline-2.
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// The broker: mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS.
    #[arg(long, value_name = "URL")]
    pub broker: Option<String>,
    /// The first device: tcp://HOST:PORT, serial:///dev/ttyS2?baud=9600&format=8E1 or rtu+tcp://HOST:PORT.
    #[arg(long, value_name = "URL")]
    pub device: Option<String>,
    /// Modbus unit id of the first device.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub unit: u8,
    /// What the broker is sent.
    #[arg(long, value_name = "FORMAT", default_value = "native")]
    pub format: FirstFormat,
}

/// A format of messages.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstFormat {
    /// Numbered batches whose completeness a consumer can prove.
    Native,
    /// Sparkplug B, the group made from the path.
    Sparkplug,
    /// JSON, one message per device.
    Json,
}

/// `forehearth completions`
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Of which shell.
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `forehearth man`
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Write one page per verb into this directory instead of printing the first.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `forehearth audit`
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    /// Leave it out for the page.
    #[command(subcommand)]
    pub verb: Option<AuditVerb>,
    /// Directory with gateway.toml, profiles/ and devices/.
    #[arg(long, value_name = "DIR", default_value = "/etc/forehearth")]
    pub config: PathBuf,
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// The verbs of `forehearth audit`.
#[derive(clap::Subcommand, Debug)]
pub enum AuditVerb {
    /// Check that no line of the log of commands was changed, removed or added.
    #[command(
        after_help = "Each line vouches for all lines before it. Lines cut off at the end show only \
        against a number and a hash noted elsewhere: note the last line printed here.\n\n\
        Exit status: 0 the log is whole, 1 it is not, or can't be read."
    )]
    Verify(AuditVerifyArgs),
}

/// `forehearth audit verify`
#[derive(Args, Debug)]
pub struct AuditVerifyArgs {
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}
