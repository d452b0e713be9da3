//! A device dies: its readings turn Bad at once and its neighbours notice nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::time::Duration;

use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::Devices;
use forehearth_tests::eventually::{eventually, pass};
use forehearth_tests::gateway::{Gateway, Map, now_micros};
use forehearth_tests::native::NativeConsumer;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);
const PERIOD_MICROS: i64 = 200_000;
/// Deadline of a request, the default.
const TIMEOUT_MICROS: i64 = 1_000_000;
/// Scheduling on two busy cores.
const JITTER_MICROS: i64 = 100_000;

#[test]
fn a_dead_device_is_bad_within_two_periods_while_the_others_miss_no_poll() {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let mut devices = Devices::start(3, &json!({}));
    let map = Map::new().native("native", broker.port()).counters(devices.ports(), "200ms");
    let mut gateway = Gateway::new(&map);
    gateway.start();
    let arrivals = |good: bool, since: i64| {
        let all = consumer.arrivals().into_iter();
        all.filter(move |a| a.device == "device-1" && a.good == good && a.micros > since)
            .map(|a| a.micros)
            .collect::<Vec<_>>()
    };
    eventually(10 * SECOND, "device-1 is good", || (arrivals(true, 0).len() > 3).then_some(()));

    let killed = now_micros();
    devices.kill(1);
    let bad =
        eventually(5 * SECOND, "device-1 is bad", || arrivals(false, killed).first().copied());
    let late = bad - killed;
    assert!(late <= 2 * PERIOD_MICROS + JITTER_MICROS, "Bad came only after {late} µs");
    pass(4 * SECOND);
    assert_eq!(arrivals(true, bad), Vec::<i64>::new(), "a dead device gave Good readings");

    let revived = now_micros();
    devices.revive(1);
    eventually(15 * SECOND, "device-1 is good again", || arrivals(true, revived).first().copied());

    let until = now_micros();
    let reads = devices.reads();
    for neighbour in [0, 2] {
        let times: Vec<_> = reads
            .iter()
            .filter(|read| read.device == neighbour && (killed..until).contains(&read.micros))
            .map(|read| read.micros)
            .collect();
        let expected = (until - killed) / PERIOD_MICROS - 1;
        let polls = i64::try_from(times.len()).unwrap();
        assert!(polls >= expected, "device-{neighbour}: {polls} polls, {expected} were due");
        let pause = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(pause < 2 * PERIOD_MICROS, "device-{neighbour} was not polled for {pause} µs");
    }
    gateway.assert_books_balance();
}

#[test]
fn a_hanging_device_is_bad_too_and_its_late_answers_are_not_believed() {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let mut devices = Devices::start(2, &json!({}));
    let map = Map::new().native("native", broker.port()).counters(devices.ports(), "200ms");
    let mut gateway = Gateway::new(&map);
    gateway.start();
    let arrivals = |good: bool, since: i64| {
        let all = consumer.arrivals().into_iter();
        all.filter(move |a| a.device == "device-1" && a.good == good && a.micros > since).count()
    };
    eventually(10 * SECOND, "device-1 is good", || (arrivals(true, 0) > 3).then_some(()));

    let slowed = now_micros();
    devices.delay(1, 5000); // longer than anyone waits; the timeout of a request is 1 s
    eventually(5 * SECOND, "device-1 is bad", || (arrivals(false, slowed) > 0).then_some(()));
    let hanging = now_micros();
    pass(3 * SECOND);
    assert_eq!(arrivals(true, hanging), 0, "a device that answers nothing gave Good readings");

    let healed = now_micros();
    devices.delay(1, 0);
    eventually(15 * SECOND, "device-1 is good again", || {
        (arrivals(true, healed) > 3).then_some(())
    });
    pass(3 * SECOND); // the answers of before trickle in
    let reads = devices.reads();
    let mut last = 0;
    for arrival in consumer.arrivals().iter().filter(|a| a.device == "device-1") {
        let Some(count) = arrival.count() else { continue };
        assert!(count > last, "old registers came as new: {count} after {last}");
        last = count;
        let read = reads.iter().find(|read| read.device == 1 && read.count == count).unwrap();
        let age = arrival.micros - read.micros;
        assert!(age < TIMEOUT_MICROS, "{count} was {age} µs old when it was stamped");
    }
    gateway.assert_books_balance();
}
