//! A TOML file as a tree whose every key and value knows its place, in file order.

use toml::de::{DeTable, DeValue};

use crate::source::{FileId, Place};

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// No key of a map takes one.
    Date,
    /// An integer beyond 64 bits.
    Huge,
    Array(Vec<Node>),
    Table(Table),
}

/// Keys and values in file order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// A mistake of TOML itself.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) place: Place,
    pub(crate) message: String,
}

/// Longest file in which more than the first mistake is looked for: a
/// generated file of nonsense has a mistake in every byte, and each costs
/// memory.
const MOST_RECOVERED: usize = 1 << 20;

/// Reads a file; what can be understood around a mistake is still returned,
/// so that one run finds as much as possible.
pub(crate) fn parse(file: FileId, text: &str) -> (Table, Vec<SyntaxError>) {
    let (root, errors) = if text.len() <= MOST_RECOVERED {
        DeTable::parse_recoverable(text)
    } else {
        match DeTable::parse(text) {
            Ok(root) => (root, Vec::new()),
            Err(error) => (toml::Spanned::new(0..0, DeTable::new()), vec![error]),
        }
    };
    let place = |span: std::ops::Range<usize>| Place {
        file,
        start: span.start as u32,
        end: span.end as u32,
    };
    let errors = errors
        .into_iter()
        .map(|error| SyntaxError {
            place: error.span().map_or(Place::top(file), place),
            message: error.message().to_owned(),
        })
        .collect();
    (convert_table(file, root.into_inner()), errors)
}

fn convert_table(file: FileId, table: DeTable<'_>) -> Table {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| {
            let span = key.span();
            let key_place = Place { file, start: span.start as u32, end: span.end as u32 };
            Entry { key: key.into_inner().into_owned(), key_place, node: convert(file, value) }
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_place);
    Table { entries }
}

fn convert(file: FileId, spanned: toml::Spanned<DeValue<'_>>) -> Node {
    let span = spanned.span();
    let place = Place { file, start: span.start as u32, end: span.end as u32 };
    let value = match spanned.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Value::Huge, Value::Integer),
        DeValue::Float(float) => float.as_str().parse().map_or(Value::Huge, Value::Float),
        DeValue::Boolean(boolean) => Value::Boolean(boolean),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(array) => {
            Value::Array(array.into_iter().map(|item| convert(file, item)).collect())
        }
        DeValue::Table(table) => Value::Table(convert_table(file, table)),
    };
    Node { place, value }
}

#[cfg(test)]
mod tests {
    use super::{Value, parse};
    use crate::source::FileId;

    #[test]
    fn keys_keep_the_order_of_the_file_and_their_places() {
        let text = "b = 1\na = { z = \"x\", y = 0x10 }\n";
        let (table, errors) = parse(FileId(0), text);
        assert!(errors.is_empty());
        let keys: Vec<_> = table.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
        let Value::Table(inner) = &table.entries[1].node.value else { unreachable!() };
        let z = &inner.entries[0];
        assert_eq!(&text[z.node.place.start as usize..z.node.place.end as usize], "\"x\"");
        assert_eq!(inner.entries[1].node.value, Value::Integer(16));
    }

    #[test]
    fn what_stands_around_a_mistake_is_still_read() {
        let (table, errors) = parse(FileId(0), "a = 1\nb = = 2\nc = 3\n");
        assert!(!errors.is_empty());
        assert!(table.get("a").is_some() && table.get("c").is_some());
    }
}
