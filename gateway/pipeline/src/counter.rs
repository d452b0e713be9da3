//! A counter: what it counted in all and per interval, across roll-overs, resets, outages and restarts of the gateway.
//!
//! A device's counter starts again at 0 when it is full (roll-over) or when
//! the device was restarted (reset). Both look like a step back; it was a
//! roll-over if little is missing to make the step a step forward.

use std::time::Duration;

use forehearth_model::{Stamp, TagId};

use crate::grid::{Cell, Grid, Known};
use crate::saved::{Reader, Writer};

/// A step back is a roll-over if it is a step forward of at most this part of
/// the counter's range. Chosen: between two scans no counter does a quarter
/// of its range, and a reset within it is as rare as the outage it takes.
const MOST_FORWARD: u64 = 4;

/// What the map asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CounterStage {
    /// What follows its largest value would be this: 65,536 for UINT; `None`
    /// for 64 bits.
    pub rollover: Option<u64>,
    /// The tag that tells the total, in raw counts.
    pub total: TagId,
    /// Intervals of wall time, and the tag that tells what was counted in
    /// each, in engineering units.
    pub interval: Option<(Duration, TagId)>,
    /// How long after a sample the next one leaves no doubt to which interval
    /// the counts belong; after a longer time they are spread evenly.
    pub gap: Duration,
}

/// How a counter went on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Course {
    /// Forward, a roll-over included: the total is exact.
    Exact,
    /// From 0 again. What it counted between the last sample and the reset
    /// nobody knows.
    Reset,
}

/// A counter with its total.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    rollover: Option<u64>,
    /// Microseconds.
    gap: u64,
    last: Option<(u64, Stamp)>,
    total: u64,
    grid: Option<Grid>,
}

impl Counter {
    pub(crate) fn new(stage: &CounterStage) -> Self {
        Self {
            rollover: stage.rollover,
            gap: u64::try_from(stage.gap.as_micros()).unwrap_or(u64::MAX),
            last: None,
            total: 0,
            grid: stage.interval.map(|(every, _)| Grid::new(every, 1)),
        }
    }

    /// Takes the count of a sample; gives the total, and how it came about.
    /// Samples that can't be used are not shown to the counter: what it
    /// counted meanwhile is in the next one. Intervals that are over are added
    /// to `over`, in raw counts.
    pub(crate) fn take(&mut self, count: u64, stamp: Stamp, over: &mut Vec<Cell>) -> (u64, Course) {
        let last = self.last.replace((count, stamp));
        let (step, course) = match last {
            None => (0, Course::Exact),
            Some((last, _)) if count >= last => (count - last, Course::Exact),
            Some((last, _)) => match self.rolled_over(last, count) {
                Some(step) => (step, Course::Exact),
                None => (count, Course::Reset),
            },
        };
        self.total = self.total.wrapping_add(step);
        if let (Some((_, from)), Some(grid)) = (last, &mut self.grid) {
            let lasted = u64::try_from(stamp.micros().saturating_sub(from.micros()));
            #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 the last counts go")]
            let step = step as f64;
            let known = if course == Course::Reset || lasted.is_ok_and(|l| l > self.gap) {
                Known::Estimated(0, step)
            } else {
                Known::Measured(0, step)
            };
            grid.add(from, stamp, known, over);
        }
        (self.total, course)
    }

    /// Stamps from now on are of another clock.
    pub(crate) fn forget_stamps(&mut self) {
        if let Some(grid) = &mut self.grid {
            grid.forget();
        }
    }

    pub(crate) fn save(&self, writer: &mut Writer) {
        writer.u64(self.total);
        writer.maybe(self.last.map(|(_, stamp)| stamp.micros()));
        writer.u64(self.last.map_or(0, |(count, _)| count));
        if let Some(grid) = &self.grid {
            grid.save(writer);
        }
    }

    /// Goes on from what was saved: what was counted since is in the next
    /// sample, however long ago it was.
    pub(crate) fn restore(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (total, stamp, count) = (reader.u64()?, reader.maybe()?, reader.u64()?);
        self.total = total;
        self.last = stamp.map(|stamp| (count, Stamp(stamp)));
        if let Some(grid) = &mut self.grid {
            grid.restore(reader);
        }
        Some(())
    }

    /// The step from `last` to `count` across a roll-over, if it was one.
    fn rolled_over(&self, last: u64, count: u64) -> Option<u64> {
        let (step, most) = match self.rollover {
            Some(rollover) => (rollover.checked_sub(last)? + count, rollover / MOST_FORWARD),
            None => (count.wrapping_sub(last), u64::MAX / MOST_FORWARD),
        };
        (step <= most).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::{Counter, CounterStage, Course};
    use crate::saved::{Reader, Record, Writer};
    use forehearth_model::{Quality, Stamp, TagId};
    use proptest::prelude::*;
    use std::time::Duration;

    fn counter(rollover: Option<u64>) -> Counter {
        let interval = Some((Duration::from_secs(60), TagId(2)));
        let gap = Duration::from_secs(10);
        Counter::new(&CounterStage { rollover, total: TagId(1), interval, gap })
    }

    fn take(counter: &mut Counter, count: u64) -> (u64, Course) {
        counter.take(count, Stamp(0), &mut Vec::new())
    }

    #[test]
    fn what_an_interval_counted_is_told_across_an_outage_and_said_to_be_estimated() {
        let (mut meter, mut over) = (counter(Some(65_536)), Vec::new());
        for second in 0..=60_u64 {
            meter.take(second * 2, Stamp(second as i64 * 1_000_000), &mut over);
        }
        assert_eq!((over[0].sums[0], over[0].quality), (120.0, Quality::Good));
        meter.take(60 * 2 + 180, Stamp(240 * 1_000_000), &mut over);
        let told: Vec<_> = over[1..].iter().map(|cell| (cell.sums[0], cell.quality)).collect();
        assert_eq!(told, [(60.0, Quality::UncertainLastUsable); 3]);
    }

    #[test]
    fn a_step_back_is_a_roll_over_near_the_end_of_the_range_and_a_reset_elsewhere() {
        let mut uint = counter(Some(65_536));
        let counts = [65_000, 65_535, 0, 40_000, 7, 9];
        let totals = counts.map(|count| take(&mut uint, count));
        assert_eq!(
            totals,
            [
                (0, Course::Exact),
                (535, Course::Exact),
                (536, Course::Exact),
                (40_536, Course::Exact),
                (40_543, Course::Reset),
                (40_545, Course::Exact),
            ]
        );
        let mut meter = counter(Some(1_000_000));
        take(&mut meter, 999_999);
        assert_eq!(take(&mut meter, 1), (2, Course::Exact));
        let mut wide = counter(None);
        take(&mut wide, u64::MAX);
        assert_eq!(take(&mut wide, 4), (5, Course::Exact));
    }

    #[test]
    fn a_counter_beyond_its_range_is_a_reset_and_no_panic() {
        let mut meter = counter(Some(1000));
        take(&mut meter, 5000);
        assert_eq!(take(&mut meter, 3), (3, Course::Reset));
    }

    proptest! {
        /// Whatever is missed by outages and however often it rolls over.
        #[test]
        fn the_total_is_what_was_counted(
            start in 0u64..65_536,
            steps in prop::collection::vec(0u64..16_384, 1..100),
        ) {
            let mut counter = counter(Some(65_536));
            take(&mut counter, start);
            let mut counted = 0;
            for step in steps {
                counted += step;
                let result = take(&mut counter, (start + counted) % 65_536);
                prop_assert_eq!(result, (counted, Course::Exact));
            }
        }

        /// Saved and restored anywhere, it goes on as if nothing had been.
        #[test]
        fn a_restart_changes_nothing(
            counts in prop::collection::vec((1i64..40, 0u64..70_000), 1..60),
            cut in 0usize..60,
        ) {
            let (mut whole, mut cut_one) = (counter(Some(65_536)), counter(Some(65_536)));
            let (mut told, mut told_too, mut now) = (Vec::new(), Vec::new(), 0);
            for (place, (step, count)) in counts.into_iter().enumerate() {
                if place == cut {
                    let mut writer = Writer::default();
                    writer.record(Record::Counter, |writer| cut_one.save(writer));
                    cut_one = counter(Some(65_536));
                    let bytes = writer.finish();
                    cut_one.restore(&mut Reader::find(&bytes, Record::Counter).unwrap()).unwrap();
                }
                now += step * 1_000_000;
                let result = whole.take(count, Stamp(now), &mut told);
                prop_assert_eq!(cut_one.take(count, Stamp(now), &mut told_too), result);
            }
            prop_assert_eq!(told, told_too);
        }

        #[test]
        fn a_total_never_falls(counts in prop::collection::vec(0u64..70_000, 1..100)) {
            let mut counter = counter(Some(65_536));
            let totals: Vec<u64> = counts.into_iter().map(|count| take(&mut counter, count).0).collect();
            prop_assert!(totals.is_sorted());
        }
    }
}
