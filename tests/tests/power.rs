//! The power is cut below SQLite: what was flushed is there afterwards, and the gateway always starts.
//!
//! kill -9 leaves everything to the system's cache, which writes it out later.
//! Here what was written and not flushed is gone, or there in part.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test code")]

use std::time::Duration;

use forehearth_model::GapCause;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::{Devices, Read};
use forehearth_tests::disk::Disk;
use forehearth_tests::eventually::{eventually, pass, try_eventually};
use forehearth_tests::gateway::{Gateway, Map};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::network::Network;
use forehearth_tests::proof::{Excuse, lost, power_cut_at, unmarked_repeats};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(40);

/// Devices, a gateway on a disk that forgets, and a consumer behind a network.
struct Stage {
    disk: Disk,
    gateway: Gateway,
    devices: Devices,
    network: Network,
    consumer: NativeConsumer,
    _broker: Mosquitto,
    cuts: Vec<Excuse>,
    random: fastrand::Rng,
}

impl Stage {
    fn set(seed: u64) -> Self {
        let broker = Mosquitto::start();
        let network = Network::to(broker.port());
        let devices = Devices::start(3, &json!({}));
        let map = Map::new().native("native", network.port()).counters(devices.ports(), "100ms");
        let disk = Disk::new();
        Self {
            gateway: Gateway::new(&map).with_state(&disk.state()),
            disk,
            devices,
            network,
            consumer: NativeConsumer::start(broker.port()),
            _broker: broker,
            cuts: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    fn start(&mut self) {
        self.gateway.start_as(self.disk.under(self.gateway.command()));
    }

    fn live(&mut self, millis: std::ops::Range<u64>) {
        pass(Duration::from_millis(self.random.u64(millis)));
    }

    fn cut(&mut self) {
        self.cuts.push(power_cut_at(self.gateway.kill()));
        println!("{}", self.disk.power_cut(&mut self.random));
    }

    /// Everything that was read before arrives, bar what was due after a cut.
    fn assert_nothing_lost(&mut self) -> Vec<Read> {
        self.network.restore();
        self.start();
        let health = self.gateway.health().unwrap();
        assert_eq!(health["healthy"], true, "{health}");
        let reads = self.devices.reads();
        let mut missing = Vec::new();
        let all = try_eventually(CAUGHT_UP_WITHIN, || {
            missing = lost(&reads, &self.consumer.arrivals(), &self.cuts);
            missing.is_empty().then_some(())
        });
        assert!(
            all.is_some(),
            "{} of {} lost: {missing:?}, excused are {:?}",
            missing.len(),
            reads.len(),
            self.cuts
        );
        assert_eq!(unmarked_repeats(&self.consumer.arrivals()), Vec::<String>::new());
        assert_eq!(self.consumer.damaged(), Vec::<String>::new());
        self.gateway.assert_books_balance();
        reads
    }
}

/// `FOREHEARTH_CUTS`, 10 unless told otherwise; `SEED` repeats a run.
#[test]
fn power_cuts_lose_nothing_that_was_due_on_disk() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cuts = number("FOREHEARTH_CUTS").unwrap_or(10);
    let seed = number("SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut stage = Stage::set(seed);
    for cut in 0..cuts {
        // The broker is away for most cuts, and comes in the middle of some lives.
        stage.network.cut();
        stage.start();
        stage.live(600..2200);
        if cut % 3 == 2 {
            stage.network.restore();
            stage.live(0..1200);
        }
        stage.cut();
    }
    let reads = stage.assert_nothing_lost();
    assert!(reads.len() as u64 > 15 * cuts, "only {} reads: nothing was tried", reads.len());
}

/// What a failed flush lost stays lost, though the next flush succeeds and the
/// file reads well: only who writes it again has it on the medium.
#[test]
fn a_flush_that_failed_once_is_not_believed_when_the_power_goes() {
    let mut stage = Stage::set(1);
    stage.network.cut();
    for _ in 0..3 {
        stage.start();
        stage.live(700..1200);
        stage.disk.fails("flush-once 5\n");
        eventually(10 * SECOND, "a flush fails", || stage.disk.has_failed().then_some(()));
        eventually(10 * SECOND, "the disk works again", || {
            stage.gateway.health().filter(|health| health["healthy"] == true)
        });
        stage.live(1500..2000);
        stage.cut();
    }
    stage.assert_nothing_lost();
}

/// The proof can fail: were nothing flushed, it would find the loss.
#[test]
fn without_flushes_a_power_cut_loses_readings_and_the_proof_says_so() {
    let mut stage = Stage::set(3); // a cut that leaves nothing unflushed
    stage.network.cut();
    stage.start();
    stage.disk.fails("lie 1\n");
    stage.live(3000..3500);
    stage.cut();
    stage.disk.works();
    stage.network.restore();
    stage.start();
    let reads = stage.devices.reads();
    eventually(10 * SECOND, "readings arrive", || {
        (stage.consumer.arrivals().len() > 10).then_some(())
    });
    assert!(!lost(&reads, &stage.consumer.arrivals(), &stage.cuts).is_empty());
    eventually(10 * SECOND, "the crash is declared", || {
        stage.consumer.gaps().into_iter().find(|gap| gap.cause == GapCause::Crash)
    });
}
