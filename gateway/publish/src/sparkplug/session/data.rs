//! DATA of a session: one batch as the payloads of its devices.

use forehearth_model::{Batch, Reading, Stamp, TagId};
use forehearth_telemetry::catalogue;
use forehearth_telemetry::sparkplug::{DataHead, Freshness};

use super::{SparkplugSession, plain};
use crate::outbox::Want;
use crate::session::{Memory, Now, Order};
use crate::sparkplug::life::{Told, is_silence};
use crate::sparkplug::pieces::{Group, chunks};
use crate::sparkplug::source::Source;

impl SparkplugSession {
    /// Which source a batch speaks of; learns an earlier plan when it must.
    pub(super) fn source_of(
        &mut self,
        batch: &Batch,
        now: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) -> Option<usize> {
        let known = self.sources.iter().position(|source| source.of == batch.catalogue);
        if known.is_some() {
            return known;
        }
        let plan = catalogue::decode(&memory.catalogue(batch.catalogue)?).ok()?;
        let (source, grown) = Source::earlier(&self.node, &mut self.layout, plan, batch.catalogue);
        self.sources.push(source);
        self.lives.grow(&self.layout.units);
        for unit in grown {
            self.dbirth(unit, now, memory, out);
        }
        Some(self.sources.len() - 1)
    }

    /// The messages of one batch; returns their bytes and how many readings
    /// were not meant for this destination.
    pub(super) fn data(
        &mut self,
        batch: &Batch,
        want: Want,
        source: usize,
        now: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) -> (usize, u32) {
        let mut pieces = std::mem::take(&mut self.pieces);
        let filtered = pieces.cut(batch, want, &self.sources[source], self.born_at, &self.lives);
        let uuid = format!("{}/{}", self.node.plan.gateway, batch.id);
        let mut bytes = 0;
        let mut next = 0;
        while let Some(group) = pieces.group_at(next) {
            next = group.end();
            let content = pieces.of(&group, batch);
            self.watch(content.clone(), &group, want, source);
            if self.lives.told(group.unit) != Told::Born {
                if content.clone().all(|(_, readings)| all_silent(readings)) {
                    // The DDEATH has said so already.
                    continue;
                }
                self.dbirth(group.unit, now, memory, out);
            }
            bytes += self.ddata(content, &group, source, now, &uuid, out);
            if self.lives.is_dying(group.unit) {
                self.mourn(group.unit);
            }
        }
        self.pieces = pieces;
        (bytes, filtered)
    }

    /// DDATA of one device; returns its bytes.
    fn ddata<'a>(
        &mut self,
        content: impl Iterator<Item = (Stamp, &'a [Reading])>,
        group: &Group,
        source: usize,
        now: Now,
        uuid: &str,
        out: &mut Vec<Order>,
    ) -> usize {
        let mut bytes = 0;
        for chunk in chunks(content, self.node.packet_limit) {
            let seq = self.next_seq();
            let head = DataHead { sent: now.wall, seq, freshness: group.freshness, uuid };
            let (writer, tags, places) = self.sources[source].parts();
            let alias = |tag: TagId| {
                let place = places.get(tag.index()).copied().flatten();
                place.map(|place| place.alias.get().into())
            };
            let data = writer.payload(&head, tags, alias, chunk);
            bytes += data.bytes.len();
            out.push(plain(&self.layout.units[group.unit.index()].ddata, data.bytes.into()));
        }
        bytes
    }

    /// Keeps track of who answers.
    fn watch<'a>(
        &mut self,
        content: impl Iterator<Item = (Stamp, &'a [Reading])>,
        group: &Group,
        want: Want,
        source: usize,
    ) {
        if group.freshness == Freshness::Historical {
            // Known at birth already.
            return;
        }
        for (stamp, readings) in content {
            for reading in readings {
                let place = self.sources[source].place(reading.tag);
                let Some(tag) = place.and_then(|place| self.layout.tag(place.alias)) else {
                    continue;
                };
                match want {
                    Want::Live => self.lives.see(group.unit, tag, stamp, reading.quality),
                    Want::Backlog => self.lives.see_late(group.unit, tag, stamp, reading.quality),
                }
            }
        }
    }
}

fn all_silent(readings: &[Reading]) -> bool {
    readings.iter().all(|reading| is_silence(reading.quality))
}
