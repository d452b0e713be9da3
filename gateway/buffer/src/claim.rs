//! One destination's claim on the buffer: what it still has to get, what is under way, and its books.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use forehearth_model::{Batch, BatchId, DestinationLedger, Epoch, Lane};

use crate::cursor::{Cursor, LANES, slot};
use crate::destination::Destination;
use crate::ram::{Ram, Row};
use crate::shelf::Owed;

/// Which batches a link asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Sealed since the link came up; alarms before the rest.
    Live,
    /// Waiting from before, alarms before the rest, oldest first.
    Backlog,
}

/// A batch on its way to one destination.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Its place in the numbering.
    pub id: BatchId,
    /// Its queue.
    pub lane: Lane,
    /// How many readings it holds, at least 1.
    pub readings: u32,
    /// The encoded batch, the very bytes that were sealed.
    pub bytes: Bytes,
    /// The batch itself while it is still in memory.
    pub batch: Option<Arc<Batch>>,
}

/// What remains known of a batch that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) lane: Lane,
    pub(crate) prev: u64,
    pub(crate) readings: u32,
}

/// Where a destination stands in one lane during a connection.
#[derive(Debug, Default)]
struct Place {
    /// From here on batches are live; before, backlog.
    live_from: u64,
    /// The next live batch is this or later.
    live_next: u64,
    /// The next backlog batch from memory is this or later.
    backlog_next: BatchId,
    /// Disk has been read up to before this.
    load_next: BatchId,
    /// Read from disk, to be taken next.
    loaded: VecDeque<Row>,
    loaded_bytes: usize,
}

impl Place {
    /// Disk holds something that was not looked at yet.
    fn is_behind(&self, on_disk: BatchId) -> bool {
        on_disk.number > 0 && self.load_next <= on_disk
    }
}

/// Read ahead until this much waits per lane. Chosen: a few round trips of
/// full messages, while a hundred destinations still fit into memory.
const READ_AHEAD: usize = 128 * 1024;

/// See the module's first line.
#[derive(Debug)]
pub(crate) struct Claim {
    index: usize,
    /// What it may take of the disk; `None`: nobody has this seat.
    pub(crate) destination: Option<Destination>,
    /// Grows each time the seat gets to somebody else.
    pub(crate) tenancy: u64,
    /// The next birth/death sequence number.
    pub(crate) bd_seq: u8,
    pub(crate) cursor: Cursor,
    /// The cursor moved since it was saved.
    pub(crate) moved: bool,
    /// A link took something since the last `return_all`: what is sealed now is live.
    attached: bool,
    places: [Place; 2],
    pub(crate) taken: BTreeMap<BatchId, Taken>,
    pub(crate) books: DestinationLedger,
    /// Batches to be confirmed, the taken ones included.
    pub(crate) waiting: u64,
    /// Batches sealed since the link came up and not taken yet.
    live_waiting: u64,
    /// Grows with each reset, so that a late read of the disk is not mistaken.
    pub(crate) connection: u64,
}

impl Claim {
    pub(crate) fn new(index: usize, destination: Destination, cursor: Cursor, bd_seq: u8) -> Self {
        let books = DestinationLedger { name: destination.name.clone(), ..Default::default() };
        Self {
            index,
            destination: Some(destination),
            tenancy: 0,
            bd_seq,
            cursor,
            moved: true,
            attached: false,
            places: Default::default(),
            taken: BTreeMap::new(),
            books,
            waiting: 0,
            live_waiting: 0,
            connection: 0,
        }
    }

    /// The seat goes to another destination, or to nobody: what was taken,
    /// asked for or read for the one before is not this one's.
    pub(crate) fn pass_to(&mut self, next: Option<Destination>, since: BatchId, bd_seq: u8) {
        let (tenancy, connection) = (self.tenancy + 1, self.connection + 1);
        let name = next.as_ref().map(|next| next.name.clone()).unwrap_or_default();
        let fresh = Self::new(self.index, Destination::new(name), Cursor::starting(since), bd_seq);
        *self = Self { destination: next, tenancy, connection, ..fresh };
    }

    /// Somebody has this seat.
    pub(crate) const fn is_occupied(&self) -> bool {
        self.destination.is_some()
    }

    /// Its bit in a set of destinations.
    pub(crate) const fn bit(&self) -> u64 {
        1 << self.index
    }

    /// A batch was sealed.
    pub(crate) fn owe(&mut self, readings: u32) {
        self.waiting += 1;
        self.books.waiting += u64::from(readings);
        if self.attached {
            self.live_waiting += 1;
        }
    }

    /// Batches were found on disk.
    pub(crate) fn recover(&mut self, rows: u64, readings: u64) {
        self.waiting += rows;
        self.books.waiting += readings;
        self.books.recovered += readings;
    }

    /// Batches waiting as backlog.
    pub(crate) fn backlog(&self) -> u64 {
        self.waiting - self.live_waiting - self.taken.len() as u64
    }

    /// The link is up: what waits now is backlog, what is sealed from here on is live.
    pub(crate) fn attach(&mut self, highest: u64) {
        if !self.attached {
            self.attached = true;
            for place in &mut self.places {
                place.live_from = highest + 1;
                place.live_next = highest + 1;
            }
        }
    }

    /// The link is down: what was taken waits again, all of it is backlog.
    pub(crate) fn return_all(&mut self) {
        self.attached = false;
        self.live_waiting = 0;
        self.taken.clear();
        self.restart();
    }

    /// Looks for backlog from the very beginning again.
    pub(crate) fn restart(&mut self) {
        self.connection += 1;
        for place in &mut self.places {
            place.backlog_next = BatchId::default();
            place.load_next = BatchId::default();
            place.loaded.clear();
            place.loaded_bytes = 0;
        }
    }

    /// Whether the batch in memory will be asked for as live.
    pub(crate) fn wants_live(&self, lane: Lane, number: u64) -> bool {
        self.attached && number >= self.places[slot(lane)].live_next
    }

    /// A batch that waits left memory; it is backlog now, to be read from disk.
    pub(crate) fn evicted(&mut self, lane: Lane, id: BatchId) {
        let live = self.wants_live(lane, id.number);
        let place = &mut self.places[slot(lane)];
        if live {
            self.live_waiting -= 1;
            place.live_from = id.number + 1;
            place.live_next = id.number + 1;
        }
        // It was in memory when disk was read past it.
        if id < place.load_next {
            place.load_next = id;
            self.connection += 1;
        }
    }

    /// A batch that waits is given up: neither live nor under way any more.
    /// `in_memory`: it was, for this destination too.
    pub(crate) fn give_up(&mut self, lane: Lane, id: BatchId, in_memory: bool) {
        if self.taken.remove(&id).is_none() && in_memory && self.wants_live(lane, id.number) {
            self.live_waiting -= 1;
        }
    }

    /// The next live batch.
    pub(crate) fn take_live(&mut self, ram: &Ram) -> Option<Parcel> {
        for lane in LANES {
            let from = self.places[slot(lane)].live_next;
            let next = ram.lanes[slot(lane)].range(from..).find(|(_, h)| h.owed & self.bit() != 0);
            if let Some((&number, held)) = next {
                self.places[slot(lane)].live_next = number + 1;
                self.live_waiting -= 1;
                let taken = Taken { lane, prev: held.prev, readings: held.readings };
                return Some(self.take(
                    held.batch.id,
                    taken,
                    held.bytes.clone(),
                    Some(&held.batch),
                ));
            }
        }
        None
    }

    /// The next backlog batch, as far as it is in memory. `on_disk` is per
    /// lane the last batch of which disk holds the only copy.
    pub(crate) fn take_backlog(
        &mut self,
        ram: &Ram,
        on_disk: [BatchId; 2],
        epoch: Epoch,
    ) -> Option<Parcel> {
        for lane in LANES {
            while let Some(row) = self.places[slot(lane)].loaded.pop_front() {
                self.places[slot(lane)].loaded_bytes -= row.bytes.len();
                if self.wants(lane, row.id) {
                    let held = ram.get(lane, row.id.number).filter(|held| held.batch.id == row.id);
                    let taken = Taken { lane, prev: row.prev, readings: row.readings };
                    return Some(self.take(row.id, taken, row.bytes, held.map(|h| &h.batch)));
                }
            }
            if self.places[slot(lane)].is_behind(on_disk[slot(lane)]) {
                return None; // to be read first: a lane keeps its order
            }
            if let Some(parcel) = self.take_held(ram, lane, epoch) {
                return Some(parcel);
            }
        }
        None
    }

    /// The next backlog batch that is still in memory.
    fn take_held(&mut self, ram: &Ram, lane: Lane, epoch: Epoch) -> Option<Parcel> {
        let place = &self.places[slot(lane)];
        let next = place.backlog_next.max(place.load_next);
        // What was read from disk may be of earlier runs; memory is of this one.
        let from = if next.epoch == epoch { next.number } else { 0 };
        if from >= place.live_from {
            return None;
        }
        let (&number, held) =
            ram.lanes[slot(lane)].range(from..place.live_from).find(|(_, held)| {
                held.owed & self.bit() != 0 && !self.taken.contains_key(&held.batch.id)
            })?;
        let next = BatchId::new(held.batch.id.epoch, number + 1);
        self.places[slot(lane)].backlog_next = next;
        let taken = Taken { lane, prev: held.prev, readings: held.readings };
        Some(self.take(held.batch.id, taken, held.bytes.clone(), Some(&held.batch)))
    }

    fn wants(&self, lane: Lane, id: BatchId) -> bool {
        !self.cursor.is_done(lane, id) && !self.taken.contains_key(&id)
    }

    fn take(
        &mut self,
        id: BatchId,
        taken: Taken,
        bytes: Bytes,
        batch: Option<&Arc<Batch>>,
    ) -> Parcel {
        self.taken.insert(id, taken);
        let Taken { lane, readings, .. } = taken;
        Parcel { id, lane, readings, bytes, batch: batch.cloned() }
    }

    /// From where this lane should be read from disk, when it should.
    pub(crate) fn wants_load(&self, lane: Lane, on_disk: BatchId) -> Option<BatchId> {
        let place = &self.places[slot(lane)];
        let thirsty = self.attached && place.loaded_bytes < READ_AHEAD;
        (thirsty && place.is_behind(on_disk)).then(|| self.cursor.next_open(lane, place.load_next))
    }

    /// What of `begin..end` was fetched from disk and is not finished: it is
    /// under way, or waits to be taken.
    pub(crate) fn fetched(&self, lane: Lane, begin: BatchId, end: BatchId) -> Owed {
        let taken = self.taken.range(begin..end).filter(|(_, taken)| taken.lane == lane);
        let loaded = self.places[slot(lane)].loaded.iter();
        let waiting =
            loaded.filter(|row| (begin..end).contains(&row.id) && self.wants(lane, row.id));
        let readings = taken.map(|(_, taken)| taken.readings).chain(waiting.map(|r| r.readings));
        readings.fold(Owed::default(), |sum, readings| Owed {
            rows: sum.rows + 1,
            readings: sum.readings + u64::from(readings),
        })
    }

    /// What was read from disk, up to before `next`.
    pub(crate) fn loaded(&mut self, lane: Lane, rows: Vec<Row>, next: BatchId, epoch: Epoch) {
        for row in rows {
            let live = row.id.epoch == epoch && self.wants_live(lane, row.id.number);
            if !live && self.wants(lane, row.id) {
                let place = &mut self.places[slot(lane)];
                place.loaded_bytes += row.bytes.len();
                place.loaded.push_back(row);
            }
        }
        let place = &mut self.places[slot(lane)];
        place.load_next = next.max(place.load_next);
    }
}
