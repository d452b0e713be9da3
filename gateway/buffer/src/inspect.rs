//! Looking into a state directory, of a running daemon or a dead one. Writes nothing of its own.

mod walk;

use std::path::Path;

use forehearth_model::{GapRecord, Stamp};
use serde::Serialize;

use crate::sqlite::look;
use crate::storage::{LifetimeWear, StorageError};
pub use walk::{Seen, Walked, walk, walk_file};

/// What `forehearth buffer stat` shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Stat {
    /// The last run.
    pub epoch: u32,
    /// It ended orderly; false while it runs.
    pub clean: bool,
    /// Bytes on disk: segments, control database, their logs, quarantine.
    pub bytes: u64,
    /// Files in the quarantine.
    pub quarantined: u64,
    /// Batches on disk, settled ones in unfinished segments included.
    pub batches: u64,
    /// Readings on disk, likewise.
    pub readings: u64,
    /// Stamp of the oldest batch on disk, in UTC microseconds.
    pub oldest_us: Option<i64>,
    /// Every segment, oldest first.
    pub segments: Vec<SegmentStat>,
    /// Destinations that have a cursor.
    pub destinations: Vec<String>,
    /// Gap records that wait for their destination.
    pub gaps_waiting: u64,
    /// What was done to the medium.
    pub flash: FlashStat,
}

/// What was written in the directory's life, and how long flash stands that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct FlashStat {
    /// How long the daemon ran, in seconds.
    pub running_s: u64,
    /// Bytes the volume had to write for it, in whole blocks.
    pub bytes_written: u64,
    /// Flushes.
    pub flushes: u64,
    /// Bytes written per hour of running; `None` before the first hour.
    pub bytes_per_hour: Option<u64>,
    /// Flushes per hour of running.
    pub flushes_per_hour: Option<u64>,
    /// Years until `endurance_bytes` are written at that rate, at most 1,000.
    pub years_left: Option<u64>,
    /// What the medium is taken to stand.
    pub endurance_bytes: u64,
}

/// What a small medium stands: 8 GB that can each be written 3,000 times,
/// less three quarters that its controller takes for itself when it is written
/// in small pieces. Chosen: pessimistic; the data sheet of the medium knows.
pub const ENDURANCE_BYTES: u64 = 6_000_000_000_000;

impl FlashStat {
    fn of(life: LifetimeWear) -> Self {
        const HOUR: u64 = 3600;
        const YEAR: u64 = 365 * 24;
        let LifetimeWear { wear, running_s } = life;
        // A shorter time says nothing: the first files are made in it.
        let known = (running_s >= HOUR).then_some(running_s);
        let per_hour = |count: u64| known.map(|s| count.saturating_mul(HOUR) / s);
        let bytes_per_hour = per_hour(wear.bytes_written);
        let left = ENDURANCE_BYTES.saturating_sub(wear.bytes_written);
        Self {
            running_s,
            bytes_written: wear.bytes_written,
            flushes: wear.flushes,
            bytes_per_hour,
            flushes_per_hour: per_hour(wear.flushes),
            years_left: bytes_per_hour.map(|rate| (left / (rate.max(1) * YEAR)).min(1000)),
            endurance_bytes: ENDURANCE_BYTES,
        }
    }
}

/// One segment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SegmentStat {
    /// Its number.
    pub seq: u64,
    /// The run that wrote it.
    pub epoch: u32,
    /// Its lane.
    pub lane: &'static str,
    /// First batch in it.
    pub first: u64,
    /// Last batch in it.
    pub last: u64,
    /// How many batches.
    pub batches: u64,
    /// How many readings.
    pub readings: u64,
    /// Size on disk, its log included.
    pub bytes: u64,
}

/// A gap record for people and scripts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GapStat {
    /// Names the record.
    pub id: u64,
    /// Which destination.
    pub destination: String,
    /// Why, as a stable word.
    pub cause: &'static str,
    /// The run of the batches.
    pub epoch: u32,
    /// First batch lost.
    pub first: u64,
    /// Last batch lost; `None` when not known.
    pub last: Option<u64>,
    /// Which lane, when known.
    pub lane: Option<&'static str>,
    /// Readings lost; 0 when not known.
    pub readings: u64,
    /// Stamp of the earliest reading lost, UTC microseconds, when known.
    pub from_us: Option<i64>,
    /// Stamp of the latest reading lost, UTC microseconds, when known.
    pub to_us: Option<i64>,
    /// When it was declared, UTC microseconds.
    pub declared_us: i64,
}

impl From<&GapRecord> for GapStat {
    fn from(gap: &GapRecord) -> Self {
        let known = |stamp: Stamp| (stamp != Stamp(0)).then_some(stamp.micros());
        Self {
            id: gap.id,
            destination: gap.destination.clone(),
            cause: gap.cause.name(),
            epoch: gap.first.epoch.0,
            first: gap.first.number,
            last: (gap.last.number != u64::MAX).then_some(gap.last.number),
            lane: gap.lane.map(forehearth_model::Lane::name),
            readings: gap.readings,
            from_us: known(gap.from),
            to_us: known(gap.to),
            declared_us: gap.declared.micros(),
        }
    }
}

/// How full the state directory is.
///
/// # Errors
/// When there is no control database or it cannot be read. A segment that
/// cannot be read is left out.
pub fn stat(dir: &Path) -> Result<Stat, StorageError> {
    let (found, bytes, quarantined, life) = look(dir)?;
    let segments: Vec<SegmentStat> = found
        .segments
        .iter()
        .map(|segment| SegmentStat {
            seq: segment.seq,
            epoch: segment.epoch.0,
            lane: segment.lane.name(),
            first: segment.first,
            last: segment.last,
            batches: segment.rows,
            readings: segment.readings,
            bytes: segment.bytes,
        })
        .collect();
    Ok(Stat {
        epoch: found.run.map_or(0, |run| run.epoch.0),
        clean: found.run.is_some_and(|run| run.clean),
        bytes,
        quarantined,
        batches: segments.iter().map(|segment| segment.batches).sum(),
        readings: segments.iter().map(|segment| segment.readings).sum(),
        oldest_us: found.segments.iter().map(|segment| segment.from.micros()).min(),
        segments,
        destinations: found.bookmarks.into_iter().map(|mark| mark.name).collect(),
        gaps_waiting: found.gaps.len() as u64,
        flash: FlashStat::of(life),
    })
}

/// Every gap record there is, delivered ones included, oldest first.
///
/// # Errors
/// When there is no control database or it cannot be read.
pub fn gaps(dir: &Path) -> Result<Vec<GapStat>, StorageError> {
    Ok(crate::sqlite::all_gaps(dir)?.iter().map(GapStat::from).collect())
}

#[cfg(test)]
mod tests {
    use super::FlashStat;
    use crate::storage::{LifetimeWear, Wear};

    #[test]
    fn how_long_flash_lasts_is_told_once_an_hour_has_shown_the_rate() {
        // 1,000 readings/s with the broker away: 30 B each, 24 h a day.
        let day = Wear { bytes_written: 86_400_000 * 30, flushes: 170_000 };
        let flash = FlashStat::of(LifetimeWear { wear: day, running_s: 86_400 });
        assert_eq!(flash.bytes_per_hour, Some(108_000_000));
        assert_eq!(flash.flushes_per_hour, Some(7083));
        assert_eq!(flash.years_left, Some(6));
        let minute = FlashStat::of(LifetimeWear { wear: day, running_s: 60 });
        assert_eq!((minute.bytes_per_hour, minute.years_left), (None, None));
    }
}
