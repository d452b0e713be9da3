//! What arrives when something dies. A counter at the server proves that
//! nothing is lost that the server had, and that every hole is declared.

use std::time::{Duration, Instant};

use forehearth_model::Quality;
use serde_json::json;

use crate::listener::{
    COUNTER, Listener, PLANT, Said, count, counter, group, item, no_hole_undeclared, nothing_lost,
    settings,
};
use crate::proxy::{Proxy, Weather};
use crate::server::{How, Server};

/// Data flows again within this time, whatever died.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) fn is_down(said: &[Said]) -> bool {
    said.last().is_some_and(|said| said.quality == Quality::BadNoCommunication)
}

/// A server that counts, a proxy before it, and a listener that has heard it.
pub(crate) async fn stage(how: How) -> (Server, Proxy, Listener) {
    let mut server = Server::start(how).await;
    let proxy = Proxy::before(server.port).await;
    let listener = Listener::start(settings(proxy.port, counter()));
    listener.until("the first value", 10, |said| said.iter().any(|s| count(s).is_some())).await;
    server.count(20).await;
    let met = |said: &[Said]| said.iter().filter_map(count).max() > Some(10);
    listener.until("the counter runs", 10, met).await;
    (server, proxy, listener)
}

/// Since `since`, a good count came within the promised time.
pub(crate) async fn flows_again(listener: &Listener, since: Instant) {
    let met = |said: &[Said]| said.iter().any(|s| s.heard > since && count(s).is_some());
    listener.until("data flows again", 10, met).await;
    let said = listener.said();
    let first = said.iter().find(|s| s.heard > since && count(s).is_some()).unwrap();
    let took = first.heard - since;
    assert!(took <= AGAIN, "data flowed only after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_a_cut_of_the_network() {
    let (mut server, proxy, listener) = stage(How::default()).await;
    proxy.set(Weather::Cut);
    listener.until("Bad at once", 2, is_down).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    proxy.set(Weather::Fair);
    flows_again(&listener, Instant::now()).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    let answer = server.doing("limits").await;
    assert_eq!(answer["subscriptions"], 1, "the session was taken up, not made anew");
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_many_short_cuts() {
    let (mut server, proxy, listener) = stage(How::default()).await;
    for _ in 0..8 {
        proxy.set(Weather::Cut);
        listener.until("Bad", 2, is_down).await;
        proxy.set(Weather::Fair);
        flows_again(&listener, Instant::now()).await;
        // asyncua forgets a message as soon as it is asked for again, not
        // when it is acknowledged: leave it the time to be heard.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(300..700))).await;
    }
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_a_half_open_connection() {
    let (mut server, proxy, listener) = stage(How::default()).await;
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
async fn a_server_that_restarts_is_found_again_with_everything_it_said() {
    let (mut server, _proxy, listener) = stage(How::default()).await;
    let before = server.stop_counting().await;
    listener.until_counter_is(before).await;
    server.doing("stop").await;
    listener.until("Bad at once", 5, is_down).await;
    server.doing("start").await;
    let since = Instant::now();
    flows_again(&listener, since).await;
    server.count(20).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    assert!(listener.opened() >= 2);
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_the_server_forgot_is_noticed_and_made_anew() {
    let (mut server, _proxy, listener) = stage(How::default()).await;
    let since = Instant::now();
    server.doing("delete").await;
    listener
        .until("declared", 5, |said| said.iter().any(|s| s.quality == Quality::BadNoCommunication))
        .await;
    flows_again(&listener, since).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    no_hole_undeclared(&listener.said(), last);
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_falls_silent_is_noticed_and_made_anew() {
    let (mut server, _proxy, listener) = stage(How::default()).await;
    let since = Instant::now();
    server.doing("mute").await;
    let declared = |said: &[Said]| said.iter().any(|s| s.quality == Quality::BadNoCommunication);
    listener.until("declared", 5, declared).await;
    flows_again(&listener, since + Duration::from_secs(1)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    no_hole_undeclared(&listener.said(), last);
    listener.stop().await;
}

/// `fault` costs the server's subscription what it held; its history has it.
async fn history_makes_up_for(fault: &str) {
    let (mut server, _proxy, listener) = stage(How { history: true, ..How::default() }).await;
    let since = Instant::now();
    server.doing(fault).await;
    let declared = |said: &[Said]| {
        said.iter().any(|s| s.quality.severity() == forehearth_model::Severity::Bad)
    };
    listener.until("declared", 6, declared).await;
    flows_again(&listener, since + Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    let driver = listener.stop().await;
    assert!(driver.tally().backfilled > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_a_deleted_subscription_where_the_server_keeps_history() {
    history_makes_up_for("delete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_a_silent_subscription_where_the_server_keeps_history() {
    history_makes_up_for("mute").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_with_a_message_that_is_gone_where_the_server_keeps_history() {
    history_makes_up_for("lose").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_gone_is_declared() {
    let (mut server, _proxy, listener) = stage(How::default()).await;
    server.doing("lose").await;
    let declared = |said: &[Said]| said.iter().any(|s| s.quality == Quality::BadDataLost);
    listener.until("declared", 5, declared).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    no_hole_undeclared(&listener.said(), last);
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_lost_on_the_way_is_asked_for_again() {
    let (mut server, _proxy, listener) = stage(How::default()).await;
    for _ in 0..5 {
        server.doing("skip").await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    assert!(listener.said().iter().all(|said| said.quality == Quality::Good));
    assert_eq!(listener.stop().await.tally().recovered, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_in_another_order_never_make_it_read_another_node() {
    let mut server = Server::start(How::default()).await;
    let items = vec![
        item(COUNTER, "dcs:s=Counter", None),
        item(forehearth_model::TagId(1), "ns=2;s=Counter", None),
    ];
    let listener = Listener::start(settings(server.port, vec![group(items)]));
    let both = |said: &[Said]| said.iter().filter(|s| s.quality == Quality::Good).count() >= 2;
    listener.until("the first values", 10, both).await;
    server.doing("stop").await;
    listener.until("Bad", 5, is_down).await;
    let order = ["urn:vendor:other", PLANT];
    server.command(json!({ "do": "start", "namespaces": order })).await;
    flows_again(&listener, Instant::now()).await;
    server.count(20).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    // The other namespace has a Counter of -1.
    let strange = forehearth_model::Value::Int(-1);
    assert!(listener.said().iter().all(|said| said.value != strange));

    server.doing("stop").await;
    listener.until("Bad", 5, is_down).await;
    server.command(json!({ "do": "start", "namespaces": ["urn:vendor:other"] })).await;
    let refused = |said: &[Said]| {
        let bad = said.iter().filter(|s| s.quality == Quality::BadConfiguration);
        bad.count() >= 2
    };
    listener.until("a namespace that is gone is a mistake of the map", 10, refused).await;
    assert!(listener.said().iter().all(|said| said.value != strange));
    listener.stop().await;
}
