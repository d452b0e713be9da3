//! A counter: what it counted since the gateway started, across roll-overs, resets and outages.
//!
//! A device's counter starts again at 0 when it is full (roll-over) or when
//! the device was restarted (reset). Both look like a step back; it was a
//! roll-over if little is missing to make the step a step forward.

use forehearth_model::TagId;

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
    last: Option<u64>,
    total: u64,
}

impl Counter {
    pub(crate) const fn new(rollover: Option<u64>) -> Self {
        Self { rollover, last: None, total: 0 }
    }

    /// Takes the count of a sample; gives the total, and how it came about.
    /// Samples that can't be used are not shown to the counter: what it
    /// counted meanwhile is in the next one.
    pub(crate) fn take(&mut self, count: u64) -> (u64, Course) {
        let (step, course) = match self.last.replace(count) {
            None => (0, Course::Exact),
            Some(last) if count >= last => (count - last, Course::Exact),
            Some(last) => match self.rolled_over(last, count) {
                Some(step) => (step, Course::Exact),
                None => (count, Course::Reset),
            },
        };
        self.total = self.total.wrapping_add(step);
        (self.total, course)
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
    use super::{Counter, Course};
    use proptest::prelude::*;

    #[test]
    fn a_step_back_is_a_roll_over_near_the_end_of_the_range_and_a_reset_elsewhere() {
        let mut uint = Counter::new(Some(65_536));
        let counts = [65_000, 65_535, 0, 40_000, 7, 9];
        let totals = counts.map(|count| uint.take(count));
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
        let mut meter = Counter::new(Some(1_000_000));
        meter.take(999_999);
        assert_eq!(meter.take(1), (2, Course::Exact));
        let mut wide = Counter::new(None);
        wide.take(u64::MAX);
        assert_eq!(wide.take(4), (5, Course::Exact));
    }

    #[test]
    fn a_counter_beyond_its_range_is_a_reset_and_no_panic() {
        let mut meter = Counter::new(Some(1000));
        meter.take(5000);
        assert_eq!(meter.take(3), (3, Course::Reset));
    }

    proptest! {
        /// Whatever is missed by outages and however often it rolls over.
        #[test]
        fn the_total_is_what_was_counted(
            start in 0u64..65_536,
            steps in prop::collection::vec(0u64..16_384, 1..100),
        ) {
            let mut counter = Counter::new(Some(65_536));
            counter.take(start);
            let mut counted = 0;
            for step in steps {
                counted += step;
                let result = counter.take((start + counted) % 65_536);
                prop_assert_eq!(result, (counted, Course::Exact));
            }
        }

        #[test]
        fn a_total_never_falls(counts in prop::collection::vec(0u64..70_000, 1..100)) {
            let mut counter = Counter::new(Some(65_536));
            let totals: Vec<u64> = counts.into_iter().map(|count| counter.take(count).0).collect();
            prop_assert!(totals.is_sorted());
        }
    }
}
