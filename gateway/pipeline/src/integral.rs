//! An integral: from a flow to a volume, from a power to an energy, without inventing what flowed during a gap.
//!
//! Between two samples the straight line is integrated. Over a gap (longer
//! than the map allows, or a Bad sample) nothing is: the total goes on from
//! where it was and is Uncertain once, since what flowed meanwhile is missing.

use std::time::Duration;

use forehearth_model::{Stamp, TagId};

use crate::grid::{Cell, Grid, Known};
use crate::saved::{Reader, Writer};

/// What the map asks for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct IntegralStage {
    /// The time in the unit of the source: an hour for m3/h and kW.
    pub per: Duration,
    /// Longest time between two samples that is integrated.
    pub gap: Duration,
    /// The tag that tells the total.
    pub total: TagId,
    /// Intervals of wall time, and the tag that tells each one's amount.
    pub interval: Option<(Duration, TagId)>,
}

/// A sample that is one end of a stretch.
#[derive(Clone, Copy, PartialEq, Debug)]
struct End {
    stamp: Stamp,
    /// Microseconds since the pipeline was made; `None` after a restart.
    at: Option<u64>,
    number: f64,
}

/// How a total came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    /// Without a gap since the last sample.
    Whole,
    /// What flowed just before is missing.
    Gap,
}

/// The integral of one tag.
#[derive(Clone, Debug)]
pub(crate) struct Integral {
    /// Seconds.
    per: f64,
    /// Microseconds.
    gap: u64,
    last: Option<End>,
    /// Stands for samples that could not be used since the last one.
    broken: bool,
    total: f64,
    grid: Option<Grid>,
}

impl Integral {
    pub(crate) fn new(stage: &IntegralStage) -> Self {
        Self {
            per: stage.per.as_secs_f64().max(1e-9),
            gap: u64::try_from(stage.gap.as_micros()).unwrap_or(u64::MAX),
            last: None,
            broken: false,
            total: 0.0,
            grid: stage.interval.map(|(every, _)| Grid::new(every, 1)),
        }
    }

    /// A sample that can't be used.
    pub(crate) const fn miss(&mut self) {
        self.broken = true;
    }

    /// Takes a usable sample, in engineering units; gives the total. Intervals
    /// that are over are added to `over`.
    pub(crate) fn take(
        &mut self,
        number: f64,
        (stamp, at): (Stamp, u64),
        over: &mut Vec<Cell>,
    ) -> (f64, Flow) {
        let broken = std::mem::replace(&mut self.broken, false);
        let Some(last) = self.last.replace(End { stamp, at: Some(at), number }) else {
            return (self.total, Flow::Whole);
        };
        let lasted = match last.at {
            Some(then) => at.saturating_sub(then),
            None => u64::try_from(stamp.micros() - last.stamp.micros()).unwrap_or(u64::MAX),
        };
        let is_gap = broken || lasted > self.gap;
        let amount = if is_gap { 0.0 } else { self.between(last.number, number, lasted) };
        self.total += amount;
        if let Some(grid) = &mut self.grid {
            let known = if is_gap { Known::Unknown(None) } else { Known::Measured(0, amount) };
            grid.add(last.stamp, stamp, known, over);
        }
        (self.total, if is_gap { Flow::Gap } else { Flow::Whole })
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    fn between(&self, from: f64, to: f64, micros: u64) -> f64 {
        (from + to) / 2.0 * (micros as f64 / 1e6) / self.per
    }

    /// Stamps from now on are of another clock.
    pub(crate) fn forget_stamps(&mut self) {
        if let Some(grid) = &mut self.grid {
            grid.forget();
        }
    }

    pub(crate) fn save(&self, writer: &mut Writer) {
        writer.f64(self.total);
        writer.flag(self.broken);
        writer.maybe(self.last.map(|last| last.stamp.micros()));
        writer.f64(self.last.map_or(0.0, |last| last.number));
        if let Some(grid) = &self.grid {
            grid.save(writer);
        }
    }

    pub(crate) fn restore(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (total, broken, stamp, number) =
            (reader.f64()?, reader.flag()?, reader.maybe()?, reader.f64()?);
        (self.total, self.broken) = (total, broken);
        self.last = stamp.map(|stamp| End { stamp: Stamp(stamp), at: None, number });
        if let Some(grid) = &mut self.grid {
            grid.restore(reader);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Flow, Integral, IntegralStage};
    use crate::grid::Cell;
    use crate::saved::{Reader, Record, Writer};
    use forehearth_model::{Quality, Stamp, TagId};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000;

    fn stage() -> IntegralStage {
        IntegralStage {
            per: Duration::from_secs(3600),
            gap: Duration::from_secs(10),
            total: TagId(1),
            interval: Some((Duration::from_secs(60), TagId(2))),
        }
    }

    fn take(
        integral: &mut Integral,
        second: u64,
        number: f64,
        over: &mut Vec<Cell>,
    ) -> (f64, Flow) {
        integral.take(number, (Stamp((second * SECOND) as i64), second * SECOND), over)
    }

    #[test]
    fn a_steady_flow_gives_its_volume_and_a_gap_gives_nothing() {
        let (mut integral, mut over) = (Integral::new(&stage()), Vec::new());
        for second in 0..=60 {
            take(&mut integral, second, 36.0, &mut over);
        }
        // 36 m3/h for a minute.
        let (total, flow) = take(&mut integral, 61, 36.0, &mut over);
        assert!((total - 0.61).abs() < 1e-9 && flow == Flow::Whole);
        assert!((over[0].sums[0] - 0.6).abs() < 1e-9 && over[0].quality == Quality::Good);
        let (after, flow) = take(&mut integral, 100, 36.0, &mut over);
        assert_eq!((after, flow), (total, Flow::Gap));
        integral.miss();
        assert_eq!(take(&mut integral, 101, 36.0, &mut over).1, Flow::Gap);
        take(&mut integral, 121, 36.0, &mut over);
        assert_eq!(over[1].quality, Quality::UncertainLastUsable);
    }

    proptest! {
        /// However the samples lie: the integral of a straight line is exact.
        #[test]
        fn a_ramp_is_integrated_exactly(steps in prop::collection::vec(1u64..10, 2..60)) {
            let (mut integral, mut over, mut now) = (Integral::new(&stage()), Vec::new(), 0);
            let mut total = 0.0;
            take(&mut integral, 0, 0.0, &mut over);
            for step in steps {
                now += step;
                total = take(&mut integral, now, now as f64, &mut over).0;
            }
            let exact = (now * now) as f64 / 2.0 / 3600.0;
            prop_assert!((total - exact).abs() < 1e-9 * (1.0 + exact), "{} {}", total, exact);
        }

        /// Saved and restored anywhere, it goes on as if nothing had been.
        #[test]
        fn a_restart_changes_nothing(
            samples in prop::collection::vec((1u64..14, prop::option::weighted(0.9, -9.0..9.0f64)), 2..60),
            cut in 0usize..60,
        ) {
            let (mut whole, mut cut_one) = (Integral::new(&stage()), Integral::new(&stage()));
            let (mut told, mut told_too, mut now) = (Vec::new(), Vec::new(), 0);
            for (place, (step, number)) in samples.into_iter().enumerate() {
                if place == cut {
                    let mut writer = Writer::default();
                    writer.record(Record::Integral, |writer| cut_one.save(writer));
                    cut_one = Integral::new(&stage());
                    let bytes = writer.finish();
                    cut_one.restore(&mut Reader::find(&bytes, Record::Integral).unwrap()).unwrap();
                }
                now += step;
                let Some(number) = number else { whole.miss(); cut_one.miss(); continue };
                let result = take(&mut whole, now, number, &mut told);
                prop_assert_eq!(take(&mut cut_one, now, number, &mut told_too), result);
            }
            prop_assert_eq!(told, told_too);
        }
    }
}
