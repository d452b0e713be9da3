//! The stages: from the words of the map to those of the pipeline.

use forehearth_config::{ConditionPlan, Deadband, FilterPlan, Keep, LimitsPlan, Plan, Spike};
use forehearth_model::TagId;
use forehearth_pipeline::{
    self as pipeline, AlarmLimits, AlarmStage, CalcStage, CounterStage, Filter, Report, Rule, Stages, WindowStage,
};

/// The pipeline's rules, in the order of tag ids.
pub fn rules(plan: &Plan) -> impl Iterator<Item = Rule> + '_ {
    plan.catalogue.tags.iter().zip(&plan.tags).map(|(entry, tag)| Rule {
        scaling: entry.scaling,
        valid: entry.valid,
        report: if tag.report.every_sample {
            Report::EverySample
        } else {
            Report::ByException {
                deadband: match tag.report.deadband {
                    Deadband::None => 0.0,
                    Deadband::Absolute(units) => units,
                },
                max_gap: tag.report.max_gap,
            }
        },
        lane: entry.lane,
    })
}

/// The stages of the tags that have any.
pub fn stages(plan: &Plan) -> impl Iterator<Item = (TagId, Stages)> + '_ {
    let tags = (0..).map(TagId).zip(&plan.tags);
    tags.filter_map(|(id, tag)| Some((id, of(tag.condition.as_deref()?))))
}

/// The derived tags, each behind those it is computed of.
pub fn calcs(_plan: &Plan) -> impl Iterator<Item = CalcStage> + '_ {
    std::iter::empty()
}

fn of(condition: &ConditionPlan) -> Stages {
    let ConditionPlan { filters, swing, window, total, limits } = condition;
    Stages {
        filters: filters.iter().map(|filter| of_filter(*filter)).collect(),
        swing: *swing,
        window: window.as_ref().map(|window| WindowStage {
            every: window.every,
            step: None,
            period: window.period,
            keep: window.keep.iter().map(|(keep, tag)| (of_keep(*keep), *tag)).collect(),
        }),
        counter: total.map(|total| CounterStage {
            rollover: total.rollover,
            total: total.tag,
            interval: None,
            gap: std::time::Duration::MAX,
        }),
        alarm: limits.map(|(limits, tag)| AlarmStage {
            limits: of_limits(limits),
            tag,
            state: None,
            group: None,
        }),
        ..Stages::default()
    }
}

fn of_filter(filter: FilterPlan) -> Filter {
    match filter {
        FilterPlan::Ne43 { at_4, at_20 } => Filter::Ne43 { at_4, at_20 },
        FilterPlan::Stuck(after) => Filter::Stuck { after },
        FilterPlan::Hampel { window, sigmas, least, spike } => {
            let spike = match spike {
                Spike::Replace => pipeline::Spike::Replace,
                Spike::Flag => pipeline::Spike::Flag,
            };
            Filter::Hampel { window, sigmas, least, spike }
        }
        FilterPlan::Median(window) => Filter::Median { window },
        FilterPlan::MaxRate(per_second) => Filter::Slew { per_second },
        FilterPlan::Smooth(time) => Filter::Smooth { time },
        FilterPlan::Debounce(time) => Filter::Debounce { time },
    }
}

const fn of_keep(keep: Keep) -> pipeline::Keep {
    match keep {
        Keep::Min => pipeline::Keep::Min,
        Keep::Max => pipeline::Keep::Max,
        Keep::Mean => pipeline::Keep::Mean,
        Keep::Rms => pipeline::Keep::Rms,
        Keep::Std => pipeline::Keep::Std,
        Keep::First => pipeline::Keep::First,
        Keep::Last => pipeline::Keep::Last,
        Keep::Count => pipeline::Keep::Count,
        Keep::Good => pipeline::Keep::Good,
    }
}

const fn of_limits(limits: LimitsPlan) -> AlarmLimits {
    let LimitsPlan { ll, l, h, hh, hysteresis, on_delay, off_delay } = limits;
    AlarmLimits { ll, l, h, hh, rate: None, hysteresis, on_delay, off_delay }
}

#[cfg(test)]
mod tests;
