//! Who the destinations are: they come and go while the gateway runs.
//!
//! Each has a seat, a bit in the sets of who waits for a batch. Seats don't
//! move, so that nothing that is under way has to be told; a seat that is
//! left is given to the next who comes.

use forehearth_model::{BatchId, Stamp};

use super::Stock;
use crate::claim::Claim;
use crate::cursor::{Cursor, LANES, slot};
use crate::destination::Destination;
use crate::keeper::adopt::drawn_bd_seq;
use crate::shelf::Owed;

impl Stock {
    /// These are the destinations from now on. Who stays keeps everything, who
    /// is new is owed what is sealed from here on, and nothing waits any more
    /// for who is gone: their names.
    pub(crate) fn seat(&mut self, destinations: &[Destination], wall: Stamp) -> Vec<String> {
        let mut gone = Vec::new();
        for seat in std::mem::take(&mut self.order) {
            let name = &self.claims[seat].books.name;
            if destinations.iter().all(|stays| stays.name != *name) {
                gone.push(name.clone());
                self.release(seat);
            }
        }
        for destination in destinations {
            let here = self.claims.iter().position(|claim| {
                claim.destination.as_ref().is_some_and(|here| here.name == destination.name)
            });
            let seat = match here {
                Some(seat) => {
                    self.claims[seat].destination = Some(destination.clone());
                    seat
                }
                None => self.welcome(destination.clone(), wall),
            };
            self.order.push(seat);
        }
        gone
    }

    /// Nothing waits for this destination any more.
    fn release(&mut self, seat: usize) {
        for lane in LANES {
            let numbers: Vec<u64> = self.ram.lanes[slot(lane)].keys().copied().collect();
            numbers.into_iter().for_each(|number| self.ram.clear(lane, number, seat));
        }
        for shelved in self.shelf.lanes.iter_mut().flatten() {
            shelved.owed[seat] = Owed::default();
        }
        self.gaps.forget(seat);
        self.claims[seat].pass_to(None, BatchId::default(), 0);
    }

    /// Finds a seat for a destination that starts now.
    fn welcome(&mut self, destination: Destination, wall: Stamp) -> usize {
        let free = self.claims.iter().position(|claim| !claim.is_occupied());
        let seat = free.unwrap_or_else(|| {
            let seat = self.claims.len();
            self.claims.push(Claim::new(seat, Destination::new(""), Cursor::default(), 0));
            for shelved in self.shelf.lanes.iter_mut().flatten() {
                shelved.owed.push(Owed::default());
            }
            self.gaps.grow();
            seat
        });
        let highest = self.ram.highest();
        let since = BatchId::new(self.epoch, highest + 1);
        let claim = &mut self.claims[seat];
        claim.pass_to(Some(destination), since, drawn_bd_seq(wall));
        // Said twice: a disk that appears late may know it from an earlier run
        // and its cursor begins there then.
        for lane in LANES.into_iter().filter(|_| highest > 0) {
            claim.cursor.finish(self.epoch, lane, 1, highest);
        }
        // What was sealed before it came is not meant for it.
        claim.books.filtered = self.batched;
        seat
    }
}
