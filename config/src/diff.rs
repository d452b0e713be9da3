//! `forehearth plan`: what a change of the map would touch, before it is done.
//!
//! Devices, links, brokers and tags are told apart by name. A tag that is gone
//! while another at the same place of the same device is new was renamed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use forehearth_modbus::{Join, Limits, Point, ReadPlan};
use forehearth_model::{DeviceEntry, DeviceId, TagEntry, TagId};
use serde::Serialize;

use crate::finding::Lang;
use crate::plan::{
    BrokerFormat, BrokerPlan, ConditionPlan, GroupPlan, LinkPlan, Plan, PointPlan, TagPlan,
};

/// What differs between two plans. Everything is empty when nothing does.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct PlanDiff {
    /// `[gateway]` differs: id, path or title. With id or path every topic changes.
    pub gateway: bool,
    /// `[buffer]` differs.
    pub buffer: bool,
    /// `[status]` differs.
    pub status: bool,
    /// Brokers that are added.
    pub brokers_added: Vec<String>,
    /// Brokers that are removed.
    pub brokers_removed: Vec<String>,
    /// Brokers that must connect again.
    pub brokers_restarted: Vec<String>,
    /// Links that are added.
    pub links_added: Vec<String>,
    /// Links that are removed.
    pub links_removed: Vec<String>,
    /// Links that must connect again, because how they are reached or asked changed.
    pub links_restarted: Vec<String>,
    /// Devices that are added.
    pub devices_added: Vec<String>,
    /// Devices that are removed.
    pub devices_removed: Vec<String>,
    /// Devices that are read anew: they themselves, their tags or their link changed.
    pub devices_restarted: Vec<String>,
    /// Tags that are added to a device that stays, as `device/tag`.
    pub tags_added: Vec<String>,
    /// Tags that are removed from a device that stays.
    pub tags_removed: Vec<String>,
    /// Tags of another name at the same place.
    pub tags_renamed: Vec<Renamed>,
    /// Tags that stay and mean, or are read or reported, otherwise.
    pub tags_changed: Vec<String>,
    /// Topics that change, by broker.
    pub topics: Vec<TopicChange>,
    /// Requests per second over each link, where they change.
    pub loads: Vec<LoadChange>,
}

/// A tag with another name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Renamed {
    /// `device/tag`.
    pub from: String,
    /// `device/tag`.
    pub to: String,
}

/// A broker whose readings go elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TopicChange {
    /// Its name.
    pub broker: String,
    /// Topic before, with blanks for device and tag.
    pub from: String,
    /// Topic from then on.
    pub to: String,
}

/// A link that is asked for more or less.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LoadChange {
    /// Its name.
    pub link: String,
    /// Requests per second before; 0 for a new link.
    pub from: f64,
    /// Requests per second from then on; 0 for a link that goes.
    pub to: f64,
}

/// What differs between the running plan and a new one. Pure.
#[must_use]
pub fn diff(old: &Plan, new: &Plan) -> PlanDiff {
    let mut diff = PlanDiff {
        gateway: old.gateway != new.gateway,
        buffer: old.buffer != new.buffer,
        status: old.status != new.status,
        ..PlanDiff::default()
    };
    diff.compare_brokers(old, new);
    diff.compare_links(old, new);
    diff.compare_devices(old, new);
    diff.compare_loads(old, new);
    diff
}

/// A link apart from what is read over it.
fn reach(link: &LinkPlan) -> LinkPlan {
    LinkPlan { groups: Vec::new(), ..link.clone() }
}

/// Names on one side, on the other, and on both.
fn compare_names<'a>(
    old: impl Iterator<Item = &'a str>,
    new: impl Iterator<Item = &'a str>,
) -> (Vec<String>, Vec<String>, Vec<&'a str>) {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.collect(), new.collect());
    let owned = |name: &&str| (*name).to_owned();
    let added = new.difference(&old).map(owned).collect();
    let removed = old.difference(&new).map(owned).collect();
    (added, removed, old.intersection(&new).copied().collect())
}

impl PlanDiff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn compare_brokers(&mut self, old: &Plan, new: &Plan) {
        let by_name = |plan: &Plan| -> BTreeMap<String, BrokerPlan> {
            plan.brokers.iter().map(|broker| (broker.name.clone(), broker.clone())).collect()
        };
        let (before, after) = (by_name(old), by_name(new));
        let (added, removed, both) =
            compare_names(before.keys().map(String::as_str), after.keys().map(String::as_str));
        (self.brokers_added, self.brokers_removed) = (added, removed);
        for name in both {
            let (from, to) = (&before[name], &after[name]);
            let topics = (topic(from, old), topic(to, new));
            if from != to || topics.0 != topics.1 {
                self.brokers_restarted.push(name.to_owned());
            }
            if topics.0 != topics.1 {
                let (from, to) = topics;
                self.topics.push(TopicChange { broker: name.to_owned(), from, to });
            }
        }
    }

    fn compare_links(&mut self, old: &Plan, new: &Plan) {
        let by_name = |plan: &Plan| -> BTreeMap<String, LinkPlan> {
            plan.links.iter().map(|link| (link.name.clone(), reach(link))).collect()
        };
        let (before, after) = (by_name(old), by_name(new));
        let (added, removed, both) =
            compare_names(before.keys().map(String::as_str), after.keys().map(String::as_str));
        (self.links_added, self.links_removed) = (added, removed);
        let changed = both.into_iter().filter(|name| before[*name] != after[*name]);
        self.links_restarted = changed.map(str::to_owned).collect();
    }

    fn compare_devices(&mut self, old: &Plan, new: &Plan) {
        let (before, after) = (devices(old), devices(new));
        let (added, removed, both) = compare_names(before.keys().copied(), after.keys().copied());
        (self.devices_added, self.devices_removed) = (added, removed);
        for name in both {
            let (from, to) = (&before[name], &after[name]);
            let tags_differ = self.compare_tags(name, from, to);
            let differs = from.entry != to.entry
                || from.unit != to.unit
                || from.access != to.access
                || from.link != to.link
                || self.links_restarted.iter().any(|link| link == to.link);
            if tags_differ || differs {
                self.devices_restarted.push(name.to_owned());
            }
        }
    }

    /// Whether any tag of the device differs.
    fn compare_tags(&mut self, device: &str, old: &Device<'_>, new: &Device<'_>) -> bool {
        let path = |tag: &str| format!("{device}/{tag}");
        let mut gone: Vec<&str> =
            old.tags.keys().filter(|name| !new.tags.contains_key(*name)).copied().collect();
        let mut fresh: Vec<&str> =
            new.tags.keys().filter(|name| !old.tags.contains_key(*name)).copied().collect();
        let mut differs = !gone.is_empty() || !fresh.is_empty();
        gone.retain(|from| {
            let place = old.tags[from].place();
            let to = fresh.iter().position(|to| new.tags[to].place() == place);
            if let Some(to) = to {
                let to = fresh.remove(to);
                self.tags_renamed.push(Renamed { from: path(from), to: path(to) });
            }
            to.is_none()
        });
        self.tags_removed.extend(gone.into_iter().map(path));
        self.tags_added.extend(fresh.into_iter().map(path));
        for (name, tag) in &old.tags {
            if let Some(other) = new.tags.get(name)
                && tag != other
            {
                differs = true;
                self.tags_changed.push(path(name));
            }
        }
        differs
    }

    fn compare_loads(&mut self, old: &Plan, new: &Plan) {
        let (before, after) = (loads(old), loads(new));
        let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        for name in names {
            let load = |loads: &BTreeMap<&str, f64>| loads.get(name).copied().unwrap_or(0.0);
            let (from, to) = (load(&before), load(&after));
            if (from - to).abs() > 1e-9 {
                self.loads.push(LoadChange { link: name.to_owned(), from, to });
            }
        }
    }

    /// As JSON, for scripts.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers only: serialising can't fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For people. Says so when nothing differs.
    #[must_use]
    pub fn to_text(&self, lang: Lang) -> String {
        let mut out = String::new();
        let word = |en: &'static str, zh: &'static str| [en, zh][lang.index()];
        for (differs, heading) in [
            (self.gateway, word("[gateway] changes", "[gateway] 有变化")),
            (self.buffer, word("[buffer] changes", "[buffer] 有变化")),
            (self.status, word("[status] changes", "[status] 有变化")),
        ] {
            if differs {
                let _ = writeln!(out, "{heading}");
            }
        }
        for (names, sign, heading) in [
            (&self.brokers_added, '+', word("broker", "代理")),
            (&self.brokers_removed, '-', word("broker", "代理")),
            (&self.brokers_restarted, '~', word("broker connects again:", "代理重新连接：")),
            (&self.links_added, '+', word("link", "链路")),
            (&self.links_removed, '-', word("link", "链路")),
            (&self.links_restarted, '~', word("link connects again:", "链路重新连接：")),
            (&self.devices_added, '+', word("device", "设备")),
            (&self.devices_removed, '-', word("device", "设备")),
            (&self.devices_restarted, '~', word("device is read anew:", "设备重新读取：")),
            (&self.tags_added, '+', word("tag", "点位")),
            (&self.tags_removed, '-', word("tag", "点位")),
            (&self.tags_changed, '~', word("tag changes:", "点位有变化：")),
        ] {
            for name in names {
                let _ = writeln!(out, "{sign} {heading} {name}");
            }
        }
        for Renamed { from, to } in &self.tags_renamed {
            let _ = writeln!(out, "~ {} {from} -> {to}", word("tag is renamed:", "点位改名："));
        }
        for TopicChange { broker, from, to } in &self.topics {
            let topic = word("topic of", "主题：");
            let _ = writeln!(out, "~ {topic} {broker}: {from} -> {to}");
        }
        for LoadChange { link, from, to } in &self.loads {
            let unit = word("requests/s", "请求/秒");
            let load = word("load of", "负载：");
            let _ = writeln!(out, "~ {load} {link}: {from:.2} -> {to:.2} {unit}");
        }
        if out.is_empty() {
            let _ = writeln!(out, "{}", word("nothing changes", "没有变化"));
        }
        out
    }
}

/// A device with its tags by name, derived ones included.
struct Device<'a> {
    entry: &'a DeviceEntry,
    link: &'a str,
    unit: u8,
    access: forehearth_modbus::Access,
    tags: BTreeMap<&'a str, Tag<'a>>,
}

/// A tag with everything that makes it what it is, ids aside.
struct Tag<'a> {
    entry: &'a TagEntry,
    plan: &'a TagPlan,
    /// Name of the tag it is derived from.
    source: Option<&'a str>,
    period: Option<std::time::Duration>,
}

impl Tag<'_> {
    /// Where it lives; a derived tag has no place of its own.
    fn place(&self) -> Option<&PointPlan> {
        self.source.is_none().then_some(&self.plan.point)
    }
}

impl PartialEq for Tag<'_> {
    fn eq(&self, other: &Self) -> bool {
        // The ids in a plan are positions and shift; what they point to is compared by name.
        let meaning = |tag: &Self| TagEntry { device: DeviceId(0), ..tag.entry.clone() };
        let condition =
            |tag: &Self| tag.plan.condition.as_deref().cloned().map(ConditionPlan::without_ids);
        self.plan.point == other.plan.point
            && self.plan.report == other.plan.report
            && self.period == other.period
            && self.source == other.source
            && meaning(self) == meaning(other)
            && condition(self) == condition(other)
    }
}

fn devices(plan: &Plan) -> BTreeMap<&str, Device<'_>> {
    let mut periods = vec![None; plan.tags.len()];
    for group in plan.links.iter().flat_map(|link| &link.groups) {
        for tag in &group.tags {
            periods[tag.index()] = Some(group.period);
        }
    }
    let mut devices: Vec<Device<'_>> = plan
        .catalogue
        .devices
        .iter()
        .zip(&plan.devices)
        .map(|(entry, device)| Device {
            entry,
            link: &plan.links[device.link.index()].name,
            unit: device.unit,
            access: device.access,
            tags: BTreeMap::new(),
        })
        .collect();
    for ((entry, tag), period) in plan.catalogue.tags.iter().zip(&plan.tags).zip(periods) {
        let source = tag.source.map(|of| plan.catalogue.tags[of.index()].name.as_str());
        let tag = Tag { entry, plan: tag, source, period };
        devices[entry.device.index()].tags.insert(&entry.name, tag);
    }
    devices.into_iter().map(|device| (device.entry.name.as_str(), device)).collect()
}

/// Requests per second over each link, before anything is learned about it.
#[expect(clippy::cast_precision_loss, reason = "a count of requests")]
fn loads(plan: &Plan) -> BTreeMap<&str, f64> {
    let of = |link: &LinkPlan| -> f64 {
        let join = if link.join { Join::DEFAULT } else { Join::Never };
        let limits = Limits { max_words: link.max_words, max_bits: link.max_bits, join };
        let requests = |group: &GroupPlan| {
            let point = |tag: &TagId| Some((*tag, plan.tags[tag.index()].point.modbus()?));
            let points: Vec<(TagId, Point)> = group.tags.iter().filter_map(point).collect();
            ReadPlan::new(&points, limits).map_or(points.len(), |plan| plan.spans().len())
        };
        let groups = link.groups.iter();
        groups.map(|group| requests(group) as f64 / group.period.as_secs_f64()).sum()
    };
    plan.links.iter().map(|link| (link.name.as_str(), of(link))).collect()
}

/// Where a broker's readings go, with blanks for what differs from reading to reading.
fn topic(broker: &BrokerPlan, plan: &Plan) -> String {
    match &broker.format {
        BrokerFormat::Sparkplug { group, .. } => {
            format!("spBv1.0/{group}/DDATA/{}/{{device}}", plan.gateway.id)
        }
        BrokerFormat::Native { topic, .. } | BrokerFormat::Json { topic, .. } => topic.clone(),
    }
}
