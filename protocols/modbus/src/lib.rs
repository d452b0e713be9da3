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
//!
//! A device of our own reads a [`Request`]; that part, the checksum and the
//! times need no heap and are all that is left without the feature `alloc`.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
pub mod ascii;
mod bounds;
#[cfg(feature = "alloc")]
mod codec;
#[cfg(feature = "alloc")]
mod cost;
mod crc;
#[cfg(feature = "alloc")]
mod decode;
#[cfg(feature = "alloc")]
mod encode;
#[cfg(feature = "alloc")]
mod errand;
mod exception;
#[cfg(feature = "alloc")]
mod isolation;
#[cfg(feature = "alloc")]
mod learned;
#[cfg(feature = "alloc")]
mod line;
#[cfg(feature = "alloc")]
pub mod mbap;
#[cfg(feature = "alloc")]
mod meter;
#[cfg(feature = "alloc")]
mod notation;
#[cfg(feature = "alloc")]
mod order;
#[cfg(feature = "alloc")]
mod patience;
#[cfg(feature = "alloc")]
mod pdu;
#[cfg(feature = "alloc")]
mod plan;
#[cfg(feature = "alloc")]
mod point;
#[cfg(feature = "alloc")]
mod question;
#[cfg(feature = "alloc")]
pub mod rtu;
mod serve;
#[cfg(feature = "alloc")]
pub mod surprise;
#[cfg(all(test, feature = "alloc"))]
mod testing;
mod timing;
#[cfg(feature = "alloc")]
mod transactions;
#[cfg(feature = "alloc")]
mod value_type;
#[cfg(feature = "alloc")]
mod write;

pub use bounds::{
    MAX_FRAME, MAX_PDU, MAX_READ_BITS, MAX_READ_WORDS, MAX_WRITE_WORDS, MAX_WRITE_WORDS_WITH_READ,
};
#[cfg(feature = "alloc")]
pub use codec::{Codec, CodecError};
#[cfg(feature = "alloc")]
pub use cost::Cost;
pub use crc::crc16;
#[cfg(feature = "alloc")]
pub use encode::Unfit;
#[cfg(feature = "alloc")]
pub use errand::{Errand, Failure, Part, Step};
pub use exception::Exception;
#[cfg(feature = "alloc")]
pub use isolation::{Isolation, Miss, Turn};
#[cfg(feature = "alloc")]
pub use learned::{Barred, Learned, LearnedError, UnitLearned};
#[cfg(feature = "alloc")]
pub use line::{Busy, Echo, Framing, Line, Outcome};
#[cfg(feature = "alloc")]
pub use meter::{RoundTrips, UnitMeter};
#[cfg(feature = "alloc")]
pub use notation::AddressError;
#[cfg(feature = "alloc")]
pub use order::OrderError;
#[cfg(feature = "alloc")]
pub use patience::Patience;
#[cfg(feature = "alloc")]
pub use pdu::{Function, ReadRequest, ResponseError};
#[cfg(feature = "alloc")]
pub use plan::{Halves, Join, Limits, PlanError, PlanErrorReason, ReadPlan, Span};
#[cfg(feature = "alloc")]
pub use point::{Access, Address, Point, PointError, RegisterOrder, Table};
#[cfg(feature = "alloc")]
pub use question::Question;
pub use serve::{Detail, Refused, Request, Words};
pub use timing::{Micros, Timing};
#[cfg(feature = "alloc")]
pub use transactions::{NotNow, Transactions, Verdict};
#[cfg(feature = "alloc")]
pub use value_type::{MAX_STRING_BYTES, TypeError, ValueType};
#[cfg(feature = "alloc")]
pub use write::{MAX_WRITE_BITS, WriteRefusal, WriteRequest};
