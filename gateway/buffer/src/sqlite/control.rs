//! The control database: which run this is, how far each destination has come, what was lost.
//!
//! ```text
//! run          epoch clean safe_to written flushes running_s        one row
//! destination  name cursor bd_seq
//! gap          id destination cause epoch first last lane readings from_us to_us declared_us settled
//! segment      seq epoch lane first last                            last = -1 while it grows
//! ```

use std::fs::File;
use std::path::PathBuf;

use forehearth_model::{BatchId, Epoch, GapCause, GapRecord, Lane, Stamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row as SqlRow, params};

use super::directory::Directory;
use super::{Checkpoint, checkpoint, connect, failure, wear, write_ahead};
use crate::shelf::Segment;
use crate::storage::{
    Bookmark, Found, LifetimeWear, RunMark, Save, SegmentHead, StorageCode, StorageError, Wear,
};

/// "FHct" in the database header's application id.
const APPLICATION: i64 = 0x4648_6374;

/// Layout of this file; a newer one is refused.
const VERSION: i64 = 2;

/// What version 2 has and version 1 had not: what was done to the medium.
const SINCE_1: &str = "
    ALTER TABLE run ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run ADD COLUMN flushes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run ADD COLUMN running_s INTEGER NOT NULL DEFAULT 0;";

/// The log is folded in at this many frames (256 KiB). It is not given back,
/// so that a save needs no new space on a full volume.
const LONGEST_LOG: u64 = 64;

/// Most this file may take. Chosen: a hundred thousand gap records.
const LARGEST: u64 = 32 << 20;

/// Delivered gap records that are kept for `buffer gaps`.
const GAPS_KEPT: i64 = 1000;

const SCHEMA: &str = "
    CREATE TABLE run(id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL,
        clean INTEGER NOT NULL, safe_to INTEGER NOT NULL, written INTEGER NOT NULL DEFAULT 0,
        flushes INTEGER NOT NULL DEFAULT 0, running_s INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE destination(name TEXT PRIMARY KEY, cursor BLOB NOT NULL, bd_seq INTEGER NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE gap(id INTEGER PRIMARY KEY, destination TEXT NOT NULL, cause INTEGER NOT NULL,
        epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, lane INTEGER,
        readings INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,
        declared_us INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE segment(seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, lane INTEGER NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL);";

/// A segment the control database knows of.
pub(super) struct Listed {
    pub(super) seq: u64,
    pub(super) epoch: Epoch,
    pub(super) lane: Lane,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// See the module's first line.
#[derive(Debug)]
pub(super) struct Control {
    path: PathBuf,
    connection: Connection,
    frames: u64,
}

impl Control {
    /// Opens or makes the file. One that is damaged or not ours is set aside.
    pub(super) fn open(directory: &Directory) -> Result<Self, StorageError> {
        match Self::connect(directory) {
            Err(error) if error.code.blames_one_file() => {
                tracing::error!(code = "FH-BUF-CONTROL", %error, "control.db is set aside; batches may be repeated");
                directory.set_aside(&directory.control())?;
                Self::connect(directory)
            }
            opened => opened,
        }
    }

    fn connect(directory: &Directory) -> Result<Self, StorageError> {
        let path = directory.control();
        let fresh = !path.exists();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = connect(&path, flags)?;
        let blank = is_blank(&path, &connection)?;
        if !blank {
            check(&path, &connection)?;
        }
        write_ahead(&path, &connection, LARGEST)?;
        let fail = |error: rusqlite::Error| failure::of(&path, &error);
        if blank {
            let build = connection.transaction().map_err(fail)?;
            build.pragma_update(None, "application_id", APPLICATION).map_err(fail)?;
            build.pragma_update(None, "user_version", VERSION).map_err(fail)?;
            build.execute_batch(SCHEMA).map_err(fail)?;
            build.commit().map_err(fail)?;
        } else {
            migrate(directory, &path, &mut connection)?;
        }
        if fresh {
            directory.flush_top()?;
        }
        Ok(Self { path, connection, frames: 0 })
    }

    /// Opens the file for looking at it, beside the daemon that owns it.
    pub(super) fn look(path: PathBuf) -> Result<Self, StorageError> {
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        check(&path, &connection)?;
        Ok(Self { path, connection, frames: 0 })
    }

    /// Everything but the segments.
    pub(super) fn read(&mut self) -> Result<Found, StorageError> {
        let run = self
            .connection
            .query_row("SELECT epoch, clean, safe_to FROM run", [], |row| {
                Ok(RunMark {
                    epoch: Epoch(row.get(0)?),
                    clean: row.get(1)?,
                    safe_to: row.get::<_, i64>(2)?.cast_unsigned(),
                })
            })
            .optional()
            .map_err(|error| failure::of(&self.path, &error))?;
        let bookmarks = self.all("SELECT name, cursor, bd_seq FROM destination", |row| {
            Ok(Bookmark { name: row.get(0)?, cursor: row.get(1)?, bd_seq: row.get(2)? })
        })?;
        let gaps = self.gaps("WHERE settled = 0")?;
        let highest =
            self.all("SELECT COALESCE(MAX(id), 0) FROM gap", |row| row.get::<_, i64>(0))?;
        let next_gap =
            highest.first().map_or(0, |&id| if id > 0 { id.cast_unsigned() + 1 } else { 0 });
        Ok(Found { run, bookmarks, gaps, next_gap, ..Found::default() })
    }

    /// What was done to the medium so far; nothing is known of version 1.
    pub(super) fn wear(&self) -> Result<LifetimeWear, StorageError> {
        let columns = "SELECT count(*) FROM pragma_table_info('run') WHERE name = 'written'";
        if self.all(columns, |row| row.get::<_, i64>(0))? == [0] {
            return Ok(LifetimeWear::default());
        }
        let known = self.all("SELECT written, flushes, running_s FROM run", |row| {
            let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
            let wear = Wear { bytes_written: unsigned(0)?, flushes: unsigned(1)? };
            Ok(LifetimeWear { wear, running_s: unsigned(2)? })
        })?;
        Ok(known.first().copied().unwrap_or_default())
    }

    /// Gap records in order.
    pub(super) fn gaps(&self, filter: &str) -> Result<Vec<GapRecord>, StorageError> {
        let sql = format!(
            "SELECT id, destination, cause, epoch, first, last, lane, readings, from_us, to_us,
             declared_us FROM gap {filter} ORDER BY id"
        );
        self.all(&sql, gap)
    }

    /// Segments by number.
    pub(super) fn segments(&self) -> Result<Vec<Listed>, StorageError> {
        self.all("SELECT seq, epoch, lane, first, last FROM segment ORDER BY seq", |row| {
            let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
            Ok(Listed {
                seq: unsigned(0)?,
                epoch: Epoch(row.get(1)?),
                lane: Lane::from_code(row.get(2)?).unwrap_or(Lane::Live),
                first: unsigned(3)?,
                last: unsigned(4)?,
            })
        })
    }

    fn all<T>(
        &self,
        sql: &str,
        each: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StorageError> {
        let fail = |error: rusqlite::Error| failure::of(&self.path, &error);
        let mut select = self.connection.prepare_cached(sql).map_err(fail)?;
        select.query_map([], each).map_err(fail)?.collect::<Result<_, _>>().map_err(fail)
    }

    /// Lists a segment that was just made.
    pub(super) fn list(&mut self, head: &SegmentHead) -> Result<(), StorageError> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO segment VALUES(?1, ?2, ?3, 1, -1)",
                params![head.seq.cast_signed(), head.epoch.0, head.lane as u8],
            )
            .map(|_| ())
            .map_err(|error| failure::of(&self.path, &error))
    }

    /// Lists a segment that was found.
    pub(super) fn relist(&mut self, segment: &Segment) -> Result<(), StorageError> {
        let Segment { seq, epoch, lane, first, last, .. } = *segment;
        let (seq, lane) = (seq.cast_signed(), lane as u8);
        self.connection
            .execute(
                "INSERT OR REPLACE INTO segment VALUES(?1, ?2, ?3, ?4, ?5)",
                params![seq, epoch.0, lane, first.cast_signed(), last.cast_signed()],
            )
            .map(|_| ())
            .map_err(|error| failure::of(&self.path, &error))
    }

    /// Notes what a segment holds that will not grow any more.
    pub(super) fn sealed(&mut self, segment: &Segment) -> Result<(), StorageError> {
        let Segment { seq, first, last, .. } = segment;
        self.connection
            .execute(
                "UPDATE segment SET first = ?2, last = ?3 WHERE seq = ?1",
                params![seq.cast_signed(), first.cast_signed(), last.cast_signed()],
            )
            .map(|_| ())
            .map_err(|error| failure::of(&self.path, &error))
    }

    /// Saves all of it or nothing, and what was done to the medium; what that did to it.
    pub(super) fn save(&mut self, save: &Save, life: &LifetimeWear) -> Result<Wear, StorageError> {
        self.write(save, life).map_err(|error| failure::of(&self.path, &error))?;
        let (frames, _) = checkpoint(&self.path, &self.connection, Checkpoint::Look)?;
        // Shorter than before: it began anew.
        let before = if frames >= self.frames { self.frames } else { 0 };
        let mut written = wear::logged(before, frames - before);
        self.frames = frames;
        if frames > LONGEST_LOG {
            let (_, folded) = checkpoint(&self.path, &self.connection, Checkpoint::Restart)?;
            written.add(wear::folded(folded));
            (self.frames, _) = checkpoint(&self.path, &self.connection, Checkpoint::Look)?;
        }
        Ok(written)
    }

    fn write(&mut self, save: &Save, life: &LifetimeWear) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO run VALUES(1, ?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                save.run.epoch.0,
                save.run.clean,
                save.run.safe_to.cast_signed(),
                life.wear.bytes_written.cast_signed(),
                life.wear.flushes.cast_signed(),
                life.running_s.cast_signed(),
            ])?;
        // First: one may have gone and come again since.
        for name in &save.forgotten {
            transaction.execute("DELETE FROM destination WHERE name = ?1", [name])?;
            transaction.execute("UPDATE gap SET settled = 1 WHERE destination = ?1", [name])?;
        }
        for mark in &save.bookmarks {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO destination VALUES(?1, ?2, ?3)")?
                .execute(params![mark.name, mark.cursor, mark.bd_seq])?;
        }
        for gap in &save.gaps {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO gap VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,0)",
                )?
                .execute(params![
                    gap.id.cast_signed(),
                    gap.destination,
                    gap.cause as u8,
                    gap.first.epoch.0,
                    gap.first.number.cast_signed(),
                    gap.last.number.cast_signed(),
                    gap.lane.map(|lane| lane as u8),
                    gap.readings.cast_signed(),
                    gap.from.0,
                    gap.to.0,
                    gap.declared.0,
                ])?;
        }
        for id in &save.settled_gaps {
            transaction.execute("UPDATE gap SET settled = 1 WHERE id = ?1", [id.cast_signed()])?;
        }
        if !save.settled_gaps.is_empty() {
            transaction.execute(
                "DELETE FROM gap WHERE settled = 1 AND id <=
                 (SELECT id FROM gap WHERE settled = 1 ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                [GAPS_KEPT],
            )?;
        }
        for seq in &save.unlisted {
            transaction.execute("DELETE FROM segment WHERE seq = ?1", [seq.cast_signed()])?;
        }
        transaction.commit()
    }
}

/// Brings a file of an older version up to this one. A copy of it as it was
/// is on disk before anything is changed.
fn migrate(
    directory: &Directory,
    path: &std::path::Path,
    connection: &mut Connection,
) -> Result<(), StorageError> {
    let fail = |error: rusqlite::Error| failure::of(path, &error);
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
    if version >= VERSION {
        return Ok(());
    }
    let copy = path.with_extension(format!("db.v{version}"));
    // Of an attempt that was cut short.
    directory.remove(&copy)?;
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map_err(fail)?;
    File::open(&copy).and_then(|file| file.sync_all()).map_err(|e| failure::of_io(&copy, &e))?;
    directory.flush_top()?;
    let step = connection.transaction().map_err(fail)?;
    step.execute_batch(SINCE_1).map_err(fail)?;
    step.pragma_update(None, "user_version", VERSION).map_err(fail)?;
    step.commit().map_err(fail)?;
    tracing::info!(copy = %copy.display(), "control.db was brought up from version {version}");
    Ok(())
}

/// A file without any table: made, and then the power failed.
fn is_blank(path: &std::path::Path, connection: &Connection) -> Result<bool, StorageError> {
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .map(|tables| tables == 0)
        .map_err(|error| failure::of(path, &error))
}

/// It is ours, of a version we read, and whole.
fn check(path: &std::path::Path, connection: &Connection) -> Result<(), StorageError> {
    let fail = |error: rusqlite::Error| failure::of(path, &error);
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("application_id").map_err(fail)? != APPLICATION {
        let detail = format!("{}: this is not a control database of ours", path.display());
        return Err(StorageError::new(StorageCode::Damaged, detail));
    }
    let version = number("user_version").map_err(fail)?;
    if version > VERSION {
        let detail = format!(
            "{}: format {version}, this version reads {VERSION}; start the newer version, or move \
             the state directory away",
            path.display()
        );
        return Err(StorageError::new(StorageCode::Newer, detail));
    }
    let said = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .map_err(fail)?;
    if said == "ok" {
        return Ok(());
    }
    Err(StorageError::new(StorageCode::Damaged, format!("{}: {said}", path.display())))
}

fn gap(row: &SqlRow<'_>) -> rusqlite::Result<GapRecord> {
    let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let epoch = Epoch(row.get(3)?);
    Ok(GapRecord {
        id: unsigned(0)?,
        destination: row.get(1)?,
        cause: GapCause::from_code(row.get(2)?).unwrap_or(GapCause::Damaged),
        first: BatchId::new(epoch, unsigned(4)?),
        last: BatchId::new(epoch, unsigned(5)?),
        lane: row.get::<_, Option<u8>>(6)?.and_then(Lane::from_code),
        readings: unsigned(7)?,
        from: Stamp(row.get(8)?),
        to: Stamp(row.get(9)?),
        declared: Stamp(row.get(10)?),
    })
}
