//! The peers themselves: a proof is worth what its witnesses are.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::Devices;
use forehearth_tests::eventually::eventually;
use forehearth_tests::network::Network;
use forehearth_tests::sparkplug::SparkplugConsumer;
use rumqttc::{Client, MqttOptions, QoS};
use serde_json::json;

const WITHIN: Duration = Duration::from_secs(10);

/// Payload { timestamp = 1000, metrics = [bdSeq Int64 = 0], seq = 0 }
const NBIRTH: &[u8] = &[
    0x08, 0xe8, 0x07, // 1: timestamp, varint 1000
    0x12, 0x0e, // 2: metric, 14 bytes
    0x0a, 0x05, b'b', b'd', b'S', b'e', b'q', // 1: name
    0x18, 0xe8, 0x07, // 3: timestamp
    0x20, 0x04, // 4: datatype 4, Int64
    0x58, 0x00, // 11: long_value 0
    0x18, 0x00, // 3: seq 0
];

/// Payload { metrics = [count, alias 7, Int8 = -2, Quality 500], seq = 1 }
const DBIRTH: &[u8] = &[
    0x12, 0x26, // 2: metric, 38 bytes
    0x0a, 0x05, b'c', b'o', b'u', b'n', b't', // 1: name
    0x10, 0x07, // 2: alias 7
    0x18, 0xe9, 0x07, // 3: timestamp 1001
    0x20, 0x01, // 4: datatype 1, Int8
    0x4a, 0x10, // 9: properties, 16 bytes
    0x0a, 0x07, b'Q', b'u', b'a', b'l', b'i', b't', b'y', // 1: key
    0x12, 0x05, 0x08, 0x03, 0x18, 0xf4, 0x03, // 2: { 1: type Int32, 3: int_value 500 }
    0x50, 0xfe, 0xff, 0xff, 0xff, 0x0f, // 10: int_value -2 as uint32
    0x18, 0x01, // 3: seq 1
];

/// Payload { metrics = [alias 7, historical, Int8 = 5], seq = 3 }: seq 2 is missing
const DDATA: &[u8] = &[
    0x12, 0x09, // 2: metric, 9 bytes
    0x10, 0x07, // 2: alias 7
    0x18, 0xea, 0x07, // 3: timestamp 1002
    0x28, 0x01, // 5: is_historical
    0x50, 0x05, // 10: int_value 5
    0x18, 0x03, // 3: seq 3
];

#[test]
fn the_sparkplug_host_reads_the_standard_and_tells_each_broken_rule() {
    let broker = Mosquitto::start();
    let host = SparkplugConsumer::start(broker.port(), "test");
    let (client, mut connection) =
        Client::new(MqttOptions::new("node", "127.0.0.1", broker.port()), 10);
    std::thread::spawn(move || connection.iter().take_while(Result::is_ok).for_each(drop));
    let publish = |topic: &str, payload: &[u8]| {
        client.publish(format!("spBv1.0/test/{topic}"), QoS::AtMostOnce, false, payload).unwrap();
    };
    publish("NBIRTH/node", NBIRTH);
    publish("DBIRTH/node/press", DBIRTH);
    publish("DDATA/node/press", DDATA);
    publish("DDATA/node/stranger", &[0x18, 0x04]);
    publish("NDEATH/node", &[0x18, 0x09]);
    eventually(WITHIN, "the death arrives", || (host.messages("NDEATH") == 1).then_some(()));

    let born = host.births().into_iter().find(|arrival| arrival.tag == "count").unwrap();
    assert_eq!((born.value, born.micros, born.good), (json!(-2), 1_001_000, false));
    let data = host.arrivals().pop().unwrap();
    assert_eq!((data.value, data.micros, data.historical), (json!(5), 1_002_000, true));
    assert_eq!((&*data.device, &*data.tag), ("press", "count"));
    assert!(data.good, "no Quality means good");
    let violations = host.violations();
    assert_eq!(violations.len(), 3, "{violations:?}");
    assert!(violations[0].contains("seq 3 after 1"), "{violations:?}");
    assert!(violations[1].contains("'stranger' without its birth"), "{violations:?}");
    assert!(violations[2].contains("NDEATH with bdSeq None"), "{violations:?}");
}

#[test]
fn a_device_counts_and_logs_each_read_and_the_network_carries_it() {
    let devices = Devices::start(2, &json!({"holding": {"10": [4711]}}));
    let mut network = Network::to(devices.ports()[1]);
    let mut socket = TcpStream::connect(("127.0.0.1", network.port())).unwrap();
    socket.set_read_timeout(Some(WITHIN)).unwrap();
    // transaction 1, protocol 0, 6 bytes, unit 1, read holding registers, from 0, 11 words
    let ask = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 11];
    for count in 1..=2_u8 {
        socket.write_all(&ask).unwrap();
        let mut answer = [0; 9 + 22];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer[9..13], [0, 0, 0, count]);
        assert_eq!(answer[29..], 4711_u16.to_be_bytes());
    }
    let reads = devices.reads();
    assert_eq!(
        reads.iter().map(|read| (read.device, read.count)).collect::<Vec<_>>(),
        [(1, 1), (1, 2)]
    );
    network.cut();
    assert_eq!(socket.read(&mut [0; 1]).unwrap_or(0), 0);
}
