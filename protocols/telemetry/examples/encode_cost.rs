//! What a reading costs in bytes and in time, beside row-wise protobuf and JSON.
//!
//! `cargo run --release -p forehearth-telemetry --example encode_cost`
#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::hint::black_box;
use std::time::Instant;

use forehearth_model::{
    Batch, BatchId, BootId, Catalogue, CatalogueHash, ClockState, DataType, DeviceEntry, DeviceId,
    Epoch, Grade, Lane, Quality, Reading, Run, Scaling, Stamp, TagEntry, TagId, TagKind, Value,
};
use forehearth_telemetry::json::Writer;
use forehearth_telemetry::native::{Compression, Encoder, decode};
use forehearth_telemetry::sparkplug::{DataHead, DataWriter, Freshness};

/// A plant: so many devices with so many tags of one type.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    devices: u32,
    tags: u32,
    scans: u32,
    signal: fn(u32, u32) -> Value,
}

/// Well mixed bits of a number (the finaliser of splitmix64), so that no
/// compressor finds a pattern that a plant would not have.
fn mixed(number: u64) -> u64 {
    let a = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

/// 16-bit converter: a level per tag and noise of four counts.
fn adc(tag: u32, scan: u32) -> Value {
    let level = mixed(u64::from(tag) + 1) % 27_648;
    let noise = mixed((u64::from(tag) << 32) + u64::from(scan) + 77) % 4;
    Value::Int((level + noise).cast_signed())
}

/// 32-bit counter: far apart, growing at different speeds.
fn counter(tag: u32, scan: u32) -> Value {
    Value::UInt(mixed(u64::from(tag) + 1) % (1 << 30) + u64::from(scan * (tag % 17)))
}

fn real(tag: u32, scan: u32) -> Value {
    let Value::Int(raw) = adc(tag, scan) else { return Value::Null };
    Value::F32(raw as f32 * 0.0125)
}

fn lreal(tag: u32, scan: u32) -> Value {
    let Value::Int(raw) = adc(tag, scan) else { return Value::Null };
    Value::F64(raw as f64 * 0.0125)
}

fn text(tag: u32, _: u32) -> Value {
    Value::Text(["running", "stopped", "fault: overload"][tag as usize % 3].into())
}

fn batch(load: &Load) -> Batch {
    let stamp = |scan: u32, device: u32| {
        Stamp(1_764_000_000_000_000 + i64::from(scan) * 1_000_000 + i64::from(device) * 997)
    };
    let places = || (0..load.scans).flat_map(|scan| (0..load.devices).map(move |d| (scan, d)));
    let reading = |scan: u32, tag: u32| Reading {
        tag: TagId(tag),
        quality: Quality::Good,
        value: (load.signal)(tag, scan),
    };
    Batch {
        id: BatchId::new(Epoch(7), 123_456),
        lane: Lane::Live,
        catalogue: CatalogueHash(0x0123_4567_89ab_cdef),
        boot: BootId(0xfedc_ba98_7654_3210),
        clock: ClockState::Synced,
        runs: places()
            .map(|(scan, device)| Run {
                device: DeviceId(device),
                stamp: stamp(scan, device),
                len: load.tags,
            })
            .collect(),
        readings: places()
            .flat_map(|(scan, device)| {
                (0..load.tags).map(move |tag| reading(scan, device * load.tags + tag))
            })
            .collect(),
    }
}

fn catalogue(load: &Load) -> Catalogue {
    let tag = |device: u32, tag: u32| TagEntry {
        device: DeviceId(device),
        name: format!("tag-{tag}"),
        data_type: match (load.signal)(0, 0) {
            Value::UInt(_) => DataType::Udint,
            Value::F32(_) => DataType::Real,
            Value::F64(_) => DataType::Lreal,
            Value::Text(_) => DataType::String,
            _ => DataType::Int,
        },
        scaling: Scaling::NONE,
        unit: "V".to_owned(),
        unit_code: "VLT".to_owned(),
        valid: None,
        kind: TagKind::Gauge,
        lane: Lane::Live,
        grade: Grade::General,
        plant_tag: String::new(),
        label: [String::new(), String::new()],
    };
    Catalogue {
        gateway: "gateway-7".to_owned(),
        path: "smelter/line-3".to_owned(),
        devices: (0..load.devices)
            .map(|n| DeviceEntry { name: format!("device-{n}"), handle: String::new() })
            .collect(),
        tags: (0..load.devices)
            .flat_map(|device| (0..load.tags).map(move |n| tag(device, n)))
            .collect(),
    }
}

/// A message per reading as a programmer would first write it: tag number,
/// time, quality, value.
fn row_wise(batch: &Batch) -> usize {
    use forehearth_telemetry::sparkplug::{Metric, Payload, encode};
    let mut payload = Payload::default();
    for (run, readings) in batch.iter() {
        payload.metrics.extend(readings.iter().map(|reading| Metric {
            alias: Some(reading.tag.0.into()),
            timestamp: Some(run.stamp.millis().unsigned_abs()),
            datatype: Some(3),
            value: forehearth_telemetry::sparkplug::metric_value(
                forehearth_telemetry::sparkplug::DataType::Double,
                &reading.value,
            ),
            ..Metric::default()
        }));
    }
    encode(&payload).len()
}

/// Nanoseconds per reading, the best of several rounds.
fn cost(readings: usize, mut work: impl FnMut() -> usize) -> (f64, f64) {
    let (mut best, mut bytes) = (f64::MAX, 0);
    for _ in 0..20 {
        let rounds = (200_000 / readings).max(1);
        let start = Instant::now();
        for _ in 0..rounds {
            bytes = black_box(work());
        }
        let each = start.elapsed().as_nanos() as f64 / (rounds * readings) as f64;
        best = best.min(each);
    }
    (bytes as f64 / readings as f64, best)
}

fn main() {
    let loads = [
        Load { name: "1,000 INT, 1 scan", devices: 1, tags: 1000, scans: 1, signal: adc },
        Load { name: "1,000 INT, 10 scans", devices: 1, tags: 1000, scans: 10, signal: adc },
        Load { name: "100 INT, 1 scan", devices: 1, tags: 100, scans: 1, signal: adc },
        Load { name: "50 x 20 INT, 1 scan", devices: 50, tags: 20, scans: 1, signal: adc },
        Load { name: "50 x 20 INT, 10 scans", devices: 50, tags: 20, scans: 10, signal: adc },
        Load { name: "1,000 x 1 INT, 1 scan", devices: 1000, tags: 1, scans: 1, signal: adc },
        Load { name: "50 x 1,000 UDINT", devices: 50, tags: 1000, scans: 1, signal: counter },
        Load { name: "1,000 REAL, 1 scan", devices: 1, tags: 1000, scans: 1, signal: real },
        Load { name: "1,000 REAL, 10 scans", devices: 1, tags: 1000, scans: 10, signal: real },
        Load { name: "1,000 LREAL, 1 scan", devices: 1, tags: 1000, scans: 1, signal: lreal },
        Load { name: "1,000 LREAL, 10 scans", devices: 1, tags: 1000, scans: 10, signal: lreal },
        Load { name: "1,000 STRING, 1 scan", devices: 1, tags: 1000, scans: 1, signal: text },
    ];
    println!("bytes a reading (ns a reading)");
    println!(
        "{:<24}{:>15}{:>15}{:>12}{:>15}{:>15}{:>15}",
        "", "native", "with zstd", "decode", "sparkplug", "row-wise", "json"
    );
    for load in &loads {
        let (batch, catalogue) = (batch(load), catalogue(load));
        let readings = batch.readings.len();
        let mut plain = Encoder::new(Compression::Off);
        let mut zstd = Encoder::new(Compression::WhenItPays);
        let bytes = plain.encode("gateway-7", &batch, &[]);
        assert_eq!(
            decode(&zstd.encode("gateway-7", &batch, &[])).map(|d| d.batch),
            Ok(batch.clone())
        );
        let native = cost(readings, || plain.encode("gateway-7", &batch, &[]).len());
        let squeezed = cost(readings, || zstd.encode("gateway-7", &batch, &[]).len());
        let decoded = cost(readings, || decode(&bytes).map_or(0, |d| d.batch.readings.len()));
        let mut writer = DataWriter::new(catalogue.tags.len());
        let sparkplug = cost(readings, || ddata(&mut writer, &catalogue, &batch));
        let rows = cost(readings, || row_wise(&batch));
        let mut json = Writer::new("gateway-7");
        let json = cost(readings, || {
            batch
                .iter()
                .map(|(run, readings)| json.device(&catalogue, &batch, run, readings).len())
                .sum()
        });
        let show = |(bytes, nanos): (f64, f64)| format!("{bytes:.2} ({nanos:.0})");
        println!(
            "{:<24}{:>15}{:>15}{:>12}{:>15}{:>15}{:>15}",
            load.name,
            show(native),
            show(squeezed),
            format!("({:.0})", decoded.1),
            show(sparkplug),
            show(rows),
            show(json)
        );
    }
}

/// One payload per device and scan.
fn ddata(writer: &mut DataWriter, catalogue: &Catalogue, batch: &Batch) -> usize {
    let head = DataHead {
        sent: Stamp(1_764_000_000_000_000),
        seq: 17,
        freshness: Freshness::Live,
        uuid: "gateway-7/7/123456",
    };
    let alias = |tag: TagId| Some(u64::from(tag.0) + 1);
    let payload = |(run, readings): (Run, _)| {
        writer.payload(&head, &catalogue.tags, alias, [(run.stamp, readings)]).bytes.len()
    };
    batch.iter().map(payload).sum()
}
