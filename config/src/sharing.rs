//! A read-only device does not share its link with one that is written to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use forehearth_modbus::Access;
use forehearth_model::LinkId;

use crate::finding::{Finding, Log};
use crate::load::Field;
use crate::source::Place;
use crate::texts::{self, phrase};

/// The driver of a link with a writable tag can write. So that none exists
/// for a read-only device, its link has no such tag.
pub(crate) fn check(log: &Log, field: &Field, places: &HashMap<Arc<str>, Place>) {
    let mut written: HashMap<LinkId, usize> = HashMap::new();
    for (tag, entry) in field.tags.iter().zip(&field.tag_entries) {
        if tag.write.is_some() {
            let device = entry.device.index();
            written.entry(field.devices[device].link).or_insert(device);
        }
    }
    let mut said = HashSet::new();
    for (device, entry) in field.devices.iter().zip(&field.entries) {
        let Some(other) = written.get(&device.link) else { continue };
        if device.access != Access::ReadOnly || !said.insert(device.link) {
            continue;
        }
        let other = &field.entries[*other];
        let (Some(place), Some(there)) = (places.get(&*entry.name), places.get(&*other.name))
        else {
            continue;
        };
        let finding = Finding::new(&texts::READ_ONLY_SHARES_LINK, *place)
            .with("name", entry.name.as_str())
            .with("other", other.name.as_str());
        log.report(finding.related(*there, phrase::WRITTEN_HERE));
    }
}
