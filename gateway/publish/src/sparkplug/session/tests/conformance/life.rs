//! A whole life of a session, from its connect to its goodbye, and everything it said in it.

use std::sync::LazyLock;

use forehearth_model::{DataType as Iec, DeviceId, Reading, Run, Scaling};
use forehearth_telemetry::topics::{MessageType, SparkplugTopic};

use super::*;

/// One message as the broker gets it.
pub(super) struct Sent {
    /// Wall time in ms when it was ordered.
    pub(super) millis: i64,
    pub(super) kind: MessageType,
    pub(super) device: Option<String>,
    pub(super) message: Message,
    pub(super) payload: Payload,
}

/// Everything one session said.
pub(super) struct Life {
    pub(super) will: Will,
    /// With wall time in ms.
    pub(super) orders: Vec<(i64, Order)>,
    pub(super) sent: Vec<Sent>,
}

pub(super) static LIFE: LazyLock<Life> = LazyLock::new(record);

/// The datatype code and the value a metric of the birth declares.
pub(super) type Declared = HashMap<u64, (String, u32)>;

impl Life {
    /// All messages of a kind; there is at least one.
    pub(super) fn of(&self, kind: MessageType) -> Vec<&Sent> {
        let found: Vec<_> = self.sent.iter().filter(|sent| sent.kind == kind).collect();
        assert!(!found.is_empty(), "no {kind:?} in this life");
        found
    }

    /// All metrics of messages of these kinds.
    pub(super) fn metrics(&self, kinds: &[MessageType]) -> Vec<&Metric> {
        kinds.iter().flat_map(|kind| self.of(*kind)).flat_map(|s| &s.payload.metrics).collect()
    }

    /// What the births declare, by alias.
    pub(super) fn declared(&self) -> Declared {
        let births = self.metrics(&[MessageType::Nbirth, MessageType::Dbirth]);
        let with_alias = births.iter().filter_map(|metric| Some((metric.alias?, metric)));
        with_alias
            .map(|(alias, m)| (alias, (m.name.clone().unwrap(), m.datatype.unwrap())))
            .collect()
    }
}

/// A tag per IEC type on `cell-001`, one of them scaled, and one of `sis`.
pub(super) fn wide() -> Catalogue {
    let mut plan = plant::catalogue();
    let like = plan.tags[0].clone();
    let mut tags: Vec<_> = Iec::ALL
        .into_iter()
        .map(|data_type| {
            let mut tag = like.clone();
            (tag.name, tag.data_type) = (format!("槽/{}", data_type.name()), data_type);
            tag
        })
        .collect();
    let mut scaled = like;
    scaled.name = "scaled".into();
    scaled.scaling = Scaling { scale: 0.1, offset: -40.0, clamp: None };
    tags.extend([scaled, plan.tags[3].clone()]);
    plan.tags = tags;
    plan
}

/// A value of an IEC type that shows its sign and its width.
fn telling(data_type: Iec) -> Value {
    match data_type {
        Iec::Bool => Value::Bool(true),
        Iec::Sint => Value::Int(-2),
        Iec::Int => Value::Int(-30_000),
        Iec::Dint => Value::Int(-2_000_000_000),
        Iec::Lint => Value::Int(-9_000_000_000_000_000_000),
        Iec::Usint => Value::UInt(255),
        Iec::Uint => Value::UInt(65_535),
        Iec::Udint => Value::UInt(4_294_967_295),
        Iec::Ulint => Value::UInt(u64::MAX),
        Iec::Real => Value::F32(-1.5),
        Iec::Lreal => Value::F64(1e300),
        Iec::String => Value::Text("电解槽 7".into()),
    }
}

/// The tag of `sis`.
pub(super) const ESD: u32 = 13;

/// A batch of runs `(device, stamp in ms, readings)`.
fn batch_of(number: u64, runs: &[(u32, i64, Vec<Reading>)]) -> Batch {
    let mut batch = plant::batch(number, &[]);
    for (device, millis, readings) in runs {
        let len = u32::try_from(readings.len()).unwrap();
        let stamp = Stamp::from_millis(*millis);
        batch.runs.push(Run { device: DeviceId(*device), stamp, len });
        batch.readings.extend(readings.iter().cloned());
    }
    batch
}

/// All tags of `cell-001`.
fn cell(quality: Quality, null: bool) -> Vec<Reading> {
    let tags = (0..ESD).zip(Iec::ALL.map(Some).into_iter().chain([None]));
    tags.map(|(tag, data_type)| {
        let value = if null { Value::Null } else { telling(data_type.unwrap_or(Iec::Int)) };
        Reading { tag: TagId(tag), quality, value }
    })
    .collect()
}

fn esd(quality: Quality, value: Value) -> Vec<Reading> {
    vec![Reading { tag: TagId(ESD), quality, value }]
}

/// Plays the life: data of every type, good and bad, live and late; a gap
/// record; a device that dies and returns; garbage and a rebirth; more than
/// 256 messages; a stop.
fn record() -> Life {
    let mut rig = Rig::with(node(wide(), None, 256 * 1024));
    rig.archive.lasts = Iec::ALL
        .into_iter()
        .zip(0..)
        .map(|(data_type, age)| last(CONNECTED - 50 + age, Quality::Good, telling(data_type)))
        .chain([
            Last { stamp: None, quality: Quality::BadWaitingForFirstValue, value: Value::Null },
            last(CONNECTED - 1, Quality::UncertainOutOfRange, Value::Int(-1)),
        ])
        .collect();
    let will = rig.session.will().unwrap();
    let mut orders = Vec::new();
    let mut keep = |rig: &Rig, new: Vec<Order>| {
        orders.extend(new.into_iter().map(|order| (rig.millis, order)));
    };
    let connected = rig.connect();
    keep(&rig, connected);
    rig.millis += 10;
    let silent = Quality::BadNoCommunication;
    let steps = [
        batch_of(
            1,
            &[
                (0, CONNECTED - 40, cell(Quality::Good, false)),
                (0, CONNECTED + 5, cell(Quality::Good, false)),
                (1, CONNECTED + 6, esd(Quality::Good, Value::Int(0))),
            ],
        ),
        batch_of(2, &[(0, CONNECTED + 7, cell(Quality::BadDeviceFailure, true))]),
        batch_of(3, &[(0, CONNECTED + 8, cell(Quality::UncertainOutOfRange, false))]),
        batch_of(4, &[(1, CONNECTED + 9, esd(silent, Value::Null))]),
        batch_of(5, &[(1, CONNECTED + 10, esd(Quality::Good, Value::Int(-5)))]),
    ];
    for batch in steps {
        let said = rig.take(batch, Want::Live);
        keep(&rig, said);
    }
    let record = plant::gap(4);
    let told = rig.say(|session, now, _, out| session.gap(&record, now, out));
    keep(&rig, told);
    for (topic, payload) in [
        ("spBv1.0/G/NCMD/pot2-east", b"\xff".to_vec()),
        ("spBv1.0/G/DCMD/pot2-east/cell-001", vec![0; 90]),
        ("spBv1.0/G/NCMD/pot2-east", rebirth(true)),
    ] {
        let answer = rig.hear(topic, &payload, Keep::Passing);
        keep(&rig, answer);
    }
    for number in 6..300 {
        rig.millis += 1;
        let stamp = rig.millis;
        let batch = batch_of(number, &[(0, stamp, cell(Quality::Good, false))]);
        let said = rig.take(batch, Want::Live);
        keep(&rig, said);
    }
    let stopped = rig.say(|session, now, _, out| session.stop(now, out));
    keep(&rig, stopped);
    for token in 2..rig.session.tokens + 1 {
        let answered = rig.answer(token);
        keep(&rig, answered);
    }
    let sent = orders.iter().filter_map(|(millis, order)| sent(*millis, order)).collect();
    Life { will, orders, sent }
}

fn sent(millis: i64, order: &Order) -> Option<Sent> {
    let Order::Publish(message) = order else { return None };
    let topic = SparkplugTopic::parse(&message.topic).expect("a Sparkplug topic");
    Some(Sent {
        millis,
        kind: topic.kind,
        device: topic.device.map(str::to_owned),
        message: message.clone(),
        payload: format::decode(&message.payload).expect("a Sparkplug payload"),
    })
}
