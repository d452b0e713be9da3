//! The pipeline: every sample goes in, readings come out in batches, and the books balance.

mod memory;
mod staged;
mod succession;
mod ticks;

use std::time::{Duration, Instant};

use forehearth_model::{
    BatchId, BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Reading, Scan, Severity,
    Stamp, TagId, Value,
};

use crate::annunciator::FirstOut;
use crate::batcher::{Batcher, Destinations, Limits, MAX_BYTES, MAX_READINGS, Origin, Sealed};
use crate::calc::{Calc, CalcStage};
use crate::chain::{Chain, Derived, Made, Outcome};
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
mod tests;
