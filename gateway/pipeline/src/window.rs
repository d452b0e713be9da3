//! A window: minimum, mean, effective value and the like of a fast signal, once per interval of wall time.
//!
//! Windows follow one another on the grid of UTC (`every = "1s"` begins on
//! whole seconds), so those of all gateways and devices lie side by side. A
//! window is told when the first sample after its end comes, with the stamp
//! of its end. It is honest about what is missing: `good` is the share of the
//! expected samples that were Good, and a window with too few of them is
//! Uncertain, one with none Bad.

use std::time::Duration;

use forehearth_model::{Quality, Severity, Stamp, TagId, Value};

/// A window with fewer usable samples than this share of the expected ones is
/// Uncertain. Chosen: jitter of the scans costs a sample in ten, a failed
/// poll in five should show.
const ENOUGH: f64 = 0.8;

/// What is kept of a window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Keep {
    /// The smallest value, raw.
    Min,
    /// The largest value, raw.
    Max,
    /// The mean of the samples, in engineering units.
    Mean,
    /// The effective value: square root of the mean square, in engineering units.
    Rms,
    /// The standard deviation of the samples (divided by n), in engineering units.
    Std,
    /// The first value, raw.
    First,
    /// The last value, raw.
    Last,
    /// How many samples were used.
    Count,
    /// Percent of the expected samples that were Good.
    Good,
}

/// What the map asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct WindowStage {
    /// Length; a day at most, so that windows begin at midnight UTC.
    pub every: Duration,
    /// How often a sample is expected.
    pub period: Duration,
    /// What is kept, and the tag that tells it.
    pub keep: Vec<(Keep, TagId)>,
}

/// What one window held.
#[derive(Clone, PartialEq, Debug)]
struct Content {
    /// Samples of any quality.
    seen: u32,
    good: u32,
    /// Good and Uncertain samples, which the numbers are made of.
    used: u32,
    mean: f64,
    /// Sum of squared distances to the mean (Welford 1962): stable where a
    /// small ripple rides on a large value.
    squares: f64,
    min: (f64, Value),
    max: (f64, Value),
    first: Value,
    last: Value,
    /// The latest quality below Good.
    doubt: Option<Quality>,
}

impl Content {
    const EMPTY: Self = Self {
        seen: 0,
        good: 0,
        used: 0,
        mean: 0.0,
        squares: 0.0,
        min: (f64::INFINITY, Value::Null),
        max: (f64::NEG_INFINITY, Value::Null),
        first: Value::Null,
        last: Value::Null,
        doubt: None,
    };

    fn add(&mut self, quality: Quality, value: &Value, number: Option<f64>) {
        self.seen += 1;
        match quality.severity() {
            Severity::Good => self.good += 1,
            Severity::Uncertain | Severity::Bad => self.doubt = Some(quality),
        }
        let Some(number) = number.filter(|_| quality.severity() != Severity::Bad) else { return };
        self.used += 1;
        let off = number - self.mean;
        self.mean += off / f64::from(self.used);
        self.squares += off * (number - self.mean);
        if number < self.min.0 {
            self.min = (number, value.clone());
        }
        if number > self.max.0 {
            self.max = (number, value.clone());
        }
        if self.used == 1 {
            self.first = value.clone();
        }
        self.last = value.clone();
    }

    fn variance(&self) -> f64 {
        (self.squares / f64::from(self.used)).max(0.0)
    }
}

/// A window that is over.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Summary {
    /// The end of the window, which belongs to the next one.
    pub(crate) end: Stamp,
    pub(crate) quality: Quality,
    content: Content,
    expected: f64,
}

impl Summary {
    /// What `keep` tells; `Null` when the window is Bad.
    pub(crate) fn value(&self, keep: Keep) -> Value {
        let content = &self.content;
        if self.quality.severity() == Severity::Bad {
            return Value::Null;
        }
        match keep {
            Keep::Min => content.min.1.clone(),
            Keep::Max => content.max.1.clone(),
            Keep::First => content.first.clone(),
            Keep::Last => content.last.clone(),
            Keep::Mean => Value::F64(content.mean),
            Keep::Rms => Value::F64((content.mean * content.mean + content.variance()).sqrt()),
            Keep::Std => Value::F64(content.variance().sqrt()),
            Keep::Count => Value::UInt(u64::from(content.used)),
            Keep::Good => {
                let expected = self.expected.max(f64::from(content.seen));
                #[expect(clippy::cast_possible_truncation, reason = "a percentage")]
                Value::F32((100.0 * f64::from(content.good) / expected) as f32)
            }
        }
    }
}

/// The open window of one tag.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// Microseconds.
    every: i64,
    expected: f64,
    /// Which window is open, counted from 1970; `None` before the first sample.
    open: Option<i64>,
    content: Content,
    keep: Box<[(Keep, TagId)]>,
}

impl Window {
    pub(crate) fn new(stage: WindowStage) -> Self {
        let every = i64::try_from(stage.every.as_micros()).unwrap_or(i64::MAX).max(1);
        let expected = (stage.every.as_secs_f64() / stage.period.as_secs_f64().max(1e-6)).floor();
        let keep = stage.keep.into_boxed_slice();
        Self { every, expected, open: None, content: Content::EMPTY, keep }
    }

    /// What is kept, and the tags that tell it.
    pub(crate) fn keep(&self) -> &[(Keep, TagId)] {
        &self.keep
    }

    /// Takes a sample; returns the window that is over by it.
    ///
    /// A sample of a window that was told already (late by less than a
    /// window) is left out, which its window's `good` has told. When stamps
    /// go back further, the clock was set back: the open window can't end any
    /// more and is given up.
    pub(crate) fn take(
        &mut self,
        stamp: Stamp,
        quality: Quality,
        value: &Value,
        number: Option<f64>,
    ) -> Option<Summary> {
        let window = stamp.micros().div_euclid(self.every);
        let mut over = None;
        match self.open {
            Some(open) if window > open => over = Some(self.close(open)),
            Some(open) if window == open - 1 => return None,
            Some(open) if window < open => self.content = Content::EMPTY,
            _ => {}
        }
        self.open = Some(window);
        self.content.add(quality, value, number);
        over
    }

    /// Gives the open window up: its stamps are of another clock.
    pub(crate) fn forget(&mut self) {
        self.open = None;
        self.content = Content::EMPTY;
    }

    fn close(&mut self, open: i64) -> Summary {
        let content = std::mem::replace(&mut self.content, Content::EMPTY);
        let quality = match content.doubt {
            _ if content.used == 0 => content.doubt.unwrap_or(Quality::BadDataLost),
            _ if f64::from(content.used) < ENOUGH * self.expected => Quality::UncertainSensorLimit,
            Some(doubt) if doubt.severity() == Severity::Uncertain => doubt,
            _ => Quality::Good,
        };
        let end = Stamp(open.saturating_add(1).saturating_mul(self.every));
        Summary { end, quality, content, expected: self.expected }
    }
}

#[cfg(test)]
mod tests {
    use super::{Keep, Summary, Window, WindowStage};
    use forehearth_model::{Quality, Stamp, Value};
    use proptest::prelude::*;
    use std::time::Duration;

    const MS: i64 = 1000;

    fn window() -> Window {
        Window::new(WindowStage {
            every: Duration::from_secs(1),
            period: Duration::from_millis(100),
            keep: Vec::new(),
        })
    }

    fn take(window: &mut Window, millis: i64, number: f64) -> Option<Summary> {
        window.take(Stamp(millis * MS), Quality::Good, &Value::F64(number), Some(number))
    }

    fn number(summary: &Summary, keep: Keep) -> f64 {
        summary.value(keep).as_f64().unwrap()
    }

    #[test]
    fn a_window_is_told_with_its_end_when_the_next_begins() {
        let mut window = window();
        for tenth in 0..10 {
            assert_eq!(take(&mut window, 5000 + 100 * tenth, tenth as f64), None);
        }
        let over = take(&mut window, 6000, 99.0).unwrap();
        assert_eq!((over.end, over.quality), (Stamp(6_000_000), Quality::Good));
        let kept =
            [Keep::Min, Keep::Max, Keep::Mean, Keep::First, Keep::Last, Keep::Count, Keep::Good];
        let kept = kept.map(|keep| number(&over, keep));
        assert_eq!(kept, [0.0, 9.0, 4.5, 0.0, 9.0, 10.0, 100.0]);
        assert!((number(&over, Keep::Rms) - 28.5f64.sqrt()).abs() < 1e-12);
        assert!((number(&over, Keep::Std) - 8.25f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn missing_and_bad_samples_show_in_good_and_in_the_quality() {
        let mut window = window();
        let bad = |window: &mut Window, millis| {
            window.take(Stamp(millis * MS), Quality::BadNoCommunication, &Value::Null, None)
        };
        for tenth in 0..5 {
            take(&mut window, 100 * tenth, 1.0);
        }
        bad(&mut window, 500);
        let over = bad(&mut window, 1000).unwrap();
        assert_eq!(
            (over.quality, number(&over, Keep::Good)),
            (Quality::UncertainSensorLimit, 50.0)
        );
        let dead = take(&mut window, 2000, 1.0).unwrap();
        assert_eq!(
            (dead.quality, dead.value(Keep::Count)),
            (Quality::BadNoCommunication, Value::Null)
        );
    }

    #[test]
    fn doubt_of_a_sample_is_doubt_of_its_window() {
        let mut window = window();
        let doubt = Quality::UncertainOutOfRange;
        for tenth in 0..10 {
            take(&mut window, 100 * tenth, 1.0);
        }
        window.take(Stamp(950 * MS), doubt, &Value::F64(9.0), Some(9.0));
        let over = take(&mut window, 1000, 1.0).unwrap();
        assert_eq!((over.quality, number(&over, Keep::Max)), (doubt, 9.0));
        // Eleven came where ten were expected, one of them doubted.
        assert!((number(&over, Keep::Good) - 100.0 * 10.0 / 11.0).abs() < 1e-4);
    }

    #[test]
    fn a_late_sample_is_left_out_and_a_clock_set_back_starts_anew() {
        let mut window = window();
        take(&mut window, 9500, 1.0);
        assert_eq!(take(&mut window, 8999, 7.0), None);
        assert_eq!(take(&mut window, 2000, 5.0), None);
        let over = take(&mut window, 3000, 1.0).unwrap();
        assert_eq!((over.end, number(&over, Keep::Count)), (Stamp(3_000_000), 1.0));
    }

    proptest! {
        /// Against the definitions, with a large offset under a small ripple.
        #[test]
        fn the_numbers_are_those_of_the_definitions(
            ripple in prop::collection::vec(-1.0..1.0f64, 1..50),
            offset in prop_oneof![Just(0.0), Just(1e6)],
        ) {
            let mut window = window();
            for (milli, number) in (0..).zip(&ripple) {
                take(&mut window, milli, number + offset);
            }
            let over = take(&mut window, 1000, 0.0).unwrap();
            let numbers: Vec<f64> = ripple.iter().map(|number| number + offset).collect();
            let n = numbers.len() as f64;
            let mean = numbers.iter().sum::<f64>() / n;
            let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let square = numbers.iter().map(|x| x * x).sum::<f64>() / n;
            prop_assert!((number(&over, Keep::Mean) - mean).abs() < 1e-8);
            prop_assert!((number(&over, Keep::Std) - variance.sqrt()).abs() < 1e-6);
            prop_assert!((number(&over, Keep::Rms) - square.sqrt()).abs() < 1e-6);
            let (least, most) = numbers.iter().fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
            prop_assert_eq!((number(&over, Keep::Min), number(&over, Keep::Max)), (least, most));
            let (min, mean, max) = (least, number(&over, Keep::Mean), most);
            prop_assert!(min <= mean + 1e-9 && mean <= max + 1e-9);
        }

        /// Each sample in exactly one window, windows in order and on the grid.
        #[test]
        fn no_sample_is_counted_twice_or_in_a_wrong_window(
            steps in prop::collection::vec(1i64..700, 1..100),
        ) {
            let mut window = window();
            let (mut now, mut stamps, mut told) = (0_i64, Vec::new(), Vec::new());
            for step in steps {
                now += step;
                told.extend(take(&mut window, now, now as f64));
                stamps.push(now);
            }
            told.extend(take(&mut window, now + 1000, 0.0));
            let mut counted = 0.0;
            for over in &told {
                prop_assert_eq!(over.end.micros() % 1_000_000, 0);
                let end = over.end.micros() / MS;
                let inside = stamps.iter().filter(|stamp| (end - 1000..end).contains(*stamp)).count();
                prop_assert_eq!(number(over, Keep::Count), inside as f64);
                counted += inside as f64;
            }
            prop_assert_eq!(counted, stamps.len() as f64);
            prop_assert!(told.windows(2).all(|pair| pair[0].end < pair[1].end));
        }
    }
}
