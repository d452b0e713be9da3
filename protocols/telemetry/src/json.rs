//! Readings as JSON, in engineering units: for people and dashboards.

use std::fmt::Write as _;

use forehearth_model::{Batch, BatchId, Catalogue, Reading, Run, Stamp, TagEntry, Value};

/// Writes JSON bodies into memory it keeps.
///
/// A number that is not finite, and what could not be read, is `null`; the
/// quality says why. Integers keep all their digits, so that a reader whose
/// numbers are doubles rounds those beyond 2^53 itself.
#[derive(Debug)]
pub struct Writer {
    gateway: String,
    out: String,
}

impl Writer {
    /// For bodies of this gateway.
    #[must_use]
    pub fn new(gateway: &str) -> Self {
        Self { gateway: gateway.to_owned(), out: String::new() }
    }

    /// The body for one tag:
    /// `{"t":1764000000000,"v":4.2,"q":"good","unit":"V","id":"gw-7/3/17"}`.
    /// `t` is UTC milliseconds, `id` names the batch.
    pub fn tag(&mut self, tag: &TagEntry, id: BatchId, stamp: Stamp, reading: &Reading) -> &str {
        self.out.clear();
        self.out.push('{');
        self.put_state(Some(tag), stamp, reading);
        self.put_id(id);
        self.out.push('}');
        &self.out
    }

    /// The body for one run of a device:
    /// `{"device":"cell-1","id":"gw-7/3/17","readings":[{"tag":"U","t":…,"v":…,"q":…,"unit":…},…]}`.
    pub fn device(
        &mut self,
        catalogue: &Catalogue,
        batch: &Batch,
        run: Run,
        readings: &[Reading],
    ) -> &str {
        self.out.clear();
        self.out.push_str("{\"device\":");
        let device = catalogue.devices.get(run.device.index());
        put_text(&mut self.out, device.map_or("", |device| &device.name));
        self.put_id(batch.id);
        self.out.push_str(",\"readings\":[");
        for (place, reading) in readings.iter().enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            let tag = catalogue.tags.get(reading.tag.index());
            self.out.push_str("{\"tag\":");
            put_text(&mut self.out, tag.map_or("", |tag| &tag.name));
            self.out.push(',');
            self.put_state(tag, run.stamp, reading);
            self.out.push('}');
        }
        self.out.push_str("]}");
        &self.out
    }

    /// `"t":…,"v":…,"q":"…"` and the unit where there is one.
    fn put_state(&mut self, tag: Option<&TagEntry>, stamp: Stamp, reading: &Reading) {
        self.out.push_str("\"t\":");
        put_number(&mut self.out, stamp.millis());
        self.out.push_str(",\"v\":");
        match tag {
            Some(tag) => put_value(&mut self.out, &tag.scaling.engineering(&reading.value)),
            None => put_value(&mut self.out, &reading.value),
        }
        self.out.push_str(",\"q\":");
        put_text(&mut self.out, reading.quality.name());
        if let Some(tag) = tag.filter(|tag| !tag.unit.is_empty()) {
            self.out.push_str(",\"unit\":");
            put_text(&mut self.out, &tag.unit);
        }
    }

    fn put_id(&mut self, id: BatchId) {
        self.out.push_str(",\"id\":");
        put_text(&mut self.out, &self.gateway);
        self.out.pop();
        self.out.push('/');
        put_number(&mut self.out, id.epoch.0);
        self.out.push('/');
        put_number(&mut self.out, id.number);
        self.out.push('"');
    }
}

fn put_value(out: &mut String, value: &Value) {
    match value {
        Value::Bool(bit) => out.push_str(if *bit { "true" } else { "false" }),
        Value::Int(int) => put_number(out, int),
        Value::UInt(int) => put_number(out, int),
        Value::F32(real) if real.is_finite() => put_number(out, Shortest(*real)),
        Value::F64(real) if real.is_finite() => put_number(out, Shortest(*real)),
        Value::Text(text) => put_text(out, text),
        Value::Null | Value::F32(_) | Value::F64(_) => out.push_str("null"),
    }
}

fn put_number(out: &mut String, number: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{number}");
}

/// The shortest digits that read back as the same number, with an exponent
/// where that is shorter (`{:?}` of Rust); JSON takes both.
struct Shortest<T>(T);

impl<T: std::fmt::Debug> std::fmt::Display for Shortest<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A JSON string (RFC 8259, 7).
fn put_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                put_number(out, format_args!("\\u{:04x}", u32::from(control)))
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use forehearth_model::{
        BootId, CatalogueHash, ClockState, DataType, DeviceEntry, DeviceId, Epoch, Grade, Lane,
        Quality, Scaling, TagId, TagKind,
    };
    use proptest::prelude::*;

    fn tag(unit: &str) -> TagEntry {
        TagEntry {
            device: DeviceId(0),
            name: "U".to_owned(),
            data_type: DataType::Int,
            scaling: Scaling { scale: 0.1, offset: 0.0, clamp: None },
            unit: unit.to_owned(),
            unit_code: String::new(),
            valid: None,
            kind: TagKind::Gauge,
            lane: Lane::Live,
            grade: Grade::General,
            plant_tag: String::new(),
            label: [String::new(), String::new()],
        }
    }

    fn reading(quality: Quality, value: Value) -> Reading {
        Reading { tag: TagId(0), quality, value }
    }

    const ID: BatchId = BatchId::new(Epoch(3), 17);

    #[test]
    fn a_tag_says_time_value_quality_unit_and_batch() {
        let mut writer = Writer::new("gw-7");
        let good = reading(Quality::Good, Value::Int(42));
        assert_eq!(
            writer.tag(&tag("V"), ID, Stamp(1_764_000_000_123_456), &good),
            r#"{"t":1764000000123,"v":4.2,"q":"good","unit":"V","id":"gw-7/3/17"}"#
        );
        let bad = reading(Quality::BadNoCommunication, Value::Null);
        assert_eq!(
            writer.tag(&tag(""), ID, Stamp(0), &bad),
            r#"{"t":0,"v":null,"q":"bad(no communication)","id":"gw-7/3/17"}"#
        );
    }

    #[test]
    fn a_device_says_all_its_readings() {
        let catalogue = Catalogue {
            gateway: "gw-7".to_owned(),
            path: String::new(),
            devices: vec![DeviceEntry { name: "cell-1".to_owned(), handle: String::new() }],
            tags: vec![tag("V")],
        };
        let run = Run { device: DeviceId(0), stamp: Stamp(5000), len: 2 };
        let readings =
            vec![reading(Quality::Good, Value::Int(1)), reading(Quality::Good, Value::Int(2))];
        let batch = Batch {
            id: ID,
            lane: Lane::Live,
            catalogue: CatalogueHash(0),
            boot: BootId(0),
            clock: ClockState::Synced,
            runs: vec![run],
            readings,
        };
        assert_eq!(
            Writer::new("gw-7").device(&catalogue, &batch, run, &batch.readings),
            concat!(
                r#"{"device":"cell-1","id":"gw-7/3/17","readings":["#,
                r#"{"tag":"U","t":5,"v":0.1,"q":"good","unit":"V"},"#,
                r#"{"tag":"U","t":5,"v":0.2,"q":"good","unit":"V"}]}"#
            )
        );
    }

    proptest! {
        #[test]
        fn a_json_reader_gets_every_text_and_number_back(text: String, bits: u64, int: u64) {
            let mut out = String::new();
            put_text(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            out.clear();
            let real = f64::from_bits(bits);
            put_value(&mut out, &Value::F64(real));
            let expected = real.is_finite().then_some(real);
            prop_assert!(serde_json::from_str::<Option<f64>>(&out).is_ok(), "{out}");
            prop_assert_eq!(out.parse().ok(), expected, "{}", out);
            out.clear();
            put_value(&mut out, &Value::UInt(int));
            prop_assert_eq!(serde_json::from_str::<u64>(&out).unwrap(), int);
        }
    }
}
