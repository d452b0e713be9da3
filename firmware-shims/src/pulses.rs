//! Pulses: a meter's contact or a turbine, counted and timed.
//!
//! A frequency is pulses over the time between two of them, not over a fixed
//! window: at 2 Hz a window of a second would be half a pulse off.

use embedded_hal::digital::InputPin;
use forehearth_modbus::Micros;

use crate::{Channel, Clock, Facts, Quality, Range, Reading, Scale};

/// Counts rising edges and times them.
#[derive(Clone, Debug)]
pub struct Pulses {
    /// A level must stand so long to be believed.
    shortest: Micros,
    /// After so long without a pulse there is none: 0 Hz.
    stopped_after: Micros,
    level: Option<bool>,
    changed: Micros,
    count: u32,
    last: Option<Micros>,
    /// Count and time of the pulse that the frequency is measured from.
    from: Option<(u32, Micros)>,
}

impl Pulses {
    /// Pulses and pauses shorter than `shortest` are noise; without a pulse
    /// for `stopped_after` the frequency is 0.
    #[must_use]
    pub const fn new(shortest: Micros, stopped_after: Micros) -> Self {
        Self { shortest, stopped_after, level: None, changed: 0, count: 0, last: None, from: None }
    }

    /// Goes on from a count that was kept over a restart.
    #[must_use]
    pub const fn starting_at(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// The level at `now`; called at each poll, or by an interrupt at each edge.
    pub fn look(&mut self, level: bool, now: Micros) {
        let Some(known) = self.level else {
            (self.level, self.changed) = (Some(level), now);
            return;
        };
        if level == known || now.saturating_sub(self.changed) < self.shortest {
            return;
        }
        (self.level, self.changed) = (Some(level), now);
        if level {
            self.count = self.count.wrapping_add(1);
            self.last = Some(now);
            self.from.get_or_insert((self.count, now));
        }
    }

    /// What is fixed about a frequency up to `high` Hz.
    #[must_use]
    pub const fn hertz(high: f32) -> Facts {
        Facts {
            unit: "Hz",
            scale: Scale::Linear { per_count: 0.001, offset: 0.0 },
            range: Range { low: 0.0, high },
            namur: None,
        }
    }

    /// Pulses since the start; goes round at 2^32.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Millihertz since the last call, or the last that could be told;
    /// `None` while fewer than two pulses came.
    pub fn millihertz(&mut self, now: Micros) -> Option<u32> {
        let Some(last) = self.last else {
            return (now.saturating_sub(self.changed) >= self.stopped_after).then_some(0);
        };
        if now.saturating_sub(last) >= self.stopped_after {
            self.from = None;
            return Some(0);
        }
        let (count, since) = self.from?;
        let (pulses, micros) = (self.count.wrapping_sub(count), last - since);
        if pulses == 0 || micros == 0 {
            return None;
        }
        let millihertz = u64::from(pulses) * 1_000_000_000 / micros;
        // Measure from the last pulse on once there is at least one more.
        if micros >= 1_000_000 {
            self.from = Some((self.count, last));
        }
        Some(u32::try_from(millihertz).unwrap_or(u32::MAX))
    }
}

/// What a pulse input tells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Quantity {
    /// The count, in counts.
    Count,
    /// The frequency; a count is a millihertz.
    Frequency,
}

/// A pin as a channel of pulses. Read it at least twice per pulse.
#[derive(Clone, Debug)]
pub struct PulseInput<P, K> {
    pin: P,
    pulses: Pulses,
    quantity: Quantity,
    told: Option<u32>,
    clock: K,
    facts: Facts,
}

impl<P: InputPin, K: Clock> PulseInput<P, K> {
    /// Pulses at `pin`; for a frequency the facts are [`Pulses::hertz`].
    pub const fn new(pin: P, pulses: Pulses, quantity: Quantity, clock: K, facts: Facts) -> Self {
        Self { pin, pulses, quantity, told: None, clock, facts }
    }

    /// Gives the pin back.
    pub fn release(self) -> P {
        self.pin
    }
}

impl<P: InputPin, K: Clock> Channel for PulseInput<P, K> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&mut self) -> Reading {
        let tick = self.clock.now();
        let Ok(level) = self.pin.is_high() else {
            return Reading { raw: 0, quality: Quality::BadDeviceFailure, tick };
        };
        self.pulses.look(level, tick);
        let raw = match self.quantity {
            Quantity::Count => Some(self.pulses.count()),
            Quantity::Frequency => {
                self.told = self.pulses.millihertz(tick).or(self.told);
                self.told
            }
        };
        match raw {
            Some(raw) => Reading { raw: raw.cast_signed(), quality: Quality::Good, tick },
            None => Reading { raw: 0, quality: Quality::BadWaitingForFirstValue, tick },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PulseInput, Pulses, Quantity};
    use crate::clock::still::Still;
    use crate::{Channel, Quality};
    use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

    fn run(pulses: &mut Pulses, from: u64, half: u64, count: u64) -> u64 {
        let mut now = from;
        for _ in 0..count {
            now += half;
            pulses.look(true, now);
            now += half;
            pulses.look(false, now);
        }
        now
    }

    #[test]
    fn a_frequency_is_exact_however_slow_the_pulses_are() {
        let mut pulses = Pulses::new(100, 10_000_000);
        pulses.look(false, 0);
        assert_eq!(pulses.millihertz(0), None);
        let now = run(&mut pulses, 0, 750_000, 3); // 1.5 s a pulse
        assert_eq!(pulses.millihertz(now), Some(666));
        let now = run(&mut pulses, now, 500, 2_000); // 1 ms a pulse
        let _settling = pulses.millihertz(now);
        let now = run(&mut pulses, now, 500, 2_000);
        assert_eq!(pulses.millihertz(now), Some(1_000_000));
        assert_eq!(pulses.millihertz(now + 10_000_000), Some(0), "it stopped");
        assert_eq!(pulses.count(), 4_003);
    }

    #[test]
    fn noise_is_not_counted_and_the_count_goes_round() {
        let mut pulses = Pulses::new(1_000, 1_000_000).starting_at(u32::MAX);
        pulses.look(false, 0);
        pulses.look(true, 10_000);
        assert_eq!(pulses.count(), 0);
        pulses.look(false, 10_200); // 200 microseconds: noise
        pulses.look(true, 10_300);
        assert_eq!(pulses.count(), 0);
    }

    #[test]
    fn a_pin_counts_as_a_channel() {
        let levels = [State::Low, State::High, State::Low, State::High].map(Transaction::get);
        let clock = Still::default();
        let facts = Pulses::hertz(100.0);
        let pulses = Pulses::new(100, 10_000_000);
        let mut input =
            PulseInput::new(Mock::new(&levels), pulses, Quantity::Frequency, &clock, facts);
        let readings = [0, 100_000, 200_000, 300_000].map(|now| {
            clock.0.set(now);
            input.read()
        });
        assert_eq!(readings[1].quality, Quality::BadWaitingForFirstValue);
        assert_eq!(readings[3].value(&facts), (5.0, Quality::Good));
        input.release().done();
    }
}
