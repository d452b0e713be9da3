//! Reading backlog for the links, and what to do about what cannot be read.

use forehearth_model::GapCause;

use super::Keeper;
use crate::shelf::Owed;
use crate::stock::Load;
use crate::storage::{Hole, Piece, StorageCode, StorageError};

/// One read of backlog. Chosen: a read in between delays no commit noticeably.
const READ_BYTES: usize = 128 * 1024;

impl Keeper {
    /// Reads a piece for every destination that wants backlog; whether it did.
    pub(super) fn read_backlog(&mut self) -> Result<bool, StorageError> {
        let mut read = false;
        let seats = self.shared.lock().stock.claims.len();
        for destination in 0..seats {
            let load = self.shared.lock().stock.next_load(destination);
            let Some(load) = load else { continue };
            read = true;
            match self.read(&load) {
                Ok(piece) => self.pass_on(destination, &load, piece)?,
                Err(error) if error.code.blames_one_file() => {
                    self.set_aside(load.seq, &error)?;
                }
                // A loose cable is not rot: everything is opened anew first.
                Err(error) if error.code == StorageCode::Io && self.suspect == Some(load.seq) => {
                    self.set_aside(load.seq, &error)?;
                }
                Err(error) => {
                    self.suspect = Some(load.seq);
                    return Err(error);
                }
            }
        }
        Ok(read)
    }

    fn read(&mut self, load: &Load) -> Result<Piece, StorageError> {
        let piece = self.storage.read(load.seq, load.from.number, load.to, READ_BYTES)?;
        for hash in piece.rows.iter().map(|row| row.catalogue) {
            let known = self.shared.lock().catalogues.get(hash).is_some();
            if !known && let Some(bytes) = self.storage.catalogue(load.seq, hash)? {
                self.shared.lock().catalogues.learn((hash, bytes));
            }
        }
        Ok(piece)
    }

    /// Hands a piece to the destination. What cannot be read of a segment of
    /// an earlier run is lost to it and declared; the rest is read on.
    fn pass_on(
        &mut self,
        destination: usize,
        load: &Load,
        piece: Piece,
    ) -> Result<(), StorageError> {
        let lost = match piece.hole {
            None => None,
            Some(hole) => match self.behind(destination, load, hole) {
                Ok(Some(behind)) => Some((hole, behind)),
                // Of this run memory may have it still: not worth telling apart.
                Ok(None) => {
                    let detail = format!("segment {}: damaged while it is used", load.seq);
                    let error = StorageError::new(StorageCode::Damaged, detail);
                    return self.set_aside(load.seq, &error);
                }
                Err(error) if error.code == StorageCode::Damaged => {
                    return self.set_aside(load.seq, &error);
                }
                Err(error) => return Err(error),
            },
        };
        let wall = self.shared.clock.wall();
        let mut state = self.shared.lock();
        let stock = &mut state.stock;
        if let Some((hole, behind)) = lost {
            stock.lose_hole(destination, load, &piece, hole, &behind, wall);
        } else {
            stock.loaded(destination, load, piece.rows, piece.more);
        }
        drop(state);
        self.shared.news[destination].notify_waiters();
        Ok(())
    }

    /// What the destination is owed of the segment behind a hole, and the
    /// stretches that was counted over. `None` for a segment of this run.
    fn behind(
        &mut self,
        destination: usize,
        load: &Load,
        hole: Hole,
    ) -> Result<Option<Behind>, StorageError> {
        let stretches = {
            let state = self.shared.lock();
            if load.from.epoch == state.stock.epoch {
                return Ok(None);
            }
            state.stock.open_behind(destination, load, hole)
        };
        let mut owed = Owed::default();
        for &(from, to) in &stretches {
            let (rows, readings) = self.storage.sum(load.seq, from, to)?;
            owed.rows += rows;
            owed.readings += readings;
        }
        Ok(Some(Behind { stretches, owed }))
    }

    /// A segment that cannot be read goes to the quarantine, and what was
    /// owed of it is declared.
    pub(super) fn set_aside(&mut self, seq: u64, error: &StorageError) -> Result<(), StorageError> {
        tracing::error!(code = "FH-BUF-DAMAGED", %error, "a segment is set aside");
        self.forget_current(seq);
        {
            let mut state = self.shared.lock();
            state.stock.lose_segment(seq, GapCause::Damaged, self.shared.clock.wall());
            state.stats.quarantined += 1;
        }
        self.unlisted.push(seq);
        self.save(false)?;
        self.storage.quarantine(seq)
    }
}

/// What follows a hole in its segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Behind {
    /// Numbers a destination is not finished with.
    pub(crate) stretches: Vec<(u64, u64)>,
    /// What is stored of them.
    pub(crate) owed: Owed,
}
