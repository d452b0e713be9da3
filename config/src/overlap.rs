//! Tags of one device that read the same registers: a type too wide, an address off by one, or on purpose.

use forehearth_modbus::{Point, Table};
use forehearth_model::DataType;

use crate::finding::{Finding, Log, Word};
use crate::plan::PointPlan;
use crate::tag::TagDraft;
use crate::texts::{self, phrase};

struct Extent<'a> {
    tag: &'a TagDraft,
    point: Point,
    /// First and last register (or bit), both included.
    first: u16,
    last: u16,
}

/// Reports each tag that reads what another one reads, unless both readings
/// make sense beside each other.
pub(crate) fn check(log: &Log, tags: &[TagDraft]) {
    let mut extents: Vec<Extent<'_>> = tags
        .iter()
        .filter(|tag| !tag.may_overlap)
        .flat_map(|tag| {
            tag.points.iter().filter_map(PointPlan::modbus).map(move |p| extent(tag, p))
        })
        .collect();
    // Wide before narrow at one address, so that bits meet their word.
    extents
        .sort_by_key(|e| (e.point.address.table, e.first, u16::MAX - e.last, e.point.address.bit));
    let mut table: Option<Table> = None;
    let mut reach: Option<&Extent<'_>> = None;
    let mut bit: Option<&Extent<'_>> = None;
    for extent in &extents {
        if table != Some(extent.point.address.table) {
            (table, reach, bit) = (Some(extent.point.address.table), None, None);
        }
        if let Some(other) = reach.filter(|other| extent.first <= other.last) {
            compare(log, other, extent);
        }
        if let Some(other) = bit.filter(|other| other.point.address == extent.point.address) {
            duplicate(log, other, extent);
        }
        if extent.point.address.bit.is_some() {
            bit = Some(extent);
        } else if reach.is_none_or(|other| extent.last > other.last) {
            reach = Some(extent);
        }
    }
}

fn extent(tag: &TagDraft, point: Point) -> Extent<'_> {
    let first = point.address.offset;
    let last = first.saturating_add(point.width().saturating_sub(1));
    Extent { tag, point, first, last }
}

fn compare(log: &Log, other: &Extent<'_>, this: &Extent<'_>) {
    if std::ptr::eq(other.tag, this.tag) {
        return;
    }
    let same_place = other.first == this.first && other.last == this.last;
    if this.point.address.bit.is_some() {
        // A status word and its bits are both worth having.
        if is_bits_of_a_number(other.point.data_type) {
            return;
        }
        report(log, &texts::OVERLAP, other, this);
    } else if same_place {
        duplicate(log, other, this);
    } else if other.point.width() == this.point.width() {
        report(log, &texts::STRADDLED, other, this);
    } else {
        report(log, &texts::OVERLAP, other, this);
    }
}

const fn is_bits_of_a_number(data_type: DataType) -> bool {
    !matches!(data_type, DataType::Real | DataType::Lreal | DataType::String)
}

fn duplicate(log: &Log, other: &Extent<'_>, this: &Extent<'_>) {
    if !std::ptr::eq(other.tag, this.tag) {
        report(log, &texts::SAME_POINT, other, this);
    }
}

fn report(log: &Log, code: &'static texts::CodeText, other: &Extent<'_>, this: &Extent<'_>) {
    let registers = |extent: &Extent<'_>| {
        let count = extent.last - extent.first + 1;
        let plural = if count == 1 { "" } else { "s" };
        Word::Both(format!("{count} register{plural}"), format!("{count} 个寄存器"))
    };
    let span = |extent: &Extent<'_>| {
        let start = extent.point.address;
        let mut end = start;
        end.offset = extent.last;
        if extent.first == extent.last { start.to_string() } else { format!("{start}..{end}") }
    };
    let finding = Finding::new(code, this.tag.at_place)
        .with("tag", this.tag.name.as_str())
        .with("other", other.tag.name.as_str())
        .with("at", this.point.address.to_string())
        .with("count", registers(this))
        .with("type", this.point.data_type.name())
        .with("other_type", other.point.data_type.name())
        .with("other_at", span(other));
    log.report(finding.related(other.tag.at_place, phrase::OTHER_TAG));
}
