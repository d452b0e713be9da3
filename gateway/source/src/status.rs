//! Status: what a person may want to know of a link, at any moment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forehearth_driver::LinkCounters;
use forehearth_model::Stamp;

/// How a link is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// Not connected yet, not failed yet.
    Starting,
    /// Connected and polled.
    Up,
    /// Lost or never reached; retried. Due groups give Bad readings.
    Down,
    /// Stopped on purpose.
    Stopped,
}

impl LinkState {
    /// Stable lower-case word for screens, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Down => "down",
            Self::Stopped => "stopped",
        }
    }
}

/// The last thing that went wrong on a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastError {
    /// When, gateway time.
    pub stamp: Stamp,
    /// What, with the peer and the reason.
    pub text: String,
}

/// A link at one moment. Counters never go back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkSnapshot {
    /// How it is doing.
    pub state: LinkState,
    /// Since when, on the monotonic clock.
    pub since: Instant,
    /// The last thing that went wrong; stays when the link is up again.
    pub last_error: Option<LastError>,
    /// Scans asked of the driver, or deliveries of one that speaks up by itself.
    pub polls: u64,
    /// Scans that ended with the loss of the link.
    pub failed_polls: u64,
    /// Groups that were due while the link was down and gave Bad readings.
    pub missed_polls: u64,
    /// Attempts to connect that failed.
    pub failed_connects: u64,
    /// Slots skipped because the link could not keep up.
    pub overruns: u64,
    /// Samples by which the driver broke its contract: missing, foreign or
    /// repeated. Anything but 0 is a defect of the driver.
    pub breaches: u64,
    /// Samples that could not be handed over because the gateway had ended.
    pub undelivered: u64,
    /// Time spent in scans: over the time since start, the load of the link.
    pub busy: Duration,
    /// What the driver counted.
    pub counters: LinkCounters,
}

/// The place where a poller leaves its status and anybody reads it. The lock
/// is held for a copy, once per scan.
#[derive(Debug)]
pub struct LinkStatus {
    snapshot: Mutex<LinkSnapshot>,
}

impl LinkStatus {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            snapshot: Mutex::new(LinkSnapshot {
                state: LinkState::Starting,
                since: now,
                last_error: None,
                polls: 0,
                failed_polls: 0,
                missed_polls: 0,
                failed_connects: 0,
                overruns: 0,
                breaches: 0,
                undelivered: 0,
                busy: Duration::ZERO,
                counters: LinkCounters::default(),
            }),
        }
    }

    /// The link now.
    #[must_use]
    pub fn snapshot(&self) -> LinkSnapshot {
        self.lock().clone()
    }

    /// Changes the snapshot. Returns what `change` returns.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut LinkSnapshot) -> T) -> T {
        change(&mut self.lock())
    }

    /// A snapshot is whole after each change, so a panic elsewhere harms none.
    fn lock(&self) -> MutexGuard<'_, LinkSnapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LinkSnapshot {
    /// Enters a state; returns whether it is a new one.
    pub(crate) fn enter(&mut self, state: LinkState, now: Instant) -> bool {
        let entered = self.state != state;
        if entered {
            (self.state, self.since) = (state, now);
        }
        entered
    }
}
