//! Pieces: a batch cut by Sparkplug device and by whether it was read before the birth.

use std::ops::Range;

use forehearth_model::{Batch, Reading, Stamp, Value};
use forehearth_telemetry::sparkplug::Freshness;

use super::layout::UnitId;
use super::life::Lives;
use super::source::{Place, Source};
use crate::outbox::Want;

/// What a number takes in DATA at most: alias, time, flags, quality and
/// value with their tags (a bad reading with both properties: 67 bytes).
const METRIC_BYTES: usize = 96;

/// What a payload takes besides its metrics, topic included.
const PAYLOAD_BYTES: usize = 1024;

/// Consecutive readings of one run that go to the same device.
#[derive(Clone, Copy, Debug)]
struct Piece {
    unit: UnitId,
    freshness: Freshness,
    stamp: Stamp,
    start: usize,
    end: usize,
}

/// Readings of one device and freshness.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) unit: UnitId,
    pub(crate) freshness: Freshness,
    pieces: Range<usize>,
}

/// The pieces of one batch. Keeps its memory from batch to batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    pieces: Vec<Piece>,
}

impl Pieces {
    /// Cuts a batch. Returns how many readings no device shows.
    ///
    /// What was read before the birth is history. So is what waited while
    /// something newer of the same device went ahead: as live it would set
    /// the host's clock back.
    pub(crate) fn cut(
        &mut self,
        batch: &Batch,
        want: Want,
        source: &Source,
        born_at: Stamp,
        lives: &Lives,
    ) -> u32 {
        self.pieces.clear();
        let (mut hidden, mut start) = (0, 0);
        for run in &batch.runs {
            let freshness = |unit| {
                let overtaken = want == Want::Backlog && run.stamp < lives.newest(unit);
                if run.stamp < born_at || overtaken {
                    Freshness::Historical
                } else {
                    Freshness::Live
                }
            };
            let end = start + run.len as usize;
            for (index, reading) in (start..end).zip(&batch.readings[start..end]) {
                match source.place(reading.tag) {
                    None => hidden += 1,
                    Some(Place { unit, .. }) => {
                        self.add(unit, freshness(unit), run.stamp, index);
                    }
                }
            }
            start = end;
        }
        // Stable: within a device the order of acquisition stays. History
        // goes before what is live.
        self.pieces.sort_by_key(|piece| (piece.unit, piece.freshness == Freshness::Live));
        hidden
    }

    fn add(&mut self, unit: UnitId, freshness: Freshness, stamp: Stamp, index: usize) {
        match self.pieces.last_mut() {
            Some(last) if last.unit == unit && last.stamp == stamp && last.end == index => {
                last.end += 1;
            }
            _ => self.pieces.push(Piece { unit, freshness, stamp, start: index, end: index + 1 }),
        }
    }

    /// The group that starts at piece `start`; `None` after the last.
    pub(crate) fn group_at(&self, start: usize) -> Option<Group> {
        let Piece { unit, freshness, .. } = *self.pieces.get(start)?;
        let same = |piece: &&Piece| piece.unit == unit && piece.freshness == freshness;
        let end = start + self.pieces[start..].iter().take_while(same).count();
        Some(Group { unit, freshness, pieces: start..end })
    }

    /// The readings of a group, oldest first.
    pub(crate) fn of<'a>(
        &'a self,
        group: &Group,
        batch: &'a Batch,
    ) -> impl Iterator<Item = (Stamp, &'a [Reading])> + Clone {
        self.pieces[group.pieces.clone()]
            .iter()
            .map(|piece| (piece.stamp, &batch.readings[piece.start..piece.end]))
    }
}

impl Group {
    /// Where the next group starts.
    pub(crate) const fn end(&self) -> usize {
        self.pieces.end
    }
}

/// Cuts readings into payloads below the packet limit; nearly always one.
pub(crate) fn chunks<'a>(
    content: impl Iterator<Item = (Stamp, &'a [Reading])>,
    packet_limit: usize,
) -> Vec<Vec<(Stamp, &'a [Reading])>> {
    let room = packet_limit.saturating_sub(PAYLOAD_BYTES);
    let mut chunks = vec![Vec::new()];
    let mut left = room;
    for (stamp, mut readings) in content {
        while !readings.is_empty() {
            let fitting = fitting(readings, &mut left);
            let full = chunks.last().is_none_or(Vec::is_empty);
            // One reading always goes, so that this ends.
            let (now, later) = readings.split_at(if full { fitting.max(1) } else { fitting });
            if let (Some(chunk), false) = (chunks.last_mut(), now.is_empty()) {
                chunk.push((stamp, now));
            }
            readings = later;
            if !readings.is_empty() {
                chunks.push(Vec::new());
                left = room;
            }
        }
    }
    chunks
}

/// How many of the readings fit into what is left.
fn fitting(readings: &[Reading], left: &mut usize) -> usize {
    let mut count = 0;
    for reading in readings {
        let bytes = METRIC_BYTES
            + match &reading.value {
                Value::Text(text) => text.len(),
                _ => 0,
            };
        if bytes > *left {
            return count;
        }
        *left -= bytes;
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::chunks;
    use crate::plant;

    #[test]
    fn a_payload_larger_than_a_packet_is_split_and_keeps_order() {
        let values: Vec<_> = (0..100).map(|raw| (0, raw)).collect();
        let batch = plant::batch(1, &[(0, 10, &values[..60]), (0, 11, &values[60..])]);
        let content = batch.iter().map(|(run, readings)| (run.stamp, readings));
        let split = chunks(content, 1024 + 96 * 25);
        let sizes: Vec<usize> = split
            .iter()
            .map(|chunk| chunk.iter().map(|(_, readings)| readings.len()).sum())
            .collect();
        assert_eq!(sizes, [25, 25, 25, 25]);
        let back: Vec<_> =
            split.into_iter().flatten().flat_map(|(_, readings)| readings.to_vec()).collect();
        assert_eq!(back, batch.readings);
    }

    #[test]
    fn a_limit_below_one_reading_still_ends() {
        let batch = plant::batch(1, &[(0, 10, &[(0, 1), (0, 2)])]);
        let content = batch.iter().map(|(run, readings)| (run.stamp, readings));
        assert_eq!(chunks(content, 1).len(), 2);
    }
}
