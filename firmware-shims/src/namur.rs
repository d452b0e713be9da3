//! NAMUR NE 43: what a 4–20 mA transmitter says by leaving its span.

use crate::Quality;

/// A current is a count times a factor, in 24 bits: at 21 mA the last of them
/// is 2 nA. So near to a failure is a failure.
const ROUNDING: f32 = 1e-5;

/// The currents at which a measurement ends and a failure begins, in mA.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Namur {
    /// At or below it the transmitter signals a failure, or the loop is open.
    pub failure_low: f32,
    /// Below it the transmitter is saturated.
    pub measured_from: f32,
    /// Above it the transmitter is saturated.
    pub measured_to: f32,
    /// At or above it the transmitter signals a failure, or the loop is shorted.
    pub failure_high: f32,
}

impl Namur {
    /// The limits of NE 43 (2003, section 3): 3.8 to 20.5 mA are measurement,
    /// 3.6 mA and less or 21.0 mA and more are failure.
    pub const NE43: Self =
        Self { failure_low: 3.6, measured_from: 3.8, measured_to: 20.5, failure_high: 21.0 };

    /// What a current says of the transmitter.
    #[must_use]
    pub fn judge(&self, milliamps: f32) -> Quality {
        let is_alive =
            milliamps > self.failure_low + ROUNDING && milliamps < self.failure_high - ROUNDING;
        if !is_alive {
            Quality::BadSensorFailure // NaN too
        } else if milliamps < self.measured_from || milliamps > self.measured_to {
            Quality::UncertainSensorLimit
        } else {
            Quality::Good
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Namur;
    use crate::Quality::{BadSensorFailure, Good, UncertainSensorLimit};

    #[test]
    fn each_limit_belongs_to_the_side_that_the_recommendation_gives_it() {
        for (milliamps, quality) in [
            (0.0, BadSensorFailure),
            (3.6, BadSensorFailure),
            (3.7, UncertainSensorLimit),
            (3.8, Good),
            (4.0, Good),
            (20.5, Good),
            (20.7, UncertainSensorLimit),
            (21.0, BadSensorFailure),
            (f32::NAN, BadSensorFailure),
        ] {
            assert_eq!(Namur::NE43.judge(milliamps), quality, "{milliamps} mA");
        }
    }
}
