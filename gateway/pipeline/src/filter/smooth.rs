//! Exponential smoothing: a first-order lag with a time constant, true to time whatever the jitter of the scans.

use std::time::Duration;

use super::Verdict;

#[derive(Clone, Debug)]
pub(super) struct Smooth {
    /// Microseconds.
    time: f64,
    /// Where the value stands, and since when.
    last: Option<(f64, u64)>,
}

impl Smooth {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time: time.as_secs_f64() * 1e6, last: None }
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    pub(super) fn take(&mut self, number: f64, at: u64) -> Verdict {
        let smoothed = match self.last {
            // A time constant of 0 gives 0 or, at once, 0/0: both let it pass.
            Some((last, since)) if self.time > 0.0 => {
                let stays = (-(at.saturating_sub(since) as f64) / self.time).exp();
                number + (last - number) * stays
            }
            _ => number,
        };
        self.last = Some((smoothed, at));
        if smoothed == number { Verdict::Pass } else { Verdict::Replace(smoothed) }
    }

    pub(super) const fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{Smooth, Verdict};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000;

    fn through(smooth: &mut Smooth, number: f64, at: u64) -> f64 {
        match smooth.take(number, at) {
            Verdict::Replace(smoothed) => smoothed,
            _ => number,
        }
    }

    #[test]
    fn after_one_time_constant_63_percent_of_a_step_are_through() {
        let mut smooth = Smooth::new(Duration::from_secs(10));
        assert_eq!(through(&mut smooth, 0.0, 0), 0.0);
        let after = through(&mut smooth, 100.0, 10 * SECOND);
        assert!((after - 63.212).abs() < 0.001, "{after}");
    }

    proptest! {
        #[test]
        fn it_stays_between_where_it_was_and_what_came(
            steps in prop::collection::vec((0u64..5 * SECOND, -100.0..100.0f64), 1..100),
            millis in 0u64..20_000,
        ) {
            let mut smooth = Smooth::new(Duration::from_millis(millis));
            let (mut at, mut before) = (0, None);
            for (after, number) in steps {
                at += after;
                let smoothed = through(&mut smooth, number, at);
                if let Some(before) = before {
                    let (least, most) = (number.min(before), number.max(before));
                    prop_assert!((least - 1e-9..=most + 1e-9).contains(&smoothed));
                }
                before = Some(smoothed);
            }
        }

        #[test]
        fn how_often_it_is_scanned_makes_no_difference(
            seconds in prop::collection::vec(1u64..2 * SECOND, 2..30),
        ) {
            let (mut often, mut once) = (Smooth::new(Duration::from_secs(3)), Smooth::new(Duration::from_secs(3)));
            let (_, _) = (through(&mut often, 0.0, 0), through(&mut once, 0.0, 0));
            let mut at = 0;
            let mut last = 0.0;
            for after in seconds {
                at += after;
                last = through(&mut often, 50.0, at);
            }
            prop_assert!((through(&mut once, 50.0, at) - last).abs() < 1e-9);
        }
    }
}
