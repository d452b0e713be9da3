//! What the way through another process costs: readings per second and CPU per reading of both sides.
//!
//! `cargo run --release -p forehearth-driver-plugin --example plugin_cost` after
//! `cargo build --release -p forehearth-driver-plugin`: 10,000 tags, polled
//! without pause for some seconds. The built-in path beside it is the same
//! samples made in place.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::time::{Duration, Instant};

use forehearth_driver::Driver;
use forehearth_driver_plugin::{GroupSettings, PluginPoller, PluginSettings, Program, TagSettings};
use forehearth_model::{DeviceId, GroupId, Quality, Sample, Scan, Stamp, TagId, Value};
use forehearth_plugin_protocol::v1::Type;

const TAGS: u32 = 10_000;
const ROUNDS: u32 = 3000;

/// CPU seconds of this process, and of the children that were waited for.
fn cpu() -> (f64, f64) {
    let seconds = |fields: &[&str], at: usize| {
        (fields[at].parse::<f64>().unwrap() + fields[at + 1].parse::<f64>().unwrap()) / 100.0
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (seconds(&fields, 11), seconds(&fields, 13)) // utime stime, cutime cstime
}

#[tokio::main]
async fn main() {
    let villain = std::env::current_exe().unwrap();
    let villain = villain.parent().unwrap().parent().unwrap().join("forehearth-plugin-villain");
    let directory = std::env::temp_dir().join(format!("plugin-cost-{}", std::process::id()));
    let tag = |n| TagSettings {
        tag: TagId(n),
        at: format!("r{n}").into(),
        data_type: Type::Double,
        bits: 64,
        unit: String::new(),
        origin: None,
    };
    let group = GroupSettings {
        device: DeviceId(0),
        period: Duration::from_secs(1),
        tags: (0..TAGS).map(tag).collect(),
    };
    let program = Program {
        command: villain,
        arguments: vec!["good".to_owned()],
        directory: directory.clone(),
        user: None,
        memory: None,
    };
    let settings = PluginSettings {
        name: "cost".to_owned(),
        program,
        given: Vec::new(),
        groups: vec![group],
        timeout: Duration::from_secs(5),
        restate: Duration::from_secs(60),
    };
    let mut driver = PluginPoller::new(settings, || Stamp(0));
    driver.connect().await.unwrap();
    let readings = f64::from(TAGS) * f64::from(ROUNDS);
    let (began, before) = (Instant::now(), cpu());
    for _ in 0..ROUNDS {
        let mut scans = Vec::new();
        driver.scan(GroupId(0), &mut scans).await.unwrap();
        assert_eq!(scans.iter().map(|scan| scan.samples.len()).sum::<usize>(), TAGS as usize);
    }
    let (took, after) = (began.elapsed().as_secs_f64(), cpu());
    drop(driver);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let child = cpu().1 - after.1;
    let host = after.0 - before.0;
    let began = Instant::now();
    for round in 0..ROUNDS {
        let sample = |n| Sample {
            tag: TagId(n),
            quality: Quality::Good,
            value: Value::F64(f64::from(n + round)),
        };
        let samples = (0..TAGS).map(sample).collect();
        std::hint::black_box(Scan { device: DeviceId(0), stamp: Stamp(0), samples });
    }
    let in_place = began.elapsed().as_secs_f64();
    println!("{:.0} readings/s through the plugin", readings / took);
    println!("gateway: {:.3} µs CPU per reading", host / readings * 1e6);
    println!("plugin:  {:.3} µs CPU per reading, its start included", child / readings * 1e6);
    println!("the same samples made in place: {:.3} µs", in_place / readings * 1e6);
    let _ = std::fs::remove_dir_all(directory);
}
