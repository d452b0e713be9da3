//! The assertions of Sparkplug 3.0 for edge nodes, each held against a whole recorded life.
//!
//! `tests/sparkplug_assertions.tsv` says which test holds which assertion.

mod commands;
mod identifiers;
mod life;
mod messages;
mod metrics;
mod order;

use super::*;
