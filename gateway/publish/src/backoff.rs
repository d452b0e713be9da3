//! How long a link waits before it tries a broker again.

use std::time::Duration;

/// First pause: a broker that restarts is back within a second.
const FIRST: Duration = Duration::from_millis(200);

/// Longest pause. Chosen: with the connect itself a returning broker is seen
/// within 5 s, and four attempts a minute per gateway hurt no broker.
const LONGEST: Duration = Duration::from_secs(4);

/// Doubling pauses with jitter, so that a hall full of gateways does not
/// come back in step after the broker's restart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next pause. `dice` is uniform in 0..1; the pause is between half
    /// and all of its step.
    pub(crate) fn fail(&mut self, dice: f64) -> Duration {
        let step = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures += 1;
        step.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
    }

    /// A connection worked: the next pause is the first again.
    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
    }

    /// Whether the attempt before this one failed.
    pub(crate) const fn failing(self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, LONGEST};
    use std::time::Duration;

    #[test]
    fn pauses_double_up_to_a_ceiling_that_sees_a_returning_broker_within_5_s() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..8).map(|_| backoff.fail(1.0).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 4000, 4000, 4000]);
        assert!(LONGEST < Duration::from_secs(5));
        backoff.succeed();
        assert_eq!(backoff.fail(0.0).as_millis(), 100, "half a step is the least");
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff::default();
        assert!((0..1000).all(|_| backoff.fail(1.0) <= LONGEST));
    }
}
