//! The succession: what of a running plan can go on under a new one, position by position.
//!
//! A plan's ids are positions and shift when it changes. This says which link
//! may be read on without being touched, what its ids mean in the new plan,
//! and which tags are conditioned as before.

use std::collections::HashMap;

use forehearth_model::{DeviceId, LinkId, TagEntry, TagId};

use crate::plan::{Deadband, DevicePlan, LinkPlan, Plan, Report, TagPlan, Transport};

/// What of an old plan goes on under a new one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Succession {
    /// By link of the new plan: the link of the old one that is reached and
    /// read exactly as before. Titles, names of tags, scaling and reporting
    /// may differ: they don't touch the device.
    pub links: Vec<Option<LinkId>>,
    /// By tag of the old plan: the same point in the new one, for tags read
    /// over the links that go on.
    pub tags: Vec<Option<TagId>>,
    /// By device of the old plan: the same in the new one.
    pub devices: Vec<Option<DeviceId>>,
    /// By tag of the new plan: the tag of the old one that has its name and
    /// is conditioned as before.
    pub heirs: Vec<Option<TagId>>,
    /// By broker of the new plan: the position in the old one of a broker
    /// that has its name and is served as before.
    pub brokers: Vec<Option<usize>>,
}

/// What of `old` goes on under `new`. Pure.
#[must_use]
pub fn succession(old: &Plan, new: &Plan) -> Succession {
    let mut next = Succession {
        links: vec![None; new.links.len()],
        tags: vec![None; old.tags.len()],
        devices: devices(old, new),
        heirs: heirs(old, new),
        brokers: brokers(old, new),
    };
    let by_name: HashMap<&str, usize> =
        old.links.iter().enumerate().map(|(at, link)| (link.name.as_str(), at)).collect();
    let same_gateway = old.gateway.id == new.gateway.id;
    for (to, place) in new.links.iter().zip(&mut next.links) {
        let Some(&at) = by_name.get(to.name.as_str()) else { continue };
        let from = &old.links[at];
        if same_gateway && is_read_alike((old, from), (new, to)) {
            *place = u32::try_from(at).ok().map(LinkId);
            let pairs = from.groups.iter().zip(&to.groups);
            for (was, is) in pairs.flat_map(|(was, is)| was.tags.iter().zip(&is.tags)) {
                next.tags[was.index()] = Some(*is);
            }
        }
    }
    next
}

/// Whether a link's task would ask for the same in the same way under both plans.
fn is_read_alike((old, from): (&Plan, &LinkPlan), (new, to): (&Plan, &LinkPlan)) -> bool {
    let reach = |link: &LinkPlan| LinkPlan { groups: Vec::new(), ..link.clone() };
    let device = |plan: &Plan, id: DeviceId| DevicePlan {
        link: LinkId(0),
        ..plan.devices[id.index()].clone()
    };
    let name = |plan: &Plan, id: DeviceId| plan.catalogue.devices[id.index()].name.clone();
    reach(from) == reach(to)
        && from.groups.len() == to.groups.len()
        && from.groups.iter().zip(&to.groups).all(|(was, is)| {
            was.period == is.period
                && was.tags.len() == is.tags.len()
                && name(old, was.device) == name(new, is.device)
                && device(old, was.device) == device(new, is.device)
                && was
                    .tags
                    .iter()
                    .zip(&is.tags)
                    .all(|(was, is)| asked(old, from, *was) == asked(new, to, *is))
        })
}

/// All of a tag that its driver may know: everything but how it is named,
/// conditioned and reported. An OPC UA driver and a
/// plugin that pushes restate quiet values in time
/// for the longest silence.
fn asked(plan: &Plan, link: &LinkPlan, tag: TagId) -> (TagPlan, forehearth_model::DataType) {
    let of = &plan.tags[tag.index()];
    let report = match link.transport {
        Transport::OpcUa(_) | Transport::Plugin(_) => of.report,
        _ => Report {
            deadband: Deadband::None,
            max_gap: std::time::Duration::ZERO,
            every_sample: false,
        },
    };
    let asked = TagPlan { report, condition: None, source: None, ..of.clone() };
    (asked, plan.catalogue.tags[tag.index()].data_type)
}

fn devices(old: &Plan, new: &Plan) -> Vec<Option<DeviceId>> {
    let entries = new.catalogue.devices.iter().zip(0..);
    let by_name: HashMap<&str, DeviceId> =
        entries.map(|(device, at)| (device.name.as_str(), DeviceId(at))).collect();
    let found = |name: &str| by_name.get(name).copied();
    old.catalogue.devices.iter().map(|device| found(&device.name)).collect()
}

/// A tag's device and name, which are its identity.
fn identity<'p>(plan: &'p Plan, entry: &'p TagEntry) -> (&'p str, &'p str) {
    (plan.catalogue.devices[entry.device.index()].name.as_str(), entry.name.as_str())
}

fn heirs(old: &Plan, new: &Plan) -> Vec<Option<TagId>> {
    let entries = old.catalogue.tags.iter().zip(0..);
    let by_name: HashMap<(&str, &str), TagId> =
        entries.map(|(entry, at)| (identity(old, entry), TagId(at))).collect();
    let heir = |entry: &TagEntry, at: u32| {
        let was = *by_name.get(&identity(new, entry))?;
        is_conditioned_alike((old, was), (new, TagId(at))).then_some(was)
    };
    new.catalogue.tags.iter().zip(0..).map(|(entry, at)| heir(entry, at)).collect()
}

/// Whether what is known of a tag means the same under both plans: its place,
/// type, scaling, range, lane, reporting and stages. What only names or
/// describes it may differ.
fn is_conditioned_alike((old, was): (&Plan, TagId), (new, is): (&Plan, TagId)) -> bool {
    let meaning = |plan: &Plan, tag: TagId| {
        let entry = &plan.catalogue.tags[tag.index()];
        let of = &plan.tags[tag.index()];
        // Ids of derived tags are positions, too; their names follow from that
        // of the tag and from what is asked for.
        let named = |id: TagId| plan.catalogue.tags[id.index()].name.clone();
        let condition = of.condition.as_deref().cloned().map(|c| Box::new(c.without_ids()));
        let source = of.source.map(named);
        let plain = TagPlan { condition, source: None, ..of.clone() };
        let wire = (entry.data_type, entry.scaling, entry.valid, entry.lane, entry.kind);
        (plain, source, wire)
    };
    meaning(old, was) == meaning(new, is)
}

fn brokers(old: &Plan, new: &Plan) -> Vec<Option<usize>> {
    let same_topics = old.gateway.id == new.gateway.id && old.gateway.path == new.gateway.path;
    let at = |broker: &crate::plan::BrokerPlan| {
        same_topics.then(|| old.brokers.iter().position(|other| other == broker)).flatten()
    };
    new.brokers.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::{Succession, succession};
    use crate::plan::Plan;
    use forehearth_model::{LinkId, TagId};

    const GATEWAY: &str = "schema = 1\n[gateway]\nid = \"g\"\npath = \"a/b\"\n\
        [[broker]]\nname = \"plant\"\nurl = \"mqtt://127.0.0.1:1\"\nformat = \"native\"\n";

    fn plan(gateway: &str, devices: &str) -> Plan {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("devices")).unwrap();
        std::fs::write(dir.path().join("gateway.toml"), gateway).unwrap();
        let devices = format!("schema = 1\n{devices}");
        std::fs::write(dir.path().join("devices/d.toml"), devices).unwrap();
        let loaded = crate::load(dir.path());
        let report = crate::render(&loaded.report, crate::Lang::En, false);
        loaded.plan.unwrap_or_else(|| panic!("{report}"))
    }

    fn device(name: &str, tags: &str) -> String {
        format!(
            "[[device]]\nname = \"{name}\"\ndriver = \"modbus\"\nurl = \"tcp://127.0.0.1:1\"\n\
             unit = 1\nrate = \"1s\"\n[device.tags]\n{tags}\n"
        )
    }

    const A: &str =
        "x = { at = \"hr:0\", type = \"UINT\" }\ny = { at = \"hr:1\", type = \"UINT\" }";

    fn between(old: &str, new: &str) -> Succession {
        succession(&plan(GATEWAY, old), &plan(GATEWAY, new))
    }

    #[test]
    fn a_device_before_it_shifts_a_link_s_ids_and_does_not_touch_it() {
        let zinc = device("zinc", A);
        let next =
            between(&zinc, &(device("added", "p = { at = \"hr:9\", type = \"INT\" }") + &zinc));
        assert_eq!(next.links, [None, Some(LinkId(0))]);
        assert_eq!(next.tags, [Some(TagId(1)), Some(TagId(2))]);
        assert_eq!(next.heirs, [None, Some(TagId(0)), Some(TagId(1))]);
        assert_eq!(next.brokers, [Some(0)]);
    }

    #[test]
    fn a_tag_that_is_renamed_in_its_place_is_read_on_and_reported_anew() {
        let next = between(&device("a", A), &device("a", &A.replace("x =", "z =")));
        assert_eq!(next.links, [Some(LinkId(0))]);
        assert!(next.tags.iter().all(Option::is_some));
        assert_eq!(next.heirs.iter().flatten().count(), 1, "y goes on, z begins");
    }

    #[test]
    fn another_deadband_touches_the_reporting_and_not_the_device() {
        let next = between(
            &device("a", A),
            &device("a", &A.replace("\"hr:1\", type", "\"hr:1\", deadband = 3, type")),
        );
        assert_eq!(next.links, [Some(LinkId(0))]);
        assert_eq!(next.heirs, [Some(TagId(0)), None]);
    }

    #[test]
    fn another_address_rate_or_unit_touches_the_device() {
        for (from, to) in [("hr:1", "hr:2"), ("\"1s\"", "\"2s\""), ("unit = 1", "unit = 2")] {
            let old = device("a", A);
            let next = between(&old, &old.replace(from, to));
            assert_eq!(next.links, [None], "{from} -> {to}");
            assert!(next.tags.iter().all(Option::is_none));
        }
    }

    #[test]
    fn nothing_changes_between_equal_plans() {
        let next = between(&device("a", A), &device("a", A));
        assert_eq!(next.links, [Some(LinkId(0))]);
        assert_eq!(next.heirs, [Some(TagId(0)), Some(TagId(1))]);
    }

    #[test]
    fn a_broker_that_changes_is_served_anew() {
        let old = plan(GATEWAY, &device("a", A));
        let new = plan(&GATEWAY.replace(":1\"", ":2\""), &device("a", A));
        assert_eq!(succession(&old, &new).brokers, [None]);
    }
}
