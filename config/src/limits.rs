//! `valid`, `limits` and how the deadband fits them.

use forehearth_model::{DataType, Scaling};

use crate::finding::{Finding, Log};
use crate::plan::Deadband;
use crate::point::is_number;
use crate::reader::{At, Reader};
use crate::source::Place;
use crate::tag::report_type;
use crate::texts::{self, phrase};
use crate::versions;

/// Alarm limits of a tag, in engineering units, each with its place.
pub(crate) struct Limits {
    /// `ll`, `l`, `h`, `hh`: those that are given, in this order.
    given: Vec<(&'static str, At<f64>)>,
}

/// What raw values an integer type can hold; `None` for other types.
#[expect(clippy::cast_precision_loss, reason = "bounds of 64 bits need no last digit here")]
pub(crate) fn integer_range(data_type: DataType) -> Option<(f64, f64)> {
    Some(match data_type {
        DataType::Sint => (-128.0, 127.0),
        DataType::Usint => (0.0, 255.0),
        DataType::Int => (f64::from(i16::MIN), f64::from(i16::MAX)),
        DataType::Uint => (0.0, f64::from(u16::MAX)),
        DataType::Dint => (f64::from(i32::MIN), f64::from(i32::MAX)),
        DataType::Udint => (0.0, f64::from(u32::MAX)),
        DataType::Lint => (i64::MIN as f64, i64::MAX as f64),
        DataType::Ulint => (0.0, u64::MAX as f64),
        DataType::Bool => (0.0, 1.0),
        DataType::Real | DataType::Lreal | DataType::String => return None,
    })
}

/// `valid = [low, high]`.
pub(crate) fn valid(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    scaling: Option<&Scaling>,
) -> Option<At<(f64, f64)>> {
    let entry = reader.entry("valid")?;
    if data_type.is_some_and(|data_type| !is_number(data_type)) {
        report_type(reader, &texts::NOT_FOR_TYPE, entry.node.place, "valid", data_type);
        return None;
    }
    let valid = reader.pair("valid")?;
    let (low, high) = valid.value;
    if low >= high {
        let finding = Finding::new(&texts::RANGE_UPSIDE_DOWN, valid.place);
        reader.log.report(finding.with("low", low).with("high", high));
        return None;
    }
    if let (Some(scaling), Some(range)) = (scaling, data_type.and_then(integer_range)) {
        let ends = (scaling.apply(range.0), scaling.apply(range.1));
        let (least, most) = (ends.0.min(ends.1), ends.0.max(ends.1));
        if high < least || low > most {
            let finding = Finding::new(&texts::VALID_OUT_OF_REACH, valid.place)
                .with("type", data_type.map_or("", DataType::name))
                .with("least", least)
                .with("most", most);
            reader.log.report(finding);
        }
    }
    Some(valid)
}

/// `limits = { hh, h, l, ll }`: in order, and within `valid`.
pub(crate) fn read(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    valid: Option<At<(f64, f64)>>,
) -> Option<Limits> {
    let table = reader.table("limits")?;
    if data_type.is_some_and(|data_type| !is_number(data_type)) {
        report_type(reader, &texts::NOT_FOR_TYPE, table.place, "limits", data_type);
        return None;
    }
    let inner = Reader::new(reader.log, table.value, phrase::LIMITS, table.place);
    inner.only(&["hh", "h", "l", "ll"]);
    let names = ["ll", "l", "h", "hh"];
    let given: Vec<_> =
        names.iter().filter_map(|name| Some((*name, inner.number(name)?))).collect();
    for pair in given.windows(2) {
        let [(low_name, low), (high_name, high)] = pair else { continue };
        if low.value >= high.value {
            let finding = Finding::new(&texts::LIMITS_OUT_OF_ORDER, low.place)
                .with("low", format!("{low_name} = {}", low.value))
                .with("high", format!("{high_name} = {}", high.value))
                .related(high.place, phrase::MUST_BE_HIGHER);
            reader.log.report(finding);
        }
    }
    for (name, limit) in &given {
        if let Some(valid) = valid
            && !(valid.value.0..=valid.value.1).contains(&limit.value)
        {
            let finding = Finding::new(&texts::LIMIT_OUTSIDE_VALID, limit.place)
                .with("limit", format!("{name} = {}", limit.value))
                .with("low", valid.value.0)
                .with("high", valid.value.1)
                .related(valid.place, phrase::VALID_HERE);
            reader.log.report(finding);
        }
    }
    versions::no_effect(reader.log, table.place, "limits");
    Some(Limits { given })
}

/// A deadband as wide as the distance between two limits jumps over one of them.
pub(crate) fn check_deadband(log: &Log, deadband: &At<Deadband>, limits: &Limits) {
    let Deadband::Absolute(band) = deadband.value else { return };
    let narrowest = limits
        .given
        .windows(2)
        .filter_map(|pair| match pair {
            [(low_name, low), (high_name, high)] => {
                Some((high.value - low.value, format!("{low_name}..{high_name}"), low.place))
            }
            _ => None,
        })
        .filter(|(distance, ..)| *distance > 0.0 && *distance <= band)
        .min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((distance, names, place)) = narrowest {
        report_wide(log, deadband.place, band, distance, &names, place);
    }
}

fn report_wide(log: &Log, at: Place, band: f64, distance: f64, names: &str, limits_at: Place) {
    let finding = Finding::new(&texts::DEADBAND_TOO_WIDE, at)
        .with("deadband", band)
        .with("distance", (distance * 1e9).round() / 1e9)
        .with("limits", names)
        .related(limits_at, phrase::LIMITS_HERE);
    log.report(finding);
}
