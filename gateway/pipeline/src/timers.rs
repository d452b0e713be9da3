//! Timers: when a stage has something to do though no sample comes, and which stages to look at then.
//!
//! A door or window moves its time on with each sample, which is far too often
//! to keep all times sorted. Each block of neighbours has one time, at most
//! that of its soonest stage: it may be early, never late. When it comes, the
//! block is looked at and gets its true time. Neighbours are tags of one device,
//! which are read together and so become due together.

/// Stages that share a time. Chosen: looking at all of them takes less than a
/// microsecond, and at 50,000 stages the times of all blocks are 6 kB.
const BLOCK: usize = 64;

/// Never.
pub(crate) const NEVER: u64 = u64::MAX;

/// Times are in microseconds since the pipeline was made.
#[derive(Debug)]
pub(crate) struct Timers {
    blocks: Vec<u64>,
    /// At most the soonest of all.
    soonest: u64,
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self { blocks: Vec::new(), soonest: NEVER }
    }

    /// When to look next; [`NEVER`] when nothing waits.
    pub(crate) const fn soonest(&self) -> u64 {
        self.soonest
    }

    /// There are so many stages.
    pub(crate) fn make_room(&mut self, stages: usize) {
        self.blocks.resize(stages.div_ceil(BLOCK), NEVER);
    }

    /// The stage at `place` has something to do at `due`.
    pub(crate) fn note(&mut self, place: usize, due: u64) {
        if let Some(block) = self.blocks.get_mut(place / BLOCK)
            && due < *block
        {
            *block = due;
            self.note_other(due);
        }
    }

    /// Something that is in no block has something to do at `due`; it is
    /// looked at each time.
    pub(crate) const fn note_other(&mut self, due: u64) {
        if due < self.soonest {
            self.soonest = due;
        }
    }

    pub(crate) const fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The places to look at when `block` is due at `at`. They have no time
    /// until they [`note`](Self::note) one again.
    pub(crate) fn open(&mut self, block: usize, at: u64) -> Option<std::ops::Range<usize>> {
        let due = self.blocks.get_mut(block).filter(|due| **due <= at)?;
        *due = NEVER;
        Some(block * BLOCK..(block + 1) * BLOCK)
    }

    /// Everything that was due is done; not before `earliest` is the next look.
    pub(crate) fn settle(&mut self, others: u64, earliest: u64) {
        let next = self.blocks.iter().copied().min().unwrap_or(NEVER).min(others);
        self.soonest = if next == NEVER { next } else { next.max(earliest) };
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, NEVER, Timers};
    use proptest::prelude::*;

    #[test]
    fn only_blocks_that_are_due_are_looked_at() {
        let mut timers = Timers::new();
        timers.make_room(3 * BLOCK);
        timers.note(5, 100);
        timers.note(2 * BLOCK, 300);
        timers.note(5, 200); // later than known: the block is looked at early
        assert_eq!(timers.soonest(), 100);
        assert_eq!(timers.open(0, 99), None);
        assert_eq!(timers.open(0, 100), Some(0..BLOCK));
        assert_eq!((timers.open(1, 100), timers.open(2, 100)), (None, None));
        timers.note(5, 200);
        timers.settle(NEVER, 150);
        assert_eq!(timers.soonest(), 200);
        timers.settle(120, 150);
        assert_eq!(timers.soonest(), 150);
    }

    proptest! {
        /// Whatever is noted, no stage is looked at later than it asked for.
        #[test]
        fn no_stage_is_looked_at_too_late(
            asked in prop::collection::vec((0usize..200, 1u64..1000), 1..60),
        ) {
            let mut timers = Timers::new();
            timers.make_room(200);
            let mut due = [NEVER; 200];
            for (place, at) in asked {
                due[place] = due[place].min(at);
                timers.note(place, at);
            }
            for at in 0..=1000 {
                let waits = due.iter().any(|due| *due <= at);
                prop_assert!(!waits || timers.soonest() <= at);
                for block in 0..timers.blocks() {
                    for place in timers.open(block, at).into_iter().flatten() {
                        let Some(own) = due.get_mut(place) else { continue };
                        if *own <= at { *own = NEVER; } else { timers.note(place, *own); }
                    }
                }
                timers.settle(NEVER, 0);
                prop_assert!(due.iter().all(|due| *due > at));
            }
        }
    }
}
