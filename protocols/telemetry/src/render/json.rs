//! Lines of JSON bodies, of a tag or of a device.

use forehearth_model::{Quality, Stamp, Value};
use serde_json::Value as Json;

use super::{Line, RenderError, Row};

/// `device` and `tag` are the last levels of the topic, for bodies of one tag.
pub(super) fn lines(
    topic: &str,
    device: &str,
    tag: &str,
    payload: &[u8],
) -> Result<Vec<Line>, RenderError> {
    let body: Json =
        serde_json::from_slice(payload).map_err(|_| RenderError::Format(topic.to_owned()))?;
    let batch = text(&body, "id");
    if let Some(readings) = body.get("readings").and_then(Json::as_array) {
        let device = text(&body, "device");
        return Ok(readings
            .iter()
            .map(|reading| row(reading, device, text(reading, "tag"), batch))
            .collect());
    }
    if body.get("v").is_some() {
        return Ok(vec![row(&body, device, tag, batch)]);
    }
    Ok(vec![Line::Event { time: None, text: body.to_string() }])
}

fn row(reading: &Json, device: &str, tag: &str, batch: &str) -> Line {
    let quality = text(reading, "q");
    Line::Row(Row {
        time: Stamp::from_millis(reading.get("t").and_then(Json::as_i64).unwrap_or(0)),
        device: device.to_owned(),
        tag: tag.to_owned(),
        value: value(reading.get("v")),
        unit: text(reading, "unit").to_owned(),
        quality: Quality::ALL
            .into_iter()
            .map(Quality::name)
            .find(|name| *name == quality)
            .unwrap_or("unknown"),
        historical: None,
        batch: batch.to_owned(),
    })
}

fn text<'a>(body: &'a Json, key: &str) -> &'a str {
    body.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn value(json: Option<&Json>) -> Value {
    match json {
        Some(Json::Bool(bit)) => Value::Bool(*bit),
        Some(Json::String(text)) => Value::Text(text.as_str().into()),
        Some(Json::Number(number)) => number
            .as_i64()
            .map(Value::Int)
            .or_else(|| number.as_u64().map(Value::UInt))
            .or_else(|| number.as_f64().map(Value::F64))
            .unwrap_or(Value::Null),
        _ => Value::Null,
    }
}
