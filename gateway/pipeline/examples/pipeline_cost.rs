//! What a sample costs in the pipeline: `cargo run --release -p forehearth-pipeline --example pipeline_cost`.
//!
//! 50 devices of 1,000 tags are scanned each second; one core scales, judges,
//! filters and batches. Scans are made outside the measured time.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use forehearth_model::{
    BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Sample, Scaling, Scan,
    Stamp, TagId, Value,
};
use forehearth_pipeline::{
    AlarmLimits, AlarmStage, Destinations, Filter, Pipeline, Report, Rule, Settings, Stages,
};

const DEVICES: u32 = 50;
const TAGS: u32 = 1000;
const ROUNDS: u64 = 200;

fn main() {
    println!("{:<34} {:>10} {:>10} {:>9}", "case", "M/s", "ns/sample", "news");
    measure("every change, counters", 0.0, |round, tag| Value::UInt(round + u64::from(tag)));
    measure("deadband, noise inside it", 5.0, |round, tag| Value::Int(noise(round, tag) % 40));
    measure("deadband, one in four beyond", 30.0, |round, tag| {
        Value::Int(noise(round, tag) % 1000 / 750 * 700)
    });
    measure("floats, deadband, noise", 5.0, |round, tag| {
        Value::F32(f32::from(u8::try_from(noise(round, tag) % 40).unwrap_or(0)))
    });
    let stages = Stages::default;
    staged("swinging door, noise inside", &Stages { swing: Some(5.0), ..stages() });
    staged("swinging door, every corner", &Stages { swing: Some(0.0), ..stages() });
    let filters = vec![Filter::Median { window: 5 }];
    staged("median of 5, swinging door", &Stages { filters, swing: Some(5.0), ..stages() });
    let filters = vec![Filter::Smooth { time: Duration::from_secs(5) }];
    staged("smoothing, swinging door", &Stages { filters, swing: Some(5.0), ..stages() });
    let limits = AlarmLimits { h: Some(1e6), l: Some(-1e6), ..AlarmLimits::default() };
    let tag = TagId(DEVICES * TAGS);
    let alarm = Some(AlarmStage { limits, tag, state: None, group: None });
    staged("two limits, swinging door", &Stages { alarm, swing: Some(5.0), ..stages() });
}

/// A case in which every tag has the same stages.
fn staged(case: &str, stages: &Stages) {
    let all = (0..DEVICES * TAGS).map(|tag| (TagId(tag), stages.clone())).collect();
    measure_with(case, 0.0, all, |round, tag| Value::Int(noise(round, tag) % 40));
}

/// A case without stages.
fn measure(case: &str, deadband: f64, value: fn(u64, u32) -> Value) {
    measure_with(case, deadband, Vec::new(), value);
}

/// Runs all rounds of one case and prints its row.
fn measure_with(
    case: &str,
    deadband: f64,
    stages: Vec<(TagId, Stages)>,
    value: fn(u64, u32) -> Value,
) {
    let rule = Rule {
        scaling: Scaling { scale: 0.1, offset: -10.0, clamp: None },
        valid: Some((-1000.0, 1e9)),
        report: Report::ByException { deadband, max_gap: Duration::from_secs(60) },
        lane: Lane::Live,
    };
    // One more, for what alarms tell.
    let rules = std::iter::repeat_n(rule, (DEVICES * TAGS) as usize + 1);
    let within = Duration::from_millis(100);
    let (catalogue, boot) = (CatalogueHash(1), BootId(1));
    let settings = Settings::new(Epoch(1), catalogue, boot, ClockState::Synced, within);
    let mut now = Instant::now();
    let mut pipeline = Pipeline::new(rules, &settings, now);
    pipeline.stage(stages);
    let mut busy = Duration::ZERO;
    for round in 0..ROUNDS {
        let scans: Vec<Scan> = (0..DEVICES).map(|device| scan(device, round, value)).collect();
        let began = Instant::now();
        for scan in &scans {
            now += Duration::from_secs(1) / DEVICES;
            pipeline.take(scan, now);
            while let Some(sealed) = pipeline.poll(now, Destinations::Busy) {
                drop(std::hint::black_box(sealed));
            }
        }
        busy += began.elapsed();
    }
    let counts = pipeline.counts();
    let nanos = busy.as_secs_f64() * 1e9 / counts.acquired as f64;
    let news = 100.0 * (counts.acquired - counts.suppressed) as f64 / counts.acquired as f64;
    println!("{case:<34} {:>10.1} {nanos:>10.1} {news:>8.1}%", 1000.0 / nanos);
}

fn scan(device: u32, round: u64, value: fn(u64, u32) -> Value) -> Scan {
    let samples = (device * TAGS..(device + 1) * TAGS)
        .map(|tag| Sample { tag: TagId(tag), quality: Quality::Good, value: value(round, tag) })
        .collect();
    Scan { device: DeviceId(device), stamp: Stamp(round as i64 * 1_000_000), samples }
}

/// A number without pattern, the same in every run.
fn noise(round: u64, tag: u32) -> i64 {
    let mixed = (round << 32 | u64::from(tag)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    i64::from((mixed >> 40) as u32)
}
