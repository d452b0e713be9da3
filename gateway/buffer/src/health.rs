//! How the buffer is: whether the disk takes what it is given, and how full everything is.

use std::time::Instant;

use forehearth_model::Stamp;

use crate::storage::{StorageCode, Wear};

/// Whether batches reach the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StorageState {
    /// They do.
    Up,
    /// They do not. Memory takes what fits, the oldest of the rest is lost
    /// and declared; the disk is tried again every few seconds.
    Down {
        /// What is wrong.
        code: StorageCode,
        /// Which file and what the system said.
        detail: String,
        /// Since when.
        since: Instant,
    },
}

/// What an operator has to know first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    /// Whether batches reach the disk.
    pub storage: StorageState,
    /// Troubles with the disk since start.
    pub troubles: u64,
}

/// Figures for metrics and the status page.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Bytes on disk: segments, control database, their logs, quarantine.
    pub disk_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Batches in memory.
    pub memory_batches: u64,
    /// Memory they take.
    pub memory_bytes: u64,
    /// Stamp of the oldest reading that waits for anybody.
    pub oldest_waiting: Option<Stamp>,
    /// Group commits since start.
    pub commits: u64,
    /// Batches written since start.
    pub batches_written: u64,
    /// Readings written since start.
    pub readings_written: u64,
    /// Commits that ended later than `commit_within` after their oldest reading.
    pub late_commits: u64,
    /// How long the slowest commit took.
    pub slowest_commit_us: u64,
    /// What was done to the medium.
    pub wear: Wear,
    /// Segments set aside as damaged since start.
    pub quarantined: u64,
    /// Gap records waiting for their destination.
    pub gaps_waiting: u64,
    /// Confirmations of batches that were not under way any more.
    pub stray_confirmations: u64,
    /// How often the thread that owns the disk looked at what is due: it
    /// lives as long as this grows.
    pub turns: u64,
}
