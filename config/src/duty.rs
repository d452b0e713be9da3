//! `duty = { running, gap, every }`: run hours, starts and time in states.

use std::time::Duration;

use forehearth_model::DataType;

use crate::calc::read::{check_grid, needs};
use crate::finding::Finding;
use crate::integrate::GAP_PERIODS;
use crate::keys::{self, tag::DUTY_KEYS};
use crate::limits::integer_range;
use crate::reader::Reader;
use crate::tag::{MAX_GAP, report_type};
use crate::texts::{self, phrase};
use crate::tree::Value;
use crate::window::{DAY, SHORTEST};

/// What was read.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct DutyDraft {
    pub(crate) running: Vec<i64>,
    pub(crate) gap: Duration,
    /// Length of an interval and the states that are told in it.
    pub(crate) every: Option<(Duration, Vec<i64>)>,
}

/// Reads `duty` of a tag that is scanned every `period`.
pub(crate) fn read(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    period: Duration,
) -> Option<DutyDraft> {
    let entry = reader.entry("duty")?;
    let inner = reader.inner("duty", phrase::DUTY)?;
    inner.only(&keys::names::<{ DUTY_KEYS.len() }>(DUTY_KEYS));
    if data_type.is_some_and(|data_type| integer_range(data_type).is_none()) {
        report_type(reader, &texts::NOT_FOR_TYPE, entry.key_place, "duty", data_type);
        return None;
    }
    let running = read_running(&inner);
    let gap = inner.duration("gap", Duration::from_millis(1)..=MAX_GAP.1);
    let every = inner.duration("every", SHORTEST..=DAY);
    let states = states(reader);
    if let (Some(every), true) = (every, states.is_empty()) {
        needs(reader, every.place, "every", "`enum`");
    }
    Some(DutyDraft {
        running: running?,
        gap: gap.map_or(period * GAP_PERIODS, |gap| gap.value),
        every: check_grid(&inner, every).map(|every| (every, states)),
    })
}

fn read_running(inner: &Reader<'_>) -> Option<Vec<i64>> {
    let Some(entry) = inner.entry("running") else {
        inner.missing("running", "running = [1]");
        return None;
    };
    let Value::Array(items) = &entry.node.value else {
        inner.wrong_type("running", &entry.node, phrase::A_LIST_OF_ITEMS);
        return None;
    };
    let mut running = Vec::with_capacity(items.len());
    for item in items {
        match item.value {
            Value::Integer(state) => running.push(state),
            _ => inner.wrong_type("running", item, phrase::A_WHOLE_NUMBER),
        }
    }
    if running.is_empty() {
        inner.log.report(Finding::new(&texts::DUTY_STATES, entry.node.place));
        return None;
    }
    Some(running)
}

/// The states that `enum` names; what is wrong with it is said elsewhere.
fn states(reader: &Reader<'_>) -> Vec<i64> {
    let table = reader.entry("enum").and_then(|entry| match &entry.node.value {
        Value::Table(table) => Some(table),
        _ => None,
    });
    let entries = table.iter().flat_map(|table| &table.entries);
    entries.filter_map(|entry| entry.key.parse().ok()).collect()
}
