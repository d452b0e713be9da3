//! A tag of the map: where it is read, what its number means and when it is reported.

use std::time::Duration;

use forehearth_modbus::{RegisterOrder, Table};
use forehearth_model::{DataType, Grade, Lane, Scaling, TagKind};

use crate::broker::GRADES;
use crate::browsed::Browsed;
use crate::calc::read::{self as calc, CalcDraft};
use crate::counter::{self, CounterDraft};
use crate::device::Driver;
use crate::duty::{self, DutyDraft};
use crate::expr::Scope;
use crate::finding::{Finding, Log};
use crate::integrate::{self, IntegralDraft};
use crate::keys::{self, tag::TAG_KEYS};
use crate::opcua::{self, Namespaces};
use crate::plan::{Deadband, FilterPlan, LimitsPlan, PointPlan, Report, WritePlan};
use crate::plugin;
use crate::plugin::manifest::Manifest;
use crate::point::{self, AddressParam, is_number};
use crate::quantity;
use crate::reader::{At, Reader};
use crate::scaling;
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::tree::{Table as TomlTable, Value};
use crate::window::{self, WindowDraft};
use crate::{filter, house, limits, names, node, standard, swing, units, versions, write};

/// Every key of a tag.
pub(crate) const KEYS: [&str; TAG_KEYS.len()] = keys::names(TAG_KEYS);

/// `rate`: a scan takes some milliseconds at best; above a day nobody polls (chosen).
pub(crate) const RATE: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_secs(86_400));

/// `max_gap`: as `rate`, up to a week.
pub(crate) const MAX_GAP: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_secs(7 * 86_400));

/// What a device says for all of its tags.
pub(crate) struct Surroundings<'a> {
    pub(crate) driver: Driver,
    /// Of a plugin: what it takes.
    pub(crate) manifest: Option<&'a Manifest>,
    /// Of OPC UA: aliases and their URIs.
    pub(crate) namespaces: &'a Namespaces,
    pub(crate) scope: &'a Scope,
    pub(crate) params: &'a [AddressParam],
    /// `[rates]` by name.
    pub(crate) rates: &'a [(&'a str, Duration)],
    pub(crate) rate: Duration,
    pub(crate) order: RegisterOrder,
    /// `grade` of the device, when it says one.
    pub(crate) grade: Option<Grade>,
    pub(crate) max_gap: Duration,
    pub(crate) every_sample: bool,
    /// Of OPC UA: what was found when the server was browsed.
    pub(crate) browsed: Option<&'a Browsed<'a>>,
    /// Of OPC UA: the server is asked, and sends nothing by itself.
    pub(crate) is_polled: bool,
    /// Where `access = "read-only"` stands, if it does.
    pub(crate) read_only: Option<Place>,
}

/// A tag as the map has it; an array is one draft with several points.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct TagDraft {
    pub(crate) name: String,
    pub(crate) name_place: Place,
    pub(crate) at_place: Place,
    pub(crate) points: Vec<PointPlan>,
    pub(crate) data_type: DataType,
    pub(crate) is_array: bool,
    /// `overlap = true`: read twice on purpose.
    pub(crate) may_overlap: bool,
    pub(crate) period: Duration,
    /// Where the period stands, for findings about it.
    pub(crate) rate_place: Place,
    pub(crate) scaling: Scaling,
    pub(crate) unit: String,
    pub(crate) unit_code: &'static str,
    pub(crate) valid: Option<(f64, f64)>,
    pub(crate) kind: TagKind,
    pub(crate) lane: Lane,
    pub(crate) grade: Grade,
    pub(crate) plant_tag: String,
    pub(crate) label: [String; 2],
    pub(crate) report: Report,
    pub(crate) filters: Vec<FilterPlan>,
    /// Error of the swinging door.
    pub(crate) swing: Option<f64>,
    pub(crate) window: Option<WindowDraft>,
    pub(crate) counter: Option<CounterDraft>,
    pub(crate) integral: Option<IntegralDraft>,
    pub(crate) duty: Option<DutyDraft>,
    pub(crate) alarm: Option<AlarmDraft>,
    /// What it is computed of, in place of being read.
    pub(crate) calc: Option<CalcDraft>,
    pub(crate) write: Option<WritePlan>,
    /// The condition under which it may be written.
    pub(crate) interlock: Option<CalcDraft>,
}

/// The alarm of a tag.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct AlarmDraft {
    pub(crate) limits: LimitsPlan,
    pub(crate) has_state: bool,
    pub(crate) group: Option<String>,
}

/// Reads one tag from its tables, weakest first. What is wrong is in the log.
pub(crate) fn read(
    log: &Log,
    name: &str,
    name_place: Place,
    layers: Vec<&TomlTable>,
    around: &Surroundings<'_>,
) -> Option<TagDraft> {
    let reader = Reader::layered(log, layers, phrase::A_TAG, name_place).scoped(around.scope);
    reader.only(&KEYS);
    names::check(log, names::Kind::Tag, name, name_place);
    for key in keys::refused(TAG_KEYS) {
        if let Some(entry) = reader.entry(key) {
            versions::unsupported(log, entry.key_place, key);
        }
    }
    let calc = calc::read(&reader);
    let spot = match around.driver {
        _ if calc::is_computed(&reader) => read_computed(&reader, calc.as_ref()),
        Driver::Modbus => read_registers(&reader, around),
        Driver::OpcUa => read_node(&reader, around),
        Driver::Plugin => read_plugin(&reader, around),
        Driver::House => read_fact(&reader),
    };
    let data_type = spot.data_type;

    let scaling = scaling::read(&reader, data_type);
    let standard = standard::read(&reader, data_type);
    let valid = limits::valid(&reader, data_type, scaling.as_ref().map(|s| &s.scaling));
    let valid = standard::valid(&reader, valid, standard);
    let limits = limits::read(&reader, data_type, valid);
    let span = valid.map(|valid| valid.value).or(scaling.as_ref().and_then(|s| s.sheet));
    let deadband = read_deadband(&reader, data_type, span);
    if let (Some(deadband), Some(limits)) = (&deadband, &limits) {
        limits::check_deadband(log, deadband, limits);
    }
    check_enum(&reader, data_type);
    let write = write::read(&reader, around, spot.table, data_type, valid);
    let (write, interlock) = write.map_or((None, None), |(plan, on)| (Some(plan), on));

    let rate = read_rate(&reader, around, name_place);
    let (period, rate_place) = rate.unwrap_or((around.rate, name_place));
    let grid = calc.as_ref().and_then(|calc| calc.grid);
    let period = grid.map_or(period, |(every, _)| every);
    let unit = standard::unit(&reader, standard);
    let unit_code = match &unit {
        Some(unit) => units::check(log, &unit.value, unit.place),
        None => units::check(log, spot.unit, name_place),
    };
    let kind = reader
        .word("kind", &[("gauge", TagKind::Gauge), ("counter", TagKind::Counter)])
        .map(|kind| kind.value)
        .or(standard.map(|standard| standard.value.kind))
        .or(spot.kind)
        .unwrap_or(TagKind::Gauge);
    if let (TagKind::Counter, Some(false), Some(entry)) =
        (kind, data_type.map(is_number), reader.entry("kind"))
    {
        report_type(
            &reader,
            &texts::NOT_FOR_TYPE,
            entry.node.place,
            "kind = \"counter\"",
            data_type,
        );
    }
    let lane = reader.word("lane", &[("live", Lane::Live), ("alarm", Lane::Alarm)]);
    let lane = lane.map_or(Lane::Live, |lane| lane.value);
    let filters = filter::read(&reader, data_type, scaling.as_ref(), period);
    let swing = swing::read(&reader, data_type, span, lane);
    let window = window::read(&reader, data_type, period);
    let counter = counter::read(&reader, data_type, kind);
    let integral = integrate::read(&reader, data_type, period);
    let duty = duty::read(&reader, data_type, period);
    let grade = reader.word("grade", &GRADES);
    let plant_tag = reader.text("tag").map(|text| text.value.into_owned());
    let label = standard::label(reader.bilingual("label"), standard);
    let max_gap = reader.duration("max_gap", MAX_GAP.0..=MAX_GAP.1);
    let every_sample = reader.boolean("every_sample");
    if let (Some(At { value: true, .. }), Some(entry)) = (every_sample, reader.entry("deadband")) {
        log.report(Finding::new(&texts::DEADBAND_UNUSED, entry.node.place));
    }
    let may_overlap = reader.boolean("overlap").is_some_and(|overlap| overlap.value);

    rate?;
    let (at_place, points) = spot.points?;
    Some(TagDraft {
        name: name.to_owned(),
        name_place,
        at_place,
        points,
        data_type: data_type?,
        is_array: spot.is_array,
        may_overlap,
        period,
        rate_place,
        scaling: scaling?.scaling,
        unit: unit.map_or_else(|| spot.unit.to_owned(), |unit| unit.value.into_owned()),
        unit_code,
        valid: valid.map(|valid| valid.value),
        kind,
        lane,
        grade: grade
            .map(|grade| grade.value)
            .or(around.grade)
            .or(standard.and_then(|standard| standard.value.grade))
            .unwrap_or(Grade::General),
        plant_tag: plant_tag.unwrap_or_default(),
        label,
        report: Report {
            deadband: match &window {
                Some(WindowDraft { samples: false, .. }) => Deadband::Absolute(f64::INFINITY),
                _ => deadband.map_or(Deadband::None, |deadband| deadband.value),
            },
            max_gap: swing
                .as_ref()
                .and_then(|swing| swing.max_gap)
                .or(max_gap.map(|gap| gap.value))
                .unwrap_or(around.max_gap),
            every_sample: every_sample.map_or(around.every_sample, |every| every.value)
                && swing.is_none()
                && window.as_ref().is_none_or(|window| window.samples),
        },
        filters,
        swing: swing.map(|swing| swing.error),
        window,
        counter,
        integral,
        duty,
        alarm: limits.map(|limits| AlarmDraft {
            limits: limits.plan,
            has_state: limits.has_state,
            group: limits.group,
        }),
        calc,
        write,
        interlock,
    })
}

/// Where a tag is read, as far as its table could be understood.
#[derive(Default)]
struct Spot {
    data_type: Option<DataType>,
    /// Of Modbus.
    table: Option<Table>,
    is_array: bool,
    points: Option<(Place, Vec<PointPlan>)>,
    /// What it is measured in when the map says nothing.
    unit: &'static str,
    /// Whether it only grows, when the map says nothing.
    kind: Option<TagKind>,
}

/// `type` of a tag that is computed; it has no place on the device.
fn read_computed(reader: &Reader<'_>, calc: Option<&CalcDraft>) -> Spot {
    let points = calc.map(|calc| (calc.place, vec![PointPlan::Computed]));
    Spot { data_type: calc::data_type(reader), points, ..Spot::default() }
}

/// `at`, `type` and `order` of a Modbus tag.
fn read_registers(reader: &Reader<'_>, around: &Surroundings<'_>) -> Spot {
    let log = reader.log;
    for key in node::KEYS {
        if let Some(entry) = reader.entry(key) {
            let finding = Finding::new(&texts::KEY_OF_OTHER_DRIVER, entry.key_place);
            log.report(finding.with("key", key).with("driver", "modbus"));
        }
    }
    let at = if reader.entry("at").is_none() {
        reader.missing("at", "at = \"40001\"");
        None
    } else {
        point::written(reader)
    };
    let address = at.as_ref().and_then(|at| point::address(log, at, around.params));
    let shape = point::shape(reader);
    let order =
        if reader.entry("order").is_some() { point::order(reader) } else { Some(around.order) };
    let data_type = shape.map(|shape| shape.of.data_type);
    check_order(reader, data_type);
    let codec = point::codec(reader, data_type);
    let points = || {
        let at = at?;
        let points = point::points(log, &at, address?, shape?, order?, codec?)?;
        Some((at.place, points.into_iter().map(PointPlan::Modbus).collect()))
    };
    Spot {
        data_type,
        table: address.map(|address| address.table),
        is_array: shape.is_some_and(|shape| shape.count.is_some()),
        points: points(),
        ..Spot::default()
    }
}

/// Where an OPC UA tag is and what type it has.
fn read_node(reader: &Reader<'_>, around: &Surroundings<'_>) -> Spot {
    opcua::refuse_tag_keys(reader);
    let (browsed, polled) = (around.browsed, around.is_polled);
    let spot = node::read(reader, around.namespaces, browsed, polled);
    let node::NodeSpot { data_type, is_array, points } = spot;
    Spot { data_type, is_array, points, ..Spot::default() }
}

/// What the gateway tells of itself.
fn read_fact(reader: &Reader<'_>) -> Spot {
    let house::HouseSpot { data_type, points, unit, kind } = house::read_tag(reader);
    Spot { data_type, table: None, is_array: false, points, unit, kind }
}

/// Where a plugin finds a tag and what type it has.
fn read_plugin(reader: &Reader<'_>, around: &Surroundings<'_>) -> Spot {
    let node::NodeSpot { data_type, is_array, points } = plugin::read_tag(reader, around.manifest);
    Spot { data_type, is_array, points, ..Spot::default() }
}

/// `tag` says "not for this type": one text for all keys that need a number.
pub(crate) fn report_type(
    reader: &Reader<'_>,
    code: &'static crate::texts::CodeText,
    place: Place,
    key: &str,
    data_type: Option<DataType>,
) {
    let name = data_type.map_or("", DataType::name);
    reader.log.report(Finding::new(code, place).with("key", key).with("type", name));
}

/// An order of words on a tag that has one register, or none, says a misunderstanding.
fn check_order(reader: &Reader<'_>, data_type: Option<DataType>) {
    let Some(entry) = reader.entry("order") else { return };
    let is_one_word = matches!(
        data_type,
        Some(DataType::Sint | DataType::Usint | DataType::Int | DataType::Uint)
    );
    let swaps_words = matches!(&entry.node.value, Value::Text(text) if text == "CDAB");
    if data_type == Some(DataType::Bool) {
        report_type(reader, &texts::NOT_FOR_TYPE, entry.node.place, "order", data_type);
    } else if is_one_word && swaps_words {
        let key = "order = \"CDAB\"";
        report_type(reader, &texts::NOT_FOR_TYPE, entry.node.place, key, data_type);
    }
}

/// The scan period: a name of `[rates]` or a duration.
fn read_rate(
    reader: &Reader<'_>,
    around: &Surroundings<'_>,
    name_place: Place,
) -> Option<(Duration, Place)> {
    let Some(entry) = reader.entry("rate") else { return Some((around.rate, name_place)) };
    Some((rate_of(reader, around.rates)?, entry.node.place))
}

/// `rate` of a tag or a device.
pub(crate) fn rate_of(reader: &Reader<'_>, rates: &[(&str, Duration)]) -> Option<Duration> {
    let entry = reader.entry("rate")?;
    let Value::Text(text) = &entry.node.value else {
        return reader.duration("rate", RATE.0..=RATE.1).map(|rate| rate.value);
    };
    if let Some((_, rate)) = rates.iter().find(|(name, _)| name == text) {
        return Some(*rate);
    }
    if quantity::duration(text).is_none() && !text.starts_with(|c: char| c.is_ascii_digit()) {
        let known: Vec<&str> = rates.iter().map(|(name, _)| *name).collect();
        let finding =
            Finding::new(&texts::UNKNOWN_RATE, entry.node.place).with("value", text.as_str());
        reader.log.report(match crate::nearest::nearest(text, &known) {
            Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
            None if known.is_empty() => finding,
            None => finding.with("known", known.join(", ")).help(phrase::RATES_ARE),
        });
        return None;
    }
    reader.duration("rate", RATE.0..=RATE.1).map(|rate| rate.value)
}

/// An absolute deadband, or a percentage of the span.
fn read_deadband(
    reader: &Reader<'_>,
    data_type: Option<DataType>,
    span: Option<(f64, f64)>,
) -> Option<At<Deadband>> {
    let entry = reader.entry("deadband")?;
    let place = entry.node.place;
    if data_type.is_some_and(|data_type| !is_number(data_type)) {
        report_type(reader, &texts::NOT_FOR_TYPE, place, "deadband", data_type);
        return None;
    }
    let At { value: absolute, place } = read_amount(reader, "deadband", span)?;
    if absolute < 0.0 {
        reader.log.report(Finding::new(&texts::NEGATIVE_DEADBAND, place).with("value", absolute));
        return None;
    }
    let value = if absolute > 0.0 { Deadband::Absolute(absolute) } else { Deadband::None };
    Some(At { value, place })
}

/// An amount in engineering units, or a percentage of the span.
pub(crate) fn read_amount(
    reader: &Reader<'_>,
    key: &'static str,
    span: Option<(f64, f64)>,
) -> Option<At<f64>> {
    let entry = reader.entry(key)?;
    let place = entry.node.place;
    let Value::Text(text) = &entry.node.value else { return reader.number(key) };
    if !text.trim_end().ends_with('%') {
        return reader.number(key);
    }
    let Some(fraction) = quantity::percent(text.trim()).filter(|f| *f <= 1.0) else {
        let finding = Finding::new(&texts::NOT_A_PERCENTAGE, place);
        reader.log.report(finding.with("value", text.as_str()));
        return None;
    };
    let Some((low, high)) = span else {
        reader.log.report(Finding::new(&texts::PERCENT_WITHOUT_SPAN, place));
        return None;
    };
    Some(At { value: fraction * (high - low).abs(), place })
}

/// `enum = { 0 = "stopped", … }`: numbers that the type can hold, texts.
fn check_enum(reader: &Reader<'_>, data_type: Option<DataType>) {
    let Some(table) = reader.table("enum") else { return };
    if let Some(DataType::Real | DataType::Lreal | DataType::String) = data_type
        && let Some(entry) = reader.entry("enum")
    {
        report_type(reader, &texts::NOT_FOR_TYPE, entry.key_place, "enum", data_type);
        return;
    }
    let range = data_type.and_then(limits::integer_range);
    for entry in &table.value.entries {
        let number = entry.key.parse::<i64>();
        let fits = |number: i64| {
            range.is_none_or(|(low, high)| low <= number as f64 && number as f64 <= high)
        };
        match number {
            Ok(number) if fits(number) => {}
            _ => {
                let finding = Finding::new(&texts::ENUM_KEY, entry.key_place)
                    .with("value", entry.key.as_str())
                    .with("type", data_type.map_or("", DataType::name));
                reader.log.report(finding);
            }
        }
        match &entry.node.value {
            Value::Text(_) => {}
            _ => reader.wrong_type(&entry.key, &entry.node, phrase::A_TEXT),
        }
    }
    // With it the time in each state is told.
    if reader.entry("duty").is_none() {
        versions::no_effect(reader.log, table.place, "enum");
    }
}
