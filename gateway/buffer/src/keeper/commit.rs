//! Writing: what is due goes to disk together, what is done or too much leaves it.

use std::time::Duration;

use forehearth_model::{GapCause, Lane};

use super::{Current, Keeper, RETENTION_TICK};
use crate::catalogues::Catalogue;
use crate::cursor::{LANES, slot};
use crate::ram::Row;
use crate::share::Shares;
use crate::storage::{SegmentHead, StorageCode, StorageError};

/// A commit is started at least this long before it is due.
/// Chosen: twice a flush of a good eMMC.
const LEAST_MARGIN: Duration = Duration::from_millis(20);

/// Disk a commit needs beyond its payload: pages begun, log frames, a new file's own pages.
const OVERHEAD: u64 = 256 << 10;

/// The part of the budget that files set aside as damaged may take.
/// Chosen: room for a few segments; their losses are declared already.
const QUARANTINE_PER_BUDGET: u64 = 16;

/// A segment nobody waits for is removed when it was started this long ago.
const IDLE: Duration = Duration::from_secs(30);

impl Keeper {
    /// How long before it is due a commit is started, so that its flush fits in.
    pub(super) fn margin(&self) -> Duration {
        let most = self.shared.settings.commit_within / 2;
        (self.flush * 2).clamp(LEAST_MARGIN.min(most), most)
    }

    /// Commits when the oldest unwritten batch comes due, or when what waits
    /// for the disk crowds the memory.
    pub(super) fn commit_if_due(&mut self) -> Result<(), StorageError> {
        let due = {
            let state = self.shared.lock();
            let ram = &state.stock.ram;
            let due = ram.due(self.shared.settings.commit_within);
            let crowded = self.shared.is_crowded(&state);
            due.is_some_and(|due| crowded || self.shared.clock.now() + self.margin() >= due)
        };
        if due { self.commit() } else { Ok(()) }
    }

    /// Writes what is in memory and not on disk: all of it, but no more at
    /// once than a small part of the budget, so that it never pushes out alarms.
    pub(super) fn commit(&mut self) -> Result<(), StorageError> {
        let (mut rows, due, catalogues) = {
            let state = self.shared.lock();
            let ram = &state.stock.ram;
            let due = ram.due(self.shared.settings.commit_within);
            (LANES.map(|lane| ram.unwritten(lane)), due, state.catalogues.clone())
        };
        // Every batch's catalogue is known before the batch; see `Buffer::reconfigure`.
        let catalogue = |rows: &[Row]| {
            let hash = rows.first().map_or_else(Default::default, |row| row.catalogue);
            (hash, catalogues.get(hash).unwrap_or_default())
        };
        let most = self.segment_size();
        for rows in &mut rows {
            let mut sum = 0;
            let fitting = rows.iter().take_while(|row| {
                let fits = sum < most;
                sum += row.bytes.len() as u64;
                fits
            });
            let fitting = fitting.count();
            rows.truncate(fitting);
        }
        let Some(due) = due else { return Ok(()) };
        // What is below a stored number and not stored counts as settled:
        // losses in memory are declared before the numbers after them are written.
        // And a destination that just came is known to be there.
        let first = {
            let state = self.shared.lock();
            state.reseated || state.stock.gaps.is_unsaved()
        };
        if first {
            self.save(false)?;
        }
        let payload: usize = rows.iter().flatten().map(|row| row.bytes.len()).sum();
        self.make_room(payload as u64 * 2 + self.overhead())?;
        let begun = self.shared.clock.now();
        let alike = |lane: Lane| rows[slot(lane)].chunk_by(|a, b| a.catalogue == b.catalogue);
        for (lane, rows) in LANES.into_iter().flat_map(|lane| alike(lane).map(move |r| (lane, r))) {
            match self.write(lane, rows, &catalogue(rows)) {
                Err(error) if error.code == StorageCode::Full => {
                    self.drop_current(lane)?;
                    // The next turn tries again, in a new segment.
                    return if self.shed_for_space()? { Ok(()) } else { Err(error) };
                }
                written => written?,
            }
        }
        let ended = self.shared.clock.now();
        let took = ended.saturating_duration_since(begun);
        self.flush = took.max(self.flush * 7 / 8);
        let mut state = self.shared.lock();
        state.stock.evict_idle();
        let stats = &mut state.stats;
        stats.commits += 1;
        stats.late_commits += u64::from(ended > due);
        stats.slowest_commit_us =
            stats.slowest_commit_us.max(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        for row in rows.iter().flatten() {
            stats.batches_written += 1;
            stats.readings_written += u64::from(row.readings);
        }
        Ok(())
    }

    fn shares(&self) -> Shares {
        self.shared.lock().stock.shares(self.shared.settings.max_size)
    }

    fn segment_size(&self) -> u64 {
        self.retention.segment_size(&self.shares())
    }

    /// Disk a commit may need beyond its payload, within a small budget too.
    fn overhead(&self) -> u64 {
        OVERHEAD.min(self.shared.settings.max_size / 8)
    }

    /// Rows of one catalogue, to a file of that catalogue.
    fn write(
        &mut self,
        lane: Lane,
        rows: &[Row],
        catalogue: &Catalogue,
    ) -> Result<(), StorageError> {
        let now = self.shared.clock.now();
        if self.current[slot(lane)].as_ref().is_some_and(|c| c.catalogue != catalogue.0) {
            self.seal(slot(lane))?;
        }
        let (seq, started) = match &self.current[slot(lane)] {
            Some(current) => (current.seq, current.started),
            None => (self.start_segment(lane, catalogue)?, now),
        };
        self.current[slot(lane)] = Some(Current { seq, started, catalogue: catalogue.0 });
        let segment = self.storage.commit(seq, rows)?;
        let shares = self.shares();
        let full = segment.bytes >= self.retention.segment_size(&shares)
            || now.saturating_duration_since(started) >= self.retention.segment_age(&shares);
        self.shared.lock().stock.written(segment, rows);
        if full { self.seal(slot(lane)) } else { Ok(()) }
    }

    fn start_segment(&mut self, lane: Lane, catalogue: &Catalogue) -> Result<u64, StorageError> {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.created.insert(seq);
        let size = self.segment_size();
        let epoch = self.shared.lock().stock.epoch;
        let head = SegmentHead { seq, epoch, lane, catalogue: catalogue.clone(), size };
        self.storage.create(&head)?;
        Ok(seq)
    }

    /// Ends the current segment of a lane.
    pub(super) fn seal(&mut self, lane: usize) -> Result<(), StorageError> {
        let Some(Current { seq, .. }) = self.current[lane].take() else { return Ok(()) };
        let bytes = self.storage.seal(seq)?;
        if let Some(shelved) = self.shared.lock().stock.shelf.get_mut(seq) {
            shelved.segment.bytes = bytes;
            shelved.open = false;
        }
        Ok(())
    }

    /// Gives up the current segment of a lane after a failure. A file of
    /// which no commit succeeded only takes space.
    fn drop_current(&mut self, lane: Lane) -> Result<(), StorageError> {
        let Some(Current { seq, .. }) = self.current[slot(lane)].take() else { return Ok(()) };
        self.storage.abandon(seq);
        if let Some(shelved) = self.shared.lock().stock.shelf.get_mut(seq) {
            shelved.open = false;
            return Ok(());
        }
        self.unlisted.push(seq);
        self.storage.remove(seq)
    }

    /// Sheds until `coming` bytes fit into the budget and the volume.
    fn make_room(&mut self, coming: u64) -> Result<(), StorageError> {
        loop {
            let room = self.storage.room()?;
            let shed = {
                let state = self.shared.lock();
                let shares = state.stock.shares(self.shared.settings.max_size);
                self.retention.shed(&state.stock.shelf, &shares, room, coming)
            };
            match shed {
                Some(seq) => self.lose(seq, GapCause::Shed)?,
                None => return Ok(()),
            }
        }
    }

    /// The volume is full although the budget is not: the oldest makes room.
    /// Whether there was anything to shed.
    fn shed_for_space(&mut self) -> Result<bool, StorageError> {
        let oldest = {
            let state = self.shared.lock();
            let shares = state.stock.shares(self.shared.settings.max_size);
            self.retention.oldest(&state.stock.shelf, &shares)
        };
        let Some(seq) = oldest else { return Ok(false) };
        self.lose(seq, GapCause::Shed)?;
        Ok(true)
    }

    /// A segment goes although somebody may wait for it.
    fn lose(&mut self, seq: u64, cause: GapCause) -> Result<(), StorageError> {
        self.forget_current(seq);
        let wall = self.shared.clock.wall();
        self.shared.lock().stock.lose_segment(seq, cause, wall);
        self.unlisted.push(seq);
        // Declared before it is gone; when that has no space either, the
        // space of the segment comes first.
        match self.save(false) {
            Err(error) if error.code == StorageCode::Full => {
                self.storage.remove(seq)?;
                self.save(false)
            }
            saved => {
                saved?;
                self.storage.remove(seq)
            }
        }
    }

    /// What is too much or too old for one destination is lost to it alone;
    /// the file stays as long as others wait for it.
    fn keep_within_limits(&self, expired: &[(usize, u64)]) {
        let wall = self.shared.clock.wall();
        let mut state = self.shared.lock();
        let shares = state.stock.shares(self.shared.settings.max_size);
        for &(seat, seq) in expired {
            state.stock.lose_for_one(seat, seq, GapCause::Expired, wall);
        }
        while let Some((seat, seq)) = shares.over_limit(&state.stock.shelf) {
            state.stock.lose_for_one(seat, seq, GapCause::Shed, wall);
        }
    }

    /// Removes segments nobody waits for.
    pub(super) fn release(&mut self) -> Result<(), StorageError> {
        let done = self.shared.lock().stock.shelf.done();
        if done.is_empty() {
            return Ok(());
        }
        for &seq in &done {
            self.shared.lock().stock.shelf.remove(seq);
            self.unlisted.push(seq);
        }
        self.save(false)?;
        done.into_iter().try_for_each(|seq| self.storage.remove(seq))
    }

    /// Age, budget and segments that are done with, every few seconds.
    pub(super) fn look_after_disk(&mut self) -> Result<(), StorageError> {
        let now = self.shared.clock.now();
        if now.saturating_duration_since(self.looked_at) < RETENTION_TICK {
            return Ok(());
        }
        self.looked_at = now;
        let wall = self.shared.clock.wall();
        let (expired, for_one) = {
            let state = self.shared.lock();
            let shares = state.stock.shares(self.shared.settings.max_size);
            self.retention.expired(&state.stock.shelf, &shares, now, wall)
        };
        for seq in expired {
            self.lose(seq, GapCause::Expired)?;
        }
        self.keep_within_limits(&for_one);
        for lane in 0..2 {
            let Some(Current { seq, started, .. }) = self.current[lane] else { continue };
            let done = self.shared.lock().stock.shelf.get_mut(seq).is_none_or(|s| s.is_done());
            if done && now.saturating_duration_since(started) >= IDLE {
                self.seal(lane)?;
            }
        }
        self.release()?;
        self.storage.trim_quarantine(self.shared.settings.max_size / QUARANTINE_PER_BUDGET)?;
        let room = self.storage.room()?;
        let mut state = self.shared.lock();
        state.stats.disk_bytes = state.stock.shelf.bytes() + room.other;
        Ok(())
    }
}
