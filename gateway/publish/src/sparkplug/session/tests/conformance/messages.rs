//! What stands around the metrics: QoS, retain, times, sequence numbers, bdSeq (Sparkplug 3.0, chapters 5 and 6).

use forehearth_telemetry::topics::MessageType as Kind;

use super::life::{LIFE, Sent};
use super::*;

fn plain_and_passing(kind: Kind) {
    for sent in LIFE.of(kind) {
        assert_eq!(sent.message.delivery, Delivery::Plain, "QoS 0");
        assert_eq!(sent.message.keep, Keep::Passing, "not retained");
    }
}

#[test]
fn tck_id_topics_nbirth_mqtt() {
    plain_and_passing(Kind::Nbirth);
}

#[test]
fn tck_id_topics_dbirth_mqtt() {
    plain_and_passing(Kind::Dbirth);
}

#[test]
fn tck_id_topics_ndata_mqtt() {
    plain_and_passing(Kind::Ndata);
}

#[test]
fn tck_id_topics_ddata_mqtt() {
    plain_and_passing(Kind::Ddata);
}

#[test]
fn tck_id_topics_ddeath_mqtt() {
    plain_and_passing(Kind::Ddeath);
}

fn sent_now(kind: Kind) {
    for sent in LIFE.of(kind) {
        assert_eq!(sent.payload.timestamp, u64::try_from(sent.millis).ok(), "UTC ms of sending");
    }
}

#[test]
fn tck_id_topics_nbirth_timestamp() {
    sent_now(Kind::Nbirth);
}

#[test]
fn tck_id_topics_dbirth_timestamp() {
    sent_now(Kind::Dbirth);
}

#[test]
fn tck_id_topics_ndata_timestamp() {
    sent_now(Kind::Ndata);
}

#[test]
fn tck_id_topics_ddata_timestamp() {
    sent_now(Kind::Ddata);
}

#[test]
fn tck_id_payloads_ddeath_timestamp() {
    sent_now(Kind::Ddeath);
}

#[test]
fn tck_id_payloads_timestamp_in_utc() {
    // The rig's wall clock is what the daemon's is: microseconds since 1970, UTC.
    let first = LIFE.of(Kind::Nbirth)[0];
    assert_eq!(first.payload.timestamp, Some(1_000_000));
    assert!(LIFE.sent.iter().all(|sent| sent.payload.timestamp.is_some()));
}

#[test]
fn tck_id_topics_nbirth_seq_num() {
    assert_eq!(LIFE.of(Kind::Nbirth).len(), 2, "one at connect, one at rebirth");
    assert!(LIFE.of(Kind::Nbirth).iter().all(|sent| sent.payload.seq == Some(0)));
}

/// Every message but NDEATH follows the one before, modulo 256.
fn follows(kind: Kind) {
    let mut previous: Option<&Sent> = None;
    let mut seen = 0;
    for sent in LIFE.sent.iter().filter(|sent| sent.kind != Kind::Ndeath) {
        let seq = sent.payload.seq.expect("seq");
        assert!(seq < 256);
        if let (Some(before), true) = (previous, sent.kind == kind) {
            assert_eq!(seq, (before.payload.seq.unwrap() + 1) % 256);
            seen += 1;
        }
        previous = Some(sent);
    }
    assert!(seen > 0);
}

#[test]
fn tck_id_topics_dbirth_seq() {
    follows(Kind::Dbirth);
}

#[test]
fn tck_id_topics_ndata_seq_num() {
    follows(Kind::Ndata);
}

#[test]
fn tck_id_topics_ddata_seq_num() {
    follows(Kind::Ddata);
}

#[test]
fn tck_id_topics_ddeath_seq_num() {
    follows(Kind::Ddeath);
}

#[test]
fn tck_id_payloads_sequence_num_always_included() {
    let without: Vec<_> = LIFE.sent.iter().filter(|sent| sent.payload.seq.is_none()).collect();
    assert!(without.iter().all(|sent| sent.kind == Kind::Ndeath));
    assert_eq!(without.len(), 1, "one goodbye");
    let seqs: std::collections::BTreeSet<_> =
        LIFE.sent.iter().filter_map(|sent| sent.payload.seq).collect();
    assert_eq!(seqs.len(), 256, "all numbers were used");
}

fn bd_seq(payload: &Payload) -> Vec<&Metric> {
    payload.metrics.iter().filter(|metric| metric.name.as_deref() == Some("bdSeq")).collect()
}

#[test]
fn tck_id_topics_nbirth_bdseq_matching() {
    let will = format::decode(&LIFE.will.payload).unwrap();
    let expected = Some(Wire::LongValue(7));
    assert_eq!(bd_seq(&will)[0].value, expected);
    for sent in LIFE.of(Kind::Nbirth) {
        let told = bd_seq(&sent.payload);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].value.clone(), told[0].alias), (expected.clone(), None));
        assert_eq!(told[0].datatype, Some(DataType::Int64.code()));
    }
}

#[test]
fn tck_id_topics_ndeath_payload() {
    let said = LIFE.of(Kind::Ndeath)[0].payload.clone();
    for death in [said, format::decode(&LIFE.will.payload).unwrap()] {
        assert_eq!(death.metrics.len(), 1);
        assert_eq!(bd_seq(&death).len(), 1);
        assert_eq!(death.seq, None);
    }
}

#[test]
fn tck_id_topics_nbirth_rebirth_metric() {
    for sent in LIFE.of(Kind::Nbirth) {
        let named = |metric: &&Metric| metric.name.as_deref() == Some("Node Control/Rebirth");
        let control: Vec<_> = sent.payload.metrics.iter().filter(named).collect();
        assert_eq!(control.len(), 1);
        assert_eq!(control[0].datatype, Some(DataType::Boolean.code()));
        assert_eq!(control[0].value, Some(Wire::BooleanValue(false)));
        assert_eq!(control[0].alias, None);
    }
}
