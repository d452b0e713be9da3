//! The link meter: what happened with one unit, counted, and how long it takes to answer.

use crate::Micros;

/// Four buckets for each doubling: an error of at most 19 %.
const PER_OCTAVE: u32 = 4;
/// 2^6 µs; what is quicker is in the first bucket.
const FIRST_OCTAVE: u32 = 6;
/// Up to 2^22 µs = 4.2 s; what is slower is in the last.
const BUCKETS: usize = (16 * PER_OCTAVE) as usize;
/// Halved at this many, so that quantiles follow the last some thousand answers.
const FORGET_AT: u32 = 8192;

/// Counters of one unit; they never go back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UnitMeter {
    /// Questions asked, probes and fences included.
    pub requests: u64,
    /// Answers with data.
    pub answers: u64,
    /// Answers that were exceptions.
    pub exceptions: u64,
    /// Questions whose deadline passed.
    pub timeouts: u64,
    /// Answers with a wrong checksum, or cut off.
    pub damaged: u64,
    /// Answers after their deadline, dropped.
    pub late: u64,
    /// Questions in whose place only noise was heard.
    pub noise: u64,
    /// Reads repeated because a value was surprising.
    pub surprises: u64,
    /// Surprising values that the second read did not confirm.
    pub refuted: u64,
    /// How long it took to answer.
    pub round_trips: RoundTrips,
}

impl UnitMeter {
    /// Damaged answers among all that came, in parts per million; an
    /// estimate of the interference on the way to this unit.
    #[must_use]
    pub fn damage_ppm(&self) -> u64 {
        let came = self.answers + self.exceptions + self.damaged;
        (self.damaged * 1_000_000).checked_div(came).unwrap_or(0)
    }
}

/// Times of answers, in buckets that grow with the time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoundTrips {
    buckets: [u16; BUCKETS],
    total: u32,
}

impl Default for RoundTrips {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], total: 0 }
    }
}

impl RoundTrips {
    /// One answer took so long.
    pub fn add(&mut self, took: Micros) {
        if self.total >= FORGET_AT {
            self.buckets.iter_mut().for_each(|count| *count /= 2);
            self.total = self.buckets.iter().map(|count| u32::from(*count)).sum();
        }
        self.buckets[bucket(took)] += 1;
        self.total += 1;
    }

    /// The time within which `permille` of 1,000 answers came; at most 19 %
    /// too long. `None` before the first.
    #[must_use]
    pub fn quantile(&self, permille: u32) -> Option<Micros> {
        let wanted = (u64::from(self.total) * u64::from(permille.min(1000))).div_ceil(1000).max(1);
        let mut seen = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Some(upper_end(place));
            }
        }
        None
    }
}

fn bucket(took: Micros) -> usize {
    let took = took.max(1 << FIRST_OCTAVE);
    let octave = took.ilog2();
    let within = (took >> (octave - 2)) & 3;
    let place = (octave - FIRST_OCTAVE) * PER_OCTAVE + within as u32;
    (place as usize).min(BUCKETS - 1)
}

fn upper_end(place: usize) -> Micros {
    let (octave, within) = (place as u32 / PER_OCTAVE + FIRST_OCTAVE, place as u64 % 4);
    (5 + within) << (octave - 2)
}

#[cfg(test)]
mod tests {
    use super::{RoundTrips, UnitMeter};
    use proptest::prelude::*;

    #[test]
    fn damage_is_told_in_parts_per_million_of_what_came() {
        let meter = UnitMeter { answers: 990, damaged: 10, ..UnitMeter::default() };
        assert_eq!(meter.damage_ppm(), 10_000);
        assert_eq!(UnitMeter::default().damage_ppm(), 0);
    }

    proptest! {
        #[test]
        fn a_quantile_is_not_below_the_truth_and_at_most_a_quarter_above(
            mut times in prop::collection::vec(64u64..4_000_000, 1..300), permille in 0u32..=1000,
        ) {
            let mut trips = RoundTrips::default();
            times.iter().for_each(|took| trips.add(*took));
            times.sort_unstable();
            let rank = (times.len() as u64 * u64::from(permille)).div_ceil(1000).max(1);
            let truth = times[rank as usize - 1];
            let told = trips.quantile(permille).unwrap();
            prop_assert!(told >= truth && told <= truth + truth / 4 + 1, "{told} for {truth}");
        }
    }

    #[test]
    fn quantiles_follow_the_present() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.quantile(500), None);
        (0..100_000).for_each(|_| trips.add(1_000));
        (0..9_000).for_each(|_| trips.add(500_000));
        assert!(trips.quantile(500).unwrap() > 400_000);
    }
}
