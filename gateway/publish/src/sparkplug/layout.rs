//! The layout: which Sparkplug devices there are, and which tag is which metric under which alias.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use forehearth_model::{Catalogue, DeviceEntry, DeviceId, TagEntry, TagId};
use forehearth_telemetry::topics::{Level, SparkplugTopics};

use super::level;
use crate::settings::SettingsError;

/// Alias of the node's own metric, the gap record. 0 stays unused: some hosts
/// take it for "none".
pub(crate) const GAP_ALIAS: u64 = 1;

/// Alias of the first tag; tags follow without a hole, in catalogue order, so
/// that an alias stays the same as long as the plan does.
const FIRST_TAG_ALIAS: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// What a birth metric takes besides its texts, at most: numbers, property
/// keys and the framing of each (measured: 118 bytes for a Double).
const METRIC_BYTES: usize = 160;

/// The longest text value (Modbus STRING: 125 registers).
const TEXT_BYTES: usize = 250;

/// What a birth takes besides its metrics, topic included.
const BIRTH_BYTES: usize = 1024;

/// A Sparkplug device's place in the layout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct UnitId(pub(crate) u32);

impl UnitId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A tag of an earlier plan that is gone and of which values still wait.
#[derive(Clone, Debug)]
pub(crate) struct Retired {
    pub(crate) name: String,
    pub(crate) alias: NonZeroU32,
    pub(crate) tag: TagEntry,
}

/// One Sparkplug device: a device of the plan, or a part of one whose birth
/// would be larger than a packet.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) dbirth: Arc<str>,
    pub(crate) ddata: Arc<str>,
    pub(crate) ddeath: Arc<str>,
    pub(crate) device: DeviceEntry,
    /// Its tags, as numbered in the view.
    pub(crate) tags: std::ops::Range<u32>,
    pub(crate) retired: Vec<Retired>,
}

/// All Sparkplug devices of a node.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) units: Vec<Unit>,
    /// By tag of the view.
    unit_of: Vec<UnitId>,
    next_alias: NonZeroU32,
}

impl Layout {
    /// # Errors
    /// When a device name is not legal in a topic.
    pub(crate) fn new(
        topics: &SparkplugTopics,
        seen: &Catalogue,
        packet_limit: usize,
    ) -> Result<Self, SettingsError> {
        let mut layout = Self {
            units: Vec::new(),
            unit_of: Vec::with_capacity(seen.tags.len()),
            next_alias: Self::alias(TagId(u32::try_from(seen.tags.len()).unwrap_or(u32::MAX))),
        };
        let names: HashSet<&str> = seen.devices.iter().map(|d| d.name.as_str()).collect();
        let mut current: Option<(DeviceId, usize, u32)> = None;
        for (tag, number) in seen.tags.iter().zip(0..) {
            let device = &seen.devices[tag.device.index()];
            let bytes = birth_bytes(tag, device);
            let part = match current {
                Some((at, room, part)) if at == tag.device && room >= bytes => {
                    current = Some((at, room - bytes, part));
                    None
                }
                Some((at, _, part)) if at == tag.device => Some(part + 1),
                _ => Some(1),
            };
            if let Some(part) = part {
                let room = packet_limit.saturating_sub(BIRTH_BYTES + bytes);
                current = Some((tag.device, room, part));
                let name = part_name(&device.name, part, &names);
                layout.units.push(Unit::new(topics, &name, device.clone(), number)?);
            }
            if let Some(unit) = layout.units.last_mut() {
                unit.tags.end = number + 1;
            }
            layout.unit_of.push(layout.last());
        }
        Ok(layout)
    }

    /// The alias of a tag of the view.
    pub(crate) const fn alias(tag: TagId) -> NonZeroU32 {
        FIRST_TAG_ALIAS.saturating_add(tag.0)
    }

    /// The tag of the view behind an alias; `None` for a retired one.
    pub(crate) fn tag(&self, alias: NonZeroU32) -> Option<TagId> {
        let number = alias.get().checked_sub(FIRST_TAG_ALIAS.get())?;
        ((number as usize) < self.unit_of.len()).then_some(TagId(number))
    }

    /// The device of a tag of the view.
    pub(crate) fn unit_of(&self, tag: TagId) -> Option<UnitId> {
        self.unit_of.get(tag.index()).copied()
    }

    /// Makes a place for a tag of an earlier plan: a metric beside the
    /// current ones, on a device of its own where that is gone too. Returns
    /// `None` when the old name is not legal any more.
    pub(crate) fn retire(
        &mut self,
        topics: &SparkplugTopics,
        seen: &Catalogue,
        device: &DeviceEntry,
        tag: &TagEntry,
    ) -> Option<(UnitId, NonZeroU32)> {
        let place = self.units.iter().position(|unit| unit.device.name == device.name);
        let place = match place {
            Some(place) => place,
            None => {
                let end = u32::try_from(seen.tags.len()).unwrap_or(u32::MAX);
                self.units.push(Unit::new(topics, &device.name, device.clone(), end).ok()?);
                self.units.len() - 1
            }
        };
        let taken = seen.tags.iter().any(|other| {
            other.name == tag.name && seen.devices[other.device.index()].name == device.name
        });
        let unit = &mut self.units[place];
        let name = match taken {
            // The same name with another type: both can't be one metric.
            true => format!("{} ({})", tag.name, tag.data_type.name()),
            false => tag.name.clone(),
        };
        let id = UnitId(u32::try_from(place).unwrap_or(u32::MAX));
        if let Some(known) = unit.retired.iter().find(|retired| retired.name == name) {
            return Some((id, known.alias));
        }
        let alias = self.next_alias;
        self.next_alias = alias.saturating_add(1);
        unit.retired.push(Retired { name, alias, tag: tag.clone() });
        Some((id, alias))
    }

    fn last(&self) -> UnitId {
        UnitId(u32::try_from(self.units.len().saturating_sub(1)).unwrap_or(u32::MAX))
    }
}

impl Unit {
    fn new(
        topics: &SparkplugTopics,
        name: &str,
        device: DeviceEntry,
        first: u32,
    ) -> Result<Self, SettingsError> {
        let level: Level = level("device", name)?;
        Ok(Self {
            dbirth: topics.dbirth(&level).into(),
            ddata: topics.ddata(&level).into(),
            ddeath: topics.ddeath(&level).into(),
            device,
            tags: first..first,
            retired: Vec::new(),
        })
    }
}

/// Size of a tag's metric in a birth, whatever its value.
fn birth_bytes(tag: &TagEntry, device: &DeviceEntry) -> usize {
    let text = if tag.data_type == forehearth_model::DataType::String { TEXT_BYTES } else { 0 };
    METRIC_BYTES
        + text
        + tag.name.len()
        + tag.unit.len()
        + tag.plant_tag.len()
        + device.handle.len()
}

/// The first part has the device's name, others `name:2`, `name:3`, …
fn part_name(device: &str, part: u32, taken: &HashSet<&str>) -> String {
    if part == 1 {
        return device.to_owned();
    }
    let mut name = format!("{device}:{part}");
    while taken.contains(name.as_str()) {
        name.push(':');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{Layout, NonZeroU32, UnitId};
    use crate::plant;
    use forehearth_model::{Catalogue, TagId};
    use forehearth_telemetry::topics::{Level, SparkplugTopics};

    fn topics() -> SparkplugTopics {
        SparkplugTopics::new(Level::new("G").unwrap(), Level::new("pot2-east").unwrap())
    }

    #[test]
    fn tck_id_payloads_alias_uniqueness() {
        let seen = plant::catalogue();
        let layout = Layout::new(&topics(), &seen, 256 * 1024).unwrap();
        let aliases: Vec<_> = (0..4).map(|tag| Layout::alias(TagId(tag)).get()).collect();
        assert_eq!(aliases, [2, 3, 4, 5], "dense, and 1 is the node's own");
        assert_eq!(layout.units.len(), 2);
        assert_eq!(layout.unit_of(TagId(3)), Some(UnitId(1)));
        assert_eq!(layout.unit_of(TagId(4)), None);
    }

    #[test]
    fn a_birth_larger_than_a_packet_becomes_several_devices() {
        let mut seen: Catalogue = plant::catalogue();
        let tag = seen.tags.remove(0);
        seen.tags = (0..100)
            .map(|number| {
                let mut tag = tag.clone();
                tag.name = format!("t{number}");
                tag
            })
            .collect();
        let layout = Layout::new(&topics(), &seen, 8 * 1024).unwrap();
        let topics: Vec<_> = layout.units.iter().map(|unit| &*unit.ddata).collect();
        let device = "spBv1.0/G/DDATA/pot2-east/cell-001";
        assert_eq!(topics, [device, &format!("{device}:2"), &format!("{device}:3")]);
        let tags: Vec<_> = layout.units.iter().flat_map(|unit| unit.tags.clone()).collect();
        assert_eq!(tags, (0..100).collect::<Vec<_>>(), "each tag is in exactly one part");
    }

    #[test]
    fn a_tag_of_an_earlier_plan_gets_an_alias_nobody_has() {
        let seen = plant::catalogue();
        let mut layout = Layout::new(&topics(), &seen, 256 * 1024).unwrap();
        let mut old = seen.tags[0].clone();
        old.name = "pressure".into();
        let retired = layout.retire(&topics(), &seen, &seen.devices[0], &old);
        assert_eq!(retired, Some((UnitId(0), NonZeroU32::new(6).unwrap())));
        let again = layout.retire(&topics(), &seen, &seen.devices[0], &old);
        assert_eq!(again, retired, "asked twice, one metric");
        let mut gone = seen.devices[0].clone();
        gone.name = "cell-099".into();
        assert_eq!(
            layout.retire(&topics(), &seen, &gone, &old),
            Some((UnitId(2), NonZeroU32::new(7).unwrap()))
        );
    }
}
