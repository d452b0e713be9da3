//! `forehearth-sim modbus`: a device that misbehaves as its command line, and then standard input, tells it.

use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;
use forehearth_sim::console::{Console, OrderError, parse_time};
use forehearth_sim::modbus::device::Device;
use forehearth_sim::modbus::faults::{self, Fault};
use forehearth_sim::modbus::frames::Framing;
use forehearth_sim::modbus::hostile::Mood;
use forehearth_sim::modbus::{Options, Server};

/// `forehearth-sim modbus`
#[derive(Args)]
#[command(after_help = "\
Each register pair is a UDINT, high word first: the pair's number above 20 bits, the Unix\n\
millisecond below, so that a wrong or old value shows.\n\n\
Orders on standard input:\n  \
    fault late,short-pdu 0.2   misbehaves so in a fifth of the answers\n  \
    fault flip 0 0.001         one byte in a thousand is damaged\n  \
    fault none                 honest from now on\n  \
    stat                       what it did so far, as JSON\n\n\
Examples:\n  \
    forehearth-sim modbus --fault list\n  \
    forehearth-sim modbus --fault late,duplicate --rate 0.1\n  \
    forehearth-sim modbus --mode rtu --pty --fault flip --byte-rate 0.001 --seed 7")]
pub(crate) struct ModbusArgs {
    /// How frames look: tcp, rtu or ascii. rtu and ascii are those of a serial server.
    #[arg(long, value_name = "FRAMING", default_value = "tcp")]
    mode: Framing,
    /// At a serial port (a pseudo-terminal) instead of a socket; for rtu and ascii.
    #[arg(long)]
    pty: bool,
    /// Port to listen on; a free one when absent.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Faults, separated by commas; `list` prints all of them.
    #[arg(long, value_name = "NAMES", default_value = "none")]
    fault: String,
    /// How many of the answers meet a fault, 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    rate: f64,
    /// How many of the bytes flip, insert and delete hit, 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 0.001)]
    byte_rate: f64,
    /// How late late answers are.
    #[arg(long, value_name = "TIME", default_value = "1500ms", value_parser = parse_time)]
    late: Duration,
    /// Time before each answer.
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = parse_time)]
    delay: Duration,
    /// Units that answer.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    units: Vec<u8>,
    /// Registers of each table.
    #[arg(long, value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    words: u16,
    /// Addresses that do not exist, for example 100-109,300-399.
    #[arg(long, value_name = "RANGES", value_delimiter = ',', value_parser = parse_range)]
    holes: Vec<RangeInclusive<u16>>,
    /// Seed of the choices; random when absent.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Serves until standard input closes.
pub(crate) async fn run_modbus(arguments: ModbusArgs) -> io::Result<()> {
    if arguments.fault == "list" {
        return io::stdout().write_all(faults::list().as_bytes());
    }
    let ModbusArgs { mode, pty, port, fault, rate, byte_rate, late, delay, .. } = arguments;
    if pty && mode == Framing::Tcp {
        return Err(io::Error::other("a serial port carries --mode rtu or --mode ascii"));
    }
    let ModbusArgs { units, words, holes, seed, .. } = arguments;
    let mood = Mood { faults: parse_faults(&fault).map_err(io::Error::other)?, rate, byte_rate };
    let options = Options {
        framing: mode,
        at_port: pty,
        port,
        device: Device { units, words, holes },
        mood,
        delay,
        late,
        seed: seed.unwrap_or_else(|| fastrand::u64(..)),
    };
    let (server, ready) = Server::start(&options).await?;
    let mut console = Console::open(&ready)?;
    while let Some(words) = console.next().await {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["stat"] => console.tell(&server.stat())?,
            ["fault", names, ref rates @ ..] => console.reply(turn(&server, names, rates))?,
            _ => console.reply(Err(OrderError::Unknown(words.join(" "))))?,
        }
    }
    Ok(())
}

fn turn(server: &Server, names: &str, rates: &[&str]) -> Result<(), OrderError> {
    let rate = |at: usize, default: f64| match rates.get(at) {
        Some(text) => text.parse().map_err(|_| OrderError::Unknown((*text).to_owned())),
        None => Ok(default),
    };
    let (rate, byte_rate) = (rate(0, 1.0)?, rate(1, 0.001)?);
    server.turn(Mood { faults: parse_faults(names)?, rate, byte_rate })?;
    Ok(())
}

fn parse_faults(names: &str) -> Result<Vec<Fault>, faults::FaultError> {
    match names {
        "none" => Ok(Vec::new()),
        names => names.split(',').map(str::parse).collect(),
    }
}

fn parse_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("`{text}` is no range; write 100-109");
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    Ok(first.parse().map_err(|_| wrong())?..=last.parse().map_err(|_| wrong())?)
}
