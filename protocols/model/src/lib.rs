//! What a reading is: the words every room of the gateway shares.
//!
//! A driver makes a [`Sample`] per tag and scan, the pipeline turns it into a
//! [`Reading`] or suppresses it on purpose, readings travel in a [`Batch`]
//! that carries a [`BatchId`] without holes, and a [`Ledger`] counts each of
//! them from acquisition to confirmation. The [`Catalogue`] says what a tag
//! number means.
//!
//! This crate has no I/O, no clock and no tokio, and builds without `std`.
#![no_std]

extern crate alloc;

mod batch;
mod catalogue;
mod formula;
mod gap;
mod ids;
mod ledger;
mod quality;
mod sample;
mod scaling;
mod stamp;
mod value;

pub use batch::{Batch, ClockState, Lane, Run};
pub use catalogue::{Catalogue, DataType, DeviceEntry, Grade, TagEntry, TagKind};
pub use formula::{Formula, Step};
pub use gap::{GapCause, GapRecord};
pub use ids::{BatchId, BootId, CatalogueHash, DeviceId, Epoch, GroupId, LinkId, TagId};
pub use ledger::{DestinationLedger, Ledger};
pub use quality::{Quality, Severity};
pub use sample::{Reading, Sample, Scan};
pub use scaling::Scaling;
pub use stamp::Stamp;
pub use value::Value;
