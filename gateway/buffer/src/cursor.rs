//! How far one destination has come: every batch it is finished with, in stretches, per run and lane.

use std::collections::BTreeMap;

use forehearth_model::{BatchId, Epoch, Lane};

use crate::intervals::Intervals;

/// Both lanes in the order of sending; positions match [`slot`].
pub(crate) const LANES: [Lane; 2] = [Lane::Alarm, Lane::Live];

/// The position of a lane in tables of two.
pub(crate) const fn slot(lane: Lane) -> usize {
    match lane {
        Lane::Alarm => 0,
        Lane::Live => 1,
    }
}

/// Batches a destination is finished with: confirmed, refused, shed, expired
/// or never meant for it. Grows only; written late, so that after a crash it
/// may lag (a repeat) but never lead (a hole).
///
/// A lane's numbers have holes where the other lane's batches are. A batch
/// therefore finishes everything since its predecessor in the lane, which
/// keeps the set at one stretch however the lanes are mixed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cursor {
    /// Everything before is no business of this destination.
    since: BatchId,
    /// What is finished from there on.
    done: BTreeMap<Epoch, [Intervals; 2]>,
}

impl Cursor {
    /// A destination that starts at `since` and owes nothing to the past.
    pub(crate) fn starting(since: BatchId) -> Self {
        Self { since, done: BTreeMap::new() }
    }

    /// Whether the destination is finished with this batch.
    pub(crate) fn is_done(&self, lane: Lane, id: BatchId) -> bool {
        id < self.since
            || self.done.get(&id.epoch).is_some_and(|lanes| lanes[slot(lane)].contains(id.number))
    }

    /// Marks `first..=last` of one lane and run as finished.
    pub(crate) fn finish(&mut self, epoch: Epoch, lane: Lane, first: u64, last: u64) {
        self.done.entry(epoch).or_default()[slot(lane)].insert(first, last);
    }

    /// The first place from `id` on, within its run, that may be unfinished.
    pub(crate) fn next_open(&self, lane: Lane, id: BatchId) -> BatchId {
        let id = id.max(self.since);
        match self.done.get(&id.epoch) {
            Some(lanes) => BatchId::new(id.epoch, lanes[slot(lane)].next_missing(id.number)),
            None => id,
        }
    }

    /// The unfinished stretches of `first..=last` in one lane and run.
    pub(crate) fn open(&self, epoch: Epoch, lane: Lane, first: u64, last: u64) -> Vec<(u64, u64)> {
        if epoch < self.since.epoch {
            return Vec::new();
        }
        let first = if epoch == self.since.epoch { first.max(self.since.number) } else { first };
        match self.done.get(&epoch) {
            _ if first > last => Vec::new(),
            Some(lanes) => lanes[slot(lane)].missing(first, last),
            None => vec![(first, last)],
        }
    }

    /// Takes over what another record of the same destination knows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.since = self.since.min(other.since);
        for (&epoch, lanes) in &other.done {
            for lane in LANES {
                for (first, last) in lanes[slot(lane)].iter() {
                    self.finish(epoch, lane, first, last);
                }
            }
        }
    }

    /// Forgets runs of which nothing is stored any more.
    pub(crate) fn forget_before(&mut self, epoch: Epoch) {
        if self.since < BatchId::new(epoch, 0) {
            self.since = BatchId::new(epoch, 0);
        }
        self.done = self.done.split_off(&epoch);
    }

    /// The highest run it knows of.
    pub(crate) fn highest(&self) -> Epoch {
        self.done.last_key_value().map_or(self.since.epoch, |(&last, _)| last.max(self.since.epoch))
    }

    /// The bytes kept in the control database, all little-endian: since
    /// (epoch u32, number u64), then per run its epoch (u32) and per lane the
    /// number of stretches (u32) and each stretch (first u64, last u64).
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        out.extend_from_slice(&self.since.epoch.0.to_le_bytes());
        out.extend_from_slice(&self.since.number.to_le_bytes());
        for (epoch, lanes) in &self.done {
            out.extend_from_slice(&epoch.0.to_le_bytes());
            for lane in lanes {
                out.extend_from_slice(&u32::try_from(lane.len()).unwrap_or(u32::MAX).to_le_bytes());
                for (first, last) in lane.iter() {
                    out.extend_from_slice(&first.to_le_bytes());
                    out.extend_from_slice(&last.to_le_bytes());
                }
            }
        }
        out
    }

    /// Reads [`Self::encode`]'s bytes; `None` when they are not such bytes.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let input = &mut bytes;
        let since = BatchId::new(Epoch(take_u32(input)?), take_u64(input)?);
        let mut cursor = Self::starting(since);
        while !input.is_empty() {
            let epoch = Epoch(take_u32(input)?);
            for lane in LANES {
                for _ in 0..take_u32(input)? {
                    let (first, last) = (take_u64(input)?, take_u64(input)?);
                    if first > last {
                        return None;
                    }
                    cursor.finish(epoch, lane, first, last);
                }
            }
        }
        Some(cursor)
    }
}

fn take_u32(input: &mut &[u8]) -> Option<u32> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(u32::from_le_bytes(*head))
}

fn take_u64(input: &mut &[u8]) -> Option<u64> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(u64::from_le_bytes(*head))
}

#[cfg(test)]
mod tests {
    use forehearth_model::{BatchId, Epoch, Lane};

    use super::Cursor;

    #[test]
    fn mixed_lanes_keep_a_cursor_at_one_stretch_per_lane() {
        let mut cursor = Cursor::starting(BatchId::new(Epoch(7), 1));
        // Live 1, 2, 4, 5; alarm 3: each finishes from its predecessor on.
        cursor.finish(Epoch(7), Lane::Live, 1, 1);
        cursor.finish(Epoch(7), Lane::Live, 2, 2);
        cursor.finish(Epoch(7), Lane::Alarm, 1, 3);
        cursor.finish(Epoch(7), Lane::Live, 3, 4);
        cursor.finish(Epoch(7), Lane::Live, 5, 5);
        assert_eq!(cursor.next_open(Lane::Live, BatchId::new(Epoch(7), 1)).number, 6);
        assert_eq!(cursor.next_open(Lane::Alarm, BatchId::new(Epoch(7), 1)).number, 4);
        // since 12 + epoch 4 + two lanes of one stretch (4 + 16)
        assert_eq!(cursor.encode().len(), 12 + 4 + 2 * 20);
    }

    #[test]
    fn a_cursor_survives_the_way_through_the_control_database() {
        let mut cursor = Cursor::starting(BatchId::new(Epoch(2), 9));
        cursor.finish(Epoch(3), Lane::Live, 1, 40);
        cursor.finish(Epoch(3), Lane::Live, 50, 60);
        cursor.finish(Epoch(4), Lane::Alarm, 2, 2);
        let bytes = cursor.encode();
        assert_eq!(Cursor::decode(&bytes), Some(cursor));
        assert_eq!(Cursor::decode(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn a_new_destination_owes_nothing_to_the_past() {
        let cursor = Cursor::starting(BatchId::new(Epoch(5), 1));
        assert!(cursor.is_done(Lane::Live, BatchId::new(Epoch(4), 77)));
        assert!(!cursor.is_done(Lane::Live, BatchId::new(Epoch(5), 1)));
        assert_eq!(cursor.open(Epoch(4), Lane::Live, 1, 9), vec![]);
    }
}
