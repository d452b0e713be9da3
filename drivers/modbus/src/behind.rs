//! The units behind one socket: what happened with each, what asking it costs, and which are left alone.

use core::num::NonZeroU8;

use forehearth_modbus::{Cost, Isolation, Micros, Miss, ReadRequest, Turn, UnitMeter};
use tokio::time::Instant;

use crate::conversation::micros;
use crate::report::UnitReport;

/// The units of a Modbus TCP link.
#[derive(Debug)]
pub(crate) struct Behind {
    /// In ascending order of id.
    units: Vec<Known>,
    /// `None` where only one unit is behind the socket: nobody waits for it,
    /// and whether it is there the connection shows.
    isolation: Option<Isolation>,
    /// Origin of time, also over reconnects.
    origin: Instant,
}

#[derive(Debug)]
struct Known {
    id: u8,
    meter: UnitMeter,
    cost: Cost,
    /// When its last answer was missing.
    missed: Option<Micros>,
}

impl Behind {
    pub(crate) fn new(units: impl Iterator<Item = u8>) -> Self {
        let mut ids: Vec<u8> = units.collect();
        ids.sort_unstable();
        ids.dedup();
        let several = ids.len() > 1;
        let isolation =
            several.then(|| Isolation::new(ids.iter().copied().filter_map(NonZeroU8::new)));
        let known =
            |id| Known { id, meter: UnitMeter::default(), cost: Cost::default(), missed: None };
        Self { units: ids.into_iter().map(known).collect(), isolation, origin: Instant::now() }
    }

    /// What to do with `unit` now; the longest an answer may take is `timeout`.
    pub(crate) fn turn(&mut self, unit: u8, timeout: Micros) -> Turn {
        let now = micros(self.origin.elapsed());
        match (&mut self.isolation, NonZeroU8::new(unit)) {
            (Some(isolation), Some(unit)) => isolation.turn(unit, None, timeout, now),
            _ => Turn::Scan,
        }
    }

    pub(crate) fn asked(&mut self, unit: u8) {
        if let Some(known) = self.find(unit) {
            known.meter.requests += 1;
        }
    }

    /// It answered, with data or an exception.
    pub(crate) fn answered(&mut self, unit: u8, pdu: &[u8], round_trip: Micros) {
        if let Some(known) = self.find(unit) {
            known.meter.round_trips.add(round_trip);
            if pdu.first().is_some_and(|function| function & 0x80 != 0) {
                known.meter.exceptions += 1;
            } else {
                known.meter.answers += 1;
            }
        }
        self.is_there(unit);
    }

    /// What one request, alone on the way, has cost.
    pub(crate) fn cost(&mut self, unit: u8, request: &ReadRequest, round_trip: Micros) {
        let size = request.payload_len().div_ceil(2);
        if let (Some(known), Ok(size)) = (self.find(unit), u16::try_from(size)) {
            known.cost.add(size, round_trip);
        }
    }

    /// The gap that is worth joining across, once it is known.
    pub(crate) fn break_even(&self, unit: u8) -> Option<u16> {
        self.units.iter().find(|known| known.id == unit)?.cost.break_even()
    }

    /// Its answer is missing, for which was waited so long. Requests that were
    /// on the way together are one silence.
    pub(crate) fn missed(&mut self, unit: u8, waited: Micros) {
        let now = micros(self.origin.elapsed());
        if let Some(known) = self.find(unit) {
            known.meter.timeouts += 1;
            let asked = now.saturating_sub(waited);
            if known.missed.replace(now).is_some_and(|missed| asked < missed) {
                return;
            }
        }
        if let (Some(isolation), Some(id)) = (&mut self.isolation, NonZeroU8::new(unit))
            && isolation.missed(id, Miss::Silence, waited, now)
        {
            tracing::warn!(unit, "does not answer; its neighbours go first");
        }
    }

    pub(crate) fn late(&mut self, unit: u8) {
        if let Some(known) = self.find(unit) {
            known.meter.late += 1;
        }
        self.is_there(unit);
    }

    /// An answer of `unit` that was none.
    pub(crate) fn damaged(&mut self, unit: u8) {
        if let Some(known) = self.find(unit) {
            known.meter.damaged += 1;
        }
    }

    pub(crate) fn is_asleep(&self, unit: u8) -> bool {
        match (&self.isolation, NonZeroU8::new(unit)) {
            (Some(isolation), Some(unit)) => isolation.is_asleep(unit),
            _ => false,
        }
    }

    pub(crate) fn report(&self) -> Vec<UnitReport> {
        let report = |known: &Known| UnitReport {
            unit: known.id,
            is_asleep: self.is_asleep(known.id),
            meter: known.meter.clone(),
        };
        self.units.iter().map(report).collect()
    }

    fn is_there(&mut self, unit: u8) {
        if let (Some(isolation), Some(unit)) = (&mut self.isolation, NonZeroU8::new(unit)) {
            isolation.answered(unit);
        }
    }

    fn find(&mut self, unit: u8) -> Option<&mut Known> {
        let place = self.units.binary_search_by_key(&unit, |known| known.id).ok()?;
        self.units.get_mut(place)
    }
}
