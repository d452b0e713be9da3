//! The clocks of the box: wall time for telling, how far it can be trusted, and which boot this is.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use forehearth_model::{BootId, ClockState, Stamp};

/// No wall clock of a working box shows a time before this program was
/// written: 2026-11-01T00:00:00Z.
const NOT_BEFORE: Stamp = Stamp(1_793_491_200_000_000);

/// systemd-timesyncd touches this file once it has set the clock.
const TIMESYNCD_MARK: &str = "/run/systemd/timesync/synchronized";

/// Wall time now; times before 1970 read as 1970.
pub fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// What is known of the wall clock.
pub fn state() -> ClockState {
    judge(now(), Path::new(TIMESYNCD_MARK).exists())
}

/// How often the state of the clock is looked up. Chosen: a clock that has
/// just been set may be told so one batch late, and a file is looked at once
/// a second instead of once a batch.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Notices when the state of the clock changes.
pub struct Watch {
    known: Option<ClockState>,
    looked: Option<Instant>,
}

impl Watch {
    /// Knows nothing yet: the first look is a change.
    pub const fn new() -> Self {
        Self { known: None, looked: None }
    }

    /// The new state if it changed since it was asked for last.
    pub fn changed(&mut self, now: Instant) -> Option<ClockState> {
        if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK_EVERY) {
            return None;
        }
        self.looked = Some(now);
        let state = state();
        let changed = self.known != Some(state);
        self.known = Some(state);
        changed.then_some(state)
    }
}

/// A clock that shows a time before this program existed was never set.
fn judge(now: Stamp, disciplined: bool) -> ClockState {
    match (now < NOT_BEFORE, disciplined) {
        (true, _) => ClockState::Unset,
        (false, true) => ClockState::Synced,
        (false, false) => ClockState::Holdover,
    }
}

/// This boot of the machine: the first 64 bits of the kernel's boot id; 0
/// where the kernel tells none.
pub fn boot() -> BootId {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let hex: String = text.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    BootId(u64::from_str_radix(&hex, 16).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{NOT_BEFORE, judge};
    use forehearth_model::{ClockState, Stamp};

    #[test]
    fn a_clock_before_this_program_existed_was_never_set() {
        assert_eq!(judge(Stamp(0), true), ClockState::Unset);
        assert_eq!(judge(NOT_BEFORE, false), ClockState::Holdover);
        assert_eq!(judge(NOT_BEFORE, true), ClockState::Synced);
        assert_eq!(NOT_BEFORE.to_string(), "2026-11-01T00:00:00.000Z");
    }
}
