//! `[[device.events]]`: what a server tells by itself, as a tag of the alarm lane.
//!
//! One tag holds a whole event as JSON text: source, severity, message and
//! state mean nothing apart, and four tags could be torn from each other.

use std::sync::Arc;

use forehearth_model::{DataType, Grade, Lane, Scaling, TagKind};

use crate::keys::{self, field::EVENTS_KEYS};
use crate::plan::{Deadband, NodePlan, PointPlan, Report, TypeFrom};
use crate::reader::Reader;
use crate::tag::{Surroundings, TagDraft};
use crate::texts::phrase;
use crate::{names, node};

/// Severities there are (OPC 10000-5, 6.4.2).
pub(crate) const SEVERITY: (i64, i64) = (1, 1000);

/// The Server object: every event of a server comes up to it (OPC 10000-5, 8.3.2).
const SERVER: &str = "i=2253";

/// The tags of a device's events.
pub(crate) fn read(reader: &Reader<'_>, around: &Surroundings<'_>) -> Vec<TagDraft> {
    let tables = reader.list_of_tables("events");
    let read = |table: crate::reader::At<&crate::tree::Table>| {
        let events = Reader::new(reader.log, table.value, phrase::EVENTS, table.place);
        let events = events.scoped(around.scope);
        events.only(&keys::names::<{ EVENTS_KEYS.len() }>(EVENTS_KEYS));
        let name = events.filled_text("name");
        let (name, name_place) = match name {
            Some(name) => (name.value.into_owned(), name.place),
            None => ("events".to_owned(), table.place),
        };
        names::check(reader.log, names::Kind::Tag, &name, name_place);
        let from = events.filled_text("from");
        if let Some(from) = &from
            && !node::check(&events, around.namespaces, from)
        {
            return None;
        }
        let severity = events.integer("severity", SEVERITY.0..=SEVERITY.1);
        let grade = events.word("grade", &crate::broker::GRADES);
        let point = NodePlan {
            node: from.map_or_else(|| Arc::from(SERVER), |from| (&*from.value).into()),
            type_from: TypeFrom::Map,
            field: None,
            element: None,
            sampling: None,
            deadband: None,
            events: Some(severity.map_or(1, |severity| severity.value as u16)),
        };
        let report =
            Report { deadband: Deadband::None, max_gap: around.max_gap, every_sample: true };
        Some(TagDraft {
            name,
            name_place,
            at_place: table.place,
            points: vec![PointPlan::OpcUa(Arc::new(point))],
            data_type: DataType::String,
            is_array: false,
            may_overlap: false,
            period: around.rate,
            rate_place: table.place,
            scaling: Scaling::default(),
            unit: String::new(),
            unit_code: "",
            valid: None,
            kind: TagKind::Gauge,
            lane: Lane::Alarm,
            grade: grade.map(|grade| grade.value).or(around.grade).unwrap_or(Grade::General),
            plant_tag: String::new(),
            label: events.bilingual("label").unwrap_or_default(),
            report,
            filters: Vec::new(),
            swing: None,
            window: None,
            counter: None,
            integral: None,
            duty: None,
            alarm: None,
            calc: None,
            write: None,
            interlock: None,
        })
    };
    tables.into_iter().filter_map(read).collect()
}
