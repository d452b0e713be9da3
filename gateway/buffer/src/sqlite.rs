//! Batches and cursors in SQLite files: one control database, and a file per segment.

mod control;
mod directory;
mod failure;
mod segment;
mod wear;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use forehearth_model::CatalogueHash;
use rusqlite::{Connection, OpenFlags};

use crate::ram::Row;
use crate::shelf::Segment;
use crate::storage::{
    Found, LifetimeWear, LostSegment, Piece, Room, Save, SegmentHead, Storage, StorageCode,
    StorageError, Wear,
};
use control::Control;
pub(crate) use directory::Directory;
use segment::SegmentFile;

/// SQLite's page, and what the log adds to it (frame header, file format 3.0, section 4.2).
/// Chosen: a commit at 1,000 readings/s rewrites the page it goes on with;
/// see ARCHITECTURE.md for what other sizes wrote.
const PAGE: u64 = 2048;
const FRAME: u64 = PAGE + 24;

/// Page cache of each connection in KiB; a batch is a page or two.
const CACHE_KIB: i64 = 256;

/// The state directory as [`Storage`].
#[derive(Debug)]
pub struct SqliteStorage {
    path: PathBuf,
    /// Held while the directory is ours.
    directory: Option<Directory>,
    control: Option<Control>,
    /// Being written.
    open: BTreeMap<u64, SegmentFile>,
    /// Of what is only read, the last two: one per lane.
    reading: Vec<SegmentFile>,
    /// Known segments by number, with the name of their file.
    names: BTreeMap<u64, String>,
    wear: Wear,
    /// Of earlier runs, as found.
    before: Option<LifetimeWear>,
    started: Instant,
    quarantined: u64,
}

impl SqliteStorage {
    /// A state directory, not touched yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            directory: None,
            control: None,
            open: BTreeMap::new(),
            reading: Vec::new(),
            names: BTreeMap::new(),
            wear: Wear::default(),
            before: None,
            started: Instant::now(),
            quarantined: 0,
        }
    }

    fn directory(&self) -> Result<&Directory, StorageError> {
        self.directory
            .as_ref()
            .ok_or_else(|| StorageError::new(StorageCode::Missing, "the directory is not open"))
    }

    fn control(&mut self) -> Result<&mut Control, StorageError> {
        self.control
            .as_mut()
            .ok_or_else(|| StorageError::new(StorageCode::Missing, "control.db is not open"))
    }

    /// The file of a segment, for reading.
    fn segment(&mut self, seq: u64) -> Result<&SegmentFile, StorageError> {
        if self.open.contains_key(&seq) {
            return Ok(&self.open[&seq]);
        }
        if let Some(at) = self.reading.iter().position(|file| file.seq() == seq) {
            let file = self.reading.remove(at);
            self.reading.push(file);
        } else {
            let path = self.segment_path(seq)?;
            let file = SegmentFile::open(&path)?;
            self.reading.truncate(1);
            self.reading.push(file);
        }
        self.reading
            .last()
            .ok_or_else(|| StorageError::new(StorageCode::Other, "no segment is open"))
    }

    fn segment_path(&self, seq: u64) -> Result<PathBuf, StorageError> {
        let name = self.names.get(&seq).ok_or_else(|| {
            StorageError::new(StorageCode::Missing, format!("segment {seq} is not known"))
        })?;
        Ok(self.directory()?.segments().join(name))
    }

    /// Reads every segment there is; what cannot be read goes aside.
    /// The second list names files that were made and never written to.
    fn find_segments(&mut self) -> Result<(Vec<Segment>, Vec<u64>), StorageError> {
        let (mut segments, mut empty) = (Vec::new(), Vec::new());
        self.directory()?.sweep_segments()?;
        let names = self.directory()?.segment_names()?;
        for (seq, name) in &names {
            let path = self.directory()?.segments().join(name);
            match SegmentFile::recover(&path, *seq) {
                Ok(Some(segment)) => {
                    self.names.insert(*seq, name.clone());
                    segments.push(segment);
                }
                Ok(None) => {
                    self.directory()?.remove(&path)?;
                    empty.push(*seq);
                }
                Err(error) if error.code.blames_one_file() => {
                    tracing::error!(code = "FH-BUF-DAMAGED", %error, "a segment is set aside");
                    self.directory()?.set_aside(&path)?;
                }
                Err(error) => return Err(error),
            }
        }
        self.cut_repeated_tails(&mut segments, &mut empty)?;
        Ok((segments, empty))
    }

    /// A commit that failed may be in its file all the same; its rows were
    /// written again to the next file of the lane, which is the one to believe.
    fn cut_repeated_tails(
        &mut self,
        segments: &mut Vec<Segment>,
        empty: &mut Vec<u64>,
    ) -> Result<(), StorageError> {
        let mut at = 0;
        while at < segments.len() {
            let this = segments[at].clone();
            let next = segments[at + 1..]
                .iter()
                .find(|next| next.lane == this.lane && next.epoch == this.epoch)
                .map(|next| next.first);
            match next {
                Some(first) if first <= this.first => {
                    let path = self.segment_path(this.seq)?;
                    self.directory()?.remove(&path)?;
                    self.names.remove(&this.seq);
                    empty.push(this.seq);
                    segments.remove(at);
                    continue;
                }
                Some(first) if first <= this.last => {
                    segments[at] = self.segment(this.seq)?.cut(this, first)?;
                }
                _ => {}
            }
            at += 1;
        }
        Ok(())
    }
}

impl Storage for SqliteStorage {
    fn open(&mut self) -> Result<Found, StorageError> {
        self.open.clear();
        self.reading.clear();
        self.names.clear();
        self.control = None;
        if self.directory.as_ref().is_none_or(|directory| !directory.is_there()) {
            self.directory = None;
            self.directory = Some(Directory::open(&self.path)?);
        }
        let directory = self.directory()?;
        let mut control = Control::open(directory)?;
        let mut found = control.read()?;
        // Later it holds what this run has added.
        if self.before.is_none() {
            self.before = Some(control.wear()?);
        }
        self.control = Some(control);
        let empty;
        (found.segments, empty) = self.find_segments()?;
        let listed = self.control()?.segments()?;
        let strays = found.segments.iter().filter(|s| listed.iter().all(|l| l.seq != s.seq));
        // Their removal was announced and failed. Should they vanish later,
        // that must not pass unnoticed.
        for stray in strays {
            self.control()?.relist(stray)?;
        }
        for listed in listed {
            found.next_seq = found.next_seq.max(listed.seq + 1);
            if self.names.contains_key(&listed.seq) {
                continue;
            }
            found.unlisted.push(listed.seq);
            if !empty.contains(&listed.seq) {
                let (seq, epoch, lane, first, last) =
                    (listed.seq, listed.epoch, listed.lane, listed.first, listed.last);
                found.lost.push(LostSegment { seq, epoch, lane, first, last });
            }
        }
        let highest = self.names.keys().next_back().map_or(0, |seq| seq + 1);
        found.next_seq = found.next_seq.max(highest).max(1);
        self.quarantined = self.directory()?.quarantined_bytes();
        Ok(found)
    }

    fn create(&mut self, head: &SegmentHead) -> Result<(), StorageError> {
        let name = Directory::segment_name(head.seq, head.lane);
        let path = self.directory()?.segments().join(&name);
        // A file that is not listed yet is empty; a listed one exists.
        let file = SegmentFile::create(&path, head).inspect_err(|_| {
            // What was begun takes space on a full volume; gone is gone.
            let _left = self.directory.as_ref().map(|directory| directory.remove(&path));
        })?;
        self.directory()?.flush_segments()?;
        self.control()?.list(head)?;
        self.wear.add(wear::new_file(head.catalogue.1.len() as u64));
        self.names.insert(head.seq, name);
        self.open.insert(head.seq, file);
        Ok(())
    }

    fn commit(&mut self, seq: u64, rows: &[Row]) -> Result<Segment, StorageError> {
        let file = self.open.get_mut(&seq).ok_or_else(|| {
            StorageError::new(StorageCode::Missing, format!("segment {seq} is not open"))
        })?;
        let segment = file.append(rows)?;
        self.wear.add(file.logged());
        self.wear.add(wear::folded(file.fold_if_long()?));
        Ok(segment)
    }

    fn seal(&mut self, seq: u64) -> Result<u64, StorageError> {
        let Some(file) = self.open.remove(&seq) else { return Ok(0) };
        let segment = file.segment();
        let (bytes, folded) = file.seal()?;
        self.wear.add(wear::folded(folded));
        if let Some(segment) = segment {
            self.control()?.sealed(&segment)?;
        }
        Ok(bytes)
    }

    fn abandon(&mut self, seq: u64) {
        if let Some(file) = self.open.remove(&seq) {
            file.abandon();
        }
        self.reading.retain(|file| file.seq() != seq);
    }

    fn read(&mut self, seq: u64, from: u64, to: u64, bytes: usize) -> Result<Piece, StorageError> {
        self.segment(seq)?.read(from, to, bytes)
    }

    fn sum(&mut self, seq: u64, from: u64, to: u64) -> Result<(u64, u64), StorageError> {
        self.segment(seq)?.sum(from, to)
    }

    fn catalogue(&mut self, seq: u64, hash: CatalogueHash) -> Result<Option<Bytes>, StorageError> {
        self.segment(seq)?.catalogue(hash)
    }

    fn remove(&mut self, seq: u64) -> Result<(), StorageError> {
        self.abandon(seq);
        let path = self.segment_path(seq)?;
        self.directory()?.remove(&path)?;
        self.names.remove(&seq);
        Ok(())
    }

    fn quarantine(&mut self, seq: u64) -> Result<(), StorageError> {
        self.abandon(seq);
        let path = self.segment_path(seq)?;
        self.directory()?.set_aside(&path)?;
        self.names.remove(&seq);
        self.quarantined = self.directory()?.quarantined_bytes();
        Ok(())
    }

    fn trim_quarantine(&mut self, most: u64) -> Result<(), StorageError> {
        if self.quarantined > most {
            let directory = self.directory()?;
            directory.trim_quarantine(most)?;
            self.quarantined = directory.quarantined_bytes();
        }
        Ok(())
    }

    fn save(&mut self, save: &Save) -> Result<(), StorageError> {
        let life = self.before.unwrap_or_default().and(self.wear, self.started.elapsed().as_secs());
        let written = self.control()?.save(save, &life)?;
        self.wear.add(written);
        Ok(())
    }

    fn room(&mut self) -> Result<Room, StorageError> {
        let directory = self.directory()?;
        let other = directory.control_bytes() + self.quarantined;
        Ok(Room { other, free: directory.free()? })
    }

    fn wear(&self) -> Wear {
        self.wear
    }
}

/// Opens a database file and sets what every file of ours has in common.
///
/// `FULL` flushes the log at each commit: NORMAL lost the last commits in
/// simulated power cuts. The checkpoints are ours, so that none delays a
/// commit unseen. The file is not trusted: it may have been put there.
fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StorageError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| failure::of(path, &error))?;
    let set = || -> rusqlite::Result<()> {
        use rusqlite::config::DbConfig;
        // Only on a file without a page, and before anything else.
        connection.pragma_update(None, "page_size", PAGE.cast_signed())?;
        connection.busy_timeout(std::time::Duration::from_millis(250))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(())
    };
    set().map_err(|error| failure::of(path, &error))?;
    Ok(connection)
}

/// What only a writer sets, on a file that exists or was just made.
fn write_ahead(path: &Path, connection: &Connection, max_bytes: u64) -> Result<(), StorageError> {
    let set = || -> rusqlite::Result<()> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "max_page_count", (max_bytes / PAGE).cast_signed())?;
        Ok(())
    };
    set().map_err(|error| failure::of(path, &error))
}

/// How a checkpoint treats the log.
#[derive(Clone, Copy)]
enum Checkpoint {
    /// Only looks.
    Look,
    /// Folds it in; the log is written from its start again, its space stays ours.
    Restart,
    /// Folds it in and gives its space back.
    Truncate,
}

/// Runs a checkpoint: frames in the log, frames folded in.
fn checkpoint(path: &Path, conn: &Connection, how: Checkpoint) -> Result<(u64, u64), StorageError> {
    let sql = match how {
        Checkpoint::Look => "PRAGMA wal_checkpoint(NOOP)",
        Checkpoint::Restart => "PRAGMA wal_checkpoint(RESTART)",
        Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    conn.query_row(sql, [], |row| {
        let frames = row.get::<_, i64>(1)?.max(0).cast_unsigned();
        Ok((frames, row.get::<_, i64>(2)?.max(0).cast_unsigned()))
    })
    .map_err(|error| failure::of(path, &error))
}

/// What is in a state directory that may belong to a running daemon, its size,
/// and how many files are set aside.
pub(crate) fn look(dir: &Path) -> Result<(Found, u64, u64, LifetimeWear), StorageError> {
    let control = dir.join("control.db");
    let mut database = Control::look(control.clone())?;
    let mut found = database.read()?;
    let wear = database.wear()?;
    let folder = dir.join("segments");
    for (_, name) in directory::segment_names(&folder)? {
        // It may be removed while we look.
        let survey = SegmentFile::look(&folder.join(&name)).and_then(|file| file.survey());
        found.segments.extend(survey.ok().flatten());
    }
    let (files, set_aside) = directory::quarantined(dir);
    let segments: u64 = found.segments.iter().map(|segment| segment.bytes).sum();
    let bytes = segments + directory::size_of_database(&control) + set_aside;
    Ok((found, bytes, files, wear))
}

/// Every gap record of a state directory.
pub(crate) fn all_gaps(dir: &Path) -> Result<Vec<forehearth_model::GapRecord>, StorageError> {
    Control::look(dir.join("control.db"))?.gaps("")
}

/// All segment files of a state directory, oldest first.
pub(crate) fn segment_files(dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let folder = dir.join("segments");
    Ok(directory::segment_names(&folder)?.into_iter().map(|(_, name)| folder.join(name)).collect())
}

/// One segment file, to be looked through beside the daemon that owns it.
#[derive(Debug)]
pub(crate) struct Reader(SegmentFile);

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        SegmentFile::look(path).map(Self)
    }

    /// The number of its last batch, whole or not; the highest there can be
    /// when not even that can be read. `None` when it is empty.
    pub(crate) fn last(&self) -> Option<u64> {
        self.0.last().unwrap_or(Some(i64::MAX.cast_unsigned()))
    }

    pub(crate) fn read(&self, from: u64, to: u64, bytes: usize) -> Result<Piece, StorageError> {
        self.0.read(from, to, bytes)
    }

    pub(crate) fn catalogue(&self, hash: CatalogueHash) -> Result<Option<Bytes>, StorageError> {
        self.0.catalogue(hash)
    }
}
