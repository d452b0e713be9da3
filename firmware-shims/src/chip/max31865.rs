//! MAX31865: a platinum resistor (RTD) on SPI, against a reference resistor.
//!
//! Source: Maxim 19-6478 Rev 3 (2015), table 1 (register addresses), table 2
//! (configuration) and table 7 (fault status).

use super::{Bytes, Chip, Heard, Mains, Step};
use crate::{Facts, Quality, Range, Scale};

/// Registers; the highest bit of an address says write (table 1).
const WRITE: u8 = 0x80;
const CONFIG: u8 = 0x00;
const RESISTANCE: u8 = 0x01;
const STATUS: u8 = 0x07;

/// Configuration (table 2).
const BIAS: u8 = 1 << 7;
const ONE_SHOT: u8 = 1 << 5;
const THREE_WIRES: u8 = 1 << 4;
const CLEAR: u8 = 1 << 1;
const HZ50: u8 = 1;

/// The bias settles in 10.5 time constants of the input filter and 1 ms more
/// ("One-Shot"): 100 nF at 4.3 kilo-ohms, the largest that the typical
/// circuits show, is 4.5 ms.
const SETTLE_MICROS: u32 = 5_600;

/// A single conversion, at most (electrical characteristics, t_CONV).
const fn conversion(mains: Mains) -> u32 {
    match mains {
        Mains::Hz50 => 66_000,
        Mains::Hz60 => 55_000,
    }
}

/// A Pt100 at -200 and 850 degC, the ends of the standard, relative to 0 degC
/// (IEC 60751:2022, table 1). Below is a short, above an open lead.
const SHORTED_BELOW: f32 = 0.1852;
const OPEN_ABOVE: f32 = 3.9048;

/// How the resistor is wired.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wires {
    /// Two or four.
    TwoOrFour,
    /// Three.
    Three,
}

/// A platinum resistor at a MAX31865.
#[derive(Clone, Debug)]
pub struct Max31865 {
    config: u8,
    wait: u32,
    ohms_per_count: f32,
    ohms_at_zero: f32,
    facts: Facts,
    state: State,
    /// The word of the resistance, its lowest bit the fault.
    word: u16,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Biased,
    Settled,
    Started,
    Waited,
    Compared,
    Fetched,
    Explained,
    /// The bias is off again; so says the status.
    Off(u8),
}

impl Max31865 {
    /// A resistor of so many ohms at 0 degC against a reference resistor
    /// (400 or 430 ohms for a Pt100), with its span in degC.
    #[must_use]
    pub const fn new(
        ohms_at_zero: f32,
        reference_ohms: f32,
        wires: Wires,
        mains: Mains,
        range: Range,
    ) -> Self {
        // The count is the ratio to the reference in 15 bits ("RTD Data").
        let ohms_per_count = reference_ohms / 32_768.0;
        let wires = match wires {
            Wires::TwoOrFour => 0,
            Wires::Three => THREE_WIRES,
        };
        let filter = match mains {
            Mains::Hz50 => HZ50,
            Mains::Hz60 => 0,
        };
        let scale = Scale::Platinum { ohms_per_count, ohms_at_zero };
        Self {
            config: wires | filter,
            wait: conversion(mains),
            ohms_per_count,
            ohms_at_zero,
            facts: Facts { unit: "degC", scale, range, namur: None },
            state: State::Idle,
            word: 0,
        }
    }

    const fn configure(&self, bits: u8) -> Step1 {
        Step1([WRITE | CONFIG, self.config | bits])
    }

    fn judge(&self, status: u8) -> Step {
        let raw = i32::from(self.word >> 1);
        let ratio = raw as f32 * self.ohms_per_count / self.ohms_at_zero;
        let is_broken = status != 0 || !(SHORTED_BELOW..=OPEN_ABOVE).contains(&ratio);
        Step::Is(raw, if is_broken { Quality::BadSensorFailure } else { Quality::Good })
    }

    /// Without the bias the resistor is not heated between measurements.
    fn off(&self, status: u8) -> (State, Step) {
        (State::Off(status), self.configure(0).into())
    }
}

/// An address and a byte for it.
struct Step1([u8; 2]);

impl From<Step1> for Step {
    fn from(Step1(bytes): Step1) -> Self {
        Self::Write(Bytes::new(bytes))
    }
}

impl Chip for Max31865 {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn next(&mut self, heard: Heard<'_>) -> Step {
        let (state, step) = match (self.state, heard) {
            (_, Heard::Begin) => (State::Biased, self.configure(BIAS | CLEAR).into()),
            (State::Biased, Heard::Done) => (State::Settled, Step::Wait(SETTLE_MICROS)),
            (State::Settled, Heard::Done) => {
                (State::Started, self.configure(BIAS | ONE_SHOT).into())
            }
            (State::Started, Heard::Done) => (State::Waited, Step::Wait(self.wait)),
            (State::Waited, Heard::Done) => {
                (State::Compared, Step::WriteRead(Bytes::new([CONFIG]), 1))
            }
            // SPI has no acknowledge: that it kept its configuration shows that it is there.
            (State::Compared, Heard::Bytes(&[config]))
                if config & !ONE_SHOT == self.config | BIAS =>
            {
                if config & ONE_SHOT == 0 {
                    (State::Fetched, Step::WriteRead(Bytes::new([RESISTANCE]), 2))
                } else {
                    (State::Idle, Step::failed(Quality::BadDeviceFailure))
                }
            }
            (State::Fetched, Heard::Bytes(&[high, low])) => {
                self.word = u16::from_be_bytes([high, low]);
                if self.word & 1 == 0 {
                    self.off(0)
                } else {
                    (State::Explained, Step::WriteRead(Bytes::new([STATUS]), 1))
                }
            }
            // A fault that has no name is one all the same.
            (State::Explained, Heard::Bytes(&[status])) => self.off(status | 1),
            (State::Off(status), Heard::Done) => (State::Idle, self.judge(status)),
            _ => (State::Idle, Step::failed(Quality::BadNoCommunication)),
        };
        self.state = state;
        step
    }
}
