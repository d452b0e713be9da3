//! `valid`, `limits` and how deadband and hysteresis fit them.

use std::time::Duration;

use forehearth_model::{DataType, Scaling};

use crate::calc::read::needs;
use crate::finding::{Finding, Log};
use crate::keys::{self, tag::LIMITS_KEYS};
use crate::plan::{Deadband, LimitsPlan};
use crate::point::is_number;
use crate::reader::{At, Reader};
use crate::source::Place;
use crate::tag::report_type;
use crate::texts::{self, phrase};

/// Alarm limits of a tag, in engineering units, each with its place.
pub(crate) struct Limits {
    /// `ll`, `l`, `h`, `hh`: those that are given, in this order.
    given: Vec<(&'static str, At<f64>)>,
    pub(crate) plan: LimitsPlan,
    /// Whether the state of the alarm is told.
    pub(crate) has_state: bool,
    /// Alarms of which the first one is told.
    pub(crate) group: Option<String>,
}

/// Longest delay of an alarm. Chosen: whoever waits longer watches a trend.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(3600);

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
    let inner = reader.inner("limits", phrase::LIMITS)?;
    inner.only(&keys::names::<{ LIMITS_KEYS.len() }>(LIMITS_KEYS));
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
    if given.is_empty() && inner.entry("rate").is_none() {
        inner.missing("h", "h = 5.0");
    }
    let has_state = inner.boolean("state").is_some_and(|state| state.value);
    let group = inner.filled_text("group");
    if let (Some(group), false) = (&group, has_state) {
        needs(&inner, group.place, "group", "`state = true`");
    }
    let group = group.map(|group| group.value.into_owned());
    let limits = Limits { plan: plan(&inner, &given), given, has_state, group };
    if let Some(hysteresis) = inner.number("hysteresis") {
        check_hysteresis(reader.log, hysteresis, &limits);
    }
    Some(limits)
}

fn plan(inner: &Reader<'_>, given: &[(&'static str, At<f64>)]) -> LimitsPlan {
    let limit = |name| given.iter().find(|(known, _)| *known == name).map(|(_, at)| at.value);
    let delay = |key| inner.duration(key, Duration::ZERO..=LONGEST_DELAY);
    LimitsPlan {
        ll: limit("ll"),
        l: limit("l"),
        h: limit("h"),
        hh: limit("hh"),
        rate: inner.positive("rate").map(|rate| rate.value),
        hysteresis: inner.not_negative("hysteresis").map_or(0.0, |hysteresis| hysteresis.value),
        on_delay: delay("on_delay").map_or(Duration::ZERO, |delay| delay.value),
        off_delay: delay("off_delay").map_or(Duration::ZERO, |delay| delay.value),
    }
}

/// A hysteresis as wide as the distance between two limits holds one alarm
/// until the other is reached.
fn check_hysteresis(log: &Log, hysteresis: At<f64>, limits: &Limits) {
    if let Some((distance, names, place)) = limits.narrowest(hysteresis.value) {
        let finding = Finding::new(&texts::HYSTERESIS_TOO_WIDE, hysteresis.place)
            .with("hysteresis", hysteresis.value)
            .with("distance", distance)
            .with("limits", names)
            .related(place, phrase::LIMITS_HERE);
        log.report(finding);
    }
}

impl Limits {
    /// The two neighbours that are nearest to one another, if they are no
    /// further apart than `band`: distance, names, place.
    fn narrowest(&self, band: f64) -> Option<(f64, String, Place)> {
        let pairs = self.given.windows(2).filter_map(|pair| match pair {
            [(low_name, low), (high_name, high)] => {
                Some((high.value - low.value, format!("{low_name}..{high_name}"), low.place))
            }
            _ => None,
        });
        pairs
            .filter(|(distance, ..)| *distance > 0.0 && *distance <= band)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(distance, names, place)| ((distance * 1e9).round() / 1e9, names, place))
    }
}

/// A deadband as wide as the distance between two limits jumps over one of them.
pub(crate) fn check_deadband(log: &Log, deadband: &At<Deadband>, limits: &Limits) {
    let Deadband::Absolute(band) = deadband.value else { return };
    if let Some((distance, names, place)) = limits.narrowest(band) {
        let finding = Finding::new(&texts::DEADBAND_TOO_WIDE, deadband.place)
            .with("deadband", band)
            .with("distance", distance)
            .with("limits", names)
            .related(place, phrase::LIMITS_HERE);
        log.report(finding);
    }
}
