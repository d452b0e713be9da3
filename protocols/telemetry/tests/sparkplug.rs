//! Births, data and deaths hold what Sparkplug 3.0 asks for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use forehearth_model::{
    DataType as Iec, DeviceEntry, DeviceId, Grade, Lane, Quality, Reading, Scaling, Stamp,
    TagEntry, TagId, TagKind, Value,
};
use forehearth_telemetry::proto::sparkplug::payload::{metric, property_value};
use forehearth_telemetry::sparkplug::{
    self, BirthTag, DataHead, DataType, DataWriter, Freshness, Metric, Payload,
};
use proptest::prelude::*;

fn tag(name: &str, data_type: Iec, scaling: Scaling) -> TagEntry {
    TagEntry {
        device: DeviceId(0),
        name: name.to_owned(),
        data_type,
        scaling,
        unit: "V".to_owned(),
        unit_code: "VLT".to_owned(),
        valid: None,
        kind: TagKind::Gauge,
        lane: Lane::Live,
        grade: Grade::Core,
        plant_tag: "EI-101".to_owned(),
        label: [String::new(), String::new()],
    }
}

fn tenth() -> Scaling {
    Scaling { scale: 0.1, offset: 0.0, clamp: None }
}

fn born(tag: &TagEntry, quality: Quality, value: &Value) -> Metric {
    let device = DeviceEntry { name: "cell-1".to_owned(), handle: "86.100.1/cell-1".to_owned() };
    sparkplug::birth_metric(&BirthTag {
        name: &tag.name,
        alias: 7,
        tag,
        device: &device,
        stamp: Stamp::from_millis(1000),
        quality,
        value,
    })
}

fn head(freshness: Freshness) -> DataHead<'static> {
    DataHead { sent: Stamp::from_millis(5000), seq: 255, freshness, uuid: "gw-7/3/17" }
}

fn reading(tag: u32, quality: Quality, value: Value) -> Reading {
    Reading { tag: TagId(tag), quality, value }
}

fn payload(writer: &mut DataWriter, tags: &[TagEntry], readings: &[Reading]) -> Payload {
    let runs = [(Stamp::from_millis(4000), readings)];
    let data = writer.payload(&head(Freshness::Live), tags, |tag| Some(u64::from(tag.0) + 1), runs);
    assert_eq!((data.metrics as usize, data.unknown), (readings.len(), 0));
    sparkplug::decode(&data.bytes).unwrap()
}

#[test]
fn a_birth_tells_everything_of_a_tag() {
    let metric = born(&tag("U", Iec::Int, tenth()), Quality::Good, &Value::Int(9650));
    assert_eq!(metric.name.as_deref(), Some("U"));
    assert_eq!((metric.alias, metric.timestamp), (Some(7), Some(1000)));
    assert_eq!(metric.datatype, Some(DataType::Double.code()));
    assert_eq!(metric.value, Some(metric::Value::DoubleValue(965.0)));
    assert_eq!((metric.is_null, metric.is_historical), (None, None));
    let properties = metric.properties.unwrap();
    let texts = |text: &str| Some(property_value::Value::StringValue(text.to_owned()));
    let expected = [
        ("Quality", 3, Some(property_value::Value::IntValue(192))),
        ("statusCode", 7, Some(property_value::Value::IntValue(0))),
        ("engUnit", 12, texts("V")),
        ("handle", 12, texts("86.100.1/cell-1")),
        ("plantTag", 12, texts("EI-101")),
        ("grade", 12, texts("core")),
    ];
    assert_eq!(properties.keys, expected.clone().map(|(key, ..)| key));
    let values: Vec<_> =
        properties.values.into_iter().map(|v| (v.r#type.unwrap(), v.value)).collect();
    assert_eq!(values, expected.map(|(_, code, value)| (code, value)));
}

#[test]
fn a_tag_without_a_value_is_born_null_without_a_value_field() {
    let metric =
        born(&tag("U", Iec::Uint, Scaling::NONE), Quality::BadNoCommunication, &Value::Null);
    assert_eq!(metric.datatype, Some(DataType::UInt16.code()));
    assert_eq!((metric.is_null, metric.value), (Some(true), None));
}

#[test]
fn the_node_is_born_with_bd_seq_and_a_rebirth_control_sorted_by_time() {
    let old = born(&tag("U", Iec::Int, Scaling::NONE), Quality::Good, &Value::Int(-1));
    let nbirth = sparkplug::nbirth(Stamp::from_millis(2000), 255, vec![old]);
    assert_eq!((nbirth.seq, nbirth.timestamp), (Some(0), Some(2000)));
    let names: Vec<_> = nbirth.metrics.iter().map(|m| m.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["U", "bdSeq", "Node Control/Rebirth"]);
    let bd_seq = &nbirth.metrics[1];
    assert_eq!(bd_seq.datatype, Some(DataType::Int64.code()));
    assert_eq!(bd_seq.value, Some(metric::Value::LongValue(255)));
    let control = &nbirth.metrics[2];
    assert_eq!(control.datatype, Some(DataType::Boolean.code()));
    assert_eq!((control.alias, &control.value), (None, &Some(metric::Value::BooleanValue(false))));
    assert!(nbirth.metrics.iter().all(|metric| metric.timestamp.is_some()));
}

#[test]
fn a_device_is_born_in_order_of_acquisition() {
    let mut late = born(&tag("late", Iec::Int, Scaling::NONE), Quality::Good, &Value::Int(1));
    late.timestamp = Some(3);
    let mut early = late.clone();
    early.timestamp = Some(2);
    let dbirth = sparkplug::dbirth(Stamp::from_millis(9), 1, vec![late, early]);
    assert_eq!(dbirth.seq, Some(1));
    assert!(dbirth.metrics.is_sorted_by_key(|metric| metric.timestamp));
}

#[test]
fn deaths_hold_no_more_than_they_may() {
    let ndeath = sparkplug::ndeath(Stamp::from_millis(1), 7);
    assert_eq!((ndeath.seq, ndeath.metrics.len()), (None, 1));
    assert_eq!(ndeath.metrics[0].value, Some(metric::Value::LongValue(7)));
    let ddeath = sparkplug::ddeath(Stamp::from_millis(1), 9);
    assert_eq!((ddeath.seq, ddeath.timestamp, ddeath.metrics.len()), (Some(9), Some(1), 0));
}

#[test]
fn only_rebirth_true_asks_for_births() {
    let control = |value| Metric { value, ..sparkplug::rebirth_control(Stamp(0)) };
    let asks = |metric| {
        sparkplug::asks_for_rebirth(&Payload { metrics: vec![metric], ..Payload::default() })
    };
    assert!(asks(control(Some(metric::Value::BooleanValue(true)))));
    assert!(!asks(control(Some(metric::Value::BooleanValue(false)))));
    assert!(!asks(control(Some(metric::Value::IntValue(1)))));
    assert!(!asks(control(None)));
}

#[test]
fn data_carries_alias_time_and_value_and_nothing_else() {
    let tags = [tag("U", Iec::Int, tenth()), tag("n", Iec::Sint, Scaling::NONE)];
    let mut writer = DataWriter::new(2);
    let readings =
        [reading(0, Quality::Good, Value::Int(9650)), reading(1, Quality::Good, Value::Int(-2))];
    let runs = [(Stamp::from_millis(4000), &readings[..])];
    let data = writer.payload(&head(Freshness::Live), &tags, |tag| Some(tag.0.into()), runs);
    let double = 965.0_f64.to_le_bytes();
    let expected = [
        &[0x08, 0x88, 0x27][..],            // 1 timestamp 5000
        &[0x12, 14],                        // 2 metric
        &[0x10, 0, 0x18, 0xa0, 0x1f, 0x69], // 2 alias 0, 3 timestamp 4000, 13 double
        &double,
        &[0x12, 11],
        &[0x10, 1, 0x18, 0xa0, 0x1f, 0x50], // alias 1, timestamp 4000, 10 int
        &[0xfe, 0xff, 0xff, 0xff, 0x0f],    // -2 sign-extended to 32 bits
        &[0x18, 0xff, 0x01],                // 3 seq 255
        &[0x22, 9],                         // 4 uuid
        b"gw-7/3/17",
    ]
    .concat();
    assert_eq!(data.bytes, expected);
}

#[test]
fn a_recovered_tag_says_so_once() {
    let tags = [tag("U", Iec::Int, Scaling::NONE)];
    let mut writer = DataWriter::new(1);
    writer.born(TagId(0), Quality::BadNoCommunication);
    let mut told = |quality, value| {
        let data = payload(&mut writer, &tags, &[reading(0, quality, value)]);
        let metric = &data.metrics[0];
        assert_eq!(metric.is_null == Some(true), metric.value.is_none());
        metric.properties.as_ref().map(|p| p.values[0].value.clone().unwrap())
    };
    let said = |quality| Some(property_value::Value::IntValue(quality));
    assert_eq!(told(Quality::Good, Value::Int(1)), said(192), "it was born bad");
    assert_eq!(told(Quality::Good, Value::Int(2)), None);
    assert_eq!(told(Quality::BadNoCommunication, Value::Null), said(0));
    assert_eq!(told(Quality::BadNoCommunication, Value::Null), said(0));
    assert_eq!(told(Quality::UncertainOutOfRange, Value::Int(3)), said(500));
    assert_eq!(told(Quality::Good, Value::Int(4)), said(192));
    assert_eq!(told(Quality::Good, Value::Int(5)), None);
}

#[test]
fn history_is_flagged_and_tags_without_an_alias_are_counted() {
    let tags = [tag("U", Iec::Int, Scaling::NONE), tag("gone", Iec::Int, Scaling::NONE)];
    let readings =
        [reading(0, Quality::Good, Value::Int(1)), reading(1, Quality::Good, Value::Int(2))];
    let data = DataWriter::new(2).payload(
        &head(Freshness::Historical),
        &tags,
        |tag| (tag.0 == 0).then_some(40),
        [(Stamp::from_millis(4000), &readings[..])],
    );
    assert_eq!((data.metrics, data.unknown), (1, 1));
    let payload = sparkplug::decode(&data.bytes).unwrap();
    assert_eq!(payload.metrics[0].is_historical, Some(true));
    assert_eq!(payload.metrics[0].alias, Some(40));
}

proptest! {
    #[test]
    fn the_fast_path_writes_what_prost_writes(
        values in prop::collection::vec((any::<i64>(), any::<bool>(), 0..12_usize), 1..40),
    ) {
        let tags: Vec<_> = Iec::ALL.into_iter().map(|t| tag("x", t, Scaling::NONE)).collect();
        let readings: Vec<_> = values
            .iter()
            .map(|&(number, null, tag)| {
                let value = match Iec::ALL[tag] {
                    _ if null => Value::Null,
                    Iec::Bool => Value::Bool(number > 0),
                    Iec::Real => Value::F32(f32::from_bits(number as u32)),
                    Iec::Lreal => Value::F64(f64::from_bits(number as u64)),
                    Iec::String => Value::Text(number.to_string().into()),
                    Iec::Usint | Iec::Uint | Iec::Udint | Iec::Ulint => Value::UInt(number as u64),
                    _ => Value::Int(number),
                };
                let quality = if null { Quality::BadDeviceFailure } else { Quality::Good };
                reading(tag as u32, quality, value)
            })
            .collect();
        let data = DataWriter::new(12).payload(
            &head(Freshness::Historical),
            &tags,
            |tag| Some(tag.0.into()),
            [(Stamp::from_millis(4000), &readings[..])],
        );
        let payload = sparkplug::decode(&data.bytes).unwrap();
        prop_assert_eq!(payload.metrics.len(), readings.len());
        prop_assert_eq!(sparkplug::encode(&payload), data.bytes);
    }

    #[test]
    fn any_bytes_are_a_payload_or_refused(bytes: Vec<u8>) {
        let _ = sparkplug::decode(&bytes);
    }
}
