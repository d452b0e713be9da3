//! Sparkplug as a host sees it on a real broker.

use forehearth_publish::LinkState;
use forehearth_telemetry::proto::sparkplug::payload::metric::Value as Wire;
use forehearth_telemetry::sparkplug::{self, Metric, Payload, REBIRTH};

use crate::broker::Mosquitto;
use crate::memory_outbox::{MemoryOutbox, Running, parcel, settings, sparkplug_format};
use crate::observer::{Message, Observer};
use crate::proxy::{Proxy, Way};

fn payload(message: &Message) -> Payload {
    sparkplug::decode(&message.payload).unwrap()
}

fn bd_seq(message: &Message) -> u64 {
    let payload = payload(message);
    let metric = payload.metrics.iter().find(|m| m.name.as_deref() == Some("bdSeq")).unwrap();
    match metric.value {
        Some(Wire::LongValue(number)) => number,
        ref other => panic!("bdSeq is no Int64: {other:?}"),
    }
}

#[tokio::test]
async fn without_a_fence_nothing_is_settled() {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let mut settings = settings(proxy.port, sparkplug_format());
    settings.keepalive = std::time::Duration::from_secs(20);
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    proxy.set(Way::HoldAnswers);
    link.outbox.push(parcel(2));
    while !payload(&observer.next("DDATA").await).uuid.unwrap().ends_with("/2") {}
    assert_eq!(link.outbox.state().settled.len(), 1, "it arrived, but who knows that");
    proxy.set(Way::Open);
    link.outbox.until_settled(2).await;
}

#[tokio::test]
async fn tck_id_topics_nbirth_bdseq_increment() {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(proxy.port, sparkplug_format()));
    for expected in 0..4 {
        assert_eq!(bd_seq(&observer.next("NBIRTH").await), expected);
        // x-will-delivered: link loss makes the broker deliver the will.
        proxy.set(Way::Cut);
        assert_eq!(bd_seq(&observer.next("NDEATH").await), expected);
        proxy.set(Way::Open);
    }
    drop(link);
}

#[tokio::test]
async fn tck_id_operational_behavior_edge_node_intentional_disconnect_ndeath() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(broker.port, sparkplug_format()));
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    link.stop().await;
    let death = observer.next("NDEATH").await;
    assert_eq!(bd_seq(&death), 0);
    observer.publish("after", Vec::new());
    let after = observer.next("").await;
    assert_eq!(after.topic, "after", "one NDEATH, the will is not sent too");
}

#[tokio::test]
async fn tck_id_operational_behavior_data_commands_rebirth_action_2() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let mut settings = settings(broker.port, sparkplug_format());
    let (out, _commands) = tokio::sync::mpsc::channel(1);
    settings.commands = Some(forehearth_publish::Intake::new(out, 1));
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    observer.next("DDATA").await;
    let ncmd = "spBv1.0/G/NCMD/pot2-east";
    for garbage in [&b"\xff\xff\xff"[..], b"", b"Node Control/Rebirth"] {
        observer.publish(ncmd, garbage.to_vec());
        observer.publish("spBv1.0/G/DCMD/pot2-east/cell-001", garbage.to_vec());
    }
    let ask = Payload {
        metrics: vec![Metric {
            name: Some(REBIRTH.into()),
            value: Some(Wire::BooleanValue(true)),
            ..Metric::default()
        }],
        ..Payload::default()
    };
    observer.publish(ncmd, sparkplug::encode(&ask));
    let birth = observer.next("NBIRTH").await;
    assert_eq!(bd_seq(&birth), 0, "the same as in the will");
    assert_eq!(payload(&birth).seq, Some(0));
    assert_eq!(payload(&observer.next("DBIRTH").await).seq, Some(1));
    assert_eq!(payload(&observer.next("DBIRTH").await).seq, Some(2));
    link.outbox.push(parcel(2));
    let data = payload(&observer.next("DDATA").await);
    assert_eq!(data.seq, Some(3));
    assert_eq!(data.uuid.as_deref(), Some("pot2-east/1/2"));
    let counts = link.status.snapshot().counts;
    assert_eq!((counts.connects, counts.rebirths), (1, 1), "garbage dropped no connection");
    assert_eq!(counts.ignored_commands, 6);
}

/// Numbers of the batches in DDATA messages, in order.
async fn numbers(observer: &mut Observer, count: usize) -> Vec<u64> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let uuid = payload(&observer.next("DDATA").await).uuid.unwrap();
        heard.push(uuid.rsplit('/').next().unwrap().parse().unwrap());
    }
    heard
}

#[tokio::test]
async fn x_sf_no_dup() {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(proxy.port, sparkplug_format()));
    let status = &link.status;
    for round in 0..4 {
        for number in 1..=20 {
            link.outbox.push(parcel(round * 20 + number));
        }
        link.outbox.until_settled(usize::try_from(round + 1).unwrap() * 20).await;
        // What is confirmed is not sent again, however the connection ends.
        proxy.set(Way::Cut);
        link.outbox.until("offline", |_| status.snapshot().state == LinkState::Offline).await;
        proxy.set(Way::Open);
    }
    link.outbox.push(parcel(81));
    link.outbox.until_settled(81).await;
    assert_eq!(numbers(&mut observer, 81).await, (1..=81).collect::<Vec<_>>());
}

#[tokio::test]
async fn x_sf_order() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let outbox = MemoryOutbox::default();
    (1..=300).for_each(|number| outbox.push_backlog(parcel(number)));
    let link = Running::start_with(settings(broker.port, sparkplug_format()), outbox);
    link.outbox.until_settled(300).await;
    assert_eq!(numbers(&mut observer, 300).await, (1..=300).collect::<Vec<_>>());
}

#[tokio::test]
async fn x_sf_live_during_replay() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let outbox = MemoryOutbox::default();
    (1..=300).for_each(|number| outbox.push_backlog(parcel(number)));
    let mut settings = settings(broker.port, sparkplug_format());
    settings.backlog = Some(2000);
    let link = Running::start_with(settings, outbox);
    observer.next("NBIRTH").await;
    let born = std::time::Instant::now();
    link.outbox.push(parcel(1000));
    while numbers(&mut observer, 1).await != [1000] {}
    assert!(born.elapsed() < std::time::Duration::from_secs(5), "{:?}", born.elapsed());
    assert!(link.outbox.state().settled.len() < 200, "the backlog still drains");
}

#[tokio::test]
async fn x_sf_historical_flag() {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(proxy.port, sparkplug_format()));
    let status = &link.status;
    link.outbox.until("born", |_| status.snapshot().state == LinkState::Online).await;
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    proxy.set(Way::Cut);
    link.outbox.until("offline", |_| status.snapshot().counts.failures > 0).await;
    link.outbox.push(parcel(2));
    proxy.set(Way::Open);
    link.outbox.until_settled(2).await;
    link.outbox.push(parcel(3));
    let mut flags = Vec::new();
    for _ in 0..3 {
        let data = payload(&observer.next("DDATA").await);
        flags.push((data.uuid.unwrap(), data.metrics[0].is_historical.unwrap_or(false)));
    }
    let expected = [(1, false), (2, true), (3, false)];
    let expected = expected.map(|(number, flag)| (format!("pot2-east/1/{number}"), flag));
    assert_eq!(flags, expected);
}
