//! The command line: every verb and flag, described once; help derives from here.

mod field;
mod live;
mod look;
mod moment;
pub mod plugin;
#[cfg(feature = "opcua")]
mod server;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use field::{
    AuditArgs, AuditVerb, AuditVerifyArgs, CompletionsArgs, FirstFormat, InitArgs, ManArgs,
};
pub use live::{DeviceCommand, DeviceStatArgs, ReloadArgs, TailArgs, TopArgs, WhyArgs};
pub use look::{
    LinkArgs, ProbeArgs, ScanCommand, ScanNodeArgs, ScanRegistersArgs, ScanSerialArgs,
    ScanUnitsArgs,
};
#[cfg(feature = "opcua")]
pub use server::{BrowseArgs, TrustArgs};

/// An edge gateway in which a plant's readings settle and wait.
#[derive(Parser, Debug)]
#[command(
    name = "forehearth",
    version,
    about = "Edge gateway: polls Modbus devices, keeps every reading until each broker has confirmed it.",
    after_help = "Start here:\n  \
        forehearth demo              a simulated plant, broker and gateway, nothing to set up\n  \
        forehearth check DIR         every mistake in a configuration, with its place\n  \
        forehearth run --config DIR  the daemon\n\n\
        Exit status: 0 done, 1 findings or failure, 2 wrong usage."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the gateway. Never exits because a device or broker is absent.
    Run(RunArgs),
    /// Find every mistake in a configuration, offline, with file, line and column.
    Check(CheckArgs),
    /// Explain a finding code, for example FH1107.
    Explain(ExplainArgs),
    /// What changing from one configuration to another would touch.
    Plan(PlanArgs),
    /// Make a profile and devices from a sheet of another system.
    Import(ImportArgs),
    /// Write the tags of a configuration as a sheet.
    Export(ExportArgs),
    /// Print a JSON Schema of the map for editors.
    Schema(SchemaArgs),
    /// Watch a simulated plant survive cut networks, dead PLCs and kill -9.
    Demo(DemoArgs),
    /// Print what a broker carries as rows: Sparkplug, native and JSON messages.
    Decode(DecodeArgs),
    /// Look into a buffer, of a running gateway or of a dead one.
    #[command(subcommand)]
    Buffer(BufferCommand),
    /// Let the running gateway take up its changed files; what doesn't change is not touched.
    Reload(ReloadArgs),
    /// Readings as they leave the running gateway.
    Tail(TailArgs),
    /// Links, brokers, buffer and rates of the running gateway at one look.
    Top(TopArgs),
    /// Why a value is missing or bad, now or at a time, in words.
    Why(WhyArgs),
    /// What the running gateway knows of its links and devices.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Read a device once: values, word orders, registers as they came.
    Probe(ProbeArgs),
    /// Find speeds, units and registers of Modbus devices.
    #[command(subcommand)]
    Scan(ScanCommand),
    /// What is on an OPC UA server, for reading, as a map, or into the map.
    #[cfg(feature = "opcua")]
    Browse(BrowseArgs),
    /// Who an OPC UA server and the gateway are, who rejects whom, and what to do.
    #[cfg(feature = "opcua")]
    Trust(TrustArgs),
    /// Drivers in processes of their own: write one, try one.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Ask four questions and write a first configuration.
    Init(InitArgs),
    /// One page for security people: sockets, peers, possible requests, files, sandbox.
    Audit(AuditArgs),
    /// Print the manual page, or write one per verb.
    Man(ManArgs),
    /// Print what a shell needs to complete verbs and flags.
    Completions(CompletionsArgs),
}

/// `forehearth run`
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Directory with gateway.toml, profiles/ and devices/.
    #[arg(long, value_name = "DIR", default_value = "/etc/forehearth")]
    pub config: PathBuf,
    /// Directory for the buffer. One gateway per directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// How much to log.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log: tracing::level_filters::LevelFilter,
}

/// `forehearth check`
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Directory with gateway.toml, profiles/ and devices/.
    #[arg(value_name = "DIR", default_value = "/etc/forehearth")]
    pub dir: PathBuf,
    /// Findings as JSON, with byte spans.
    #[arg(long)]
    pub json: bool,
    /// Run the map's own [[test]] tables: registers given, values expected.
    #[arg(long)]
    pub test: bool,
    /// Ask the OPC UA servers of the map, too: whether every node is there, of
    /// the type, unit and range that the map says.
    #[cfg(feature = "opcua")]
    #[arg(long)]
    pub live: bool,
    /// Directory with the gateway's own certificate, for --live.
    #[cfg(feature = "opcua")]
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// Print one device fully expanded: addresses in both forms, and where each value came from.
    #[arg(long, value_name = "DEVICE")]
    pub show: Option<String>,
    /// Language of findings.
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// `forehearth explain`
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The code, FH and four digits.
    #[arg(value_name = "CODE")]
    pub code: String,
    /// Language of the text.
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// `forehearth plan`
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Directory of the configuration as it is.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// Directory of the configuration as it shall be.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Language of the text.
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// `forehearth import`
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// Where the sheet comes from.
    #[arg(value_name = "KIND")]
    pub kind: SheetKind,
    /// The sheet.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write the files into this directory; they are printed when absent.
    /// Nothing is overwritten.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Name of the device, where the sheet has none.
    #[arg(long, value_name = "NAME", default_value = "imported")]
    pub device: String,
    /// How the device is reached, where the sheet doesn't say.
    #[arg(long, value_name = "URL", default_value = "tcp://127.0.0.1:502")]
    pub url: String,
    /// Modbus unit id, where the sheet doesn't say.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub unit: u8,
}

/// A kind of sheet.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SheetKind {
    /// As `export --csv` writes it.
    Csv,
    /// Tags of a device as KEPServerEX exports them.
    Kepware,
    /// Tags of a node as Neuron exports them, saved as CSV.
    Neuron,
    /// A configuration of Telegraf with [[inputs.modbus]].
    Telegraf,
}

/// `forehearth export`
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Directory with gateway.toml, profiles/ and devices/.
    #[arg(value_name = "DIR", default_value = "/etc/forehearth")]
    pub dir: PathBuf,
    /// As CSV, one row for each tag.
    #[arg(long, required = true)]
    pub csv: bool,
}

/// `forehearth schema`
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// Of which files.
    #[arg(value_name = "FILE")]
    pub file: SchemaOf,
}

/// A kind of file of the map.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SchemaOf {
    /// gateway.toml
    Gateway,
    /// profiles/*.toml
    Profile,
    /// devices/*.toml
    Devices,
}

/// `forehearth demo`
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// No screen and no keys: cut the broker, kill the gateway, print one
    /// summary line, exit 0 only if nothing was lost and the books balance.
    #[arg(long)]
    pub headless: bool,
    /// Stop after this long (30s, 5m). Headless default: 30s.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// First of the loopback ports to use; free ports when absent.
    #[arg(long, value_name = "N")]
    pub port_base: Option<u16>,
}

/// `forehearth decode`
#[derive(Args, Debug)]
pub struct DecodeArgs {
    /// Where to listen: mqtt://HOST or mqtt://HOST:PORT.
    #[arg(long, value_name = "URL")]
    pub broker: String,
    /// Topic filter. Default: everything Forehearth publishes.
    #[arg(long, value_name = "FILTER")]
    pub topic: Vec<String>,
    /// One JSON object per row.
    #[arg(long)]
    pub json: bool,
    /// Stop after this many rows.
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// At the end (--count or Ctrl-C) say on stderr whether anything is
    /// missing, was repeated or came late; exit 1 when there are holes.
    #[arg(long)]
    pub prove: bool,
}

/// `forehearth buffer …`
#[derive(Subcommand, Debug)]
pub enum BufferCommand {
    /// Size, what waits for whom, how full, how it is written, how long flash lasts.
    #[command(after_help = "Example: forehearth buffer stat --state /var/lib/forehearth --json")]
    Stat(BufferArgs),
    /// Every declared loss: range, readings, time and cause.
    #[command(
        after_help = "Example: forehearth buffer gaps --json | jq '.[] | select(.cause == \"shed\")'"
    )]
    Gaps(BufferArgs),
    /// The batches that are stored, oldest first.
    #[command(after_help = "Example: forehearth buffer peek --count 10")]
    Peek(ReadArgs),
    /// The readings that are stored, as rows.
    #[command(after_help = "Example: forehearth buffer export --json > readings.jsonl")]
    Export(ReadArgs),
    /// Read everything through; exit status 1 when a batch is damaged.
    #[command(after_help = "Example: forehearth buffer verify || echo damaged")]
    Verify(BufferArgs),
    /// The readings of one segment file, whole or damaged, wherever it lies.
    #[command(
        after_help = "Example: forehearth buffer salvage /var/lib/forehearth/quarantine/0000000012.live.db"
    )]
    Salvage(SalvageArgs),
}

/// Arguments of the verbs that print what is stored.
#[derive(Args, Debug)]
pub struct ReadArgs {
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// One JSON object per row.
    #[arg(long)]
    pub json: bool,
    /// Stop after this many rows.
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

/// `forehearth buffer salvage`
#[derive(Args, Debug)]
pub struct SalvageArgs {
    /// The file, for example from the quarantine.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// One JSON object per row.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of the buffer verbs.
#[derive(Args, Debug)]
pub struct BufferArgs {
    /// The gateway's state directory.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// A language people at the panel read.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lang {
    /// English.
    En,
    /// 中文
    Zh,
}

impl Lang {
    /// The language asked for, or else that of the environment (`LC_ALL`,
    /// `LC_MESSAGES`, `LANG`, in the order of POSIX).
    pub fn or_environment(asked: Option<Self>) -> Self {
        let from_environment = || {
            let value = ["LC_ALL", "LC_MESSAGES", "LANG"]
                .iter()
                .filter_map(|name| std::env::var(name).ok())
                .find(|value| !value.is_empty());
            match value {
                Some(locale) if locale.starts_with("zh") => Self::Zh,
                _ => Self::En,
            }
        };
        asked.unwrap_or_else(from_environment)
    }
}

/// Reads `500ms`, `30s`, `5m` or `2h`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let count: u64 =
        digits.parse().map_err(|_| format!("`{text}` is no time; write 30s, 5m or 500ms"))?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("`{text}` has no unit; write 30s, 5m or 500ms")),
    };
    count
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is too long"))
}

#[cfg(test)]
mod tests {
    use super::{Cli, parse_duration};
    use clap::CommandFactory;
    use std::time::Duration;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_needs_its_unit() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(parse_duration("30").is_err());
        assert!(parse_duration("18446744073709551615h").is_err());
    }
}
