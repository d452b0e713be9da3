//! The few operations by which bytes reach the disk and come back. A test may stand in between.

use std::fmt;

use bytes::Bytes;
use forehearth_model::{BatchId, CatalogueHash, Epoch, GapRecord, Lane};

use crate::cursor::Cursor;
use crate::ram::Row;
use crate::shelf::Segment;

/// What is wrong with the disk, in words an operator can act on. The code is
/// stable and appears in `health()`, metrics and logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StorageCode {
    /// No space left on the volume.
    Full,
    /// The volume is mounted read-only.
    ReadOnly,
    /// The medium reports errors.
    Io,
    /// The state directory does not exist and cannot be made.
    Missing,
    /// The daemon's user may not write there.
    Denied,
    /// No file handles left.
    TooManyFiles,
    /// Another daemon uses the directory.
    Locked,
    /// A file is damaged.
    Damaged,
    /// A file was written by a newer version.
    Newer,
    /// Anything else; the detail says what.
    Other,
}

impl StorageCode {
    /// Stable lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "disk-full",
            Self::ReadOnly => "read-only",
            Self::Io => "io-error",
            Self::Missing => "missing",
            Self::Denied => "denied",
            Self::TooManyFiles => "too-many-files",
            Self::Locked => "locked",
            Self::Damaged => "damaged",
            Self::Newer => "newer-version",
            Self::Other => "other",
        }
    }
}

impl StorageCode {
    /// One file is to blame, and the rest of the volume may work: it is set
    /// aside and its loss declared, rather than all of the disk done without.
    pub(crate) const fn blames_one_file(self) -> bool {
        // `Other` is what the system says of a folder where a file should be.
        matches!(self, Self::Damaged | Self::Denied | Self::Other)
    }
}

/// Why an operation on the disk failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StorageError {
    /// What is wrong.
    pub code: StorageCode,
    /// Which file and what the system said.
    pub detail: String,
}

impl StorageError {
    /// An error with a code and what the system said.
    #[must_use]
    pub fn new(code: StorageCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.detail)
    }
}

impl std::error::Error for StorageError {}

/// What the control database says of one destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bookmark {
    /// The destination.
    pub name: String,
    /// Its cursor, as encoded by this crate; opaque to a `Storage`.
    pub cursor: Vec<u8>,
    /// The next birth/death sequence number.
    pub bd_seq: u8,
}

impl Bookmark {
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        Cursor::decode(&self.cursor)
    }
}

/// One run of the daemon in the control database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunMark {
    /// Its number.
    pub epoch: Epoch,
    /// It ended with [`Buffer::close`](crate::Buffer::close).
    pub clean: bool,
    /// Up to here every number was stored or settled by all when this was saved.
    pub safe_to: u64,
}

/// A segment that the control database lists but that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostSegment {
    /// Its name.
    pub seq: u64,
    /// The run of the daemon that wrote it.
    pub epoch: Epoch,
    /// Its lane.
    pub lane: Lane,
    /// Its first number, 1 when unknown.
    pub first: u64,
    /// Its last number, `u64::MAX` when unknown.
    pub last: u64,
}

/// What was found on disk.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Found {
    /// The last run; `None` when there is no control database yet (or any more).
    pub run: Option<RunMark>,
    /// All destinations ever known.
    pub bookmarks: Vec<Bookmark>,
    /// Gap records that are not settled, oldest first.
    pub gaps: Vec<GapRecord>,
    /// Above every gap record ever made; 0 when unknown.
    pub next_gap: u64,
    /// Above every segment ever made.
    pub next_seq: u64,
    /// Segments that can be read, oldest first; no batch is in two of them.
    pub segments: Vec<Segment>,
    /// Segments that cannot.
    pub lost: Vec<LostSegment>,
    /// Their numbers, to be unlisted with the next save.
    pub unlisted: Vec<u64>,
}

/// What one save of the control database changes, all of it or nothing.
#[derive(Clone, PartialEq, Debug)]
pub struct Save {
    /// This run.
    pub run: RunMark,
    /// Cursors and sequence numbers that moved.
    pub bookmarks: Vec<Bookmark>,
    /// Destinations that are gone.
    pub forgotten: Vec<String>,
    /// Gap records, new or grown.
    pub gaps: Vec<GapRecord>,
    /// Gap records that were delivered.
    pub settled_gaps: Vec<u64>,
    /// Segments that are about to be removed.
    pub unlisted: Vec<u64>,
}

/// What a new segment says about itself.
#[derive(Clone, Debug)]
pub struct SegmentHead {
    /// Its name.
    pub seq: u64,
    /// This run.
    pub epoch: Epoch,
    /// Its lane.
    pub lane: Lane,
    /// The catalogue its batches are read with, so that one file alone can be salvaged.
    pub catalogue: (CatalogueHash, Bytes),
    /// It will be sealed at about this size.
    pub size: u64,
}

/// How much room there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Room {
    /// Bytes used beside the segments: control database, quarantine.
    pub other: u64,
    /// Bytes free on the volume for this process.
    pub free: u64,
}

/// What one read of a segment brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Piece {
    /// Whole rows, in order.
    pub rows: Vec<Row>,
    /// Behind them nothing can be read for a while.
    pub hole: Option<Hole>,
    /// More follow.
    pub more: bool,
}

/// Numbers of a segment of which no row can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hole {
    /// The first; whether the lane had it is not known.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// What was done to the medium since the daemon started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wear {
    /// Bytes handed to the volume.
    pub bytes_written: u64,
    /// Flushes asked for.
    pub flushes: u64,
}

/// What was done to the medium in all its life with us, the last run included
/// up to its last save.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LifetimeWear {
    /// What was written and flushed.
    pub wear: Wear,
    /// How long the daemon ran, in seconds of its own clock.
    pub running_s: u64,
}

impl LifetimeWear {
    /// Both together.
    pub(crate) const fn and(self, since: Wear, running_s: u64) -> Self {
        let wear = Wear {
            bytes_written: self.wear.bytes_written + since.bytes_written,
            flushes: self.wear.flushes + since.flushes,
        };
        Self { wear, running_s: self.running_s + running_s }
    }
}

/// Where the keeper puts batches and cursors.
///
/// A method that returned `Ok` has flushed: what it wrote survives a power
/// cut. A method that failed is never called again for the same file in the
/// hope of a better answer; the keeper abandons the segment and writes to a
/// new one.
///
/// # Errors
/// Every method fails with what is wrong with the disk.
pub trait Storage: Send {
    /// Locks the directory and reads what is there; repairs nothing but moves
    /// aside what cannot be read, and lists what is there and not listed. May
    /// be called again after a failure.
    fn open(&mut self) -> Result<Found, StorageError>;

    /// Starts a segment.
    fn create(&mut self, head: &SegmentHead) -> Result<(), StorageError>;

    /// Appends rows to an open segment, flushes, and tells what the segment is now.
    fn commit(&mut self, seq: u64, rows: &[Row]) -> Result<Segment, StorageError>;

    /// Ends a segment: its log is folded into it. Returns its size.
    fn seal(&mut self, seq: u64) -> Result<u64, StorageError>;

    /// Lets go of an open segment that failed, without touching it again.
    fn abandon(&mut self, seq: u64);

    /// Rows with numbers in `from..=to`, in order, at most `bytes` of payload
    /// (but at least one row), up to the first that is damaged. `to` is the
    /// number of a row that was written.
    fn read(&mut self, seq: u64, from: u64, to: u64, bytes: usize) -> Result<Piece, StorageError>;

    /// Batches and readings with numbers in `from..=to`.
    fn sum(&mut self, seq: u64, from: u64, to: u64) -> Result<(u64, u64), StorageError>;

    /// A catalogue from a segment's head.
    fn catalogue(&mut self, seq: u64, hash: CatalogueHash) -> Result<Option<Bytes>, StorageError>;

    /// Removes a segment.
    fn remove(&mut self, seq: u64) -> Result<(), StorageError>;

    /// Moves a damaged segment aside, for salvage by hand.
    fn quarantine(&mut self, seq: u64) -> Result<(), StorageError>;

    /// Removes the oldest of what was set aside until it takes no more than this.
    fn trim_quarantine(&mut self, most: u64) -> Result<(), StorageError>;

    /// Saves cursors, marks and gap records.
    fn save(&mut self, save: &Save) -> Result<(), StorageError>;

    /// How much room there is.
    fn room(&mut self) -> Result<Room, StorageError>;

    /// What was done to the medium.
    fn wear(&self) -> Wear;
}

impl LostSegment {
    /// Its ends as batches.
    pub(crate) const fn ends(&self) -> (BatchId, BatchId) {
        (BatchId::new(self.epoch, self.first), BatchId::new(self.epoch, self.last))
    }
}
