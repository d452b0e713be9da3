//! What outlives a restart: totals, run hours, alarms; and what people do about an alarm.

use std::time::{Duration, Instant};

use forehearth_model::{DeviceId, Stamp, TagId};

use super::{Attention, NoAlarm, Pipeline};
use crate::chain::Moment;
use crate::timers::NEVER;

impl Pipeline {
    /// What must survive a restart, by tag: totals, run hours, the states of
    /// alarms. Restored into a pipeline of the same map, or of another one
    /// with the tags found again by name, it goes on as if nothing had been.
    #[must_use]
    pub fn save(&self, now: Instant) -> Vec<(TagId, Vec<u8>)> {
        let at = self.micros(now);
        let saved = self.chains.iter().map(|chain| (chain.tag, chain.save(at, &self.made.groups)));
        saved.filter(|(_, bytes)| !bytes.is_empty()).collect()
    }

    /// Takes back what was saved of a tag, before its first sample. What the
    /// map asks for no more is left out.
    pub fn restore(&mut self, tag: TagId, saved: &[u8], now: Instant) {
        let at = self.micros(now);
        let place = self.tags.get(tag.index()).and_then(|tag| tag.place.chain());
        let Some(place) = place else { return };
        if let Some(chain) = self.chains.get_mut(place) {
            chain.restore(saved, at, &mut self.made.groups);
            let tag = &self.tags[tag.index()];
            self.timers.note(place, chain.due(&self.rules[chain.rule as usize], tag));
        }
    }

    /// Does to an alarm what people asked for, and tells it with `stamp`. The
    /// tag is the one that has the limits, or one that tells of its alarm.
    ///
    /// # Errors
    /// When it is neither.
    pub fn attend(
        &mut self,
        tag: TagId,
        attention: Attention,
        now: Instant,
        stamp: Stamp,
    ) -> Result<(), NoAlarm> {
        let at = self.micros(now);
        let place = self.chains.iter().position(|chain| chain.is_alarm_of(tag)).ok_or(NoAlarm)?;
        let chain = &mut self.chains[place];
        let annunciator = chain.annunciator().ok_or(NoAlarm)?;
        match attention {
            Attention::Acknowledge => annunciator.acknowledge(),
            Attention::Shelve(time) => annunciator.shelve(at, time),
            Attention::Unshelve => annunciator.shelve(at, Duration::ZERO),
        }
        chain.tell_alarm(stamp, &mut self.made);
        let due = self
            .tags
            .get(chain.tag.index())
            .map(|tag| chain.due(&self.rules[chain.rule as usize], tag));
        self.timers.note(place, due.unwrap_or(NEVER));
        self.settle(Moment { device: DeviceId(u32::MAX), stamp: Stamp(i64::MIN), at });
        self.push_early(now);
        Ok(())
    }
}
