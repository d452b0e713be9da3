//! How many refusals are written out: a client gone mad must not fill the disk.

use std::time::{Duration, Instant};

/// Refusals written out per [`PERIOD`]. Chosen: a person reads them; what is
/// more is counted and written as one line.
const WRITTEN: u32 = 60;

/// See [`WRITTEN`].
pub const PERIOD: Duration = Duration::from_secs(60);

/// Counts refusals by period.
#[derive(Debug)]
pub struct Throttle {
    began: Instant,
    seen: u32,
    unwritten: u64,
}

impl Throttle {
    /// Begins the first period.
    pub const fn new(now: Instant) -> Self {
        Self { began: now, seen: 0, unwritten: 0 }
    }

    /// Whether one more refusal is written out; else it is counted.
    pub fn admits(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= PERIOD {
            (self.began, self.seen) = (now, 0);
        }
        self.seen = self.seen.saturating_add(1);
        let admits = self.seen <= WRITTEN;
        self.unwritten += u64::from(!admits);
        admits
    }

    /// How many were counted and not written since this was asked last.
    pub const fn take_unwritten(&mut self) -> u64 {
        std::mem::replace(&mut self.unwritten, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_written_as_a_few_lines_and_a_number() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start);
        let written = (0..1000).filter(|_| throttle.admits(start)).count();
        assert_eq!((written, throttle.take_unwritten()), (60, 940));
        assert_eq!(throttle.take_unwritten(), 0);
        assert!(throttle.admits(start + PERIOD), "the next period begins anew");
    }
}
