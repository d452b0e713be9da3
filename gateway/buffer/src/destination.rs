//! A destination as the buffer is told of it: its name, and how much may wait for it.

use std::time::Duration;

/// A broker that gets every batch, and has to confirm each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// Names its cursor: the same name finds it again after a restart.
    pub name: String,
    /// Most bytes on disk that may be kept for it. `None`: as many as there
    /// are, but when the budget is used up it comes first if it takes more
    /// than an equal part of it.
    pub max_size: Option<u64>,
    /// What is older expires for it alone.
    pub max_age: Option<Duration>,
}

impl Destination {
    /// Without a limit of its own.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), max_size: None, max_age: None }
    }
}

impl From<String> for Destination {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}
