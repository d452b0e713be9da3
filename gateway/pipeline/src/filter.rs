//! Filters: what is done to a sample before it is judged and reported.
//!
//! They stand in one order, whatever the map's: is the sensor alive (NE 43),
//! does it move (stuck), is it a spike (Hampel), median, rate of change,
//! smoothing; debounce for bits. A Bad sample passes at once and makes every
//! filter forget: what was before a hole says nothing about what comes after.
//!
//! A filtered integer stays an integer: it is rounded to the raw count, while
//! the filter goes on from what it had before rounding.

mod debounce;
mod hampel;
mod median;
mod ne43;
mod recent;
mod slew;
mod smooth;
mod stuck;

use std::time::Duration;

use forehearth_model::{Quality, Scaling, Severity, Value};

pub use hampel::Spike;
pub use recent::MOST_RECENT;

use debounce::Debounce;
use hampel::Hampel;
use median::Median;
use ne43::Ne43;
use slew::Slew;
use smooth::Smooth;
use stuck::Stuck;

/// What the map asks for. Amounts are in engineering units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Filter {
    /// NAMUR NE 43 on a 4–20 mA signal.
    Ne43 {
        /// Raw value at 4 mA.
        at_4: f64,
        /// Raw value at 20 mA.
        at_20: f64,
    },
    /// A value that did not change at all for so long is doubted.
    Stuck {
        /// How long.
        after: Duration,
    },
    /// A value far off the median of the recent ones is a spike.
    Hampel {
        /// How many recent values, this one included: 3 to [`MOST_RECENT`].
        window: usize,
        /// How many standard deviations are far.
        sigmas: f64,
        /// A deviation up to this is never a spike.
        least: f64,
        /// What becomes of a spike.
        spike: Spike,
    },
    /// The median of the recent values.
    Median {
        /// How many, odd: 3 to [`MOST_RECENT`].
        window: usize,
    },
    /// The value follows no faster than this.
    Slew {
        /// Engineering units per second.
        per_second: f64,
    },
    /// Exponential smoothing.
    Smooth {
        /// Time constant: after a step 63 % of it are through.
        time: Duration,
    },
    /// A bit changes only when it held its new state for so long.
    Debounce {
        /// How long.
        time: Duration,
    },
}

/// What a filter says of a number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Verdict {
    /// As it is.
    Pass,
    /// This number instead.
    Replace(f64),
    /// As it is, but trusted less.
    Doubt(Quality),
}

/// A filter with its memory. Numbers are raw, times microseconds.
#[derive(Clone, Debug)]
enum Stage {
    Ne43(Ne43),
    Stuck(Stuck),
    Hampel(Hampel),
    Median(Median),
    Slew(Slew),
    Smooth(Smooth),
    Debounce(Debounce),
}

impl Stage {
    fn new(filter: Filter, scaling: &Scaling) -> Self {
        let raw = |engineering: f64| (engineering / scaling.scale).abs();
        match filter {
            Filter::Ne43 { at_4, at_20 } => Self::Ne43(Ne43::new(at_4, at_20)),
            Filter::Stuck { after } => Self::Stuck(Stuck::new(after)),
            Filter::Hampel { window, sigmas, least, spike } => {
                Self::Hampel(Hampel::new(window, sigmas, raw(least), spike))
            }
            Filter::Median { window } => Self::Median(Median::new(window)),
            Filter::Slew { per_second } => Self::Slew(Slew::new(raw(per_second))),
            Filter::Smooth { time } => Self::Smooth(Smooth::new(time)),
            Filter::Debounce { time } => Self::Debounce(Debounce::new(time)),
        }
    }

    fn take(&mut self, number: f64, at: u64) -> Verdict {
        match self {
            Self::Ne43(ne43) => ne43.take(number),
            Self::Stuck(stuck) => stuck.take(number, at),
            Self::Hampel(hampel) => hampel.take(number),
            Self::Median(median) => median.take(number),
            Self::Slew(slew) => slew.take(number, at),
            Self::Smooth(smooth) => smooth.take(number, at),
            Self::Debounce(debounce) => debounce.take(number, at),
        }
    }

    fn forget(&mut self) {
        match self {
            Self::Ne43(_) => {}
            Self::Stuck(stuck) => stuck.forget(),
            Self::Hampel(hampel) => hampel.forget(),
            Self::Median(median) => median.forget(),
            Self::Slew(slew) => slew.forget(),
            Self::Smooth(smooth) => smooth.forget(),
            Self::Debounce(debounce) => debounce.forget(),
        }
    }

    const fn order(&self) -> u8 {
        match self {
            Self::Ne43(_) => 0,
            Self::Stuck(_) => 1,
            Self::Hampel(_) => 2,
            Self::Median(_) => 3,
            Self::Slew(_) => 4,
            Self::Smooth(_) => 5,
            Self::Debounce(_) => 6,
        }
    }
}

/// The filters of one tag, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Filters {
    stages: Box<[Stage]>,
}

impl Filters {
    pub(crate) fn new(filters: &[Filter], scaling: &Scaling) -> Self {
        let mut stages: Box<[Stage]> =
            filters.iter().map(|filter| Stage::new(*filter, scaling)).collect();
        stages.sort_by_key(Stage::order);
        Self { stages }
    }

    /// A sample acquired `at` through all filters. Text and what is no number
    /// pass as they are.
    pub(crate) fn take(&mut self, quality: Quality, value: &Value, at: u64) -> (Quality, Value) {
        let raw = value.as_f64().filter(|raw| raw.is_finite());
        let (false, Some(mut number)) = (quality.severity() == Severity::Bad, raw) else {
            self.forget();
            return (quality, value.clone());
        };
        let (mut quality, mut value) = (quality, value.clone());
        for stage in &mut self.stages {
            match stage.take(number, at) {
                Verdict::Pass => {}
                Verdict::Replace(replaced) => {
                    number = replaced;
                    value = like(&value, replaced);
                }
                Verdict::Doubt(doubt) if doubt.severity() == Severity::Bad => {
                    self.forget();
                    return (doubt, Value::Null);
                }
                // The driver's own reason is the better one.
                Verdict::Doubt(doubt) if quality == Quality::Good => quality = doubt,
                Verdict::Doubt(_) => {}
            }
        }
        (quality, value)
    }

    fn forget(&mut self) {
        self.stages.iter_mut().for_each(Stage::forget);
    }
}

/// A number as a value of the kind that `model` is of.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, and casts saturate"
)]
fn like(model: &Value, number: f64) -> Value {
    match model {
        Value::Bool(_) => Value::Bool(number != 0.0),
        Value::Int(_) => Value::Int(number.round() as i64),
        Value::UInt(_) => Value::UInt(number.round() as u64),
        Value::F32(_) => Value::F32(number as f32),
        Value::F64(_) => Value::F64(number),
        Value::Null | Value::Text(_) => model.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Filters, Spike};
    use forehearth_model::{Quality, Scaling, Value};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000;

    fn all() -> [Filter; 6] {
        [
            Filter::Smooth { time: Duration::from_secs(2) },
            Filter::Slew { per_second: 50.0 },
            Filter::Median { window: 5 },
            Filter::Hampel { window: 7, sigmas: 3.0, least: 1.0, spike: Spike::Replace },
            Filter::Stuck { after: Duration::from_secs(30) },
            Filter::Ne43 { at_4: 0.0, at_20: 27648.0 },
        ]
    }

    #[test]
    fn the_order_of_the_map_does_not_matter() {
        let scaling = Scaling { scale: -0.5, ..Scaling::NONE };
        let mut forward = Filters::new(&all(), &scaling);
        let reversed: Vec<_> = all().into_iter().rev().collect();
        let mut backward = Filters::new(&reversed, &scaling);
        for second in 0..200 {
            let value = Value::Int(((second * 7919) % 1000) as i64);
            let at = second * SECOND;
            let result = forward.take(Quality::Good, &value, at);
            assert_eq!(result, backward.take(Quality::Good, &value, at));
            assert!(matches!(result.1, Value::Int(_)), "an integer stays one");
        }
    }

    #[test]
    fn a_bad_sample_passes_at_once_and_makes_every_filter_forget() {
        let mut filters = Filters::new(&all(), &Scaling::NONE);
        for second in 0..10 {
            filters.take(Quality::Good, &Value::F64(100.0), second * SECOND);
        }
        let bad = (Quality::BadNoCommunication, Value::Null);
        assert_eq!(filters.take(bad.0, &bad.1, 10 * SECOND), bad);
        let after = filters.take(Quality::Good, &Value::F64(9000.0), 11 * SECOND);
        assert_eq!(after, (Quality::Good, Value::F64(9000.0)));
    }

    #[test]
    fn a_dead_sensor_is_bad_whatever_stands_behind_it() {
        let mut filters = Filters::new(&all(), &Scaling::NONE);
        let dead = filters.take(Quality::Good, &Value::Int(-5000), 0);
        assert_eq!(dead, (Quality::BadSensorFailure, Value::Null));
    }

    #[test]
    fn a_driver_s_doubt_is_not_overwritten() {
        let mut filters = Filters::new(&[Filter::Stuck { after: Duration::ZERO }], &Scaling::NONE);
        filters.take(Quality::UncertainSensorLimit, &Value::Int(1), 0);
        let stuck = filters.take(Quality::UncertainSensorLimit, &Value::Int(1), SECOND);
        assert_eq!(stuck.0, Quality::UncertainSensorLimit);
    }

    proptest! {
        #[test]
        fn whatever_comes_the_result_is_of_its_kind_and_between_what_came(
            raws in prop::collection::vec(0i64..27648, 1..100),
        ) {
            let mut filters = Filters::new(&all(), &Scaling::NONE);
            let (least, most) = (*raws.iter().min().unwrap(), *raws.iter().max().unwrap());
            for (second, raw) in (0..).zip(&raws) {
                let (quality, value) = filters.take(Quality::Good, &Value::Int(*raw), second * SECOND);
                let Value::Int(filtered) = value else { panic!("{value:?}") };
                prop_assert!((least..=most).contains(&filtered));
                prop_assert!(quality == Quality::Good || quality == Quality::UncertainLastUsable);
            }
        }

        #[test]
        fn a_constant_passes_unchanged(raw in 0i64..27648, len in 1u64..29) {
            let mut filters = Filters::new(&all(), &Scaling::NONE);
            for second in 0..len {
                let result = filters.take(Quality::Good, &Value::Int(raw), second * SECOND);
                prop_assert_eq!(result, (Quality::Good, Value::Int(raw)));
            }
        }
    }
}
