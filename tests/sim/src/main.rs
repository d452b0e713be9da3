//! The command line of the simulator. Each part says one JSON line when it is ready, takes orders on standard input, and ends when that closes.

mod hostile;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use forehearth_sim::console::{Console, OrderError, parse_time};
use forehearth_sim::plant::{self, Plant, Size};
use forehearth_sim::proxy::Proxy;
use forehearth_sim::{broker, from, load};

use hostile::{ModbusArgs, run_modbus};
use serde::Serialize;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// A plant, a broker and a network to try the gateway with. All on loopback.
#[derive(Parser)]
#[command(name = "forehearth-sim", version)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    map: MapArgs,
}

/// The Modbus side of one's own map, on loopback.
#[derive(Args)]
struct MapArgs {
    /// Serve the Modbus side of the map in this directory.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// First of the ports to listen on; free ones when absent.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port_base: u16,
    /// Write the map's sheet with the ports served here, for `forehearth import csv`.
    #[arg(long, value_name = "FILE")]
    sheet_out: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Part {
    /// A potline and energy meters over Modbus TCP. Orders: kill PLC, revive PLC, delay PLC 20ms.
    Plant(PlantArgs),
    /// Many registers for benchmarks, over Modbus TCP.
    Load(LoadArgs),
    /// One Modbus device that misbehaves as told, on TCP, RTU or ASCII.
    Modbus(ModbusArgs),
    /// An MQTT broker. Orders: cut, swallow, delay 80ms, restore.
    Broker(BrokerArgs),
    /// A network to a broker elsewhere. Orders: cut, swallow, delay 80ms, restore.
    Proxy(ProxyArgs),
}

#[derive(Args)]
struct PlantArgs {
    /// First of the ports to listen on; free ones when absent.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port_base: u16,
    /// Electrolysis cells.
    #[arg(long, value_name = "N", default_value_t = 30)]
    cells: u16,
    /// PLCs that the cells are spread over.
    #[arg(long, value_name = "N", default_value_t = 3)]
    plcs: u16,
    /// Energy meters.
    #[arg(long, value_name = "N", default_value_t = 4)]
    meters: u16,
    /// Scan period in the configuration.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = parse_time)]
    scan: Duration,
    /// Write the gateway configuration for this plant, without brokers, here.
    #[arg(long, value_name = "DIR")]
    config_out: Option<PathBuf>,
    /// Seed of the noise; random when absent.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[derive(Args)]
struct LoadArgs {
    /// First of the ports to listen on; free ones when absent.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port_base: u16,
    /// Devices, each with a port of its own.
    #[arg(long, value_name = "N", default_value_t = 50)]
    devices: u16,
    /// UDINT tags per device.
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u16).range(2..=32_767))]
    tags: u16,
    /// How often values change, and the scan period in the configuration.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_time)]
    period: Duration,
    /// Time before each answer.
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = parse_time)]
    delay: Duration,
    /// Write the gateway configuration for this load, without brokers, here.
    #[arg(long, value_name = "DIR")]
    config_out: Option<PathBuf>,
}

#[derive(Args)]
struct BrokerArgs {
    /// Port to listen on; a free one when absent.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
}

#[derive(Args)]
struct ProxyArgs {
    /// Port to listen on; a free one when absent.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Where to carry connections to.
    #[arg(long, value_name = "ADDR")]
    to: SocketAddr,
}

/// What a part with one port says when it is ready.
#[derive(Serialize)]
struct Ready {
    ready: &'static str,
    address: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    log_to_stderr();
    let Cli { part, map } = Cli::parse();
    let outcome = match part {
        None => run_map(map).await,
        Some(Part::Plant(arguments)) => run_plant(arguments).await,
        Some(Part::Load(arguments)) => run_load(arguments).await,
        Some(Part::Modbus(arguments)) => run_modbus(arguments).await,
        Some(Part::Broker(arguments)) => match broker::start(arguments.port).await {
            Ok(proxy) => run_proxy("broker", &proxy).await,
            Err(error) => Err(error),
        },
        Some(Part::Proxy(arguments)) => match Proxy::start(arguments.port, arguments.to).await {
            Ok(proxy) => run_proxy("proxy", &proxy).await,
            Err(error) => Err(error),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot go on");
            ExitCode::FAILURE
        }
    }
}

/// Warnings of our own. rumqttd calls every connection that ends an error,
/// and ending connections is what the network here is for.
fn log_to_stderr() {
    let wanted =
        Targets::new().with_default(tracing::Level::WARN).with_target("rumqttd", LevelFilter::OFF);
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(io::stderr))
        .with(wanted)
        .init();
}

async fn run_plant(arguments: PlantArgs) -> io::Result<()> {
    let PlantArgs { port_base, cells, plcs, meters, scan, config_out, seed } = arguments;
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let size = Size { cells, plcs, meters };
    let options = plant::Options { size, port_base, scan, config_out, seed };
    let (mut plant, ready) = Plant::start(&options).await?;
    let mut console = Console::open(&ready)?;
    while let Some(words) = console.next().await {
        console.reply(plant.order(&words).await)?;
    }
    Ok(())
}

async fn run_map(arguments: MapArgs) -> io::Result<()> {
    let MapArgs { from: dir, port_base, sheet_out } = arguments;
    let dir = dir.ok_or_else(|| io::Error::other("name the directory of a map: --from DIR"))?;
    // The gateway's program stands beside this one, in a build and in a package.
    let program = std::env::current_exe()?.with_file_name("forehearth");
    let options = from::Options { dir, program, port_base, sheet_out };
    let (_plcs, ready) = from::start(&options).await?;
    let mut console = Console::open(&ready)?;
    while let Some(words) = console.next().await {
        console.reply(Err(OrderError::Unknown(words.join(" "))))?;
    }
    Ok(())
}

async fn run_load(arguments: LoadArgs) -> io::Result<()> {
    let LoadArgs { port_base, devices, tags, period, delay, config_out } = arguments;
    let options = load::Options { devices, tags, period, delay, port_base, config_out };
    let (_plcs, ready) = load::start(&options).await?;
    let mut console = Console::open(&ready)?;
    while let Some(words) = console.next().await {
        console.reply(Err(OrderError::Unknown(words.join(" "))))?;
    }
    Ok(())
}

async fn run_proxy(part: &'static str, proxy: &Proxy) -> io::Result<()> {
    let mut console = Console::open(&Ready { ready: part, address: proxy.address() })?;
    while let Some(words) = console.next().await {
        console.reply(proxy.order(&words))?;
    }
    Ok(())
}
