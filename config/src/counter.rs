//! `total`, `interval` and `rollover` of a counter: what it counted, told by tags of their own.

use std::time::Duration;

use forehearth_model::{DataType, TagKind};

use crate::calc::read::check_grid;
use crate::finding::Finding;
use crate::reader::Reader;
use crate::source::Place;
use crate::tag::report_type;
use crate::texts;
use crate::window::{DAY, SHORTEST};

/// What was read of a counter that is totalled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CounterDraft {
    /// What would follow the counter's largest value; `None` for 64 bits.
    pub(crate) rollover: Option<u64>,
    /// Intervals of wall time that are told.
    pub(crate) interval: Option<Duration>,
}

/// Reads `total` and `rollover`.
pub(crate) fn read(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    kind: TagKind,
) -> Option<CounterDraft> {
    let total = reader.boolean("total");
    let interval = reader.duration("interval", SHORTEST..=DAY);
    let rollover = reader.integer("rollover", 2..=i64::MAX);
    let wanted = total.is_some_and(|total| total.value);
    let needs = |key: &str, other: &str, place: Place| {
        let finding = Finding::new(&texts::COUNTER_NEEDS, place);
        reader.log.report(finding.with("key", key).with("other", other));
    };
    if let (Some(rollover), false) = (rollover, wanted) {
        needs("rollover", "total = true", rollover.place);
    }
    if let (Some(interval), false) = (interval, wanted) {
        needs("interval", "total = true", interval.place);
    }
    let interval = check_grid(reader, interval);
    let total = total.filter(|total| total.value)?;
    if kind != TagKind::Counter {
        needs("total", "kind = \"counter\"", total.place);
        return None;
    }
    let range = match data_type? {
        DataType::Usint => Some(1 << 8),
        DataType::Uint => Some(1 << 16),
        DataType::Udint => Some(1 << 32),
        DataType::Ulint => None,
        _ => {
            report_type(reader, &texts::NOT_FOR_TYPE, total.place, "total", data_type);
            return None;
        }
    };
    let given = rollover.and_then(|rollover| u64::try_from(rollover.value).ok());
    Some(CounterDraft { rollover: given.or(range), interval })
}
