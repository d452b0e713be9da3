//! Scale: from the count that a chip gives to a value in the unit of the channel.

/// How a count becomes a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scale {
    /// `value = count * per_count + offset`.
    Linear {
        /// The value of one count.
        per_count: f32,
        /// The value at count 0.
        offset: f32,
    },
    /// A platinum resistor in degC, of a ratio to a reference resistor.
    Platinum {
        /// Ohms that one count stands for.
        ohms_per_count: f32,
        /// Ohms at 0 degC: 100 for a Pt100.
        ohms_at_zero: f32,
    },
}

/// Coefficients of industrial platinum resistors (IEC 60751:2022, 5.2).
const A: f32 = 3.9083e-3;
const B: f32 = -5.775e-7;
/// Below 0 degC only.
const C: f32 = -4.183e-12;

/// The curve is so nearly straight that Newton's method doubles its digits
/// each time: from the straight line four steps leave the rounding of an
/// f32 (tested over the whole range).
const STEPS: usize = 4;

impl Scale {
    /// The value of a count.
    #[must_use]
    pub fn value(&self, raw: i32) -> f32 {
        match *self {
            Self::Linear { per_count, offset } => raw as f32 * per_count + offset,
            Self::Platinum { ohms_per_count, ohms_at_zero } => {
                platinum(raw as f32 * ohms_per_count / ohms_at_zero)
            }
        }
    }
}

/// Degrees Celsius at a resistance relative to that at 0 degC.
fn platinum(ratio: f32) -> f32 {
    let mut celsius = (ratio - 1.0) / A;
    for _ in 0..STEPS {
        let below = if celsius < 0.0 { C } else { 0.0 };
        let (t2, t3) = (celsius * celsius, celsius * celsius * celsius);
        let curve = 1.0 + A * celsius + B * t2 + below * (celsius - 100.0) * t3;
        let slope = A + 2.0 * B * celsius + below * (4.0 * t3 - 300.0 * t2);
        celsius -= (curve - ratio) / slope;
    }
    celsius
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn platinum_follows_the_table_of_the_standard() {
        // IEC 60751:2022, table 1, Pt100: degC and ohms, rounded there to 0.01 ohm.
        for (celsius, ohms) in [
            (-200.0, 18.52),
            (-100.0, 60.26),
            (-50.0, 80.31),
            (0.0, 100.0),
            (100.0, 138.51),
            (200.0, 175.86),
            (400.0, 247.09),
            (600.0, 313.71),
            (850.0, 390.48),
        ] {
            let got = super::platinum(ohms / 100.0);
            assert!((got - celsius).abs() < 0.03, "{ohms} ohms: {got} degC, not {celsius}");
        }
    }

    #[test]
    fn a_line_goes_through_both_its_ends() {
        let scale = Scale::Linear { per_count: 0.25, offset: -10.0 };
        assert_eq!((scale.value(0), scale.value(40)), (-10.0, 0.0));
    }
}
