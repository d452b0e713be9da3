//! How long to leave a server alone after a failed attempt.

use std::time::Duration;

/// Chosen: a server that restarts is met within the 5 s in which data must flow.
const SHORTEST: Duration = Duration::from_millis(250);
/// Chosen: see [`SHORTEST`]; one attempt every 2 s burdens nobody.
const LONGEST: Duration = Duration::from_secs(2);

/// Doubles from attempt to attempt, with jitter, so that fifty links don't
/// knock at one server in step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: SHORTEST }
    }
}

impl Backoff {
    /// Data flowed.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Between half and all of what is due.
    pub(crate) fn after_failure(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, LONGEST, SHORTEST};

    #[test]
    fn waits_double_up_to_the_longest_and_start_anew_when_data_flows() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..10).map(|_| backoff.after_failure()).collect();
        assert!(waits[0] <= SHORTEST);
        assert!(waits[9] > LONGEST / 4 && waits.iter().all(|wait| *wait <= LONGEST));
        backoff.reset();
        assert!(backoff.after_failure() <= SHORTEST);
    }
}
