//! The JSON session: readings for people and dashboards, QoS 1, settled when every message of the batch is acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use forehearth_model::{Batch, Catalogue, CatalogueHash, GapRecord};
use forehearth_telemetry::topics::{JsonTopics, Level};
use forehearth_telemetry::{catalogue, json};

use crate::gap_json;
use crate::intake::Reply;
use crate::outbox::{Parcel, Want};
use crate::refusal::{Fault, Refusal};
use crate::session::{
    Answer, Appetite, Cargo, Delivery, Distrust, Heard, Keep, Memory, Message, Note, Now, Order,
    Session, Token, Will, Window,
};
use crate::settings::SettingsError;
use crate::suspicion::Pace;
use crate::text_commands::{CommandTopics, TextCommands};
use crate::unpack::{unknown_catalogue, unpack};
use crate::view::{Filter, View, name_of};

/// What a topic stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// All readings of a scan in one message.
    PerDevice,
    /// One message per reading.
    PerTag,
}

/// A plan with the topics of its devices and tags.
struct Named {
    view: View,
    /// By device, or by tag, of the view.
    topics: Vec<Arc<str>>,
}

/// What a JSON destination is, whatever connection it has.
pub(crate) struct Json {
    topics: JsonTopics,
    gap: Arc<str>,
    shape: Shape,
    filter: Filter,
    current: Named,
    commands: Option<CommandTopics>,
    keep: Keep,
}

impl Json {
    /// # Errors
    /// When a device or tag name is not legal in a topic.
    pub(crate) fn new(
        topics: JsonTopics,
        shape: Shape,
        filter: Filter,
        plan: &Arc<Catalogue>,
        hash: CatalogueHash,
    ) -> Result<Self, SettingsError> {
        let view = View::new(&filter, plan, hash, name_of);
        let current = Named::new(&topics, shape, view)?;
        let gap = topics.gap().into();
        Ok(Self { topics, gap, shape, filter, current, commands: None, keep: Keep::Passing })
    }

    /// The same, with readings kept by the broker or not.
    pub(crate) fn kept(self, keep: Keep) -> Self {
        Self { keep, ..self }
    }

    /// The same, listening to commands.
    pub(crate) fn with_commands(self, commands: Option<CommandTopics>) -> Self {
        Self { commands, ..self }
    }
}

impl Named {
    fn new(topics: &JsonTopics, shape: Shape, view: View) -> Result<Self, SettingsError> {
        let level = |what, name: &str| {
            Level::new(name).map_err(|error| SettingsError::name(what, name, &error))
        };
        let seen = &view.catalogue;
        let devices: Vec<Level> = seen
            .devices
            .iter()
            .map(|device| level("device", &device.name))
            .collect::<Result<_, _>>()?;
        let topics = match shape {
            Shape::PerDevice => devices.iter().map(|device| topics.device(device).into()).collect(),
            Shape::PerTag => seen
                .tags
                .iter()
                .map(|tag| {
                    let name = level("tag", &tag.name)?;
                    Ok(topics.tag(&devices[tag.device.index()], &name).into())
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { view, topics })
    }
}

/// A batch whose messages are out.
struct OutBatch {
    cargo: Cargo,
    /// Messages not acknowledged yet.
    left: usize,
    /// One of them can't be sent to this broker at all.
    hopeless: Option<Refusal>,
}

/// What a token stands for.
enum Out {
    /// A message of the batch with this serial number.
    Part(u64),
    Gap(u64),
    /// The subscription to commands.
    Commands,
    /// The answer to a command.
    Reply,
}

/// One connection of a JSON destination.
pub(crate) struct JsonSession {
    json: Arc<Json>,
    writer: json::Writer,
    window: Window,
    tokens: u64,
    out: VecDeque<(Token, Out)>,
    batches: VecDeque<(u64, OutBatch)>,
    serial: u64,
    earlier: Vec<Arc<Named>>,
    commands: TextCommands,
    stopping: bool,
    gone: bool,
}

impl JsonSession {
    pub(crate) fn new(json: Arc<Json>, pace: Pace) -> Self {
        let writer = json::Writer::new(&json.current.view.catalogue.gateway);
        let commands = TextCommands::new(json.commands.clone());
        Self {
            json,
            writer,
            window: Window::new(pace),
            tokens: 0,
            out: VecDeque::new(),
            batches: VecDeque::new(),
            serial: 0,
            earlier: Vec::new(),
            commands,
            stopping: false,
            gone: false,
        }
    }

    fn publish(&mut self, topic: Arc<str>, payload: Bytes, what: Out, out: &mut Vec<Order>) {
        let token = Token(self.tokens);
        self.tokens += 1;
        let keep = match what {
            Out::Part(_) => self.json.keep,
            Out::Gap(_) | Out::Commands | Out::Reply => Keep::Passing,
        };
        self.out.push_back((token, what));
        let content = "application/json";
        let delivery = Delivery::Confirmed(token);
        out.push(Order::Publish(Message { topic, payload, delivery, keep, content }));
    }

    /// What may be seen of a batch, and the names for it.
    fn seen(&mut self, batch: &Batch, memory: &mut dyn Memory) -> Option<Option<Arc<Named>>> {
        if batch.catalogue == self.json.current.view.of {
            return Some(None);
        }
        if let Some(known) = self.earlier.iter().find(|named| named.view.of == batch.catalogue) {
            return Some(Some(Arc::clone(known)));
        }
        let plan = Arc::new(catalogue::decode(&memory.catalogue(batch.catalogue)?).ok()?);
        let view = View::new(&self.json.filter, &plan, batch.catalogue, name_of);
        let named = Arc::new(Named::new(&self.json.topics, self.json.shape, view).ok()?);
        self.earlier.push(Arc::clone(&named));
        Some(Some(named))
    }

    /// Publishes a batch; returns how many messages and payload bytes.
    fn send(&mut self, batch: &Batch, named: &Named, out: &mut Vec<Order>) -> (usize, usize) {
        let (mut messages, mut bytes) = (0, 0);
        let seen = &named.view.catalogue;
        for (run, readings) in batch.iter() {
            if self.json.shape == Shape::PerDevice {
                let text = self.writer.device(seen, batch, run, readings);
                let payload = Bytes::copy_from_slice(text.as_bytes());
                let topic = Arc::clone(&named.topics[run.device.index()]);
                (messages, bytes) = (messages + 1, bytes + payload.len());
                self.publish(topic, payload, Out::Part(self.serial), out);
                continue;
            }
            for reading in readings {
                let tag = &seen.tags[reading.tag.index()];
                let text = self.writer.tag(tag, batch.id, run.stamp, reading);
                let payload = Bytes::copy_from_slice(text.as_bytes());
                let topic = Arc::clone(&named.topics[reading.tag.index()]);
                (messages, bytes) = (messages + 1, bytes + payload.len());
                self.publish(topic, payload, Out::Part(self.serial), out);
            }
        }
        (messages, bytes)
    }

    /// The broker did not take what is named.
    fn refused(&mut self, what: &Out, why: Refusal, out: &mut Vec<Order>) -> Result<(), Distrust> {
        match *what {
            Out::Part(serial) => {
                let found = self.batches.iter_mut().find(|(other, _)| *other == serial);
                let batch = found.map(|(_, batch)| batch);
                if why.fault() != Fault::Hopeless {
                    let batch = batch.map(|batch| batch.cargo.id);
                    return Err(Distrust::Refused { what: "batches", why, batch });
                }
                if let Some(batch) = batch {
                    batch.hopeless = Some(why);
                }
                self.part(serial, out);
            }
            Out::Gap(_) => {
                return Err(Distrust::Refused { what: "gap records", why, batch: None });
            }
            Out::Reply => {
                self.commands.answered();
                out.push(Order::Note(Note::Refused { what: "answers to commands", why }));
            }
            Out::Commands => {}
        }
        Ok(())
    }

    /// One message of a batch is acknowledged.
    fn part(&mut self, serial: u64, out: &mut Vec<Order>) {
        let Some(place) = self.batches.iter().position(|(other, _)| *other == serial) else {
            return;
        };
        let batch = &mut self.batches[place].1;
        batch.left -= 1;
        if batch.left == 0 {
            self.window.free(batch.cargo.bytes);
            out.push(match batch.hopeless {
                Some(why) => Order::Refuse { id: batch.cargo.id, reason: why.to_string() },
                None => batch.cargo.settle(),
            });
            self.batches.remove(place);
        }
    }
}

impl Session for JsonSession {
    fn will(&self) -> Option<Will> {
        None
    }

    fn connected(&mut self, _: Now, _: &mut dyn Memory, out: &mut Vec<Order>) {
        if let Some(order) = self.commands.subscribe(Token(self.tokens)) {
            self.out.push_back((Token(self.tokens), Out::Commands));
            self.tokens += 1;
            out.push(order);
        }
    }

    fn parcel(
        &mut self,
        parcel: Parcel,
        _: Want,
        _: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) {
        let batch = match unpack(&parcel) {
            Ok(batch) => batch,
            Err(order) => return out.push(order),
        };
        let Some(earlier) = self.seen(&batch, memory) else {
            return out.push(unknown_catalogue(parcel.id, batch.catalogue));
        };
        let json = Arc::clone(&self.json);
        let named = earlier.as_deref().unwrap_or(&json.current);
        let Some(seen) = named.view.of_batch(&batch) else {
            return out.push(Order::Settle { id: parcel.id, filtered: parcel.readings });
        };
        self.serial += 1;
        let (left, bytes) = self.send(&seen, named, out);
        let shown = u32::try_from(seen.readings.len()).unwrap_or(u32::MAX);
        let filtered = parcel.readings.saturating_sub(shown);
        let cargo = Cargo { id: parcel.id, filtered, bytes };
        self.window.take(bytes);
        self.batches.push_back((self.serial, OutBatch { cargo, left, hopeless: None }));
    }

    fn gap(&mut self, record: &GapRecord, _: Now, out: &mut Vec<Order>) {
        let topic = Arc::clone(&self.json.gap);
        self.publish(topic, gap_json::text(record).into(), Out::Gap(record.id), out);
    }

    fn answered(
        &mut self,
        token: Token,
        answer: Answer,
        _: Now,
        out: &mut Vec<Order>,
    ) -> Result<(), Distrust> {
        let place = self.out.iter().position(|(waiting, _)| *waiting == token);
        let found = match (answer, place.and_then(|place| self.out.remove(place))) {
            (Answer::Refused(why), Some((_, what))) => return self.refused(&what, why, out),
            (_, found) => found,
        };
        match found {
            Some((_, Out::Part(serial))) => self.part(serial, out),
            Some((_, Out::Gap(id))) => out.push(Order::SettleGap { id }),
            Some((_, Out::Commands)) if answer == Answer::Denied => {
                out.push(Order::Note(Note::CommandsDenied));
            }
            Some((_, Out::Reply)) => self.commands.answered(),
            Some((_, Out::Commands)) | None => {}
        }
        Ok(())
    }

    fn heard(&mut self, heard: Heard<'_>, now: Now, _: &mut dyn Memory, out: &mut Vec<Order>) {
        match self.commands.heard(heard, &self.json.current.view.catalogue) {
            Ok(order) => out.push(order),
            Err(reply) => self.reply(&reply, now, out),
        }
    }

    fn reply(&mut self, reply: &Reply, now: Now, out: &mut Vec<Order>) {
        if let Some((topic, body)) = self.commands.render(reply, now.wall) {
            self.publish(topic, body, Out::Reply, out);
        }
    }

    fn more(&mut self, _: Now, _: &mut dyn Memory, out: &mut Vec<Order>) {
        if self.stopping && self.out.is_empty() && !self.gone {
            self.gone = true;
            out.push(Order::Disconnect);
        }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn appetite(&self) -> Appetite {
        if self.stopping { Appetite::default() } else { self.window.appetite() }
    }

    fn is_online(&self) -> bool {
        true
    }

    fn stop(&mut self, _: Now, _: &mut Vec<Order>) {
        self.stopping = true;
    }
}
