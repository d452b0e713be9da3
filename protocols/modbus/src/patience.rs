//! Patience: how long a unit may take before its answer counts as missing, learned from how long it took.
//!
//! A fixed timeout is either shorter than the slowest unit or makes every
//! dead one cost its neighbours a second. The estimate is TCP's (RFC 6298,
//! 2): smoothed time plus four times its variation, doubled after a miss.

use crate::Micros;

/// Chosen: below this the scheduler of a busy machine and the 16 ms buffer of
/// a USB adapter are mistaken for a slow unit.
const LEAST: Micros = 60_000;

/// How long one unit takes to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Patience {
    /// Smoothed time and its mean deviation; `None` before the first answer.
    smooth: Option<(Micros, Micros)>,
    /// The longest time seen, slowly forgotten.
    longest: Micros,
    /// Misses since the last answer.
    missed: u32,
}

impl Patience {
    /// The unit answered after `took`.
    pub fn answered(&mut self, took: Micros) {
        self.missed = 0;
        self.longest = took.max(self.longest - self.longest / 64);
        self.smooth = Some(match self.smooth {
            None => (took, took / 2),
            Some((mean, deviation)) => {
                let off = mean.abs_diff(took);
                (mean - mean / 8 + took / 8, deviation - deviation / 4 + off / 4)
            }
        });
    }

    /// The unit did not answer in time.
    pub fn missed(&mut self) {
        self.missed = self.missed.saturating_add(1);
    }

    /// How long to wait for its next answer, at most `ceiling`.
    #[must_use]
    pub fn wait(&self, ceiling: Micros) -> Micros {
        let Some((mean, deviation)) = self.smooth else {
            return ceiling;
        };
        let usual = (mean + 4 * deviation).max(self.longest * 2).max(LEAST);
        usual.saturating_mul(1 << self.missed.min(16)).min(ceiling)
    }

    /// The smoothed time, once it has answered.
    #[must_use]
    pub fn usual(&self) -> Option<Micros> {
        self.smooth.map(|(mean, _)| mean)
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST, Patience};
    use proptest::prelude::*;

    const CEILING: u64 = 1_000_000;

    #[test]
    fn an_unknown_unit_gets_all_the_time_and_a_quick_one_less() {
        let mut patience = Patience::default();
        assert_eq!(patience.wait(CEILING), CEILING);
        for _ in 0..50 {
            patience.answered(10_000);
        }
        assert_eq!(patience.wait(CEILING), LEAST);
        patience.missed();
        assert_eq!(patience.wait(CEILING), 2 * LEAST, "perhaps it has become slow");
        for _ in 0..9 {
            patience.missed();
        }
        assert_eq!(patience.wait(CEILING), CEILING, "and in the end it gets all the time again");
    }

    proptest! {
        #[test]
        fn a_unit_is_given_twice_what_it_lately_took(
            times in prop::collection::vec(1_000u64..400_000, 1..60),
        ) {
            let mut patience = Patience::default();
            for took in &times {
                patience.answered(*took);
            }
            let lately = *times.iter().rev().take(8).max().unwrap();
            prop_assert!(patience.wait(CEILING) >= (lately * 3 / 2).min(CEILING));
        }
    }
}
