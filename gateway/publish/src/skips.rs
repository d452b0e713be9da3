//! Skips: batches that hold nothing for a filtered destination, until it was told their numbers.
//!
//! A consumer proves completeness by numbers without holes. Where the filter
//! left nothing of a batch, the next batch that goes out names its number.

use forehearth_model::BatchId;
use forehearth_telemetry::native::Skipped;

/// Most ranges told in one batch, 12 KiB of header. Chosen: with batches
/// that alternate between shown and hidden there is one range per batch.
const RANGES_PER_BATCH: usize = 1024;

/// Ranges that one batch in flight tells.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Announced(Vec<Skipped>);

impl Announced {
    pub(crate) fn ranges(&self) -> &[Skipped] {
        &self.0
    }
}

/// Numbers still to be told; outlives connections, not the process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Skips {
    waiting: Vec<Skipped>,
}

impl Skips {
    /// Nothing of this batch may be seen.
    pub(crate) fn skip(&mut self, id: BatchId) {
        match self.waiting.last_mut() {
            Some(last)
                if last.epoch == id.epoch
                    && last.first.checked_add(last.count) == Some(id.number) =>
            {
                last.count += 1;
            }
            _ => self.waiting.push(Skipped { epoch: id.epoch, first: id.number, count: 1 }),
        }
    }

    /// For the next batch.
    pub(crate) fn announce(&mut self) -> Announced {
        let told = self.waiting.len().min(RANGES_PER_BATCH);
        Announced(self.waiting.drain(..told).collect())
    }

    /// The batch that told them did not arrive: they are told again.
    pub(crate) fn lose(&mut self, announced: Announced) {
        self.waiting.splice(0..0, announced.0);
    }
}

#[cfg(test)]
mod tests {
    use super::Skips;
    use forehearth_model::{BatchId, Epoch};

    #[test]
    fn numbers_that_were_told_in_a_lost_batch_are_told_again() {
        let mut skips = Skips::default();
        for number in [1, 2, 3, 7] {
            skips.skip(BatchId::new(Epoch(4), number));
        }
        let told = skips.announce();
        let ranges: Vec<_> = told.ranges().iter().map(|r| (r.first, r.count)).collect();
        assert_eq!(ranges, [(1, 3), (7, 1)]);
        assert!(skips.announce().ranges().is_empty(), "told once is enough while it is out");
        skips.lose(told.clone());
        assert_eq!(skips.announce(), told);
    }
}
