//! The kit: tries a plugin in every way a plant will, and says which promise it broke.
//!
//! It needs no device: a tag without a value is as good an answer as one with.

mod report;
mod trials;

use std::time::{Duration, Instant};

use forehearth_plugin_protocol::v1::{Configure, Given, Group, Hello, Setting, Tag, Type, Value};

use crate::conversation::{Conversation, Fault};
use crate::process::Program;

pub use report::{Outcome, Report, Trial};

/// How hard it is tried.
#[derive(Clone, Debug)]
pub struct Effort {
    /// How long it is stopped for.
    pub stopped: Duration,
    /// Longest wait for an answer to a poll.
    pub patience: Duration,
    /// Settings in place of the plugin's own examples.
    pub given: Vec<Given>,
}

impl Default for Effort {
    fn default() -> Self {
        let (stopped, patience) = (Duration::from_secs(30), Duration::from_secs(10));
        Self { stopped, patience, given: Vec::new() }
    }
}

/// Plays every trial.
pub async fn try_plugin(program: &Program, effort: &Effort) -> Report {
    let began = Instant::now();
    let greeted = Conversation::greet("tried", program).await;
    let (hello, first) = match greeted {
        Ok((open, hello)) => {
            open.end().await;
            (hello, Outcome::Kept)
        }
        Err(fault) => (Hello::default(), Outcome::Broken(fault.to_string())),
    };
    let mut report = Report::of(&hello);
    let greeted = first == Outcome::Kept;
    report.add("greets", "says who it is within 5 s of its start", first, began.elapsed());
    if greeted {
        Kit { program, effort, hello: &hello }.play(&mut report).await;
    }
    report
}

/// What every trial needs.
struct Kit<'k> {
    program: &'k Program,
    effort: &'k Effort,
    hello: &'k Hello,
}

impl Kit<'_> {
    /// A configuration of its own examples, with so many tags in one group.
    fn configuration(&self, tags: u32) -> Configure {
        let grammar = self.hello.address.clone().unwrap_or_default();
        let data_type = match grammar.example_type() {
            Type::Unspecified => Type::Double,
            known => known,
        };
        let tag = |id| Tag {
            id,
            at: grammar.example.clone(),
            r#type: data_type.into(),
            ..Tag::default()
        };
        Configure {
            settings: self.given(),
            groups: vec![Group { id: 0, period_ms: 1000 }],
            tags: (0..tags).map(tag).collect(),
            credit: CREDIT,
            ..Configure::default()
        }
    }

    fn given(&self) -> Vec<Given> {
        if !self.effort.given.is_empty() {
            return self.effort.given.clone();
        }
        let given = |setting: &Setting| {
            let value = Some(read_example(setting)?);
            Some(Given { key: setting.key.clone(), value })
        };
        self.hello.settings.iter().filter_map(given).collect()
    }

    async fn started(&self, configure: Configure) -> Result<Conversation, Fault> {
        let (mut open, _) = Conversation::greet("tried", self.program).await?;
        open.configure(configure).await?;
        Ok(open)
    }
}

/// Smaller than the biggest batch, so that it must be waited for.
const CREDIT: u32 = 4096;

/// The example of a setting in its type; `None`: it is none.
fn read_example(setting: &Setting) -> Option<Value> {
    use forehearth_plugin_protocol::v1::value::Kind;
    let text = &setting.example;
    let kind = match setting.r#type() {
        Type::Bool => Kind::Bool(text.parse().ok()?),
        Type::Int => Kind::Int(text.parse().ok()?),
        Type::Uint => Kind::Uint(text.parse().ok()?),
        Type::Float => Kind::Float(text.parse().ok()?),
        Type::Double => Kind::Double(text.parse().ok()?),
        Type::Text | Type::Unspecified if text.is_empty() => return None,
        Type::Text | Type::Unspecified => Kind::Text(text.clone()),
    };
    Some(Value { kind: Some(kind) })
}
