//! A pot cell: alumina is fed and used up; when it runs short, the voltage rises and an anode effect strikes.

use super::{BLOCK_WORDS, noise};
use crate::registers::{real_cdab, udint_cdab};

/// Faraday: 0.3356 kg aluminium per kAh, 1.89 kg alumina per kg aluminium.
const ALUMINA_KG_PER_KAH: f64 = 0.3356 * 1.89;
/// Bath of a 320 kA cell, in kg (about 7 t).
const BATH_KG: f64 = 7000.0;
/// One dump of the point feeder, in kg.
const DUMP_KG: f64 = 1.8;
/// The controller keeps the alumina between these mass percentages.
const FEED_BELOW: f64 = 2.6;
const EFFECT_BELOW: f64 = 1.7;
/// One dump in this many blocks in the chute for a while, which is how anode
/// effects come about. Chosen: a few per hour in 30 cells.
const BLOCKED_ONE_IN: u32 = 800;
/// Seconds that a blocked feeder stays so: long enough to use up 0.9 % of
/// alumina at 320 kA (0.056 kg/s, so 0.0008 % per second).
const BLOCKED_SECONDS: f64 = 1500.0;
/// Tapping: once in about this many seconds, for this many seconds.
const TAP_EVERY_SECONDS: f64 = 1800.0;
const TAP_SECONDS: f64 = 120.0;

/// Words of the block; the map in `map.rs` names the same addresses.
mod at {
    pub(super) const CELL_VOLTAGE: usize = 0;
    pub(super) const LINE_CURRENT: usize = 2;
    pub(super) const BATH_TEMP: usize = 6;
    pub(super) const FEED_COUNT: usize = 8;
    pub(super) const FLAGS: usize = 10;
    pub(super) const STATE: usize = 11;
    pub(super) const SCANS: usize = 12;
}

/// `state` of the map: 1 normal, 2 tapping.
const NORMAL: u16 = 1;
const TAPPING: u16 = 2;

/// One cell.
pub(super) struct Cell {
    alumina_percent: f64,
    bath_celsius: f64,
    resistance_microohm: f64,
    volts: f64,
    dumps: u32,
    blocked_for: f64,
    effect_for: f64,
    until_tap: f64,
    scans: u32,
}

impl Cell {
    pub(super) fn new(random: &mut fastrand::Rng) -> Self {
        Self {
            alumina_percent: 2.2 + random.f64(),
            bath_celsius: 955.0 + noise(random, 2.0),
            resistance_microohm: 7.9 + noise(random, 0.08),
            volts: 4.2,
            dumps: random.u32(0..50_000),
            blocked_for: 0.0,
            effect_for: 0.0,
            until_tap: random.f64() * TAP_EVERY_SECONDS,
            scans: 0,
        }
    }

    /// A cell whose feeder has been blocked for so long that an anode effect
    /// is seconds away.
    pub(super) fn starving(random: &mut fastrand::Rng) -> Self {
        let alumina_percent = EFFECT_BELOW + 0.01;
        Self { alumina_percent, blocked_for: BLOCKED_SECONDS, ..Self::new(random) }
    }

    pub(super) const fn volts(&self) -> f64 {
        self.volts
    }

    pub(super) const fn in_anode_effect(&self) -> bool {
        self.effect_for > 0.0
    }

    /// Moves on by `dt` seconds at this line current.
    pub(super) fn advance(&mut self, kiloamperes: f64, dt: f64, random: &mut fastrand::Rng) {
        self.feed(kiloamperes, dt, random);
        self.until_tap -= dt;
        if self.until_tap < -TAP_SECONDS {
            self.until_tap = TAP_EVERY_SECONDS;
        }
        if self.alumina_percent < EFFECT_BELOW && !self.in_anode_effect() {
            self.effect_for = 60.0 + 60.0 * random.f64();
        }
        self.effect_for = (self.effect_for - dt).max(0.0);
        let heat = if self.in_anode_effect() { 0.05 } else { 0.0 };
        self.bath_celsius +=
            dt * (heat + (955.0 - self.bath_celsius) / 600.0) + noise(random, 0.02);
        // 1.65 V back EMF; the concentration overvoltage grows as alumina runs short.
        let short = (3.0 - self.alumina_percent).max(0.0);
        let normal = 1.65 + kiloamperes * self.resistance_microohm / 1000.0 + 0.06 * short * short;
        let effect = if self.in_anode_effect() { 22.0 + noise(random, 2.0) } else { 0.0 };
        self.volts = normal + effect + noise(random, 0.006);
    }

    /// Electrolysis uses alumina; the feeder dumps some when it is short, and
    /// quickly during an anode effect.
    fn feed(&mut self, kiloamperes: f64, dt: f64, random: &mut fastrand::Rng) {
        let used_kg = kiloamperes * dt / 3600.0 * ALUMINA_KG_PER_KAH;
        self.alumina_percent -= used_kg / BATH_KG * 100.0;
        self.blocked_for = (self.blocked_for - dt).max(0.0);
        if self.in_anode_effect() {
            self.blocked_for = 0.0; // the crust is broken by the crew
        }
        let hungry = self.alumina_percent < FEED_BELOW || self.in_anode_effect();
        if hungry && self.blocked_for == 0.0 {
            if random.u32(0..BLOCKED_ONE_IN) == 0 && !self.in_anode_effect() {
                self.blocked_for = BLOCKED_SECONDS;
                return;
            }
            self.dumps = self.dumps.wrapping_add(1);
            self.alumina_percent += DUMP_KG / BATH_KG * 100.0;
        }
    }

    /// `count` words of the block from `start` on. A read that takes in the
    /// whole scan counter makes it grow by one first.
    pub(super) fn read(&mut self, kiloamperes: f64, start: usize, count: usize) -> Vec<u16> {
        if start <= at::SCANS && start + count >= at::SCANS + 2 {
            self.scans = self.scans.wrapping_add(1);
        }
        self.block(kiloamperes)[start..start + count].to_vec()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a bath is some hundred degrees")]
    fn block(&self, kiloamperes: f64) -> [u16; BLOCK_WORDS as usize] {
        let mut words = [0; BLOCK_WORDS as usize];
        let mut put = |at: usize, value: [u16; 2]| words[at..at + 2].copy_from_slice(&value);
        put(at::CELL_VOLTAGE, real_cdab(self.volts as f32));
        put(at::LINE_CURRENT, real_cdab(kiloamperes as f32));
        put(at::FEED_COUNT, udint_cdab(self.dumps));
        put(at::SCANS, udint_cdab(self.scans));
        words[at::BATH_TEMP] = ((self.bath_celsius * 10.0).round() as i16).cast_unsigned();
        words[at::FLAGS] = u16::from(self.in_anode_effect());
        words[at::STATE] = if self.until_tap < 0.0 { TAPPING } else { NORMAL };
        words
    }
}
