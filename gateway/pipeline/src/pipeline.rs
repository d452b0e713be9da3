//! The pipeline: every sample goes in, readings come out in batches, and the books balance.

mod succession;

use std::time::{Duration, Instant};

use forehearth_model::{
    BatchId, BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Reading, Sample,
    Scan, Severity, Stamp, TagId, Value,
};

use crate::annunciator::FirstOut;
use crate::batcher::{Batcher, Destinations, Limits, MAX_BYTES, MAX_READINGS, Origin, Sealed};
use crate::calc::{Calc, CalcStage, Seen};
use crate::chain::{Chain, Derived, Fed, Made, Moment, Outcome, Telling};
use crate::condition::judge;
use crate::rule::{Prepared, Rule, RuleBook};
use crate::stages::Stages;
use crate::swing::Visitor;
use crate::tag::{LastKnown, Place, Tag};
use crate::timers::{NEVER, Timers};

pub use succession::NextPlan;

/// Shortest time between two looks at the timers of all stages, microseconds.
/// Chosen: nobody sees a twentieth of a second on the end of a window that
/// waits two, and twenty looks a second at 50,000 stages cost little.
const TICK: u64 = 50_000;

/// What every batch of a run shares, and when a batch is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// This run of the daemon; it must be on disk before the first batch.
    pub epoch: Epoch,
    /// The catalogue of the plan.
    pub catalogue: CatalogueHash,
    /// This boot of the machine.
    pub boot: BootId,
    /// What is known of the wall clock at start.
    pub clock: ClockState,
    /// The oldest reading of a batch waits at most this long.
    pub batch_within: Duration,
    /// Most readings of a batch, at least 1.
    pub max_readings: usize,
    /// Most bytes of a batch, estimated from above.
    pub max_bytes: usize,
}

impl Settings {
    /// Settings with the usual size of a batch: [`MAX_READINGS`] and [`MAX_BYTES`].
    #[must_use]
    pub const fn new(
        epoch: Epoch,
        catalogue: CatalogueHash,
        boot: BootId,
        clock: ClockState,
        batch_within: Duration,
    ) -> Self {
        Self {
            epoch,
            catalogue,
            boot,
            clock,
            batch_within,
            max_readings: MAX_READINGS,
            max_bytes: MAX_BYTES,
        }
    }
}

/// The pipeline's side of the books, in readings since it was made:
/// `acquired = suppressed + pending + batched`, always.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Samples taken, failed ones included, and the derived values that became
    /// readings.
    pub acquired: u64,
    /// No news: not sent on purpose.
    pub suppressed: u64,
    /// Not handed over yet: readings of an open batch, and samples that a
    /// swinging door holds back. A held one is suppressed when the next shows
    /// that it isn't needed, and becomes a reading otherwise.
    pub pending: u64,
    /// Handed over in numbered batches.
    pub batched: u64,
    /// Batches handed over, the number of the last one.
    pub batches: u64,
    /// Samples of a tag the plan does not have: refused, outside the books,
    /// a defect of the driver.
    pub foreign: u64,
    /// Values of windows, alarms, totals and formulas among `acquired`: made
    /// here, of samples that are counted too.
    pub derived: u64,
}

/// What people do with an alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attention {
    /// They have seen it.
    Acknowledge,
    /// It is out of service for so long, at most [`LONGEST_SHELVING`](crate::LONGEST_SHELVING).
    Shelve(Duration),
    /// It is in service again.
    Unshelve,
}

/// The tag has no alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoAlarm;

/// Judges, filters and batches the samples of all links. One owner, no clock.
///
/// Call [`take`](Self::take) with each scan, then [`poll`](Self::poll) until
/// it gives nothing more; sleep until [`deadline`](Self::deadline) or the next
/// scan, whichever is first. At the end [`flush`](Self::flush) and poll once more.
#[derive(Debug)]
pub struct Pipeline {
    rules: Vec<Prepared>,
    tags: Vec<Tag>,
    /// Of the tags that have stages.
    chains: Vec<Chain>,
    made: Made,
    /// Derived tags, each behind those it is computed of.
    calcs: Vec<Calc>,
    /// Places of derived tags to compute, the next one last.
    touched: Vec<u32>,
    /// Derived values at hand, kept for its capacity.
    derived: Vec<Derived>,
    /// When stages have something to do though no sample comes.
    timers: Timers,
    /// Readings with stamps of their own, before they are put in order.
    early: Vec<Early>,
    /// Derived readings with the stamp of the scan at hand.
    beside: Vec<(Lane, Reading)>,
    batcher: Batcher,
    counts: Counts,
    start: Instant,
}

impl Pipeline {
    /// A pipeline that has seen nothing yet; `rules` are in the order of tag ids.
    pub fn new(rules: impl IntoIterator<Item = Rule>, settings: &Settings, now: Instant) -> Self {
        let mut book = RuleBook::default();
        let tags = rules.into_iter().map(|rule| Tag::new(book.place(&rule))).collect();
        let origin =
            Origin { catalogue: settings.catalogue, boot: settings.boot, clock: settings.clock };
        let limits = Limits {
            within: settings.batch_within,
            max_readings: settings.max_readings.max(1),
            max_bytes: settings.max_bytes,
        };
        Self {
            rules: book.finish(),
            tags,
            chains: Vec::new(),
            made: Made::default(),
            calcs: Vec::new(),
            touched: Vec::new(),
            derived: Vec::new(),
            timers: Timers::new(),
            early: Vec::new(),
            beside: Vec::new(),
            batcher: Batcher::new(BatchId::new(settings.epoch, 1), origin, limits),
            counts: Counts::default(),
            start: now,
        }
    }

    /// Gives some tags their stages, once. Tags
    /// that stages tell of must have a rule as all others; their samples come
    /// from here and never from a driver.
    pub fn stage(&mut self, stages: impl IntoIterator<Item = (TagId, Stages)>) {
        for (id, stages) in stages {
            let Some(tag) = self.tags.get_mut(id.index()) else { continue };
            if stages.is_empty() || tag.place.chain().is_some() {
                continue;
            }
            self.add_chain(id, stages);
        }
    }

    /// Adds the chain of a tag that has none; returns its place.
    fn add_chain(&mut self, id: TagId, stages: Stages) -> Option<usize> {
        let tag = self.tags.get_mut(id.index())?;
        let rule = tag.place.rule();
        let place = self.chains.len();
        tag.place = Place::with_chain(position(place));
        let chain = Chain::new(id, position(rule), &self.rules[rule], stages);
        if let Some(group) = chain.group() {
            let groups = self.made.groups.len().max(group as usize + 1);
            self.made.groups.resize(groups, FirstOut::default());
        }
        self.chains.push(chain);
        self.timers.make_room(self.chains.len());
        Some(place)
    }

    /// Adds derived tags, once and after [`stage`](Self::stage): each behind
    /// those that it is computed of. A derived tag may have stages as well.
    pub fn compute(&mut self, calcs: impl IntoIterator<Item = CalcStage>) {
        for stage in calcs {
            let calc = position(self.calcs.len());
            for (member, input) in (0..).zip(&stage.formula.inputs) {
                let Some(tag) = self.tags.get(input.index()) else { continue };
                let chain = tag.place.chain();
                let chain = chain.or_else(|| self.add_chain(*input, Stages::default()));
                if let Some(chain) = chain.and_then(|chain| self.chains.get_mut(chain)) {
                    chain.feeds.push((calc, member));
                }
            }
            self.calcs.push(Calc::new(stage));
        }
    }

    /// Counts anew which alarms of each group are active.
    fn count_groups(&mut self) {
        for chain in &mut self.chains {
            chain.join_group(&mut self.made.groups);
        }
    }

    fn micros(&self, now: Instant) -> u64 {
        let since_start = now.saturating_duration_since(self.start);
        u64::try_from(since_start.as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes all samples of a scan that came in at `acquired`. Links are
    /// taken side by side, so `acquired` may go back by what they differ.
    pub fn take(&mut self, scan: &Scan, acquired: Instant) {
        let at = self.micros(acquired);
        if !self.chains.is_empty() {
            self.take_staged(scan, at, acquired);
        }
        let mut outcomes = self.made.outcomes.drain(..);
        self.batcher.begin_scan();
        for sample in &scan.samples {
            let Some(tag) = self.tags.get_mut(sample.tag.index()) else {
                self.counts.foreign += 1;
                continue;
            };
            if let Some(chain) = tag.place.chain() {
                self.counts.acquired += 1;
                match outcomes.next() {
                    Some(Outcome::News(reading)) => {
                        let lane = self.rules[self.chains[chain].rule as usize].lane;
                        self.batcher.push(lane, (scan.device, scan.stamp), reading, acquired);
                        self.counts.pending += 1;
                    }
                    Some(Outcome::Held) => self.counts.pending += 1,
                    Some(Outcome::Suppressed) | None => self.counts.suppressed += 1,
                }
                continue;
            }
            let rule = &self.rules[tag.place.rule()];
            let quality = judge(rule, sample.quality, &sample.value);
            // Whatever a driver leaves in a bad sample must not pass for a value.
            let value = match quality.severity() {
                Severity::Bad => &Value::Null,
                Severity::Good | Severity::Uncertain => &sample.value,
            };
            self.counts.acquired += 1;
            if tag.take(rule, (quality, value), scan.stamp, at) {
                let reading = Reading { tag: sample.tag, quality, value: value.clone() };
                self.batcher.push(rule.lane, (scan.device, scan.stamp), reading, acquired);
                self.counts.pending += 1;
            } else {
                self.counts.suppressed += 1;
            }
        }
        drop(outcomes);
        self.count_dropped();
        for (lane, reading) in self.beside.drain(..) {
            self.batcher.push(lane, (scan.device, scan.stamp), reading, acquired);
        }
    }

    /// Sends the samples of staged tags through their chains. What that makes
    /// with an earlier stamp (samples that were held, windows that are over)
    /// is told first, in runs of its own.
    fn take_staged(&mut self, scan: &Scan, at: u64, acquired: Instant) {
        let moment = Moment { device: scan.device, stamp: scan.stamp, at };
        for sample in &scan.samples {
            let Some(tag) = self.tags.get_mut(sample.tag.index()) else { continue };
            let Some(place) = tag.place.chain() else { continue };
            let chain = &mut self.chains[place];
            let rule = &self.rules[chain.rule as usize];
            chain.take(sample, moment, rule, tag, &mut self.made);
            self.timers.note(place, chain.due(rule, tag));
            let lane = rule.lane;
            self.early
                .extend(self.made.released.drain(..).map(|held| Early::new(chain.tag, held, lane)));
        }
        self.settle(moment);
        self.push_early(acquired);
    }

    /// Settles what stages told and computes what depends on it, until
    /// nothing is left: each derived tag once, since none stands before one
    /// that it is computed of.
    fn settle(&mut self, moment: Moment) {
        loop {
            self.feed(moment);
            if !self.made.derived.is_empty() {
                self.settle_derived(moment);
                continue;
            }
            let Some(place) = self.touched.pop() else { return };
            let calc = &mut self.calcs[place as usize];
            let (quality, value) = calc.take(moment.stamp);
            let CalcStage { tag, device, .. } = *calc.stage();
            let (stamp, telling) = (moment.stamp, Telling::IfNews);
            self.made.derived.push(Derived { tag, device, stamp, quality, value, telling });
        }
    }

    /// Gives derived tags the inputs that came.
    fn feed(&mut self, moment: Moment) {
        for Fed { calc: place, member, quality, number } in self.made.fed.drain(..) {
            let Some(calc) = self.calcs.get_mut(place as usize) else { continue };
            calc.put(member, Seen { stamp: moment.stamp, quality, number }, moment.at);
            if calc.stage().set.is_some() {
                self.timers.note_other(calc.due().unwrap_or(NEVER));
            } else if let Err(before) = self.touched.binary_search_by(|touched| place.cmp(touched))
            {
                self.touched.insert(before, place);
            }
        }
    }

    /// Decides which derived values become readings: those of now stand
    /// beside the readings of the scan, those with another stamp before them.
    /// A derived tag that has stages goes through them like a sample.
    fn settle_derived(&mut self, moment: Moment) {
        std::mem::swap(&mut self.derived, &mut self.made.derived);
        let mut derived = std::mem::take(&mut self.derived);
        for Derived { tag: id, device, stamp, quality, value, telling } in derived.drain(..) {
            let Some(tag) = self.tags.get_mut(id.index()) else { continue };
            if let Some(place) = tag.place.chain() {
                let chain = &mut self.chains[place];
                let rule = &self.rules[chain.rule as usize];
                let own = Moment { device, stamp, at: moment.at };
                chain.take(&Sample { tag: id, quality, value }, own, rule, tag, &mut self.made);
                self.timers.note(place, chain.due(rule, tag));
                let lane = rule.lane;
                let held = self.made.released.drain(..);
                self.early.extend(held.map(|held| Early::new(id, held, lane)));
                self.counts.acquired += 1;
                self.counts.derived += 1;
                match self.made.outcomes.pop() {
                    Some(Outcome::News(reading)) => {
                        self.counts.pending += 1;
                        self.tell(own, moment, lane, reading);
                    }
                    Some(Outcome::Held) => self.counts.pending += 1,
                    Some(Outcome::Suppressed) | None => self.counts.suppressed += 1,
                }
                continue;
            }
            let Some(rule) = self.rules.get(tag.place.rule()) else { continue };
            let quality = judge(rule, quality, &value);
            let value = if quality.severity() == Severity::Bad { Value::Null } else { value };
            let news = match telling {
                Telling::IfNews => tag.take(rule, (quality, &value), stamp, moment.at),
                Telling::Always => {
                    tag.know((quality, &value), stamp, moment.at);
                    tag.report(quality, &value, moment.at);
                    true
                }
            };
            if !news {
                continue;
            }
            self.counts.acquired += 1;
            self.counts.derived += 1;
            self.counts.pending += 1;
            let lane = rule.lane;
            let own = Moment { device, stamp, at: moment.at };
            self.tell(own, moment, lane, Reading { tag: id, quality, value });
        }
        self.derived = derived;
    }

    /// Puts a derived reading beside those of the scan, or in a run of its own.
    fn tell(&mut self, own: Moment, scan: Moment, lane: Lane, reading: Reading) {
        let Moment { device, stamp, .. } = own;
        if (device, stamp) == (scan.device, scan.stamp) {
            self.beside.push((lane, reading));
        } else {
            self.early.push(Early { stamp, device, lane, reading });
        }
    }

    /// Does what is due at `now` though no sample came: ends windows, sends
    /// what doors held for too long, tells sets, ends shelving.
    fn tick(&mut self, now: Instant) {
        let at = self.micros(now);
        if at < self.timers.soonest() {
            return;
        }
        for block in 0..self.timers.blocks() {
            for place in self.timers.open(block, at).into_iter().flatten() {
                self.tick_chain(place, at);
            }
        }
        let mut next = NEVER;
        for place in 0..self.calcs.len() {
            let calc = &mut self.calcs[place];
            while let Some(over) = calc.tick(at) {
                let (quality, telling) = (over.quality, Telling::IfNews);
                let CalcStage { tag, device, ref set, .. } = *calc.stage();
                let Some(set) = set else { break };
                let beside = [(set.skew, over.skew), (set.age, over.age)];
                let beside = beside.map(|(tag, millis)| {
                    let quality = match millis {
                        Some(_) => Quality::Good,
                        None => Quality::BadWaitingForFirstValue,
                    };
                    (tag, quality, millis.map_or(Value::Null, Value::F64))
                });
                let all = [(tag, quality, over.value)].into_iter().chain(beside);
                self.made.derived.extend(all.map(|(tag, quality, value)| Derived {
                    tag,
                    device,
                    stamp: over.stamp,
                    quality,
                    value,
                    telling,
                }));
            }
            next = next.min(calc.due().unwrap_or(NEVER));
        }
        self.timers.settle(next, at + TICK);
        // Of no scan: everything told has a stamp of its own.
        let nowhere = Moment { device: DeviceId(u32::MAX), stamp: Stamp(i64::MIN), at };
        self.settle(nowhere);
        self.count_dropped();
        self.push_early(now);
    }

    /// Does what one chain has to do, if it is due.
    fn tick_chain(&mut self, place: usize, at: u64) {
        let Some(chain) = self.chains.get_mut(place) else { return };
        let Some(tag) = self.tags.get_mut(chain.tag.index()) else { return };
        let rule = &self.rules[chain.rule as usize];
        if chain.due(rule, tag) <= at {
            chain.tick(at, rule, tag, &mut self.made);
            let lane = rule.lane;
            let held = self.made.released.drain(..);
            self.early.extend(held.map(|held| Early::new(chain.tag, held, lane)));
        }
        self.timers.note(place, chain.due(rule, tag));
    }

    /// What must survive a restart, by tag: totals, run hours, the states of
    /// alarms. Restored into a pipeline of the same map, or of another one
    /// with the tags found again by name, it goes on as if nothing had been.
    #[must_use]
    pub fn save(&self, now: Instant) -> Vec<(TagId, Vec<u8>)> {
        let at = self.micros(now);
        let saved = self.chains.iter().map(|chain| (chain.tag, chain.save(at, &self.made.groups)));
        saved.filter(|(_, bytes)| !bytes.is_empty()).collect()
    }

    /// Takes back what was saved of a tag, before its first sample. What the
    /// map asks for no more is left out.
    pub fn restore(&mut self, tag: TagId, saved: &[u8], now: Instant) {
        let at = self.micros(now);
        let place = self.tags.get(tag.index()).and_then(|tag| tag.place.chain());
        let Some(place) = place else { return };
        if let Some(chain) = self.chains.get_mut(place) {
            chain.restore(saved, at, &mut self.made.groups);
            let tag = &self.tags[tag.index()];
            self.timers.note(place, chain.due(&self.rules[chain.rule as usize], tag));
        }
    }

    /// Does to an alarm what people asked for, and tells it with `stamp`. The
    /// tag is the one that has the limits, or one that tells of its alarm.
    ///
    /// # Errors
    /// When it is neither.
    pub fn attend(
        &mut self,
        tag: TagId,
        attention: Attention,
        now: Instant,
        stamp: Stamp,
    ) -> Result<(), NoAlarm> {
        let at = self.micros(now);
        let place = self.chains.iter().position(|chain| chain.is_alarm_of(tag)).ok_or(NoAlarm)?;
        let chain = &mut self.chains[place];
        let annunciator = chain.annunciator().ok_or(NoAlarm)?;
        match attention {
            Attention::Acknowledge => annunciator.acknowledge(),
            Attention::Shelve(time) => annunciator.shelve(at, time),
            Attention::Unshelve => annunciator.shelve(at, Duration::ZERO),
        }
        chain.tell_alarm(stamp, &mut self.made);
        let due = self
            .tags
            .get(chain.tag.index())
            .map(|tag| chain.due(&self.rules[chain.rule as usize], tag));
        self.timers.note(place, due.unwrap_or(NEVER));
        self.settle(Moment { device: DeviceId(u32::MAX), stamp: Stamp(i64::MIN), at });
        self.push_early(now);
        Ok(())
    }

    /// Held samples that turned out not to be needed were pending until now.
    fn count_dropped(&mut self) {
        let dropped = std::mem::take(&mut self.made.dropped);
        self.counts.pending -= dropped;
        self.counts.suppressed += dropped;
    }

    /// Puts readings with stamps of their own into the open batches, oldest
    /// first: those of one device and stamp share a run.
    fn push_early(&mut self, acquired: Instant) {
        self.early.sort_by_key(|early| (early.stamp, early.device));
        let mut run = None;
        for early in self.early.drain(..) {
            let of = (early.device, early.stamp);
            if run.replace(of) != Some(of) {
                self.batcher.begin_scan();
            }
            self.batcher.push(early.lane, of, early.reading, acquired);
        }
    }

    /// Makes readings of all samples that are held back.
    fn release_held(&mut self, now: Instant) {
        for chain in &mut self.chains {
            chain.release(&mut self.made);
            let lane = self.rules[chain.rule as usize].lane;
            for held in self.made.released.drain(..) {
                if let Some(tag) = self.tags.get_mut(chain.tag.index()) {
                    tag.report(held.quality, &held.value, held.at);
                }
                self.early.push(Early::new(chain.tag, held, lane));
            }
        }
        self.count_dropped();
        self.push_early(now);
    }

    /// The next batch that has to leave now; `None` when there is none. What
    /// is due though no sample came is done first.
    pub fn poll(&mut self, now: Instant, destinations: Destinations) -> Option<Sealed> {
        self.tick(now);
        let sealed = self.batcher.poll(now, destinations)?;
        let readings = sealed.batch.readings.len() as u64;
        self.counts.pending -= readings;
        self.counts.batched += readings;
        self.counts.batches += 1;
        Some(sealed)
    }

    /// When [`poll`](Self::poll) should be called without a new scan: in the
    /// past when it has a batch already, `None` when nothing is open and no
    /// stage waits for anything.
    #[must_use]
    pub fn deadline(&self, destinations: Destinations) -> Option<Instant> {
        let timer = (self.timers.soonest() != NEVER)
            .then(|| self.start.checked_add(Duration::from_micros(self.timers.soonest())))
            .flatten();
        [self.batcher.deadline(destinations), timer].into_iter().flatten().min()
    }

    /// Makes readings of what is held back and closes every open batch, for a
    /// stop. An open window is given up: the next start tells what it has of
    /// it. Poll until `None` afterwards.
    pub fn flush(&mut self, now: Instant) {
        self.release_held(now);
        self.batcher.flush(now);
    }

    /// What is known of the wall clock from now on; a change closes the open
    /// batches, since a batch tells one state, and ends what spans stamps:
    /// what doors hold back is told, open windows are given up. Poll until
    /// `None` afterwards.
    pub fn set_clock(&mut self, clock: ClockState, now: Instant) {
        let before = self.batcher.clock();
        if clock != before {
            self.release_held(now);
        }
        // Between synced and holdover the clock runs on; to and from a clock
        // that was never set it jumps.
        if clock != before && [clock, before].contains(&ClockState::Unset) {
            self.chains.iter_mut().for_each(Chain::forget_stamps);
            self.calcs.iter_mut().for_each(Calc::forget_stamps);
        }
        self.batcher.set_clock(clock, now);
    }

    /// The books.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// What is known of one tag and how long ago it was read; `None` when it
    /// never was, or is none of this plan.
    #[must_use]
    pub fn known(&self, tag: TagId, now: Instant) -> Option<(LastKnown<'_>, Duration)> {
        let tag = self.tags.get(tag.index())?;
        let last = tag.last_known();
        last.stamp?;
        let at = Duration::from_micros(tag.acquired_at);
        Some((last, now.saturating_duration_since(self.start).saturating_sub(at)))
    }

    /// The last known state of every tag, in the order of tag ids. It may be
    /// newer than the last batch, never older.
    pub fn last_values(&self) -> impl ExactSizeIterator<Item = LastKnown<'_>> {
        self.tags.iter().map(Tag::last_known)
    }
}

/// A reading with an earlier stamp than the scan at hand.
#[derive(Debug)]
struct Early {
    stamp: Stamp,
    device: DeviceId,
    lane: Lane,
    reading: Reading,
}

impl Early {
    fn new(tag: TagId, held: Visitor, lane: Lane) -> Self {
        let reading = Reading { tag, quality: held.quality, value: held.value };
        Self { stamp: held.stamp, device: held.device, lane, reading }
    }
}

/// A position as the table of tags has it; tag ids are 32 bits wide.
fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Pipeline, Settings};
    use crate::{Destinations, Report, Rule};
    use forehearth_model::{
        BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Sample, Scaling, Scan,
        Stamp, TagId, Value,
    };
    use std::time::{Duration, Instant};

    fn pipeline(now: Instant) -> Pipeline {
        let live = Rule {
            scaling: Scaling::NONE,
            valid: Some((0.0, 10.0)),
            report: Report::ByException { deadband: 0.0, max_gap: Duration::from_secs(60) },
            lane: Lane::Live,
        };
        let alarm = Rule { lane: Lane::Alarm, ..live };
        let settings = Settings::new(
            Epoch(3),
            CatalogueHash(5),
            BootId(7),
            ClockState::Synced,
            Duration::from_millis(100),
        );
        Pipeline::new([live, alarm, live], &settings, now)
    }

    fn scan(samples: &[(u32, Quality, Value)]) -> Scan {
        let samples = samples
            .iter()
            .map(|(tag, quality, value)| Sample {
                tag: TagId(*tag),
                quality: *quality,
                value: value.clone(),
            })
            .collect();
        Scan { device: DeviceId(1), stamp: Stamp(1_000), samples }
    }

    #[test]
    fn a_scan_becomes_judged_readings_in_the_lane_of_each_tag() {
        let now = Instant::now();
        let mut pipeline = pipeline(now);
        let good = Quality::Good;
        pipeline.take(
            &scan(&[
                (0, good, Value::F32(f32::NAN)),
                (1, good, Value::Int(3)),
                (2, good, Value::Int(11)),
            ]),
            now,
        );
        let alarm = pipeline.poll(now, Destinations::Busy).unwrap().batch;
        assert_eq!((alarm.lane, alarm.readings.len()), (Lane::Alarm, 1));
        assert_eq!(pipeline.poll(now, Destinations::Busy), None);
        assert_eq!(pipeline.counts().pending, 2);
        pipeline.flush(now);
        let live = pipeline.poll(now, Destinations::Busy).unwrap().batch;
        let readings: Vec<_> = live.readings.iter().map(|r| (r.quality, r.value.clone())).collect();
        assert_eq!(
            readings,
            [
                (Quality::BadSensorFailure, Value::Null),
                (Quality::UncertainOutOfRange, Value::Int(11)),
            ]
        );
        assert_eq!((live.id.epoch, live.id.number), (Epoch(3), 2));
        assert_eq!((live.catalogue, live.boot), (CatalogueHash(5), BootId(7)));
    }

    #[test]
    fn an_old_value_in_a_bad_sample_never_passes_for_a_live_one() {
        let now = Instant::now();
        let mut pipeline = pipeline(now);
        pipeline.take(&scan(&[(0, Quality::BadNoCommunication, Value::Int(5))]), now);
        assert_eq!(pipeline.last_values().next().unwrap().value, &Value::Null);
        let batch = pipeline.poll(now, Destinations::Idle).unwrap().batch;
        assert_eq!(batch.readings[0].value, Value::Null);
    }

    #[test]
    fn births_see_what_was_acquired_though_it_was_suppressed() {
        let now = Instant::now();
        let mut pipeline = pipeline(now);
        pipeline.take(&scan(&[(0, Quality::Good, Value::Int(5))]), now);
        let mut second = scan(&[(0, Quality::Good, Value::Int(5))]);
        second.stamp = Stamp(2_000);
        pipeline.take(&second, now);
        assert_eq!(pipeline.counts().suppressed, 1);
        let last: Vec<_> = pipeline.last_values().collect();
        assert_eq!(last.len(), 3);
        assert_eq!((last[0].stamp, last[0].quality), (Some(Stamp(2_000)), Quality::Good));
        assert_eq!((last[1].stamp, last[1].quality), (None, Quality::BadWaitingForFirstValue));
    }

    #[test]
    fn a_sample_of_an_unknown_tag_is_refused_and_counted() {
        let now = Instant::now();
        let mut pipeline = pipeline(now);
        pipeline.take(&scan(&[(3, Quality::Good, Value::Int(5))]), now);
        assert_eq!(pipeline.counts().foreign, 1);
        assert_eq!(pipeline.counts().acquired, 0);
        assert_eq!(pipeline.deadline(Destinations::Idle), None);
    }
}
