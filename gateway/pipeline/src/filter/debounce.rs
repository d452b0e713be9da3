//! Debounce: a bit changes only when its new state lasted.

use std::time::Duration;

use super::Verdict;

#[derive(Clone, Debug)]
pub(super) struct Debounce {
    /// Microseconds.
    time: u64,
    /// What is told; `None` before the first sample.
    told: Option<f64>,
    /// Since when the samples say otherwise.
    otherwise: Option<u64>,
}

impl Debounce {
    pub(super) fn new(time: Duration) -> Self {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self { time, told: None, otherwise: None }
    }

    pub(super) fn take(&mut self, number: f64, at: u64) -> Verdict {
        let told = *self.told.get_or_insert(number);
        if number == told {
            self.otherwise = None;
            return Verdict::Pass;
        }
        let since = *self.otherwise.get_or_insert(at);
        if at.saturating_sub(since) < self.time {
            return Verdict::Replace(told);
        }
        self.told = Some(number);
        self.otherwise = None;
        Verdict::Pass
    }

    pub(super) const fn forget(&mut self) {
        (self.told, self.otherwise) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::{Debounce, Verdict};
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        /// Compared with what stands in words: told is the state that last
        /// held for the whole time.
        #[test]
        fn a_state_is_told_when_it_lasted_and_then_at_once(
            bits in prop::collection::vec(any::<bool>(), 1..80),
            time in 1usize..6,
        ) {
            let mut debounce = Debounce::new(Duration::from_micros(time as u64));
            let mut told = bits[0];
            for (at, bit) in bits.iter().enumerate() {
                if at >= time && bits[at - time..=at].iter().all(|b| b == bit) {
                    told = *bit;
                }
                let result = match debounce.take(f64::from(u8::from(*bit)), at as u64) {
                    Verdict::Replace(number) => number != 0.0,
                    _ => *bit,
                };
                prop_assert_eq!(result, told, "at {}", at);
            }
        }
    }
}
