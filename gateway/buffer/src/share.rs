//! How much of the disk each destination may take, so that one that is away costs the others nothing.

use std::time::Duration;

use forehearth_model::{Lane, Stamp};

use crate::destination::Destination;
use crate::shelf::{Shelf, Shelved};

/// Segments are so much smaller than the smallest limit of a destination that
/// what it loses at once is a small part of what it may keep.
const SEGMENTS_PER_LIMIT: u64 = 8;

/// The limits of all seats.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shares {
    seats: Vec<Share>,
}

/// What one destination may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Share {
    /// Beyond this it makes room first.
    fair: u64,
    /// Beyond this it loses, whether room is needed or not.
    limit: Option<u64>,
    max_age: Option<Duration>,
}

impl Shares {
    /// Who has no limit of its own gets an equal part of what the others leave.
    pub(crate) fn new<'a>(
        seats: impl Iterator<Item = Option<&'a Destination>> + Clone,
        budget: u64,
    ) -> Self {
        let here = seats.clone().flatten();
        let spoken_for: u64 = here.clone().filter_map(|to| to.max_size).sum();
        let others = here.filter(|to| to.max_size.is_none()).count() as u64;
        let equal = budget.saturating_sub(spoken_for) / others.max(1);
        let share = |to: Option<&Destination>| Share {
            fair: to.and_then(|to| to.max_size).unwrap_or(equal),
            limit: to.and_then(|to| to.max_size),
            max_age: to.and_then(|to| to.max_age),
        };
        Self { seats: seats.map(share).collect() }
    }

    /// Which seats keep more on disk than their share.
    pub(crate) fn beyond(&self, shelf: &Shelf) -> Vec<bool> {
        self.seats.iter().enumerate().map(|(at, share)| kept(shelf, at) > share.fair).collect()
    }

    /// What has to be given up for one destination alone to bring it within
    /// its limit: the oldest of the live lane, alarms last.
    pub(crate) fn over_limit(&self, shelf: &Shelf) -> Option<(usize, u64)> {
        self.seats.iter().enumerate().find_map(|(at, share)| {
            share.limit.filter(|&limit| kept(shelf, at) > limit)?;
            let oldest =
                |lane: Lane| shelf.iter().find(|s| s.segment.lane == lane && s.owed[at].rows > 0);
            let shelved = oldest(Lane::Live).or_else(|| oldest(Lane::Alarm))?;
            Some((at, shelved.segment.seq))
        })
    }

    /// What is too old for one destination, and not for the others.
    pub(crate) fn expired(&self, shelf: &Shelf, wall: Stamp) -> Vec<(usize, u64)> {
        let aged = self.seats.iter().enumerate().filter_map(|(at, s)| Some((at, s.max_age?)));
        aged.flat_map(|(at, age)| {
            let old = move |s: &&Shelved| s.owed[at].rows > 0 && s.is_older(age, wall);
            shelf.iter().filter(old).map(move |s| (at, s.segment.seq))
        })
        .collect()
    }

    /// A segment is sealed at this size at the latest.
    pub(crate) fn largest_segment(&self) -> u64 {
        let limits = self.seats.iter().filter_map(|share| share.limit);
        limits.min().map_or(u64::MAX, |limit| limit / SEGMENTS_PER_LIMIT)
    }

    /// The shortest time anybody's batches are kept.
    pub(crate) fn shortest_age(&self) -> Duration {
        self.seats.iter().filter_map(|share| share.max_age).min().unwrap_or(Duration::MAX)
    }
}

/// Bytes on disk that are there for a destination, among others perhaps: a
/// file is kept whole as long as anybody waits for any of it.
fn kept(shelf: &Shelf, seat: usize) -> u64 {
    let waited_for = |s: &&Shelved| s.owed.get(seat).is_some_and(|owed| owed.rows > 0);
    shelf.iter().filter(waited_for).map(|s| s.segment.bytes).sum()
}
