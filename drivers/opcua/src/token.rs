//! How old the security token is, by our own clock.
//!
//! The library compares the time at which the *server* says it made the token
//! with our wall clock: with clocks apart, or a step of ours, it would renew
//! the token at every request, or never. The token's age is therefore told in
//! monotonic time.

use std::time::Instant;

use opcua::types::DateTime;

/// The token in use and when it was first seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TokenAge {
    seen: Option<(u32, Instant)>,
}

impl TokenAge {
    /// When token `id` was made, in the words of a wall clock that says `wall` now.
    pub(crate) fn made(&mut self, id: u32, now: Instant, wall: DateTime) -> DateTime {
        let since = match self.seen {
            Some((known, since)) if known == id => since,
            _ => now,
        };
        self.seen = Some((id, since));
        DateTime::from(wall.as_chrono() - now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::TokenAge;
    use opcua::types::DateTime;
    use std::time::{Duration, Instant};

    #[test]
    fn a_token_ages_with_our_clock_whatever_the_wall_clock_does() {
        let mut age = TokenAge::default();
        let start = Instant::now();
        let later = start + Duration::from_secs(600);
        let morning = DateTime::ymd_hms(2026, 11, 24, 8, 0, 0);
        let evening = DateTime::ymd_hms(2026, 11, 24, 20, 0, 0);
        assert_eq!(age.made(1, start, morning), morning);
        let made = age.made(1, later, evening);
        assert_eq!(made, DateTime::ymd_hms(2026, 11, 24, 19, 50, 0), "10 minutes old");
        assert_eq!(age.made(2, later, evening), evening, "renewed");
    }
}
