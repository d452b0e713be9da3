//! Whatever is scanned and whenever the gateway restarts: the books balance,
//! numbers have no holes, and a consumer is never wrong by more than agreed.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use forehearth_model::{
    Batch, BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Reading, Sample,
    Scaling, Scan, Stamp, TagId, Value,
};
use forehearth_pipeline::{Destinations, Pipeline, Report, Rule, Settings};
use proptest::prelude::*;

const TAGS: u32 = 12;
const MAX_GAP: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
enum Step {
    Scan { after: Duration, samples: Vec<(u32, Quality, Value)> },
    Poll { after: Duration, idle: bool },
    Clock { synced: bool },
    Restart,
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => (-40i64..40).prop_map(Value::Int),
        2 => any::<u64>().prop_map(Value::UInt),
        2 => (-4.0f32..4.0).prop_map(Value::F32),
        1 => any::<f64>().prop_map(Value::F64),
        1 => "[a-c]{0,3}".prop_map(|text| Value::Text(text.into())),
    ]
}

fn quality() -> impl Strategy<Value = Quality> {
    prop_oneof![6 => Just(Quality::Good), 1 => prop::sample::select(&Quality::ALL[..])]
}

fn after() -> impl Strategy<Value = Duration> {
    (0u64..3000).prop_map(Duration::from_millis)
}

fn step() -> impl Strategy<Value = Step> {
    let samples = prop::collection::vec((0..TAGS, quality(), value()), 0..30);
    prop_oneof![
        12 => (after(), samples).prop_map(|(after, samples)| Step::Scan { after, samples }),
        6 => (after(), any::<bool>()).prop_map(|(after, idle)| Step::Poll { after, idle }),
        1 => any::<bool>().prop_map(|synced| Step::Clock { synced }),
        1 => Just(Step::Restart),
    ]
}

/// Every third tag an alarm, every fourth sent always, deadbands from 0 up.
fn rules() -> Vec<Rule> {
    (0..TAGS)
        .map(|tag| Rule {
            scaling: Scaling { scale: 0.1, offset: f64::from(tag), clamp: None },
            valid: (tag % 2 == 0).then_some((-2.0, 12.0)),
            report: match tag % 4 {
                0 => Report::EverySample,
                class => {
                    Report::ByException { deadband: f64::from(class - 1) * 0.3, max_gap: MAX_GAP }
                }
            },
            lane: if tag % 3 == 0 { Lane::Alarm } else { Lane::Live },
        })
        .collect()
}

fn pipeline(epoch: u32, now: Instant) -> Pipeline {
    let settings = Settings {
        max_readings: 16,
        max_bytes: 300,
        ..Settings::new(
            Epoch(epoch),
            CatalogueHash(1),
            BootId(1),
            ClockState::Unset,
            Duration::from_millis(500),
        )
    };
    Pipeline::new(rules(), &settings, now)
}

/// What a consumer knows from the batches alone.
#[derive(Default)]
struct Consumer {
    next: u64,
    readings: u64,
    last: Vec<Option<Reading>>,
}

impl Consumer {
    fn receive(&mut self, batch: &Batch) {
        self.next += 1;
        assert_eq!(batch.id.number, self.next, "a hole in the numbering");
        let in_runs: u64 = batch.runs.iter().map(|run| u64::from(run.len)).sum();
        assert_eq!(in_runs, batch.readings.len() as u64);
        assert!((1..=16).contains(&batch.readings.len()));
        self.readings += in_runs;
        self.last.resize(TAGS as usize, None);
        for reading in &batch.readings {
            assert_eq!(rules()[reading.tag.index()].lane, batch.lane, "a tag left its lane");
            self.last[reading.tag.index()] = Some(reading.clone());
        }
    }

    fn drain(&mut self, pipeline: &mut Pipeline, now: Instant, destinations: Destinations) {
        while let Some(sealed) = pipeline.poll(now, destinations) {
            assert!(sealed.acquired <= now);
            self.receive(&sealed.batch);
        }
        assert!(pipeline.deadline(destinations).is_none_or(|due| due > now), "due and not handed");
    }

    /// After a flush the consumer's picture differs from the plant's by no
    /// more than the deadband, and never in quality.
    fn check(&self, pipeline: &Pipeline) {
        for (tag, known) in pipeline.last_values().enumerate() {
            let Some(told) = self.last.get(tag).and_then(Option::as_ref) else {
                assert_eq!(known.stamp, None, "tag {tag} was read and never told");
                continue;
            };
            assert_eq!(told.quality, known.quality, "tag {tag}");
            let rule = rules()[tag];
            let deadband = match rule.report {
                Report::ByException { deadband, .. } => deadband,
                Report::EverySample => 0.0,
            };
            match (told.value.as_f64(), known.value.as_f64()) {
                (Some(told), Some(known)) => {
                    let (told, known) = (rule.scaling.apply(told), rule.scaling.apply(known));
                    let rounding = 1e-14 * told.abs().max(known.abs());
                    assert!((told - known).abs() <= deadband + rounding, "{told} for {known}");
                }
                _ => assert!(told.value.same(known.value), "tag {tag}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn the_books_balance_and_the_consumer_is_right(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let mut now = Instant::now();
        let mut epoch = 1;
        let mut sut = pipeline(epoch, now);
        let mut consumer = Consumer::default();
        let mut taken = 0;
        for step in steps {
            match step {
                Step::Scan { after, samples } => {
                    now += after;
                    taken += samples.len() as u64;
                    let samples = samples
                        .into_iter()
                        .map(|(tag, quality, value)| Sample { tag: TagId(tag), quality, value })
                        .collect();
                    sut.take(&Scan { device: DeviceId(0), stamp: Stamp(0), samples }, now);
                }
                Step::Poll { after, idle } => {
                    now += after;
                    let destinations =
                        if idle { Destinations::Idle } else { Destinations::Busy };
                    consumer.drain(&mut sut, now, destinations);
                }
                Step::Clock { synced } => {
                    let clock = if synced { ClockState::Synced } else { ClockState::Holdover };
                    sut.set_clock(clock, now);
                }
                Step::Restart => {
                    sut.flush(now);
                    consumer.drain(&mut sut, now, Destinations::Busy);
                    consumer.check(&sut);
                    epoch += 1;
                    (sut, consumer, taken) = (pipeline(epoch, now), Consumer::default(), 0);
                }
            }
            let counts = sut.counts();
            prop_assert_eq!(counts.acquired, taken);
            prop_assert_eq!(counts.acquired, counts.suppressed + counts.pending + counts.batched);
            prop_assert_eq!(counts.batched, consumer.readings);
            prop_assert_eq!(counts.batches, consumer.next);
        }
        sut.flush(now);
        consumer.drain(&mut sut, now, Destinations::Busy);
        prop_assert_eq!(sut.counts().pending, 0);
        consumer.check(&sut);
    }

    #[test]
    fn no_tag_is_silent_for_longer_than_max_gap_and_about_half_a_period(
        period in 10u32..15_000,
        jitter in prop::collection::vec(0.9f64..1.1, 50..200),
    ) {
        let period = Duration::from_millis(period.into());
        let start = Instant::now();
        let mut sut = pipeline(1, start);
        let (mut now, mut heard) = (start, start);
        for jitter in jitter {
            now += period.mul_f64(jitter);
            let samples =
                vec![Sample { tag: TagId(1), quality: Quality::Good, value: Value::Int(1) }];
            sut.take(&Scan { device: DeviceId(0), stamp: Stamp(0), samples }, now);
            // Not told at 0.45 periods before the end, told 1.1 periods later.
            prop_assert!(now - heard <= MAX_GAP + period.mul_f64(0.65));
            sut.flush(now);
            if sut.poll(now, Destinations::Busy).is_some() {
                heard = now;
            }
        }
    }
}
