//! The batches in memory, and which of them have to be on disk by when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_model::{Batch, BatchId, CatalogueHash, Lane, Reading, Run, Stamp};

use crate::cursor::{LANES, slot};

/// A sealed batch on its way into the buffer.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The readings, for formats that are transcoded on the live path.
    pub batch: Arc<Batch>,
    /// The same batch encoded, as stored and sent.
    pub bytes: Bytes,
    /// When its oldest reading was acquired: `commit_within` counts from here.
    pub acquired: Instant,
}

/// A batch as it is stored: one row of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its place in the numbering.
    pub id: BatchId,
    /// Its queue.
    pub lane: Lane,
    /// The number before it in its lane, 0 for the lane's first.
    pub prev: u64,
    /// How many readings.
    pub readings: u32,
    /// Earliest stamp.
    pub from: Stamp,
    /// Latest stamp.
    pub to: Stamp,
    /// Which catalogue gives the tags their meaning.
    pub catalogue: CatalogueHash,
    /// The encoded batch.
    pub bytes: Bytes,
}

/// A batch in memory that somebody still waits for.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) batch: Arc<Batch>,
    pub(crate) bytes: Bytes,
    acquired: Instant,
    /// The number before it in its lane.
    pub(crate) prev: u64,
    pub(crate) readings: u32,
    /// A bit per destination that has not finished with it.
    pub(crate) owed: u64,
}

impl Held {
    fn cost(&self) -> usize {
        self.bytes.len()
            + self.batch.readings.len() * size_of::<Reading>()
            + self.batch.runs.len() * size_of::<Run>()
            + size_of::<Batch>()
            + size_of::<Self>()
    }

    fn row(&self) -> Row {
        let (from, to) = self.batch.span().unwrap_or_default();
        Row {
            id: self.batch.id,
            lane: self.batch.lane,
            prev: self.prev,
            readings: self.readings,
            from,
            to,
            catalogue: self.batch.catalogue,
            bytes: self.bytes.clone(),
        }
    }
}

/// Everything in memory, of the current run only. Within a lane the written
/// batches come before the unwritten ones, because a commit takes all.
#[derive(Debug, Default)]
pub(crate) struct Ram {
    pub(crate) lanes: [BTreeMap<u64, Held>; 2],
    /// Up to here a lane is on disk or finished.
    written_to: [u64; 2],
    /// The last number of a lane.
    last_of_lane: [u64; 2],
    highest: u64,
    bytes: usize,
    unwritten_bytes: usize,
}

impl Ram {
    /// Takes in a batch that `owed` destinations wait for (0: nobody does,
    /// only the numbering moves on).
    pub(crate) fn insert(&mut self, sealed: Sealed, owed: u64) {
        let (number, lane) = (sealed.batch.id.number, slot(sealed.batch.lane));
        debug_assert!(number > self.highest, "batch numbers grow");
        let prev = self.last_of_lane[lane];
        self.last_of_lane[lane] = number;
        self.highest = number;
        if owed == 0 {
            return;
        }
        let readings = u32::try_from(sealed.batch.readings.len()).unwrap_or(u32::MAX);
        let Sealed { batch, bytes, acquired } = sealed;
        let held = Held { batch, bytes, acquired, prev, readings, owed };
        self.bytes += held.cost();
        self.unwritten_bytes += held.cost();
        self.lanes[lane].insert(number, held);
    }

    /// Takes a batch out of memory.
    pub(crate) fn remove(&mut self, lane: Lane, number: u64) -> Option<Held> {
        let written = self.is_written(lane, number);
        let held = self.lanes[slot(lane)].remove(&number)?;
        self.bytes -= held.cost();
        if !written {
            self.unwritten_bytes -= held.cost();
        }
        Some(held)
    }

    /// A batch in memory.
    pub(crate) fn get(&self, lane: Lane, number: u64) -> Option<&Held> {
        self.lanes[slot(lane)].get(&number)
    }

    /// A destination has finished with a batch; the batch leaves when it was the last.
    pub(crate) fn clear(&mut self, lane: Lane, number: u64, destination: usize) {
        if let Some(held) = self.lanes[slot(lane)].get_mut(&number) {
            held.owed &= !(1 << destination);
            if held.owed == 0 {
                self.remove(lane, number);
            }
        }
    }

    /// Whether the batch, if it still exists, is on disk.
    pub(crate) fn is_written(&self, lane: Lane, number: u64) -> bool {
        number <= self.written_to[slot(lane)]
    }

    /// Everything of the lane up to `number` is on disk now.
    pub(crate) fn written(&mut self, lane: Lane, number: u64) {
        let lane = slot(lane);
        for (_, held) in self.lanes[lane].range(self.written_to[lane] + 1..=number) {
            self.unwritten_bytes -= held.cost();
        }
        self.written_to[lane] = number.max(self.written_to[lane]);
    }

    /// What a lane has to write, in order.
    pub(crate) fn unwritten(&self, lane: Lane) -> Vec<Row> {
        let lane = slot(lane);
        self.lanes[lane].range(self.written_to[lane] + 1..).map(|(_, held)| held.row()).collect()
    }

    /// When the oldest unwritten batch must be durable. Everything unwritten
    /// is committed together then.
    pub(crate) fn due(&self, commit_within: Duration) -> Option<Instant> {
        let first = |lane: Lane| {
            let lane = slot(lane);
            self.lanes[lane].range(self.written_to[lane] + 1..).next().map(|(_, h)| h.acquired)
        };
        LANES.into_iter().filter_map(first).min().map(|acquired| acquired + commit_within)
    }

    /// The oldest batch of a lane that is on disk as well.
    pub(crate) fn oldest_written(&self) -> Option<(Lane, u64)> {
        let first = |lane: Lane| {
            let number = *self.lanes[slot(lane)].first_key_value()?.0;
            self.is_written(lane, number).then_some((lane, number))
        };
        LANES.into_iter().rev().find_map(first)
    }

    /// The batch to give up first when memory is full and nothing can be
    /// written: the oldest of the live lane, alarms last.
    pub(crate) fn oldest_unwritten(&self) -> Option<(Lane, u64)> {
        let first = |lane: Lane| {
            let from = self.written_to[slot(lane)] + 1;
            Some((lane, *self.lanes[slot(lane)].range(from..).next()?.0))
        };
        LANES.into_iter().rev().find_map(first)
    }

    /// Whether a batch in memory is read with this catalogue.
    pub(crate) fn needs_catalogue(&self, hash: CatalogueHash) -> bool {
        self.lanes.iter().flat_map(BTreeMap::values).any(|held| held.batch.catalogue == hash)
    }

    /// Up to here every number is on disk or finished by all.
    pub(crate) fn safe_to(&self) -> u64 {
        let first = |lane: Lane| {
            let from = self.written_to[slot(lane)] + 1;
            self.lanes[slot(lane)].range(from..).next().map(|(&number, _)| number - 1)
        };
        LANES.into_iter().filter_map(first).min().unwrap_or(self.highest)
    }

    /// The last number sealed in this run.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// The memory all this takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory of what is not on disk yet.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        self.unwritten_bytes
    }

    /// How many batches.
    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(BTreeMap::len).sum()
    }

    /// The earliest stamp in memory.
    pub(crate) fn oldest(&self) -> Option<Stamp> {
        let first = |lane: &BTreeMap<u64, Held>| {
            lane.first_key_value().and_then(|(_, held)| Some(held.batch.span()?.0))
        };
        self.lanes.iter().filter_map(first).min()
    }
}
