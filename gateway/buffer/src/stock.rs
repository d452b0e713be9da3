//! Everything the buffer holds, and who still waits for it. The core behind the buffer's lock.
//!
//! No I/O, no clock, no waiting: the keeper writes and reads for it, the
//! outboxes take from it, and each method leaves the books balanced.

mod seats;

use forehearth_model::{BatchId, DestinationLedger, Epoch, GapCause, GapRecord, Lane, Stamp};

use crate::claim::{Claim, Parcel, Taken, Want};
use crate::cursor::{Cursor, LANES, slot};
use crate::destination::Destination;
use crate::gaps::Gaps;
use crate::keeper::replay::Behind;
use crate::ram::{Ram, Row, Sealed};
use crate::share::Shares;
use crate::shelf::{Owed, Segment, Shelf, Shelved};
use crate::storage::{Hole, Piece};

/// See the module's first line.
#[derive(Debug)]
pub(crate) struct Stock {
    pub(crate) epoch: Epoch,
    pub(crate) ram: Ram,
    /// A seat per destination; some may be nobody's, see `stock/seats.rs`.
    pub(crate) claims: Vec<Claim>,
    /// The seats in the order in which the destinations were told.
    pub(crate) order: Vec<usize>,
    /// Readings sealed in this run.
    batched: u64,
    pub(crate) shelf: Shelf,
    pub(crate) gaps: Gaps,
    /// Per lane the last batch of which disk holds the only copy.
    on_disk: [BatchId; 2],
    /// Most memory to use, in bytes.
    memory: usize,
    /// Confirmations of batches that were not under way (any more).
    pub(crate) strays: u64,
}

impl Stock {
    /// An empty buffer at the start of a run.
    /// `bd_seq` is the first birth/death sequence number until one is known.
    pub(crate) fn new(
        epoch: Epoch,
        destinations: &[Destination],
        memory: usize,
        next_gap: u64,
        bd_seq: u8,
    ) -> Self {
        let since = Cursor::starting(BatchId::new(epoch, 1));
        let claims = destinations.iter().cloned().enumerate();
        Self {
            epoch,
            ram: Ram::default(),
            claims: claims.map(|(i, to)| Claim::new(i, to, since.clone(), bd_seq)).collect(),
            order: (0..destinations.len()).collect(),
            batched: 0,
            shelf: Shelf::default(),
            gaps: Gaps::new(destinations.len(), next_gap),
            on_disk: [BatchId::default(); 2],
            memory,
            strays: 0,
        }
    }

    /// Takes in a sealed batch.
    pub(crate) fn append(&mut self, sealed: Sealed, wall: Stamp) {
        let readings = u32::try_from(sealed.batch.readings.len()).unwrap_or(u32::MAX);
        let mut everyone = 0;
        for claim in self.claims.iter_mut().filter(|claim| claim.is_occupied()) {
            everyone |= claim.bit();
            claim.owe(readings);
        }
        self.batched += u64::from(readings);
        self.ram.insert(sealed, everyone);
        self.keep_within_memory(wall);
    }

    /// Memory is bounded: first what is on disk as well goes, then, when the
    /// disk does not take it, the oldest is lost and declared.
    fn keep_within_memory(&mut self, wall: Stamp) {
        while self.ram.bytes() > self.memory {
            if let Some((lane, number)) = self.ram.oldest_written() {
                self.evict(lane, number);
            } else if let Some((lane, number)) = self.ram.oldest_unwritten() {
                self.lose_from_memory(lane, number, wall);
            } else {
                break;
            }
        }
    }

    /// A batch leaves memory; disk has it.
    pub(crate) fn evict(&mut self, lane: Lane, number: u64) {
        let Some(held) = self.ram.remove(lane, number) else { return };
        for claim in self.claims.iter_mut().filter(|claim| held.owed & claim.bit() != 0) {
            claim.evicted(lane, held.batch.id);
        }
        let only_copy = &mut self.on_disk[slot(lane)];
        *only_copy = (*only_copy).max(held.batch.id);
    }

    /// What is on disk leaves memory unless a link is about to take it as live.
    pub(crate) fn evict_idle(&mut self) {
        for lane in LANES {
            let idle: Vec<u64> = self.ram.lanes[slot(lane)]
                .iter()
                .take_while(|(number, _)| self.ram.is_written(lane, **number))
                .filter(|(number, held)| {
                    !self.claims.iter().any(|claim| {
                        held.owed & claim.bit() != 0 && claim.wants_live(lane, **number)
                    })
                })
                .map(|(&number, _)| number)
                .collect();
            idle.into_iter().for_each(|number| self.evict(lane, number));
        }
    }

    /// Neither memory nor disk has room: the batch is lost to all who wait for it.
    fn lose_from_memory(&mut self, lane: Lane, number: u64, wall: Stamp) {
        let Some(held) = self.ram.remove(lane, number) else { return };
        let id = held.batch.id;
        let (from, to) = held.batch.span().unwrap_or_default();
        let owed = Owed { rows: 1, readings: u64::from(held.readings) };
        let loss = Loss { lane, first: id, last: id, prev: held.prev, from, to };
        for destination in 0..self.claims.len() {
            if held.owed & (1 << destination) != 0 {
                self.claims[destination].give_up(lane, id, true);
                self.give_up(destination, &loss, owed, GapCause::NoStorage, wall);
            }
        }
    }

    /// A whole segment is lost to all who wait for it; its file may go.
    pub(crate) fn lose_segment(&mut self, seq: u64, cause: GapCause, wall: Stamp) {
        let Some(Shelved { segment, owed, .. }) = self.shelf.remove(seq) else { return };
        let loss = Loss::of(&segment);
        if segment.epoch == self.epoch {
            let numbers = segment.first..=segment.last;
            let held: Vec<u64> =
                self.ram.lanes[slot(segment.lane)].range(numbers).map(|(&n, _)| n).collect();
            for number in held {
                let Some(held) = self.ram.remove(segment.lane, number) else { continue };
                for claim in self.claims.iter_mut().filter(|c| held.owed & c.bit() != 0) {
                    claim.give_up(segment.lane, held.batch.id, true);
                }
            }
        }
        for (destination, owed) in owed.into_iter().enumerate().filter(|(_, owed)| owed.rows > 0) {
            self.give_up(destination, &loss, owed, cause, wall);
        }
    }

    /// A segment is lost to one destination; the others still wait for it.
    pub(crate) fn lose_for_one(
        &mut self,
        destination: usize,
        seq: u64,
        cause: GapCause,
        wall: Stamp,
    ) {
        let Some(shelved) = self.shelf.get_mut(seq) else { return };
        let owed = std::mem::take(&mut shelved.owed[destination]);
        let loss = Loss::of(&shelved.segment);
        if owed.rows == 0 {
            return;
        }
        if loss.first.epoch == self.epoch {
            let numbers = loss.first.number..=loss.last.number;
            let bit = self.claims[destination].bit();
            let held = self.ram.lanes[slot(loss.lane)].range(numbers);
            let held: Vec<u64> = held.filter(|(_, h)| h.owed & bit != 0).map(|(&n, _)| n).collect();
            for number in held {
                let id = BatchId::new(self.epoch, number);
                self.claims[destination].give_up(loss.lane, id, true);
                self.ram.clear(loss.lane, number, destination);
            }
        }
        self.give_up(destination, &loss, owed, cause, wall);
    }

    /// How much of this budget each destination may take.
    pub(crate) fn shares(&self, budget: u64) -> Shares {
        Shares::new(self.claims.iter().map(|claim| claim.destination.as_ref()), budget)
    }

    /// The stretches of a segment behind a hole a destination is not finished with.
    pub(crate) fn open_behind(
        &self,
        destination: usize,
        load: &Load,
        hole: Hole,
    ) -> Vec<(u64, u64)> {
        let Some(shelved) = self.shelf.get(load.seq) else { return Vec::new() };
        let cursor = &self.claims[destination].cursor;
        cursor.open(load.from.epoch, load.lane, hole.last + 1, shelved.segment.last)
    }

    /// A stretch of a segment of an earlier run cannot be read. How much was
    /// in it: what is owed of the segment, less what was read before the hole
    /// and waits, less what follows it.
    pub(crate) fn lose_hole(
        &mut self,
        destination: usize,
        load: &Load,
        piece: &Piece,
        hole: Hole,
        behind: &Behind,
        wall: Stamp,
    ) {
        let moved_on = self.claims[destination].connection != load.connection
            || self.open_behind(destination, load, hole) != behind.stretches;
        if moved_on {
            return; // it is read again
        }
        let Some(shelved) = self.shelf.get_mut(load.seq) else { return };
        let segment = shelved.segment.clone();
        let (first, last) = (
            BatchId::new(segment.epoch, hole.first),
            BatchId::new(segment.epoch, hole.last.min(segment.last)),
        );
        let begin = BatchId::new(segment.epoch, segment.first);
        let claim = &mut self.claims[destination];
        claim.loaded(load.lane, piece.rows.clone(), first, self.epoch);
        let before = claim.fetched(load.lane, begin, first);
        let all = &mut shelved.owed[destination];
        let owed = Owed {
            rows: all.rows.saturating_sub(before.rows + behind.owed.rows),
            readings: all.readings.saturating_sub(before.readings + behind.owed.readings),
        };
        all.rows -= owed.rows;
        all.readings -= owed.readings;
        let from = piece.rows.last().map_or(segment.from, |row| row.to);
        let loss =
            Loss { lane: load.lane, first, last, prev: hole.first - 1, from, to: segment.to };
        if owed.rows > 0 {
            self.give_up(destination, &loss, owed, GapCause::Damaged, wall);
        }
        let next = BatchId::new(last.epoch, last.number + 1);
        self.claims[destination].loaded(load.lane, Vec::new(), next, self.epoch);
    }

    /// One destination will not get a range; its books and a gap record say so.
    fn give_up(
        &mut self,
        destination: usize,
        loss: &Loss,
        owed: Owed,
        cause: GapCause,
        wall: Stamp,
    ) {
        let claim = &mut self.claims[destination];
        let epoch = loss.first.epoch;
        let under_way: Vec<BatchId> = claim
            .taken
            .range(loss.first..=loss.last)
            .filter(|(_, taken)| taken.lane == loss.lane)
            .map(|(&id, _)| id)
            .collect();
        under_way.into_iter().for_each(|id| claim.give_up(loss.lane, id, false));
        let first = claim.cursor.next_open(loss.lane, loss.first);
        claim.cursor.finish(epoch, loss.lane, loss.prev + 1, loss.last.number);
        claim.moved = true;
        claim.waiting -= owed.rows;
        claim.books.waiting -= owed.readings;
        match cause {
            GapCause::Expired => claim.books.expired += owed.readings,
            _ => claim.books.shed += owed.readings,
        }
        let record = GapRecord {
            id: 0,
            destination: claim.books.name.clone(),
            cause,
            first: first.min(loss.last),
            last: loss.last,
            lane: Some(loss.lane),
            readings: owed.readings,
            from: loss.from,
            to: loss.to,
            declared: wall,
        };
        self.gaps.declare(destination, record);
    }

    /// The next batch for a destination, as far as it is in memory.
    pub(crate) fn take(&mut self, destination: usize, want: Want) -> Option<Parcel> {
        self.claims[destination].attach(self.ram.highest());
        match want {
            Want::Live => self.claims[destination].take_live(&self.ram),
            Want::Backlog => {
                self.next_load(destination); // steps over what is finished
                self.claims[destination].take_backlog(&self.ram, self.on_disk, self.epoch)
            }
        }
    }

    /// Confirmed. `filtered` of its readings were not meant for the destination.
    pub(crate) fn settle(&mut self, destination: usize, id: BatchId, filtered: u32) {
        if let Some(taken) = self.finish(destination, id) {
            let books = &mut self.claims[destination].books;
            let filtered = filtered.min(taken.readings);
            books.filtered += u64::from(filtered);
            books.delivered += u64::from(taken.readings - filtered);
        }
    }

    /// Refused for good: lost to this destination, and declared.
    pub(crate) fn refuse(&mut self, destination: usize, id: BatchId, wall: Stamp) {
        let span = self.claims[destination].taken.get(&id).and_then(|taken| {
            let held = self.ram.get(taken.lane, id.number).filter(|held| held.batch.id == id)?;
            held.batch.span()
        });
        if let Some(taken) = self.finish(destination, id) {
            let books = &mut self.claims[destination].books;
            books.shed += u64::from(taken.readings);
            let segment = self.shelf.next_for(destination, taken.lane, id);
            let (from, to) = span
                .or(segment.map(|shelved| (shelved.segment.from, shelved.segment.to)))
                .unwrap_or_default();
            let record = GapRecord {
                id: 0,
                destination: books.name.clone(),
                cause: GapCause::Refused,
                first: id,
                last: id,
                lane: Some(taken.lane),
                readings: u64::from(taken.readings),
                from,
                to,
                declared: wall,
            };
            self.gaps.declare(destination, record);
        }
    }

    /// A destination is finished with a batch that was under way.
    fn finish(&mut self, destination: usize, id: BatchId) -> Option<Taken> {
        let claim = &mut self.claims[destination];
        let Some(taken) = claim.taken.remove(&id) else {
            self.strays += 1;
            return None;
        };
        claim.waiting -= 1;
        claim.books.waiting -= u64::from(taken.readings);
        claim.cursor.finish(id.epoch, taken.lane, taken.prev + 1, id.number);
        claim.moved = true;
        let ours = id.epoch == self.epoch;
        if !ours || self.ram.is_written(taken.lane, id.number) {
            self.shelf.settle(destination, taken.lane, id, taken.readings);
        }
        if ours {
            self.ram.clear(taken.lane, id.number, destination);
        }
        Some(taken)
    }

    /// The link died: everything not settled waits again, as backlog.
    pub(crate) fn return_all(&mut self, destination: usize) {
        self.claims[destination].return_all();
        self.gaps.return_all(destination);
        self.evict_idle();
    }

    /// Rows of one lane are on disk: `segment` as it now is, `rows` what was added.
    pub(crate) fn written(&mut self, segment: Segment, rows: &[Row]) {
        let (lane, seq) = (segment.lane, segment.seq);
        let destinations = self.claims.len();
        if let Some(shelved) = self.shelf.get_mut(seq) {
            shelved.segment = segment;
        } else {
            self.shelf.add(Shelved {
                segment,
                owed: vec![Owed::default(); destinations],
                open: true,
            });
        }
        let Some(shelved) = self.shelf.get_mut(seq) else { return };
        for row in rows {
            let Some(held) = self.ram.get(lane, row.id.number) else { continue };
            for (destination, owed) in shelved.owed.iter_mut().enumerate() {
                if held.owed & (1 << destination) != 0 {
                    owed.rows += 1;
                    owed.readings += u64::from(held.readings);
                }
            }
        }
        if let Some(last) = rows.last() {
            self.ram.written(lane, last.id.number);
        }
    }

    /// A segment of an earlier run was found: `owed` per destination of it.
    /// Who has got a seat since its `tenancies` were looked at is owed nothing of it.
    pub(crate) fn recover(&mut self, segment: Segment, mut owed: Vec<Owed>, tenancies: &[u64]) {
        owed.resize(self.claims.len(), Owed::default());
        for (seat, (claim, owed)) in self.claims.iter().zip(&mut owed).enumerate() {
            if tenancies.get(seat) != Some(&claim.tenancy) {
                *owed = Owed::default();
            }
        }
        for (claim, owed) in self.claims.iter_mut().zip(&owed) {
            claim.recover(owed.rows, owed.readings);
            claim.restart();
        }
        let only_copy = &mut self.on_disk[slot(segment.lane)];
        *only_copy = (*only_copy).max(segment.last_id());
        self.shelf.add(Shelved { segment, owed, open: false });
    }

    /// Every destination has nothing waiting.
    pub(crate) fn is_quiet(&self) -> bool {
        self.claims.iter().all(|claim| claim.waiting == 0)
    }

    /// Where to read next for a destination that wants backlog.
    pub(crate) fn next_load(&mut self, destination: usize) -> Option<Load> {
        for lane in LANES {
            let on_disk = self.on_disk[slot(lane)];
            let Some(from) = self.claims[destination].wants_load(lane, on_disk) else { continue };
            let connection = self.claims[destination].connection;
            let first = |segment: &Segment| BatchId::new(segment.epoch, segment.first);
            let next = self.shelf.next_for(destination, lane, from);
            match next.map(|shelved| &shelved.segment).filter(|s| first(s) <= on_disk) {
                Some(segment) => {
                    let from = from.max(first(segment));
                    // What memory still has is taken from there.
                    let to = segment.last_id().min(on_disk).number;
                    return Some(Load { seq: segment.seq, lane, from, to, connection });
                }
                None => {
                    let past = BatchId::new(on_disk.epoch, on_disk.number + 1);
                    self.claims[destination].loaded(lane, Vec::new(), past, self.epoch);
                }
            }
        }
        None
    }

    /// What a [`Load`] brought; `more` follow in the same segment.
    pub(crate) fn loaded(&mut self, destination: usize, load: &Load, rows: Vec<Row>, more: bool) {
        let claim = &mut self.claims[destination];
        if claim.connection == load.connection {
            let last = match rows.last() {
                Some(row) if more => row.id,
                _ => BatchId::new(load.from.epoch, load.to),
            };
            let next = BatchId::new(last.epoch, last.number + 1);
            claim.loaded(load.lane, rows, next, self.epoch);
        }
    }

    /// The books of all destinations.
    pub(crate) fn ledger(&self) -> Vec<DestinationLedger> {
        self.order.iter().map(|&seat| self.claims[seat].books.clone()).collect()
    }

    /// The earliest stamp that waits anywhere.
    pub(crate) fn oldest(&self) -> Option<Stamp> {
        let shelved = self.shelf.iter().filter(|shelved| !shelved.is_done());
        shelved.map(|shelved| shelved.segment.from).chain(self.ram.oldest()).min()
    }
}

/// A stretch of one lane that is lost.
#[derive(Debug)]
struct Loss {
    lane: Lane,
    first: BatchId,
    last: BatchId,
    /// The number before `first` in its lane.
    prev: u64,
    from: Stamp,
    to: Stamp,
}

impl Loss {
    /// All of a segment.
    fn of(segment: &Segment) -> Self {
        Self {
            lane: segment.lane,
            first: BatchId::new(segment.epoch, segment.first),
            last: segment.last_id(),
            prev: segment.prev,
            from: segment.from,
            to: segment.to,
        }
    }
}

/// A stretch of one segment to be read for a destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Load {
    pub(crate) seq: u64,
    pub(crate) lane: Lane,
    pub(crate) from: BatchId,
    /// Up to here, inclusive.
    pub(crate) to: u64,
    connection: u64,
}
