//! An energy meter: power, energy, voltage and frequency of a share of the potline, in input registers.

use super::{Line, noise};
use crate::registers::{real_abcd, udint_cdab, ulint_abcd};

/// Words of a meter's block; the map in `map.rs` names the same addresses.
mod at {
    pub(super) const ENERGY: usize = 0;
    pub(super) const POWER: usize = 4;
    pub(super) const VOLTAGE: usize = 6;
    pub(super) const FREQUENCY: usize = 8;
    pub(super) const SCANS: usize = 10;
}
const WORDS: usize = 12;

/// One meter; all share the load evenly.
pub(super) struct Meter {
    watt_hours: f64,
    kilowatts: f64,
    kilovolts: f64,
    hertz: f64,
    scans: u32,
}

impl Meter {
    pub(super) fn new(index: u16) -> Self {
        let watt_hours = 8.0e12 + f64::from(index) * 3.0e11; // some years of a potline
        Self { watt_hours, kilowatts: 0.0, kilovolts: 35.0, hertz: 50.0, scans: 0 }
    }

    /// Moves on by `dt` seconds.
    pub(super) fn advance(&mut self, line: Line, dt: f64, random: &mut fastrand::Rng) {
        self.kilowatts = line.kiloamperes * line.volts * 0.25 * 1.02 + noise(random, 4.0);
        self.watt_hours += self.kilowatts.max(0.0) * 1000.0 * dt / 3600.0;
        self.kilovolts = 35.0 + noise(random, 0.05);
        self.hertz = 50.0 + noise(random, 0.01);
    }

    /// `count` words from `start` on, `None` past the end. A read that takes
    /// in the whole scan counter makes it grow by one first.
    pub(super) fn read(&mut self, start: usize, count: usize) -> Option<Vec<u16>> {
        if start + count > WORDS {
            return None;
        }
        if start <= at::SCANS && start + count >= at::SCANS + 2 {
            self.scans = self.scans.wrapping_add(1);
        }
        Some(self.block()[start..start + count].to_vec())
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "energy and frequency are positive and far below their types' limits"
    )]
    fn block(&self) -> [u16; WORDS] {
        let mut words = [0; WORDS];
        words[at::ENERGY..at::POWER].copy_from_slice(&ulint_abcd(self.watt_hours as u64));
        words[at::POWER..at::VOLTAGE].copy_from_slice(&real_abcd(self.kilowatts as f32));
        words[at::VOLTAGE..at::FREQUENCY].copy_from_slice(&real_abcd(self.kilovolts as f32));
        words[at::FREQUENCY] = (self.hertz * 100.0).round() as u16;
        words[at::SCANS..].copy_from_slice(&udint_cdab(self.scans));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::Meter;

    #[test]
    fn a_meter_counts_reads_of_its_counter_and_no_others() {
        let mut meter = Meter::new(0);
        meter.read(0, 10).unwrap();
        assert_eq!(meter.read(10, 2).unwrap(), [1, 0]);
        assert_eq!(meter.read(0, 12).unwrap()[10..], [2, 0]);
        assert_eq!(meter.read(0, 13), None);
    }
}
