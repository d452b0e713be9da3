//! `mode = "poll"`.

use std::time::Duration;

use forehearth_driver::Driver;
use forehearth_driver_opcua::OpcUaPoller;
use forehearth_model::{GroupId, Quality, Scan, TagId, Value};
use serde_json::json;

use crate::listener::{PLANT, clock, group, item, settings};
use crate::server::{How, Server};

fn poller(port: u16) -> OpcUaPoller {
    let items = vec![
        item(TagId(0), "dcs:s=Counter", None),
        item(TagId(1), "dcs:s=Absent", None),
        item(TagId(2), "nope:s=Counter", None),
        item(TagId(3), "dcs:s=Level", None),
    ];
    OpcUaPoller::new(settings(port, vec![group(items)]), clock)
}

fn values(scans: &[Scan]) -> Vec<(u32, Quality, Value)> {
    let samples = scans.iter().flat_map(|scan| &scan.samples);
    samples.map(|sample| (sample.tag.0, sample.quality, sample.value.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scan_has_one_sample_per_tag_whatever_happens() {
    let mut server = Server::start(How::default()).await;
    let mut poller = poller(server.port);
    let mut out = Vec::new();
    assert!(poller.scan(GroupId(0), &mut out).await.is_err(), "not connected");
    let down = |tag| (tag, Quality::BadNoCommunication, Value::Null);
    assert_eq!(values(&out), (0..4).map(down).collect::<Vec<_>>());

    poller.connect().await.unwrap();
    server.write("Counter", 41).await;
    let mut out = Vec::new();
    poller.scan(GroupId(0), &mut out).await.unwrap();
    let wrong = |tag| (tag, Quality::BadConfiguration, Value::Null);
    let read = |count| {
        vec![
            (0, Quality::Good, Value::UInt(count)),
            wrong(1),
            wrong(2),
            (3, Quality::Good, Value::F64(1.5)),
        ]
    };
    assert_eq!(values(&out), read(41));
    assert_eq!(poller.counters().connects, 1);

    server.doing("drop").await;
    let mut out = Vec::new();
    let lost = tokio::time::timeout(Duration::from_secs(10), poller.scan(GroupId(0), &mut out));
    assert!(lost.await.unwrap().is_err());
    assert_eq!(values(&out), (0..4).map(down).collect::<Vec<_>>());

    server.doing("stop").await;
    assert!(poller.connect().await.is_err());
    server.command(json!({ "do": "start", "namespaces": ["urn:vendor:other", PLANT] })).await;
    poller.connect().await.unwrap();
    let mut out = Vec::new();
    poller.scan(GroupId(0), &mut out).await.unwrap();
    assert_eq!(values(&out)[0], (0, Quality::Good, Value::UInt(0)), "not the other's -1");
}
