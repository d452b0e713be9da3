//! Isolation: a unit that does not answer is left alone most of the time, so that its neighbours on the line keep theirs.
//!
//! Three misses in a row put a unit to sleep. Asleep it is not scanned; every
//! few seconds one small question looks whether it is back. All these probes
//! together may take only a small share of the line.

use core::num::NonZeroU8;

use alloc::vec::Vec;

use crate::Micros;

/// Chosen: one or two lost answers are noise, three in a row are a unit that
/// is gone. Where noise was heard in place of an answer it takes nine.
const ASLEEP_FROM: u32 = 9;
const SILENCE: u32 = 3;
const NOISE: u32 = 1;

/// One part in so many of the line's time is for probes: 4 %, so that with
/// what the misses before cost the others keep 95 %.
const PROBE_SHARE: Micros = 25;

/// Between two probes of a unit. Chosen: a unit that is back is read again
/// within 5 s, a scan of the others included.
const MOST_REST: Micros = 4_000_000;

/// Before the first probe; four times as long after each that fails. Chosen: a unit that
/// noise put to sleep is awake again before anyone notices.
const FIRST_REST: Micros = 250_000;

/// A probe waits this long, or as long as the unit used to take and some
/// more. Chosen: 4 % of [`MOST_REST`]; units answer in 5 to 50 ms.
const PROBE_PATIENCE: Micros = 160_000;

/// Every so manieth probe of a unit that has never answered gets the whole
/// timeout: it may be slower than a probe waits.
const LONG_PROBE: u32 = 8;

/// How an answer was missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss {
    /// Nothing was heard.
    Silence,
    /// Something was heard that was no answer.
    Noise,
}

/// What to do when a unit's turn comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Scan it.
    Scan,
    /// Ask one small question and wait at most this long; scan it if it answers.
    Probe(Micros),
    /// It is asleep: all its tags are Bad, nothing is asked.
    Rest,
}

/// The units of one line.
#[derive(Clone, Debug, Default)]
pub struct Isolation {
    /// In ascending order of unit.
    units: Vec<Unit>,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    unit: NonZeroU8,
    misses: u32,
    probes: u32,
    next_probe: Micros,
}

impl Unit {
    const fn is_asleep(&self) -> bool {
        self.misses >= ASLEEP_FROM
    }
}

impl Isolation {
    /// A line with `units`, all taken for awake.
    #[must_use]
    pub fn new(units: impl Iterator<Item = NonZeroU8>) -> Self {
        let mut units: Vec<NonZeroU8> = units.collect();
        units.sort_unstable();
        units.dedup();
        // Who has not answered yet has one miss to begin with.
        let awake = |unit| Unit { unit, misses: SILENCE, probes: 0, next_probe: 0 };
        Self { units: units.into_iter().map(awake).collect() }
    }

    /// What to do with `unit` now. `usual` is how long it used to take to
    /// answer, if it ever did, `timeout` the longest it may.
    pub fn turn(
        &mut self,
        unit: NonZeroU8,
        usual: Option<Micros>,
        timeout: Micros,
        now: Micros,
    ) -> Turn {
        let Some(unit) = self.find(unit) else {
            return Turn::Scan;
        };
        if !unit.is_asleep() {
            return Turn::Scan;
        }
        if now < unit.next_probe {
            return Turn::Rest;
        }
        unit.probes += 1;
        let patience = match usual {
            Some(usual) => PROBE_PATIENCE.max(usual * 2),
            None if unit.probes.is_multiple_of(LONG_PROBE) => timeout,
            None => PROBE_PATIENCE,
        };
        Turn::Probe(patience.min(timeout))
    }

    /// The unit answered, late answers and exceptions included; whether it was asleep.
    pub fn answered(&mut self, unit: NonZeroU8) -> bool {
        self.find(unit).is_some_and(|unit| {
            let was_asleep = unit.is_asleep();
            unit.misses = 0;
            unit.probes = 0;
            was_asleep
        })
    }

    /// The unit did not answer, for which the line was held for `cost`;
    /// whether this put it to sleep.
    pub fn missed(&mut self, unit: NonZeroU8, miss: Miss, cost: Micros, now: Micros) -> bool {
        let others = self.asleep().filter(|other| *other != unit).count() as Micros;
        let Some(unit) = self.find(unit) else {
            return false;
        };
        let was_awake = !unit.is_asleep();
        unit.misses = unit.misses.saturating_add(if miss == Miss::Noise { NOISE } else { SILENCE });
        let rest = cost.saturating_mul(PROBE_SHARE).saturating_mul(others + 1);
        // With many units asleep the line's share counts for more than their
        // return: they take turns.
        let most = MOST_REST.max(cost.saturating_mul(PROBE_SHARE) * (others + 1) / 2);
        let first = FIRST_REST << (2 * unit.probes).min(16);
        unit.next_probe = now + rest.min(most).min(first);
        was_awake && unit.is_asleep()
    }

    /// Whether `unit` is asleep.
    #[must_use]
    pub fn is_asleep(&self, unit: NonZeroU8) -> bool {
        self.asleep().any(|asleep| asleep == unit)
    }

    /// Whether nobody on the line answers.
    #[must_use]
    pub fn are_all_asleep(&self) -> bool {
        self.units.iter().all(Unit::is_asleep)
    }

    /// The units that are asleep.
    pub fn asleep(&self) -> impl Iterator<Item = NonZeroU8> {
        self.units.iter().filter(|unit| unit.is_asleep()).map(|unit| unit.unit)
    }

    fn find(&mut self, unit: NonZeroU8) -> Option<&mut Unit> {
        let place = self.units.binary_search_by_key(&unit, |known| known.unit).ok()?;
        self.units.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::{Isolation, Miss, Turn};
    use crate::{Micros, Patience};
    use alloc::vec;
    use alloc::vec::Vec;
    use core::num::NonZeroU8;

    const SECOND: Micros = 1_000_000;

    fn unit(n: usize) -> NonZeroU8 {
        NonZeroU8::new(n as u8 + 1).unwrap()
    }

    /// 32 units on a line at 19,200 Bd, 40 registers each: 66 ms a scan,
    /// polled one behind the other as fast as the line allows.
    struct Bus {
        isolation: Isolation,
        patience: Vec<Patience>,
        now: Micros,
        /// Takes this long to answer; `None` when dead.
        answers_after: Vec<Option<Micros>>,
        scans: Vec<u32>,
        last_good: Vec<Micros>,
    }

    const WIRE: Micros = 58_000;
    /// One register.
    const PROBE_WIRE: Micros = 9_000;
    const TIMEOUT: Micros = SECOND;

    impl Bus {
        fn new() -> Self {
            Self {
                isolation: Isolation::new((0..32).map(unit)),
                patience: vec![Patience::default(); 32],
                now: 0,
                answers_after: vec![Some(8_000); 32],
                scans: vec![0; 32],
                last_good: vec![0; 32],
            }
        }

        fn visit(&mut self, n: usize) {
            let known = self.patience[n];
            let turn = self.isolation.turn(unit(n), known.usual(), TIMEOUT, self.now);
            let wait = match turn {
                Turn::Rest => return,
                Turn::Probe(patience) => patience,
                Turn::Scan => known.wait(TIMEOUT),
            };
            match self.answers_after[n] {
                Some(takes) if takes <= wait => {
                    self.now += WIRE + takes;
                    self.patience[n].answered(takes);
                    self.isolation.answered(unit(n));
                    self.scans[n] += 1;
                    self.last_good[n] = self.now;
                }
                _ => {
                    let wire = if turn == Turn::Scan { WIRE } else { PROBE_WIRE };
                    self.now += wire + wait;
                    self.patience[n].missed();
                    self.isolation.missed(unit(n), Miss::Silence, wire + wait, self.now);
                }
            }
        }

        fn run_until(&mut self, end: Micros) {
            while self.now < end {
                for n in 0..32 {
                    self.visit(n);
                }
                // Nothing takes no time at all: a scan of nothing is 1 µs.
                self.now += 1;
            }
        }
    }

    #[test]
    fn a_dead_unit_leaves_the_others_95_percent_of_their_throughput() {
        let mut well = Bus::new();
        well.run_until(60 * SECOND);
        let possible: u32 = well.scans.iter().sum::<u32>() - well.scans[7];
        for known in [false, true] {
            let mut bus = Bus::new();
            if known {
                bus.run_until(10 * SECOND);
                bus.scans = vec![0; 32];
            }
            bus.answers_after[7] = None;
            if !known {
                // What finding out costs once is not what it costs for ever.
                bus.run_until(10 * SECOND);
                bus.scans = vec![0; 32];
            }
            let begin = bus.now;
            bus.run_until(begin + 60 * SECOND);
            let others: u32 = bus.scans.iter().sum();
            let share = f64::from(others) / f64::from(possible);
            assert!(share >= 0.95, "{share:.3}, known before: {known}");
        }
    }

    #[test]
    fn a_unit_that_returns_is_read_within_five_seconds() {
        let mut bus = Bus::new();
        bus.run_until(10 * SECOND);
        for _ in 0..20 {
            bus.answers_after[7] = None;
            bus.run_until(bus.now + 20 * SECOND + 137_000);
            assert!(bus.isolation.is_asleep(unit(7)));
            bus.answers_after[7] = Some(8_000);
            let back = bus.now;
            bus.run_until(back + 5 * SECOND);
            assert!(bus.last_good[7] > back, "not read within 5 s");
            assert!(!bus.isolation.is_asleep(unit(7)));
        }
    }

    #[test]
    fn a_unit_slower_than_a_probe_waits_is_found_by_a_long_one() {
        let mut bus = Bus::new();
        bus.answers_after[7] = None;
        bus.run_until(10 * SECOND);
        bus.answers_after[7] = Some(600_000);
        bus.run_until(60 * SECOND);
        assert!(bus.scans[7] > 0);
    }

    #[test]
    fn eight_dead_units_do_not_take_more_than_one_does() {
        let mut bus = Bus::new();
        for n in 0..8 {
            bus.answers_after[n] = None;
        }
        bus.run_until(30 * SECOND);
        bus.scans = vec![0; 32];
        let begin = bus.now;
        bus.run_until(begin + 60 * SECOND);
        let others: u32 = bus.scans.iter().sum();
        let possible = (60 * SECOND / (WIRE + 8_000)) as f64;
        assert!(f64::from(others) / possible >= 0.9, "{others} of {possible}");
    }

    #[test]
    fn any_sign_of_life_wakes_a_unit() {
        let mut isolation = Isolation::new([unit(0), unit(1)].into_iter());
        isolation.answered(unit(0));
        assert!(!isolation.missed(unit(0), Miss::Silence, 100_000, 0));
        for _ in 0..3 {
            assert!(!isolation.missed(unit(0), Miss::Noise, 100_000, 0));
        }
        assert!(isolation.missed(unit(0), Miss::Silence, 100_000, 0));
        assert!(!isolation.are_all_asleep());
        assert_eq!(isolation.turn(unit(0), None, TIMEOUT, 10), Turn::Rest);
        assert_eq!(isolation.turn(unit(1), None, TIMEOUT, 10), Turn::Scan);
        assert!(isolation.answered(unit(0)));
        assert_eq!(isolation.turn(unit(0), None, TIMEOUT, 10), Turn::Scan);
    }
}
