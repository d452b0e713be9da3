//! Modbus devices over TCP: sockets, deadlines and sessions around the pure protocol.
//!
//! [`ModbusTcp`] is the [`Driver`](forehearth_driver::Driver) of one link.
//! What is asked and what an answer means is decided in `forehearth-modbus`;
//! here are the socket, the clock and the order of things.
//!
//! **There is no write path.** A session sends
//! [`ReadRequest`](forehearth_modbus::ReadRequest)s and nothing else, and no
//! type of this crate or the core can encode a write.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod quality;
mod session;
mod settings;
mod silence;
mod tcp;
mod trouble;

pub use settings::{GroupSettings, SetupError, TcpSettings};
pub use tcp::ModbusTcp;
