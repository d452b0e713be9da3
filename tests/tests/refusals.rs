//! Bad input and bad surroundings: a clear error or a degraded mode that says so, and never a panic.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::Devices;
use forehearth_tests::eventually::{eventually, pass};
use forehearth_tests::gateway::{Gateway, Map};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::peer::free_port;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_broken_map_stops_the_start_with_file_line_and_column() {
    let tags =
        "count = { at = \"100\", type = \"FLOAT\" }\nflow = { at = \"hr:1\", typ = \"INT\" }";
    let map = Map::new().device("press", "tcp://127.0.0.1:502", "200ms", tags);
    let mut gateway = Gateway::new(&map);
    let command = gateway.command();
    gateway.spawn(command);
    assert_eq!(gateway.ends().code(), Some(1), "{}", gateway.log());
    let log = gateway.log();
    for place in ["devices/devices.toml:10:16", "devices/devices.toml:11:23", "FH1101"] {
        assert!(log.contains(place), "no {place} in:\n{log}");
    }
    assert!(!log.contains("panicked"), "{log}");

    let config = gateway.config().to_str().unwrap().to_owned();
    let check = Gateway::verb(&["check", &config, "--json"]);
    assert_eq!(check.status.code(), Some(1));
    let findings: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert!(findings.to_string().contains("FH"), "{findings}");
}

#[test]
fn a_file_that_is_no_toml_and_a_directory_that_is_not_there_are_told() {
    let mut gateway = Gateway::new(&Map::new());
    fs::write(gateway.config().join("gateway.toml"), b"schema = 1\n[gateway\nid = \xff\xfe\n")
        .unwrap();
    let command = gateway.command();
    gateway.spawn(command);
    assert_eq!(gateway.ends().code(), Some(1));
    assert!(gateway.log().contains("gateway.toml"), "{}", gateway.log());
    let missing = Gateway::verb(&["run", "--config", "/nonexistent", "--state", "/nonexistent"]);
    assert_eq!(missing.status.code(), Some(1));
    let told = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(told.contains("/nonexistent"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn absent_peers_are_waited_for() {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let tags = "value = { at = \"hr:0\", type = \"INT\" }";
    let map = Map::new()
        .native("native", broker.port())
        .sparkplug("absent", free_port())
        .device("no-name", "tcp://no-such-host.invalid:502", "200ms", tags)
        .device("no-listener", &format!("tcp://127.0.0.1:{}", free_port()), "200ms", tags);
    let mut gateway = Gateway::new(&map);
    gateway.start();
    for device in ["no-name", "no-listener"] {
        eventually(15 * SECOND, &format!("{device} is Bad"), || {
            consumer.arrivals().into_iter().find(|a| a.device == device && !a.good)
        });
    }
    pass(SECOND);
    assert!(gateway.is_running());
    assert!(gateway.waiting("absent").unwrap() > 0);
    gateway.assert_books_balance();
    assert!(gateway.stop().success());
}

/// A state directory that can't be made degrades the gateway or stops it with
/// the path in the message; it never panics.
#[test]
fn a_state_directory_that_cannot_be_written_is_told() {
    let mut gateway = Gateway::new(&Map::new().native("native", free_port()));
    let file = gateway.config().join("a-file");
    fs::write(&file, "").unwrap();
    gateway = gateway.with_state(&file.join("state"));
    let command = gateway.command();
    gateway.spawn(command);
    pass(SECOND);
    assert!(gateway.log().contains("a-file"), "the path is not named:\n{}", gateway.log());
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}

#[test]
fn a_stop_without_disk_and_broker_says_what_is_lost_and_fails() {
    let devices = Devices::start(1, &json!({}));
    let map = Map::new().native("native", free_port()).counters(devices.ports(), "100ms");
    let mut gateway = Gateway::new(&map);
    let file = gateway.config().join("a-file");
    fs::write(&file, "").unwrap();
    gateway = gateway.with_state(&file.join("state"));
    gateway.start();
    eventually(15 * SECOND, "readings wait", || gateway.waiting("native").filter(|n| *n > 5));
    assert_eq!(gateway.stop().code(), Some(1));
    assert!(gateway.log().contains("LOST"), "{}", gateway.log());
    assert!(!gateway.log().contains("wait on disk"), "{}", gateway.log());
}

#[test]
fn a_full_disk_degrades_says_so_and_recovers() {
    let Some(disk) = SmallDisk::mounted() else { return };
    let broker = Mosquitto::start();
    let devices = Devices::start(1, &json!({}));
    let consumer = NativeConsumer::start(broker.port());
    let map = Map::new()
        .buffer("reserve = \"1MiB\"")
        .native("native", broker.port())
        .sparkplug("absent", free_port())
        .counters(devices.ports(), "100ms");
    let mut gateway = Gateway::new(&map).with_state(&disk.path().join("state"));
    gateway.start();
    eventually(10 * SECOND, "readings arrive", || (consumer.arrivals().len() > 5).then_some(()));
    let health = gateway.health().unwrap();
    assert_eq!(health["healthy"], true, "an absent broker is no fault of ours: {health}");
    let filler = disk.path().join("filler");
    let _ = fs::write(&filler, vec![0; 64 << 20]); // as much as there is
    let health = eventually(20 * SECOND, "/healthz says what is wrong", || {
        gateway.health().filter(|health| health["healthy"] == false)
    });
    let problem = health["problems"][0]["text"].as_str().unwrap();
    assert!(problem.contains("storage"), "does not say what is wrong: {health}");
    // What can be delivered still is.
    let before = consumer.arrivals().len();
    eventually(10 * SECOND, "readings still arrive", || {
        (consumer.arrivals().len() > before + 10).then_some(())
    });
    fs::remove_file(&filler).unwrap();
    eventually(30 * SECOND, "it is healthy again", || {
        gateway.health().filter(|health| health["healthy"] == true)
    });
    gateway.assert_books_balance();
    assert!(gateway.stop().success());
}

/// A file system of 16 MiB in memory. Needs root; without, the test that wants
/// it says so and is skipped.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    fn mounted() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { dir }),
            _ => {
                eprintln!("skipped: only root can mount the small disk this test fills");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.dir.path()).status();
    }
}
