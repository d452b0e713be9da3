//! Births and deaths: the messages that say which metrics there are, and that they are gone.

use forehearth_model::{DeviceEntry, Quality, Stamp, TagEntry, Value};

use super::{DataType, Metric, Payload, metric_value};
use crate::proto::sparkplug::payload::{PropertySet, PropertyValue, metric, property_value};

/// Name of the metric that ties a birth to its death (Sparkplug 3.0, 6.4.8).
pub const BD_SEQ: &str = "bdSeq";

/// Name of the metric that asks a node for its births (Sparkplug 3.0, 6.4.9).
pub const REBIRTH: &str = "Node Control/Rebirth";

/// A tag as a birth tells it.
#[derive(Clone, Copy, Debug)]
pub struct BirthTag<'a> {
    /// The name of the metric.
    pub name: &'a str,
    /// Unique over the node and all its devices.
    pub alias: u64,
    /// What the catalogue says.
    pub tag: &'a TagEntry,
    /// Its device.
    pub device: &'a DeviceEntry,
    /// When the value was acquired; while there is none, when this was said.
    pub stamp: Stamp,
    /// How far to trust it.
    pub quality: Quality,
    /// Raw.
    pub value: &'a Value,
}

/// The metric of a tag in a birth: name, alias, datatype, time, value or
/// `is_null`, and as properties `Quality`, `statusCode` (OPC UA), `engUnit`,
/// `handle`, `plantTag` where set, and `grade`.
#[must_use]
pub fn birth_metric(birth: &BirthTag<'_>) -> Metric {
    let data_type = DataType::of(birth.tag);
    let value = metric_value(data_type, &birth.tag.scaling.engineering(birth.value));
    let mut properties = quality_properties(birth.quality);
    for (key, text) in [
        ("engUnit", birth.tag.unit.as_str()),
        ("handle", birth.device.handle.as_str()),
        ("plantTag", birth.tag.plant_tag.as_str()),
        ("grade", birth.tag.grade.name()),
    ] {
        if !text.is_empty() {
            properties.keys.push(key.to_owned());
            properties.values.push(property(
                DataType::String,
                property_value::Value::StringValue(text.to_owned()),
            ));
        }
    }
    Metric {
        name: Some(birth.name.to_owned()),
        alias: Some(birth.alias),
        timestamp: Some(millis(birth.stamp)),
        datatype: Some(data_type.code()),
        is_null: value.is_none().then_some(true),
        properties: Some(properties),
        value,
        ..Metric::default()
    }
}

/// `Quality` (Int32) and `statusCode` (UInt32).
pub(super) fn quality_properties(quality: Quality) -> PropertySet {
    let int = property_value::Value::IntValue;
    PropertySet {
        keys: vec!["Quality".to_owned(), "statusCode".to_owned()],
        values: vec![
            property(DataType::Int32, int(quality.sparkplug().cast_unsigned())),
            property(DataType::UInt32, int(quality.status_code())),
        ],
    }
}

fn property(data_type: DataType, value: property_value::Value) -> PropertyValue {
    PropertyValue { r#type: Some(data_type.code()), is_null: None, value: Some(value) }
}

/// The metric that ties the births of a connection to its will.
#[must_use]
pub fn bd_seq(number: u8, at: Stamp) -> Metric {
    Metric {
        name: Some(BD_SEQ.to_owned()),
        timestamp: Some(millis(at)),
        datatype: Some(DataType::Int64.code()),
        value: Some(metric::Value::LongValue(number.into())),
        ..Metric::default()
    }
}

/// The metric by which a host asks for new births: false, and without alias.
#[must_use]
pub fn rebirth_control(at: Stamp) -> Metric {
    Metric {
        name: Some(REBIRTH.to_owned()),
        timestamp: Some(millis(at)),
        datatype: Some(DataType::Boolean.code()),
        value: Some(metric::Value::BooleanValue(false)),
        ..Metric::default()
    }
}

/// Whether a command (NCMD) asks for new births: the metric of that name is true.
#[must_use]
pub fn asks_for_rebirth(command: &Payload) -> bool {
    command.metrics.iter().any(|metric| {
        metric.name.as_deref() == Some(REBIRTH)
            && metric.value == Some(metric::Value::BooleanValue(true))
    })
}

/// The birth of the node, always with sequence number 0. `metrics` are those
/// of the node besides bdSeq and the rebirth control.
#[must_use]
pub fn nbirth(sent: Stamp, bd_seq_number: u8, metrics: Vec<Metric>) -> Payload {
    let mut all = metrics;
    all.extend([bd_seq(bd_seq_number, sent), rebirth_control(sent)]);
    birth(sent, 0, all)
}

/// The birth of a device.
#[must_use]
pub fn dbirth(sent: Stamp, seq: u8, metrics: Vec<Metric>) -> Payload {
    birth(sent, seq, metrics)
}

/// The death of the node, as will and before leaving: bdSeq alone, no
/// sequence number.
#[must_use]
pub fn ndeath(at: Stamp, bd_seq_number: u8) -> Payload {
    Payload {
        timestamp: Some(millis(at)),
        metrics: vec![bd_seq(bd_seq_number, at)],
        ..Payload::default()
    }
}

/// The death of a device.
#[must_use]
pub fn ddeath(sent: Stamp, seq: u8) -> Payload {
    Payload { timestamp: Some(millis(sent)), seq: Some(seq.into()), ..Payload::default() }
}

/// Sorted by time of acquisition (tck-id-operational-behavior-data-publish-nbirth-order).
fn birth(sent: Stamp, seq: u8, mut metrics: Vec<Metric>) -> Payload {
    metrics.sort_by_key(|metric| metric.timestamp);
    Payload { timestamp: Some(millis(sent)), metrics, seq: Some(seq.into()), ..Payload::default() }
}

/// UTC milliseconds as Sparkplug has them; before 1970 becomes 1970.
pub(super) fn millis(stamp: Stamp) -> u64 {
    u64::try_from(stamp.millis()).unwrap_or(0)
}
