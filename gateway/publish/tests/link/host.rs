//! The primary host: births wait for it, and values wait while it is away.

use forehearth_publish::{DestinationSettings, Format, LinkState};
use forehearth_telemetry::sparkplug;

use crate::broker::Mosquitto;
use crate::memory_outbox::{Running, parcel, settings};
use crate::observer::{Message, Observer};

const STATE: &str = "spBv1.0/STATE/scada";

fn for_scada(port: u16) -> DestinationSettings {
    let primary_host = Some("scada".into());
    settings(port, Format::Sparkplug { group: "G".into(), primary_host })
}

fn state(online: bool, timestamp: u64) -> Vec<u8> {
    format!(r#"{{"online":{online},"timestamp":{timestamp}}}"#).into_bytes()
}

fn number(data: &Message) -> u64 {
    let uuid = sparkplug::decode(&data.payload).unwrap().uuid.unwrap();
    uuid.rsplit('/').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn values_wait_for_the_host_and_arrive_when_it_is_back() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(for_scada(broker.port));
    let status = &link.status;
    let is = |state| status.snapshot().state == state;
    link.outbox.push(parcel(1));
    link.outbox.until("waiting", |_| is(LinkState::Waiting)).await;
    assert!(link.outbox.state().settled.is_empty());
    observer.retain(STATE, state(true, 10));
    link.outbox.until_settled(1).await;
    observer.retain(STATE, state(false, 20));
    observer.next("NDEATH").await;
    link.outbox.until("waiting", |_| is(LinkState::Waiting)).await;
    for number in 2..=9 {
        link.outbox.push(parcel(number));
    }
    observer.publish("while it is away", Vec::new());
    observer.next("while it is away").await;
    assert_eq!(link.outbox.state().settled.len(), 1, "no value goes to a host that is not there");
    observer.retain(STATE, state(true, 30));
    link.outbox.until_settled(9).await;
    let mut heard = Vec::new();
    while heard.len() < 8 {
        heard.push(number(&observer.next("DDATA").await));
    }
    assert_eq!(heard, (2..=9).collect::<Vec<_>>());
}
