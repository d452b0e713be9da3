//! The gateway dies without warning, or is asked to stop: what was promised is there afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::time::Duration;

use forehearth_tests::arrival::Arrival;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::{Devices, Read};
use forehearth_tests::eventually::{eventually, pass, try_eventually};
use forehearth_tests::gateway::{Gateway, Map, now_micros};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::network::Network;
use forehearth_tests::proof::{Excuse, kill_at, lost, stop_between, unmarked_repeats};
use forehearth_tests::sparkplug::SparkplugConsumer;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(40);

fn assert_all_arrive(
    format: &str,
    reads: &[Read],
    excuses: &[Excuse],
    arrivals: impl Fn() -> Vec<Arrival>,
) {
    let mut missing = Vec::new();
    let all = try_eventually(CAUGHT_UP_WITHIN, || {
        missing = lost(reads, &arrivals(), excuses);
        missing.is_empty().then_some(())
    });
    assert!(
        all.is_some(),
        "{format}: {} of {} lost: {missing:?}, excused are {excuses:?}",
        missing.len(),
        reads.len()
    );
    assert_eq!(unmarked_repeats(&arrivals()), Vec::<String>::new(), "{format}");
}

/// How the way to the broker is.
#[derive(Clone, Copy, Debug)]
enum Way {
    Open,
    Cut,
    /// Takes every byte and delivers none.
    HalfOpen,
}

impl Way {
    const ALL: [Self; 3] = [Self::Open, Self::Cut, Self::HalfOpen];

    fn set(self, network: &mut Network) {
        match self {
            Self::Open => network.restore(),
            Self::Cut => network.cut(),
            Self::HalfOpen => network.swallow(),
        }
    }
}

/// `FOREHEARTH_KILLS`, 8 unless told otherwise; `SEED` repeats a run.
#[test]
fn kills_at_random_moments_lose_nothing_older_than_500_ms() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("SEED").unwrap_or_else(|| fastrand::u64(..));
    let count = number("FOREHEARTH_KILLS").unwrap_or(8);
    let mut random = fastrand::Rng::with_seed(seed);
    let broker = Mosquitto::start();
    let mut network = Network::to(broker.port());
    let devices = Devices::start(4, &json!({}));
    let map = Map::new()
        .native("native", network.port())
        .sparkplug("sparkplug", network.port())
        .counters(devices.ports(), "100ms");
    let native = NativeConsumer::start(broker.port());
    let sparkplug = SparkplugConsumer::start(broker.port(), "test");
    let mut gateway = Gateway::new(&map);
    let mut kills = Vec::new();
    for (_, way) in (0..count).zip(Way::ALL.into_iter().cycle()) {
        // Each way for a third of the starts; half of the lives see another one.
        way.set(&mut network);
        gateway.start();
        pass(Duration::from_millis(random.u64(200..2500)));
        if random.bool() {
            Way::ALL[random.usize(0..3)].set(&mut network);
            pass(Duration::from_millis(random.u64(0..1500)));
        }
        kills.push(kill_at(gateway.kill()));
    }
    network.restore();
    gateway.start();
    pass(2 * SECOND);
    let reads = devices.reads();
    assert!(reads.len() as u64 > 20 * count, "only {} reads (seed {seed})", reads.len());
    let format = |name: &str| format!("{name} (SEED={seed})");
    assert_all_arrive(&format("native"), &reads, &kills, || native.arrivals());
    assert_all_arrive(&format("sparkplug"), &reads, &kills, || sparkplug.arrivals());
    assert_eq!(native.damaged(), Vec::<String>::new());
    assert_eq!(sparkplug.violations(), Vec::<String>::new(), "SEED={seed}");
    gateway.assert_books_balance();
}

#[test]
fn a_clean_stop_says_goodbye_and_keeps_what_waits() {
    let broker = Mosquitto::start();
    let mut network = Network::to(broker.port());
    let devices = Devices::start(2, &json!({}));
    let map = Map::new()
        .native("native", network.port())
        .sparkplug("sparkplug", network.port())
        .counters(devices.ports(), "100ms");
    let native = NativeConsumer::start(broker.port());
    let sparkplug = SparkplugConsumer::start(broker.port(), "test");
    let mut gateway = Gateway::new(&map);
    gateway.start();
    eventually(10 * SECOND, "readings arrive", || (sparkplug.arrivals().len() > 10).then_some(()));
    let stop = |gateway: &mut Gateway| {
        let asked = now_micros();
        assert!(gateway.stop().success(), "a clean stop is a success");
        stop_between(asked, now_micros())
    };
    let first = stop(&mut gateway);
    eventually(5 * SECOND, "NDEATH arrives", || (sparkplug.messages("NDEATH") == 1).then_some(()));

    // With the broker away everything waits, and a stop keeps even the youngest reading.
    gateway.start();
    eventually(10 * SECOND, "it is born again", || {
        (sparkplug.messages("NBIRTH") == 2).then_some(())
    });
    network.cut();
    pass(3 * SECOND);
    assert!(gateway.waiting("native").unwrap() > 0);
    let second = stop(&mut gateway);
    let state = gateway.state().to_str().unwrap().to_owned();
    let stat = Gateway::verb(&["buffer", "stat", "--state", &state, "--json"]);
    assert!(stat.status.success(), "{}", String::from_utf8_lossy(&stat.stderr));
    let stat: serde_json::Value = serde_json::from_slice(&stat.stdout).unwrap();
    assert_eq!(stat["clean"], true, "{stat}");
    assert!(stat["readings"].as_u64().unwrap() > 30, "3 s of 20 readings/s: {stat}");
    network.restore();
    gateway.start();
    let (reads, excuses) = (devices.reads(), [first, second]);
    assert_all_arrive("native", &reads, &excuses, || native.arrivals());
    assert_all_arrive("sparkplug", &reads, &excuses, || sparkplug.arrivals());
    assert_eq!(sparkplug.violations(), Vec::<String>::new());
    gateway.assert_books_balance();
}

#[test]
fn a_second_gateway_on_the_same_state_is_refused() {
    let broker = Mosquitto::start();
    let devices = Devices::start(1, &json!({}));
    let map = Map::new().native("native", broker.port()).counters(devices.ports(), "200ms");
    let mut first = Gateway::new(&map);
    first.start();
    let mut second = Gateway::new(&map).with_state(first.state());
    let command = second.command();
    second.spawn(command);
    assert!(!second.ends().success(), "two gateways would share one buffer");
    assert!(!second.log().contains("panicked"), "{}", second.log());
    assert!(first.is_running());
}
