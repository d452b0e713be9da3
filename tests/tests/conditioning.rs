//! Conditioning from the map over Modbus to the broker: computed tags, windows and totals, a device that dies, and a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::time::Duration;

use forehearth_tests::arrival::Arrival;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::Devices;
use forehearth_tests::eventually::eventually;
use forehearth_tests::gateway::{Gateway, Map, now_micros};
use forehearth_tests::native::NativeConsumer;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

/// The device counts how often it is read.
const TAGS: &str = r#"count = { at = "hr:0", type = "UDINT", kind = "counter", total = true, window = { every = "1s", keep = ["min", "max", "count"] } }
twice = { calc = "count * 2" }"#;

fn of(consumer: &NativeConsumer, tag: &str) -> Vec<Arrival> {
    consumer.arrivals().into_iter().filter(|arrival| arrival.tag == tag).collect()
}

#[test]
fn what_conditioning_tells_reaches_the_broker_survives_a_restart_and_ends_with_the_device() {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let mut devices = Devices::start(1, &json!({}));
    let url = format!("tcp://127.0.0.1:{}", devices.ports()[0]);
    let map = Map::new().native("native", broker.port()).device("device-0", &url, "100ms", TAGS);
    let mut gateway = Gateway::new(&map);
    gateway.start();

    eventually(15 * SECOND, "windows are told", || {
        (of(&consumer, "count.max").len() > 2).then_some(())
    });
    // A formula has the stamp of what it is computed of.
    let counts = of(&consumer, "count");
    for twice in of(&consumer, "twice").iter().filter(|twice| twice.good) {
        let source = counts.iter().find(|count| count.micros == twice.micros && count.good);
        let source = source.and_then(|source| source.value.as_f64());
        assert_eq!(twice.value.as_f64(), source.map(|source| 2.0 * source));
    }
    gateway.assert_books_balance();

    // A stop and a start: the total goes on from where it was.
    gateway.stop();
    let last = |good: &dyn Fn(&Arrival) -> bool| {
        let all = of(&consumer, "count.total").into_iter().filter(|total| good(total));
        all.filter_map(|total| Some((total.micros, total.value.as_u64()?))).last()
    };
    let before = eventually(5 * SECOND, "a total", || last(&|_| true));
    let restarted = now_micros();
    gateway.start();
    let after = eventually(10 * SECOND, "a total after the restart", || {
        last(&|total| total.micros > restarted)
    });
    assert!(after.1 > before.1, "the total fell from {before:?} to {after:?}");

    // The device dies: everything that is told of it turns Bad.
    let killed = now_micros();
    devices.kill(0);
    for tag in ["count", "twice", "count.max", "count.total"] {
        eventually(10 * SECOND, tag, || {
            of(&consumer, tag).iter().any(|a| a.micros > killed && !a.good).then_some(())
        });
    }
    gateway.assert_books_balance();
    assert_eq!(consumer.damaged(), Vec::<String>::new());
}
