//! The CONNECT as it is on the wire, byte by byte, and what may not come before its CONNACK.

use std::net::Ipv4Addr;
use std::time::Duration;

use forehearth_publish::Intake;
use forehearth_telemetry::sparkplug;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::memory_outbox::{Running, parcel, settings, sparkplug_format};

/// A CONNECT of MQTT 3.1.1 taken apart (3.1 of that standard).
struct Connect {
    level: u8,
    clean: bool,
    will: bool,
    will_qos: u8,
    will_retain: bool,
    will_topic: String,
    will_payload: Vec<u8>,
}

/// One packet: first byte and body.
pub(crate) async fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = stream.read_u8().await.unwrap();
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await.unwrap();
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (first, body)
}

/// Text or bytes behind a length of two bytes.
pub(crate) fn field<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    let field = &rest[2..2 + length];
    *rest = &rest[2 + length..];
    field
}

fn take_apart(body: &[u8]) -> Connect {
    let mut rest = body;
    assert_eq!(field(&mut rest), b"MQTT");
    let (level, flags) = (rest[0], rest[1]);
    rest = &rest[4..]; // level, flags, keep-alive
    field(&mut rest); // client id
    Connect {
        level,
        clean: flags & 0x02 != 0,
        will: flags & 0x04 != 0,
        will_qos: flags >> 3 & 0x03,
        will_retain: flags & 0x20 != 0,
        will_topic: String::from_utf8(field(&mut rest).to_vec()).unwrap(),
        will_payload: field(&mut rest).to_vec(),
    }
}

/// A broker that accepts one connection and hands it over with its CONNECT.
async fn first_connect() -> (Running, TcpStream, Connect) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut settings = settings(port, sparkplug_format());
    settings.keepalive = Duration::from_secs(20);
    // Nobody takes them: they are refused, but subscribed.
    settings.commands = Some(Intake::new(tokio::sync::mpsc::channel(1).0, 1));
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    let (mut stream, _) = listener.accept().await.unwrap();
    let (first, body) = packet(&mut stream).await;
    assert_eq!(first, 0x10, "CONNECT");
    (link, stream, take_apart(&body))
}

#[tokio::test]
async fn tck_id_principles_persistence_clean_session_311() {
    let (_link, _stream, connect) = first_connect().await;
    assert_eq!((connect.level, connect.clean), (4, true), "MQTT 3.1.1, clean session");
}

#[tokio::test]
async fn tck_id_message_flow_edge_node_birth_publish_will_message() {
    let (_link, _stream, connect) = first_connect().await;
    assert!(connect.will);
    assert_eq!((connect.will_qos, connect.will_retain), (1, false));
    assert_eq!(connect.will_topic, "spBv1.0/G/NDEATH/pot2-east");
    let death = sparkplug::decode(&connect.will_payload).unwrap();
    assert_eq!((death.seq, death.metrics.len()), (None, 1));
    assert_eq!(death.metrics[0].name.as_deref(), Some("bdSeq"));
}

#[tokio::test]
async fn tck_id_message_flow_edge_node_birth_publish_connect() {
    let (_link, mut stream, _) = first_connect().await;
    let early = timeout(Duration::from_millis(300), stream.read_u8()).await;
    assert!(early.is_err(), "nothing before the CONNACK, data waits or not: {early:?}");
    stream.write_all(&[0x20, 2, 0, 0]).await.unwrap(); // CONNACK, accepted
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(packet(&mut stream).await);
    }
    // SUBSCRIBE has type 8 and flags 2; its filters end with the QoS.
    assert_eq!((kinds[0].0, kinds[1].0), (0x82, 0x82));
    assert!(kinds[..2].iter().all(|(_, body)| body.last() == Some(&1)), "QoS 1");
    assert!(String::from_utf8_lossy(&kinds[1].1).contains("spBv1.0/G/NCMD/pot2-east"));
    assert_eq!(kinds[2].0, 0x30, "then PUBLISH, QoS 0, not retained");
    assert!(String::from_utf8_lossy(&kinds[2].1).contains("/NBIRTH/"));
}
