//! `window = { every, keep, samples }`: what is kept of a fast signal once per interval.

use std::time::Duration;

use forehearth_model::DataType;

use crate::filter::check_longer;
use crate::finding::Finding;
use crate::keys::{self, tag::WINDOW_KEYS};
use crate::plan::Keep;
use crate::point::is_number;
use crate::quantity::show_duration;
use crate::reader::{At, Reader};
use crate::tag::report_type;
use crate::texts::{self, phrase};

/// Windows begin at midnight UTC, so none is longer.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Chosen: a window of a hundredth of a second holds one sample at most.
pub(crate) const SHORTEST: Duration = Duration::from_millis(20);

/// Parts of a sliding window. Chosen: each is kept, with its smallest and
/// largest value.
const MOST_PARTS: u128 = 60;

/// What was read.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct WindowDraft {
    pub(crate) every: Duration,
    /// How often a sliding one is told.
    pub(crate) step: Option<Duration>,
    /// Each once, in map order, at least one.
    pub(crate) keep: Vec<Keep>,
    /// Whether the samples themselves are reported as well.
    pub(crate) samples: bool,
}

/// Reads `window` of a tag that is scanned every `period`.
pub(crate) fn read(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    period: Duration,
) -> Option<WindowDraft> {
    let entry = reader.entry("window")?;
    let inner = reader.inner("window", phrase::WINDOW)?;
    inner.only(&keys::names::<{ WINDOW_KEYS.len() }>(WINDOW_KEYS));
    if data_type.is_some_and(|data_type| !is_number(data_type)) {
        report_type(reader, &texts::NOT_FOR_TYPE, entry.key_place, "window", data_type);
        return None;
    }
    for (key, example) in [("every", "every = \"1s\""), ("keep", "keep = [\"min\", \"max\"]")] {
        if inner.entry(key).is_none() {
            inner.missing(key, example);
        }
    }
    let every = inner.duration("every", SHORTEST..=DAY);
    let every = every.filter(|every| check_longer(&inner, "every", *every, period));
    if let Some(every) = every
        && !DAY.as_millis().is_multiple_of(every.value.as_millis())
    {
        let finding = Finding::new(&texts::WINDOW_OFF_GRID, every.place);
        reader.log.report(finding.with("value", show_duration(every.value)));
    }
    let step = read_step(&inner, every, period);
    let keep = read_keep(&inner);
    let samples = inner.boolean("samples");
    Some(WindowDraft {
        every: every?.value,
        step,
        keep: keep?,
        samples: samples.is_none_or(|samples| samples.value),
    })
}

/// `step` of a sliding window: a part of its length, at least a scan long.
fn read_step(
    inner: &Reader<'_>,
    every: Option<At<Duration>>,
    period: Duration,
) -> Option<Duration> {
    let step = inner.duration("step", SHORTEST..=DAY)?;
    let every = every?.value;
    if step.value < period {
        check_longer(inner, "step", step, period);
        return None;
    }
    let parts = every.as_micros() / step.value.as_micros().max(1);
    let divides = every.as_micros().is_multiple_of(step.value.as_micros().max(1));
    if !divides || !(2..=MOST_PARTS).contains(&parts) {
        let finding = Finding::new(&texts::STEP_NOT_PART, step.place)
            .with("step", show_duration(step.value))
            .with("every", show_duration(every))
            .with("most", MOST_PARTS.to_string());
        inner.log.report(finding);
        return None;
    }
    Some(step.value)
}

fn read_keep(inner: &Reader<'_>) -> Option<Vec<Keep>> {
    let texts = inner.texts("keep")?;
    let mut keep = Vec::with_capacity(texts.len());
    for text in &texts {
        let Some(word) = inner.one_of("keep", text, &Keep::WORDS) else { continue };
        if !keep.contains(&word.value) {
            keep.push(word.value);
        }
    }
    if texts.is_empty() {
        inner.missing("keep", "keep = [\"min\", \"max\"]");
    }
    Some(keep)
}
