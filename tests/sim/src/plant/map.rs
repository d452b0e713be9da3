//! The map of the plant: the gateway configuration that reads it, as an engineer would write it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::{BLOCK_WORDS, Size, stations};
use crate::plc::Plc;

/// The tag that grows by one each time it is read.
pub(super) const COUNTER: &str = "scans";

/// Everything but the brokers and the status page, which whoever asked for the
/// configuration adds.
const GATEWAY: &str = r#"schema = 1

[gateway]
id   = "potline-1"
path = "demo/smelter/potroom-a"
"#;

/// Name of the cell with this index.
pub(super) fn cell_name(index: usize) -> String {
    format!("cell-{:03}", index + 1)
}

/// Name of the meter with this index.
pub(super) fn meter_name(index: usize) -> String {
    format!("meter-{}", index + 1)
}

/// Writes `gateway.toml` and `devices/plant.toml` into `dir`.
///
/// # Errors
/// What the system said.
pub(super) fn write(dir: &Path, size: &Size, scan: Duration, plcs: &[Plc]) -> io::Result<()> {
    let devices = dir.join("devices");
    fs::create_dir_all(&devices)?;
    fs::write(dir.join("gateway.toml"), GATEWAY)?;
    fs::write(devices.join("plant.toml"), map(size, scan, plcs))
}

fn map(size: &Size, scan: Duration, plcs: &[Plc]) -> String {
    let mut toml = String::from("schema = 1\n");
    for plc in plcs {
        let (name, address) = (plc.name(), plc.address());
        let _ = write!(toml, "\n[[link]]\nname = \"{name}\"\nurl  = \"tcp://{address}\"\n");
    }
    for station in stations(size) {
        for (place, device) in station.devices.iter().enumerate() {
            let _ = write!(
                toml,
                "\n[[device]]\nname   = \"{device}\"\ndriver = \"modbus\"\nlink   = \"{}\"\n\
                 unit   = 1\nrate   = \"{}ms\"\n",
                station.name,
                scan.as_millis()
            );
            toml.push_str(&if device.starts_with("cell") {
                cell(place * usize::from(BLOCK_WORDS))
            } else {
                METER.to_owned()
            });
        }
    }
    toml
}

/// The tags of a cell whose block starts at `base`.
fn cell(base: usize) -> String {
    let hr = |offset: usize| format!("hr:{}", base + offset);
    format!(
        r#"order  = "CDAB"
[device.tags]
cell_voltage = {{ at = "{}", type = "REAL", unit = "V", deadband = 0.002 }}
line_current = {{ at = "{}", type = "REAL", unit = "kA" }}
bath_temp    = {{ at = "{}", type = "INT", unit = "degC", scale = 0.1 }}
feed_count   = {{ at = "{}", type = "UDINT" }}
ae_flag      = {{ at = "{}.0", type = "BOOL" }}
state        = {{ at = "{}", type = "UINT" }}
{COUNTER}        = {{ at = "{}", type = "UDINT" }}
"#,
        hr(0),
        hr(2),
        hr(6),
        hr(8),
        hr(10),
        hr(11),
        hr(12)
    )
}

const METER: &str = r#"[device.tags]
energy    = { at = "ir:0", type = "ULINT", order = "ABCDEFGH", unit = "W.h" }
power     = { at = "ir:4", type = "REAL", order = "ABCD", unit = "kW" }
voltage   = { at = "ir:6", type = "REAL", order = "ABCD", unit = "kV" }
frequency = { at = "ir:8", type = "UINT", unit = "Hz", scale = 0.01 }
scans     = { at = "ir:10", type = "UDINT", order = "CDAB" }
"#;
