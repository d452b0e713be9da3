//! The batcher: when an open batch is closed, and which number it gets.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use forehearth_model::{
    Batch, BatchId, BootId, CatalogueHash, ClockState, DeviceId, Lane, Reading, Run, Stamp, Value,
};

/// A batch is closed early for idle destinations at most this often. Chosen:
/// 5 ms is unnoticeable beside the fastest scan (10 ms) and bounds the cost of
/// a quiet gateway to 200 small messages a second.
pub const EARLY_EVERY: Duration = Duration::from_millis(5);

/// Most readings of a batch. Chosen: 256 KiB in memory, 8–80 KB encoded; twice
/// as many would compress no better.
pub const MAX_READINGS: usize = 8192;

/// Most bytes of a batch, estimated from above. Chosen: with topic and header
/// it fits the smallest packet limit of the common brokers, 128 KiB.
pub const MAX_BYTES: usize = 120 * 1024;

/// Largest encoding of a reading without text: a 64-bit varint of 10 bytes, a
/// byte each for its share of presence and quality.
const READING_BYTES: usize = 12;

/// Largest encoding of a run: device and stamp as varints, length.
const RUN_BYTES: usize = 20;

/// Whether the destinations have something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destinations {
    /// Each has sent what it had: a small batch costs nothing and arrives sooner.
    Idle,
    /// At least one is at work: fuller batches help it.
    Busy,
}

/// A batch with its number, ready for the buffer.
#[derive(Clone, PartialEq, Debug)]
pub struct Sealed {
    /// The batch.
    pub batch: Batch,
    /// When its oldest reading was acquired, on the monotonic clock. A sample
    /// that was held back counts from when it was released.
    pub acquired: Instant,
}

/// When a batch is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    pub(crate) within: Duration,
    pub(crate) max_readings: usize,
    pub(crate) max_bytes: usize,
}

/// What every batch says of its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    pub(crate) catalogue: CatalogueHash,
    pub(crate) boot: BootId,
    pub(crate) clock: ClockState,
}

/// The open batch of one lane. It keeps its capacity: what is sealed is
/// copied out at its exact size, because sealed batches wait in memory by the
/// thousand and open ones only by the lane.
#[derive(Debug, Default)]
struct Open {
    runs: Vec<Run>,
    readings: Vec<Reading>,
    bytes: usize,
    /// Acquisition of the oldest reading; `None` while empty.
    oldest: Option<Instant>,
    /// The next reading begins a run of its own.
    new_run: bool,
}

/// The open batches of both lanes, and the one numbering over them.
#[derive(Debug)]
pub(crate) struct Batcher {
    limits: Limits,
    origin: Origin,
    /// The number of the next batch.
    next: BatchId,
    alarm: Open,
    live: Open,
    live_sealed: Option<Instant>,
    /// Sealed while readings were taken (size, clock, flush); handed over by
    /// the next polls. Holds what one scan overflows, since the owner polls
    /// after each scan.
    ready: VecDeque<Sealed>,
}

impl Batcher {
    /// `first` is the number of the first batch.
    pub(crate) fn new(first: BatchId, origin: Origin, limits: Limits) -> Self {
        Self {
            limits,
            origin,
            next: first,
            alarm: Open::default(),
            live: Open::default(),
            live_sealed: None,
            ready: VecDeque::new(),
        }
    }

    /// The readings that follow are of a new scan.
    pub(crate) const fn begin_scan(&mut self) {
        self.alarm.new_run = true;
        self.live.new_run = true;
    }

    /// Adds a reading of the scan at hand; seals the batch first if it would
    /// grow beyond its size.
    pub(crate) fn push(
        &mut self,
        lane: Lane,
        (device, stamp): (DeviceId, Stamp),
        reading: Reading,
        acquired: Instant,
    ) {
        let bytes = estimate(&reading);
        let open = self.open(lane);
        let full = open.bytes + bytes + RUN_BYTES;
        if open.readings.len() >= self.limits.max_readings
            || (!open.readings.is_empty() && full > self.limits.max_bytes)
        {
            self.seal(lane, acquired);
        }
        self.open_mut(lane).push(device, stamp, reading, bytes, acquired);
    }

    /// The next batch that has to leave now. Alarms first.
    pub(crate) fn poll(&mut self, now: Instant, destinations: Destinations) -> Option<Sealed> {
        if self.ready.is_empty() {
            for lane in [Lane::Alarm, Lane::Live] {
                if self.due(lane, destinations).is_some_and(|due| due <= now) {
                    self.seal(lane, now);
                    break;
                }
            }
        }
        self.ready.pop_front()
    }

    /// When [`poll`](Self::poll) has something to hand over; in the past when
    /// it has it already, `None` when nothing is open.
    pub(crate) fn deadline(&self, destinations: Destinations) -> Option<Instant> {
        let ready = self.ready.front().map(|sealed| sealed.acquired);
        let lanes = [Lane::Alarm, Lane::Live].map(|lane| self.due(lane, destinations));
        ready.into_iter().chain(lanes.into_iter().flatten()).min()
    }

    /// Seals whatever is open, for the stop of the gateway.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.seal(Lane::Alarm, now);
        self.seal(Lane::Live, now);
    }

    /// Batches speak of this catalogue from now on. A batch speaks of one, so
    /// whoever calls this has sealed what was open.
    pub(crate) const fn begin_plan(&mut self, catalogue: CatalogueHash, within: Duration) {
        self.origin.catalogue = catalogue;
        self.limits.within = within;
    }

    /// What the open batches say of the wall clock.
    pub(crate) const fn clock(&self) -> ClockState {
        self.origin.clock
    }

    /// What is known of the wall clock from now on. A batch tells one state,
    /// so a change seals what is open.
    pub(crate) fn set_clock(&mut self, clock: ClockState, now: Instant) {
        if clock != self.origin.clock {
            self.flush(now);
            self.origin.clock = clock;
        }
    }

    /// When the open batch of a lane has to be closed.
    fn due(&self, lane: Lane, destinations: Destinations) -> Option<Instant> {
        let open = self.open(lane);
        let oldest = open.oldest?;
        let by_age = oldest + self.limits.within;
        Some(match (lane, destinations, self.live_sealed) {
            (Lane::Alarm, ..) | (Lane::Live, Destinations::Idle, None) => oldest,
            (Lane::Live, Destinations::Idle, Some(sealed)) => by_age.min(sealed + EARLY_EVERY),
            (Lane::Live, Destinations::Busy, _) => by_age,
        })
    }

    fn seal(&mut self, lane: Lane, now: Instant) {
        let (id, origin) = (self.next, self.origin);
        let open = self.open_mut(lane);
        let Some(acquired) = open.oldest.take() else { return };
        let batch = Batch {
            id,
            lane,
            catalogue: origin.catalogue,
            boot: origin.boot,
            clock: origin.clock,
            runs: open.runs.drain(..).collect(),
            readings: open.readings.drain(..).collect(),
        };
        open.bytes = 0;
        self.next.number += 1;
        self.ready.push_back(Sealed { batch, acquired });
        if lane == Lane::Live {
            self.live_sealed = Some(now);
        }
    }

    const fn open(&self, lane: Lane) -> &Open {
        match lane {
            Lane::Alarm => &self.alarm,
            Lane::Live => &self.live,
        }
    }

    const fn open_mut(&mut self, lane: Lane) -> &mut Open {
        match lane {
            Lane::Alarm => &mut self.alarm,
            Lane::Live => &mut self.live,
        }
    }
}

impl Open {
    fn push(
        &mut self,
        device: DeviceId,
        stamp: Stamp,
        reading: Reading,
        bytes: usize,
        acquired: Instant,
    ) {
        match self.runs.last_mut() {
            Some(run) if !self.new_run => run.len += 1,
            _ => {
                self.runs.push(Run { device, stamp, len: 1 });
                self.bytes += RUN_BYTES;
                self.new_run = false;
            }
        }
        self.readings.push(reading);
        self.bytes += bytes;
        // Links hand over side by side, so a later scan may be the older one.
        self.oldest = Some(self.oldest.map_or(acquired, |oldest| oldest.min(acquired)));
    }
}

/// An upper bound of a reading's encoded size.
fn estimate(reading: &Reading) -> usize {
    match &reading.value {
        Value::Text(text) => READING_BYTES + text.len(),
        _ => READING_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::{Batcher, Destinations, EARLY_EVERY, Limits, Origin, Sealed};
    use forehearth_model::{
        BatchId, BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Reading, Stamp,
        TagId, Value,
    };
    use std::time::{Duration, Instant};

    const WITHIN: Duration = Duration::from_millis(100);
    const MS: Duration = Duration::from_millis(1);

    fn batcher(max_readings: usize, max_bytes: usize) -> Batcher {
        let origin =
            Origin { catalogue: CatalogueHash(1), boot: BootId(2), clock: ClockState::Unset };
        let limits = Limits { within: WITHIN, max_readings, max_bytes };
        Batcher::new(BatchId::new(Epoch(4), 1), origin, limits)
    }

    fn scan(batcher: &mut Batcher, lane: Lane, device: u32, len: u32, at: Instant) {
        batcher.begin_scan();
        for tag in 0..len {
            let reading =
                Reading { tag: TagId(tag), quality: Quality::Good, value: Value::UInt(1) };
            batcher.push(lane, (DeviceId(device), Stamp(9)), reading, at);
        }
    }

    fn all(batcher: &mut Batcher, now: Instant, destinations: Destinations) -> Vec<Sealed> {
        std::iter::from_fn(|| batcher.poll(now, destinations)).collect()
    }

    #[test]
    fn busy_destinations_get_a_batch_when_its_oldest_reading_is_old_enough() {
        let (mut batcher, start) = (batcher(100, 10_000), Instant::now());
        assert_eq!(batcher.deadline(Destinations::Busy), None);
        scan(&mut batcher, Lane::Live, 1, 2, start + 7 * MS);
        scan(&mut batcher, Lane::Live, 1, 2, start); // an older scan that came later
        assert_eq!(batcher.deadline(Destinations::Busy), Some(start + WITHIN));
        assert_eq!(batcher.poll(start + WITHIN - MS, Destinations::Busy), None);
        let sealed = batcher.poll(start + WITHIN, Destinations::Busy).unwrap();
        assert_eq!(sealed.acquired, start);
        assert_eq!(sealed.batch.readings.len(), 4);
        assert_eq!(batcher.poll(start + 2 * WITHIN, Destinations::Busy), None);
    }

    #[test]
    fn idle_destinations_get_it_at_once_but_at_most_every_five_milliseconds() {
        let (mut batcher, start) = (batcher(100, 10_000), Instant::now());
        scan(&mut batcher, Lane::Live, 1, 1, start);
        assert!(batcher.poll(start, Destinations::Idle).is_some());
        scan(&mut batcher, Lane::Live, 1, 1, start + MS);
        assert_eq!(batcher.deadline(Destinations::Idle), Some(start + EARLY_EVERY));
        assert_eq!(batcher.poll(start + 4 * MS, Destinations::Idle), None);
        assert!(batcher.poll(start + EARLY_EVERY, Destinations::Idle).is_some());
    }

    #[test]
    fn an_alarm_closes_its_batch_at_once_and_leaves_first() {
        let (mut batcher, start) = (batcher(100, 10_000), Instant::now());
        scan(&mut batcher, Lane::Live, 1, 3, start);
        scan(&mut batcher, Lane::Alarm, 1, 2, start + MS);
        assert!(batcher.deadline(Destinations::Busy) <= Some(start + MS));
        let sealed = all(&mut batcher, start + MS, Destinations::Busy);
        assert_eq!(sealed.len(), 1);
        assert_eq!((sealed[0].batch.lane, sealed[0].batch.readings.len()), (Lane::Alarm, 2));
        let later = all(&mut batcher, start + WITHIN, Destinations::Busy);
        assert_eq!(later[0].batch.lane, Lane::Live);
        assert_eq!(later[0].batch.id, BatchId::new(Epoch(4), 2));
    }

    #[test]
    fn one_numbering_without_holes_runs_over_both_lanes() {
        let (mut batcher, start) = (batcher(10, 10_000), Instant::now());
        let mut numbers = Vec::new();
        for step in 0..20 {
            let now = start + step * 10 * MS;
            scan(&mut batcher, Lane::Live, 1, 25, now);
            scan(&mut batcher, Lane::Alarm, 1, step % 3, now);
            numbers.extend(all(&mut batcher, now, Destinations::Busy));
        }
        batcher.flush(start);
        numbers.extend(all(&mut batcher, start, Destinations::Busy));
        let numbers: Vec<u64> = numbers.iter().map(|sealed| sealed.batch.id.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert!(numbers.len() >= 50 + 13);
    }

    #[test]
    fn a_scan_larger_than_a_batch_is_cut_and_each_part_says_whose_it_is() {
        let (mut batcher, start) = (batcher(10, 10_000), Instant::now());
        scan(&mut batcher, Lane::Live, 6, 25, start);
        let sealed = all(&mut batcher, start + WITHIN, Destinations::Busy);
        let lens: Vec<_> = sealed.iter().map(|sealed| sealed.batch.readings.len()).collect();
        assert_eq!(lens, [10, 10, 5]);
        for Sealed { batch, .. } in &sealed {
            assert_eq!(batch.runs.len(), 1);
            assert_eq!((batch.runs[0].device, batch.runs[0].stamp), (DeviceId(6), Stamp(9)));
            assert_eq!(batch.runs[0].len as usize, batch.readings.len());
        }
    }

    #[test]
    fn text_is_bounded_by_bytes_and_one_too_large_travels_alone() {
        let (mut batcher, start) = (batcher(1000, 500), Instant::now());
        batcher.begin_scan();
        for len in [100, 100, 100, 100, 2000, 1] {
            let value = Value::Text("x".repeat(len).into());
            let reading = Reading { tag: TagId(0), quality: Quality::Good, value };
            batcher.push(Lane::Live, (DeviceId(0), Stamp(0)), reading, start);
        }
        let sealed = all(&mut batcher, start + WITHIN, Destinations::Busy);
        let lens: Vec<_> = sealed.iter().map(|sealed| sealed.batch.readings.len()).collect();
        assert_eq!(lens, [4, 1, 1]);
    }

    #[test]
    fn readings_before_and_after_a_change_of_the_clock_never_share_a_batch() {
        let (mut batcher, start) = (batcher(100, 10_000), Instant::now());
        scan(&mut batcher, Lane::Live, 1, 1, start);
        batcher.set_clock(ClockState::Synced, start);
        scan(&mut batcher, Lane::Live, 1, 2, start);
        batcher.set_clock(ClockState::Synced, start);
        batcher.flush(start);
        let clocks: Vec<_> = all(&mut batcher, start, Destinations::Busy)
            .into_iter()
            .map(|sealed| (sealed.batch.clock, sealed.batch.readings.len()))
            .collect();
        assert_eq!(clocks, [(ClockState::Unset, 1), (ClockState::Synced, 2)]);
    }
}
