//! An OPC UA server in the map: its values, types and times arrive, and its absence shows.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use forehearth_tests::arrival::Arrival;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::eventually::{eventually, pass};
use forehearth_tests::gateway::{Gateway, Map, now_micros};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::opcua::OpcUaServer;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// Data flows again within this time after a server is back (promised).
const FLOWS_WITHIN: Duration = Duration::from_secs(5);

const TAGS: &str = "[device.tags]\n\
    counter = { node = \"dcs:s=Counter\", type = \"UDINT\", every_sample = true }\n\
    level   = { node = \"dcs:s=Level\", type = \"LREAL\", unit = \"mm\", scale = 2.0 }\n\
    small   = { node = \"dcs:s=Small\", type = \"INT\" }\n\
    running = { node = \"dcs:s=Running\", type = \"BOOL\" }\n\
    name    = { node = \"dcs:s=Name\", type = \"STRING\" }\n\
    absent  = { node = \"dcs:s=Nobody\", type = \"REAL\" }\n";

/// A server in a map: `lines` say how it is reached beyond its url.
fn device(server: &OpcUaServer, lines: &str) -> String {
    format!(
        "[[device]]\nname = \"fc-201\"\ndriver = \"opcua\"\nurl = \"{}\"\n{lines}\n\
         namespace = {{ dcs = \"urn:vendor:dcs:plant\" }}\nrate = \"100ms\"\n{TAGS}",
        server.url()
    )
}

fn of<'a>(arrivals: &'a [Arrival], tag: &str) -> Vec<&'a Arrival> {
    arrivals.iter().filter(|arrival| arrival.tag == tag).collect()
}

/// The last good reading of a tag, once it has this value.
fn has(consumer: &NativeConsumer, tag: &str, value: &Value) -> Arrival {
    eventually(10 * SECOND, &format!("{tag} is {value}"), || {
        let arrivals = consumer.arrivals();
        let last = *of(&arrivals, tag).last()?;
        (last.good && last.value == *value).then(|| last.clone())
    })
}

/// Types and values of every tag; a value that changes has the server's time
/// of the change, or one up to `late` microseconds after it.
fn every_value_arrives(server: &mut OpcUaServer, consumer: &NativeConsumer, late: i64) {
    for (tag, value) in [
        ("level", json!(3.0)), // 1.5 × 2
        ("small", json!(-7)),
        ("running", json!(true)),
        ("name", json!("FC-201")),
    ] {
        assert_eq!(has(consumer, tag, &value).device, "fc-201");
    }
    let before = now_micros();
    server.write("Level", &json!(-0.25));
    let after = now_micros();
    let level = has(consumer, "level", &json!(-0.5));
    assert!((before..=after + late).contains(&level.micros), "{level:?}: {before}..{after}");
    let arrivals = consumer.arrivals();
    let absent = of(&arrivals, "absent");
    assert!(!absent.is_empty(), "a node that is not there has a reading");
    assert!(absent.iter().all(|a| !a.good && a.value.is_null()), "{absent:?}");
}

#[test]
fn values_types_and_times_of_a_server_arrive_and_its_absence_shows_at_once() {
    let mut server = OpcUaServer::start(false);
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let map =
        Map::new().native("plant", broker.port()).written(&device(&server, "security = \"None\""));
    let mut gateway = Gateway::new(&map);
    gateway.start();
    every_value_arrives(&mut server, &consumer, 0);

    server.count(50);
    pass(3 * SECOND);
    server.stop();
    let killed = Instant::now();
    eventually(3 * SECOND, "every tag is Bad without its server", || {
        let arrivals = consumer.arrivals();
        let bad = |tag| of(&arrivals, tag).last().is_some_and(|last| !last.good);
        ["counter", "level", "small", "running", "name"].into_iter().all(bad).then_some(())
    });
    assert!(killed.elapsed() < 3 * SECOND);
    let reached = consumer.arrivals().iter().filter_map(counted).max().unwrap();
    pass(2 * SECOND);
    server.restart();
    eventually(FLOWS_WITHIN, "values flow again", || {
        let arrivals = consumer.arrivals();
        let last = *of(&arrivals, "counter").last()?;
        (last.good && counted(last)? > reached).then_some(())
    });
    pass(SECOND);
    let last = server.stop_counting();
    has(&consumer, "counter", &json!(last));
    has(&consumer, "level", &json!(3.0)); // the server starts over
    is_complete(&consumer, last);
    assert!(gateway.stop().success());
    assert!(consumer.damaged().is_empty(), "{:?}", consumer.damaged());
}

#[test]
fn a_secured_server_is_read_by_a_user_it_knows_once_it_is_trusted() {
    let mut server = OpcUaServer::start(true);
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let lines = format!(
        "security = \"Basic256Sha256/SignAndEncrypt\"\nuser = \"fh-read\"\n\
         password = {{ file = \"secret\" }}\ntrust = \"{}\"",
        server.fingerprint()
    );
    let map = Map::new().native("plant", broker.port()).written(&device(&server, &lines));
    let mut gateway = Gateway::new(&map);
    let secret = gateway.config().join("secret");
    std::fs::write(&secret, "secret\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    gateway.start();
    every_value_arrives(&mut server, &consumer, 0);
    assert!(gateway.state().join("opcua/own.der").exists(), "its own certificate was made");
    assert!(gateway.stop().success());
}

#[test]
fn a_server_that_is_only_asked_is_read_like_one_that_speaks() {
    let mut server = OpcUaServer::start(false);
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let map = Map::new()
        .native("plant", broker.port())
        .written(&device(&server, "security = \"None\"\nmode = \"poll\""));
    let mut gateway = Gateway::new(&map);
    gateway.start();
    every_value_arrives(&mut server, &consumer, 1_000_000); // the gateway's time of asking
    assert!(gateway.stop().success());
}

/// What the map leaves open: a type, and what is below a node.
const OPEN: &str = "[device.tags]\n\
    level   = { node = \"dcs:s=Level\" }\n\
    bias    = { path = \"/Objects/dcs:FC201/dcs:BIAS\" }\n\
    profile = { node = \"dcs:s=Profile\" }\n\
    speed   = { node = \"dcs:s=Mill\", field = \"Speed\", type = \"LREAL\" }\n\
    [[device.browse]]\nunder = \"dcs:s=FC201.Valves\"\nmatch = \"*.ZT_*.PV\"\nexpect = 3\n\
    name = \"valve/{browse_name}\"\n\
    [[device.events]]\nname = \"alarms\"\nseverity = 500\n";

#[test]
fn what_the_map_leaves_open_is_asked_of_the_server_once_and_then_read() {
    let mut server = OpcUaServer::with(&["--rich"]);
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let device = device(&server, "security = \"None\"").replace(TAGS, OPEN);
    let map = Map::new().native("plant", broker.port()).written(&device);
    let mut gateway = Gateway::new(&map);
    let dir = gateway.config().to_str().unwrap().to_owned();
    let state = gateway.state().to_str().unwrap().to_owned();

    let before = Gateway::verb(&["check", &dir]);
    let said = String::from_utf8_lossy(&before.stdout).into_owned();
    assert!(!before.status.success() && said.contains("FH1815"), "{said}");
    assert!(said.contains("forehearth browse --write"), "{said}");
    let written = Gateway::verb(&["browse", "--write", &dir, "--state", &state]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let after = Gateway::verb(&["check", &dir]);
    assert!(after.status.success(), "{}", String::from_utf8_lossy(&after.stdout));

    let live = Gateway::verb(&["check", &dir, "--live", "--state", &state]);
    let said = String::from_utf8_lossy(&live.stdout).into_owned();
    assert!(live.status.success() && said.contains("0 findings"), "{said}");

    gateway.start();
    has(&consumer, "level", &json!(1.5));
    has(&consumer, "bias", &json!(12.5));
    has(&consumer, "profile[2]", &json!(3.5));
    has(&consumer, "speed", &json!(1480.5));
    has(&consumer, "valve/ZT_3", &json!(3.0));
    has(&consumer, "alarms", &json!(""));
    server.raise(100, "minor");
    server.raise(700, "level high");
    let alarm = eventually(10 * SECOND, "the alarm arrives", || {
        let arrivals = consumer.arrivals();
        let last = of(&arrivals, "alarms").into_iter().rfind(|a| a.value != json!(""))?;
        serde_json::from_str::<Value>(last.value.as_str()?).ok()
    });
    assert_eq!((&alarm["message"], &alarm["severity"]), (&json!("level high"), &json!(700)));
    assert!(gateway.stop().success());
}

#[test]
fn a_map_that_disagrees_with_its_server_is_told_where() {
    let server = OpcUaServer::with(&["--rich"]);
    let tags = "[device.tags]\n\
        right  = { node = \"dcs:s=Small\", type = \"INT\" }\n\
        wider  = { node = \"dcs:s=Level\", type = \"REAL\" }\n\
        absent = { node = \"dcs:s=Nobody\", type = \"REAL\" }\n\
        unit   = { node = \"dcs:s=FC201.Valves.ZT_1.PV\", type = \"REAL\", unit = \"m\" }\n";
    let device = device(&server, "security = \"None\"").replace(TAGS, tags);
    let map = Map::new().native("plant", 1).written(&device);
    let gateway = Gateway::new(&map);
    let live = gateway.ask(&["check", gateway.config().to_str().unwrap(), "--live"]);
    let said = String::from_utf8_lossy(&live.stdout).into_owned();
    assert!(!live.status.success(), "{said}");
    assert!(said.contains("wider: the map says REAL, the server LREAL"), "{said}");
    assert!(said.contains("unit: the map says m, the server mm"), "{said}");
    assert!(said.contains("absent"), "{said}");
    assert!(!said.contains("right:"), "{said}");
    let node = ["/Objects/0:Server/0:ServerStatus/0:State", "i=2258"];
    let probed = Gateway::verb(&["probe", &server.url(), node[0], node[1]]);
    assert!(probed.status.success(), "{}", String::from_utf8_lossy(&probed.stdout));
}

#[test]
fn what_browsing_prints_is_a_map_that_check_accepts() {
    let server = OpcUaServer::with(&["--rich"]);
    let found = Gateway::verb(&["browse", &server.url(), "--match", "FC201*", "--toml"]);
    let toml = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    assert!(toml.contains("unit = \"mm\"") && toml.contains("valid = [0.0, 100.0]"), "{toml}");
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("devices")).unwrap();
    std::fs::write(dir.path().join("devices/browsed.toml"), &toml).unwrap();
    let gateway = "schema = 1\n[gateway]\nid = \"g\"\npath = \"a/b\"\n[[broker]]\nname = \"p\"\n\
                   url = \"mqtt://127.0.0.1\"\nformat = \"native\"\n";
    std::fs::write(dir.path().join("gateway.toml"), gateway).unwrap();
    let checked = Gateway::verb(&["check", dir.path().to_str().unwrap()]);
    assert!(checked.status.success(), "{toml}\n{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn trust_tells_both_fingerprints_and_who_rejects_whom() {
    let server = OpcUaServer::start(true);
    let lines = "security = \"Basic256Sha256/SignAndEncrypt\"";
    let map = Map::new().native("plant", 1).written(&device(&server, lines));
    let gateway = Gateway::new(&map);
    let (dir, state) = (gateway.config(), gateway.state().to_owned());
    let arguments = ["--config", dir.to_str().unwrap(), "--state", state.to_str().unwrap()];
    let ask = || Gateway::verb(&[&["trust", &server.url()], &arguments[..]].concat());
    let untrusted = ask();
    let said = String::from_utf8_lossy(&untrusted.stdout).into_owned();
    assert!(!untrusted.status.success(), "{said}");
    let own = said.lines().skip_while(|line| !line.starts_with("gateway")).nth(1).unwrap();
    assert!(own.contains("sha256:"), "the gateway's own: {said}");
    assert!(said.contains("the gateway rejects the server"), "{said}");
    assert!(said.contains(&format!("trust = \"{}\"", server.fingerprint())), "{said}");
    let lines = format!("{lines}\ntrust = \"{}\"", server.fingerprint());
    gateway.configure(&Map::new().native("plant", 1).written(&device(&server, &lines)));
    let trusted = ask();
    let said = String::from_utf8_lossy(&trusted.stdout).into_owned();
    assert!(trusted.status.success() && said.contains("both sides trust"), "{said}");
}

fn counted(arrival: &Arrival) -> Option<u64> {
    (arrival.tag == "counter").then(|| arrival.count()).flatten()
}

/// Each count was read, in order, up to `last`, but for the time without the
/// server, which is told by Bad readings in between.
fn is_complete(consumer: &NativeConsumer, last: u64) {
    let arrivals = consumer.arrivals();
    let mut holes = Vec::new();
    let mut before: Option<u64> = None;
    let mut silent = false;
    for arrival in of(&arrivals, "counter") {
        let Some(count) = counted(arrival) else {
            silent = true;
            continue;
        };
        if let Some(before) = before {
            assert!(count >= before, "{count} after {before}");
            if count > before + 1 && !silent {
                holes.push((before, count));
            }
        }
        before = Some(count);
        silent = false;
    }
    assert!(holes.is_empty(), "counts are missing without a word: {holes:?}");
    assert_eq!(before, Some(last));
}
