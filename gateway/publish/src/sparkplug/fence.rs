//! The fence: repeats a SUBSCRIBE behind the data, so that its SUBACK confirms the data.

use std::collections::VecDeque;

use super::overlap::Kept;
use crate::session::{Cargo, Distrust, Token};

/// Fences in flight. Chosen: with the limits below 8 fences keep 512 KiB on
/// the way, 6 MB/s at a round trip of 80 ms.
const FENCES: usize = 8;

/// A fence follows at the latest after so many bytes …
const BYTES_PER_FENCE: usize = 64 * 1024;

/// … or batches, while another fence is still out. When none is, each batch
/// gets its own at once: low latency when quiet, few fences when busy.
const BATCHES_PER_FENCE: usize = 16;

/// What one fence confirms.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    pub(crate) batches: Vec<Cargo>,
    pub(crate) gaps: Vec<u64>,
    /// Batches that had been confirmed before, with what they take.
    pub(crate) repeats: Vec<(Kept, usize)>,
    bytes: usize,
}

/// All fences of one connection.
#[derive(Debug, Default)]
pub(crate) struct Fences {
    out: VecDeque<(Token, Behind)>,
    /// Sent since the last fence.
    open: Behind,
}

impl Fences {
    /// A batch went out, or needs no message beyond those already out.
    pub(crate) fn batch(&mut self, cargo: Cargo) {
        self.open.bytes += cargo.bytes;
        self.open.batches.push(cargo);
    }

    /// A batch went out once more, for the host's sake.
    pub(crate) fn repeat(&mut self, kept: Kept, bytes: usize) {
        self.open.bytes += bytes;
        self.open.repeats.push((kept, bytes));
    }

    /// The connection is over: repeats that were not confirmed, oldest first.
    pub(crate) fn take_repeats(&mut self) -> Vec<Kept> {
        let out = self.out.iter_mut().map(|(_, behind)| behind);
        let all = out.chain([&mut self.open]);
        all.flat_map(|behind| behind.repeats.drain(..)).map(|(kept, _)| kept).collect()
    }

    /// A gap record went out.
    pub(crate) fn gap(&mut self, id: u64) {
        self.open.gaps.push(id);
    }

    /// Whether a fence should follow now.
    pub(crate) fn is_due(&self) -> bool {
        let Behind { batches, gaps, repeats, bytes } = &self.open;
        if batches.is_empty() && gaps.is_empty() && repeats.is_empty() {
            return false;
        }
        let count = batches.len() + repeats.len();
        let full = *bytes >= BYTES_PER_FENCE || count >= BATCHES_PER_FENCE;
        self.out.is_empty() || (full && self.out.len() < FENCES)
    }

    /// A SUBSCRIBE goes out under this token.
    pub(crate) fn set(&mut self, token: Token) {
        self.out.push_back((token, std::mem::take(&mut self.open)));
    }

    /// Its SUBACK came. `None`: the token is none of ours.
    ///
    /// # Errors
    /// When an earlier fence is still out: a broker answers one connection in
    /// order, so what lay between was lost on the way.
    pub(crate) fn confirm(&mut self, token: Token) -> Result<Option<Behind>, Distrust> {
        match self.out.iter().position(|(out, _)| *out == token) {
            None => Ok(None),
            Some(0) => Ok(self.out.pop_front().map(|(_, behind)| behind)),
            Some(_) => Err(Distrust::FenceSkipped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCHES_PER_FENCE, FENCES, Fences};
    use crate::session::{Cargo, Distrust, Token};
    use forehearth_model::{BatchId, Epoch};

    fn cargo(number: u64, bytes: usize) -> Cargo {
        Cargo { id: BatchId::new(Epoch(1), number), filtered: 0, bytes }
    }

    #[test]
    fn a_quiet_link_fences_each_batch_at_once() {
        let mut fences = Fences::default();
        assert!(!fences.is_due());
        fences.batch(cargo(1, 100));
        assert!(fences.is_due());
    }

    #[test]
    fn a_busy_link_fences_groups_and_bounds_the_fences_in_flight() {
        let mut fences = Fences::default();
        let (mut set, mut number) = (0, 0);
        for _ in 0..FENCES * BATCHES_PER_FENCE * 3 {
            number += 1;
            fences.batch(cargo(number, 100));
            if fences.is_due() {
                set += 1;
                fences.set(Token(set));
            }
        }
        assert_eq!(set, FENCES as u64);
        let first = fences.confirm(Token(1)).unwrap().unwrap();
        assert_eq!(first.batches, [cargo(1, 100)]);
        let second = fences.confirm(Token(2)).unwrap().unwrap();
        assert_eq!(second.batches.len(), BATCHES_PER_FENCE);
    }

    #[test]
    fn a_fence_that_overtakes_another_is_not_believed() {
        let mut fences = Fences::default();
        fences.batch(cargo(1, 100));
        fences.set(Token(1));
        fences.batch(cargo(2, 100));
        fences.set(Token(2));
        assert!(matches!(fences.confirm(Token(2)), Err(Distrust::FenceSkipped)));
        assert!(fences.confirm(Token(9)).unwrap().is_none());
    }
}
