//! The cost of asking a unit, as measured: so much for each request, so much for each register.
//!
//! A straight line through the round trips of requests of different sizes.
//! Where they part is the gap up to which one request for two stretches is
//! quicker than two: the whole PDU for a controller on Ethernet, a few
//! registers where a serial line is behind a socket.

use crate::{MAX_READ_WORDS, Micros};

/// Older round trips count for less: about the last 64 decide.
const FORGET: f64 = 63.0 / 64.0;

/// Before so many were measured nothing is said.
const ENOUGH: f64 = 16.0;

/// Round trips of less spread than this in registers tell nothing of what a
/// register costs. Chosen: the spread of requests of 1 and 9 registers.
const SPREAD: f64 = 16.0;

/// What was measured.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cost {
    weight: f64,
    registers: f64,
    micros: f64,
    squares: f64,
    products: f64,
}

impl Cost {
    /// A request of so many registers, or 16 bits each, took `round_trip`.
    #[expect(clippy::cast_precision_loss, reason = "an hour of microseconds is exact")]
    pub fn add(&mut self, registers: u16, round_trip: Micros) {
        let (x, y) = (f64::from(registers), round_trip as f64);
        self.weight = self.weight * FORGET + 1.0;
        self.registers = self.registers * FORGET + x;
        self.micros = self.micros * FORGET + y;
        self.squares = self.squares * FORGET + x * x;
        self.products = self.products * FORGET + x * y;
    }

    /// Registers for which another request costs as much; `None` while too
    /// little is known.
    #[must_use]
    pub fn break_even(&self) -> Option<u16> {
        if self.weight < ENOUGH {
            return None;
        }
        let (x, y) = (self.registers / self.weight, self.micros / self.weight);
        let spread = self.squares / self.weight - x * x;
        if spread < SPREAD {
            return None;
        }
        let for_each = (self.products / self.weight - x * y) / spread;
        let at_all = y - for_each * x;
        let even = at_all / for_each;
        // A register that costs nothing, or less within the noise: join all.
        let most = f64::from(MAX_READ_WORDS);
        let whole = for_each <= 0.0 || even >= most;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 125")]
        Some(if whole { MAX_READ_WORDS } else { even.max(0.0) as u16 })
    }
}

#[cfg(test)]
mod tests {
    use super::Cost;
    use crate::Timing;

    fn measured(cost: impl Fn(u16, u64) -> u64) -> Option<u16> {
        let mut measured = Cost::default();
        for n in 0..100u16 {
            // Noise of ±5 %.
            let registers = 1 + n * 37 % 60;
            let took = cost(registers, u64::from(n));
            measured.add(registers, took - took / 20 + took / 10 * u64::from(n * 7 % 10) / 10);
        }
        measured.break_even()
    }

    #[test]
    fn on_ethernet_the_whole_pdu_is_worth_a_round_trip() {
        assert_eq!(measured(|_, _| 400), Some(125));
        assert_eq!(measured(|registers, _| 400 + u64::from(registers) / 10), Some(125));
    }

    #[test]
    fn behind_a_serial_server_it_is_what_the_line_would_say() {
        let line = Timing::serial(9_600);
        let even = measured(|registers, _| {
            line.wire(8 + 5 + 2 * usize::from(registers)) + 2 * line.silence + 10_000
        });
        let expected = line.break_even(10_000);
        assert!(even.unwrap().abs_diff(expected) <= 5, "{even:?}, the line says {expected}");
    }

    #[test]
    fn requests_of_one_size_tell_nothing() {
        let mut cost = Cost::default();
        (0..100).for_each(|_| cost.add(20, 5_000));
        assert_eq!(cost.break_even(), None);
        assert_eq!(Cost::default().break_even(), None);
    }
}
