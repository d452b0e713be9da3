//! Modbus without sockets: addresses, frames, transactions, read planning and decoding.
//!
//! The way of a read: a map's text becomes a [`Point`] ([`Address`],
//! [`ValueType`], [`RegisterOrder`] parse it), the points of a group become a
//! [`ReadPlan`] of [`Span`]s, each span a [`ReadRequest`] in an [`mbap`]
//! frame with an id of [`Transactions`], and [`ReadPlan::decode`] turns the
//! checked answer into samples. No I/O, no clock, no `std`.
//!
//! No write path exists: there is no type here that could encode one.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;

mod decode;
mod exception;
pub mod mbap;
mod notation;
mod order;
mod pdu;
mod plan;
mod point;
#[cfg(test)]
mod testing;
mod transactions;
mod value_type;

pub use exception::Exception;
pub use notation::AddressError;
pub use order::OrderError;
pub use pdu::{Function, MAX_PDU, MAX_READ_BITS, MAX_READ_WORDS, ReadRequest, ResponseError};
pub use plan::{Join, Limits, PlanError, PlanErrorReason, ReadPlan, Span};
pub use point::{Access, Address, Point, PointError, RegisterOrder, Table};
pub use transactions::{Micros, NotNow, Transactions, Verdict};
pub use value_type::{MAX_STRING_BYTES, TypeError, ValueType};
