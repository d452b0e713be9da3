//! An idiom: the ids a link's task was made with, told in those of the plan in force.
//!
//! A task that a reload does not touch goes on speaking the ids of the plan it
//! was made for. They are positions, so under another plan they mean others.

use std::collections::HashMap;

use forehearth_config::Succession;
use forehearth_model::{DeviceId, LinkId, Scan, TagId};

/// An id that no plan has: the pipeline refuses and counts it.
const NOBODY: TagId = TagId(u32::MAX);

/// The idioms of all tasks that were made for an earlier plan, by the number
/// of the task. A task that is not here speaks of the plan in force.
#[derive(Debug, Default)]
pub struct Idioms {
    by_task: HashMap<LinkId, Idiom>,
}

/// By id of the plan a task was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Idiom {
    tags: Vec<Option<TagId>>,
    devices: Vec<Option<DeviceId>>,
}

impl Idioms {
    /// Another plan is in force. `tasks` are those that go on under it.
    pub fn change(&mut self, next: &Succession, tasks: &[LinkId]) {
        let mut before = std::mem::take(&mut self.by_task);
        for task in tasks {
            let idiom = match before.remove(task) {
                Some(idiom) => idiom.then(next),
                None => Idiom { tags: next.tags.clone(), devices: next.devices.clone() },
            };
            if !idiom.is_plain() {
                self.by_task.insert(*task, idiom);
            }
        }
    }

    /// Puts a task's scan into the words of the plan in force.
    pub fn translate(&self, task: LinkId, scan: &mut Scan) {
        let Some(idiom) = self.by_task.get(&task) else { return };
        if let Some(device) = idiom.devices.get(scan.device.index()).copied().flatten() {
            scan.device = device;
        }
        for sample in &mut scan.samples {
            let tag = idiom.tags.get(sample.tag.index()).copied().flatten();
            sample.tag = tag.unwrap_or(NOBODY);
        }
    }
}

impl Idiom {
    /// After one more change.
    fn then(self, next: &Succession) -> Self {
        let tag = |id: Option<TagId>| *next.tags.get(id?.index())?;
        let device = |id: Option<DeviceId>| *next.devices.get(id?.index())?;
        Self {
            tags: self.tags.into_iter().map(tag).collect(),
            devices: self.devices.into_iter().map(device).collect(),
        }
    }

    /// Whether every id means what it meant.
    fn is_plain(&self) -> bool {
        self.tags.iter().zip(0..).all(|(tag, at)| *tag == Some(TagId(at)))
            && self.devices.iter().zip(0..).all(|(device, at)| *device == Some(DeviceId(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Idioms, NOBODY};
    use forehearth_config::Succession;
    use forehearth_model::{DeviceId, LinkId, Quality, Sample, Scan, Stamp, TagId, Value};

    fn next(tags: &[Option<u32>], devices: &[Option<u32>]) -> Succession {
        Succession {
            tags: tags.iter().map(|tag| tag.map(TagId)).collect(),
            devices: devices.iter().map(|device| device.map(DeviceId)).collect(),
            ..Succession::default()
        }
    }

    fn told(idioms: &Idioms, task: u32, tags: &[u32]) -> (u32, Vec<u32>) {
        let sample =
            |tag: &u32| Sample { tag: TagId(*tag), quality: Quality::Good, value: Value::Int(1) };
        let samples = tags.iter().map(sample).collect();
        let mut scan = Scan { device: DeviceId(0), stamp: Stamp(1), samples };
        idioms.translate(LinkId(task), &mut scan);
        (scan.device.0, scan.samples.iter().map(|sample| sample.tag.0).collect())
    }

    #[test]
    fn a_task_of_an_earlier_plan_is_understood_after_any_number_of_changes() {
        let mut idioms = Idioms::default();
        idioms.change(&next(&[Some(1), Some(2)], &[Some(1)]), &[LinkId(0)]);
        assert_eq!(told(&idioms, 0, &[0, 1]), (1, vec![1, 2]));
        assert_eq!(told(&idioms, 7, &[0, 1]), (0, vec![0, 1]), "a new task speaks the new plan");
        // Tag 1 goes to 5 and tag 2 to 6, device 1 to 3.
        let change = next(&[None, Some(5), Some(6)], &[None, Some(3)]);
        idioms.change(&change, &[LinkId(0), LinkId(7)]);
        assert_eq!(told(&idioms, 0, &[0, 1]), (3, vec![5, 6]));
        assert_eq!(told(&idioms, 7, &[1, 2]), (0, vec![5, 6]));
    }

    #[test]
    fn a_sample_of_a_tag_that_is_gone_is_nobody_s() {
        let mut idioms = Idioms::default();
        idioms.change(&next(&[None, Some(0)], &[Some(0)]), &[LinkId(0)]);
        assert_eq!(told(&idioms, 0, &[0, 1, 9]).1, [NOBODY.0, 0, NOBODY.0]);
    }

    #[test]
    fn the_way_back_needs_no_words() {
        let mut idioms = Idioms::default();
        idioms.change(&next(&[Some(1)], &[Some(0)]), &[LinkId(0)]);
        idioms.change(&next(&[None, Some(0)], &[Some(0)]), &[LinkId(0)]);
        assert!(idioms.by_task.is_empty());
    }
}
