//! ADS1115: a 16-bit converter on I2C, here behind the burden resistor of a 4–20 mA loop.
//!
//! Source: Texas Instruments SBAS444D (2018), cited by section. The crate
//! `ads1x1x` is the judge in the tests; it is not used because it waits for a
//! conversion without bound and knows no async.

use super::{Bytes, Chip, Heard, Step};
use crate::{Facts, Namur, Quality, Range, Scale};

/// Address pointer (9.6.1).
const CONVERSION: u8 = 0;
const CONFIG: u8 = 1;
/// Config (9.6.3): written it starts a conversion, read it says that none runs.
const OS: u16 = 1 << 15;
/// Power-down and single-shot.
const SINGLE_SHOT: u16 = 1 << 8;
/// 128 samples a second, the reset value: 7.8 ms, 20 dB less of 50 Hz than 8 SPS would leave.
const RATE_128: u16 = 0b100 << 5;
/// The comparator is off.
const NO_COMPARATOR: u16 = 0b11;

/// A conversion at 128 SPS takes 7.81 ms, and the oscillator is 10 % off at
/// most (7.5, data rate variation).
const CONVERSION_MICROS: u32 = 8_600;
/// Asked again after this long, so often: chosen, half a conversion more.
const AGAIN_MICROS: u32 = 500;
const AGAIN_MOST: u8 = 8;

/// Which pin is measured against ground (9.6.3, MUX).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u16)]
pub enum Input {
    /// AIN0.
    A0 = 0b100,
    /// AIN1.
    A1 = 0b101,
    /// AIN2.
    A2 = 0b110,
    /// AIN3.
    A3 = 0b111,
}

/// The voltage of the highest count (9.6.3, PGA).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u16)]
pub enum FullScale {
    /// 4.096 V: for a burden of 100 to 165 ohms.
    V4_096 = 0b001,
    /// 2.048 V: for 50 to 85 ohms.
    V2_048 = 0b010,
    /// 1.024 V.
    V1_024 = 0b011,
}

impl FullScale {
    const fn volts(self) -> f32 {
        match self {
            Self::V4_096 => 4.096,
            Self::V2_048 => 2.048,
            Self::V1_024 => 1.024,
        }
    }
}

/// A 4–20 mA loop at one input.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Loop {
    /// The pin.
    pub input: Input,
    /// The amplifier.
    pub full_scale: FullScale,
    /// The burden resistor.
    pub ohms: f32,
    /// Unit of the transmitter.
    pub unit: &'static str,
    /// What 4 and 20 mA stand for.
    pub range: Range,
}

/// One loop of an ADS1115.
#[derive(Clone, Debug)]
pub struct Ads1115 {
    config: u16,
    milliamps_per_count: f32,
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

impl Ads1115 {
    /// A 4–20 mA loop with the limits of NE 43.
    #[must_use]
    pub fn new(of: Loop) -> Self {
        // 15 bits and a sign.
        let milliamps_per_count = of.full_scale.volts() / 32_768.0 / of.ohms * 1000.0;
        let per_milliamp = (of.range.high - of.range.low) / 16.0;
        let scale = Scale::Linear {
            per_count: milliamps_per_count * per_milliamp,
            offset: of.range.low - 4.0 * per_milliamp,
        };
        let config = OS
            | (of.input as u16) << 12
            | (of.full_scale as u16) << 9
            | SINGLE_SHOT
            | RATE_128
            | NO_COMPARATOR;
        let facts = Facts { unit: of.unit, scale, range: of.range, namur: Some(Namur::NE43) };
        Self { config, milliamps_per_count, facts, state: State::Idle }
    }

    fn judge(&self, raw: i16) -> Step {
        if raw == i16::MAX {
            // The converter is at its end: more than it can measure.
            return Step::Is(raw.into(), Quality::BadSensorFailure);
        }
        let milliamps = f32::from(raw) * self.milliamps_per_count;
        let namur = self.facts.namur.unwrap_or(Namur::NE43);
        Step::Is(raw.into(), namur.judge(milliamps))
    }
}

impl Chip for Ads1115 {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn next(&mut self, heard: Heard<'_>) -> Step {
        let (state, step) = match (self.state, heard) {
            (_, Heard::Begin) => {
                let [high, low] = self.config.to_be_bytes();
                (State::Started, Step::Write(Bytes::new([CONFIG, high, low])))
            }
            (State::Started, Heard::Done) => {
                (State::Waited { times: 0 }, Step::Wait(CONVERSION_MICROS))
            }
            (State::Waited { times }, Heard::Done) => {
                (State::Asked { times }, Step::WriteRead(Bytes::new([CONFIG]), 2))
            }
            (State::Asked { times }, Heard::Bytes(&[high, low])) => {
                let config = u16::from_be_bytes([high, low]);
                if config | OS != self.config {
                    // It forgot its configuration: it lost its supply.
                    (State::Idle, Step::failed(Quality::BadNoCommunication))
                } else if config & OS != 0 {
                    (State::Fetched, Step::WriteRead(Bytes::new([CONVERSION]), 2))
                } else if times < AGAIN_MOST {
                    (State::Waited { times: times + 1 }, Step::Wait(AGAIN_MICROS))
                } else {
                    (State::Idle, Step::failed(Quality::BadDeviceFailure))
                }
            }
            (State::Fetched, Heard::Bytes(&[high, low])) => {
                (State::Idle, self.judge(i16::from_be_bytes([high, low])))
            }
            _ => (State::Idle, Step::failed(Quality::BadNoCommunication)),
        };
        self.state = state;
        step
    }
}
