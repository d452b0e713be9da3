//! The tree: the kernel's files about the box, below a root that a test can put somewhere else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use forehearth_house::BoxFigure;
use forehearth_model::{Quality, Value};

/// `/proc` and `/sys` below a root, and the directory the gateway writes to.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
    state: PathBuf,
}

/// Words in the type of a thermal zone that is the processor's: `cpu-thermal`
/// and `soc_thermal` of ARM boards, `x86_pkg_temp` and `coretemp` of Intel.
const PROCESSORS: [&str; 4] = ["cpu", "soc", "x86_pkg", "core"];

impl Tree {
    /// `root` is `/` but in tests; `state` is on the volume that matters.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, state: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), state: state.into() }
    }

    /// Whether there is a tree at all.
    ///
    /// # Errors
    /// When the root is no directory that can be read.
    pub fn check(&self) -> io::Result<()> {
        fs::read_dir(&self.root).map(|_| ())
    }

    /// A figure of the box; `None` for one of the gateway's process, which no
    /// file tells.
    ///
    /// # Errors
    /// `BadNotConnected` where this box has no such thing, `BadSensorFailure`
    /// where it tells nonsense.
    pub(crate) fn read(&self, figure: BoxFigure) -> Option<Result<Value, Quality>> {
        Some(match figure {
            BoxFigure::CpuTemp => self.cpu_temp(),
            BoxFigure::Load1 => self.load(0),
            BoxFigure::Load5 => self.load(1),
            BoxFigure::Load15 => self.load(2),
            BoxFigure::MemoryTotal => self.memory("MemTotal:").map(Value::UInt),
            BoxFigure::MemoryFree => self.memory("MemAvailable:").map(Value::UInt),
            BoxFigure::MemoryUsed => self.memory_used(),
            BoxFigure::Uptime => self.uptime(),
            BoxFigure::DiskFree => self.disk().map(|(free, _)| Value::UInt(free)),
            BoxFigure::DiskUsed => self.disk().map(|(_, used)| Value::F32(used)),
            BoxFigure::DiskWear => self.disk_wear(),
            BoxFigure::Undervoltage => self.undervoltage(),
            BoxFigure::ClockSynced
            | BoxFigure::Clock
            | BoxFigure::GatewayMemory
            | BoxFigure::GatewayCpu
            | BoxFigure::GatewayUptime => return None,
        })
    }

    /// Thousandths of a degree (Documentation/driver-api/thermal/sysfs-api).
    fn cpu_temp(&self) -> Result<Value, Quality> {
        let mut hottest: [Option<f32>; 2] = [None, None];
        for zone in self.entries("sys/class/thermal", "thermal_zone") {
            let Ok(Ok(milli)) = text(&zone.join("temp")).map(|text| text.parse::<f32>()) else {
                continue;
            };
            let kind = text(&zone.join("type")).unwrap_or_default().to_lowercase();
            let place = usize::from(!PROCESSORS.iter().any(|word| kind.contains(word)));
            let degrees = milli / 1000.0;
            hottest[place] = Some(hottest[place].map_or(degrees, |other| other.max(degrees)));
        }
        let [processor, other] = hottest;
        processor.or(other).map(Value::F32).ok_or(Quality::BadNotConnected)
    }

    fn load(&self, place: usize) -> Result<Value, Quality> {
        let text = self.text("proc/loadavg")?;
        parsed(text.split_whitespace().nth(place)).map(Value::F32)
    }

    /// Bytes of a line of meminfo, which tells KiB.
    fn memory(&self, line: &str) -> Result<u64, Quality> {
        let text = self.text("proc/meminfo")?;
        let rest = text.lines().find_map(|known| known.strip_prefix(line));
        let kib: u64 = parsed(rest.and_then(|rest| rest.split_whitespace().next()))?;
        kib.checked_mul(1024).ok_or(Quality::BadSensorFailure)
    }

    fn memory_used(&self) -> Result<Value, Quality> {
        let (total, free) = (self.memory("MemTotal:")?, self.memory("MemAvailable:")?);
        share(total, free).map(Value::F32)
    }

    fn uptime(&self) -> Result<Value, Quality> {
        let text = self.text("proc/uptime")?;
        parsed(text.split(['.', ' ']).next()).map(Value::UInt)
    }

    /// Bytes free for us, and the share in use in percent.
    fn disk(&self) -> Result<(u64, f32), Quality> {
        let volume = rustix::fs::statvfs(&self.state).map_err(|_| Quality::BadNotConnected)?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        let total = volume.f_blocks.saturating_mul(volume.f_frsize);
        let unused = volume.f_bfree.saturating_mul(volume.f_frsize);
        Ok((free, share(total, unused)?))
    }

    /// Two estimates, for SLC and MLC parts; 1 is 0 to 10 % used, 11 is beyond
    /// the end, 0 is not told (JESD84-B51, 7.4.29 and 7.4.30).
    fn disk_wear(&self) -> Result<Value, Quality> {
        let mut worst = 0;
        for disk in self.entries("sys/block", "mmcblk") {
            let Ok(text) = text(&disk.join("device/life_time")) else { continue };
            for step in text.split_whitespace() {
                let step = step.trim_start_matches("0x");
                let step = u64::from_str_radix(step, 16).map_err(|_| Quality::BadSensorFailure)?;
                worst = worst.max(step.min(11));
            }
        }
        if worst == 0 { Err(Quality::BadNotConnected) } else { Ok(Value::UInt(worst * 10)) }
    }

    /// Any voltage alarm for a lower limit (Documentation/hwmon/sysfs-interface).
    fn undervoltage(&self) -> Result<Value, Quality> {
        let mut is_low = None;
        for chip in self.entries("sys/class/hwmon", "hwmon") {
            for alarm in entries(&chip, "in") {
                let name = alarm.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !(name.ends_with("_lcrit_alarm") || name.ends_with("_min_alarm")) {
                    continue;
                }
                let Ok(text) = text(&alarm) else { continue };
                is_low = Some(is_low.unwrap_or(false) || text != "0");
            }
        }
        is_low.map(Value::Bool).ok_or(Quality::BadNotConnected)
    }

    /// The folder of `class` whose `name` is this.
    pub(crate) fn named(&self, class: &str, prefix: &str, name: &str) -> Result<PathBuf, Quality> {
        let found = self.entries(class, prefix).into_iter().find(|folder| {
            text(&folder.join("name")).is_ok_and(|known| known == name)
                || folder.file_name().is_some_and(|known| known == name)
        });
        found.ok_or(Quality::BadNotConnected)
    }

    fn entries(&self, folder: &str, prefix: &str) -> Vec<PathBuf> {
        entries(&self.root.join(folder), prefix)
    }

    fn text(&self, file: &str) -> Result<String, Quality> {
        text(&self.root.join(file)).map_err(|_| Quality::BadNotConnected)
    }
}

/// Sorted, so that the same box is always read in the same order.
fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(all) = fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<PathBuf> = all
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect();
    all.sort();
    all
}

/// A file's text without its line end.
pub(crate) fn text(file: &Path) -> io::Result<String> {
    fs::read_to_string(file).map(|text| text.trim().to_owned())
}

/// A word as a number; nonsense is the sensor's fault.
pub(crate) fn parsed<T: std::str::FromStr>(word: Option<&str>) -> Result<T, Quality> {
    word.and_then(|word| word.parse().ok()).ok_or(Quality::BadSensorFailure)
}

/// In percent what of `total` is not `free`.
#[expect(clippy::cast_precision_loss, reason = "a percentage of bytes needs no 53 bits")]
fn share(total: u64, free: u64) -> Result<f32, Quality> {
    if total == 0 || free > total {
        return Err(Quality::BadSensorFailure);
    }
    let used = (total - free) as f64 / total as f64 * 100.0;
    #[expect(clippy::cast_possible_truncation, reason = "0 to 100")]
    let used = used as f32;
    Ok(used)
}

#[cfg(test)]
mod tests;
