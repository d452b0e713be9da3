//! NAMUR NE 43: what the current of a 4–20 mA sensor says about the sensor itself.
//!
//! A transmitter measures between 3.8 and 20.5 mA. It tells that it is broken
//! by leaving that range for good: at or below 3.6 mA (a wire break gives 0),
//! at or above 21 mA (so does a short circuit). Between is saturation: the
//! process is outside of what it can measure.

use forehearth_model::Quality;

use super::Verdict;

/// mA; NAMUR NE 43 (2003): failure information below and above.
const FAILED: (f64, f64) = (3.6, 21.0);

/// mA; NAMUR NE 43 (2003): measurement information within.
const MEASURES: (f64, f64) = (3.8, 20.5);

/// Against the rounding of raw counts: less than a hundredth of a count of a
/// 16-bit converter.
const ROUNDING: f64 = 1e-6;

#[derive(Clone, Copy, Debug)]
pub(super) struct Ne43 {
    at_4: f64,
    per_milliampere: f64,
}

impl Ne43 {
    pub(super) fn new(at_4: f64, at_20: f64) -> Self {
        Self { at_4, per_milliampere: (at_20 - at_4) / 16.0 }
    }

    pub(super) fn take(self, number: f64) -> Verdict {
        let current = 4.0 + (number - self.at_4) / self.per_milliampere;
        if !(current > FAILED.0 + ROUNDING && current < FAILED.1 - ROUNDING) {
            Verdict::Doubt(Quality::BadSensorFailure)
        } else if current < MEASURES.0 - ROUNDING || current > MEASURES.1 + ROUNDING {
            Verdict::Doubt(Quality::UncertainSensorLimit)
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ne43, Verdict};
    use forehearth_model::Quality;
    use proptest::prelude::*;

    #[test]
    fn each_band_of_the_recommendation_with_its_edges() {
        let ne43 = Ne43::new(4.0, 20.0); // raw is the current itself
        let (bad, limit) = (
            Verdict::Doubt(Quality::BadSensorFailure),
            Verdict::Doubt(Quality::UncertainSensorLimit),
        );
        for (current, expected) in [
            (0.0, bad),
            (3.6, bad),
            (3.61, limit),
            (3.79, limit),
            (3.8, Verdict::Pass),
            (4.0, Verdict::Pass),
            (20.5, Verdict::Pass),
            (20.51, limit),
            (20.99, limit),
            (21.0, bad),
            (22.0, bad),
        ] {
            assert_eq!(ne43.take(current), expected, "{current} mA");
        }
    }

    proptest! {
        /// Converters of any range, mounted either way round.
        #[test]
        fn the_bands_do_not_depend_on_the_converter(
            at_4 in -40000.0..40000.0f64,
            span in prop_oneof![1000.0..60000.0f64, -60000.0..-1000.0f64],
            current in 0.0..24.0f64,
        ) {
            prop_assume!([3.6, 3.8, 20.5, 21.0].iter().all(|edge| (current - edge).abs() > 1e-3));
            let raw = at_4 + (current - 4.0) / 16.0 * span;
            let direct = Ne43::new(4.0, 20.0).take(current);
            prop_assert_eq!(Ne43::new(at_4, at_4 + span).take(raw), direct);
        }
    }
}
