//! Starting: what is found on disk is taken over, and what is missing from it is declared.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use forehearth_model::{BatchId, Epoch, GapCause, GapRecord, Stamp};

use super::{Clock, Keeper, Mode, RETRY_FIRST, Shared, State};
use crate::buffer::{OpenError, Settings};
use crate::catalogues::Catalogue;
use crate::claim::Claim;
use crate::cursor::{Cursor, LANES};
use crate::destination::Destination;
use crate::retention::Retention;
use crate::shelf::{Owed, Segment};
use crate::stock::Stock;
use crate::storage::{Found, LostSegment, RunMark, Storage, StorageCode, StorageError};

/// A commit is expected to take this long until one was measured.
const FIRST_FLUSH: Duration = Duration::from_millis(25);

/// 2020-01-01 in Unix seconds. A clock before that was never set.
const NEVER_SET: u32 = 1_577_836_800;

impl Keeper {
    /// Opens the disk, or goes on without it, and starts a run.
    ///
    /// # Errors
    /// Only what an operator must decide: another daemon, or files of a newer version.
    pub(crate) fn open(
        settings: Settings,
        destinations: &[Destination],
        catalogue: Catalogue,
        mut storage: Box<dyn Storage>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Arc<Shared>), OpenError> {
        let wall = clock.wall();
        let found = match storage.open() {
            Err(error) if error.code == StorageCode::Locked => {
                return Err(OpenError::Locked(error));
            }
            Err(error) if error.code == StorageCode::Newer => return Err(OpenError::Newer(error)),
            found => found,
        };
        let epoch = next_epoch(found.as_ref().ok(), wall);
        let next_gap = wall.micros().max(1).cast_unsigned();
        // Before any is known: unlikely to be that of the last connection.
        let bd_seq = drawn_bd_seq(wall);
        let stock = Stock::new(epoch, destinations, settings.memory, next_gap, bd_seq);
        let retention = Retention::new(settings.max_size, settings.reserve, settings.max_age);
        let now = clock.now();
        let shared = Arc::new(Shared::new(State::new(stock, catalogue), clock, settings));
        let mut keeper = Self {
            shared: Arc::clone(&shared),
            storage,
            mode: Mode::Up,
            retention,
            current: [None; 2],
            next_seq: 1,
            created: BTreeSet::new(),
            adopted: false,
            unlisted: Vec::new(),
            saved_at: now,
            looked_at: now,
            flush: FIRST_FLUSH,
            done: false,
            suspect: None,
        };
        // The epoch is on disk before its first batch.
        let opened = found.and_then(|found| keeper.adopt(&found)).and_then(|()| keeper.save(false));
        if let Err(error) = opened {
            keeper.go_down(&error, RETRY_FIRST);
        }
        Ok((keeper, shared))
    }

    /// Takes over what is on disk. The stock of this run is believed over the
    /// disk, the disk over nothing.
    pub(super) fn adopt(&mut self, found: &Found) -> Result<(), StorageError> {
        let epoch = self.shared.lock().stock.epoch;
        self.next_seq = self.next_seq.max(found.next_seq);
        if !self.adopted {
            self.adopted = true;
            self.adopt_control(found);
            // Whatever its number: the clock may have been wrong in one of the two.
            if let Some(run) = found.run.or_else(|| orphan(found)).filter(|run| !run.clean) {
                self.declare_crash(run, found);
            }
        }
        for lost in &found.lost {
            // Declared once, though it is found again until the next save.
            if !self.created.contains(&lost.seq) && !self.unlisted.contains(&lost.seq) {
                self.declare_lost(lost);
            }
        }
        for seq in &found.unlisted {
            if !self.unlisted.contains(seq) {
                self.unlisted.push(*seq);
            }
        }
        self.adopt_segments(&found.segments, epoch)
    }

    fn adopt_control(&mut self, found: &Found) {
        let mut state = self.shared.lock();
        let stock = &mut state.stock;
        let seats = stock.claims.iter_mut().enumerate().filter(|(_, claim)| claim.is_occupied());
        for (destination, claim) in seats {
            let name = &claim.books.name;
            // Without a readable cursor everything on disk is owed: a repeat
            // is better than a hole.
            match found.bookmarks.iter().find(|mark| mark.name == *name) {
                Some(mark) => {
                    claim.bd_seq = mark.bd_seq;
                    claim.cursor.merge(&mark.cursor().unwrap_or_default());
                }
                // A new destination starts now.
                None if found.run.is_some() => {}
                None => claim.cursor.merge(&Cursor::default()),
            }
            let name = &claim.books.name;
            let mine = found.gaps.iter().filter(|gap| gap.destination == *name).cloned().collect();
            stock.gaps.recover(destination, mine, found.next_gap);
            claim.moved = true;
        }
        let known = |name: &str| stock.claims.iter().any(|claim| claim.books.name == name);
        let gone = found.bookmarks.iter().map(|mark| mark.name.clone()).filter(|n| !known(n));
        let gone: Vec<String> = gone.collect();
        state.forgotten.extend(gone);
    }

    fn adopt_segments(&mut self, segments: &[Segment], epoch: Epoch) -> Result<(), StorageError> {
        let known: Vec<Segment> =
            self.shared.lock().stock.shelf.iter().map(|shelved| shelved.segment.clone()).collect();
        let mut unread = Vec::new();
        for segment in segments {
            match known.iter().find(|known| known.seq == segment.seq) {
                Some(known) if segment.last >= known.last => {}
                // Less is there than was flushed: the medium lied.
                Some(_) => self.storage.quarantine(segment.seq)?,
                // A first commit that failed; memory still has what was in it.
                None if self.created.contains(&segment.seq) => self.storage.remove(segment.seq)?,
                // Two runs took one number, each without knowing of the other:
                // its batches would pass for those of this run.
                None if segment.epoch == epoch => {
                    let detail = format!("segment {}: two runs took one number", segment.seq);
                    unread.push((segment, StorageError::new(StorageCode::Damaged, detail)));
                }
                None => match self.adopt_segment(segment) {
                    Err(error) if error.code == StorageCode::Damaged => {
                        unread.push((segment, error));
                    }
                    adopted => adopted?,
                },
            }
        }
        self.give_up_unread(&unread)?;
        let wall = self.shared.clock.wall();
        for known in known {
            let intact = segments.iter().any(|s| s.seq == known.seq && s.last >= known.last);
            if !intact {
                let mut state = self.shared.lock();
                state.stock.lose_segment(known.seq, GapCause::Damaged, wall);
                state.stats.quarantined += 1;
            }
        }
        Ok(())
    }

    fn adopt_segment(&mut self, segment: &Segment) -> Result<(), StorageError> {
        let Segment { seq, epoch, lane, prev, first, last, .. } = *segment;
        let (open, tenancies): (Vec<_>, Vec<_>) = {
            let state = self.shared.lock();
            let open = |claim: &Claim| match claim.is_occupied() {
                true => claim.cursor.open(epoch, lane, prev + 1, last),
                false => Vec::new(),
            };
            state.stock.claims.iter().map(|claim| (open(claim), claim.tenancy)).unzip()
        };
        let mut owed = Vec::with_capacity(open.len());
        for stretches in open {
            let mut sum = Owed::default();
            for (from, to) in stretches {
                let (rows, readings) = if from <= first && to >= last {
                    (segment.rows, segment.readings)
                } else {
                    self.storage.sum(seq, from, to)?
                };
                sum.rows += rows;
                sum.readings += readings;
            }
            owed.push(sum);
        }
        self.shared.lock().stock.recover(segment.clone(), owed, &tenancies);
        Ok(())
    }

    /// Segments that cannot be taken over: their ends could be read, and then
    /// not what is between. To stay down for their sake would lose everything that comes.
    fn give_up_unread(&mut self, unread: &[(&Segment, StorageError)]) -> Result<(), StorageError> {
        for (segment, error) in unread {
            tracing::error!(code = "FH-BUF-DAMAGED", %error, "a segment is set aside");
            let Segment { seq, epoch, lane, last, .. } = **segment;
            if !self.unlisted.contains(&seq) {
                self.declare_lost(&LostSegment { seq, epoch, lane, first: segment.prev + 1, last });
                self.unlisted.push(seq);
            }
        }
        // Declared on disk before any is out of sight; and all declared before
        // a save, which forgets the runs of which nothing is on the shelf.
        if !unread.is_empty() {
            self.save(false)?;
        }
        unread.iter().try_for_each(|(segment, _)| self.storage.quarantine(segment.seq))
    }

    /// A listed segment is missing or damaged: how much was in it is not known.
    fn declare_lost(&mut self, lost: &LostSegment) {
        let (first, last) = lost.ends();
        let declared = self.shared.clock.wall();
        let mut state = self.shared.lock();
        state.stats.quarantined += 1;
        let stock = &mut state.stock;
        let seats = stock.claims.iter_mut().enumerate().filter(|(_, claim)| claim.is_occupied());
        for (destination, claim) in seats {
            let open = claim.cursor.next_open(lost.lane, first);
            if open.epoch == first.epoch && open <= last {
                let record = unknown(&claim.books.name, GapCause::Damaged, open, last, declared);
                stock.gaps.declare(destination, GapRecord { lane: Some(lost.lane), ..record });
            }
        }
    }

    /// The run before ended without a clean stop. What it sealed after its
    /// last commit, and was not confirmed, is gone; how much is not known.
    /// Each lane commits by itself, so each has its own end.
    fn declare_crash(&mut self, run: RunMark, found: &Found) {
        let declared = self.shared.clock.wall();
        let mut state = self.shared.lock();
        let stock = &mut state.stock;
        for lane in LANES {
            let segments = found.segments.iter().filter(|s| s.epoch == run.epoch && s.lane == lane);
            let stored = segments.map(|segment| segment.last).max().unwrap_or(0);
            let first = BatchId::new(run.epoch, run.safe_to.max(stored) + 1);
            let last = BatchId::new(run.epoch, u64::MAX);
            let seats = stock.claims.iter().enumerate().filter(|(_, claim)| claim.is_occupied());
            for (destination, claim) in seats {
                let name = &claim.books.name;
                // Nothing of the past was owed to a new destination; without
                // a control database nobody knows which are new.
                if found.run.is_none() || found.bookmarks.iter().any(|mark| mark.name == *name) {
                    let record = unknown(name, GapCause::Crash, first, last, declared);
                    stock.gaps.declare(destination, GapRecord { lane: Some(lane), ..record });
                }
            }
        }
    }
}

/// A loss of which only the range is known.
fn unknown(
    name: &str,
    cause: GapCause,
    first: BatchId,
    last: BatchId,
    declared: Stamp,
) -> GapRecord {
    let destination = name.to_owned();
    let (id, lane, readings, from, to) = (0, None, 0, Stamp(0), Stamp(0));
    GapRecord { id, destination, cause, first, last, lane, readings, from, to, declared }
}

/// The last run when the control database was lost and only segments tell of
/// it. How it ended is not known, so it counts as a crash.
fn orphan(found: &Found) -> Option<RunMark> {
    let epoch = found.segments.iter().map(|segment| segment.epoch).max()?;
    Some(RunMark { epoch, clean: false, safe_to: 0 })
}

/// The number of this run: above every earlier one, and at least the time in
/// seconds. A run whose disk does not work leaves no trace. Its number is the
/// next second, and `Buffer::open` lets that second pass before anything is
/// numbered: whoever starts later reads a later second off the clock, so no
/// consumer takes new batches for repeats.
/// When neither the disk nor the clock tells, it is drawn: a box without a
/// battery starts at the same second each time.
fn next_epoch(found: Option<&Found>, wall: Stamp) -> Epoch {
    let Some(found) = found else {
        let drawn = RandomState::new().build_hasher().finish() % u64::from(NEVER_SET);
        return match seconds(wall) {
            known if known > NEVER_SET => Epoch(known.saturating_add(1)),
            _ => Epoch(u32::try_from(drawn).unwrap_or(0).max(1)),
        };
    };
    // After a clock that was set back the last run need not have the highest
    // number, and a cursor may know of runs of which nothing is stored any more.
    let segments = found.segments.iter().map(|segment| segment.epoch);
    let cursors = found.bookmarks.iter().filter_map(|mark| Some(mark.cursor()?.highest()));
    let gaps = found.gaps.iter().map(|gap| gap.first.epoch);
    let runs = found.run.map(|run| run.epoch);
    let known = segments.chain(cursors).chain(gaps).chain(runs).max().map(|epoch| epoch.0);
    Epoch(known.unwrap_or(0).saturating_add(1).max(seconds(wall)))
}

/// A birth/death sequence number that is unlikely to be that of the last connection.
pub(crate) const fn drawn_bd_seq(wall: Stamp) -> u8 {
    wall.millis().div_euclid(1000).to_le_bytes()[0]
}

fn seconds(wall: Stamp) -> u32 {
    u32::try_from(wall.millis().div_euclid(1000)).unwrap_or(0)
}
