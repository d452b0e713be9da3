//! The batches of one gateway at one destination, and what their numbers prove.

use std::collections::BTreeMap;
use std::fmt;

use forehearth_model::{BatchId, GapRecord};

use super::numbers::Numbers;
use super::plural;
use crate::native::Skipped;

/// Batches whose content is remembered, to see that a repeat is exact.
/// Chosen: more than a gateway has in flight, 160 kB.
const REMEMBERED: usize = 10_000;

/// Most holes written out in a line.
const HOLES_SHOWN: usize = 5;

/// One run of the gateway.
#[derive(Clone, Debug, Default)]
struct EpochAccount {
    heard: Numbers,
    skipped: Numbers,
    readings: u64,
    repeats: u64,
    changed: u64,
    late: u64,
    /// CRC-32C by number.
    contents: BTreeMap<u64, u32>,
}

/// One stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    epochs: BTreeMap<u32, EpochAccount>,
    /// Declared as lost, first and last.
    gaps: Vec<(BatchId, BatchId)>,
}

impl Stream {
    pub(super) fn batch(&mut self, id: BatchId, readings: u64, content: u32) {
        let account = self.epochs.entry(id.epoch.0).or_default();
        if account.heard.contains(id.number) {
            account.repeats += 1;
            let known = account.contents.get(&id.number);
            account.changed += u64::from(known.is_some_and(|known| *known != content));
            return;
        }
        account.late += u64::from(account.heard.last().is_some_and(|last| id.number < last));
        account.heard.add(id.number, id.number);
        account.readings += readings;
        account.contents.insert(id.number, content);
        if account.contents.len() > REMEMBERED {
            account.contents.pop_first();
        }
    }

    pub(super) fn skip(&mut self, skipped: &Skipped) {
        let account = self.epochs.entry(skipped.epoch.0).or_default();
        let last = skipped.first.saturating_add(skipped.count.saturating_sub(1));
        if skipped.count > 0 {
            account.skipped.add(skipped.first, last);
        }
    }

    pub(super) fn gap(&mut self, record: &GapRecord) {
        let range = (record.first, record.last);
        if !self.gaps.contains(&range) {
            self.gaps.push(range);
        }
    }

    /// Numbers of an epoch that gap records declare.
    fn declared(&self, epoch: u32) -> Numbers {
        let mut declared = Numbers::default();
        for (first, last) in &self.gaps {
            if (first.epoch.0..=last.epoch.0).contains(&epoch) {
                let from = if first.epoch.0 == epoch { first.number } else { 0 };
                let to = if last.epoch.0 == epoch { last.number } else { u64::MAX };
                declared.add(from, to);
            }
        }
        declared
    }

    /// One report per epoch, without the names.
    pub(super) fn reports(&self) -> impl Iterator<Item = StreamReport> {
        self.epochs.iter().map(|(epoch, account)| {
            let told = account.heard.union(&account.skipped);
            let (first, last) = (told.first().unwrap_or(0), told.last().unwrap_or(0));
            let declared = self.declared(*epoch).within(first, last);
            let lost = told.union(&declared).len() - told.len();
            StreamReport {
                topic: String::new(),
                gateway: String::new(),
                epoch: *epoch,
                first,
                last,
                batches: account.heard.len(),
                readings: account.readings,
                repeats: account.repeats,
                changed: account.changed,
                late: account.late,
                skipped: account.skipped.len(),
                lost,
                holes: told.union(&declared).holes().collect(),
            }
        })
    }
}

/// What the numbers of one epoch at one destination prove.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamReport {
    /// Topic prefix of the destination.
    pub topic: String,
    /// Who sent it.
    pub gateway: String,
    /// Which run of the gateway.
    pub epoch: u32,
    /// Lowest number heard or announced.
    pub first: u64,
    /// Highest number heard or announced.
    pub last: u64,
    /// Different batches heard.
    pub batches: u64,
    /// Readings in them.
    pub readings: u64,
    /// Batches heard again; at least once is the promise.
    pub repeats: u64,
    /// Repeats with another content: a defect.
    pub changed: u64,
    /// Batches that came after one with a higher number: backlog, or an alarm
    /// that went ahead.
    pub late: u64,
    /// Numbers announced as holding nothing for this destination.
    pub skipped: u64,
    /// Numbers declared lost in gap records, between `first` and `last`.
    pub lost: u64,
    /// Numbers of which nothing is known: missing, or still on their way.
    pub holes: Vec<(u64, u64)>,
}

impl StreamReport {
    /// Whether every number is accounted for and every repeat is exact.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.holes.is_empty() && self.changed == 0
    }

    /// How many numbers the holes have.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.holes.iter().map(|(first, last)| last - first + 1).sum()
    }
}

/// `complete: pot2-east epoch 7 on fh/v1/acme: batches 1…90, …`
impl fmt::Display for StreamReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_complete() { "complete" } else { "INCOMPLETE" };
        let Self { topic, gateway, epoch, first, last, readings, .. } = self;
        write!(f, "{verdict}: {gateway} epoch {epoch} on {topic}: numbers {first}…{last}, ")?;
        write!(f, "{} with {readings} readings", plural(self.batches, "batch", "batches"))?;
        for (count, what) in [
            (self.skipped, "not meant for here"),
            (self.lost, "declared lost"),
            (self.repeats, "repeated"),
            (self.late, "late"),
            (self.changed, "repeated with ANOTHER CONTENT"),
            (self.missing(), "MISSING or still on the way"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if !self.holes.is_empty() {
            f.write_str(":")?;
        }
        for (first, last) in self.holes.iter().take(HOLES_SHOWN) {
            match first == last {
                true => write!(f, " {first}")?,
                false => write!(f, " {first}…{last}")?,
            }
        }
        let more = self.holes.len().saturating_sub(HOLES_SHOWN);
        if more > 0 {
            write!(f, " and {}", plural(more as u64, "more range", "more ranges"))?;
        }
        Ok(())
    }
}
