//! A small plant for tests: a pot cell and a safety system, four tags.

use forehearth_model::{
    Batch, BatchId, BootId, Catalogue, CatalogueHash, ClockState, DataType, DeviceEntry, DeviceId,
    Epoch, GapCause, GapRecord, Grade, Lane, Quality, Reading, Run, Scaling, Stamp, TagEntry,
    TagId, TagKind, Value,
};

/// `(device, stamp in ms, [(tag, raw)])` per run.
pub(crate) type Rows<'a> = &'a [(u32, i64, &'a [(u32, i64)])];

fn tag(device: u32, name: &str, data_type: DataType, grade: Grade) -> TagEntry {
    TagEntry {
        device: DeviceId(device),
        name: name.into(),
        data_type,
        scaling: Scaling::NONE,
        unit: "V".into(),
        unit_code: "VLT".into(),
        valid: None,
        kind: TagKind::Gauge,
        lane: Lane::Live,
        grade,
        plant_tag: String::new(),
        label: [String::new(), String::new()],
    }
}

/// Tags 0 voltage, 1 temperature (core), 2 running of `cell-001`; tag 3 esd
/// (important) of `sis`.
pub(crate) fn catalogue() -> Catalogue {
    let device = |name: &str| DeviceEntry { name: name.into(), handle: String::new() };
    Catalogue {
        gateway: "pot2-east".into(),
        path: "acme/guangxi".into(),
        devices: vec![device("cell-001"), device("sis")],
        tags: vec![
            tag(0, "voltage", DataType::Int, Grade::General),
            tag(0, "temperature", DataType::Int, Grade::Core),
            tag(0, "running", DataType::Int, Grade::General),
            tag(1, "esd", DataType::Int, Grade::Important),
        ],
    }
}

/// A batch of good readings under catalogue 1.
pub(crate) fn batch(number: u64, rows: Rows<'_>) -> Batch {
    let mut readings = Vec::new();
    let mut runs = Vec::new();
    for &(device, millis, values) in rows {
        runs.push(Run {
            device: DeviceId(device),
            stamp: Stamp::from_millis(millis),
            len: u32::try_from(values.len()).unwrap(),
        });
        readings.extend(values.iter().map(|&(tag, raw)| Reading {
            tag: TagId(tag),
            quality: Quality::Good,
            value: Value::Int(raw),
        }));
    }
    Batch {
        id: BatchId::new(Epoch(1), number),
        lane: Lane::Live,
        catalogue: CatalogueHash(1),
        boot: BootId(7),
        clock: ClockState::Synced,
        runs,
        readings,
    }
}

/// A shed range.
pub(crate) fn gap(id: u64) -> GapRecord {
    GapRecord {
        id,
        destination: "plant".into(),
        cause: GapCause::Shed,
        first: BatchId::new(Epoch(1), 10),
        last: BatchId::new(Epoch(1), 12),
        lane: Some(Lane::Live),
        readings: 30,
        from: Stamp::from_millis(1000),
        to: Stamp::from_millis(2000),
        declared: Stamp::from_millis(3000),
    }
}
