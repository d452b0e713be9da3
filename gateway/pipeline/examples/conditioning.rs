//! What deadband, swinging door and windows save, at which error: `cargo run --release -p forehearth-pipeline --example conditioning`.
//!
//! Fifty tags of each kind are made from the physics in words (seed 1, the
//! same in every run), sent through the pipeline and encoded as native
//! batches of one second. The error is that of a consumer who holds the last
//! reading (deadband) or joins readings by straight lines (swinging door).
//! docs/conditioning.md shows the table.
#![allow(clippy::print_stdout, clippy::cast_possible_truncation)]

use std::time::{Duration, Instant};

use forehearth_model::{
    BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Sample, Scaling, Scan,
    Stamp, TagId, Value,
};
use forehearth_pipeline::{
    Destinations, Filter, Keep, Pipeline, Report, Rule, Settings, Stages, WindowStage,
};
use forehearth_telemetry::native::{Compression, Encoder};

const TAGS: u32 = 50;

/// One kind of signal.
struct Signal {
    name: &'static str,
    unit: &'static str,
    period: Duration,
    scans: u32,
    max_gap: Duration,
    scaling: Scaling,
    /// Errors to try, in engineering units.
    errors: [f64; 3],
    raw: fn(&mut Source, f64) -> Value,
}

/// What a consumer does between two readings.
#[derive(Clone, Copy)]
enum Between {
    Holds,
    Joins,
    Nothing,
}

fn main() {
    println!(
        "| signal | reported by | readings | of samples | bytes a sample | saved | largest error | rms error |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|");
    let tenth = Scaling { scale: 0.1, ..Scaling::NONE };
    let signals = [
        Signal {
            name: "pot voltage, 2/s, 1 h, with anode effects",
            unit: "V",
            period: Duration::from_millis(500),
            scans: 7200,
            max_gap: Duration::from_secs(60),
            scaling: Scaling { scale: 0.001, ..Scaling::NONE },
            errors: [0.01, 0.02, 0.05],
            raw: pot_voltage,
        },
        Signal {
            name: "bath temperature, 6/min, 24 h, with tapping",
            unit: "degC",
            period: Duration::from_secs(10),
            scans: 8640,
            max_gap: Duration::from_secs(600),
            scaling: tenth,
            errors: [0.5, 1.0, 2.0],
            raw: bath_temperature,
        },
        Signal {
            name: "mill force, 20/s, 10 min, 12 passes",
            unit: "kN",
            period: Duration::from_millis(50),
            scans: 12_000,
            max_gap: Duration::from_secs(60),
            scaling: Scaling::NONE,
            errors: [50.0, 100.0, 200.0],
            raw: mill_force,
        },
    ];
    for signal in &signals {
        table(signal);
    }
}

/// The rows of one signal.
fn table(signal: &Signal) {
    let mut sources: Vec<Source> = (0..TAGS).map(Source::new).collect();
    let scans: Vec<Vec<Value>> = (0..signal.scans)
        .map(|scan| {
            let second = f64::from(scan) * signal.period.as_secs_f64();
            sources.iter_mut().map(|source| (signal.raw)(source, second)).collect()
        })
        .collect();
    let none = Stages::default;
    let by_exception = |deadband| Report::ByException { deadband, max_gap: signal.max_gap };
    let all = run(signal, &scans, Report::EverySample, &none());
    row(signal, &scans, "every sample", &all, all.bytes, Between::Holds);
    let change = run(signal, &scans, by_exception(0.0), &none());
    row(signal, &scans, "change", &change, all.bytes, Between::Holds);
    for error in signal.errors {
        let deadband = run(signal, &scans, by_exception(error), &none());
        let name = format!("deadband {error} {}", signal.unit);
        row(signal, &scans, &name, &deadband, all.bytes, Between::Holds);
        let swing = Stages { swing: Some(error), ..none() };
        let swing = run(signal, &scans, by_exception(0.0), &swing);
        let name = format!("swing {error} {}", signal.unit);
        row(signal, &scans, &name, &swing, all.bytes, Between::Joins);
    }
    let smooth = signal.period * 4;
    let filters = vec![Filter::Smooth { time: smooth }];
    let smoothed = Stages { filters, swing: Some(signal.errors[0]), ..none() };
    let smoothed = run(signal, &scans, by_exception(0.0), &smoothed);
    let name = format!("smooth {smooth:?}, swing {} {}", signal.errors[0], signal.unit);
    row(signal, &scans, &name, &smoothed, all.bytes, Between::Nothing);
    let every = signal.period * 20;
    let kept = [Keep::Min, Keep::Max, Keep::Mean, Keep::Rms];
    let keep = kept.into_iter().zip((TAGS..).map(TagId)).collect();
    let window = WindowStage { every, step: None, period: signal.period, keep };
    let window = Stages { window: Some(window), ..none() };
    let windows = run(signal, &scans, by_exception(f64::INFINITY), &window);
    let name = format!("windows of {every:?}: min max mean rms");
    row(signal, &scans, &name, &windows, all.bytes, Between::Nothing);
}

/// What one way of reporting gave.
struct Outcome {
    readings: u64,
    bytes: usize,
    /// Per source tag: when and what, in engineering units.
    told: Vec<Vec<(i64, f64)>>,
}

fn run(signal: &Signal, scans: &[Vec<Value>], report: Report, stages: &Stages) -> Outcome {
    let rule = Rule { scaling: signal.scaling, valid: None, report, lane: Lane::Live };
    // Windows tell tags behind the sources, four for each of them.
    let rules = std::iter::repeat_n(rule, TAGS as usize * 5);
    let start = Instant::now();
    let (catalogue, boot) = (CatalogueHash(1), BootId(1));
    let settings =
        Settings::new(Epoch(1), catalogue, boot, ClockState::Synced, Duration::from_secs(1));
    let mut pipeline = Pipeline::new(rules, &settings, start);
    pipeline.stage((0..TAGS).map(|tag| (TagId(tag), of_tag(stages, tag))));
    let mut outcome = Outcome { readings: 0, bytes: 0, told: vec![Vec::new(); TAGS as usize] };
    let mut encoder = Encoder::new(Compression::WhenItPays);
    let mut now = start;
    for (scan, values) in scans.iter().enumerate() {
        now += signal.period;
        let stamp = Stamp(stamp(signal, scan));
        let samples = (0..).map(TagId).zip(values);
        let samples = samples
            .map(|(tag, value)| Sample { tag, quality: Quality::Good, value: value.clone() })
            .collect();
        pipeline.take(&Scan { device: DeviceId(0), stamp, samples }, now);
        drain(&mut pipeline, now, &mut encoder, signal, &mut outcome);
    }
    pipeline.flush(now);
    drain(&mut pipeline, now, &mut encoder, signal, &mut outcome);
    outcome
}

/// The stages of one of the tags: its windows are told by tags of its own.
fn of_tag(stages: &Stages, tag: u32) -> Stages {
    let mut stages = stages.clone();
    for (_, told) in stages.window.iter_mut().flat_map(|window| &mut window.keep) {
        told.0 += 4 * tag;
    }
    stages
}

fn stamp(signal: &Signal, scan: usize) -> i64 {
    1_764_000_000_000_000 + scan as i64 * signal.period.as_micros() as i64
}

fn drain(
    pipeline: &mut Pipeline,
    now: Instant,
    encoder: &mut Encoder,
    signal: &Signal,
    outcome: &mut Outcome,
) {
    while let Some(sealed) = pipeline.poll(now, Destinations::Busy) {
        outcome.bytes += encoder.encode("gw-1", &sealed.batch, &[]).len();
        outcome.readings += sealed.batch.readings.len() as u64;
        for (run, readings) in sealed.batch.iter() {
            for reading in readings {
                if let (Some(told), Some(raw)) =
                    (outcome.told.get_mut(reading.tag.index()), reading.value.as_f64())
                {
                    told.push((run.stamp.micros(), signal.scaling.apply(raw)));
                }
            }
        }
    }
}

fn row(
    signal: &Signal,
    scans: &[Vec<Value>],
    way: &str,
    outcome: &Outcome,
    all: usize,
    between: Between,
) {
    let samples = scans.len() as f64 * f64::from(TAGS);
    let (largest, rms) = match between {
        Between::Nothing => ("-".to_owned(), "-".to_owned()),
        _ => {
            let (largest, rms) = errors(signal, scans, outcome, between);
            (format!("{largest:.4}"), format!("{rms:.4}"))
        }
    };
    println!(
        "| {} | {way} | {} | {:.2} % | {:.3} | {:.1} % | {largest} | {rms} |",
        signal.name,
        outcome.readings,
        100.0 * outcome.readings as f64 / samples,
        outcome.bytes as f64 / samples,
        100.0 * (1.0 - outcome.bytes as f64 / all as f64),
    );
}

/// Largest and rms difference between what was sampled and what a consumer sees.
fn errors(
    signal: &Signal,
    scans: &[Vec<Value>],
    outcome: &Outcome,
    between: Between,
) -> (f64, f64) {
    let (mut largest, mut squares, mut count) = (0.0_f64, 0.0, 0.0_f64);
    for (tag, told) in outcome.told.iter().enumerate() {
        let mut place = 0;
        for (scan, values) in scans.iter().enumerate() {
            let Some(raw) = values[tag].as_f64() else { continue };
            let at = stamp(signal, scan);
            while place + 1 < told.len() && told[place + 1].0 <= at {
                place += 1;
            }
            let (from, value) = told[place];
            let seen = match (between, told.get(place + 1)) {
                (Between::Joins, Some((to, next))) => {
                    value + (next - value) * (at - from) as f64 / (to - from) as f64
                }
                _ => value,
            };
            let error = (seen - signal.scaling.apply(raw)).abs();
            largest = largest.max(error);
            squares += error * error;
            count += 1.0;
        }
    }
    (largest, (squares / count).sqrt())
}

/// One instrument with its noise.
struct Source {
    seed: u64,
    /// 0 to 1: where in its cycles it stands.
    phase: f64,
    drift: f64,
}

impl Source {
    fn new(tag: u32) -> Self {
        let mut source = Self { seed: 1 + u64::from(tag), phase: 0.0, drift: 0.0 };
        source.phase = source.uniform();
        source
    }

    /// 0 to 1 (splitmix64).
    fn uniform(&mut self) -> f64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal with a standard deviation of 1 (sum of twelve uniforms).
    fn noise(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// Millivolts: 4.1 V, falls and rises by 30 mV with the alumina feed of 20
/// minutes, 5 mV of bubble noise; every second pot has an anode effect of
/// three minutes at some 25 V.
fn pot_voltage(source: &mut Source, second: f64) -> Value {
    let feed = (second / 1200.0 + source.phase) % 1.0;
    let ramp = if feed < 0.5 { feed } else { 1.0 - feed };
    let mut volts = 4.1 + 0.12 * (ramp - 0.25) + 0.005 * source.noise();
    let effect = second - 600.0 - 2400.0 * source.phase;
    if source.phase < 0.5 && (0.0..180.0).contains(&effect) {
        volts += 21.0 * (1.0 - (-effect / 2.0).exp()) + 0.8 * source.noise();
    }
    Value::Int((volts * 1000.0).round() as i64)
}

/// Tenths of a degree: 958 with a slow walk and 0.3 degrees of noise; tapping
/// lets it fall by 8 degrees and recover in two hours.
fn bath_temperature(source: &mut Source, second: f64) -> Value {
    source.drift += 0.02 * source.noise() - 0.0005 * source.drift;
    let since = (second / 3600.0 + 24.0 * source.phase) % 24.0;
    let tapped = -8.0 * (-since / 0.7).exp();
    let degrees = 958.0 + source.drift + tapped + 0.3 * source.noise();
    Value::Int((degrees * 10.0).round() as i64)
}

/// Kilonewtons: passes of 30 s between pauses of 20 s; the bite overshoots,
/// the plateau carries eccentricity of the rolls (1.1 Hz) and 15 kN of noise.
fn mill_force(source: &mut Source, second: f64) -> Value {
    let within = (second + 50.0 * source.phase) % 50.0;
    let turn = std::f64::consts::TAU * second;
    let force = if within < 30.0 {
        let bite = 1.0 + 0.25 * (-within / 0.3).exp();
        12_000.0 * bite + 120.0 * (1.1 * turn).sin() + 15.0 * source.noise()
    } else {
        40.0 + 5.0 * source.noise()
    };
    Value::Int(force.round() as i64)
}
