//! A value on its way to a device: what passes the gate arrives, what doesn't never leaves, and all of it is in the audit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::time::Duration;

use forehearth_tests::broker::Mosquitto;
use forehearth_tests::device::Devices;
use forehearth_tests::eventually::eventually;
use forehearth_tests::gateway::{Gateway, Map};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::opcua::OpcUaServer;
use forehearth_tests::operator::Operator;
use forehearth_tests::spy::Spy;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// A furnace whose setpoint, in tenths of a degree, stands at hr:40, and a
/// lamp in a bit of hr:41.
const FURNACE: &str = r#"
setpoint = { at = "hr:40", type = "INT", scale = 0.1, unit = "degC", write = { min = 900.0, max = 980.0, max_step = 20.0 } }
lamp     = { at = "hr:41.3", type = "BOOL", write = { } }
slow     = { at = "hr:42", type = "INT", write = { min = 0, max = 10, every = "1h" } }
measured = { at = "hr:43", type = "INT", scale = 0.1, unit = "degC" }
damper   = { at = "hr:44", type = "INT", write = { min = 0, max = 100, interlock = "door == 0" } }
door     = { at = "hr:45", type = "INT", write = { min = 0, max = 1 } }
"#;

fn registers() -> Value {
    json!({"holding": {"40": [9500, 0x0100, 1, 9470, 50, 0]}})
}

fn furnace(port: u16) -> String {
    device("furnace", port, "", FURNACE)
}

fn device(name: &str, port: u16, more: &str, tags: &str) -> String {
    format!(
        "[[device]]\nname = \"{name}\"\ndriver = \"modbus\"\nurl = \"tcp://127.0.0.1:{port}\"\n\
         rate = \"200ms\"\n{more}\n[device.tags]\n{tags}\n"
    )
}

/// A broker with `commands = true`.
fn map(port: u16) -> Map {
    Map::new().broker("plant", port, "format = \"native\"\ncommands = true")
}

/// A furnace, a spy on its wire, and an operator at the broker.
struct Stage {
    devices: Devices,
    spy: Spy,
    consumer: NativeConsumer,
    operator: Operator,
    gateway: Gateway,
    _broker: Mosquitto,
}

impl Stage {
    /// Set and running, with this map for the broker's port.
    fn set(map: impl FnOnce(u16) -> Map) -> Self {
        let devices = Devices::start(1, &registers());
        let spy = Spy::before(devices.ports()[0]);
        let broker = Mosquitto::start();
        let consumer = NativeConsumer::start(broker.port());
        let operator = Operator::start(broker.port());
        let mut gateway = Gateway::new(&map(broker.port()).written(&furnace(spy.port())));
        gateway.start();
        arrives(&consumer, "setpoint", &json!(950.0));
        Self { devices, spy, consumer, operator, gateway, _broker: broker }
    }

    /// Waits until the device was read some more times.
    fn read_on(&self) {
        let reads = self.spy.asked().len();
        eventually(10 * SECOND, "the device is read on", || {
            (self.spy.asked().len() > reads + 10).then_some(())
        });
    }
}

/// Waits until the tag was read with this value.
fn arrives(consumer: &NativeConsumer, tag: &str, value: &Value) {
    eventually(10 * SECOND, &format!("{tag} is {value}"), || {
        let last = consumer.arrivals().into_iter().rfind(|arrival| arrival.tag == tag)?;
        (last.value == *value).then_some(())
    });
}

#[test]
fn a_command_is_written_read_back_answered_and_in_the_audit() {
    let mut stage = Stage::set(map);

    let answer = stage.operator.command("a", "furnace/setpoint", &json!(955.04));
    assert_eq!((&answer["result"], &answer["value"]), (&json!("done"), &json!(955.0)), "{answer}");
    arrives(&stage.consumer, "setpoint", &json!(955.0));
    let answer = stage.operator.command("b", "furnace/lamp", &json!(true));
    assert_eq!(answer["result"], "done", "{answer}");
    arrives(&stage.consumer, "lamp", &json!(true));

    let written: Vec<u8> = stage.spy.writes().iter().map(|asked| asked.function).collect();
    assert_eq!(written.len(), 2, "one order is one write: {:?}", stage.spy.writes());
    stage.gateway.assert_books_balance();
    assert!(stage.gateway.stop().success());
    let audit = std::fs::read_to_string(stage.gateway.state().join("audit.log")).unwrap();
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4, "asked and ended, twice: {audit}");
    assert_eq!((&lines[0]["id"], &lines[0]["event"]), (&json!("a"), &json!("command")));
    assert_eq!((&lines[1]["outcome"], &lines[1]["read_back"]), (&json!("done"), &json!(955.0)));
    let verified = stage.gateway.ask(&["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
    let forged = audit.replacen("955.04", "955.05", 1);
    std::fs::write(stage.gateway.state().join("audit.log"), forged).unwrap();
    let verified = stage.gateway.ask(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
}

#[test]
fn what_may_not_be_written_never_leaves_and_garbage_drops_nothing() {
    let stage = Stage::set(map);

    for garbage in [&b""[..], b"{", b"[]", b"{\"id\":1}", b"\xff\xfe\x00", b"null", &[b'['; 4096]] {
        stage.operator.send_bytes(garbage);
    }
    let refused = |id: &str, tag: &str, value: Value, code: &str| {
        let answer = stage.operator.command(id, tag, &value);
        assert_eq!(answer["result"], "refused", "{answer}");
        assert!(answer["reason"].as_str().unwrap().contains(code), "{code}: {answer}");
    };
    refused("1", "furnace/setpoint", json!(981.0), "out-of-bounds");
    refused("2", "furnace/setpoint", json!(975.0), "step-too-wide");
    refused("3", "furnace/setpoint", json!("hot"), "misfit");
    refused("4", "furnace/measured", json!(950.0), "not-writable");
    refused("5", "furnace/nothing", json!(1), "no-such-tag");
    stage.operator.send("6", "furnace/setpoint", &json!(951.0), -1);
    assert_eq!(stage.operator.answer("6")["result"], "expired");
    stage.operator.send("7", "furnace/setpoint", &json!(951.0), 24 * 3600);
    assert!(stage.operator.answer("7")["reason"].as_str().unwrap().contains("expires-too-late"));
    assert!(stage.spy.writes().is_empty(), "{:?}", stage.spy.writes());

    assert_eq!(stage.operator.command("8", "furnace/slow", &json!(5))["result"], "done");
    refused("9", "furnace/slow", json!(6), "too-soon");
    // The same command a second time, as QoS 1 may deliver it.
    stage.operator.send("8", "furnace/slow", &json!(5), 5);
    let repeated = eventually(10 * SECOND, "an answer to the repeat", || {
        stage.operator.answers().into_iter().filter(|answer| answer["id"] == "8").nth(1)
    });
    assert!(repeated["reason"].as_str().unwrap().contains("repeated"), "{repeated}");
    assert_eq!(stage.spy.writes().len(), 1);
    stage.gateway.assert_books_balance();
    stage.read_on();
}

#[test]
fn a_command_does_not_fire_again_after_a_kill() {
    let mut stage = Stage::set(map);
    stage.operator.send("a", "furnace/damper", &json!(60), 300);
    assert_eq!(stage.operator.answer("a")["result"], "done");
    stage.gateway.kill();
    stage.gateway.start();
    stage.read_on();
    stage.operator.send("a", "furnace/damper", &json!(60), 300);
    let again = eventually(10 * SECOND, "an answer to the repeat", || {
        stage.operator.answers().into_iter().filter(|answer| answer["id"] == "a").nth(1)
    });
    assert!(again["reason"].as_str().unwrap().contains("repeated"), "{again}");
    assert_eq!(stage.spy.writes().len(), 1);
}

#[test]
fn an_interlock_holds_a_command_back_while_the_door_is_open() {
    let stage = Stage::set(map);
    assert_eq!(stage.operator.command("1", "furnace/damper", &json!(60))["result"], "done");
    assert_eq!(stage.operator.command("2", "furnace/door", &json!(1))["result"], "done");
    arrives(&stage.consumer, "door", &json!(1));
    let answer = stage.operator.command("3", "furnace/damper", &json!(70));
    assert!(answer["reason"].as_str().unwrap().contains("`door == 0` does not hold"), "{answer}");
    assert_eq!(stage.operator.command("4", "furnace/door", &json!(0))["result"], "done");
    arrives(&stage.consumer, "door", &json!(0));
    assert_eq!(stage.operator.command("5", "furnace/damper", &json!(70))["result"], "done");
    assert_eq!(stage.spy.writes().len(), 4);
}

/// The promise to a safety system, seen on its wire.
#[test]
fn nothing_but_reads_ever_leaves_for_a_read_only_device() {
    let devices = Devices::start(2, &registers());
    let safety = Spy::before(devices.ports()[0]);
    let furnace_spy = Spy::before(devices.ports()[1]);
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let operator = Operator::start(broker.port());
    let tags =
        "guard = { at = \"hr:40\", type = \"INT\" }\nlamp = { at = \"hr:41.3\", type = \"BOOL\" }";
    let map = map(broker.port())
        .written(&device("sis", safety.port(), "access = \"read-only\"", tags))
        .written(&furnace(furnace_spy.port()));
    let mut gateway = Gateway::new(&map);
    gateway.start();
    arrives(&consumer, "setpoint", &json!(950.0));

    for (number, tag) in ["sis/guard", "sis/lamp", "sis/slow", "sis/../furnace"].iter().enumerate()
    {
        let answer = operator.command(&number.to_string(), tag, &json!(1));
        assert_eq!(answer["result"], "refused", "{answer}");
    }
    assert_eq!(operator.command("x", "furnace/lamp", &json!(true))["result"], "done");
    let reads = safety.asked().len();
    eventually(10 * SECOND, "the safety system is read on", || {
        (safety.asked().len() > reads + 5).then_some(())
    });
    assert!(safety.asked().iter().all(|asked| (1..=4).contains(&asked.function)));
    assert_eq!(furnace_spy.writes().len(), 1);
}

#[test]
fn without_commands_true_nothing_listens() {
    let stage = Stage::set(|port| Map::new().native("plant", port));
    stage.operator.send("a", "furnace/setpoint", &json!(955.0), 5);
    stage.read_on();
    assert!(stage.spy.writes().is_empty());
    assert!(stage.operator.answers().is_empty());
}

#[test]
fn an_order_to_a_dead_device_is_answered_and_fires_never() {
    let mut stage = Stage::set(map);
    stage.devices.kill(0);
    arrives(&stage.consumer, "setpoint", &Value::Null);
    // Its step needs a present value, the lamp does not.
    let answer = stage.operator.command("a", "furnace/setpoint", &json!(955.0));
    assert!(answer["reason"].as_str().unwrap().contains("present-unknown"), "{answer}");
    let answer = stage.operator.command("b", "furnace/lamp", &json!(true));
    assert_ne!(answer["result"], "done", "{answer}");
    stage.devices.revive(0);
    arrives(&stage.consumer, "setpoint", &json!(950.0));
    stage.read_on();
    assert!(stage.spy.writes().is_empty(), "nothing fires later: {:?}", stage.spy.writes());
}

#[test]
fn a_command_reaches_an_opc_ua_server_and_a_node_without_write_does_not() {
    let server = OpcUaServer::with(&["--rich"]);
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let operator = Operator::start(broker.port());
    let device = format!(
        "[[device]]\nname = \"fc-201\"\ndriver = \"opcua\"\nurl = \"{}\"\nsecurity = \"None\"\n\
         namespace = {{ dcs = \"urn:vendor:dcs:plant\" }}\nrate = \"100ms\"\n[device.tags]\n\
         setpoint = {{ node = \"dcs:s=Setpoint\", type = \"REAL\", write = {{ min = 900.0, max = 980.0, max_step = 20.0 }} }}\n\
         level = {{ node = \"dcs:s=Level\", type = \"LREAL\" }}\n",
        server.url()
    );
    let mut gateway = Gateway::new(&map(broker.port()).written(&device));
    gateway.start();
    arrives(&consumer, "setpoint", &json!(950.0));
    let answer = operator.command("a", "fc-201/setpoint", &json!(955.5));
    assert_eq!((&answer["result"], &answer["value"]), (&json!("done"), &json!(955.5)), "{answer}");
    arrives(&consumer, "setpoint", &json!(955.5));
    assert_eq!(operator.command("b", "fc-201/level", &json!(2.0))["result"], "refused");
    assert_eq!(operator.command("c", "fc-201/setpoint", &json!(899.0))["result"], "refused");
    gateway.assert_books_balance();
}
