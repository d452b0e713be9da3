//! What arrives when nothing goes wrong.

use std::time::Duration;

use forehearth_model::{DataType, Quality, TagId, Value};
use opcua::types::StatusCode;
use serde_json::json;

use crate::listener::{
    COUNTER, Listener, Said, clock, counter, group, item, nothing_lost, settings,
};
use crate::server::{How, Server};

const LEVEL: TagId = TagId(1);
const SMALL: TagId = TagId(2);
const RUNNING: TagId = TagId(3);
const NAME: TagId = TagId(4);
const ABSENT: TagId = TagId(5);

fn last(listener: &Listener, tag: TagId) -> Option<(Quality, Value)> {
    listener.of(tag).pop().map(|said| (said.quality, said.value))
}

fn heard(tags: &'static [TagId]) -> impl Fn(&[Said]) -> bool {
    move |said| tags.iter().all(|tag| said.iter().any(|said| said.tag == *tag))
}

#[tokio::test(flavor = "multi_thread")]
async fn values_arrive_typed_with_quality_and_source_time() {
    let mut server = Server::start(How::default()).await;
    let items = vec![
        item(LEVEL, "dcs:s=Level", None),
        item(SMALL, "dcs:s=Small", Some(DataType::Dint)),
        item(RUNNING, "dcs:s=Running", Some(DataType::Bool)),
        item(NAME, "dcs:s=Name", Some(DataType::String)),
        item(ABSENT, "dcs:s=Absent", None),
    ];
    let listener = Listener::start(settings(server.port, vec![group(items)]));
    listener.until("all are heard of", 10, heard(&[LEVEL, SMALL, RUNNING, NAME, ABSENT])).await;
    assert_eq!(last(&listener, LEVEL), Some((Quality::Good, Value::F64(1.5))));
    assert_eq!(last(&listener, SMALL), Some((Quality::Good, Value::Int(-7))));
    assert_eq!(last(&listener, RUNNING), Some((Quality::Good, Value::Bool(true))));
    assert_eq!(last(&listener, NAME), Some((Quality::Good, Value::Text("FC-201".into()))));
    assert_eq!(last(&listener, ABSENT), Some((Quality::BadConfiguration, Value::Null)));

    let before = clock();
    server.write("Level", 2.5).await;
    let met = |said: &[Said]| said.iter().any(|said| said.value == Value::F64(2.5));
    listener.until("the new level", 5, met).await;
    let at = listener.of(LEVEL).pop().unwrap().at;
    assert!(before <= at && at <= clock(), "the source's own time");

    let code = StatusCode::UncertainSensorNotAccurate.bits();
    server.command(json!({ "do": "status", "name": "Level", "code": code })).await;
    let met = |said: &[Said]| said.iter().any(|s| s.quality == Quality::UncertainSensorLimit);
    listener.until("the quality", 5, met).await;
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_between_two_messages_arrives() {
    let mut server = Server::start(How::default()).await;
    let listener = Listener::start(settings(server.port, counter()));
    listener.until("the first value", 10, |said| !said.is_empty()).await;
    server.count(5).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    assert!(last > 50, "{last}");
    let driver = listener.stop().await;
    assert_eq!(driver.tally().overflows, 0);
    assert_eq!(server.doing("limits").await["subscriptions"], 0, "said goodbye");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_tag_is_said_again_in_time() {
    let server = Server::start(How::default()).await;
    let mut settings = settings(server.port, counter());
    settings.restate = Duration::from_secs(2);
    let listener = Listener::start(settings);
    listener.until("said thrice", 12, |said| said.len() >= 3).await;
    let said = listener.said();
    assert!(said.iter().all(|said| said.quality == Quality::Good));
    assert!(said.windows(2).all(|pair| pair[0].at < pair[1].at), "each time newer");
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_beyond_the_servers_limits_are_cut() {
    let mut server = Server::start(How { items: 1000, ..How::default() }).await;
    server.command(json!({ "do": "limits", "read": 100, "monitor": 70 })).await;
    let items = (0..1000).map(|n| item(TagId(n), &format!("dcs:s=Item{n}"), None)).collect();
    let listener = Listener::start(settings(server.port, vec![group(items)]));
    listener.until("all have a value", 20, |said| said.len() >= 1000).await;
    server.command(json!({ "do": "write-items", "value": 5000 })).await;
    let met = |said: &[Said]| said.len() >= 2000;
    listener.until("all have the next value", 20, met).await;
    for n in 0..1000 {
        let values: Vec<_> = listener.of(TagId(n)).into_iter().map(|said| said.value).collect();
        let expected = [u64::from(n), u64::from(n) + 5000].map(Value::UInt);
        assert_eq!(values, expected, "item {n}");
    }
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_by_number_is_read_and_a_server_that_is_absent_makes_every_tag_bad_at_once() {
    let mut server = Server::start(How::default()).await;
    server.doing("stop").await;
    let by_number = vec![group(vec![item(COUNTER, "ns=2;s=Counter", None)])];
    let listener = Listener::start(settings(server.port, by_number));
    let bad = |said: &[Said]| said.iter().any(|s| s.quality == Quality::BadNoCommunication);
    listener.until("Bad at once", 3, bad).await;
    server.doing("start").await;
    let good = |said: &[Said]| said.iter().any(|s| s.quality == Quality::Good);
    listener.until("data within 5 s", 5, good).await;
    listener.stop().await;
}
