//! Backoff: how long to wait before a dead link is tried again.

use std::time::Duration;

/// Wait after the first failure, before jitter. Chosen: a device that closed
/// an idle connection is back within one fast scan.
pub const SHORTEST: Duration = Duration::from_millis(100);

/// Wait after many failures, before jitter. Chosen: a device that returns is
/// read again within 5 s, and 100 dead links cost 20–40 connects a second,
/// which neither the box nor a plant switch notices.
pub const LONGEST: Duration = Duration::from_secs(5);

/// Doubles the wait from failure to failure, from [`SHORTEST`] to [`LONGEST`].
///
/// Reset it when the link has **answered**, not when it was opened: a device
/// that accepts connections and says nothing would otherwise be hammered.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure: between half and all of the step,
    /// as `jitter` (0..1) says, so that the links of a switch that
    /// restarted don't all come back in the same instant.
    pub fn after_failure(&mut self, jitter: f64) -> Duration {
        let step = SHORTEST.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }

    /// The link answered.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, LONGEST, SHORTEST};
    use std::time::Duration;

    #[test]
    fn the_first_retry_is_quick_and_the_last_never_later_than_the_longest() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..8).map(|_| backoff.after_failure(1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        for _ in 0..100 {
            assert_eq!(backoff.after_failure(1.0), LONGEST);
        }
    }

    #[test]
    fn jitter_takes_away_up_to_half() {
        assert_eq!(Backoff::default().after_failure(0.0), SHORTEST / 2);
        assert_eq!(Backoff::default().after_failure(0.5), SHORTEST * 3 / 4);
        assert_eq!(Backoff::default().after_failure(f64::INFINITY), SHORTEST);
    }

    #[test]
    fn an_answer_makes_the_next_retry_quick_again() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.after_failure(1.0);
        }
        backoff.reset();
        assert_eq!(backoff.after_failure(1.0), Duration::from_millis(100));
    }
}
