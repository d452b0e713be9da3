//! `check --show DEVICE`: one device written out, with both forms of each address and where each value came from.

use std::fmt::Write as _;

use forehearth_model::{DataType, DeviceId, TagEntry};

use crate::device::{self, DeviceTable};
use crate::each::{self, Except};
use crate::finding::Log;
use crate::load::{self, Loaded};
use crate::mask::mask;
use crate::nearest::nearest;
use crate::plan::{Deadband, DevicePlan, LinkPlan, Plan, PointPlan, TagPlan, Transport};
use crate::quantity::show_duration;
use crate::reader::Reader;
use crate::source::Sources;
use crate::texts::phrase;
use crate::tree::{Entry, Table, Value};

/// Keys of a tag in the order they are shown.
const ORIGINS: [&str; 23] = [
    "std", "at", "node", "type", "order", "codec", "unit", "scale", "offset", "raw", "eng",
    "clamp", "valid", "rate", "deadband", "max_gap", "filter", "swing", "window", "limits", "lane",
    "grade", "label",
];

/// One device written out as it will run. `None` when there is no such
/// device, or no plan.
#[must_use]
pub fn show(loaded: &Loaded, device: &str) -> Option<String> {
    let plan = loaded.plan.as_ref()?;
    let position = plan.catalogue.devices.iter().position(|entry| entry.name == device)?;
    let id = DeviceId(u32::try_from(position).ok()?);
    let mut out = String::new();
    write_head(&mut out, plan, position);
    // The map was checked; what is reported here was reported before.
    let log = Log::default();
    let origins = origins(&log, loaded, device);
    let sources = &loaded.report.sources;
    if let Some(origins) = &origins {
        for (key, value, places) in &origins.device {
            let _ = writeln!(out, "  {key:<12} {value:<28} from {}", places.join(", over "));
        }
    }
    for (tag, entry) in plan.tags.iter().zip(&plan.catalogue.tags) {
        if entry.device == id {
            write_tag(&mut out, plan, tag, entry);
            if let Some(origins) = &origins {
                write_origins(&mut out, sources, origins, &entry.name);
            }
        }
    }
    Some(out)
}

/// The device whose name was probably meant.
#[must_use]
pub fn nearest_device<'l>(loaded: &'l Loaded, name: &str) -> Option<&'l str> {
    let devices = &loaded.plan.as_ref()?.catalogue.devices;
    let names: Vec<&str> = devices.iter().map(|entry| entry.name.as_str()).collect();
    nearest(name, &names)
}

fn write_head(out: &mut String, plan: &Plan, position: usize) {
    let DevicePlan { link, unit, access } = &plan.devices[position];
    let entry = &plan.catalogue.devices[position];
    let LinkPlan { name, transport, timeout, inflight, max_words, max_bits, .. } =
        &plan.links[link.index()];
    let access = match access {
        forehearth_modbus::Access::ReadOnly => "read-only",
        forehearth_modbus::Access::ReadWrite => "read-write",
    };
    let _ = writeln!(out, "device {}", entry.name);
    if !entry.handle.is_empty() {
        let _ = writeln!(out, "  handle       {}", entry.handle);
    }
    if let Transport::OpcUa(server) = transport {
        let timeout = show_duration(*timeout);
        let _ = writeln!(out, "  server       {}, {access}", server.urls.join(", "));
        let _ = writeln!(out, "  security     {}, {timeout} timeout", server.security);
        return;
    }
    if let Transport::House(root) = transport {
        let _ =
            writeln!(out, "  tells        of the gateway itself, files below {}", root.display());
        return;
    }
    if let Transport::Plugin(plugin) = transport {
        let timeout = show_duration(*timeout);
        let _ = writeln!(out, "  driver       {transport}, {timeout} timeout");
        let _ = writeln!(out, "  runs         {}", plugin.command.display());
        return;
    }
    let _ = writeln!(out, "  link         {name} ({transport}), unit {unit}, {access}");
    let _ = writeln!(
        out,
        "  requests     {inflight} in flight, {} timeout, at most {max_words} registers or {max_bits} bits",
        show_duration(*timeout)
    );
}

fn write_tag(out: &mut String, plan: &Plan, tag: &TagPlan, entry: &TagEntry) {
    if let Some(source) = tag.source {
        let of = &plan.catalogue.tags[source.index()].name;
        let (type_name, lane) = (entry.data_type.name(), entry.lane.name());
        let _ = writeln!(out, "\n  {}\n    {type_name}, told by {of}, {lane} lane", entry.name);
        return;
    }
    let type_name = match (entry.data_type, &tag.point) {
        (DataType::String, PointPlan::Modbus(point)) => format!("STRING[{}]", point.string_bytes),
        (other, _) => other.name().to_owned(),
    };
    let period = plan
        .links
        .iter()
        .flat_map(|link| &link.groups)
        .find(|group| group.device == entry.device && group_holds(plan, group.tags.as_slice(), tag))
        .map_or_else(String::new, |group| show_duration(group.period));
    let _ = writeln!(out, "\n  {}", entry.name);
    let _ = match &tag.point {
        PointPlan::Modbus(point) => write!(out, "    {} {type_name}", point.address),
        PointPlan::OpcUa(point) => {
            let field = point.field.as_ref().map(|field| format!(" .{field}")).unwrap_or_default();
            let element = point.element.map(|element| format!("[{element}]")).unwrap_or_default();
            let events = if point.events.is_some() { "events of " } else { "" };
            write!(out, "    {events}{}{field}{element} {type_name}", point.node)
        }
        PointPlan::Plugin(point) => write!(out, "    {} {type_name}", point.at),
        PointPlan::House(fact) => write!(out, "    {fact} {type_name}"),
        PointPlan::Computed => write!(out, "    computed, {type_name}"),
    };
    if let Some(point) = tag.point.modbus().filter(|point| point.width() > 1)
        && entry.data_type != DataType::String
    {
        let _ = write!(out, " {}", point.order.name());
    }
    if let Some(codec) = tag.point.modbus().and_then(|point| point.codec.name()) {
        let _ = write!(out, " {codec}");
    }
    let _ = write!(out, ", every {period}");
    if !entry.unit.is_empty() {
        let code = if entry.unit_code.is_empty() { "no code" } else { &entry.unit_code };
        let _ = write!(out, ", {} ({code})", entry.unit);
    }
    if !entry.scaling.is_none() {
        let _ = write!(out, ", raw * {} + {}", entry.scaling.scale, entry.scaling.offset);
    }
    if let Some((low, high)) = entry.scaling.clamp {
        let _ = write!(out, ", clamped to {low}..{high}");
    }
    if let Some((low, high)) = entry.valid {
        let _ = write!(out, ", valid {low}..{high}");
    }
    let swing = tag.condition.as_ref().and_then(|condition| condition.swing);
    let every = match (tag.report.deadband, swing) {
        (_, Some(error)) => format!("swinging door with an error of {error}"),
        (Deadband::Absolute(f64::INFINITY), _) => "only its windows".to_owned(),
        _ if tag.report.every_sample => "every sample".to_owned(),
        (Deadband::Absolute(band), _) => format!("deadband {band}, by exception"),
        (Deadband::None, _) => "by exception".to_owned(),
    };
    let _ = write!(out, ", {every}, at least every {}", show_duration(tag.report.max_gap));
    let _ = writeln!(out, ", {} lane, {}", entry.lane.name(), entry.grade.name());
    let [en, zh] = &entry.label;
    for text in [&entry.plant_tag, en, zh] {
        if !text.is_empty() {
            let _ = writeln!(out, "    {text}");
        }
    }
}

fn group_holds(plan: &Plan, tags: &[forehearth_model::TagId], tag: &TagPlan) -> bool {
    tags.iter().any(|id| std::ptr::eq(&raw const plan.tags[id.index()], tag))
}

/// Where the values of a device come from, as `file:line` from strongest on.
struct Origins<'a> {
    /// Key, value as written, places.
    device: Vec<(String, String, Vec<String>)>,
    /// By name of the tag (of the array, for its elements): its tables, weakest first.
    tags: Vec<device::MergedTag<'a>>,
}

fn write_origins(out: &mut String, sources: &Sources, origins: &Origins<'_>, name: &str) {
    let array = name.rsplit_once('[').map_or(name, |(array, _)| array);
    let found = origins.tags.iter().find(|(known, ..)| *known == name || *known == array);
    let Some((_, _, tables)) = found else { return };
    let mut by_line: Vec<(String, Vec<&str>)> = Vec::new();
    for key in ORIGINS {
        let entry = tables.iter().rev().find_map(|table| table.get(key));
        let Some(entry) = entry else { continue };
        let line = sources.file_and_line(entry.node.place);
        match by_line.iter_mut().find(|(known, _)| *known == line) {
            Some((_, keys)) => keys.push(key),
            None => by_line.push((line, vec![key])),
        }
    }
    for (line, keys) in by_line {
        let _ = writeln!(out, "    from {line}: {}", keys.join(" "));
    }
}

/// Lays the tables of the device over one another once more, this time for
/// their places.
fn origins<'a>(log: &'a Log, loaded: &'a Loaded, wanted: &str) -> Option<Origins<'a>> {
    let files = &loaded.files;
    let profiles = load::read_profiles(log, files);
    let overrides = load::read_overrides(log, files);
    for document in &files.devices {
        let root = Reader::new(log, &document.root, phrase::DEVICE_FILE, document.top);
        for table in root.list_of_tables("device") {
            let own = Reader::new(log, table.value, phrase::A_DEVICE, table.place);
            let mut except = Except::read(&own);
            for scope in each::scopes(&own, &files.sheets) {
                let own =
                    Reader::new(log, table.value, phrase::A_DEVICE, table.place).scoped(&scope);
                let Some(name) = device::read_name(&own) else { continue };
                if name.value != wanted || except.leaves_out(&scope, &name.value) {
                    continue;
                }
                let chain = device::profile_chain(&own, &profiles)?;
                let device = DeviceTable { table: table.value, place: table.place };
                let over = overrides.get(&*name.value);
                let mut tables: Vec<&'a Table> = chain.iter().map(|profile| profile.root).collect();
                tables.push(device.table);
                tables.extend(over.map(|over| over.table));
                return Some(origins_of(loaded, &tables));
            }
        }
    }
    None
}

/// Longest value that is shown, in characters.
const LONGEST_VALUE: usize = 60;

/// A value as it stands in its file, secrets masked, on one line.
fn written(sources: &Sources, entry: &Entry) -> String {
    let place = entry.node.place;
    let text = &sources.file(place.file).text;
    let text = text.get(place.start as usize..place.end as usize).unwrap_or_default();
    let text = mask(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > LONGEST_VALUE {
        return text.chars().take(LONGEST_VALUE).chain(['…']).collect();
    }
    text
}

fn origins_of<'a>(loaded: &'a Loaded, tables: &[&'a Table]) -> Origins<'a> {
    let sources = &loaded.report.sources;
    let mut device: Vec<(String, String, Vec<String>)> = Vec::new();
    let mut add = |key: String, entry: &Entry| {
        let line = sources.file_and_line(entry.node.place);
        match device.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, _, lines)) => lines.push(line),
            None => device.push((key, written(sources, entry), vec![line])),
        }
    };
    for entry in tables.iter().rev().flat_map(|table| &table.entries) {
        match (entry.key.as_str(), &entry.node.value) {
            ("schema" | "tags" | "params", _) => {}
            ("rates", Value::Table(rates)) => {
                rates.entries.iter().for_each(|rate| add(format!("rates.{}", rate.key), rate));
            }
            (key, _) => add(key.to_owned(), entry),
        }
    }
    let mut tags: Vec<device::MergedTag<'a>> = Vec::new();
    for table in tables {
        let Some(Value::Table(tag_tables)) = table.get("tags").map(|entry| &entry.node.value)
        else {
            continue;
        };
        for entry in &tag_tables.entries {
            let Value::Table(tag) = &entry.node.value else { continue };
            match tags.iter_mut().find(|(known, ..)| *known == entry.key) {
                Some((_, _, layers)) => layers.push(tag),
                None => tags.push((&entry.key, entry.key_place, vec![tag])),
            }
        }
    }
    Origins { device, tags }
}
