//! Memory is asked for per batch, never per sample: a sample that is no news
//! costs no allocation through any stage, one that is news costs its share of
//! a batch.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use forehearth_model::{
    BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Sample, Scaling, Scan,
    Stamp, TagId, Value,
};
use forehearth_pipeline::{
    AlarmLimits, AlarmStage, Destinations, Filter, IntegralStage, Keep, Pipeline, Report, Rule,
    Settings, Spike, Stages, WindowStage,
};

/// Sources; what stages tell follows behind them.
const SOURCES: u32 = 1000;
/// Tags that the stages of one source may tell.
const TOLD: u32 = 4;
const WARM: u32 = 64;
const ROUNDS: u32 = 64;
const SECOND: Duration = Duration::from_secs(1);

fn pipeline(report: Report, stages: impl Fn(u32) -> Stages, now: Instant) -> Pipeline {
    let rule = Rule {
        scaling: Scaling { scale: 0.1, offset: -10.0, clamp: None },
        valid: Some((-1000.0, 1e9)),
        report,
        lane: Lane::Live,
    };
    let rules = std::iter::repeat_n(rule, (SOURCES * (1 + TOLD)) as usize);
    let (catalogue, boot) = (CatalogueHash(1), BootId(1));
    let within = Duration::from_millis(100);
    let settings = Settings::new(Epoch(1), catalogue, boot, ClockState::Synced, within);
    let mut pipeline = Pipeline::new(rules, &settings, now);
    pipeline.stage((0..SOURCES).map(|tag| (TagId(tag), stages(tag))));
    pipeline
}

fn quiet() -> Report {
    Report::ByException { deadband: 1e6, max_gap: Duration::from_secs(86_400) }
}

/// Allocations and batches of some rounds, after the first ones.
fn measure(mut pipeline: Pipeline, start: Instant) -> (u64, u64) {
    let round = |round: u32| {
        let samples = (0..SOURCES).map(|tag| Sample {
            tag: TagId(tag),
            quality: Quality::Good,
            value: Value::Int(i64::from((round * 7 + tag) % 40)),
        });
        let stamp = Stamp(i64::from(round) * 1_000_000);
        (Scan { device: DeviceId(0), stamp, samples: samples.collect() }, start + SECOND * round)
    };
    let mut take = |(scan, now): &(Scan, Instant)| {
        pipeline.take(scan, *now);
        while pipeline.poll(*now, Destinations::Busy).is_some() {}
        pipeline.counts().batches
    };
    let warm = (0..WARM).map(round).map(|scan| take(&scan)).last().unwrap();
    let scans: Vec<_> = (WARM..WARM + ROUNDS).map(round).collect();
    let mut batches = warm;
    let asked = allocation_counter::measure(|| {
        for scan in &scans {
            batches = take(scan);
        }
    });
    (asked.count_total, batches - warm)
}

#[test]
fn a_sample_within_its_deadband_costs_no_allocation() {
    let now = Instant::now();
    let none = |_| Stages::default();
    assert_eq!(measure(pipeline(quiet(), none, now), now), (0, 0));
}

#[test]
fn a_sample_that_stages_hold_back_costs_no_allocation() {
    let now = Instant::now();
    let stages = |tag| {
        let limits = AlarmLimits { h: Some(1e6), rate: Some(1e6), ..AlarmLimits::default() };
        let told = |nth| TagId(SOURCES + TOLD * tag + nth);
        Stages {
            filters: vec![
                Filter::Stuck { after: Duration::from_secs(3600) },
                Filter::Hampel { window: 7, sigmas: 3.0, least: 100.0, spike: Spike::Replace },
                Filter::Median { window: 5 },
                Filter::Slew { per_second: 1e6 },
                Filter::Smooth { time: SECOND * 5 },
            ],
            swing: Some(1e6),
            alarm: Some(AlarmStage { limits, tag: told(0), state: Some(told(1)), group: None }),
            window: Some(WindowStage {
                every: Duration::from_secs(86_400),
                step: None,
                period: SECOND,
                keep: vec![(Keep::Rms, told(2))],
            }),
            integral: Some(IntegralStage {
                per: Duration::from_secs(3600),
                gap: SECOND * 5,
                total: told(3),
                interval: None,
            }),
            ..Stages::default()
        }
    };
    assert_eq!(measure(pipeline(quiet(), stages, now), now), (0, 0));
}

#[test]
fn a_sample_that_is_news_costs_its_share_of_a_batch() {
    let now = Instant::now();
    let none = |_| Stages::default();
    let (asked, batches) = measure(pipeline(Report::EverySample, none, now), now);
    assert!(batches >= 20, "{batches} batches");
    // The tables of a batch grow by doubling, to 2,000 readings or so.
    assert!(asked <= 32 * batches, "{asked} allocations in {batches} batches");
}
