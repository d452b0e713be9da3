//! A driver in a process of its own: which one, its settings, and how tags name what it reads.

pub(crate) mod grammar;
pub(crate) mod manifest;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::finding::Finding;
use crate::link::{LinkDraft, QUIRKS, TIMEOUT};
use crate::node::{self, NodeSpot};
use crate::plan::{
    AtPlan, GivenPlan, LinkPlan, OriginPlan, Plan, PluginPlan, PointPlan, SettingKind, Transport,
};
use crate::point;
use crate::reader::{Reader, Text};
use crate::source::{Place, Sources};
use crate::texts::{self, phrase};
use crate::tree::{Node, Value};
use manifest::{Manifest, ManifestError};

/// Before the name of a plugin in `driver`.
pub(crate) const PREFIX: &str = "plugin:";

/// Folder of the plugins, beside gateway.toml.
const FOLDER: &str = "plugins";

/// Longest wait for a plugin when the map says nothing. Chosen: a plugin may
/// ask a slow meter several times within one poll.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Keys of a device that mean nothing to a plugin.
const FOREIGN_KEYS: [&str; 6] = ["link", "url", "unit", "order", "inflight", "budget"];

/// The same of a tag.
const FOREIGN_TAG_KEYS: [&str; 3] = ["order", "codec", "overlap"];

/// Reports keys of a device that belong to other drivers.
pub(crate) fn refuse_keys(reader: &Reader<'_>, others: &[&[&'static str]]) {
    let keys = FOREIGN_KEYS.iter().chain(&QUIRKS).chain(others.iter().copied().flatten());
    report_foreign(reader, keys);
}

fn report_foreign<'k>(reader: &Reader<'_>, keys: impl Iterator<Item = &'k &'static str>) {
    for key in keys {
        if let Some(entry) = reader.entry(key) {
            let finding = Finding::new(&texts::KEY_OF_OTHER_DRIVER, entry.key_place);
            reader.log.report(finding.with("key", *key).with("driver", "plugin"));
        }
    }
}

/// The manifest of the plugin that `driver` names.
pub(crate) fn find(reader: &Reader<'_>, dir: &Path) -> Option<Manifest> {
    let text = reader.text("driver")?;
    let name = text.value.strip_prefix(PREFIX)?;
    match Manifest::read(&dir.join(FOLDER), name) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            let code = match &error {
                ManifestError::Absent => &texts::UNKNOWN_PLUGIN,
                ManifestError::Wrong(_) => &texts::MANIFEST_WRONG,
            };
            let finding = Finding::new(code, text.place).with("name", name);
            reader.log.report(match error {
                ManifestError::Absent => finding,
                ManifestError::Wrong(reason) => finding.with("reason", reason),
            });
            None
        }
    }
}

/// Reads how the device of a plugin is reached: always a link of its own.
pub(crate) fn read(
    reader: &Reader<'_>,
    name: &Text<'_>,
    manifest: Option<&Manifest>,
) -> Option<LinkDraft> {
    let timeout = reader.duration("timeout", TIMEOUT.0..=TIMEOUT.1);
    let manifest = manifest?;
    let given = settings(reader, manifest);
    let plugin = PluginPlan {
        name: manifest.name.clone(),
        command: manifest.command.clone(),
        arguments: manifest.arguments.clone(),
        mode: manifest.mode,
        memory: manifest.memory,
        user: manifest.user,
        given,
    };
    let plan = LinkPlan {
        name: name.value.clone().into_owned(),
        transport: Transport::Plugin(Box::new(plugin)),
        timeout: timeout.map_or(DEFAULT_TIMEOUT, |timeout| timeout.value),
        inflight: 1,
        max_words: 125,
        max_bits: 2000,
        pause_after_connect: Duration::ZERO,
        pause_between: Duration::ZERO,
        join: true,
        groups: Vec::new(),
    };
    let name_place = name.place;
    Some(LinkDraft { plan, name_place, url_place: name_place, shared: false, used: false })
}

/// `[device.settings]` against what the manifest knows.
fn settings(reader: &Reader<'_>, manifest: &Manifest) -> Vec<GivenPlan> {
    let mut given: Vec<GivenPlan> = Vec::new();
    for entry in reader.tables("settings").into_iter().flat_map(|table| &table.entries) {
        let Some(setting) = manifest.settings.iter().find(|known| known.key == entry.key) else {
            let known: Vec<&str> = manifest.settings.iter().map(|known| &*known.key).collect();
            let finding = Finding::new(&texts::UNKNOWN_SETTING, entry.key_place)
                .with("key", entry.key.as_str())
                .with("name", manifest.name.as_str());
            reader.log.report(finding.with("known", known.join(", ")));
            continue;
        };
        let Some(value) = value(reader, &entry.key, &entry.node, setting.kind) else { continue };
        given.retain(|known| known.key != entry.key);
        given.push(GivenPlan {
            key: entry.key.clone(),
            kind: setting.kind,
            value,
            origin: OriginPlan::at(entry.node.place),
        });
    }
    for setting in manifest.settings.iter().filter(|setting| setting.required) {
        let there = reader.tables("settings").iter().any(|t| t.get(&setting.key).is_some());
        if !there {
            let finding = Finding::new(&texts::SETTING_MISSING, reader.place())
                .with("key", setting.key.as_str())
                .with("name", manifest.name.as_str());
            reader.log.report(finding.with("example", setting.example()).distinct());
        }
    }
    given
}

/// A value in the setting's type, as text.
fn value(reader: &Reader<'_>, key: &str, node: &Node, kind: SettingKind) -> Option<String> {
    let expected = match (kind, &node.value) {
        (SettingKind::Text, Value::Text(_)) => {
            return reader.text_of(key, node).map(|text| text.value.into_owned());
        }
        (SettingKind::Bool, Value::Boolean(bit)) => return Some(bit.to_string()),
        (SettingKind::Int, Value::Integer(int)) => return Some(int.to_string()),
        (SettingKind::Uint, Value::Integer(int)) if *int >= 0 => return Some(int.to_string()),
        (SettingKind::Double, Value::Integer(int)) => return Some(int.to_string()),
        (SettingKind::Double, Value::Float(real)) => return Some(real.to_string()),
        (SettingKind::Text, _) => phrase::A_TEXT,
        (SettingKind::Bool, _) => phrase::TRUE_OR_FALSE,
        (SettingKind::Int | SettingKind::Uint, _) => phrase::A_WHOLE_NUMBER,
        (SettingKind::Double, _) => phrase::A_NUMBER,
    };
    reader.wrong_type(key, node, expected);
    None
}

/// `at` and `type` of a plugin's tag.
pub(crate) fn read_tag(reader: &Reader<'_>, manifest: Option<&Manifest>) -> NodeSpot {
    report_foreign(reader, FOREIGN_TAG_KEYS.iter().chain(&node::KEYS));
    if let Some(entry) = reader.entry("write") {
        crate::versions::unsupported(reader.log, entry.key_place, "write");
    }
    let shape = point::shape(reader);
    if let (Some(shape), Some(entry)) = (shape, reader.entry("type"))
        && shape.count.is_some()
    {
        reader.log.report(Finding::new(&texts::PLUGIN_ARRAY, entry.node.place));
    }
    let at = if reader.entry("at").is_none() {
        reader.missing("at", "at = \"r7\"");
        None
    } else {
        reader.filled_text("at")
    };
    let points = at.and_then(|at| {
        check_address(reader, &at, manifest?).then(|| {
            let origin = OriginPlan::at(at.place);
            let plan = AtPlan { at: (&*at.value).into(), origin };
            (at.place, vec![PointPlan::Plugin(Arc::new(plan))])
        })
    });
    NodeSpot { data_type: shape.map(|shape| shape.of.data_type), is_array: false, points }
}

/// Whether the manifest's grammar takes the address; if not, the part where it
/// stops being one is in the log.
fn check_address(reader: &Reader<'_>, at: &Text<'_>, manifest: &Manifest) -> bool {
    let Err(stop) = manifest.address.check(&at.value) else { return true };
    let end = at.value[stop..].chars().next().map_or(stop, |c| stop + c.len_utf8());
    // Places within a text are only known when nothing in it was expanded.
    let verbatim = (at.place.end - at.place.start) as usize == at.value.len() + 2;
    let place = match verbatim {
        true if end > stop => at.place.part(stop + 1, end + 1),
        _ => at.place,
    };
    let finding = Finding::new(&texts::PLUGIN_ADDRESS, place)
        .with("value", &*at.value)
        .with("name", manifest.name.as_str())
        .with("example", manifest.address_example.as_str());
    reader.log.report(finding.with("form", manifest.address_help.as_str()));
    false
}

/// Gives everything that goes to a plugin its file, line and column, so that
/// what the plugin has against it is told with its place.
pub(crate) fn tell_origins(plan: &mut Plan, sources: &Sources) {
    for tag in &mut plan.tags {
        if let PointPlan::Plugin(at) = &mut tag.point {
            Arc::make_mut(at).origin.tell(sources);
        }
    }
    for link in &mut plan.links {
        if let Transport::Plugin(plugin) = &mut link.transport {
            plugin.given.iter_mut().for_each(|given| given.origin.tell(sources));
        }
    }
}

impl OriginPlan {
    fn at(place: Place) -> Self {
        Self { file: "".into(), line: 0, column: 0, place }
    }

    fn tell(&mut self, sources: &Sources) {
        let file = sources.file(self.place.file);
        // The value begins behind its quote.
        let position = file.position(self.place.start + 1);
        self.file = file.name.as_str().into();
        self.line = u32::try_from(position.line).unwrap_or(0);
        self.column = u32::try_from(position.column).unwrap_or(0);
    }
}
