//! The audit log as the desk uses it: on a thread that may block, opened when it is needed.

use std::path::PathBuf;

use forehearth_command::{AuditError, AuditLog};
use serde_json::{Map, Value as Json};
use tokio::task::spawn_blocking;

use super::counts::Counts;

/// The audit, opened when it is first needed and again after a failure.
pub struct Audit {
    dir: PathBuf,
    log: Option<AuditLog>,
}

impl Audit {
    /// The audit of a state directory, not opened yet.
    pub const fn of(dir: PathBuf) -> Self {
        Self { dir, log: None }
    }

    /// Commands of earlier runs, by what they are known again by.
    pub fn keys(&self) -> Vec<String> {
        self.log.iter().flat_map(AuditLog::keys).map(str::to_owned).collect()
    }

    /// Whether no command was ever received here.
    pub fn is_absent(&self) -> bool {
        !self.dir.join(forehearth_command::FILE).exists()
    }

    /// Opens it on a thread that may block.
    pub async fn open(&mut self) -> Result<(), AuditError> {
        let dir = self.dir.clone();
        let opened = spawn_blocking(move || AuditLog::open(&dir)).await;
        self.log = Some(opened.unwrap_or_else(|panic| Err(lost(panic)))?);
        Ok(())
    }

    /// Adds a line on a thread that may block.
    pub async fn write(
        &mut self,
        facts: Map<String, Json>,
        counts: &Counts,
    ) -> Result<(), AuditError> {
        let (dir, log) = (self.dir.clone(), self.log.take());
        let written = spawn_blocking(move || {
            let mut log = match log {
                Some(log) => log,
                None => AuditLog::open(&dir)?,
            };
            let written = log.write(facts);
            Ok((log, written))
        });
        let (log, written) = written.await.unwrap_or_else(|panic| Err(lost(panic)))?;
        counts.audited(log.link().lines);
        self.log = Some(log);
        written
    }
}

/// The thread that wrote is gone, and what it wrote is unknown.
fn lost(panic: tokio::task::JoinError) -> AuditError {
    let path = PathBuf::from(forehearth_command::FILE);
    AuditError::Io { path, reason: std::io::Error::other(panic) }
}
