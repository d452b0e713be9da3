//! `filter = { … }`: what is done to a sample before it is judged.

use std::time::Duration;

use forehearth_model::DataType;

use crate::finding::Finding;
use crate::keys::{
    self,
    tag::{FILTER_KEYS, HAMPEL_KEYS},
};
use crate::limits::integer_range;
use crate::plan::{FilterPlan, Spike};
use crate::point::is_number;
use crate::quantity::show_duration;
use crate::reader::{At, Reader};
use crate::scaling::ScalingDraft;
use crate::tag::{MAX_GAP, report_type};
use crate::texts::{self, phrase};

/// Every key of `filter`.
pub(crate) const KEYS: [&str; FILTER_KEYS.len()] = keys::names(FILTER_KEYS);

/// Every key of `hampel`.
const HAMPEL: [&str; HAMPEL_KEYS.len()] = keys::names(HAMPEL_KEYS);

/// Values a median or Hampel filter may look at: with fewer than three nobody
/// knows which one is wrong; the pipeline keeps up to 31.
pub(crate) const WINDOW_VALUES: std::ops::RangeInclusive<i64> = 3..=31;

/// Hampel's default window. Chosen: spikes of up to three samples vanish.
const HAMPEL_WINDOW: usize = 7;

/// Hampel's default: one in 370 samples of normal noise is further off.
const SIGMAS: f64 = 3.0;

/// Reads `filter` of a tag that is scanned every `period`.
pub(crate) fn read(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    scaling: Option<&ScalingDraft>,
    period: Duration,
) -> Vec<FilterPlan> {
    let Some(inner) = reader.inner("filter", phrase::FILTER) else { return Vec::new() };
    inner.only(&KEYS);
    check_types(&inner, data_type);
    let lasting = |key| lasting(&inner, key, period);
    let median = inner.integer("median", WINDOW_VALUES).and_then(|median| odd(&inner, median));
    let max_rate = inner.positive("max_rate").map(|rate| FilterPlan::MaxRate(rate.value));
    [
        ne43(&inner, scaling),
        lasting("stuck").map(FilterPlan::Stuck),
        hampel(&inner, data_type, scaling),
        median.map(FilterPlan::Median),
        max_rate,
        lasting("smooth").map(FilterPlan::Smooth),
        lasting("debounce").map(FilterPlan::Debounce),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Bits are debounced, numbers are all the rest, text is neither.
fn check_types(inner: &Reader<'_>, data_type: Option<DataType>) {
    let Some(data_type) = data_type else { return };
    for key in KEYS {
        let fits =
            if key == "debounce" { data_type == DataType::Bool } else { is_number(data_type) };
        if let (false, Some(entry)) = (fits, inner.entry(key)) {
            report_type(inner, &texts::NOT_FOR_TYPE, entry.key_place, key, Some(data_type));
        }
    }
}

/// A time that is longer than the scan period: within one nothing happens.
fn lasting(inner: &Reader<'_>, key: &'static str, period: Duration) -> Option<Duration> {
    let time = inner.duration(key, Duration::from_millis(1)..=MAX_GAP.1)?;
    check_longer(inner, key, time, period).then_some(time.value)
}

/// Whether `time` is longer than the scan period; if not, it is in the log.
pub(crate) fn check_longer(
    reader: &Reader<'_>,
    key: &str,
    time: At<Duration>,
    period: Duration,
) -> bool {
    if time.value > period {
        return true;
    }
    let finding = Finding::new(&texts::SHORTER_THAN_RATE, time.place)
        .with("key", key)
        .with("value", show_duration(time.value))
        .with("rate", show_duration(period));
    reader.log.report(finding);
    false
}

fn odd(inner: &Reader<'_>, median: At<i64>) -> Option<usize> {
    if median.value % 2 == 0 {
        let finding = Finding::new(&texts::EVEN_MEDIAN, median.place).with("value", median.value);
        inner.log.report(finding.with("odd", median.value + 1));
        return None;
    }
    usize::try_from(median.value).ok()
}

fn ne43(inner: &Reader<'_>, scaling: Option<&ScalingDraft>) -> Option<FilterPlan> {
    let wanted = inner.boolean("ne43")?;
    // Without a scaling at all something is wrong with it, and reported.
    let raw = scaling?.raw;
    match (wanted.value, raw) {
        (false, _) => None,
        (true, Some((at_4, at_20))) => Some(FilterPlan::Ne43 { at_4, at_20 }),
        (true, None) => {
            inner.log.report(Finding::new(&texts::NE43_WITHOUT_SHEET, wanted.place));
            None
        }
    }
}

fn hampel(
    inner: &Reader<'_>,
    data_type: Option<DataType>,
    scaling: Option<&ScalingDraft>,
) -> Option<FilterPlan> {
    let hampel = inner.inner("hampel", phrase::HAMPEL)?;
    hampel.only(&HAMPEL);
    let window = hampel.integer("window", WINDOW_VALUES);
    let window = window.and_then(|window| usize::try_from(window.value).ok());
    // Noise of one count is no spike, however long the signal stood still.
    let count = match data_type.and_then(integer_range) {
        Some(_) => scaling.map_or(0.0, |scaling| scaling.scaling.scale.abs()),
        None => 0.0,
    };
    let least = hampel.not_negative("least").map_or(count, |least| least.value);
    let spike = hampel.word("spike", &[("replace", Spike::Replace), ("flag", Spike::Flag)]);
    Some(FilterPlan::Hampel {
        window: window.unwrap_or(HAMPEL_WINDOW),
        sigmas: hampel.positive("sigmas").map_or(SIGMAS, |sigmas| sigmas.value),
        least,
        spike: spike.map_or(Spike::Replace, |spike| spike.value),
    })
}
