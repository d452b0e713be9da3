//! A derived tag: a value computed of other tags, as trustworthy as the worst of them.
//!
//! It is computed when a scan brought one of its inputs, or, for a set, on a
//! grid of wall time: then every input is taken as it was at that moment, and
//! how old the oldest was and how far they lie apart is told with it. That is
//! what makes the tags of several devices comparable.

use std::time::Duration;

use forehearth_model::{DeviceId, Formula, Quality, Severity, Stamp, Step, TagId, Value};

/// What kind of value a derived tag has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A number in engineering units.
    Number,
    /// Whether the formula is other than 0.
    Bit,
}

/// What the map asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct CalcStage {
    /// The tag that tells the value.
    pub tag: TagId,
    /// The device it belongs to.
    pub device: DeviceId,
    /// What kind of value it is.
    pub form: Form,
    /// How it is computed.
    pub formula: Formula,
    /// Compute it on a grid, of inputs as they were at that moment.
    pub set: Option<SetStage>,
}

/// How a set is aligned.
#[derive(Clone, PartialEq, Debug)]
pub struct SetStage {
    /// Period of the grid, a part of a day.
    pub every: Duration,
    /// An input that is older at the moment of the grid is Bad.
    pub stale: Duration,
    /// The tag that tells how far the inputs lie apart, in milliseconds.
    pub skew: TagId,
    /// The tag that tells how old the oldest input was, in milliseconds.
    pub age: TagId,
}

/// How long after a moment of the grid samples of before may still come.
/// Chosen: a quarter of the period, half a second at most: a device that
/// answers later has its sample in the next set, and its age says so.
const MOST_WAIT: Duration = Duration::from_millis(500);

/// A sample of an input.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Seen {
    pub(crate) stamp: Stamp,
    pub(crate) quality: Quality,
    /// In engineering units.
    pub(crate) number: Option<f64>,
}

impl Seen {
    const NOTHING: Self =
        Self { stamp: Stamp(i64::MIN), quality: Quality::BadWaitingForFirstValue, number: None };
}

/// An input with the sample before the last one, which a set may need: the
/// last one can be younger than the moment of the grid.
#[derive(Clone, Copy, Debug)]
struct Member {
    last: Seen,
    before: Seen,
}

/// What a set tells.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct SetOver {
    pub(crate) stamp: Stamp,
    pub(crate) quality: Quality,
    pub(crate) value: Value,
    /// Milliseconds; `None` while an input has no sample.
    pub(crate) skew: Option<f64>,
    pub(crate) age: Option<f64>,
}

/// When the next set is due.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The moment of the grid, microseconds since 1970.
    moment: i64,
    /// Microseconds since the pipeline was made.
    due: u64,
}

/// A derived tag with its inputs.
#[derive(Debug)]
pub(crate) struct Calc {
    stage: CalcStage,
    members: Box<[Member]>,
    /// Kept for its capacity.
    stack: Vec<f64>,
    /// Inputs as they are used, kept for its capacity.
    used: Vec<Seen>,
    open: Option<Open>,
    /// Whether an input came since the last set.
    fresh: bool,
}

impl Calc {
    pub(crate) fn new(stage: CalcStage) -> Self {
        let member = Member { last: Seen::NOTHING, before: Seen::NOTHING };
        let members = vec![member; stage.formula.inputs.len()].into();
        Self { stage, members, stack: Vec::new(), used: Vec::new(), open: None, fresh: false }
    }

    pub(crate) const fn stage(&self) -> &CalcStage {
        &self.stage
    }

    /// Takes the sample of an input, acquired `at`.
    pub(crate) fn put(&mut self, member: u16, seen: Seen, at: u64) {
        let Some(member) = self.members.get_mut(usize::from(member)) else { return };
        if seen.stamp != member.last.stamp {
            member.before = member.last;
        }
        member.last = seen;
        self.fresh = true;
        let Some(set) = &self.stage.set else { return };
        let every = micros(set.every);
        let next = (seen.stamp.micros().div_euclid(every) + 1).saturating_mul(every);
        // More than two periods off: the clock was set, or all was silent.
        if self.open.is_none_or(|open| (open.moment - next).abs() > 2 * every) {
            let rest = next - seen.stamp.micros() + every.min(4 * micros(MOST_WAIT)) / 4;
            let due = at.saturating_add(rest.unsigned_abs());
            self.open = Some(Open { moment: next, due });
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) fn due(&self) -> Option<u64> {
        self.open.map(|open| open.due)
    }

    /// The set that is due at `at`. When no input comes any more its age is
    /// told until it is Bad, and then the next input is waited for.
    pub(crate) fn tick(&mut self, at: u64) -> Option<SetOver> {
        let (open, set) = (self.open.filter(|open| at >= open.due)?, self.stage.set.as_ref()?);
        let (every, stale) = (micros(set.every), micros(set.stale));
        let moment = open.moment;
        self.used.clear();
        let (mut oldest, mut newest, mut all_stale) = (i64::MAX, i64::MIN, true);
        for member in &self.members {
            let mut seen =
                if member.last.stamp.micros() <= moment { member.last } else { member.before };
            if seen.number.is_none()
                && seen.stamp == Stamp(i64::MIN)
                && member.last != Seen::NOTHING
            {
                seen = member.last; // its first sample came after the moment
            }
            oldest = oldest.min(seen.stamp.micros());
            newest = newest.max(seen.stamp.micros());
            if moment.saturating_sub(seen.stamp.micros()) > stale {
                seen.number = None;
                if seen.quality.severity() != Severity::Bad {
                    seen.quality = Quality::BadNoCommunication;
                }
            } else {
                all_stale = false;
            }
            self.used.push(seen);
        }
        let (quality, value) = self.compute(Stamp(moment));
        let silent = !std::mem::replace(&mut self.fresh, false) && all_stale;
        let due = open.due.saturating_add(every.unsigned_abs());
        self.open = (!silent).then_some(Open { moment: moment.saturating_add(every), due });
        let known = oldest != i64::MIN && oldest <= newest;
        let (skew, age) = (millis(newest, oldest), millis(moment, oldest).max(0.0));
        Some(SetOver {
            stamp: Stamp(moment),
            quality,
            value,
            skew: known.then_some(skew),
            age: known.then_some(age),
        })
    }

    /// The value of what is known last, told with `stamp`.
    pub(crate) fn take(&mut self, stamp: Stamp) -> (Quality, Value) {
        self.used.clear();
        self.used.extend(self.members.iter().map(|member| member.last));
        self.compute(stamp)
    }

    /// Stamps from now on are of another clock.
    pub(crate) fn forget_stamps(&mut self) {
        self.open = None;
        self.members.iter_mut().for_each(|member| member.before = Seen::NOTHING);
    }

    fn compute(&mut self, stamp: Stamp) -> (Quality, Value) {
        let mut quality = Quality::Good;
        for seen in &self.used {
            let is_bad = seen.quality.severity() == Severity::Bad;
            let own = match seen.number {
                None if !is_bad => Quality::BadConfiguration, // text has no number
                _ => seen.quality,
            };
            if own.severity() > quality.severity() {
                quality = own;
            }
        }
        if quality.severity() == Severity::Bad {
            return (quality, Value::Null);
        }
        let number = evaluate(&self.stage.formula.steps, &self.used, stamp, &mut self.stack);
        match self.stage.form {
            // A division by zero has no result to be trusted.
            _ if !number.is_finite() => (Quality::BadSensorFailure, Value::Null),
            Form::Number => (quality, Value::F64(number)),
            Form::Bit => (quality, Value::Bool(number != 0.0)),
        }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 8).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
fn millis(later: i64, earlier: i64) -> f64 {
    later.saturating_sub(earlier) as f64 / 1e3
}

/// The result of a formula for values and ages in seconds of its inputs, for
/// who decides by one outside of the pipeline. NaN where it has none.
#[must_use]
pub fn result_of(formula: &Formula, inputs: &[(f64, f64)]) -> f64 {
    let now = Stamp(i64::MAX / 4);
    let seen = |(number, age): &(f64, f64)| {
        let age = Duration::try_from_secs_f64(*age).unwrap_or_default();
        let stamp = Stamp(now.micros().saturating_sub(micros(age)));
        Seen { stamp, quality: Quality::Good, number: Some(*number) }
    };
    let seen: Vec<Seen> = inputs.iter().map(seen).collect();
    evaluate(&formula.steps, &seen, now, &mut Vec::new())
}

/// The result of the steps. Comparisons of what a consumer computes must not
/// depend on the last bit, but none is softened here: limits have hysteresis.
fn evaluate(steps: &[Step], inputs: &[Seen], now: Stamp, stack: &mut Vec<f64>) -> f64 {
    stack.clear();
    for step in steps {
        let base = stack.len().saturating_sub(usize::from(step.takes()));
        let result = result(*step, &stack[base..], inputs, now);
        stack.truncate(base);
        stack.push(result);
    }
    stack.pop().unwrap_or(f64::NAN)
}

#[expect(clippy::float_cmp, reason = "the map's author asks for equality")]
fn result(step: Step, of: &[f64], inputs: &[Seen], now: Stamp) -> f64 {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    let input = |place: u16| inputs.get(usize::from(place));
    match (step, of) {
        (Step::Number(number), _) => number,
        (Step::Input(place), _) => input(place).and_then(|seen| seen.number).unwrap_or(f64::NAN),
        (Step::Age(place), _) => input(place)
            .map_or(f64::NAN, |seen| millis(now.micros(), seen.stamp.micros()).max(0.0) / 1e3),
        (Step::Negate, [a]) => -a,
        (Step::Not, [a]) => truth(*a == 0.0),
        (Step::Abs, [a]) => a.abs(),
        (Step::Sqrt, [a]) => a.sqrt(),
        (Step::Add, [a, b]) => a + b,
        (Step::Subtract, [a, b]) => a - b,
        (Step::Multiply, [a, b]) => a * b,
        (Step::Divide, [a, b]) => a / b,
        (Step::Power, [a, b]) => a.powf(*b),
        (Step::Less, [a, b]) => truth(a < b),
        (Step::LessOrEqual, [a, b]) => truth(a <= b),
        (Step::Equal, [a, b]) => truth(a == b),
        (Step::NotEqual, [a, b]) => truth(a != b),
        (Step::And, [a, b]) => truth(*a != 0.0 && *b != 0.0),
        (Step::Or, [a, b]) => truth(*a != 0.0 || *b != 0.0),
        (Step::If, [a, b, c]) => {
            if *a != 0.0 {
                *b
            } else {
                *c
            }
        }
        (Step::Min(_), of) => least(of),
        (Step::Max(_), of) => most(of),
        (Step::Sum(_), of) => of.iter().sum(),
        #[expect(clippy::cast_precision_loss, reason = "16 bits")]
        (Step::Mean(_), of) => of.iter().sum::<f64>() / of.len() as f64,
        (Step::Spread(_), of) => most(of) - least(of),
        _ => f64::NAN, // too few values: config lets no such formula pass
    }
}

fn least(of: &[f64]) -> f64 {
    of.iter().copied().reduce(f64::min).unwrap_or(f64::NAN)
}

fn most(of: &[f64]) -> f64 {
    of.iter().copied().reduce(f64::max).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{Calc, CalcStage, Form, Seen, SetStage};
    use forehearth_model::{DeviceId, Formula, Quality, Stamp, Step, TagId, Value};
    use proptest::prelude::*;
    use std::time::Duration;

    const MS: i64 = 1000;

    fn calc(steps: &[Step], inputs: u32, set: Option<SetStage>) -> Calc {
        let formula = Formula { steps: steps.to_vec(), inputs: (0..inputs).map(TagId).collect() };
        Calc::new(CalcStage {
            tag: TagId(9),
            device: DeviceId(0),
            form: Form::Number,
            formula,
            set,
        })
    }

    fn put(calc: &mut Calc, member: u16, millis: i64, number: f64) {
        let seen = Seen { stamp: Stamp(millis * MS), quality: Quality::Good, number: Some(number) };
        calc.put(member, seen, (millis * MS).unsigned_abs());
    }

    #[test]
    fn the_worst_input_decides_the_quality() {
        let mut sum = calc(&[Step::Input(0), Step::Input(1), Step::Add], 2, None);
        put(&mut sum, 0, 0, 1.0);
        let waiting = (Quality::BadWaitingForFirstValue, Value::Null);
        assert_eq!(sum.take(Stamp(0)), waiting);
        put(&mut sum, 1, 0, 2.0);
        assert_eq!(sum.take(Stamp(0)), (Quality::Good, Value::F64(3.0)));
        let doubt =
            Seen { stamp: Stamp(1), quality: Quality::UncertainOutOfRange, number: Some(5.0) };
        sum.put(0, doubt, 1);
        assert_eq!(sum.take(Stamp(1)), (Quality::UncertainOutOfRange, Value::F64(7.0)));
        sum.put(1, Seen { quality: Quality::BadDeviceFailure, number: None, ..doubt }, 1);
        assert_eq!(sum.take(Stamp(1)), (Quality::BadDeviceFailure, Value::Null));
    }

    #[test]
    fn a_division_by_zero_is_bad_and_no_infinity() {
        let mut share = calc(&[Step::Number(1.0), Step::Input(0), Step::Divide], 1, None);
        put(&mut share, 0, 0, 0.0);
        assert_eq!(share.take(Stamp(0)), (Quality::BadSensorFailure, Value::Null));
        put(&mut share, 0, 1, 4.0);
        assert_eq!(share.take(Stamp(0)), (Quality::Good, Value::F64(0.25)));
    }

    fn set() -> SetStage {
        SetStage {
            every: Duration::from_secs(1),
            stale: Duration::from_secs(3),
            skew: TagId(7),
            age: TagId(8),
        }
    }

    #[test]
    fn a_set_takes_every_input_as_it_was_at_the_moment_and_states_skew_and_age() {
        let mut spread = calc(&[Step::Input(0), Step::Input(1), Step::Spread(2)], 2, Some(set()));
        put(&mut spread, 0, 10_200, 5.0);
        put(&mut spread, 1, 10_700, 8.0);
        put(&mut spread, 0, 11_050, 99.0); // younger than the moment
        assert_eq!(spread.due(), Some(11_250_000));
        assert_eq!(spread.tick(11_249_999), None);
        let over = spread.tick(11_250_000).unwrap();
        assert_eq!(over.stamp, Stamp(11_000_000));
        assert_eq!((over.quality, over.value), (Quality::Good, Value::F64(3.0)));
        assert_eq!((over.skew, over.age), (Some(500.0), Some(800.0)));
        // One of them falls silent: its age grows until the set is Bad.
        let mut told = Vec::new();
        for second in 12..20 {
            put(&mut spread, 0, second * 1000 - 100, 5.0);
            told.push(spread.tick((second * 1000 + 250) as u64 * 1000).unwrap());
        }
        let ages: Vec<_> = told.iter().map(|over| over.age.unwrap()).collect();
        assert_eq!(ages[..3], [1300.0, 2300.0, 3300.0]);
        assert_eq!(told[1].quality, Quality::Good);
        assert_eq!(told[2].quality, Quality::BadNoCommunication);
        // All silent: told for the last time, then asleep.
        let mut left = 0;
        while spread.due().is_some() {
            spread.tick(u64::MAX).unwrap();
            left += 1;
        }
        assert!((2..8).contains(&left), "{left}");
    }

    proptest! {
        /// A mean lies between its inputs, and the order of inputs does not matter.
        #[test]
        fn aggregates_are_those_of_the_definitions(numbers in prop::collection::vec(-1e6..1e6f64, 1..20)) {
            let many = numbers.len() as u16;
            let inputs: Vec<Step> = (0..many).map(Step::Input).collect();
            let of = |step: Step| {
                let mut calc = calc(&[&inputs[..], &[step]].concat(), u32::from(many), None);
                for (member, number) in (0..).zip(&numbers) { put(&mut calc, member, 0, *number); }
                calc.take(Stamp(0)).1.as_f64().unwrap()
            };
            let (min, mean, max) = (of(Step::Min(many)), of(Step::Mean(many)), of(Step::Max(many)));
            prop_assert!(min <= mean + 1e-6 && mean <= max + 1e-6);
            prop_assert_eq!(of(Step::Spread(many)), max - min);
            prop_assert!((of(Step::Sum(many)) - mean * f64::from(many)).abs() < 1e-3);
        }

        #[test]
        fn no_steps_break_the_calculator(
            picks in prop::collection::vec(0usize..12, 0..30),
        ) {
            let all = [Step::Number(2.0), Step::Input(0), Step::Input(9), Step::Age(0), Step::Negate,
                Step::Add, Step::Divide, Step::If, Step::Min(3), Step::Mean(0), Step::Sqrt, Step::Not];
            let steps: Vec<Step> = picks.into_iter().map(|pick| all[pick]).collect();
            let mut calc = calc(&steps, 1, None);
            put(&mut calc, 0, 0, -1.0);
            let (quality, value) = calc.take(Stamp(5));
            prop_assert_eq!(quality == Quality::Good, value.as_f64().is_some_and(f64::is_finite));
        }
    }
}
