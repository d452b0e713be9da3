//! The data dictionary: what a plant's common points are called, measured in and usually show.
//!
//! A tag refers to a point by `std`; what the tag doesn't say comes from
//! there, and what it says otherwise is a finding.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use forehearth_model::{DataType, Grade, TagKind};

use crate::broker::GRADES;
use crate::finding::Finding;
use crate::nearest::nearest;
use crate::point::is_number;
use crate::reader::{At, Reader, Text};
use crate::source::FileId;
use crate::tag::report_type;
use crate::texts::{self, phrase};
use crate::tree::{self, Table, Value};
use crate::units;

/// The shipped dictionary.
const TEXT: &str = include_str!("../dictionary/nonferrous.toml");

/// One point of the dictionary.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Standard {
    pub(crate) label: [String; 2],
    /// Empty for states and plain counts.
    pub(crate) unit: String,
    pub(crate) kind: TagKind,
    /// What a healthy sensor can show.
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) grade: Option<Grade>,
}

/// All points by name.
fn dictionary() -> &'static BTreeMap<String, Standard> {
    static DICTIONARY: OnceLock<BTreeMap<String, Standard>> = OnceLock::new();
    DICTIONARY.get_or_init(|| {
        // Shipped and tested: what is read here has no mistakes.
        let (root, _) = tree::parse(FileId(0), TEXT);
        let points = root.get("points").and_then(|entry| table_of(&entry.node.value));
        points.map(|points| points.entries.iter()).into_iter().flatten().filter_map(point).collect()
    })
}

fn table_of(value: &Value) -> Option<&Table> {
    match value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

fn point(entry: &tree::Entry) -> Option<(String, Standard)> {
    let table = table_of(&entry.node.value)?;
    let text = |key: &str| match table.get(key).map(|entry| &entry.node.value) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let range = match table.get("range").map(|entry| &entry.node.value) {
        Some(Value::Array(ends)) => match ends.as_slice() {
            [
                tree::Node { value: Value::Float(low), .. },
                tree::Node { value: Value::Float(high), .. },
            ] => Some((*low, *high)),
            _ => None,
        },
        _ => None,
    };
    let standard = Standard {
        label: [text("en"), text("zh")],
        unit: text("unit"),
        kind: if text("kind") == "counter" { TagKind::Counter } else { TagKind::Gauge },
        range,
        grade: GRADES.iter().find(|(word, _)| *word == text("grade")).map(|(_, grade)| *grade),
    };
    Some((entry.key.clone(), standard))
}

/// Reads `std`.
pub(crate) fn read(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
) -> Option<At<&'static Standard>> {
    let name = reader.filled_text("std")?;
    let dictionary = dictionary();
    let Some(standard) = dictionary.get(&*name.value) else {
        let known: Vec<&str> = dictionary.keys().map(String::as_str).collect();
        let finding = Finding::new(&texts::UNKNOWN_STANDARD, name.place);
        let finding = finding.with("name", &*name.value);
        reader.log.report(match nearest(&name.value, &known) {
            Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
            None => finding,
        });
        return None;
    };
    let at = At { value: standard, place: name.place };
    if standard.range.is_some() && data_type.is_some_and(|data_type| !is_number(data_type)) {
        report_type(reader, &texts::NOT_FOR_TYPE, name.place, "std", data_type);
        return None;
    }
    Some(at)
}

/// The unit of the tag: its own, or the dictionary's.
pub(crate) fn unit<'a>(
    reader: &Reader<'a>,
    standard: Option<At<&'static Standard>>,
) -> Option<Text<'a>> {
    let own = reader.filled_text("unit");
    let Some(At { value: standard, place }) = standard else { return own };
    let Some(own) = own else {
        let unit = standard.unit.as_str();
        let silent = reader.entry("unit").is_none() && !unit.is_empty();
        return silent.then(|| Text { value: unit.into(), place });
    };
    let (ours, theirs) = (units::code(&own.value), units::code(&standard.unit));
    if own.value != standard.unit.as_str() && (ours.is_empty() || ours != theirs) {
        let finding = Finding::new(&texts::STANDARD_UNIT, own.place)
            .with("unit", &*own.value)
            .with("standard", if standard.unit.is_empty() { "-" } else { &standard.unit });
        reader.log.report(finding.related(place, phrase::STANDARD_HERE));
    }
    Some(own)
}

/// The valid range of the tag: its own, or the dictionary's.
pub(crate) fn valid(
    reader: &Reader<'_>,
    own: Option<At<(f64, f64)>>,
    standard: Option<At<&'static Standard>>,
) -> Option<At<(f64, f64)>> {
    let Some((place, range)) =
        standard.and_then(|standard| Some((standard.place, standard.value.range?)))
    else {
        return own;
    };
    let Some(own) = own else {
        let silent = reader.entry("valid").is_none();
        return silent.then_some(At { value: range, place });
    };
    if own.value.0 < range.0 || own.value.1 > range.1 {
        let finding = Finding::new(&texts::STANDARD_RANGE, own.place)
            .with("low", range.0)
            .with("high", range.1);
        reader.log.report(finding.related(place, phrase::STANDARD_HERE));
    }
    Some(own)
}

/// The label of the tag: its own, or the dictionary's.
pub(crate) fn label(
    own: Option<[String; 2]>,
    standard: Option<At<&'static Standard>>,
) -> [String; 2] {
    own.or_else(|| standard.map(|standard| standard.value.label.clone())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{TEXT, dictionary};
    use crate::units;

    #[test]
    fn every_point_is_complete_and_has_a_known_unit() {
        let lines = TEXT.lines().filter(|line| line.starts_with('"')).count();
        assert_eq!(dictionary().len(), lines);
        for (name, standard) in dictionary() {
            let [en, zh] = &standard.label;
            assert!(en.is_ascii() && !en.is_empty(), "{name}");
            assert!(zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{name}");
            assert!(name.split('.').count() == 3, "{name}");
            if let Some((low, high)) = standard.range {
                assert!(low < high && !standard.unit.is_empty(), "{name}");
            }
            let rates = ["mm/min"]; // no code in Recommendation 20
            let known = standard.unit.is_empty() || !units::code(&standard.unit).is_empty();
            assert!(known || rates.contains(&standard.unit.as_str()), "{name}: {}", standard.unit);
        }
    }

    #[test]
    fn no_line_of_the_dictionary_holds_a_key_that_is_not_read() {
        let (root, errors) = crate::tree::parse(crate::source::FileId(0), TEXT);
        assert!(errors.is_empty());
        let points = super::table_of(&root.get("points").unwrap().node.value).unwrap();
        for entry in &points.entries {
            let table = super::table_of(&entry.node.value).unwrap();
            for key in &table.entries {
                let known = ["en", "zh", "unit", "kind", "range", "grade"];
                assert!(known.contains(&key.key.as_str()), "{}: {}", entry.key, key.key);
            }
            let standard = &dictionary()[&entry.key];
            assert_eq!(table.get("range").is_some(), standard.range.is_some(), "{}", entry.key);
            assert_eq!(table.get("grade").is_some(), standard.grade.is_some(), "{}", entry.key);
        }
    }
}
