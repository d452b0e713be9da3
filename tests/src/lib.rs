//! The stage of the end-to-end tests: real peers around the real gateway, and the proof that nothing was lost between them.
//!
//! Everything listens on free loopback ports, lives in temporary directories
//! and is killed when dropped. Build `forehearth` and `forehearth-sim` first;
//! `make test` does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is test code: a stage that can't be set fails the test with what is missing"
)]

pub mod arrival;
pub mod broker;
pub mod device;
pub mod disk;
pub mod eventually;
pub mod gateway;
pub mod line;
pub mod native;
pub mod network;
pub mod opcua;
pub mod operator;
pub mod peer;
pub mod postgres;
pub mod proof;
pub mod sparkplug;
pub mod spy;
