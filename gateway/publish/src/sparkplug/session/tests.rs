//! Exact packet sequences of one Sparkplug session, in virtual time.

mod conformance;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_model::{
    Batch, BatchId, Catalogue, CatalogueHash, Epoch, Quality, Stamp, TagId, Value,
};
use forehearth_telemetry::native;
use forehearth_telemetry::proto::sparkplug::payload::metric::Value as Wire;
use forehearth_telemetry::sparkplug::{self as format, DataType, Metric, REBIRTH};
use forehearth_telemetry::{catalogue, sparkplug::Payload};

use super::*;
use crate::outbox::Last;
use crate::plant::{self, Rows};
use crate::view::Filter;

/// Wall time of the connect, in ms.
const CONNECTED: i64 = 1_000_000;

struct Archive {
    lasts: Vec<Last>,
    catalogues: HashMap<CatalogueHash, Bytes>,
    backlog: u64,
}

impl Memory for Archive {
    fn last_values(&self) -> Vec<Last> {
        self.lasts.clone()
    }
    fn catalogue(&mut self, hash: CatalogueHash) -> Option<Bytes> {
        self.catalogues.get(&hash).cloned()
    }
    fn backlog(&self) -> u64 {
        self.backlog
    }
}

/// A session with its archive, in virtual time.
struct Rig {
    session: SparkplugSession,
    archive: Archive,
    start: Instant,
    millis: i64,
}

fn last(millis: i64, quality: Quality, value: Value) -> Last {
    Last { stamp: Some(Stamp::from_millis(millis)), quality, value }
}

fn node(plan: Catalogue, host: Option<&str>, limit: usize) -> Arc<Node> {
    node_of(plan, host, Walk::Alone, limit)
}

fn node_of(plan: Catalogue, host: Option<&str>, walk: Walk, limit: usize) -> Arc<Node> {
    let filter = Filter::default();
    let plan = Arc::new(plan);
    let node = Node::new("G", host, walk, filter, &plan, CatalogueHash(1), limit).unwrap();
    Arc::new(node.with_commands())
}

impl Rig {
    fn new() -> Self {
        Self::with(node(plant::catalogue(), None, 256 * 1024))
    }

    fn with(node: Arc<Node>) -> Self {
        let start = Instant::now();
        let now = Now { at: start, wall: Stamp::from_millis(CONNECTED) };
        let lasts = vec![
            last(CONNECTED - 10, Quality::Good, Value::Int(40)),
            last(CONNECTED - 30, Quality::Good, Value::Int(960)),
            Last { stamp: None, quality: Quality::BadWaitingForFirstValue, value: Value::Null },
            last(CONNECTED - 20, Quality::Good, Value::Int(-1)),
        ];
        Self {
            session: SparkplugSession::new(node, 7, Remains::default(), Pace::Full, now),
            archive: Archive { lasts, catalogues: HashMap::new(), backlog: 0 },
            start,
            millis: CONNECTED,
        }
    }

    fn now(&self) -> Now {
        let passed = u64::try_from(self.millis - CONNECTED).unwrap();
        Now {
            at: self.start + Duration::from_millis(passed),
            wall: Stamp::from_millis(self.millis),
        }
    }

    /// Everything a session says to an event and after it.
    fn say(
        &mut self,
        event: impl FnOnce(&mut SparkplugSession, Now, &mut Archive, &mut Vec<Order>),
    ) -> Vec<Order> {
        let (now, mut out) = (self.now(), Vec::new());
        event(&mut self.session, now, &mut self.archive, &mut out);
        for _ in 0..20 {
            self.session.more(now, &mut self.archive, &mut out);
        }
        out
    }

    fn connect(&mut self) -> Vec<Order> {
        self.say(|session, now, archive, out| session.connected(now, archive, out))
    }

    fn take(&mut self, batch: Batch, want: Want) -> Vec<Order> {
        let readings = u32::try_from(batch.readings.len()).unwrap();
        let bytes = native::encode("pot2-east", &batch, &[]).into();
        let (id, lane) = (batch.id, batch.lane);
        let parcel = Parcel { id, lane, readings, bytes, batch: Some(Arc::new(batch)) };
        self.say(|session, now, archive, out| session.parcel(parcel, want, now, archive, out))
    }

    fn live(&mut self, number: u64, rows: Rows<'_>) -> Vec<Order> {
        self.take(plant::batch(number, rows), Want::Live)
    }

    /// Tags of one device with this quality and no value.
    fn silence(&mut self, number: u64, device: u32, tags: &[u32]) -> Vec<Order> {
        let values: Vec<_> = tags.iter().map(|tag| (*tag, 0)).collect();
        let mut batch = plant::batch(number, &[(device, self.millis, &values)]);
        for reading in &mut batch.readings {
            (reading.quality, reading.value) = (Quality::BadNoCommunication, Value::Null);
        }
        self.take(batch, Want::Live)
    }

    fn answer(&mut self, token: u64) -> Vec<Order> {
        self.say(|session, now, _, out| {
            session.answered(Token(token), Answer::Granted, now, out).unwrap();
        })
    }

    fn hear(&mut self, topic: &str, payload: &[u8], keep: Keep) -> Vec<Order> {
        let heard = Heard { topic, payload, keep };
        self.say(|session, now, archive, out| session.heard(heard, now, archive, out))
    }
}

/// An order in one short line: `DDATA cell-001 #3 [2=5 4=1h]`.
fn line(order: &Order) -> String {
    match order {
        Order::Subscribe { filters, token } => {
            format!("SUBSCRIBE {} @{}", filters.join(","), token.0)
        }
        Order::Publish(message) => message_line(message),
        Order::Backlog => "backlog".into(),
        Order::Disconnect => "DISCONNECT".into(),
        Order::Settle { id, filtered } => format!("settle {id} -{filtered}"),
        Order::Refuse { id, .. } => format!("refuse {id}"),
        Order::SettleGap { id } => format!("settle gap {id}"),
        Order::Command(asked) => {
            format!("ask {}/{} = {:?}", asked.device, asked.tag, asked.value)
        }
        Order::Note(note) => format!("{note:?}"),
    }
}

fn message_line(message: &Message) -> String {
    assert_eq!(message.delivery, Delivery::Plain, "QoS 0");
    assert_eq!(message.keep, Keep::Passing, "not retained");
    let payload = format::decode(&message.payload).unwrap();
    let levels: Vec<_> = message.topic.split('/').collect();
    assert_eq!(levels[..2], ["spBv1.0", "G"]);
    assert_eq!(levels[3], "pot2-east");
    let seq = payload.seq.map_or(String::new(), |seq| format!(" #{seq}"));
    let metrics: Vec<_> = payload.metrics.iter().map(metric).collect();
    let device = levels.get(4).map_or(String::new(), |device| format!(" {device}"));
    format!("{}{device}{seq} [{}]", levels[2], metrics.join(" "))
}

fn metric(metric: &Metric) -> String {
    let name = metric.name.as_ref().map_or(String::new(), |name| format!("{name}:"));
    let alias = metric.alias.map_or(String::new(), |alias| alias.to_string());
    let value = match &metric.value {
        None => "null".into(),
        Some(Wire::IntValue(bits)) => bits.cast_signed().to_string(),
        Some(Wire::LongValue(long)) => long.to_string(),
        Some(Wire::BooleanValue(bit)) => bit.to_string(),
        Some(other) => format!("{other:?}"),
    };
    let history = if metric.is_historical == Some(true) { "h" } else { "" };
    format!("{name}{alias}={value}{history}")
}

fn lines(orders: &[Order]) -> Vec<String> {
    orders.iter().map(line).collect()
}

fn payloads(orders: &[Order], kind: &str) -> Vec<Payload> {
    let kind = format!("/{kind}/");
    let messages = orders.iter().filter_map(|order| match order {
        Order::Publish(message) if message.topic.contains(&kind) => Some(message),
        _ => None,
    });
    messages.map(|message| format::decode(&message.payload).unwrap()).collect()
}

const NBIRTH: &str = "NBIRTH #0 [Forehearth/Gap:1=null bdSeq:=7 Node Control/Rebirth:=false]";
const CELL: &str = "DBIRTH cell-001 #1 [temperature:3=960 voltage:2=40 running:4=null]";
const SIS: &str = "DBIRTH sis #2 [esd:5=-1]";

#[test]
fn tck_id_payloads_dbirth_order() {
    let mut rig = Rig::new();
    let expected = [
        "SUBSCRIBE spBv1.0/G/DCMD/pot2-east/+ @1",
        "SUBSCRIBE spBv1.0/G/NCMD/pot2-east @2",
        NBIRTH,
        CELL,
        SIS,
    ];
    // Also x-subscribe-before-birth, tck-id-message-flow-edge-node-ncmd-subscribe,
    // tck-id-topics-nbirth-seq-num, tck-id-payloads-dbirth-seq-inc,
    // tck-id-payloads-alias-birth-requirement, and sorted by time of acquisition:
    // tck-id-operational-behavior-data-publish-dbirth-order.
    assert_eq!(lines(&rig.connect()), expected);
    assert!(rig.session.is_online());
}

#[test]
fn tck_id_payloads_ndeath_bdseq() {
    let mut rig = Rig::new();
    let will = rig.session.will().unwrap();
    assert_eq!(&*will.topic, "spBv1.0/G/NDEATH/pot2-east");
    assert_eq!(will.keep, Keep::Passing);
    let death = format::decode(&will.payload).unwrap();
    assert_eq!(death.seq, None);
    assert_eq!(death.metrics.len(), 1);
    assert_eq!(death.metrics[0].datatype, Some(DataType::Int64.code()));
    assert_eq!(death.metrics[0].value, Some(Wire::LongValue(7)));
    let birth = &payloads(&rig.connect(), "NBIRTH")[0];
    let bd_seq = birth.metrics.iter().find(|m| m.name.as_deref() == Some("bdSeq")).unwrap();
    assert_eq!(bd_seq.value, death.metrics[0].value);
}

#[test]
fn tck_id_payloads_name_birth_data_requirement() {
    let mut rig = Rig::new();
    let mut orders = rig.connect();
    orders.extend(rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]));
    let all = ["NBIRTH", "DBIRTH", "DDATA"].map(|kind| payloads(&orders, kind)).concat();
    assert_eq!(all.len(), 4);
    for payload in all {
        assert!(payload.timestamp.is_some());
        assert!(payload.metrics.iter().all(|metric| metric.timestamp.is_some()));
    }
}

#[test]
fn tck_id_payloads_alias_data_cmd_requirement() {
    let mut rig = Rig::new();
    rig.connect();
    let orders =
        rig.live(1, &[(0, CONNECTED + 5, &[(0, 41), (1, 961)]), (1, CONNECTED + 6, &[(3, 0)])]);
    // The first fence is still out, so this batch is not fenced on its own.
    assert_eq!(lines(&orders), ["DDATA cell-001 #3 [2=41 3=961]", "DDATA sis #4 [5=0]"]);
    let data = payloads(&orders, "DDATA");
    assert!(data.iter().all(|data| data.uuid.as_deref() == Some("pot2-east/1/1")));
    let metrics = data.iter().flat_map(|data| &data.metrics);
    // tck-id-payloads-metric-datatype-not-req
    assert!(metrics.clone().all(|metric| metric.datatype.is_none() && metric.name.is_none()));
    assert_eq!(lines(&rig.answer(2)), ["SUBSCRIBE spBv1.0/G/NCMD/pot2-east @3"]);
    assert_eq!(lines(&rig.answer(3)), ["settle 1/1 -0"]);
}

#[test]
fn tck_id_payloads_sequence_num_incrementing() {
    let mut rig = Rig::new();
    let mut orders = rig.connect();
    for number in 1..=600 {
        orders.extend(rig.live(number, &[(0, CONNECTED + 5, &[(0, 41)])]));
    }
    let seqs: Vec<_> = orders
        .iter()
        .filter_map(|order| match order {
            Order::Publish(message) => format::decode(&message.payload).unwrap().seq,
            _ => None,
        })
        .collect();
    let expected: Vec<_> = (0..603).map(|number| number % 256).collect();
    assert_eq!(seqs, expected);
}

#[test]
fn x_sf_historical_flag() {
    let mut rig = Rig::new();
    rig.connect();
    rig.answer(2);
    let orders = rig.live(
        1,
        &[
            (0, CONNECTED - 2, &[(0, 38)]),
            (0, CONNECTED - 1, &[(0, 39)]),
            (0, CONNECTED, &[(0, 40)]),
            (0, CONNECTED + 1, &[(0, 41)]),
        ],
    );
    // Historical and live never share a payload, history goes first, and the
    // sample time stays (x-sf-timestamps-kept).
    assert_eq!(
        lines(&orders),
        [
            "DDATA cell-001 #3 [2=38h 2=39h]",
            "DDATA cell-001 #4 [2=40 2=41]",
            "SUBSCRIBE spBv1.0/G/NCMD/pot2-east @3"
        ]
    );
    let stamps: Vec<_> = payloads(&orders, "DDATA")
        .iter()
        .flat_map(|data| data.metrics.iter().map(|metric| metric.timestamp.unwrap()))
        .collect();
    assert_eq!(stamps, [999_998, 999_999, 1_000_000, 1_000_001]);
}

#[test]
fn tck_id_operational_behavior_data_commands_rebirth_action_3() {
    let mut rig = Rig::new();
    rig.connect();
    rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    rig.millis += 100;
    let ask = rebirth(true);
    let ncmd = "spBv1.0/G/NCMD/pot2-east";
    let orders = rig.hear(ncmd, &ask, Keep::Passing);
    assert_eq!(lines(&orders), ["Rebirth", NBIRTH, CELL, SIS]);
    // What was in flight stays in flight; what was read before the new birth
    // is history now.
    let orders = rig.live(2, &[(0, CONNECTED + 99, &[(0, 42)])]);
    assert_eq!(lines(&orders), ["DDATA cell-001 #3 [2=42h]"]);
    assert_eq!(lines(&rig.answer(2)), ["SUBSCRIBE spBv1.0/G/NCMD/pot2-east @3"]);
    assert_eq!(lines(&rig.answer(3)), ["settle 1/1 -0", "settle 1/2 -0"]);
}

fn rebirth(value: bool) -> Vec<u8> {
    let metrics = vec![Metric {
        name: Some(REBIRTH.into()),
        value: Some(Wire::BooleanValue(value)),
        ..Metric::default()
    }];
    format::encode(&Payload { metrics, ..Payload::default() })
}

#[test]
fn x_rebirth_false_ignored() {
    let mut rig = Rig::new();
    rig.connect();
    let ncmd = "spBv1.0/G/NCMD/pot2-east";
    assert_eq!(lines(&rig.hear(ncmd, &rebirth(false), Keep::Passing)), ["IgnoredCommand"]);
}

#[test]
fn a_retained_rebirth_that_comes_with_each_fence_causes_no_storm() {
    let mut rig = Rig::new();
    rig.connect();
    let ncmd = "spBv1.0/G/NCMD/pot2-east";
    assert_eq!(lines(&rig.hear(ncmd, &rebirth(true), Keep::Retained)), ["IgnoredCommand"]);
}

#[test]
fn x_cmd_garbage_survived() {
    let mut rig = Rig::new();
    rig.connect();
    for topic in ["spBv1.0/G/NCMD/pot2-east", "spBv1.0/G/DCMD/pot2-east/cell-001", "", "x/y"] {
        for garbage in [&b""[..], b"\xff", b"\x12\xff\xff\xff\xff\x0f", &[0; 5000]] {
            assert_eq!(lines(&rig.hear(topic, garbage, Keep::Passing)), ["IgnoredCommand"]);
        }
    }
    let orders = rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    assert_eq!(lines(&orders), ["DDATA cell-001 #3 [2=41]"]);
}

#[test]
fn tck_id_operational_behavior_device_ddeath() {
    let mut rig = Rig::new();
    rig.connect();
    rig.answer(2);
    rig.millis += 10;
    let orders = rig.silence(1, 0, &[0, 1]);
    assert_eq!(
        lines(&orders),
        ["DDATA cell-001 #3 [2=null 3=null]", "SUBSCRIBE spBv1.0/G/NCMD/pot2-east @3"],
        "one tag still answers"
    );
    let orders = rig.silence(2, 0, &[2]);
    assert_eq!(lines(&orders), ["DDATA cell-001 #4 [4=null]", "DDEATH cell-001 #5 []"]);
    // x-ddeath-no-data-after: later silence is covered by the DDEATH and
    // settled by the next fence.
    assert_eq!(lines(&rig.silence(3, 0, &[0, 1, 2])), [""; 0]);
    assert_eq!(lines(&rig.answer(3)), ["settle 1/1 -0", "SUBSCRIBE spBv1.0/G/NCMD/pot2-east @4"]);
    assert_eq!(lines(&rig.answer(4)), ["settle 1/2 -0", "settle 1/3 -0"]);
}

#[test]
fn x_dbirth_on_return() {
    let mut rig = Rig::new();
    rig.connect();
    rig.millis += 10;
    rig.silence(1, 1, &[3]);
    rig.millis += 1000;
    rig.archive.lasts[3] = last(rig.millis, Quality::Good, Value::Int(8));
    let orders = rig.live(2, &[(1, rig.millis, &[(3, 8)])]);
    assert_eq!(lines(&orders), ["DBIRTH sis #5 [esd:5=8]", "DDATA sis #6 [5=8]"]);
    assert!(payloads(&orders, "NBIRTH").is_empty());
    // And it can die again.
    assert_eq!(lines(&rig.silence(3, 1, &[3])), ["DDATA sis #7 [5=null]", "DDEATH sis #8 []"]);
}

#[test]
fn a_device_that_died_while_offline_is_buried_only_when_its_backlog_has_drained() {
    let mut rig = Rig::new();
    rig.archive.lasts[3] = last(CONNECTED - 5, Quality::BadNoCommunication, Value::Null);
    rig.archive.backlog = 2;
    let orders = rig.connect();
    assert_eq!(
        lines(&orders)[4],
        "DBIRTH sis #2 [esd:5=null]",
        "born, so that its history can flow"
    );
    rig.archive.backlog = 1;
    let orders = rig.take(plant::batch(1, &[(1, CONNECTED - 90, &[(3, 1)])]), Want::Backlog);
    assert_eq!(lines(&orders), ["DDATA sis #3 [5=1h]"]);
    rig.archive.backlog = 0;
    let orders = rig.take(plant::batch(2, &[(1, CONNECTED - 80, &[(3, 2)])]), Want::Backlog);
    assert_eq!(lines(&orders), ["DDATA sis #4 [5=2h]", "DDEATH sis #5 []"]);
}

#[test]
fn tck_id_operational_behavior_edge_node_intentional_disconnect_packet() {
    let mut rig = Rig::new();
    rig.connect();
    rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    let orders = rig.say(|session, now, _, out| session.stop(now, out));
    assert_eq!(lines(&orders), ["NDEATH [bdSeq:=7]", "SUBSCRIBE spBv1.0/G/NCMD/pot2-east @3"]);
    assert_eq!(rig.session.appetite(), Appetite::default(), "nothing more is taken");
    assert_eq!(lines(&rig.answer(2)), [""; 0]);
    assert_eq!(lines(&rig.answer(3)), ["settle 1/1 -0", "DISCONNECT"]);
}

#[test]
fn tck_id_message_flow_edge_node_birth_publish_phid_wait() {
    let mut rig = Rig::with(node(plant::catalogue(), Some("scada"), 256 * 1024));
    assert_eq!(
        lines(&rig.connect()),
        [
            "SUBSCRIBE spBv1.0/G/DCMD/pot2-east/+ @1",
            "SUBSCRIBE spBv1.0/G/NCMD/pot2-east,spBv1.0/STATE/scada @2"
        ]
    );
    assert_eq!(rig.session.appetite(), Appetite::default());
    let online = br#"{"online":true,"timestamp":5}"#;
    // tck-id-message-flow-edge-node-birth-publish-phid-wait-id
    rig.hear("spBv1.0/STATE/other", online, Keep::Retained);
    assert!(!rig.session.is_online());
    let orders = rig.hear("spBv1.0/STATE/scada", online, Keep::Retained);
    assert_eq!(lines(&orders), ["backlog", NBIRTH, CELL, SIS]);
    // tck-id-message-flow-edge-node-birth-publish-phid-offline
    let offline = br#"{"online":false,"timestamp":5}"#;
    let orders = rig.hear("spBv1.0/STATE/scada", offline, Keep::Passing);
    assert_eq!(lines(&orders), ["NDEATH [bdSeq:=7]", "SUBSCRIBE spBv1.0/G/NCMD/pot2-east @3"]);
    rig.answer(2);
    assert_eq!(lines(&rig.answer(3)), ["DISCONNECT"]);
}

#[test]
fn a_broker_that_refuses_our_command_topic_is_no_fence() {
    let mut rig = Rig::new();
    rig.connect();
    let (now, mut out) = (rig.now(), Vec::new());
    let refused = rig.session.answered(Token(2), Answer::Denied, now, &mut out);
    assert_eq!(refused, Err(Distrust::SubscriptionRefused("spBv1.0/G/NCMD/pot2-east".into())));
    // Commands are off: that DCMD is refused does not matter.
    assert_eq!(rig.session.answered(Token(1), Answer::Denied, now, &mut out), Ok(()));
}

#[test]
fn every_payload_stays_below_the_packet_limit() {
    let limit = 8 * 1024;
    let mut plan = plant::catalogue();
    let tag = plan.tags[0].clone();
    plan.tags = (0..300)
        .map(|number| {
            let mut tag = tag.clone();
            tag.name = format!("tag-{number:03}");
            tag
        })
        .collect();
    plan.devices.truncate(1);
    let mut rig = Rig::with(node(plan, None, limit));
    rig.archive.lasts = vec![last(CONNECTED, Quality::BadSensorFailure, Value::Int(-7)); 300];
    let mut orders = rig.connect();
    let values: Vec<_> = (0..300).map(|tag| (tag, -30_000)).collect();
    let mut batch = plant::batch(1, &[(0, CONNECTED + 1, &values)]);
    for reading in &mut batch.readings {
        reading.quality = Quality::UncertainOutOfRange;
    }
    orders.extend(rig.take(batch, Want::Live));
    let mut told = [0; 2];
    for order in &orders {
        let Order::Publish(message) = order else { continue };
        // Fixed header 5, topic length 2.
        assert!(message.payload.len() + message.topic.len() + 7 <= limit, "{}", message.topic);
        let metrics = format::decode(&message.payload).unwrap().metrics.len();
        told[0] += if message.topic.contains("/DBIRTH/") { metrics } else { 0 };
        told[1] += if message.topic.contains("/DDATA/") { metrics } else { 0 };
    }
    assert_eq!(told, [300, 300], "split, not truncated");
}

#[test]
fn values_of_an_earlier_plan_go_under_the_current_alias_and_none_is_dropped() {
    let mut old = plant::catalogue();
    // Then: cell-001 had `pressure` and `voltage` only, in this order.
    old.tags.truncate(2);
    old.tags[0].name = "pressure".into();
    old.tags[1].name = "voltage".into();
    old.devices.truncate(1);
    let mut rig = Rig::new();
    rig.archive.catalogues.insert(CatalogueHash(9), catalogue::encode(&old).into());
    rig.archive.backlog = 1;
    rig.connect();
    let mut batch = plant::batch(1, &[(0, CONNECTED - 90, &[(0, 11), (1, 22)])]);
    batch.catalogue = CatalogueHash(9);
    let orders = rig.take(batch, Want::Backlog);
    assert_eq!(
        lines(&orders),
        [
            "DBIRTH cell-001 #3 [temperature:3=960 voltage:2=40 running:4=null pressure:6=null]",
            "DDATA cell-001 #4 [6=11h 2=22h]",
        ]
    );
    // A catalogue that is nowhere: the batch becomes a gap record.
    let mut lost = plant::batch(2, &[(0, CONNECTED - 90, &[(0, 11)])]);
    lost.catalogue = CatalogueHash(10);
    assert_eq!(lines(&rig.take(lost, Want::Backlog)), ["refuse 1/2"]);
}

#[test]
fn a_device_of_an_earlier_plan_is_born_for_its_history_and_buried_after_it() {
    let mut old = plant::catalogue();
    old.devices[1].name = "mixer".into();
    let mut rig = Rig::new();
    rig.archive.catalogues.insert(CatalogueHash(9), catalogue::encode(&old).into());
    rig.connect();
    let mut batch = plant::batch(1, &[(1, CONNECTED - 90, &[(3, 11)])]);
    batch.catalogue = CatalogueHash(9);
    assert_eq!(
        lines(&rig.take(batch, Want::Backlog)),
        ["DBIRTH mixer #3 [esd:6=null]", "DDATA mixer #4 [6=11h]", "DDEATH mixer #5 []"]
    );
}

#[test]
fn a_batch_that_holds_nothing_for_this_destination_is_settled_as_filtered() {
    let filter = Filter::new(None, Some(&["sis".to_owned()])).unwrap();
    let plan = Arc::new(plant::catalogue());
    let node =
        Node::new("G", None, Walk::Alone, filter, &plan, CatalogueHash(1), 256 * 1024).unwrap();
    let mut rig = Rig::with(Arc::new(node.with_commands()));
    let orders = rig.connect();
    assert_eq!(lines(&orders)[3..], ["DBIRTH sis #1 [esd:2=-1]"], "aliases stay dense");
    let orders = rig.live(1, &[(0, CONNECTED + 5, &[(0, 41), (1, 7)])]);
    assert_eq!(lines(&orders), ["settle 1/1 -2"]);
    let orders = rig.live(2, &[(0, CONNECTED + 5, &[(0, 41)]), (1, CONNECTED + 5, &[(3, 1)])]);
    assert_eq!(lines(&orders), ["DDATA sis #2 [2=1]"]);
    rig.answer(2);
    assert_eq!(lines(&rig.answer(3)), ["settle 1/2 -1"]);
}

#[test]
fn a_quality_that_recovers_is_told_once() {
    let mut rig = Rig::new();
    rig.connect();
    let mut bad = plant::batch(1, &[(0, CONNECTED + 1, &[(0, 1)])]);
    bad.readings[0].quality = Quality::UncertainOutOfRange;
    let mut orders = rig.take(bad, Want::Live);
    orders.extend(rig.live(2, &[(0, CONNECTED + 2, &[(0, 2)])]));
    orders.extend(rig.live(3, &[(0, CONNECTED + 3, &[(0, 3)])]));
    let told: Vec<_> = payloads(&orders, "DDATA")
        .iter()
        .map(|data| data.metrics[0].properties.is_some())
        .collect();
    assert_eq!(told, [true, true, false]);
}

#[test]
fn a_gap_record_is_told_as_ndata_and_settled_by_a_fence() {
    let mut rig = Rig::new();
    rig.connect();
    let record = plant::gap(4);
    let orders = rig.say(|session, now, _, out| session.gap(&record, now, out));
    let data = &payloads(&orders, "NDATA")[0];
    assert_eq!((data.seq, data.metrics[0].alias), (Some(3), Some(1)));
    rig.answer(2);
    assert_eq!(lines(&rig.answer(3)), ["settle gap 4"]);
}

#[test]
fn an_unreadable_batch_is_given_up_and_not_sent() {
    let mut rig = Rig::new();
    rig.connect();
    let id = BatchId::new(Epoch(1), 5);
    let parcel = Parcel {
        id,
        lane: forehearth_model::Lane::Live,
        readings: 3,
        bytes: Bytes::from_static(b"not a batch"),
        batch: None,
    };
    let orders = rig
        .say(|session, now, archive, out| session.parcel(parcel, Want::Backlog, now, archive, out));
    assert_eq!(lines(&orders), ["refuse 1/5"]);
}

#[test]
fn tags_are_found_by_alias_and_retired_ones_are_not() {
    let rig = Rig::new();
    let layout = &rig.session.layout;
    assert_eq!(layout.tag(Layout::alias(TagId(3))), Some(TagId(3)));
    assert_eq!(layout.tag(Layout::alias(TagId(4))), None);
}

#[test]
fn a_live_batch_that_had_to_wait_is_history_once_it_was_overtaken() {
    let mut rig = Rig::new();
    rig.connect();
    rig.live(2, &[(0, CONNECTED + 20, &[(0, 42)])]);
    let late = plant::batch(
        1,
        &[
            (0, CONNECTED + 10, &[(0, 41)]),
            (0, CONNECTED + 30, &[(0, 43)]),
            (1, CONNECTED + 10, &[(3, 7)]),
        ],
    );
    assert_eq!(
        lines(&rig.take(late, Want::Backlog)),
        ["DDATA cell-001 #4 [2=41h]", "DDATA cell-001 #5 [2=43]", "DDATA sis #6 [5=7]"]
    );
}
