//! The host against a plugin that misbehaves in every way it promises to survive.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod contract;
mod misdeeds;
mod plant;
mod pushes;
