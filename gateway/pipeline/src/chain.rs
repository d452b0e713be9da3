//! The chain: the way of a sample through the stages of its tag.
//!
//! filters → range → alarm, counter, integral, duty and window, which tell
//! tags of their own, and derived tags that it is an input of → swinging door
//! or report by exception.

use forehearth_model::{DeviceId, Quality, Reading, Sample, Severity, Stamp, TagId, Value};

use crate::alarm::{Alarm, Level};
use crate::annunciator::{Annunciator, FirstOut};
use crate::condition::judge;
use crate::counter::{Counter, Course};
use crate::duty::{self, Duty, StatesStage};
use crate::filter::Filters;
use crate::grid::Cell;
use crate::integral::{Flow, Integral};
use crate::rule::Prepared;
use crate::saved::{Reader, Record, Writer};
use crate::stages::{AlarmStage, Stages};
use crate::swing::{Door, Fate, Visitor};
use crate::tag::Tag;
use crate::timers::NEVER;
use crate::window::{Keep, Summary, Window};

/// How long a held sample is kept after the last one when the longest silence
/// is over, microseconds. Chosen: the next sample of a tag that is scanned
/// every second comes before it; see the grace of windows.
const GRACE: u64 = 2_000_000;

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
    pub(crate) device: DeviceId,
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
    /// Inputs of derived tags that came.
    pub(crate) fed: Vec<Fed>,
    /// Groups of alarms, shared by their chains.
    pub(crate) groups: Vec<FirstOut>,
    /// Intervals that are over, kept for its capacity.
    cells: Vec<Cell>,
}

/// A sample of a tag that a derived tag is computed of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fed {
    /// Place of the derived tag.
    pub(crate) calc: u32,
    /// Which of its inputs.
    pub(crate) member: u16,
    pub(crate) quality: Quality,
    /// In engineering units.
    pub(crate) number: Option<f64>,
}

/// An alarm with what it tells.
#[derive(Debug)]
struct Watch {
    alarm: Alarm,
    annunciator: Annunciator,
    tag: TagId,
    state: Option<TagId>,
    group: Option<u32>,
    /// What was judged last.
    last: (Quality, Value),
}

/// A duty with the tags it tells.
#[derive(Debug)]
struct Work {
    duty: Duty,
    hours: TagId,
    starts: TagId,
    states: Option<StatesStage>,
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
    alarm: Option<Box<Watch>>,
    counter: Option<Box<(Counter, TagId, Option<TagId>)>>,
    integral: Option<Box<(Integral, TagId, Option<TagId>)>>,
    duty: Option<Box<Work>>,
    /// The derived tags that it is an input of: place and input.
    pub(crate) feeds: Vec<(u32, u16)>,
    /// The device of its last sample.
    device: DeviceId,
}

impl Chain {
    pub(crate) fn new(tag: TagId, rule: u32, prepared: &Prepared, stages: Stages) -> Self {
        Self {
            tag,
            rule,
            filters: Filters::new(&stages.filters, &prepared.scaling),
            door: stages.swing.map(Door::new),
            window: stages.window.map(|stage| Box::new(Window::new(stage))),
            counter: stages.counter.map(|stage| {
                let interval = stage.interval.map(|(_, tag)| tag);
                Box::new((Counter::new(&stage), stage.total, interval))
            }),
            integral: stages.integral.map(|stage| {
                let interval = stage.interval.map(|(_, tag)| tag);
                Box::new((Integral::new(&stage), stage.total, interval))
            }),
            duty: stages.duty.map(|stage| {
                let duty = Duty::new(&stage);
                let (hours, starts, states) = (stage.hours, stage.starts, stage.states);
                Box::new(Work { duty, hours, starts, states })
            }),
            alarm: stages.alarm.map(|AlarmStage { limits, tag, state, group }| {
                let (alarm, annunciator) = (Alarm::new(&limits), Annunciator::default());
                let last = (Quality::BadWaitingForFirstValue, Value::Null);
                Box::new(Watch { alarm, annunciator, tag, state, group, last })
            }),
            feeds: Vec::new(),
            device: DeviceId(0),
        }
    }

    /// The group its alarm belongs to.
    pub(crate) fn group(&self) -> Option<u32> {
        self.alarm.as_ref().and_then(|watch| watch.group)
    }

    /// Counts its alarm in its group, which knows nothing of it yet. Which of
    /// several active alarms came first is then not known: the first to be
    /// counted stands for it.
    pub(crate) fn join_group(&mut self, groups: &mut [FirstOut]) {
        if let Some(watch) = self.alarm.as_deref_mut()
            && let Some(group) = watch.group.and_then(|group| groups.get_mut(group as usize))
        {
            watch.annunciator.join(watch.tag.0, group);
        }
    }

    /// Whether it is asked for by its own tag or by that of its alarm.
    pub(crate) fn is_alarm_of(&self, tag: TagId) -> bool {
        self.alarm
            .as_ref()
            .is_some_and(|watch| tag == self.tag || tag == watch.tag || Some(tag) == watch.state)
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
        self.device = moment.device;
        self.watch(number, quality, moment, made);
        self.count(quality, &value, rule, moment, made);
        self.integrate(number, quality, moment, made);
        self.work(&value, quality, moment, made);
        self.gather(number, quality, &value, moment, made);
        made.fed.extend(self.feeds.iter().map(|(calc, member)| Fed {
            calc: *calc,
            member: *member,
            quality,
            number,
        }));
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
        let Some(watch) = self.alarm.as_deref_mut() else { return };
        let value = match number {
            Some(number) => {
                let level = watch.alarm.take(number, moment.at);
                let group = watch.group.and_then(|group| made.groups.get_mut(group as usize));
                watch.annunciator.take(level != Level::Normal, watch.tag.0, group);
                Value::Int(i64::from(level as i8))
            }
            None => {
                watch.alarm.miss();
                Value::Null
            }
        };
        watch.last = (quality, value);
        self.tell_alarm(moment.stamp, made);
    }

    /// Tells the alarm as it is. A shelved one is out of service.
    pub(crate) fn tell_alarm(&self, stamp: Stamp, made: &mut Made) {
        let Some(watch) = self.alarm.as_deref() else { return };
        let device = self.device;
        let (quality, value) = if watch.annunciator.is_shelved() {
            (Quality::BadOutOfService, Value::Null)
        } else {
            watch.last.clone()
        };
        let telling = Telling::IfNews;
        made.derived.push(Derived { tag: watch.tag, device, stamp, quality, value, telling });
        if let Some(tag) = watch.state {
            let group = watch.group.and_then(|group| made.groups.get(group as usize));
            let value = Value::UInt(watch.annunciator.flags(watch.tag.0, group));
            let quality = Quality::Good;
            made.derived.push(Derived { tag, device, stamp, quality, value, telling });
        }
    }

    /// What people do with its alarm.
    pub(crate) const fn annunciator(&mut self) -> Option<&mut Annunciator> {
        match &mut self.alarm {
            Some(watch) => Some(&mut watch.annunciator),
            None => None,
        }
    }

    /// The counter. A reset makes the total Uncertain once: what was counted
    /// just before it is lost.
    fn count(
        &mut self,
        quality: Quality,
        value: &Value,
        rule: &Prepared,
        moment: Moment,
        made: &mut Made,
    ) {
        let Some((counter, tag, interval)) = self.counter.as_deref_mut() else { return };
        let Moment { device, stamp, .. } = moment;
        let (quality, value) = match value {
            Value::UInt(count) => {
                let (total, course) = counter.take(*count, stamp, &mut made.cells);
                let doubted = course == Course::Reset && quality == Quality::Good;
                let quality = if doubted { Quality::UncertainLastUsable } else { quality };
                (quality, Value::UInt(total))
            }
            _ if quality.severity() == Severity::Bad => (quality, Value::Null),
            _ => (Quality::BadConfiguration, Value::Null),
        };
        let telling = Telling::IfNews;
        made.derived.push(Derived { tag: *tag, device, stamp, quality, value, telling });
        let scale = rule.scaling.scale.abs();
        tell_cells(&mut made.cells, &mut made.derived, device, *interval, |cell| {
            scale * cell.sums[0]
        });
    }

    /// The integral. A gap makes the total Uncertain once.
    fn integrate(
        &mut self,
        number: Option<f64>,
        quality: Quality,
        moment: Moment,
        made: &mut Made,
    ) {
        let Some((integral, tag, interval)) = self.integral.as_deref_mut() else { return };
        let Moment { device, stamp, at } = moment;
        let (quality, value) = match number {
            Some(number) => {
                let (total, flow) = integral.take(number, (stamp, at), &mut made.cells);
                let doubted = flow == Flow::Gap && quality == Quality::Good;
                let quality = if doubted { Quality::UncertainLastUsable } else { quality };
                (quality, Value::F64(total))
            }
            None => {
                integral.miss();
                (quality, Value::Null)
            }
        };
        let telling = Telling::IfNews;
        made.derived.push(Derived { tag: *tag, device, stamp, quality, value, telling });
        tell_cells(&mut made.cells, &mut made.derived, device, *interval, |cell| cell.sums[0]);
    }

    /// The duty: hours and starts, and at the end of an interval the seconds
    /// in each state.
    fn work(&mut self, value: &Value, quality: Quality, moment: Moment, made: &mut Made) {
        let Some(work) = self.duty.as_deref_mut() else { return };
        let Moment { device, stamp, at } = moment;
        let state = match value {
            Value::Bool(bit) => Some(i64::from(*bit)),
            Value::Int(int) => Some(*int),
            Value::UInt(int) => i64::try_from(*int).ok(),
            _ => None,
        };
        let course = work.duty.take(state, (stamp, at), &mut made.cells);
        let bad = quality.severity() == Severity::Bad;
        let quality = match course {
            duty::Course::Gap if quality == Quality::Good => Quality::UncertainLastUsable,
            _ => quality,
        };
        let telling = Telling::IfNews;
        for (tag, value) in [
            (work.hours, Value::F64(work.duty.hours())),
            (work.starts, Value::UInt(work.duty.starts())),
        ] {
            let value = if bad { Value::Null } else { value };
            made.derived.push(Derived { tag, device, stamp, quality, value, telling });
        }
        let Some(states) = &work.states else { return };
        for cell in made.cells.drain(..) {
            let tags = states.states.iter().map(|(_, tag)| *tag).chain([states.unknown]);
            made.derived.extend(tags.zip(&cell.sums).map(|(tag, seconds)| Derived {
                tag,
                device,
                stamp: cell.end,
                // How long the state was unknown is known.
                quality: if tag == states.unknown { Quality::Good } else { cell.quality },
                value: if cell.quality.severity() == Severity::Bad && tag != states.unknown {
                    Value::Null
                } else {
                    Value::F64(*seconds)
                },
                telling: Telling::Always,
            }));
        }
    }

    /// The window. A Bad sample makes all that it tells Bad at once: the mean
    /// of a minute ago must not pass for a live one.
    fn gather(
        &mut self,
        number: Option<f64>,
        quality: Quality,
        value: &Value,
        moment: Moment,
        made: &mut Made,
    ) {
        let Some(window) = self.window.as_deref_mut() else { return };
        let Moment { device, stamp, at } = moment;
        let over = window.take((stamp, at), quality, value, number);
        let keep = window.keep();
        if let Some(over) = over {
            made.derived.extend(keep.iter().map(|(keep, tag)| tell(&over, *keep, *tag, device)));
        }
        if quality.severity() == Severity::Bad {
            made.derived.extend(keep.iter().map(|(_, tag)| Derived {
                tag: *tag,
                device,
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

    /// When [`tick`](Self::tick) has something to do: microseconds since the
    /// pipeline was made, `u64::MAX` when there is nothing to wait for.
    pub(crate) fn due(&self, rule: &Prepared, tag: &Tag) -> u64 {
        // Asked after every sample: each missing stage costs one comparison.
        let window = self.window.as_ref().and_then(|window| window.due());
        let door = self.door.as_ref().filter(|door| door.holds());
        let door = door.map_or(NEVER, |_| tag.overdue_at(rule, GRACE));
        let shelved = self.alarm.as_ref().and_then(|watch| watch.annunciator.due());
        window.unwrap_or(NEVER).min(door).min(shelved.unwrap_or(NEVER))
    }

    /// Does what is due at `at` though no sample came: ends a window, gives
    /// away what a door held for too long, ends shelving.
    pub(crate) fn tick(&mut self, at: u64, rule: &Prepared, tag: &mut Tag, made: &mut Made) {
        let device = self.device;
        if let Some(window) = self.window.as_deref_mut() {
            while let Some(over) = window.tick(at) {
                let keep = window.keep().iter();
                made.derived.extend(keep.map(|(keep, tag)| tell(&over, *keep, *tag, device)));
            }
        }
        if let Some(door) = &mut self.door
            && door.holds()
            && at >= tag.overdue_at(rule, GRACE)
        {
            door.expire(&mut made.released);
            made.dropped += door.take_dropped();
            for released in &made.released {
                tag.report(released.quality, &released.value, released.at);
            }
        }
        if let Some(watch) = self.alarm.as_deref_mut()
            && watch.annunciator.due().is_some_and(|due| at >= due)
        {
            watch.annunciator.tick(at);
            let stamp = tag.last_known().stamp.unwrap_or_default();
            self.tell_alarm(stamp, made);
        }
    }

    /// What must survive a restart; empty when there is nothing.
    pub(crate) fn save(&self, at: u64, groups: &[FirstOut]) -> Vec<u8> {
        let mut writer = Writer::default();
        if let Some((counter, ..)) = self.counter.as_deref() {
            writer.record(Record::Counter, |writer| counter.save(writer));
        }
        if let Some((integral, ..)) = self.integral.as_deref() {
            writer.record(Record::Integral, |writer| integral.save(writer));
        }
        if let Some(work) = self.duty.as_deref() {
            writer.record(Record::Duty, |writer| work.duty.save(writer));
        }
        if let Some(watch) = self.alarm.as_deref() {
            let group = watch.group.and_then(|group| groups.get(group as usize));
            writer.record(Record::Alarm, |writer| {
                watch.annunciator.save(writer, at, group, watch.tag.0);
                watch.alarm.save(writer);
            });
        }
        writer.finish()
    }

    /// Goes on from what was saved, as far as the map still asks for it.
    pub(crate) fn restore(&mut self, bytes: &[u8], at: u64, groups: &mut [FirstOut]) {
        if let Some((counter, ..)) = self.counter.as_deref_mut()
            && let Some(mut reader) = Reader::find(bytes, Record::Counter)
        {
            counter.restore(&mut reader);
        }
        if let Some((integral, ..)) = self.integral.as_deref_mut()
            && let Some(mut reader) = Reader::find(bytes, Record::Integral)
        {
            integral.restore(&mut reader);
        }
        if let Some(work) = self.duty.as_deref_mut()
            && let Some(mut reader) = Reader::find(bytes, Record::Duty)
        {
            work.duty.restore(&mut reader);
        }
        if let Some(watch) = self.alarm.as_deref_mut()
            && let Some(mut reader) = Reader::find(bytes, Record::Alarm)
        {
            let group = watch.group.and_then(|group| groups.get_mut(group as usize));
            let tag = watch.tag.0;
            if watch.annunciator.restore(&mut reader, at, group, tag).is_some() {
                watch.alarm.restore(&mut reader);
            }
        }
    }

    /// Stamps from now on are of another clock.
    pub(crate) fn forget_stamps(&mut self) {
        if let Some((counter, ..)) = self.counter.as_deref_mut() {
            counter.forget_stamps();
        }
        if let Some((integral, ..)) = self.integral.as_deref_mut() {
            integral.forget_stamps();
        }
        if let Some(work) = self.duty.as_deref_mut() {
            work.duty.forget_stamps();
        }
    }

    /// Gives away what is held: the gateway stops, or the clock changed and
    /// with it the meaning of stamps. An open window is given up then.
    pub(crate) fn release(&mut self, made: &mut Made) {
        if let Some(window) = self.window.as_deref_mut() {
            window.forget();
        }
        self.release_door(made);
    }

    /// Gives away what the door holds; an open window stays open.
    pub(crate) fn release_door(&mut self, made: &mut Made) {
        if let Some(door) = &mut self.door {
            door.release(&mut made.released);
            made.dropped += door.take_dropped();
        }
    }

    /// Goes on from where the same chain of an earlier plan was. Rules and
    /// tags are this chain's own, their numbers may have changed.
    pub(crate) fn remember(&mut self, before: Self) {
        self.filters = before.filters;
        self.door = before.door;
        if let (Some(window), Some(before)) = (self.window.as_deref_mut(), before.window) {
            window.remember(*before);
        }
        if let (Some(watch), Some(before)) = (self.alarm.as_deref_mut(), before.alarm) {
            watch.alarm = before.alarm;
            watch.annunciator = before.annunciator;
            watch.last = before.last;
        }
        if let (Some(integral), Some(before)) = (self.integral.as_deref_mut(), before.integral) {
            integral.0 = before.0;
        }
        if let (Some(work), Some(before)) = (self.duty.as_deref_mut(), before.duty) {
            work.duty = before.duty;
        }
        self.device = before.device;
        if let (Some(counter), Some(before)) = (self.counter.as_deref_mut(), before.counter) {
            counter.0 = before.0;
        }
    }
}

/// The amounts of intervals that are over; a Bad one has none.
fn tell_cells(
    cells: &mut Vec<Cell>,
    derived: &mut Vec<Derived>,
    device: DeviceId,
    tag: Option<TagId>,
    amount: impl Fn(&Cell) -> f64,
) {
    let Some(tag) = tag else { return cells.clear() };
    derived.extend(cells.drain(..).map(|cell| {
        let value = match cell.quality.severity() {
            Severity::Bad => Value::Null,
            Severity::Good | Severity::Uncertain => Value::F64(amount(&cell)),
        };
        let (stamp, quality) = (cell.end, cell.quality);
        Derived { tag, device, stamp, quality, value, telling: Telling::Always }
    }));
}

fn tell(over: &Summary, keep: Keep, tag: TagId, device: DeviceId) -> Derived {
    let telling = match over.quality.severity() {
        Severity::Bad => Telling::IfNews,
        Severity::Good | Severity::Uncertain => Telling::Always,
    };
    let (stamp, quality) = (over.end, over.quality);
    Derived { tag, device, stamp, quality, value: over.value(keep), telling }
}
