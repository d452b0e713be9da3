//! A baseline: numbers that the first scans of later batches are differences to.
//!
//! A batch of one scan has no scan before it to be compared with, so each
//! value costs what it is worth: 15 bits for a 16-bit converter. Against
//! values that the consumer knows already it costs its change, a few bits.
//!
//! A baseline is an ordinary message of the native format, kept by the broker
//! under `{prefix}/baseline/{slot}`; its name is made of its bytes, and a batch
//! that needs it names it. Such a batch has version 2, so that a reader that
//! knows nothing of baselines refuses it and never shows wrong values.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use forehearth_model::{Batch, TagId};

use super::decode::{DecodeError, decode};
use super::kind::number;
use crate::catalogue;

/// Baselines a reader keeps. Chosen: twice the slots a gateway writes to.
const KEPT: usize = 8;

/// Names a baseline: the first 8 bytes, big endian, of the SHA-256 of its message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BaselineName(pub u64);

impl BaselineName {
    /// The name of a message.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        Self(catalogue::hash(message).0)
    }
}

impl fmt::Display for BaselineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The numbers of one baseline.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Baseline {
    /// By tag: column and number.
    numbers: HashMap<TagId, (usize, i64)>,
}

impl Baseline {
    /// Takes up the last number of each tag of a batch. Nulls and texts have
    /// none and change nothing.
    pub fn take(&mut self, batch: &Batch) {
        let numbers = batch.readings.iter();
        self.numbers
            .extend(numbers.filter_map(|reading| Some((reading.tag, number(&reading.value)?))));
    }

    /// Whether it has a number for this tag.
    #[must_use]
    pub fn knows(&self, tag: TagId) -> bool {
        self.numbers.contains_key(&tag)
    }

    /// What a number in `column` is a difference to; 0 for a tag it doesn't
    /// know, or that had a value of another kind.
    pub(super) fn number(&self, tag: TagId, column: usize) -> i64 {
        match self.numbers.get(&tag) {
            Some((known, number)) if *known == column => *number,
            _ => 0,
        }
    }
}

/// The baselines a reader has heard, the newest `KEPT`.
#[derive(Clone, Debug, Default)]
pub struct Baselines {
    known: VecDeque<(BaselineName, Baseline)>,
}

impl Baselines {
    /// Takes up a baseline message.
    ///
    /// # Errors
    /// When the bytes are no batch that stands for itself.
    pub fn learn(&mut self, message: &[u8]) -> Result<BaselineName, DecodeError> {
        let name = BaselineName::of(message);
        let mut baseline = Baseline::default();
        baseline.take(&decode(message)?.batch);
        self.known.retain(|(known, _)| *known != name);
        self.known.push_back((name, baseline));
        if self.known.len() > KEPT {
            self.known.pop_front();
        }
        Ok(name)
    }

    /// The baseline of this name.
    #[must_use]
    pub fn get(&self, name: BaselineName) -> Option<&Baseline> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, baseline)| baseline)
    }
}
