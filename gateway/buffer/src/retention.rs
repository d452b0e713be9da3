//! How long and how much the buffer keeps, and what goes first when that is too much.

use std::time::{Duration, Instant};

use forehearth_model::{Lane, Stamp};

use crate::shelf::{Shelf, Shelved};
use crate::storage::Room;

/// Stamps before 2020-01-01 come from a clock that was never set; their age
/// is not known.
const NEVER_SET: Stamp = Stamp::from_millis(1_577_836_800_000);

/// The wall clock has to go steadily this long before anything expires by it.
/// Chosen: longer than an NTP client needs to correct itself after boot.
const STEADY_FOR: Duration = Duration::from_secs(600);

/// A wall clock that departs from the monotonic one by more than this between
/// two looks was stepped. Chosen: ten times what a bad crystal drifts in a day.
const STEP: Duration = Duration::from_secs(60);

/// Part of the budget one segment may take, so that shedding goes in small steps.
const SEGMENTS_PER_BUDGET: u64 = 16;

/// Largest segment. Chosen: 24 h at 1,000 readings/s fit into a few files, and
/// damage stays in one of many.
const LARGEST_SEGMENT: u64 = 64 << 20;

/// Smallest segment: below, the file's own pages are most of it.
const SMALLEST_SEGMENT: u64 = 128 << 10;

/// The budget and the clock it watches.
#[derive(Debug)]
pub(crate) struct Retention {
    max_size: u64,
    reserve: u64,
    max_age: Duration,
    /// Bytes given back to a crowded volume by shedding, and not used again yet.
    credit: u64,
    /// Since when the wall clock goes steadily, and both clocks at the last look.
    steady: Option<(Instant, Instant, Stamp)>,
}

impl Retention {
    pub(crate) fn new(max_size: u64, reserve: u64, max_age: Duration) -> Self {
        Self { max_size, reserve, max_age, credit: 0, steady: None }
    }

    /// A segment is sealed at this size.
    pub(crate) fn segment_size(&self) -> u64 {
        (self.max_size / SEGMENTS_PER_BUDGET).clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT)
    }

    /// A segment is sealed at this age, so that expiry goes in small steps too.
    pub(crate) fn segment_age(&self) -> Duration {
        self.max_age / 14
    }

    /// The segment to shed next, when `coming` more bytes do not fit: the
    /// oldest of the live lane, alarms only when no live one is left. Only
    /// what is owed counts as lost; a segment nobody waits for goes first.
    pub(crate) fn shed(&mut self, shelf: &Shelf, room: Room, coming: u64) -> Option<u64> {
        let within_budget = shelf.bytes() + room.other + coming <= self.max_size;
        let crowded = room.free < self.reserve.saturating_add(coming);
        if within_budget && (!crowded || self.credit >= coming) {
            // Others fill the volume: what was shed pays for what comes, so
            // that no more is shed than is written.
            self.credit -= if crowded { coming } else { self.credit };
            return None;
        }
        let seq = self.oldest(shelf)?;
        let freed = shelf.iter().find(|s| s.segment.seq == seq).map_or(0, |s| s.segment.bytes);
        self.credit += if crowded { freed } else { 0 };
        Some(seq)
    }

    /// What goes first: what nobody waits for, then the oldest of the live
    /// lane, then alarms.
    pub(crate) fn oldest(&self, shelf: &Shelf) -> Option<u64> {
        let done = shelf.iter().find(|shelved| shelved.is_done());
        let live = || lane(shelf, Lane::Live).next();
        let alarm = || lane(shelf, Lane::Alarm).next();
        done.or_else(live).or_else(alarm).map(|shelved| shelved.segment.seq)
    }

    /// Segments whose youngest reading is older than `max_age`. Nothing
    /// expires while the wall clock was stepped recently or never set.
    pub(crate) fn expired(&mut self, shelf: &Shelf, now: Instant, wall: Stamp) -> Vec<u64> {
        if !self.is_steady(now, wall) {
            return Vec::new();
        }
        let age = i64::try_from(self.max_age.as_micros()).unwrap_or(i64::MAX);
        let limit = Stamp(wall.micros().saturating_sub(age));
        shelf
            .iter()
            .filter(|s| !s.is_done() && s.segment.to < limit && s.segment.to > NEVER_SET)
            .map(|s| s.segment.seq)
            .collect()
    }

    fn is_steady(&mut self, now: Instant, wall: Stamp) -> bool {
        let since = match self.steady {
            Some((since, last, last_wall)) => {
                let monotonic = now.saturating_duration_since(last).as_micros();
                let told = wall.micros().abs_diff(last_wall.micros());
                let backwards = wall < last_wall;
                let apart = u128::from(told).abs_diff(monotonic);
                if backwards || apart > STEP.as_micros() { now } else { since }
            }
            None => now,
        };
        self.steady = Some((since, now, wall));
        now.saturating_duration_since(since) >= STEADY_FOR
    }
}

fn lane(shelf: &Shelf, lane: Lane) -> impl Iterator<Item = &Shelved> {
    shelf.iter().filter(move |shelved| shelved.segment.lane == lane)
}
