//! A line of the audit: what is written down of a command.

use forehearth_model::{Stamp, Value};
use forehearth_publish::{Outcome, Request};
use serde_json::{Map, Value as Json, json};

/// What a client asked for, and when.
pub fn asked(event: &str, now: Stamp, broker: &str, request: &Request) -> Map<String, Json> {
    let mut facts = Map::new();
    let mut put = |key: &str, fact: Json| facts.insert(key.to_owned(), fact);
    put("event", event.into());
    put("time", now.to_string().into());
    put("broker", broker.into());
    put("id", clipped(&request.id).into());
    put("tag", clipped(&format!("{}/{}", request.device, request.tag)).into());
    put("value", plain(&request.value));
    if let Some(expires) = request.expires_at {
        put("expires_at", expires.to_string().into());
    }
    facts
}

/// How it ended.
pub fn ended(
    mut facts: Map<String, Json>,
    outcome: Outcome,
    reason: &str,
    read_back: Option<&Value>,
) -> Map<String, Json> {
    facts.insert("outcome".to_owned(), outcome.name().into());
    if !reason.is_empty() {
        facts.insert("reason".to_owned(), clipped(reason).into());
    }
    if let Some(value) = read_back {
        facts.insert("read_back".to_owned(), plain(value));
    }
    facts
}

/// Refusals that were counted and not written out one by one.
pub fn unwritten(now: Stamp, refusals: u64) -> Map<String, Json> {
    match json!({ "event": "refusals", "time": now.to_string(), "count": refusals }) {
        Json::Object(facts) => facts,
        _ => Map::new(),
    }
}

/// A value as JSON has it; NaN and infinite, which it has not, as text.
pub fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bit) => (*bit).into(),
        Value::Int(int) => (*int).into(),
        Value::UInt(int) => (*int).into(),
        Value::F32(real) if real.is_finite() => (*real).into(),
        Value::F64(real) if real.is_finite() => (*real).into(),
        Value::Text(text) => clipped(text).into(),
        other => other.to_string().into(),
    }
}

/// What strangers send is kept to this many bytes a field. Chosen: enough to
/// see what it was.
const FIELD_BYTES: usize = 256;

fn clipped(text: &str) -> String {
    let mut end = text.len().min(FIELD_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_sends_is_clipped_at_a_whole_character() {
        let long = "锌".repeat(1000);
        assert_eq!(clipped(&long).len(), 255);
        assert_eq!(plain(&Value::F64(f64::NAN)), json!("NaN"));
    }
}
