//! `[[test]]`: registers as they stand on a device, and what must be read from them.
//!
//! A trial runs offline through the same decoding and scaling as the running
//! gateway. That the tables themselves make sense is checked with every map;
//! what is read is compared only by `check --test`.

use std::collections::HashMap;
use std::sync::Arc;

use forehearth_modbus::{Address, Limits, Point, ReadPlan, Table};
use forehearth_model::{DeviceEntry, Sample, TagEntry, TagId, Value as Reading};

use crate::files::Files;
use crate::finding::{Finding, Findings, Log};
use crate::keys::{self, field::TEST_KEYS};
use crate::load::Loaded;
use crate::nearest::nearest;
use crate::plan::TagPlan;
use crate::reader::{At, Reader};
use crate::texts::{self, phrase};
use crate::tree::{Entry, Node, Value};

/// What `check --test` found.
#[derive(Debug)]
pub struct Trial {
    /// Tables that were tried.
    pub tests: usize,
    /// Values that were compared.
    pub values: usize,
    /// Values that differ, each at its expected value.
    pub report: Findings,
}

/// Runs every `[[test]]` of a map. Does nothing when the map has no plan.
#[must_use]
pub fn try_map(loaded: &Loaded) -> Trial {
    // The tables were checked when the map was loaded; only values are new.
    let log = Log::default();
    let (mut tests, mut values) = (0, 0);
    if let Some(plan) = &loaded.plan {
        let field = Tags {
            devices: &plan.catalogue.devices,
            entries: &plan.catalogue.tags,
            plans: &plan.tags,
        };
        for test in read(&log, &loaded.files, &field) {
            tests += 1;
            values += test.expected.len();
            test.compare(&log, &field);
        }
    }
    Trial { tests, values, report: log.into_findings(Arc::clone(&loaded.report.sources)) }
}

/// The tags that tests refer to.
pub(crate) struct Tags<'a> {
    pub(crate) devices: &'a [DeviceEntry],
    /// Those of a device stand together.
    pub(crate) entries: &'a [TagEntry],
    /// Parallel to `entries`.
    pub(crate) plans: &'a [TagPlan],
}

/// One `[[test]]`.
struct Test<'a> {
    registers: Registers,
    expected: Vec<(TagId, &'a Node)>,
}

/// Words and bits that a test gives, by table and address.
type Registers = HashMap<(Table, u16), u16>;

/// Reports everything about tests that needs no decoding.
pub(crate) fn check(log: &Log, files: &Files, field: &Tags<'_>) {
    read(log, files, field);
}

fn read<'a>(log: &'a Log, files: &'a Files, field: &Tags<'_>) -> Vec<Test<'a>> {
    let mut tests = Vec::new();
    // With errors around, a device or tag may only be misread.
    let sound = log.errors() == 0;
    for document in &files.devices {
        let root = Reader::new(log, &document.root, phrase::DEVICE_FILE, document.top);
        for table in root.list_of_tables("test") {
            let reader = Reader::new(log, table.value, phrase::A_TEST, table.place);
            tests.extend(read_one(&reader, field, sound));
        }
    }
    tests
}

fn read_one<'a>(reader: &Reader<'a>, field: &Tags<'_>, sound: bool) -> Option<Test<'a>> {
    reader.only(&keys::names::<{ TEST_KEYS.len() }>(TEST_KEYS));
    for key in TEST_KEYS.iter().filter(|key| reader.entry(key.name).is_none()) {
        reader.missing(key.name, key.example);
    }
    let device = reader.filled_text("device");
    let registers = reader.table("registers").map(|table| read_registers(reader, table.value));
    let expect = reader.table("expect");
    let device = device.filter(|_| sound)?;
    let position = field.devices.iter().position(|entry| entry.name == device.value);
    let Some(position) = position else {
        let names: Vec<&str> = field.devices.iter().map(|entry| entry.name.as_str()).collect();
        let finding = Finding::new(&texts::TEST_DEVICE, device.place).with("name", &*device.value);
        reader.log.report(suggest(finding, nearest(&device.value, &names)));
        return None;
    };
    let mut test = Test { registers: registers?, expected: Vec::new() };
    for entry in &expect?.value.entries {
        test.expected.extend(read_expected(reader, field, position, entry));
    }
    for (tag, node) in &test.expected {
        let Some(point) = field.plans[tag.index()].point.modbus() else {
            // Only registers can be written down beforehand.
            let finding = Finding::new(&texts::KEY_OF_OTHER_DRIVER, device.place);
            reader.log.report(finding.with("key", "[[test]]").with("driver", "opcua"));
            return None;
        };
        if test.registers_of(&point).is_some() {
            continue;
        }
        let finding = Finding::new(&texts::TEST_LACKS, node.place)
            .with("tag", field.entries[tag.index()].name.as_str())
            .with("at", point.address.to_string())
            .with("count", point.width());
        reader.log.report(finding);
    }
    Some(test)
}

fn suggest(finding: Finding, near: Option<&str>) -> Finding {
    match near {
        Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
        None => finding,
    }
}

/// `{ "hr:100" = [1, 2], "co:3" = [true] }`.
fn read_registers(reader: &Reader<'_>, table: &crate::tree::Table) -> Registers {
    let mut registers = Registers::new();
    for entry in &table.entries {
        let at = At { value: entry.key.as_str().into(), place: entry.key_place };
        let Some(address) = crate::point::address(reader.log, &at, &[]) else { continue };
        if address.bit.is_some() {
            let finding = Finding::new(&texts::TEST_REGISTERS, entry.key_place);
            reader.log.report(finding.with("value", entry.key.as_str()));
            continue;
        }
        let Value::Array(items) = &entry.node.value else {
            reader.wrong_type(&entry.key, &entry.node, phrase::A_LIST_OF_WORDS);
            continue;
        };
        for (distance, item) in items.iter().enumerate() {
            let place = u16::try_from(usize::from(address.offset) + distance).ok();
            match (word(address.table, &item.value), place) {
                (Some(word), Some(place)) => {
                    registers.insert((address.table, place), word);
                }
                _ => {
                    let finding = Finding::new(&texts::TEST_REGISTERS, item.place);
                    reader.log.report(finding.with("value", entry.key.as_str()));
                    break;
                }
            }
        }
    }
    registers
}

/// A register holds 0 to 65535, or the same bits as −32768 to −1; a bit true or false.
fn word(table: Table, value: &Value) -> Option<u16> {
    match (table.is_bits(), value) {
        (false, Value::Integer(number)) => {
            u16::try_from(*number).or_else(|_| i16::try_from(*number).map(i16::cast_unsigned)).ok()
        }
        (true, Value::Boolean(bit)) => Some(u16::from(*bit)),
        (true, Value::Integer(bit @ (0 | 1))) => u16::try_from(*bit).ok(),
        _ => None,
    }
}

/// A tag with what must be read; an array with a list of it.
fn read_expected<'a>(
    reader: &Reader<'_>,
    field: &Tags<'_>,
    device: usize,
    entry: &'a Entry,
) -> Vec<(TagId, &'a Node)> {
    let first = field.entries.partition_point(|tag| tag.device.index() < device);
    let last = field.entries.partition_point(|tag| tag.device.index() <= device);
    let find = |name: &str| {
        let found = (first..last).find(|position| field.entries[*position].name == name);
        // What windows and limits tell takes time to come about.
        found.filter(|position| field.plans[*position].source.is_none())
    };
    let tag = |position: usize| TagId(u32::try_from(position).unwrap_or(u32::MAX));
    let mut expected = Vec::new();
    match &entry.node.value {
        Value::Array(items) => {
            for (element, item) in items.iter().enumerate() {
                let Some(position) = find(&format!("{}[{element}]", entry.key)) else {
                    unknown_tag(reader, field, entry, first..last);
                    return Vec::new();
                };
                expected.push((tag(position), item));
            }
        }
        _ => match find(&entry.key) {
            Some(position) => expected.push((tag(position), &entry.node)),
            None => unknown_tag(reader, field, entry, first..last),
        },
    }
    expected.retain(|(_, node)| {
        let fits = matches!(
            node.value,
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Text(_)
        );
        if !fits {
            reader.wrong_type(&entry.key, node, phrase::AN_EXPECTED_VALUE);
        }
        fits
    });
    expected
}

fn unknown_tag(reader: &Reader<'_>, field: &Tags<'_>, entry: &Entry, tags: std::ops::Range<usize>) {
    let names: Vec<&str> = field.entries[tags].iter().map(|tag| tag.name.as_str()).collect();
    let finding = Finding::new(&texts::TEST_TAG, entry.key_place).with("name", entry.key.as_str());
    reader.log.report(suggest(finding, nearest(&entry.key, &names)));
}

impl Test<'_> {
    /// The words (or bits) that a point occupies; `None` when the test lacks one.
    fn registers_of(&self, point: &Point) -> Option<Vec<u16>> {
        let Address { table, offset, .. } = point.address;
        let words = (0..point.width()).map(|distance| offset.checked_add(distance));
        words.map(|place| self.registers.get(&(table, place?)).copied()).collect()
    }

    /// What the gateway would read.
    fn reading(&self, tag: TagId, point: Point) -> Option<Sample> {
        let plan = ReadPlan::new(&[(tag, point)], Limits::default()).ok()?;
        let span = plan.spans().first()?;
        let words = self.registers_of(&point)?;
        let data: Vec<u8> = if point.address.table.is_bits() {
            words.iter().map(|bit| u8::try_from(*bit).unwrap_or(1)).collect()
        } else {
            words.iter().flat_map(|word| word.to_be_bytes()).collect()
        };
        let head = [*span.request().encode().first()?, u8::try_from(data.len()).ok()?];
        let mut samples = Vec::new();
        plan.decode(span, &[&head[..], &data].concat(), &mut samples).ok()?;
        samples.pop()
    }

    fn compare(&self, log: &Log, field: &Tags<'_>) {
        for (tag, node) in &self.expected {
            let entry = &field.entries[tag.index()];
            let point = field.plans[tag.index()].point.modbus();
            let Some(sample) = point.and_then(|p| self.reading(*tag, p)) else { continue };
            let read = entry.scaling.engineering(&sample.value);
            if same(&read, &node.value) {
                continue;
            }
            let mut finding = Finding::new(&texts::TEST_DIFFERS, node.place)
                .with("tag", entry.name.as_str())
                .with("read", shown(&read));
            if read.is_null() {
                finding = finding.help(phrase::READ_IS_NO_NUMBER);
            }
            log.report(finding);
        }
    }
}

/// What was read, as a map would write it.
fn shown(read: &Reading) -> String {
    let odd = |number: f64| number != 0.0 && !(1e-4..1e12).contains(&number.abs());
    match read {
        Reading::Text(text) => format!("\"{text}\""),
        Reading::F32(real) if odd(f64::from(*real)) => format!("{real:e}"),
        Reading::F64(real) if odd(*real) => format!("{real:e}"),
        other => other.to_string(),
    }
}

/// Digits of a REAL end after the seventh; LREAL and scaled counts are exact
/// but for the rounding of the scale.
fn same(read: &Reading, expected: &Value) -> bool {
    let close = |read: f64, expected: f64, digits: f64| {
        (read - expected).abs() <= digits * read.abs().max(expected.abs())
    };
    #[expect(clippy::cast_precision_loss, reason = "compared with a tolerance that is wider")]
    let number = match expected {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    match (read, expected, number) {
        (Reading::Bool(read), Value::Boolean(expected), _) => read == expected,
        (Reading::Text(read), Value::Text(expected), _) => **read == **expected,
        (Reading::Int(read), Value::Integer(expected), _) => read == expected,
        (Reading::UInt(read), Value::Integer(expected), _) => i64::try_from(*read) == Ok(*expected),
        (Reading::F32(read), _, Some(expected)) => close(f64::from(*read), expected, 1e-6),
        (Reading::F64(read), _, Some(expected)) => close(*read, expected, 1e-6),
        (read, _, Some(expected)) => read.as_f64().is_some_and(|read| close(read, expected, 1e-9)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::same;
    use crate::tree::Value;
    use forehearth_model::Value as Reading;

    #[test]
    fn a_real_is_the_same_up_to_its_seventh_digit_and_a_count_only_exactly() {
        assert!(same(&Reading::F32(4.123_456), &Value::Float(4.123_456)));
        assert!(!same(&Reading::F32(4.123_456), &Value::Float(4.123_5)));
        assert!(same(&Reading::Int(-3), &Value::Integer(-3)));
        assert!(!same(&Reading::UInt(u64::MAX), &Value::Integer(-1)));
        assert!(!same(&Reading::Int(1), &Value::Boolean(true)));
        assert!(same(&Reading::F64(0.0), &Value::Integer(0)));
        assert!(!same(&Reading::Null, &Value::Float(0.0)));
    }
}
