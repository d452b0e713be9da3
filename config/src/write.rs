//! `write = { … }` of a tag: what may be written to it. Refused where no write path exists.

use forehearth_modbus::Table as Registers;
use forehearth_model::DataType;

use crate::calc::read::{self as calc, CalcDraft};
use crate::finding::Finding;
use crate::keys::{self, tag::WRITE_KEYS};
use crate::plan::{PartPlan, WritePlan};
use crate::point::is_number;
use crate::reader::{At, Reader};
use crate::tag::{MAX_GAP, RATE, Surroundings, report_type};
use crate::texts::{self, phrase};

/// Reads the table, if there is one. `None` also when writing is not possible
/// here; what is wrong is in the log.
pub(crate) fn read(
    reader: &Reader<'_>,
    around: &Surroundings<'_>,
    table: Option<Registers>,
    data_type: Option<DataType>,
    valid: Option<At<(f64, f64)>>,
) -> Option<(WritePlan, Option<CalcDraft>)> {
    let write = reader.table("write")?;
    let place = reader.entry("write").map_or(write.place, |entry| entry.node.place);
    let inner = Reader::new(reader.log, write.value, phrase::WRITE, write.place);
    let inner = inner.scoped(around.scope);
    inner.only(&keys::names::<{ WRITE_KEYS.len() }>(WRITE_KEYS));
    let bounds = bounds(&inner, data_type, valid);
    let max_step = inner.number("max_step");
    if let Some(step) = &max_step
        && step.value <= 0.0
    {
        reader.log.report(Finding::new(&texts::NOT_POSITIVE, step.place).with("key", "max_step"));
    }
    let interlock = calc::formula(&inner, "interlock", None);
    let every = inner.duration("every", RATE.0..=MAX_GAP.1).map(|every| every.value);
    let part = inner
        .word("part", &[("masked", PartPlan::Masked), ("rewritten", PartPlan::Rewritten)])
        .map(|part| part.value)
        .unwrap_or_default();
    if let Some(read_only) = around.read_only {
        let finding = Finding::new(&texts::WRITE_ON_READ_ONLY, place);
        reader.log.report(finding.related(read_only, phrase::READ_ONLY_HERE));
        return None;
    }
    if let Some(table @ (Registers::DiscreteInputs | Registers::InputRegisters)) = table {
        let finding = Finding::new(&texts::WRITE_TO_INPUT, place);
        reader.log.report(finding.with("table", table.prefix()));
        return None;
    }
    if data_type == Some(DataType::String) {
        report_type(reader, &texts::NOT_FOR_TYPE, place, "write", data_type);
        return None;
    }
    let plan =
        WritePlan { bounds: bounds?, max_step: max_step.map(|step| step.value), every, part };
    Some((plan, interlock))
}

/// `min` and `max`; a number without both could be written to anything.
fn bounds(
    inner: &Reader<'_>,
    data_type: Option<DataType>,
    valid: Option<At<(f64, f64)>>,
) -> Option<(f64, f64)> {
    if data_type == Some(DataType::Bool) {
        for key in ["min", "max", "max_step"] {
            if let Some(entry) = inner.entry(key) {
                report_type(inner, &texts::NOT_FOR_TYPE, entry.node.place, key, data_type);
            }
        }
        return Some((0.0, 1.0));
    }
    let (min, max) = (inner.number("min"), inner.number("max"));
    if data_type.is_some_and(is_number) {
        for (key, example) in [("min", "min = 900.0"), ("max", "max = 980.0")] {
            if inner.entry(key).is_none() {
                inner.missing(key, example);
            }
        }
    }
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        let finding = Finding::new(&texts::WRITE_BOUNDS, min.place);
        inner.log.report(finding.with("min", min.value).with("max", max.value));
    }
    for bound in [&min, &max].into_iter().flatten() {
        if let Some(valid) = &valid
            && !(valid.value.0..=valid.value.1).contains(&bound.value)
        {
            let finding = Finding::new(&texts::WRITE_OUTSIDE_VALID, bound.place)
                .with("value", bound.value)
                .related(valid.place, phrase::VALID_HERE);
            inner.log.report(finding);
        }
    }
    Some((min?.value, max?.value))
}
