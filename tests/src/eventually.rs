//! Waiting for a condition with a deadline, instead of sleeping and hoping.

use std::time::{Duration, Instant};

/// How often a condition is looked at. Chosen: short against every period in
/// the tests, and cheap.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What `condition` gives once it gives something.
///
/// # Panics
/// When it gave nothing within this time; says `what` was waited for.
pub fn eventually<T>(within: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    try_eventually(within, condition)
        .unwrap_or_else(|| panic!("waited {within:?} in vain until {what}"))
}

/// What `condition` gives once it gives something, if it does within this time.
pub fn try_eventually<T>(within: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        let value = condition();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Lets `how_long` of plant time pass. For outages, whose length is the test.
pub fn pass(how_long: Duration) {
    std::thread::sleep(how_long);
}
