//! The native session: one connection of a native destination.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_model::{Batch, BatchId, CatalogueHash, GapRecord, Lane};
use forehearth_telemetry::health::State;
use forehearth_telemetry::native::{self as format, Compression, Encoder, Skipped};
use forehearth_telemetry::{catalogue, gap};

use super::economy::{Economy, NewBaseline};
use super::{Native, Packing};
use crate::intake::Reply;
use crate::outbox::{Parcel, Want};
use crate::refusal::{Fault, Refusal};
use crate::session::{
    Answer, Appetite, Cargo, Delivery, Distrust, Heard, Keep, Memory, Message, Note, Now, Order,
    Remains, Session, Token, Will, Window,
};
use crate::skips::{Announced, Skips};
use crate::suspicion::Pace;
use crate::text_commands::TextCommands;
use crate::unpack::{too_large, unknown_catalogue, unpack, unreadable};
use crate::view::{View, name_of};

/// How often the health topic is refreshed. Chosen: a page that shows it is
/// never much older than a person's glance, and it costs nothing.
const HEALTH_EVERY: Duration = Duration::from_secs(10);

/// Bytes of an MQTT packet around topic and payload: fixed header of at most
/// 5, topic length 2, packet id 2 (MQTT 3.1.1, 2.2 and 3.3).
const PACKET_OVERHEAD: usize = 9;

/// Room for the topic of a baseline and its packet's head.
const BASELINE_OVERHEAD: usize = 1024;

/// A catalogue can't be split, so one above the packet limit is tried all the
/// same (the limit is ours, the broker's may be higher), but not for ever:
/// after so many connections that ended over it, batches go without it.
const ENOUGH: u8 = 3;

/// What is out and waits for its PUBACK.
enum Out {
    Batch(Cargo, Announced),
    Gap(u64),
    /// A catalogue of this many bytes; the batches behind it don't wait.
    Catalogue(usize),
    /// A baseline; what is told against it follows on the same connection.
    Baseline,
    /// Health: nothing hangs on it.
    Health,
    /// The subscription to commands.
    Commands,
    /// The answer to a command.
    Reply,
}

impl Out {
    /// MIME type of the message.
    const fn content(&self) -> &'static str {
        match self {
            Self::Batch(..) => "application/vnd.forehearth.batch.v1",
            Self::Gap(_) => "application/vnd.forehearth.gap.v1",
            Self::Catalogue(_) => "application/vnd.forehearth.catalogue.v1",
            Self::Baseline => "application/vnd.forehearth.baseline.v1",
            Self::Health => "application/vnd.forehearth.health.v1",
            Self::Reply => "application/json",
            Self::Commands => "",
        }
    }
}

/// Whether the session still takes batches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    /// Waiting for what is out.
    Closing,
    /// The last health message is out.
    Goodbye,
    /// Nothing more to say.
    Gone,
}

/// One connection of a native destination.
pub(crate) struct NativeSession {
    native: Arc<Native>,
    will: Option<Will>,
    encoder: Encoder,
    window: Window,
    skips: Skips,
    large_catalogues: u8,
    tokens: u64,
    out: VecDeque<(Token, Out)>,
    /// Catalogues the broker was given on this connection.
    told: Vec<CatalogueHash>,
    /// Catalogues of earlier plans that backlog needs, seen through the filter.
    earlier: Vec<View>,
    next_health: Option<Instant>,
    commands: TextCommands,
    economy: Option<Economy>,
    phase: Phase,
}

impl NativeSession {
    pub(crate) fn new(native: Arc<Native>, remains: Remains, pace: Pace, now: Now) -> Self {
        let will = native.health(State::Lost, now).map(|payload| Will {
            topic: native.topics.health().into(),
            payload,
            keep: Keep::Retained,
        });
        let commands = TextCommands::new(native.commands.clone());
        let economy = (native.packing == Packing::Baseline)
            .then(|| Economy::new(native.packet_limit.saturating_sub(BASELINE_OVERHEAD)));
        Self {
            native,
            will,
            encoder: Encoder::new(Compression::WhenItPays),
            window: Window::new(pace),
            skips: remains.skips,
            large_catalogues: remains.large_catalogues,
            tokens: 0,
            out: VecDeque::new(),
            told: Vec::new(),
            earlier: Vec::new(),
            next_health: None,
            commands,
            economy,
            phase: Phase::Open,
        }
    }

    fn publish(
        &mut self,
        topic: String,
        payload: Bytes,
        keep: Keep,
        what: Out,
        out: &mut Vec<Order>,
    ) {
        let token = Token(self.tokens);
        self.tokens += 1;
        let content = what.content();
        self.out.push_back((token, what));
        let delivery = Delivery::Confirmed(token);
        out.push(Order::Publish(Message { topic: topic.into(), payload, delivery, keep, content }));
    }

    fn tell_health(&mut self, state: State, now: Now, out: &mut Vec<Order>) {
        if let Some(payload) = self.native.health(state, now) {
            let topic = self.native.topics.health();
            self.publish(topic, payload, Keep::Retained, Out::Health, out);
        }
        self.next_health = Some(now.at + HEALTH_EVERY);
    }

    /// The catalogue goes before the first batch that names it; the broker
    /// keeps it for consumers that come later.
    fn tell_catalogue(&mut self, hash: CatalogueHash, encoded: Bytes, out: &mut Vec<Order>) {
        if !self.told.contains(&hash) {
            self.told.push(hash);
            if encoded.len() > self.native.packet_limit && self.large_catalogues >= ENOUGH {
                tracing::error!(
                    bytes = encoded.len(),
                    "the broker does not take this catalogue; batches go without it"
                );
                return;
            }
            let topic = self.native.topics.catalogue(hash);
            let what = Out::Catalogue(encoded.len());
            self.publish(topic, encoded, Keep::Retained, what, out);
        }
    }

    fn send(
        &mut self,
        id: BatchId,
        lane: Lane,
        filtered: u32,
        (payload, announced): (Bytes, Announced),
        out: &mut Vec<Order>,
    ) {
        let topic = self.native.topics.batch(lane);
        let bytes = payload.len() + topic.len() + PACKET_OVERHEAD;
        if bytes > self.native.packet_limit {
            self.skips.lose(announced);
            out.push(too_large(id, bytes, self.native.packet_limit));
            return;
        }
        let cargo = Cargo { id, filtered, bytes };
        self.window.take(bytes);
        self.publish(topic, payload, Keep::Passing, Out::Batch(cargo, announced), out);
    }

    /// A destination that sees everything gets the stored bytes.
    fn send_whole(
        &mut self,
        parcel: Parcel,
        want: Want,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) {
        let hash = match &parcel.batch {
            Some(batch) => batch.catalogue,
            None => match format::decode(&parcel.bytes) {
                Ok(decoded) => decoded.batch.catalogue,
                Err(error) => return out.push(unreadable(parcel.id, &error)),
            },
        };
        let encoded = if hash == self.native.view.of {
            Some(self.native.catalogue.clone())
        } else {
            // Without it the batch still goes: a consumer may know it.
            memory.catalogue(hash)
        };
        if let Some(encoded) = encoded {
            self.tell_catalogue(hash, encoded, out);
        }
        let packed = match &parcel.batch {
            Some(batch) if hash == self.native.view.of => {
                self.pack(batch, &[], parcel.bytes.len(), want, out)
            }
            _ => None,
        };
        let bytes = packed.unwrap_or(parcel.bytes);
        self.send(parcel.id, parcel.lane, 0, (bytes, Announced::default()), out);
    }

    /// A batch of the current catalogue against a baseline, where that is
    /// switched on and shorter than `whole`. A new baseline goes out first.
    fn pack(
        &mut self,
        batch: &Batch,
        skipped: &[Skipped],
        whole: usize,
        want: Want,
        out: &mut Vec<Order>,
    ) -> Option<Bytes> {
        let mut economy = self.economy.take()?;
        let seen = Arc::clone(&self.native.view.catalogue);
        let mut packed = economy.pack(&seen.gateway, batch, skipped, whole);
        // What waited is old: it says nothing of what comes next.
        if want == Want::Live {
            let bytes = packed.as_ref().map_or(whole, Vec::len);
            if let Some(NewBaseline { slot, message }) = economy.see(&seen, batch, bytes) {
                let topic = self.native.topics.baseline(slot);
                self.publish(topic, message.into(), Keep::Retained, Out::Baseline, out);
                packed = economy.pack(&seen.gateway, batch, skipped, whole);
            }
        }
        self.economy = Some(economy);
        packed.map(Bytes::from)
    }

    /// A filtered destination gets the batch anew, with what it may see.
    fn send_seen(
        &mut self,
        parcel: &Parcel,
        want: Want,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) {
        let batch = match unpack(parcel) {
            Ok(batch) => batch,
            Err(order) => return out.push(order),
        };
        let Some((seen, hash, encoded)) = self.seen(&batch, memory) else {
            return out.push(unknown_catalogue(parcel.id, batch.catalogue));
        };
        let Some(seen) = seen else {
            self.skips.skip(parcel.id);
            return out.push(Order::Settle { id: parcel.id, filtered: parcel.readings });
        };
        self.tell_catalogue(hash, encoded, out);
        let shown = u32::try_from(seen.readings.len()).unwrap_or(u32::MAX);
        let announced = self.skips.announce();
        let gateway = &self.native.view.catalogue.gateway;
        let payload = Bytes::from(self.encoder.encode(gateway, &seen, announced.ranges()));
        let packed = if hash == self.native.view.hash {
            self.pack(&seen, announced.ranges(), payload.len(), want, out)
        } else {
            None
        };
        let payload = packed.unwrap_or(payload);
        let filtered = parcel.readings.saturating_sub(shown);
        self.send(parcel.id, parcel.lane, filtered, (payload, announced), out);
    }

    /// The broker did not take what is named.
    fn refused(&mut self, what: Out, why: Refusal, out: &mut Vec<Order>) -> Result<(), Distrust> {
        let what = match what {
            Out::Batch(cargo, announced) => {
                self.skips.lose(announced);
                if why.fault() == Fault::Hopeless {
                    self.window.free(cargo.bytes);
                    out.push(Order::Refuse { id: cargo.id, reason: why.to_string() });
                    return Ok(());
                }
                return Err(Distrust::Refused { what: "batches", why, batch: Some(cargo.id) });
            }
            Out::Gap(_) => return Err(Distrust::Refused { what: "gap records", why, batch: None }),
            // What is told against it could not be read.
            Out::Baseline => {
                return Err(Distrust::Refused { what: "baselines", why, batch: None });
            }
            Out::Catalogue(_) => "the catalogue",
            Out::Health => "health",
            Out::Reply => {
                self.commands.answered();
                "answers to commands"
            }
            Out::Commands => return Ok(()),
        };
        out.push(Order::Note(Note::Refused { what, why }));
        Ok(())
    }

    /// What may be seen of a batch, with name and bytes of the catalogue it
    /// then speaks of. `None` when its catalogue is nowhere to be found.
    fn seen(
        &mut self,
        batch: &Batch,
        memory: &mut dyn Memory,
    ) -> Option<(Option<Batch>, CatalogueHash, Bytes)> {
        let native = &self.native;
        if batch.catalogue == native.view.of {
            let seen = native.view.of_batch(batch);
            return Some((seen, native.view.hash, native.catalogue.clone()));
        }
        if !self.earlier.iter().any(|view| view.of == batch.catalogue) {
            let plan = catalogue::decode(&memory.catalogue(batch.catalogue)?).ok()?;
            let view = View::new(&native.filter, &Arc::new(plan), batch.catalogue, name_of);
            self.earlier.push(view);
        }
        let view = self.earlier.iter().find(|view| view.of == batch.catalogue)?;
        let encoded = catalogue::encode(&view.catalogue).into();
        Some((view.of_batch(batch), view.hash, encoded))
    }
}

impl Session for NativeSession {
    fn will(&self) -> Option<Will> {
        self.will.clone()
    }

    fn connected(&mut self, now: Now, _: &mut dyn Memory, out: &mut Vec<Order>) {
        if let Some(order) = self.commands.subscribe(Token(self.tokens)) {
            self.out.push_back((Token(self.tokens), Out::Commands));
            self.tokens += 1;
            out.push(order);
        }
        self.tell_health(State::Online, now, out);
    }

    fn parcel(
        &mut self,
        parcel: Parcel,
        want: Want,
        _: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) {
        if self.native.view.is_whole() {
            self.send_whole(parcel, want, memory, out);
        } else {
            self.send_seen(&parcel, want, memory, out);
        }
    }

    fn gap(&mut self, record: &GapRecord, _: Now, out: &mut Vec<Order>) {
        let payload = gap::encode(&self.native.view.catalogue.gateway, record).into();
        let topic = self.native.topics.gap();
        self.publish(topic, payload, Keep::Passing, Out::Gap(record.id), out);
    }

    fn answered(
        &mut self,
        token: Token,
        answer: Answer,
        _: Now,
        out: &mut Vec<Order>,
    ) -> Result<(), Distrust> {
        let place = self.out.iter().position(|(waiting, _)| *waiting == token);
        let found = place.and_then(|place| self.out.remove(place));
        let found = match (answer, found) {
            (Answer::Refused(why), Some((_, what))) => return self.refused(what, why, out),
            (_, found) => found,
        };
        match found {
            Some((_, Out::Batch(cargo, _))) => {
                self.window.free(cargo.bytes);
                out.push(cargo.settle());
            }
            Some((_, Out::Gap(id))) => out.push(Order::SettleGap { id }),
            Some((_, Out::Commands)) if answer == Answer::Denied => {
                out.push(Order::Note(Note::CommandsDenied));
            }
            Some((_, Out::Reply)) => self.commands.answered(),
            Some((_, Out::Catalogue(_) | Out::Baseline | Out::Health | Out::Commands)) | None => {}
        }
        Ok(())
    }

    fn heard(&mut self, heard: Heard<'_>, now: Now, _: &mut dyn Memory, out: &mut Vec<Order>) {
        match self.commands.heard(heard, &self.native.view.catalogue) {
            Ok(order) => out.push(order),
            Err(reply) => self.reply(&reply, now, out),
        }
    }

    fn reply(&mut self, reply: &Reply, now: Now, out: &mut Vec<Order>) {
        if let Some((topic, body)) = self.commands.render(reply, now.wall) {
            self.publish(topic.to_string(), body, Keep::Passing, Out::Reply, out);
        }
    }

    fn more(&mut self, now: Now, _: &mut dyn Memory, out: &mut Vec<Order>) {
        match self.phase {
            Phase::Open if self.next_health.is_some_and(|at| at <= now.at) => {
                self.tell_health(State::Online, now, out);
            }
            Phase::Closing if self.out.is_empty() => {
                self.phase = Phase::Goodbye;
                self.tell_health(State::Stopped, now, out);
            }
            Phase::Goodbye if self.out.is_empty() => {
                self.phase = Phase::Gone;
                out.push(Order::Disconnect);
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Instant> {
        self.next_health
    }

    fn appetite(&self) -> Appetite {
        if self.phase == Phase::Open { self.window.appetite() } else { Appetite::default() }
    }

    fn is_online(&self) -> bool {
        true
    }

    fn stop(&mut self, _: Now, _: &mut Vec<Order>) {
        // The goodbye follows when nothing is out any more.
        self.phase = Phase::Closing;
        self.next_health = None;
    }

    fn bequeath(&mut self) -> Remains {
        let limit = self.native.packet_limit;
        for (_, what) in self.out.drain(..) {
            match what {
                Out::Batch(_, announced) => self.skips.lose(announced),
                Out::Catalogue(bytes) if bytes > limit => self.large_catalogues += 1,
                _ => {}
            }
        }
        Remains {
            skips: std::mem::take(&mut self.skips),
            large_catalogues: self.large_catalogues.min(ENOUGH),
            ..Remains::default()
        }
    }
}
