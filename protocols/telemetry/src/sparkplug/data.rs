//! DATA messages, written straight into bytes: alias, time and value of each reading.

use forehearth_model::{Quality, Reading, Stamp, TagEntry, TagId, Value};
use prost::Message;

use super::birth::{millis, quality_properties};
use super::{DataType, metric_value};
use crate::proto::sparkplug::payload::metric;
use crate::wire::{put_bytes_field, put_fixed32_field, put_fixed64_field, put_varint_field};

/// Whether readings were acquired before the birth of this session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freshness {
    /// Since the birth.
    Live,
    /// Before it: `is_historical`.
    Historical,
}

/// What stands around the metrics of a payload.
#[derive(Clone, Copy, Debug)]
pub struct DataHead<'a> {
    /// When it is sent.
    pub sent: Stamp,
    /// The sequence number that follows the message before.
    pub seq: u8,
    /// One payload never mixes both.
    pub freshness: Freshness,
    /// `gateway/epoch/number` of the batch.
    pub uuid: &'a str,
}

/// A payload and what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Data {
    /// The payload.
    pub bytes: Vec<u8>,
    /// Readings in it.
    pub metrics: u32,
    /// Readings left out as their tag has no alias: not in the current birth.
    pub unknown: u32,
}

/// Writes the DATA of one session and remembers which quality each tag was
/// last told with, so that a tag that recovers says so once. One byte per tag.
#[derive(Clone, Debug)]
pub struct DataWriter {
    told: Vec<Quality>,
    metric: Vec<u8>,
}

impl DataWriter {
    /// For a plan of `tags` tags, all of them born good.
    #[must_use]
    pub fn new(tags: usize) -> Self {
        Self { told: vec![Quality::Good; tags], metric: Vec::new() }
    }

    /// A birth told this quality.
    pub fn born(&mut self, tag: TagId, quality: Quality) {
        if let Some(told) = self.told.get_mut(tag.index()) {
            *told = quality;
        }
    }

    /// One payload (DDATA or NDATA) of runs of one device. `tags` is the
    /// table of the catalogue that the readings were made with, `alias` gives
    /// a tag's alias in the current birth.
    #[must_use]
    pub fn payload<'r>(
        &mut self,
        head: &DataHead<'_>,
        tags: &[TagEntry],
        alias: impl Fn(TagId) -> Option<u64>,
        runs: impl IntoIterator<Item = (Stamp, &'r [Reading])>,
    ) -> Data {
        let mut data = Data { bytes: Vec::with_capacity(1024), metrics: 0, unknown: 0 };
        put_varint_field(&mut data.bytes, 1, millis(head.sent));
        for (stamp, readings) in runs {
            let time = millis(stamp);
            for reading in readings {
                let known = alias(reading.tag).zip(tags.get(reading.tag.index()));
                let Some((alias, tag)) = known else {
                    data.unknown += 1;
                    continue;
                };
                self.metric.clear();
                put_varint_field(&mut self.metric, 2, alias);
                put_varint_field(&mut self.metric, 3, time);
                self.put_state(head.freshness, tag, reading);
                put_bytes_field(&mut data.bytes, 2, &self.metric);
                data.metrics += 1;
            }
        }
        put_varint_field(&mut data.bytes, 3, head.seq.into());
        put_bytes_field(&mut data.bytes, 4, head.uuid.as_bytes());
        data
    }

    /// `is_historical`, `is_null`, properties and value, in the order of
    /// their field numbers.
    fn put_state(&mut self, freshness: Freshness, tag: &TagEntry, reading: &Reading) {
        if freshness == Freshness::Historical {
            put_varint_field(&mut self.metric, 5, 1);
        }
        let data_type = DataType::of(tag);
        if let (DataType::String, Value::Text(text)) = (data_type, &reading.value) {
            self.put_quality(freshness, reading);
            put_bytes_field(&mut self.metric, 15, text.as_bytes());
            return;
        }
        let value = metric_value(data_type, &tag.scaling.engineering(&reading.value));
        if value.is_none() {
            put_varint_field(&mut self.metric, 7, 1);
        }
        self.put_quality(freshness, reading);
        put_value(&mut self.metric, value);
    }

    /// The quality, unless it is good and known to be. What is historical
    /// does not change what is known of now.
    fn put_quality(&mut self, freshness: Freshness, reading: &Reading) {
        let told = self.told.get_mut(reading.tag.index());
        let known = reading.quality == Quality::Good
            && told.as_deref().is_none_or(|told| *told == Quality::Good);
        if known {
            return;
        }
        if let (Freshness::Live, Some(told)) = (freshness, told) {
            *told = reading.quality;
        }
        let properties = quality_properties(reading.quality).encode_to_vec();
        put_bytes_field(&mut self.metric, 9, &properties);
    }
}

fn put_value(out: &mut Vec<u8>, value: Option<metric::Value>) {
    match value {
        Some(metric::Value::IntValue(bits)) => put_varint_field(out, 10, bits.into()),
        Some(metric::Value::LongValue(bits)) => put_varint_field(out, 11, bits),
        Some(metric::Value::FloatValue(real)) => put_fixed32_field(out, 12, real.to_bits()),
        Some(metric::Value::DoubleValue(real)) => put_fixed64_field(out, 13, real.to_bits()),
        Some(metric::Value::BooleanValue(bit)) => put_varint_field(out, 14, bit.into()),
        Some(metric::Value::StringValue(text)) => put_bytes_field(out, 15, text.as_bytes()),
        // Tags have no other types; a null has no value field.
        _ => {}
    }
}
