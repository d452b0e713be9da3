//! What the gateway asks of one plugin: its program, its settings, and what is read through it.

use std::sync::Arc;
use std::time::Duration;

use forehearth_model::{DeviceId, Stamp, TagId};
use forehearth_plugin_protocol::v1::{Configure, Given, Group, Tag, Type};

use crate::process::Program;

/// Gateway time.
pub type Clock = fn() -> Stamp;

/// Where in the map something was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// File, as the user knows it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column of the first character of the value, from 1.
    pub column: u32,
}

/// One tag.
#[derive(Clone, PartialEq, Debug)]
pub struct TagSettings {
    /// The gateway's number of it.
    pub tag: TagId,
    /// Its address, as the map writes it.
    pub at: Arc<str>,
    /// What it must be read as.
    pub data_type: Type,
    /// How many bits of a whole number the tag has; what does not fit is no value.
    pub bits: u32,
    /// Unit of the map.
    pub unit: String,
    /// Where the address is written.
    pub origin: Option<Origin>,
}

/// Tags that are read together.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupSettings {
    /// Which device.
    pub device: DeviceId,
    /// How often.
    pub period: Duration,
    /// What.
    pub tags: Vec<TagSettings>,
}

/// One plugin at work for one device.
#[derive(Clone, PartialEq, Debug)]
pub struct PluginSettings {
    /// Its name in the map, for logs.
    pub name: String,
    /// What is run.
    pub program: Program,
    /// Settings of the device, each with its place.
    pub given: Vec<(Given, Option<Origin>)>,
    /// What is read; a group's number is its place.
    pub groups: Vec<GroupSettings>,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// How long a value of a plugin that pushes may stand without being said again.
    pub restate: Duration,
}

/// Credit is at least this, so that a small device may push bursts. Chosen:
/// 64 Ki readings in memory are about 4 MiB.
const LEAST_CREDIT: usize = 4096;
/// See [`LEAST_CREDIT`].
const MOST_CREDIT: usize = 65_536;

impl PluginSettings {
    /// All tags in the order of their numbers in the protocol, with group and device.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (u32, DeviceId, &TagSettings)> {
        (0..).zip(&self.groups).flat_map(|(number, group)| {
            group.tags.iter().map(move |tag| (number, group.device, tag))
        })
    }

    /// What the plugin is told.
    pub(crate) fn configure(&self) -> Configure {
        let groups = (0..).zip(&self.groups).map(|(id, group)| Group {
            id,
            period_ms: u32::try_from(group.period.as_millis()).unwrap_or(u32::MAX),
        });
        let tags = (0..).zip(self.tags()).map(|(id, (group, _, tag))| Tag {
            id,
            group,
            at: tag.at.to_string(),
            r#type: tag.data_type.into(),
            unit: tag.unit.clone(),
            writable: false,
        });
        let tags: Vec<Tag> = tags.collect();
        let credit = (tags.len() * 2).clamp(LEAST_CREDIT, MOST_CREDIT);
        Configure {
            version: 0, // filled in by the session
            settings: self.given.iter().map(|(given, _)| given.clone()).collect(),
            groups: groups.collect(),
            tags,
            credit: u32::try_from(credit).unwrap_or(u32::MAX),
        }
    }
}
