//! Modbus without sockets: addresses, frames, transactions, read planning and decoding.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;

mod notation;
mod order;
mod point;
mod value_type;

pub use notation::AddressError;
pub use order::OrderError;
pub use point::{Access, Address, Point, PointError, RegisterOrder, Table};
pub use value_type::{MAX_STRING_BYTES, TypeError, ValueType};
