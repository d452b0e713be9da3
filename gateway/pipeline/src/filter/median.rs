//! The median of the last few values: single spikes vanish, edges stay sharp, everything comes half a window later.

use super::Verdict;
use super::recent::Recent;

#[derive(Clone, Debug)]
pub(super) struct Median {
    recent: Recent,
}

impl Median {
    pub(super) fn new(window: usize) -> Self {
        Self { recent: Recent::new(window) }
    }

    pub(super) fn take(&mut self, number: f64) -> Verdict {
        self.recent.push(number);
        let median = self.recent.median(|value| value);
        if median == number { Verdict::Pass } else { Verdict::Replace(median) }
    }

    pub(super) const fn forget(&mut self) {
        self.recent.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::{Median, Verdict};
    use proptest::prelude::*;

    fn filtered(window: usize, numbers: &[f64]) -> Vec<f64> {
        let mut median = Median::new(window);
        let mut through = |number: &f64| match median.take(*number) {
            Verdict::Replace(replaced) => replaced,
            _ => *number,
        };
        numbers.iter().map(&mut through).collect()
    }

    #[test]
    fn a_spike_shorter_than_half_the_window_vanishes_and_an_edge_stays_sharp() {
        let numbers = [5.0, 5.0, 5.0, 99.0, -7.0, 5.0, 5.0, 8.0, 8.0, 8.0, 8.0];
        let expected = [5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 8.0, 8.0];
        assert_eq!(filtered(5, &numbers), expected);
    }

    proptest! {
        #[test]
        fn the_result_is_one_of_the_last_values_with_half_of_them_on_each_side(
            numbers in prop::collection::vec(-9.0..9.0f64, 1..60),
            half in 1usize..10,
        ) {
            let window = 2 * half + 1;
            for (end, median) in filtered(window, &numbers).into_iter().enumerate() {
                let recent = &numbers[(end + 1).saturating_sub(window)..=end];
                prop_assert!(recent.contains(&median));
                let at_most = |count: usize| count <= recent.len() / 2;
                prop_assert!(at_most(recent.iter().filter(|value| **value < median).count()));
                prop_assert!(at_most(recent.iter().filter(|value| **value > median).count()));
            }
        }

        #[test]
        fn a_signal_that_only_rises_keeps_its_shape(
            mut numbers in prop::collection::vec(-9.0..9.0f64, 12..60),
        ) {
            numbers.sort_by(f64::total_cmp);
            let once = filtered(5, &numbers);
            prop_assert_eq!(&once[5..], &numbers[3..numbers.len() - 2]);
        }
    }
}
