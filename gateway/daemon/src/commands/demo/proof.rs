//! The proof: from what arrives at the broker it tells which readings never came.
//!
//! Each simulated device holds a counter that grows by one each time it is
//! read. A counter value that never arrives is a reading lost; a counter value
//! that arrives under two batch ids is an unmarked repeat. Values read while
//! the gateway or the device was being killed are outside the promise and are
//! told apart.

use std::collections::{BTreeMap, HashMap};

use forehearth_model::{BatchId, Stamp};

/// How long before a kill a reading may be lost, and how long after it a
/// restarted gateway or device may still answer for the moment of the kill.
/// `commit_within` (500 ms) plus a scan period (500 ms).
const EXCUSED_MICROS: i64 = 1_000_000;

/// One counter value with its origin.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    stamp: Stamp,
    batch: BatchId,
}

/// All counters heard so far.
#[derive(Default, Debug)]
pub struct Proof {
    counters: HashMap<String, BTreeMap<u64, Arrival>>,
    kills: Vec<Stamp>,
    heard: u64,
    repeated: u64,
}

/// What is missing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Missing {
    /// Readings lost although the promise holds them.
    pub lost: u64,
    /// Readings taken in the moment of a kill, before they were due on disk.
    pub excused: u64,
}

impl Proof {
    /// A counter value arrived.
    pub fn hear(&mut self, device: &str, count: u64, stamp: Stamp, batch: BatchId) {
        let counter = self.counters.entry(device.to_owned()).or_default();
        match counter.get(&count) {
            None => {
                self.heard += 1;
                counter.insert(count, Arrival { stamp, batch });
            }
            Some(known) if known.batch == batch => {} // a marked repeat: same id, same bytes
            Some(_) => self.repeated += 1,
        }
    }

    /// The gateway or a device is killed now.
    pub fn killed(&mut self, at: Stamp) {
        self.kills.push(at);
    }

    /// Counter values heard.
    pub const fn heard(&self) -> u64 {
        self.heard
    }

    /// Counter values that came under two batch ids.
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Holes between the first and the last value heard of each counter.
    pub fn missing(&self) -> Missing {
        let mut missing = Missing::default();
        for counter in self.counters.values() {
            let values: Vec<_> = counter.iter().collect();
            for pair in values.windows(2) {
                let [(before, from), (after, to)] = pair else { continue };
                let hole = **after - **before - 1;
                if hole == 0 {
                    continue;
                }
                if self.excuses(from.stamp, to.stamp) {
                    missing.excused += hole;
                } else {
                    missing.lost += hole;
                }
            }
        }
        missing
    }

    /// Whether a kill lies so close to a hole that readings in it were not
    /// promised: the last value before the hole is from the second before the
    /// kill, and the kill is before the first value after it.
    fn excuses(&self, from: Stamp, to: Stamp) -> bool {
        self.kills
            .iter()
            .any(|kill| from.0 >= kill.0 - EXCUSED_MICROS && kill.0 <= to.0 + EXCUSED_MICROS)
    }
}

#[cfg(test)]
mod tests {
    use super::{Missing, Proof};
    use forehearth_model::{BatchId, Epoch, Stamp};

    const fn batch(number: u64) -> BatchId {
        BatchId::new(Epoch(1), number)
    }

    fn seconds(s: i64) -> Stamp {
        Stamp(s * 1_000_000)
    }

    #[test]
    fn a_hole_is_a_loss() {
        let mut proof = Proof::default();
        proof.hear("cell-1", 1, seconds(1), batch(1));
        proof.hear("cell-1", 4, seconds(4), batch(2));
        assert_eq!(proof.missing(), Missing { lost: 2, excused: 0 });
        proof.hear("cell-1", 3, seconds(3), batch(3));
        proof.hear("cell-1", 2, seconds(2), batch(3));
        assert_eq!(proof.missing(), Missing::default());
    }

    #[test]
    fn the_moment_of_a_kill_is_told_apart_and_nothing_else() {
        let mut proof = Proof::default();
        proof.hear("cell-1", 10, seconds(10), batch(1));
        proof.hear("cell-1", 12, seconds(13), batch(2));
        proof.hear("cell-2", 5, seconds(2), batch(1));
        proof.hear("cell-2", 7, seconds(4), batch(1));
        proof.killed(seconds(11));
        assert_eq!(proof.missing(), Missing { lost: 1, excused: 1 });
    }

    #[test]
    fn a_repeat_under_its_own_batch_id_is_no_repeat() {
        let mut proof = Proof::default();
        proof.hear("cell-1", 1, seconds(1), batch(1));
        proof.hear("cell-1", 1, seconds(1), batch(1));
        assert_eq!((proof.heard(), proof.repeated()), (1, 0));
        proof.hear("cell-1", 1, seconds(1), batch(9));
        assert_eq!(proof.repeated(), 1);
    }
}
