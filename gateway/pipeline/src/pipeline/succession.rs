//! The succession: another plan takes over while readings flow, and the tags that stay keep their memory.

use std::time::{Duration, Instant};

use forehearth_model::{CatalogueHash, TagId};

use super::{Early, Pipeline};
use crate::calc::CalcStage;
use crate::chain::Chain;
use crate::rule::{Rule, RuleBook};
use crate::stages::Stages;
use crate::tag::Tag;

/// What the pipeline is for from now on.
#[derive(Clone, PartialEq, Debug)]
pub struct NextPlan {
    /// In the order of the new tag ids.
    pub rules: Vec<Rule>,
    /// Of the tags that have any.
    pub stages: Vec<(TagId, Stages)>,
    /// Derived tags, each behind those it is computed of; they begin anew with
    /// the first sample of their inputs.
    pub calcs: Vec<CalcStage>,
    /// By new tag: the tag it was until now, with the same rule and stages,
    /// so that it goes on from where it was. `None`: it begins anew, and its
    /// first sample is news.
    pub heirs: Vec<Option<TagId>>,
    /// Names the new catalogue.
    pub catalogue: CatalogueHash,
    /// The oldest reading of a batch waits at most this long.
    pub batch_within: Duration,
}

impl Pipeline {
    /// Tells what doors hold back and closes the open batches, since a batch
    /// speaks of one plan. Poll until `None`, then [`begin_plan`](Self::begin_plan).
    pub fn end_plan(&mut self, now: Instant) {
        for chain in &mut self.chains {
            chain.release_door(&mut self.made);
            let lane = self.rules[chain.rule as usize].lane;
            for held in self.made.released.drain(..) {
                if let Some(tag) = self.tags.get_mut(chain.tag.index()) {
                    tag.report(held.quality, &held.value, held.at);
                }
                self.early.push(Early::new(chain.tag, held, lane));
            }
        }
        self.count_dropped();
        self.push_early(now);
        self.batcher.flush(now);
    }

    /// Takes up another plan: tag ids mean its tags from now on. The books and
    /// the numbering go on; nothing may be open ([`end_plan`](Self::end_plan)).
    pub fn begin_plan(&mut self, plan: NextPlan) {
        let NextPlan { rules, stages, calcs, heirs, catalogue, batch_within } = plan;
        let mut book = RuleBook::default();
        let mut before: Vec<Option<Tag>> = self.tags.drain(..).map(Some).collect();
        let mut chains: Vec<Option<Chain>> = self.chains.drain(..).map(Some).collect();
        let mut memories = Vec::with_capacity(rules.len());
        for (rule, heir) in rules.iter().zip(heirs.into_iter().chain(std::iter::repeat(None))) {
            let place = Tag::new(book.place(rule));
            let old = heir.and_then(|heir| before.get_mut(heir.index())?.take());
            let chain = old.as_ref().and_then(|old| chains.get_mut(old.place.chain()?)?.take());
            memories.push(chain);
            self.tags.push(match old {
                Some(mut old) => {
                    old.place = place.place;
                    old
                }
                None => place,
            });
        }
        self.rules = book.finish();
        self.calcs.clear();
        self.made.groups.clear();
        self.stage(stages);
        self.compute(calcs);
        for (tag, memory) in self.tags.iter().zip(memories) {
            if let (Some(place), Some(memory)) = (tag.place.chain(), memory) {
                let heir = &mut self.chains[place];
                heir.remember(memory);
                let rule = &self.rules[heir.rule as usize];
                self.timers.note(place, heir.due(rule, tag));
            }
        }
        self.count_groups();
        self.batcher.begin_plan(catalogue, batch_within);
    }
}

#[cfg(test)]
mod tests {
    use super::NextPlan;
    use crate::{
        AlarmLimits, AlarmStage, Destinations, Pipeline, Report, Rule, Sealed, Settings, Stages,
    };
    use forehearth_model::{
        BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Sample, Scaling, Scan,
        Stamp, TagId, Value,
    };
    use std::time::{Duration, Instant};

    const WITHIN: Duration = Duration::from_millis(100);

    fn rule() -> Rule {
        let report = Report::ByException { deadband: 0.0, max_gap: Duration::from_secs(60) };
        Rule { scaling: Scaling::NONE, valid: None, report, lane: Lane::Live }
    }

    fn pipeline(tags: usize, now: Instant) -> Pipeline {
        let (boot, clock) = (BootId(7), ClockState::Synced);
        let settings = Settings::new(Epoch(3), CatalogueHash(1), boot, clock, WITHIN);
        Pipeline::new(std::iter::repeat_n(rule(), tags), &settings, now)
    }

    fn next(tags: usize, heirs: &[Option<u32>]) -> NextPlan {
        NextPlan {
            rules: vec![rule(); tags],
            stages: Vec::new(),
            calcs: Vec::new(),
            heirs: heirs.iter().map(|heir| heir.map(TagId)).collect(),
            catalogue: CatalogueHash(2),
            batch_within: WITHIN,
        }
    }

    fn take(pipeline: &mut Pipeline, samples: &[(u32, i64)], second: i64, now: Instant) {
        let samples = samples.iter().map(|&(tag, raw)| Sample {
            tag: TagId(tag),
            quality: Quality::Good,
            value: Value::Int(raw),
        });
        let stamp = Stamp(second * 1_000_000);
        pipeline.take(&Scan { device: DeviceId(0), stamp, samples: samples.collect() }, now);
    }

    fn all(pipeline: &mut Pipeline, now: Instant) -> Vec<Sealed> {
        std::iter::from_fn(|| pipeline.poll(now, Destinations::Busy)).collect()
    }

    fn rows(sealed: &[Sealed]) -> Vec<(u64, u64, u32, Value)> {
        let rows = sealed.iter().flat_map(|sealed| {
            let batch = &sealed.batch;
            batch.readings.iter().map(|reading| {
                (batch.id.number, batch.catalogue.0, reading.tag.0, reading.value.clone())
            })
        });
        rows.collect()
    }

    #[test]
    fn open_readings_leave_under_the_plan_they_were_read_by_and_numbers_have_no_hole() {
        let now = Instant::now();
        let mut pipeline = pipeline(2, now);
        take(&mut pipeline, &[(0, 10), (1, 11)], 1, now);
        pipeline.end_plan(now);
        let old = rows(&all(&mut pipeline, now));
        assert_eq!(old, [(1, 1, 0, Value::Int(10)), (1, 1, 1, Value::Int(11))]);
        pipeline.begin_plan(next(3, &[None, Some(0), Some(1)]));
        take(&mut pipeline, &[(0, 9), (1, 10), (2, 12)], 2, now);
        pipeline.flush(now);
        let new = rows(&all(&mut pipeline, now));
        // Tag 1 was tag 0 and has the value that was told: no news.
        assert_eq!(new, [(2, 2, 0, Value::Int(9)), (2, 2, 2, Value::Int(12))]);
        let counts = pipeline.counts();
        assert_eq!((counts.acquired, counts.suppressed, counts.batched), (5, 1, 4));
        assert_eq!(counts.pending, 0);
    }

    #[test]
    fn a_tag_that_stays_keeps_its_last_value_for_births_and_a_new_one_has_none() {
        let now = Instant::now();
        let mut pipeline = pipeline(2, now);
        take(&mut pipeline, &[(0, 10), (1, 11)], 1, now);
        pipeline.end_plan(now);
        all(&mut pipeline, now);
        pipeline.begin_plan(next(2, &[Some(1), None]));
        let last: Vec<_> =
            pipeline.last_values().map(|last| (last.stamp, last.value.clone())).collect();
        assert_eq!(last, [(Some(Stamp(1_000_000)), Value::Int(11)), (None, Value::Null)]);
    }

    #[test]
    fn an_alarm_that_stands_is_not_told_anew_by_a_reload() {
        let now = Instant::now();
        let mut pipeline = pipeline(2, now);
        let limits = AlarmLimits { h: Some(5.0), hysteresis: 1.0, ..AlarmLimits::default() };
        let alarm = |tag: u32| AlarmStage { limits, tag: TagId(tag), state: None, group: None };
        let stages = |tag: u32| Stages { alarm: Some(alarm(tag)), ..Stages::default() };
        pipeline.stage([(TagId(0), stages(1))]);
        take(&mut pipeline, &[(0, 6)], 1, now);
        pipeline.end_plan(now);
        assert_eq!(rows(&all(&mut pipeline, now)).len(), 2, "the value and its alarm");
        let plan = next(3, &[None, Some(0), Some(1)]);
        pipeline.begin_plan(NextPlan { stages: vec![(TagId(1), stages(2))], ..plan });
        // Within the hysteresis: only an alarm with a memory still stands.
        take(&mut pipeline, &[(1, 5)], 2, now);
        pipeline.flush(now);
        let told = rows(&all(&mut pipeline, now));
        assert_eq!(told, [(2, 2, 1, Value::Int(5))], "the alarm stands as it stood");
    }

    #[test]
    fn what_a_door_holds_is_told_under_the_plan_it_was_read_by() {
        let now = Instant::now();
        let mut pipeline = pipeline(1, now);
        let swing = Stages { swing: Some(0.5), ..Stages::default() };
        pipeline.stage([(TagId(0), swing.clone())]);
        for second in 0..3 {
            take(&mut pipeline, &[(0, second)], second, now);
        }
        pipeline.end_plan(now);
        let old = rows(&all(&mut pipeline, now));
        assert_eq!(old.last().map(|row| (row.1, row.3.clone())), Some((1, Value::Int(2))));
        let plan = next(1, &[Some(0)]);
        pipeline.begin_plan(NextPlan { stages: vec![(TagId(0), swing)], ..plan });
        let counts = pipeline.counts();
        assert_eq!(counts.pending, 0);
        assert_eq!(counts.acquired, counts.suppressed + counts.batched);
    }
}
