//! `swing = { error, max_gap }`: report through a swinging door in place of a deadband.

use std::time::Duration;

use forehearth_model::{DataType, Lane};

use crate::finding::Finding;
use crate::keys::{self, tag::SWING_KEYS};
use crate::point::is_number;
use crate::reader::{At, Reader};
use crate::tag::{MAX_GAP, read_amount, report_type};
use crate::texts::{self, phrase};

/// What was read.
pub(crate) struct SwingDraft {
    /// In engineering units.
    pub(crate) error: f64,
    pub(crate) max_gap: Option<Duration>,
}

/// Reads `swing`; `span` is what a percentage refers to.
pub(crate) fn read(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    span: Option<(f64, f64)>,
    lane: Lane,
) -> Option<SwingDraft> {
    let entry = reader.entry("swing")?;
    let inner = reader.inner("swing", phrase::SWING)?;
    inner.only(&keys::names::<{ SWING_KEYS.len() }>(SWING_KEYS));
    let place = entry.key_place;
    if data_type.is_some_and(|data_type| !is_number(data_type)) {
        report_type(reader, &texts::NOT_FOR_TYPE, place, "swing", data_type);
        return None;
    }
    if inner.entry("error").is_none() {
        inner.missing("error", "error = 0.5");
    }
    let error = read_amount(&inner, "error", span).filter(|error| is_positive(&inner, error));
    let max_gap = inner.duration("max_gap", MAX_GAP.0..=MAX_GAP.1);
    check_beside(reader, lane);
    Some(SwingDraft { error: error?.value, max_gap: max_gap.map(|gap| gap.value) })
}

fn is_positive(inner: &Reader<'_>, error: &At<f64>) -> bool {
    if error.value <= 0.0 {
        inner.log.report(Finding::new(&texts::NOT_POSITIVE, error.place).with("key", "error"));
    }
    error.value > 0.0
}

/// Keys that ask for another way of reporting.
fn check_beside(reader: &Reader<'_>, lane: Lane) {
    let every_sample = reader
        .entry("every_sample")
        .filter(|_| reader.boolean("every_sample").is_some_and(|every| every.value));
    for other in [reader.entry("deadband"), every_sample].into_iter().flatten() {
        let finding = Finding::new(&texts::SWING_BESIDE, other.key_place);
        reader.log.report(finding.with("key", other.key.as_str()));
    }
    if let (Lane::Alarm, Some(entry)) = (lane, reader.entry("lane")) {
        reader.log.report(Finding::new(&texts::SWING_ON_ALARM, entry.node.place));
    }
}
