//! What comes before what: births, data, deaths (Sparkplug 3.0, chapter 5).

use forehearth_telemetry::topics::MessageType as Kind;

use super::life::{LIFE, Sent};
use super::*;

#[test]
fn tck_id_principles_birth_certificates_order() {
    let first: Vec<_> = LIFE.sent.iter().take(3).map(|sent| sent.kind).collect();
    assert_eq!(first, [Kind::Nbirth, Kind::Dbirth, Kind::Dbirth]);
}

#[test]
fn x_subscribe_before_birth() {
    let position = |wanted: fn(&Order) -> bool| {
        LIFE.orders.iter().position(|(_, order)| wanted(order)).unwrap()
    };
    let subscribed = position(|order| match order {
        Order::Subscribe { filters, .. } => filters.iter().any(|f| f.contains("/NCMD/")),
        _ => false,
    });
    assert!(subscribed < position(|order| matches!(order, Order::Publish(_))));
}

/// Between an NBIRTH and the last of its DBIRTHs nothing else goes out.
#[test]
fn tck_id_payloads_ddata_order() {
    for (place, _) in LIFE.sent.iter().enumerate().filter(|(_, s)| s.kind == Kind::Nbirth) {
        let next: Vec<_> = LIFE.sent[place + 1..].iter().take(2).collect();
        assert!(next.iter().all(|sent| sent.kind == Kind::Dbirth));
        let devices: Vec<_> = next.iter().map(|sent| sent.device.as_deref().unwrap()).collect();
        assert_eq!(devices, ["cell-001", "sis"], "every device");
    }
}

#[test]
fn tck_id_payloads_ndata_order() {
    let ndata = LIFE.sent.iter().position(|sent| sent.kind == Kind::Ndata).unwrap();
    let births = LIFE.sent[..ndata].iter().filter(|sent| sent.kind == Kind::Dbirth);
    assert!(births.count() >= 2, "NBIRTH and all DBIRTHs came before");
}

#[test]
fn nothing_is_taken_before_the_last_birth_is_out() {
    let mut rig = Rig::new();
    let (now, mut out) = (rig.now(), Vec::new());
    rig.session.connected(now, &mut rig.archive, &mut out);
    let hungry = |session: &SparkplugSession| session.appetite() != Appetite::default();
    for _ in 0..3 {
        assert!(!hungry(&rig.session));
        assert!(!rig.session.is_online());
        rig.session.more(now, &mut rig.archive, &mut out);
    }
    assert!(hungry(&rig.session));
}

/// After a DDEATH nothing of the device until its DBIRTH.
#[test]
fn x_ddeath_no_data_after() {
    let of_sis = LIFE.sent.iter().filter(|sent| sent.device.as_deref() == Some("sis"));
    let kinds: Vec<_> = of_sis.map(|sent| sent.kind).collect();
    use Kind::{Dbirth, Ddata, Ddeath};
    // Born, live, last reading without a value, dead, back with a birth, and
    // born again at the rebirth.
    assert_eq!(kinds, [Dbirth, Ddata, Ddata, Ddeath, Dbirth, Ddata, Dbirth]);
}

fn in_time_order(sent: &[&Sent]) {
    for sent in sent {
        assert!(
            sent.payload.metrics.is_sorted_by_key(|metric| metric.timestamp),
            "{:?}",
            sent.kind
        );
    }
}

#[test]
fn tck_id_operational_behavior_data_publish_nbirth_order() {
    in_time_order(&LIFE.of(Kind::Nbirth));
    in_time_order(&LIFE.of(Kind::Ndata));
}

#[test]
fn tck_id_operational_behavior_data_publish_dbirth_order() {
    in_time_order(&LIFE.of(Kind::Dbirth));
    in_time_order(&LIFE.of(Kind::Ddata));
    let stamps: std::collections::BTreeSet<_> =
        LIFE.of(Kind::Dbirth)[0].payload.metrics.iter().map(|m| m.timestamp).collect();
    assert!(stamps.len() > 10, "times of acquisition and not of the birth");
}

#[test]
fn tck_id_payloads_ndeath_will_message_publisher() {
    let orders: Vec<_> = LIFE.orders.iter().map(|(_, order)| line(order)).collect();
    let death = orders.iter().position(|line| line.starts_with("NDEATH")).unwrap();
    let end = orders.iter().position(|line| line == "DISCONNECT").unwrap();
    assert!(death < end);
    let after = LIFE.orders[death + 1..].iter();
    assert!(!after.clone().any(|(_, order)| matches!(order, Order::Publish(_))), "the last word");
    assert_eq!(end, orders.len() - 1);
}
