//! Samples of tags with stages: through their chain, and what is derived from them.

use std::time::Instant;

use forehearth_model::{Lane, Reading, Sample, Scan, Severity, Value};

use super::{Early, Pipeline};
use crate::calc::{CalcStage, Seen};
use crate::chain::{Derived, Fed, Moment, Outcome, Telling};
use crate::condition::judge;
use crate::timers::NEVER;

impl Pipeline {
    /// Sends the samples of staged tags through their chains. What that makes
    /// with an earlier stamp (samples that were held, windows that are over)
    /// is told first, in runs of its own.
    pub(super) fn take_staged(&mut self, scan: &Scan, at: u64, acquired: Instant) {
        let moment = Moment { device: scan.device, stamp: scan.stamp, at };
        for sample in &scan.samples {
            let Some(tag) = self.tags.get_mut(sample.tag.index()) else { continue };
            let Some(place) = tag.place.chain() else { continue };
            let chain = &mut self.chains[place];
            let rule = &self.rules[chain.rule as usize];
            chain.take(sample, moment, rule, tag, &mut self.made);
            self.timers.note(place, chain.due(rule, tag));
            let lane = rule.lane;
            self.early
                .extend(self.made.released.drain(..).map(|held| Early::new(chain.tag, held, lane)));
        }
        self.settle(moment);
        self.push_early(acquired);
    }

    /// Settles what stages told and computes what depends on it, until
    /// nothing is left: each derived tag once, since none stands before one
    /// that it is computed of.
    pub(super) fn settle(&mut self, moment: Moment) {
        loop {
            self.feed(moment);
            if !self.made.derived.is_empty() {
                self.settle_derived(moment);
                continue;
            }
            let Some(place) = self.touched.pop() else { return };
            let calc = &mut self.calcs[place as usize];
            let (quality, value) = calc.take(moment.stamp);
            let CalcStage { tag, device, .. } = *calc.stage();
            let (stamp, telling) = (moment.stamp, Telling::IfNews);
            self.made.derived.push(Derived { tag, device, stamp, quality, value, telling });
        }
    }

    /// Gives derived tags the inputs that came.
    fn feed(&mut self, moment: Moment) {
        for Fed { calc: place, member, quality, number } in self.made.fed.drain(..) {
            let Some(calc) = self.calcs.get_mut(place as usize) else { continue };
            calc.put(member, Seen { stamp: moment.stamp, quality, number }, moment.at);
            if calc.stage().set.is_some() {
                self.timers.note_other(calc.due().unwrap_or(NEVER));
            } else if let Err(before) = self.touched.binary_search_by(|touched| place.cmp(touched))
            {
                self.touched.insert(before, place);
            }
        }
    }

    /// Decides which derived values become readings: those of now stand
    /// beside the readings of the scan, those with another stamp before them.
    /// A derived tag that has stages goes through them like a sample.
    fn settle_derived(&mut self, moment: Moment) {
        std::mem::swap(&mut self.derived, &mut self.made.derived);
        let mut derived = std::mem::take(&mut self.derived);
        for Derived { tag: id, device, stamp, quality, value, telling } in derived.drain(..) {
            let Some(tag) = self.tags.get_mut(id.index()) else { continue };
            if let Some(place) = tag.place.chain() {
                let chain = &mut self.chains[place];
                let rule = &self.rules[chain.rule as usize];
                let own = Moment { device, stamp, at: moment.at };
                chain.take(&Sample { tag: id, quality, value }, own, rule, tag, &mut self.made);
                self.timers.note(place, chain.due(rule, tag));
                let lane = rule.lane;
                let held = self.made.released.drain(..);
                self.early.extend(held.map(|held| Early::new(id, held, lane)));
                self.counts.acquired += 1;
                self.counts.derived += 1;
                match self.made.outcomes.pop() {
                    Some(Outcome::News(reading)) => {
                        self.counts.pending += 1;
                        self.tell(own, moment, lane, reading);
                    }
                    Some(Outcome::Held) => self.counts.pending += 1,
                    Some(Outcome::Suppressed) | None => self.counts.suppressed += 1,
                }
                continue;
            }
            let Some(rule) = self.rules.get(tag.place.rule()) else { continue };
            let quality = judge(rule, quality, &value);
            let value = if quality.severity() == Severity::Bad { Value::Null } else { value };
            let news = match telling {
                Telling::IfNews => tag.take(rule, (quality, &value), stamp, moment.at),
                Telling::Always => {
                    tag.know((quality, &value), stamp, moment.at);
                    tag.report(quality, &value, moment.at);
                    true
                }
            };
            if !news {
                continue;
            }
            self.counts.acquired += 1;
            self.counts.derived += 1;
            self.counts.pending += 1;
            let lane = rule.lane;
            let own = Moment { device, stamp, at: moment.at };
            self.tell(own, moment, lane, Reading { tag: id, quality, value });
        }
        self.derived = derived;
    }

    /// Puts a derived reading beside those of the scan, or in a run of its own.
    fn tell(&mut self, own: Moment, scan: Moment, lane: Lane, reading: Reading) {
        let Moment { device, stamp, .. } = own;
        if (device, stamp) == (scan.device, scan.stamp) {
            self.beside.push((lane, reading));
        } else {
            self.early.push(Early { stamp, device, lane, reading });
        }
    }
}
