//! Stuck: a measured value that does not change by a single count for long is rarely measured.
//!
//! Real sensors are noisy in the last digit. A value that stands still comes
//! from a frozen transmitter, a stopped PLC task or a copied register, and
//! reads like a perfect one.

use std::time::Duration;

use forehearth_model::Quality;

use super::Verdict;

#[derive(Clone, Debug)]
pub(super) struct Stuck {
    /// Microseconds.
    after: u64,
    /// The value and since when it stands.
    stands: Option<(f64, u64)>,
}

impl Stuck {
    pub(super) fn new(after: Duration) -> Self {
        Self { after: u64::try_from(after.as_micros()).unwrap_or(u64::MAX), stands: None }
    }

    pub(super) fn take(&mut self, number: f64, at: u64) -> Verdict {
        match self.stands {
            Some((value, since)) if value == number => {
                if at.saturating_sub(since) >= self.after {
                    // OPC 10000-8: "whatever was updating this value has stopped doing so".
                    return Verdict::Doubt(Quality::UncertainLastUsable);
                }
            }
            _ => self.stands = Some((number, at)),
        }
        Verdict::Pass
    }

    pub(super) const fn forget(&mut self) {
        self.stands = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{Stuck, Verdict};
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        #[test]
        fn exactly_what_stood_for_the_time_is_doubted(
            numbers in prop::collection::vec(0u8..2, 1..80),
            after in 1usize..12,
        ) {
            let mut stuck = Stuck::new(Duration::from_micros(after as u64));
            for (at, number) in numbers.iter().enumerate() {
                let stands = at >= after && numbers[at - after..=at].iter().all(|n| n == number);
                let doubted = stuck.take(f64::from(*number), at as u64) != Verdict::Pass;
                prop_assert_eq!(doubted, stands, "at {}", at);
            }
        }
    }
}
