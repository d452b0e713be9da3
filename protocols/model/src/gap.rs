//! The declared loss: what a destination will not get, and why.

use alloc::string::String;

use crate::{BatchId, Lane, Stamp};

/// Why readings were lost. Numbers are part of the wire format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum GapCause {
    /// No room: the buffer was full, oldest first.
    Shed = 1,
    /// Older than `max_age`.
    Expired = 2,
    /// Stored bytes were damaged.
    Damaged = 3,
    /// The run before ended without a clean stop; batches that were neither
    /// confirmed nor due on disk yet (younger than `commit_within`) are gone.
    Crash = 4,
    /// The destination refused the batch for good.
    Refused = 5,
    /// The disk could not take it and memory was full.
    NoStorage = 6,
}

impl GapCause {
    /// The cause behind a wire code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Shed),
            2 => Some(Self::Expired),
            3 => Some(Self::Damaged),
            4 => Some(Self::Crash),
            5 => Some(Self::Refused),
            6 => Some(Self::NoStorage),
            _ => None,
        }
    }

    /// Stable lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shed => "shed",
            Self::Expired => "expired",
            Self::Damaged => "damaged",
            Self::Crash => "crash",
            Self::Refused => "refused",
            Self::NoStorage => "no-storage",
        }
    }
}

/// A range of batches that a destination will not get.
#[derive(Clone, PartialEq, Debug)]
pub struct GapRecord {
    /// Grows by one per record of this gateway; names the record.
    pub id: u64,
    /// Which destination; empty: all of them.
    pub destination: String,
    /// Why.
    pub cause: GapCause,
    /// First batch lost.
    pub first: BatchId,
    /// Last batch lost (same epoch as `first`); after a crash the end is not
    /// known and `number` is `u64::MAX`.
    pub last: BatchId,
    /// Which lane; `None` when several or unknown.
    pub lane: Option<Lane>,
    /// Readings lost; 0 when not known (crash).
    pub readings: u64,
    /// Stamp of the earliest reading lost, as far as known.
    pub from: Stamp,
    /// Stamp of the latest reading lost, as far as known.
    pub to: Stamp,
    /// When the record was made.
    pub declared: Stamp,
}
