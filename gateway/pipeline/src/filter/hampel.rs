//! The Hampel filter: a value far off the median of its neighbours in time is a spike.
//!
//! "Far" is told by the spread of the recent values themselves (median
//! absolute deviation), so one setting serves a quiet and a noisy signal.

use forehearth_model::Quality;

use super::Verdict;
use super::recent::Recent;

/// Standard deviations per median absolute deviation of normal noise,
/// 1 / Φ⁻¹(3/4) (Hampel 1974).
const SIGMAS_PER_MAD: f64 = 1.4826;

/// Values before the first spike can be told: with two nobody knows which one
/// is wrong.
const FEWEST: usize = 3;

/// What becomes of a spike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spike {
    /// The median is sent instead.
    Replace,
    /// It is sent as `UncertainSensorLimit`, in OPC UA words a sensor that is
    /// not accurate.
    Flag,
}

#[derive(Clone, Debug)]
pub(super) struct Hampel {
    recent: Recent,
    sigmas: f64,
    /// Raw.
    least: f64,
    spike: Spike,
}

impl Hampel {
    pub(super) fn new(window: usize, sigmas: f64, least: f64, spike: Spike) -> Self {
        Self { recent: Recent::new(window), sigmas, least, spike }
    }

    pub(super) fn take(&mut self, number: f64) -> Verdict {
        self.recent.push(number);
        if self.recent.len() < FEWEST {
            return Verdict::Pass;
        }
        let median = self.recent.median(|value| value);
        let spread = SIGMAS_PER_MAD * self.recent.median(|value| (value - median).abs());
        if (number - median).abs() <= (self.sigmas * spread).max(self.least) {
            return Verdict::Pass;
        }
        match self.spike {
            Spike::Replace => Verdict::Replace(median),
            Spike::Flag => Verdict::Doubt(Quality::UncertainSensorLimit),
        }
    }

    pub(super) const fn forget(&mut self) {
        self.recent.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::{Hampel, Spike, Verdict};
    use forehearth_model::Quality;
    use proptest::prelude::*;

    #[test]
    fn a_spike_is_replaced_or_flagged_and_its_neighbours_are_not() {
        let numbers = [10.0, 10.1, 9.9, 10.0, 50.0, 10.1, 9.9];
        let mut replaces = Hampel::new(5, 3.0, 0.1, Spike::Replace);
        let replaced: Vec<_> = numbers.iter().map(|number| replaces.take(*number)).collect();
        let mut expected = vec![Verdict::Pass; 7];
        expected[4] = Verdict::Replace(10.0);
        assert_eq!(replaced, expected);
        let mut flags = Hampel::new(5, 3.0, 0.1, Spike::Flag);
        let flagged: Vec<_> = numbers.iter().map(|number| flags.take(*number)).collect();
        expected[4] = Verdict::Doubt(Quality::UncertainSensorLimit);
        assert_eq!(flagged, expected);
    }

    #[test]
    fn a_step_is_believed_when_half_of_the_window_agrees() {
        let mut hampel = Hampel::new(5, 3.0, 0.1, Spike::Replace);
        let numbers = [1.0, 1.0, 1.0, 1.0, 1.0, 7.0, 7.0, 7.0, 7.0];
        let passed: Vec<bool> =
            numbers.iter().map(|number| hampel.take(*number) == Verdict::Pass).collect();
        assert_eq!(passed, [true, true, true, true, true, false, false, true, true]);
    }

    proptest! {
        #[test]
        fn noise_within_the_least_deviation_is_never_touched(
            numbers in prop::collection::vec(-0.5..0.5f64, 1..100),
        ) {
            let mut hampel = Hampel::new(7, 3.0, 1.0, Spike::Replace);
            for number in numbers {
                prop_assert_eq!(hampel.take(number), Verdict::Pass);
            }
        }

        #[test]
        fn a_replacement_is_one_of_the_last_values_and_nearer_to_the_rest(
            numbers in prop::collection::vec(prop_oneof![5 => -1.0..1.0f64, 1 => -99.0..99.0f64], 1..100),
        ) {
            let mut hampel = Hampel::new(7, 3.0, 0.0, Spike::Replace);
            for (end, number) in numbers.iter().enumerate() {
                let recent = &numbers[(end + 1).saturating_sub(7)..=end];
                if let Verdict::Replace(replaced) = hampel.take(*number) {
                    prop_assert!(recent.contains(&replaced));
                    let distance = |from: f64| recent.iter().map(|v| (v - from).abs()).sum::<f64>();
                    prop_assert!(distance(replaced) <= distance(*number) + 1e-9);
                }
            }
        }
    }
}
