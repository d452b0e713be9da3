//! `integrate = { per, gap, every, unit }`: the volume of a flow, the energy of a power.

use std::time::Duration;

use forehearth_model::DataType;

use crate::calc::read::check_grid;
use crate::keys::{self, tag::INTEGRATE_KEYS};
use crate::point::is_number;
use crate::reader::Reader;
use crate::tag::{MAX_GAP, report_type};
use crate::texts::{self, phrase};
use crate::units;
use crate::window::{DAY, SHORTEST};

/// Scan periods between two samples that still belong together. Chosen: four
/// lost scans in a row are a fault that should show.
pub(crate) const GAP_PERIODS: u32 = 5;

/// Shortest unit of time and gap.
const TICK: Duration = Duration::from_millis(1);

/// What was read.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct IntegralDraft {
    pub(crate) per: Duration,
    pub(crate) gap: Duration,
    pub(crate) every: Option<Duration>,
    pub(crate) unit: String,
    pub(crate) unit_code: &'static str,
}

/// Reads `integrate` of a tag that is scanned every `period`.
pub(crate) fn read(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    period: Duration,
) -> Option<IntegralDraft> {
    let entry = reader.entry("integrate")?;
    let inner = reader.inner("integrate", phrase::INTEGRATE)?;
    inner.only(&keys::names::<{ INTEGRATE_KEYS.len() }>(INTEGRATE_KEYS));
    if data_type.is_some_and(|data_type| !is_number(data_type)) {
        report_type(reader, &texts::NOT_FOR_TYPE, entry.key_place, "integrate", data_type);
        return None;
    }
    if inner.entry("per").is_none() {
        inner.missing("per", "per = \"1h\"");
    }
    let per = inner.duration("per", TICK..=DAY);
    let gap = inner.duration("gap", TICK..=MAX_GAP.1);
    let every = inner.duration("every", SHORTEST..=DAY);
    let unit = inner.text("unit");
    let unit_code =
        unit.as_ref().map_or("", |unit| units::check(reader.log, &unit.value, unit.place));
    Some(IntegralDraft {
        per: per?.value,
        gap: gap.map_or(period * GAP_PERIODS, |gap| gap.value),
        every: check_grid(&inner, every),
        unit: unit.map(|unit| unit.value.into_owned()).unwrap_or_default(),
        unit_code,
    })
}
