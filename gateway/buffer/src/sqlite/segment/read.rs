//! Reading a segment back, around what is damaged in it.

use bytes::Bytes;
use forehearth_model::CatalogueHash;
use rusqlite::{OptionalExtension, params};

use super::{COLUMNS, SegmentFile, Stored, damaged, failure};
use crate::storage::{Hole, Piece, StorageCode, StorageError};

impl SegmentFile {
    /// Rows with numbers in `from..=to`, up to the first that is damaged. `to`
    /// is the number of a row that was written.
    pub(in crate::sqlite) fn read(
        &self,
        from: u64,
        to: u64,
        bytes: usize,
    ) -> Result<Piece, StorageError> {
        let mut piece = Piece::default();
        let mut taken = 0;
        let read = self.each(from, to, |stored| {
            taken += stored.row.bytes.len();
            piece.rows.push(stored.row);
            taken < bytes
        });
        let reached = piece.rows.last().map(|row| row.id.number);
        let damage = match read {
            Ok(false) => {
                piece.more = true;
                return Ok(piece);
            }
            Ok(true) if reached == Some(to) => return Ok(piece),
            // There was a row `to`. A damaged inner page hides rows without an error.
            Ok(true) => damaged(&self.path, "batches are missing"),
            Err(error) if error.code == StorageCode::Damaged => error,
            Err(error) => return Err(error),
        };
        let first = reached.map_or(from, |last| last + 1);
        let next = self.next_whole(first, to)?;
        // The lane's number before the next whole one is the last that is lost.
        let last = next.as_ref().map_or(to, |next| next.row.prev.clamp(first, to));
        tracing::error!(code = "FH-BUF-DAMAGED", %damage, first, last, "batches cannot be read");
        piece.hole = Some(Hole { first, last });
        piece.more = next.is_some();
        Ok(piece)
    }

    /// Gives each row in order until told to stop; whether the end was reached.
    fn each(
        &self,
        from: u64,
        to: u64,
        mut take: impl FnMut(Stored) -> bool,
    ) -> Result<bool, StorageError> {
        let fail = |error: rusqlite::Error| failure::of(&self.path, &error);
        let sql =
            format!("SELECT {COLUMNS} FROM batch WHERE number BETWEEN ?1 AND ?2 ORDER BY number");
        let mut select = self.connection.prepare_cached(&sql).map_err(fail)?;
        let to = i64::try_from(to).unwrap_or(i64::MAX);
        let mut found = select.query(params![from.cast_signed(), to]).map_err(fail)?;
        let mut before = None;
        while let Some(row) = found.next().map_err(fail)? {
            let stored = Stored::read(row, self.epoch, self.lane).map_err(fail)?;
            let stored = stored.checked(&self.path)?;
            // A damaged inner page hides rows without an error.
            if before.is_some_and(|before| stored.nth != before + 1) {
                let what = format!("batches before {} are missing", stored.row.id);
                return Err(damaged(&self.path, &what));
            }
            before = Some(stored.nth);
            if !take(stored) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The first whole row in `from..=to`, when that at `from` is damaged: a
    /// row, or a page of rows. Looks ahead in growing steps, then back.
    fn next_whole(&self, from: u64, to: u64) -> Result<Option<Stored>, StorageError> {
        let (mut damaged, mut step) = (from, 1_u64);
        let mut whole = loop {
            let at = damaged.saturating_add(step).min(to);
            if let Some(found) = self.first_from(at, to)? {
                break found;
            }
            if at >= to {
                return Ok(None);
            }
            damaged = at;
            step = step.saturating_mul(2);
        };
        let mut known = whole.row.id.number.min(damaged.saturating_add(step));
        while damaged + 1 < known {
            let at = damaged + (known - damaged) / 2;
            match self.first_from(at, to)? {
                Some(found) => (known, whole) = (at, found),
                None => damaged = at,
            }
        }
        Ok(Some(whole))
    }

    /// The first row from a number on, if it is whole.
    fn first_from(&self, from: u64, to: u64) -> Result<Option<Stored>, StorageError> {
        let mut first = None;
        let read = self.each(from, to, |stored| {
            // A damaged page may lead anywhere.
            first = Some(stored).filter(|s| (from..=to).contains(&s.row.id.number));
            false
        });
        match read {
            Err(error) if error.code != StorageCode::Damaged => Err(error),
            _ => Ok(first),
        }
    }

    /// The number of the last row, whole or not.
    pub(in crate::sqlite) fn last(&self) -> Result<Option<u64>, StorageError> {
        self.connection
            .query_row("SELECT max(number) FROM batch", [], |row| row.get::<_, Option<i64>>(0))
            .map(|last| last.map(i64::cast_unsigned))
            .map_err(|error| failure::of(&self.path, &error))
    }

    /// Batches and readings with numbers in `from..=to`.
    pub(in crate::sqlite) fn sum(&self, from: u64, to: u64) -> Result<(u64, u64), StorageError> {
        let mut before = None;
        self.each(from, to, |first| {
            before = Some((first.nth - 1, first.upto - u64::from(first.row.readings)));
            false
        })?;
        let (Some(before), Some(last)) = (before, self.end("DESC", to)?) else {
            return Ok((0, 0));
        };
        Ok((last.nth.saturating_sub(before.0), last.upto.saturating_sub(before.1)))
    }

    /// A catalogue from the head.
    pub(in crate::sqlite) fn catalogue(
        &self,
        hash: CatalogueHash,
    ) -> Result<Option<Bytes>, StorageError> {
        let sql = "SELECT bytes FROM catalogue WHERE hash = ?1";
        self.connection
            .query_row(sql, [hash.0.cast_signed()], |row| row.get::<_, Vec<u8>>(0))
            .optional()
            .map(|bytes| bytes.map(Bytes::from))
            .map_err(|error| failure::of(&self.path, &error))
    }
}
