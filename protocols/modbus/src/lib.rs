//! Modbus without sockets: addresses, frames, transactions, read planning and decoding.
#![no_std]

extern crate alloc;

mod point;

pub use point::{Access, Address, Point, RegisterOrder, Table};
