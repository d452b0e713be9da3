//! Births: what a device's DBIRTH says, from the last known values.

use forehearth_model::{Catalogue, GapRecord, Quality, Stamp, TagId, Value};
use forehearth_telemetry::proto::sparkplug::payload::metric;
use forehearth_telemetry::sparkplug::{BirthTag, DataType, Metric, birth_metric};

use super::layout::{GAP_ALIAS, Layout, Unit};
use crate::outbox::Last;

/// The node's own metric: the gap record declared last, as JSON text; null
/// until there is one.
const GAP: &str = "Forehearth/Gap";

/// The metrics of one device. `last` gives the last known state of a tag of
/// the view.
pub(crate) fn metrics<'a>(
    unit: &Unit,
    seen: &Catalogue,
    now: Stamp,
    last: impl Fn(TagId) -> Option<&'a Last>,
) -> Vec<Metric> {
    let current = unit.tags.clone().map(|number| {
        let tag = &seen.tags[number as usize];
        let (stamp, quality, value) = match last(TagId(number)) {
            // A value of the future would outrank every later one.
            Some(last) => (last.stamp.unwrap_or(now).min(now), last.quality, &last.value),
            None => (now, Quality::BadWaitingForFirstValue, &Value::Null),
        };
        let alias = u64::from(Layout::alias(TagId(number)).get());
        birth_metric(&BirthTag {
            name: &tag.name,
            alias,
            tag,
            device: &unit.device,
            stamp,
            quality,
            value,
        })
    });
    let retired = unit.retired.iter().map(|retired| {
        birth_metric(&BirthTag {
            name: &retired.name,
            alias: retired.alias.get().into(),
            tag: &retired.tag,
            device: &unit.device,
            stamp: now,
            quality: Quality::BadNotConnected,
            value: &Value::Null,
        })
    });
    current.chain(retired).collect()
}

/// The gap metric as the NBIRTH declares it.
pub(crate) fn gap_metric(now: Stamp) -> Metric {
    Metric {
        name: Some(GAP.to_owned()),
        alias: Some(GAP_ALIAS),
        timestamp: u64::try_from(now.millis()).ok(),
        datatype: Some(DataType::String.code()),
        is_null: Some(true),
        ..Metric::default()
    }
}

/// The gap metric as NDATA tells a record.
pub(crate) fn gap_data(record: &GapRecord) -> Metric {
    Metric {
        alias: Some(GAP_ALIAS),
        timestamp: u64::try_from(record.declared.millis()).ok(),
        value: Some(metric::Value::StringValue(crate::gap_json::text(record))),
        ..Metric::default()
    }
}
