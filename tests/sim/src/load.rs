//! The load: many devices with many registers for benchmarks, each value computed when it is read.
//!
//! Tag 0 of a device tells the microsecond at which it was read, so that a
//! consumer can compute how long the way to the broker took. Tag 1 counts reads.
//! All others look like an analogue input: a level of their own and noise of
//! 2.4 counts, anew in each period.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::plc::Plc;
use crate::registers::{Refusal, Registers, Table, udint_cdab};

/// The tag that holds the time of its reading: UTC microseconds modulo 2^32.
pub const CLOCK: &str = "t0000";
/// The tag that grows by one each time it is read.
pub const COUNTER: &str = "t0001";

/// How much load.
#[derive(Clone, Debug)]
pub struct Options {
    /// Devices, each with a port of its own.
    pub devices: u16,
    /// UDINT tags per device.
    pub tags: u16,
    /// How often values change, and the rate written into the configuration.
    pub period: Duration,
    /// Time before each answer.
    pub delay: Duration,
    /// First port; 0 for free ones.
    pub port_base: u16,
    /// Where to write the configuration that reads this load.
    pub config_out: Option<PathBuf>,
}

/// What the load says when it is ready.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    ready: &'static str,
    clock: &'static str,
    counter: &'static str,
    devices: u16,
    tags: u16,
}

/// Starts the devices and writes the configuration if asked to.
///
/// # Errors
/// When a port is taken or the configuration can't be written.
pub async fn start(options: &Options) -> io::Result<(Vec<Plc>, Ready)> {
    let mut plcs = Vec::new();
    for device in 0..options.devices {
        let port = if options.port_base == 0 { 0 } else { options.port_base + device };
        let registers = Arc::new(Inputs {
            device,
            words: options.tags.saturating_mul(2),
            period_micros: options.period.as_micros(),
            reads: AtomicU32::new(0),
        });
        let plc = Plc::start(&format!("load-{:03}", device + 1), port, registers).await?;
        plc.delay(options.delay);
        plcs.push(plc);
    }
    if let Some(dir) = &options.config_out {
        write_map(dir, options, &plcs)?;
    }
    let (devices, tags) = (options.devices, options.tags);
    Ok((plcs, Ready { ready: "load", clock: CLOCK, counter: COUNTER, devices, tags }))
}

fn write_map(dir: &Path, options: &Options, plcs: &[Plc]) -> io::Result<()> {
    let devices = dir.join("devices");
    fs::create_dir_all(&devices)?;
    fs::write(
        dir.join("gateway.toml"),
        "schema = 1\n\n[gateway]\nid   = \"load\"\npath = \"bench/load\"\n",
    )?;
    fs::create_dir_all(dir.join("profiles"))?;
    fs::write(dir.join("profiles/load.toml"), profile(options))?;
    let mut toml = String::from("schema = 1\n");
    for plc in plcs {
        let _ = write!(
            toml,
            "\n[[device]]\nname    = \"{}\"\nprofile = \"load\"\nurl     = \"tcp://{}\"\nunit    = 1\n",
            plc.name(),
            plc.address(),
        );
    }
    fs::write(devices.join("load.toml"), toml)
}

/// All devices are of one type, as in a plant.
fn profile(options: &Options) -> String {
    let mut toml = format!(
        "schema  = 1\nprofile = \"load\"\ndriver  = \"modbus\"\norder   = \"CDAB\"\n\n[rates]\n\
         scan = \"{}ms\"\n\n[tags]\n",
        options.period.as_millis()
    );
    for tag in 0..options.tags {
        let at = u32::from(tag) * 2;
        let _ = writeln!(
            toml,
            "t{tag:04} = {{ at = \"hr:{at}\", type = \"UDINT\", rate = \"scan\", every_sample = true }}"
        );
    }
    toml
}

/// The inputs of one device.
struct Inputs {
    device: u16,
    words: u16,
    period_micros: u128,
    reads: AtomicU32,
}

impl Inputs {
    fn value(&self, tag: u32, micros: u128) -> u32 {
        match tag {
            0 => low_32(micros),
            1 => self.reads.load(Ordering::Relaxed),
            _ => {
                let period = low_32(micros / self.period_micros.max(1));
                let level = 20_000 + 37 * (tag % 1000);
                level + ripple(u32::from(self.device), tag, period)
            }
        }
    }
}

impl Registers for Inputs {
    fn read(&self, unit: u8, table: Table, address: u16, count: u16) -> Result<Vec<u16>, Refusal> {
        if unit != 1 {
            return Err(Refusal::NoUnit);
        }
        let end = u32::from(address) + u32::from(count);
        if table != Table::Holding || end > u32::from(self.words) {
            return Err(Refusal::Address);
        }
        if address <= 2 && end >= 4 {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let mut words = Vec::with_capacity(usize::from(count) + 2);
        for tag in u32::from(address / 2)..end.div_ceil(2) {
            words.extend(udint_cdab(self.value(tag, micros)));
        }
        words.drain(..usize::from(address % 2));
        words.truncate(usize::from(count));
        Ok(words)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is what is meant")]
const fn low_32(wide: u128) -> u32 {
    wide as u32
}

/// 0..=24 with a standard deviation of √6 ≈ 2.4: the bits set among 24 random
/// ones. Its entropy is 3.3 bits, 0.42 bytes, the floor of any encoding.
const fn ripple(device: u32, tag: u32, period: u32) -> u32 {
    // The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable
    // pseudorandom number generators, 2014) over the three coordinates.
    let mut z = (device as u64) << 48 ^ (tag as u64) << 32 ^ period as u64;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) & 0x00ff_ffff).count_ones()
}

#[cfg(test)]
mod tests {
    use super::{Inputs, ripple};
    use crate::registers::{Refusal, Registers, Table};
    use std::sync::atomic::AtomicU32;

    fn inputs() -> Inputs {
        Inputs { device: 1, words: 200, period_micros: 1_000_000, reads: AtomicU32::new(0) }
    }

    #[test]
    fn a_read_at_an_odd_address_starts_with_the_high_word() {
        let inputs = inputs();
        let words = inputs.read(1, Table::Holding, 10, 4).unwrap();
        let odd = inputs.read(1, Table::Holding, 11, 3).unwrap();
        assert_eq!(words[1], odd[0]);
        assert_eq!(inputs.read(1, Table::Holding, 199, 2), Err(Refusal::Address));
    }

    #[test]
    fn only_a_read_of_the_whole_counter_makes_it_grow() {
        let inputs = inputs();
        inputs.read(1, Table::Holding, 4, 100).unwrap();
        inputs.read(1, Table::Holding, 0, 3).unwrap();
        assert_eq!(inputs.read(1, Table::Holding, 0, 4).unwrap()[2..], [1, 0]);
        assert_eq!(inputs.read(1, Table::Holding, 2, 2).unwrap(), [2, 0]);
    }

    #[test]
    fn the_ripple_is_as_wide_as_promised() {
        let samples: Vec<f64> = (0..10_000).map(|p| f64::from(ripple(3, 7, p))).collect();
        let mean = samples.iter().sum::<f64>() / 10_000.0;
        let variance = samples.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 10_000.0;
        assert!((11.8..12.2).contains(&mean), "{mean}");
        assert!((5.6..6.4).contains(&variance), "{variance}");
    }
}
