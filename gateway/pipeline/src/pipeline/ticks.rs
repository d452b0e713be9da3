//! What happens without a sample: windows end, doors let go, alarms wait out their delay.

use std::time::Instant;

use forehearth_model::{DeviceId, Quality, Stamp, Value};

use super::{Early, Pipeline, TICK};
use crate::calc::CalcStage;
use crate::chain::{Derived, Moment, Telling};
use crate::timers::NEVER;

impl Pipeline {
    /// Does what is due at `now` though no sample came: ends windows, sends
    /// what doors held for too long, tells sets, ends shelving.
    pub(super) fn tick(&mut self, now: Instant) {
        let at = self.micros(now);
        if at < self.timers.soonest() {
            return;
        }
        for block in 0..self.timers.blocks() {
            for place in self.timers.open(block, at).into_iter().flatten() {
                self.tick_chain(place, at);
            }
        }
        let mut next = NEVER;
        for place in 0..self.calcs.len() {
            let calc = &mut self.calcs[place];
            while let Some(over) = calc.tick(at) {
                let (quality, telling) = (over.quality, Telling::IfNews);
                let CalcStage { tag, device, ref set, .. } = *calc.stage();
                let Some(set) = set else { break };
                let beside = [(set.skew, over.skew), (set.age, over.age)];
                let beside = beside.map(|(tag, millis)| {
                    let quality = match millis {
                        Some(_) => Quality::Good,
                        None => Quality::BadWaitingForFirstValue,
                    };
                    (tag, quality, millis.map_or(Value::Null, Value::F64))
                });
                let all = [(tag, quality, over.value)].into_iter().chain(beside);
                self.made.derived.extend(all.map(|(tag, quality, value)| Derived {
                    tag,
                    device,
                    stamp: over.stamp,
                    quality,
                    value,
                    telling,
                }));
            }
            next = next.min(calc.due().unwrap_or(NEVER));
        }
        self.timers.settle(next, at + TICK);
        // Of no scan: everything told has a stamp of its own.
        let nowhere = Moment { device: DeviceId(u32::MAX), stamp: Stamp(i64::MIN), at };
        self.settle(nowhere);
        self.count_dropped();
        self.push_early(now);
    }

    /// Does what one chain has to do, if it is due.
    fn tick_chain(&mut self, place: usize, at: u64) {
        let Some(chain) = self.chains.get_mut(place) else { return };
        let Some(tag) = self.tags.get_mut(chain.tag.index()) else { return };
        let rule = &self.rules[chain.rule as usize];
        if chain.due(rule, tag) <= at {
            chain.tick(at, rule, tag, &mut self.made);
            let lane = rule.lane;
            let held = self.made.released.drain(..);
            self.early.extend(held.map(|held| Early::new(chain.tag, held, lane)));
        }
        self.timers.note(place, chain.due(rule, tag));
    }
}
