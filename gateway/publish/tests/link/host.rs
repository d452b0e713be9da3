//! The primary host: births wait for it, and values wait while it is away.

use forehearth_publish::{DestinationSettings, Format, LinkState};
use forehearth_telemetry::proto::sparkplug::payload::metric::Value as Wire;
use forehearth_telemetry::sparkplug;

use crate::broker::Mosquitto;
use crate::memory_outbox::{Running, native_format, parcel, server, settings};
use crate::observer::{Message, Observer};

const STATE: &str = "spBv1.0/STATE/scada";

fn for_scada(port: u16) -> DestinationSettings {
    let primary_host = Some("scada".into());
    settings(port, Format::Sparkplug { group: "G".into(), primary_host })
}

fn state(online: bool, timestamp: u64) -> Vec<u8> {
    format!(r#"{{"online":{online},"timestamp":{timestamp}}}"#).into_bytes()
}

fn bd_seq(message: &Message) -> u64 {
    let payload = sparkplug::decode(&message.payload).unwrap();
    let metric = payload.metrics.into_iter().find(|m| m.name.as_deref() == Some("bdSeq"));
    match metric.unwrap().value {
        Some(Wire::LongValue(number)) => number,
        other => panic!("{other:?}"),
    }
}

fn number(data: &Message) -> u64 {
    let uuid = sparkplug::decode(&data.payload).unwrap().uuid.unwrap();
    uuid.rsplit('/').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn values_wait_for_the_host_and_arrive_when_it_is_back() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(for_scada(broker.port));
    let status = &link.status;
    let is = |state| status.snapshot().state == state;
    link.outbox.push(parcel(1));
    link.outbox.until("waiting", |_| is(LinkState::Waiting)).await;
    assert!(link.outbox.state().settled.is_empty());
    observer.retain(STATE, state(true, 10));
    link.outbox.until_settled(1).await;
    observer.retain(STATE, state(false, 20));
    observer.next("NDEATH").await;
    link.outbox.until("waiting", |_| is(LinkState::Waiting)).await;
    for number in 2..=9 {
        link.outbox.push(parcel(number));
    }
    observer.publish("while it is away", Vec::new());
    observer.next("while it is away").await;
    assert_eq!(link.outbox.state().settled.len(), 1, "no value goes to a host that is not there");
    observer.retain(STATE, state(true, 30));
    link.outbox.until_settled(9).await;
    let mut heard = Vec::new();
    while heard.len() < 9 {
        heard.push(number(&observer.next("DDATA").await));
    }
    // What it may have missed before it was known to be away comes again.
    assert_eq!(heard, (1..=9).collect::<Vec<_>>());
    assert_eq!(link.outbox.state().settled.len(), 9, "and is not settled twice");
    assert_eq!(status.snapshot().counts.repeated, 1);
}

#[tokio::test]
async fn a_host_that_goes_offline_makes_the_node_walk_to_the_next_server() {
    let (first, second) = (Mosquitto::start(), Mosquitto::start());
    let mut at_first = Observer::start(first.port).await;
    let mut at_second = Observer::start(second.port).await;
    at_first.retain(STATE, state(true, 10));
    at_second.retain(STATE, state(false, 5));
    let mut settings = for_scada(first.port);
    settings.servers.push(server(second.port));
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    let born = bd_seq(&at_first.next("NBIRTH").await);
    // The host moves to the other server.
    at_second.retain(STATE, state(true, 20));
    at_first.retain(STATE, state(false, 20));
    assert_eq!(bd_seq(&at_first.next("NDEATH").await), born, "a goodbye before it leaves");
    let moved = at_second.next("NBIRTH").await;
    assert_eq!(bd_seq(&moved), born + 1);
    link.outbox.push(parcel(2));
    link.outbox.until_settled(2).await;
    let heard = [number(&at_second.next("DDATA").await), number(&at_second.next("DDATA").await)];
    assert_eq!(heard, [1, 2], "1 may not have reached the host");
    let at = link.status.snapshot().server;
    assert_eq!(at, format!("127.0.0.1:{}", second.port));
    // Nothing more was said on the first: never two servers at once.
    let late = at_first.so_far();
    assert!(late.iter().all(|message| message.topic.contains("DDATA")), "{late:?}");
}

#[tokio::test]
async fn a_server_that_is_not_reached_makes_way_for_the_next() {
    let mut first = Mosquitto::start();
    let second = Mosquitto::start();
    let mut settings = settings(first.port, native_format());
    settings.servers.push(server(second.port));
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    first.down();
    link.outbox.push(parcel(2));
    link.outbox.until_settled(2).await;
    assert_eq!(link.status.snapshot().server, format!("127.0.0.1:{}", second.port));
}
