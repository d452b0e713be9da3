//! The verbs that ask a running gateway: reload, tail, top, why, device.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Lang, parse_duration};

/// `forehearth reload`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    forehearth plan /etc/forehearth /tmp/new   see first what would change\n  \
    forehearth reload                          take up the files; what doesn't change is not touched\n  \
    forehearth reload --confirm 5m             the same, taken back in 5 minutes unless you say\n  \
    forehearth reload --confirmed              that all is well\n\n\
    A file with a mistake changes nothing: what ran runs on, and the mistakes are shown here.\n\
    SIGHUP does the same, and so does saving a file when [gateway] watch = true. A change that\n\
    nobody confirmed is not taken back across a restart: a start takes the files as they are.")]
pub struct ReloadArgs {
    /// Take the change back after this long (30s, 5m) unless it is confirmed.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "confirmed")]
    pub confirm: Option<Duration>,
    /// All is well: keep the last change for good.
    #[arg(long)]
    pub confirmed: bool,
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Language of the text.
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// `forehearth tail`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    forehearth tail                       everything that is reported, until Ctrl-C\n  \
    forehearth tail 'cell-0*/voltage'     one tag of many devices\n  \
    forehearth tail --count 1 pump/speed  wait for the next reading of one tag\n\n\
    What is within its deadband is not reported and not shown: `forehearth why` tells.")]
pub struct TailArgs {
    /// Which tags: DEVICE/TAG, `*` and `?` stand for any characters. Default: all.
    #[arg(value_name = "GLOB")]
    pub glob: Option<String>,
    /// Stop after this many rows.
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// One JSON object per row.
    #[arg(long)]
    pub json: bool,
}

/// `forehearth top`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    forehearth top           every second, until q or Ctrl-C\n  \
    forehearth top | head    once\n  \
    forehearth top --json    once, what /healthz says")]
pub struct TopArgs {
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// Once, as JSON.
    #[arg(long)]
    pub json: bool,
    /// Once, also on a terminal.
    #[arg(long)]
    pub once: bool,
}

/// `forehearth why`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    forehearth why cell-001/voltage                           why is there no value now?\n  \
    forehearth why cell-001/voltage --at 2026-11-24T08:00:00Z  what became of the one of then?\n\n\
    Works on the state directory of a gateway that is dead, too, from its gap records and what\n\
    is stored.")]
pub struct WhyArgs {
    /// Which tag: DEVICE/TAG.
    #[arg(value_name = "TAG")]
    pub tag: String,
    /// When, in UTC; now when absent.
    #[arg(long, value_name = "TIME", value_parser = super::moment::parse_time)]
    pub at: Option<forehearth_model::Stamp>,
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Language of the text.
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// `forehearth device …`
#[derive(Subcommand, Debug)]
pub enum DeviceCommand {
    /// What each link asks, what comes back, and what it has learned.
    Stat(DeviceStatArgs),
}

/// `forehearth device stat`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    forehearth device stat            every link\n  \
    forehearth device stat 'cell-*'   those that read a device of such a name")]
pub struct DeviceStatArgs {
    /// Names of links or devices, `*` and `?` stand for any characters. Default: all.
    #[arg(value_name = "GLOB")]
    pub glob: Option<String>,
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}
