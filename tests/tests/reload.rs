//! The map changes while readings flow: what does not change misses no poll, nothing is lost, and a mistake changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::{Devices, Read};
use forehearth_tests::eventually::{eventually, pass};
use forehearth_tests::gateway::{Gateway, Map, now_micros};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::network::Network;
use forehearth_tests::peer::free_port;
use forehearth_tests::proof::{kill_at, lost, stop_between, unmarked_repeats};
use forehearth_tests::sparkplug::SparkplugConsumer;
use rustix::process::Signal;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// A poll each 100 ms; two slots without one are a pause.
const PERIOD: Duration = Duration::from_millis(100);

/// Longest time between two polls of a device that nobody touched: a period,
/// and what a machine with two busy cores adds.
const UNTOUCHED: Duration = Duration::from_millis(190);

const COUNT: &str = "count = { at = \"hr:0\", type = \"UDINT\", order = \"ABCD\" }";

fn device(map: Map, number: usize, devices: &Devices, tags: &str) -> Map {
    let url = format!("tcp://127.0.0.1:{}", devices.ports()[number]);
    map.device(&format!("device-{number}"), &url, "100ms", tags)
}

fn report(gateway: &Gateway, arguments: &[&str]) -> Value {
    let output = gateway.ask(&[&["reload", "--json"], arguments].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// The longest pause between two reads of a device, from this moment on.
fn longest_pause(reads: &[Read], device: usize, since: i64) -> Duration {
    let times: Vec<i64> = reads
        .iter()
        .filter(|read| read.device == device && read.micros >= since)
        .map(|read| read.micros)
        .collect();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("it is read");
    Duration::from_micros(longest.unsigned_abs())
}

fn tags_of(arrivals: &[forehearth_tests::arrival::Arrival]) -> BTreeSet<String> {
    arrivals.iter().map(|arrival| format!("{}/{}", arrival.device, arrival.tag)).collect()
}

#[test]
fn a_change_touches_what_changes_and_loses_nothing() {
    let broker = Mosquitto::start();
    let second = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let devices = Devices::start(3, &json!({}));
    let base = || Map::new().native("plant", broker.port());
    let map = device(base().native("gone", free_port()), 0, &devices, COUNT);
    let map = device(map, 1, &devices, COUNT);
    let mut gateway = Gateway::new(&map);
    gateway.start();
    eventually(10 * SECOND, "both devices arrive", || {
        (tags_of(&consumer.arrivals()).len() == 2).then_some(())
    });
    gateway.assert_books_balance();

    // Device 1 gets a tag and loses its place to device 2, which comes before
    // it; one broker goes, one comes; device 0 stays as it is.
    let changed_at = now_micros();
    let more = format!("{COUNT}\nextra = {{ at = \"hr:4\", type = \"UINT\" }}");
    let map = device(base().native("second", second.port()), 2, &devices, COUNT);
    let map = device(map, 0, &devices, COUNT);
    let map = device(map, 1, &devices, &more);
    let other = NativeConsumer::start(second.port());
    gateway.configure(&map);
    let told = report(&gateway, &[]);
    assert_eq!(told["outcome"], "taken-up", "{told}");
    assert_eq!(told["links_restarted"], json!(["device-2", "device-1"]), "{told}");
    assert_eq!(told["brokers_restarted"], json!(["second"]), "{told}");
    let expected = ["device-0/count", "device-1/count", "device-1/extra", "device-2/count"];
    let expected: BTreeSet<String> = expected.map(str::to_owned).into();
    eventually(10 * SECOND, "everything arrives at the new broker", || {
        (tags_of(&other.arrivals()) == expected).then_some(())
    });
    eventually(10 * SECOND, "everything arrives at the old one", || {
        (tags_of(&consumer.arrivals()) == expected).then_some(())
    });
    gateway.assert_books_balance();

    // And device 1 goes, while another device's tag gets another name.
    let renamed = COUNT.replace("count", "number");
    let map = device(base().native("second", second.port()), 2, &devices, &renamed);
    let map = device(map, 0, &devices, COUNT);
    gateway.configure(&map);
    let told = report(&gateway, &[]);
    assert_eq!(told["links_restarted"], json!([]), "a name touches no device: {told}");
    assert_eq!(told["brokers_restarted"], json!([]), "{told}");
    eventually(10 * SECOND, "the new name arrives", || {
        tags_of(&consumer.arrivals()).contains("device-2/number").then_some(())
    });
    pass(SECOND);
    gateway.assert_books_balance();
    let health = gateway.health().unwrap();
    assert_eq!(health["reload"]["count"], 3, "{health}");
    assert_eq!(health["healthy"], true, "{health}");

    let asked = now_micros();
    assert!(gateway.stop().success());
    let ended = now_micros();
    let reads = devices.reads();
    let pause = longest_pause(&reads, 0, changed_at);
    assert!(pause < UNTOUCHED, "device 0 was not polled for {pause:?}, its period is {PERIOD:?}");
    // A name of its own in the proof: `number` counts as `count` does.
    let mut arrivals = consumer.arrivals();
    arrivals.iter_mut().filter(|a| a.tag == "number").for_each(|a| a.tag = "count".to_owned());
    // A link that is stopped for a change may break a poll off that its device
    // has answered, as a stop of the gateway does.
    let excused = |device: usize| {
        let mut excuses = vec![stop_between(asked, ended)];
        if device == 1 {
            excuses.push(stop_between(changed_at, ended));
        }
        excuses
    };
    for number in 0..3 {
        let of: Vec<Read> = reads.iter().filter(|read| read.device == number).copied().collect();
        let missing = lost(&of, &arrivals, &excused(number));
        assert!(missing.is_empty(), "lost of device {number}: {missing:?}");
    }
    assert_eq!(unmarked_repeats(&arrivals), Vec::<String>::new());
    let numbers: BTreeSet<u64> =
        consumer.batches().iter().map(|decoded| decoded.batch.id.number).collect();
    let last = *numbers.last().unwrap();
    assert_eq!(numbers.len() as u64, last, "numbers have no holes over two reloads");
    assert!(consumer.damaged().is_empty() && consumer.gaps().is_empty());
}

#[test]
fn what_waited_under_the_old_map_arrives_under_its_old_names() {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let mut network = Network::to(broker.port());
    let devices = Devices::start(1, &json!({}));
    let base = || Map::new().native("plant", network.port());
    let mut gateway = Gateway::new(&device(base(), 0, &devices, COUNT));
    gateway.start();
    eventually(10 * SECOND, "readings arrive", || (consumer.arrivals().len() > 3).then_some(()));
    let outage = now_micros();
    network.cut();
    eventually(10 * SECOND, "readings wait", || {
        gateway.waiting("plant").filter(|waiting| *waiting >= 10)
    });
    // Two changes while the broker is away, and a crash on top: three
    // catalogues wait, one of them only in memory until it is due.
    let renamed = COUNT.replace("count", "number");
    let map = device(Map::new().native("plant", network.port()), 0, &devices, &renamed);
    gateway.configure(&map);
    assert_eq!(report(&gateway, &[])["outcome"], "taken-up");
    pass(SECOND);
    let map = device(Map::new().native("plant", network.port()), 0, &devices, COUNT);
    gateway.configure(&map);
    assert_eq!(report(&gateway, &[])["outcome"], "taken-up");
    pass(SECOND);
    let killed = gateway.kill();
    network.restore();
    gateway.start();
    eventually(15 * SECOND, "everything that waited arrives", || {
        gateway.waiting("plant").filter(|waiting| *waiting == 0)
    });
    gateway.assert_books_balance();
    let asked = now_micros();
    assert!(gateway.stop().success());
    let mut arrivals = consumer.arrivals();
    assert!(tags_of(&arrivals).contains("device-0/number"), "the name of then");
    arrivals.iter_mut().filter(|a| a.tag == "number").for_each(|a| a.tag = "count".to_owned());
    let excuses = [kill_at(killed), stop_between(asked, now_micros())];
    let missing = lost(&devices.reads(), &arrivals, &excuses);
    assert!(missing.is_empty(), "lost since {outage}: {missing:?}");
}

#[test]
fn a_sparkplug_broker_gets_a_birth_with_the_new_tags() {
    let broker = Mosquitto::start();
    let consumer = SparkplugConsumer::start(broker.port(), "test");
    let devices = Devices::start(2, &json!({}));
    let base = || Map::new().sparkplug("scada", broker.port());
    let mut gateway = Gateway::new(&device(base(), 0, &devices, COUNT));
    gateway.start();
    eventually(10 * SECOND, "readings arrive", || (consumer.arrivals().len() > 3).then_some(()));
    let changed_at = now_micros();
    gateway.configure(&device(device(base(), 1, &devices, COUNT), 0, &devices, COUNT));
    let told = report(&gateway, &[]);
    assert_eq!(told["brokers_restarted"], json!(["scada"]), "{told}");
    eventually(10 * SECOND, "the new device is born and tells", || {
        tags_of(&consumer.arrivals()).contains("device-1/count").then_some(())
    });
    pass(SECOND);
    gateway.assert_books_balance();
    let asked = now_micros();
    assert!(gateway.stop().success());
    let pause = longest_pause(&devices.reads(), 0, changed_at);
    assert!(pause < UNTOUCHED, "device 0 was not polled for {pause:?}");
    let missing =
        lost(&devices.reads(), &consumer.arrivals(), &[stop_between(asked, now_micros())]);
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_file_with_a_mistake_changes_nothing_and_is_told_everywhere() {
    let broker = Mosquitto::start();
    let devices = Devices::start(1, &json!({}));
    let base = || Map::new().native("plant", broker.port());
    let mut gateway = Gateway::new(&device(base(), 0, &devices, COUNT));
    gateway.start();
    let at = now_micros();
    gateway.configure(&device(base(), 0, &devices, &COUNT.replace("hr:0", "40000")));
    let refused = gateway.ask(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stdout);
    assert!(text.contains("[FH") && text.contains("devices.toml"), "the findings: {text}");
    let chinese = gateway.ask(&["reload", "--lang", "zh"]);
    let text = String::from_utf8_lossy(&chinese.stdout).into_owned();
    assert!(text.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c)), "{text}");
    let health = gateway.health().unwrap();
    assert_eq!(health["healthy"], true, "what runs is well: {health}");
    assert_eq!(health["warnings"][0]["code"], "FH9003", "{health}");
    assert!(gateway.log().contains("what ran runs on"), "{}", gateway.log());
    // Another identity is another gateway.
    gateway.configure(&device(base(), 0, &devices, COUNT));
    let file = gateway.config().join("gateway.toml");
    let ours = fs::read_to_string(&file).unwrap();
    fs::write(&file, ours.replace("id   = \"gateway\"", "id   = \"other\"")).unwrap();
    let told = report(&gateway, &[]);
    assert_eq!(told["outcome"], "refused", "{told}");
    // The mistake is mended: nothing to warn of any more.
    fs::write(&file, ours).unwrap();
    assert_eq!(report(&gateway, &[])["outcome"], "unchanged");
    assert_eq!(gateway.health().unwrap()["warnings"], json!([]));
    pass(SECOND);
    assert!(longest_pause(&devices.reads(), 0, at) < UNTOUCHED);
    assert!(gateway.stop().success());
}

#[test]
fn a_change_that_nobody_confirms_is_taken_back() {
    let devices = Devices::start(2, &json!({}));
    let base = || Map::new().native("plant", free_port());
    let mut gateway = Gateway::new(&device(base(), 0, &devices, COUNT));
    gateway.start();
    let links = |gateway: &Gateway| -> Vec<String> {
        let health = gateway.health().unwrap();
        let links = health["links"].as_array().unwrap();
        links.iter().map(|link| link["name"].as_str().unwrap().to_owned()).collect()
    };
    let change = device(device(base(), 0, &devices, COUNT), 1, &devices, COUNT);
    gateway.configure(&change);
    let told = report(&gateway, &["--confirm", "2s"]);
    assert_eq!(
        (&told["outcome"], &told["confirm_within_seconds"]),
        (&json!("taken-up"), &json!(2))
    );
    assert_eq!(links(&gateway), ["device-0", "device-1"]);
    assert_eq!(gateway.health().unwrap()["warnings"][0]["code"], "FH9004");
    eventually(10 * SECOND, "it is taken back", || (links(&gateway) == ["device-0"]).then_some(()));
    let health = eventually(10 * SECOND, "and told", || {
        gateway.health().filter(|health| health["warnings"][0]["code"] == "FH9005")
    });
    assert_eq!(health["reload"]["count"], 3, "{health}");
    assert_eq!(report(&gateway, &["--confirmed"])["outcome"], "nothing-to-confirm");
    // The same again, confirmed.
    report(&gateway, &["--confirm", "2s"]);
    assert_eq!(report(&gateway, &["--confirmed"])["outcome"], "confirmed");
    pass(3 * SECOND);
    assert_eq!(links(&gateway), ["device-0", "device-1"], "it stays");
    assert_eq!(gateway.health().unwrap()["warnings"], json!([]));
    gateway.assert_books_balance();
    assert!(gateway.stop().success());
}

#[test]
fn a_hangup_takes_the_files_up_and_so_does_a_watched_directory() {
    let devices = Devices::start(2, &json!({}));
    let base = || Map::new().native("plant", free_port());
    let mut gateway = Gateway::new(&device(base(), 0, &devices, COUNT));
    gateway.start();
    let count = |gateway: &Gateway| gateway.health().unwrap()["reload"]["count"].as_u64();
    gateway.configure(&device(base().head("watch = true"), 0, &devices, COUNT));
    pass(SECOND); // longer than a watched directory must be quiet
    assert_eq!(count(&gateway), Some(1), "nobody watches yet");
    gateway.signal(Signal::HUP);
    eventually(10 * SECOND, "SIGHUP takes it up", || (count(&gateway)? == 2).then_some(()));
    let map = device(base().head("watch = true"), 0, &devices, COUNT);
    gateway.configure(&device(map, 1, &devices, COUNT));
    eventually(10 * SECOND, "the change is seen", || (count(&gateway)? == 3).then_some(()));
    gateway.assert_books_balance();
    assert!(gateway.stop().success());
}

#[test]
fn tail_top_and_device_show_the_running_gateway_and_say_when_none_runs() {
    let devices = Devices::start(2, &json!({}));
    let map = device(Map::new().native("plant", free_port()), 0, &devices, COUNT);
    let mut gateway = Gateway::new(&device(map, 1, &devices, COUNT));
    let none = gateway.ask(&["top"]);
    assert_eq!(none.status.code(), Some(1));
    let text = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(text.contains("no gateway runs"), "{text}");
    gateway.start();
    let rows = gateway.ask(&["tail", "*-1/c*", "--count", "3", "--json"]);
    let rows = String::from_utf8_lossy(&rows.stdout).into_owned();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["tag"] == "device-1/count" && row["quality"] == "good"));
    let top = gateway.ask(&["top"]);
    let top = String::from_utf8_lossy(&top.stdout).into_owned();
    assert!(top.contains("healthy") && top.contains("device-1") && top.contains("plant"), "{top}");
    let stat = gateway.ask(&["device", "stat", "device-0", "--json"]);
    let stat: Value = serde_json::from_slice(&stat.stdout).unwrap();
    assert_eq!(stat[0]["link"], "device-0");
    assert!(stat[0]["answers"].as_u64().unwrap() > 0, "{stat}");
    assert!(gateway.stop().success());
    assert!(!gateway.state().join("control.sock").exists(), "it tidies up");
}

#[test]
fn why_names_the_cause_of_a_running_gateway_and_of_a_dead_one() {
    let mut devices = Devices::start(1, &json!({}));
    let map = device(Map::new().native("plant", free_port()), 0, &devices, COUNT);
    let mut gateway = Gateway::new(&map);
    gateway.start();
    let why = |gateway: &Gateway, more: &[&str]| -> Vec<String> {
        let told = gateway.ask(&[&["why", "device-0/count", "--json"], more].concat());
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let told: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&told.stderr)));
        let causes = told["causes"].as_array().unwrap();
        causes.iter().map(|cause| cause["cause"].as_str().unwrap().to_owned()).collect()
    };
    eventually(10 * SECOND, "it is read", || {
        (why(&gateway, &[]) == ["no-news", "broker-away"]).then_some(())
    });
    devices.kill(0);
    eventually(10 * SECOND, "the link is named", || {
        (why(&gateway, &[])[0] == "link-down").then_some(())
    });
    let unknown = gateway.ask(&["why", "device-1/count"]);
    let text = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(text.contains("did you mean device-0/count"), "{text}");
    eventually(10 * SECOND, "what waits is on disk", || {
        (gateway.health()?["buffer"]["stored"].as_u64()? > 0).then_some(())
    });
    gateway.kill();
    let now = forehearth_model::Stamp(now_micros()).to_string();
    assert_eq!(why(&gateway, &["--at", &now]), ["not-running", "stored"], "what waited is on disk");
    // The next start declares what the crash may have cost; dead again, it is told from the record.
    gateway.start();
    assert!(gateway.stop().success());
    let causes = why(&gateway, &["--at", &now]);
    assert_eq!(causes[..2], ["not-running", "lost"], "{causes:?}");
}
