//! Chatter: what a plugin says on stderr, let through at a bounded rate.

use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Lines at once, and one more each second. Chosen: a stack trace passes, a
/// loop that prints does not fill the journal.
const BURST: u32 = 50;
const ONE_EACH: Duration = Duration::from_secs(1);

/// Longest line in bytes; the rest of it is another line.
const LONGEST: u64 = 2000;

/// Lets [`BURST`] lines through and then one each second.
#[derive(Debug)]
pub(crate) struct Gate {
    left: u32,
    since: Instant,
    held_back: u64,
}

/// What to do with a line.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    /// Say it, and that so many before it were not said.
    Say(u64),
    /// Hold it back.
    Hold,
}

impl Gate {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { left: BURST, since: now, held_back: 0 }
    }

    pub(crate) fn line(&mut self, now: Instant) -> Pass {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        if seconds > 0 {
            self.since += ONE_EACH * u32::try_from(seconds).unwrap_or(1);
            self.left =
                self.left.saturating_add(u32::try_from(seconds).unwrap_or(BURST)).min(BURST);
        }
        if self.left == 0 {
            self.held_back += 1;
            return Pass::Hold;
        }
        self.left -= 1;
        Pass::Say(std::mem::take(&mut self.held_back))
    }
}

/// Logs the lines of `stderr` until it ends. Never blocks the plugin: what is
/// held back is read, too.
pub(crate) async fn listen(plugin: String, stderr: impl AsyncRead + Unpin) {
    let mut reader = BufReader::new(stderr);
    let mut gate = Gate::new(Instant::now());
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        let Pass::Say(held_back) = gate.line(Instant::now()) else { continue };
        if held_back > 0 {
            tracing::warn!(plugin, held_back, "lines of a plugin were not logged: too many");
        }
        let text = String::from_utf8_lossy(&line);
        tracing::info!(plugin, "{}", text.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Gate, Pass};
    use std::time::{Duration, Instant};

    #[test]
    fn a_burst_passes_and_a_flood_is_one_line_a_second_that_says_how_many_are_missing() {
        let start = Instant::now();
        let mut gate = Gate::new(start);
        let said = (0..1000).filter(|_| gate.line(start) == Pass::Say(0)).count();
        assert_eq!(said, BURST as usize);
        let later = start + Duration::from_secs(1);
        assert_eq!(gate.line(later), Pass::Say(950));
        assert_eq!(gate.line(later), Pass::Hold);
        let much_later = later + Duration::from_secs(3600);
        let said = (0..1000).filter(|_| gate.line(much_later) != Pass::Hold).count();
        assert_eq!(said, BURST as usize);
    }
}
