//! Lessons: what a scan whose spans had to be halved says about the unit.
//!
//! A span is refused because an address in it is, be it that of a tag or one
//! in a gap that nobody wants, or because it is more than the unit answers at
//! once. Which it was shows when its halves are asked for.

use forehearth_modbus::{Exception, Halves, ReadRequest, ResponseError, UnitLearned};

/// Spans halved in one scan; the rest waits for the next. Chosen: finds two
/// illegal tags among a thousand at once and bounds what a wrong map costs.
const HALVINGS: usize = 24;

/// What one scan of one group has shown.
#[derive(Debug, Default)]
pub(crate) struct Lessons {
    halved: Vec<Halves>,
    /// Refused for their address, and not to be halved any more.
    refused: Vec<ReadRequest>,
    /// The longest requests answered, of registers and of bits.
    longest: [u16; 2],
}

impl Lessons {
    /// Whether a refused span may be halved to find out why.
    pub(crate) fn may_halve(&self, error: &ResponseError) -> bool {
        let may_help = matches!(error, ResponseError::Exception(why) if why.refuses_addresses());
        may_help && self.halved.len() < HALVINGS
    }

    pub(crate) fn halved(&mut self, halves: Halves) {
        self.halved.push(halves);
    }

    /// What cannot be asked for in a smaller piece was refused.
    pub(crate) fn refused(&mut self, request: ReadRequest, error: &ResponseError) {
        if *error == ResponseError::Exception(Exception::IllegalDataAddress) {
            self.refused.push(request);
        }
    }

    pub(crate) fn answered(&mut self, request: &ReadRequest) {
        let longest = &mut self.longest[usize::from(request.table().is_bits())];
        *longest = request.count().max(*longest);
    }

    /// Remembers what explains the refusals. What a later halving within the
    /// same request explains is not blamed on the request.
    pub(crate) fn teach(&self, unit: &mut UnitLearned) {
        for request in &self.refused {
            unit.bar(request.table(), request.start(), request.count());
        }
        for (place, halves) in self.halved.iter().enumerate() {
            let whole = &halves.whole;
            let later = self.halved[place + 1..].iter().map(|later| &later.whole);
            let is_explained = self.refused.iter().chain(later).any(|part| is_within(part, whole));
            match halves.gap {
                _ if is_explained => {}
                Some((start, count)) => {
                    unit.bar(whole.table(), start, count);
                }
                None => {
                    unit.limit(whole.table(), self.longest[usize::from(whole.table().is_bits())]);
                }
            }
        }
    }

    /// Whether nothing was refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.halved.is_empty() && self.refused.is_empty()
    }
}

fn is_within(part: &ReadRequest, whole: &ReadRequest) -> bool {
    part.table() == whole.table() && part.start() >= whole.start() && part.end() <= whole.end()
}
