//! The consumer we hand out lands batches in a real PostgreSQL, each exactly once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::process::{Child, Stdio};
use std::time::Duration;

use forehearth_model::{
    Batch, BatchId, BootId, Catalogue, ClockState, DataType, DeviceEntry, DeviceId, Epoch, Grade,
    Lane, Quality, Reading, Run, Scaling, Stamp, TagEntry, TagId, TagKind, Value,
};
use forehearth_telemetry::native::{Baseline, BaselineName, Compression, Encoder, encode};
use forehearth_telemetry::{catalogue, topics::NativeTopics};
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::eventually::eventually;
use forehearth_tests::peer::{bound, root};
use forehearth_tests::postgres::Postgres;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

const WITHIN: Duration = Duration::from_secs(30);

/// `docs/consumers/ingest_postgres.py` at work. Killed when dropped.
struct Ingest(Child);

impl Ingest {
    fn start(broker: &Mosquitto, postgres: &Postgres, client: &str, share: &[&str]) -> Self {
        let child = bound(&root().join(".venv/bin/python"))
            .arg(root().join("docs/consumers/ingest_postgres.py"))
            .args(["--broker", &format!("127.0.0.1:{}", broker.port())])
            .args(["--topic", "fh/v1/acme/+", "--client", client])
            .args(["--database", &postgres.database()])
            .args(share)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("no .venv: run tests/setup/install.sh test");
        Self(child)
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Publishes with QoS 1 and waits until the broker has everything.
struct Publisher {
    client: Client,
    acknowledged: std::sync::mpsc::Receiver<()>,
    out: usize,
}

impl Publisher {
    fn start(port: u16) -> Self {
        let mut options = MqttOptions::new("gateways", "127.0.0.1", port);
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = Client::new(options, 1000);
        let (told, acknowledged) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for event in connection.iter().map_while(Result::ok) {
                if let Event::Incoming(Packet::PubAck(_)) = event
                    && told.send(()).is_err()
                {
                    return;
                }
            }
        });
        Self { client, acknowledged, out: 0 }
    }

    fn publish(&mut self, topic: String, retain: bool, payload: Vec<u8>) {
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload).unwrap();
        self.out += 1;
    }

    fn settle(&mut self) {
        for _ in 0..std::mem::take(&mut self.out) {
            self.acknowledged.recv_timeout(WITHIN).expect("the broker takes it");
        }
    }
}

fn plan(gateway: &str) -> Catalogue {
    let tag = |name: &str, scale| TagEntry {
        device: DeviceId(0),
        name: name.into(),
        data_type: DataType::Int,
        scaling: Scaling { scale, offset: 0.0, clamp: None },
        unit: "V".into(),
        unit_code: "VLT".into(),
        valid: None,
        kind: TagKind::Gauge,
        lane: Lane::Live,
        grade: Grade::General,
        plant_tag: String::new(),
        label: [String::new(), String::new()],
    };
    Catalogue {
        gateway: gateway.into(),
        path: "acme".into(),
        devices: vec![DeviceEntry { name: "cell-1".into(), handle: String::new() }],
        tags: vec![tag("U", 0.001), tag("state", 1.0), tag("flow", 1.0)],
    }
}

/// Three readings: a scaled integer, a text, a float that is not a number.
fn batch(plan: &Catalogue, number: u64) -> Batch {
    let reading = |tag, quality, value| Reading { tag: TagId(tag), quality, value };
    let seconds = i64::try_from(number).unwrap();
    Batch {
        id: BatchId::new(Epoch(7), number),
        lane: Lane::Live,
        catalogue: catalogue::hash(&catalogue::encode(plan)),
        boot: BootId(1),
        clock: ClockState::Synced,
        runs: vec![Run {
            device: DeviceId(0),
            stamp: Stamp(1_764_000_000_000_000 + seconds * 1_000_000),
            len: 3,
        }],
        readings: vec![
            reading(0, Quality::Good, Value::Int(4200 + seconds)),
            reading(1, Quality::Good, Value::Text("läuft\t\\N".into())),
            reading(2, Quality::UncertainOutOfRange, Value::F64(f64::NAN)),
        ],
    }
}

fn topics(gateway: &str) -> NativeTopics {
    NativeTopics::new(&format!("fh/v1/acme/{gateway}")).unwrap()
}

/// Waits until the database says so.
fn until(postgres: &Postgres, statement: &str, expected: &str) {
    let mut last = String::new();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(WITHIN, "the rows are there", || {
            last = postgres.ask(statement).unwrap_or_else(|error| error);
            (last == expected).then_some(())
        });
    }));
    assert!(found.is_ok(), "{statement}: {last:?} and not {expected:?}");
}

#[test]
fn batches_that_repeat_and_a_consumer_that_is_killed_leave_each_batch_once() {
    let (broker, postgres) = (Mosquitto::start(), Postgres::start());
    let plan = plan("gw-1");
    let topics = topics("gw-1");
    let mut gateway = Publisher::start(broker.port());
    let mut ingest = Ingest::start(&broker, &postgres, "ingest-1", &[]);
    gateway.publish(
        topics.catalogue(catalogue::hash(&catalogue::encode(&plan))),
        true,
        catalogue::encode(&plan),
    );
    until(&postgres, "SELECT count(*) FROM tag", "3");
    for number in 1..=200 {
        let message = encode("gw-1", &batch(&plan, number), &[]);
        for _ in 0..=number % 3 {
            gateway.publish(topics.batch(Lane::Live), false, message.clone());
        }
        if number % 60 == 0 {
            drop(ingest);
            ingest = Ingest::start(&broker, &postgres, "ingest-1", &[]);
        }
    }
    gateway.settle();
    let books = "SELECT count(*), count(DISTINCT number), min(number), max(number) FROM batch";
    until(&postgres, books, "200|200|1|200");
    until(&postgres, "SELECT count(*), count(DISTINCT (number, tag)) FROM reading", "600|600");
    until(
        &postgres,
        "SELECT device, name, round(value::numeric, 3), text, unit, quality, extract(epoch FROM time)::bigint \
         FROM named WHERE number = 17 ORDER BY name",
        "cell-1|U|4.217||V|0|1764000017\ncell-1|flow|NaN||V|18|1764000017\ncell-1|state||läuft\t\\N|V|0|1764000017",
    );
    drop(ingest);
}

#[test]
fn a_batch_waits_for_its_baseline_and_lands_when_it_comes() {
    let (broker, postgres) = (Mosquitto::start(), Postgres::start());
    let (plan, topics) = (plan("gw-1"), topics("gw-1"));
    let mut gateway = Publisher::start(broker.port());
    let _ingest = Ingest::start(&broker, &postgres, "ingest-1", &[]);
    until(&postgres, "SELECT count(*) FROM batch", "0");
    let first = batch(&plan, 1);
    let told = encode("gw-1", &first, &[]);
    let mut known = Baseline::default();
    known.take(&first);
    let base = Some((BaselineName::of(&told), &known));
    let needy = Encoder::new(Compression::Off).encode_against("gw-1", &batch(&plan, 2), &[], base);
    // Until the consumer has certainly subscribed, so that the order is ours.
    eventually(WITHIN, "the consumer hears", || {
        gateway.publish(topics.batch(Lane::Live), false, told.clone());
        gateway.settle();
        (postgres.ask("SELECT count(*) FROM batch").as_deref() == Ok("1")).then_some(())
    });
    gateway.publish(topics.batch(Lane::Live), false, needy);
    gateway.publish(topics.batch(Lane::Live), false, encode("gw-1", &batch(&plan, 3), &[]));
    gateway.settle();
    until(&postgres, "SELECT string_agg(number::text, ',' ORDER BY number) FROM batch", "1,3");
    gateway.publish(topics.baseline(0), true, told);
    gateway.settle();
    until(&postgres, "SELECT string_agg(number::text, ',' ORDER BY number) FROM batch", "1,2,3");
    until(&postgres, "SELECT whole FROM reading WHERE number = 2 AND tag = 0", "4202");
}

#[test]
fn a_hundred_gateways_are_shared_by_two_consumers() {
    let (broker, postgres) = (Mosquitto::start(), Postgres::start());
    let mut gateways = Publisher::start(broker.port());
    let share = ["--share", "ingest"];
    let _one = Ingest::start(&broker, &postgres, "ingest-1", &share);
    let two = Ingest::start(&broker, &postgres, "ingest-2", &share);
    let plans: Vec<_> = (1..=100).map(|number| plan(&format!("gw-{number:03}"))).collect();
    for plan in &plans {
        let encoded = catalogue::encode(plan);
        let topic = topics(&plan.gateway).catalogue(catalogue::hash(&encoded));
        gateways.publish(topic, true, encoded);
    }
    gateways.settle();
    until(&postgres, "SELECT count(*) FROM tag", "300");
    for number in 1..=10 {
        for plan in &plans {
            let message = encode(&plan.gateway, &batch(plan, number), &[]);
            gateways.publish(topics(&plan.gateway).batch(Lane::Live), false, message);
        }
        gateways.settle();
    }
    until(
        &postgres,
        "SELECT count(*), count(DISTINCT gateway), min(number), max(number) FROM batch",
        "1000|100|1|10",
    );
    until(&postgres, "SELECT count(*) FROM reading", "3000");
    drop(two);
}
