//! Derived tags: what windows and limits of a tag tell, as tags of the same device.
//!
//! They stand behind the tags that are read, carry the grade of their source
//! and are never asked for on the link.

use forehearth_model::{DataType, DeviceId, Lane, Scaling, TagEntry, TagId, TagKind};

use crate::load::Field;
use crate::plan::{ConditionPlan, Deadband, Keep, Report, TagPlan, TotalPlan, WindowPlan};
use crate::tag::TagDraft;

/// What an alarm is called, in English and Chinese.
const ALARM: [&str; 2] = ["alarm", "报警"];

/// What a total is called, in English and Chinese.
const TOTAL: [&str; 2] = ["total since start", "启动以来累计"];

/// The ends of the names of what is derived from a tag.
pub(crate) fn endings(tag: &TagDraft) -> impl Iterator<Item = &'static str> {
    let window = tag.window.iter().flat_map(|window| &window.keep);
    let window = window.map(|keep| keep.word());
    window.chain(tag.counter.map(|_| "total")).chain(tag.limits.map(|_| "alarm"))
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
        condition.window = Some(WindowPlan { every: window.every, period: tag.period, keep });
    }
    if let Some(counter) = tag.counter {
        let tag = add_total(field, device, source);
        condition.total = Some(TotalPlan { rollover: counter.rollover, tag });
    }
    if let Some(limits) = tag.limits {
        condition.limits = Some((limits, add_alarm(field, device, source)));
    }
    condition
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

fn add_alarm(field: &mut Field, device: DeviceId, source: TagId) -> TagId {
    let entry = TagEntry {
        data_type: DataType::Sint,
        lane: Lane::Alarm,
        ..derived(&field.tag_entries[source.index()], device, "alarm", ALARM)
    };
    push(field, source, entry)
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
