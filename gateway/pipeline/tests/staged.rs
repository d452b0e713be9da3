//! Tags with stages: the books balance, a consumer who joins the readings of
//! a swinging door by straight lines is never wrong by more than agreed, and
//! what alarms and windows tell is right, whatever is scanned and whenever
//! the gateway stops, restarts or learns the time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use forehearth_model::{
    BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Sample, Scaling, Scan,
    Severity, Stamp, TagId, Value,
};
use forehearth_pipeline::{
    AlarmLimits, AlarmStage, Destinations, Filter, Keep, Pipeline, Report, Rule, Settings, Spike,
    Stages, WindowStage,
};
use proptest::prelude::*;

const ERROR: f64 = 0.25;
const MAX_GAP: Duration = Duration::from_secs(20);
const SCALING: Scaling = Scaling { scale: 0.1, offset: -1.0, clamp: None };

/// Sources, which a driver reads.
const PLAIN: u32 = 0;
const SWINGING: u32 = 1;
const FILTERED: u32 = 2;
const WATCHED: u32 = 3;
const GATHERED: u32 = 4;
const SOURCES: u32 = 5;
/// Derived tags.
const ALARM: u32 = 5;
const COUNT: u32 = 6;
const MAX: u32 = 7;
const TAGS: u32 = 8;

fn rules() -> impl Iterator<Item = Rule> {
    (0..TAGS).map(|tag| Rule {
        scaling: if tag == ALARM || tag == COUNT { Scaling::NONE } else { SCALING },
        valid: (tag == SWINGING).then_some((-3.0, 3.0)),
        report: Report::ByException { deadband: 0.0, max_gap: MAX_GAP },
        lane: if tag == ALARM { Lane::Alarm } else { Lane::Live },
    })
}

fn stages() -> [(TagId, Stages); 4] {
    let limits =
        AlarmLimits { l: Some(-2.0), h: Some(2.0), hysteresis: 0.5, ..AlarmLimits::default() };
    let window = WindowStage {
        every: Duration::from_secs(2),
        step: None,
        period: Duration::from_millis(500),
        keep: vec![(Keep::Count, TagId(COUNT)), (Keep::Max, TagId(MAX))],
    };
    let alarm = AlarmStage { limits, tag: TagId(ALARM), state: None, group: None };
    let filters = vec![
        Filter::Smooth { time: Duration::from_secs(1) },
        Filter::Hampel { window: 5, sigmas: 3.0, least: 0.2, spike: Spike::Flag },
    ];
    [
        (TagId(SWINGING), Stages { swing: Some(ERROR), ..Stages::default() }),
        (TagId(FILTERED), Stages { filters, swing: Some(ERROR), ..Stages::default() }),
        (TagId(WATCHED), Stages { alarm: Some(alarm), ..Stages::default() }),
        (TagId(GATHERED), Stages { window: Some(window), ..Stages::default() }),
    ]
}

fn pipeline(epoch: u32, now: Instant) -> Pipeline {
    let settings = Settings {
        max_readings: 16,
        ..Settings::new(
            Epoch(epoch),
            CatalogueHash(1),
            BootId(1),
            ClockState::Synced,
            Duration::from_millis(500),
        )
    };
    let mut pipeline = Pipeline::new(rules(), &settings, now);
    pipeline.stage(stages());
    pipeline
}

#[derive(Clone, PartialEq, Debug)]
struct Told {
    tag: u32,
    stamp: Stamp,
    quality: Quality,
    value: Value,
}

/// Everything a consumer gets of one run, in order.
fn drain(pipeline: &mut Pipeline, now: Instant, told: &mut Vec<Told>) {
    while let Some(sealed) = pipeline.poll(now, Destinations::Busy) {
        for (run, readings) in sealed.batch.iter() {
            assert_eq!(run.device, DeviceId(7));
            told.extend(readings.iter().map(|reading| Told {
                tag: reading.tag.0,
                stamp: run.stamp,
                quality: reading.quality,
                value: reading.value.clone(),
            }));
        }
    }
}

fn of(told: &[Told], tag: u32) -> Vec<Told> {
    told.iter().filter(|told| told.tag == tag).cloned().collect()
}

fn engineering(value: &Value) -> Option<f64> {
    value.as_f64().map(|raw| SCALING.apply(raw))
}

/// Each sample of the swinging tag lies on the line between the readings
/// around it, in the order they came.
fn check_lines(samples: &[Told], readings: &[Told]) {
    let mut rest = samples;
    let mut last: Option<&Told> = None;
    for reading in readings {
        let place = rest.iter().position(|sample| sample == reading);
        let place = place.unwrap_or_else(|| panic!("{reading:?} was never sampled"));
        for sample in &rest[..place] {
            let last = last.unwrap();
            assert_eq!(sample.quality, last.quality, "a change of quality was swallowed");
            let (Some(number), Some(from), Some(to)) =
                (engineering(&sample.value), engineering(&last.value), engineering(&reading.value))
            else {
                assert_eq!(sample.value, last.value);
                continue;
            };
            let share = (sample.stamp.micros() - last.stamp.micros()) as f64
                / (reading.stamp.micros() - last.stamp.micros()) as f64;
            let line = from + (to - from) * share;
            assert!((line - number).abs() <= ERROR, "{line} for {sample:?}");
        }
        rest = &rest[place + 1..];
        last = Some(reading);
    }
    // After a stop nothing is open but repeats of what is Bad.
    assert!(rest.iter().all(|sample| sample.quality.severity() == Severity::Bad), "{rest:?}");
}

#[derive(Clone, Debug)]
enum Step {
    Scan { after: u64, back: i64, samples: Vec<(u32, Quality, i64)> },
    Poll { after: u64 },
    Clock { synced: bool },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let quality =
        prop_oneof![12 => Just(Quality::Good), 1 => prop::sample::select(&Quality::ALL[..])];
    let raw = prop_oneof![6 => -20i64..40, 1 => -60i64..60];
    let samples = prop::collection::vec((0..SOURCES, quality, raw), 0..12);
    let back = prop_oneof![12 => Just(0), 1 => 0i64..10_000];
    prop_oneof![
        20 => (1u64..3000, back, samples)
            .prop_map(|(after, back, samples)| Step::Scan { after, back, samples }),
        5 => (0u64..3000).prop_map(|after| Step::Poll { after }),
        1 => any::<bool>().prop_map(|synced| Step::Clock { synced }),
        1 => Just(Step::Restart),
    ]
}

/// What the driver's sample looks like once judged.
fn judged(tag: u32, stamp: Stamp, quality: Quality, raw: i64) -> Told {
    let value = Value::Int(raw);
    let bad = quality.severity() == Severity::Bad;
    let outside = !(-3.0..=3.0).contains(&engineering(&value).unwrap());
    let quality =
        if quality == Quality::Good && outside { Quality::UncertainOutOfRange } else { quality };
    Told { tag, stamp, quality, value: if bad { Value::Null } else { value } }
}

proptest! {
    #[test]
    fn the_books_balance_and_lines_are_never_wrong(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let (mut now, mut wall) = (Instant::now(), 1_700_000_000_000_i64);
        let mut epoch = 1;
        let mut sut = pipeline(epoch, now);
        let (mut told, mut swinging, mut taken) = (Vec::new(), Vec::new(), 0);
        for step in steps.into_iter().chain([Step::Restart]) {
            match step {
                Step::Scan { after, back, samples } => {
                    now += Duration::from_millis(after);
                    wall += after as i64 - back;
                    let stamp = Stamp::from_millis(wall);
                    taken += samples.len() as u64;
                    swinging.extend(
                        samples
                            .iter()
                            .filter(|(tag, ..)| *tag == SWINGING)
                            .map(|(tag, quality, raw)| judged(*tag, stamp, *quality, *raw)),
                    );
                    let samples = samples
                        .into_iter()
                        .map(|(tag, quality, raw)| Sample { tag: TagId(tag), quality, value: Value::Int(raw) })
                        .collect();
                    sut.take(&Scan { device: DeviceId(7), stamp, samples }, now);
                }
                Step::Poll { after } => {
                    now += Duration::from_millis(after);
                    drain(&mut sut, now, &mut told);
                }
                Step::Clock { synced } => {
                    let clock = if synced { ClockState::Synced } else { ClockState::Holdover };
                    sut.set_clock(clock, now);
                }
                Step::Restart => {
                    sut.flush(now);
                    drain(&mut sut, now, &mut told);
                    prop_assert_eq!(sut.counts().pending, 0);
                    check_lines(&swinging, &of(&told, SWINGING));
                    for tag in [PLAIN, WATCHED, GATHERED, ALARM] {
                        let known = sut.last_values().nth(tag as usize).unwrap();
                        let last = told.iter().rfind(|told| told.tag == tag);
                        prop_assert_eq!(last.is_none(), known.stamp.is_none());
                        if let Some(last) = last {
                            prop_assert_eq!(last.quality, known.quality);
                            prop_assert_eq!(&last.value, known.value);
                        }
                    }
                    epoch += 1;
                    sut = pipeline(epoch, now);
                    (told, swinging, taken) = (Vec::new(), Vec::new(), 0);
                }
            }
            let counts = sut.counts();
            prop_assert_eq!(counts.acquired, taken + counts.derived);
            prop_assert_eq!(counts.acquired, counts.suppressed + counts.pending + counts.batched);
        }
    }
}

fn scan(second: i64, samples: &[(u32, Quality, i64)]) -> Scan {
    let samples = samples
        .iter()
        .map(|(tag, quality, raw)| Sample {
            tag: TagId(*tag),
            quality: *quality,
            value: if quality.severity() == Severity::Bad { Value::Null } else { Value::Int(*raw) },
        })
        .collect();
    Scan { device: DeviceId(7), stamp: Stamp(second * 1_000_000), samples }
}

/// Scans of one sample each, a second apart; what a consumer gets until then.
fn run(tag: u32, samples: &[(Quality, i64)]) -> Vec<Told> {
    let start = Instant::now();
    let (mut sut, mut told) = (pipeline(1, start), Vec::new());
    for (second, (quality, raw)) in (0..).zip(samples) {
        let now = start + Duration::from_secs(second);
        sut.take(&scan(second as i64, &[(tag, *quality, *raw)]), now);
        drain(&mut sut, now + Duration::from_millis(500), &mut told);
    }
    told
}

#[test]
fn a_held_sample_is_pending_and_comes_with_its_own_stamp_before_the_scan_that_released_it() {
    let now = Instant::now();
    let (mut sut, mut told) = (pipeline(1, now), Vec::new());
    for (second, raw) in [(0, 10), (1, 10), (2, 10), (3, 25)] {
        sut.take(
            &scan(second, &[(PLAIN, Quality::Good, second), (SWINGING, Quality::Good, raw)]),
            now,
        );
        drain(&mut sut, now + Duration::from_secs(1), &mut told);
        let counts = sut.counts();
        assert_eq!(counts.pending, u64::from(second > 0), "held at second {second}");
        assert_eq!(counts.acquired, counts.suppressed + counts.pending + counts.batched);
    }
    let order: Vec<_> =
        told.iter().map(|told| (told.tag, told.stamp.micros() / 1_000_000)).collect();
    assert_eq!(
        order,
        [(PLAIN, 0), (SWINGING, 0), (PLAIN, 1), (PLAIN, 2), (SWINGING, 2), (PLAIN, 3)]
    );
    assert_eq!(sut.counts().suppressed, 1);
}

#[test]
fn what_a_door_holds_and_a_window_gathered_is_told_by_a_timer_when_the_device_falls_silent() {
    let start = Instant::now();
    let (mut sut, mut told) = (pipeline(1, start), Vec::new());
    for second in 0..2 {
        let samples = [(SWINGING, Quality::Good, 10), (GATHERED, Quality::Good, 20)];
        sut.take(&scan(second, &samples), start + Duration::from_secs(second as u64));
    }
    drain(&mut sut, start + Duration::from_secs(4), &mut told);
    assert_eq!((sut.counts().pending, of(&told, MAX).len()), (1, 0));
    // The window ended at 2 s and is waited for two periods and 2 s.
    assert_eq!(sut.deadline(Destinations::Busy), Some(start + Duration::from_secs(5)));
    drain(&mut sut, start + Duration::from_secs(5), &mut told);
    drain(&mut sut, start + Duration::from_secs(6), &mut told);
    let told_max = of(&told, MAX);
    assert_eq!(told_max[0].stamp, Stamp(2_000_000));
    assert_eq!(
        (told_max[0].quality, &told_max[0].value),
        (Quality::UncertainSensorLimit, &Value::Int(20))
    );
    // Nothing came in the window after: its maximum is Bad, once.
    for second in 7..60 {
        drain(&mut sut, start + Duration::from_secs(second), &mut told);
    }
    let told_max: Vec<_> = of(&told, MAX).iter().map(|t| (t.stamp.0, t.quality)).collect();
    assert_eq!(told_max[1..], [(4_000_000, Quality::BadDataLost)]);
    let swinging: Vec<_> = of(&told, SWINGING).iter().map(|t| t.stamp.micros()).collect();
    assert_eq!(swinging, [0, 1_000_000]);
    assert_eq!((sut.counts().pending, sut.deadline(Destinations::Busy)), (0, None));
    assert_eq!(sut.counts().acquired, sut.counts().suppressed + sut.counts().batched);
}

#[test]
fn a_tag_told_through_a_door_is_not_silent_for_longer_than_max_gap() {
    let told = run(SWINGING, &[(Quality::Good, 10); 61]);
    let seconds: Vec<_> = told.iter().map(|told| told.stamp.micros() / 1_000_000).collect();
    assert_eq!(seconds, [0, 20, 40, 60]);
}

#[test]
fn an_alarm_is_told_in_its_lane_when_it_changes_and_is_unknown_while_its_source_is_bad() {
    let good = |raw| (Quality::Good, raw);
    let bad = (Quality::BadNoCommunication, 0);
    // -1 V + raw × 0.1: h = 2 is raw 30, left below 1.5, raw 25.
    let told =
        of(&run(WATCHED, &[good(0), good(30), good(26), good(24), bad, bad, good(31)]), ALARM);
    let levels: Vec<_> = told.iter().map(|told| (told.quality, told.value.clone())).collect();
    assert_eq!(
        levels,
        [
            (Quality::Good, Value::Int(0)),
            (Quality::Good, Value::Int(1)),
            (Quality::Good, Value::Int(0)),
            (Quality::BadNoCommunication, Value::Null),
            (Quality::Good, Value::Int(1)),
        ]
    );
}

#[test]
fn a_window_is_told_with_the_stamp_of_its_end_and_bad_at_once_when_its_source_is() {
    let start = Instant::now();
    let (mut sut, mut told) = (pipeline(1, start), Vec::new());
    for half in 0..9 {
        let now = start + Duration::from_millis(500) * half;
        let mut scan = scan(0, &[(GATHERED, Quality::Good, i64::from(half))]);
        scan.stamp = Stamp(i64::from(half) * 500_000);
        if half == 8 {
            scan.samples[0].quality = Quality::BadNotConnected;
        }
        sut.take(&scan, now);
    }
    sut.flush(start);
    drain(&mut sut, start, &mut told);
    let told = of(&told, MAX);
    let told: Vec<_> =
        told.iter().map(|t| (t.stamp.micros(), t.quality, t.value.clone())).collect();
    assert_eq!(
        told,
        [
            (2_000_000, Quality::Good, Value::Int(3)),
            (4_000_000, Quality::Good, Value::Int(7)),
            (4_000_000, Quality::BadNotConnected, Value::Null),
        ]
    );
}

#[test]
fn a_filtered_tag_is_filtered_before_it_is_reported() {
    let mut samples = vec![(Quality::Good, 10); 6];
    samples.extend([(Quality::Good, 500), (Quality::Good, 10), (Quality::Good, 10)]);
    let told = run(FILTERED, &samples);
    let spike = told.iter().find(|told| told.quality == Quality::UncertainSensorLimit).unwrap();
    let raw = spike.value.as_f64().unwrap();
    // Smoothing with 1 s lets 63 % of a step of 490 through.
    assert!((raw - 320.0).abs() <= 1.0, "{raw}");
}
