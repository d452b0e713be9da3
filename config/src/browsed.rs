//! What was found on a server: the tags of `[[device.browse]]` and the types of nodes, kept in a file.
//!
//! Consumers are told every tag and its type before the server was ever
//! reached, and a map's mistakes are found without it. So browsing is a step
//! of its own: `forehearth browse --write DIR` asks the server and writes
//! `browsed/DEVICE.toml`, which is read like the map itself, can be reviewed
//! and kept under version control. What the map and the file no longer agree
//! on is a finding here. What the file and the server no longer agree on shows
//! when `forehearth browse` or `check --live` asks the server again; the driver
//! does not count at connect, a node that has gone is Bad there.

use std::cell::Cell;

use crate::expr::Scope;
use crate::files::{self, Document};
use crate::finding::{Finding, Log};
use crate::keys::{
    self,
    field::{BROWSE_KEYS, BROWSED_KEYS, FOUND_KEYS},
};
use crate::node;
use crate::opcua::Namespaces;
use crate::plan::BrowsePlan;
use crate::reader::{Reader, Text};
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::tree::{Table, Value};

/// Deepest search. Chosen: deeper is a loop of the server's.
pub(crate) const DEPTH: (i64, i64) = (1, 32);
/// Most tags a rule may expect; as many as a map may have.
pub(crate) const EXPECT: (i64, i64) = (0, 200_000);
/// Where a search starts that says nothing else: OPC UA's Objects folder.
const UNDER: &str = "/Objects";
/// What a tag is called without `name`.
const NAME: &str = "{browse_name}";

/// The file of one device.
pub(crate) struct Browsed<'a> {
    pub(crate) place: Place,
    rules: Vec<(String, i64)>,
    pub(crate) tags: Option<&'a Table>,
    types: Option<&'a Table>,
    /// Whether a device uses it.
    pub(crate) used: Cell<bool>,
}

/// Reads one file: the device it is of and what was found.
pub(crate) fn read<'a>(log: &'a Log, document: &'a Document) -> Option<(String, Browsed<'a>)> {
    let reader = Reader::new(log, &document.root, phrase::BROWSED, document.top);
    files::check_schema(&reader);
    reader.only(&keys::names::<{ BROWSED_KEYS.len() }>(BROWSED_KEYS));
    if reader.entry("device").is_none() {
        reader.missing("device", "device = \"fc-201\"");
        return None;
    }
    let device = reader.filled_text("device")?;
    let mut rules = Vec::new();
    for table in reader.list_of_tables("rule") {
        let rule = Reader::new(log, table.value, phrase::BROWSED, table.place);
        rule.only(&keys::names::<{ FOUND_KEYS.len() }>(FOUND_KEYS));
        let made_from = rule.filled_text("made_from")?;
        let found = rule.integer("found", EXPECT.0..=EXPECT.1)?;
        rules.push((made_from.value.into_owned(), found.value));
    }
    let tags = reader.table("tags").map(|table| table.value);
    let types = reader.table("types").map(|table| table.value);
    let browsed = Browsed { place: device.place, rules, tags, types, used: Cell::new(false) };
    Some((device.value.into_owned(), browsed))
}

impl<'a> Browsed<'a> {
    /// The type of a node and where it stands.
    pub(crate) fn type_of(&self, node: &str) -> Option<(&'a str, Place)> {
        let entry = self.types?.get(node)?;
        match &entry.node.value {
            Value::Text(text) => Some((text, entry.node.place)),
            _ => None,
        }
    }
}

/// `[[device.browse]]`.
pub(crate) fn rules(
    reader: &Reader<'_>,
    namespaces: &Namespaces,
    scope: &Scope,
) -> Vec<BrowsePlan> {
    let tables = reader.list_of_tables("browse");
    let read = |table: crate::reader::At<&Table>| {
        // Its braces are filled in by each node that is found.
        let plain = Reader::new(reader.log, table.value, phrase::BROWSE, table.place);
        let name = plain.entry("name").and_then(|entry| match &entry.node.value {
            Value::Text(text) => {
                Some(Text { value: text.as_str().into(), place: entry.node.place })
            }
            _ => plain.text("name"),
        });
        let rule = Reader::new(reader.log, table.value, phrase::BROWSE, table.place).scoped(scope);
        rule.only(&keys::names::<{ BROWSE_KEYS.len() }>(BROWSE_KEYS));
        let under = rule.filled_text("under");
        if let Some(under) = &under
            && !node::check(&rule, namespaces, under)
        {
            return None;
        }
        let pattern = rule.filled_text("match");
        if let Some(pattern) = &pattern
            && globset::Glob::new(&pattern.value).is_err()
        {
            let finding = Finding::new(&texts::WRONG_GLOB, pattern.place);
            rule.log.report(finding.with("value", &*pattern.value));
            return None;
        }
        if let Some(name) = &name {
            check_name(reader.log, name)?;
        }
        let depth = rule.integer("depth", DEPTH.0..=DEPTH.1).map_or(3, |depth| depth.value);
        let expect = rule.integer("expect", EXPECT.0..=EXPECT.1).map(|expect| expect.value);
        Some(BrowsePlan {
            under: under.map_or_else(|| UNDER.to_owned(), |text| text.value.into_owned()),
            pattern: pattern.map_or_else(|| "*".to_owned(), |text| text.value.into_owned()),
            depth: depth as u32,
            expect: expect.map(|expect| expect as u32),
            name: name.map_or_else(|| NAME.to_owned(), |text| text.value.into_owned()),
        })
    };
    tables.into_iter().filter_map(read).collect()
}

/// A name needs what tells one node from another, and nothing unknown.
fn check_name(log: &Log, name: &Text<'_>) -> Option<()> {
    let mut rest = &*name.value;
    let mut known = 0;
    while let Some((_, behind)) = rest.split_once('{') {
        let (word, after) = behind.split_once('}').unwrap_or((behind, ""));
        if !matches!(word, "browse_name" | "path" | "parent") {
            known = 0;
            break;
        }
        known += 1;
        rest = after;
    }
    if known == 0 {
        log.report(Finding::new(&texts::NAME_OF_FOUND, name.place).with("value", &*name.value));
        return None;
    }
    Some(())
}

/// Holds what a device asks for against what was found.
pub(crate) fn check(reader: &Reader<'_>, rules: &[BrowsePlan], browsed: Option<&Browsed<'_>>) {
    let Some(entry) = reader.entry("browse").filter(|_| !rules.is_empty()) else { return };
    let Some(browsed) = browsed else {
        reader.log.report(Finding::new(&texts::NOT_BROWSED, entry.key_place));
        return;
    };
    let same =
        rules.iter().map(BrowsePlan::line).eq(browsed.rules.iter().map(|(made, _)| made.clone()));
    if !same {
        let finding = Finding::new(&texts::BROWSED_OTHERWISE, entry.key_place);
        reader.log.report(finding.related(browsed.place, phrase::BROWSED_HERE));
        return;
    }
    for (rule, (_, found)) in rules.iter().zip(&browsed.rules) {
        if let Some(expect) = rule.expect.filter(|expect| i64::from(*expect) != *found) {
            let finding = Finding::new(&texts::FOUND_OTHERWISE, entry.key_place)
                .with("under", rule.under.as_str())
                .with("expect", expect)
                .with("found", *found);
            reader.log.report(finding.related(browsed.place, phrase::BROWSED_HERE));
        }
    }
}
