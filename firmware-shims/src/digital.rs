//! A digital input: a contact whose bounces are not events.

use embedded_hal::digital::InputPin;
use forehearth_modbus::Micros;

use crate::{Channel, Clock, Facts, Quality, Range, Reading, Scale};

/// Which level of the pin is 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Active {
    /// The contact connects to the supply.
    High,
    /// The contact connects to ground.
    Low,
}

/// Takes a level for true once it stood for a time.
#[derive(Clone, Debug)]
pub struct Debounce {
    hold: Micros,
    state: Option<bool>,
    /// A level that differs from the state, and since when.
    candidate: Option<(bool, Micros)>,
}

impl Debounce {
    /// A level counts once it stood `hold`. Switches bounce for 1 to 10 ms.
    #[must_use]
    pub const fn new(hold: Micros) -> Self {
        Self { hold, state: None, candidate: None }
    }

    /// The level is `level` now; what is the state?  `None` until a level has
    /// stood long enough for the first time.
    pub fn look(&mut self, level: bool, now: Micros) -> Option<bool> {
        if self.state == Some(level) {
            self.candidate = None;
            return self.state;
        }
        let since = match self.candidate {
            Some((candidate, since)) if candidate == level => since,
            _ => now,
        };
        self.candidate = Some((level, since));
        if now.saturating_sub(since) >= self.hold {
            self.state = Some(level);
            self.candidate = None;
        }
        self.state
    }
}

/// A pin as a channel of 0 and 1. Read it more often than `hold`.
#[derive(Clone, Debug)]
pub struct DigitalInput<P, K> {
    pin: P,
    active: Active,
    debounce: Debounce,
    clock: K,
    facts: Facts,
}

impl<P: InputPin, K: Clock> DigitalInput<P, K> {
    /// A contact at `pin`.
    pub const fn new(pin: P, active: Active, hold: Micros, clock: K) -> Self {
        let facts = Facts {
            unit: "",
            scale: Scale::Linear { per_count: 1.0, offset: 0.0 },
            range: Range { low: 0.0, high: 1.0 },
            namur: None,
        };
        Self { pin, active, debounce: Debounce::new(hold), clock, facts }
    }

    /// Gives the pin back.
    pub fn release(self) -> P {
        self.pin
    }
}

impl<P: InputPin, K: Clock> Channel for DigitalInput<P, K> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&mut self) -> Reading {
        let tick = self.clock.now();
        let level = match self.active {
            Active::High => self.pin.is_high(),
            Active::Low => self.pin.is_low(),
        };
        let (raw, quality) = match level.map(|level| self.debounce.look(level, tick)) {
            Ok(Some(state)) => (state.into(), Quality::Good),
            Ok(None) => (0, Quality::BadWaitingForFirstValue),
            Err(_) => (0, Quality::BadDeviceFailure),
        };
        Reading { raw, quality, tick }
    }
}

#[cfg(test)]
mod tests {
    use super::{Active, Debounce, DigitalInput};
    use crate::clock::still::Still;
    use crate::{Channel, Quality};
    use embedded_hal_mock::eh1::MockError;
    use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

    #[test]
    fn a_contact_that_bounces_changes_once() {
        let mut input = Debounce::new(5_000);
        assert_eq!(input.look(false, 0), None);
        assert_eq!(input.look(false, 5_000), Some(false));
        for (now, level) in [(6_000, true), (7_000, false), (8_000, true), (12_999, true)] {
            assert_eq!(input.look(level, now), Some(false), "at {now}");
        }
        assert_eq!(input.look(true, 13_000), Some(true));
    }

    #[test]
    fn a_pin_that_cannot_be_read_is_bad_and_recovers() {
        let mut failing = Transaction::get(State::Low);
        failing = failing.with_error(MockError::Io(std::io::ErrorKind::Other));
        let pin = Mock::new(&[Transaction::get(State::Low), failing, Transaction::get(State::Low)]);
        let clock = Still::default();
        let mut input = DigitalInput::new(pin, Active::Low, 1_000, &clock);
        assert_eq!(input.read().quality, Quality::BadWaitingForFirstValue);
        assert_eq!(input.read().quality, Quality::BadDeviceFailure);
        clock.0.set(1_000);
        let reading = input.read();
        assert_eq!((reading.raw, reading.quality, reading.tick), (1, Quality::Good, 1_000));
        input.release().done();
    }
}
