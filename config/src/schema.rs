//! `forehearth schema`: a JSON Schema for each kind of file, for editors that complete and check while typing.
//!
//! Draft 7, because that is what taplo and the editors built on it read. The
//! schema says which keys there are and what kind of value stands behind
//! them; what `check` knows beyond that, no schema can say.

use serde_json::{Map, Value, json};

use crate::keys::{Key, Kind, MapFile, Need, Section, sections};
use crate::quantity::{show_duration, show_size};

/// The JSON Schema (draft 7) of one kind of file, with texts in both languages.
#[must_use]
pub fn schema(file: MapFile) -> String {
    let mut definitions = Map::new();
    for section in sections(file) {
        definitions.insert(section.name.to_owned(), of_section(section));
    }
    let root = file.section();
    let document = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": root.heading,
        "description": both(root.doc),
        "allOf": [{ "$ref": reference(root) }],
        "definitions": definitions,
    });
    // Strings and numbers only: serialising can't fail.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn both([en, zh]: [&str; 2]) -> String {
    format!("{en}\n{zh}")
}

fn reference(section: &Section) -> String {
    format!("#/definitions/{}", section.name)
}

fn of_section(section: &Section) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in section.all() {
        properties.insert(key.name.to_owned(), of_key(key, section.scoped));
        if key.need == Need::Required {
            required.push(key.name);
        }
    }
    // What a profile asks for has names that only the profile knows.
    let others = if section.open { json!({ "type": ["string", "integer"] }) } else { json!(false) };
    json!({
        "type": "object",
        "title": section.heading,
        "description": both(section.doc),
        "properties": properties,
        "required": required,
        "additionalProperties": others,
    })
}

fn of_key(key: &Key, scoped: bool) -> Value {
    let mut schema = of_kind(key.kind, scoped);
    let note =
        if key.need == Need::Refused { " (not in this version / 本版本不支持)" } else { "" };
    schema.insert("description".to_owned(), json!(format!("{}{note}", both(key.doc))));
    schema.extend(example(key).map(|value| ("examples".to_owned(), json!([value]))));
    if let Need::Default(default) = key.need {
        schema.extend(value_of(&format!("d = {default}"), "d").map(|d| ("default".to_owned(), d)));
    }
    schema.into_iter().collect::<Map<String, Value>>().into()
}

/// The value of the key's example.
fn example(key: &Key) -> Option<Value> {
    value_of(key.example, key.name)
}

/// The value of `key` in a line of TOML.
pub(crate) fn value_of(line: &str, key: &str) -> Option<Value> {
    let table: toml::Table = line.parse().ok()?;
    serde_json::to_value(table.get(key)?).ok()
}

fn of_kind(kind: Kind, scoped: bool) -> Map<String, Value> {
    let schema = match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Bilingual => json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "properties": { "en": { "type": "string" }, "zh": { "type": "string" } },
              "additionalProperties": false },
        ]}),
        Kind::Integer(low, high) if scoped => json!({
            "type": ["integer", "string"], "minimum": low, "maximum": high, "pattern": EXPRESSION }),
        Kind::Integer(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Number if scoped => json!({ "type": ["number", "string"], "pattern": EXPRESSION }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Duration(low, high) => text_like(DURATION, scoped, &range(low, high)),
        Kind::Size(low, high) => {
            text_like(SIZE, scoped, &format!("{} … {}", show_size(low), show_size(high)))
        }
        Kind::ByteRate => text_like(BYTE_RATE, scoped, ""),
        Kind::Amount => json!({ "type": ["number", "string"], "pattern": AMOUNT }),
        Kind::Word(words) if scoped => {
            json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": EXPRESSION }] })
        }
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Rate => json!({ "type": "string", "minLength": 1 }),
        Kind::Pair => {
            let number = of_kind(Kind::Number, scoped);
            json!({ "type": "array", "items": number, "minItems": 2, "maxItems": 2 })
        }
        Kind::TextOrTexts => json!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        ]}),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Words(words) => json!({ "type": "array", "items": { "enum": words }, "minItems": 1 }),
        Kind::Items => json!({ "type": "array", "items": { "type": ["integer", "string"] } }),
        Kind::Scalar => json!({}),
        Kind::Table(section) => json!({ "allOf": [{ "$ref": reference(section) }] }),
        Kind::Tables(section) => {
            json!({ "type": "array", "items": { "$ref": reference(section) } })
        }
        Kind::Named(section) => {
            json!({ "type": "object", "additionalProperties": { "$ref": reference(section) } })
        }
        Kind::NamedRates => json!({ "type": "object",
            "additionalProperties": { "type": "string", "pattern": DURATION } }),
        Kind::NamedTexts => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Kind::NamedScalars => json!({ "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean"] } }),
        Kind::WordOrPlugin(words) => json!({ "anyOf": [
            { "enum": words },
            { "type": "string", "pattern": "^plugin:[A-Za-z0-9_-]+$" },
        ]}),
        Kind::NumberedTexts => json!({ "type": "object",
            "patternProperties": { "^-?[0-9]+$": { "type": "string" } }, "additionalProperties": false }),
        Kind::Variables => {
            json!({ "type": "object", "minProperties": 1, "additionalProperties": { "anyOf": [
                { "type": "string", "pattern": "^(csv:.+|\\s*-?[0-9]+\\s*\\.\\.=\\s*-?[0-9]+\\s*)$" },
                { "type": "array", "items": { "type": ["integer", "string"] } },
            ]}})
        }
        Kind::Registers => json!({ "type": "object", "minProperties": 1, "additionalProperties": {
            "type": "array", "minItems": 1,
            "items": { "type": ["integer", "boolean"], "minimum": i16::MIN, "maximum": u16::MAX } } }),
        Kind::Expected => json!({ "type": "object", "minProperties": 1,
            "additionalProperties": { "type": ["number", "boolean", "string", "array"] } }),
    };
    match schema {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A text with an expression in it.
const EXPRESSION: &str = "\\{.+\\}";
/// As `quantity::duration` reads it.
const DURATION: &str = "^\\s*[0-9]+(\\.[0-9]+)?\\s*(ms|s|m|h|d)\\s*$";
/// As `quantity::size` reads it.
const SIZE: &str = "^\\s*[0-9]+(\\.[0-9]+)?\\s*([KMGT]iB|[kMGT]B|B)\\s*$";
/// As `quantity::size_per_second` reads it.
const BYTE_RATE: &str = "^\\s*[0-9]+(\\.[0-9]+)?\\s*([KMGT]iB|[kMGT]B|B)/s\\s*$";
/// A percentage, or an expression.
const AMOUNT: &str = "(^\\s*(100(\\.0*)?|[0-9]{1,2}(\\.[0-9]*)?)\\s*%\\s*$|\\{.+\\})";

/// `10ms … 1d`.
pub(crate) fn range(low: std::time::Duration, high: std::time::Duration) -> String {
    format!("{} … {}", show_duration(low), show_duration(high))
}

fn text_like(pattern: &str, scoped: bool, title: &str) -> Value {
    let pattern = if scoped { format!("({pattern}|{EXPRESSION})") } else { pattern.to_owned() };
    if title.is_empty() {
        json!({ "type": "string", "pattern": pattern })
    } else {
        json!({ "type": "string", "pattern": pattern, "title": title })
    }
}

#[cfg(test)]
mod tests {
    use super::{example, schema};
    use crate::keys::{MapFile, Need, sections};

    #[test]
    fn every_key_has_an_example_and_both_languages() {
        for section in MapFile::ALL.into_iter().flat_map(sections) {
            for key in section.all() {
                let place = format!("{}: {}", section.heading, key.name);
                assert!(example(key).is_some(), "{place}: `{}` is no example", key.example);
                assert!(key.doc[0].is_ascii() && !key.doc[0].is_empty(), "{place}");
                assert!(
                    key.doc[1].chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)),
                    "{place}"
                );
                if let Need::Default(default) = key.need {
                    assert!(super::value_of(&format!("d = {default}"), "d").is_some(), "{place}");
                }
            }
        }
    }

    #[test]
    fn no_name_stands_for_two_sections_and_no_section_has_a_key_twice() {
        for file in MapFile::ALL {
            let sections = sections(file);
            let names: std::collections::BTreeSet<_> = sections.iter().map(|s| s.name).collect();
            assert_eq!(names.len(), sections.len());
            for section in sections {
                let keys: Vec<_> = section.all().map(|key| key.name).collect();
                let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
                assert_eq!(distinct.len(), keys.len(), "{}", section.heading);
            }
        }
    }

    #[test]
    fn every_reference_of_a_schema_leads_somewhere() {
        for file in MapFile::ALL {
            let text = schema(file);
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            let found = text.split("#/definitions/").skip(1);
            for name in found.map(|rest| rest.split('"').next().unwrap()) {
                assert!(document["definitions"][name].is_object(), "{name}");
            }
        }
    }
}
