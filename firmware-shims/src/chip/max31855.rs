//! MAX31855: a thermocouple on SPI, its type fixed by the chip that was bought.
//!
//! Source: Maxim 19-5793 Rev 5 (2015), table 2 (memory map) and table 4
//! (thermocouple temperature data format).

use super::{Bytes, Chip, Heard, Step};
use crate::{Facts, Quality, Range, Scale};

/// Table 2: D16 says that D2, D1 or D0 does.
const FAULT: u32 = 1 << 16;
/// D17 and D3 are reserved and always read 0: a line that floats high shows in them.
const ALWAYS_ZERO: u32 = 1 << 17 | 1 << 3;
/// D2 short to the supply, D1 short to ground, D0 open.
const SHORT_TO_SUPPLY: u32 = 1 << 2;
const SHORT_TO_GROUND: u32 = 1 << 1;
const OPEN: u32 = 1;

/// One count (table 4).
const CELSIUS: f32 = 0.25;

/// A thermocouple at a MAX31855. It converts by itself every 100 ms at most
/// (electrical characteristics, t_CONV); a read takes the last one.
#[derive(Clone, Debug)]
pub struct Max31855 {
    facts: Facts,
}

impl Max31855 {
    /// A thermocouple with this span in degC.
    #[must_use]
    pub const fn new(range: Range) -> Self {
        let scale = Scale::Linear { per_count: CELSIUS, offset: 0.0 };
        Self { facts: Facts { unit: "degC", scale, range, namur: None } }
    }
}

fn judge(word: u32) -> Step {
    // All zero would be a junction and a chip at exactly 0 degC both. Chosen:
    // that is far rarer than a line that is held low.
    if word == 0 || word & ALWAYS_ZERO != 0 {
        return Step::failed(Quality::BadNoCommunication);
    }
    let raw = word.cast_signed() >> 18;
    if word & (FAULT | SHORT_TO_SUPPLY | SHORT_TO_GROUND | OPEN) != 0 {
        return Step::Is(raw, Quality::BadSensorFailure);
    }
    Step::Is(raw, Quality::Good)
}

impl Chip for Max31855 {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn next(&mut self, heard: Heard<'_>) -> Step {
        match heard {
            Heard::Begin => Step::WriteRead(Bytes::new([]), 4),
            Heard::Bytes(&[a, b, c, d]) => judge(u32::from_be_bytes([a, b, c, d])),
            Heard::Done | Heard::Bytes(_) => Step::failed(Quality::BadNoCommunication),
        }
    }
}
