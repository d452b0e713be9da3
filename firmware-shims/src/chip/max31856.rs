//! MAX31856: a thermocouple of any common type on SPI.
//!
//! Source: Maxim 19-7534 Rev 0 (2015), table 6 (register map) and the
//! register descriptions behind it.

use super::{Bytes, Chip, Heard, Mains, Step};
use crate::{Facts, Quality, Range, Scale};

/// Registers; the highest bit of an address says write (table 6).
const WRITE: u8 = 0x80;
const CR0: u8 = 0x00;
const CR1: u8 = 0x01;
/// Three bytes of linearised temperature, then the fault status.
const TEMPERATURE: u8 = 0x0C;

/// CR0: one conversion.
const ONE_SHOT: u8 = 1 << 6;
/// CR0: an open sensor is looked for; 01 fits leads below 5 kilo-ohms (table 4).
const LOOK_FOR_OPEN: u8 = 0b01 << 4;
/// CR0: what was a fault is forgotten before a conversion.
const CLEAR: u8 = 1 << 1;
/// CR0: 50 Hz and its harmonics are suppressed.
const HZ50: u8 = 1;

/// Fault status: input beyond the supply, sensor open, and either junction
/// beyond what it can be.
const OPEN: u8 = 1;
const OVER_OR_UNDER_VOLTAGE: u8 = 1 << 1;
const JUNCTION_OUT_OF_RANGE: u8 = 1 << 6;
const CHIP_OUT_OF_RANGE: u8 = 1 << 7;

/// One count: 19 bits, 2^-7 degC (table 5).
const CELSIUS: f32 = 0.007_812_5;

/// First conversion with the cold junction, at most (electrical
/// characteristics, t_CONV).
const fn conversion(mains: Mains) -> u32 {
    match mains {
        Mains::Hz50 => 185_000,
        Mains::Hz60 => 155_000,
    }
}

/// The type of the thermocouple (CR1, bits 3 to 0).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the letters of IEC 60584")]
pub enum Thermocouple {
    B = 0,
    E = 1,
    J = 2,
    K = 3,
    N = 4,
    R = 5,
    S = 6,
    T = 7,
}

/// A thermocouple at a MAX31856.
#[derive(Clone, Debug)]
pub struct Max31856 {
    cr0: u8,
    cr1: u8,
    wait: u32,
    facts: Facts,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Configured,
    Started,
    Waited,
    Compared,
    Fetched,
}

impl Max31856 {
    /// A thermocouple with this span in degC.
    #[must_use]
    pub const fn new(of: Thermocouple, mains: Mains, range: Range) -> Self {
        let filter = match mains {
            Mains::Hz50 => HZ50,
            Mains::Hz60 => 0,
        };
        let scale = Scale::Linear { per_count: CELSIUS, offset: 0.0 };
        Self {
            cr0: LOOK_FOR_OPEN | filter,
            cr1: of as u8,
            wait: conversion(mains),
            facts: Facts { unit: "degC", scale, range, namur: None },
            state: State::Idle,
        }
    }
}

fn judge([high, middle, low, status]: [u8; 4]) -> Step {
    let raw = i32::from_be_bytes([high, middle, low, 0]) >> 13;
    let quality = if status & (OPEN | OVER_OR_UNDER_VOLTAGE) != 0 {
        Quality::BadSensorFailure
    } else if status & CHIP_OUT_OF_RANGE != 0 {
        Quality::BadDeviceFailure
    } else if status & JUNCTION_OUT_OF_RANGE != 0 {
        Quality::UncertainSensorLimit
    } else {
        Quality::Good
    };
    Step::Is(raw, quality)
}

impl Chip for Max31856 {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn next(&mut self, heard: Heard<'_>) -> Step {
        let (state, step) = match (self.state, heard) {
            // The filter may only be changed while nothing converts (CR0, bit 0).
            (_, Heard::Begin) => {
                let config = Bytes::new([WRITE | CR0, self.cr0 | CLEAR, self.cr1]);
                (State::Configured, Step::Write(config))
            }
            (State::Configured, Heard::Done) => {
                let start = Bytes::new([WRITE | CR0, self.cr0 | ONE_SHOT]);
                (State::Started, Step::Write(start))
            }
            (State::Started, Heard::Done) => (State::Waited, Step::Wait(self.wait)),
            (State::Waited, Heard::Done) => {
                (State::Compared, Step::WriteRead(Bytes::new([CR0]), 2))
            }
            // SPI has no acknowledge: that it kept its configuration shows that it is there.
            (State::Compared, Heard::Bytes(&[cr0, cr1])) if [cr0, cr1] == [self.cr0, self.cr1] => {
                (State::Fetched, Step::WriteRead(Bytes::new([TEMPERATURE]), 4))
            }
            (State::Compared, Heard::Bytes(&[cr0, cr1]))
                if [cr0, cr1] == [self.cr0 | ONE_SHOT, self.cr1] =>
            {
                (State::Idle, Step::failed(Quality::BadDeviceFailure)) // it never ends
            }
            (State::Fetched, Heard::Bytes(&[a, b, c, status])) => {
                (State::Idle, judge([a, b, c, status]))
            }
            _ => (State::Idle, Step::failed(Quality::BadNoCommunication)),
        };
        self.state = state;
        step
    }
}

const _: () = assert!(CR1 == CR0 + 1, "both are written and read at once");
