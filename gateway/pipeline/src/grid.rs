//! A grid: amounts by interval of wall time (energy per quarter of an hour, seconds in a state per shift), across outages.
//!
//! What came to be between two samples is spread evenly over the time between
//! them, so an outage that spans several intervals gives each its share, and
//! each says that it is estimated. Intervals lie on the grid of UTC.

use std::time::Duration;

use forehearth_model::{Quality, Stamp};

use crate::saved::{Reader, Writer};

/// Most intervals that one outage fills. Chosen: ten days of quarters of an
/// hour; after a longer one the intervals in between are not told.
const MOST_CELLS: i64 = 1000;

/// How much of an interval may be missing without doubt. Chosen: the first
/// sample of an interval rarely comes on its first microsecond.
const MISSING: f64 = 1e-3;

/// An interval that is over.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Cell {
    /// Its end, which belongs to the next one.
    pub(crate) end: Stamp,
    /// Per channel.
    pub(crate) sums: Box<[f64]>,
    /// Good when it is known from end to end; Uncertain when a part of it is
    /// missing or estimated; Bad when nothing of it is known.
    pub(crate) quality: Quality,
}

/// How far the amount of a stretch of time is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Known {
    /// So much went to this channel.
    Measured(usize, f64),
    /// The amount is known, how it is spread over the time is not.
    Estimated(usize, f64),
    /// Not known; a channel may count the time in which it was not.
    Unknown(Option<(usize, f64)>),
}

/// The open interval.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Grid {
    /// Microseconds.
    every: i64,
    /// Which interval is open, counted from 1970.
    open: Option<i64>,
    sums: Box<[f64]>,
    /// Microseconds of the open interval of which the amount is known.
    covered: i64,
    estimated: bool,
}

impl Grid {
    pub(crate) fn new(every: Duration, channels: usize) -> Self {
        let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
        let sums = vec![0.0; channels].into();
        Self { every, open: None, sums, covered: 0, estimated: false }
    }

    /// Adds a stretch of time that follows the last one; intervals that end
    /// in it are added to `over`. Time that goes back starts anew.
    pub(crate) fn add(&mut self, from: Stamp, to: Stamp, known: Known, over: &mut Vec<Cell>) {
        let (start, end) = (from.micros(), to.micros());
        if end <= start {
            return;
        }
        let (first, last) = (start.div_euclid(self.every), end.div_euclid(self.every));
        if self.open != Some(first) {
            self.begin(first);
        }
        if last - first > MOST_CELLS {
            self.begin(last);
            return;
        }
        let mut at = start;
        for cell in first..=last {
            let ends = (cell + 1).saturating_mul(self.every);
            let until = ends.min(end);
            self.fill(until - at, end - start, known);
            at = until;
            if until == ends {
                over.push(self.close(ends));
                self.begin(cell + 1);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    fn fill(&mut self, part: i64, whole: i64, known: Known) {
        let share = part as f64 / whole as f64;
        let (channel, amount) = match known {
            Known::Measured(channel, amount) | Known::Estimated(channel, amount) => {
                self.covered += part;
                (channel, amount)
            }
            Known::Unknown(Some(counted)) => counted,
            Known::Unknown(None) => return,
        };
        self.estimated |= matches!(known, Known::Estimated(..)) && part > 0;
        if let Some(sum) = self.sums.get_mut(channel) {
            *sum += amount * share;
        }
    }

    fn begin(&mut self, cell: i64) {
        self.open = Some(cell);
        self.sums.fill(0.0);
        self.covered = 0;
        self.estimated = false;
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    fn close(&self, ends: i64) -> Cell {
        let missing = 1.0 - self.covered as f64 / self.every as f64;
        let quality = if self.covered == 0 {
            Quality::BadDataLost
        } else if self.estimated || missing > MISSING {
            Quality::UncertainLastUsable
        } else {
            Quality::Good
        };
        Cell { end: Stamp(ends), sums: self.sums.clone(), quality }
    }

    /// Starts anew: stamps are of another clock.
    pub(crate) fn forget(&mut self) {
        self.open = None;
    }

    pub(crate) fn save(&self, writer: &mut Writer) {
        writer.i64(self.every);
        writer.maybe(self.open);
        writer.i64(self.covered);
        writer.flag(self.estimated);
        writer.u64(self.sums.len() as u64);
        self.sums.iter().for_each(|sum| writer.f64(*sum));
    }

    /// Takes what was saved, unless the map asks for another grid now.
    pub(crate) fn restore(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (every, open, covered, estimated, channels) =
            (reader.i64()?, reader.maybe()?, reader.i64()?, reader.flag()?, reader.u64()?);
        if every != self.every || channels != self.sums.len() as u64 {
            return None;
        }
        let sums = (0..channels).map(|_| reader.f64()).collect::<Option<Box<[f64]>>>()?;
        (self.open, self.covered, self.estimated, self.sums) = (open, covered, estimated, sums);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Grid, Known};
    use forehearth_model::{Quality, Stamp};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: i64 = 1_000_000;

    fn grid() -> Grid {
        Grid::new(Duration::from_secs(60), 1)
    }

    fn add(grid: &mut Grid, from: i64, to: i64, known: Known) -> Vec<Cell> {
        let mut over = Vec::new();
        grid.add(Stamp(from * SECOND), Stamp(to * SECOND), known, &mut over);
        over
    }

    #[test]
    fn an_outage_gives_each_interval_its_share_and_says_that_it_is_estimated() {
        let mut grid = grid();
        assert_eq!(add(&mut grid, 0, 30, Known::Measured(0, 3.0)), []);
        let over = add(&mut grid, 30, 210, Known::Estimated(0, 18.0));
        let told: Vec<_> =
            over.iter().map(|c| (c.end.micros() / SECOND, c.sums[0], c.quality)).collect();
        let doubt = Quality::UncertainLastUsable;
        assert_eq!(told, [(60, 6.0, doubt), (120, 6.0, doubt), (180, 6.0, doubt)]);
        let over = add(&mut grid, 210, 240, Known::Measured(0, 3.0));
        assert_eq!((over[0].sums[0], over[0].quality), (6.0, doubt));
        let over = add(&mut grid, 240, 300, Known::Measured(0, 1.0));
        assert_eq!((over[0].sums[0], over[0].quality), (1.0, Quality::Good));
    }

    #[test]
    fn an_interval_of_which_nothing_is_known_is_bad_and_one_with_a_hole_uncertain() {
        let mut grid = grid();
        add(&mut grid, 0, 50, Known::Measured(0, 5.0));
        let over = add(&mut grid, 50, 125, Known::Unknown(None));
        let qualities: Vec<_> = over.iter().map(|cell| cell.quality).collect();
        assert_eq!(qualities, [Quality::UncertainLastUsable, Quality::BadDataLost]);
    }

    #[test]
    fn years_of_absence_do_not_fill_the_memory() {
        assert_eq!(add(&mut grid(), 0, 1_000_000_000, Known::Estimated(0, 1.0)), []);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_intervals(
            stretches in prop::collection::vec((1i64..500, 0.0..9.0f64), 1..60),
        ) {
            let (mut grid, mut now, mut given, mut told) = (grid(), 0, 0.0, Vec::new());
            for (length, amount) in stretches {
                told.extend(add(&mut grid, now, now + length, Known::Measured(0, amount)));
                now += length;
                given += amount;
            }
            told.extend(add(&mut grid, now, now + 60, Known::Unknown(None)));
            let sum: f64 = told.iter().map(|cell| cell.sums[0]).sum();
            prop_assert!((sum - given).abs() < 1e-6);
            prop_assert!(told.windows(2).all(|p| p[1].end.micros() - p[0].end.micros() == 60 * SECOND));
        }
    }
}
