//! `scale`/`offset`, or the instrument sheet `raw`/`eng`/`clamp`: from counts to engineering units.

use forehearth_model::{DataType, Scaling};

use crate::finding::Finding;
use crate::point::is_number;
use crate::reader::{At, Reader};
use crate::tag::report_type;
use crate::texts;

/// What was read.
pub(crate) struct ScalingDraft {
    pub(crate) scaling: Scaling,
    /// `eng`, the span of the instrument, low end first.
    pub(crate) sheet: Option<(f64, f64)>,
    /// `raw` of the sheet, as written: what stands for the ends of `eng`.
    pub(crate) raw: Option<(f64, f64)>,
}

/// Reads the scaling of a tag; `None` when something is wrong with it.
pub(crate) fn read(reader: &Reader<'_>, data_type: Option<DataType>) -> Option<ScalingDraft> {
    let keys = ["scale", "offset", "raw", "eng", "clamp"];
    if let Some(data_type) = data_type.filter(|data_type| !is_number(*data_type)) {
        for key in keys {
            if let Some(entry) = reader.entry(key) {
                report_type(reader, &texts::NOT_FOR_TYPE, entry.node.place, key, Some(data_type));
            }
        }
        return Some(ScalingDraft { scaling: Scaling::NONE, sheet: None, raw: None });
    }
    let (raw, eng) = (reader.entry("raw"), reader.entry("eng"));
    match (raw, eng) {
        (None, None) => factors(reader),
        (Some(_), Some(_)) => sheet(reader),
        (Some(entry), None) | (None, Some(entry)) => {
            let other = if raw.is_some() { "eng" } else { "raw" };
            let finding = Finding::new(&texts::HALF_A_SHEET, entry.key_place);
            reader.log.report(finding.with("key", entry.key.as_str()).with("other", other));
            None
        }
    }
}

fn factors(reader: &Reader<'_>) -> Option<ScalingDraft> {
    if let Some(entry) = reader.entry("clamp") {
        reader.boolean("clamp");
        reader.log.report(Finding::new(&texts::CLAMP_WITHOUT_SHEET, entry.key_place));
    }
    let or = |key, default| match reader.entry(key) {
        None => Some(default),
        Some(_) => reader.number(key).map(|number| number.value),
    };
    let (scale, offset) = (or("scale", 1.0)?, or("offset", 0.0)?);
    if scale == 0.0 {
        let place = reader.entry("scale").map_or(reader.place(), |entry| entry.node.place);
        reader.log.report(Finding::new(&texts::SCALE_ZERO, place));
        return None;
    }
    Some(ScalingDraft { scaling: Scaling { scale, offset, clamp: None }, sheet: None, raw: None })
}

fn sheet(reader: &Reader<'_>) -> Option<ScalingDraft> {
    for key in ["scale", "offset"] {
        if let Some(entry) = reader.entry(key) {
            reader.log.report(Finding::new(&texts::SCALED_TWICE, entry.key_place).with("key", key));
        }
    }
    let clamp = reader.boolean("clamp").is_some_and(|clamp| clamp.value);
    let (raw, eng) = (reader.pair("raw"), reader.pair("eng"));
    let (
        At { value: (raw_low, raw_high), place },
        At { value: (eng_low, eng_high), place: eng_place },
    ) = (raw?, eng?);
    for (low, high, key, place) in
        [(raw_low, raw_high, "raw", place), (eng_low, eng_high, "eng", eng_place)]
    {
        if low == high {
            reader.log.report(Finding::new(&texts::SHEET_FLAT, place).with("key", key));
            return None;
        }
    }
    let scale = (eng_high - eng_low) / (raw_high - raw_low);
    let span = (eng_low.min(eng_high), eng_low.max(eng_high));
    let scaling =
        Scaling { scale, offset: eng_low - raw_low * scale, clamp: clamp.then_some(span) };
    Some(ScalingDraft { scaling, sheet: Some(span), raw: Some((raw_low, raw_high)) })
}
