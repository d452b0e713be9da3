//! Events of a server: whole, once, with their own time; and no silence taken for "nothing happened".

use forehearth_driver_opcua::Item;
use forehearth_model::{Quality, TagId, Value};
use serde_json::json;

use crate::listener::{Listener, Said, clock, group, item, settings};
use crate::server::{How, Server};

const EVENTS: TagId = TagId(0);

fn events(least: u16) -> Item {
    let mut events = item(EVENTS, "i=2253", None);
    events.events = Some(least);
    events
}

fn told(said: &[Said]) -> Vec<serde_json::Value> {
    let texts = said.iter().filter_map(|said| match &said.value {
        Value::Text(text) if said.tag == EVENTS && !text.is_empty() => Some(text.clone()),
        _ => None,
    });
    texts.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_whole_and_once_and_minor_ones_are_not() {
    let mut server = Server::start(How { rich: true, ..How::default() }).await;
    let counter = item(TagId(1), "dcs:s=Counter", None);
    let mut settings = settings(server.port, vec![group(vec![counter, events(500)])]);
    settings.restate = std::time::Duration::from_secs(1);
    let listener = Listener::start(settings);
    listener.until_is(EVENTS, Value::Text("".into())).await;
    let before = clock();
    server.command(json!({ "do": "event", "severity": 100, "message": "minor" })).await;
    server.command(json!({ "do": "event", "severity": 700, "message": "level high" })).await;
    listener.until("the event", 5, |said| !told(said).is_empty()).await;
    listener.until_is(EVENTS, Value::Text("".into())).await; // quiet again, and alive
    let all = told(&listener.said());
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["message"], "level high");
    assert_eq!(all[0]["severity"], 700);
    assert_eq!(all[0]["source"], "FC-201");
    let at =
        listener.of(EVENTS).iter().find(|said| !told(&[(*said).clone()]).is_empty()).unwrap().at;
    assert!(before.micros() - 1000 <= at.micros() && at <= clock(), "its own time");

    server.doing("stop").await;
    let bad = |said: &[Said]| {
        said.iter().rfind(|s| s.tag == EVENTS).unwrap().quality == Quality::BadNoCommunication
    };
    listener.until("Bad while nobody can tell", 5, bad).await;
    listener.stop().await;
}
