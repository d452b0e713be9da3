//! The one unit from the pipeline to the broker.

use alloc::vec::Vec;

use crate::{BatchId, BootId, CatalogueHash, DeviceId, Reading, Stamp};

/// Which queue a batch travels in. Numbers are part of the wire format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Lane {
    /// Sent first, shed last.
    Alarm = 1,
    /// Everything else.
    Live = 2,
}

impl Lane {
    /// The lane behind a wire code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Alarm),
            2 => Some(Self::Live),
            _ => None,
        }
    }

    /// Lower-case name, as in topics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Live => "live",
        }
    }
}

/// What the gateway knew about its wall clock. Numbers are part of the wire format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ClockState {
    /// Disciplined by NTP, PTP or GNSS.
    Synced = 1,
    /// Was synced in this boot, is not any more.
    Holdover = 2,
    /// Never set in this boot; stamps may be corrected later.
    Unset = 3,
}

impl ClockState {
    /// The state behind a wire code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Synced),
            2 => Some(Self::Holdover),
            3 => Some(Self::Unset),
            _ => None,
        }
    }

    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Holdover => "holdover",
            Self::Unset => "unset",
        }
    }
}

/// Consecutive readings of a batch that share device and stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Which device.
    pub device: DeviceId,
    /// When these readings were acquired.
    pub stamp: Stamp,
    /// How many readings, at least 1.
    pub len: u32,
}

/// Readings that are numbered, stored, sent and confirmed together.
///
/// `runs` cut `readings` into stretches that share device and stamp; their
/// lengths sum to `readings.len()`, which is at least 1.
#[derive(Clone, PartialEq, Debug)]
pub struct Batch {
    /// Place in the gateway's one numbering.
    pub id: BatchId,
    /// Which queue.
    pub lane: Lane,
    /// Which catalogue gives the tags their meaning.
    pub catalogue: CatalogueHash,
    /// Which boot of the machine.
    pub boot: BootId,
    /// What was known of the wall clock.
    pub clock: ClockState,
    /// Stretches of readings that share device and stamp, in order.
    pub runs: Vec<Run>,
    /// All readings, in order of acquisition.
    pub readings: Vec<Reading>,
}

impl Batch {
    /// Each run with its readings.
    pub fn iter(&self) -> impl Iterator<Item = (Run, &[Reading])> {
        let mut start = 0;
        self.runs.iter().map(move |run| {
            let end = start + run.len as usize;
            let readings = &self.readings[start..end];
            start = end;
            (*run, readings)
        })
    }

    /// Earliest and latest stamp. `None` for an empty batch, which no room makes.
    #[must_use]
    pub fn span(&self) -> Option<(Stamp, Stamp)> {
        let stamps = self.runs.iter().map(|run| run.stamp);
        Some((stamps.clone().min()?, stamps.max()?))
    }
}
