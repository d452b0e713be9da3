//! The disk fails while the gateway runs: it polls and delivers on, says what is wrong, and recovers by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::Devices;
use forehearth_tests::disk::Disk;
use forehearth_tests::eventually::{eventually, try_eventually};
use forehearth_tests::gateway::{Gateway, Map};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::peer::free_port;
use forehearth_tests::proof::lost;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// The promise is 5 s from the end of the fault.
const RECOVERED_WITHIN: Duration = Duration::from_secs(5);

/// A gateway with a broker that takes everything and one that is away, for
/// whose sake all is written.
struct Stage {
    gateway: Gateway,
    devices: Devices,
    consumer: NativeConsumer,
    _broker: Mosquitto,
}

impl Stage {
    fn set(state: &Path, wrap: impl FnOnce(Command) -> Command) -> Self {
        let broker = Mosquitto::start();
        let devices = Devices::start(2, &json!({}));
        let map = Map::new()
            .buffer("reserve = \"1MiB\"")
            .native("native", broker.port())
            .native("absent", free_port())
            .counters(devices.ports(), "100ms");
        let consumer = NativeConsumer::start(broker.port());
        let mut gateway = Gateway::new(&map).with_state(state);
        let command = wrap(gateway.command());
        gateway.start_as(command);
        let stage = Self { gateway, devices, consumer, _broker: broker };
        stage.is_healthy(10 * SECOND);
        stage.delivers();
        stage
    }

    /// Values that were read from now on arrive.
    fn delivers(&self) {
        let read = self.devices.reads().len();
        let enough = |count: usize| (count > read + 10).then_some(());
        eventually(10 * SECOND, "polling goes on", || enough(self.devices.reads().len()));
        eventually(10 * SECOND, "delivering goes on", || enough(self.consumer.arrivals().len()));
    }

    fn is_healthy(&self, within: Duration) {
        let mut last = Value::Null;
        let healthy = try_eventually(within, || {
            last = self.gateway.health()?;
            (last["healthy"] == true).then_some(())
        });
        assert!(healthy.is_some(), "not healthy within {within:?}: {last:#}");
    }

    /// `/healthz` says the storage is down, and why: at first perhaps only
    /// that a write failed, then what opening anew showed.
    fn says(&self, cause: &str) {
        eventually(15 * SECOND, &format!("/healthz says {cause}"), || {
            let health = self.gateway.health()?;
            let told = health["problems"][0].to_string();
            let all = told.contains("FH9002") && told.contains(cause);
            (health["healthy"] == false && all).then_some(())
        });
    }

    /// Nothing that can be delivered was lost; what waits for the absent broker
    /// is on disk, and what made room there is declared to the reading.
    fn assert_nothing_undeclared(mut self) -> u64 {
        let reads = self.devices.reads();
        let mut missing = Vec::new();
        let all = try_eventually(20 * SECOND, || {
            missing = lost(&reads, &self.consumer.arrivals(), &[]);
            missing.is_empty().then_some(())
        });
        assert!(all.is_some(), "{} of {} lost: {missing:?}", missing.len(), reads.len());
        assert_eq!(self.consumer.gaps(), []);
        assert_eq!(self.consumer.damaged(), Vec::<String>::new());
        self.gateway.assert_books_balance();
        let shed = self.gateway.destination("absent", "shed").unwrap();
        assert_eq!(self.gateway.destination("absent", "expired"), Some(0));
        let waits = self.gateway.waiting("absent").unwrap();
        assert!(self.gateway.stop().success());
        let state = self.gateway.state().to_str().unwrap().to_owned();
        let json = |verb| -> Value {
            let output = Gateway::verb(&["buffer", verb, "--state", &state, "--json"]);
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let (stat, gaps) = (json("stat"), json("gaps"));
        assert!(stat["readings"].as_u64().unwrap() >= waits, "{waits} waited, stored is {stat}");
        let declared = gaps.as_array().unwrap().iter().map(|gap| gap["readings"].as_u64().unwrap());
        assert_eq!(declared.sum::<u64>(), shed, "{gaps}");
        shed
    }
}

/// The disk fails like this for a while, which `/healthz` calls so.
fn degrades_and_recovers(orders: &str, cause: &str) -> u64 {
    let disk = Disk::new();
    let stage = Stage::set(&disk.state(), |command| disk.under(command));
    disk.fails(orders);
    stage.says(cause);
    stage.delivers();
    disk.works();
    stage.is_healthy(RECOVERED_WITHIN);
    stage.delivers();
    stage.assert_nothing_undeclared()
}

#[test]
fn writes_that_fail_are_survived() {
    assert_eq!(degrades_and_recovers("write 5\n", "io-error"), 0);
}

#[test]
fn a_volume_without_space_is_survived() {
    // The oldest files make room when the system has none: that is declared.
    degrades_and_recovers("write 28\nmake 28\n", "disk-full");
}

#[test]
fn a_volume_that_turns_read_only_under_open_files_is_survived() {
    assert_eq!(degrades_and_recovers("write 30\nmake 30\nremove 30\nopen 30\n", "read-only"), 0);
}

#[test]
fn flushes_that_fail_for_ever_are_survived() {
    assert_eq!(degrades_and_recovers("flush 5\n", "io-error"), 0);
}

#[test]
fn without_file_handles_the_buffer_keeps_to_memory() {
    assert_eq!(degrades_and_recovers("write 5\nhandle 24\n", "too-many-files"), 0);
}

#[test]
fn a_flush_that_fails_once_is_survived() {
    let disk = Disk::new();
    let stage = Stage::set(&disk.state(), |command| disk.under(command));
    disk.fails("flush-once 5\n");
    eventually(10 * SECOND, "a flush fails", || disk.has_failed().then_some(()));
    stage.is_healthy(RECOVERED_WITHIN);
    stage.delivers();
    assert_eq!(stage.assert_nothing_undeclared(), 0);
}

#[test]
fn flushes_of_two_seconds_delay_neither_polling_nor_delivering() {
    let disk = Disk::new();
    let stage = Stage::set(&disk.state(), |command| disk.under(command));
    disk.fails("slow 2000\n");
    for _ in 0..4 {
        stage.delivers();
    }
    assert_eq!(stage.gateway.health().unwrap()["healthy"], true, "slow is not broken");
    disk.works();
    assert_eq!(stage.assert_nothing_undeclared(), 0);
}
