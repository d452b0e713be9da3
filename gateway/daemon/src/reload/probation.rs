//! The probation: a change that is taken back unless somebody confirms it in time.
//!
//! Who changes a plant from afar may cut off his own way back. Until he says
//! that all is well, the plan before is kept.

use std::time::{Duration, Instant};

/// A core: which plan to go back to, and when.
#[derive(Debug)]
pub struct Probation<P> {
    open: Option<Open<P>>,
}

#[derive(Debug)]
struct Open<P> {
    /// The last plan that was for good.
    back_to: P,
    until: Instant,
}

impl<P> Default for Probation<P> {
    fn default() -> Self {
        Self { open: None }
    }
}

impl<P> Probation<P> {
    /// A plan took over from `before`. With `confirm` it is on probation for
    /// that long. What comes on top of an unconfirmed change shares its fate:
    /// the way back leads to the last plan that was for good, and only another
    /// `confirm` moves the deadline.
    pub fn taken_up(&mut self, before: P, confirm: Option<Duration>, now: Instant) {
        match (&mut self.open, confirm) {
            (Some(open), Some(within)) => open.until = now + within,
            (None, Some(within)) => {
                self.open = Some(Open { back_to: before, until: now + within });
            }
            (_, None) => {}
        }
    }

    /// All is well. Whether there was anything to confirm.
    pub fn confirm(&mut self) -> bool {
        self.open.take().is_some()
    }

    /// When the change is taken back; `None` when there is none on probation.
    pub fn until(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.until)
    }

    /// The plan to go back to, once, when nobody confirmed in time.
    pub fn expired(&mut self, now: Instant) -> Option<P> {
        self.until().filter(|until| *until <= now)?;
        self.open.take().map(|open| open.back_to)
    }
}

#[cfg(test)]
mod tests {
    use super::Probation;
    use std::time::{Duration, Instant};

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_nobody_confirms_is_taken_back_once() {
        let (now, mut probation) = (Instant::now(), Probation::default());
        probation.taken_up("old", Some(5 * MINUTE), now);
        assert_eq!(probation.expired(now + 4 * MINUTE), None);
        assert_eq!(probation.expired(now + 5 * MINUTE), Some("old"));
        assert_eq!(probation.expired(now + 6 * MINUTE), None);
    }

    #[test]
    fn what_is_confirmed_stays() {
        let (now, mut probation) = (Instant::now(), Probation::default());
        probation.taken_up("old", Some(MINUTE), now);
        assert!(probation.confirm());
        assert!(!probation.confirm());
        assert_eq!(probation.expired(now + 2 * MINUTE), None);
    }

    #[test]
    fn a_change_on_top_of_an_unconfirmed_one_leads_back_to_what_was_for_good() {
        let (now, mut probation) = (Instant::now(), Probation::default());
        probation.taken_up("good", Some(MINUTE), now);
        probation.taken_up("doubtful", None, now);
        assert_eq!(probation.until(), Some(now + MINUTE), "the deadline stands");
        probation.taken_up("doubtful too", Some(3 * MINUTE), now);
        assert_eq!(probation.expired(now + 3 * MINUTE), Some("good"));
    }

    #[test]
    fn a_change_without_a_time_is_for_good() {
        let (now, mut probation) = (Instant::now(), Probation::default());
        probation.taken_up("old", None, now);
        assert_eq!(probation.until(), None);
    }
}
