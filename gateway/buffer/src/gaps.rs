//! The gap records a destination has not confirmed yet.

use std::collections::VecDeque;

use forehearth_model::{GapCause, GapRecord};

/// More waiting records than this per destination are joined into one.
/// Chosen: a record per second of a full disk for more than an hour.
const MOST_PENDING: usize = 4096;

#[derive(Debug)]
struct Pending {
    record: GapRecord,
    /// On its way to the destination.
    taken: bool,
    /// In the control database.
    saved: bool,
}

/// Every record that is not settled, per destination, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    next_id: u64,
    pending: Vec<VecDeque<Pending>>,
    /// Settled since the last save.
    settled: Vec<u64>,
}

impl Gaps {
    pub(crate) fn new(destinations: usize, next_id: u64) -> Self {
        let pending = (0..destinations).map(|_| VecDeque::new()).collect();
        Self { next_id, pending, settled: Vec::new() }
    }

    /// Records found on disk at start; ids go on after the highest ever used.
    pub(crate) fn recover(&mut self, destination: usize, records: Vec<GapRecord>, next_id: u64) {
        self.next_id = self.next_id.max(next_id);
        let known = &mut self.pending[destination];
        for record in records.into_iter().rev() {
            if known.iter().all(|pending| pending.record.id != record.id) {
                known.push_front(Pending { record, taken: false, saved: true });
            }
        }
    }

    /// Declares a loss. Joins the latest record when that has not been sent
    /// and the loss goes on where it ended.
    pub(crate) fn declare(&mut self, destination: usize, mut record: GapRecord) {
        let queue = &mut self.pending[destination];
        let full = queue.len() >= MOST_PENDING;
        if let Some(latest) = queue.back_mut()
            && !latest.taken
            && latest.record.joins(&record, full)
        {
            latest.record.last = record.last;
            latest.record.readings += record.readings;
            latest.record.from = latest.record.from.min(record.from);
            latest.record.to = latest.record.to.max(record.to);
            latest.saved = false;
            return;
        }
        record.id = self.next_id;
        self.next_id += 1;
        queue.push_back(Pending { record, taken: false, saved: false });
    }

    /// The next record to send. A record that is not on disk yet is only sent
    /// when `unsaved_too`: its id could be used again after a crash.
    pub(crate) fn next(&mut self, destination: usize, unsaved_too: bool) -> Option<GapRecord> {
        let next = self.pending[destination]
            .iter_mut()
            .find(|pending| !pending.taken && (pending.saved || unsaved_too))?;
        next.taken = true;
        Some(next.record.clone())
    }

    /// The destination confirmed a record.
    pub(crate) fn settle(&mut self, destination: usize, id: u64) {
        let queue = &mut self.pending[destination];
        let before = queue.len();
        queue.retain(|pending| pending.record.id != id);
        if queue.len() < before {
            self.settled.push(id);
        }
    }

    /// The connection died: what was sent and not confirmed is sent again.
    pub(crate) fn return_all(&mut self, destination: usize) {
        self.pending[destination].iter_mut().for_each(|pending| pending.taken = false);
    }

    /// Whether anything is to be saved.
    pub(crate) fn is_unsaved(&self) -> bool {
        !self.settled.is_empty() || self.pending.iter().flatten().any(|pending| !pending.saved)
    }

    /// Records to write and ids that are settled.
    pub(crate) fn unsaved(&self) -> (Vec<GapRecord>, Vec<u64>) {
        let records = self.pending.iter().flatten().filter(|p| !p.saved).map(|p| p.record.clone());
        (records.collect(), self.settled.clone())
    }

    /// What [`Self::unsaved`] returned is on disk now.
    pub(crate) fn saved(&mut self, records: &[GapRecord], settled: &[u64]) {
        self.settled.retain(|id| !settled.contains(id));
        for pending in self.pending.iter_mut().flatten() {
            pending.saved |= records.contains(&pending.record);
        }
    }

    /// The destination is gone: what waited for it is nobody's any more.
    pub(crate) fn forget(&mut self, destination: usize) {
        self.pending[destination].clear();
    }

    /// One more destination.
    pub(crate) fn grow(&mut self) {
        self.pending.push(VecDeque::new());
    }

    /// How many records wait for their destination.
    pub(crate) fn len(&self) -> usize {
        self.pending.iter().map(VecDeque::len).sum()
    }
}

/// Whether a loss goes on where a record ends.
trait Joins {
    fn joins(&self, next: &Self, loosely: bool) -> bool;
}

impl Joins for GapRecord {
    fn joins(&self, next: &Self, loosely: bool) -> bool {
        let alike = self.cause == next.cause && self.first.epoch == next.first.epoch;
        let onward = self.lane == next.lane && self.last < next.first;
        // Memory is shed batch by batch; all else comes in ranges already.
        alike && onward && (loosely || self.cause == GapCause::NoStorage)
    }
}
