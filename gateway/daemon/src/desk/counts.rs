//! What the desk has done so far, for the status page.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start; read at any time.
#[derive(Debug, Default)]
pub struct Counts {
    done: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    audit_lines: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Snapshot {
    /// Written, and read back as asked.
    pub done: u64,
    /// Refused or expired: nothing was sent.
    pub refused: u64,
    /// Sent, and not certain to be in the device.
    pub failed: u64,
    /// Lines of the audit.
    pub audit_lines: u64,
}

impl Counts {
    /// One more that was written.
    pub fn done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// One more that was refused.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// One more that failed.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// How long the audit is now.
    pub fn audited(&self, lines: u64) {
        self.audit_lines.store(lines, Ordering::Relaxed);
    }

    /// All of them now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            done: self.done.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            audit_lines: self.audit_lines.load(Ordering::Relaxed),
        }
    }
}
