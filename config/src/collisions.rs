//! Names and sockets that are taken twice, or nearly.

use std::collections::HashMap;
use std::sync::Arc;

use forehearth_model::DeviceEntry;

use crate::derived;
use crate::finding::{Finding, Log};
use crate::link::LinkDraft;
use crate::plan::Transport;
use crate::source::Place;
use crate::tag::TagDraft;
use crate::texts::{self, phrase};

/// Tags of one device whose names are the same once arrays are written out,
/// or differ only in case.
pub(crate) fn check_tag_names(log: &Log, tags: &[TagDraft]) {
    let mut seen: HashMap<String, &TagDraft> = HashMap::with_capacity(tags.len());
    let arrays: Vec<&TagDraft> = tags.iter().filter(|tag| tag.is_array).collect();
    for tag in tags {
        let element_of = tag.name.strip_suffix(']').and_then(|name| {
            let (name, index) = name.rsplit_once('[')?;
            let index: usize = index.parse().ok()?;
            arrays.iter().find(|array| array.name == name && index < array.points.len())
        });
        if let Some(array) = element_of {
            report(log, &texts::SAME_TAG_NAME, tag, array);
        } else if let Some(other) = seen.insert(tag.name.to_lowercase(), tag) {
            report(log, &texts::TAG_NAMES_DIFFER_IN_CASE, tag, other);
        }
    }
    for tag in tags {
        for ending in derived::endings(tag) {
            // An array's elements are told by names that nobody writes.
            if let Some(other) = seen.get(&format!("{}.{ending}", tag.name).to_lowercase()) {
                report(log, &texts::DERIVED_NAME, other, tag);
            }
        }
    }
}

fn report(log: &Log, code: &'static texts::CodeText, tag: &TagDraft, other: &TagDraft) {
    let finding = Finding::new(code, tag.name_place)
        .with("name", tag.name.as_str())
        .with("other", other.name.as_str());
    log.report(finding.related(other.name_place, phrase::OTHER_TAG));
}

/// Devices whose names differ only in case: Sparkplug consumers and file
/// systems on Windows take them for one (Sparkplug 3.0, 4.1).
pub(crate) fn check_case(log: &Log, devices: &[DeviceEntry], places: &HashMap<Arc<str>, Place>) {
    let mut seen: HashMap<String, &str> = HashMap::with_capacity(devices.len());
    for device in devices {
        if let Some(other) = seen.insert(device.name.to_lowercase(), &device.name)
            && let (Some(place), Some(first)) = (places.get(&*device.name), places.get(other))
        {
            let finding = Finding::new(&texts::DEVICE_NAMES_DIFFER_IN_CASE, *place)
                .with("name", device.name.as_str())
                .with("other", other)
                .related(*first, phrase::FIRST_HERE);
            log.report(finding);
        }
    }
}

/// Two links to one socket: many devices take only one or two connections.
pub(crate) fn check_endpoints(log: &Log, links: &[LinkDraft]) {
    let mut seen: HashMap<(String, u16), &LinkDraft> = HashMap::with_capacity(links.len());
    for link in links {
        let Transport::ModbusTcp { host, port } = &link.plan.transport else { continue };
        if let Some(other) = seen.insert((host.to_ascii_lowercase(), *port), link) {
            let finding = Finding::new(&texts::SAME_ENDPOINT, link.url_place)
                .with("name", link.plan.name.as_str())
                .with("other", other.plan.name.as_str())
                .with("host", format!("{host}:{port}"))
                .related(other.url_place, phrase::OTHER_LINK);
            log.report(finding);
        }
    }
}
