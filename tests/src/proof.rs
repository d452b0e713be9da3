//! The proof: what the devices handed out against what the consumer got.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use crate::arrival::Arrival;
use crate::device::Read;
use crate::gateway::device_name;

/// `commit_within`, the default: what is younger at a kill may be lost.
const COMMIT_WITHIN_MICROS: i64 = 500_000;

/// From the moment a device answers to the moment its reading is acquired and
/// stamped, on a busy machine with two cores.
const ANSWER_MICROS: i64 = 100_000;

/// A time in which a read may be lost.
pub type Excuse = RangeInclusive<i64>;

/// What kill -9 at this moment excuses: what was younger than `commit_within`.
#[must_use]
pub const fn kill_at(micros: i64) -> Excuse {
    micros - COMMIT_WITHIN_MICROS - ANSWER_MICROS..=micros + ANSWER_MICROS
}

/// What a power cut at this moment excuses: every reading is flushed within
/// twice `commit_within`, and most within once.
#[must_use]
pub const fn power_cut_at(micros: i64) -> Excuse {
    micros - 2 * COMMIT_WITHIN_MICROS - ANSWER_MICROS..=micros + ANSWER_MICROS
}

/// What a clean stop excuses: a poll that it broke off, which a device has
/// answered and nobody has acquired.
#[must_use]
pub const fn stop_between(asked_micros: i64, ended_micros: i64) -> Excuse {
    asked_micros - ANSWER_MICROS..=ended_micros
}

/// Reads whose count never arrived, bar the excused ones.
#[must_use]
pub fn lost(reads: &[Read], arrivals: &[Arrival], excuses: &[Excuse]) -> Vec<Read> {
    let arrived: BTreeSet<_> = counts(arrivals).collect();
    let missing = |read: &&Read| {
        let excused = excuses.iter().any(|excuse| excuse.contains(&read.micros));
        !excused && !arrived.contains(&(device_name(read.device).as_str(), read.count))
    };
    reads.iter().filter(missing).copied().collect()
}

/// Counts that arrived under more than one batch id: repeats that a consumer
/// can't tell from new readings.
#[must_use]
pub fn unmarked_repeats(arrivals: &[Arrival]) -> Vec<String> {
    let mut batches: HashMap<_, BTreeSet<_>> = HashMap::new();
    for arrival in arrivals {
        if let Some(count) = arrival.count() {
            batches.entry((&arrival.device, count)).or_default().insert(&arrival.batch);
        }
    }
    let repeated = batches.into_iter().filter(|(_, batches)| batches.len() > 1);
    repeated.map(|((device, count), batches)| format!("{device} {count}: {batches:?}")).collect()
}

/// Where the order of a tag is broken. Readings may travel in two streams, live
/// and backlog, and each must be in order: the first arrivals of a count
/// decompose into two rising sequences, greedily (a new count goes to the
/// stream whose last count is the nearest below it).
#[must_use]
pub fn out_of_order(arrivals: &[Arrival]) -> Vec<String> {
    let mut streams: HashMap<&str, [u64; 2]> = HashMap::new();
    let mut seen = BTreeSet::new();
    let mut broken = Vec::new();
    for (device, count) in counts(arrivals) {
        if !seen.insert((device, count)) {
            continue;
        }
        let streams = streams.entry(device).or_default();
        match streams.iter_mut().filter(|last| **last < count).max() {
            Some(last) => *last = count,
            None => broken.push(format!("{device}: {count} came after {streams:?}")),
        }
    }
    broken
}

/// Device and count of every arrival of a good counter.
fn counts(arrivals: &[Arrival]) -> impl Iterator<Item = (&str, u64)> {
    let counters = arrivals.iter().filter(|arrival| arrival.tag == "count");
    counters.filter_map(|arrival| Some((arrival.device.as_str(), arrival.count()?)))
}

#[cfg(test)]
mod tests {
    use super::{kill_at, lost, out_of_order, unmarked_repeats};
    use crate::arrival::Arrival;
    use crate::device::Read;

    fn arrival(count: u64, batch: &str) -> Arrival {
        Arrival {
            device: "device-0".to_owned(),
            tag: "count".to_owned(),
            value: count.into(),
            micros: 0,
            good: true,
            batch: batch.to_owned(),
            historical: false,
        }
    }

    const fn read(count: u64, micros: i64) -> Read {
        Read { device: 0, count, micros }
    }

    #[test]
    fn a_count_that_never_came_is_lost_unless_it_was_read_just_before_a_kill() {
        let reads = [read(1, 1_000_000), read(2, 2_000_000), read(3, 3_000_000)];
        let arrivals = [arrival(1, "1/1")];
        assert_eq!(lost(&reads, &arrivals, &[]), [reads[1], reads[2]]);
        assert_eq!(lost(&reads, &arrivals, &[kill_at(3_200_000)]), [reads[1]]);
        assert_eq!(lost(&reads, &arrivals, &[kill_at(3_700_000)]), [reads[1], reads[2]]);
    }

    #[test]
    fn only_a_repeat_under_another_id_is_unmarked() {
        assert!(unmarked_repeats(&[arrival(1, "1/1"), arrival(1, "1/1")]).is_empty());
        assert_eq!(unmarked_repeats(&[arrival(1, "1/1"), arrival(1, "1/2")]).len(), 1);
    }

    #[test]
    fn live_may_overtake_backlog_and_nothing_else_may() {
        let order = |counts: &[u64]| {
            out_of_order(&counts.iter().map(|count| arrival(*count, "1/1")).collect::<Vec<_>>())
        };
        assert!(order(&[1, 2, 9, 3, 10, 4, 5, 11, 6]).is_empty());
        assert_eq!(order(&[1, 9, 5, 3]).len(), 1);
    }
}
