//! The report of the kit: which promises were kept.

use std::fmt;
use std::time::Duration;

use forehearth_plugin_protocol::v1::Hello;

/// How a trial ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It did what it promised.
    Kept,
    /// It did not; what happened.
    Broken(String),
    /// It could not be tried here, and why.
    NotTried(&'static str),
}

/// One trial.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its name, stable.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// All trials of one plugin.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it calls itself.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// In the order they were played.
    pub trials: Vec<Trial>,
}

impl Report {
    pub(super) fn of(hello: &Hello) -> Self {
        let plugin = hello.name.clone();
        Self { plugin, version: hello.plugin_version.clone(), trials: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        name: &'static str,
        promise: &'static str,
        outcome: Outcome,
        took: Duration,
    ) {
        self.trials.push(Trial { name, promise, outcome, took });
    }

    /// Whether no promise was broken.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.broken() == 0
    }

    fn broken(&self) -> usize {
        let broken = |trial: &&Trial| matches!(trial.outcome, Outcome::Broken(_));
        self.trials.iter().filter(broken).count()
    }
}

/// One line per trial, for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.plugin, self.version)?;
        for trial in &self.trials {
            let (word, more) = match &trial.outcome {
                Outcome::Kept => ("ok", String::new()),
                Outcome::Broken(what) => ("BROKEN", format!("\n            {what}")),
                Outcome::NotTried(why) => ("not tried", format!("\n            {why}")),
            };
            let Trial { name, promise, took, .. } = trial;
            writeln!(f, "{word:>9}  {name}: {promise} ({:.1} s){more}", took.as_secs_f64())?;
        }
        match self.broken() {
            0 => write!(f, "every promise that was tried is kept"),
            1 => write!(f, "1 promise is broken"),
            broken => write!(f, "{broken} promises are broken"),
        }
    }
}
