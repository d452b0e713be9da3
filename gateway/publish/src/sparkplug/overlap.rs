//! The overlap: what the broker confirmed shortly before the primary host went away, sent again when it is back.
//!
//! A fence proves that the broker has read a batch, not that the host has. A
//! host that dies is noticed by its broker only after its keep-alive; what was
//! delivered meanwhile reached nobody. So the last 90 seconds of confirmed
//! batches are kept in memory and repeated, exactly as they were, under their
//! own `uuid`. The books know nothing of it: they were delivered once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_model::{BatchId, Lane};

use crate::outbox::Parcel;

/// How far back. MQTT 3.1.1 (3.1.2.10) lets a broker wait one and a half times
/// the keep-alive; this covers the usual keep-alive of 60 s.
const OVERLAP: Duration = Duration::from_secs(90);

/// Most bytes kept; the oldest go first. Chosen: 90 s of 50,000 tags a second
/// at 1.5 bytes each are 6.8 MB.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// A batch as it is kept: the stored bytes, which the buffer shares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    id: BatchId,
    lane: Lane,
    readings: u32,
    bytes: Bytes,
}

impl Kept {
    pub(crate) fn new(parcel: &Parcel) -> Self {
        let Parcel { id, lane, readings, ref bytes, .. } = *parcel;
        Self { id, lane, readings, bytes: bytes.clone() }
    }

    pub(crate) const fn id(&self) -> BatchId {
        self.id
    }

    pub(crate) fn parcel(&self) -> Parcel {
        let Self { id, lane, readings, ref bytes } = *self;
        Parcel { id, lane, readings, bytes: bytes.clone(), batch: None }
    }
}

/// What was confirmed lately, and what of it is to be repeated. Outlives
/// connections, not the process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Overlap {
    /// With the time of confirmation, oldest first.
    confirmed: VecDeque<(Instant, Kept)>,
    bytes: usize,
    /// Oldest first.
    repeats: VecDeque<Kept>,
}

impl Overlap {
    /// The broker has it.
    pub(crate) fn confirm(&mut self, kept: Kept, now: Instant) {
        self.bytes += kept.bytes.len();
        self.confirmed.push_back((now, kept));
        self.forget(now);
    }

    /// The host went away: what was confirmed lately may not have reached it.
    pub(crate) fn host_is_gone(&mut self, now: Instant) {
        self.forget(now);
        self.repeat_all();
    }

    /// The host was found gone, and nobody knows since when: perhaps since
    /// the last confirmation.
    pub(crate) fn host_was_gone(&mut self) {
        self.repeat_all();
    }

    /// The next batch to repeat.
    pub(crate) fn next(&mut self) -> Option<Kept> {
        self.repeats.pop_front()
    }

    /// Whether there is more to repeat.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.repeats.is_empty()
    }

    /// The connection died before these repeats, oldest first, were confirmed.
    pub(crate) fn give_back(&mut self, repeats: Vec<Kept>) {
        for kept in repeats.into_iter().rev() {
            self.repeats.push_front(kept);
        }
    }

    fn repeat_all(&mut self) {
        self.bytes = 0;
        self.repeats.extend(self.confirmed.drain(..).map(|(_, kept)| kept));
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, kept)) = self.confirmed.front() {
            let old = now.saturating_duration_since(*at) > OVERLAP;
            if !old && self.bytes <= MOST_BYTES {
                break;
            }
            self.bytes -= kept.bytes.len();
            self.confirmed.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, MOST_BYTES, Overlap};
    use bytes::Bytes;
    use forehearth_model::{BatchId, Epoch, Lane};
    use std::time::{Duration, Instant};

    fn kept(number: u64, bytes: usize) -> Kept {
        let bytes = Bytes::from(vec![0; bytes]);
        Kept { id: BatchId::new(Epoch(1), number), lane: Lane::Live, readings: 1, bytes }
    }

    fn repeats(overlap: &mut Overlap) -> Vec<u64> {
        std::iter::from_fn(|| overlap.next()).map(|kept| kept.id.number).collect()
    }

    #[test]
    fn ninety_seconds_are_repeated_oldest_first_and_once() {
        let (mut overlap, start) = (Overlap::default(), Instant::now());
        for number in 0..200 {
            overlap.confirm(kept(number, 10), start + Duration::from_secs(number));
        }
        overlap.host_is_gone(start + Duration::from_secs(210));
        assert_eq!(repeats(&mut overlap), (120..200).collect::<Vec<_>>());
        overlap.host_is_gone(start + Duration::from_secs(211));
        assert!(!overlap.is_waiting());
    }

    #[test]
    fn without_a_time_everything_up_to_90_s_before_the_last_confirmation_counts() {
        let (mut overlap, start) = (Overlap::default(), Instant::now());
        overlap.confirm(kept(1, 10), start);
        overlap.confirm(kept(2, 10), start + Duration::from_secs(60));
        overlap.host_was_gone();
        assert_eq!(repeats(&mut overlap), [1, 2]);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let (mut overlap, start) = (Overlap::default(), Instant::now());
        for number in 0..20 {
            overlap.confirm(kept(number, MOST_BYTES / 10), start);
        }
        overlap.host_was_gone();
        assert_eq!(repeats(&mut overlap), (10..20).collect::<Vec<_>>());
    }

    #[test]
    fn repeats_of_a_dead_connection_are_repeated_in_order() {
        let (mut overlap, start) = (Overlap::default(), Instant::now());
        (1..=4).for_each(|number| overlap.confirm(kept(number, 10), start));
        overlap.host_was_gone();
        let out: Vec<_> = (0..2).filter_map(|_| overlap.next()).collect();
        overlap.give_back(out);
        assert_eq!(repeats(&mut overlap), [1, 2, 3, 4]);
    }
}
