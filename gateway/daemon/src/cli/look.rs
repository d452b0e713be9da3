//! The command line of the verbs that look at devices: probe and scan.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Lang, parse_duration};

/// What every look needs to know of its link.
#[derive(Args, Debug)]
pub struct LinkArgs {
    /// The map of the gateway: where it names this link, its timeouts and
    /// budgets are kept.
    #[arg(long, value_name = "DIR", default_value = "/etc/forehearth")]
    pub config: PathBuf,
    /// An answer comes within this time, or there is none.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Quiet time between an answer and the next request.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub pause: Option<Duration>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Language of the text.
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// `forehearth probe`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:\n  \
    forehearth probe tcp://10.20.4.11:502 40101:REAL\n  \
    forehearth probe tcp://10.20.4.11:502 hr:100:REAL --orders --raw    which word order is it?\n  \
    forehearth probe 'serial:///dev/ttyS2?baud=9600&format=8E1' ir:0:UINT[10] --unit 5\n  \
    forehearth probe rtu+tcp://10.20.4.9:4001 hr:6:UDINT:CDAB co:3 --unit 9 --watch\n\n\
A value is ADDRESS[:TYPE[:ORDER]]. Addresses: hr:100 ir:100 di:100 co:100 count from 0; 40101,\n\
400101 and 4x101 count from 1; .3 is a bit. Types: BOOL SINT USINT INT UINT DINT UDINT LINT\n\
ULINT REAL LREAL STRING[n], TYPE[n] for n in a row; UINT (or a bit) when none is given.\n\
Without a value it says who the device is and what its first ten holding registers hold.")]
pub struct ProbeArgs {
    /// The link: tcp://HOST:PORT, serial:///dev/ttyS2?baud=9600, rtu+tcp://HOST:PORT, ascii+tcp://HOST:PORT,
    /// or an OPC UA server opc.tcp://HOST:PORT.
    #[arg(value_name = "URL")]
    pub url: String,
    /// What to read: `40101:REAL`, `hr:100:UINT[10]`, `co:3`; of OPC UA nodes and paths.
    #[arg(value_name = "ADDR:TYPE")]
    pub points: Vec<String>,
    /// Modbus unit id.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub unit: u8,
    /// Show each number in all four word orders.
    #[arg(long)]
    pub orders: bool,
    /// Show the registers as they came, in hexadecimal.
    #[arg(long)]
    pub raw: bool,
    /// Read again and again until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
    /// Between two reads of --watch.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    pub every: Duration,
    #[command(flatten)]
    pub link: LinkArgs,
}

/// `forehearth scan …`
#[derive(Subcommand, Debug)]
pub enum ScanCommand {
    /// Find speed, parity and units of a serial line.
    Serial(ScanSerialArgs),
    /// Find the units behind a link, and who they are.
    Units(ScanUnitsArgs),
    /// Find which registers of a unit can be read.
    Registers(ScanRegistersArgs),
    /// Ask a node that describes itself for its device map.
    Node(ScanNodeArgs),
}

/// `forehearth scan serial`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:\n  \
    forehearth scan serial /dev/ttyS2\n  \
    forehearth scan serial /dev/ttyS2 --bauds 9600,19200 --formats 8N1 --units 1-10\n\n\
Each unit is asked for one holding register at each speed and format, one question at a time, so\n\
it takes (speeds x formats x units) timeouts: with the defaults about 4 minutes. It stops at the\n\
first speed and format at which somebody answers, once all units were asked there; --all goes on.\n\
Nothing but reads is sent, but wrong speeds look like noise to devices that are at work: do it\n\
while nobody else uses the line. Ctrl-C prints what was found so far.")]
pub struct ScanSerialArgs {
    /// The port.
    #[arg(value_name = "DEV")]
    pub port: PathBuf,
    /// Speeds, the usual ones first.
    #[arg(long, value_name = "N", value_delimiter = ',',
          default_values_t = [9600, 19_200, 115_200, 38_400, 57_600, 4800, 2400])]
    pub bauds: Vec<u32>,
    /// Data bits, parity and stop bits.
    #[arg(long, value_name = "FORMAT", value_delimiter = ',',
          default_values = ["8E1", "8N1", "8O1", "8N2"])]
    pub formats: Vec<String>,
    /// First and last unit id.
    #[arg(long, value_name = "RANGE", default_value = "1-32", value_parser = parse_units)]
    pub units: (u8, u8),
    /// Hexadecimal text instead of binary frames.
    #[arg(long)]
    pub ascii: bool,
    /// Go on after somebody was found.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub link: LinkArgs,
}

/// `forehearth scan units`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:\n  \
    forehearth scan units tcp://10.20.4.11:502\n  \
    forehearth scan units 'serial:///dev/ttyS2?baud=9600' --units 1-32 --timeout 200ms\n\n\
Each unit is asked for one holding register, and who answers is asked for its identity (function\n\
43/14, else 17). Any answer counts, also an exception of its own. Ctrl-C prints what was found.")]
pub struct ScanUnitsArgs {
    /// The link, as for probe.
    #[arg(value_name = "URL")]
    pub url: String,
    /// First and last unit id.
    #[arg(long, value_name = "RANGE", default_value = "1-247", value_parser = parse_units)]
    pub units: (u8, u8),
    #[command(flatten)]
    pub link: LinkArgs,
}

/// `forehearth scan node`
#[derive(Args, Debug)]
#[command(after_help = "\
Example:\n  \
    forehearth scan node 'serial:///dev/ttyS2?baud=19200' --unit 7 --write devices/node-7.toml\n\n\
Reads holding registers from 12288 on, where a node built with forehearth-shims says what it\n\
measures, and prints a file for devices/. Links on which the map has read-only devices (safety\n\
systems) are refused.")]
pub struct ScanNodeArgs {
    /// The link, as for probe.
    #[arg(value_name = "URL")]
    pub url: String,
    /// Unit id of the node.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub unit: u8,
    /// Name of the device; default: node-UNIT.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Write the map into this file, which must not exist.
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    #[command(flatten)]
    pub link: LinkArgs,
}

/// `forehearth scan registers`
#[derive(Args, Debug)]
#[command(after_help = "\
Example:\n  \
    forehearth scan registers tcp://10.20.4.11:502 --unit 1 --from hr:0 --to hr:999\n\n\
Asks for up to 125 registers at once and halves what the device refuses with exception 2 or 3, so a\n\
stretch of holes takes two requests a register. Requests are --pause apart (50 ms when absent).\n\
Links on which the map has read-only devices (safety systems) are refused. Ctrl-C prints what was\n\
found.")]
pub struct ScanRegistersArgs {
    /// The link, as for probe.
    #[arg(value_name = "URL")]
    pub url: String,
    /// First address.
    #[arg(long, value_name = "ADDR")]
    pub from: String,
    /// Last address, of the same table.
    #[arg(long, value_name = "ADDR")]
    pub to: String,
    /// Modbus unit id.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub unit: u8,
    /// Most registers asked for at once.
    #[arg(long, value_name = "N", default_value_t = 125,
          value_parser = clap::value_parser!(u16).range(1..=125))]
    pub most: u16,
    #[command(flatten)]
    pub link: LinkArgs,
}

/// `1-32` or `5`.
fn parse_units(text: &str) -> Result<(u8, u8), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("`{text}` is no range of units; write 1-32")),
    }
}
