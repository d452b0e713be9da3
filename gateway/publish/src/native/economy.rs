//! Economy: the baseline of one connection, and when a new one pays.
//!
//! Against a baseline a batch costs what has changed since; the older the
//! baseline, the more that is. So each live batch is also measured against the
//! values just before it. What the age of the baseline has cost is added up,
//! and when it reaches the price of a new one, a new one is made. Nothing of
//! this needs to be set: steady plants get few, lively ones more, and where no
//! baseline helps none is made.
//!
//! Costs two further encodings of each batch.

use std::collections::BTreeMap;

use forehearth_model::{Batch, Catalogue, DeviceId, Quality, Reading, Run, Stamp, TagId, Value};
use forehearth_telemetry::native::{Baseline, BaselineName, Compression, Encoder, Skipped};

/// Topics a gateway keeps baselines under, in turn: a consumer that comes
/// late finds the current one, and what was sent against the one before can
/// still be read.
const SLOTS: u8 = 4;

/// A baseline message that must go out before the next batch.
#[derive(Debug)]
pub(super) struct NewBaseline {
    pub(super) slot: u8,
    pub(super) message: Vec<u8>,
}

/// What is known of the values a consumer holds.
#[derive(Debug)]
pub(super) struct Economy {
    encoder: Encoder,
    /// The last value of each tag and its device.
    last: BTreeMap<TagId, Value>,
    /// The same as numbers.
    fresh: Baseline,
    current: Option<(BaselineName, Baseline)>,
    /// Bytes that the age of the current baseline has cost.
    excess: usize,
    slot: u8,
    /// Larger baselines are not sent.
    most: usize,
}

impl Economy {
    /// `most` is what fits a packet.
    pub(super) fn new(most: usize) -> Self {
        Self {
            encoder: Encoder::new(Compression::Off),
            last: BTreeMap::new(),
            fresh: Baseline::default(),
            current: None,
            excess: 0,
            slot: 0,
            most,
        }
    }

    /// A batch against the current baseline, where that makes it shorter than
    /// `whole` bytes.
    pub(super) fn pack(
        &mut self,
        gateway: &str,
        batch: &Batch,
        skipped: &[Skipped],
        whole: usize,
    ) -> Option<Vec<u8>> {
        let (name, baseline) = self.current.as_ref()?;
        let packed = self.encoder.encode_against(gateway, batch, skipped, Some((*name, baseline)));
        (packed.len() < whole).then_some(packed)
    }

    /// A live batch is about to go out in `bytes`. Gives a baseline to be sent
    /// before it when the old one has cost enough; then the batch is to be
    /// packed anew.
    pub(super) fn see(
        &mut self,
        seen: &Catalogue,
        batch: &Batch,
        bytes: usize,
    ) -> Option<NewBaseline> {
        let fresh = Some((BaselineName(0), &self.fresh));
        let ideal = self.encoder.encode_against(&seen.gateway, batch, &[], fresh).len();
        self.excess = self.excess.saturating_add(bytes.saturating_sub(ideal));
        // Made of what was before this batch: as a consumer would have it.
        let made = (self.excess > 0 && self.excess >= self.price()).then(|| self.make(seen, batch));
        self.remember(batch);
        made.flatten()
    }

    /// What a baseline costs: at least two bytes a number, and its head.
    fn price(&self) -> usize {
        64 + 2 * self.last.len()
    }

    fn remember(&mut self, batch: &Batch) {
        self.fresh.take(batch);
        for reading in &batch.readings {
            if !matches!(reading.value, Value::Null | Value::Text(_)) {
                self.last.insert(reading.tag, reading.value.clone());
            }
        }
    }

    /// A baseline of the last values, under the id of the batch that asked for it.
    fn make(&mut self, seen: &Catalogue, batch: &Batch) -> Option<NewBaseline> {
        let stamp = batch.runs.first().map_or(Stamp(0), |run| run.stamp);
        let (mut runs, mut readings) = (Vec::<Run>::new(), Vec::with_capacity(self.last.len()));
        for (tag, value) in &self.last {
            let device = seen.tags.get(tag.index()).map_or(DeviceId(0), |entry| entry.device);
            match runs.last_mut() {
                Some(run) if run.device == device => run.len += 1,
                _ => runs.push(Run { device, stamp, len: 1 }),
            }
            readings.push(Reading { tag: *tag, quality: Quality::Good, value: value.clone() });
        }
        self.excess = 0;
        if readings.is_empty() {
            return None;
        }
        let values = Batch { runs, readings, ..*batch };
        let message = self.encoder.encode(&seen.gateway, &values, &[]);
        if message.len() > self.most {
            return None;
        }
        self.current = Some((BaselineName::of(&message), self.fresh.clone()));
        let slot = self.slot;
        self.slot = (slot + 1) % SLOTS;
        Some(NewBaseline { slot, message })
    }
}

#[cfg(test)]
mod tests {
    use super::{Economy, NewBaseline, SLOTS};
    use forehearth_model::{Batch, Catalogue, DeviceId, Run, Stamp, TagId, Value};
    use forehearth_model::{Quality, Reading};
    use forehearth_telemetry::native::{self, Baselines};

    use crate::plant;

    /// 16-bit converters: a level per tag, noise of four counts.
    fn scan(dice: &mut fastrand::Rng, second: u32, drift: i64) -> Batch {
        let level = |tag: u32| i64::from(tag.wrapping_mul(2_654_435_761) % 27_648);
        let readings: Vec<_> = (0..1000)
            .map(|tag| Reading {
                tag: TagId(tag),
                quality: Quality::Good,
                value: Value::Int(level(tag) + dice.i64(0..4) + drift * i64::from(tag % 7)),
            })
            .collect();
        let stamp = Stamp::from_millis(i64::from(second) * 1000);
        let runs = vec![Run { device: DeviceId(0), stamp, len: 1000 }];
        Batch { runs, readings, ..plant::batch(second.into(), &[]) }
    }

    /// Sends an hour of scans, reads each one back, and gives the bytes and
    /// how many baselines went with them.
    fn hour(drift_per_minute: i64) -> (usize, usize) {
        let mut dice = fastrand::Rng::with_seed(7);
        let seen = Catalogue { gateway: "gw".into(), ..plant::catalogue() };
        let mut economy = Economy::new(usize::MAX);
        let mut reader = Baselines::default();
        let (mut bytes, mut baselines) = (0, 0);
        for second in 0..3600 {
            let batch = scan(&mut dice, second, drift_per_minute * i64::from(second / 60));
            let whole = native::encode("gw", &batch, &[]);
            let packed = economy.pack("gw", &batch, &[], whole.len());
            let cost = packed.as_ref().unwrap_or(&whole).len();
            let packed = match economy.see(&seen, &batch, cost) {
                Some(NewBaseline { slot, message }) => {
                    assert!(slot < SLOTS);
                    bytes += message.len();
                    baselines += 1;
                    reader.learn(&message).unwrap();
                    economy.pack("gw", &batch, &[], whole.len())
                }
                None => packed,
            };
            let sent = packed.unwrap_or(whole);
            assert_eq!(native::decode_with(&sent, &reader).unwrap().batch, batch);
            bytes += sent.len();
        }
        (bytes, baselines)
    }

    #[test]
    fn a_thousand_converters_at_one_second_cost_under_1_2_bytes_a_reading() {
        let (bytes, baselines) = hour(0);
        let each = bytes as f64 / 3_600_000.0;
        assert!(each < 0.6, "{each:.3} B a reading with {baselines} baselines");
        assert!((1..=2).contains(&baselines), "a steady plant needs no more: {baselines}");
        let (bytes, baselines) = hour(40);
        let each = bytes as f64 / 3_600_000.0;
        assert!(each < 1.2, "drifting: {each:.3} B a reading with {baselines} baselines");
        assert!(baselines > 2, "a lively one does: {baselines}");
    }

    #[test]
    fn where_a_baseline_saves_nothing_none_is_made() {
        let mut dice = fastrand::Rng::with_seed(8);
        let seen = plant::catalogue();
        let mut economy = Economy::new(usize::MAX);
        for second in 0..600 {
            let mut batch = scan(&mut dice, second, 0);
            for reading in &mut batch.readings {
                reading.value = Value::UInt(dice.u64(..));
            }
            let cost = native::encode("gw", &batch, &[]).len();
            assert!(economy.see(&seen, &batch, cost).is_none(), "second {second}");
        }
    }

    #[test]
    fn a_baseline_larger_than_a_packet_is_not_made() {
        let mut dice = fastrand::Rng::with_seed(9);
        let seen = plant::catalogue();
        let mut economy = Economy::new(500);
        for second in 0..20 {
            assert!(economy.see(&seen, &scan(&mut dice, second, 0), 2000).is_none());
        }
        assert!(economy.pack("gw", &scan(&mut dice, 21, 0), &[], usize::MAX).is_none());
    }
}
