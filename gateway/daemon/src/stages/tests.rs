//! From a map to readings: each key of conditioning does what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::time::{Duration, Instant};

use forehearth_config::{Lang, Plan, load, render};
use forehearth_model::{
    BootId, CatalogueHash, ClockState, DataType, DeviceId, Epoch, Lane, Quality, Sample, Scan,
    Severity, Stamp, TagId, Value,
};
use forehearth_pipeline::{Destinations, Pipeline, Settings};

use super::{calcs, rules, stages};

const GATEWAY: &str = r#"schema = 1
[gateway]
id   = "gw-1"
path = "acme/site/area"
[[broker]]
name   = "plant"
url    = "mqtt://127.0.0.1:1883"
format = "native"
"#;

const DEVICE: &str = r#"schema = 1
[[device]]
name   = "d1"
driver = "modbus"
url    = "tcp://10.0.0.5:502"
rate   = "1s"
[device.tags]
"#;

/// The plan of a device with these tags, which must be without a finding.
fn plan(tags: &str) -> Plan {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("devices")).unwrap();
    std::fs::write(dir.path().join("gateway.toml"), GATEWAY).unwrap();
    std::fs::write(dir.path().join("devices/d.toml"), format!("{DEVICE}{tags}")).unwrap();
    let loaded = load(dir.path());
    assert!(loaded.report.is_empty(), "{}", render(&loaded.report, Lang::En, false));
    loaded.plan.unwrap()
}

/// What a consumer is told: name, stamp in seconds, quality, value in engineering units.
type Told = (String, i64, Quality, Value);

/// Scans `samples` of the first tag, one a second from second 0 on, the last
/// one followed by a stop.
fn run(plan: &Plan, samples: &[(Quality, Value)]) -> Vec<Told> {
    let start = Instant::now();
    let (catalogue, boot) = (CatalogueHash(1), BootId(1));
    let settings =
        Settings::new(Epoch(1), catalogue, boot, ClockState::Synced, Duration::from_millis(100));
    let mut pipeline = Pipeline::new(rules(plan), &settings, start);
    pipeline.stage(stages(plan));
    pipeline.compute(calcs(plan));
    let mut told = Vec::new();
    let mut drain = |pipeline: &mut Pipeline, now| {
        while let Some(sealed) = pipeline.poll(now, Destinations::Busy) {
            for (run, readings) in sealed.batch.iter() {
                told.extend(readings.iter().map(|reading| {
                    let entry = &plan.catalogue.tags[reading.tag.index()];
                    assert_eq!(entry.lane, sealed.batch.lane);
                    let value = entry.scaling.engineering(&reading.value);
                    (entry.name.clone(), run.stamp.micros() / 1_000_000, reading.quality, value)
                }));
            }
        }
    };
    for (second, (quality, value)) in (0_u32..).zip(samples) {
        let now = start + Duration::from_secs(1) * second;
        let samples = vec![Sample { tag: TagId(0), quality: *quality, value: value.clone() }];
        let stamp = Stamp(i64::from(second) * 1_000_000);
        pipeline.take(&Scan { device: DeviceId(0), stamp, samples }, now);
        drain(&mut pipeline, now + Duration::from_millis(500));
    }
    pipeline.flush(start);
    drain(&mut pipeline, start);
    let counts = pipeline.counts();
    assert_eq!(counts.acquired, counts.suppressed + counts.batched);
    told
}

fn good(values: impl IntoIterator<Item = i64>) -> Vec<(Quality, Value)> {
    values.into_iter().map(|value| (Quality::Good, Value::Int(value))).collect()
}

fn of(told: &[Told], name: &str) -> Vec<(i64, Quality, Value)> {
    let of = told.iter().filter(|told| told.0 == name);
    of.map(|(_, second, quality, value)| (*second, *quality, value.clone())).collect()
}

/// Seconds at which the first tag was told, and the numbers.
fn numbers(told: &[Told], name: &str) -> Vec<(i64, f64)> {
    of(told, name).into_iter().filter_map(|(at, _, value)| Some((at, value.as_f64()?))).collect()
}

#[test]
fn a_deadband_in_percent_is_a_part_of_the_span() {
    let plan = plan(r#"a = { at = "hr:0", type = "INT", valid = [0, 1000], deadband = "0.5%" }"#);
    let told = run(&plan, &good([500, 505, 506, 502, 501, 500]));
    assert_eq!(numbers(&told, "a"), [(0, 500.0), (2, 506.0), (5, 500.0)]);
}

#[test]
fn swing_sends_corners_with_their_own_stamps_within_error_and_max_gap() {
    let plan = plan(
        r#"a = { at = "hr:0", type = "INT", scale = 0.1, swing = { error = 0.2, max_gap = "20s" } }"#,
    );
    let roof = (0..=20).map(|second| 100 - 10 * (second - 10_i64).abs());
    let told = run(&plan, &good(roof.chain(std::iter::repeat_n(0, 30))));
    // The roof ends at second 20; from there the line is flat until the stop.
    assert_eq!(numbers(&told, "a"), [(0, 0.0), (10, 10.0), (20, 0.0), (40, 0.0), (50, 0.0)]);
}

#[test]
fn an_error_in_percent_is_a_part_of_the_span_too() {
    let plan =
        plan(r#"a = { at = "hr:0", type = "INT", valid = [0, 1000], swing = { error = "1%" } }"#);
    let told = run(&plan, &good([500, 508, 493, 507, 500, 500]));
    assert_eq!(numbers(&told, "a"), [(0, 500.0), (5, 500.0)]);
}

#[test]
fn every_number_filter_works_from_the_map() {
    let median = plan(r#"a = { at = "hr:0", type = "INT", filter = { median = 3 } }"#);
    let told = run(&median, &good([5, 5, 90, 5, 5]));
    assert_eq!(numbers(&told, "a"), [(0, 5.0)]);

    let hampel =
        plan(r#"a = { at = "hr:0", type = "INT", filter = { hampel = { spike = "flag" } } }"#);
    let told = run(&hampel, &good([5, 6, 5, 90, 5]));
    let doubted: Vec<_> =
        of(&told, "a").into_iter().filter(|told| told.1 != Quality::Good).collect();
    assert_eq!(doubted, [(3, Quality::UncertainSensorLimit, Value::Int(90))]);

    let slew =
        plan(r#"a = { at = "hr:0", type = "INT", scale = 0.1, filter = { max_rate = 1.0 } }"#);
    let told = run(&slew, &good([0, 25, 25, 25]));
    assert_eq!(numbers(&told, "a"), [(0, 0.0), (1, 1.0), (2, 2.0), (3, 2.5)]);

    let smooth = plan(r#"a = { at = "hr:0", type = "INT", filter = { smooth = "2s" } }"#);
    let told = run(&smooth, &good([0, 1000, 1000]));
    // 1 - e^(-1/2) and 1 - e^(-1) of the step.
    assert_eq!(numbers(&told, "a"), [(0, 0.0), (1, 393.0), (2, 632.0)]);

    let stuck = plan(r#"a = { at = "hr:0", type = "INT", filter = { stuck = "3s" } }"#);
    let told = run(&stuck, &good([7, 7, 7, 7, 8]));
    let qualities: Vec<_> = of(&told, "a").into_iter().map(|told| (told.0, told.1)).collect();
    let stuck = Quality::UncertainLastUsable;
    assert_eq!(qualities, [(0, Quality::Good), (3, stuck), (4, Quality::Good)]);
}

#[test]
fn ne43_tells_a_broken_wire_from_the_counts_of_the_sheet() {
    let plan = plan(
        r#"a = { at = "hr:0", type = "INT", raw = [0, 27648], eng = [0.0, 150.0], clamp = true, filter = { ne43 = true } }"#,
    );
    // -4864 counts of a 4-20 mA card are 1.185 mA; -519 are 3.7 mA.
    let told = run(&plan, &good([13824, -4864, -519, 27648]));
    let told: Vec<_> = of(&told, "a").into_iter().map(|(_, q, v)| (q, v)).collect();
    assert_eq!(
        told,
        [
            (Quality::Good, Value::F64(75.0)),
            (Quality::BadSensorFailure, Value::Null),
            (Quality::UncertainSensorLimit, Value::F64(0.0)),
            (Quality::Good, Value::F64(150.0)),
        ]
    );
}

#[test]
fn debounce_hides_a_bit_that_does_not_last() {
    let plan = plan(r#"a = { at = "co:0", type = "BOOL", filter = { debounce = "2s" } }"#);
    let bits = [false, true, false, true, true, true, true];
    let samples: Vec<_> = bits.map(|bit| (Quality::Good, Value::Bool(bit))).to_vec();
    let told = run(&plan, &samples);
    let good = Quality::Good;
    assert_eq!(of(&told, "a"), [(0, good, Value::Bool(false)), (5, good, Value::Bool(true))]);
}

#[test]
fn windows_are_tags_of_their_own_and_need_not_send_the_samples() {
    let plan = plan(
        r#"force = { at = "hr:0", type = "INT", scale = 0.5, unit = "kN", label = { en = "force", zh = "轧制力" }, window = { every = "10s", keep = ["min", "max", "mean", "rms", "count", "good"], samples = false } }
other = { at = "hr:1", type = "INT" }"#,
    );
    let names: Vec<_> = plan.catalogue.tags.iter().map(|tag| tag.name.as_str()).collect();
    let derived =
        ["min", "max", "mean", "rms", "count", "good"].map(|word| format!("force.{word}"));
    assert_eq!(names[..2], ["force", "other"]);
    assert_eq!(names[2..], derived);
    assert_eq!(plan.links[0].groups[0].tags, [TagId(0), TagId(1)]);
    let mean = &plan.catalogue.tags[4];
    assert_eq!((mean.data_type, mean.unit.as_str()), (DataType::Lreal, "kN"));
    assert_eq!(mean.label, ["force, mean".to_owned(), "轧制力，平均值".to_owned()]);
    assert_eq!(plan.catalogue.tags[7].unit_code, "P1");

    let told = run(&plan, &good(0..25));
    assert_eq!(numbers(&told, "force"), [(0, 0.0)]);
    assert_eq!(numbers(&told, "force.min"), [(10, 0.0), (20, 5.0)]);
    assert_eq!(numbers(&told, "force.max"), [(10, 4.5), (20, 9.5)]);
    assert_eq!(numbers(&told, "force.mean"), [(10, 2.25), (20, 7.25)]);
    assert_eq!(numbers(&told, "force.count"), [(10, 10.0), (20, 10.0)]);
    assert_eq!(numbers(&told, "force.good"), [(10, 100.0), (20, 100.0)]);
    let rms = numbers(&told, "force.rms")[0].1;
    assert!((rms - (285.0_f64 / 10.0).sqrt() / 2.0).abs() < 1e-9, "{rms}");
}

#[test]
fn limits_tell_an_alarm_in_the_alarm_lane_with_hysteresis_and_delays() {
    let plan = plan(
        r#"temp = { at = "hr:0", type = "INT", scale = 0.1, grade = "core", limits = { l = 940.0, h = 970.0, hh = 980.0, hysteresis = 2.0, on_delay = "2s" } }"#,
    );
    let alarm = &plan.catalogue.tags[1];
    assert_eq!((alarm.name.as_str(), alarm.lane), ("temp.alarm", Lane::Alarm));
    assert_eq!((alarm.data_type, alarm.grade), (DataType::Sint, plan.catalogue.tags[0].grade));

    let mut samples = good([9500, 9750, 9500, 9750, 9750, 9750, 9690, 9679]);
    samples.push((Quality::BadNoCommunication, Value::Null));
    samples.extend(good([9300, 9300, 9300]));
    let told = of(&run(&plan, &samples), "temp.alarm");
    let value = |number| Value::Int(number);
    assert_eq!(
        told,
        [
            (0, Quality::Good, value(0)),
            (5, Quality::Good, value(1)), // beyond h since second 3
            (7, Quality::Good, value(0)), // 967.9 is back by the hysteresis
            (8, Quality::BadNoCommunication, Value::Null),
            (9, Quality::Good, value(0)),
            (11, Quality::Good, value(-1)),
        ]
    );
}

#[test]
fn a_counter_is_totalled_across_roll_overs_resets_and_outages() {
    let plan = plan(
        r#"feed = { at = "hr:0", type = "UINT", scale = 0.5, offset = 10.0, unit = "kg", kind = "counter", total = true, rollover = 10000 }"#,
    );
    let total = &plan.catalogue.tags[1];
    assert_eq!((total.name.as_str(), total.data_type), ("feed.total", DataType::Ulint));
    let count = |count| (Quality::Good, Value::UInt(count));
    let bad = (Quality::BadNoCommunication, Value::Null);
    let told =
        run(&plan, &[count(9990), count(9998), bad, count(2), count(2400), count(4), count(5)]);
    let exact = |kg| (Quality::Good, Value::F64(kg));
    let told: Vec<_> = of(&told, "feed.total").into_iter().map(|told| (told.1, told.2)).collect();
    assert_eq!(
        told,
        [
            exact(0.0),
            exact(4.0),
            (Quality::BadNoCommunication, Value::Null),
            exact(6.0),
            exact(1205.0),
            (Quality::UncertainLastUsable, Value::F64(1207.0)),
            exact(1207.5),
        ]
    );
}

#[test]
fn elements_of_an_array_have_stages_of_their_own() {
    let plan = plan(r#"a = { at = "hr:0", type = "INT[3]", limits = { h = 5 } }"#);
    let names: Vec<_> = plan.catalogue.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["a[0]", "a[1]", "a[2]", "a[0].alarm", "a[1].alarm", "a[2].alarm"]);
    let told = run(&plan, &good([1, 9]));
    assert_eq!(numbers(&told, "a[0].alarm"), [(0, 0.0), (1, 1.0)]);
    assert_eq!(numbers(&told, "a[1].alarm"), []);
}

#[test]
fn a_dead_device_turns_everything_derived_from_it_bad_at_once() {
    let plan = plan(
        r#"a = { at = "hr:0", type = "INT", window = { every = "10s", keep = ["max"] }, limits = { h = 5 } }"#,
    );
    let mut samples = good(0..15);
    samples.push((Quality::BadNoCommunication, Value::Null));
    let told = run(&plan, &samples);
    for name in ["a", "a.max", "a.alarm"] {
        let last = of(&told, name).pop().unwrap();
        assert_eq!(last, (15, Quality::BadNoCommunication, Value::Null), "{name}");
    }
    assert!(told.iter().all(|told| told.2.severity() != Severity::Uncertain));
}

#[test]
fn a_sliding_window_tells_the_last_seconds_each_step() {
    let plan = plan(
        r#"a = { at = "hr:0", type = "INT", window = { every = "10s", step = "2s", keep = ["max", "count"] } }"#,
    );
    let told = run(&plan, &good([9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]));
    let max: Vec<_> = numbers(&told, "a.max").into_iter().map(|(_, max)| max).collect();
    assert_eq!(max, [9.0, 9.0, 9.0, 9.0, 9.0, 1.0]);
    assert_eq!(numbers(&told, "a.count").last(), Some(&(12, 10.0)));
}

#[test]
fn a_counter_tells_what_each_interval_counted() {
    let plan = plan(
        r#"e = { at = "ir:0", type = "UDINT", scale = 0.5, kind = "counter", total = true, interval = "10s" }"#,
    );
    let samples: Vec<_> = (0..21).map(|n| (Quality::Good, Value::UInt(100 + 2 * n))).collect();
    let told = run(&plan, &samples);
    assert_eq!(numbers(&told, "e.interval"), [(10, 10.0), (20, 10.0)]);
    assert!(of(&told, "e.interval").iter().all(|told| told.1 == Quality::Good));
}

#[test]
fn a_flow_is_integrated_and_a_gap_is_not() {
    let plan = plan(
        r#"q = { at = "hr:0", type = "INT", unit = "m3/h", integrate = { per = "1h", every = "10s", unit = "m3" } }"#,
    );
    let mut samples = good(std::iter::repeat_n(3600, 11));
    samples.extend(std::iter::repeat_n((Quality::BadNoCommunication, Value::Null), 5));
    samples.extend(good(std::iter::repeat_n(3600, 5)));
    let told = run(&plan, &samples);
    let intervals: Vec<_> = of(&told, "q.interval");
    assert_eq!(intervals[0], (10, Quality::Good, Value::F64(10.0)));
    assert_eq!(intervals[1].1, Quality::UncertainLastUsable);
    // 10 s before the gap and 4 s after it, at one cubic metre a second.
    let total = plan.catalogue.tags.iter().find(|tag| tag.name == "q.integral").unwrap();
    assert_eq!((total.unit.as_str(), total.data_type), ("m3", DataType::Lreal));
    assert_eq!(intervals[1].2, Value::F64(4.0));
}

#[test]
fn duty_tells_hours_starts_and_the_seconds_in_each_state() {
    let plan = plan(
        r#"m = { at = "hr:0", type = "INT", max_gap = "1s", enum = { 0 = "stopped", 1 = "runs" }, duty = { running = [1], every = "10s" } }"#,
    );
    let told = run(&plan, &good([0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1]));
    assert_eq!(numbers(&told, "m.in.0"), [(10, 4.0)]);
    assert_eq!(numbers(&told, "m.in.1"), [(10, 6.0)]);
    assert_eq!(numbers(&told, "m.in.unknown"), [(10, 0.0)]);
    assert_eq!(numbers(&told, "m.starts").last(), Some(&(10, 2.0)));
    assert_eq!(numbers(&told, "m.hours").last(), Some(&(10, 6.0 / 3600.0)));
}

#[test]
fn a_computed_tag_follows_its_inputs_and_has_stages_of_its_own() {
    let plan = plan(
        r#"a = { at = "hr:0", type = "INT", scale = 0.5 }
b = { calc = "a * 2 + 1", unit = "V", limits = { h = 10.0 } }
c = { calc = "if(b > 5, max(a, b), 0)" }
d = { calc = "a > 3", type = "BOOL" }"#,
    );
    assert_eq!(plan.links[0].groups[0].tags, [TagId(0)], "what is computed is not read");
    let mut samples = good([2, 8, 10]);
    samples.push((Quality::BadDeviceFailure, Value::Null));
    let told = run(&plan, &samples);
    assert_eq!(numbers(&told, "b"), [(0, 3.0), (1, 9.0), (2, 11.0)]);
    assert_eq!(numbers(&told, "c"), [(0, 0.0), (1, 9.0), (2, 11.0)]);
    assert_eq!(numbers(&told, "d"), [(0, 0.0), (1, 1.0)]);
    assert_eq!(numbers(&told, "b.alarm"), [(0, 0.0), (2, 1.0)]);
    for name in ["b", "c", "d", "b.alarm"] {
        let last = of(&told, name).pop().unwrap();
        assert_eq!(last, (3, Quality::BadDeviceFailure, Value::Null), "{name}");
    }
}

#[test]
fn a_rate_alarm_and_its_state_are_told() {
    let plan = plan(
        r#"a = { at = "hr:0", type = "INT", limits = { h = 50.0, rate = 10.0, state = true, group = "g" } }"#,
    );
    let told = run(&plan, &good([0, 5, 40, 40, 60, 0]));
    let levels: Vec<_> = numbers(&told, "a.alarm");
    assert_eq!(levels, [(0, 0.0), (2, 3.0), (3, 0.0), (4, 1.0), (5, 3.0)]);
    // Active, unacknowledged and first; then only unacknowledged.
    assert_eq!(numbers(&told, "a.state"), [(0, 0.0), (2, 11.0), (3, 2.0), (4, 11.0)]);
}

#[test]
fn a_tag_without_stages_has_none() {
    let plan = plan(r#"a = { at = "hr:0", type = "INT", filter = {} }"#);
    assert_eq!(stages(&plan).count(), 0);
}

#[test]
fn the_maps_in_the_document_are_right() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conditioning.md");
    let document = std::fs::read_to_string(document).unwrap();
    let blocks = document.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let mut staged = 0;
    for block in blocks {
        staged += stages(&plan(block.strip_prefix("[device.tags]\n").unwrap())).count();
    }
    assert_eq!(staged, 13, "each tag that shows a stage has it");
}
