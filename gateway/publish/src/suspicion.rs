//! Suspicion: finds the one batch that kills every connection it is sent on.
//!
//! A broker answers some messages by closing the connection (too large, not
//! allowed, a defect of its own). Sent again and again such a batch would
//! block everything behind it for ever. A batch is only found guilty when the
//! broker hung up on it alone five times *and* took other batches meanwhile:
//! a broker that hangs up on everything is broken, and then nothing is given
//! up.

use forehearth_model::BatchId;

/// So often a batch may kill its connection. Chosen: with the backoff these
/// are about 10 s, longer than a broker's restart.
const STRIKES: u8 = 5;

/// Hang-ups without a confirmation after which batches go one at a time.
const HANG_UPS_UNTIL_CAREFUL: u8 = 2;

/// How many batches may be in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// As many as the window holds.
    Full,
    /// One, so that the guilty one shows.
    OneAtATime,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    id: BatchId,
    strikes: u8,
    /// Other batches the broker took since the first strike.
    others: u32,
}

/// A suspect that was not sent again while so many others passed is gone from
/// the buffer (shed, expired): batches may go together again.
const FORGET_AFTER: u32 = 1000;

/// What is known about batches and hang-ups, across connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Suspicion {
    hang_ups: u8,
    suspect: Option<Suspect>,
}

impl Suspicion {
    /// How many batches may be in flight on the next connection.
    pub(crate) const fn pace(&self) -> Pace {
        if self.hang_ups >= HANG_UPS_UNTIL_CAREFUL || self.suspect.is_some() {
            Pace::OneAtATime
        } else {
            Pace::Full
        }
    }

    /// The broker confirmed a batch.
    pub(crate) fn confirmed(&mut self, id: BatchId) {
        self.hang_ups = 0;
        match &mut self.suspect {
            Some(suspect) if suspect.id == id => self.suspect = None,
            Some(suspect) if suspect.others >= FORGET_AFTER => self.suspect = None,
            Some(suspect) => suspect.others += 1,
            None => {}
        }
    }

    /// The broker closed the connection with `unsettled` on it. Returns the
    /// batch that is to be given up, if that proves one guilty.
    pub(crate) fn hung_up(&mut self, unsettled: &[BatchId]) -> Option<BatchId> {
        if unsettled.is_empty() {
            return None;
        }
        self.hang_ups = self.hang_ups.saturating_add(1);
        let &[alone] = unsettled else { return None };
        let suspect = match self.suspect {
            Some(known) if known.id == alone => {
                Suspect { strikes: known.strikes.saturating_add(1), ..known }
            }
            _ => Suspect { id: alone, strikes: 1, others: 0 },
        };
        if suspect.strikes >= STRIKES && suspect.others > 0 {
            *self = Self::default();
            return Some(alone);
        }
        self.suspect = Some(suspect);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Pace, Suspicion};
    use forehearth_model::{BatchId, Epoch};

    fn id(number: u64) -> BatchId {
        BatchId::new(Epoch(1), number)
    }

    #[test]
    fn a_batch_that_kills_five_connections_while_others_pass_is_given_up() {
        let mut suspicion = Suspicion::default();
        assert_eq!(suspicion.hung_up(&[id(7), id(8)]), None);
        assert_eq!(suspicion.hung_up(&[id(7), id(8)]), None);
        assert_eq!(suspicion.pace(), Pace::OneAtATime);
        for round in 0..4 {
            assert_eq!(suspicion.hung_up(&[id(7)]), None, "round {round}");
            suspicion.confirmed(id(9 + round));
            assert_eq!(suspicion.pace(), Pace::OneAtATime, "the suspect is still out");
        }
        assert_eq!(suspicion.hung_up(&[id(7)]), Some(id(7)));
        assert_eq!(suspicion.pace(), Pace::Full);
    }

    #[test]
    fn a_broker_that_hangs_up_on_everything_costs_no_batch() {
        let mut suspicion = Suspicion::default();
        assert!((0..1000).all(|_| suspicion.hung_up(&[id(7)]).is_none()));
    }

    #[test]
    fn a_suspect_that_is_confirmed_after_all_is_cleared() {
        let mut suspicion = Suspicion::default();
        suspicion.hung_up(&[id(7)]);
        suspicion.confirmed(id(7));
        assert_eq!(suspicion.pace(), Pace::Full);
    }

    #[test]
    fn a_suspect_that_was_shed_does_not_slow_the_link_for_ever() {
        let mut suspicion = Suspicion::default();
        suspicion.hung_up(&[id(7)]);
        for number in 8..2000 {
            suspicion.confirmed(id(number));
        }
        assert_eq!(suspicion.pace(), Pace::Full);
    }

    #[test]
    fn a_connection_lost_while_idle_suspects_nobody() {
        let mut suspicion = Suspicion::default();
        assert!((0..10).all(|_| suspicion.hung_up(&[]).is_none()));
        assert_eq!(suspicion.pace(), Pace::Full);
    }
}
