//! Modbus without sockets: addresses, frames, transactions, read planning and decoding.
//!
//! The way of a read: a map's text becomes a [`Point`] ([`Address`],
//! [`ValueType`], [`RegisterOrder`] parse it), the points of a group become a
//! [`ReadPlan`] of [`Span`]s, each span a [`ReadRequest`] in an [`mbap`]
//! frame with an id of [`Transactions`], and [`ReadPlan::decode`] turns the
//! checked answer into samples. No I/O, no clock, no `std`.
//!
//! Writing is apart from it: a value becomes a [`WriteRequest`] by
//! [`Point::write`], and nothing else here can make a device change.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;

pub mod ascii;
mod codec;
mod cost;
mod crc;
mod decode;
mod encode;
mod errand;
mod exception;
mod isolation;
mod learned;
mod line;
pub mod mbap;
mod meter;
mod notation;
mod order;
mod patience;
mod pdu;
mod plan;
mod point;
mod question;
pub mod rtu;
pub mod surprise;
#[cfg(test)]
mod testing;
mod timing;
mod transactions;
mod value_type;
mod write;

pub use codec::{Codec, CodecError};
pub use cost::Cost;
pub use crc::crc16;
pub use encode::Unfit;
pub use errand::{Errand, Failure, Part, Step};
pub use exception::Exception;
pub use isolation::{Isolation, Miss, Turn};
pub use learned::{Barred, Learned, LearnedError, UnitLearned};
pub use line::{Busy, Echo, Framing, Line, Outcome};
pub use meter::{RoundTrips, UnitMeter};
pub use notation::AddressError;
pub use order::OrderError;
pub use patience::Patience;
pub use pdu::{Function, MAX_PDU, MAX_READ_BITS, MAX_READ_WORDS, ReadRequest, ResponseError};
pub use plan::{Halves, Join, Limits, PlanError, PlanErrorReason, ReadPlan, Span};
pub use point::{Access, Address, Point, PointError, RegisterOrder, Table};
pub use question::Question;
pub use timing::Timing;
pub use transactions::{Micros, NotNow, Transactions, Verdict};
pub use value_type::{MAX_STRING_BYTES, TypeError, ValueType};
pub use write::{MAX_WRITE_BITS, MAX_WRITE_WORDS, WriteRefusal, WriteRequest};
