//! An order to the overseer: take up the files, or keep what was taken up. And what became of it.

use std::time::Duration;

use forehearth_config::{Lang, PlanDiff};
use serde::Serialize;
use tokio::sync::oneshot;

/// What the overseer is asked for.
#[derive(Debug)]
pub enum Order {
    /// Take up the files as they are.
    Reload {
        /// Who asked.
        cause: Cause,
        /// Take it back after this time unless it is confirmed.
        confirm: Option<Duration>,
        /// Language of the report.
        lang: Lang,
        /// Where the report goes.
        answer: Option<oneshot::Sender<Report>>,
    },
    /// Keep the last reload for good.
    Confirm {
        /// Where the report goes.
        answer: oneshot::Sender<Report>,
    },
}

/// Who asked for a reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// SIGHUP.
    Signal,
    /// A file in the directory changed, and `[gateway] watch` is on.
    Directory,
    /// `forehearth reload`.
    Command,
}

impl Cause {
    /// For the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "SIGHUP",
            Self::Directory => "the directory changed",
            Self::Command => "forehearth reload",
        }
    }
}

/// What became of an order. Words are a contract with scripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The files are what runs now.
    TakenUp,
    /// The files say what runs already.
    Unchanged,
    /// The files have mistakes, or ask for what needs a restart; what ran runs on.
    Refused,
    /// The last reload stays.
    Confirmed,
    /// There was nothing to confirm.
    NothingToConfirm,
}

/// What became of an order, in detail.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// In a word.
    pub outcome: Outcome,
    /// For people: the changes, or the findings as `check` renders them.
    pub text: String,
    /// What differs, when it was taken up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<PlanDiff>,
    /// Links that connect anew.
    pub links_restarted: Vec<String>,
    /// Brokers that connect anew.
    pub brokers_restarted: Vec<String>,
    /// Sections whose changes wait for the next start.
    pub at_next_start: Vec<String>,
    /// It is taken back after this time unless it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_within_seconds: Option<u64>,
}

impl Report {
    /// A report without changes.
    pub fn new(outcome: Outcome, text: impl Into<String>) -> Self {
        Self {
            outcome,
            text: text.into(),
            changes: None,
            links_restarted: Vec::new(),
            brokers_restarted: Vec::new(),
            at_next_start: Vec::new(),
            confirm_within_seconds: None,
        }
    }
}
