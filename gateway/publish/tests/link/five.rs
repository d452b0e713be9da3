//! MQTT 5: what it tells of a message that was not taken, what it allows, and servers that don't speak it.

use std::net::Ipv4Addr;
use std::time::Duration;

use forehearth_model::{BatchId, Epoch};
use forehearth_publish::Mqtt;
use forehearth_telemetry::native;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::broker::Mosquitto;
use crate::handshake::{field, packet};
use crate::memory_outbox::{Running, native_format, parcel, settings};
use crate::observer::Observer;

/// PUBACK reason codes (MQTT 5.0, 3.4.2.1).
const SUCCESS: u8 = 0;
const NO_SUBSCRIBERS: u8 = 0x10;
const UNSPECIFIED: u8 = 0x80;
const NOT_AUTHORISED: u8 = 0x87;
const QUOTA: u8 = 0x97;

/// A listener, and settings that lead to it.
async fn listen() -> (TcpListener, forehearth_publish::DestinationSettings) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut settings = settings(port, native_format());
    settings.keepalive = Duration::from_secs(20);
    (listener, settings)
}

/// The next connection, its CONNECT read; the protocol level of it. A bare
/// TCP connection (the probe after a failure) is passed over.
async fn accept(listener: &TcpListener) -> (TcpStream, u8) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut one = [0];
        if stream.peek(&mut one).await.unwrap_or(0) == 0 {
            continue;
        }
        let (first, body) = packet(&mut stream).await;
        assert_eq!(first, 0x10, "CONNECT");
        let mut rest = body.as_slice();
        assert_eq!(field(&mut rest), b"MQTT");
        return (stream, rest[0]);
    }
}

/// CONNACK of MQTT 5: no session, accepted, these properties.
async fn welcome(stream: &mut TcpStream, properties: &[u8]) {
    let length = u8::try_from(properties.len()).unwrap();
    let mut bytes = vec![0x20, length + 3, 0, 0, length];
    bytes.extend_from_slice(properties);
    stream.write_all(&bytes).await.unwrap();
}

/// A PUBLISH of MQTT 5 with QoS 1, taken apart (3.3 of that standard).
struct Publish {
    topic: String,
    id: [u8; 2],
    alias: Option<u16>,
    content: String,
    payload: Vec<u8>,
}

async fn publish(stream: &mut TcpStream) -> Publish {
    let (first, body) = packet(stream).await;
    assert_eq!(first & 0xf6, 0x32, "PUBLISH with QoS 1");
    let mut rest = body.as_slice();
    let topic = String::from_utf8(field(&mut rest).to_vec()).unwrap();
    let id = [rest[0], rest[1]];
    let (mut properties, payload) = rest[3..].split_at(usize::from(rest[2]));
    let (mut alias, mut content) = (None, String::new());
    while let Some((kind, after)) = properties.split_first() {
        properties = after;
        match kind {
            0x23 => {
                alias = Some(u16::from_be_bytes([properties[0], properties[1]]));
                properties = &properties[2..];
            }
            0x03 => content = String::from_utf8(field(&mut properties).to_vec()).unwrap(),
            // 0x02 would be an expiry.
            kind => panic!("property {kind:#x}"),
        }
    }
    Publish { topic, id, alias, content, payload: payload.to_vec() }
}

async fn puback(stream: &mut TcpStream, [high, low]: [u8; 2], reason: u8) {
    stream.write_all(&[0x40, 3, high, low, reason]).await.unwrap();
}

#[tokio::test]
async fn what_the_access_rules_forbid_waits_and_is_shown_and_goes_when_they_allow_it() {
    let rules = tempfile::tempdir().unwrap();
    let file = rules.path().join("rules");
    std::fs::write(&file, "topic readwrite fh/v1/acme/pot2-east/catalogue/#\n").unwrap();
    let lines = format!("allow_anonymous true\nacl_file {}", file.display());
    let mut broker = Mosquitto::start_with(&lines);
    let link = Running::start(settings(broker.port, native_format()));
    link.outbox.push(parcel(1));
    let status = &link.status;
    link.outbox.until("refusals", |_| status.snapshot().counts.refusals >= 3).await;
    let shown = link.status.snapshot();
    assert_eq!(shown.mqtt, "5");
    let refusal = shown.last_refusal.unwrap();
    assert!(refusal.contains("batches") && refusal.contains("access rules"), "{refusal}");
    assert!(shown.last_error.unwrap().contains("access rules"));
    {
        let state = link.outbox.state();
        assert!(state.settled.is_empty() && state.refused.is_empty(), "it waits");
    }
    broker.down();
    std::fs::write(&file, "topic readwrite #\n").unwrap();
    broker.up();
    link.outbox.until_settled(1).await;
}

#[tokio::test]
async fn a_quota_costs_no_batch_however_often_it_is_used_up() {
    let (listener, settings) = listen().await;
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut stream, _) = accept(&listener).await;
            welcome(&mut stream, &[]).await;
            tokio::spawn(async move {
                loop {
                    let sent = publish(&mut stream).await;
                    let batch = sent.topic.contains("batch");
                    let reason = if batch && turn < 6 { QUOTA } else { NO_SUBSCRIBERS };
                    puback(&mut stream, sent.id, reason).await;
                }
            });
        }
    });
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.push(parcel(2));
    link.outbox.until_settled(2).await;
    assert!(link.outbox.state().refused.is_empty());
    let shown = link.status.snapshot();
    assert!(shown.counts.refusals >= 6, "{shown:?}");
    assert!(shown.last_refusal.unwrap().contains("quota"));
}

#[tokio::test]
async fn a_batch_that_alone_is_refused_without_a_reason_is_given_up_when_others_pass() {
    let (listener, settings) = listen().await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = accept(&listener).await;
            welcome(&mut stream, &[]).await;
            tokio::spawn(async move {
                loop {
                    let sent = publish(&mut stream).await;
                    let guilty = sent.topic.contains("batch")
                        && native::decode(&sent.payload).unwrap().batch.id.number == 2;
                    puback(&mut stream, sent.id, if guilty { UNSPECIFIED } else { SUCCESS }).await;
                }
            });
        }
    });
    let link = Running::start(settings);
    (1..=4).for_each(|number| link.outbox.push(parcel(number)));
    let (outbox, status) = (&link.outbox, &link.status);
    for refusals in 1..=12 {
        outbox
            .until("another refusal", |state| {
                !state.refused.is_empty() || status.snapshot().counts.refusals >= refusals
            })
            .await;
        // New readings come all the while.
        outbox.push(parcel(4 + refusals));
    }
    outbox.until_settled(10).await;
    assert_eq!(outbox.state().refused, [BatchId::new(Epoch(1), 2)]);
}

#[tokio::test]
async fn no_more_is_out_than_the_receive_maximum_and_it_may_shrink() {
    let (listener, settings) = listen().await;
    let link = Running::start(settings);
    (1..=20).for_each(|number| link.outbox.push(parcel(number)));
    for most in [3_u8, 1] {
        let (mut stream, _) = accept(&listener).await;
        welcome(&mut stream, &[0x21, 0, most]).await; // Receive Maximum
        let mut out = Vec::new();
        for _ in 0..most {
            out.push(publish(&mut stream).await);
        }
        let more = tokio::time::timeout(Duration::from_millis(300), packet(&mut stream)).await;
        assert!(more.is_err(), "{most} are out, and here is another one");
        // Each confirmation makes room for one.
        puback(&mut stream, out.remove(0).id, SUCCESS).await;
        publish(&mut stream).await;
    }
    let (mut stream, _) = accept(&listener).await;
    welcome(&mut stream, &[0x21, 0, 2]).await;
    let answer = async {
        loop {
            let sent = publish(&mut stream).await;
            puback(&mut stream, sent.id, SUCCESS).await;
        }
    };
    tokio::select! {
        () = answer => {}
        () = link.outbox.until_settled(20) => {}
    }
}

#[tokio::test]
async fn a_packet_above_the_brokers_limit_is_never_sent_and_blocks_nothing() {
    let (listener, settings) = listen().await;
    let link = Running::start(settings);
    let mut large = parcel(1);
    large.bytes = vec![0; 900].into();
    link.outbox.push(large);
    link.outbox.push(parcel(2));
    let (mut stream, _) = accept(&listener).await;
    // Maximum Packet Size 300: the catalogue is larger too.
    welcome(&mut stream, &[0x27, 0, 0, 1, 44]).await;
    let sent = publish(&mut stream).await;
    assert_eq!(native::decode(&sent.payload).unwrap().batch.id.number, 2);
    puback(&mut stream, sent.id, SUCCESS).await;
    link.outbox.until_settled(1).await;
    assert_eq!(link.outbox.state().refused, [BatchId::new(Epoch(1), 1)], "declared");
    let shown = link.status.snapshot();
    assert!(shown.last_refusal.unwrap().contains("the catalogue"));
    assert_eq!((shown.counts.connects, shown.counts.failures), (1, 0));
}

#[tokio::test]
async fn a_batch_says_what_it_is_never_expires_and_names_its_topic_once() {
    let (listener, settings) = listen().await;
    let link = Running::start(settings);
    (1..=3).for_each(|number| link.outbox.push(parcel(number)));
    let (mut stream, level) = accept(&listener).await;
    assert_eq!(level, 5);
    welcome(&mut stream, &[0x22, 0, 5]).await; // Topic Alias Maximum
    let mut seen = Vec::new();
    for _ in 0..4 {
        let sent = publish(&mut stream).await; // panics at an expiry
        puback(&mut stream, sent.id, SUCCESS).await;
        seen.push((sent.topic, sent.alias, sent.content));
    }
    let batch = "application/vnd.forehearth.batch.v1";
    assert_eq!(seen[0].2, "application/vnd.forehearth.catalogue.v1");
    assert_eq!(seen[1], ("fh/v1/acme/pot2-east/batch/live".into(), Some(2), batch.into()));
    assert_eq!(seen[2], (String::new(), Some(2), batch.into()));
    assert_eq!(seen[3], seen[2]);
    link.outbox.until_settled(3).await;
}

#[tokio::test]
async fn short_topics_arrive_in_full_at_a_real_broker() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(broker.port, native_format()));
    for number in 1..=50 {
        link.outbox.push(parcel(number));
    }
    link.outbox.until_settled(50).await;
    for number in 1..=50 {
        let message = observer.next("fh/v1/acme/pot2-east/batch/live").await;
        assert_eq!(native::decode(&message.payload).unwrap().batch.id.number, number);
    }
    assert_eq!(link.status.snapshot().mqtt, "5");
}

/// A broker of MQTT 3.1.1 that turns 5 down with `answer` and closes.
async fn only_three(listener: TcpListener, answer: &'static [u8]) {
    loop {
        let (mut stream, level) = accept(&listener).await;
        if level == 5 {
            let _ = stream.write_all(answer).await;
            continue;
        }
        stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        tokio::spawn(async move {
            loop {
                let (first, body) = packet(&mut stream).await;
                if first & 0xf6 == 0x32 {
                    let mut rest = body.as_slice();
                    field(&mut rest);
                    stream.write_all(&[0x40, 2, rest[0], rest[1]]).await.unwrap();
                }
            }
        });
    }
}

#[tokio::test]
async fn a_server_that_turns_mqtt_5_down_is_spoken_to_in_3_1_1_at_once() {
    // As MQTT 3.1.1 says (code 1), as MQTT 5 says (0x84), and without a word.
    let answers: [&[u8]; 3] = [&[0x20, 2, 0, 1], &[0x20, 3, 0, 0x84, 0], &[]];
    for answer in answers {
        let (listener, settings) = listen().await;
        tokio::spawn(only_three(listener, answer));
        let link = Running::start(settings);
        link.outbox.push(parcel(1));
        link.outbox.until_settled(1).await;
        let shown = link.status.snapshot();
        assert_eq!((shown.mqtt, shown.counts.failures), ("3.1.1", 0), "{answer:x?}");
    }
}

#[tokio::test]
async fn a_server_that_turns_mqtt_5_down_is_not_spoken_to_where_5_was_asked_for() {
    let (listener, mut settings) = listen().await;
    settings.mqtt = Mqtt::Five;
    tokio::spawn(only_three(listener, &[0x20, 3, 0, 0x84, 0]));
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    let status = &link.status;
    link.outbox.until("failures", |_| status.snapshot().counts.failures >= 2).await;
    assert!(link.status.snapshot().last_error.unwrap().contains("does not speak MQTT 5"));
    assert!(link.outbox.state().settled.is_empty());
}

#[tokio::test]
async fn refused_gap_records_wait_too() {
    use forehearth_model::{GapCause, GapRecord, Lane, Stamp};
    let (listener, settings) = listen().await;
    let link = Running::start(settings);
    link.outbox.push_gap(GapRecord {
        id: 4,
        destination: "plant".into(),
        cause: GapCause::Shed,
        first: BatchId::new(Epoch(1), 1),
        last: BatchId::new(Epoch(1), 9),
        lane: Some(Lane::Live),
        readings: 90,
        from: Stamp(1),
        to: Stamp(2),
        declared: Stamp(3),
    });
    for reason in [NOT_AUTHORISED, SUCCESS] {
        let (mut stream, _) = accept(&listener).await;
        welcome(&mut stream, &[]).await;
        let sent = publish(&mut stream).await;
        assert!(sent.topic.ends_with("/gap"));
        assert!(link.outbox.state().settled_gaps.is_empty());
        puback(&mut stream, sent.id, reason).await;
        if reason == SUCCESS {
            link.outbox.until("the gap record", |state| state.settled_gaps == [4]).await;
        }
    }
}
