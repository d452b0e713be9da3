//! Duty: how long a machine was in which state, how many hours it ran and how often it was started.
//!
//! A state lasts from its sample to the next one. Time over a gap, or while
//! the source is Bad, belongs to no state: it is told as unknown, and run
//! hours are Uncertain once, because hours may be missing.

use std::time::Duration;

use forehearth_model::{Stamp, TagId};

use crate::grid::{Cell, Grid, Known};
use crate::saved::{Reader, Writer};

/// What the map asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct DutyStage {
    /// The states in which the machine runs.
    pub running: Vec<i64>,
    /// Longest time between two samples that counts.
    pub gap: Duration,
    /// The tag that tells the hours run.
    pub hours: TagId,
    /// The tag that tells the starts.
    pub starts: TagId,
    /// Seconds in each state by interval of wall time.
    pub states: Option<StatesStage>,
}

/// Time in states by interval.
#[derive(Clone, PartialEq, Debug)]
pub struct StatesStage {
    /// Length of an interval, a part of a day.
    pub every: Duration,
    /// Each state, and the tag that tells the seconds in it.
    pub states: Vec<(i64, TagId)>,
    /// The tag that tells the seconds in no known state.
    pub unknown: TagId,
}

/// What is known of the last sample.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Since {
    stamp: Stamp,
    /// Microseconds since the pipeline was made; `None` after a restart.
    at: Option<u64>,
    /// `None` when it was Bad.
    state: Option<i64>,
}

/// What a sample makes of the hours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Course {
    /// Every hour is counted.
    Whole,
    /// Some may be missing.
    Gap,
}

/// The duty of one tag.
#[derive(Clone, Debug)]
pub(crate) struct Duty {
    running: Box<[i64]>,
    /// Microseconds.
    gap: u64,
    last: Option<Since>,
    /// Whether it ran when its state was known last.
    ran: Option<bool>,
    /// Microseconds run.
    run: u64,
    starts: u64,
    states: Box<[i64]>,
    /// A channel per state, the last one for unknown.
    grid: Option<Grid>,
}

impl Duty {
    pub(crate) fn new(stage: &DutyStage) -> Self {
        let states = stage.states.as_ref();
        Self {
            running: stage.running.as_slice().into(),
            gap: u64::try_from(stage.gap.as_micros()).unwrap_or(u64::MAX),
            last: None,
            ran: None,
            run: 0,
            starts: 0,
            states: states.iter().flat_map(|s| s.states.iter().map(|(state, _)| *state)).collect(),
            grid: states.map(|states| Grid::new(states.every, states.states.len() + 1)),
        }
    }

    /// Takes a sample; `None` for one that can't be used. Intervals that are
    /// over are added to `over`.
    pub(crate) fn take(
        &mut self,
        state: Option<i64>,
        (stamp, at): (Stamp, u64),
        over: &mut Vec<Cell>,
    ) -> Course {
        let mut course = Course::Whole;
        if let Some(last) = self.last.replace(Since { stamp, at: Some(at), state }) {
            let lasted = match last.at {
                Some(then) => at.saturating_sub(then),
                None => u64::try_from(stamp.micros() - last.stamp.micros()).unwrap_or(u64::MAX),
            };
            let known = last.state.filter(|_| lasted <= self.gap);
            match known {
                Some(state) if self.running.contains(&state) => self.run += lasted,
                Some(_) => {}
                None => course = Course::Gap,
            }
            self.spread(known, (last.stamp, stamp), over);
        }
        if let Some(state) = state {
            let runs = self.running.contains(&state);
            if runs && self.ran == Some(false) {
                self.starts += 1;
            }
            self.ran = Some(runs);
        }
        course
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    fn spread(&mut self, state: Option<i64>, (from, to): (Stamp, Stamp), over: &mut Vec<Cell>) {
        let Some(grid) = &mut self.grid else { return };
        let seconds = to.micros().saturating_sub(from.micros()) as f64 / 1e6;
        let channel = state.and_then(|state| self.states.iter().position(|known| *known == state));
        let known = match channel {
            Some(channel) => Known::Measured(channel, seconds),
            None => Known::Unknown(Some((self.states.len(), seconds))),
        };
        grid.add(from, to, known, over);
    }

    /// Hours run.
    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    pub(crate) const fn hours(&self) -> f64 {
        self.run as f64 / 3.6e9
    }

    /// Starts.
    pub(crate) const fn starts(&self) -> u64 {
        self.starts
    }

    /// Stamps from now on are of another clock.
    pub(crate) fn forget_stamps(&mut self) {
        if let Some(grid) = &mut self.grid {
            grid.forget();
        }
    }

    pub(crate) fn save(&self, writer: &mut Writer) {
        writer.u64(self.run);
        writer.u64(self.starts);
        writer.maybe(self.ran.map(i64::from));
        writer.maybe(self.last.map(|last| last.stamp.micros()));
        writer.maybe(self.last.and_then(|last| last.state));
        if let Some(grid) = &self.grid {
            grid.save(writer);
        }
    }

    pub(crate) fn restore(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (run, starts, ran, stamp, state) =
            (reader.u64()?, reader.u64()?, reader.maybe()?, reader.maybe()?, reader.maybe()?);
        (self.run, self.starts, self.ran) = (run, starts, ran.map(|ran| ran != 0));
        self.last = stamp.map(|stamp| Since { stamp: Stamp(stamp), at: None, state });
        if let Some(grid) = &mut self.grid {
            grid.restore(reader);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, Duty, DutyStage, StatesStage};
    use crate::saved::{Reader, Record, Writer};
    use forehearth_model::{Quality, Stamp, TagId};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000;

    fn stage() -> DutyStage {
        let states = StatesStage {
            every: Duration::from_secs(60),
            states: vec![(0, TagId(3)), (1, TagId(4)), (2, TagId(5))],
            unknown: TagId(6),
        };
        DutyStage {
            running: vec![1, 2],
            gap: Duration::from_secs(10),
            hours: TagId(1),
            starts: TagId(2),
            states: Some(states),
        }
    }

    fn moment(second: u64) -> (Stamp, u64) {
        (Stamp((second * SECOND) as i64), second * SECOND)
    }

    #[test]
    fn hours_and_starts_are_counted_and_a_gap_is_time_in_no_state() {
        let (mut duty, mut over) = (Duty::new(&stage()), Vec::new());
        for second in 0..60 {
            let state = if second < 20 { 0 } else { 1 };
            assert_eq!(duty.take(Some(state), moment(second), &mut over), Course::Whole);
        }
        assert_eq!(duty.take(Some(2), moment(60), &mut over), Course::Whole);
        assert_eq!(
            (over[0].sums.to_vec(), over[0].quality),
            (vec![20.0, 40.0, 0.0, 0.0], Quality::Good)
        );
        assert_eq!((duty.hours(), duty.starts()), (40.0 / 3600.0, 1));
        assert_eq!(duty.take(None, moment(61), &mut over), Course::Whole);
        assert_eq!(duty.take(Some(0), moment(70), &mut over), Course::Gap);
        assert_eq!(duty.take(Some(1), moment(80), &mut over), Course::Whole);
        assert_eq!(duty.take(Some(1), moment(120), &mut over), Course::Gap);
        assert_eq!(over[1].sums.to_vec(), [10.0, 0.0, 1.0, 49.0]);
        assert_eq!(over[1].quality, Quality::UncertainLastUsable);
        assert_eq!((duty.hours(), duty.starts()), (41.0 / 3600.0, 2));
    }

    proptest! {
        /// Every second is in one state or unknown, and a restart changes nothing.
        #[test]
        fn the_seconds_of_an_interval_are_all_told(
            samples in prop::collection::vec((1u64..15, prop::option::weighted(0.9, 0i64..4)), 2..80),
            cut in 0usize..80,
        ) {
            let (mut whole, mut cut_one) = (Duty::new(&stage()), Duty::new(&stage()));
            let (mut told, mut told_too, mut now) = (Vec::new(), Vec::new(), 0);
            for (place, (step, state)) in samples.into_iter().enumerate() {
                if place == cut {
                    let mut writer = Writer::default();
                    writer.record(Record::Duty, |writer| cut_one.save(writer));
                    cut_one = Duty::new(&stage());
                    let bytes = writer.finish();
                    cut_one.restore(&mut Reader::find(&bytes, Record::Duty).unwrap()).unwrap();
                }
                now += step;
                let course = whole.take(state, moment(now), &mut told);
                prop_assert_eq!(cut_one.take(state, moment(now), &mut told_too), course);
                prop_assert_eq!(cut_one.hours().to_bits(), whole.hours().to_bits());
                prop_assert_eq!(cut_one.starts(), whole.starts());
            }
            prop_assert_eq!(&told, &told_too);
            // All but the first are whole.
            for cell in told.iter().skip(1) {
                prop_assert!((cell.sums.iter().sum::<f64>() - 60.0).abs() < 1e-9);
            }
        }
    }
}
