//! The chain: the way of a sample through the stages of its tag.
//!
//! filters → range → alarm, counter and window, which tell tags of their own →
//! swinging door or report by exception.

use forehearth_model::{DeviceId, Quality, Reading, Sample, Severity, Stamp, TagId, Value};

use crate::alarm::Alarm;
use crate::condition::judge;
use crate::counter::{Counter, Course};
use crate::filter::Filters;
use crate::rule::Prepared;
use crate::stages::Stages;
use crate::swing::{Door, Fate, Visitor};
use crate::tag::Tag;
use crate::window::{Keep, Summary, Window};

/// What all samples of a scan share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) device: DeviceId,
    pub(crate) stamp: Stamp,
    /// Microseconds since the pipeline was made.
    pub(crate) at: u64,
}

/// When a derived value is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Telling {
    /// It is the value of an interval.
    Always,
    /// It is a state.
    IfNews,
}

/// A value that the gateway made of samples.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) tag: TagId,
    pub(crate) stamp: Stamp,
    pub(crate) quality: Quality,
    pub(crate) value: Value,
    pub(crate) telling: Telling,
}

/// What a sample became.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Told in its place among the readings of the scan.
    News(Reading),
    /// May be told later, with the stamp it has.
    Held,
    /// Not told.
    Suppressed,
}

/// What the staged tags of a scan made. Kept from scan to scan for its capacity.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Per staged sample, in the order of the scan.
    pub(crate) outcomes: Vec<Outcome>,
    /// Samples of earlier scans that the one at hand made readings.
    pub(crate) released: Vec<Visitor>,
    /// Held samples that turned out not to be needed.
    pub(crate) dropped: u64,
    pub(crate) derived: Vec<Derived>,
}

/// The stages of one tag with their memory.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) tag: TagId,
    /// Place of the tag's rule in the rule book.
    pub(crate) rule: u32,
    filters: Filters,
    door: Option<Door>,
    window: Option<Box<Window>>,
    alarm: Option<Box<(Alarm, TagId)>>,
    counter: Option<Box<(Counter, TagId)>>,
}

impl Chain {
    pub(crate) fn new(tag: TagId, rule: u32, prepared: &Prepared, stages: Stages) -> Self {
        Self {
            tag,
            rule,
            filters: Filters::new(&stages.filters, &prepared.scaling),
            door: stages.swing.map(Door::new),
            window: stages.window.map(|stage| Box::new(Window::new(stage))),
            counter: stages
                .counter
                .map(|stage| Box::new((Counter::new(stage.rollover), stage.total))),
            alarm: stages.alarm.map(|(limits, tag)| Box::new((Alarm::new(&limits), tag))),
        }
    }

    /// Takes the sample of a scan; what it became is added to `made`.
    pub(crate) fn take(
        &mut self,
        sample: &Sample,
        moment: Moment,
        rule: &Prepared,
        tag: &mut Tag,
        made: &mut Made,
    ) {
        let (quality, value) = self.filters.take(sample.quality, &sample.value, moment.at);
        let quality = judge(rule, quality, &value);
        let bad = quality.severity() == Severity::Bad;
        let value = if bad { Value::Null } else { value };
        let number = value.as_f64().map(|raw| rule.scaling.apply(raw));
        self.watch(number, quality, moment, made);
        self.count(quality, &value, moment.stamp, made);
        self.gather(number, quality, &value, moment.stamp, made);
        let outcome = if self.door.is_some() {
            self.swing(number, quality, value, moment, rule, tag, made)
        } else if tag.take(rule, (quality, &value), moment.stamp, moment.at) {
            Outcome::News(Reading { tag: self.tag, quality, value })
        } else {
            Outcome::Suppressed
        };
        made.outcomes.push(outcome);
    }

    /// The alarm. A value that can't be used makes its state unknown, for the
    /// same reason and at once; the alarm itself goes on from where it was.
    fn watch(&mut self, number: Option<f64>, quality: Quality, moment: Moment, made: &mut Made) {
        let Some((alarm, tag)) = self.alarm.as_deref_mut() else { return };
        let value = match number {
            Some(number) => Value::Int(i64::from(alarm.take(number, moment.at) as i8)),
            None => Value::Null,
        };
        let (tag, stamp) = (*tag, moment.stamp);
        made.derived.push(Derived { tag, stamp, quality, value, telling: Telling::IfNews });
    }

    /// The counter. A reset makes the total Uncertain once: what was counted
    /// just before it is lost.
    fn count(&mut self, quality: Quality, value: &Value, stamp: Stamp, made: &mut Made) {
        let Some((counter, tag)) = self.counter.as_deref_mut() else { return };
        let (quality, value) = match value {
            Value::UInt(count) => {
                let (total, course) = counter.take(*count);
                let doubted = course == Course::Reset && quality == Quality::Good;
                let quality = if doubted { Quality::UncertainLastUsable } else { quality };
                (quality, Value::UInt(total))
            }
            _ if quality.severity() == Severity::Bad => (quality, Value::Null),
            _ => (Quality::BadConfiguration, Value::Null),
        };
        let telling = Telling::IfNews;
        made.derived.push(Derived { tag: *tag, stamp, quality, value, telling });
    }

    /// The window. A Bad sample makes all that it tells Bad at once: the mean
    /// of a minute ago must not pass for a live one.
    fn gather(
        &mut self,
        number: Option<f64>,
        quality: Quality,
        value: &Value,
        stamp: Stamp,
        made: &mut Made,
    ) {
        let Some(window) = self.window.as_deref_mut() else { return };
        let over = window.take(stamp, quality, value, number);
        let keep = window.keep();
        if let Some(over) = over {
            made.derived.extend(keep.iter().map(|(keep, tag)| tell(&over, *keep, *tag)));
        }
        if quality.severity() == Severity::Bad {
            made.derived.extend(keep.iter().map(|(_, tag)| Derived {
                tag: *tag,
                stamp,
                quality,
                value: Value::Null,
                telling: Telling::IfNews,
            }));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the judged sample and all it concerns")]
    fn swing(
        &mut self,
        number: Option<f64>,
        quality: Quality,
        value: Value,
        moment: Moment,
        rule: &Prepared,
        tag: &mut Tag,
        made: &mut Made,
    ) -> Outcome {
        let Some(door) = &mut self.door else { return Outcome::Suppressed };
        let overdue = tag.is_overdue(rule, moment.at);
        tag.know((quality, &value), moment.stamp, moment.at);
        let Moment { device, stamp, at } = moment;
        let before = made.released.len();
        let visitor = Visitor { device, stamp, quality, value, number, at };
        let fate = door.take(visitor, overdue, &mut made.released);
        made.dropped += door.take_dropped();
        for released in &made.released[before..] {
            tag.report(released.quality, &released.value, released.at);
        }
        match fate {
            Fate::Held => Outcome::Held,
            Fate::Suppressed => Outcome::Suppressed,
            Fate::Sent => {
                let (quality, value) = tag.known();
                tag.report(quality, &value, at);
                Outcome::News(Reading { tag: self.tag, quality, value })
            }
        }
    }

    /// Gives away what is held: the gateway stops, or the clock changed and
    /// with it the meaning of stamps. An open window is given up then.
    pub(crate) fn release(&mut self, made: &mut Made) {
        if let Some(window) = self.window.as_deref_mut() {
            window.forget();
        }
        if let Some(door) = &mut self.door {
            door.release(&mut made.released);
            made.dropped += door.take_dropped();
        }
    }
}

fn tell(over: &Summary, keep: Keep, tag: TagId) -> Derived {
    let telling = match over.quality.severity() {
        Severity::Bad => Telling::IfNews,
        Severity::Good | Severity::Uncertain => Telling::Always,
    };
    Derived { tag, stamp: over.end, quality: over.quality, value: over.value(keep), telling }
}
