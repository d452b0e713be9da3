//! An event of a server as one text: what happened, where, how bad, and what state it left.
//!
//! One tag carries it whole, as JSON, because its parts mean nothing apart:
//! four tags could be torn from each other by a filter or a shed batch. The
//! reading's time is the event's own.

use forehearth_model::Stamp;
use opcua::types::{
    AttributeId, ContentFilter, ContentFilterElement, EventFilter, ExtensionObject, FilterOperator,
    LiteralOperand, NodeId, NumericRange, ObjectTypeId, QualifiedName, SimpleAttributeOperand,
    Variant,
};

use crate::value;

/// What is asked of each event, in this order (OPC 10000-5, 6.4.2; the last
/// four OPC 10000-9, 5.5.2, 5.7.2 and 5.8.2; null for events without them).
const FIELDS: [(ObjectTypeId, &[&str]); 9] = [
    (ObjectTypeId::BaseEventType, &["Time"]),
    (ObjectTypeId::BaseEventType, &["SourceName"]),
    (ObjectTypeId::BaseEventType, &["Severity"]),
    (ObjectTypeId::BaseEventType, &["Message"]),
    (ObjectTypeId::BaseEventType, &["EventType"]),
    (ObjectTypeId::ConditionType, &["ConditionName"]),
    (ObjectTypeId::AlarmConditionType, &["ActiveState", "Id"]),
    (ObjectTypeId::AcknowledgeableConditionType, &["AckedState", "Id"]),
    (ObjectTypeId::ConditionType, &["Retain"]),
];

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Event {
    pub(crate) time: Stamp,
    /// 1 to 1000 (OPC 10000-5, 6.4.2); 0 when the server does not say.
    pub(crate) severity: u16,
    pub(crate) text: String,
}

/// What the server shall send: `FIELDS` of every event from `least` on.
pub(crate) fn filter(least: u16) -> EventFilter {
    let selects = FIELDS.iter().map(|(of, path)| operand((*of).into(), path));
    let mut where_clause = ContentFilter::default();
    if least > 1 {
        let operands = vec![
            ExtensionObject::from_message(operand(
                ObjectTypeId::BaseEventType.into(),
                &["Severity"],
            )),
            ExtensionObject::from_message(LiteralOperand { value: Variant::UInt16(least) }),
        ];
        where_clause.elements = Some(vec![ContentFilterElement {
            filter_operator: FilterOperator::GreaterThanOrEqual,
            filter_operands: Some(operands),
        }]);
    }
    EventFilter { select_clauses: Some(selects.collect()), where_clause }
}

fn operand(of: NodeId, path: &[&str]) -> SimpleAttributeOperand {
    let name = |name: &&str| QualifiedName { namespace_index: 0, name: (*name).into() };
    SimpleAttributeOperand {
        type_definition_id: of,
        browse_path: Some(path.iter().map(name).collect()),
        attribute_id: AttributeId::Value as u32,
        index_range: NumericRange::None,
    }
}

/// The event in the fields that came; `now` where it has no time.
pub(crate) fn read(fields: &[Variant], now: Stamp) -> Event {
    let [time, source, severity, message, kind, condition, active, acked, retain] =
        std::array::from_fn(|place| fields.get(place).unwrap_or(&Variant::Empty));
    let time = match time {
        Variant::DateTime(time) => value::stamp(time),
        _ => now,
    };
    let severity = match severity {
        Variant::UInt16(severity) => *severity,
        _ => 0,
    };
    let mut json = serde_json::Map::new();
    let mut tell = |key: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            json.insert(key.to_owned(), value);
        }
    };
    tell("source", text(source));
    tell("severity", Some(severity.into()));
    tell("message", text(message));
    tell("state", state(active, acked).map(Into::into));
    tell("condition", text(condition));
    tell("retain", truth(retain).map(Into::into));
    tell("type", text(kind));
    Event { time, severity, text: serde_json::Value::Object(json).to_string() }
}

/// In the words of OPC 10000-9; `None` for an event that is no alarm.
fn state(active: &Variant, acked: &Variant) -> Option<&'static str> {
    match (truth(active)?, truth(acked)) {
        (true, Some(true)) => Some("active acknowledged"),
        (true, _) => Some("active"),
        (false, Some(false)) => Some("inactive unacknowledged"),
        (false, _) => Some("inactive"),
    }
}

fn truth(variant: &Variant) -> Option<bool> {
    match variant {
        Variant::Boolean(truth) => Some(*truth),
        _ => None,
    }
}

fn text(variant: &Variant) -> Option<serde_json::Value> {
    match variant {
        Variant::String(text) if !text.is_null() => Some(text.as_ref().into()),
        Variant::LocalizedText(text) => Some(text.text.as_ref().into()),
        Variant::NodeId(node) => Some(node.to_string().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{filter, read};
    use crate::value::date_time;
    use forehearth_model::Stamp;
    use opcua::types::{LocalizedText, Variant};

    const NOW: Stamp = Stamp(1_795_500_000_000_000);

    #[test]
    fn an_alarm_is_told_with_source_severity_message_and_state() {
        let fields = [
            Variant::from(date_time(Stamp(NOW.micros() - 5))),
            Variant::from("FC-201"),
            Variant::UInt16(700),
            Variant::from(LocalizedText::new("en", "froth level \"high\"")),
            Variant::Empty,
            Variant::from("LevelHigh"),
            Variant::Boolean(true),
            Variant::Boolean(false),
            Variant::Boolean(true),
        ];
        let event = read(&fields, NOW);
        assert_eq!((event.time, event.severity), (Stamp(NOW.micros() - 5), 700));
        let told: serde_json::Value = serde_json::from_str(&event.text).unwrap();
        assert_eq!(told["source"], "FC-201");
        assert_eq!(told["message"], "froth level \"high\"");
        assert_eq!(told["state"], "active");
        assert_eq!(told["condition"], "LevelHigh");
    }

    #[test]
    fn an_event_without_a_state_or_a_time_is_told_all_the_same() {
        let event = read(&[Variant::Empty, Variant::from("pump")], NOW);
        assert_eq!((event.time, event.severity), (NOW, 0));
        assert_eq!(event.text, r#"{"severity":0,"source":"pump"}"#);
    }

    #[test]
    fn severity_is_filtered_at_the_server_when_the_map_says_so() {
        assert!(filter(1).where_clause.elements.is_none());
        assert_eq!(filter(500).where_clause.elements.unwrap().len(), 1);
    }
}
