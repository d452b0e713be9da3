//! What a metric holds: names, aliases, types, values, properties (Sparkplug 3.0, 6.4).

use std::collections::{BTreeSet, HashSet};

use forehearth_telemetry::proto::sparkplug::payload::property_value;
use forehearth_telemetry::topics::MessageType as Kind;

use super::life::{LIFE, wide};
use super::*;

const BIRTHS: [Kind; 2] = [Kind::Nbirth, Kind::Dbirth];
const DATA: [Kind; 2] = [Kind::Ndata, Kind::Ddata];

#[test]
fn tck_id_topics_dbirth_metric_reqs() {
    let names = |device: &str| -> BTreeSet<String> {
        let birth = LIFE.of(Kind::Dbirth).into_iter().find(|s| s.device.as_deref() == Some(device));
        birth.unwrap().payload.metrics.iter().map(|m| m.name.clone().unwrap()).collect()
    };
    let plan = wide();
    for (device, number) in [("cell-001", 0), ("sis", 1)] {
        let planned = plan.tags.iter().filter(|tag| tag.device.0 == number);
        assert_eq!(names(device), planned.map(|tag| tag.name.clone()).collect());
    }
}

#[test]
fn tck_id_topics_nbirth_metric_reqs() {
    for sent in LIFE.of(Kind::Nbirth) {
        let aliases: HashSet<_> = sent.payload.metrics.iter().filter_map(|m| m.alias).collect();
        let told = LIFE.metrics(&[Kind::Ndata]);
        assert!(told.iter().all(|metric| aliases.contains(&metric.alias.unwrap())));
    }
}

#[test]
fn tck_id_topics_nbirth_metrics() {
    for metric in LIFE.metrics(&BIRTHS) {
        assert!(metric.name.as_ref().is_some_and(|name| !name.is_empty()));
        assert!(metric.datatype.is_some());
        assert_eq!(metric.value.is_none(), metric.is_null == Some(true), "{:?}", metric.name);
    }
}

#[test]
fn x_null_no_value() {
    let all = [BIRTHS, DATA].concat();
    let metrics = LIFE.metrics(&all);
    let nulls = metrics.iter().filter(|metric| metric.is_null == Some(true)).count();
    assert!(nulls > 10);
    assert!(metrics.iter().all(|m| m.value.is_none() == (m.is_null == Some(true))));
}

#[test]
fn tck_id_payloads_name_requirement() {
    // With aliases: births carry both, DATA the alias alone.
    let own = ["bdSeq", "Node Control/Rebirth"];
    for metric in LIFE.metrics(&BIRTHS) {
        let name = metric.name.as_deref().unwrap();
        assert_eq!(metric.alias.is_none(), own.contains(&name), "{name}");
    }
    for metric in LIFE.metrics(&DATA) {
        assert!(metric.alias.is_some() && metric.name.is_none());
    }
}

#[test]
fn tck_id_payloads_alias_uniqueness_over_node_and_devices() {
    let births: Vec<_> = LIFE.sent.iter().take(3).collect();
    let aliases: Vec<_> = births
        .iter()
        .flat_map(|sent| sent.payload.metrics.iter().filter_map(|m| m.alias))
        .collect();
    let distinct: HashSet<_> = aliases.iter().collect();
    assert_eq!((aliases.len(), distinct.len()), (15, 15), "14 tags and the gap record");
}

#[test]
fn x_data_known_metric() {
    let declared = LIFE.declared();
    assert!(LIFE.metrics(&DATA).iter().all(|m| declared.contains_key(&m.alias.unwrap())));
}

#[test]
fn tck_id_payloads_metric_timestamp_in_utc() {
    let all = [BIRTHS, DATA].concat();
    let metrics = LIFE.metrics(&all);
    // Milliseconds since 1970; the life lasts from 999,950 to 1,001,000.
    let stamps = metrics.iter().map(|metric| metric.timestamp.expect("a time of its own"));
    assert!(stamps.clone().all(|stamp| (999_900..1_002_000).contains(&stamp) || stamp == 3000));
    assert!(stamps.collect::<HashSet<_>>().len() > 100, "times of acquisition");
}

#[test]
fn x_metric_ts_not_future() {
    for sent in &LIFE.sent {
        let now = u64::try_from(sent.millis).unwrap();
        let ahead = |metric: &Metric| metric.timestamp.unwrap() > now;
        assert!(!sent.payload.metrics.iter().any(ahead), "{:?}", sent.kind);
    }
    // A clock that was set back: the last value seems to come from the future.
    let mut rig = Rig::new();
    rig.archive.lasts[0] = last(CONNECTED + 9_000_000, Quality::Good, Value::Int(1));
    let birth = &payloads(&rig.connect(), "DBIRTH")[0];
    assert!(birth.metrics.iter().all(|metric| metric.timestamp.unwrap() <= 1_000_000));
}

#[test]
fn x_birth_not_historical() {
    assert!(LIFE.metrics(&BIRTHS).iter().all(|metric| metric.is_historical != Some(true)));
    let late = LIFE.metrics(&[Kind::Ddata]);
    assert!(late.iter().any(|metric| metric.is_historical == Some(true)));
}

#[test]
fn x_value_oneof_matches_datatype() {
    let declared = LIFE.declared();
    let mut seen = BTreeSet::new();
    for metric in LIFE.metrics(&[BIRTHS, DATA].concat()) {
        let code = metric.datatype.or_else(|| Some(declared.get(&metric.alias?)?.1)).unwrap();
        seen.insert(code);
        use DataType as T;
        let fits = matches!(
            (T::from_code(code).unwrap(), &metric.value),
            (_, None)
                | (T::Int8 | T::Int16 | T::Int32, Some(Wire::IntValue(_)))
                | (T::UInt8 | T::UInt16 | T::UInt32, Some(Wire::IntValue(_)))
                | (T::Int64 | T::UInt64, Some(Wire::LongValue(_)))
                | (T::Float, Some(Wire::FloatValue(_)))
                | (T::Double, Some(Wire::DoubleValue(_)))
                | (T::Boolean, Some(Wire::BooleanValue(_)))
                | (T::String, Some(Wire::StringValue(_)))
        );
        assert!(fits, "{code}: {:?}", metric.value);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>(), "all types");
}

#[test]
fn x_value_range() {
    let declared = LIFE.declared();
    for metric in LIFE.metrics(&DATA) {
        let code = declared[&metric.alias.unwrap()].1;
        let Some(Wire::IntValue(bits)) = metric.value else { continue };
        let signed = i64::from(bits.cast_signed());
        let range = match DataType::from_code(code).unwrap() {
            DataType::Int8 => -128..=127,
            DataType::Int16 => -32_768..=32_767,
            DataType::UInt8 => 0..=255,
            DataType::UInt16 => 0..=65_535,
            _ => i64::MIN..=i64::MAX,
        };
        assert!(range.contains(&signed), "{code}: {signed}");
    }
}

#[test]
fn tck_id_payloads_metric_datatype_value() {
    for metric in LIFE.metrics(&BIRTHS) {
        let known = metric.datatype.and_then(DataType::from_code);
        assert!(known.is_some_and(|t| t != DataType::Unknown), "{:?}", metric.datatype);
    }
}

#[test]
fn tck_id_payloads_metric_datatype_not_req() {
    assert!(LIFE.metrics(&DATA).iter().all(|metric| metric.datatype.is_none()));
}

#[test]
fn tck_id_payloads_propertyset_keys_array_size() {
    let all = LIFE.metrics(&[BIRTHS, DATA].concat());
    let sets: Vec<_> = all.iter().filter_map(|metric| metric.properties.as_ref()).collect();
    assert!(sets.len() > 20);
    assert!(sets.iter().all(|set| set.keys.len() == set.values.len() && !set.keys.is_empty()));
    assert!(sets.iter().all(|set| set.keys.iter().collect::<HashSet<_>>().len() == set.keys.len()));
}

#[test]
fn tck_id_payloads_metric_propertyvalue_type_value() {
    for metric in LIFE.metrics(&[BIRTHS, DATA].concat()) {
        for value in metric.properties.iter().flat_map(|set| &set.values) {
            let code = DataType::from_code(value.r#type.expect("a type, in DATA too")).unwrap();
            let fits = matches!(
                (code, value.value.as_ref().unwrap()),
                (DataType::Int32 | DataType::UInt32, property_value::Value::IntValue(_))
                    | (DataType::String, property_value::Value::StringValue(_))
            );
            assert!(fits, "{code:?} {:?}", value.value);
        }
    }
}

#[test]
fn tck_id_payloads_propertyset_quality_value_value() {
    let mut told = BTreeSet::new();
    for metric in LIFE.metrics(&[BIRTHS, DATA].concat()) {
        let Some(set) = &metric.properties else { continue };
        let place = set.keys.iter().position(|key| key == "Quality").expect("Quality");
        let quality = &set.values[place];
        assert_eq!(quality.r#type, Some(DataType::Int32.code()));
        match quality.value {
            Some(property_value::Value::IntValue(code)) => told.insert(code),
            ref other => panic!("{other:?}"),
        };
    }
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [0, 192, 500]);
}

#[test]
fn no_dataset_template_or_array_is_ever_published() {
    // A map has scalar tags only, so none of the rules for these can be broken.
    for metric in LIFE.metrics(&[BIRTHS, DATA].concat()) {
        assert!(metric.datatype.is_none_or(|code| code <= DataType::Text.code()));
        let value = &metric.value;
        assert!(!matches!(value, Some(Wire::DatasetValue(_) | Wire::TemplateValue(_))));
        assert!(!matches!(value, Some(Wire::BytesValue(_))));
    }
    let possible: HashSet<_> = wide().tags.iter().map(DataType::of).collect();
    assert_eq!(possible.len(), 12);
}

#[test]
fn x_wire_utf8() {
    // `decode` refuses text that is no UTF-8; the life has Chinese names and values.
    let births = LIFE.metrics(&[Kind::Dbirth]);
    assert!(births.iter().any(|m| m.value == Some(Wire::StringValue("电解槽 7".into()))));
    assert!(births.iter().any(|m| m.name.as_ref().unwrap().starts_with('槽')));
}

#[test]
fn x_wire_no_unknown_fields() {
    // prost drops unknown fields: what comes back the same had none.
    for sent in &LIFE.sent {
        assert_eq!(format::encode(&sent.payload), sent.message.payload, "{:?}", sent.kind);
    }
}

#[test]
fn x_sf_timestamps_kept() {
    let late: HashSet<_> = LIFE
        .metrics(&[Kind::Ddata])
        .iter()
        .filter(|metric| metric.is_historical == Some(true))
        .map(|metric| metric.timestamp.unwrap())
        .collect();
    assert!(late.contains(&999_960), "read 40 ms before the connect: {late:?}");
}
