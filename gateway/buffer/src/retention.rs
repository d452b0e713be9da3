//! How long and how much the buffer keeps, and what goes first when that is too much.

use std::time::{Duration, Instant};

use forehearth_model::{Lane, Stamp};

use crate::share::Shares;
use crate::shelf::{Shelf, Shelved};
use crate::storage::Room;

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
    pub(crate) fn segment_size(&self, shares: &Shares) -> u64 {
        let part = (self.max_size / SEGMENTS_PER_BUDGET).min(shares.largest_segment());
        part.clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT)
    }

    /// A segment is sealed at this age, so that expiry goes in small steps too.
    pub(crate) fn segment_age(&self, shares: &Shares) -> Duration {
        self.max_age.min(shares.shortest_age()) / 14
    }

    /// The segment to shed next, when `coming` more bytes do not fit: the
    /// oldest of the live lane, alarms only when no live one is left. Only
    /// what is owed counts as lost; a segment nobody waits for goes first.
    pub(crate) fn shed(
        &mut self,
        shelf: &Shelf,
        shares: &Shares,
        room: Room,
        coming: u64,
    ) -> Option<u64> {
        let within_budget = shelf.bytes() + room.other + coming <= self.max_size;
        let crowded = room.free < self.reserve.saturating_add(coming);
        if within_budget && (!crowded || self.credit >= coming) {
            // Others fill the volume: what was shed pays for what comes, so
            // that no more is shed than is written.
            self.credit -= if crowded { coming } else { self.credit };
            return None;
        }
        let seq = self.oldest(shelf, shares)?;
        let freed = shelf.iter().find(|s| s.segment.seq == seq).map_or(0, |s| s.segment.bytes);
        self.credit += if crowded { freed } else { 0 };
        Some(seq)
    }

    /// What goes first: what nobody waits for, then the oldest of those who
    /// keep more than their share, then the oldest of all. Live readings
    /// before alarms, unless alarms crowd: a destination that fetches none
    /// must not push out the live readings for good.
    pub(crate) fn oldest(&self, shelf: &Shelf, shares: &Shares) -> Option<u64> {
        let beyond = shares.beyond(shelf);
        let hoarded = |s: &&Shelved| {
            let waiting = s.owed.iter().zip(&beyond).filter(|(owed, _)| owed.rows > 0);
            waiting.into_iter().all(|(_, &beyond)| beyond)
        };
        let done = shelf.iter().find(|shelved| shelved.is_done());
        done.or_else(|| self.first(shelf, hoarded))
            .or_else(|| self.first(shelf, |_| true))
            .map(|shelved| shelved.segment.seq)
    }

    fn first<'a>(
        &self,
        shelf: &'a Shelf,
        among: impl Fn(&&Shelved) -> bool,
    ) -> Option<&'a Shelved> {
        let of = |wanted: Lane| lane(shelf, wanted).filter(&among);
        let alarms: u64 = of(Lane::Alarm).map(|shelved| shelved.segment.bytes).sum();
        let crowding = of(Lane::Alarm).next().filter(|_| alarms > self.max_size / 2);
        crowding.or_else(|| of(Lane::Live).next()).or_else(|| of(Lane::Alarm).next())
    }

    /// Segments whose youngest reading is too old: for everybody, and for one
    /// destination. Nothing expires while the wall clock was stepped recently
    /// or never set.
    pub(crate) fn expired(
        &mut self,
        shelf: &Shelf,
        shares: &Shares,
        now: Instant,
        wall: Stamp,
    ) -> (Vec<u64>, Vec<(usize, u64)>) {
        if !self.is_steady(now, wall) {
            return (Vec::new(), Vec::new());
        }
        let old = |s: &&Shelved| !s.is_done() && s.is_older(self.max_age, wall);
        let all = shelf.iter().filter(old).map(|s| s.segment.seq).collect();
        (all, shares.expired(shelf, wall))
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use forehearth_model::{Epoch, Lane, Stamp};

    use super::Retention;
    use crate::destination::Destination;
    use crate::share::Shares;
    use crate::shelf::{Owed, Segment, Shelf, Shelved};
    use crate::storage::Room;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Stamp = Stamp(1_800_000_000_000_000);

    fn shelved(seq: u64, lane: Lane, bytes: u64, waited: Duration, owed: u64) -> Shelved {
        let to = Stamp(NOW.0 - i64::try_from(waited.as_micros()).unwrap());
        let segment = Segment {
            seq,
            epoch: Epoch(1),
            lane,
            prev: seq * 10 - 1,
            first: seq * 10,
            last: seq * 10 + 9,
            rows: 10,
            readings: 10,
            from: to,
            to,
            bytes,
        };
        Shelved { segment, owed: vec![Owed { rows: owed, readings: owed }], open: false }
    }

    fn shelf(of: impl IntoIterator<Item = Shelved>) -> Shelf {
        let mut shelf = Shelf::default();
        of.into_iter().for_each(|shelved| shelf.add(shelved));
        shelf
    }

    fn free() -> Room {
        Room { other: 0, free: u64::MAX }
    }

    /// One destination without a limit.
    fn one() -> Shares {
        Shares::new([Some(&Destination::new("plant"))].into_iter(), 1000)
    }

    /// The same file with what each of two destinations is owed of it.
    fn owed(mut of: Shelved, plant: u64, cloud: u64) -> Shelved {
        of.owed = [plant, cloud].map(|rows| Owed { rows, readings: rows }).to_vec();
        of
    }

    #[test]
    fn who_keeps_within_its_share_loses_nothing_to_one_that_is_away_for_long() {
        let mut retention = Retention::new(1000, 0, DAY);
        let (plant, cloud) = (Destination::new("plant"), Destination::new("cloud"));
        let shares = Shares::new([Some(&plant), Some(&cloud)].into_iter(), 1000);
        // Plant was away first and catches up slowly; then cloud went away, alarms and all.
        let mut shelf = shelf([
            owed(shelved(1, Lane::Live, 300, DAY * 9, 0), 10, 0),
            owed(shelved(2, Lane::Alarm, 200, DAY * 8, 0), 0, 10),
            owed(shelved(3, Lane::Live, 250, DAY * 7, 0), 0, 10),
            owed(shelved(4, Lane::Live, 250, DAY * 6, 0), 0, 10),
        ]);
        for expected in [3, 4, 2] {
            let cloud_is_beyond = shares.beyond(&shelf)[1];
            let shed = retention.shed(&shelf, &shares, free(), 100);
            assert_eq!(shed, cloud_is_beyond.then_some(expected), "{expected}");
            shelf.remove(expected);
        }
        assert_eq!(retention.oldest(&shelf, &shares), Some(1), "nothing else is left");
    }

    #[test]
    fn a_limit_costs_its_destination_the_oldest_live_readings_and_nobody_else() {
        let (plant, mut cloud) = (Destination::new("plant"), Destination::new("cloud"));
        cloud.max_size = Some(500);
        let shares = Shares::new([Some(&plant), Some(&cloud)].into_iter(), 10_000);
        let mut shelf = shelf([
            owed(shelved(1, Lane::Alarm, 200, DAY, 0), 10, 10),
            owed(shelved(2, Lane::Live, 200, DAY, 0), 10, 10),
            owed(shelved(3, Lane::Live, 200, DAY, 0), 10, 10),
        ]);
        assert_eq!(shares.over_limit(&shelf), Some((1, 2)));
        shelf.get_mut(2).unwrap().owed[1] = Owed::default();
        assert_eq!(shares.over_limit(&shelf), None);
    }

    #[test]
    fn what_nobody_waits_for_goes_first_then_live_then_alarms() {
        let mut retention = Retention::new(1000, 0, DAY);
        let mut shelf = shelf([
            shelved(1, Lane::Alarm, 400, DAY, 10),
            shelved(2, Lane::Live, 300, DAY, 10),
            shelved(3, Lane::Live, 300, DAY, 0),
        ]);
        for expected in [3, 2, 1] {
            assert_eq!(retention.shed(&shelf, &one(), free(), 900), Some(expected));
            shelf.remove(expected);
        }
        assert_eq!(retention.shed(&shelf, &one(), free(), 900), None);
    }

    #[test]
    fn alarms_nobody_fetches_leave_half_of_the_budget_to_the_others() {
        let retention = Retention::new(1000, 0, DAY);
        let mut shelf = shelf([
            shelved(1, Lane::Alarm, 300, DAY, 10),
            shelved(2, Lane::Alarm, 300, DAY, 10),
            shelved(3, Lane::Live, 300, DAY, 10),
        ]);
        assert_eq!(retention.oldest(&shelf, &one()), Some(1));
        shelf.remove(1);
        assert_eq!(retention.oldest(&shelf, &one()), Some(3));
    }

    #[test]
    fn a_volume_that_others_fill_costs_no_more_than_what_is_written() {
        let mut retention = Retention::new(1 << 40, 500, DAY);
        let mut shelf =
            shelf((1..9).map(|seq| shelved(seq, Lane::Live, 1000, DAY, 10)).collect::<Vec<_>>());
        let crowded = Room { other: 0, free: 100 };
        let mut shed = 0;
        for _ in 0..20 {
            while let Some(seq) = retention.shed(&shelf, &one(), crowded, 100) {
                shelf.remove(seq);
                shed += 1;
            }
        }
        assert_eq!(shed, 2, "20 writes of 100 took the room of two files of 1000");
    }

    #[test]
    fn what_is_too_old_expires_once_the_clock_has_gone_steadily() {
        let mut retention = Retention::new(1000, 0, DAY);
        let shelf = shelf([
            shelved(1, Lane::Live, 10, DAY * 2, 10),
            shelved(2, Lane::Live, 10, DAY / 2, 10),
            shelved(3, Lane::Live, 10, DAY * 3, 0),
        ]);
        let begun = Instant::now();
        let mut at = |seconds: u64, stepped: i64| {
            let since = i64::try_from(seconds).unwrap() * 1_000_000;
            let now = begun + Duration::from_secs(seconds);
            retention.expired(&shelf, &one(), now, Stamp(NOW.0 + since + stepped)).0
        };
        let year = 365 * 86_400 * 1_000_000;
        assert!(at(0, 0).is_empty(), "the clock is not known yet");
        assert!(at(300, 0).is_empty());
        assert!(at(305, year).is_empty(), "stepped");
        assert!(at(600, year).is_empty());
        assert!(at(610, 0).is_empty(), "stepped back");
        assert!(at(1200, 0).is_empty());
        assert_eq!(at(1215, 0), [1], "the second is young, nobody waits for the third");
    }

    #[test]
    fn stamps_of_a_clock_that_was_never_set_do_not_expire() {
        let mut retention = Retention::new(1000, 0, DAY);
        let mut old = shelved(1, Lane::Live, 10, DAY, 10);
        old.segment.to = Stamp(3_600_000_000);
        let shelf = shelf([old]);
        let begun = Instant::now();
        assert!(retention.expired(&shelf, &one(), begun, NOW).0.is_empty());
        let later = (begun + Duration::from_secs(3600), Stamp(NOW.0 + 3_600_000_000));
        assert!(retention.expired(&shelf, &one(), later.0, later.1).0.is_empty());
    }
}
