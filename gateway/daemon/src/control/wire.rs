//! What is said over the control socket: one JSON object a line, a question first, then answers.

use forehearth_config::Lang;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of these words. Another one is refused with words.
pub const VERSION: u32 = 1;

/// Longest line either side takes: a status of 300 links is about 100 KiB.
pub const LONGEST_LINE: usize = 4 << 20;

/// Longest question.
pub const LONGEST_QUESTION: usize = 16 << 10;

/// A question or an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`].
    pub v: u32,
    /// What is asked.
    #[serde(flatten)]
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// What `/healthz` says.
    Status,
    /// Take up the files.
    Reload {
        /// Take it back after so many seconds unless it is confirmed.
        #[serde(default)]
        confirm_seconds: Option<u64>,
        /// `en` or `zh`.
        #[serde(default)]
        lang: Tongue,
    },
    /// Keep the last reload.
    Confirm,
    /// Readings as they leave the pipeline, until the client goes.
    Tail {
        /// Over `device/tag`; all when absent.
        #[serde(default)]
        glob: Option<String>,
    },
    /// What is known of one tag now.
    Tag {
        /// `device/tag`.
        name: String,
    },
    /// Links and units with their meters.
    Devices,
}

/// A language, as a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tongue {
    /// English.
    #[default]
    En,
    /// 中文
    Zh,
}

impl From<Tongue> for Lang {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::En => Self::En,
            Tongue::Zh => Self::Zh,
        }
    }
}

impl From<Lang> for Tongue {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::En,
            Lang::Zh => Self::Zh,
        }
    }
}

/// An answer. A tail has many, everything else one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// What was asked for.
    Ok(Value),
    /// Why not.
    Error(Refusal),
}

/// Why a question is not answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Stable word.
    pub code: String,
    /// What to do.
    pub text: String,
}

impl Refusal {
    /// A refusal in words.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }
}

/// A line as the server writes it.
#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    #[serde(flatten)]
    answer: Answer,
}

impl Answer {
    /// With its line end.
    pub fn line(self) -> Vec<u8> {
        // Values of ours: serialising can't fail.
        let mut line = serde_json::to_vec(&Line { v: VERSION, answer: self }).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads a line of the server.
    pub fn read(line: &str) -> Result<Self, String> {
        let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
        Ok(line.answer)
    }
}

impl Request {
    /// Reads a line of a client.
    pub fn read(line: &str) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_str(line).map_err(|error| {
            Refusal::new("no-json", format!("a line of JSON is expected: {error}"))
        })?;
        match value.get("v").and_then(Value::as_u64) {
            Some(v) if v == u64::from(VERSION) => {}
            Some(v) => {
                let text =
                    format!("version {v} of the control words; this gateway speaks {VERSION}");
                return Err(Refusal::new("version", text));
            }
            None => return Err(Refusal::new("version", "the field `v` is missing; write \"v\":1")),
        }
        serde_json::from_value(value).map_err(|error| {
            Refusal::new("unknown-question", format!("this is not understood: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Ask, Refusal, Request, Tongue, VERSION};
    use serde_json::json;

    #[test]
    fn questions_are_words_that_a_shell_script_can_write() {
        let asked = Request::read(r#"{"v":1,"ask":"reload","confirm_seconds":300}"#).unwrap();
        let ask = Ask::Reload { confirm_seconds: Some(300), lang: Tongue::En };
        assert_eq!(asked, Request { v: VERSION, ask });
        let asked = Request::read(r#"{"v":1,"ask":"status"}"#).unwrap();
        assert_eq!(asked.ask, Ask::Status);
        let asked = Request::read(r#"{"v":1,"ask":"tail","glob":"cell-*/*"}"#).unwrap();
        assert_eq!(asked.ask, Ask::Tail { glob: Some("cell-*/*".to_owned()) });
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_word() {
        let refused = |line: &str| Request::read(line).unwrap_err().code;
        assert_eq!(refused("hello"), "no-json");
        assert_eq!(refused(r#"{"ask":"status"}"#), "version");
        assert_eq!(refused(r#"{"v":2,"ask":"status"}"#), "version");
        assert_eq!(refused(r#"{"v":1,"ask":"dance"}"#), "unknown-question");
    }

    #[test]
    fn an_answer_is_one_line() {
        let line = Answer::Ok(json!({"a": "b\nc"})).line();
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, "{\"v\":1,\"ok\":{\"a\":\"b\\nc\"}}\n");
        assert_eq!(Answer::read(text.trim_end()).unwrap(), Answer::Ok(json!({"a": "b\nc"})));
        let refusal = Refusal::new("no-tag", "no such tag");
        let text = String::from_utf8(Answer::Error(refusal).line()).unwrap();
        assert_eq!(text, "{\"v\":1,\"error\":{\"code\":\"no-tag\",\"text\":\"no such tag\"}}\n");
    }
}
