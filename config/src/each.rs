//! `for` and `except`: one table of the map stands for many devices or links.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{Binding, Scope};
use crate::finding::Finding;
use crate::reader::Reader;
use crate::sheet::Sheet;
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::tree::{Entry, Node, Value};

/// Most devices (or links) of a map. Chosen: ten times what one box polls.
pub(crate) const MOST_DEVICES: usize = 10_000;

/// The sheets that the map names, read before the map is expanded.
pub(crate) type Sheets = HashMap<String, Sheet>;

/// A scope for each device; one empty scope when there is no `for`.
pub(crate) fn scopes(reader: &Reader<'_>, sheets: &Sheets) -> Vec<Scope> {
    let Some(table) = reader.table("for") else {
        if let Some(entry) = reader.entry("except") {
            reader.log.report(Finding::new(&texts::EXCEPT_WITHOUT_FOR, entry.key_place));
        }
        return if reader.entry("for").is_some() { Vec::new() } else { vec![Scope::default()] };
    };
    let mut scopes = vec![Scope::default()];
    if table.value.entries.is_empty() {
        reader.log.report(Finding::new(&texts::FOR_EMPTY, table.place));
    }
    for entry in &table.value.entries {
        let Some(values) = values(reader, entry, sheets) else { return Vec::new() };
        if scopes.len().saturating_mul(values.len()) > MOST_DEVICES {
            too_many(reader, entry.node.place, scopes.len().saturating_mul(values.len()));
            return Vec::new();
        }
        let name: Arc<str> = entry.key.as_str().into();
        scopes = scopes.iter().flat_map(|scope| with_each(scope, &name, &values)).collect();
    }
    scopes
}

fn too_many(reader: &Reader<'_>, place: Place, count: usize) {
    let finding = Finding::new(&texts::TOO_MANY_DEVICES, place);
    reader.log.report(finding.with("count", count).with("most", MOST_DEVICES));
}

fn with_each<'a>(
    scope: &'a Scope,
    name: &'a Arc<str>,
    values: &'a [Binding],
) -> impl Iterator<Item = Scope> + 'a {
    values.iter().map(move |value| {
        let mut scope = scope.clone();
        scope.bind(name.clone(), value.clone());
        scope
    })
}

fn values(reader: &Reader<'_>, entry: &Entry, sheets: &Sheets) -> Option<Vec<Binding>> {
    let legal = entry.key.chars().all(|c| c.is_alphanumeric() || c == '_')
        && entry.key.starts_with(|c: char| c.is_alphabetic());
    if !legal {
        let finding = Finding::new(&texts::NOT_A_VARIABLE, entry.key_place);
        reader.log.report(finding.with("name", entry.key.as_str()));
        return None;
    }
    match &entry.node.value {
        Value::Text(text) => match text.strip_prefix("csv:") {
            Some(path) => sheets.get(path).map(rows),
            None => range(reader, text, &entry.node),
        },
        Value::Array(items) => items.iter().map(|item| item_of(reader, item)).collect(),
        _ => {
            reader.wrong_type(&entry.key, &entry.node, phrase::A_FOR);
            None
        }
    }
}

fn rows(sheet: &Sheet) -> Vec<Binding> {
    let columns = &sheet.columns;
    let row =
        |values: &Arc<[String]>| Binding::Row { columns: columns.clone(), values: values.clone() };
    sheet.rows.iter().map(row).collect()
}

fn item_of(reader: &Reader<'_>, item: &Node) -> Option<Binding> {
    match &item.value {
        Value::Integer(integer) => Some(Binding::Integer(*integer)),
        Value::Text(text) => Some(Binding::Text(text.as_str().into())),
        _ => {
            reader.wrong_type("for", item, phrase::A_FOR_ITEM);
            None
        }
    }
}

/// `1..=300`, both ends included.
fn range(reader: &Reader<'_>, text: &str, node: &Node) -> Option<Vec<Binding>> {
    let ends = text.split_once("..=").and_then(|(first, last)| {
        Some((first.trim().parse::<i64>().ok()?, last.trim().parse::<i64>().ok()?))
    });
    let Some((first, last)) = ends else {
        let finding = Finding::new(&texts::NOT_A_RANGE, node.place).with("value", text);
        let half_open = text.split_once("..").and_then(|(first, last)| {
            Some((first.trim().parse::<i64>().ok()?, last.trim().parse::<i64>().ok()?))
        });
        reader.log.report(match half_open {
            Some((first, last)) => {
                finding.with("range", format!("{first}..={last}")).help(phrase::RANGE_WITH_END)
            }
            None => finding,
        });
        return None;
    };
    if first > last {
        let finding = Finding::new(&texts::RANGE_BACKWARDS, node.place);
        reader.log.report(finding.with("value", text).with("range", format!("{last}..={first}")));
        return None;
    }
    let count = last.checked_sub(first).and_then(|n| n.checked_add(1)).unwrap_or(i64::MAX);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > MOST_DEVICES {
        too_many(reader, node.place, count);
        return None;
    }
    Some((first..=last).map(Binding::Integer).collect())
}

/// What `except` leaves out: values of the one variable, or expanded names.
pub(crate) struct Except {
    items: Vec<(String, Place, bool)>,
}

impl Except {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let mut items = Vec::new();
        if let Some(entry) = reader.entry("except") {
            match &entry.node.value {
                Value::Array(nodes) => {
                    for node in nodes {
                        match &node.value {
                            Value::Integer(value) => {
                                items.push((value.to_string(), node.place, false))
                            }
                            Value::Text(text) => items.push((text.clone(), node.place, false)),
                            _ => reader.wrong_type("except", node, phrase::A_FOR_ITEM),
                        }
                    }
                }
                _ => reader.wrong_type("except", &entry.node, phrase::A_LIST_OF_ITEMS),
            }
        }
        Self { items }
    }

    /// Whether the device of this scope and name is left out.
    pub(crate) fn leaves_out(&mut self, scope: &Scope, name: &str) -> bool {
        let value = match scope.bindings() {
            [(_, Binding::Integer(value))] => Some(value.to_string()),
            [(_, Binding::Text(text))] => Some(text.to_string()),
            _ => None,
        };
        let mut left_out = false;
        for (item, _, used) in &mut self.items {
            if *item == name || value.as_deref() == Some(item) {
                *used = true;
                left_out = true;
            }
        }
        left_out
    }

    /// Reports what left out nothing: a typing mistake, or a device that is gone.
    pub(crate) fn finish(self, reader: &Reader<'_>) {
        for (item, place, _) in self.items.into_iter().filter(|(_, _, used)| !used) {
            reader.log.report(Finding::new(&texts::EXCEPT_NOTHING, place).with("value", item));
        }
    }
}
