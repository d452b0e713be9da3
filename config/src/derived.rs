//! Derived tags: what windows and limits of a tag tell, as tags of the same device.
//!
//! They stand behind the tags that are read, carry the grade of their source
//! and are never asked for on the link.

use std::borrow::Cow;

use forehearth_model::{DataType, DeviceId, Lane, Scaling, TagEntry, TagId, TagKind};

use crate::calc::resolve::Pending;
use crate::duty::DutyDraft;
use crate::integrate::{GAP_PERIODS, IntegralDraft};
use crate::load::Field;
use crate::plan::{
    AlarmPlan, ConditionPlan, Deadband, DutyPlan, IntegralPlan, Keep, Report, StatesPlan, TagPlan,
    TotalPlan, WindowPlan,
};
use crate::tag::{AlarmDraft, TagDraft};

/// What an alarm is called, in English and Chinese.
const ALARM: [&str; 2] = ["alarm", "报警"];

/// What a total is called, in English and Chinese.
const TOTAL: [&str; 2] = ["total", "累计"];

/// What the amount of an interval is called.
const INTERVAL: [&str; 2] = ["per interval", "每时段"];

/// The ends of the names of what is derived from a tag.
pub(crate) fn endings(tag: &TagDraft) -> impl Iterator<Item = Cow<'static, str>> {
    let window = tag.window.iter().flat_map(|window| &window.keep);
    let mut endings: Vec<Cow<'static, str>> = window.map(|keep| keep.word().into()).collect();
    let mut add = |wanted: bool, ending: &'static str| {
        if wanted {
            endings.push(ending.into());
        }
    };
    add(tag.counter.is_some(), "total");
    add(tag.integral.is_some(), "integral");
    let interval = tag.counter.and_then(|counter| counter.interval);
    add(interval.is_some(), "interval");
    // Beside the interval of a counter this is the same name twice, which is a finding.
    add(tag.integral.as_ref().is_some_and(|integral| integral.every.is_some()), "interval");
    add(tag.duty.is_some(), "hours");
    add(tag.duty.is_some(), "starts");
    add(tag.alarm.is_some(), "alarm");
    add(tag.alarm.as_ref().is_some_and(|alarm| alarm.has_state), "state");
    let is_set = tag.calc.as_ref().is_some_and(|calc| calc.grid.is_some());
    add(is_set, "skew");
    add(is_set, "age");
    if let Some((_, states)) = tag.duty.as_ref().and_then(|duty| duty.every.as_ref()) {
        endings.push("in.unknown".into());
        endings.extend(states.iter().map(|state| format!("in.{state}").into()));
    }
    endings.into_iter()
}

/// Adds what is derived from the tags of a device, and the stages that tell it.
/// `ids` are the read tags, parallel to the points of `tags`.
pub(crate) fn add(field: &mut Field, device: DeviceId, tags: &[TagDraft], ids: &[TagId]) {
    let mut ids = ids.iter();
    for tag in tags {
        for id in ids.by_ref().take(tag.points.len()) {
            let condition = stages(field, device, tag, *id);
            if condition != ConditionPlan::default() {
                field.tags[id.index()].condition = Some(Box::new(condition));
            }
            if let Some(draft) = tag.calc.clone() {
                let set = draft.grid.map(|_| {
                    let skew =
                        add_millis(field, device, *id, "skew", ["skew of inputs", "输入时差"]);
                    (skew, add_millis(field, device, *id, "age", ["age of inputs", "输入时龄"]))
                });
                field.calcs.push(Pending { tag: *id, device, draft, set });
            }
        }
    }
}

fn stages(field: &mut Field, device: DeviceId, tag: &TagDraft, source: TagId) -> ConditionPlan {
    let mut condition = ConditionPlan {
        filters: tag.filters.clone(),
        swing: tag.swing,
        ..ConditionPlan::default()
    };
    if let Some(window) = &tag.window {
        let keep = window.keep.iter();
        let keep = keep.map(|keep| (*keep, add_kept(field, device, source, *keep))).collect();
        condition.window =
            Some(WindowPlan { every: window.every, step: window.step, period: tag.period, keep });
    }
    if let Some(counter) = tag.counter {
        let total = add_total(field, device, source);
        let interval = counter.interval.map(|every| {
            let of = &field.tag_entries[source.index()];
            let unit = (of.unit.clone(), of.unit_code.clone());
            (every, add_amount(field, device, source, unit, "interval", INTERVAL))
        });
        let gap = tag.period * GAP_PERIODS;
        let rollover = counter.rollover;
        condition.total = Some(TotalPlan { rollover, tag: total, interval, gap });
    }
    condition.integral = tag.integral.as_ref().map(|i| add_integral(field, device, source, i));
    condition.duty = tag.duty.as_ref().map(|duty| add_duty(field, device, source, duty));
    condition.limits = tag.alarm.as_ref().map(|alarm| add_alarm(field, device, source, alarm));
    condition
}

fn add_integral(
    field: &mut Field,
    device: DeviceId,
    source: TagId,
    draft: &IntegralDraft,
) -> IntegralPlan {
    let IntegralDraft { per, gap, every, unit, unit_code } = draft;
    let unit = || (unit.clone(), (*unit_code).to_owned());
    let total = add_amount(field, device, source, unit(), "integral", TOTAL);
    // It moves with every sample; at the longest silence is often enough.
    field.tags[total.index()].report.deadband = Deadband::Absolute(f64::INFINITY);
    let interval =
        every.map(|every| (every, add_amount(field, device, source, unit(), "interval", INTERVAL)));
    IntegralPlan { per: *per, gap: *gap, total, interval }
}

fn add_duty(field: &mut Field, device: DeviceId, source: TagId, draft: &DutyDraft) -> DutyPlan {
    let hour = || ("h".to_owned(), "HUR".to_owned()); // UNECE Recommendation 20: hour, second
    let second = || ("s".to_owned(), "SEC".to_owned());
    let hours = add_amount(field, device, source, hour(), "hours", ["hours run", "运行小时"]);
    field.tags[hours.index()].report.deadband = Deadband::Absolute(f64::INFINITY);
    let starts = TagEntry {
        data_type: DataType::Ulint,
        kind: TagKind::Counter,
        ..derived(&field.tag_entries[source.index()], device, "starts", ["starts", "启动次数"])
    };
    let starts = push(field, source, starts);
    let states = draft.every.as_ref().map(|(every, states)| StatesPlan {
        every: *every,
        states: states
            .iter()
            .map(|state| {
                let words = [format!("seconds in {state}"), format!("状态 {state} 的秒数")];
                let words = [words[0].as_str(), words[1].as_str()];
                let ending = format!("in.{state}");
                (*state, add_amount(field, device, source, second(), &ending, words))
            })
            .collect(),
        unknown: add_amount(
            field,
            device,
            source,
            second(),
            "in.unknown",
            ["seconds in no known state", "状态未知的秒数"],
        ),
    });
    let DutyDraft { running, gap, .. } = draft;
    DutyPlan { running: running.clone(), gap: *gap, hours, starts, states }
}

/// A computed amount in a unit of its own.
fn add_amount(
    field: &mut Field,
    device: DeviceId,
    source: TagId,
    (unit, unit_code): (String, String),
    ending: &str,
    words: [&str; 2],
) -> TagId {
    let of = derived(&field.tag_entries[source.index()], device, ending, words);
    push(field, source, TagEntry { unit, unit_code, ..of })
}

fn add_millis(
    field: &mut Field,
    device: DeviceId,
    source: TagId,
    ending: &str,
    words: [&str; 2],
) -> TagId {
    let unit = ("ms".to_owned(), "C26".to_owned()); // UNECE Recommendation 20: millisecond
    add_amount(field, device, source, unit, ending, words)
}

fn add_kept(field: &mut Field, device: DeviceId, source: TagId, keep: Keep) -> TagId {
    let of = &field.tag_entries[source.index()];
    let (unit, unit_code) = match keep {
        Keep::Count => ("", ""),
        Keep::Good => ("%", "P1"), // UNECE Recommendation 20: percent
        _ => (of.unit.as_str(), of.unit_code.as_str()),
    };
    let entry = TagEntry {
        data_type: keep.data_type(of.data_type),
        scaling: if keep.is_sample() { of.scaling } else { Scaling::NONE },
        unit: unit.to_owned(),
        unit_code: unit_code.to_owned(),
        ..derived(of, device, keep.word(), words(keep))
    };
    push(field, source, entry)
}

/// A total is in raw counts and starts at 0, so an offset has no place in it.
fn add_total(field: &mut Field, device: DeviceId, source: TagId) -> TagId {
    let of = &field.tag_entries[source.index()];
    let entry = TagEntry {
        data_type: DataType::Ulint,
        scaling: Scaling { offset: 0.0, clamp: None, ..of.scaling },
        unit: of.unit.clone(),
        unit_code: of.unit_code.clone(),
        kind: TagKind::Counter,
        ..derived(of, device, "total", TOTAL)
    };
    push(field, source, entry)
}

fn add_alarm(field: &mut Field, device: DeviceId, source: TagId, draft: &AlarmDraft) -> AlarmPlan {
    let entry = TagEntry {
        data_type: DataType::Sint,
        lane: Lane::Alarm,
        ..derived(&field.tag_entries[source.index()], device, "alarm", ALARM)
    };
    let tag = push(field, source, entry);
    let state = draft.has_state.then(|| {
        let words = ["state of alarm", "报警状态"];
        let entry = TagEntry {
            data_type: DataType::Usint,
            lane: Lane::Alarm,
            ..derived(&field.tag_entries[source.index()], device, "state", words)
        };
        push(field, source, entry)
    });
    let groups = field.alarm_groups.len() as u32;
    let group = draft.group.clone();
    let group = group.map(|group| *field.alarm_groups.entry((device, group)).or_insert(groups));
    AlarmPlan { limits: draft.limits, tag, state, group }
}

/// A tag derived from `of`, as far as all derived tags are alike.
fn derived(of: &TagEntry, device: DeviceId, ending: &str, words: [&str; 2]) -> TagEntry {
    let label = |of: &str, join: &str, word: &str| {
        if of.is_empty() { String::new() } else { format!("{of}{join}{word}") }
    };
    TagEntry {
        device,
        name: format!("{}.{ending}", of.name),
        data_type: DataType::Lreal,
        scaling: Scaling::NONE,
        unit: String::new(),
        unit_code: String::new(),
        valid: None,
        kind: TagKind::Gauge,
        lane: Lane::Live,
        grade: of.grade,
        plant_tag: String::new(),
        label: [label(&of.label[0], ", ", words[0]), label(&of.label[1], "，", words[1])],
    }
}

fn push(field: &mut Field, source: TagId, entry: TagEntry) -> TagId {
    let TagPlan { point, report, .. } = &field.tags[source.index()];
    let point = point.clone();
    let report = Report { deadband: Deadband::None, every_sample: false, ..*report };
    field.tags.push(TagPlan { point, report, condition: None, source: Some(source), write: None });
    field.tag_entries.push(entry);
    TagId(field.tags.len() as u32 - 1)
}

/// What a kept value is called, in English and Chinese.
const fn words(keep: Keep) -> [&'static str; 2] {
    match keep {
        Keep::Min => ["minimum", "最小值"],
        Keep::Max => ["maximum", "最大值"],
        Keep::Mean => ["mean", "平均值"],
        Keep::Rms => ["effective value", "有效值"],
        Keep::Std => ["standard deviation", "标准差"],
        Keep::First => ["first value", "首值"],
        Keep::Last => ["last value", "末值"],
        Keep::Count => ["samples", "样本数"],
        Keep::Good => ["good samples", "有效率"],
    }
}
