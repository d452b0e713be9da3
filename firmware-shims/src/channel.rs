//! A channel: one quantity that a node measures, with what must be known to use it.
//!
//! [`Channel`] and [`AsyncChannel`] are one text: the macro below writes it
//! once with `async` and `.await` and once without, and so does the macro of
//! [`instrument`](crate::instrument) for what implements them. What a chip
//! does is in cores that know neither.

use forehearth_modbus::Micros;

use crate::{Namur, Quality, Scale};

/// A scale multiplies and adds, each with half a unit in the last of 24 bits;
/// eight units leave room. No converter here resolves more than 19 bits.
const ROUNDING: f32 = 8.0 / 16_777_216.0;

/// The span of an instrument in its unit, both ends included.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Range {
    /// Lowest value.
    pub low: f32,
    /// Highest value.
    pub high: f32,
}

impl Range {
    /// Whether a value is within; no number never is.
    #[must_use]
    pub fn holds(&self, value: f32) -> bool {
        value >= self.low && value <= self.high
    }

    /// A value that only rounding put beyond an end is at that end: 20 mA is
    /// full scale and not out of range.
    fn settle(&self, value: f32) -> f32 {
        let rounding = (self.high - self.low) * ROUNDING;
        if value > self.high && value <= self.high + rounding {
            self.high
        } else if value < self.low && value >= self.low - rounding {
            self.low
        } else {
            value
        }
    }
}

/// What is fixed about a channel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Facts {
    /// Unit of the value, as the gateway writes units: `degC`, `mA`, `1/s`.
    pub unit: &'static str,
    /// From count to value.
    pub scale: Scale,
    /// The span.
    pub range: Range,
    /// The limits of a 4–20 mA loop, where it is one.
    pub namur: Option<Namur>,
}

/// What one measurement brought. There is no error beside it: a reading that
/// failed is a reading, and its quality says why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The count as the chip gave it; 0 where it gave none.
    pub raw: i32,
    /// How far to trust it.
    pub quality: Quality,
    /// When the measurement was complete, in ticks of the node's clock.
    pub tick: Micros,
}

impl Reading {
    /// The value, no number (NaN) where the quality is bad, and the quality,
    /// which is Uncertain outside the range.
    #[must_use]
    pub fn value(&self, facts: &Facts) -> (f32, Quality) {
        if self.quality.is_bad() {
            return (f32::NAN, self.quality);
        }
        let value = facts.range.settle(facts.scale.value(self.raw));
        let quality = match self.quality {
            Quality::Good if !facts.range.holds(value) => Quality::UncertainOutOfRange,
            quality => quality,
        };
        (value, quality)
    }
}

macro_rules! channel {
    ($(#[$doc:meta])* $name:ident [$($async:tt)?]) => {
        $(#[$doc])*
        pub trait $name {
            /// What is fixed about it.
            fn facts(&self) -> &Facts;

            /// Measures once. Takes as long as the chip needs, and no longer:
            /// a chip that never ends is given up.
            #[allow(async_fn_in_trait, reason = "single-core executors need no Send")]
            $($async)? fn read(&mut self) -> Reading;
        }
    };
}

channel! {
    /// A channel that waits where it stands.
    Channel []
}
channel! {
    /// A channel that lets others run while it waits. Dropped half-way it
    /// leaves a chip that the next read starts anew.
    AsyncChannel [async]
}

#[cfg(test)]
mod tests {
    use super::{Facts, Range, Reading};
    use crate::{Quality, Scale};

    const FACTS: Facts = Facts {
        unit: "degC",
        scale: Scale::Linear { per_count: 0.5, offset: 0.0 },
        range: Range { low: 0.0, high: 100.0 },
        namur: None,
    };

    fn value(raw: i32, quality: Quality) -> (f32, Quality) {
        Reading { raw, quality, tick: 0 }.value(&FACTS)
    }

    #[test]
    fn a_bad_reading_has_no_number_and_one_outside_its_span_is_uncertain() {
        assert_eq!(value(200, Quality::Good), (100.0, Quality::Good));
        assert_eq!(value(201, Quality::Good), (100.5, Quality::UncertainOutOfRange));
        let at_limit = Quality::UncertainSensorLimit;
        assert_eq!(value(300, at_limit), (150.0, at_limit));
        let (number, quality) = value(7, Quality::BadSensorFailure);
        assert!(number.is_nan());
        assert_eq!(quality, Quality::BadSensorFailure);
    }
}
