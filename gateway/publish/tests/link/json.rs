//! JSON for dashboards.

use forehearth_model::Value;
use forehearth_publish::Format;

use crate::broker::Mosquitto;
use crate::memory_outbox::{Running, parcel_of, settings};
use crate::observer::Observer;

fn json(per_tag: bool) -> Format {
    Format::Json { topic: "fh/v1/acme".into(), per_tag, retain: false }
}

#[tokio::test]
async fn a_device_has_a_topic_and_the_batch_is_settled_when_all_its_messages_are() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(broker.port, json(false)));
    link.outbox.push(parcel_of(1, &[(0, 0, Value::UInt(7)), (1, 2, Value::Bool(true))]));
    let cell = observer.next("fh/v1/acme/cell-001").await;
    let body: serde_json::Value = serde_json::from_slice(&cell.payload).unwrap();
    assert_eq!(body["readings"][0]["v"], 7);
    assert_eq!(body["id"], "pot2-east/1/1");
    observer.next("fh/v1/acme/sis").await;
    link.outbox.until_settled(1).await;
    assert_eq!(link.status.snapshot().counts.confirmations, 2, "one PUBACK per message");
}

#[tokio::test]
async fn a_batch_with_more_readings_than_packet_ids_passes_tag_by_tag() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(broker.port, json(true)));
    let values: Vec<_> = (0..3000).map(|number| (0, 0, Value::UInt(number))).collect();
    link.outbox.push(parcel_of(1, &values));
    link.outbox.until_settled(1).await;
    for number in 0..3000 {
        let message = observer.next("fh/v1/acme/cell-001/counter").await;
        let body: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(body["v"], number, "in order");
    }
}

#[tokio::test]
async fn a_dashboard_that_comes_late_finds_the_last_value_where_it_is_kept() {
    let broker = Mosquitto::start();
    let format = Format::Json { topic: "fh/v1/acme".into(), per_tag: true, retain: true };
    let link = Running::start(settings(broker.port, format));
    link.outbox.push(parcel_of(1, &[(0, 0, Value::UInt(7))]));
    link.outbox.push(parcel_of(2, &[(0, 0, Value::UInt(8))]));
    link.outbox.until_settled(2).await;
    let mut late = Observer::start(broker.port).await;
    let kept = late.next("fh/v1/acme/cell-001/counter").await;
    let body: serde_json::Value = serde_json::from_slice(&kept.payload).unwrap();
    assert_eq!((&body["v"], &body["id"]), (&8.into(), &"pot2-east/1/2".into()));
}
