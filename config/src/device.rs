//! A device: its place in the field, merged from profile, device and override, with its tags.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forehearth_modbus::{Access, RegisterOrder};

use crate::broker::GRADES;
use crate::browsed::{self, Browsed};
use crate::expr::{Binding, Scope};
use crate::finding::{Finding, Log};
use crate::keys::{self, field as described};
use crate::link::{self, Budget, Quirks};
use crate::nearest::nearest;
use crate::plan::{OpcUaMode, OpcUaPlan, Transport};
use crate::point::{self, AddressParam};
use crate::profile::{self, Param, ParamType, Profile, SHARED_KEYS};
use crate::quantity;
use crate::reader::{At, Reader, Text};
use crate::source::Place;
use crate::tag::{self, MAX_GAP, RATE, Surroundings, TagDraft};
use crate::texts::{self, phrase};
use crate::tree::{Node, Table, Value};
use crate::{events, house, names, opcua, plugin, versions};

/// Keys that only a device has.
pub(crate) const OWN_KEYS: [&str; described::DEVICE_KEYS.len()] =
    keys::names(described::DEVICE_KEYS);

/// Keys of OPC UA devices.
const OPCUA_KEYS: [&str; described::OPCUA_KEYS.len()] = keys::names(described::OPCUA_KEYS);

/// Those that a profile may have as well.
pub(crate) const OPCUA_SHARED_KEYS: [&str; described::OPCUA_SHARED_KEYS.len()] =
    keys::names(described::OPCUA_SHARED_KEYS);

/// Keys of plugins.
pub(crate) const PLUGIN_KEYS: [&str; described::PLUGIN_KEYS.len()] =
    keys::names(described::PLUGIN_KEYS);

/// Keys that make a device what it is; an override can't give them.
const IDENTITY_KEYS: [&str; 4] = ["name", "profile", "for", "except"];

/// Period of a tag without `rate` anywhere.
const DEFAULT_RATE: Duration = Duration::from_secs(1);

/// Longest silence of a reading without `max_gap` anywhere (map.md).
const DEFAULT_MAX_GAP: Duration = Duration::from_secs(60);

/// One `[[device]]` of a file.
pub(crate) struct DeviceTable<'a> {
    pub(crate) table: &'a Table,
    pub(crate) place: Place,
}

/// `[override."name"]`.
pub(crate) struct Override<'a> {
    pub(crate) table: &'a Table,
    pub(crate) place: Place,
    pub(crate) used: std::cell::Cell<bool>,
}

/// A device with everything merged, still with its places.
pub(crate) struct DeviceDraft {
    pub(crate) name: Arc<str>,
    pub(crate) name_place: Place,
    pub(crate) handle: String,
    pub(crate) unit: u8,
    pub(crate) unit_place: Place,
    pub(crate) access: Access,
    pub(crate) reach: Reach,
    pub(crate) quirks: Quirks,
    pub(crate) tags: Vec<TagDraft>,
}

/// How a device is reached.
pub(crate) enum Reach {
    /// Over a `[[link]]`.
    Shared { name: String, place: Place },
    /// Over a link of its own.
    Own(Box<link::LinkDraft>),
}

impl Reach {
    /// The server, of OPC UA.
    fn opcua(&self) -> Option<&OpcUaPlan> {
        match self {
            Self::Own(link) => match &link.plan.transport {
                Transport::OpcUa(server) => Some(server),
                _ => None,
            },
            Self::Shared { .. } => None,
        }
    }
}

/// The tables that make a device, from weakest to strongest.
pub(crate) struct Layers<'a> {
    pub(crate) tables: Vec<&'a Table>,
    pub(crate) params: Vec<&'a Param<'a>>,
}

/// Lays profile chain, device and override over one another.
pub(crate) fn layers<'a>(
    device: &DeviceTable<'a>,
    chain: &[&'a Profile<'a>],
    over: Option<&Override<'a>>,
) -> Layers<'a> {
    let mut tables: Vec<&Table> = chain.iter().map(|profile| profile.root).collect();
    tables.push(device.table);
    tables.extend(over.map(|over| over.table));
    let mut params: Vec<&Param<'_>> = Vec::new();
    for param in chain.iter().flat_map(|profile| &profile.params) {
        params.retain(|known| known.name != param.name);
        params.push(param);
    }
    Layers { tables, params }
}

/// Reports unknown keys of the device's own table.
pub(crate) fn check_keys(log: &Log, device: &DeviceTable<'_>, layers: &Layers<'_>) {
    Reader::new(log, device.table, phrase::A_DEVICE, device.place).only(&known_keys(layers));
}

/// Reports unknown keys of an override, and those it can't give.
pub(crate) fn check_override_keys(log: &Log, over: &Override<'_>, layers: &Layers<'_>) {
    for key in IDENTITY_KEYS {
        if let Some(entry) = over.table.get(key) {
            let finding = Finding::new(&texts::OVERRIDES_IDENTITY, entry.key_place);
            log.report(finding.with("key", key));
        }
    }
    let reader = Reader::new(log, over.table, phrase::AN_OVERRIDE, over.place);
    reader.only(&known_keys(layers));
}

fn known_keys<'a>(layers: &Layers<'a>) -> Vec<&'a str> {
    let params: Vec<&str> = layers.params.iter().map(|param| param.name).collect();
    let of_drivers = [&OPCUA_KEYS[..], &OPCUA_SHARED_KEYS, &PLUGIN_KEYS, &link::QUIRKS].concat();
    [&OWN_KEYS[..], &of_drivers, &SHARED_KEYS, &params].concat()
}

/// What lies beside a map's files.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) dir: &'a Path,
    /// What was found on the servers of devices, by device.
    pub(crate) browsed: &'a HashMap<String, Browsed<'a>>,
}

/// Reads one device in the scope of its `for`.
pub(crate) fn read(
    log: &Log,
    name: &Text<'_>,
    device: &DeviceTable<'_>,
    layers: &Layers<'_>,
    scope: Scope,
    files: Beside<'_>,
) -> Option<DeviceDraft> {
    let mut scope = scope;
    let layered = || Reader::layered(log, layers.tables.clone(), phrase::A_DEVICE, device.place);
    // What is wrong here must not hide what is wrong in the tags: they are
    // read with the likeliest driver, and the device is dropped at the end.
    let (params, params_are_right) = read_params(&layered(), &layers.params, &mut scope);
    let reader = layered().scoped(&scope);
    let said = read_driver(&reader)?;
    let driver = said.unwrap_or_else(|| likeliest_driver(&reader));
    check_driver_keys(&reader, driver);
    let namespaces = opcua::namespaces(&reader);
    let (access, read_only) = read_access(&reader, &layers.tables);
    let (access, read_only) = match reader.entry("driver") {
        // What the gateway tells of itself can't be set.
        Some(entry) if driver == Driver::House => (Access::ReadOnly, Some(entry.key_place)),
        _ => (access, read_only),
    };
    let rates = read_rates(&reader);
    let rate = if reader.entry("rate").is_some() { tag::rate_of(&reader, &rates) } else { None };
    let order = reader.entry("order").and_then(|_| point::order(&reader));
    let grade = reader.word("grade", &GRADES);
    let max_gap = reader.duration("max_gap", MAX_GAP.0..=MAX_GAP.1);
    let every_sample = reader.boolean("every_sample");
    reader.bilingual("title");
    let unit = reader.integer("unit", 0..=255);
    let handle = reader.text("handle").map(|text| text.value.into_owned());
    let manifest = match driver {
        Driver::Plugin => plugin::find(&reader, files.dir),
        _ => None,
    };
    let reach = match driver {
        Driver::Plugin => plugin::read(&reader, name, manifest.as_ref())
            .map(|link| (Reach::Own(Box::new(link)), Quirks::default())),
        Driver::Modbus => read_reach(&reader, name),
        Driver::House => {
            house::read(&reader, name).map(|link| (Reach::Own(Box::new(link)), Quirks::default()))
        }
        Driver::OpcUa => opcua::read(&reader, name, &namespaces, &scope, files.dir)
            .map(|link| (Reach::Own(Box::new(link)), Quirks::default())),
    };
    let browsed = files.browsed.get(&*name.value).filter(|_| driver == Driver::OpcUa);
    if let Some(browsed) = browsed {
        browsed.used.set(true);
    }
    let server = reach.as_ref().and_then(|(reach, _)| reach.opcua());
    if let Some(server) = server {
        browsed::check(&reader, &server.browse, browsed);
    }
    let around = Surroundings {
        driver,
        manifest: manifest.as_ref(),
        browsed,
        is_polled: server.is_some_and(|server| server.mode == OpcUaMode::Poll),
        namespaces: &namespaces,
        scope: &scope,
        params: &params,
        rates: &rates,
        rate: rate.unwrap_or(DEFAULT_RATE),
        order: order.unwrap_or(RegisterOrder::Abcd),
        grade: grade.map(|grade| grade.value),
        max_gap: max_gap.map_or(DEFAULT_MAX_GAP, |gap| gap.value),
        every_sample: every_sample.is_some_and(|every| every.value),
        read_only,
    };
    let tags = read_tags(&reader, device, &around);
    let (reach, quirks) = reach.filter(|_| said.is_some() && params_are_right)?;
    Some(DeviceDraft {
        name: (&*name.value).into(),
        name_place: name.place,
        handle: handle.unwrap_or_default(),
        unit: unit.map_or(1, |unit| unit.value as u8),
        unit_place: unit.map_or(name.place, |unit| unit.place),
        access,
        reach,
        quirks,
        tags,
    })
}

/// How a device speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Driver {
    Modbus,
    OpcUa,
    /// In a process of its own.
    Plugin,
    /// The gateway itself.
    House,
}

/// Reports keys that mean nothing to the device's driver.
fn check_driver_keys(reader: &Reader<'_>, driver: Driver) {
    match driver {
        Driver::Modbus => {
            for key in OPCUA_KEYS.iter().chain(&OPCUA_SHARED_KEYS).chain(&PLUGIN_KEYS) {
                if let Some(entry) = reader.entry(key) {
                    let finding = Finding::new(&texts::KEY_OF_OTHER_DRIVER, entry.key_place);
                    reader.log.report(finding.with("key", *key).with("driver", "modbus"));
                }
            }
        }
        Driver::OpcUa => opcua::refuse_keys(reader),
        Driver::Plugin => plugin::refuse_keys(reader, &[&OPCUA_KEYS, &OPCUA_SHARED_KEYS]),
        Driver::House => {
            house::refuse_keys(reader, &[&OPCUA_KEYS, &OPCUA_SHARED_KEYS, &PLUGIN_KEYS]);
        }
    }
}

/// What `driver` says: `Some(None)` when it is missing or misspelt, `None` for
/// one whose tags can't be understood here.
fn read_driver(reader: &Reader<'_>) -> Option<Option<Driver>> {
    if reader.entry("driver").is_none() {
        reader.missing("driver", "driver = \"modbus\"");
        return Some(None);
    }
    let words = [
        ("modbus", Some(Driver::Modbus)),
        ("opcua", Some(Driver::OpcUa)),
        ("gateway", Some(Driver::House)),
        ("sensor", None),
        ("plugin:NAME", None),
    ];
    if let Some(entry) = reader.entry("driver")
        && let Value::Text(text) = &entry.node.value
        && text.starts_with(plugin::PREFIX)
    {
        return Some(Some(Driver::Plugin));
    }
    let Some(driver) = reader.word("driver", &words) else { return Some(None) };
    if driver.value.is_none() {
        let name = reader.text("driver")?;
        versions::unsupported(reader.log, driver.place, &format!("driver = \"{}\"", name.value));
        return None;
    }
    Some(driver.value)
}

/// The driver that was probably meant, by the device's address.
fn likeliest_driver(reader: &Reader<'_>) -> Driver {
    let url = reader.entry("url").map(|entry| &entry.node.value);
    match url {
        Some(Value::Text(url)) if url.starts_with("opc.tcp") => Driver::OpcUa,
        _ => Driver::Modbus,
    }
}

/// Read-only anywhere is read-only; a stronger table can't loosen it, because
/// nobody looks for that in a device's line.
fn read_access(reader: &Reader<'_>, tables: &[&Table]) -> (Access, Option<Place>) {
    let words = [("read-only", Access::ReadOnly), ("read-write", Access::ReadWrite)];
    let mut read_only = None;
    for table in tables {
        let layer = Reader::new(reader.log, table, phrase::A_DEVICE, reader.place());
        match layer.word("access", &words) {
            Some(At { value: Access::ReadOnly, place }) => read_only = Some(place),
            Some(At { value: Access::ReadWrite, place }) => {
                if let Some(first) = read_only {
                    let finding = Finding::new(&texts::ACCESS_LOOSENED, place);
                    reader.log.report(finding.related(first, phrase::READ_ONLY_HERE));
                }
            }
            None => {}
        }
    }
    match read_only {
        Some(_) => (Access::ReadOnly, read_only),
        None => (Access::ReadWrite, None),
    }
}

/// `[rates]` of all layers by name, the strongest winning.
fn read_rates<'a>(reader: &Reader<'a>) -> Vec<(&'a str, Duration)> {
    let mut rates: Vec<(&str, Duration)> = Vec::new();
    for table in reader.tables("rates") {
        let inner = Reader::new(reader.log, table, phrase::RATES, reader.place());
        for entry in &table.entries {
            if quantity::duration(&entry.key).is_some()
                || entry.key.starts_with(|c: char| c.is_ascii_digit())
            {
                let finding = Finding::new(&texts::NOT_A_RATE_NAME, entry.key_place);
                reader.log.report(finding.with("name", entry.key.as_str()));
                continue;
            }
            if let Some(rate) = inner.duration(&entry.key, RATE.0..=RATE.1) {
                rates.retain(|(known, _)| *known != entry.key);
                rates.push((&entry.key, rate.value));
            }
        }
    }
    rates
}

/// What the device gives for the profile's parameters: texts and integers go
/// into the scope, addresses are returned, and whether all of them are right.
/// Of a wrong one the name is known nevertheless, so that what uses it is not
/// said to be wrong as well.
fn read_params(
    reader: &Reader<'_>,
    params: &[&Param<'_>],
    scope: &mut Scope,
) -> (Vec<AddressParam>, bool) {
    let mut addresses = Vec::new();
    let mut right = true;
    let outer = scope.clone();
    for param in params {
        let entry = reader.entry(param.name);
        let text = match entry.map(|entry| &entry.node).or(param.default) {
            Some(node) => given(reader.log, param, node, &outer),
            None => {
                let finding = Finding::new(&texts::PARAM_MISSING, reader.place());
                let finding = finding.with("name", param.name);
                reader.log.report(finding.related(param.place, phrase::PARAM_HERE).distinct());
                None
            }
        };
        right &= text.is_some();
        match param.param_type {
            ParamType::Address => {
                let address = text.and_then(|text| point::address(reader.log, &text, &[]));
                right &= address.is_some();
                addresses.push((param.name.to_owned(), address));
            }
            ParamType::Integer => {
                let integer = text.as_ref().map(|text| text.value.trim().parse());
                if let (Some(Err(_)), Some(text)) = (&integer, &text) {
                    let finding = Finding::new(&texts::EXPANDS_WRONG, text.place);
                    let finding = finding.with("key", param.name).with("value", &*text.value);
                    reader.log.report(finding.with("expected", phrase::A_WHOLE_NUMBER));
                    right = false;
                }
                scope.bind(param.name, Binding::Integer(integer.and_then(Result::ok).unwrap_or(1)));
            }
            ParamType::Text => {
                let text = text.map_or("x".into(), |text| text.value);
                scope.bind(param.name, Binding::Text(text.into()));
            }
        }
    }
    (addresses, right)
}

/// The text (or number) that a device gives for a parameter.
fn given<'a>(log: &Log, param: &Param<'_>, node: &'a Node, scope: &Scope) -> Option<Text<'a>> {
    let place = node.place;
    match &node.value {
        Value::Text(text) => {
            let value = crate::reader::expand_at(log, text, place, scope)?;
            Some(At { value, place })
        }
        Value::Integer(integer) if param.param_type == ParamType::Integer => {
            Some(At { value: integer.to_string().into(), place })
        }
        other => {
            let expected = match param.param_type {
                ParamType::Address => phrase::AN_ADDRESS,
                ParamType::Integer => phrase::A_WHOLE_NUMBER,
                ParamType::Text => phrase::A_TEXT,
            };
            let finding = Finding::new(&texts::WRONG_TYPE, place).with("key", param.name);
            log.report(
                finding.with("expected", expected).with("found", crate::reader::kind_of(other)),
            );
            None
        }
    }
}

/// The link a device names, or its own.
fn read_reach(reader: &Reader<'_>, name: &Text<'_>) -> Option<(Reach, Quirks)> {
    let budget = Budget::read(reader);
    match (reader.entry("link"), reader.entry("url")) {
        (Some(link), Some(url)) => {
            let finding = Finding::new(&texts::LINK_AND_URL, url.key_place);
            reader.log.report(finding.related(link.key_place, phrase::LINK_HERE));
            None
        }
        (None, None) => {
            let finding = Finding::new(&texts::NO_LINK, reader.place());
            reader.log.report(finding.with("name", &*name.value));
            None
        }
        (Some(_), None) => {
            for key in ["timeout", "inflight", "echo"] {
                if let Some(entry) = reader.entry(key) {
                    let finding = Finding::new(&texts::KEY_OF_LINK, entry.key_place);
                    reader.log.report(finding.with("key", key));
                }
            }
            if let Some(budget) = &budget {
                budget.refuse_on_shared(reader.log);
            }
            let quirks = Quirks::read(reader);
            let link = reader.filled_text("link")?;
            Some((Reach::Shared { name: link.value.into_owned(), place: link.place }, quirks))
        }
        (None, Some(_)) => {
            let own_name = name.value.clone().into_owned();
            let mut draft = link::read(reader, own_name, name.place, false)?;
            if let Some(budget) = &budget {
                budget.apply(reader.log, &mut draft.plan);
            }
            Some((Reach::Own(Box::new(draft)), Quirks::default()))
        }
    }
}

fn read_tags(
    reader: &Reader<'_>,
    device: &DeviceTable<'_>,
    around: &Surroundings<'_>,
) -> Vec<TagDraft> {
    // What was found is the weakest layer: the map may refine it.
    let mut tables: Vec<&Table> = around.browsed.and_then(|found| found.tags).into_iter().collect();
    tables.extend(reader.tables("tags"));
    let merged = merge_tags(reader, &tables);
    let others = ["browse", "events"].iter().any(|key| reader.entry(key).is_some());
    if merged.is_empty()
        && !others
        && reader.entry("tags").is_none_or(|entry| matches!(entry.node.value, Value::Table(_)))
    {
        let finding = Finding::new(&texts::NO_TAGS, device.place);
        reader.log.report(finding);
    }
    let read = |(name, place, layers)| tag::read(reader.log, name, place, layers, around);
    let mut tags: Vec<TagDraft> = merged.into_iter().filter_map(read).collect();
    if around.driver == Driver::OpcUa {
        tags.extend(events::read(reader, around));
    }
    tags
}

/// A tag's name, where it is first written, and its tables from weakest to strongest.
pub(crate) type MergedTag<'a> = (&'a str, Place, Vec<&'a Table>);

/// Tags in the order they are first written.
pub(crate) fn merge_tags<'a>(reader: &Reader<'a>, tables: &[&'a Table]) -> Vec<MergedTag<'a>> {
    let mut merged: Vec<MergedTag<'_>> = Vec::new();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    for table in tables {
        for entry in &table.entries {
            let Value::Table(tag) = &entry.node.value else {
                reader.wrong_type(&entry.key, &entry.node, phrase::A_TAG_TABLE);
                continue;
            };
            match positions.get(entry.key.as_str()) {
                Some(position) => merged[*position].2.push(tag),
                None => {
                    positions.insert(&entry.key, merged.len());
                    merged.push((&entry.key, entry.key_place, vec![tag]));
                }
            }
        }
    }
    merged
}

/// The profile chain of a device; empty without one, `None` when it is wrong.
pub(crate) fn profile_chain<'p, 'a>(
    reader: &Reader<'_>,
    profiles: &'p profile::Profiles<'a>,
) -> Option<Vec<&'p Profile<'a>>> {
    if reader.entry("profile").is_none() {
        return Some(Vec::new());
    }
    let name = reader.filled_text("profile")?;
    profile::chain(reader.log, profiles, &name.value, name.place)
}

/// A legal device name, expanded.
pub(crate) fn read_name<'a>(reader: &Reader<'a>) -> Option<Text<'a>> {
    if reader.entry("name").is_none() {
        reader.missing("name", "name = \"cell-001\"");
        return None;
    }
    let name = reader.filled_text("name")?;
    names::check(reader.log, names::Kind::Device, &name.value, name.place).then_some(name)
}

/// A link name that no `[[link]]` has.
pub(crate) fn unknown_link(log: &Log, name: &str, place: Place, known: &[&str]) {
    let finding = Finding::new(&texts::UNKNOWN_LINK, place).with("name", name);
    let near = if log.is_known(&finding) { None } else { nearest(name, known) };
    log.report(match near {
        Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
        None => finding,
    });
}
