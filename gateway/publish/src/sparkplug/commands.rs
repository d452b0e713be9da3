//! Commands in Sparkplug: which tag a metric of a DCMD or NCMD names, and what is asked of it.
//!
//! A DCMD names a metric of its device by name, by alias, or by both, which
//! must then agree. An NCMD may name any of our metrics by alias, since these
//! are unique over the node (Sparkplug 3.0, 6.4.7).
//!
//! The answer is the value itself: whatever the device holds afterwards is
//! read and comes as DDATA like any other reading.

use std::num::NonZeroU32;

use forehearth_model::{Catalogue, Stamp, TagId};
use forehearth_telemetry::sparkplug::{DataType, Metric, Payload, REBIRTH, model_value};

use super::layout::{Layout, Unit, UnitId};
use crate::intake::Request;

/// Most metrics of one message that are handed in; the rest is counted as
/// ignored. Chosen: a recipe of a large device.
const MOST_METRICS: usize = 64;

/// What a command came to.
pub(super) struct Asked {
    pub(super) requests: Vec<Request>,
    /// Whether some of its metrics ask nothing that we understand.
    pub(super) ignored: bool,
}

/// The requests of a command.
pub(super) fn requests(
    payload: &Payload,
    device: Option<&str>,
    layout: &Layout,
    seen: &Catalogue,
) -> Asked {
    let mut asked = Asked { requests: Vec::new(), ignored: false };
    let unit = device.map(|device| unit_named(layout, device));
    for (place, metric) in payload.metrics.iter().enumerate() {
        let tag = match unit {
            _ if place >= MOST_METRICS => None,
            Some(None) => None,
            Some(Some(unit)) => tag_of_unit(metric, unit, layout, seen),
            None if metric.name.is_none() => by_alias(metric, layout),
            None => None,
        };
        match tag.and_then(|tag| request(metric, payload, tag, seen)) {
            Some(request) => asked.requests.push(request),
            None if metric.name.as_deref() == Some(REBIRTH) && device.is_none() => {}
            None => asked.ignored = true,
        }
    }
    asked
}

/// A unit by the last level of its topics.
fn unit_named<'a>(layout: &'a Layout, device: &str) -> Option<(UnitId, &'a Unit)> {
    let named = |unit: &&Unit| unit.ddata.rsplit('/').next() == Some(device);
    let place = layout.units.iter().position(|unit| named(&unit))?;
    Some((UnitId(u32::try_from(place).ok()?), &layout.units[place]))
}

fn tag_of_unit(
    metric: &Metric,
    (id, unit): (UnitId, &Unit),
    layout: &Layout,
    seen: &Catalogue,
) -> Option<TagId> {
    let aliased = match metric.alias {
        Some(_) => Some(by_alias(metric, layout).filter(|tag| layout.unit_of(*tag) == Some(id))?),
        None => None,
    };
    let named = match metric.name.as_deref() {
        None | Some("") => None,
        Some(name) => {
            let mut numbers = unit.tags.clone();
            Some(TagId(numbers.find(|number| seen.tags[*number as usize].name == name)?))
        }
    };
    match (aliased, named) {
        (Some(aliased), Some(named)) => (aliased == named).then_some(named),
        (aliased, named) => aliased.or(named),
    }
}

fn by_alias(metric: &Metric, layout: &Layout) -> Option<TagId> {
    layout.tag(NonZeroU32::new(u32::try_from(metric.alias?).ok()?)?)
}

fn request(metric: &Metric, payload: &Payload, tag: TagId, seen: &Catalogue) -> Option<Request> {
    let entry = &seen.tags[tag.index()];
    if metric.is_null == Some(true) || metric.is_historical == Some(true) {
        return None;
    }
    // The standard lets a host leave the datatype out; then it is the birth's.
    let data_type = match metric.datatype {
        Some(code) if code != DataType::Unknown.code() => DataType::from_code(code)?,
        _ => DataType::of(entry),
    };
    let sent = metric.timestamp.or(payload.timestamp);
    Some(Request {
        id: String::new(),
        device: seen.devices[entry.device.index()].name.clone(),
        tag: entry.name.clone(),
        value: model_value(Some(data_type), metric.value.as_ref()?)?,
        sent: sent.and_then(|millis| i64::try_from(millis).ok()?.checked_mul(1000)).map(Stamp),
        expires_at: None,
    })
}
