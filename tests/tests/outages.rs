//! The broker goes away, or seems to stay: nothing is lost, repeated unmarked or out of order.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::time::Duration;

use forehearth_tests::arrival::Arrival;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::{Devices, Read};
use forehearth_tests::eventually::{eventually, pass, try_eventually};
use forehearth_tests::gateway::{Gateway, Map};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::network::Network;
use forehearth_tests::proof::{lost, out_of_order, unmarked_repeats};
use forehearth_tests::sparkplug::SparkplugConsumer;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

/// From the end of an outage until everything has arrived: reconnect with
/// backoff, then the backlog.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(40);

/// Devices, a gateway with two brokers entries that lead over one network to
/// one mosquitto, and a consumer of each format beside it.
struct Stage {
    gateway: Gateway,
    devices: Devices,
    network: Network,
    native: NativeConsumer,
    sparkplug: SparkplugConsumer,
    broker: Mosquitto,
}

impl Stage {
    fn set() -> Self {
        let broker = Mosquitto::start();
        let network = Network::to(broker.port());
        let devices = Devices::start(4, &json!({}));
        let map = Map::new()
            .native("native", network.port())
            .sparkplug("sparkplug", network.port())
            .counters(devices.ports(), "200ms");
        let native = NativeConsumer::start(broker.port());
        let sparkplug = SparkplugConsumer::start(broker.port(), "test");
        let mut gateway = Gateway::new(&map);
        gateway.start();
        let stage = Self { gateway, devices, network, native, sparkplug, broker };
        eventually(10 * SECOND, "readings arrive in both formats", || {
            let both = [stage.native.arrivals(), stage.sparkplug.arrivals()];
            both.iter().all(|arrivals| arrivals.len() >= 8).then_some(())
        });
        stage
    }

    /// Everything read until now arrives in both formats, none of it twice
    /// without a mark, each tag in order.
    fn assert_nothing_lost(&self) {
        let reads = self.devices.reads();
        assert!(reads.len() > 100, "only {} reads: nothing was tried", reads.len());
        assert_eq!(self.native.damaged(), Vec::<String>::new());
        assert_eq!(self.sparkplug.violations(), Vec::<String>::new());
        assert_all_arrive("native", &reads, || self.native.arrivals());
        assert_all_arrive("sparkplug", &reads, || self.sparkplug.arrivals());
        assert_eq!(self.native.gaps(), [], "a gap was declared though nothing may be lost");
        self.gateway.assert_books_balance();
    }
}

fn assert_all_arrive(format: &str, reads: &[Read], arrivals: impl Fn() -> Vec<Arrival>) {
    let mut missing = Vec::new();
    let all = try_eventually(CAUGHT_UP_WITHIN, || {
        missing = lost(reads, &arrivals(), &[]);
        missing.is_empty().then_some(())
    });
    assert!(all.is_some(), "{format}: {} of {} lost: {missing:?}", missing.len(), reads.len());
    let arrivals = arrivals();
    assert_eq!(unmarked_repeats(&arrivals), Vec::<String>::new(), "{format}");
    assert_eq!(out_of_order(&arrivals), Vec::<String>::new(), "{format}");
}

#[test]
fn a_broker_that_is_away_for_20_s_loses_nothing() {
    let mut stage = Stage::set();
    stage.network.cut();
    pass(20 * SECOND);
    stage.network.restore();
    pass(2 * SECOND);
    stage.assert_nothing_lost();
    let historical = stage.sparkplug.arrivals().iter().filter(|a| a.historical).count();
    assert!(historical >= 4 * 80, "only {historical} readings of 20 s are marked historical");
}

#[test]
fn a_link_that_swallows_packets_for_12_s_loses_nothing() {
    let mut stage = Stage::set();
    stage.network.swallow();
    pass(12 * SECOND);
    stage.network.restore();
    pass(2 * SECOND);
    stage.assert_nothing_lost();
}

#[test]
fn a_broker_that_hangs_for_12_s_loses_nothing() {
    let stage = Stage::set();
    stage.broker.freeze();
    pass(12 * SECOND);
    stage.broker.thaw();
    pass(2 * SECOND);
    stage.assert_nothing_lost();
}
