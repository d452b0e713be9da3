//! The same cuts against a second server no one here wrote: node-opcua. Run
//! them with `--ignored` after
//! `npm install --prefix .peers --ignore-scripts node-opcua-server@2.182.2`.

use std::time::{Duration, Instant};

use forehearth_model::Quality;

use crate::cuts::{flows_again, is_down, stage};
use crate::listener::{Said, no_hole_undeclared, nothing_lost};
use crate::proxy::Weather;
use crate::server::How;

const NODE: How = How { secured: false, items: 0, history: false, node: true };

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node-opcua in .peers"]
async fn node_opcua_loses_nothing_over_cuts() {
    let (mut server, proxy, listener) = stage(NODE).await;
    for pause in [4000, 0, 300, 1000, 0] {
        proxy.set(Weather::Cut);
        listener.until("Bad", 2, is_down).await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        proxy.set(Weather::Fair);
        flows_again(&listener, Instant::now()).await;
    }
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    assert_eq!(server.doing("limits").await["subscriptions"], 1, "not made anew");
    let strange = |said: &Said| said.quality == Quality::BadConfiguration;
    assert!(!listener.said().iter().any(strange), "another item's value");
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node-opcua in .peers"]
async fn node_opcua_loses_nothing_half_open() {
    let (mut server, proxy, listener) = stage(NODE).await;
    proxy.set(Weather::Swallow);
    listener.until("Bad although connected", 8, is_down).await;
    proxy.set(Weather::Fair);
    flows_again(&listener, Instant::now()).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node-opcua in .peers"]
async fn node_opcua_is_found_again_after_a_restart() {
    let (mut server, _proxy, listener) = stage(NODE).await;
    let before = server.stop_counting().await;
    listener.until_counter_is(before).await;
    server.doing("stop").await;
    listener.until("Bad at once", 5, is_down).await;
    server.doing("start").await;
    flows_again(&listener, Instant::now()).await;
    server.count(200).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node-opcua in .peers"]
async fn node_opcua_forgets_a_subscription_and_the_hole_is_declared() {
    let (mut server, _proxy, listener) = stage(NODE).await;
    let since = Instant::now();
    server.doing("delete").await;
    flows_again(&listener, since + Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    no_hole_undeclared(&listener.said(), last);
    listener.stop().await;
}
