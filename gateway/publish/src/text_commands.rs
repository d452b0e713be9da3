//! Commands as text: what native and JSON destinations take at `…/cmd` and answer at `…/cmd/reply`.
//!
//! A command is `{"id":"7","tag":"cell-001/setpoint","value":945.5,"expires_at":1764000000000}`,
//! all four required, `expires_at` in UTC milliseconds. The answer is
//! `{"id":"7","tag":"cell-001/setpoint","result":"done","reason":"","value":945.5,"at":…}`;
//! for `result` see [`Outcome`](crate::Outcome).

use std::sync::Arc;

use bytes::Bytes;
use forehearth_model::{Catalogue, Stamp, Value};
use serde_json::{Map, Value as Json};

use crate::intake::{Reply, Request};
use crate::session::{Heard, Keep, Note, Order, Token};

/// Commands that wait to be answered or whose answer is out; beyond, nothing
/// more is listened to. Bounds what a flood of commands can make us say.
const MOST_OPEN: usize = 64;

/// Longest id taken; chosen: a UUID has 36.
const LONGEST_ID: usize = 128;

/// The command topics of a destination, whatever connection it has.
#[derive(Clone, Debug)]
pub(crate) struct CommandTopics {
    pub(crate) commands: Arc<str>,
    pub(crate) replies: Arc<str>,
}

impl CommandTopics {
    /// Below `prefix`, which ends with the gateway.
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            commands: format!("{prefix}/cmd").into(),
            replies: format!("{prefix}/cmd/reply").into(),
        }
    }
}

/// One connection's commands. Without topics they are off.
#[derive(Debug, Default)]
pub(crate) struct TextCommands {
    topics: Option<CommandTopics>,
    open: usize,
}

impl TextCommands {
    pub(crate) const fn new(topics: Option<CommandTopics>) -> Self {
        Self { topics, open: 0 }
    }

    /// The SUBSCRIBE, where commands are on.
    pub(crate) fn subscribe(&self, token: Token) -> Option<Order> {
        let topics = self.topics.as_ref()?;
        Some(Order::Subscribe { filters: [Arc::clone(&topics.commands)].into(), token })
    }

    /// A message came in: an order, or an answer to give at once.
    pub(crate) fn heard(&mut self, heard: Heard<'_>, seen: &Catalogue) -> Result<Order, Reply> {
        let ours = self.topics.as_ref().is_some_and(|topics| *topics.commands == *heard.topic);
        if !ours || heard.keep == Keep::Retained || self.open >= MOST_OPEN {
            return Ok(Order::Note(Note::IgnoredCommand));
        }
        self.open += 1;
        parse(heard.payload, seen).map(|request| Order::Command(Box::new(request)))
    }

    /// Topic and body of an answer.
    pub(crate) fn render(&self, reply: &Reply, at: Stamp) -> Option<(Arc<str>, Bytes)> {
        let topics = self.topics.as_ref()?;
        Some((Arc::clone(&topics.replies), text(reply, at).into()))
    }

    /// The broker has an answer.
    pub(crate) fn answered(&mut self) {
        self.open = self.open.saturating_sub(1);
    }
}

/// What a command asks for.
///
/// # Errors
/// With what the client is told.
fn parse(payload: &[u8], seen: &Catalogue) -> Result<Request, Reply> {
    let refuse = |id: &str, tag: &str, reason: &str| {
        Reply::refused(id.to_owned(), tag.to_owned(), format!("malformed: {reason}"))
    };
    let Ok(Json::Object(fields)) = serde_json::from_slice(payload) else {
        return Err(refuse("", "", "a command is a JSON object with id, tag, value, expires_at"));
    };
    let id = match text_of(&fields, "id") {
        Some(id) if !id.is_empty() && id.len() <= LONGEST_ID => id,
        _ => return Err(refuse("", "", "`id` must be a text of 1 to 128 bytes")),
    };
    let known = ["id", "tag", "value", "expires_at"];
    if let Some(other) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        let other: String = other.chars().take(40).collect();
        return Err(refuse(id, "", &format!("`{other}` is no part of a command")));
    }
    let Some(name) = text_of(&fields, "tag") else {
        return Err(refuse(id, "", "`tag` must be a text, \"device/tag\""));
    };
    let Some((device, tag)) = find(seen, name) else {
        let name: String = name.chars().take(LONGEST_ID).collect();
        let reason = "no-such-tag: this broker sees no device/tag of this name";
        return Err(Reply::refused(id.to_owned(), name, reason));
    };
    let full = format!("{device}/{tag}");
    let Some(value) = fields.get("value").and_then(value_of) else {
        return Err(refuse(id, &full, "`value` must be a number, a text, true or false"));
    };
    let Some(expires_at) = fields.get("expires_at").and_then(Json::as_i64) else {
        return Err(refuse(id, &full, "`expires_at` must be UTC milliseconds, a whole number"));
    };
    Ok(Request {
        id: id.to_owned(),
        device: device.to_owned(),
        tag: tag.to_owned(),
        value,
        sent: None,
        expires_at: Some(Stamp(expires_at.saturating_mul(1000))),
    })
}

fn text_of<'a>(fields: &'a Map<String, Json>, key: &str) -> Option<&'a str> {
    fields.get(key)?.as_str()
}

/// A tag by `device/tag`; neither name has a `/`, they are topic levels.
/// Looked up one by one: commands are rare, and 64 open at most.
fn find<'a>(seen: &'a Catalogue, name: &str) -> Option<(&'a str, &'a str)> {
    let (device, tag) = name.split_once('/')?;
    let place = seen.devices.iter().position(|entry| entry.name == device)?;
    let entry =
        seen.tags.iter().find(|entry| entry.device.index() == place && entry.name == tag)?;
    Some((seen.devices[place].name.as_str(), entry.name.as_str()))
}

fn value_of(value: &Json) -> Option<Value> {
    Some(match value {
        Json::Bool(bit) => Value::Bool(*bit),
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(int)) => Value::UInt(int),
            (None, None) => Value::F64(number.as_f64().filter(|real| real.is_finite())?),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    })
}

fn text(reply: &Reply, at: Stamp) -> String {
    let value = match &reply.value {
        None | Some(Value::Null) => Json::Null,
        Some(Value::Bool(bit)) => (*bit).into(),
        Some(Value::Int(int)) => (*int).into(),
        Some(Value::UInt(int)) => (*int).into(),
        // Not f32 as f64: 945.2 must not come back as 945.2000122.
        Some(Value::F32(real)) => {
            real.to_string().parse().ok().and_then(finite).map_or(Json::Null, Json::Number)
        }
        Some(Value::F64(real)) => finite(*real).map_or(Json::Null, Json::Number),
        Some(Value::Text(text)) => (&**text).into(),
    };
    serde_json::json!({
        "id": reply.id,
        "tag": reply.tag,
        "result": reply.outcome.name(),
        "reason": reply.reason,
        "value": value,
        "at": at.millis(),
    })
    .to_string()
}

fn finite(real: f64) -> Option<serde_json::Number> {
    serde_json::Number::from_f64(real)
}

#[cfg(test)]
mod tests {
    use super::{CommandTopics, MOST_OPEN, TextCommands, text};
    use crate::intake::{Outcome, Reply, Request};
    use crate::plant;
    use crate::session::{Heard, Keep, Note, Order};
    use forehearth_model::{Stamp, Value};

    const TOPIC: &str = "fh/v1/acme/pot2-east/cmd";

    fn commands() -> TextCommands {
        TextCommands::new(Some(CommandTopics::new("fh/v1/acme/pot2-east")))
    }

    fn hear(commands: &mut TextCommands, payload: &[u8]) -> Result<Order, Reply> {
        let heard = Heard { topic: TOPIC, payload, keep: Keep::Passing };
        commands.heard(heard, &plant::catalogue())
    }

    #[test]
    fn a_command_names_its_tag_its_value_and_its_end() {
        let said =
            br#"{"id":"7","tag":"cell-001/voltage","value":4.25,"expires_at":1764000000000}"#;
        let expected = Request {
            id: "7".into(),
            device: "cell-001".into(),
            tag: "voltage".into(),
            value: Value::F64(4.25),
            sent: None,
            expires_at: Some(Stamp::from_millis(1_764_000_000_000)),
        };
        assert_eq!(hear(&mut commands(), said), Ok(Order::Command(Box::new(expected))));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_what_to_mend() {
        for (said, reason) in [
            ("", "JSON object"),
            ("[1]", "JSON object"),
            ("\"\u{0}\"", "JSON object"),
            (r#"{"tag":"cell-001/voltage","value":1,"expires_at":1}"#, "`id`"),
            (r#"{"id":5,"tag":"cell-001/voltage","value":1,"expires_at":1}"#, "`id`"),
            (r#"{"id":"7","tag":"voltage","value":1,"expires_at":1}"#, "device/tag"),
            (r#"{"id":"7","tag":"cell-009/voltage","value":1,"expires_at":1}"#, "device/tag"),
            (r#"{"id":"7","tag":"cell-001/esd","value":1,"expires_at":1}"#, "device/tag"),
            (r#"{"id":"7","tag":"cell-001/voltage","value":null,"expires_at":1}"#, "`value`"),
            (r#"{"id":"7","tag":"cell-001/voltage","value":1}"#, "`expires_at`"),
            (r#"{"id":"7","tag":"cell-001/voltage","value":1,"expires_at":"soon"}"#, "expires_at"),
            (r#"{"id":"7","tag":"cell-001/voltage","value":1,"expires_at":1,"x":1}"#, "`x`"),
        ] {
            let refused = hear(&mut commands(), said.as_bytes()).unwrap_err();
            assert_eq!(refused.outcome, Outcome::Refused);
            assert!(refused.reason.contains(reason), "{said}: {}", refused.reason);
        }
    }

    #[test]
    fn retained_and_foreign_messages_and_a_flood_are_passed_over() {
        let ignored = Ok(Order::Note(Note::IgnoredCommand));
        let mut commands = commands();
        let retained = Heard { topic: TOPIC, payload: b"{}", keep: Keep::Retained };
        assert_eq!(commands.heard(retained, &plant::catalogue()), ignored);
        let foreign = Heard { topic: "fh/v1/x", payload: b"{}", keep: Keep::Passing };
        assert_eq!(commands.heard(foreign, &plant::catalogue()), ignored);
        for _ in 0..MOST_OPEN {
            assert!(hear(&mut commands, b"{}").is_err());
        }
        assert_eq!(hear(&mut commands, b"{}"), ignored);
        commands.answered();
        assert!(hear(&mut commands, b"{}").is_err());
    }

    #[test]
    fn an_answer_says_what_was_read_back_in_the_digits_of_its_type() {
        let mut reply = Reply::refused("7".into(), "d/t".into(), "why");
        assert_eq!(
            text(&reply, Stamp::from_millis(5)),
            r#"{"at":5,"id":"7","reason":"why","result":"refused","tag":"d/t","value":null}"#
        );
        for (value, shown) in [
            (Value::F32(945.2), "945.2}"),
            (Value::UInt(u64::MAX), "18446744073709551615}"),
            (Value::F64(f64::NAN), "null}"),
        ] {
            reply.value = Some(value);
            let body = text(&reply, Stamp(0));
            assert!(body.ends_with(shown), "{body}");
        }
    }
}
