//! Modbus devices over TCP and serial lines: sockets, ports, deadlines and sessions around the pure protocol.
//!
//! [`ModbusTcp`] is the [`Driver`](forehearth_driver::Driver) of one Modbus
//! TCP connection, [`ModbusBus`] that of one serial line: a port of this
//! machine or a serial server, RTU or ASCII, with many units.
//! What is asked and what an answer means is decided in `forehearth-modbus`;
//! here are the socket, the clock and the order of things.
//!
//! **There is no write path.** A session sends
//! [`ReadRequest`](forehearth_modbus::ReadRequest)s and nothing else, and no
//! type of this crate or the core can encode a write.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bus;
mod bus_scan;
mod conversation;
mod lessons;
pub mod probe;
mod quality;
mod report;
mod serial;
mod session;
mod settings;
mod silence;
mod tcp;
mod trouble;
mod unit;
mod wire;

pub use bus::ModbusBus;
pub use report::{Report, ReportReader, UnitReport};
pub use serial::{Format, FormatError, Rs485, SerialSettings};
pub use settings::{BusSettings, Carrier, Confirm, GroupSettings, SetupError, TcpSettings};
pub use tcp::ModbusTcp;
