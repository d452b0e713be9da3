//! What the driver of a bus knows of one unit: how long it takes, and what happened with it.

use core::num::NonZeroU8;

use forehearth_driver::LinkCounters;
use forehearth_modbus::{Micros, Patience, UnitMeter};

use crate::conversation::{Ended, Reply};

/// One unit of a bus.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) id: NonZeroU8,
    pub(crate) patience: Patience,
    pub(crate) meter: UnitMeter,
}

impl Unit {
    /// A unit that takes about `takes`, if that is known from earlier.
    pub(crate) fn new(id: NonZeroU8, takes: Option<Micros>) -> Self {
        let mut patience = Patience::default();
        if let Some(takes) = takes {
            patience.answered(takes);
        }
        Self { id, patience, meter: UnitMeter::default() }
    }

    /// Enters how a question ended. Answers are counted where their content
    /// is known.
    pub(crate) fn enter(&mut self, ended: &Ended, counters: &mut LinkCounters) {
        if ended.reply == Reply::Babble {
            self.meter.noise += 1;
            return;
        }
        self.meter.requests += 1;
        counters.requests += 1;
        match ended.reply {
            Reply::Answered { turnaround } => {
                self.patience.answered(turnaround);
                self.meter.round_trips.add(ended.held);
            }
            Reply::Damaged => {
                self.meter.damaged += 1;
                counters.stray += 1;
            }
            Reply::Missing { noise } => {
                self.patience.missed();
                self.meter.timeouts += 1;
                self.meter.noise += u64::from(noise);
                counters.timeouts += 1;
            }
            Reply::Babble => {}
        }
    }
}
