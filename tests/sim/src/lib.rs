//! What stands around the gateway when no plant is at hand: PLCs, a broker, and a network that fails on demand.
//!
//! Each part is a struct that can be started on a free loopback port, told to
//! misbehave, and that ends when it is dropped; the binary puts a command line
//! and lines on standard input before it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod broker;
pub mod console;
pub mod from;
pub mod load;
pub mod modbus;
pub mod plant;
pub mod plc;
pub mod proxy;
pub mod registers;
