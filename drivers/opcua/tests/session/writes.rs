//! Orders: written once, read back, refused with a reason, never late.

use forehearth_driver::{WriteError, WriteOrder};
use forehearth_driver_opcua::OpcUaSubscriber;
use forehearth_model::{DataType, Quality, TagId, Value};
use serde_json::json;

use crate::listener::{Listener, Said, clock, group, item, settings};
use crate::server::{How, Server};

const SETPOINT: TagId = TagId(0);
const LEVEL: TagId = TagId(1);

fn order(tag: TagId, value: Value) -> WriteOrder {
    WriteOrder { tag, value }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_written_and_read_back_or_refused_with_a_reason() {
    let mut server = Server::start(How { rich: true, ..How::default() }).await;
    let items = vec![
        item(SETPOINT, "dcs:s=Setpoint", Some(DataType::Real)),
        item(LEVEL, "dcs:s=Level", Some(DataType::Lreal)),
    ];
    let settings = settings(server.port, vec![group(items)]);
    let (driver, writer) = OpcUaSubscriber::writing(settings, clock);
    let listener = Listener::run(driver);
    listener.until_is(SETPOINT, Value::F32(950.0)).await;
    let written = writer.write(order(SETPOINT, Value::F32(960.5))).await;
    assert_eq!(written.unwrap(), Value::F32(960.5));
    let held = server.command(json!({ "do": "read", "name": "Setpoint" })).await;
    assert_eq!(held["value"], 960.5);
    listener.until_is(SETPOINT, Value::F32(960.5)).await;

    let refused = writer.write(order(LEVEL, Value::F64(1.0))).await;
    assert!(matches!(refused, Err(WriteError::Refused { .. })), "{refused:?}");
    let unfit = writer.write(order(SETPOINT, Value::Text("much".into()))).await;
    assert!(matches!(unfit, Err(WriteError::Unfit { .. })), "{unfit:?}");
    let unknown = writer.write(order(TagId(99), Value::Int(1))).await;
    assert!(matches!(unknown, Err(WriteError::NotWritable)), "{unknown:?}");

    server.doing("stop").await;
    let bad = |said: &[Said]| said.last().is_some_and(|s| s.quality == Quality::BadNoCommunication);
    listener.until("down", 5, bad).await;
    let late = writer.write(order(SETPOINT, Value::F32(970.0))).await;
    assert!(matches!(late, Err(WriteError::Link(_))), "{late:?}");
    server.doing("start").await;
    listener.until_is(SETPOINT, Value::F32(950.0)).await; // the server starts over
    listener.stop().await;
}
