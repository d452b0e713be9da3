//! The stages: from the words of the map to those of the pipeline.

use forehearth_config::{
    AlarmPlan, ConditionPlan, Deadband, DutyPlan, FilterPlan, Keep, LimitsPlan, Plan, SetPlan,
    Spike, StatesPlan,
};
use forehearth_model::{DataType, TagId};
use forehearth_pipeline::{
    self as pipeline, AlarmLimits, AlarmStage, CalcStage, CounterStage, DutyStage, Filter, Form,
    IntegralStage, Report, Rule, SetStage, Stages, StatesStage, WindowStage,
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
pub fn calcs(plan: &Plan) -> impl Iterator<Item = CalcStage> + '_ {
    plan.calcs.iter().map(|calc| {
        let entry = &plan.catalogue.tags[calc.tag.index()];
        CalcStage {
            tag: calc.tag,
            device: entry.device,
            form: if entry.data_type == DataType::Bool { Form::Bit } else { Form::Number },
            formula: calc.formula.clone(),
            set: calc.set.map(|SetPlan { every, stale, skew, age }| SetStage {
                every,
                stale,
                skew,
                age,
            }),
        }
    })
}

fn of(condition: &ConditionPlan) -> Stages {
    let ConditionPlan { filters, swing, window, total, integral, duty, limits } = condition;
    Stages {
        filters: filters.iter().map(|filter| of_filter(*filter)).collect(),
        swing: *swing,
        window: window.as_ref().map(|window| WindowStage {
            every: window.every,
            step: window.step,
            period: window.period,
            keep: window.keep.iter().map(|(keep, tag)| (of_keep(*keep), *tag)).collect(),
        }),
        counter: total.map(|total| CounterStage {
            rollover: total.rollover,
            total: total.tag,
            interval: total.interval,
            gap: total.gap,
        }),
        integral: integral.map(|integral| IntegralStage {
            per: integral.per,
            gap: integral.gap,
            total: integral.total,
            interval: integral.interval,
        }),
        duty: duty.as_ref().map(of_duty),
        alarm: limits.as_ref().map(|AlarmPlan { limits, tag, state, group }| AlarmStage {
            limits: of_limits(*limits),
            tag: *tag,
            state: *state,
            group: *group,
        }),
    }
}

fn of_duty(duty: &DutyPlan) -> DutyStage {
    let DutyPlan { running, gap, hours, starts, states } = duty;
    let states = states.as_ref().map(|StatesPlan { every, states, unknown }| StatesStage {
        every: *every,
        states: states.clone(),
        unknown: *unknown,
    });
    DutyStage { running: running.clone(), gap: *gap, hours: *hours, starts: *starts, states }
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
    let LimitsPlan { ll, l, h, hh, rate, hysteresis, on_delay, off_delay } = limits;
    AlarmLimits { ll, l, h, hh, rate, hysteresis, on_delay, off_delay }
}

#[cfg(test)]
mod tests;
