//! Serial lines against peers: over pseudo-terminals and over sockets, RTU
//! and ASCII, written by hand and by pymodbus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod contract;
mod device;
mod end;
mod pymodbus;
