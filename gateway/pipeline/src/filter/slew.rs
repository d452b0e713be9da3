//! Slew: the value follows the samples no faster than the process can move.

use super::Verdict;

#[derive(Clone, Debug)]
pub(super) struct Slew {
    /// Raw per microsecond.
    per_micro: f64,
    /// Where the value stands, and since when.
    last: Option<(f64, u64)>,
}

impl Slew {
    /// `per_second` is raw.
    pub(super) const fn new(per_second: f64) -> Self {
        Self { per_micro: per_second / 1e6, last: None }
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    pub(super) fn take(&mut self, number: f64, at: u64) -> Verdict {
        let reached = match self.last {
            Some((last, since)) => {
                let most = self.per_micro * at.saturating_sub(since) as f64;
                number.clamp(last - most, last + most)
            }
            None => number,
        };
        self.last = Some((reached, at));
        if reached == number { Verdict::Pass } else { Verdict::Replace(reached) }
    }

    pub(super) const fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{Slew, Verdict};
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    fn through(slew: &mut Slew, number: f64, at: u64) -> f64 {
        match slew.take(number, at) {
            Verdict::Replace(reached) => reached,
            _ => number,
        }
    }

    #[test]
    fn a_step_becomes_a_ramp() {
        let mut slew = Slew::new(2.0);
        let ramp: Vec<_> = [0.0, 5.0, 5.0, 5.0, 5.0]
            .into_iter()
            .zip(0..)
            .map(|(number, second)| through(&mut slew, number, second * SECOND))
            .collect();
        assert_eq!(ramp, [0.0, 2.0, 4.0, 5.0, 5.0]);
    }

    proptest! {
        #[test]
        fn it_never_moves_faster_never_overshoots_and_twice_is_once(
            steps in prop::collection::vec((0u64..5 * SECOND, -100.0..100.0f64), 1..100),
            per_second in 0.1..50.0f64,
        ) {
            let (mut first, mut second) = (Slew::new(per_second), Slew::new(per_second));
            let (mut at, mut before) = (0, None::<f64>);
            for (after, number) in steps {
                at += after;
                let reached = through(&mut first, number, at);
                if let Some(before) = before {
                    let most = per_second * after as f64 / 1e6;
                    prop_assert!((reached - before).abs() <= most + 1e-9);
                    prop_assert!((number.min(before)..=number.max(before)).contains(&reached));
                }
                let again = through(&mut second, reached, at);
                prop_assert!((again - reached).abs() <= 1e-9);
                before = Some(reached);
            }
        }
    }
}
