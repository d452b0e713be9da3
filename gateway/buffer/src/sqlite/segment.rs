//! One segment: a file of batches of one run and one lane, readable without any other file.
//!
//! ```text
//! head       seq, epoch, lane                       one row
//! catalogue  hash, bytes                            what the batches are read with
//! batch      number  prev nth upto readings from_us to_us catalogue crc bytes
//! ```
//! `nth` and `upto` count batches and readings from the file's beginning, so
//! that any stretch is summed by looking at its two ends. `crc` (CRC-32C) is
//! over everything else in the row and the file's epoch and lane.

mod read;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use forehearth_model::{BatchId, CatalogueHash, Epoch, Lane, Stamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row as SqlRow, params};

use super::directory::size_of_database;
use super::{Checkpoint, FRAME, checkpoint, connect, failure, wear, write_ahead};
use crate::ram::Row;
use crate::shelf::Segment;
use crate::storage::{SegmentHead, StorageCode, StorageError, Wear};

/// "FHsg" in the database header's application id (file format 3.0, section 1.3.17).
const APPLICATION: i64 = 0x4648_7367;

/// Layout of this file; a newer one is refused.
const VERSION: i64 = 1;

/// The log is folded in at this length, or at a quarter of a small segment.
/// Chosen: a leaf page is rewritten about three times before it is full, and
/// folding once for all of them keeps the flash; 4 MiB are replayed in
/// milliseconds at start.
const LONGEST_LOG: u64 = 4 << 20;

const SCHEMA: &str = "
    CREATE TABLE head(seq INTEGER NOT NULL, epoch INTEGER NOT NULL, lane INTEGER NOT NULL);
    CREATE TABLE catalogue(hash INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE batch(
        number INTEGER PRIMARY KEY, prev INTEGER NOT NULL, nth INTEGER NOT NULL,
        upto INTEGER NOT NULL, readings INTEGER NOT NULL, from_us INTEGER NOT NULL,
        to_us INTEGER NOT NULL, catalogue INTEGER NOT NULL, crc INTEGER NOT NULL,
        bytes BLOB NOT NULL);";

const COLUMNS: &str = "number, prev, nth, upto, readings, from_us, to_us, catalogue, crc, bytes";

/// See the module's first line.
#[derive(Debug)]
pub(super) struct SegmentFile {
    path: PathBuf,
    connection: Connection,
    seq: u64,
    epoch: Epoch,
    lane: Lane,
    longest_log: u64,
    /// What is in it, as far as this run wrote it.
    segment: Option<Segment>,
    frames: u64,
    /// What the last commit wrote.
    logged: Wear,
}

impl SegmentFile {
    /// Makes the file. It is built without flushes and flushed once as a
    /// whole: nothing depends on it before.
    pub(super) fn create(path: &Path, head: &SegmentHead) -> Result<Self, StorageError> {
        let fail = |error: rusqlite::Error| failure::of(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut builder = connect(path, flags)?;
        builder.pragma_update(None, "synchronous", "OFF").map_err(fail)?;
        builder.pragma_update(None, "journal_mode", "MEMORY").map_err(fail)?;
        let build = builder.transaction().map_err(fail)?;
        build.pragma_update(None, "application_id", APPLICATION).map_err(fail)?;
        build.pragma_update(None, "user_version", VERSION).map_err(fail)?;
        build.execute_batch(SCHEMA).map_err(fail)?;
        let (seq, lane) = (head.seq.cast_signed(), head.lane as u8);
        build
            .execute("INSERT INTO head VALUES(?1, ?2, ?3)", params![seq, head.epoch.0, lane])
            .map_err(fail)?;
        let (hash, bytes) = &head.catalogue;
        build
            .execute(
                "INSERT INTO catalogue VALUES(?1, ?2)",
                params![hash.0.cast_signed(), &bytes[..]],
            )
            .map_err(fail)?;
        build.commit().map_err(fail)?;
        builder.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
        builder.close().map_err(|(_, error)| fail(error))?;
        File::open(path).and_then(|f| f.sync_all()).map_err(|e| failure::of_io(path, &e))?;

        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Room for a last batch and the catalogue beyond the size it is sealed at.
        let most = head.size * 2 + bytes.len() as u64 + (64 << 20);
        write_ahead(path, &connection, most)?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            seq: head.seq,
            epoch: head.epoch,
            lane: head.lane,
            longest_log: LONGEST_LOG.min(head.size / 4),
            segment: None,
            frames: 0,
            logged: Wear::default(),
        })
    }

    /// Opens a finished file for reading.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        Self::attach(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens a file for looking at it, beside the daemon that owns it.
    pub(super) fn look(path: &Path) -> Result<Self, StorageError> {
        Self::attach(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn attach(path: &Path, flags: OpenFlags) -> Result<Self, StorageError> {
        let connection = connect(path, flags)?;
        let fail = |error: rusqlite::Error| failure::of(path, &error);
        let id: i64 =
            connection.pragma_query_value(None, "application_id", |r| r.get(0)).map_err(fail)?;
        let version: i64 =
            connection.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(fail)?;
        if id != APPLICATION {
            return Err(damaged(path, "this is not a segment"));
        }
        if version > VERSION {
            let detail =
                format!("{}: format {version}, this version reads {VERSION}", path.display());
            return Err(StorageError::new(StorageCode::Newer, detail));
        }
        let head = |row: &SqlRow<'_>| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, u32>(1)?, row.get::<_, u8>(2)?))
        };
        let (seq, epoch, lane) =
            connection.query_row("SELECT seq, epoch, lane FROM head", [], head).map_err(fail)?;
        let lane = Lane::from_code(lane).ok_or_else(|| damaged(path, "unknown lane"))?;
        let (path, epoch) = (path.to_owned(), Epoch(epoch));
        let (segment, longest_log, frames, logged) = (None, LONGEST_LOG, 0, Wear::default());
        Ok(Self { path, connection, seq, epoch, lane, longest_log, segment, frames, logged })
    }

    /// Looks into a file of an earlier run: folds in what its log holds and
    /// reads its two ends. `None`: nothing was ever written to it.
    /// What lies between is looked at when it is read: each row has a checksum.
    pub(super) fn recover(path: &Path, seq: u64) -> Result<Option<Segment>, StorageError> {
        let file = Self::open(path)?;
        if file.seq != seq {
            return Err(damaged(path, "its name is another segment's"));
        }
        if fs::metadata(path.with_extension("db-wal")).is_ok_and(|log| log.len() > 0) {
            checkpoint(path, &file.connection, Checkpoint::Truncate)?;
        }
        file.survey()
    }

    /// What is in the file, by its two ends.
    pub(super) fn survey(&self) -> Result<Option<Segment>, StorageError> {
        let (Some(first), Some(last)) = (self.end("ASC", u64::MAX)?, self.end("DESC", u64::MAX)?)
        else {
            return Ok(None);
        };
        Ok(Some(self.between(&first, &last)))
    }

    /// The segment as if it ended before `number`.
    pub(super) fn cut(&self, segment: Segment, number: u64) -> Result<Segment, StorageError> {
        let (first, last) = (self.end("ASC", u64::MAX)?, self.end("DESC", number - 1)?);
        Ok(match (first, last) {
            (Some(first), Some(last)) => self.between(&first, &last),
            _ => segment,
        })
    }

    fn between(&self, first: &Stored, last: &Stored) -> Segment {
        Segment {
            seq: self.seq,
            epoch: self.epoch,
            lane: self.lane,
            prev: first.row.prev,
            first: first.row.id.number,
            last: last.row.id.number,
            rows: last.nth,
            readings: last.upto,
            from: first.row.from,
            to: last.row.to,
            bytes: size_of_database(&self.path),
        }
    }

    fn end(&self, order: &str, most: u64) -> Result<Option<Stored>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM batch WHERE number <= ?1 ORDER BY number {order} LIMIT 1"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.connection
            .query_row(&sql, [most], |row| Stored::read(row, self.epoch, self.lane))
            .optional()
            .map_err(|error| failure::of(&self.path, &error))?
            .map(|stored| stored.checked(&self.path))
            .transpose()
    }

    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// What this run wrote to it.
    pub(super) fn segment(&self) -> Option<Segment> {
        self.segment.clone()
    }

    /// What the last commit wrote.
    pub(super) fn logged(&self) -> Wear {
        self.logged
    }

    /// Appends rows in one transaction; flushed when it returns.
    pub(super) fn append(&mut self, rows: &[Row]) -> Result<Segment, StorageError> {
        let fail = |error: rusqlite::Error| failure::of(&self.path, &error);
        let mut segment = match (&self.segment, rows.first()) {
            (Some(segment), _) => segment.clone(),
            (None, Some(first)) => Segment {
                seq: self.seq,
                epoch: self.epoch,
                lane: self.lane,
                prev: first.prev,
                first: first.id.number,
                last: 0,
                rows: 0,
                readings: 0,
                from: first.from,
                to: first.to,
                bytes: 0,
            },
            (None, None) => return Err(StorageError::new(StorageCode::Other, "nothing to write")),
        };
        let transaction = self.connection.transaction().map_err(fail)?;
        {
            let sql =
                format!("INSERT INTO batch({COLUMNS}) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)");
            let mut insert = transaction.prepare_cached(&sql).map_err(fail)?;
            for row in rows {
                segment.rows += 1;
                segment.readings += u64::from(row.readings);
                segment.last = row.id.number;
                segment.to = row.to;
                let crc = crc(row, segment.rows, segment.readings);
                insert
                    .execute(params![
                        row.id.number.cast_signed(),
                        row.prev.cast_signed(),
                        segment.rows.cast_signed(),
                        segment.readings.cast_signed(),
                        row.readings,
                        row.from.0,
                        row.to.0,
                        row.catalogue.0.cast_signed(),
                        crc,
                        &row.bytes[..],
                    ])
                    .map_err(fail)?;
            }
        }
        transaction.commit().map_err(fail)?;
        let (frames, _) = checkpoint(&self.path, &self.connection, Checkpoint::Look)?;
        // Shorter than before: it began anew.
        let before = if frames >= self.frames { self.frames } else { 0 };
        self.logged = wear::logged(before, frames - before);
        self.frames = frames;
        segment.bytes = size_of_database(&self.path);
        self.segment = Some(segment.clone());
        Ok(segment)
    }

    /// Folds the log in when it has grown long; the pages that took.
    pub(super) fn fold_if_long(&mut self) -> Result<u64, StorageError> {
        if self.frames * FRAME < self.longest_log {
            return Ok(0);
        }
        let (_, folded) = checkpoint(&self.path, &self.connection, Checkpoint::Restart)?;
        (self.frames, _) = checkpoint(&self.path, &self.connection, Checkpoint::Look)?;
        Ok(folded)
    }

    /// Folds the log in and closes the file; its size and the pages that took.
    pub(super) fn seal(self) -> Result<(u64, u64), StorageError> {
        let (frames, _) = checkpoint(&self.path, &self.connection, Checkpoint::Look)?;
        checkpoint(&self.path, &self.connection, Checkpoint::Truncate)?;
        self.connection.close().map_err(|(_, error)| failure::of(&self.path, &error))?;
        Ok((size_of_database(&self.path), frames))
    }

    /// Lets go of the file without writing to it.
    pub(super) fn abandon(self) {
        // The log is not folded in: what of it reached the disk is not known.
        drop(self.connection);
    }
}

/// A row with its counters and checksum.
struct Stored {
    row: Row,
    nth: u64,
    upto: u64,
    crc: u32,
}

impl Stored {
    fn read(row: &SqlRow<'_>, epoch: Epoch, lane: Lane) -> rusqlite::Result<Self> {
        let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
        Ok(Self {
            row: Row {
                id: BatchId::new(epoch, unsigned(0)?),
                lane,
                prev: unsigned(1)?,
                readings: row.get(4)?,
                from: Stamp(row.get(5)?),
                to: Stamp(row.get(6)?),
                catalogue: CatalogueHash(unsigned(7)?),
                bytes: Bytes::from(row.get::<_, Vec<u8>>(9)?),
            },
            nth: unsigned(2)?,
            upto: unsigned(3)?,
            crc: row.get(8)?,
        })
    }

    fn checked(self, path: &Path) -> Result<Self, StorageError> {
        if crc(&self.row, self.nth, self.upto) == self.crc {
            Ok(self)
        } else {
            Err(damaged(path, &format!("batch {} fails its checksum", self.row.id)))
        }
    }
}

fn crc(row: &Row, nth: u64, upto: u64) -> u32 {
    let mut head = [0; 65];
    head[0..4].copy_from_slice(&row.id.epoch.0.to_le_bytes());
    head[4] = row.lane as u8;
    head[5..13].copy_from_slice(&row.id.number.to_le_bytes());
    head[13..21].copy_from_slice(&row.prev.to_le_bytes());
    head[21..29].copy_from_slice(&nth.to_le_bytes());
    head[29..37].copy_from_slice(&upto.to_le_bytes());
    head[37..41].copy_from_slice(&row.readings.to_le_bytes());
    head[41..49].copy_from_slice(&row.from.0.to_le_bytes());
    head[49..57].copy_from_slice(&row.to.0.to_le_bytes());
    head[57..65].copy_from_slice(&row.catalogue.0.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&head), &row.bytes)
}

fn damaged(path: &Path, what: &str) -> StorageError {
    StorageError::new(StorageCode::Damaged, format!("{}: {what}", path.display()))
}
