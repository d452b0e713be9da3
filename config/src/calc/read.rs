//! `calc`, `grid` and `stale` of a tag.

use std::time::Duration;

use forehearth_model::DataType;

use super::{Node, parse};
use crate::finding::Finding;
use crate::quantity::show_duration;
use crate::reader::{At, Reader};
use crate::source::Place;
use crate::texts;
use crate::window::{DAY, SHORTEST};

/// A tag that is computed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CalcDraft {
    pub(crate) formula: Node,
    pub(crate) text: String,
    pub(crate) place: Place,
    /// Whether places within the formula are known.
    pub(crate) verbatim: bool,
    /// Period of the grid and the age from which an input is Bad.
    pub(crate) grid: Option<(Duration, Duration)>,
}

impl CalcDraft {
    /// Where a part of the formula stands.
    pub(crate) fn part(&self, start: usize, end: usize) -> Place {
        if self.verbatim { self.place.part(start + 1, end.max(start + 1) + 1) } else { self.place }
    }
}

/// What `calc` takes the place of.
const BESIDE: [&str; 13] = [
    "at", "node", "order", "scale", "offset", "raw", "eng", "clamp", "rate", "overlap", "write",
    "codec", "enum",
];

/// Periods of the grid after which an input is stale. Chosen: two may be
/// missed without doubt, as with windows.
const STALE_PERIODS: u32 = 3;

/// The type of a computed tag: LREAL, or BOOL where the map says so.
pub(crate) fn data_type(reader: &Reader<'_>) -> Option<DataType> {
    if reader.entry("type").is_none() {
        return Some(DataType::Lreal);
    }
    let words = [("LREAL", DataType::Lreal), ("BOOL", DataType::Bool)];
    reader.word("type", &words).map(|word| word.value)
}

/// Whether the tag is computed.
pub(crate) fn is_computed(reader: &Reader<'_>) -> bool {
    reader.entry("calc").is_some()
}

/// Reads the formula of a tag; `None` without one.
pub(crate) fn read(reader: &Reader<'_>) -> Option<CalcDraft> {
    let grid = read_grid(reader);
    reader.entry("calc")?;
    for key in BESIDE {
        if let Some(entry) = reader.entry(key) {
            let finding = Finding::new(&texts::CALC_BESIDE, entry.key_place);
            reader.log.report(finding.with("key", key));
        }
    }
    formula(reader, "calc", grid)
}

/// Reads a formula that stands behind `key`, if it does.
pub(crate) fn formula(
    reader: &Reader<'_>,
    key: &'static str,
    grid: Option<(Duration, Duration)>,
) -> Option<CalcDraft> {
    let text = reader.filled_text(key)?;
    let place = text.place;
    let verbatim = (place.end - place.start) as usize == text.value.len() + 2;
    match parse(&text.value) {
        Ok(formula) => {
            Some(CalcDraft { formula, text: text.value.into_owned(), place, verbatim, grid })
        }
        Err(wrong) => {
            let part = |start, end: usize| place.part(start + 1, end.max(start + 1) + 1);
            let at = if verbatim { part(wrong.start, wrong.end) } else { place };
            let finding = Finding::new(&texts::CALC_WRONG, at).with("what", wrong.what);
            let finding = finding.with("count", wrong.count).with("most", wrong.count);
            reader.log.report(finding.label(wrong.label));
            None
        }
    }
}

fn read_grid(reader: &Reader<'_>) -> Option<(Duration, Duration)> {
    let grid = reader.duration("grid", SHORTEST..=DAY);
    let stale = reader.duration("stale", SHORTEST..=DAY);
    if let (Some(grid), false) = (grid, is_computed(reader)) {
        needs(reader, grid.place, "grid", "`calc`");
    }
    if let (Some(stale), None) = (stale, reader.entry("grid")) {
        needs(reader, stale.place, "stale", "`grid`");
    }
    let grid = check_grid(reader, grid)?;
    Some((grid, stale.map_or(grid * STALE_PERIODS, |stale| stale.value)))
}

/// A key without the one that gives it a meaning.
pub(crate) fn needs(reader: &Reader<'_>, place: Place, key: &str, other: &str) {
    let finding = Finding::new(&texts::KEY_NEEDS, place).with("key", key);
    reader.log.report(finding.with("other", other));
}

/// A length that divides a day; if not, it is in the log.
pub(crate) fn check_grid(reader: &Reader<'_>, every: Option<At<Duration>>) -> Option<Duration> {
    let every = every?;
    if !DAY.as_millis().is_multiple_of(every.value.as_millis().max(1)) {
        let finding = Finding::new(&texts::WINDOW_OFF_GRID, every.place);
        reader.log.report(finding.with("value", show_duration(every.value)));
        return None;
    }
    Some(every.value)
}
