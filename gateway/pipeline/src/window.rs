//! A window: minimum, mean, effective value and the like of a fast signal, once per interval of wall time.
//!
//! Windows follow one another on the grid of UTC (`every = "1s"` begins on
//! whole seconds), so those of all gateways and devices lie side by side. A
//! window is told when the first sample after its end comes, or by a timer
//! when none comes, with the stamp of its end. It is honest about what is
//! missing: `good` is the share of the expected samples that were Good, and a
//! window with too few of them is Uncertain, one with none Bad.
//!
//! A sliding window is told more often than it is long: it is made of panes of
//! one step each, which lie on the grid, and the last few panes are the window.

use std::collections::VecDeque;
use std::time::Duration;

use forehearth_model::{Quality, Severity, Stamp, TagId, Value};

/// A window with fewer usable samples than this share of the expected ones is
/// Uncertain. Chosen: jitter of the scans costs a sample in ten, a failed
/// poll in five should show.
const ENOUGH: f64 = 0.8;

/// How long after its end a window that no later sample closes is waited for,
/// besides two scan periods. Chosen: a sample has its stamp before it is here,
/// by at most the deadline of a request, which is 1 or 2 s.
const GRACE: Duration = Duration::from_secs(2);

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
    /// How often it is told, for a sliding window: a part of `every`.
    pub step: Option<Duration>,
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

    /// Takes in what a later pane held (Chan, Golub, LeVeque 1979).
    fn append(&mut self, later: &Self) {
        self.seen += later.seen;
        self.good += later.good;
        self.doubt = later.doubt.or(self.doubt);
        if later.used == 0 {
            return;
        }
        let (n, m) = (f64::from(self.used), f64::from(later.used));
        let off = later.mean - self.mean;
        self.mean += off * m / (n + m);
        self.squares += later.squares + off * off * n * m / (n + m);
        if later.min.0 < self.min.0 {
            self.min.clone_from(&later.min);
        }
        if later.max.0 > self.max.0 {
            self.max.clone_from(&later.max);
        }
        if self.used == 0 {
            self.first.clone_from(&later.first);
        }
        self.last.clone_from(&later.last);
        self.used += later.used;
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
    /// Length of a pane, which is the whole window unless it slides;
    /// microseconds.
    pane: i64,
    /// Panes of a window.
    panes: usize,
    expected: f64,
    /// Which pane is open, counted from 1970; `None` before the first sample.
    open: Option<i64>,
    content: Content,
    /// The panes before the open one that belong to its window.
    earlier: VecDeque<Content>,
    /// When the open pane is closed without a later sample, in microseconds
    /// since the pipeline was made; `None` while there is nothing to close.
    due: Option<u64>,
    /// Microseconds.
    grace: u64,
    keep: Box<[(Keep, TagId)]>,
}

impl Window {
    pub(crate) fn new(stage: WindowStage) -> Self {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX).max(1);
        let pane = micros(stage.step.unwrap_or(stage.every));
        let panes = usize::try_from(micros(stage.every) / pane).unwrap_or(1).max(1);
        let expected = (stage.every.as_secs_f64() / stage.period.as_secs_f64().max(1e-6)).floor();
        let grace = u64::try_from((2 * stage.period + GRACE).as_micros()).unwrap_or(u64::MAX);
        Self {
            pane,
            panes,
            expected,
            open: None,
            content: Content::EMPTY,
            earlier: VecDeque::with_capacity(panes - 1),
            due: None,
            grace,
            keep: stage.keep.into_boxed_slice(),
        }
    }

    /// Goes on with what the same window of an earlier plan has gathered.
    pub(crate) fn remember(&mut self, before: Self) {
        let keep = std::mem::take(&mut self.keep);
        *self = Self { keep, ..before };
    }

    /// What is kept, and the tags that tell it.
    pub(crate) fn keep(&self) -> &[(Keep, TagId)] {
        &self.keep
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) const fn due(&self) -> Option<u64> {
        self.due
    }

    /// Takes a sample, acquired `at`; returns the window that is over by it.
    ///
    /// A sample of a window that was told already (late by less than a
    /// window) is left out, which its window's `good` has told. When stamps
    /// go back further, the clock was set back: the open window can't end any
    /// more and is given up.
    pub(crate) fn take(
        &mut self,
        (stamp, at): (Stamp, u64),
        quality: Quality,
        value: &Value,
        number: Option<f64>,
    ) -> Option<Summary> {
        let pane = stamp.micros().div_euclid(self.pane);
        let mut over = None;
        match self.open {
            Some(open) if pane > open => {
                // One that is empty was told by the timer, or nobody missed it.
                over = Some(self.close(open)).filter(|over| over.content.seen > 0);
                self.skip(pane - open - 1);
            }
            Some(open) if pane == open - 1 => return None,
            Some(open) if pane < open => self.forget(),
            _ => {}
        }
        if self.open != Some(pane) || self.due.is_none() {
            let rest = (pane + 1).saturating_mul(self.pane).saturating_sub(stamp.micros());
            let rest = u64::try_from(rest).unwrap_or(0);
            self.due = Some(at.saturating_add(rest).saturating_add(self.grace));
        }
        self.open = Some(pane);
        self.content.add(quality, value, number);
        over
    }

    /// Ends the open window if it is due at `at`: no sample came that would
    /// have. A window that stayed empty is told once, as Bad, and then the
    /// next sample is waited for.
    pub(crate) fn tick(&mut self, at: u64) -> Option<Summary> {
        let (open, due) = (self.open?, self.due?);
        if at < due {
            return None;
        }
        let over = self.close(open);
        self.open = Some(open + 1);
        let next = due.saturating_add(self.pane.unsigned_abs());
        self.due = (over.content.seen > 0).then_some(next);
        Some(over)
    }

    /// Gives the open window up: its stamps are of another clock.
    pub(crate) fn forget(&mut self) {
        self.open = None;
        self.due = None;
        self.content = Content::EMPTY;
        self.earlier.clear();
    }

    /// Panes that nothing came in.
    fn skip(&mut self, panes: i64) {
        let panes = usize::try_from(panes).unwrap_or(usize::MAX).min(self.panes - 1);
        for _ in 0..panes {
            self.keep_pane(Content::EMPTY);
        }
    }

    fn keep_pane(&mut self, pane: Content) {
        if self.panes > 1 {
            if self.earlier.len() + 1 == self.panes {
                self.earlier.pop_front();
            }
            self.earlier.push_back(pane);
        }
    }

    /// The window that ends with the open pane.
    fn close(&mut self, open: i64) -> Summary {
        let pane = std::mem::replace(&mut self.content, Content::EMPTY);
        let content = if self.panes == 1 {
            pane
        } else {
            let mut whole = Content::EMPTY;
            self.earlier.iter().for_each(|earlier| whole.append(earlier));
            whole.append(&pane);
            self.keep_pane(pane);
            whole
        };
        let quality = match content.doubt {
            _ if content.used == 0 => content.doubt.unwrap_or(Quality::BadDataLost),
            _ if f64::from(content.used) < ENOUGH * self.expected => Quality::UncertainSensorLimit,
            Some(doubt) if doubt.severity() == Severity::Uncertain => doubt,
            _ => Quality::Good,
        };
        let end = Stamp(open.saturating_add(1).saturating_mul(self.pane));
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
            step: None,
            period: Duration::from_millis(100),
            keep: Vec::new(),
        })
    }

    /// A clock that runs with the monotonic one.
    fn moment(millis: i64) -> (Stamp, u64) {
        (Stamp(millis * MS), u64::try_from(millis * MS).unwrap())
    }

    fn take(window: &mut Window, millis: i64, number: f64) -> Option<Summary> {
        let value = Value::F64(number);
        window.take(moment(millis), Quality::Good, &value, Some(number))
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
            window.take(moment(millis), Quality::BadNoCommunication, &Value::Null, None)
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
        window.take(moment(950), doubt, &Value::F64(9.0), Some(9.0));
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

    fn tick(window: &mut Window, millis: i64) -> Option<Summary> {
        window.tick(moment(millis).1)
    }

    #[test]
    fn a_window_of_a_device_that_fell_silent_is_ended_by_the_timer_and_the_silence_is_told_once() {
        let mut window = window();
        for tenth in 0..3 {
            take(&mut window, 5000 + 100 * tenth, 1.0);
        }
        // Due 2 s and two periods after its end.
        assert_eq!(window.due(), Some(8_200_000));
        assert_eq!(tick(&mut window, 8199), None);
        let over = tick(&mut window, 8200).unwrap();
        assert_eq!((over.end, over.quality), (Stamp(6_000_000), Quality::UncertainSensorLimit));
        assert_eq!(number(&over, Keep::Good), 30.0);
        let silent = tick(&mut window, 9200).unwrap();
        assert_eq!((silent.end, silent.quality), (Stamp(7_000_000), Quality::BadDataLost));
        assert_eq!((tick(&mut window, 99_000), window.due()), (None, None));
        // A straggler of a told window changes nothing; then life goes on.
        assert_eq!(take(&mut window, 6999, 7.0), None);
        assert_eq!(take(&mut window, 20_000, 1.0), None);
        let over = take(&mut window, 21_000, 1.0).unwrap();
        assert_eq!((over.end, number(&over, Keep::Count)), (Stamp(21_000_000), 1.0));
    }

    proptest! {
        /// A sliding window is the tumbling one of its panes, laid together.
        #[test]
        fn a_sliding_window_holds_the_samples_of_its_length_and_is_told_each_step(
            steps in prop::collection::vec(1i64..1500, 1..80),
        ) {
            let mut window = Window::new(WindowStage {
                every: Duration::from_secs(3),
                step: Some(Duration::from_secs(1)),
                period: Duration::from_millis(500),
                keep: Vec::new(),
            });
            let (mut now, mut samples, mut told) = (0_i64, Vec::new(), Vec::new());
            for step in steps {
                now += step;
                told.extend(take(&mut window, now, (now % 17) as f64));
                samples.push((now, (now % 17) as f64));
            }
            for over in &told {
                let end = over.end.micros() / MS;
                prop_assert_eq!(end % 1000, 0);
                let inside: Vec<f64> = samples.iter()
                    .filter(|(at, _)| (end - 3000..end).contains(at)).map(|(_, n)| *n).collect();
                prop_assert_eq!(number(over, Keep::Count), inside.len() as f64);
                let mean = inside.iter().sum::<f64>() / inside.len() as f64;
                prop_assert!((number(over, Keep::Mean) - mean).abs() < 1e-9);
                let square = inside.iter().map(|n| n * n).sum::<f64>() / inside.len() as f64;
                prop_assert!((number(over, Keep::Rms) - square.sqrt()).abs() < 1e-6);
                prop_assert_eq!(number(over, Keep::First), inside[0]);
                prop_assert_eq!(number(over, Keep::Last), inside[inside.len() - 1]);
                let most = inside.iter().fold(f64::MIN, |a, b| a.max(*b));
                prop_assert_eq!(number(over, Keep::Max), most);
            }
            prop_assert!(told.windows(2).all(|pair| pair[0].end < pair[1].end));
        }

        /// Whatever falls silent: with a timer each sample is in one window.
        #[test]
        fn with_the_timer_no_sample_is_lost_and_none_counted_twice(
            steps in prop::collection::vec((1i64..9000, any::<bool>()), 1..60),
        ) {
            let mut window = window();
            let (mut now, mut told, mut taken) = (0_i64, Vec::new(), 0.0);
            for (step, ticks) in steps {
                now += step;
                if ticks {
                    while let Some(over) = tick(&mut window, now) { told.push(over); }
                }
                told.extend(take(&mut window, now, 1.0));
                taken += 1.0;
            }
            while let Some(over) = tick(&mut window, now + 100_000) { told.push(over); }
            let counted: u32 = told.iter().map(|over| over.content.used).sum();
            prop_assert_eq!(f64::from(counted), taken);
            prop_assert!(told.windows(2).all(|pair| pair[0].end < pair[1].end));
        }

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
