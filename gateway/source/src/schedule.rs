//! The schedule: which group of a link is to be scanned now, and when the next one is.

use std::time::{Duration, Instant};

use forehearth_model::GroupId;

/// Shorter periods are taken as this. Chosen: no timer of the runtime and no
/// fieldbus here is finer.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(1);

/// Fractional part of the golden ratio: its multiples, taken modulo 1, spread
/// any number of points evenly (three-distance theorem).
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// The groups of one link on their grids of slots.
///
/// Each group keeps its phase for ever: slots lie at `start + phase + n ×
/// period` on the monotonic clock. A slot that can't be served is skipped and
/// counted as an overrun; it is never caught up, so a stall is followed by
/// one scan per group and not by a burst.
#[derive(Clone, Debug)]
pub struct Schedule {
    slots: Vec<Slot>,
    overruns: u64,
}

#[derive(Clone, Debug)]
struct Slot {
    period: Duration,
    /// The next slot of the grid.
    due: Instant,
    /// To be scanned now, whatever the grid says.
    at_once: bool,
}

impl Schedule {
    /// The schedule of one link; a [`GroupId`] is a position in `periods`.
    ///
    /// `start` is the same for all links, and `first` counts the groups of
    /// the links before this one: group `first + n` starts at a phase of its
    /// own, spread over the period, the same in each run.
    pub fn new(start: Instant, first: u32, periods: impl IntoIterator<Item = Duration>) -> Self {
        let slots = (first..)
            .zip(periods)
            .map(|(place, period)| {
                let period = period.max(SHORTEST_PERIOD);
                let phase = period.mul_f64((f64::from(place) * GOLDEN).fract());
                Slot { period, due: start + phase, at_once: false }
            })
            .collect();
        Self { slots, overruns: 0 }
    }

    /// The group to scan now, `None` when none is due. Of several the one
    /// that waits longest. Its slot counts as served.
    pub fn due(&mut self, now: Instant) -> Option<GroupId> {
        let (place, slot) = self
            .slots
            .iter_mut()
            .enumerate()
            .filter(|(_, slot)| slot.at_once || slot.due <= now)
            .min_by_key(|(_, slot)| slot.due)?;
        self.overruns += slot.serve(now);
        u32::try_from(place).ok().map(GroupId)
    }

    /// The scan of a group ended. Slots that passed while it ran are overruns.
    pub fn finished(&mut self, group: GroupId, now: Instant) {
        if let Some(slot) = self.slots.get_mut(group.index()) {
            self.overruns += slot.skip_before(now);
        }
    }

    /// Every group is due at once, without a change of phase: the link is back.
    pub fn all_at_once(&mut self) {
        for slot in &mut self.slots {
            slot.at_once = true;
        }
    }

    /// When the next group is due; `now` when one is already, `None` when
    /// there are no groups.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let due = |slot: &Slot| if slot.at_once { now } else { slot.due.max(now) };
        self.slots.iter().map(due).min()
    }

    /// Slots skipped since the start.
    #[must_use]
    pub const fn overruns(&self) -> u64 {
        self.overruns
    }
}

impl Slot {
    /// Serves the slot that `now` belongs to and returns how many before it
    /// had to be skipped. A scan at once stands for the slot it is nearest to.
    fn serve(&mut self, now: Instant) -> u64 {
        let reach = if self.at_once { now + self.period / 2 } else { now };
        self.at_once = false;
        if self.due > reach {
            return 0;
        }
        let skipped = whole(now.saturating_duration_since(self.due), self.period);
        self.advance(skipped + 1);
        skipped
    }

    /// Skips the slots before `now` and returns how many.
    fn skip_before(&mut self, now: Instant) -> u64 {
        if self.due >= now {
            return 0;
        }
        let late = now.duration_since(self.due).saturating_sub(Duration::from_nanos(1));
        let skipped = whole(late, self.period) + 1;
        self.advance(skipped);
        skipped
    }

    fn advance(&mut self, slots: u64) {
        let nanos = self.period.as_nanos() * u128::from(slots);
        self.due += Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    }
}

/// How many whole periods fit into a time.
fn whole(time: Duration, period: Duration) -> u64 {
    u64::try_from(time.as_nanos() / period.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Schedule;
    use forehearth_model::GroupId;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    const SECOND: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    /// All groups due now, each scanned in no time.
    fn served(schedule: &mut Schedule, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| schedule.due(now)).map(|group| group.0).collect()
    }

    #[test]
    fn phases_are_spread_over_the_period_and_over_the_links() {
        let start = Instant::now();
        // Twenty links of five groups, as the daemon makes them.
        let mut phases: Vec<Duration> = (0..20)
            .flat_map(|link| {
                let mut schedule = Schedule::new(start, link * 5, [SECOND; 5]);
                let mut phases = Vec::new();
                while phases.len() < 5 {
                    let next = schedule.next(start).unwrap();
                    phases.extend(served(&mut schedule, next).iter().map(|_| next - start));
                }
                phases
            })
            .collect();
        phases.sort();
        assert!(phases.iter().all(|phase| *phase < SECOND));
        let widest = phases.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        let closest = phases.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
        assert!(widest < 20 * MS, "{widest:?} without a scan, 10 ms on average");
        assert!(closest > 3 * MS, "{closest:?} between two scans, 10 ms on average");
    }

    #[test]
    fn each_group_keeps_its_own_period() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 0, [100 * MS, SECOND]);
        let mut scans = [0, 0];
        for ms in 0..10_000 {
            for group in served(&mut schedule, start + ms * MS) {
                scans[group as usize] += 1;
            }
        }
        assert_eq!(scans, [100, 10]);
        assert_eq!(schedule.overruns(), 0);
    }

    #[test]
    fn a_scan_that_runs_into_its_next_slot_loses_that_slot_and_keeps_its_phase() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 0, [SECOND]);
        assert_eq!(schedule.due(start), Some(GroupId(0)));
        schedule.finished(GroupId(0), start + 2500 * MS);
        assert_eq!(schedule.overruns(), 2);
        assert_eq!(schedule.due(start + 2500 * MS), None);
        assert_eq!(schedule.next(start), Some(start + 3 * SECOND));
        // Ending in the very instant of the slot is in time.
        assert_eq!(schedule.due(start + 3 * SECOND), Some(GroupId(0)));
        schedule.finished(GroupId(0), start + 4 * SECOND);
        assert_eq!(schedule.due(start + 4 * SECOND), Some(GroupId(0)));
        assert_eq!(schedule.overruns(), 2);
    }

    #[test]
    fn a_stall_is_followed_by_one_scan_per_group_and_no_burst() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 0, [SECOND; 3]);
        served(&mut schedule, start + SECOND - MS);
        assert_eq!(schedule.overruns(), 0);
        let woken = start + 60 * SECOND + 900 * MS;
        assert_eq!(served(&mut schedule, woken).len(), 3);
        assert_eq!(served(&mut schedule, woken), Vec::<u32>::new());
        assert_eq!(schedule.overruns(), 3 * 59);
    }

    #[test]
    fn the_group_that_waits_longest_comes_first() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 0, [SECOND; 3]); // phases 0, 0.62, 0.24
        assert_eq!(served(&mut schedule, start + 900 * MS), [0, 2, 1]);
    }

    #[test]
    fn a_link_that_is_back_is_scanned_at_once_and_not_twice() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 1, [10 * SECOND]); // phase 6.18 s
        schedule.all_at_once();
        assert_eq!(schedule.next(start), Some(start));
        assert_eq!(served(&mut schedule, start), [0]);
        let first = schedule.next(start).unwrap();
        assert_eq!((first - start).as_millis(), 6180);
        // 0.1 s before its slot: the scan at once stands for the slot.
        schedule.all_at_once();
        assert_eq!(served(&mut schedule, first - 100 * MS), [0]);
        schedule.finished(GroupId(0), first + SECOND);
        assert_eq!(schedule.next(start), Some(first + 10 * SECOND));
        assert_eq!(schedule.overruns(), 0);
    }

    #[test]
    fn a_link_without_groups_is_never_due() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 0, []);
        schedule.all_at_once();
        assert_eq!(schedule.due(start), None);
        assert_eq!(schedule.next(start), None);
    }

    proptest! {
        /// Whatever the scans take: every slot is either scanned or counted,
        /// and the grid never moves.
        #[test]
        fn every_slot_is_served_or_counted(
            place in 0u32..1000,
            period in 1u64..5_000,
            takes in prop::collection::vec(0u64..20_000, 1..60),
        ) {
            let (start, period) = (Instant::now(), Duration::from_millis(period));
            let mut schedule = Schedule::new(start, place, [period]);
            let origin = schedule.next(start).unwrap();
            let (mut now, mut scans) = (start, 0);
            for take in takes {
                let next = schedule.next(now).unwrap();
                prop_assert_eq!((next - origin).as_nanos() % period.as_nanos(), 0);
                now = next;
                prop_assert_eq!(schedule.due(now), Some(GroupId(0)));
                scans += 1;
                now += Duration::from_millis(take);
                schedule.finished(GroupId(0), now);
                let next = schedule.next(now).unwrap();
                prop_assert!(next - now <= period);
                let passed = (next - origin).as_nanos() / period.as_nanos();
                prop_assert_eq!(u128::from(scans + schedule.overruns()), passed);
            }
        }
    }
}
