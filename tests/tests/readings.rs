//! What a device holds is what a consumer gets: every type, every word order, every table, in both formats.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::process::Command;
use std::time::Duration;

use forehearth_tests::arrival::Arrival;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::Devices;
use forehearth_tests::eventually::eventually;
use forehearth_tests::gateway::{Gateway, Map};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::peer::root;
use forehearth_tests::sparkplug::SparkplugConsumer;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// A tag: its line in the map, the words the device holds from that address
/// on, and what has to arrive.
struct Case {
    name: &'static str,
    at: &'static str,
    map: &'static str,
    table: &'static str,
    address: u16,
    words: &'static [u16],
    expected: Value,
}

/// Every IEC type, every word order of 32 bits, both of 16, scaling, and all
/// notations of an address. Bytes by hand from the types' definitions.
fn cases() -> Vec<Case> {
    let case = |name, map, at, address, words, expected| Case {
        name,
        at,
        map,
        table: "holding",
        address,
        words,
        expected,
    };
    vec![
        // -1234 is 0xFB2E
        case("int", "type = \"INT\"", "hr:10", 10, &[0xfb2e], json!(-1234)),
        // the same with its bytes swapped, addressed 1-based: 40012 is hr:11
        case("int_ba", "type = \"INT\", order = \"BA\"", "40012", 11, &[0x2efb], json!(-1234)),
        // 60000 is 0xEA60; 6-digit 1-based: 400013 is hr:12
        case("uint", "type = \"UINT\"", "400013", 12, &[0xea60], json!(60_000)),
        case("word", "type = \"WORD\"", "hr:0x0d", 13, &[0xbeef], json!(0xbeef)),
        // -123456789 is 0xF8A432EB
        case(
            "dint",
            "type = \"DINT\", order = \"ABCD\"",
            "hr:14",
            14,
            &[0xf8a4, 0x32eb],
            json!(-123_456_789),
        ),
        // 0x01020304 in the four orders
        case(
            "abcd",
            "type = \"UDINT\", order = \"ABCD\"",
            "hr:16",
            16,
            &[0x0102, 0x0304],
            json!(0x0102_0304),
        ),
        case(
            "cdab",
            "type = \"UDINT\", order = \"CDAB\"",
            "hr:18",
            18,
            &[0x0304, 0x0102],
            json!(0x0102_0304),
        ),
        case(
            "badc",
            "type = \"UDINT\", order = \"BADC\"",
            "hr:20",
            20,
            &[0x0201, 0x0403],
            json!(0x0102_0304),
        ),
        case(
            "dcba",
            "type = \"UDINT\", order = \"DCBA\"",
            "hr:22",
            22,
            &[0x0403, 0x0201],
            json!(0x0102_0304),
        ),
        // 4.25f is 0x40880000, exact in binary
        case(
            "real",
            "type = \"REAL\", order = \"CDAB\"",
            "hr:24",
            24,
            &[0x0000, 0x4088],
            json!(4.25),
        ),
        // -2.5 is 0xC004000000000000
        case(
            "lreal",
            "type = \"LREAL\", order = \"ABCDEFGH\"",
            "hr:26",
            26,
            &[0xc004, 0, 0, 0],
            json!(-2.5),
        ),
        // -2 as 64 bits
        case(
            "lint",
            "type = \"LINT\", order = \"ABCDEFGH\"",
            "hr:30",
            30,
            &[0xffff, 0xffff, 0xffff, 0xfffe],
            json!(-2),
        ),
        // 2^40 + 1, low word first
        case(
            "ulint",
            "type = \"ULINT\", order = \"GHEFCDAB\"",
            "hr:34",
            34,
            &[0x0001, 0x0000, 0x0100, 0x0000],
            json!(1_099_511_627_777_u64),
        ),
        // "Ofen 7", two characters a word, filled up with NUL
        case(
            "text",
            "type = \"STRING[8]\"",
            "hr:38",
            38,
            &[0x4f66, 0x656e, 0x2037, 0x0000],
            json!("Ofen 7"),
        ),
        // bit 3 of 0x0008 is set, bit 4 is not
        case("bit3", "type = \"BOOL\"", "hr:42.3", 42, &[0x0008], json!(true)),
        case("bit4", "type = \"BOOL\"", "hr:42.4", 42, &[0x0008], json!(false)),
        // 41 * 0.5 - 10
        case(
            "scaled",
            "type = \"INT\", scale = 0.5, offset = -10.0",
            "hr:43",
            43,
            &[41],
            json!(10.5),
        ),
        Case {
            table: "input",
            ..case("input", "type = \"INT\"", "30006", 5, &[0xffff], json!(-1))
        },
        Case { table: "coils", ..case("coil", "type = \"BOOL\"", "co:3", 3, &[1], json!(true)) },
        Case {
            table: "coils",
            ..case("coil_off", "type = \"BOOL\"", "00005", 4, &[0], json!(false))
        },
        Case {
            table: "discrete",
            ..case("contact", "type = \"BOOL\"", "10008", 7, &[1], json!(true))
        },
    ]
}

/// The registers for `modbus_server.py`: words by address, and the addresses
/// of bits that are set.
fn registers(cases: &[Case]) -> Value {
    let mut registers = json!({"holding": {}, "input": {}, "coils": [], "discrete": []});
    for case in cases {
        match &mut registers[case.table] {
            Value::Object(words) => {
                words.insert(case.address.to_string(), json!(case.words));
            }
            Value::Array(bits) if case.words == [1] => bits.push(json!(case.address)),
            _ => {}
        }
    }
    registers
}

fn map(cases: &[Case], port: u16, map: Map) -> Map {
    let tag = |case: &Case| {
        format!("{} = {{ at = \"{}\", {}, every_sample = true }}", case.name, case.at, case.map)
    };
    let tags = cases.iter().map(tag).collect::<Vec<_>>().join("\n");
    map.device("press", &format!("tcp://127.0.0.1:{port}"), "200ms", &tags)
}

/// Waits for every tag and compares.
fn assert_all_right(format: &str, cases: &[Case], arrivals: impl Fn() -> Vec<Arrival>) {
    for case in cases {
        let what = format!("{} arrives ({format})", case.name);
        let arrival = eventually(10 * SECOND, &what, || {
            arrivals().into_iter().rfind(|arrival| arrival.tag == case.name)
        });
        assert_eq!(arrival.device, "press");
        assert!(arrival.good, "{format}: {} is not good", case.name);
        assert!(
            same(&arrival.value, &case.expected),
            "{format}: {} is {}, expected {}",
            case.name,
            arrival.value,
            case.expected
        );
    }
}

/// JSON equality, in which 4 and 4.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

#[test]
fn every_type_and_word_order_arrives_as_the_device_holds_it() {
    let cases = cases();
    let broker = Mosquitto::start();
    let devices = Devices::start(1, &registers(&cases));
    let brokers = Map::new().native("native", broker.port()).sparkplug("sparkplug", broker.port());
    let native = NativeConsumer::start(broker.port());
    let sparkplug = SparkplugConsumer::start(broker.port(), "test");
    let mut gateway = Gateway::new(&map(&cases, devices.ports()[0], brokers));
    gateway.start();
    assert_all_right("native", &cases, || native.arrivals());
    assert_all_right("sparkplug", &cases, || sparkplug.arrivals());
    assert_eq!(sparkplug.violations(), Vec::<String>::new());
    assert_eq!(native.damaged(), Vec::<String>::new());
    let metrics = gateway.get("/metrics").unwrap();
    assert!(metrics.contains("forehearth_"), "{metrics}");
    gateway.assert_books_balance();
}

#[test]
fn the_python_decoder_of_the_docs_reads_the_same_bytes() {
    let cases = cases();
    let broker = Mosquitto::start();
    let devices = Devices::start(1, &registers(&cases));
    let consumer = NativeConsumer::start(broker.port());
    let map = map(&cases, devices.ports()[0], Map::new().native("native", broker.port()));
    let mut gateway = Gateway::new(&map);
    gateway.start();
    eventually(10 * SECOND, "five batches arrive", || {
        (consumer.payloads().len() >= 5).then_some(())
    });
    let dir = tempfile::tempdir().unwrap();
    let payloads = consumer.payloads();
    let files: Vec<_> = (0..payloads.len()).map(|n| dir.path().join(format!("{n}"))).collect();
    for (file, payload) in files.iter().zip(&payloads) {
        fs::write(file, payload).unwrap();
    }
    let output = Command::new(root().join(".venv/bin/python"))
        .arg(root().join("docs/consumers/decode_native.py"))
        .args(&files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).unwrap();
    // `gateway/epoch/number stamp device tag quality value`, a row per reading.
    let ours = consumer.batches().into_iter().take(payloads.len());
    let readings: usize = ours.map(|decoded| decoded.batch.readings.len()).sum();
    assert_eq!(rows.lines().count(), readings);
    let int = rows.lines().find(|row| row.split(' ').nth(3) == Some("0")).unwrap();
    assert!(int.starts_with("gateway/"), "{int}");
    assert!(int.ends_with(" -1234"), "the first tag of the map is -1234: {int}");
}
