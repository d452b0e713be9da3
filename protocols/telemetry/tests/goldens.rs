//! Bytes that left a gateway once are read for ever.
//!
//! `goldens/v1` holds frozen messages (goldens/README.md says how each came to
//! be). A test here decodes them, and `docs/consumers/decode_native.py` must
//! print the same readings. Never rewrite a golden: a change that needs it is
//! a new version with goldens of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use forehearth_model::{
    Batch, BatchId, BootId, Catalogue, CatalogueHash, ClockState, DataType, DestinationLedger,
    DeviceEntry, DeviceId, Epoch, GapCause, GapRecord, Grade, Lane, Ledger, Quality, Reading, Run,
    Scaling, Stamp, TagEntry, TagId, TagKind, Value,
};
use forehearth_telemetry::health::{Health, State};
use forehearth_telemetry::native::{
    Baseline, BaselineName, Baselines, Compression, DecodeError, Encoder, Skipped, decode,
    decode_with, encode,
};
use forehearth_telemetry::{catalogue, gap, health};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/v1")
}

/// The frozen bytes; writes them when there are none yet.
fn frozen(name: &str, encoded: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = folder().join(name);
    if !path.exists() && env::var_os("FOREHEARTH_FREEZE").is_some() {
        fs::write(&path, encoded()).unwrap();
    }
    fs::read(path).unwrap()
}

fn tag(device: u32, name: &str, data_type: DataType, scaling: Scaling) -> TagEntry {
    TagEntry {
        device: DeviceId(device),
        name: name.to_owned(),
        data_type,
        scaling,
        unit: "V".to_owned(),
        unit_code: "VLT".to_owned(),
        valid: Some((0.0, 6.0)),
        kind: TagKind::Gauge,
        lane: Lane::Live,
        grade: Grade::Important,
        plant_tag: "EI-101".to_owned(),
        label: ["cell voltage".to_owned(), "槽电压".to_owned()],
    }
}

fn plan() -> Catalogue {
    let device =
        |name: &str, handle: &str| DeviceEntry { name: name.to_owned(), handle: handle.to_owned() };
    let millivolts = Scaling { scale: 0.001, offset: 0.0, clamp: Some((0.0, 10.0)) };
    Catalogue {
        gateway: "gw-7".to_owned(),
        path: "smelter/line-3".to_owned(),
        devices: vec![device("cell-1", "86.100.1/cell-1"), device("meter", "")],
        tags: vec![
            tag(0, "U", DataType::Int, millivolts),
            tag(0, "count", DataType::Udint, Scaling::NONE),
            tag(0, "alarm", DataType::Bool, Scaling::NONE),
            tag(1, "power", DataType::Real, Scaling::NONE),
            tag(1, "energy", DataType::Lreal, Scaling::NONE),
            tag(1, "state", DataType::String, Scaling::NONE),
        ],
    }
}

fn reading(tag: u32, value: Value) -> Reading {
    Reading { tag: TagId(tag), quality: Quality::Good, value }
}

/// Two devices, three woven scans each, every kind of value, a failed tag.
fn every_kind() -> Batch {
    let mut batch = Batch {
        id: BatchId::new(Epoch(3), 17),
        lane: Lane::Live,
        catalogue: catalogue::hash(&catalogue::encode(&plan())),
        boot: BootId(0xfedc_ba98_7654_3210),
        clock: ClockState::Synced,
        runs: Vec::new(),
        readings: Vec::new(),
    };
    for scan in 0..3_i64 {
        let stamp = Stamp(1_764_000_000_000_000 + scan * 1_000_000);
        batch.runs.push(Run { device: DeviceId(0), stamp, len: 3 });
        batch.readings.extend([
            reading(0, Value::Int(4200 - 7 * scan)),
            reading(1, Value::UInt(4_000_000_000 + scan.unsigned_abs())),
            reading(2, Value::Bool(scan == 1)),
        ]);
        batch.runs.push(Run { device: DeviceId(1), stamp: Stamp(stamp.0 + 250), len: 3 });
        batch.readings.extend([
            reading(3, Value::F32(-1.5 - scan as f32)),
            reading(4, Value::F64(1e300 * scan as f64)),
            reading(5, Value::Text("läuft".into())),
        ]);
    }
    batch.readings[9].value = Value::Null;
    batch.readings[9].quality = Quality::BadNoCommunication;
    batch.readings[12].quality = Quality::UncertainOutOfRange;
    batch
}

/// 300 tags at one scan: three blocks, and tags that are not neighbours.
fn wide() -> Batch {
    let readings: Vec<_> = (0..300_u32)
        .map(|n| reading(n * 2 + u32::from(n > 150), Value::Int(i64::from(n * n) - 1000)))
        .collect();
    Batch {
        id: BatchId::new(Epoch(4), 1),
        lane: Lane::Alarm,
        clock: ClockState::Unset,
        runs: vec![Run { device: DeviceId(0), stamp: Stamp(-1), len: 300 }],
        readings,
        ..every_kind()
    }
}

/// 100 equal texts, so that zstd pays.
fn texts() -> Batch {
    let text = "anode beam blocked, call the shift";
    Batch {
        id: BatchId::new(Epoch(4), 2),
        runs: vec![Run { device: DeviceId(1), stamp: Stamp(0), len: 100 }],
        readings: (0..100).map(|n| reading(n, Value::Text(text.into()))).collect(),
        ..every_kind()
    }
}

const SKIPPED: [Skipped; 1] = [Skipped { epoch: Epoch(3), first: 12, count: 5 }];

fn batches() -> [(&'static str, Batch, Vec<u8>); 3] {
    let mut squeezing = Encoder::new(Compression::WhenItPays);
    let kinds = frozen("every_kind.batch", || encode("gw-7", &every_kind(), &SKIPPED));
    let wide_bytes = frozen("wide.batch", || encode("gw-7", &wide(), &[]));
    let zstd = frozen("texts_zstd.batch", || squeezing.encode("gw-7", &texts(), &[]));
    [
        ("every_kind.batch", every_kind(), kinds),
        ("wide.batch", wide(), wide_bytes),
        ("texts_zstd.batch", texts(), zstd),
    ]
}

#[test]
fn frozen_batches_still_say_the_same() {
    for (name, batch, bytes) in batches() {
        let decoded = decode(&bytes).unwrap();
        assert_eq!(decoded.gateway, "gw-7", "{name}");
        assert_eq!(decoded.batch, batch, "{name}");
        let skipped = if name == "every_kind.batch" { &SKIPPED[..] } else { &[] };
        assert_eq!(decoded.skipped, skipped, "{name}");
    }
}

/// The same plant three minutes later, against what it held before.
fn against() -> Batch {
    let mut batch = every_kind();
    batch.id = BatchId::new(Epoch(3), 18);
    for reading in &mut batch.readings {
        match &mut reading.value {
            Value::Int(int) => *int += 3,
            Value::UInt(int) => *int += 180,
            Value::F32(real) => *real *= 1.5,
            _ => {}
        }
    }
    batch
}

/// A baseline and a batch told against it.
fn version_2() -> (Vec<u8>, Vec<u8>) {
    let baseline = frozen("../v2/plant.baseline", || encode("gw-7", &every_kind(), &[]));
    let against = frozen("../v2/against.batch", || {
        let mut known = Baseline::default();
        known.take(&every_kind());
        let base = Some((BaselineName::of(&baseline), &known));
        Encoder::new(Compression::Off).encode_against("gw-7", &against(), &[], base)
    });
    (baseline, against)
}

#[test]
fn a_frozen_batch_of_version_2_says_the_same_with_its_baseline_and_nothing_without() {
    let (baseline, bytes) = version_2();
    let mut known = Baselines::default();
    let name = known.learn(&baseline).unwrap();
    assert_eq!(name, BaselineName::of(&baseline));
    assert_eq!(decode_with(&bytes, &known).unwrap().batch, against());
    assert_eq!(decode(&bytes), Err(DecodeError::Baseline(name)));
    assert_eq!(&bytes[..2], [8, 2], "a reader of version 1 refuses it");
}

#[test]
fn the_python_decoder_reads_version_2() {
    version_2();
    let v2 = folder().join("../v2");
    let read = |files: &[&str]| {
        let files = files.iter().map(|file| v2.join(file));
        Command::new(python()).arg(decoder()).args(files).output().unwrap()
    };
    let output = read(&["plant.baseline", "against.batch"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected_lines(&against()));
    assert!(!read(&["against.batch"]).status.success(), "never values without their baseline");
}

#[test]
fn the_frozen_catalogue_still_says_the_same_under_the_same_hash() {
    let bytes = frozen("plan.catalogue", || catalogue::encode(&plan()));
    assert_eq!(catalogue::decode(&bytes), Ok(plan()));
    assert_eq!(catalogue::encode(&plan()), bytes, "the hash of a plan must not move");
    assert_eq!(catalogue::hash(&bytes), CatalogueHash(6_732_801_062_111_566_133));
}

#[test]
fn the_frozen_gap_and_health_still_say_the_same() {
    let record = GapRecord {
        id: 7,
        destination: "plant".to_owned(),
        cause: GapCause::Crash,
        first: BatchId::new(Epoch(2), 10),
        last: BatchId::new(Epoch(2), u64::MAX),
        lane: None,
        readings: 0,
        from: Stamp(1_764_000_000_000_000),
        to: Stamp(1_764_000_000_400_000),
        declared: Stamp(1_764_000_009_000_000),
    };
    let bytes = frozen("crash.gap", || gap::encode("gw-7", &record));
    assert_eq!(gap::decode(&bytes), Ok(("gw-7".to_owned(), record)));

    let plant = DestinationLedger {
        name: "plant".to_owned(),
        recovered: 1,
        delivered: 20,
        waiting: 300,
        shed: 4000,
        expired: 50_000,
        filtered: 600_000,
    };
    let books = Ledger {
        acquired: 700_000,
        suppressed: 46_679,
        pending: 1,
        batched: 653_320,
        destinations: vec![plant],
    };
    let status = Health {
        gateway: "gw-7".to_owned(),
        state: State::Online,
        time: Stamp(1_764_000_000_000_000),
        epoch: Epoch(3),
        boot: BootId(1),
        clock: ClockState::Holdover,
        catalogue: CatalogueHash(2),
        ledger: books,
    };
    let bytes = frozen("online.health", || health::encode(&status));
    assert_eq!(health::decode(&bytes), Ok(status));
}

/// What the Python decoder prints, one reading a line.
fn expected_lines(batch: &Batch) -> String {
    let mut lines = String::new();
    for (run, readings) in batch.iter() {
        for reading in readings {
            let value = match &reading.value {
                Value::Null => "None".to_owned(),
                Value::Bool(true) => "True".to_owned(),
                Value::Bool(false) => "False".to_owned(),
                Value::F32(real) => format!("{real:?}"),
                Value::F64(real) if real.abs() >= 1e16 => format!("{real:?}").replace('e', "e+"),
                Value::F64(real) => format!("{real:?}"),
                other => other.to_string(),
            };
            let (stamp, device) = (run.stamp.micros(), run.device.0);
            let (tag, quality) = (reading.tag.0, reading.quality.code());
            lines += &format!("gw-7/{} {stamp} {device} {tag} {quality} {value}\n", batch.id);
        }
    }
    lines
}

/// The Python of the tests (`make test` makes the venv), else the machine's.
fn python() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    if venv.exists() { venv } else { "python3".into() }
}

fn decoder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/consumers/decode_native.py")
}

fn assert_python_reads(name: &str, batch: &Batch) {
    let output = Command::new(python()).arg(decoder()).arg(folder().join(name)).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected_lines(batch), "{name}");
}

#[test]
fn the_python_decoder_is_short_and_reads_the_goldens_alike() {
    let lines = fs::read_to_string(decoder()).unwrap().lines().count();
    assert!(lines <= 60, "the decoder has {lines} lines; it promises at most 60");
    assert_python_reads("every_kind.batch", &every_kind());
    assert_python_reads("wide.batch", &wide());
}

/// A Python without zstd (before 3.14, without `zstandard`) must say so.
#[test]
fn the_python_decoder_reads_compressed_batches_or_says_what_it_lacks() {
    let probe = "try: import compression.zstd\nexcept ImportError: import zstandard";
    let has_zstd = Command::new(python()).args(["-c", probe]).output().unwrap().status.success();
    if has_zstd {
        assert_python_reads("texts_zstd.batch", &texts());
    } else {
        let golden = folder().join("texts_zstd.batch");
        let output = Command::new(python()).arg(decoder()).arg(golden).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("zstandard"));
    }
}
