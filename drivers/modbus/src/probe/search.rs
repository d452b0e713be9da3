//! The search for registers: which addresses of a table a unit lets be read, found by halving what it refuses.
//!
//! A core: it says what to ask for next and is told what came of it.

use std::ops::RangeInclusive;

use forehearth_modbus::{Exception, ReadRequest, ResponseError, Table};

/// A stretch that is busy or silent is asked for so often in all. Chosen:
/// one lost answer must not make a hole.
const TRIES: u8 = 3;

/// What a request of the search brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SearchStep {
    /// Data.
    Readable,
    /// An exception or a wrong answer.
    Refused(ResponseError),
    /// Nothing.
    Silence,
}

/// A search at work.
#[derive(Clone, Debug)]
pub struct RegisterSearch {
    table: Table,
    /// Still to be asked for, the next one last.
    waiting: Vec<Stretch>,
    readable: Vec<RangeInclusive<u16>>,
    unknown: Vec<RangeInclusive<u16>>,
    left: u32,
    is_table_missing: bool,
}

#[derive(Clone, Debug)]
struct Stretch {
    addresses: RangeInclusive<u16>,
    tries: u8,
}

impl Stretch {
    const fn new(addresses: RangeInclusive<u16>) -> Self {
        Self { addresses, tries: 0 }
    }

    fn len(&self) -> u32 {
        u32::from(*self.addresses.end()) + 1 - u32::from(*self.addresses.start())
    }
}

impl RegisterSearch {
    /// Searches `addresses` with requests for at most `most` of them.
    #[must_use]
    pub fn new(table: Table, addresses: RangeInclusive<u16>, most: u16) -> Self {
        let mut waiting = Vec::new();
        let (mut first, last) = (u32::from(*addresses.start()), u32::from(*addresses.end()));
        while first <= last {
            let end = (first + u32::from(most.max(1)) - 1).min(last);
            // Both came from a u16.
            waiting.push(Stretch::new(first as u16..=end as u16));
            first = end + 1;
        }
        let left = waiting.iter().map(Stretch::len).sum();
        waiting.reverse();
        Self {
            table,
            waiting,
            readable: Vec::new(),
            unknown: Vec::new(),
            left,
            is_table_missing: false,
        }
    }

    /// What to ask for; `None` when all is known.
    #[must_use]
    pub fn next(&self) -> Option<ReadRequest> {
        let stretch = self.waiting.last()?;
        let count = u16::try_from(stretch.len()).ok()?;
        ReadRequest::new(self.table, *stretch.addresses.start(), count)
    }

    /// What came of the request that [`next`](Self::next) named.
    pub fn tell(&mut self, step: SearchStep) {
        let Some(mut stretch) = self.waiting.pop() else { return };
        match step {
            SearchStep::Readable => self.settle(stretch, true),
            SearchStep::Refused(ResponseError::Exception(Exception::IllegalFunction)) => {
                self.is_table_missing = true;
                self.waiting.clear();
                self.left = 0;
            }
            SearchStep::Refused(ResponseError::Exception(code)) if code.refuses_addresses() => {
                self.halve(stretch);
            }
            SearchStep::Refused(_) | SearchStep::Silence => {
                stretch.tries += 1;
                if stretch.tries < TRIES {
                    self.waiting.push(stretch);
                } else {
                    self.left -= stretch.len();
                    join(&mut self.unknown, stretch.addresses);
                }
            }
        }
    }

    fn halve(&mut self, stretch: Stretch) {
        let (first, last) = (*stretch.addresses.start(), *stretch.addresses.end());
        if first == last {
            self.settle(stretch, false);
            return;
        }
        let middle = first + (last - first) / 2;
        self.waiting.push(Stretch::new(middle + 1..=last));
        self.waiting.push(Stretch::new(first..=middle));
    }

    fn settle(&mut self, stretch: Stretch, is_readable: bool) {
        self.left -= stretch.len();
        if is_readable {
            join(&mut self.readable, stretch.addresses);
        }
    }

    /// Stretches that can be read, in ascending order.
    #[must_use]
    pub fn readable(&self) -> &[RangeInclusive<u16>] {
        &self.readable
    }

    /// Stretches of which the unit said neither yes nor no.
    #[must_use]
    pub fn unknown(&self) -> &[RangeInclusive<u16>] {
        &self.unknown
    }

    /// Addresses of which nothing is known yet.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.left
    }

    /// Whether the unit does not know the function that reads this table.
    #[must_use]
    pub const fn is_table_missing(&self) -> bool {
        self.is_table_missing
    }
}

fn join(stretches: &mut Vec<RangeInclusive<u16>>, new: RangeInclusive<u16>) {
    match stretches.last_mut() {
        Some(last) if last.end().checked_add(1) == Some(*new.start()) => {
            *last = *last.start()..=*new.end();
        }
        _ => stretches.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::{RegisterSearch, SearchStep};
    use forehearth_modbus::{Exception, ResponseError, Table};

    fn search(held: &[std::ops::RangeInclusive<u16>], most: u16) -> (RegisterSearch, u32) {
        let mut search = RegisterSearch::new(Table::HoldingRegisters, 0..=999, most);
        let mut asked = 0;
        while let Some(request) = search.next() {
            let last = request.start() + (request.count() - 1);
            let there = held.iter().any(|h| h.contains(&request.start()) && h.contains(&last));
            asked += 1;
            search.tell(match there {
                true => SearchStep::Readable,
                false => {
                    SearchStep::Refused(ResponseError::Exception(Exception::IllegalDataAddress))
                }
            });
        }
        assert_eq!(search.left(), 0);
        (search, asked)
    }

    #[test]
    fn what_a_device_holds_is_found_exactly_whatever_the_size_of_requests() {
        for held in [vec![], vec![0..=999], vec![3..=3, 5..=131, 140..=149, 999..=999]] {
            for most in [1, 7, 125] {
                assert_eq!(search(&held, most).0.readable(), held);
            }
        }
        assert_eq!(search(&[0..=999], 125).1, 8, "a whole table takes no more than its requests");
    }

    #[test]
    fn a_busy_device_is_asked_again_and_a_table_that_is_not_there_ends_the_search() {
        let mut search = RegisterSearch::new(Table::InputRegisters, 65_530..=65_535, 125);
        search.tell(SearchStep::Silence);
        search.tell(SearchStep::Refused(ResponseError::Exception(Exception::ServerDeviceBusy)));
        search.tell(SearchStep::Readable);
        assert_eq!((search.readable(), search.left()), (&[65_530..=65_535][..], 0));
        let mut search = RegisterSearch::new(Table::InputRegisters, 0..=65_535, 125);
        for _ in 0..3 {
            search.tell(SearchStep::Silence);
        }
        assert_eq!(search.unknown(), [0..=124]);
        search.tell(SearchStep::Refused(ResponseError::Exception(Exception::IllegalFunction)));
        assert!(search.is_table_missing() && search.next().is_none());
    }
}
