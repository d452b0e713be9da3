//! The hash chain: each line of the audit vouches for all lines before it.
//!
//! A line is one JSON object. Its `prev` is the `hash` of the line before it, and
//! its own `hash` is the SHA-256 of the line without it:
//! `{"n":7,"prev":"…","time":"…",…}`. Whoever changes, removes or inserts a line
//! must rewrite all that follow; lines cut off at the end show only against a
//! hash noted elsewhere, which is why the last one is logged and shown by
//! `forehearth audit verify`.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Where a chain stands: the number and hash of its last line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Lines so far; the next line has this number.
    pub lines: u64,
    /// Hash of the last line, in hex; 64 zeros before the first.
    pub hash: String,
}

/// What is wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// No JSON object, or without `n`, `prev` and `hash`.
    #[error("it is no line of an audit")]
    NotALine,
    /// Lines are missing, repeated or moved.
    #[error("it should be line {expected} and says it is line {found}")]
    Number {
        /// Which number should be here.
        expected: u64,
        /// Which one is.
        found: u64,
    },
    /// The line before it is another one.
    #[error("it does not follow the line before it")]
    Previous,
    /// The line itself was changed.
    #[error("it was changed")]
    Changed,
}

/// Makes and checks lines, one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain(Link);

impl Default for Chain {
    fn default() -> Self {
        Self(Link { lines: 0, hash: "0".repeat(64) })
    }
}

impl Chain {
    /// Goes on where another chain stood.
    #[must_use]
    pub const fn from(link: Link) -> Self {
        Self(link)
    }

    /// Where it stands.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.0
    }

    /// The next line, without a line end, holding `facts`. `n`, `prev` and
    /// `hash` are the chain's own and overwrite facts of these names.
    pub fn append(&mut self, facts: Map<String, Value>) -> String {
        let mut line = facts;
        line.insert("n".into(), self.0.lines.into());
        line.insert("prev".into(), self.0.hash.clone().into());
        line.remove("hash");
        let hash = digest(&line);
        line.insert("hash".into(), hash.clone().into());
        self.0 = Link { lines: self.0.lines + 1, hash };
        Value::Object(line).to_string()
    }

    /// Takes up the next line of a file.
    ///
    /// # Errors
    /// What is wrong with it; the chain stays where it was.
    pub fn check(&mut self, line: &str) -> Result<(), Broken> {
        let Ok(Value::Object(mut line)) = serde_json::from_str(line) else {
            return Err(Broken::NotALine);
        };
        let found = line.get("n").and_then(Value::as_u64).ok_or(Broken::NotALine)?;
        let Some(Value::String(hash)) = line.remove("hash") else { return Err(Broken::NotALine) };
        if found != self.0.lines {
            return Err(Broken::Number { expected: self.0.lines, found });
        }
        if line.get("prev").and_then(Value::as_str) != Some(&self.0.hash) {
            return Err(Broken::Previous);
        }
        if digest(&line) != hash {
            return Err(Broken::Changed);
        }
        self.0 = Link { lines: found + 1, hash };
        Ok(())
    }
}

/// Keys are in alphabetical order in a `Map`, so the text is one for one content.
fn digest(line: &Map<String, Value>) -> String {
    let text = serde_json::to_string(line).unwrap_or_default();
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(what: &str) -> Map<String, Value> {
        Map::from_iter([("event".to_owned(), Value::from(what)), ("value".to_owned(), 1.5.into())])
    }

    fn three() -> Vec<String> {
        let mut chain = Chain::default();
        ["received", "sent", "written"].map(|what| chain.append(facts(what))).to_vec()
    }

    fn check(lines: &[String]) -> Result<(), (usize, Broken)> {
        let mut chain = Chain::default();
        let mut each = lines.iter().enumerate();
        each.try_for_each(|(at, line)| chain.check(line).map_err(|broken| (at, broken)))
    }

    #[test]
    fn what_was_written_checks() {
        assert_eq!(check(&three()), Ok(()));
    }

    #[test]
    fn a_changed_value_shows_at_its_line() {
        let mut lines = three();
        lines[1] = lines[1].replace("1.5", "1.6");
        assert_eq!(check(&lines), Err((1, Broken::Changed)));
    }

    #[test]
    fn a_line_forged_whole_shows_at_the_next() {
        let mut lines = three();
        let mut forger = Chain::default();
        forger.check(&lines[0]).unwrap();
        lines[1] = forger.append(facts("forged"));
        assert_eq!(check(&lines), Err((2, Broken::Previous)));
    }

    #[test]
    fn a_missing_line_shows() {
        let mut lines = three();
        lines.remove(1);
        assert_eq!(check(&lines), Err((1, Broken::Number { expected: 1, found: 2 })));
    }

    #[test]
    fn a_torn_line_is_no_line() {
        let mut lines = three();
        let half = lines[2].len() / 2;
        lines[2].truncate(half);
        assert_eq!(check(&lines), Err((2, Broken::NotALine)));
    }
}
