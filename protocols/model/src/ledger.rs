//! The books: every reading is somewhere, and the sums say so.

use alloc::string::String;
use alloc::vec::Vec;

/// Counts since the daemon started, in readings (samples before the pipeline).
///
/// Two equations hold whenever the rooms are at rest:
/// `acquired = suppressed + batched + pending`, and per destination
/// `recovered + batched = delivered + waiting + shed + expired + filtered`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// Samples that drivers handed over, failed ones included.
    pub acquired: u64,
    /// Not sent on purpose: unchanged, within the deadband, filtered.
    pub suppressed: u64,
    /// In an open batch that has no number yet.
    pub pending: u64,
    /// Sealed into numbered batches.
    pub batched: u64,
    /// One per destination.
    pub destinations: Vec<DestinationLedger>,
}

/// One destination's side of the books, in readings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DestinationLedger {
    /// The broker's name.
    pub name: String,
    /// Found waiting in the buffer at start.
    pub recovered: u64,
    /// Confirmed by the destination.
    pub delivered: u64,
    /// Still to be confirmed, in memory or on disk.
    pub waiting: u64,
    /// Dropped for want of room, damaged or refused; each in a gap record.
    pub shed: u64,
    /// Dropped for age; each in a gap record.
    pub expired: u64,
    /// Not meant for this destination (`grades`, `devices`).
    pub filtered: u64,
}

impl Ledger {
    /// By how many readings the books are off, over both equations; 0 when
    /// they balance.
    #[must_use]
    pub fn imbalance(&self) -> u64 {
        let front = self.acquired.abs_diff(self.suppressed + self.batched + self.pending);
        self.destinations.iter().map(|d| d.imbalance(self.batched)).sum::<u64>() + front
    }
}

impl DestinationLedger {
    /// By how many readings this destination's side is off, given all
    /// readings batched since start.
    #[must_use]
    pub const fn imbalance(&self, batched: u64) -> u64 {
        (self.recovered + batched)
            .abs_diff(self.delivered + self.waiting + self.shed + self.expired + self.filtered)
    }

    /// Readings lost for this destination, all of them declared.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.shed + self.expired
    }
}

#[cfg(test)]
mod tests {
    use super::{DestinationLedger, Ledger};
    use alloc::vec;

    #[test]
    fn a_reading_that_goes_missing_unbalances_the_books() {
        let plant = DestinationLedger { delivered: 5, waiting: 2, ..Default::default() };
        let mut ledger = Ledger {
            acquired: 10,
            suppressed: 3,
            batched: 7,
            destinations: vec![plant],
            ..Default::default()
        };
        assert_eq!(ledger.imbalance(), 0);
        ledger.destinations[0].waiting = 1;
        assert_eq!(ledger.imbalance(), 1);
    }
}
