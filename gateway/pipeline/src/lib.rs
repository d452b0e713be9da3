//! From raw samples to few, true readings in numbered batches.
//!
//! A [`Pipeline`] is given each [`Scan`](forehearth_model::Scan) of every
//! link. It judges each sample (range, not-a-number), suppresses what is no
//! news on purpose and counts that, and seals the rest into batches with one
//! numbering without holes. At any moment
//! `acquired = suppressed + pending + batched`.
//!
//! A few tags have [`Stages`] besides: filters, a swinging door, windows,
//! limits, totals, run hours. What these tell are tags of their own. A
//! [`CalcStage`] computes a tag of others. What must survive a restart is
//! given as bytes and taken back.
//!
//! This crate has no clock, no I/O, no tokio and no queue that another task
//! fills; it allocates per batch, never per sample.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod alarm;
mod annunciator;
mod batcher;
mod calc;
mod chain;
mod condition;
mod counter;
mod duty;
mod filter;
mod grid;
mod integral;
mod pipeline;
mod rule;
mod saved;
mod stages;
mod swing;
mod tag;
mod timers;
mod window;

pub use alarm::{AlarmLimits, Level};
pub use annunciator::{LONGEST_SHELVING, flag};
pub use batcher::{Destinations, EARLY_EVERY, MAX_BYTES, MAX_READINGS, Sealed};
pub use calc::{CalcStage, Form, SetStage, result_of};
pub use counter::CounterStage;
pub use duty::{DutyStage, StatesStage};
pub use filter::{Filter, MOST_RECENT, Spike};
pub use integral::IntegralStage;
pub use pipeline::{Attention, Counts, NextPlan, NoAlarm, Pipeline, Settings};
pub use rule::{Report, Rule};
pub use stages::{AlarmStage, Stages};
pub use tag::LastKnown;
pub use window::{Keep, WindowStage};
