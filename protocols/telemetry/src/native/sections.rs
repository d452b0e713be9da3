//! How the runs of a batch fall into sections: runs of one device that hold the same tags with values of the same kind.

use std::collections::HashMap;

use forehearth_model::{Batch, DeviceId, Reading, TagId};

use super::MAX_WOVEN;
use super::kind::Kind;

/// Which run belongs to which section. Owns its memory for reuse.
#[derive(Default, Debug)]
pub(super) struct Sections {
    /// Each run with the end of its readings, in batch order.
    runs: Vec<PlacedRun>,
    /// First and last run of each section.
    ends: Vec<(usize, usize)>,
    /// The latest section of each device and first tag: a large device takes
    /// several answers per scan, and each forms a section of its own.
    latest: HashMap<(DeviceId, TagId), usize>,
}

#[derive(Clone, Copy, Debug)]
struct PlacedRun {
    section: usize,
    start: usize,
    len: usize,
    /// The next run of the same section.
    next: Option<usize>,
}

impl Sections {
    /// Places every run of `batch`, forgetting the batch before.
    ///
    /// A run joins the latest section of its device and first tag if all tags
    /// and kinds are the same, else it opens a new one. With more sections than a reader keeps
    /// open, every run is a section of its own.
    pub(super) fn place(&mut self, batch: &Batch) {
        self.place_runs(batch, true);
        if self.count() > MAX_WOVEN && !self.is_in_order() {
            self.place_runs(batch, false);
        }
    }

    fn place_runs(&mut self, batch: &Batch, join: bool) {
        self.runs.clear();
        self.ends.clear();
        self.latest.clear();
        let mut start = 0;
        for (index, run) in batch.runs.iter().enumerate() {
            let len = run.len as usize;
            let readings = &batch.readings[start..start + len];
            let place = (run.device, readings.first().map_or(TagId(0), |reading| reading.tag));
            let section = match self.latest.get(&place) {
                Some(&section) if join && self.fits(batch, section, readings) => {
                    let (_, last) = &mut self.ends[section];
                    self.runs[std::mem::replace(last, index)].next = Some(index);
                    section
                }
                _ => {
                    self.ends.push((index, index));
                    self.latest.insert(place, self.ends.len() - 1);
                    self.ends.len() - 1
                }
            };
            self.runs.push(PlacedRun { section, start, len, next: None });
            start += len;
        }
    }

    fn fits(&self, batch: &Batch, section: usize, readings: &[Reading]) -> bool {
        let model = self.readings(batch, self.ends[section].1);
        model.len() == readings.len()
            && model
                .iter()
                .zip(readings)
                .all(|(a, b)| a.tag == b.tag && Kind::of(&a.value) == Kind::of(&b.value))
    }

    pub(super) const fn count(&self) -> usize {
        self.ends.len()
    }

    /// The runs of a section, in batch order.
    pub(super) fn runs_of(&self, section: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(self.ends[section].0), |&run| self.runs[run].next)
    }

    /// The readings of a run.
    pub(super) fn readings<'b>(&self, batch: &'b Batch, run: usize) -> &'b [Reading] {
        let PlacedRun { start, len, .. } = self.runs[run];
        &batch.readings[start..start + len]
    }

    /// The section of each run, in batch order.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> + '_ {
        self.runs.iter().map(|run| run.section)
    }

    /// Whether the sections one after the other give the runs in batch order.
    pub(super) fn is_in_order(&self) -> bool {
        self.runs.is_sorted_by_key(|run| run.section)
    }
}
