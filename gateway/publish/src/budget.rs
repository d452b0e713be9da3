//! The replay budget: how many bytes of backlog may go out, so that live data keeps its latency.

use std::time::{Duration, Instant};

/// What may be spent at once after a pause, in time at the full rate.
/// Chosen: a quarter second of replay in front of a live batch is hardly seen.
const BURST: Duration = Duration::from_millis(250);

/// A token bucket in bytes. It may be overdrawn by one batch, so that a batch
/// larger than the burst passes; the debt is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    rate: Option<f64>,
    /// Bytes that may go now; negative while in debt.
    tokens: f64,
    filled: Instant,
}

impl Budget {
    /// `rate` in bytes per second; `None`: as fast as the link allows.
    #[expect(clippy::cast_precision_loss, reason = "a byte rate beyond 2^53 is no limit")]
    pub(crate) fn new(rate: Option<u64>, now: Instant) -> Self {
        let rate = rate.map(|rate| rate.max(1) as f64);
        Self { rate, tokens: rate.unwrap_or(0.0) * BURST.as_secs_f64(), filled: now }
    }

    /// When the next batch may go; `now` when it may go at once.
    pub(crate) fn ready_at(&mut self, now: Instant) -> Instant {
        let Some(rate) = self.rate else { return now };
        let earned = now.saturating_duration_since(self.filled).as_secs_f64() * rate;
        self.tokens = (self.tokens + earned).min(rate * BURST.as_secs_f64());
        self.filled = now;
        if self.tokens > 0.0 {
            return now;
        }
        // One byte more than the debt, so that the wait ends with the bucket
        // above zero and not at it.
        now + Duration::from_secs_f64((1.0 - self.tokens) / rate)
    }

    /// A batch of this size went out.
    #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^53 bytes")]
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.tokens -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use std::time::{Duration, Instant};

    #[test]
    fn replay_keeps_to_its_rate_over_a_minute() {
        let start = Instant::now();
        let mut budget = Budget::new(Some(100_000), start);
        let (mut now, mut sent) = (start, 0);
        while now < start + Duration::from_secs(60) {
            let ready = budget.ready_at(now);
            if ready > now {
                now = ready;
                continue;
            }
            budget.spend(16_384);
            sent += 16_384;
        }
        assert!((5_990_000..6_060_000).contains(&sent), "{sent} bytes in 60 s at 100,000 B/s");
    }

    #[test]
    fn a_batch_larger_than_the_burst_still_passes() {
        let start = Instant::now();
        let mut budget = Budget::new(Some(1000), start);
        assert_eq!(budget.ready_at(start), start);
        budget.spend(10_000);
        let ready = budget.ready_at(start);
        assert!(ready > start + Duration::from_secs(9));
        assert_eq!(budget.ready_at(ready), ready);
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let start = Instant::now();
        let mut budget = Budget::new(None, start);
        budget.spend(usize::MAX / 2);
        assert_eq!(budget.ready_at(start), start);
    }
}
