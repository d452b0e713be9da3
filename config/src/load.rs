//! From a directory to a plan, or to everything that is wrong with it.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use forehearth_model::{Catalogue, DeviceEntry, DeviceId, LinkId, TagEntry, TagId};

use crate::browsed::{self, Browsed};
use crate::calc::resolve::{self, Pending};
use crate::collisions;
use crate::derived;
use crate::device::{self, Beside, DeviceDraft, DeviceTable, Layers, Override, Reach};
use crate::each::{self, Except};
use crate::files::{self, Document, Files};
use crate::finding::{Finding, Findings, Log};
use crate::gateway::{self, GatewayFile};
use crate::house;
use crate::keys;
use crate::line;
use crate::link::{self, LinkDraft};
use crate::names;
use crate::overlap;
use crate::plan::{DevicePlan, GroupPlan, Plan, PointPlan, TagPlan};
use crate::profile::{self, Profiles};
use crate::reader::Reader;
use crate::source::{Place, Sources};
use crate::tag::TagDraft;
use crate::texts::{self, phrase};
use crate::tree::Value;
use crate::trial::{self, Tags};
use crate::{outage, plugin, sharing, traffic};

/// Most tags of a map. Chosen: four times what one box is built for (50,000).
const MOST_TAGS: usize = 200_000;

/// What a directory holds.
#[derive(Debug)]
pub struct Loaded {
    /// The plan; `None` when there is an error.
    pub plan: Option<Plan>,
    /// Everything that was found, warnings included.
    pub report: Findings,
    pub(crate) files: Files,
}

/// Reads a directory: `gateway.toml`, `profiles/*.toml`, `devices/*.toml`.
/// Never fails: what is wrong is in the report, all of it in one run.
#[must_use]
pub fn load(dir: &Path) -> Loaded {
    let log = Log::default();
    let mut sources = Sources::default();
    let files = files::read(&log, &mut sources, dir);
    let plan = build(&log, &files);
    let mut plan = if log.errors() == 0 { plan } else { None };
    if let Some(plan) = &mut plan {
        plugin::tell_origins(plan, &sources);
    }
    Loaded { plan, report: log.into_findings(Arc::new(sources)), files }
}

/// The same before servers were browsed: a plan also of a map whose only
/// mistakes are those that browsing mends. Nodes without a type are in it
/// with [`TypeFrom::Nowhere`](crate::TypeFrom).
#[must_use]
pub fn load_to_browse(dir: &Path) -> Loaded {
    let log = Log::default();
    let mut sources = Sources::default();
    let files = files::read(&log, &mut sources, dir);
    let plan = build(&log, &files);
    let wrong = log.errors();
    let report = log.into_findings(Arc::new(sources));
    let mended = [
        &texts::TYPE_OF_NODE,
        &texts::NOT_BROWSED,
        &texts::BROWSED_OTHERWISE,
        &texts::FOUND_OTHERWISE,
    ];
    let mended = |code: &String| mended.iter().any(|text| text.name() == *code);
    let plan = if wrong == report.codes().filter(mended).count() { plan } else { None };
    Loaded { plan, report, files }
}

/// Everything of the field side while it is put together.
#[derive(Default)]
pub(crate) struct Field {
    pub(crate) links: Vec<LinkDraft>,
    pub(crate) devices: Vec<DevicePlan>,
    pub(crate) tags: Vec<TagPlan>,
    pub(crate) entries: Vec<DeviceEntry>,
    pub(crate) tag_entries: Vec<TagEntry>,
    /// Where the period of each link's groups stands, parallel to `groups`.
    pub(crate) rate_places: Vec<Vec<Place>>,
    link_names: HashMap<String, usize>,
    /// Links that are wrong in themselves, so that devices on them are not
    /// said to name a link that is missing.
    broken_links: HashSet<String>,
    device_names: HashMap<Arc<str>, Place>,
    /// Computed tags, until all names are known.
    pub(crate) calcs: Vec<Pending>,
    /// Conditions under which tags may be written.
    pub(crate) interlocks: Vec<Pending>,
    /// Numbers of the groups of alarms.
    pub(crate) alarm_groups: HashMap<(DeviceId, String), u32>,
    /// Tags of the gateway itself and where their `at` stands.
    pub(crate) house: Vec<(TagId, Place)>,
}

fn build(log: &Log, files: &Files) -> Option<Plan> {
    let gateway = gateway::read(log, &files.gateway.root, files.gateway.top, &files.dir);
    let profiles = read_profiles(log, files);
    let mut field = Field::default();
    let overrides = read_overrides(log, files);
    read_links(log, files, &mut field);
    let browsed =
        files.browsed.iter().filter_map(|document| browsed::read(log, document)).collect();
    read_devices(log, files, &profiles, &overrides, &browsed, &mut field);
    check_browsed(log, &browsed);
    log.set_device(None);
    let calcs = resolve::resolve(log, &mut field);
    let interlocks = resolve::interlocks(log, &mut field);
    check_unused(log, files, &field, &overrides);
    collisions::check_endpoints(log, &field.links);
    line::check_ports(log, &field.links);
    house::check(log, &field);
    collisions::check_case(log, &field.entries, &field.device_names);
    sharing::check(log, &field, &field.device_names);
    traffic::check(log, &field);
    check_globs(log, &gateway, &field);
    outage::check(log, &gateway, &field);
    let tags = Tags { devices: &field.entries, entries: &field.tag_entries, plans: &field.tags };
    trial::check(log, files, &tags);
    let GatewayFile { gateway, buffer, brokers, status, .. } = gateway;
    let catalogue = Catalogue {
        gateway: gateway.id.clone(),
        path: gateway.path.clone(),
        devices: field.entries,
        tags: field.tag_entries,
    };
    let links = field.links.into_iter().map(|link| link.plan).collect();
    let (devices, tags) = (field.devices, field.tags);
    let catalogue = Arc::new(catalogue);
    Some(Plan {
        gateway,
        buffer,
        brokers,
        status,
        links,
        devices,
        tags,
        calcs,
        interlocks,
        catalogue,
    })
}

pub(crate) fn read_profiles<'a>(log: &'a Log, files: &'a Files) -> Profiles<'a> {
    let mut profiles = Profiles::new();
    for (name, document) in &files.builtins {
        profile::read(log, &mut profiles, &document.root, document.top, Some(name));
    }
    for document in &files.profiles {
        profile::read(log, &mut profiles, &document.root, document.top, None);
    }
    profiles
}

pub(crate) fn read_overrides<'a>(log: &'a Log, files: &'a Files) -> HashMap<&'a str, Override<'a>> {
    let mut overrides: HashMap<&str, Override<'_>> = HashMap::new();
    for document in &files.devices {
        let reader = Reader::new(log, &document.root, phrase::DEVICE_FILE, document.top);
        let Some(table) = reader.table("override") else { continue };
        for entry in &table.value.entries {
            let Value::Table(inner) = &entry.node.value else {
                reader.wrong_type(&entry.key, &entry.node, phrase::A_TABLE);
                continue;
            };
            if let Some(first) = overrides.get(entry.key.as_str()) {
                let finding = Finding::new(&texts::DUPLICATE_OVERRIDE, entry.key_place);
                let finding = finding.with("name", entry.key.as_str());
                log.report(finding.related(first.place, phrase::FIRST_HERE));
                continue;
            }
            let over = Override { table: inner, place: entry.key_place, used: Cell::new(false) };
            overrides.insert(&entry.key, over);
        }
    }
    overrides
}

fn read_links(log: &Log, files: &Files, field: &mut Field) {
    for document in &files.devices {
        let root = Reader::new(log, &document.root, phrase::DEVICE_FILE, document.top);
        for table in root.list_of_tables("link") {
            let reader = Reader::new(log, table.value, phrase::A_LINK, table.place);
            reader.only(&[&link::KEYS[..], &link::QUIRKS].concat());
            for (key, example) in
                [("name", "name = \"plc-1\""), ("url", "url = \"tcp://10.0.0.5:502\"")]
            {
                if reader.entry(key).is_none() {
                    reader.missing(key, example);
                }
            }
            let mut except = Except::read(&reader);
            for scope in each::scopes(&reader, &files.sheets) {
                let reader =
                    Reader::new(log, table.value, phrase::A_LINK, table.place).scoped(&scope);
                let Some(name) = reader.filled_text("name") else { break };
                if except.leaves_out(&scope, &name.value) {
                    continue;
                }
                names::check(log, names::Kind::Link, &name.value, name.place);
                let name_text = name.value.into_owned();
                match link::read(&reader, name_text.clone(), name.place, true) {
                    Some(draft) => {
                        add_link(log, field, draft);
                    }
                    None => {
                        field.broken_links.insert(name_text);
                    }
                }
            }
            if reader.entry("for").is_some() {
                except.finish(&reader);
            }
        }
    }
}

fn add_link(log: &Log, field: &mut Field, draft: LinkDraft) -> Option<usize> {
    let position = field.links.len();
    if let Some(first) = field.link_names.get(&draft.plan.name) {
        let finding = Finding::new(&texts::DUPLICATE_LINK, draft.name_place)
            .with("name", draft.plan.name.as_str())
            .related(field.links[*first].name_place, phrase::FIRST_HERE);
        log.report(finding);
        return None;
    }
    field.link_names.insert(draft.plan.name.clone(), position);
    field.links.push(draft);
    field.rate_places.push(Vec::new());
    Some(position)
}

fn read_devices<'a>(
    log: &'a Log,
    files: &'a Files,
    profiles: &Profiles<'a>,
    overrides: &HashMap<&'a str, Override<'a>>,
    browsed: &HashMap<String, Browsed<'a>>,
    field: &mut Field,
) {
    for document in &files.devices {
        check_device_file(log, document);
        let root = Reader::new(log, &document.root, phrase::DEVICE_FILE, document.top);
        for table in root.list_of_tables("device") {
            let device = DeviceTable { table: table.value, place: table.place };
            expand_device(log, files, &device, (profiles, overrides, browsed), field);
            log.set_device(None);
        }
    }
}

fn check_device_file(log: &Log, document: &Document) {
    let reader = Reader::new(log, &document.root, phrase::DEVICE_FILE, document.top);
    files::check_schema(&reader);
    reader.only(&keys::names::<{ keys::field::FILE_KEYS.len() }>(keys::field::FILE_KEYS));
}

/// Profiles, overrides and what was found, all by name.
type Known<'k, 'a> =
    (&'k Profiles<'a>, &'k HashMap<&'a str, Override<'a>>, &'k HashMap<String, Browsed<'a>>);

fn expand_device<'a>(
    log: &'a Log,
    files: &'a Files,
    table: &DeviceTable<'a>,
    (profiles, overrides, browsed): Known<'_, 'a>,
    field: &mut Field,
) {
    let own = Reader::new(log, table.table, phrase::A_DEVICE, table.place);
    let chain = device::profile_chain(&own, profiles);
    let beside = Beside { dir: &files.dir, browsed };
    let mut except = Except::read(&own);
    let has_for = own.entry("for").is_some();
    if let Some(chain) = &chain {
        device::check_keys(log, table, &device::layers(table, chain, None));
    }
    for scope in each::scopes(&own, &files.sheets) {
        let own = Reader::new(log, table.table, phrase::A_DEVICE, table.place).scoped(&scope);
        let Some(name) = device::read_name(&own) else { break };
        if except.leaves_out(&scope, &name.value) {
            continue;
        }
        if has_for {
            log.set_device(Some((&*name.value).into()));
        }
        let over = overrides.get(&*name.value);
        if let Some(over) = over {
            over.used.set(true);
        }
        let Some(chain) = &chain else { continue };
        let layers: Layers<'_> = device::layers(table, chain, over);
        if let Some(over) = over {
            device::check_override_keys(log, over, &layers);
        }
        if let Some(draft) = device::read(log, &name, table, &layers, scope.clone(), beside) {
            add_device(log, field, draft);
        }
        if field.tags.len() > MOST_TAGS {
            log.report(Finding::new(&texts::TOO_MANY_TAGS, table.place).with("most", MOST_TAGS));
            break;
        }
    }
    log.set_device(None);
    if chain.is_some() && has_for {
        except.finish(&own);
    }
}

fn add_device(log: &Log, field: &mut Field, draft: DeviceDraft) {
    if let Some(first) = field.device_names.get(&draft.name) {
        let finding = Finding::new(&texts::DUPLICATE_DEVICE, draft.name_place)
            .with("name", &*draft.name)
            .related(*first, phrase::FIRST_HERE);
        log.report(finding);
        return;
    }
    field.device_names.insert(draft.name.clone(), draft.name_place);
    overlap::check(log, &draft.tags);
    collisions::check_tag_names(log, &draft.tags);
    let link = match draft.reach {
        Reach::Own(link) => add_link(log, field, *link),
        Reach::Shared { name, place } => {
            let position = field.link_names.get(&name).copied();
            let position = position.filter(|position| field.links[*position].shared);
            if position.is_none() && !field.broken_links.contains(&name) {
                let known: Vec<&str> =
                    field.links.iter().filter(|l| l.shared).map(|l| l.plan.name.as_str()).collect();
                device::unknown_link(log, &name, place, &known);
            }
            position
        }
    };
    let Some(link) = link else { return };
    field.links[link].used = true;
    draft.quirks.apply(&mut field.links[link].plan);
    check_widths(log, &draft.tags, &field.links[link].plan);
    line::check_unit(log, draft.unit, draft.unit_place, &field.links[link]);
    let device = DeviceId(field.devices.len() as u32);
    let groups = group_tags(field, device, &draft.tags);
    for (period, place, tags) in groups {
        field.links[link].plan.groups.push(GroupPlan { device, period, tags });
        field.rate_places[link].push(place);
    }
    field.devices.push(DevicePlan {
        link: LinkId(link as u32),
        unit: draft.unit,
        access: draft.access,
    });
    field.entries.push(DeviceEntry { name: draft.name.to_string(), handle: draft.handle });
}

/// A value is never split, so it must fit one request of its link.
fn check_widths(log: &Log, tags: &[TagDraft], link: &crate::plan::LinkPlan) {
    for tag in tags {
        let Some(point) = tag.points.first().and_then(PointPlan::modbus) else { continue };
        let width = point.width();
        if width > link.max_words && !point.address.table.is_bits() {
            let finding = Finding::new(&texts::VALUE_TOO_WIDE, tag.at_place)
                .with("tag", tag.name.as_str())
                .with("count", width)
                .with("link", link.name.as_str())
                .with("most", link.max_words);
            log.report(finding);
        }
    }
}

type Group = (std::time::Duration, Place, Vec<TagId>);

/// Adds the tags of a device, then what is derived from them, and groups those
/// that are read by period, in map order.
fn group_tags(field: &mut Field, device: DeviceId, tags: &[TagDraft]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut ids = Vec::with_capacity(tags.len());
    for tag in tags {
        if tag.calc.is_some() {
            ids.push(add_tag(field, device, tag, &PointPlan::Computed, None));
            continue;
        }
        let position = groups.iter().position(|(period, ..)| *period == tag.period);
        let position = position.unwrap_or_else(|| {
            groups.push((tag.period, tag.rate_place, Vec::new()));
            groups.len() - 1
        });
        for (element, point) in tag.points.iter().enumerate() {
            let element = tag.is_array.then_some(element);
            let id = add_tag(field, device, tag, point, element);
            if let Some(draft) = tag.interlock.clone() {
                field.interlocks.push(Pending { tag: id, device, draft, set: None });
            }
            groups[position].2.push(id);
            ids.push(id);
            if let PointPlan::House(_) = point {
                field.house.push((id, tag.at_place));
            }
        }
    }
    derived::add(field, device, tags, &ids);
    groups
}

/// Adds a tag, or one element of an array.
fn add_tag(
    field: &mut Field,
    device: DeviceId,
    tag: &TagDraft,
    point: &PointPlan,
    element: Option<usize>,
) -> TagId {
    let (point, report, write) = (point.clone(), tag.report, tag.write);
    field.tags.push(TagPlan { point, report, condition: None, source: None, write });
    let name = match element {
        Some(element) => format!("{}[{element}]", tag.name),
        None => tag.name.clone(),
    };
    field.tag_entries.push(TagEntry {
        device,
        name,
        data_type: tag.data_type,
        scaling: tag.scaling,
        unit: tag.unit.clone(),
        unit_code: tag.unit_code.to_owned(),
        valid: tag.valid,
        kind: tag.kind,
        lane: tag.lane,
        grade: tag.grade,
        plant_tag: tag.plant_tag.clone(),
        label: tag.label.clone(),
    });
    TagId(field.tags.len() as u32 - 1)
}

/// A file of a device that is not there was left behind, or is misnamed.
fn check_browsed(log: &Log, browsed: &HashMap<String, Browsed<'_>>) {
    if log.errors() > 0 {
        return;
    }
    for (name, found) in browsed.iter().filter(|(_, found)| !found.used.get()) {
        log.report(Finding::new(&texts::BROWSED_UNUSED, found.place).with("name", name.as_str()));
    }
}

fn check_unused(log: &Log, files: &Files, field: &Field, overrides: &HashMap<&str, Override<'_>>) {
    let names: Vec<&str> = field.entries.iter().map(|entry| entry.name.as_str()).collect();
    for (name, over) in overrides.iter().filter(|(_, over)| !over.used.get()) {
        let finding = Finding::new(&texts::OVERRIDES_NOTHING, over.place).with("name", *name);
        let near = if log.is_full() { None } else { crate::nearest::nearest(name, &names) };
        log.report(match near {
            Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
            None => finding,
        });
    }
    // With errors around, what seems unused may only be misread.
    if log.errors() > 0 {
        return;
    }
    if field.entries.is_empty() {
        log.report(Finding::new(&texts::NO_DEVICES, files.gateway.top));
    }
    for link in field.links.iter().filter(|link| !link.used) {
        let finding = Finding::new(&texts::LINK_UNUSED, link.name_place);
        log.report(finding.with("name", link.plan.name.as_str()));
    }
    check_unused_profiles(log, files);
}

fn check_unused_profiles(log: &Log, files: &Files) {
    let text = |table: &crate::tree::Table, key: &str| match &table.get(key)?.node.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let mut used: Vec<String> = Vec::new();
    for document in &files.devices {
        used.extend(
            files::tables(&document.root, "device").filter_map(|table| text(table, "profile")),
        );
    }
    used.extend(files.profiles.iter().filter_map(|document| text(&document.root, "extends")));
    for document in &files.profiles {
        let Some(entry) = document.root.get("profile") else { continue };
        if text(&document.root, "profile").is_some_and(|name| !used.contains(&name)) {
            log.report(Finding::new(&texts::PROFILE_UNUSED, entry.node.place));
        }
    }
}

/// A glob of a broker that no device matches is a typing mistake.
fn check_globs(log: &Log, gateway: &GatewayFile, field: &Field) {
    for (glob, place) in gateway.globs.iter().flatten() {
        let Ok(matcher) = globset::Glob::new(glob) else { continue };
        let matcher = matcher.compile_matcher();
        if !field.entries.is_empty()
            && !field.entries.iter().any(|entry| matcher.is_match(&entry.name))
        {
            log.report(
                Finding::new(&texts::GLOB_MATCHES_NOTHING, *place).with("value", glob.as_str()),
            );
        }
    }
}
