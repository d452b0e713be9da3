//! The disk of the model, and every way in which it fails.
//!
//! What returned `Ok` was flushed and survives a power cut. The buffer promises to survive:
//!
//! | fault | how it shows here |
//! |---|---|
//! | full, read-only, failing disk | every write fails, and may have happened all the same; so does every read of a failing one |
//! | a volume that really is full | a write that needs more than is left fails; removing gives room |
//! | bit rot | a row is there and cannot be read |
//! | a file somebody removed | it is listed and not there |
//! | a directory that appears late | opening fails |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use fastrand::Rng;
use forehearth_model::{CatalogueHash, Epoch, GapRecord, Lane};

use crate::ram::Row;
use crate::shelf::Segment;
use crate::storage::{
    Bookmark, Found, Hole, LostSegment, Piece, Room, RunMark, Save, SegmentHead, Storage,
    StorageCode, StorageError, Wear,
};

/// A file's own pages.
const FILE: u64 = 4096;

/// What survives a power cut.
#[derive(Default)]
pub(super) struct Medium {
    run: Option<RunMark>,
    bookmarks: BTreeMap<String, Bookmark>,
    gaps: BTreeMap<u64, (GapRecord, bool)>,
    segments: BTreeMap<u64, (SegmentHead, Vec<Row>)>,
    listed: BTreeMap<u64, (Epoch, Lane)>,
    /// Runs that left a trace; of others nothing can be known after a crash.
    pub(super) epochs: BTreeSet<Epoch>,
    /// Damage is found when a segment is read.
    damaged: BTreeSet<u64>,
    /// And so are single rows, by segment and number.
    bad_rows: BTreeSet<(u64, u64)>,
    /// Every operation that writes fails like this.
    pub(super) fault: Option<StorageCode>,
    /// Bytes the volume holds beside the control database, which keeps its room.
    pub(super) capacity: Option<u64>,
    chance: Rng,
}

impl Medium {
    pub(super) fn new(chance: Rng, capacity: Option<u64>, fault: Option<StorageCode>) -> Self {
        Self { chance, capacity, fault, ..Self::default() }
    }

    fn used(&self) -> u64 {
        let rows = self.segments.values().flat_map(|(_, rows)| rows);
        self.segments.len() as u64 * FILE + rows.map(|row| row.bytes.len() as u64).sum::<u64>()
    }

    fn free(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    /// The destination has a cursor, or there is no control database at all.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.run.is_none() || self.bookmarks.contains_key(name)
    }

    /// Nothing is left of what the model stored.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Damages or removes a segment, if there is one.
    pub(super) fn rot(&mut self) {
        let seqs: Vec<u64> = self.segments.keys().copied().collect();
        if seqs.is_empty() {
            return;
        }
        let seq = seqs[self.chance.usize(..seqs.len())];
        let rows = &self.segments[&seq].1;
        if rows.len() > 2 && self.chance.bool() {
            // Not at the ends: a file that does not tell them is set aside whole.
            let from = self.chance.usize(1..rows.len() - 1);
            let to = self.chance.usize(from..rows.len() - 1);
            let numbers = rows[from..=to].iter().map(|row| (seq, row.id.number));
            self.bad_rows.extend(numbers);
            return;
        }
        if self.chance.bool() {
            self.damaged.insert(seq);
        } else {
            self.segments.remove(&seq);
        }
    }

    /// Damages every segment.
    pub(super) fn rot_all(&mut self) {
        self.damaged.extend(self.segments.keys());
    }

    /// Drops what a later file of the lane holds as well.
    fn cut_repeated_tails(&mut self) {
        let segments = self.survey();
        for at in 0..segments.len() {
            let (this, later) = (&segments[at], &segments[at + 1..]);
            let next = later.iter().find(|s| s.lane == this.lane && s.epoch == this.epoch);
            if let Some(first) = next.map(|next| next.first).filter(|first| *first <= this.last)
                && let Some((_, rows)) = self.segments.get_mut(&this.seq)
            {
                rows.retain(|row| row.id.number < first);
            }
        }
    }

    fn survey(&self) -> Vec<Segment> {
        self.segments.iter().filter_map(|(&seq, (head, rows))| survey(seq, head, rows)).collect()
    }

    /// Segment files without a row are removed.
    fn sweep(&mut self) -> Vec<u64> {
        let bare = self.segments.iter().filter(|(_, (_, rows))| rows.is_empty());
        let empty: Vec<u64> = bare.map(|(&seq, _)| seq).collect();
        self.segments.retain(|_, (_, rows)| !rows.is_empty());
        empty
    }
}

#[derive(Clone)]
pub(super) struct Disk(Arc<Mutex<Medium>>);

impl Disk {
    pub(super) fn new(medium: Medium) -> Self {
        Self(Arc::new(Mutex::new(medium)))
    }

    pub(super) fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap()
    }

    /// A write that needs no new space.
    fn write<T>(&self, apply: impl FnOnce(&mut Medium) -> T) -> Result<T, StorageError> {
        self.write_new(0, apply)
    }

    /// A write that takes `bytes` more of the volume.
    fn write_new<T>(
        &self,
        bytes: u64,
        apply: impl FnOnce(&mut Medium) -> T,
    ) -> Result<T, StorageError> {
        let medium = &mut *self.medium();
        let full = (bytes > medium.free()).then_some(StorageCode::Full);
        match medium.fault {
            None if full.is_none() => Ok(apply(medium)),
            Some(code) => {
                // It failed, and may have happened all the same.
                if full.is_none() && medium.chance.bool() {
                    apply(medium);
                }
                Err(StorageError::new(code, "chance"))
            }
            None => Err(StorageError::new(StorageCode::Full, "nothing is left")),
        }
    }

    /// Whether a segment can be read now.
    fn readable(&self, seq: u64) -> Result<MutexGuard<'_, Medium>, StorageError> {
        let medium = self.medium();
        if medium.fault == Some(StorageCode::Io) {
            return Err(StorageError::new(StorageCode::Io, "chance"));
        }
        if !medium.segments.contains_key(&seq) {
            return Err(StorageError::new(StorageCode::Missing, "chance"));
        }
        if medium.damaged.contains(&seq) {
            return Err(StorageError::new(StorageCode::Damaged, "chance"));
        }
        Ok(medium)
    }
}

fn survey(seq: u64, head: &SegmentHead, rows: &[Row]) -> Option<Segment> {
    let (first, last) = (rows.first()?, rows.last()?);
    Some(Segment {
        seq,
        epoch: head.epoch,
        lane: head.lane,
        prev: first.prev,
        first: first.id.number,
        last: last.id.number,
        rows: rows.len() as u64,
        readings: rows.iter().map(|row| u64::from(row.readings)).sum(),
        from: first.from,
        to: last.to,
        bytes: rows.iter().map(|row| row.bytes.len() as u64).sum::<u64>() + FILE,
    })
}

impl Storage for Disk {
    fn open(&mut self) -> Result<Found, StorageError> {
        if let Some(code) = self.medium().fault {
            return Err(StorageError::new(code, "chance"));
        }
        let medium = &mut *self.medium();
        let mut empty = medium.sweep();
        medium.cut_repeated_tails();
        empty.extend(medium.sweep());
        let segments = medium.survey();
        for segment in &segments {
            medium.listed.entry(segment.seq).or_insert((segment.epoch, segment.lane));
        }
        let gone = |seq: &&u64| !medium.segments.contains_key(*seq);
        let unlisted: Vec<u64> = medium.listed.keys().filter(gone).copied().collect();
        let missing = unlisted.iter().filter(|seq| !empty.contains(seq));
        let lost = missing
            .map(|&seq| {
                let (epoch, lane) = medium.listed[&seq];
                LostSegment { seq, epoch, lane, first: 1, last: u64::MAX }
            })
            .collect();
        let next_seq =
            medium.listed.keys().chain(medium.segments.keys()).max().map_or(1, |s| s + 1);
        let unsettled = medium.gaps.values().filter(|(_, settled)| !settled);
        Ok(Found {
            run: medium.run,
            bookmarks: medium.bookmarks.values().cloned().collect(),
            gaps: unsettled.map(|(gap, _)| gap.clone()).collect(),
            next_gap: medium.gaps.keys().next_back().map_or(0, |id| id + 1),
            next_seq,
            segments,
            lost,
            unlisted,
        })
    }

    fn create(&mut self, head: &SegmentHead) -> Result<(), StorageError> {
        self.write_new(FILE, |medium| {
            medium.segments.insert(head.seq, (head.clone(), Vec::new()));
            medium.listed.insert(head.seq, (head.epoch, head.lane));
        })
    }

    fn commit(&mut self, seq: u64, rows: &[Row]) -> Result<Segment, StorageError> {
        let bytes = rows.iter().map(|row| row.bytes.len() as u64).sum();
        self.write_new(bytes, |medium| {
            // A removed file goes on growing without a name.
            let Some((head, stored)) = medium.segments.get_mut(&seq) else {
                return Err(StorageError::new(StorageCode::Io, "the file is gone"));
            };
            stored.extend_from_slice(rows);
            Ok(survey(seq, head, stored).unwrap())
        })?
    }

    fn seal(&mut self, seq: u64) -> Result<u64, StorageError> {
        self.write(|medium| {
            let Some((head, rows)) = medium.segments.get(&seq) else { return 0 };
            survey(seq, head, rows).map_or(0, |segment| segment.bytes)
        })
    }

    fn abandon(&mut self, _seq: u64) {}

    fn read(&mut self, seq: u64, from: u64, to: u64, _bytes: usize) -> Result<Piece, StorageError> {
        let medium = self.readable(seq)?;
        let (_, rows) = &medium.segments[&seq];
        let bad = |row: &&Row| medium.bad_rows.contains(&(seq, row.id.number));
        let all: Vec<&Row> =
            rows.iter().filter(|row| (from..=to).contains(&row.id.number)).collect();
        let whole = all.iter().take_while(|row| !bad(row)).count();
        let mut piece = Piece { more: all.len() > 3, ..Piece::default() };
        piece.rows = all[..whole.min(3)].iter().map(|&row| row.clone()).collect();
        if whole < 3 && whole < all.len() {
            let first = piece.rows.last().map_or(from, |row| row.id.number + 1);
            let next = all[whole..].iter().find(|row| !bad(row));
            piece.hole = Some(Hole { first, last: next.map_or(to, |next| next.prev) });
            piece.more = next.is_some();
        }
        Ok(piece)
    }

    fn sum(&mut self, seq: u64, from: u64, to: u64) -> Result<(u64, u64), StorageError> {
        let medium = self.readable(seq)?;
        let (_, rows) = &medium.segments[&seq];
        let mut rows = rows.iter().filter(|row| (from..=to).contains(&row.id.number));
        let bad = |row: Option<&Row>| {
            row.is_some_and(|row| medium.bad_rows.contains(&(seq, row.id.number)))
        };
        if bad(rows.clone().next()) || bad(rows.clone().next_back()) {
            return Err(StorageError::new(StorageCode::Damaged, "chance"));
        }
        let rows = rows.by_ref();
        Ok(rows.fold((0, 0), |(n, sum), row| (n + 1, sum + u64::from(row.readings))))
    }

    fn catalogue(&mut self, _: u64, _: CatalogueHash) -> Result<Option<Bytes>, StorageError> {
        Ok(None)
    }

    fn remove(&mut self, seq: u64) -> Result<(), StorageError> {
        self.write(|medium| {
            medium.segments.remove(&seq);
        })
    }

    fn quarantine(&mut self, seq: u64) -> Result<(), StorageError> {
        self.remove(seq)
    }

    fn trim_quarantine(&mut self, _most: u64) -> Result<(), StorageError> {
        Ok(())
    }

    fn save(&mut self, save: &Save) -> Result<(), StorageError> {
        self.write(|medium| {
            medium.run = Some(save.run);
            medium.epochs.insert(save.run.epoch);
            for name in &save.forgotten {
                medium.bookmarks.remove(name);
                let gaps = medium.gaps.values_mut().filter(|(gap, _)| gap.destination == *name);
                gaps.for_each(|(_, settled)| *settled = true);
            }
            for mark in &save.bookmarks {
                medium.bookmarks.insert(mark.name.clone(), mark.clone());
            }
            for gap in &save.gaps {
                medium.gaps.insert(gap.id, (gap.clone(), false));
            }
            for id in &save.settled_gaps {
                if let Some((_, settled)) = medium.gaps.get_mut(id) {
                    *settled = true;
                }
            }
            medium.listed.retain(|seq, _| !save.unlisted.contains(seq));
        })
    }

    fn room(&mut self) -> Result<Room, StorageError> {
        Ok(Room { other: 0, free: self.medium().free() })
    }

    fn wear(&self) -> Wear {
        Wear::default()
    }
}
