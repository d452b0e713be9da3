//! The plant: a potline of electrolysis cells behind PLCs, and energy meters, all fed by one line current.

mod cell;
mod map;
mod meter;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::console::{OrderError, parse_time};
use crate::plc::Plc;
use crate::registers::{Refusal, Registers, Table};
use cell::Cell;
use meter::Meter;

/// Words of register space per cell, as in the block layout of pot controllers.
pub const BLOCK_WORDS: u16 = 100;

/// How often the simulated process moves on. Chosen: five times per fastest
/// scan, so that no two scans see the same noise.
const TICK: Duration = Duration::from_millis(100);

/// How large a plant.
#[derive(Clone, Debug)]
pub struct Size {
    /// Electrolysis cells.
    pub cells: u16,
    /// PLCs that the cells are spread over.
    pub plcs: u16,
    /// Energy meters, each with a port of its own.
    pub meters: u16,
}

/// How to start a plant.
#[derive(Clone, Debug)]
pub struct Options {
    /// How large.
    pub size: Size,
    /// First port; 0 for free ones.
    pub port_base: u16,
    /// Scan period written into the configuration.
    pub scan: Duration,
    /// Where to write the configuration that reads this plant.
    pub config_out: Option<PathBuf>,
    /// Seed of the noise.
    pub seed: u64,
}

/// A running plant. Dropping it stops everything.
pub struct Plant {
    plcs: Vec<Plc>,
    ticking: tokio::task::AbortHandle,
}

/// What the plant says when it is ready.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    ready: &'static str,
    seed: u64,
    /// Tag that grows by one each time it is read, one per device.
    counter: &'static str,
    plcs: Vec<ReadyPlc>,
}

#[derive(Clone, Debug, Serialize)]
struct ReadyPlc {
    name: String,
    address: std::net::SocketAddr,
    devices: Vec<String>,
}

/// What happens outside the cells.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Line current in kA, common to all cells.
    kiloamperes: f64,
    /// Sum of all cell voltages in V.
    volts: f64,
}

/// The process behind the registers.
struct Process {
    line: Line,
    cells: Vec<Cell>,
    meters: Vec<Meter>,
    random: fastrand::Rng,
    seconds: f64,
}

impl Plant {
    /// Starts the PLCs and the process behind them, and writes the
    /// configuration if asked to.
    ///
    /// # Errors
    /// When a port is taken or the configuration can't be written.
    pub async fn start(options: &Options) -> io::Result<(Self, Ready)> {
        let size = &options.size;
        let process = Arc::new(Mutex::new(Process::new(size, options.seed)));
        let mut plcs = Vec::new();
        let mut ready = Vec::new();
        for station in stations(size) {
            let offset = u16::try_from(plcs.len()).unwrap_or(u16::MAX);
            let port = if options.port_base == 0 { 0 } else { options.port_base + offset };
            let devices = station.devices.clone();
            let behind = Arc::new(Behind { process: Arc::clone(&process), what: station.what });
            let plc = Plc::start(&station.name, port, behind).await?;
            ready.push(ReadyPlc { name: station.name, address: plc.address(), devices });
            plcs.push(plc);
        }
        if let Some(dir) = &options.config_out {
            map::write(dir, size, options.scan, &plcs)?;
        }
        let ticking = tokio::spawn(tick(process)).abort_handle();
        let ready =
            Ready { ready: "plant", seed: options.seed, counter: map::COUNTER, plcs: ready };
        Ok((Self { plcs, ticking }, ready))
    }

    /// Carries out an order: `kill plc-2`, `revive plc-2`, `delay plc-1 20ms`.
    ///
    /// # Errors
    /// When the order or the PLC does not exist.
    pub async fn order(&mut self, words: &[String]) -> Result<(), OrderError> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["kill", name] => self.plc(name)?.kill(),
            ["revive", name] => self.plc(name)?.revive().await?,
            ["delay", name, time] => self.plc(name)?.delay(parse_time(time)?),
            _ => return Err(OrderError::Unknown(words.join(" "))),
        }
        Ok(())
    }

    fn plc(&mut self, name: &str) -> Result<&mut Plc, OrderError> {
        let found = self.plcs.iter_mut().find(|plc| plc.name() == name);
        found.ok_or_else(|| OrderError::NoSuchPlc(name.to_owned()))
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

/// A port of the plant and the devices behind it.
struct Station {
    name: String,
    devices: Vec<String>,
    what: What,
}

/// What a port reaches.
#[derive(Clone, Copy)]
enum What {
    /// Cells from `first` on, a block each.
    Cells { first: usize, count: usize },
    /// One meter.
    Meter(usize),
}

/// Cells are spread evenly; the first PLCs take what doesn't divide.
fn stations(size: &Size) -> Vec<Station> {
    let mut stations = Vec::new();
    let mut first = 0;
    let plcs = size.plcs.max(1);
    for plc in 0..plcs {
        let count = usize::from(size.cells / plcs + u16::from(plc < size.cells % plcs));
        let devices = (first..first + count).map(map::cell_name).collect();
        let what = What::Cells { first, count };
        stations.push(Station { name: format!("plc-{}", plc + 1), devices, what });
        first += count;
    }
    for meter in 0..usize::from(size.meters) {
        let name = map::meter_name(meter);
        stations.push(Station {
            name: name.clone(),
            devices: vec![name],
            what: What::Meter(meter),
        });
    }
    stations
}

/// The registers of one station.
struct Behind {
    process: Arc<Mutex<Process>>,
    what: What,
}

impl Registers for Behind {
    fn read(&self, unit: u8, table: Table, address: u16, count: u16) -> Result<Vec<u16>, Refusal> {
        if unit != 1 {
            return Err(Refusal::NoUnit);
        }
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, count) = (usize::from(address), usize::from(count));
        let words = match (self.what, table) {
            (What::Cells { first, count: cells }, Table::Holding) => {
                let line = process.line;
                read_blocks(&mut process.cells[first..first + cells], line, start, count)
            }
            (What::Meter(index), Table::Input) => process.meters[index].read(start, count),
            _ => None,
        };
        words.ok_or(Refusal::Address)
    }
}

/// Reads words that may lie in several blocks.
fn read_blocks(cells: &mut [Cell], line: Line, start: usize, count: usize) -> Option<Vec<u16>> {
    let block = usize::from(BLOCK_WORDS);
    let mut words = Vec::with_capacity(count);
    let mut at = start;
    while at < start + count {
        let cell = cells.get_mut(at / block)?;
        let end = (start + count).min((at / block + 1) * block);
        words.extend(cell.read(line.kiloamperes, at % block, end - at));
        at = end;
    }
    Some(words)
}

impl Process {
    fn new(size: &Size, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        // One cell is about to have an anode effect, so that a short demo shows one.
        let cell = |index| match index {
            0 => Cell::starving(&mut random),
            _ => Cell::new(&mut random),
        };
        let cells = (0..size.cells).map(cell).collect();
        let meters = (0..size.meters).map(Meter::new).collect();
        let line = Line { kiloamperes: 320.0, volts: 0.0 };
        let mut process = Self { line, cells, meters, random, seconds: 0.0 };
        process.advance(TICK.as_secs_f64());
        process
    }

    /// Moves on by `dt` seconds: the rectifier wanders around 320 kA, every
    /// cell follows, the meters integrate.
    fn advance(&mut self, dt: f64) {
        self.seconds += dt;
        let swing = (self.seconds / 47.0).sin() * 0.8;
        self.line.kiloamperes = 320.0 + swing + noise(&mut self.random, 0.15);
        for cell in &mut self.cells {
            cell.advance(self.line.kiloamperes, dt, &mut self.random);
        }
        self.line.volts = self.cells.iter().map(Cell::volts).sum();
        for meter in &mut self.meters {
            meter.advance(self.line, dt, &mut self.random);
        }
    }
}

/// Moves the process on in real time, for ever.
async fn tick(process: Arc<Mutex<Process>>) {
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
        process.lock().unwrap_or_else(PoisonError::into_inner).advance(TICK.as_secs_f64());
    }
}

/// Bell-shaped noise of about this standard deviation (sum of 12 uniforms).
fn noise(random: &mut fastrand::Rng, sigma: f64) -> f64 {
    let sum: f64 = (0..12).map(|_| random.f64()).sum();
    (sum - 6.0) * sigma
}

#[cfg(test)]
mod tests {
    use super::{Behind, Process, Size, TICK, What, stations};
    use crate::registers::{Refusal, Registers, Table};
    use std::sync::{Arc, Mutex};

    const SIZE: Size = Size { cells: 7, plcs: 3, meters: 1 };

    #[test]
    fn every_cell_is_behind_exactly_one_plc() {
        let devices: Vec<_> = stations(&SIZE).into_iter().flat_map(|s| s.devices).collect();
        let expected = (1..=7).map(|n| format!("cell-{n:03}")).chain(["meter-1".to_owned()]);
        assert_eq!(devices, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_read_across_two_blocks_counts_for_both_and_past_the_end_is_refused() {
        let process = Arc::new(Mutex::new(Process::new(&SIZE, 1)));
        let plc = Behind { process, what: What::Cells { first: 0, count: 2 } };
        let counters = |words: &[u16]| [words[0], words[100]];
        let first = plc.read(1, Table::Holding, 12, 102).unwrap();
        let second = plc.read(1, Table::Holding, 12, 102).unwrap();
        assert_eq!(counters(&first), [1, 1]);
        assert_eq!(counters(&second), [2, 2]);
        assert_eq!(plc.read(1, Table::Holding, 150, 51), Err(Refusal::Address));
        assert_eq!(plc.read(2, Table::Holding, 0, 1), Err(Refusal::NoUnit));
        assert_eq!(plc.read(1, Table::Input, 0, 1), Err(Refusal::Address));
    }

    #[test]
    fn an_hour_of_process_stays_physical() {
        let mut process = Process::new(&Size { cells: 30, plcs: 3, meters: 4 }, 7);
        let mut effects = 0;
        for _ in 0..36_000 {
            process.advance(TICK.as_secs_f64());
            assert!((315.0..325.0).contains(&process.line.kiloamperes));
            for cell in &process.cells {
                assert!((3.0..60.0).contains(&cell.volts()), "{} V", cell.volts());
                effects += u32::from(cell.in_anode_effect());
            }
        }
        assert!(effects > 0, "no anode effect");
    }
}
