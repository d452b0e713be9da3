//! Commands through a real broker: handed in, answered, refused, and never the end of a session.

use std::time::Duration;

use forehearth_model::Value;
use forehearth_publish::{DestinationSettings, Format, Incoming, Intake, Outcome};
use forehearth_telemetry::proto::sparkplug::payload::metric;
use forehearth_telemetry::sparkplug::{self, Metric, Payload};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::broker::Mosquitto;
use crate::memory_outbox::{Running, native_format, parcel, settings, sparkplug_format};
use crate::observer::Observer;

/// A destination that takes commands, and who gets them.
fn listening(
    port: u16,
    format: Format,
    queue: usize,
) -> (DestinationSettings, mpsc::Receiver<Incoming>) {
    let (out, commands) = mpsc::channel(queue);
    let mut settings = settings(port, format);
    settings.commands = Some(Intake::new(out, 64));
    (settings, commands)
}

async fn next(commands: &mut mpsc::Receiver<Incoming>) -> Incoming {
    timeout(Duration::from_secs(10), commands.recv()).await.expect("no command in 10 s").unwrap()
}

const CMD: &str = "fh/v1/acme/pot2-east/cmd";

fn asks(id: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","tag":"cell-001/counter","value":42,"expires_at":1764000000000}}"#)
        .into_bytes()
}

/// Settled once: the link is up and has subscribed.
async fn up(link: &Running) {
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
}

/// The next answer's fields.
async fn answer(observer: &mut Observer) -> serde_json::Value {
    serde_json::from_slice(&observer.next("/cmd/reply").await.payload).unwrap()
}

#[tokio::test]
async fn a_native_command_comes_in_and_its_answer_goes_out() {
    let json = Format::Json { topic: "fh/v1/acme/{device}".into(), per_tag: false, retain: false };
    for format in [native_format(), json] {
        let broker = Mosquitto::start();
        let mut observer = Observer::start(broker.port).await;
        let (settings, mut commands) = listening(broker.port, format, 8);
        let link = Running::start(settings);
        up(&link).await;
        observer.publish(CMD, asks("7"));
        let Incoming { broker, request, reply } = next(&mut commands).await;
        assert_eq!((&*broker, request.id.as_str()), ("plant", "7"));
        assert_eq!((request.device.as_str(), request.tag.as_str()), ("cell-001", "counter"));
        assert_eq!(request.value, Value::Int(42));
        reply.send(Outcome::Done, "", Some(Value::UInt(42)));
        let told = answer(&mut observer).await;
        assert_eq!(
            (&told["id"], &told["result"], &told["value"]),
            (&"7".into(), &"done".into(), &42.into())
        );
    }
}

#[tokio::test]
async fn ten_garbage_commands_never_drop_the_session() {
    let broker = Mosquitto::start();
    let garbage: [&[u8]; 10] = [
        b"",
        b"\0",
        b"{",
        b"[]",
        b"{}",
        &[0xff; 300],
        br#"{"id":"7","tag":"sis/none","value":1,"expires_at":1}"#,
        br#"{"id":"7","tag":"cell-001/counter","value":{},"expires_at":1}"#,
        br#"{"id":"7","tag":"cell-001/counter","value":1e999,"expires_at":1}"#,
        br#"{"id":7}"#,
    ];
    for (format, topics) in [
        (native_format(), vec![CMD]),
        (sparkplug_format(), vec!["spBv1.0/G/DCMD/pot2-east/cell-001", "spBv1.0/G/NCMD/pot2-east"]),
    ] {
        let observer = Observer::start(broker.port).await;
        let (settings, mut commands) = listening(broker.port, format, 8);
        let link = Running::start(settings);
        up(&link).await;
        for topic in &topics {
            garbage.iter().for_each(|payload| observer.publish(topic, payload.to_vec()));
        }
        for number in 2..=20 {
            link.outbox.push(parcel(number));
        }
        link.outbox.until_settled(20).await;
        let status = &link.status;
        link.outbox
            .until("all garbage was heard", |_| {
                let counts = status.snapshot().counts;
                let heard = counts.ignored_commands + counts.messages;
                heard >= 10 * topics.len() as u64
            })
            .await;
        assert_eq!(link.status.snapshot().counts.connects, 1, "one session all the time");
        assert!(commands.try_recv().is_err(), "nothing of it was handed in");
        link.stop().await;
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_counts() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let (settings, mut commands) = listening(broker.port, native_format(), 2);
    let link = Running::start(settings);
    up(&link).await;
    for number in 1..=5 {
        observer.publish(CMD, asks(&number.to_string()));
    }
    for number in 3..=5 {
        let told = answer(&mut observer).await;
        assert_eq!((&told["id"], &told["result"]), (&number.to_string().into(), &"refused".into()));
    }
    let counts = link.status.snapshot().counts;
    assert_eq!((counts.commands, counts.refused_commands), (2, 3));
    drop(next(&mut commands).await);
    let told = answer(&mut observer).await;
    assert_eq!((&told["id"], &told["result"]), (&"1".into(), &"failed".into()), "let go of");
}

#[tokio::test]
async fn a_sparkplug_command_comes_in_by_name_and_by_alias() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let (settings, mut commands) = listening(broker.port, sparkplug_format(), 8);
    let link = Running::start(settings);
    up(&link).await;
    let birth =
        sparkplug::decode(&observer.next("DBIRTH/pot2-east/cell-001").await.payload).unwrap();
    let metric = birth.metrics.iter().find(|m| m.name.as_deref() == Some("counter")).unwrap();
    for (name, alias) in [(metric.name.clone(), None), (None, metric.alias)] {
        let value = Some(metric::Value::IntValue(42));
        let asked = Metric { name, alias, value, datatype: metric.datatype, ..Metric::default() };
        let payload = Payload { metrics: vec![asked], ..Payload::default() };
        observer.publish("spBv1.0/G/DCMD/pot2-east/cell-001", sparkplug::encode(&payload));
        let Incoming { request, reply, .. } = next(&mut commands).await;
        assert_eq!((request.device.as_str(), request.tag.as_str()), ("cell-001", "counter"));
        assert_eq!(request.value.as_f64(), Some(42.0));
        reply.send(Outcome::Done, "", None);
    }
    link.outbox.push(parcel(2));
    link.outbox.until_settled(2).await;
}

#[tokio::test]
async fn with_commands_off_nothing_is_subscribed() {
    let broker = Mosquitto::start();
    let observer = Observer::start(broker.port).await;
    let link = Running::start(settings(broker.port, native_format()));
    up(&link).await;
    observer.publish(CMD, asks("7"));
    link.outbox.push(parcel(2));
    link.outbox.until_settled(2).await;
    let counts = link.status.snapshot().counts;
    assert_eq!((counts.fences, counts.ignored_commands), (0, 0), "no SUBSCRIBE, nothing heard");
}
