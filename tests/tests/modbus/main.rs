//! Modbus from outside: hostile devices, other people's servers, and the verbs that look at devices.
//!
//! The drivers run in this process, as the gateway has them; devices are
//! processes of their own.
#![expect(unreachable_pub, reason = "in a test, pub means for the rest of the test")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code; seeds and measurements are printed"
)]

mod device;
mod hostile;
mod link;
mod noise;
mod servers;
mod verbs;
