//! An alarm: beyond which of its limits a value is, in the words of ISA-18.2 (hh, h, l, ll; deadband; on and off delay).
//!
//! These are limit events, a second pair of eyes for whoever is far from the
//! plant. They never replace the alarm system of the plant, which answers
//! within its scan and is proved for it.

use std::time::Duration;

use crate::saved::{Reader, Writer};

/// What the map asks for, in engineering units.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct AlarmLimits {
    /// Low low.
    pub ll: Option<f64>,
    /// Low.
    pub l: Option<f64>,
    /// High.
    pub h: Option<f64>,
    /// High high.
    pub hh: Option<f64>,
    /// Fastest change per second, up or down, that is normal.
    pub rate: Option<f64>,
    /// How far a value must come back within a limit to leave it.
    pub hysteresis: f64,
    /// How long a value must be beyond a limit.
    pub on_delay: Duration,
    /// How long a value must be back within.
    pub off_delay: Duration,
}

/// Beyond which limit a value is. The numbers are what is sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(i8)]
pub enum Level {
    /// Beyond `ll`.
    LowLow = -2,
    /// Beyond `l`.
    Low = -1,
    /// Within all limits.
    Normal = 0,
    /// Beyond `h`.
    High = 1,
    /// Beyond `hh`.
    HighHigh = 2,
    /// Within the limits, but changing faster than `rate`.
    Rate = 3,
}

/// One limit: whether it counts as passed, and since when the samples say otherwise.
#[derive(Clone, Copy, Debug)]
struct Limit {
    level: Level,
    at: f64,
    passed: bool,
    otherwise: Option<u64>,
}

impl Limit {
    fn take(&mut self, alarm: &Settings, number: f64, at: u64) {
        let hold = if self.passed { alarm.hysteresis } else { 0.0 };
        let beyond = match self.level {
            Level::LowLow | Level::Low => number <= self.at + hold,
            Level::Normal | Level::High | Level::HighHigh | Level::Rate => number >= self.at - hold,
        };
        if beyond == self.passed {
            self.otherwise = None;
            return;
        }
        let since = *self.otherwise.get_or_insert(at);
        let delay = if beyond { alarm.on_delay } else { alarm.off_delay };
        if at.saturating_sub(since) >= delay {
            self.passed = beyond;
            self.otherwise = None;
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    hysteresis: f64,
    /// Microseconds, as the next.
    on_delay: u64,
    off_delay: u64,
}

/// The limits of one tag with their states.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    settings: Settings,
    /// Those that are set, from `ll` to `hh`.
    limits: Box<[Limit]>,
    /// The limit of the rate of change.
    rate: Option<Limit>,
    /// The last number and when it was acquired, for the rate.
    last: Option<(f64, u64)>,
}

impl Alarm {
    pub(crate) fn new(limits: &AlarmLimits) -> Self {
        let micros = |delay: Duration| u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        let settings = Settings {
            hysteresis: limits.hysteresis,
            on_delay: micros(limits.on_delay),
            off_delay: micros(limits.off_delay),
        };
        let all = [
            (Level::LowLow, limits.ll),
            (Level::Low, limits.l),
            (Level::High, limits.h),
            (Level::HighHigh, limits.hh),
        ];
        let set = all.into_iter().filter_map(|(level, at)| {
            Some(Limit { level, at: at?, passed: false, otherwise: None })
        });
        let rate =
            limits.rate.map(|at| Limit { level: Level::Rate, at, passed: false, otherwise: None });
        Self { settings, limits: set.collect(), rate, last: None }
    }

    /// A sample that can't be used: the change since the one before it says
    /// nothing about the rate.
    pub(crate) const fn miss(&mut self) {
        self.last = None;
    }

    /// Which limits count as passed. Delays that run are not kept: how long
    /// the value was beyond while nobody looked is not known.
    pub(crate) fn save(&self, writer: &mut Writer) {
        writer.u64(self.limits.len() as u64);
        self.limits.iter().for_each(|limit| writer.flag(limit.passed));
        writer.flag(self.rate.is_some_and(|rate| rate.passed));
    }

    /// Takes what was saved, unless the map has other limits now.
    pub(crate) fn restore(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let count = reader.u64()?;
        let same = count == self.limits.len() as u64;
        for place in 0..usize::try_from(count).ok()?.min(8) {
            let passed = reader.flag()?;
            if same {
                self.limits[place].passed = passed;
            }
        }
        let rate = reader.flag()?;
        if let Some(limit) = &mut self.rate {
            limit.passed = rate;
        }
        Some(())
    }

    /// The level after a sample acquired `at`. Delays are measured from sample
    /// to sample, on the monotonic clock. A sample that can't be used is not
    /// shown to the alarm: its states stay until the next one that can.
    pub(crate) fn take(&mut self, number: f64, at: u64) -> Level {
        for limit in &mut self.limits {
            limit.take(&self.settings, number, at);
        }
        self.watch_rate(number, at);
        // Just after a jump from one side to the other, both may count as
        // passed until the off delay ends; the side of the value is told.
        let passed = || self.limits.iter().filter(|limit| limit.passed).map(|limit| limit.level);
        let (low, high) = (passed().min(), passed().max());
        match (low.filter(|low| *low < Level::Normal), high.filter(|high| *high > Level::Normal)) {
            (Some(low), Some(high)) => {
                if self.is_low(number) {
                    low
                } else {
                    high
                }
            }
            (None, None) if self.rate.is_some_and(|rate| rate.passed) => Level::Rate,
            (low, high) => low.or(high).unwrap_or(Level::Normal),
        }
    }

    /// The change since the sample before. Hysteresis is one of the value and
    /// has no meaning here; the delays hold.
    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    fn watch_rate(&mut self, number: f64, at: u64) {
        let Some(rate) = &mut self.rate else { return };
        let Some((before, then)) = self.last.replace((number, at)) else { return };
        let seconds = at.saturating_sub(then) as f64 / 1e6;
        if seconds > 0.0 {
            let settings = Settings { hysteresis: 0.0, ..self.settings };
            rate.take(&settings, (number - before).abs() / seconds, at);
        }
    }

    /// Whether a value is nearer to the low limits than to the high ones.
    fn is_low(&self, number: f64) -> bool {
        let distance = |low: bool| {
            let side = self.limits.iter().filter(|limit| (limit.level < Level::Normal) == low);
            side.map(|limit| (number - limit.at).abs()).fold(f64::INFINITY, f64::min)
        };
        distance(true) <= distance(false)
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, AlarmLimits};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000;

    fn limits() -> AlarmLimits {
        AlarmLimits {
            ll: Some(-10.0),
            l: Some(-5.0),
            h: Some(5.0),
            hh: Some(10.0),
            ..AlarmLimits::default()
        }
    }

    fn levels(limits: AlarmLimits, numbers: &[f64]) -> Vec<i8> {
        let mut alarm = Alarm::new(&limits);
        let mut second = 0;
        let mut level = |number: &f64| {
            second += 1;
            alarm.take(*number, second * SECOND) as i8
        };
        numbers.iter().map(&mut level).collect()
    }

    #[test]
    fn each_limit_belongs_to_its_alarm() {
        let numbers = [0.0, 4.9, 5.0, 9.9, 10.0, 7.0, 0.0, -5.0, -12.0, -6.0, 0.0];
        assert_eq!(levels(limits(), &numbers), [0, 0, 1, 1, 2, 1, 0, -1, -2, -1, 0]);
        let only_high = AlarmLimits { h: Some(5.0), ..AlarmLimits::default() };
        assert_eq!(levels(only_high, &[-99.0, 99.0]), [0, 1]);
    }

    #[test]
    fn hysteresis_holds_an_alarm_until_the_value_is_clearly_back() {
        let steady = AlarmLimits { hysteresis: 1.0, ..limits() };
        let numbers = [5.0, 4.5, 4.0, 3.9, 4.5, 10.0, 9.5, 8.9, -5.0, -4.5, -3.9];
        assert_eq!(levels(steady, &numbers), [1, 1, 1, 0, 0, 2, 2, 1, -1, -1, 0]);
    }

    #[test]
    fn delays_ignore_what_does_not_last() {
        let slow = AlarmLimits {
            on_delay: Duration::from_secs(2),
            off_delay: Duration::from_secs(3),
            ..limits()
        };
        let numbers = [6.0, 0.0, 6.0, 6.0, 6.0, 0.0, 6.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(levels(slow, &numbers), [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn after_a_jump_across_both_sides_the_side_of_the_value_is_told() {
        let sticky = AlarmLimits { off_delay: Duration::from_secs(60), ..limits() };
        assert_eq!(levels(sticky, &[12.0, -12.0, 12.0]), [2, -2, 2]);
    }

    #[test]
    fn a_change_that_is_too_fast_is_told_unless_a_limit_is_passed() {
        let quick = AlarmLimits { rate: Some(2.0), ..limits() };
        assert_eq!(
            levels(quick, &[0.0, 1.0, 3.0, 4.0, 1.0, 0.0, 6.0, 6.0]),
            [0, 0, 3, 0, 3, 0, 1, 1]
        );
    }

    proptest! {
        #[test]
        fn without_delay_and_hysteresis_the_level_is_that_of_the_value_alone(
            numbers in prop::collection::vec(-20.0..20.0f64, 1..100),
        ) {
            let expected: Vec<i8> = numbers.iter().map(|number| match number {
                n if *n <= -10.0 => -2,
                n if *n <= -5.0 => -1,
                n if *n >= 10.0 => 2,
                n if *n >= 5.0 => 1,
                _ => 0,
            }).collect();
            prop_assert_eq!(levels(limits(), &numbers), expected);
        }

        /// Noise smaller than the hysteresis never makes an alarm chatter.
        #[test]
        fn noise_within_the_hysteresis_changes_the_level_once_at_most(
            noise in prop::collection::vec(-0.5..0.5f64, 1..100),
            centre in -12.0..12.0f64,
        ) {
            let steady = AlarmLimits { hysteresis: 1.0, ..limits() };
            let numbers: Vec<f64> = noise.iter().map(|noise| centre + noise).collect();
            let levels = levels(steady, &numbers);
            prop_assert!(levels.windows(2).filter(|pair| pair[0] != pair[1]).count() <= 1);
        }

        /// An alarm is raised only by a value that was beyond for the delay,
        /// and then for certain.
        #[test]
        fn an_alarm_is_raised_when_the_value_was_beyond_for_the_delay(
            beyond in prop::collection::vec(any::<bool>(), 1..80),
            delay in 1usize..6,
        ) {
            let limits = AlarmLimits {
                h: Some(5.0),
                on_delay: Duration::from_secs(delay as u64),
                ..AlarmLimits::default()
            };
            let numbers: Vec<f64> = beyond.iter().map(|b| if *b { 6.0 } else { 0.0 }).collect();
            for (at, level) in levels(limits, &numbers).into_iter().enumerate() {
                let lasted = at >= delay && beyond[at - delay..=at].iter().all(|beyond| *beyond);
                // Without an off delay an alarm ends with the value.
                prop_assert_eq!(level == 1, lasted, "at {}", at);
            }
        }
    }
}
