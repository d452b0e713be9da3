//! A hostile Modbus device, or an honest one: on a socket or a serial port, TCP, RTU or ASCII, with faults by name.
//!
//! [`faults`] are the ways to misbehave, [`hostile`] decides which answer
//! meets which, [`device`] knows the right answer, `frames` and `wire`
//! carry it.

pub mod device;
pub mod faults;
pub mod frames;
pub mod hostile;
mod serve;
mod wire;

pub use serve::{Options, Ready, Server};
