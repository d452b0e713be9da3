//! What is on disk: the segments, and how much of each every destination still has to get.

use std::time::Duration;

use forehearth_model::{BatchId, Epoch, Lane, Stamp};

use crate::cursor::slot;

/// Stamps before 2020-01-01 come from a clock that was never set; their age
/// is not known.
const NEVER_SET: Stamp = Stamp::from_millis(1_577_836_800_000);

/// What a segment file says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Grows by one per file; names it.
    pub seq: u64,
    /// The run of the daemon that wrote it.
    pub epoch: Epoch,
    /// The lane it belongs to.
    pub lane: Lane,
    /// The number before its first, in its lane.
    pub prev: u64,
    /// First number in it.
    pub first: u64,
    /// Last number in it.
    pub last: u64,
    /// How many batches.
    pub rows: u64,
    /// How many readings.
    pub readings: u64,
    /// Earliest stamp.
    pub from: Stamp,
    /// Latest stamp.
    pub to: Stamp,
    /// Size on disk, its log included.
    pub bytes: u64,
}

impl Segment {
    /// Its last batch.
    pub(crate) const fn last_id(&self) -> BatchId {
        BatchId::new(self.epoch, self.last)
    }
}

/// What a destination still has to get from a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Owed {
    pub(crate) rows: u64,
    pub(crate) readings: u64,
}

/// A segment and the claims on it.
#[derive(Clone, Debug)]
pub(crate) struct Shelved {
    pub(crate) segment: Segment,
    pub(crate) owed: Vec<Owed>,
    /// It may still grow.
    pub(crate) open: bool,
}

impl Shelved {
    /// Nobody waits for any of it.
    pub(crate) fn is_done(&self) -> bool {
        self.owed.iter().all(|owed| owed.rows == 0)
    }

    /// Its youngest reading is older than this, as far as its clock was set.
    pub(crate) fn is_older(&self, age: Duration, wall: Stamp) -> bool {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let to = self.segment.to;
        to.micros() < wall.micros().saturating_sub(age) && to > NEVER_SET
    }
}

/// All segments, per lane in order of their batches.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) lanes: [Vec<Shelved>; 2],
}

impl Shelf {
    /// Adds a segment in its place.
    pub(crate) fn add(&mut self, shelved: Shelved) {
        let lane = &mut self.lanes[slot(shelved.segment.lane)];
        let at = lane.partition_point(|other| other.segment.last_id() < shelved.segment.last_id());
        lane.insert(at, shelved);
    }

    /// Takes a segment off the shelf.
    pub(crate) fn remove(&mut self, seq: u64) -> Option<Shelved> {
        self.lanes.iter_mut().find_map(|lane| {
            let at = lane.iter().position(|shelved| shelved.segment.seq == seq)?;
            Some(lane.remove(at))
        })
    }

    /// The segment with this number.
    pub(crate) fn get_mut(&mut self, seq: u64) -> Option<&mut Shelved> {
        self.lanes.iter_mut().flatten().find(|shelved| shelved.segment.seq == seq)
    }

    /// The same, to look at.
    pub(crate) fn get(&self, seq: u64) -> Option<&Shelved> {
        self.iter().find(|shelved| shelved.segment.seq == seq)
    }

    /// A destination has finished with a batch on disk.
    pub(crate) fn settle(&mut self, destination: usize, lane: Lane, id: BatchId, readings: u32) {
        let lane = &mut self.lanes[slot(lane)];
        let at = lane.partition_point(|shelved| shelved.segment.last_id() < id);
        if let Some(shelved) = lane.get_mut(at) {
            let owed = &mut shelved.owed[destination];
            debug_assert!(owed.rows > 0, "a batch settles once");
            owed.rows = owed.rows.saturating_sub(1);
            owed.readings = owed.readings.saturating_sub(u64::from(readings));
        }
    }

    /// The first segment from `id` on that holds something for the destination.
    pub(crate) fn next_for(&self, destination: usize, lane: Lane, id: BatchId) -> Option<&Shelved> {
        let lane = &self.lanes[slot(lane)];
        let at = lane.partition_point(|shelved| shelved.segment.last_id() < id);
        lane[at..].iter().find(|shelved| shelved.owed[destination].rows > 0)
    }

    /// Segments nobody waits for any more and that will not grow.
    pub(crate) fn done(&self) -> Vec<u64> {
        self.iter().filter(|s| s.is_done() && !s.open).map(|s| s.segment.seq).collect()
    }

    /// No segment will grow any more.
    pub(crate) fn close_all(&mut self) {
        self.lanes.iter_mut().flatten().for_each(|shelved| shelved.open = false);
    }

    /// All segments.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Shelved> {
        self.lanes.iter().flatten()
    }

    /// Size on disk of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.iter().map(|shelved| shelved.segment.bytes).sum()
    }
}
