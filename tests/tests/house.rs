//! What the gateway knows of itself arrives like any other value: meters of links and units, and the health of the box.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use forehearth_tests::arrival::Arrival;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::eventually::eventually;
use forehearth_tests::gateway::{Gateway, Map};
use forehearth_tests::line::SerialLine;
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::peer::root;
use serde_json::Value;

const SECOND: Duration = Duration::from_secs(1);

/// The latest of a tag of the device `house`.
fn latest(consumer: &NativeConsumer, tag: &str) -> Option<Arrival> {
    let ours = |arrival: &Arrival| arrival.device == "house" && arrival.tag == tag;
    consumer.arrivals().into_iter().rfind(ours)
}

#[test]
fn a_unit_that_dies_is_seen_in_the_meters_of_its_link_at_the_broker() {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let mut line = SerialLine::behind_server("rtu");
    let units = [("alive".to_owned(), 1), ("dead".to_owned(), 5)];
    let house = "[[device]]\nname = \"house\"\ndriver = \"gateway\"\nrate = \"200ms\"\n[device.tags]\n\
         up = { at = \"link/bus/up\" }\n\
         timeouts = { at = \"link/bus/unit/5/timeouts\" }\n\
         answers = { at = \"link/bus/unit/5/up\" }\n\
         p99 = { at = \"link/bus/unit/1/round_trip_p99\" }\n\
         clock = { at = \"clock\" }\n\
         memory = { at = \"gateway_memory\" }\n\
         disk = { at = \"disk_free\" }\n";
    let map = Map::new()
        .native("native", broker.port())
        .bus(
            line.url(),
            "timeout = \"200ms\"",
            &units,
            "rate = \"200ms\"",
            "t = { at = \"hr:0\", type = \"INT\" }",
        )
        .written(house);
    let mut gateway = Gateway::new(&map);
    gateway.start();
    let timeouts = || latest(&consumer, "timeouts").and_then(|arrival| arrival.count());
    let answers = |wanted: bool| {
        latest(&consumer, "answers").filter(|a| a.good && a.value == Value::Bool(wanted))
    };
    eventually(10 * SECOND, "unit 5 answers", || answers(true));
    for tag in ["p99", "memory", "disk"] {
        let what = format!("{tag} is told");
        eventually(5 * SECOND, &what, || {
            latest(&consumer, tag).filter(|a| a.good && a.value.as_f64() > Some(0.0))
        });
    }
    let clock = eventually(SECOND, "the clock is told", || latest(&consumer, "clock"));
    assert!(clock.value.is_string(), "{clock:?}");

    let before = timeouts().unwrap();
    line.kill(5);
    eventually(10 * SECOND, "timeouts grow", || timeouts().filter(|now| *now > before));
    eventually(10 * SECOND, "unit 5 does not answer", || answers(false));
    assert_eq!(latest(&consumer, "up").unwrap().value, Value::Bool(true), "the link is open");

    let metrics = gateway.get("/metrics").unwrap();
    let down = "forehearth_unit{link=\"bus\",unit=\"5\",what=\"up\"} 0";
    assert!(metrics.contains(down), "{metrics}");
    let state = gateway.state().to_str().unwrap();
    let stat = Gateway::verb(&["device", "stat", "--state", state, "bus"]);
    let stat = String::from_utf8(stat.stdout).unwrap();
    assert!(stat.contains("unit 5: does not answer"), "{stat}");
    assert!(stat.contains("unit 1: answers"), "{stat}");
    gateway.assert_books_balance();
}

fn write(tree: &Path, file: &str, text: &str) {
    let file = tree.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

#[test]
fn the_health_of_the_box_arrives_and_what_it_has_not_is_bad_and_no_zero() {
    const TEMP: &str = "sys/class/thermal/thermal_zone0/temp";
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path();
    write(root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
    write(root, TEMP, "48250\n");
    write(root, "sys/block/mmcblk0/device/life_time", "0x02 0x01\n");
    write(root, "sys/class/hwmon/hwmon0/name", "ina219\n");
    write(root, "sys/class/hwmon/hwmon0/in1_input", "23500\n");
    write(root, "sys/bus/iio/devices/iio:device0/name", "ads1015\n");
    write(root, "sys/bus/iio/devices/iio:device0/in_voltage0_raw", "1000\n");
    write(root, "sys/bus/iio/devices/iio:device0/in_voltage0_scale", "2\n");
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let house = format!(
        "[[device]]\nname = \"house\"\ndriver = \"gateway\"\nurl = \"file://{}\"\nrate = \"100ms\"\n\
         [device.tags]\n\
         cpu = {{ at = \"cpu_temp\" }}\n\
         wear = {{ at = \"disk_wear\" }}\n\
         supply = {{ at = \"hwmon/ina219/in1\" }}\n\
         level = {{ at = \"iio/ads1015/voltage0\", scale = 0.001, unit = \"V\" }}\n\
         low = {{ at = \"undervoltage\" }}\n",
        root.display()
    );
    let mut gateway = Gateway::new(&Map::new().native("native", broker.port()).written(&house));
    gateway.start();
    let told = |tag: &str, value: f64| {
        eventually(10 * SECOND, &format!("{tag} is {value}"), || {
            latest(&consumer, tag)
                .filter(|a| a.good && a.value.as_f64().is_some_and(|v| (v - value).abs() < 1e-9))
        });
    };
    told("cpu", 48.25);
    told("wear", 20.0);
    told("supply", 23.5);
    told("level", 2.0);
    let bad = |tag: &str| {
        eventually(10 * SECOND, &format!("{tag} is bad"), || {
            latest(&consumer, tag).filter(|a| !a.good && a.value.is_null())
        });
    };
    bad("low");
    fs::write(root.join(TEMP), "61500\n").unwrap();
    told("cpu", 61.5);
    fs::remove_file(root.join(TEMP)).unwrap();
    bad("cpu");
    gateway.assert_books_balance();
}

#[test]
fn the_devices_of_the_page_have_no_mistakes() {
    let page = fs::read_to_string(root().join("docs/own-health.md")).unwrap();
    let devices = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let broker = Map::new().native("native", 1883);
    let gateway = Gateway::new(&broker);
    fs::write(gateway.config().join("devices/page.toml"), devices).unwrap();
    let checked = Gateway::verb(&["check", gateway.config().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && !text.contains("[FH"), "{text}");
}
