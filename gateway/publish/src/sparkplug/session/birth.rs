//! Births and deaths of a session: NBIRTH, the DBIRTHs after it, and DDEATHs when nothing of a device waits any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_model::{Quality, Stamp, TagId, Value};
use forehearth_telemetry::sparkplug as payload;

use super::{Phase, SparkplugSession, plain};
use crate::outbox::Last;
use crate::session::{Memory, Now, Order};
use crate::sparkplug::births::{gap_metric, metrics};
use crate::sparkplug::layout::UnitId;
use crate::sparkplug::life::Told;

/// Last known values are looked up once for births that follow one another
/// this closely: a switch that comes back brings a hundred devices at once.
const LASTS_FRESH: Duration = Duration::from_millis(250);

/// Last known values, for births.
pub(super) struct Lasts {
    taken: Instant,
    values: Vec<Last>,
}

/// A tag the outbox knows nothing of.
const NEVER: Last =
    Last { stamp: None, quality: Quality::BadWaitingForFirstValue, value: Value::Null };

impl SparkplugSession {
    /// NBIRTH; the DBIRTHs follow from [`more`](Session::more).
    pub(super) fn birth(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        self.seq = 0;
        self.born_at = now.wall;
        self.lives.forget_told();
        self.dying.clear();
        self.lasts = None;
        self.look_up(now, memory);
        let gaps = vec![gap_metric(now.wall)];
        let nbirth = payload::nbirth(now.wall, self.bd_seq, gaps);
        out.push(plain(&self.node.nbirth, payload::encode(&nbirth).into()));
        self.phase = Phase::Birthing(0);
    }

    /// Takes the last known values, once for many births.
    fn look_up(&mut self, now: Now, memory: &mut dyn Memory) {
        let stale = |lasts: &Lasts| now.at.saturating_duration_since(lasts.taken) > LASTS_FRESH;
        if self.lasts.as_ref().is_none_or(stale) {
            let values = self.node.view.of_tags(memory.last_values(), &NEVER);
            self.lasts = Some(Lasts { taken: now.at, values });
        }
    }

    /// DBIRTH of one device. In the births after an NBIRTH its life is taken
    /// from the last known values too; later it is known from the data.
    pub(super) fn dbirth(
        &mut self,
        unit: UnitId,
        now: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    ) {
        self.look_up(now, memory);
        let first = matches!(self.phase, Phase::Birthing(_));
        let lasts = self.lasts.take();
        let last = |tag: TagId| lasts.as_ref().and_then(|lasts| lasts.values.get(tag.index()));
        let described = &self.layout.units[unit.index()];
        let seen = &self.node.view.catalogue;
        let metrics = metrics(described, seen, now.wall, last);
        let topic = Arc::clone(&described.dbirth);
        for number in described.tags.clone() {
            let quality = last(TagId(number)).map_or(Quality::BadWaitingForFirstValue, |last| {
                if first {
                    let stamp = last.stamp.unwrap_or(Stamp(i64::MIN));
                    self.lives.see(unit, TagId(number), stamp, last.quality);
                }
                last.quality
            });
            self.sources[0].tell(TagId(number), quality);
        }
        self.lasts = lasts;
        let seq = self.next_seq();
        let dbirth = payload::dbirth(now.wall, seq, metrics);
        out.push(plain(&topic, payload::encode(&dbirth).into()));
        self.lives.tell(unit, Told::Born);
        if self.lives.is_dying(unit) {
            self.mourn(unit);
        }
    }

    /// The device gets its DDEATH when the backlog has drained.
    pub(super) fn mourn(&mut self, unit: UnitId) {
        if !self.dying.contains(&unit) {
            self.dying.push(unit);
        }
    }

    /// DDEATH of devices that are still dead, once nothing of them waits.
    pub(super) fn bury(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        if self.dying.is_empty() || memory.backlog() > 0 || self.overlap.is_waiting() {
            return;
        }
        for unit in std::mem::take(&mut self.dying) {
            if !self.lives.is_dying(unit) {
                continue;
            }
            let seq = self.next_seq();
            let death = payload::encode(&payload::ddeath(now.wall, seq));
            out.push(plain(&self.layout.units[unit.index()].ddeath, death.into()));
            self.lives.tell(unit, Told::Dead);
        }
    }
}
