//! INA219: current through a shunt, or the voltage behind it, on I2C.
//!
//! Source: Texas Instruments SBOS448G (2015), cited by section. The crate
//! `ina219` is the judge in the tests. The calibration register is not used:
//! the current follows from the shunt voltage and the shunt.

use super::{Bytes, Chip, Heard, Step};
use crate::{Facts, Quality, Range, Scale};

/// Registers (8.6.1, table 2).
const CONFIG: u8 = 0;
const SHUNT: u8 = 1;
const BUS: u8 = 2;
/// The reset value 0x399F with mode 011: 32 V, 320 mV, 12 bits, both
/// triggered once (8.6.2.1).
const ONCE: u16 = 0x399B;
/// Bus voltage register (8.6.3.2): bit 1, a conversion is ready.
const READY: u16 = 1 << 1;
/// Its value starts at bit 3 and counts 4 mV.
const BUS_SHIFT: u16 = 3;
const BUS_VOLTS: f32 = 0.004;
/// The shunt voltage counts 10 microvolts (8.6.3.1).
const SHUNT_VOLTS: f32 = 10e-6;
/// 320 mV, the end of the range at gain 1/8 (8.6.2.1, table 4).
const SHUNT_END: i16 = 32_000;

/// Two conversions of 12 bits, 586 microseconds each at most (7.5).
const CONVERSION_MICROS: u32 = 1_200;
/// Chosen: as long again before it is given up.
const AGAIN_MICROS: u32 = 300;
const AGAIN_MOST: u8 = 4;

/// Which of the two it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Current,
    Voltage,
}

/// One quantity of an INA219.
#[derive(Clone, Debug)]
pub struct Ina219 {
    wanted: Wanted,
    facts: Facts,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Started,
    Waited { times: u8 },
    Asked { times: u8 },
    Fetched,
}

impl Ina219 {
    /// Amperes through a shunt of so many ohms.
    #[must_use]
    pub const fn current(ohms: f32, range: Range) -> Self {
        let scale = Scale::Linear { per_count: SHUNT_VOLTS / ohms, offset: 0.0 };
        Self::new(Wanted::Current, Facts { unit: "A", scale, range, namur: None })
    }

    /// Volts between the load and ground, 0 to 26 (7.1).
    #[must_use]
    pub const fn voltage(range: Range) -> Self {
        let scale = Scale::Linear { per_count: BUS_VOLTS, offset: 0.0 };
        Self::new(Wanted::Voltage, Facts { unit: "V", scale, range, namur: None })
    }

    const fn new(wanted: Wanted, facts: Facts) -> Self {
        Self { wanted, facts, state: State::Idle }
    }

    fn bus(&self, register: u16) -> (State, Step) {
        match self.wanted {
            Wanted::Voltage => {
                let raw = i32::from(register >> BUS_SHIFT);
                (State::Idle, Step::Is(raw, Quality::Good))
            }
            Wanted::Current => (State::Fetched, Step::WriteRead(Bytes::new([SHUNT]), 2)),
        }
    }
}

fn shunt(raw: i16) -> Step {
    let quality = if raw.unsigned_abs() >= SHUNT_END.unsigned_abs() {
        Quality::UncertainSensorLimit
    } else {
        Quality::Good
    };
    Step::Is(raw.into(), quality)
}

impl Chip for Ina219 {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn next(&mut self, heard: Heard<'_>) -> Step {
        let (state, step) = match (self.state, heard) {
            (_, Heard::Begin) => {
                let [high, low] = ONCE.to_be_bytes();
                (State::Started, Step::Write(Bytes::new([CONFIG, high, low])))
            }
            (State::Started, Heard::Done) => {
                (State::Waited { times: 0 }, Step::Wait(CONVERSION_MICROS))
            }
            (State::Waited { times }, Heard::Done) => {
                (State::Asked { times }, Step::WriteRead(Bytes::new([BUS]), 2))
            }
            (State::Asked { times }, Heard::Bytes(&[high, low])) => {
                let register = u16::from_be_bytes([high, low]);
                if register & READY != 0 {
                    self.bus(register)
                } else if times < AGAIN_MOST {
                    (State::Waited { times: times + 1 }, Step::Wait(AGAIN_MICROS))
                } else {
                    (State::Idle, Step::failed(Quality::BadDeviceFailure))
                }
            }
            (State::Fetched, Heard::Bytes(&[high, low])) => {
                (State::Idle, shunt(i16::from_be_bytes([high, low])))
            }
            _ => (State::Idle, Step::failed(Quality::BadNoCommunication)),
        };
        self.state = state;
        step
    }
}
