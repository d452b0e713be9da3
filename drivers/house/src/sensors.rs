//! Sensors that the kernel reads: inputs of hwmon chips and channels of IIO devices.

use std::path::Path;

use forehearth_model::{Quality, Value};

use crate::tree::{Tree, parsed, text};

/// An input of a hwmon chip in V, °C, A, W or turns a minute
/// (Documentation/hwmon/sysfs-interface: thousandths, watts in millionths).
pub(crate) fn hwmon(tree: &Tree, chip: &str, channel: &str) -> Result<Value, Quality> {
    let chip = tree.named("sys/class/hwmon", "hwmon", chip)?;
    let fault = number(&chip.join(format!("{channel}_fault")));
    if fault.is_ok_and(|fault| fault != 0.0) {
        return Err(Quality::BadSensorFailure);
    }
    let raw = number(&chip.join(format!("{channel}_input")))?;
    let per_unit = if channel.starts_with("fan") {
        1.0
    } else if channel.starts_with("power") {
        1_000_000.0
    } else {
        1_000.0
    };
    Ok(Value::F64(raw / per_unit))
}

/// A channel of an IIO device in the units of the kernel's interface:
/// `input` is already in them, `raw` becomes (raw + offset) · scale, with
/// scale and offset of the channel or of all of its kind
/// (Documentation/ABI/testing/sysfs-bus-iio).
pub(crate) fn iio(tree: &Tree, device: &str, channel: &str) -> Result<Value, Quality> {
    let device = tree.named("sys/bus/iio/devices", "iio:device", device)?;
    let of = |what: &str| number(&device.join(format!("in_{channel}_{what}")));
    if let Some(value) = there(of("input"))? {
        return Ok(Value::F64(value));
    }
    let kind = channel.split(|c: char| c.is_ascii_digit()).next().unwrap_or(channel);
    let kind = kind.split('_').next().unwrap_or(kind);
    let shared = |what: &str| number(&device.join(format!("in_{kind}_{what}")));
    let either = |what: &str| match there(of(what))? {
        Some(own) => Ok(Some(own)),
        None => there(shared(what)),
    };
    let raw = of("raw")?;
    let scale = either("scale")?.unwrap_or(1.0);
    let offset = either("offset")?.unwrap_or(0.0);
    Ok(Value::F64((raw + offset) * scale))
}

/// A file that need not exist.
fn there(value: Result<f64, Quality>) -> Result<Option<f64>, Quality> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(Quality::BadNotConnected) => Ok(None),
        Err(other) => Err(other),
    }
}

/// A file that holds a number. A driver that answers with an error has a
/// sensor that does not.
fn number(file: &Path) -> Result<f64, Quality> {
    match text(file) {
        Ok(text) => parsed::<f64>(Some(&text)).and_then(finite),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Quality::BadNotConnected),
        Err(_) => Err(Quality::BadDeviceFailure),
    }
}

fn finite(value: f64) -> Result<f64, Quality> {
    if value.is_finite() { Ok(value) } else { Err(Quality::BadSensorFailure) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use forehearth_model::{Quality, Value};

    use super::{hwmon, iio};
    use crate::Tree;

    fn with(files: &[(&str, &str)], run: impl FnOnce(&Tree)) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join("sys").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        run(&Tree::new(dir.path(), dir.path()));
    }

    #[test]
    fn a_supply_is_told_in_volts_and_an_open_sensor_is_bad() {
        let files = [
            ("class/hwmon/hwmon0/name", "cpu_thermal\n"),
            ("class/hwmon/hwmon1/name", "ina219\n"),
            ("class/hwmon/hwmon1/in1_input", "23874\n"),
            ("class/hwmon/hwmon1/power1_input", "1500000\n"),
            ("class/hwmon/hwmon1/temp1_input", "21000\n"),
            ("class/hwmon/hwmon1/temp1_fault", "1\n"),
        ];
        with(&files, |tree| {
            assert_eq!(hwmon(tree, "ina219", "in1"), Ok(Value::F64(23.874)));
            assert_eq!(hwmon(tree, "hwmon1", "power1"), Ok(Value::F64(1.5)));
            assert_eq!(hwmon(tree, "ina219", "temp1"), Err(Quality::BadSensorFailure));
            assert_eq!(hwmon(tree, "ina219", "in2"), Err(Quality::BadNotConnected));
            assert_eq!(hwmon(tree, "ina226", "in1"), Err(Quality::BadNotConnected));
        });
    }

    #[test]
    fn a_channel_of_iio_is_offset_then_scaled_by_its_own_or_by_the_kind_s() {
        let files = [
            ("bus/iio/devices/iio:device0/name", "ads1015\n"),
            ("bus/iio/devices/iio:device0/in_voltage0_raw", "1000\n"),
            ("bus/iio/devices/iio:device0/in_voltage0_scale", "2.0\n"),
            ("bus/iio/devices/iio:device0/in_voltage1_raw", "-10\n"),
            ("bus/iio/devices/iio:device0/in_voltage_scale", "0.5\n"),
            ("bus/iio/devices/iio:device1/name", "bmp280\n"),
            ("bus/iio/devices/iio:device1/in_temp_input", "22480\n"),
            ("bus/iio/devices/iio:device1/in_temp2_raw", "100\n"),
            ("bus/iio/devices/iio:device1/in_temp2_offset", "-20\n"),
            ("bus/iio/devices/iio:device1/in_temp2_scale", "often\n"),
        ];
        with(&files, |tree| {
            assert_eq!(iio(tree, "ads1015", "voltage0"), Ok(Value::F64(2000.0)));
            assert_eq!(iio(tree, "ads1015", "voltage1"), Ok(Value::F64(-5.0)));
            assert_eq!(iio(tree, "bmp280", "temp"), Ok(Value::F64(22480.0)));
            assert_eq!(iio(tree, "bmp280", "temp2"), Err(Quality::BadSensorFailure));
            assert_eq!(iio(tree, "ads1015", "voltage9"), Err(Quality::BadNotConnected));
        });
    }
}
