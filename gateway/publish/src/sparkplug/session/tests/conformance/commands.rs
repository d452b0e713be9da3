//! Commands to the node and the primary host (Sparkplug 3.0, 5.4, 5.12 and 6.4.20).

use super::life::LIFE;
use super::*;

const NCMD: &str = "spBv1.0/G/NCMD/pot2-east";
const DCMD: &str = "spBv1.0/G/DCMD/pot2-east/cell-001";
const STATE: &str = "spBv1.0/STATE/scada";

fn command(metric: Metric) -> Vec<u8> {
    format::encode(&Payload { metrics: vec![metric], ..Payload::default() })
}

fn named(name: &str, value: Option<Wire>, timestamp: Option<u64>) -> Vec<u8> {
    command(Metric { name: Some(name.into()), value, timestamp, ..Metric::default() })
}

/// A node that was born, and what it answers to one command.
fn answer(topic: &str, payload: &[u8]) -> Vec<String> {
    let mut rig = Rig::new();
    rig.connect();
    let said = lines(&rig.hear(topic, payload, Keep::Passing));
    let alive = rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    assert_eq!(payloads(&alive, "DDATA").len(), 1, "data goes on");
    said
}

const BORN_AGAIN: [&str; 4] = ["Rebirth", NBIRTH, CELL, SIS];

#[test]
fn tck_id_operational_behavior_data_commands_ncmd_rebirth_verb() {
    assert_eq!(answer(NCMD, &rebirth(true)), BORN_AGAIN);
    assert_eq!(answer(DCMD, &rebirth(true)), ["IgnoredCommand"], "no device command");
}

#[test]
fn tck_id_operational_behavior_data_commands_ncmd_rebirth_name() {
    let yes = Some(Wire::BooleanValue(true));
    for other in ["node control/rebirth", "Rebirth", "Node Control/Reboot", ""] {
        assert_eq!(answer(NCMD, &named(other, yes.clone(), None)), ["IgnoredCommand"], "{other}");
    }
}

#[test]
fn tck_id_operational_behavior_data_commands_ncmd_rebirth_value() {
    for value in [None, Some(Wire::BooleanValue(false)), Some(Wire::StringValue("true".into()))] {
        assert_eq!(answer(NCMD, &named(REBIRTH, value, None)), ["IgnoredCommand"]);
    }
}

#[test]
fn tck_id_payloads_name_cmd_requirement() {
    let yes = Some(Wire::BooleanValue(true));
    assert_eq!(answer(NCMD, &named(REBIRTH, yes.clone(), None)), BORN_AGAIN);
    assert_eq!(answer(NCMD, &named(REBIRTH, yes, Some(5))), BORN_AGAIN);
}

#[test]
fn tck_id_operational_behavior_data_commands_ncmd_metric_name() {
    for (topic, name) in [(NCMD, "no such metric"), (DCMD, "no such tag"), (NCMD, "voltage")] {
        let value = Some(Wire::DoubleValue(1.0));
        assert_eq!(answer(topic, &named(name, value, None)), ["IgnoredCommand"], "{name}");
    }
}

#[test]
fn tck_id_operational_behavior_data_commands_dcmd_metric_name() {
    let value = Some(Wire::IntValue(5));
    assert_eq!(answer(DCMD, &named("voltage", value, None)), ["ask cell-001/voltage = Int(5)"]);
}

#[test]
fn tck_id_operational_behavior_data_commands_dcmd_verb() {
    let asks = named("voltage", Some(Wire::IntValue(5)), None);
    for topic in [
        "spBv1.0/G/DDATA/pot2-east/cell-001",
        "spBv1.0/G/DCMD/pot2-west/cell-001",
        "spBv1.0/H/DCMD/pot2-east/cell-001",
        "spBv1.0/G/DCMD/pot2-east/sis",
        "spBv1.0/G/DCMD/pot2-east/cell-099",
        "spBv1.0/G/DCMD/pot2-east/cell-001/more",
        "spBv1.0/G/DCMD/pot2-east",
    ] {
        assert_eq!(answer(topic, &asks), ["IgnoredCommand"], "{topic}");
    }
}

#[test]
fn x_dcmd_by_alias() {
    let aliased = |alias, name: Option<&str>| {
        let value = Some(Wire::IntValue(0xffff_fffe));
        let name = name.map(str::to_owned);
        command(Metric { name, alias: Some(alias), value, ..Metric::default() })
    };
    // Without a datatype it is the birth's: Int16, so negative.
    let asked = ["ask cell-001/voltage = Int(-2)"];
    assert_eq!(answer(DCMD, &aliased(2, None)), asked);
    assert_eq!(answer(DCMD, &aliased(2, Some("voltage"))), asked);
    assert_eq!(answer(NCMD, &aliased(2, None)), asked, "unique over the node");
    assert_eq!(answer(DCMD, &aliased(3, Some("voltage"))), ["IgnoredCommand"], "which of them?");
    for alias in [0, 1, 5, 99, u64::MAX] {
        assert_eq!(answer(DCMD, &aliased(alias, None)), ["IgnoredCommand"], "{alias}");
    }
}

#[test]
fn a_command_of_several_metrics_asks_for_each_and_counts_the_rest() {
    let metric = |name: &str, value| Metric {
        name: Some(name.into()),
        is_null: if value == 0 { Some(true) } else { None },
        value: (value > 0).then_some(Wire::IntValue(value)),
        ..Metric::default()
    };
    let metrics = vec![metric("voltage", 1), metric("x", 2), metric("temperature", 3)];
    let both = format::encode(&Payload { metrics, timestamp: Some(77), ..Payload::default() });
    assert_eq!(
        answer(DCMD, &both),
        ["ask cell-001/voltage = Int(1)", "ask cell-001/temperature = Int(3)", "IgnoredCommand"]
    );
    let mut rig = Rig::new();
    rig.connect();
    let Some(Order::Command(request)) = rig.hear(DCMD, &both, Keep::Passing).into_iter().next()
    else {
        panic!("no command")
    };
    assert_eq!(request.sent, Some(Stamp::from_millis(77)), "the payload's, without an own");
    let null =
        format::encode(&Payload { metrics: vec![metric("voltage", 0)], ..Payload::default() });
    assert_eq!(answer(DCMD, &null), ["IgnoredCommand"], "null is no value to write");
    assert_eq!(lines(&rig.hear(DCMD, &both, Keep::Retained)), ["IgnoredCommand"], "retained");
}

#[test]
fn where_commands_are_off_nothing_is_subscribed_and_nothing_asked() {
    let filter = Filter::default();
    let plan = Arc::new(plant::catalogue());
    let node =
        Node::new("G", None, Walk::Alone, filter, &plan, CatalogueHash(1), 256 * 1024).unwrap();
    let mut rig = Rig::with(Arc::new(node));
    assert_eq!(lines(&rig.connect())[..2], [format!("SUBSCRIBE {NCMD} @1"), NBIRTH.to_owned()]);
    let asks = named("voltage", Some(Wire::IntValue(5)), None);
    assert_eq!(lines(&rig.hear(DCMD, &asks, Keep::Passing)), ["IgnoredCommand"]);
    assert_eq!(lines(&rig.hear(NCMD, &rebirth(true), Keep::Passing)), BORN_AGAIN);
}

#[test]
fn a_broker_that_refuses_commands_still_gets_values() {
    let mut rig = Rig::new();
    rig.connect();
    let denied = rig.say(|session, now, _, out| {
        session.answered(Token(1), Answer::Denied, now, out).unwrap();
    });
    assert_eq!(lines(&denied), ["CommandsDenied"]);
    let alive = rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    assert_eq!(payloads(&alive, "DDATA").len(), 1);
}

#[test]
fn tck_id_operational_behavior_data_commands_rebirth_action_1() {
    let mut rig = Rig::new();
    rig.connect();
    let (now, mut out) = (rig.now(), Vec::new());
    let ask = rebirth(true);
    let heard = Heard { topic: NCMD, payload: &ask, keep: Keep::Passing };
    rig.session.heard(heard, now, &mut rig.archive, &mut out);
    assert_eq!(lines(&out), ["Rebirth", NBIRTH]);
    assert_eq!(rig.session.appetite(), Appetite::default(), "no data until the births are out");
}

#[test]
fn x_process_survives() {
    let mut dice = fastrand::Rng::with_seed(6);
    let mut rig = Rig::with(node(plant::catalogue(), Some("scada"), 256 * 1024));
    rig.connect();
    rig.hear(STATE, br#"{"online":true,"timestamp":1}"#, Keep::Retained);
    for _ in 0..5000 {
        let bytes: Vec<u8> = (0..dice.usize(0..60)).map(|_| dice.u8(..)).collect();
        let topic = [NCMD, DCMD, STATE, "spBv1.0/STATE/x"][dice.usize(0..4)];
        rig.hear(topic, &bytes, Keep::Passing);
    }
    let alive = rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    assert_eq!(payloads(&alive, "DDATA").len(), 1);
}

#[test]
fn garbage_commands_of_the_recorded_life_are_counted() {
    let ignored = |order: &Order| matches!(order, Order::Note(Note::IgnoredCommand));
    assert_eq!(LIFE.orders.iter().filter(|(_, order)| ignored(order)).count(), 2);
}

/// A node of host `scada` after its STATE messages, and what it said to the last.
fn after(states: &[&str]) -> (Rig, Vec<String>) {
    let mut rig = Rig::with(node(plant::catalogue(), Some("scada"), 256 * 1024));
    rig.connect();
    let said = states.iter().map(|state| lines(&rig.hear(STATE, state.as_bytes(), Keep::Retained)));
    let last = said.last().unwrap();
    (rig, last)
}

const ONLINE: &str = r#"{"online":true,"timestamp":100}"#;
const OFFLINE: &str = r#"{"online":false,"timestamp":100}"#;

#[test]
fn tck_id_message_flow_edge_node_birth_publish_phid_wait_id() {
    let mut rig = Rig::with(node(plant::catalogue(), Some("scada"), 256 * 1024));
    rig.connect();
    for other in ["spBv1.0/STATE/Scada", "spBv1.0/STATE/scada2", "STATE/scada", "spBv1.0/STATE/"] {
        let said = lines(&rig.hear(other, ONLINE.as_bytes(), Keep::Retained));
        assert_eq!(said, ["IgnoredCommand"], "{other}");
    }
    assert!(!rig.session.is_online());
}

#[test]
fn tck_id_message_flow_edge_node_birth_publish_phid_offline() {
    let (mut rig, said) = after(&[ONLINE, OFFLINE]);
    assert_eq!(said, ["NDEATH [bdSeq:=7]", "SUBSCRIBE spBv1.0/G/NCMD/pot2-east @3"]);
    rig.answer(2);
    assert_eq!(lines(&rig.answer(3)), ["DISCONNECT"]);
}

#[test]
fn tck_id_operational_behavior_edge_node_termination_host_offline_timestamp() {
    let (rig, said) = after(&[ONLINE, r#"{"online":false,"timestamp":99}"#]);
    assert_eq!(said, [""; 0], "a will of an earlier life of the host");
    assert!(rig.session.is_online());
}

#[test]
fn tck_id_operational_behavior_primary_application_state_with_multiple_servers_state_subs() {
    let mut rig = Rig::with(node(plant::catalogue(), Some("scada"), 256 * 1024));
    let subscribed = lines(&rig.connect());
    assert_eq!(subscribed[1], format!("SUBSCRIBE {NCMD},{STATE} @2"));
    assert_eq!(subscribed.len(), 2, "and no birth");
}

#[test]
fn tck_id_operational_behavior_edge_node_termination_host_offline_reconnect() {
    let walking = || {
        let mut rig =
            Rig::with(node_of(plant::catalogue(), Some("scada"), Walk::Others, 256 * 1024));
        rig.connect();
        rig
    };
    // Nobody says that it is online: on to the next server after a while.
    let mut rig = walking();
    rig.millis += 4999;
    assert_eq!(lines(&rig.say(|_, _, _, _| {})), [""; 0]);
    rig.millis += 1;
    assert_eq!(lines(&rig.say(|_, _, _, _| {})), ["DISCONNECT"]);
    // It says that it is offline here: at once.
    let mut rig = walking();
    assert_eq!(lines(&rig.hear(STATE, OFFLINE.as_bytes(), Keep::Retained)), ["DISCONNECT"]);
    // It is online: births, and no walking any more.
    let mut rig = walking();
    assert_eq!(
        lines(&rig.hear(STATE, ONLINE.as_bytes(), Keep::Retained)),
        ["backlog", NBIRTH, CELL, SIS]
    );
    rig.millis += 60_000;
    assert_eq!(lines(&rig.say(|_, _, _, _| {})), [""; 0]);
    assert!(rig.session.is_online());
}

#[test]
fn with_one_server_an_offline_host_is_waited_for() {
    let (mut rig, said) = after(&[OFFLINE]);
    assert_eq!(said, [""; 0]);
    rig.millis += 3_600_000;
    assert_eq!(lines(&rig.say(|_, _, _, _| {})), [""; 0]);
    assert_eq!(
        lines(&rig.hear(STATE, ONLINE.as_bytes(), Keep::Passing)),
        ["backlog", NBIRTH, CELL, SIS]
    );
}

/// A node whose values reached the broker shortly before its host went away,
/// and what it leaves to the next connection.
fn host_died_after_two_batches() -> (Rig, Remains) {
    let (mut rig, _) = after(&[ONLINE]);
    rig.answer(2);
    rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    assert_eq!(lines(&rig.answer(3)), ["settle 1/1 -0"]);
    rig.live(2, &[(0, CONNECTED + 6, &[(0, 42)])]);
    rig.answer(4);
    rig.hear(STATE, OFFLINE.as_bytes(), Keep::Passing);
    let remains = rig.session.bequeath();
    (rig, remains)
}

/// The same node on its next connection, its host online.
fn back(rig: &mut Rig, remains: Remains, states: &[&str]) -> Vec<Order> {
    let node = node(plant::catalogue(), Some("scada"), 256 * 1024);
    rig.millis += 2000;
    rig.session = SparkplugSession::new(node, 8, remains, Pace::Full, rig.now());
    rig.connect();
    let said = states.iter().map(|state| rig.hear(STATE, state.as_bytes(), Keep::Retained));
    said.last().unwrap()
}

#[test]
fn what_the_host_may_have_missed_is_repeated_exactly_and_before_any_backlog() {
    let (mut rig, remains) = host_died_after_two_batches();
    let orders = back(&mut rig, remains, &[ONLINE]);
    assert_eq!(
        lines(&orders)[4..],
        ["DDATA cell-001 #3 [2=41h]", "Repeat", "DDATA cell-001 #4 [2=42h]", "Repeat"]
    );
    let repeats = payloads(&orders, "DDATA");
    let uuids: Vec<_> = repeats.iter().map(|data| data.uuid.clone().unwrap()).collect();
    assert_eq!(uuids, ["pot2-east/1/1", "pot2-east/1/2"], "under their own ids");
    let stamps = repeats.iter().map(|data| data.metrics[0].timestamp.unwrap());
    assert_eq!(stamps.collect::<Vec<_>>(), [1_000_005, 1_000_006], "with their own times");
    rig.answer(2);
    assert_eq!(lines(&rig.answer(3)), [""; 0], "settled once, not twice");
    assert!(rig.session.appetite().backlog);
}

#[test]
fn a_host_that_was_away_when_we_came_may_have_missed_values_too() {
    let (mut rig, _) = after(&[ONLINE]);
    rig.answer(2);
    rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    rig.answer(3);
    // The connection dies; nobody told that the host did.
    let remains = rig.session.bequeath();
    let orders = back(&mut rig, remains.clone(), &[ONLINE]);
    assert!(payloads(&orders, "DDATA").is_empty(), "it was there all the time");
    let orders = back(&mut rig, remains, &[OFFLINE, r#"{"online":true,"timestamp":101}"#]);
    assert_eq!(payloads(&orders, "DDATA").len(), 1);
}

#[test]
fn repeats_that_were_not_confirmed_are_repeated_again() {
    let (mut rig, remains) = host_died_after_two_batches();
    back(&mut rig, remains, &[ONLINE]);
    let remains = rig.session.bequeath();
    let orders = back(&mut rig, remains, &[ONLINE]);
    assert_eq!(payloads(&orders, "DDATA").len(), 2);
    rig.answer(2);
    rig.answer(3);
    let remains = rig.session.bequeath();
    let orders = back(&mut rig, remains, &[ONLINE]);
    assert!(payloads(&orders, "DDATA").is_empty());
}

#[test]
fn without_a_primary_host_nothing_is_kept() {
    let mut rig = Rig::new();
    rig.connect();
    rig.answer(2);
    rig.live(1, &[(0, CONNECTED + 5, &[(0, 41)])]);
    rig.answer(3);
    assert_eq!(rig.session.bequeath(), Remains::default());
}
