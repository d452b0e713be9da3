//! Serial lines from the map to the broker: values are the units' own, and a dead unit costs its neighbours nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::time::Duration;

use forehearth_tests::arrival::Arrival;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::eventually::{eventually, pass};
use forehearth_tests::gateway::{Gateway, Map, now_micros};
use forehearth_tests::line::{SerialLine, UNITS};
use forehearth_tests::native::NativeConsumer;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// What each unit is asked for. Register n holds 3 n + unit, and every third
/// coil is set; hr:6 and hr:7 as one UDINT hold (18 + unit) * 65536 + 21 + unit.
const TAGS: &str = "first = { at = \"hr:0\", type = \"UINT\" }\n\
                    pair  = { at = \"hr:6\", type = \"UDINT\" }\n\
                    far   = { at = \"ir:199\", type = \"INT\" }\n\
                    set   = { at = \"co:3\", type = \"BOOL\" }\n\
                    clear = { at = \"co:4\", type = \"BOOL\" }";

fn expected(tag: &str, unit: u8) -> Value {
    let unit = u32::from(unit);
    match tag {
        "first" => json!(unit),
        "pair" => json!((18 + unit) * 65_536 + 21 + unit),
        "far" => json!(597 + unit),
        "set" => json!(true),
        _ => json!(false),
    }
}

fn name(unit: u8) -> String {
    format!("unit-{unit}")
}

/// A gateway that reads the line four times a second.
fn gateway(line: &SerialLine, broker: &Mosquitto) -> Gateway {
    let devices = UNITS.map(|unit| (name(unit), unit));
    let lines = "rate = \"250ms\"\nevery_sample = true";
    let map = Map::new().native("native", broker.port());
    let mut gateway =
        Gateway::new(&map.bus(line.url(), "timeout = \"500ms\"", &devices, lines, TAGS));
    gateway.start();
    gateway
}

/// Everything Good that arrived is what its unit holds.
fn assert_right(arrivals: &[Arrival]) {
    for arrival in arrivals.iter().filter(|arrival| arrival.good) {
        let unit = arrival.device.strip_prefix("unit-").unwrap().parse().unwrap();
        let held = expected(&arrival.tag, unit);
        assert_eq!(arrival.value, held, "{} of {}", arrival.tag, arrival.device);
    }
}

fn values_are_right(line: &SerialLine) {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let gateway = gateway(line, &broker);
    for unit in UNITS {
        for tag in ["first", "pair", "far", "set", "clear"] {
            let what = format!("{tag} of unit {unit} is good over {}", line.url());
            eventually(10 * SECOND, &what, || {
                let mut arrivals = consumer.arrivals().into_iter();
                arrivals.find(|a| a.device == name(unit) && a.tag == tag && a.good)
            });
        }
    }
    assert_right(&consumer.arrivals());
    assert_eq!(consumer.damaged(), Vec::<String>::new());
    gateway.assert_books_balance();
}

#[test]
fn rtu_behind_a_serial_server_arrives_as_its_units_hold_it() {
    values_are_right(&SerialLine::behind_server("rtu"));
}

#[test]
fn ascii_behind_a_serial_server_arrives_as_its_units_hold_it() {
    values_are_right(&SerialLine::behind_server("ascii"));
}

#[test]
fn rtu_at_a_serial_port_arrives_as_its_units_hold_it() {
    values_are_right(&SerialLine::at_port("rtu"));
}

#[test]
fn ascii_at_a_serial_port_arrives_as_its_units_hold_it() {
    values_are_right(&SerialLine::at_port("ascii"));
}

fn a_dead_unit_is_bad_and_its_neighbours_stay_good(mut line: SerialLine) {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let gateway = gateway(&line, &broker);
    let since = |unit: u8, good: bool, since: i64| -> Vec<i64> {
        let arrivals = consumer.arrivals().into_iter();
        let wanted = |a: &Arrival| {
            a.device == name(unit) && a.tag == "first" && a.good == good && a.micros > since
        };
        arrivals.filter(wanted).map(|a| a.micros).collect()
    };
    for unit in UNITS {
        eventually(10 * SECOND, "all units are good", || {
            (since(unit, true, 0).len() > 3).then_some(())
        });
    }

    line.kill(5);
    let killed = now_micros();
    eventually(5 * SECOND, "unit 5 is bad", || since(5, false, killed).first().copied());
    pass(4 * SECOND);
    let until = now_micros();
    for unit in [1, 9] {
        assert_eq!(since(unit, false, killed), Vec::<i64>::new(), "unit {unit} turned Bad");
        let good = since(unit, true, killed);
        // Four readings a second were due; waiting for unit 5 may cost some.
        let due = usize::try_from((until - killed) / 250_000).unwrap();
        assert!(good.len() * 2 > due, "unit {unit}: {} readings, {due} were due", good.len());
    }
    assert_eq!(since(5, true, killed), Vec::<i64>::new(), "a dead unit gave Good readings");

    line.revive(5);
    let revived = now_micros();
    eventually(40 * SECOND, "unit 5 is good again", || since(5, true, revived).first().copied());
    assert_right(&consumer.arrivals());
    gateway.assert_books_balance();
}

#[test]
fn a_dead_unit_behind_a_serial_server_is_bad_and_its_neighbours_stay_good() {
    a_dead_unit_is_bad_and_its_neighbours_stay_good(SerialLine::behind_server("rtu"));
}

#[test]
fn a_dead_unit_at_a_serial_port_is_bad_and_its_neighbours_stay_good() {
    a_dead_unit_is_bad_and_its_neighbours_stay_good(SerialLine::at_port("rtu"));
}
