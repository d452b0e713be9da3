#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::panic)]

use std::fs;

use forehearth_house::BoxFigure;
use forehearth_model::{Quality, Value};
use tempfile::TempDir;

use super::Tree;

/// A tree with these files.
fn tree(files: &[(&str, &str)]) -> (TempDir, Tree) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let tree = Tree::new(dir.path(), dir.path());
    (dir, tree)
}

fn read(files: &[(&str, &str)], figure: BoxFigure) -> Result<Value, Quality> {
    tree(files).1.read(figure).unwrap()
}

#[test]
fn the_processor_s_hottest_zone_is_told_and_not_the_battery_s() {
    let files = [
        ("sys/class/thermal/thermal_zone0/type", "battery\n"),
        ("sys/class/thermal/thermal_zone0/temp", "90000\n"),
        ("sys/class/thermal/thermal_zone1/type", "cpu-thermal\n"),
        ("sys/class/thermal/thermal_zone1/temp", "48312\n"),
        ("sys/class/thermal/thermal_zone2/type", "soc_thermal\n"),
        ("sys/class/thermal/thermal_zone2/temp", "51500\n"),
        ("sys/class/thermal/cooling_device0/type", "cpufreq\n"),
    ];
    assert_eq!(read(&files, BoxFigure::CpuTemp), Ok(Value::F32(51.5)));
    assert_eq!(read(&files[..2], BoxFigure::CpuTemp), Ok(Value::F32(90.0)));
    assert_eq!(read(&[], BoxFigure::CpuTemp), Err(Quality::BadNotConnected));
}

#[test]
fn load_memory_and_uptime_are_what_the_kernel_says() {
    let files = [
        ("proc/loadavg", "0.25 1.50 2.75 1/200 12345\n"),
        (
            "proc/meminfo",
            "MemTotal:        1000000 kB\nMemFree: 1 kB\nMemAvailable:     250000 kB\n",
        ),
        ("proc/uptime", "350735.47 234388.90\n"),
    ];
    assert_eq!(read(&files, BoxFigure::Load1), Ok(Value::F32(0.25)));
    assert_eq!(read(&files, BoxFigure::Load15), Ok(Value::F32(2.75)));
    assert_eq!(read(&files, BoxFigure::MemoryFree), Ok(Value::UInt(256_000_000)));
    assert_eq!(read(&files, BoxFigure::MemoryUsed), Ok(Value::F32(75.0)));
    assert_eq!(read(&files, BoxFigure::Uptime), Ok(Value::UInt(350_735)));
    let nonsense = [("proc/loadavg", "much\n"), ("proc/uptime", "")];
    assert_eq!(read(&nonsense, BoxFigure::Load1), Err(Quality::BadSensorFailure));
    assert_eq!(read(&nonsense, BoxFigure::Uptime), Err(Quality::BadSensorFailure));
}

#[test]
fn wear_is_that_of_the_worst_chip_and_not_told_is_not_zero() {
    let life = |text| read(&[("sys/block/mmcblk0/device/life_time", text)], BoxFigure::DiskWear);
    assert_eq!(life("0x01 0x03\n"), Ok(Value::UInt(30)));
    assert_eq!(life("0x0b 0x01\n"), Ok(Value::UInt(110)));
    assert_eq!(life("0x00 0x00\n"), Err(Quality::BadNotConnected));
    assert_eq!(life("never\n"), Err(Quality::BadSensorFailure));
    assert_eq!(read(&[], BoxFigure::DiskWear), Err(Quality::BadNotConnected));
}

#[test]
fn a_supply_below_its_limit_is_told() {
    let alarm = "sys/class/hwmon/hwmon1/in0_lcrit_alarm";
    assert_eq!(read(&[(alarm, "0\n")], BoxFigure::Undervoltage), Ok(Value::Bool(false)));
    assert_eq!(read(&[(alarm, "1\n")], BoxFigure::Undervoltage), Ok(Value::Bool(true)));
    assert_eq!(read(&[], BoxFigure::Undervoltage), Err(Quality::BadNotConnected));
}

#[test]
fn the_volume_of_the_state_directory_is_measured() {
    let Ok(Value::UInt(free)) = read(&[], BoxFigure::DiskFree) else { panic!() };
    assert!(free > 0);
    let Ok(Value::F32(used)) = read(&[], BoxFigure::DiskUsed) else { panic!() };
    assert!((0.0..=100.0).contains(&used));
}
