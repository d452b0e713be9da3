//! What a listener can prove from the messages alone.
#![allow(clippy::unwrap_used, reason = "a test")]

use forehearth_model::{
    Batch, BatchId, BootId, CatalogueHash, ClockState, DeviceId, Epoch, GapCause, GapRecord, Lane,
    Quality, Reading, Run, Stamp, TagId, Value,
};
use forehearth_telemetry::gap;
use forehearth_telemetry::native::{self, Skipped};
use forehearth_telemetry::prove::Proof;
use forehearth_telemetry::sparkplug::{self, Payload};

fn batch(epoch: u32, number: u64, value: i64, skipped: &[Skipped]) -> Vec<u8> {
    let batch = Batch {
        id: BatchId::new(Epoch(epoch), number),
        lane: Lane::Live,
        catalogue: CatalogueHash(1),
        boot: BootId(1),
        clock: ClockState::Synced,
        runs: vec![Run { device: DeviceId(0), stamp: Stamp(1), len: 1 }],
        readings: vec![Reading { tag: TagId(0), quality: Quality::Good, value: Value::Int(value) }],
    };
    native::encode("gw", &batch, skipped)
}

fn record(first: BatchId, last: BatchId) -> Vec<u8> {
    let record = GapRecord {
        id: 1,
        destination: "plant".into(),
        cause: GapCause::Shed,
        first,
        last,
        lane: None,
        readings: 0,
        from: Stamp(0),
        to: Stamp(0),
        declared: Stamp(0),
    };
    gap::encode("gw", &record)
}

fn hear(proof: &mut Proof, epoch: u32, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        proof.hear("fh/v1/acme/batch/live", &batch(epoch, number, 0, &[])).unwrap();
    }
}

#[test]
fn numbers_without_holes_are_complete_in_whatever_order() {
    let mut proof = Proof::new();
    hear(&mut proof, 3, [10, 11, 14, 15]);
    assert!(!proof.report().is_complete());
    hear(&mut proof, 3, [12, 13]);
    let report = proof.report();
    assert!(report.is_complete());
    let stream = &report.streams[0];
    assert_eq!((stream.first, stream.last, stream.batches, stream.late), (10, 15, 6, 2));
    assert_eq!((stream.readings, stream.repeats), (6, 0));
}

#[test]
fn a_hole_is_named() {
    let mut proof = Proof::new();
    hear(&mut proof, 3, [1, 2, 5, 9]);
    let report = proof.report();
    assert_eq!(report.streams[0].holes, [(3, 4), (6, 8)]);
    let text = report.to_string();
    assert_eq!(
        text,
        "INCOMPLETE: gw epoch 3 on fh/v1/acme: numbers 1…9, 4 batches with 4 readings, \
         5 MISSING or still on the way: 3…4 6…8\n"
    );
}

#[test]
fn what_is_skipped_or_declared_lost_is_no_hole() {
    let mut proof = Proof::new();
    let skipped = [Skipped { epoch: Epoch(3), first: 2, count: 3 }];
    hear(&mut proof, 3, [1]);
    proof.hear("fh/v1/acme/batch/alarm", &batch(3, 5, 0, &skipped)).unwrap();
    hear(&mut proof, 3, [9]);
    let id = |number| BatchId::new(Epoch(3), number);
    // Twice: a gap record is delivered at least once too.
    for _ in 0..2 {
        proof.hear("fh/v1/acme/gap", &record(id(6), id(8))).unwrap();
    }
    let report = proof.report();
    assert!(report.is_complete(), "{report}");
    assert_eq!((report.streams[0].skipped, report.streams[0].lost), (3, 3));
}

#[test]
fn a_crash_of_unknown_extent_excuses_what_lies_behind_it_and_nothing_before() {
    let mut proof = Proof::new();
    hear(&mut proof, 3, [1, 4, 7]);
    hear(&mut proof, 4, [1, 2]);
    proof
        .hear(
            "fh/v1/acme/gap",
            &record(BatchId::new(Epoch(3), 5), BatchId::new(Epoch(3), u64::MAX)),
        )
        .unwrap();
    let report = proof.report();
    assert_eq!(report.streams[0].holes, [(2, 3)]);
    assert_eq!(report.streams[0].lost, 2, "5 and 6");
    assert!(report.streams[1].is_complete());
}

#[test]
fn a_repeat_is_counted_and_one_with_another_content_is_a_defect() {
    let mut proof = Proof::new();
    hear(&mut proof, 1, [1, 2, 2, 1]);
    assert_eq!(proof.report().streams[0].repeats, 2);
    assert!(proof.report().is_complete());
    proof.hear("fh/v1/acme/batch/live", &batch(1, 2, 99, &[])).unwrap();
    assert_eq!(proof.report().streams[0].changed, 1);
    assert!(!proof.report().is_complete());
}

#[test]
fn destinations_and_gateways_are_proved_apart() {
    let mut proof = Proof::new();
    proof.hear("a/batch/live", &batch(1, 1, 0, &[])).unwrap();
    proof.hear("b/batch/live", &batch(1, 5, 0, &[])).unwrap();
    let report = proof.report();
    assert!(report.is_complete());
    assert_eq!(report.streams.len(), 2);
}

fn message(proof: &mut Proof, kind: &str, seq: Option<u64>, uuid: Option<&str>) {
    let payload = Payload { seq, uuid: uuid.map(str::to_owned), ..Payload::default() };
    proof.hear(&format!("spBv1.0/G/{kind}"), &sparkplug::encode(&payload)).unwrap();
}

#[test]
fn a_sparkplug_node_proves_by_its_sequence() {
    let mut proof = Proof::new();
    message(&mut proof, "NBIRTH/n", Some(0), None);
    message(&mut proof, "DBIRTH/n/d", Some(1), None);
    for seq in 2..600 {
        message(&mut proof, "DDATA/n/d", Some(seq % 256), Some(&format!("gw/1/{seq}")));
    }
    message(&mut proof, "NCMD/n", None, None);
    message(&mut proof, "NDEATH/n", None, None);
    message(&mut proof, "NBIRTH/n", Some(0), None);
    message(&mut proof, "DDATA/n/d", Some(1), Some("gw/1/7"));
    let report = proof.report();
    assert!(report.is_complete(), "{report}");
    assert_eq!((report.nodes[0].births, report.nodes[0].deaths, report.nodes[0].late), (2, 1, 1));
    message(&mut proof, "DDATA/n/d", Some(3), Some("gw/1/601"));
    assert_eq!(proof.report().nodes[0].breaks, 1, "2 is missing");
    message(&mut proof, "NDEATH/n", None, None);
    message(&mut proof, "DDATA/n/d", Some(4), None);
    assert_eq!(proof.report().nodes[0].breaks, 2, "data of a dead node");
    assert!(!proof.report().is_complete());
}

#[test]
fn a_listener_that_comes_late_takes_the_first_number_as_it_is() {
    let mut proof = Proof::new();
    message(&mut proof, "DDATA/n/d", Some(77), None);
    message(&mut proof, "DDATA/n/d", Some(78), None);
    assert!(proof.report().is_complete());
}

#[test]
fn what_proves_nothing_is_passed_over_and_garbage_is_said() {
    let mut proof = Proof::new();
    proof.hear("fh/v1/acme/cell-1/voltage", b"{\"v\":1}").unwrap();
    proof.hear("fh/v1/acme/health", b"x").unwrap();
    assert!(proof.hear("fh/v1/acme/batch/live", b"garbage").is_err());
    assert!(proof.hear("spBv1.0/G/DDATA/n/d", b"\xff").is_err());
    assert!(proof.report().streams.is_empty() && proof.report().nodes.is_empty());
}
