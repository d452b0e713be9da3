//! The Sparkplug session: one connection's births, data and deaths, in wire order.

mod birth;
mod data;
mod repeat;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_model::{BatchId, GapRecord, Stamp};
use forehearth_telemetry::sparkplug::{self as payload, Payload, asks_for_rebirth};
use forehearth_telemetry::topics::{MessageType, SparkplugTopic};

use super::births::gap_data;
use super::commands::{Asked, requests};
use super::fence::Fences;
use super::host::{Host, Turn};
use super::layout::{Layout, UnitId};
use super::life::Lives;
use super::overlap::{Kept, Overlap};
use super::pieces::Pieces;
use super::source::Source;
use super::{Node, Walk};
use crate::intake::Reply;
use crate::outbox::{Parcel, Want};
use crate::session::{
    Answer, Appetite, Cargo, Delivery, Distrust, Heard, Keep, Memory, Message, Note, Now, Order,
    Remains, Session, Token, Will, Window,
};
use crate::suspicion::Pace;
use crate::unpack::{unknown_catalogue, unpack};
use birth::Lasts;

/// How long the primary host may take to show up on a server when there are
/// others. Its STATE is retained and so comes with our SUBACK; chosen: several
/// round trips of a satellite link, and time for a host that comes with us.
const HOST_WITHIN: Duration = Duration::from_secs(5);

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
    /// Until when the host is waited for on this server.
    host_until: Option<Instant>,
    lasts: Option<Lasts>,
    /// Devices to look at once the backlog has drained.
    dying: Vec<UnitId>,
    pieces: Pieces,
    overlap: Overlap,
    /// With a primary host: batches in flight, for the overlap. Bounded by the window.
    sent: VecDeque<Kept>,
    /// The subscription to commands to devices.
    commands: Option<Token>,
}

impl SparkplugSession {
    pub(crate) fn new(node: Arc<Node>, bd_seq: u8, remains: Remains, pace: Pace, now: Now) -> Self {
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
            host_until: None,
            lasts: None,
            dying: Vec::new(),
            pieces: Pieces::default(),
            overlap: remains.overlap,
            sent: VecDeque::new(),
            commands: None,
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

    /// DCMD, where commands are on, may be refused; NCMD and STATE may not:
    /// they go out as the first fence.
    fn subscribe(&mut self, out: &mut Vec<Order>) {
        if let Some(dcmd) = self.node.dcmd.clone() {
            let token = self.token();
            self.commands = Some(token);
            out.push(Order::Subscribe { filters: [dcmd].into(), token });
        }
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

    /// A command to the node: births on request, values by alias where commands
    /// are on; everything else is counted.
    fn command(
        &mut self,
        heard: Heard<'_>,
        now: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) {
        // A retained command comes again with each fence; acting on it would
        // never end. (Sparkplug 3.0, 4.1.3.4: NCMD is not retained.)
        let command = payload::decode(heard.payload).ok();
        let command = command.filter(|_| heard.keep == Keep::Passing);
        let asks = command.as_ref().is_some_and(asks_for_rebirth);
        let node_only = |metric: &payload::Metric| metric.name.is_some();
        if let Some(command) = command
            && !command.metrics.iter().all(node_only)
        {
            self.ask(&command, None, out);
            if !asks {
                return;
            }
        }
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

    /// Hands in what a command asks for. Before its birth nobody knows of a
    /// metric, so nothing can be asked of it.
    fn ask(&mut self, command: &Payload, device: Option<&str>, out: &mut Vec<Order>) {
        let on = self.node.dcmd.is_some() && self.phase == Phase::Born;
        if !on {
            return out.push(Order::Note(Note::IgnoredCommand));
        }
        let seen = &self.node.view.catalogue;
        let Asked { requests, ignored } = requests(command, device, &self.layout, seen);
        out.extend(requests.into_iter().map(Box::new).map(Order::Command));
        if ignored {
            out.push(Order::Note(Note::IgnoredCommand));
        }
    }

    /// A command to a device.
    fn device_command(&mut self, heard: Heard<'_>, out: &mut Vec<Order>) {
        let topic = SparkplugTopic::parse(heard.topic).filter(|topic| {
            topic.kind == MessageType::Dcmd && self.node.is_named_by(topic.group, topic.node)
        });
        let device = topic.and_then(|topic| topic.device);
        match (device, payload::decode(heard.payload)) {
            (Some(device), Ok(command))
                if heard.keep == Keep::Passing && !command.metrics.is_empty() =>
            {
                self.ask(&command, Some(device), out);
            }
            _ => out.push(Order::Note(Note::IgnoredCommand)),
        }
    }

    fn cargo(&mut self, id: BatchId, filtered: u32, bytes: usize) {
        self.window.take(bytes);
        self.fences.batch(Cargo { id, filtered, bytes });
    }
}

/// Every message but the will: QoS 0, not retained.
fn plain(topic: &Arc<str>, payload: Bytes) -> Order {
    let topic = Arc::clone(topic);
    Order::Publish(Message {
        topic,
        payload,
        delivery: Delivery::Plain,
        keep: Keep::Passing,
        content: "",
    })
}

impl Session for SparkplugSession {
    fn will(&self) -> Option<Will> {
        Some(self.will.clone())
    }

    fn connected(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        self.subscribe(out);
        if self.node.state.is_none() {
            self.birth(now, memory, out);
        } else if self.node.walk == Walk::Others {
            self.host_until = Some(now.at + HOST_WITHIN);
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
        let batch = match unpack(&parcel) {
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
            self.remember(&parcel);
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
        now: Now,
        out: &mut Vec<Order>,
    ) -> Result<(), Distrust> {
        if self.commands == Some(token) && answer == Answer::Denied {
            out.push(Order::Note(Note::CommandsDenied));
        }
        let Some(behind) = self.fences.confirm(token)? else { return Ok(()) };
        if answer == Answer::Denied {
            return Err(Distrust::SubscriptionRefused(self.node.ncmd.to_string()));
        }
        for cargo in &behind.batches {
            self.window.free(cargo.bytes);
            self.reached_broker(cargo.id, now.at);
            out.push(cargo.settle());
        }
        self.repeated(behind.repeats, now.at);
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
            return self.device_command(heard, out);
        }
        match self.host.hear(heard.payload) {
            Turn::Came if self.phase == Phase::Waiting => {
                out.push(Order::Backlog);
                self.birth(now, memory, out);
            }
            Turn::Went => {
                self.overlap.host_is_gone(now.at);
                self.leave(now, out);
            }
            Turn::Same if self.phase == Phase::Waiting && self.host.is_offline() => {
                self.overlap.host_was_gone();
                if self.node.walk == Walk::Others {
                    self.leave(now, out);
                }
            }
            _ => {}
        }
    }

    fn reply(&mut self, _: &Reply, _: Now, _: &mut Vec<Order>) {
        // Sparkplug has no answers; the value that the device holds afterwards
        // is read and goes out as DDATA.
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
                self.repeat_one(now, memory, out);
                self.bury(now, memory, out);
                if self.fences.is_due() {
                    self.fence(out);
                }
            }
            Phase::Waiting if self.host_until.is_some_and(|until| now.at >= until) => {
                self.overlap.host_was_gone();
                self.leave(now, out);
            }
            Phase::Waiting | Phase::Leaving(_) | Phase::Gone => {}
        }
    }

    fn due(&self) -> Option<Instant> {
        self.host_until.filter(|_| self.phase == Phase::Waiting)
    }

    fn appetite(&self) -> Appetite {
        if self.phase != Phase::Born {
            return Appetite::default();
        }
        // What is repeated is older than any backlog.
        let Appetite { live, backlog, gaps } = self.window.appetite();
        Appetite { live, backlog: backlog && !self.overlap.is_waiting(), gaps }
    }

    fn is_online(&self) -> bool {
        self.phase == Phase::Born
    }

    fn stop(&mut self, now: Now, out: &mut Vec<Order>) {
        self.leave(now, out);
    }

    fn bequeath(&mut self) -> Remains {
        let mut overlap = std::mem::take(&mut self.overlap);
        overlap.give_back(self.fences.take_repeats());
        Remains { overlap, ..Remains::default() }
    }
}
