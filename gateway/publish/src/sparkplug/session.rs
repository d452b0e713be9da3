//! The Sparkplug session: one connection's births, data and deaths, in wire order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_model::{Batch, BatchId, GapRecord, Quality, Reading, Stamp, TagId};
use forehearth_telemetry::catalogue;
use forehearth_telemetry::sparkplug::{
    self as payload, DataHead, Freshness, Payload, asks_for_rebirth,
};

use super::Node;
use super::births::{gap_data, gap_metric, metrics};
use super::fence::Fences;
use super::host::{Host, Turn};
use super::layout::{Layout, UnitId};
use super::life::{Lives, Told, is_silence};
use super::pieces::{Group, Pieces, chunks};
use super::source::Source;
use crate::native::{open, unknown_catalogue};
use crate::outbox::{Last, Parcel, Want};
use crate::session::{
    Answer, Appetite, Cargo, Delivery, Distrust, Heard, Keep, Memory, Message, Note, Now, Order,
    Session, Token, Will, Window,
};
use crate::suspicion::Pace;

/// Last known values are looked up once for births that follow one another
/// this closely: a switch that comes back brings a hundred devices at once.
const LASTS_FRESH: Duration = Duration::from_millis(250);

/// Where the session is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The primary host is not online.
    Waiting,
    /// NBIRTH is out, DBIRTHs from this device on are not.
    Birthing(usize),
    /// Data may flow.
    Born,
    /// NDEATH is out; its fence is this.
    Leaving(Token),
    /// Nothing more to say.
    Gone,
}

/// Last known values, for births.
struct Lasts {
    taken: Instant,
    values: Vec<Last>,
}

/// One connection of a Sparkplug node.
pub(crate) struct SparkplugSession {
    node: Arc<Node>,
    bd_seq: u8,
    will: Will,
    phase: Phase,
    seq: u8,
    tokens: u64,
    /// Wall time of the current NBIRTH.
    born_at: Stamp,
    layout: Layout,
    lives: Lives,
    /// The current plan, then earlier ones that backlog speaks of.
    sources: Vec<Source>,
    fences: Fences,
    window: Window,
    host: Host,
    lasts: Option<Lasts>,
    /// Devices to look at once the backlog has drained.
    dying: Vec<UnitId>,
    pieces: Pieces,
}

impl SparkplugSession {
    pub(crate) fn new(node: Arc<Node>, bd_seq: u8, pace: Pace, now: Now) -> Self {
        let death = payload::encode(&payload::ndeath(now.wall, bd_seq));
        let layout = node.layout.clone();
        Self {
            bd_seq,
            will: Will {
                topic: Arc::clone(&node.ndeath),
                payload: death.into(),
                keep: Keep::Passing,
            },
            phase: Phase::Waiting,
            seq: 0,
            tokens: 0,
            born_at: Stamp(i64::MAX),
            lives: Lives::new(&layout, node.view.catalogue.tags.len()),
            sources: vec![Source::current(&node, &layout)],
            layout,
            fences: Fences::default(),
            window: Window::new(pace),
            host: Host::default(),
            lasts: None,
            dying: Vec::new(),
            pieces: Pieces::default(),
            node,
        }
    }

    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    /// 0 is the NBIRTH's; 255 is followed by 0.
    fn next_seq(&mut self) -> u8 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    /// DCMD may be refused (commands are off), NCMD and STATE may not: they
    /// go out as the first fence.
    fn subscribe(&mut self, out: &mut Vec<Order>) {
        let token = self.token();
        out.push(Order::Subscribe { filters: [Arc::clone(&self.node.dcmd)].into(), token });
        let ours = [Arc::clone(&self.node.ncmd)].into_iter().chain(self.node.state.clone());
        let token = self.token();
        out.push(Order::Subscribe { filters: ours.collect(), token });
        self.fences.set(token);
    }

    fn fence(&mut self, out: &mut Vec<Order>) -> Token {
        let token = self.token();
        out.push(Order::Subscribe { filters: Arc::clone(&self.node.fence), token });
        self.fences.set(token);
        token
    }

    /// NBIRTH; the DBIRTHs follow from [`more`](Session::more).
    fn birth(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        self.seq = 0;
        self.born_at = now.wall;
        self.lives.forget_told();
        self.dying.clear();
        self.lasts = None;
        self.look_up(now, memory);
        let gaps = vec![gap_metric(now.wall)];
        let nbirth = payload::nbirth(now.wall, self.bd_seq, gaps);
        out.push(plain(&self.node.nbirth, payload::encode(&nbirth).into()));
        self.phase = Phase::Birthing(0);
    }

    /// Takes the last known values, once for many births.
    fn look_up(&mut self, now: Now, memory: &mut dyn Memory) {
        let stale = |lasts: &Lasts| now.at.saturating_duration_since(lasts.taken) > LASTS_FRESH;
        if self.lasts.as_ref().is_none_or(stale) {
            let values = self.node.view.of_tags(memory.last_values(), &NEVER);
            self.lasts = Some(Lasts { taken: now.at, values });
        }
    }

    /// DBIRTH of one device. In the births after an NBIRTH its life is taken
    /// from the last known values too; later it is known from the data.
    fn dbirth(&mut self, unit: UnitId, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        self.look_up(now, memory);
        let first = matches!(self.phase, Phase::Birthing(_));
        let lasts = self.lasts.take();
        let last = |tag: TagId| lasts.as_ref().and_then(|lasts| lasts.values.get(tag.index()));
        let described = &self.layout.units[unit.index()];
        let seen = &self.node.view.catalogue;
        let metrics = metrics(described, seen, now.wall, last);
        let topic = Arc::clone(&described.dbirth);
        for number in described.tags.clone() {
            let quality = last(TagId(number)).map_or(Quality::BadWaitingForFirstValue, |last| {
                if first {
                    let stamp = last.stamp.unwrap_or(Stamp(i64::MIN));
                    self.lives.see(unit, TagId(number), stamp, last.quality);
                }
                last.quality
            });
            self.sources[0].tell(TagId(number), quality);
        }
        self.lasts = lasts;
        let seq = self.next_seq();
        let dbirth = payload::dbirth(now.wall, seq, metrics);
        out.push(plain(&topic, payload::encode(&dbirth).into()));
        self.lives.tell(unit, Told::Born);
        if self.lives.is_dying(unit) {
            self.mourn(unit);
        }
    }

    /// The device gets its DDEATH when the backlog has drained.
    fn mourn(&mut self, unit: UnitId) {
        if !self.dying.contains(&unit) {
            self.dying.push(unit);
        }
    }

    /// DDEATH of devices that are still dead, once nothing of them waits.
    fn bury(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        if self.dying.is_empty() || memory.backlog() > 0 {
            return;
        }
        for unit in std::mem::take(&mut self.dying) {
            if !self.lives.is_dying(unit) {
                continue;
            }
            let seq = self.next_seq();
            let death = payload::encode(&payload::ddeath(now.wall, seq));
            out.push(plain(&self.layout.units[unit.index()].ddeath, death.into()));
            self.lives.tell(unit, Told::Dead);
        }
    }

    /// Which source a batch speaks of; learns an earlier plan when it must.
    fn source_of(
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
    fn data(
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

    /// NDEATH and its fence; DISCONNECT follows on the SUBACK.
    fn leave(&mut self, now: Now, out: &mut Vec<Order>) {
        match self.phase {
            Phase::Leaving(_) | Phase::Gone => {}
            Phase::Waiting => {
                self.phase = Phase::Gone;
                out.push(Order::Disconnect);
            }
            Phase::Birthing(_) | Phase::Born => {
                let death = payload::encode(&payload::ndeath(now.wall, self.bd_seq));
                out.push(plain(&self.node.ndeath, death.into()));
                let token = self.fence(out);
                self.phase = Phase::Leaving(token);
            }
        }
    }

    /// A command to the node: births on request, everything else is counted.
    fn command(
        &mut self,
        heard: Heard<'_>,
        now: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) {
        // A retained command comes again with each fence; acting on it would
        // never end. (Sparkplug 3.0, 4.1.3.4: NCMD is not retained.)
        let asks = heard.keep == Keep::Passing
            && payload::decode(heard.payload).is_ok_and(|command| asks_for_rebirth(&command));
        match self.phase {
            Phase::Born if asks => {
                out.push(Order::Note(Note::Rebirth));
                self.birth(now, memory, out);
            }
            // The births that are under way answer it.
            Phase::Birthing(_) if asks => out.push(Order::Note(Note::Rebirth)),
            _ => out.push(Order::Note(Note::IgnoredCommand)),
        }
    }

    fn cargo(&mut self, id: BatchId, filtered: u32, bytes: usize) {
        self.window.take(bytes);
        self.fences.batch(Cargo { id, filtered, bytes });
    }
}

/// A tag the outbox knows nothing of.
const NEVER: Last = Last {
    stamp: None,
    quality: Quality::BadWaitingForFirstValue,
    value: forehearth_model::Value::Null,
};

fn all_silent(readings: &[Reading]) -> bool {
    readings.iter().all(|reading| is_silence(reading.quality))
}

/// Every message but the will: QoS 0, not retained.
fn plain(topic: &Arc<str>, payload: Bytes) -> Order {
    let topic = Arc::clone(topic);
    Order::Publish(Message { topic, payload, delivery: Delivery::Plain, keep: Keep::Passing })
}

impl Session for SparkplugSession {
    fn will(&self) -> Option<Will> {
        Some(self.will.clone())
    }

    fn connected(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        self.subscribe(out);
        if self.node.state.is_none() {
            self.birth(now, memory, out);
        }
    }

    fn parcel(
        &mut self,
        parcel: Parcel,
        want: Want,
        now: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) {
        let batch = match open(&parcel) {
            Ok(batch) => batch,
            Err(order) => return out.push(order),
        };
        let Some(source) = self.source_of(&batch, now, memory, out) else {
            return out.push(unknown_catalogue(parcel.id, batch.catalogue));
        };
        let (bytes, filtered) = self.data(&batch, want, source, now, memory, out);
        if filtered == parcel.readings {
            out.push(Order::Settle { id: parcel.id, filtered });
        } else {
            self.cargo(parcel.id, filtered, bytes);
        }
    }

    fn gap(&mut self, record: &GapRecord, now: Now, out: &mut Vec<Order>) {
        let seq = self.next_seq();
        let data = Payload {
            timestamp: u64::try_from(now.wall.millis()).ok(),
            metrics: vec![gap_data(record)],
            seq: Some(seq.into()),
            ..Payload::default()
        };
        out.push(plain(&self.node.ndata, payload::encode(&data).into()));
        self.fences.gap(record.id);
    }

    fn answered(
        &mut self,
        token: Token,
        answer: Answer,
        _: Now,
        out: &mut Vec<Order>,
    ) -> Result<(), Distrust> {
        let Some(behind) = self.fences.confirm(token)? else { return Ok(()) };
        if answer == Answer::Denied {
            return Err(Distrust::SubscriptionRefused(self.node.ncmd.to_string()));
        }
        for cargo in &behind.batches {
            self.window.free(cargo.bytes);
            out.push(cargo.settle());
        }
        out.extend(behind.gaps.iter().map(|id| Order::SettleGap { id: *id }));
        if self.phase == Phase::Leaving(token) {
            self.phase = Phase::Gone;
            out.push(Order::Disconnect);
        }
        Ok(())
    }

    fn heard(&mut self, heard: Heard<'_>, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        if heard.topic == &*self.node.ncmd {
            return self.command(heard, now, memory, out);
        }
        if self.node.state.as_deref() != Some(heard.topic) {
            // DCMD: commands are off.
            return out.push(Order::Note(Note::IgnoredCommand));
        }
        match self.host.hear(heard.payload) {
            Turn::Came if self.phase == Phase::Waiting => self.birth(now, memory, out),
            Turn::Went => self.leave(now, out),
            _ => {}
        }
    }

    fn more(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        match self.phase {
            Phase::Birthing(next) if next < self.layout.units.len() => {
                let unit = UnitId(u32::try_from(next).unwrap_or(u32::MAX));
                self.dbirth(unit, now, memory, out);
                self.phase = Phase::Birthing(next + 1);
            }
            Phase::Birthing(_) => {
                self.phase = Phase::Born;
                self.lasts = None;
            }
            Phase::Born => {
                self.bury(now, memory, out);
                if self.fences.is_due() {
                    self.fence(out);
                }
            }
            Phase::Waiting | Phase::Leaving(_) | Phase::Gone => {}
        }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn appetite(&self) -> Appetite {
        if self.phase == Phase::Born { self.window.appetite() } else { Appetite::default() }
    }

    fn is_online(&self) -> bool {
        self.phase == Phase::Born
    }

    fn stop(&mut self, now: Now, out: &mut Vec<Order>) {
        self.leave(now, out);
    }
}

#[cfg(test)]
mod tests;
