//! A person who listens sees names, units and qualities, whatever the format.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use forehearth_model::{
    Batch, BatchId, BootId, Catalogue, ClockState, DataType, DeviceEntry, DeviceId, Epoch,
    GapCause, GapRecord, Grade, Lane, Quality, Reading, Run, Scaling, Stamp, TagEntry, TagId,
    TagKind, Value,
};
use forehearth_telemetry::json::Writer;
use forehearth_telemetry::native::{Skipped, encode};
use forehearth_telemetry::render::{Line, RenderError, Renderer, Row};
use forehearth_telemetry::sparkplug::{self, BirthTag, DataHead, DataWriter, Freshness};
use forehearth_telemetry::{catalogue, gap};
use proptest::prelude::*;

const STAMP: Stamp = Stamp(1_764_000_000_000_000);

fn plan() -> Catalogue {
    let tag = |name: &str, scale| TagEntry {
        device: DeviceId(0),
        name: name.to_owned(),
        data_type: DataType::Int,
        scaling: Scaling { scale, offset: 0.0, clamp: None },
        unit: "V".to_owned(),
        unit_code: String::new(),
        valid: None,
        kind: TagKind::Gauge,
        lane: Lane::Live,
        grade: Grade::General,
        plant_tag: String::new(),
        label: [String::new(), String::new()],
    };
    Catalogue {
        gateway: "gw-7".to_owned(),
        path: String::new(),
        devices: vec![DeviceEntry { name: "cell-1".to_owned(), handle: String::new() }],
        tags: vec![tag("U", 0.5), tag("n", 1.0)],
    }
}

fn readings() -> Vec<Reading> {
    vec![
        Reading { tag: TagId(0), quality: Quality::Good, value: Value::Int(9) },
        Reading { tag: TagId(1), quality: Quality::BadNoCommunication, value: Value::Null },
        Reading { tag: TagId(1), quality: Quality::Good, value: Value::Int(-3) },
    ]
}

fn batch() -> Batch {
    Batch {
        id: BatchId::new(Epoch(3), 17),
        lane: Lane::Live,
        catalogue: catalogue::hash(&catalogue::encode(&plan())),
        boot: BootId(1),
        clock: ClockState::Synced,
        runs: vec![Run { device: DeviceId(0), stamp: STAMP, len: 3 }],
        readings: readings(),
    }
}

fn row(tag: &str, value: Value, quality: Quality) -> Row {
    Row {
        time: STAMP,
        device: "cell-1".to_owned(),
        tag: tag.to_owned(),
        value,
        unit: "V".to_owned(),
        quality: quality.name(),
        historical: None,
        batch: "gw-7/3/17".to_owned(),
    }
}

fn expected() -> Vec<Row> {
    vec![
        row("U", Value::F64(4.5), Quality::Good),
        row("n", Value::Null, Quality::BadNoCommunication),
        row("n", Value::Int(-3), Quality::Good),
    ]
}

fn rows(lines: Vec<Line>) -> Vec<Row> {
    lines
        .into_iter()
        .filter_map(|line| match line {
            Line::Row(row) => Some(row),
            Line::Event { .. } => None,
        })
        .collect()
}

fn events(lines: Vec<Line>) -> Vec<String> {
    lines
        .into_iter()
        .filter_map(|line| match line {
            Line::Event { text, .. } => Some(text),
            Line::Row(_) => None,
        })
        .collect()
}

#[test]
fn a_native_batch_has_numbers_first_and_names_once_its_catalogue_came() {
    let mut renderer = Renderer::new();
    let bytes = encode("gw-7", &batch(), &[]);
    let before = rows(renderer.message("fh/v1/x/gw-7/batch/live", &bytes).unwrap());
    assert_eq!((&before[0].device[..], &before[0].tag[..]), ("#0", "#0"));
    assert_eq!(before[0].value, Value::Int(9), "raw, as nobody said the scale");

    assert!(!renderer.knows_catalogue(batch().catalogue));
    let topic = format!("fh/v1/x/gw-7/catalogue/{}", batch().catalogue);
    renderer.message(&topic, &catalogue::encode(&plan())).unwrap();
    assert!(renderer.knows_catalogue(batch().catalogue));
    let after = rows(renderer.message("fh/v1/x/gw-7/batch/live", &bytes).unwrap());
    assert_eq!(after, expected());
}

#[test]
fn skipped_batches_and_gaps_are_told() {
    let mut renderer = Renderer::new();
    let skipped = [Skipped { epoch: Epoch(3), first: 12, count: 5 }];
    let lines = renderer.native_batch(&encode("gw-7", &batch(), &skipped)).unwrap();
    assert_eq!(events(lines), ["batches 3/12…16: nothing for here"]);
    let record = GapRecord {
        id: 7,
        destination: "plant".to_owned(),
        cause: GapCause::Crash,
        first: BatchId::new(Epoch(2), 10),
        last: BatchId::new(Epoch(2), u64::MAX),
        lane: None,
        readings: 0,
        from: Stamp(0),
        to: Stamp(0),
        declared: STAMP,
    };
    let lines = renderer.message("fh/v1/gw-7/gap", &gap::encode("gw-7", &record)).unwrap();
    let text = events(lines).concat();
    assert!(text.contains("crash, batches 2/10 to unknown, readings: unknown"), "{text}");
}

fn births() -> (Vec<u8>, Vec<u8>) {
    let plan = plan();
    let metrics = (1..)
        .zip(&plan.tags)
        .map(|(alias, tag)| {
            sparkplug::birth_metric(&BirthTag {
                name: &tag.name,
                alias,
                tag,
                device: &plan.devices[0],
                stamp: STAMP,
                quality: Quality::Good,
                value: &Value::Int(1),
            })
        })
        .collect();
    let nbirth = sparkplug::encode(&sparkplug::nbirth(STAMP, 0, Vec::new()));
    (nbirth, sparkplug::encode(&sparkplug::dbirth(STAMP, 1, metrics)))
}

fn ddata(freshness: Freshness) -> Vec<u8> {
    let head = DataHead { sent: STAMP, seq: 2, freshness, uuid: "gw-7/3/17" };
    let alias = |tag: TagId| Some(u64::from(tag.0) + 1);
    let mut writer = DataWriter::new(2);
    writer.payload(&head, &plan().tags, alias, [(STAMP, &readings()[..])]).bytes
}

#[test]
fn sparkplug_data_has_the_names_units_and_types_of_its_birth() {
    let mut renderer = Renderer::new();
    let (nbirth, dbirth) = births();
    renderer.message("spBv1.0/G/NBIRTH/gw-7", &nbirth).unwrap();
    renderer.message("spBv1.0/G/DBIRTH/gw-7/cell-1", &dbirth).unwrap();
    for (freshness, historical) in [(Freshness::Live, false), (Freshness::Historical, true)] {
        let lines = renderer.message("spBv1.0/G/DDATA/gw-7/cell-1", &ddata(freshness)).unwrap();
        let expected: Vec<_> =
            expected().into_iter().map(|row| Row { historical: Some(historical), ..row }).collect();
        assert_eq!(rows(lines), expected);
    }
}

#[test]
fn a_new_birth_of_the_node_forgets_the_aliases_before() {
    let mut renderer = Renderer::new();
    let (nbirth, dbirth) = births();
    renderer.message("spBv1.0/G/NBIRTH/gw-7", &nbirth).unwrap();
    renderer.message("spBv1.0/G/DBIRTH/gw-7/cell-1", &dbirth).unwrap();
    renderer.message("spBv1.0/G/NBIRTH/gw-7", &nbirth).unwrap();
    let topic = "spBv1.0/G/DDATA/gw-7/cell-1";
    let lines = renderer.message(topic, &ddata(Freshness::Live)).unwrap();
    assert_eq!(rows(lines)[0].tag, "#1");
}

#[test]
fn an_unknown_format_is_named() {
    let mut renderer = Renderer::new();
    let refused = renderer.message("plant/other", b"\xff\xff");
    assert_eq!(refused, Err(RenderError::Format("plant/other".to_owned())));
    let json = renderer.message("plant/json", b"{\"x\":1}").unwrap();
    assert_eq!(events(json), ["{\"x\":1}"]);
}

#[test]
fn json_of_a_device_and_of_a_tag_shows_the_same_rows() {
    let mut renderer = Renderer::new();
    let mut writer = Writer::new("gw-7");
    let (plan, batch) = (plan(), batch());
    let body = writer.device(&plan, &batch, batch.runs[0], &batch.readings).to_owned();
    let lines = renderer.message("fh/json/cell-1", body.as_bytes()).unwrap();
    assert_eq!(rows(lines), expected());
    for (reading, expected) in batch.readings.iter().zip(expected()) {
        let tag = &plan.tags[reading.tag.index()];
        let body = writer.tag(tag, batch.id, STAMP, reading).to_owned();
        let topic = format!("fh/json/cell-1/{}", tag.name);
        assert_eq!(rows(renderer.message(&topic, body.as_bytes()).unwrap()), [expected]);
    }
}

proptest! {
    #[test]
    fn no_message_makes_it_panic(
        topic in prop::sample::select(vec![
            "spBv1.0/G/DDATA/n/d", "spBv1.0/G/NBIRTH/n", "spBv1.0/STATE/h", "a/batch/live",
            "a/catalogue/0", "a/gap", "a/health", "a",
        ]),
        payload: Vec<u8>,
    ) {
        let _ = Renderer::new().message(topic, &payload);
    }
}
