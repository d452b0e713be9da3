//! Lines of Sparkplug messages: births are remembered, so that the aliases of later data have names.

use std::collections::HashMap;

use forehearth_model::{Quality, Stamp, Value};

use super::{Line, RenderError, Renderer, Row};
use crate::proto::sparkplug::payload::{PropertySet, property_value};
use crate::sparkplug::{DataType, Metric, Payload, decode, model_value};
use crate::topics::{MessageType, SparkplugTopic};

/// What the births of one node told.
#[derive(Default, Debug)]
pub(super) struct Node {
    aliases: HashMap<u64, Known>,
}

/// One metric as its birth told it.
#[derive(Clone, Default, Debug)]
struct Known {
    name: String,
    data_type: Option<DataType>,
    unit: String,
    /// The last quality told; DATA says it only when it changes.
    quality: Option<&'static str>,
}

impl Renderer {
    pub(super) fn sparkplug(
        &mut self,
        topic: &str,
        payload: &[u8],
    ) -> Result<Vec<Line>, RenderError> {
        let Some(topic) = SparkplugTopic::parse(topic) else {
            let text = format!("{topic}: {}", String::from_utf8_lossy(payload));
            return Ok(vec![Line::Event { time: None, text }]);
        };
        let payload = decode(payload)?;
        let node = (topic.group.to_owned(), topic.node.to_owned());
        let node = self.nodes.entry(node).or_default();
        if topic.kind == MessageType::Nbirth {
            *node = Node::default();
        }
        let mut lines = vec![];
        let is_data = matches!(topic.kind, MessageType::Ndata | MessageType::Ddata);
        if !is_data {
            lines.push(event(&topic, &payload));
        }
        if topic.kind != MessageType::Ndeath {
            let device = topic.device.unwrap_or(topic.node);
            lines.extend(
                payload.metrics.iter().map(|metric| Line::Row(node.row(device, &payload, metric))),
            );
        }
        Ok(lines)
    }
}

/// Births, deaths and commands in words.
fn event(topic: &SparkplugTopic<'_>, payload: &Payload) -> Line {
    let mut text = format!("{} {}/{}", topic.kind.name(), topic.group, topic.node);
    if let Some(device) = topic.device {
        text += "/";
        text += device;
    }
    if let Some(seq) = payload.seq {
        text += &format!(", seq {seq}");
    }
    text += &format!(", {} metrics", payload.metrics.len());
    Line::Event { time: payload.timestamp.map(stamp), text }
}

impl Node {
    /// The row of a metric; learns from it if it carries name and alias.
    fn row(&mut self, device: &str, payload: &Payload, metric: &Metric) -> Row {
        let told = told(metric);
        let known = match (metric.alias, &metric.name) {
            (Some(alias), Some(_)) => {
                self.aliases.insert(alias, told.clone());
                told
            }
            (Some(alias), None) => self.aliases.get_mut(&alias).map_or_else(
                || Known { name: format!("#{alias}"), ..told.clone() },
                |known| {
                    // What is historical tells nothing of now.
                    if metric.is_historical != Some(true) && told.quality.is_some() {
                        known.quality = told.quality;
                    }
                    Known { quality: told.quality.or(known.quality), ..known.clone() }
                },
            ),
            (None, _) => told,
        };
        let historical = metric.is_historical == Some(true);
        let value = metric.value.as_ref().filter(|_| metric.is_null != Some(true));
        let quality = if historical { told_quality(metric) } else { known.quality };
        Row {
            time: metric.timestamp.or(payload.timestamp).map_or(Stamp(0), stamp),
            device: device.to_owned(),
            tag: known.name,
            value: value.and_then(|v| model_value(known.data_type, v)).unwrap_or(Value::Null),
            unit: known.unit,
            quality: quality.unwrap_or(Quality::Good.name()),
            historical: Some(historical),
            batch: payload.uuid.clone().unwrap_or_default(),
        }
    }
}

fn told(metric: &Metric) -> Known {
    Known {
        name: metric.name.clone().unwrap_or_default(),
        data_type: metric.datatype.and_then(DataType::from_code),
        unit: match property(metric.properties.as_ref(), "engUnit") {
            Some(property_value::Value::StringValue(unit)) => unit.clone(),
            _ => String::new(),
        },
        quality: told_quality(metric),
    }
}

/// The words of the status code if it is one of ours, else of `Quality`.
fn told_quality(metric: &Metric) -> Option<&'static str> {
    let int = |key| match property(metric.properties.as_ref(), key) {
        Some(property_value::Value::IntValue(code)) => Some(*code),
        _ => None,
    };
    let ours = |code| Quality::ALL.into_iter().find(|quality| quality.status_code() == code);
    int("statusCode").and_then(ours).map(Quality::name).or_else(|| {
        Some(match int("Quality")? {
            192 => "good",
            500 => "uncertain",
            _ => "bad",
        })
    })
}

fn property<'a>(set: Option<&'a PropertySet>, key: &str) -> Option<&'a property_value::Value> {
    let set = set?;
    let place = set.keys.iter().position(|name| name == key)?;
    set.values.get(place)?.value.as_ref()
}

fn stamp(millis: u64) -> Stamp {
    Stamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
