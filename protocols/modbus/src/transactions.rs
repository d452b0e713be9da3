//! The table of requests in flight: which answer belongs to which question.
//!
//! An id is used once until it is answered. A request whose deadline has
//! passed leaves its id behind as *expired*: the late answer is then known
//! for what it is, counted and dropped, and the id is not given to another
//! request in the meantime. Ids go on counting over reconnects, because a
//! serial server may hand an old answer to a new connection.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::Micros;

/// How long an expired id is remembered. Chosen: serial servers queue answers
/// for seconds, none was seen to keep one for a minute.
const REMEMBER: Micros = 60_000_000;

/// Expired ids remembered at once. Chosen: 17 timeouts a second for a whole
/// minute; a link worse than that is better opened anew.
const MAX_EXPIRED: usize = 1024;

/// Requests in flight on one connection, each with a `T` of its owner.
#[derive(Debug)]
pub struct Transactions<T> {
    next: u16,
    depth: usize,
    in_flight: Vec<InFlight<T>>,
    expired: VecDeque<Expired>,
}

#[derive(Debug)]
struct InFlight<T> {
    id: u16,
    unit: u8,
    deadline: Micros,
    owner: T,
}

#[derive(Debug)]
struct Expired {
    id: u16,
    forget_at: Micros,
}

/// What an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict<T> {
    /// The answer to this request, which is no longer in flight.
    Ours(T),
    /// The answer to a request whose deadline has passed.
    Late,
    /// Nobody asked, or another unit was asked; what is in flight stays so.
    Stray,
}

/// Why a request cannot be sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotNow {
    /// As many as the link may have are in flight.
    Full,
    /// Too many answers are outstanding that may still come; only a new
    /// connection gets rid of them.
    TooManyExpired,
}

impl<T: Copy> Transactions<T> {
    /// A table for `depth` requests at once (at least 1).
    #[must_use]
    pub fn new(depth: u16) -> Self {
        let depth = usize::from(depth.max(1));
        Self { next: 0, depth, in_flight: Vec::with_capacity(depth), expired: VecDeque::new() }
    }

    /// Whether another request may be sent.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.in_flight.len() < self.depth
    }

    /// Whether nothing is in flight.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Enters a request for `unit` and gives it an id that no other request
    /// holds, expired ones included.
    ///
    /// # Errors
    /// [`NotNow`] says what is in the way; nothing has changed then.
    pub fn begin(
        &mut self,
        unit: u8,
        owner: T,
        now: Micros,
        deadline: Micros,
    ) -> Result<u16, NotNow> {
        if !self.has_room() {
            return Err(NotNow::Full);
        }
        while self.expired.front().is_some_and(|old| old.forget_at <= now) {
            self.expired.pop_front();
        }
        if self.expired.len() >= MAX_EXPIRED {
            return Err(NotNow::TooManyExpired);
        }
        // At most depth + MAX_EXPIRED ids are taken, so a free one is near.
        let mut id = self.next;
        while self.is_taken(id) {
            id = id.wrapping_add(1);
        }
        self.next = id.wrapping_add(1);
        self.in_flight.push(InFlight { id, unit, deadline, owner });
        Ok(id)
    }

    fn is_taken(&self, id: u16) -> bool {
        self.in_flight.iter().any(|request| request.id == id)
            || self.expired.iter().any(|request| request.id == id)
    }

    /// Judges an answer by its id and unit.
    pub fn answer(&mut self, id: u16, unit: u8) -> Verdict<T> {
        if let Some(place) = self.in_flight.iter().position(|request| request.id == id) {
            if self.in_flight[place].unit != unit {
                return Verdict::Stray;
            }
            return Verdict::Ours(self.in_flight.remove(place).owner);
        }
        match self.expired.iter().position(|request| request.id == id) {
            Some(place) => {
                self.expired.remove(place);
                Verdict::Late
            }
            None => Verdict::Stray,
        }
    }

    /// Whether the end of `pdu`, the answer to `id`, could in truth be the
    /// beginning of another answer in flight.
    ///
    /// A device that drops a byte has the next frame's first byte complete
    /// this one. With one request in flight there is no next frame. With
    /// several, an answer whose end looks like the header of another has to
    /// wait until the bytes behind it show that the stream is in step.
    #[must_use]
    pub fn may_hold_another(&self, id: u16, pdu: &[u8]) -> bool {
        self.in_flight.iter().filter(|request| request.id != id).any(|request| {
            let [high, low] = request.id.to_be_bytes();
            // Transaction id, protocol id 0, high byte of a length below 255.
            let header = [high, low, 0, 0, 0];
            (0..pdu.len()).any(|at| {
                let end = &pdu[at..];
                let seen = end.len().min(header.len());
                end[..seen] == header[..seen]
            })
        })
    }

    /// When the next deadline passes; `None` when nothing is in flight.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Micros> {
        self.in_flight.iter().map(|request| request.deadline).min()
    }

    /// The next request whose deadline has passed; call until `None`.
    pub fn expire(&mut self, now: Micros) -> Option<T> {
        let place = self.in_flight.iter().position(|request| request.deadline <= now)?;
        let request = self.in_flight.remove(place);
        self.expired.push_back(Expired { id: request.id, forget_at: now.saturating_add(REMEMBER) });
        Some(request.owner)
    }

    /// Forgets everything of the old connection but where the ids stood.
    pub fn reconnected(&mut self) {
        self.in_flight.clear();
        self.expired.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_EXPIRED, NotNow, REMEMBER, Transactions, Verdict};
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn an_answer_finds_its_request_by_id_and_unit() {
        let mut table = Transactions::new(2);
        let a = table.begin(1, 'a', 0, 1000).unwrap();
        let b = table.begin(1, 'b', 0, 1000).unwrap();
        assert_eq!(table.begin(1, 'c', 0, 1000), Err(NotNow::Full));
        assert_eq!(table.answer(b, 2), Verdict::Stray, "another unit answers");
        assert_eq!(table.answer(b, 1), Verdict::Ours('b'));
        assert_eq!(table.answer(b, 1), Verdict::Stray, "the same answer twice");
        assert_eq!(table.answer(a, 1), Verdict::Ours('a'));
        assert_eq!(table.answer(a.wrapping_add(100), 1), Verdict::Stray);
        assert!(table.is_idle());
    }

    #[test]
    fn a_late_answer_is_never_taken_for_a_fresh_one() {
        let mut table = Transactions::new(1);
        let old = table.begin(1, 'o', 0, 1000).unwrap();
        assert_eq!(table.next_deadline(), Some(1000));
        assert_eq!(table.expire(999), None);
        assert_eq!(table.expire(1000), Some('o'));
        assert_eq!(table.expire(1000), None);
        let new = table.begin(1, 'n', 1000, 2000).unwrap();
        assert_ne!(old, new);
        assert_eq!(table.answer(old, 1), Verdict::Late);
        assert_eq!(table.answer(old, 1), Verdict::Stray, "and its duplicate is nobody's");
        assert_eq!(table.answer(new, 1), Verdict::Ours('n'));
    }

    #[test]
    fn an_answer_that_ends_like_the_header_of_another_is_noticed() {
        let mut table = Transactions::new(2);
        for _ in 0..0x0203 {
            let id = table.begin(1, (), 0, 1).unwrap();
            table.answer(id, 1);
        }
        let first = table.begin(1, (), 0, 1).unwrap();
        let whole = [3, 2, 7, 0x02];
        assert!(!table.may_hold_another(first, &whole), "alone in flight");
        assert_eq!(table.begin(1, (), 0, 1), Ok(0x0204));
        assert!(table.may_hold_another(first, &whole), "one byte of the other");
        assert!(table.may_hold_another(first, &[3, 2, 0x02, 0x04]), "two bytes");
        assert!(table.may_hold_another(first, &[3, 6, 0x02, 0x04, 0, 0, 0, 9]), "six bytes");
        assert!(!table.may_hold_another(first, &[3, 6, 0x02, 0x04, 0, 1, 0, 9]));
        assert!(!table.may_hold_another(first, &[3, 2, 0x02, 0x03]));
    }

    #[test]
    fn an_expired_id_is_not_given_away_even_after_all_others_were() {
        let mut table = Transactions::new(1);
        let old = table.begin(1, (), 0, 1).unwrap();
        table.expire(1);
        for _ in 0..70_000 {
            let id = table.begin(1, (), 2, 3).unwrap();
            assert_ne!(id, old);
            assert_eq!(table.answer(id, 1), Verdict::Ours(()));
        }
        assert_eq!(table.answer(old, 1), Verdict::Late);
    }

    #[test]
    fn expired_ids_are_forgotten_after_a_minute_and_bounded_before() {
        let mut table = Transactions::new(1);
        for _ in 0..MAX_EXPIRED {
            table.begin(1, (), 0, 0).unwrap();
            assert_eq!(table.expire(0), Some(()));
        }
        assert_eq!(table.begin(1, (), REMEMBER - 1, REMEMBER), Err(NotNow::TooManyExpired));
        assert!(table.begin(1, (), REMEMBER, REMEMBER + 1).is_ok());
    }

    #[test]
    fn ids_go_on_counting_over_a_reconnect() {
        let mut table = Transactions::new(1);
        let before = table.begin(1, (), 0, 1).unwrap();
        table.reconnected();
        let after = table.begin(1, (), 0, 1).unwrap();
        assert_ne!(before, after);
        assert_eq!(table.answer(before, 1), Verdict::Stray);
    }

    proptest! {
        /// Against a model that remembers every id ever given.
        #[test]
        fn no_sequence_of_events_confuses_two_requests(
            depth in 1u16..5,
            steps in prop::collection::vec((0u8..4, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut table = Transactions::new(depth);
            let mut open: BTreeMap<u16, u32> = BTreeMap::new();
            let mut given: Vec<(u16, u32)> = Vec::new();
            let mut late: Vec<u16> = Vec::new();
            let mut now = 0;
            for (serial, (step, pick)) in steps.into_iter().enumerate() {
                now += 10;
                let serial = serial as u32;
                match step {
                    0 | 1 => match table.begin(7, serial, now, now + 35) {
                        Ok(id) => {
                            prop_assert!(!open.contains_key(&id) && !late.contains(&id));
                            open.insert(id, serial);
                            given.push((id, serial));
                        }
                        Err(error) => {
                            prop_assert_eq!(error, NotNow::Full);
                            prop_assert_eq!(open.len(), usize::from(depth));
                        }
                    },
                    2 if !given.is_empty() => {
                        let (id, _) = given[pick.index(given.len())];
                        let expected = match open.remove(&id) {
                            Some(serial) => Verdict::Ours(serial),
                            None if late.contains(&id) => Verdict::Late,
                            None => Verdict::Stray,
                        };
                        late.retain(|old| *old != id);
                        prop_assert_eq!(table.answer(id, 7), expected);
                    }
                    _ => while let Some(serial) = table.expire(now) {
                        let id = *open.iter().find(|(_, owner)| **owner == serial).unwrap().0;
                        open.remove(&id);
                        late.push(id);
                    },
                }
            }
        }
    }
}
