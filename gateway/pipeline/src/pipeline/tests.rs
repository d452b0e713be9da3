//! The pipeline as a whole, without stages.

use super::{Pipeline, Settings};
use crate::{Destinations, Report, Rule};
use forehearth_model::{
    BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Sample, Scaling, Scan,
    Stamp, TagId, Value,
};
use std::time::{Duration, Instant};

fn pipeline(now: Instant) -> Pipeline {
    let live = Rule {
        scaling: Scaling::NONE,
        valid: Some((0.0, 10.0)),
        report: Report::ByException { deadband: 0.0, max_gap: Duration::from_secs(60) },
        lane: Lane::Live,
    };
    let alarm = Rule { lane: Lane::Alarm, ..live };
    let settings = Settings::new(
        Epoch(3),
        CatalogueHash(5),
        BootId(7),
        ClockState::Synced,
        Duration::from_millis(100),
    );
    Pipeline::new([live, alarm, live], &settings, now)
}

fn scan(samples: &[(u32, Quality, Value)]) -> Scan {
    let samples = samples
        .iter()
        .map(|(tag, quality, value)| Sample {
            tag: TagId(*tag),
            quality: *quality,
            value: value.clone(),
        })
        .collect();
    Scan { device: DeviceId(1), stamp: Stamp(1_000), samples }
}

#[test]
fn a_scan_becomes_judged_readings_in_the_lane_of_each_tag() {
    let now = Instant::now();
    let mut pipeline = pipeline(now);
    let good = Quality::Good;
    pipeline.take(
        &scan(&[
            (0, good, Value::F32(f32::NAN)),
            (1, good, Value::Int(3)),
            (2, good, Value::Int(11)),
        ]),
        now,
    );
    let alarm = pipeline.poll(now, Destinations::Busy).unwrap().batch;
    assert_eq!((alarm.lane, alarm.readings.len()), (Lane::Alarm, 1));
    assert_eq!(pipeline.poll(now, Destinations::Busy), None);
    assert_eq!(pipeline.counts().pending, 2);
    pipeline.flush(now);
    let live = pipeline.poll(now, Destinations::Busy).unwrap().batch;
    let readings: Vec<_> = live.readings.iter().map(|r| (r.quality, r.value.clone())).collect();
    assert_eq!(
        readings,
        [(Quality::BadSensorFailure, Value::Null), (Quality::UncertainOutOfRange, Value::Int(11)),]
    );
    assert_eq!((live.id.epoch, live.id.number), (Epoch(3), 2));
    assert_eq!((live.catalogue, live.boot), (CatalogueHash(5), BootId(7)));
}

#[test]
fn an_old_value_in_a_bad_sample_never_passes_for_a_live_one() {
    let now = Instant::now();
    let mut pipeline = pipeline(now);
    pipeline.take(&scan(&[(0, Quality::BadNoCommunication, Value::Int(5))]), now);
    assert_eq!(pipeline.last_values().next().unwrap().value, &Value::Null);
    let batch = pipeline.poll(now, Destinations::Idle).unwrap().batch;
    assert_eq!(batch.readings[0].value, Value::Null);
}

#[test]
fn births_see_what_was_acquired_though_it_was_suppressed() {
    let now = Instant::now();
    let mut pipeline = pipeline(now);
    pipeline.take(&scan(&[(0, Quality::Good, Value::Int(5))]), now);
    let mut second = scan(&[(0, Quality::Good, Value::Int(5))]);
    second.stamp = Stamp(2_000);
    pipeline.take(&second, now);
    assert_eq!(pipeline.counts().suppressed, 1);
    let last: Vec<_> = pipeline.last_values().collect();
    assert_eq!(last.len(), 3);
    assert_eq!((last[0].stamp, last[0].quality), (Some(Stamp(2_000)), Quality::Good));
    assert_eq!((last[1].stamp, last[1].quality), (None, Quality::BadWaitingForFirstValue));
}

#[test]
fn a_sample_of_an_unknown_tag_is_refused_and_counted() {
    let now = Instant::now();
    let mut pipeline = pipeline(now);
    pipeline.take(&scan(&[(3, Quality::Good, Value::Int(5))]), now);
    assert_eq!(pipeline.counts().foreign, 1);
    assert_eq!(pipeline.counts().acquired, 0);
    assert_eq!(pipeline.deadline(Destinations::Idle), None);
}
