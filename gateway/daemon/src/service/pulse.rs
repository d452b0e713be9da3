//! The pulse: whether everything that has to move moved lately. Decides if the watchdog is fed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A part of the gateway as it is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Which part, for the log.
    pub name: String,
    /// Grows when it does something, be it a failure.
    pub progress: u64,
    /// Within which time it has to grow; `None`: nothing is expected of it now.
    pub within: Option<Duration>,
}

/// A part that stands still although something is expected of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stalled {
    /// Which part.
    pub name: String,
    /// For how long.
    pub since: Duration,
}

/// A core: remembers when each part moved last.
#[derive(Debug, Default)]
pub struct Pulse {
    moved: HashMap<String, (u64, Instant)>,
}

impl Pulse {
    /// Looks at all parts. A part that is new, or of which nothing is
    /// expected, counts as having moved now; one that is gone is forgotten.
    ///
    /// # Errors
    /// Who stands still for longest beyond its time.
    pub fn look(&mut self, parts: Vec<Part>, now: Instant) -> Result<(), Stalled> {
        let before = std::mem::take(&mut self.moved);
        let mut worst: Option<Stalled> = None;
        for Part { name, progress, within } in parts {
            let moved = match (before.get(&name), within) {
                (Some((known, since)), Some(_)) if *known == progress => *since,
                _ => now,
            };
            let since = now.saturating_duration_since(moved);
            if within.is_some_and(|within| since > within)
                && worst.as_ref().is_none_or(|worst| worst.since < since)
            {
                worst = Some(Stalled { name: name.clone(), since });
            }
            self.moved.insert(name, (progress, moved));
        }
        worst.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Pulse};
    use std::time::{Duration, Instant};

    const SECOND: Duration = Duration::from_secs(1);

    fn part(name: &str, progress: u64, within: Option<Duration>) -> Part {
        Part { name: name.to_owned(), progress, within }
    }

    #[test]
    fn a_stalled_task_starves_the_watchdog_while_all_others_run() {
        let (now, mut pulse) = (Instant::now(), Pulse::default());
        for second in 0..=20_u32 {
            let parts = vec![
                part("link a", u64::from(second), Some(10 * SECOND)),
                part("link b", 7, Some(10 * SECOND)),
            ];
            let looked = pulse.look(parts, now + second * SECOND);
            match looked {
                Ok(()) => assert!(second <= 10, "{second}"),
                Err(stalled) => assert!(second > 10 && stalled.name == "link b", "{second}"),
            }
        }
    }

    #[test]
    fn a_part_that_moves_again_feeds_again() {
        let (now, mut pulse) = (Instant::now(), Pulse::default());
        let mut at = |second: u32, progress| {
            pulse.look(vec![part("writer", progress, Some(SECOND))], now + second * SECOND)
        };
        assert!(at(0, 1).is_ok());
        assert!(at(5, 1).is_err());
        assert!(at(6, 2).is_ok());
    }

    #[test]
    fn who_has_nothing_to_do_may_rest_and_has_its_time_when_it_has() {
        let (now, mut pulse) = (Instant::now(), Pulse::default());
        assert!(pulse.look(vec![part("broker", 3, None)], now).is_ok());
        assert!(pulse.look(vec![part("broker", 3, None)], now + 1000 * SECOND).is_ok());
        let busy = || vec![part("broker", 3, Some(10 * SECOND))];
        assert!(pulse.look(busy(), now + 1005 * SECOND).is_ok());
        assert!(pulse.look(busy(), now + 1011 * SECOND).is_err());
    }
}
