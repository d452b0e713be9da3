#![allow(clippy::unwrap_used)]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use forehearth_driver::{Driver, LinkCounters};
use forehearth_modbus::UnitMeter;
use forehearth_model::{ClockState, DeviceId, GroupId, Quality, Scan, Stamp, TagId, Value};
use tempfile::TempDir;

use super::{HouseDriver, HouseGroup, HouseSettings};
use crate::{GatewayFigures, Insight, LinkFigures, Tree};

struct Told;

impl Insight for Told {
    fn gateway(&self) -> GatewayFigures {
        GatewayFigures { memory: 30 << 20, cpu_ms: 12, uptime: 9, clock: ClockState::Holdover }
    }

    fn link(&self, name: &str) -> Option<LinkFigures> {
        let counters = LinkCounters { timeouts: 7, ..LinkCounters::default() };
        (name == "pc-01").then(|| LinkFigures { is_up: true, counters, ..LinkFigures::default() })
    }

    fn unit(&self, link: &str, unit: u8) -> Option<(UnitMeter, bool)> {
        let meter = UnitMeter { timeouts: 5, ..UnitMeter::default() };
        (link == "pc-01" && unit == 3).then_some((meter, false))
    }
}

fn house(facts: &[&str]) -> (TempDir, HouseDriver) {
    let dir = tempfile::tempdir().unwrap();
    let tags = (0..).map(TagId).zip(facts.iter().map(|fact| fact.parse().unwrap())).collect();
    let settings = HouseSettings {
        name: "box".to_owned(),
        tree: Tree::new(dir.path(), dir.path()),
        groups: vec![HouseGroup { device: DeviceId(0), tags }],
    };
    let driver = HouseDriver::new(settings, Arc::new(Told), || Stamp(1));
    (dir, driver)
}

async fn scan(driver: &mut HouseDriver) -> Vec<(Quality, Value)> {
    let mut out: Vec<Scan> = Vec::new();
    driver.scan(GroupId(0), &mut out).await.unwrap();
    let samples = out.into_iter().flat_map(|scan| scan.samples);
    samples.map(|sample| (sample.quality, sample.value)).collect()
}

#[tokio::test]
async fn each_fact_is_told_or_bad_with_a_reason_and_none_is_missing() {
    let (dir, mut driver) = house(&[
        "link/pc-01/timeouts",
        "link/pc-02/timeouts",
        "link/pc-01/unit/3/timeouts",
        "link/pc-01/unit/3/up",
        "link/pc-01/unit/3/round_trip_p99",
        "link/pc-01/unit/4/timeouts",
        "clock",
        "cpu_temp",
        "load_1",
    ]);
    fs::create_dir(dir.path().join("proc")).unwrap();
    fs::write(dir.path().join("proc/loadavg"), "0.5 0 0 1/1 1\n").unwrap();
    driver.connect().await.unwrap();
    assert_eq!(
        scan(&mut driver).await,
        [
            (Quality::Good, Value::UInt(7)),
            (Quality::BadConfiguration, Value::Null),
            (Quality::Good, Value::UInt(5)),
            (Quality::Good, Value::Bool(false)),
            (Quality::BadWaitingForFirstValue, Value::Null),
            (Quality::BadWaitingForFirstValue, Value::Null),
            (Quality::Good, Value::Text("holdover".into())),
            (Quality::BadNotConnected, Value::Null),
            (Quality::Good, Value::F32(0.5)),
        ]
    );
}

#[tokio::test]
async fn a_scan_before_connect_is_refused_and_complete() {
    let (_dir, mut driver) = house(&["load_1", "clock"]);
    let mut out = Vec::new();
    assert!(driver.scan(GroupId(0), &mut out).await.is_err());
    assert_eq!(out[0].samples.len(), 2);
    assert!(out[0].samples.iter().all(|sample| sample.quality == Quality::BadNoCommunication));
}

#[tokio::test]
async fn a_tree_that_is_not_there_is_a_link_that_is_down() {
    let (dir, mut driver) = house(&["load_1"]);
    drop(dir);
    assert!(driver.connect().await.is_err());
}

/// A pipe without a writer stands for a sensor that hangs: opening it blocks.
#[tokio::test]
async fn a_sensor_that_hangs_costs_its_files_and_nothing_else() {
    let (dir, mut driver) = house(&["load_1", "link/pc-01/timeouts"]);
    let pipe = dir.path().join("proc/loadavg");
    fs::create_dir(dir.path().join("proc")).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    driver.connect().await.unwrap();
    let hung = [(Quality::BadNoCommunication, Value::Null), (Quality::Good, Value::UInt(7))];
    assert_eq!(scan(&mut driver).await, hung);
    // No second thread waits beside the first: this one is answered at once.
    let again = tokio::time::timeout(Duration::from_millis(500), scan(&mut driver)).await;
    assert_eq!(again.unwrap(), hung);
    fs::write(&pipe, "0.5 0 0 1/1 1\n").unwrap();
    fs::remove_file(&pipe).unwrap();
    fs::write(&pipe, "1.5 0 0 1/1 1\n").unwrap();
    while driver.hung.as_ref().is_some_and(|hung| !hung.is_finished()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(scan(&mut driver).await[0], (Quality::Good, Value::F32(1.5)));
    assert_eq!(driver.counters().timeouts, 2);
}
