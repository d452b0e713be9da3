//! A Modbus TCP link against peers: an honest one nobody here wrote, and
//! hostile ones written by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod contract;
mod honest;
mod hostile;
mod peer;
mod plant;
mod probe;
mod soak;
mod units;
mod write;
