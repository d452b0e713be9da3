//! Modbus devices over TCP and serial lines: sockets, ports, deadlines and sessions around the pure protocol.
//!
//! [`ModbusTcp`] is the [`Driver`](forehearth_driver::Driver) of one Modbus
//! TCP connection, [`ModbusBus`] that of one serial line: a port of this
//! machine or a serial server, RTU or ASCII, with many units.
//! What is asked and what an answer means is decided in `forehearth-modbus`;
//! here are the socket, the clock and the order of things.
//!
//! **A driver reads only, unless its type says [`Writing`].** Whatever sends a
//! write is implemented for that mode alone; see [`Reading`] for what does not
//! compile.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod behind;
mod bus;
mod bus_scan;
mod bus_write;
mod conversation;
mod lessons;
mod mode;
pub mod probe;
mod quality;
mod report;
mod serial;
mod session;
mod settings;
mod silence;
mod single;
mod tcp;
mod tcp_write;
mod trouble;
mod unit;
mod wire;

pub use bus::ModbusBus;
pub use mode::{Reading, Writable, Writing};
pub use report::{Report, ReportReader, UnitReport};
pub use serial::{Format, FormatError, Rs485, SerialSettings};
pub use settings::{BusSettings, Carrier, Confirm, GroupSettings, SetupError, TcpSettings};
pub use tcp::ModbusTcp;
