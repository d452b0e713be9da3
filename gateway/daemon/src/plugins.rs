//! From the plan of a plugin to what its host is told.

use std::path::Path;
use std::time::Duration;

use forehearth_config::{
    GivenPlan, LinkPlan, OriginPlan, Plan, PluginPlan, PointPlan, SettingKind,
};
use forehearth_driver_plugin::v1::{Given, Type, Value, value::Kind};
use forehearth_driver_plugin::{GroupSettings, Origin, PluginSettings, Program, TagSettings};
use forehearth_model::{DataType, TagId};

/// How long a value may stand that a plugin does not repeat, when no tag says
/// less; as `max_gap` of a map that says nothing.
const RESTATE: Duration = Duration::from_secs(60);

/// Everything one plugin is started and told with. It works in a folder of its
/// own below the state directory.
pub fn settings(plan: &Plan, link: &LinkPlan, plugin: &PluginPlan, state: &Path) -> PluginSettings {
    let program = Program {
        command: std::path::absolute(&plugin.command).unwrap_or_else(|_| plugin.command.clone()),
        arguments: plugin.arguments.clone(),
        directory: state.join("plugins").join(&link.name),
        user: plugin.user,
        memory: plugin.memory,
    };
    let groups = link.groups.iter().map(|group| GroupSettings {
        device: group.device,
        period: group.period,
        tags: group.tags.iter().filter_map(|tag| self::tag(plan, *tag)).collect(),
    });
    let gaps = link.groups.iter().flat_map(|group| &group.tags);
    let gap = gaps.map(|tag| plan.tags[tag.index()].report.max_gap).min();
    PluginSettings {
        name: format!("{} ({})", link.name, plugin.name),
        program,
        given: plugin.given.iter().map(given).collect(),
        groups: groups.collect(),
        timeout: link.timeout,
        // Twice within the shortest silence, so that a quiet value is never
        // older than its reading claims.
        restate: gap.unwrap_or(RESTATE) / 2,
    }
}

fn tag(plan: &Plan, tag: TagId) -> Option<TagSettings> {
    let PointPlan::Plugin(point) = &plan.tags[tag.index()].point else { return None };
    let entry = &plan.catalogue.tags[tag.index()];
    let (data_type, bits) = of(entry.data_type);
    Some(TagSettings {
        tag,
        at: point.at.clone(),
        data_type,
        bits,
        unit: entry.unit.clone(),
        origin: Some(origin(&point.origin)),
    })
}

/// The type a value travels in, and how many bits of it the tag has.
const fn of(data_type: DataType) -> (Type, u32) {
    match data_type {
        DataType::Bool => (Type::Bool, 1),
        DataType::Sint => (Type::Int, 8),
        DataType::Int => (Type::Int, 16),
        DataType::Dint => (Type::Int, 32),
        DataType::Lint => (Type::Int, 64),
        DataType::Usint => (Type::Uint, 8),
        DataType::Uint => (Type::Uint, 16),
        DataType::Udint => (Type::Uint, 32),
        DataType::Ulint => (Type::Uint, 64),
        DataType::Real => (Type::Float, 32),
        DataType::Lreal => (Type::Double, 64),
        DataType::String => (Type::Text, 0),
    }
}

/// A value of the plan is one of its kind; what is not would be 0 or false.
fn given(given: &GivenPlan) -> (Given, Option<Origin>) {
    let text = &given.value;
    let kind = match given.kind {
        SettingKind::Bool => Kind::Bool(text == "true"),
        SettingKind::Int => Kind::Int(text.parse().unwrap_or_default()),
        SettingKind::Uint => Kind::Uint(text.parse().unwrap_or_default()),
        SettingKind::Double => Kind::Double(text.parse().unwrap_or_default()),
        SettingKind::Text => Kind::Text(text.clone()),
    };
    let value = Some(Value { kind: Some(kind) });
    (Given { key: given.key.clone(), value }, Some(origin(&given.origin)))
}

fn origin(plan: &OriginPlan) -> Origin {
    Origin { file: plan.file.clone(), line: plan.line, column: plan.column }
}
