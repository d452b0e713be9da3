//! The standing of the configuration: since when it is in force, and what is wrong with the files that should follow it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use forehearth_model::Stamp;

use crate::status::ReloadState;

/// Written by the overseer, read by anybody.
#[derive(Debug, Default)]
pub struct Standing(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: u64,
    since: Stamp,
    refused: String,
    until: Option<Instant>,
    rolled_back: String,
    at_next_start: Vec<String>,
}

impl Standing {
    /// A configuration is in force; `until` it is confirmed, if it must be.
    pub fn taken_up(&self, now: Stamp, until: Option<Instant>, at_next_start: Vec<String>) {
        let mut inner = self.lock();
        let count = inner.count + 1;
        *inner = Inner { count, since: now, until, at_next_start, ..Inner::default() };
    }

    /// The files say what is in force: whatever was wrong with them is mended.
    pub fn unchanged(&self, until: Option<Instant>) {
        let mut inner = self.lock();
        inner.refused.clear();
        inner.rolled_back.clear();
        inner.until = until;
    }

    /// The files were not taken up.
    pub fn refused(&self, why: &str) {
        why.clone_into(&mut self.lock().refused);
    }

    /// What is in force stays.
    pub fn confirmed(&self) {
        self.lock().until = None;
    }

    /// The configuration before is in force again.
    pub fn rolled_back(&self, now: Stamp) {
        let mut inner = self.lock();
        let count = inner.count + 1;
        let rolled_back = format!("nobody confirmed the reload, it was taken back at {now}");
        *inner = Inner { count, since: now, rolled_back, ..Inner::default() };
    }

    /// As the status page shows it.
    pub fn state(&self) -> ReloadState {
        let inner = self.lock();
        let left = |until: Instant| until.saturating_duration_since(Instant::now()).as_secs();
        ReloadState {
            count: inner.count,
            since: inner.since.to_string(),
            refused: inner.refused.clone(),
            unconfirmed_seconds: inner.until.map(left),
            rolled_back: inner.rolled_back.clone(),
            at_next_start: inner.at_next_start.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Plain words: a panic while they were held left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Standing;
    use forehearth_model::Stamp;

    #[test]
    fn a_refusal_stands_until_the_files_are_mended() {
        let standing = Standing::default();
        standing.taken_up(Stamp(0), None, Vec::new());
        standing.refused("3 errors");
        assert_eq!(standing.state().refused, "3 errors");
        assert_eq!(standing.state().count, 1);
        standing.unchanged(None);
        assert_eq!(standing.state().refused, "");
        standing.refused("3 errors");
        standing.taken_up(Stamp(1), None, Vec::new());
        assert_eq!((standing.state().refused.as_str(), standing.state().count), ("", 2));
    }

    #[test]
    fn a_rollback_is_told_until_another_configuration_is_taken_up() {
        let standing = Standing::default();
        standing.rolled_back(Stamp(0));
        assert!(standing.state().rolled_back.contains("taken back"));
        standing.taken_up(Stamp(1), None, Vec::new());
        assert_eq!(standing.state().rolled_back, "");
    }
}
