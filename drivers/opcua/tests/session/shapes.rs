//! What is not one plain value at one known node: paths, arrays, structures, bytes, deadbands.

use std::time::Duration;

use forehearth_driver::Driver;
use forehearth_driver_opcua::{Address, Deadband, Item, OpcUaPoller};
use forehearth_model::{DataType, GroupId, Quality, TagId, Value};
use serde_json::json;

use crate::listener::{Listener, PLANT, Said, clock, group, item, settings};
use crate::server::{How, Server};

const RICH: How = How { secured: false, items: 0, history: false, rich: true, expired: false };
const BIAS: TagId = TagId(0);
const NOWHERE: TagId = TagId(1);

fn part(tag: u32, node: &str, field: Option<&str>, element: Option<u32>) -> Item {
    Item::new(TagId(tag), Address::parse(node).unwrap().part(field, element), None)
}

fn parts() -> Vec<Item> {
    vec![
        part(0, "dcs:s=Profile", None, Some(0)),
        part(1, "dcs:s=Profile", None, Some(1)),
        part(2, "dcs:s=Profile", None, Some(2)),
        part(3, "dcs:s=Profile", None, Some(3)),
        part(4, "dcs:s=Mill", Some("Speed"), None),
        part(5, "dcs:s=Mill", Some("Alarms"), Some(1)),
        part(6, "dcs:s=Mill", Some("Name"), None),
        part(7, "dcs:s=Mill", Some("Absent"), None),
        item(TagId(8), "dcs:s=Photo", Some(DataType::String)),
        item(TagId(9), "dcs:s=Profile", None),
    ]
}

fn expected() -> Vec<(Quality, Value)> {
    let wrong = (Quality::BadConfiguration, Value::Null);
    let good = |value| (Quality::Good, value);
    vec![
        good(Value::F64(1.5)),
        good(Value::F64(2.5)),
        good(Value::F64(3.5)),
        wrong.clone(), // the array has three
        good(Value::F64(1480.5)),
        good(Value::UInt(5)),
        good(Value::Text("M1".into())),
        wrong.clone(), // there is no such field
        good(Value::Text("01ff".into())),
        wrong, // a whole array is no tag
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_fields_and_bytes_arrive_subscribed() {
    let mut server = Server::start(RICH).await;
    let listener = Listener::start(settings(server.port, vec![group(parts())]));
    let all = |said: &[Said]| (0..10).all(|tag| said.iter().any(|s| s.tag == TagId(tag)));
    listener.until("all are heard of", 10, all).await;
    let last = (0..10).map(|tag| listener.of(TagId(tag)).pop().unwrap());
    let last: Vec<_> = last.map(|said| (said.quality, said.value)).collect();
    assert_eq!(last, expected());
    server.write("Profile", json!([4.5, 2.5, 6.5])).await;
    listener.until_is(TagId(0), Value::F64(4.5)).await;
    listener.until_is(TagId(2), Value::F64(6.5)).await;
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_fields_and_bytes_arrive_polled() {
    let server = Server::start(RICH).await;
    let mut poller = OpcUaPoller::new(settings(server.port, vec![group(parts())]), clock);
    poller.connect().await.unwrap();
    let mut out = Vec::new();
    poller.scan(GroupId(0), &mut out).await.unwrap();
    let samples = out.iter().flat_map(|scan| &scan.samples);
    let got: Vec<_> = samples.map(|s| (s.quality, s.value.clone())).collect();
    assert_eq!(got, expected());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_followed_anew_at_each_session_even_when_namespaces_moved() {
    let mut server = Server::start(RICH).await;
    let items = vec![
        item(BIAS, "/Objects/dcs:FC201/dcs:BIAS", Some(DataType::Lreal)),
        item(NOWHERE, "/Objects/dcs:FC201/dcs:Nobody", None),
    ];
    let listener = Listener::start(settings(server.port, vec![group(items)]));
    listener.until_is(BIAS, Value::F64(12.5)).await;
    let nowhere = listener.of(NOWHERE).pop().unwrap();
    assert_eq!((nowhere.quality, nowhere.value), (Quality::BadConfiguration, Value::Null));
    server.doing("stop").await;
    server.command(json!({ "do": "start", "namespaces": ["urn:vendor:other", PLANT] })).await;
    server.write("BIAS", 13.5).await;
    listener.until_is(BIAS, Value::F64(13.5)).await;
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_keeps_to_itself_what_is_within_the_deadband() {
    let mut server = Server::start(RICH).await;
    let mut banded = item(TagId(0), "dcs:s=Level", None);
    banded.deadband = Some(Deadband::Absolute(1.0));
    // asyncua knows no percentages: what it refuses to filter comes unfiltered.
    let mut percent = item(TagId(1), "dcs:s=Level", None);
    percent.deadband = Some(Deadband::Percent(50.0));
    let listener = Listener::start(settings(server.port, vec![group(vec![banded, percent])]));
    listener.until_is(TagId(1), Value::F64(1.5)).await;
    for level in [1.75, 2.0, 2.25] {
        server.write("Level", level).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    server.write("Level", 9.5).await;
    listener.until_is(TagId(0), Value::F64(9.5)).await;
    let levels: Vec<_> = listener.of(TagId(0)).into_iter().map(|said| said.value).collect();
    assert_eq!(levels, [Value::F64(1.5), Value::F64(9.5)]);
    listener.until_is(TagId(1), Value::F64(9.5)).await;
    listener.stop().await;
}
